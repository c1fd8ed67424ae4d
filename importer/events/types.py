"""What the cells of a CSV column are: strict grammars.

A cell is a number only where JSON would read it as one and nothing of it would be lost; otherwise it stays
text, and then the whole column does: ``02134``, ``+1``, ``1_000``, ``٣``, ``1e400`` and integers beyond 2⁵³
are text. The grammar of numbers is RFC 8259's, section 6, in ASCII digits.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from importer.errors import BadValue
from importer.exact_json import is_exact
from importer.reading import ColumnType
from importer.text import quoted

COLUMN_TYPES: Final[tuple[ColumnType, ...]] = get_args(ColumnType)
MAX_INTEGER = 2**53
"""The largest magnitude up to which a double holds every integer."""

SAFE_DIGITS = 15  # a decimal of so many characters always survives the way through a double
NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_number = re.compile(NUMBER).fullmatch
BOOLEANS = {"true": True, "false": False}


def is_number(text: str) -> bool:
    """Return whether a text is a number of JSON's grammar."""
    return _number(text) is not None


def to_integer(text: str) -> int:
    """Read an integer that a double holds exactly.

    Raises:
        BadValue: It is no integer of JSON's grammar, or beyond 2⁵³.
    """
    try:
        value = int(text)
    except ValueError:
        value = MAX_INTEGER + 1
    if str(value) != text and text != "-0":
        raise BadValue(f"expected an integer, found {quoted(text)}")
    if abs(value) > MAX_INTEGER:
        raise BadValue(f"expected an integer within ±2^53, found {quoted(text)}")
    return value


def to_number(text: str) -> int | float:
    """Read a number of JSON's grammar.

    Raises:
        BadValue: It is no such number, overflows a double, or is an integer beyond 2⁵³.
    """
    if not _number(text):
        raise BadValue(f"expected a number, found {quoted(text)}")
    value = float(text)
    if abs(value) < MAX_INTEGER:
        return value
    if text.lstrip("-").isdigit():
        return to_integer(text)
    if value in (float("inf"), float("-inf")):
        raise BadValue(f"expected a number that a double can hold, found {quoted(text)}")
    return value


def rounding(text: str) -> str:
    """Say what becomes of a decimal that a double can't hold; empty where it can.

    Args:
        text: A number of JSON's grammar.
    """
    if len(text) <= SAFE_DIGITS and "e" not in text and "E" not in text:
        return ""
    nearest = float(text)
    return "" if is_exact(text, nearest) else f"{quoted(text)[1:-1]} is sent as {nearest!r}"


def to_boolean(text: str) -> bool:
    """Read ``true`` or ``false`` in any case.

    Raises:
        BadValue: It is neither.
    """
    value = BOOLEANS.get(text)
    if value is None and text.isascii():  # no other letter may become one of these in lower case
        value = BOOLEANS.get(text.lower())
    if value is None:
        raise BadValue(f"expected true or false, found {quoted(text)}")
    return value
