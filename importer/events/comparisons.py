"""Comparisons of the values of records with a value that somebody wrote: exact, or the record is invalid.

The written value says what is compared: texts, numbers or truth values. Nothing is rounded, so that 64-bit
integers that differ are not equal, and 1.10 is 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from importer.errors import BadValue
from importer.events.where_tree import Written
from importer.text import quoted

Read = Callable[[Any], Any]
"""Returns a value of a record as what it is compared as; raises `BadValue` if it is of another kind."""

Exact = Callable[[str], Decimal | None]
"""Returns the number that a text is; None if it is none."""

Test = Callable[[Any], bool]
"""Says whether something holds of a value that is there; raises `BadValue` if it is of another kind."""

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": eq, "!=": ne, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip


def make_comparison(operator: str, written: Written, read: Read, exact: Exact) -> Test:
    """Return the test of one comparison.

    Args:
        operator: ``=``, ``!=``, ``<>``, ``<``, ``<=``, ``>`` or ``>=``; the first three for truth values.
        written: What stands behind it.
        read: Reads values as what that is.
        exact: Reads numbers.
    """
    compare = _OPERATORS[operator]
    if isinstance(written, str) and compare not in (eq, ne) and (number := exact(written)) is not None:
        return _make_order_of_texts(compare, written, number, read, exact)
    return lambda value: compare(read(value), written)


def make_membership(written: Collection[Written], read: Read) -> Test:
    """Return whether a value is one of several, which are all of one kind."""
    values = frozenset(written)
    return lambda value: read(value) in values


def make_likeness(pattern: str, escape: str, read: Read) -> Test:
    """Return whether a text is like a pattern: ``%`` stands for any text, and ``_`` for one character.

    Args:
        pattern: The pattern.
        escape: The character that makes itself, ``%`` or ``_`` behind it stand for themselves; may be empty.
        read: Reads values as texts.

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
    return lambda value: matches(read(value)) is not None


def _make_order_of_texts(
    compare: Callable[[Any, Any], bool], written: str, number: Decimal, read: Read, exact: Exact
) -> Test:
    """Return the test of an order of texts, where the written one may be meant as a number."""

    def test(value: Any) -> bool:
        text = read(value)
        found, other = compare(text, written), exact(text)
        if other is not None and compare(other, number) != found:
            raise BadValue(
                f"{quoted(text)} and {quoted(written)} are in another order as texts than as numbers:"
                f" for numbers, write {written} without quotes"
            )
        return found

    return test
