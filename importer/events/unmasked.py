"""What a record held before values in it were masked: conditions look at it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from importer import exact_json
from importer.errors import BadValue
from importer.events.columns import path_to, value_at
from importer.events.null_words import make_cleaned
from importer.events.object_columns import ObjectColumns
from importer.events.templates import Look
from importer.reading import Reading

NOT_EXACT: Final = "some numbers in it are not sent in all their digits, or a key is there twice"
"""Stands for a note that may hold a value."""

NO_JSON: Final = "expected JSON"
"""What is said of a cell that should be JSON and is none, where nothing of it may be quoted."""


class MaskedObject(dict[str, Any]):
    """The object of a record with its values masked.

    Attributes:
        before: The object before that.
    """

    __slots__ = ("before",)
    before: dict[str, Any]


class MaskedCells(list[str]):
    """The cells of a record with their values masked; as `MaskedObject`."""

    __slots__ = ("before",)
    before: list[str]


def masked_values(made: Any, before: Any) -> Any:
    """Return masked values that know what they were; both are objects, or both cells."""
    found = MaskedObject(made) if isinstance(made, dict) else MaskedCells(made)
    found.before = before
    return found


def changed_values(values: Any, change: Callable[[Any], Any]) -> Any:
    """Return what becomes of the values of a record, and of what they were before they were masked."""
    made = change(values)
    if not isinstance(values, MaskedObject | MaskedCells):
        return made
    return masked_values(made, change(values.before))


def make_unmasked(reading: Reading) -> Callable[[Any], Look | None]:
    """Return what finds out how conditions look at the values of a record.

    It returns None where these were not masked: then conditions look at them as everybody does. What it
    returns otherwise raises `BadValue`, which holds nothing of the record.
    """
    look = _look_at_cells if reading.dialect.has_cells else _look_into_object

    def unmasked(values: Any) -> Look | None:
        is_masked = isinstance(values, MaskedObject | MaskedCells)
        return look(reading, values.before) if is_masked else None

    return unmasked


def _look_at_cells(reading: Reading, cells: list[str]) -> Look:
    cleaned, opened = make_cleaned(reading), dict[str, Any]()

    def look(column: str) -> Any:
        path = path_to(column, reading.columns)
        name = str(path[0])
        if name not in reading.columns:
            return None
        text = cleaned(cells[reading.columns.index(name)])
        if len(path) == 1 or text is None:
            return text
        if name not in opened:
            opened[name] = _opened(name, text.strip()) if text.lstrip()[:1] in ("{", "[") else None
        return value_at(path[1:], opened[name])

    return look


def _look_into_object(reading: Reading, values: dict[str, Any]) -> Look:
    cleaned, bag = make_cleaned(reading), reading.fields.get("properties")
    path = None if bag is None else path_to(bag, reading.columns)
    inside = None if path is None else value_at(path, values)
    if isinstance(inside, str):
        inside = _opened("properties", inside)
    within = inside if isinstance(inside, dict) else {}
    places = ObjectColumns(values, within, path, reading.columns, bool(reading.shape.flatten))
    return lambda column: cleaned(places.look(column))


def _opened(name: str, text: str) -> Any:
    try:
        return exact_json.loads_all(text.encode("utf-8", "surrogateescape"))[0]
    except exact_json.BadJSON:
        raise BadValue(f"{name}: {NO_JSON}") from None
