"""Numbers as people write them: ``1.234,56``, ``1 234,56``, ``1'234.50``, ``€ 12,00``, ``45,67%``, ``6,00-``.

What the marks in a number mean is never guessed, as ``1,234`` means two things: the owner of a file says it,
with ``--decimal`` and ``--thousands``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from importer.errors import BadValue, UsageError
from importer.reading import Reading
from importer.text import quoted, shell_word

_BLANKS: Final = (" ", "\u00a0", "\u202f")
_DIGITS: Final = frozenset("0123456789")
_EXAMPLE: Final = "For 1.234,56: --decimal , --thousands .   For 1,234.56: --thousands ,"
_ALIKE: Final = {" ": "".join(_BLANKS), "'": "'\u2019"}
"""Characters that look alike: each may stand for the first, which is what people type."""


class NumberMarks(NamedTuple):
    """The marks in the numbers of a file.

    Attributes:
        decimal: The character ahead of a fraction.
        thousands: The character between groups of three digits; empty if there is none.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def options(self) -> str:
        """The options that declare these marks, as they are typed."""
        decimal = f"--decimal {_typed(self.decimal)}" if self.decimal != "." or not self.thousands else ""
        thousands = f"--thousands {_typed(self.thousands)}" if self.thousands else ""
        return f"{decimal} {thousands}".strip()

    @property
    def example(self) -> str:
        """The number 1234.56 with these marks."""
        return f"1{self.thousands}234{self.decimal}56"

    def plain(self, text: str) -> str:
        """Return a number with these marks in JSON's grammar; empty if it is none.

        Groups have three digits, but for the first, which may have fewer; or there are no groups at all.
        """
        found = _pattern(self.decimal, self.thousands).fullmatch(text)
        if found is None:
            return ""
        mark = found["mark"]
        plain = text.replace(mark, "") if mark else text
        return plain if self.decimal == "." else plain.replace(self.decimal, ".")

    def fit(self, texts: Iterable[str]) -> bool:
        """Return whether all texts are numbers with these marks."""
        return all(map(_pattern(self.decimal, self.thousands).fullmatch, texts))

    def plain_integer(self, text: str) -> str:
        """Return a number in JSON's grammar, where an integer is expected.

        Raises:
            BadValue: It is no number.
        """
        return self._plain(text, "an integer")

    def plain_number(self, text: str) -> str:
        """Return a number in JSON's grammar; a sign of currency or percent beside it is left out.

        It is negative, too, where a minus stands behind it, or brackets around it: ``6,00-``, ``(6,00)``.

        Raises:
            BadValue: It is none.
        """
        return self._plain(bare_number(text).text, "a number", text)

    def _plain(self, text: str, what: str, found: str = "") -> str:
        plain = self.plain(text)
        if not plain:
            raise BadValue(f"expected {what} written like {self.example}, found {quoted(found or text)}")
        return plain


@lru_cache(maxsize=64)
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    marks = _ALIKE.get(thousands, thousands)
    first_mark = f"(?P<mark>[{re.escape(marks)}])" if marks else "(?P<mark>(?!))"  # which never matches
    groups = rf"[1-9][0-9]{{0,2}}{first_mark}[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    return re.compile(rf"-?(?:{groups}|0|[1-9][0-9]*)(?:{re.escape(decimal)}[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def marks_of(reading: Reading) -> NumberMarks | None:
    """Return the marks that a reading declares; None if its numbers are those of JSON's grammar alone."""
    if not reading.decimal and not reading.thousands:
        return None
    return NumberMarks(reading.decimal or ".", reading.thousands)


def without_sign(text: str) -> tuple[str, str]:
    """Return a text without a sign of currency or percent at one of its ends, and that sign.

    A space between the sign and the number goes with it, and a minus may stand ahead of either.
    """
    minus = "-" if text[:1] == "-" else ""
    rest = text[len(minus) :]
    if text[:1] in _DIGITS and text[-1:] in _DIGITS:  # as most are
        return text, ""
    if rest and _is_sign(rest[0]):
        inner = rest[1:]
        return minus + (inner[1:] if inner[:1] in _BLANKS else inner), rest[0]
    if rest and _is_sign(rest[-1]):
        inner = rest[:-1]
        return minus + (inner[:-1] if inner[-1:] in _BLANKS else inner), rest[-1]
    return text, ""


class BareNumber(NamedTuple):
    """What is left of a number as people write it.

    Attributes:
        text: The number; a minus stands ahead of it.
        sign: The sign of currency or percent that stood beside it; empty if there was none.
        minus: How it was said to be negative, if not by a minus ahead: ``-`` behind it, or ``()``.
    """

    text: str
    sign: str = ""
    minus: str = ""


def bare_number(text: str) -> BareNumber:
    """Return a number with a minus ahead, and without a sign of currency or percent."""
    if text[:1] in _DIGITS and text[-1:] in _DIGITS:  # as most are
        return BareNumber(text)
    rest, sign = without_sign(text)
    if rest[:1] == "(" and rest[-1:] == ")":  # as in accounting
        inner, minus = rest[1:-1], "()"
    elif rest[-1:] == "-" and rest[:1] != "-":  # as SAP writes it
        inner, minus = rest[:-1], "-"
    else:
        return BareNumber(rest, sign)
    if not sign:
        inner, sign = without_sign(inner)
    return BareNumber(f"-{inner}", sign, minus)


def _is_sign(character: str) -> bool:
    return character == "%" or unicodedata.category(character) == "Sc"


def _typed(mark: str) -> str:
    return '"\'"' if mark == "'" else shell_word(mark)


def check_marks(decimal: str | None, thousands: str | None) -> None:
    """Check that ``--decimal`` and ``--thousands`` can be the marks of one number.

    Raises:
        UsageError: They can't.
    """
    for option, mark in (("--decimal", decimal), ("--thousands", thousands)):
        if mark and not _can_be_mark(mark, is_decimal=option == "--decimal"):
            expected = "one character that is no digit, letter or sign"
            raise UsageError(f"{option} {_typed(mark)}: expected {expected}", _EXAMPLE)
    if thousands and thousands == (decimal or "."):
        raise UsageError(
            f"--thousands {_typed(thousands)}: it is the decimal mark, too",
            "--decimal , --thousands ." if thousands == "." else _EXAMPLE,
        )


def _can_be_mark(mark: str, *, is_decimal: bool) -> bool:
    return (
        len(mark) == 1
        and not mark.isalnum()
        and mark not in "+-"
        and not _is_sign(mark)
        and not (is_decimal and mark in _BLANKS)
        and (mark.isprintable() or mark in _BLANKS)
    )
