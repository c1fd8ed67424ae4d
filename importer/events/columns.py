"""The cells of one column, all at once: the fast way to the values that `types` gives cell by cell.

Each function answers only where it can prove that every cell is read alike, and else says None: then each
cell is read by itself. The proofs run at the speed of C: over the cells joined, or by a reader of JSON, whose
grammar of numbers is that of `types`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from importer.events.types import SAFE_DIGITS, canonical_numbers
from importer.model import ColumnType

_OTHER_JSON: Final = tuple(
    ' \t\n\r"[{tf'
)  # blanks, and how all begins in JSON that is neither number nor null
_extreme: Final = re.compile(r"[eE][-+]?[0-9]{3}").search  # there a double may hold fewer digits
_BOOLEANS: Final[Mapping[str, bool | None]] = {
    "": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def strings(cells: Sequence[str]) -> Sequence[Any]:
    """Return the cells: text stays as it is."""
    return [cell or None for cell in cells] if "" in cells else cells


def integers(cells: Sequence[str]) -> Sequence[Any] | None:
    """Return what `types.to_integer` makes of each cell."""
    found = short_numbers(cells)
    return None if found is None or float in set(map(type, found)) else found


def numbers(cells: Sequence[str]) -> Sequence[Any] | None:
    """Return what `types.to_number` makes of each cell, in canonical form and without loss."""
    found = short_numbers(cells)
    return None if found is None else canonical_numbers(found)


def booleans(cells: Sequence[str]) -> Sequence[bool | None] | None:
    """Return what `types.to_boolean` makes of each cell."""
    try:
        return [_BOOLEANS[cell] for cell in cells]
    except KeyError:
        return None


def short_numbers(cells: Sequence[str]) -> list[int | float | None] | None:
    """Return numbers so short that a double holds each exactly, as a reader of JSON gives them."""
    if max(map(len, cells), default=0) > SAFE_DIGITS:
        return None
    gaps = cells.count("")
    joined = ",".join([cell or "null" for cell in cells] if gaps else cells)
    if ("e" in joined or "E" in joined) and _extreme(joined):
        return None
    return json_numbers(joined, len(cells), gaps)


def json_numbers(joined: str, count: int, gaps: int = 0) -> list[Any] | None:
    """Return what a reader of JSON makes of numbers; None if that is not all they are.

    The grammar of `types` is that of JSON: each of them is a number there, too.

    Args:
        joined: The numbers, parted by commas.
        count: How many they are.
        gaps: In place of so many of them stands ``null``.
    """
    # In a text that is "null" there is one n more; blanks, which JSON allows, make a text of a number.
    if joined.count("n") != gaps or any(map(joined.__contains__, _OTHER_JSON)):
        return None
    try:
        found: list[Any] = orjson.loads(f"[{joined}]")
    except orjson.JSONDecodeError:
        return None
    return found if len(found) == count else None  # one may hold a comma itself


READERS: Final[Mapping[ColumnType, Callable[[Sequence[str]], Sequence[Any] | None]]] = {
    "string": strings,
    "integer": integers,
    "number": numbers,
    "boolean": booleans,
}
"""How the columns of a type are read, where there is such a way: None for an empty cell."""

is_short_number: Final = re.compile(r"[-+0-9.eE]{1,15}").fullmatch
"""Whether a cell is what `numbers` is fast at."""
