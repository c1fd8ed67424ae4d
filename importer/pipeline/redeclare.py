"""The reading of an earlier run, with what is declared now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from importer.errors import MappingError, ResultsError, UsageError
from importer.events.columns import Openable
from importer.events.declared_reading import DeclaredReading, FieldEntry
from importer.events.field_names import FIELD_CALLED
from importer.events.mapping import ChosenFields, entries_of_field, put_field
from importer.events.number_marks import check_marks, marks_of
from importer.events.row_filter import check_where, columns_of_where
from importer.pipeline.declared_dialect import redeclare_dialect
from importer.pipeline.declared_options import (
    check_marks_meant,
    dropped_names,
    known_columns,
    same_options,
    skipped_columns,
)
from importer.pipeline.declared_shape import openable_anew, redeclared_shape
from importer.pipeline.given_names import check_masks_anew
from importer.pipeline.given_values import GivenValues, given_values
from importer.profile.mask_salt import salt_of
from importer.reading import FIELDS, ColumnType, Field, MissingColumns, Reading
from importer.text import counted


def read_again(manifest: Path, reading: Reading, declared: DeclaredReading, now_ms: int) -> Reading:
    """Return the reading of an earlier run, with what is declared now.

    Args:
        manifest: The manifest that holds it, for errors.
        reading: The reading.
        declared: What is declared now.
        now_ms: As for `redeclare`.

    Raises:
        ResultsError: The manifest holds a condition that can't be read.
        UsageError: A declaration can't be used; or the salt of masks is missing or another.
        MappingError: A column that is declared does not exist.
    """
    _check_conditions(manifest, reading)
    made = redeclare(reading, declared, now_ms)
    salt_of(made)
    return made


def _check_conditions(manifest: Path, reading: Reading) -> None:
    written = list(_conditions(reading))
    if not written:
        return
    from importer.events.where import compile_where  # noqa: PLC0415 - a parser that few readings need

    for name, text in written:
        try:
            compile_where(text, reading.null, marks_of(reading))
        except MappingError as error:
            raise ResultsError(
                f"{manifest} is not the manifest of a run: {name} can't be read: {error.message}",
                "Put the manifest back as it was written.",
            ) from None


def _conditions(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield each condition of a reading, behind the path to it in the manifest."""
    if reading.shape.where:
        yield "reading.shape.where", reading.shape.where
    for field, conditions in reading.conditions.items():
        yield from ((f"reading.conditions.{field}", text) for text in conditions if text)


def redeclare(reading: Reading, declared: DeclaredReading, now_ms: int) -> Reading:
    """Return a reading with what is declared now in place of what was declared or inferred before.

    Args:
        reading: The reading of an earlier run.
        declared: What is declared now.
        now_ms: As for `draft_reading`.

    Raises:
        UsageError: A declaration can't be used.
        MappingError: A column that is declared does not exist.
    """
    if declared.preset is not None and declared.preset.name == reading.preset:
        declared = declared.preset.own  # the reading holds the preset as it was
    reading = _with_names(reading, declared)
    paths = openable_anew(reading)
    said = given_values(declared, reading.columns, paths)
    missing = declared.missing_columns or reading.missing_columns
    chosen = _fields_anew(reading, {**declared.fields, **said.fields}, said, paths, missing)
    lenient = replace(declared, missing_columns=missing)
    types = _types_anew(reading, lenient)
    if not reading.dialect.has_cells:
        check_marks_meant(declared, types, reading.dialect)
    changes = same_options(declared)
    check_marks(changes.get("decimal", reading.decimal), changes.get("thousands", reading.thousands))
    dialect = redeclare_dialect(reading.dialect, declared)
    if declared.time_format:
        changes["time_format"] = declared.time_format
    changes["null"] = tuple(dict.fromkeys((*reading.null, *declared.null)))
    if declared.missing_time == "reject":
        changes["missing_time"] = None
    if declared.missing_time == "now" and reading.missing_time is None:
        changes["missing_time"] = now_ms
    made = replace(
        reading,
        dialect=dialect,
        fields=chosen.fields,
        alternatives=chosen.alternatives,
        conditions=chosen.conditions,
        templates={n: text for n, text in reading.templates.items() if n not in said.names} | said.templates,
        types=types,
        names={**reading.names, **known_columns(lenient, declared.names, reading)},
        deep_columns={**reading.deep_columns, **known_columns(lenient, declared.deep_columns, reading)},
        defaults={**reading.defaults, **declared.defaults},
        shape=redeclared_shape(reading.shape, declared),
        only=declared.only or reading.only,
        drop=dropped_names(declared, reading.drop),
        renames=_renames_anew(reading.renames, declared.renames),
        preset=declared.preset.name if declared.preset is not None else reading.preset,
        constants={n: v for n, v in reading.constants.items() if n not in said.names} | said.constants,
        **changes,
    )
    if missing == "refuse":
        check_masks_anew(reading, declared.mask)
    if declared.where and missing == "refuse":
        check_where(made, (*reading.columns, *columns_of_where(reading)), paths=True)
    return made


def _with_names(reading: Reading, declared: DeclaredReading) -> Reading:
    """Return a reading with the names that are declared now for columns without a header."""
    names = declared.columns
    if not names or names == reading.columns:
        return reading
    if len(names) != len(reading.columns):
        raise UsageError(
            f"columns: found {counted(len(names), 'name')} for {counted(len(reading.columns), 'column')}",
            "Name each column, in the order of the file.",
        )
    return replace(reading, columns=names)


def _renames_anew(before: Mapping[str, str], now: Mapping[str, str]) -> Mapping[str, str]:
    """Return the new names of properties: those that are declared now go first, for their order counts."""
    if [item for item in before.items() if item[0] in now] == list(now.items()):
        return before
    return {**now, **{old: new for old, new in before.items() if old not in now}}


def _types_anew(reading: Reading, declared: DeclaredReading) -> dict[str, ColumnType]:
    """Return the types of columns, with what is declared now in place of what was declared or inferred."""
    known = known_columns(declared, declared.types, reading)
    own = {name: kind for name, kind in known.items() if name not in declared.constants}
    return {**reading.types, **own, **skipped_columns(declared, reading.columns)}


def _fields_anew(
    reading: Reading,
    declared: Mapping[Field, str | tuple[str | FieldEntry, ...]],
    said: GivenValues,
    paths: Openable,
    missing: MissingColumns,
) -> ChosenFields:
    """Return what gives each field, with what is declared now in place of what gave it before."""
    chosen = ChosenFields(dict(reading.fields), dict(reading.alternatives), dict(reading.conditions))
    settled = {field for name in said.constants if (field := FIELD_CALLED.get(name, name)) in FIELDS}
    for field in FIELDS:
        if field in declared or (field in settled and field != "properties"):
            for table in chosen:
                table.pop(field, None)
        if field in declared:
            entries = entries_of_field(field, declared[field], reading.columns, paths=paths, missing=missing)
            put_field(
                chosen,
                field,
                entries,
                reading.columns,
                changing=paths is not True or bool(reading.shape.flatten),
            )
    return chosen
