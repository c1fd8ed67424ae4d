"""The syntax of ``where``: its text becomes a tree, or an error that shows where it goes wrong.

The grammar is read by lark, as an LALR parser, which keeps a stack of its own: no depth of brackets exhausts
that of Python. It is imported with the first condition, since most runs have none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from importer.errors import MappingError
from importer.events.where_tree import (
    Column,
    Comparison,
    Junction,
    Likeness,
    Membership,
    Negation,
    Node,
    NullTest,
    Value,
)
from importer.text import cut, quoted_name

if TYPE_CHECKING:
    from lark import Lark, Token, UnexpectedToken

MOST_CHARACTERS: Final = 100_000
"""Most characters of a condition."""

MOST_NESTED: Final = 100
"""Most conditions inside one another, so that asking them does not exhaust the stack of Python."""

_GRAMMAR: Final = r"""
?start: any_of
?any_of: all_of (_OR all_of)*
?all_of: one (_AND one)*
?one: NOT one -> negation
    | "(" any_of ")"
    | PATH COMPARE value -> comparison
    | PATH [NOT] _IN "(" value ("," value)* ")" -> membership
    | PATH _IS [NOT] _NULL -> null_test
    | PATH [NOT] _LIKE value [_ESCAPE value] -> likeness
!value: TEXT | NUMBER | ODD_NUMBER | TRUE | FALSE

