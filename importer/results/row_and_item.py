"""The place of an outcome: which record it is of, and which of several events of that, in one number.

By places, outcomes of a run and of its retries are compared many at once: a place fits 64 bits, and places
rise from line to line of a results file.
"""

from __future__ import annotations

from typing import Final

ITEM_BITS: Final = 20
"""Bits of the item in a place: `explode` makes at most a million of a record."""

MOST_ITEM: Final = (1 << ITEM_BITS) - 1
"""The greatest item of a place."""

MOST_ROW: Final = (1 << 63 - ITEM_BITS) - 1
"""The greatest row of a place."""


def place_of(row: int, item: int) -> int:
    """Return the place of an outcome; the item is 0 where a record is one event."""
    return row << ITEM_BITS | item


def row_of(place: int) -> int:
    """Return the record that a place is in."""
    return place >> ITEM_BITS


def item_of(place: int) -> int:
    """Return which of several events of its record a place is; 0 where a record is one event."""
    return place & MOST_ITEM
