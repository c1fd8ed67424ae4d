"""Comparisons of the values of records with a value that somebody wrote: exact, or the record is invalid.

The written value says what is compared: texts, numbers or truth values. Nothing is rounded, so that 64-bit
integers that differ are not equal, and 1.10 is 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, Literal

from importer.errors import BadValue
from importer.events.number_marks import NumberMarks
from importer.events.types import is_number, to_boolean
from importer.text import quoted

Written = str | int | Decimal | bool
"""A value that somebody wrote."""

Kind = Literal["text", "number", "truth"]
"""What a value is compared as."""

Test = Callable[[Any], bool]
"""Says whether something holds of a value that is there; raises `BadValue` if it is of another kind."""

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def kind_of(written: Written) -> Kind:
    """Return what values are compared as with a written one."""
    if isinstance(written, str):
        return "text"
    return "truth" if isinstance(written, bool) else "number"


def make_comparison(operator: str, written: Written, marks: NumberMarks | None) -> Test:
    """Return the test of one comparison.

    Args:
        operator: ``=``, ``!=``, ``<>``, ``<``, ``<=``, ``>`` or ``>=``; the first three for truth values.
        written: What stands behind it.
        marks: Of numbers in texts, as people write them; None for JSON's numbers alone.
    """
    compare, read = _OPERATORS[operator], _reader_of(written, marks)
    if isinstance(written, str) and compare not in (eq, ne) and (number := _exact(written)) is not None:
        return _make_order_of_texts(compare, written, number)
    return lambda value: compare(read(value), written)


def make_membership(written: Collection[Written], marks: NumberMarks | None) -> Test:
    """Return whether a value is one of several, which are all of one kind."""
    values, read = frozenset(written), _reader_of(next(iter(written)), marks)
    return lambda value: read(value) in values


def make_likeness(pattern: str, escape: str) -> Test:
    """Return whether a text is like a pattern: ``%`` stands for any text, and ``_`` for one character.

    Args:
        pattern: The pattern.
        escape: The character that makes itself, ``%`` or ``_`` behind it stand for themselves; may be empty.

    Raises:
        ValueError: Something else stands behind the escape, or nothing.
    """
    parts, at = [""], 0  # what stands between one % and the next, as regular expressions
    while at < len(pattern):
        char = pattern[at]
        if char == escape:
            at += 1
            if (char := pattern[at : at + 1]) not in ("%", "_", escape) or not char:
                raise ValueError(f"expected %, _ or {escape} behind {escape}, found {quoted(char)}")
            parts[-1] += re.escape(char)
        elif char == "%":
            parts.append("")
        else:
            parts[-1] += "." if char == "_" else re.escape(char)
        at += 1
    first, *others = parts
    if others:
        # Each part is taken where it is found first, and never looked for again: no text makes this slow.
        first += "".join(f"(?>.*?{part})" for part in others[:-1]) + f".*{others[-1]}"
    matches = re.compile(first, re.DOTALL).fullmatch
    return lambda value: matches(_read_text(value)) is not None


# ── values of records ────────────────────────────────────────────────────────────────────────────


def _reader_of(written: Written, marks: NumberMarks | None) -> Callable[[Any], Any]:
    """Return what reads a value of a record as the kind that a written value has."""
    if isinstance(written, str):
        return _read_text
    if isinstance(written, bool):
        return _read_boolean
    return lambda value: _read_number(value, marks)


def _read_text(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int:  # no other text means it, as one does of 1.10 and 1.1
        return str(value)
    raise BadValue(f"expected text, found {quoted(value)}")


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str:
        return to_boolean(value)
    raise BadValue(f"expected true or false, found {quoted(value)}")


def _read_number(value: Any, marks: NumberMarks | None) -> int | Decimal:
    if type(value) is int:
        return value
    if type(value) is str:
        number = _exact(value if marks is None else marks.plain_number(value))
    elif type(value) is float:
        number = _exact(repr(value))  # the shortest text of the number: 1.1 is 1.1
    else:
        number = value if isinstance(value, Decimal) and value.is_finite() else None
    if number is None:
        raise BadValue(f"expected a number, found {quoted(value)}")
    return number


def _exact(text: str) -> Decimal | None:
    """Return a number of JSON's grammar as it is written; None if the text is no such number."""
    if not is_number(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits
        return None


def _make_order_of_texts(compare: Callable[[Any, Any], bool], written: str, number: Decimal) -> Test:
    """Return the test of an order of texts, where the written one may be meant as a number."""

    def test(value: Any) -> bool:
        text = _read_text(value)
        found, other = compare(text, written), _exact(text)
        if other is not None and compare(other, number) != found:
            raise BadValue(
                f"{quoted(text)} and {quoted(written)} are in another order as texts than as numbers:"
                f" for numbers, write {written} without quotes"
            )
        return found

    return test
