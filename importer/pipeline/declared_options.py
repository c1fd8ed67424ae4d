"""What is declared of a reading, as the reading has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeVar

from importer.errors import UsageError
from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import PROPERTY_OF
from importer.reading import ColumnType, Dialect, Reading
from importer.source.registry import find_format

_T = TypeVar("_T")

_SAME_OPTIONS: Final = sorted(
    {each.name for each in fields(DeclaredReading)}
    & {each.name for each in fields(Reading)}
    - {
        "fields", "names", "types", "constants", "null", "time_format", "deep_columns", "missing_time",
        "defaults", "only", "drop", "renames", "columns", "preset",
    }
)  # fmt: skip
"""Options that a reading has under the same name, with the same values."""


def check_marks_meant(declared: DeclaredReading, types: Mapping[str, ColumnType], dialect: Dialect) -> None:
    """Check that no marks of numbers are declared where values have types.

    Args:
        declared: What is declared.
        types: Of columns: marks have a meaning where texts are declared to be numbers.
        dialect: Of a format that has no cells.

    Raises:
        UsageError: Some are.
    """
    if {"number", "integer"}.intersection(types.values()):
        return
    for name in ("decimal", "thousands"):
        if getattr(declared, name):
            raise UsageError(
                f"--{name} is for CSV: the values of {find_format(dialect.format).title} have types",
                "Leave it out, here or in the mapping file; for texts that are numbers: --type COLUMN=number",
            )


def same_options(declared: DeclaredReading) -> dict[str, Any]:
    """Return those of `_SAME_OPTIONS` that are declared, by name."""
    values = {name: getattr(declared, name) for name in _SAME_OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def skipped_columns(declared: DeclaredReading, columns: Sequence[str]) -> dict[str, ColumnType]:
    """Return the type ``skip`` for columns named like a field that is declared to have no column."""
    names = [PROPERTY_OF.get(field_, "") for field_, column in declared.fields.items() if column == ""]
    return {name: "skip" for name in names if name in columns and name not in declared.types}


def dropped_names(declared: DeclaredReading, before: Sequence[str] = ()) -> tuple[str, ...]:
    """Return which properties are left out: the declared ones, and what would give a field without a column.

    Args:
        declared: What is declared: an empty text for a field that nothing gives, whose name in the properties
            would give it.
        before: The names that an earlier run left out.
    """
    given = {PROPERTY_OF.get(field) for field, columns in declared.fields.items() if columns}
    unset = [name for field, name in PROPERTY_OF.items() if declared.fields.get(field) == ""]
    return tuple(dict.fromkeys([*(n for n in before if n not in given), *declared.drop, *unset]))


def known_columns(declared: DeclaredReading, table: Mapping[str, _T], reading: Reading) -> Mapping[str, _T]:
    """Return a table by columns without those that the source lacks, if these are to be ignored.

    Of objects, a later one may have them.
    """
    if declared.missing_columns != "ignore" or not reading.dialect.has_cells:
        return table
    kept = {*reading.columns, *declared.constants}
    inner = reading.shape.flatten or declared.flatten
    return {name: each for name, each in table.items() if name in kept or inner}
