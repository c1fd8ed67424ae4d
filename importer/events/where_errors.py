"""Errors of ``where``: what is wrong at which place, the line with a caret below it, and what to write."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from importer.errors import MappingError
from importer.text import cut, quoted_name

if TYPE_CHECKING:
    from lark import Token, UnexpectedToken

_SHOWN: Final = 70  # characters of a line that an error shows
_AHEAD: Final = 45  # of them, ahead of the place

_RESERVED: Final = frozenset(
    {"NOT", "TRUE", "FALSE", "_OR", "_AND", "_IN", "_IS", "_NULL", "_LIKE", "_ESCAPE"}
)
"""The terminals of words that mean something."""

_EXPECTED: Final[Sequence[tuple[frozenset[str], str]]] = (
    (frozenset({"PATH"}), "a column"),
    (frozenset({"TEXT", "NUMBER", "TRUE", "FALSE"}), "a value"),
    (frozenset({"COMPARE", "_IN", "_IS", "_LIKE"}), "a comparison"),
    (frozenset({"LPAR"}), "'('"),
    (frozenset({"COMMA"}), "','"),
    (frozenset({"RPAR"}), "')'"),
    (frozenset({"_AND", "_OR"}), "'and' or 'or'"),
    (frozenset({"_NULL"}), "'null'"),
    (frozenset({"$END"}), "the end"),
)
"""What is expected where any of some terminals may stand: in this order."""

_VALUES: Final = "A value is a text in single quotes ('DE'), a number, true or false."
_COMPARISONS: Final = "Write = != < <= > >=, in ('a', 'b'), is null or like 'a%', each behind a column."
_NAMES: Final = 'A column with the name of a number, or of a word such as in, stands in double quotes: "in".'


class WrongPlace(Exception):  # noqa: N818 - it is shown as a `MappingError`
    """What is wrong at a place of a condition.

    Args:
        position: The place, from 0.
        problem: What was found there, and what is expected.
        remedy: What to write.
    """

    def __init__(self, position: int, problem: str, *remedy: str) -> None:
        super().__init__(problem)
        self._position, self._problem, self._remedy = position, problem, remedy

    def shown_in(self, text: str) -> MappingError:
        """Return the error that shows the place in the text of the condition."""
        start = text.rfind("\n", 0, self._position) + 1
        line = text[start:].partition("\n")[0]
        at = self._position - start
        where = f"line {text.count(chr(10), 0, start) + 1}, character" if "\n" in text else "character"
        left = max(0, at - _AHEAD)
        part = "…" + line[left + 1 : left + _SHOWN] if left else line[:_SHOWN]
        part = "".join(c if c.isprintable() else " " for c in part)
        blanks = " " * sum(map(_columns_of, part[: at - left]))
        return MappingError(
            f"where, at {where} {at + 1}: {self._problem}",
            part + ("…" if line[left + _SHOWN :] else ""),
            f"{blanks}^",
            *self._remedy,
        )


def shown(text: str) -> str:
    """Return a part of a condition for a message."""
    return cut(text if text.isprintable() else repr(text)[1:-1])


def _columns_of(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1


def odd_character(text: str, position: int) -> WrongPlace:
    """Return the error of a character at which nothing begins that a condition consists of."""
    found, two = text[position], text[position : position + 2]
    if found in "'\"":
        return WrongPlace(position, "the quote that opens here is never closed", "A quote within is doubled.")
    if two in ("&&", "||"):
        return WrongPlace(position, f"found {two}", f"Write {'and' if two == '&&' else 'or'}.")
    if found in "+-*/%|":
        return WrongPlace(
            position, f"found {quoted_name(found)}: nothing is computed in a condition", _COMPARISONS
        )
    return WrongPlace(position, f"found {quoted_name(found)}, which means nothing here", _COMPARISONS)


def odd_token(text: str, error: UnexpectedToken) -> WrongPlace:
    """Return the error of a word or a sign in a place where another is expected."""
    token: Token = error.token
    at_end = token.type == "$END"
    position = len(text.rstrip()) if at_end else token.start_pos or 0
    accepted = set(error.accepts or error.expected)
    expected = [what for names, what in _EXPECTED if not names.isdisjoint(accepted)]
    *others, last = expected or ["nothing"]
    either = f"{', '.join(others)} or {last}" if others else last
    found = "the end" if at_end else quoted_name(token)
    return WrongPlace(position, f"expected {either}, found {found}", *_hints(token, accepted))


def _hints(token: Token, accepted: set[str]) -> Iterator[str]:
    """Yield what to write in place of a word or a sign that stands where it may not."""
    if "TEXT" in accepted:
        yield _VALUES
        if token.type == "_NULL":
            yield "For what has no value, write COLUMN is null."
    if "PATH" in accepted:
        if token.type in ("TEXT", "NUMBER", "TRUE", "FALSE"):
            yield "A column stands ahead of the value: amount > 0."
        if token.type == "NUMBER" or token.type in _RESERVED:
            yield _NAMES
    if "_AND" in accepted and token.type == "NUMBER":
        yield "A date is a text, in single quotes: '2024-01-31'."
    if "COMPARE" in accepted:
        yield "Functions can't be called." if token.type == "LPAR" else _COMPARISONS
