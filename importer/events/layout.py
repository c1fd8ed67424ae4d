"""Where the fields and the properties of an event stand in a record.

Both mappers ask here: `Mapper`, which reads one record after the other, and the plan of the compiled one.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from importer.errors import BadValue, MappingError
from importer.events.columns import Path, path_to
from importer.events.field_names import FIELD_CALLED, PROPERTY_OF, well_known
from importer.events.property_names import PropertyNames
from importer.events.templates import template_of
from importer.reading import ColumnType, Field, Reading
from importer.text import quoted, shell_word

Paths = tuple[tuple[Path, tuple[Field, ...]], ...]
"""Paths of keys, and the fields for which each of them holds the value."""


class PropertyColumn(NamedTuple):
    """A column of CSV that becomes a property.

    Attributes:
        cell: Place of its cell in a record, from 0.
        name: Name of the property.
        column: Name of the column.
        type: Type of its cells.
    """

    cell: int
    name: str
    column: str
    type: ColumnType


def field_columns(reading: Reading) -> frozenset[str]:
    """Return the columns that are a field or a part of one, and never a property.

    The columns of a template are properties, unless that property would be the field itself: where a column
    ``time`` is a part of the time, there is no property ``time`` beside it.
    """
    names = PropertyNames(reading)
    parts = {
        column
        for field, entries in reading.alternatives.items()
        for entry in entries
        if (template := template_of(entry, reading.columns)) is not None
        for column in template.columns
        if _property_name(names, reading, column) == PROPERTY_OF.get(field)
    }
    return frozenset({*reading.fields.values(), *parts})


def _property_name(names: PropertyNames, reading: Reading, column: str) -> str | None:
    """Return the name of the property that a column would be; None if it is left out."""
    if column in reading.columns:
        return names.of_column(column)
    bag = reading.fields.get("properties")
    return names.of_key(column.removeprefix(f"{bag}.") if bag else column)


def replaced_columns(reading: Reading) -> dict[str, Field]:
    """Return the columns that are no property since that would be a field, which something else gives.

    Where ``--set`` gives it, they are left out; else they give it where the mapped column has no value.
    """
    fields, names = field_columns(reading), PropertyNames(reading)
    given = {*reading.mapped, *set_fields(reading)}
    named = {
        column: FIELD_CALLED.get(names.of_column(column) or "")
        for column in reading.columns
        if column not in fields and reading.types.get(column) != "skip"
    }
    return {column: field for column, field in named.items() if field is not None and field in given}


def set_fields(reading: Reading) -> dict[Field, str]:
    """Return the fields that ``--set`` gives to all records, by the name that it has in the reading."""
    named: dict[str, Field] = {**FIELD_CALLED, "event": "event", "insert_id": "insert_id"}
    return {named[name]: name for name in reading.constants if name in named}


def property_columns(reading: Reading) -> tuple[PropertyColumn, ...]:
    """Return the columns that become properties, sorted by the name of the property.

    Raises:
        MappingError: Two columns would be one property.
    """
    mapped, names = field_columns(reading), PropertyNames(reading)
    planned = []
    for index, column in enumerate(reading.columns):
        kind, name = reading.types.get(column, "string"), names.of_column(column)
        if column not in mapped and kind != "skip" and name is not None:
            planned.append(PropertyColumn(index, name, column, kind))
    planned.sort(key=lambda each: each.name)
    for one, other in pairwise(planned):
        if one.name == other.name:
            raise MappingError(
                f"the columns {quoted(one.column)} and {quoted(other.column)} would both be the property"
                f" {quoted(one.name)}",
                f"Give one of them another name, or leave it out: --drop {shell_word(other.column)}",
            )
    return tuple(planned)


def path_in_record(column: str, reading: Reading) -> Path:
    """Return the keys and places that lead to a column in an object of JSONL.

    Where an object is flattened, a path into it is one key, though the first records may have had none there.
    """
    path = path_to(column, reading.columns)
    depth = reading.shape.flatten.get(str(path[0]), 0)
    bags = (reading.fields.get("properties"), *reading.alternatives.get("properties", ()))
    if 1 < len(path) <= depth + 1 and path[0] not in bags and column == ".".join(map(str, path)):
        return (column,)
    return path


class FieldPaths(NamedTuple):
    """Where the mapped fields stand in an object of JSONL.

    Attributes:
        outside: Their paths from the object, but for those that lead into its properties.
        inside: Their paths from the object that the properties column holds.
    """

    outside: Paths
    inside: Paths


def field_paths(reading: Reading) -> FieldPaths:
    """Return where the mapped fields stand in the objects of a source of JSONL."""
    fields_at: dict[Path, tuple[Field, ...]] = {}
    for field, column in reading.fields.items():
        path = path_to(column, reading.columns)
        fields_at[path] = (*fields_at.get(path, ()), field)
    bag: Path = ("",)
    if "properties" in reading.fields:
        bag = path_to(reading.fields["properties"], reading.columns)
    inside = [path for path in fields_at if len(path) > len(bag) and path[: len(bag)] == bag]
    return FieldPaths(
        tuple((path, fields) for path, fields in fields_at.items() if path not in inside),
        tuple((path[len(bag) :], fields_at[path]) for path in inside),
    )


class LateKeys:
    """Refuses keys that would have been mapped to a field, had they been in the first records (JSONL)."""

    def __init__(self, reading: Reading) -> None:
        self._names = PropertyNames(reading)
        self._known_keys = {*reading.columns, *reading.types, *reading.names}
        self._given = {
            *reading.fields,
            *reading.alternatives,
            *(FIELD_CALLED.get(name, name) for name in reading.constants),
        }

    def check(self, keys: Collection[str]) -> None:
        """Check the keys of a record that are not mapped.

        Raises:
            BadValue: One of them has the well-known name of a field that has no column.
        """
        if self._known_keys.issuperset(keys):
            return
        for key in sorted({*keys} - self._known_keys):
            field = well_known(key)
            if field and field not in self._given and self._names.of_column(key) == key:
                raise BadValue(
                    f"{key}: looks like the {field}, but the first records had no such key;"
                    f" say --map {shell_word(f'{field}={key}')}, or --type {shell_word(f'{key}=string')}"
                    " to keep it as a property"
                )
