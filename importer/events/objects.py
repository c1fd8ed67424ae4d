"""The object of a JSONL line becomes the fields and properties of an event."""

from __future__ import annotations

from typing import Any

from importer.events.layout import LateKeys, Paths, field_paths
from importer.events.values import ValueReader, clash
from importer.reading import Field, Reading


class ObjectReader:
    """Reads the objects of records, by one reading."""

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._reading = reading
        self._values = values
        self._paths = field_paths(reading)
        self._late_keys = LateKeys(reading)
        self._null = frozenset(reading.null)
        self._changes_fields = reading.trim or bool(reading.null)

    def __call__(self, values: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the object holds, and put the fields into ``known``."""
        left: dict[str, Any] = dict(values)
        _take_all(left, self._paths.outside, known)
        bag = known.pop("properties", None)
        properties: dict[str, Any] = {} if bag is None else dict(self._values.object(bag))
        _take_all(properties, self._paths.inside, known)
        if self._changes_fields:
            self._clean(known)
        reading = self._reading
        self._late_keys.check(left.keys())
        for column, found in left.items():
            kind = reading.types.get(column)
            if kind == "skip":
                continue
            value = found if kind is None else self._values.declared(column, kind, found)
            name = reading.names.get(column, column)
            if name in properties:
                if value is None or value == "":
                    continue
                if clash(properties[name], value):
                    self._values.notes.append(f"{name}: the value beside properties is sent, not that in it")
            properties[name] = value
        return properties

    def _clean(self, known: dict[Field, Any]) -> None:
        """Trim the texts of fields, and leave out those that mean no value."""
        for field, value in tuple(known.items()):
            if type(value) is str:
                text = value.strip() if self._reading.trim else value
                known[field] = text
                if not text or text in self._null:
                    del known[field]


def _take_all(left: dict[str, Any], paths: Paths, known: dict[Field, Any]) -> None:
    for path, fields in paths:
        value = left.pop(path[0], None) if len(path) == 1 else _take(left, path)
        if value is not None and value != "":
            for field in fields:
                known[field] = value


def _take(left: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Take the value at ``path`` out of ``left``, whose nested objects are copied first; None if absent."""
    *parents, last = path
    for key in parents:
        inner = left.get(key)
        if type(inner) is not dict:
            return None
        left[key] = left = dict(inner)
    return left.pop(last, None)
