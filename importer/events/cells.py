"""The cells of a CSV record become the fields and properties of an event."""

from __future__ import annotations

from typing import Any

from importer.errors import BadValue
from importer.events.layout import property_columns
from importer.events.values import ValueReader, clash
from importer.reading import Field, Reading


class CellReader:
    """Reads the cells of records, by one reading.

    Raises:
        MappingError: Two columns would be one property.
    """

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._values = values
        self._null = frozenset(reading.null)
        self._trim = reading.trim
        self._fields = tuple((field, reading.columns.index(c)) for field, c in reading.fields.items())
        self._columns = tuple(
            (index, name, column, values.converters[kind])
            for index, name, column, kind in property_columns(reading)
        )

    def __call__(self, cells: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the cells hold, sorted by name, and put the fields into ``known``."""
        null = self._null
        if self._trim:
            cells = [cell.strip() for cell in cells]
        properties: dict[str, Any] = {}
        for field, index in self._fields:
            text = cells[index]
            if text and text not in null:
                known[field] = text
        if "properties" in known:
            properties = self._values.object(known.pop("properties"))
        for index, name, column, convert in self._columns:
            text = cells[index]
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
