"""The object of a JSONL line becomes the fields and properties of an event."""

from __future__ import annotations

from functools import partial
from typing import Any

from importer.events.canonical import clash
from importer.events.columns import path_to, take_at, value_at
from importer.events.field_choices import FieldChoice, choices_of
from importer.events.field_notes import notes_on_template
from importer.events.layout import LateKeys, Paths, field_columns, field_paths
from importer.events.null_words import make_cleaned
from importer.events.object_columns import ObjectColumns
from importer.events.property_names import Named, PropertyNames, together
from importer.events.templates import Look, fill_templates, set_templates
from importer.events.unmasked import make_unmasked
from importer.events.values import ValueReader
from importer.reading import Field, Reading


class ObjectReader:
    """Reads the objects of records, by one reading."""

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._reading = reading
        self._values = values
        self._paths = field_paths(reading)
        self._late_keys = LateKeys(reading)
        self._names = PropertyNames(reading)
        self._is_flat = bool(reading.shape.flatten)
        self._cell_wins = reading.prefer == "cell"
        choices = choices_of(reading)
        self._bag_choices = [each for each in choices if each.field == "properties"]
        self._choices = [each for each in choices if each.field != "properties"]
        self._templates = set_templates(reading)
        self._parts = field_columns(reading) - set(reading.fields.values())
        bag = reading.fields.get("properties")
        self._bag = path_to(bag, reading.columns) if bag is not None else None
        self._cleaned = make_cleaned(reading)
        self._changes_fields = reading.trim or bool(reading.null)
        self._unmasked = make_unmasked(reading)

    def __call__(self, values: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the object holds, and put the fields into ``known``."""
        left: dict[str, Any] = dict(values)
        _take_all(left, self._paths.outside, known)
        asked = self._unmasked(values)
        for choice in self._bag_choices:
            places = ObjectColumns(values, {}, None, self._reading.columns, self._is_flat)
            self._choose(choice, places, asked, left, {}, known)
        bag = known.pop("properties", None)
        inside: dict[str, Any] = {} if bag is None else self._values.object(bag)
        properties = dict(inside)
        _take_all(properties, self._paths.inside, known)
        places = ObjectColumns(values, inside, self._bag, self._reading.columns, self._is_flat)
        for choice in self._choices:
            self._choose(choice, places, asked, left, properties, known)
        for column in self._parts:
            places.remove(column, left, properties)
        properties = self._names.of_keys(properties, self._values.notes)
        if self._changes_fields:
            cleaned = {field: self._cleaned(value) for field, value in known.items()}
            known.clear()
            known |= {field: value for field, value in cleaned.items() if value is not None and value != ""}
        self._put_beside(left, properties)
        if self._templates:
            self._values.put_set(properties, fill_templates(self._templates, partial(self._look, places)))
        return properties

    def _put_beside(self, left: dict[str, Any], properties: dict[str, Any]) -> None:
        """Put what is left of the object beside its properties into these."""
        reading = self._reading
        self._late_keys.check(left.keys())
        beside: list[Named] = []
        for column, found in left.items():
            kind, name = reading.types.get(column), self._names.of_column(column)
            if kind == "skip" or name is None:
                continue
            value = found if kind is None else self._values.declared(column, kind, found)
            beside.append((column, name, value))
        for name, value in together(beside, self._values.notes).items():
            if name in properties:
                if value is None or value == "":
                    continue
                old = properties[name]
                keeps = self._cell_wins and old is not None and old != ""
                if clash(old, value):
                    what = (
                        "in properties is sent, not that beside it"
                        if keeps
                        else "beside properties is sent, not that in it"
                    )
                    self._values.notes.append(f"{name}: the value {what}")
                if keeps:
                    continue
            properties[name] = value

    def look(self, values: Any, column: str) -> Any:
        """Return the value of a column of a record; None if there is none."""
        return (
            values[column] if column in values else value_at(path_to(column, self._reading.columns), values)
        )

    def _look(self, places: ObjectColumns, column: str) -> Any:
        value = places.look(column)
        return self._cleaned(value) if self._changes_fields else value

    def _choose(
        self,
        choice: FieldChoice,
        places: ObjectColumns,
        asked: Look | None,
        left: dict[str, Any],
        properties: dict[str, Any],
        known: dict[Field, Any],
    ) -> None:
        """Put a field that several columns may give into ``known``, and take out the column that gave it."""
        look = partial(self._look, places)
        value, number = choice.take(look, asked)
        if number < 0:
            return
        known[choice.field] = value
        entry = choice.entries[number]
        if isinstance(entry, str):
            places.remove(entry, left, properties)
        else:
            self._values.notes += notes_on_template(choice.field, entry, look)


def _take_all(left: dict[str, Any], paths: Paths, known: dict[Field, Any]) -> None:
    for path, fields in paths:
        value = take_at(path, left)
        if value is not None and value != "":
            for field in fields:
                known[field] = value
