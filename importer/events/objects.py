"""The object of a JSONL line becomes the fields and properties of an event."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from importer.errors import BadValue
from importer.events.mapping import FIELD_CALLED, path_to, well_known
from importer.events.values import ValueReader, clash
from importer.model import Field, Reading

Paths = tuple[tuple[tuple[str, ...], tuple[Field, ...]], ...]


class ObjectReader:
    """Reads the objects of records, by one reading.

    Attributes:
        outer: The paths of fields outside of the properties column.
        inner: Those inside of it, from there.
    """

    def __init__(self, reading: Reading, values: ValueReader) -> None:
        self._reading = reading
        self._values = values
        self.outer, self.inner = _paths_by_place(reading)
        self._known_keys = {*reading.columns, *reading.types, *reading.names}
        self._given = {*reading.fields, *(FIELD_CALLED.get(name, name) for name in reading.constants)}

    def __call__(self, values: Any, known: dict[Field, Any]) -> dict[str, Any]:
        """Return the properties that the object holds, and put the fields into ``known``."""
        left: dict[str, Any] = dict(values)
        _take_all(left, self.outer, known)
        bag = known.pop("properties", None)
        properties: dict[str, Any] = {} if bag is None else dict(self._values.object(bag))
        _take_all(properties, self.inner, known)
        reading = self._reading
        self.check_surprise(left.keys())
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

    def check_surprise(self, keys: Collection[str]) -> None:
        """Refuse a record with a key that would have been mapped, had it been in the first records.

        Raises:
            BadValue: There is one.
        """
        if self._known_keys.issuperset(keys):
            return
        for key in sorted({*keys} - self._known_keys):
            field = well_known(key)
            if field and field not in self._given:
                raise BadValue(
                    f"{key}: looks like the {field}, but the first records had no such key;"
                    f" say --map {field}={key}, or --type {key}=string to keep it as a property"
                )


def _paths_by_place(reading: Reading) -> tuple[Paths, Paths]:
    """Return the paths of mapped fields outside of the properties column and those inside of it.

    The latter are followed once that is an object of its own; they start there.
    """
    fields_at: dict[tuple[str, ...], tuple[Field, ...]] = {}
    for field, column in reading.fields.items():
        path = path_to(column, reading.columns)
        fields_at[path] = (*fields_at.get(path, ()), field)
    bag = path_to(reading.fields["properties"], reading.columns) if "properties" in reading.fields else ("",)
    inside = [path for path in fields_at if len(path) > len(bag) and path[: len(bag)] == bag]
    return (
        tuple((path, fields) for path, fields in fields_at.items() if path not in inside),
        tuple((path[len(bag) :], fields_at[path]) for path in inside),
    )


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
