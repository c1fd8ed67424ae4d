"""Milliseconds that are added to a time."""

from __future__ import annotations

from typing import Any, Final

from importer.errors import BadValue
from importer.events.times import NS_PER_MS
from importer.events.types import to_number
from importer.text import quoted

_MOST: Final = 2**53


def read_offset(value: Any) -> int:
    """Return an offset in milliseconds as nanoseconds; 0 where there is none.

    Args:
        value: A number, or a text that is one; None or empty for no offset.

    Raises:
        BadValue: It is something else.
    """
    if value is None or value == "":
        return 0
    number = to_number(value.strip()) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > _MOST:
        raise BadValue(f"expected milliseconds to add to the time, found {quoted(value)}")
    return round(number * NS_PER_MS)
