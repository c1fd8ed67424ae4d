"""The rule for columns of numbers, written once more and plainly, for tests to compare with."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from importer.errors import BadValue
from importer.events.types import to_boolean, to_integer, to_number
from importer.reading import ColumnType

_PARTS = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?([eE][+-]?[0-9]+)?")


def expected_type(values: Sequence[str]) -> ColumnType:
    """Return the type of a column that has these values and no others."""
    if not values:
        return "string"
    if all(fits(to_boolean, value) for value in values):
        return "boolean"
    if all(fits(to_integer, value) for value in values):
        return "integer"
    return (
        "number" if all(fits(to_number, value) for value in values) and is_number_column(values) else "string"
    )


def fits(convert: Callable[[str], Any], value: str) -> bool:
    try:
        convert(value)
    except BadValue:
        return False
    return True


def is_number_column(values: Sequence[str]) -> bool:
    """Return whether the forms of numbers may stand together."""
    parts = [found for value in values if (found := _PARTS.fullmatch(value))]
    assert len(parts) == len(values)
    if any(len((found[1] + (found[2] or "")).lstrip("0")) > 15 for found in parts):
        return False
    if len({found[3] is None for found in parts}) == 2:
        return False
    if any(found[3] and found[2] is None and found[3][1] not in "+-" for found in parts):
        return False
    fractions = [found[2] for found in parts if found[2]]
    has_whole = len(fractions) < len(parts)
    ends_in_zero = [fraction for fraction in fractions if fraction.endswith("0")]
    shortest = set(ends_in_zero) <= {"0"} and not (ends_in_zero and has_whole)
    same_count = len(set(map(len, fractions))) == 1 and not (ends_in_zero and has_whole)
    return shortest or same_count
