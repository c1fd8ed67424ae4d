"""The cells of a CSV record become the fields and properties of an event."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from importer.errors import BadValue, MappingError
from importer.events.values import ValueReader, clash
from importer.model import ColumnType, Field, Reading
from importer.text import quoted


class CellReader:
    """Reads the cells of records, by one reading.

    Raises:
        MappingError: Two columns would be one property.
    """

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._values = values
        self._null = frozenset(reading.null)
        self._fields = tuple((field, reading.columns.index(c)) for field, c in reading.fields.items())
        self._columns = tuple(
            (index, name, column, values.converters[kind])
            for index, name, column, kind in property_columns(reading)
        )

    def __call__(self, cells: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the cells hold, sorted by name, and put the fields into ``known``."""
        null = self._null
        properties: dict[str, Any] = {}
        for field, at in self._fields:
            text = cells[at]
            if text and text not in null:
                known[field] = text
        if "properties" in known:
            properties = self._values.object(known.pop("properties"))
        for at, name, column, convert in self._columns:
            text = cells[at]
            if not text or text in null:
                continue
            if convert is None:
                value = text
            else:
                try:
                    value = convert(text)
                except ValueError as error:
                    raise BadValue(f"{column}: {error}") from None
            if name in properties and clash(properties[name], value):
                self._values.notes.append(f"{name}: the column's value is sent, not that in properties")
            properties[name] = value
        return properties


def property_columns(reading: Reading) -> tuple[tuple[int, str, str, ColumnType], ...]:
    """Return where each property is found, its name, its column and its type; sorted by name.

    Raises:
        MappingError: Two columns would be one property.
    """
    mapped = set(reading.fields.values())
    planned = []
    for index, column in enumerate(reading.columns):
        kind = reading.types.get(column, "string")
        if column not in mapped and kind != "skip":
            name = reading.names.get(column, column)
            planned.append((index, name, column, kind))
    planned.sort(key=lambda property_columns: property_columns[1])
    for one, next_ in pairwise(planned):
        if one[1] == next_[1]:
            raise MappingError(
                f"the columns {quoted(one[2])} and {quoted(next_[2])} would both be the property"
                f" {quoted(one[1])}",
                "Give one of them another name in [names], or leave it out: --type COLUMN=skip",
            )
    return tuple(planned)
