"""The cells of a CSV record become the fields and properties of an event."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from importer.errors import BadValue
from importer.events.field_notes import notes_on_template
from importer.events.layout import property_columns
from importer.events.templates import choices_of, fill_templates, set_templates
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
        self._choices = choices_of(reading)
        self._templates = set_templates(reading)
        self._index = {column: index for index, column in enumerate(reading.columns)}
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
        taken = self._choose(cells, known) if self._choices else ()
        if "properties" in known:
            properties = self._values.object(known.pop("properties"))
        self._put_columns(cells, taken, properties)
        if self._templates:
            self._values.put_set(properties, fill_templates(self._templates, partial(self._look, cells)))
        return properties

    def _put_columns(self, cells: Any, taken: Sequence[int], properties: dict[str, Any]) -> None:
        """Put the values of the columns that are properties into these, but for those that gave a field."""
        null = self._null
        for index, name, column, convert in self._columns:
            text = cells[index]
            if not text or text in null or index in taken:
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

    def _choose(self, cells: Any, known: dict[Field, Any]) -> list[int]:
        """Put the fields that several columns may give into ``known``; return the columns that gave them."""
        taken = []
        look = partial(self._look, cells)
        for choice in self._choices:
            value, number = choice.take(look)
            if number >= 0:
                known[choice.field] = value
                entry = choice.entries[number]
                if isinstance(entry, str):
                    taken.append(self._index[entry])
                else:
                    self._values.notes += notes_on_template(choice.field, entry, look)
        return taken

    def _look(self, cells: Any, column: str) -> str | None:
        text: str = cells[self._index[column]]
        return None if text in self._null else text