PATH: (_NAME | _QUOTED) ("." (_KEY | _QUOTED) | "[" /[0-9]{1,9}/ "]")*
_NAME: /(?:[^\W\d]|[$@])[\w$@:-]*/
_KEY: /[\w$@:-]+/
_QUOTED: /"(?:[^"]|"")+"/
COMPARE: /<=|>=|<>|!=|=|<|>/
TEXT: /'(?:[^']|'')*'/
NUMBER.2: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.])/
ODD_NUMBER: /[-+]?\.?[0-9](?:[\w.]|(?<=[eE])[-+])*/
%declare NOT _OR _AND _IN _IS _NULL _LIKE _ESCAPE TRUE FALSE
%ignore /\s+/
"""
_SHOWN: Final = 70  # characters of a line that an error shows
_AHEAD: Final = 45  # of them, ahead of the place

_NUMBERS: Final = ("NUMBER", "ODD_NUMBER")
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

_WORDS: Final = {
    **{word: word.upper() for word in ("not", "true", "false")},
    **{word: f"_{word.upper()}" for word in ("or", "and", "in", "is", "null", "like", "escape")},
}
"""The terminals of the words that mean something; in any case."""


@lru_cache(64)  # a command asks for the same few again and again
def parse_where(text: str) -> Node:
    """Return the tree of a condition.

    Raises:
        MappingError: It is none; the error shows the place.
    """
    from lark import UnexpectedCharacters, UnexpectedToken  # noqa: PLC0415 - 40 ms that most runs don't need

    if len(text) > MOST_CHARACTERS:
        raise MappingError(
            f"where: the condition has {len(text):,} characters, expected at most {MOST_CHARACTERS:,}",
            "Mark the records in a column of their own, and ask for that.",
        )
    try:
        return cast(Node, _parser().parse(text))
    except WrongPlace as error:
        raise error.shown_in(text) from None
    except UnexpectedCharacters as error:
        raise _odd_character(text, cast(int, error.pos_in_stream)).shown_in(text) from None
    except UnexpectedToken as error:
        raise _odd_token(text, error).shown_in(text) from None


@cache
def _parser() -> Lark:
    from lark import Lark  # noqa: PLC0415 - as above

    return Lark(
        _GRAMMAR, parser="lalr", lexer="basic", lexer_callbacks={"PATH": _word}, transformer=_Builder()
    )


def _word(token: Token) -> Token:
    """Return a name, or a word that means something, as what it is to the grammar."""
    kind = _WORDS.get(token.lower())
    return token if kind is None else token.update(type=kind)


class _Builder:
    """Makes the tree, from below: each method gets what stands in a rule of its name."""

    def any_of(self, parts: Sequence[Node]) -> Node:
        return _nested(Junction(is_and=False, parts=parts, depth=_depth_around(parts)), parts)

    def all_of(self, parts: Sequence[Node]) -> Node:
        return _nested(Junction(is_and=True, parts=parts, depth=_depth_around(parts)), parts)

    def negation(self, found: Sequence[Any]) -> Node:
        return _negated(found[-1])

    def comparison(self, found: Sequence[Any]) -> Node:
        path, operator, value = found
        return Comparison(_column(path), str(operator), value)

    def membership(self, found: Sequence[Any]) -> Node:
        path, negated, *values = found
        node = Membership(_column(path), values)
        return _negated(node) if negated else node

    def null_test(self, found: Sequence[Any]) -> Node:
        path, negated = found
        node = NullTest(_column(path))
        return _negated(node) if negated else node

    def likeness(self, found: Sequence[Any]) -> Node:
        path, negated, pattern, escape = found
        node = Likeness(_column(path), pattern, escape)
        return _negated(node) if negated else node

    def value(self, found: Sequence[Token]) -> Value:
        (token,) = found
        position = token.start_pos or 0
        if token.type == "TEXT":
            return Value(token[1:-1].replace("''", "'"), position)
        if token.type in ("TRUE", "FALSE"):
            return Value(token.type == "TRUE", position)
        if token.type == "ODD_NUMBER":
            hint = "Write it like 2, -0.5 or 1e6; a text stands in single quotes."
            raise WrongPlace(position, f"{_shown(token)} is no number", hint)
        try:
            return Value(int(token) if token.lstrip("-").isdigit() else Decimal(token), position)
        except (InvalidOperation, ValueError):  # an exponent of 19 digits, or thousands of digits
            raise WrongPlace(position, f"{_shown(token)} is too large a number") from None


def _column(token: Token) -> Column:
    return Column(str(token), token.start_pos or 0)


def _depth_of(node: Node) -> int:
    return node.depth if isinstance(node, Negation | Junction) else 1


def _negated(node: Node) -> Node:
    return _nested(Negation(node, _depth_of(node) + 1), (node,))


def _depth_around(parts: Sequence[Node]) -> int:
    return max(map(_depth_of, parts)) + 1


def _nested(node: Negation | Junction, parts: Sequence[Node]) -> Node:
    """Return a condition around others, unless they are too many inside one another."""
    if node.depth > MOST_NESTED:
        raise WrongPlace(
            _first_column(parts[0]).position, f"more than {MOST_NESTED} conditions stand inside one another"
        )
    return node


def _first_column(node: Node) -> Column:
    while isinstance(node, Negation | Junction):
        node = node.part if isinstance(node, Negation) else node.parts[0]
    return node.column


# ── errors ───────────────────────────────────────────────────────────────────────────────────────


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


def _shown(text: str) -> str:
    """Return a part of a condition for a message."""
    return cut(text if text.isprintable() else repr(text)[1:-1])


def _columns_of(char: str) -> int:
    """Return how many columns of a terminal a character takes."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1


def _odd_character(text: str, position: int) -> WrongPlace:
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


def _odd_token(text: str, error: UnexpectedToken) -> WrongPlace:
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
    if "TEXT" in accepted and str(token) == "=":
        yield "Equality is one sign: =."
    elif "TEXT" in accepted:
        yield _VALUES
        if token.type == "_NULL":
            yield "For what has no value, write COLUMN is null."
    if "PATH" in accepted:
        if token.type in ("TEXT", "TRUE", "FALSE", *_NUMBERS):
            yield "A column stands ahead of the value: amount > 0."
        if token.type in _NUMBERS or token.type in _WORDS.values():
            yield _NAMES
    if "_AND" in accepted and token.type in _NUMBERS:
        yield "A date is a text, in single quotes: '2024-01-31'."
    if "COMPARE" in accepted:
        yield "Functions can't be called." if token.type == "LPAR" else _COMPARISONS
