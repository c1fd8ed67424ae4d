"""The cells of a CSV record become the fields and properties of an event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from importer import exact_json
from importer.errors import BadValue
from importer.events.canonical import clash
from importer.events.columns import Path, path_to, take_at, value_at
from importer.events.field_choices import choices_of
from importer.events.field_notes import notes_on_template
from importer.events.layout import property_columns
from importer.events.nested import make_nested, nested_columns_of
from importer.events.property_names import Named, PropertyNames, together
from importer.events.templates import Look, fill_templates, set_templates
from importer.events.unmasked import make_unmasked
from importer.events.values import ValueReader
from importer.reading import Field, Reading


class CellReader:
    """Reads the cells of records, by one reading.

    Raises:
        MappingError: Two columns would be one property.
    """

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._reading = reading
        self._values = values
        self._null = frozenset(reading.null)
        self._trim = reading.trim
        self._fields = tuple((field, reading.columns.index(c)) for field, c in reading.fields.items())
        self._choices = choices_of(reading)
        self._templates = set_templates(reading)
        self._index = {column: index for index, column in enumerate(reading.columns)}
        self._names = PropertyNames(reading)
        self._cell_wins = reading.prefer == "cell"
        self._bag = reading.fields.get("properties", "")
        self._nested = make_nested(reading)
        self._opened = nested_columns_of(reading)
        self._columns = tuple(
            (index, name, column, values.converters[kind])
            for index, name, column, kind in property_columns(reading)
            if column not in self._opened
        )
        self._unmasked = make_unmasked(reading)
        self._parsed: dict[str, Any] = {}  # the cells of the record at hand into which a path leads

    def __call__(self, cells: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the cells hold, sorted by name, and put the fields into ``known``."""
        null = self._null
        asked = self._unmasked(cells)
        if self._trim:
            cells = [cell.strip() for cell in cells]
        self._parsed.clear()
        properties: dict[str, Any] = {}
        for field, index in self._fields:
            text = cells[index]
            if text and text not in null:
                known[field] = text
        taken, inner = self._choose(cells, asked, known) if self._choices else ((), ())
        nested = self._change(cells) if self._nested is not None else {}
        if "properties" in known:
            found = known.pop("properties")
            properties = self._values.object(nested.pop(self._bag, found) if self._bag else found)
            inside = [path[1:] for path in inner if path[0] == self._bag]
            properties = self._without(properties, inside)
            properties = self._names.of_keys(properties, self._values.notes)
        beside: Iterable[Named] = self._of_columns(cells, taken, inner)
        if nested:
            for path in inner:  # what gave a field may have been flattened
                nested.pop(".".join(map(str, path)), None)
            beside = [*beside, *self._of_nested(self._without(nested, inner))]
            beside = [(name, name, value) for name, value in together(beside, self._values.notes).items()]
        for _, name, value in beside:
            self._put(name, value, properties)
        if self._templates:
            self._values.put_set(properties, fill_templates(self._templates, partial(self.look, cells)))
        return properties

    def look(self, cells: Any, column: str) -> Any:
        """Return the value of a column of a record, or of what its cell holds; None if there is none.

        Raises:
            BadValue: A path leads into a cell that begins as JSON and is none.
        """
        index = self._index.get(column)
        if index is not None:
            text: str = cells[index]
            return None if text in self._null else text
        path = path_to(column, self._reading.columns)
        if path[0] not in self._index:
            return None
        return value_at(path[1:], self._open(cells, str(path[0])))

    def _open(self, cells: Any, column: str) -> Any:
        """Return the value of a cell that holds JSON; None if it holds none."""
        if column not in self._parsed:
            text = cells[self._index[column]].strip()
            value = None
            if text and text[0] in "{[" and text not in self._null:
                try:
                    value, note = exact_json.loads_all(text.encode("utf-8", "surrogateescape"))
                except exact_json.BadJSON as error:
                    raise BadValue(f"{column}: {error}") from None
                if note:
                    self._values.notes.append(note)
            self._parsed[column] = value
        return self._parsed[column]

    def _change(self, cells: Any) -> dict[str, Any]:
        """Return what the cells become whose objects are changed, by their columns and new ones."""
        assert self._nested is not None
        opened = {column: self._open(cells, column) for column in self._opened}
        texts = {
            column: cells[self._index[column]]
            for column, value in opened.items()
            if value is None and cells[self._index[column]] not in ("", *self._null)
        }
        return self._nested(
            {c: v for c, v in {**opened, **texts}.items() if v is not None}, self._values.notes
        )

    @staticmethod
    def _without(values: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
        """Return an object without what stands at some paths."""
        left = values
        for path in paths:
            left = dict(left)
            take_at(path, left)
        return left

    def _of_columns(self, cells: Any, taken: Sequence[int], inner: Sequence[Path]) -> Iterator[Named]:
        """Yield the values of the columns that are properties, but for those that gave a field."""
        null = self._null
        for index, name, column, convert in self._columns:
            text = cells[index]
            if not text or text in null or index in taken:
                continue
            if convert is None:
                value: Any = text
            else:
                try:
                    value = convert(text)
                except ValueError as error:
                    raise BadValue(f"{column}: {error}") from None
                if inner and isinstance(value, dict):
                    value = self._without(value, [path[1:] for path in inner if path[0] == column])
            yield column, name, value

    def _of_nested(self, nested: dict[str, Any]) -> Iterator[Named]:
        """Yield what has become of objects in cells, as far as it is a property."""
        for column, found in nested.items():
            kind, name = self._reading.types.get(column), self._names.of_column(column)
            if kind == "skip" or name is None or found is None:
                continue
            value = found
            if kind not in (None, "json") and column not in self._index:
                value = self._values.declared(column, kind, found)
            yield column, name, value

    def _put(self, name: str, value: Any, properties: dict[str, Any]) -> None:
        """Put the value of a column into the properties, where the cell of these may have another."""
        if name in properties:
            old = properties[name]
            keeps = self._cell_wins and old is not None and old != ""
            if clash(old, value):
                what = "value in properties is sent, not the column's"
                if not keeps:
                    what = "column's value is sent, not that in properties"
                self._values.notes.append(f"{name}: the {what}")
            if keeps:
                return
        properties[name] = value

    def _choose(
        self, cells: Any, asked: Look | None, known: dict[Field, Any]
    ) -> tuple[list[int], list[Path]]:
        """Put the fields that several columns may give into ``known``.

        Returns:
            The columns that gave them, and the paths.
        """
        taken, inner = [], []
        look = partial(self.look, cells)
        for choice in self._choices:
            value, number = choice.take(look, asked)
            if number >= 0:
                known[choice.field] = value
                entry = choice.entries[number]
                if not isinstance(entry, str):
                    self._values.notes += notes_on_template(choice.field, entry, look)
                elif entry in self._index:
                    taken.append(self._index[entry])
                else:
                    inner.append(path_to(entry, self._reading.columns))
        return taken, inner
