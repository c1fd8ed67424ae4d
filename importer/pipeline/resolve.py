"""Decides the reading of a source: by what is declared, else by names of columns, else by values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, NamedTuple

from importer.errors import BadValue, MappingError, SourceError, UsageError
from importer.events.event_names import find_labels
from importer.events.field_names import FIELD_CALLED, PROPERTY_OF, well_known
from importer.events.mapping import (
    ChosenFields,
    choose_fields,
    columns_of_field,
    mapped_and_set,
    nested_columns,
    put_field,
)
from importer.events.mapping_file import DeclaredReading
from importer.events.number_marks import check_marks
from importer.events.shape import make_shaper
from importer.events.templates import read_set
from importer.events.times import TimeReader
from importer.events.types import to_boolean, to_integer, to_number
from importer.exact_json import loads
from importer.model import Record
from importer.pipeline.declared_dialect import declared_dialect, redeclare_dialect
from importer.pipeline.headerless import headerless_remedy
from importer.pipeline.shaping import declared_shape, redeclared_shape
from importer.reading import FIELDS, JSON, Attention, ColumnType, Dialect, Field, Reading, Shape
from importer.source.detect import DetectedSource, detect_source
from importer.source.header import column_names
from importer.source.members import SourcePath
from importer.source.registry import find_format
from importer.text import nearest, quoted

_MOST_NAMES: Final = 5
"""Most columns that are named in a sentence."""

_SAME_OPTIONS: Final = sorted(
    {each.name for each in fields(DeclaredReading)}
    & {each.name for each in fields(Reading)}
    - {
        "fields", "names", "types", "constants", "null", "time_format", "deep_columns", "missing_time",
        "defaults", "only", "drop",
    }
)  # fmt: skip
"""Options that a reading has under the same name, with the same values."""


def detect_declared(
    path: SourcePath, declared: DeclaredReading, *, with_cells: bool = True
) -> DetectedSource:
    """Detect dialect and columns of a source, by what is declared and else by its first bytes.

    Args:
        path: The source.
        declared: What is declared of its reading.
        with_cells: As for `detect_source`.

    Raises:
        SourceError: It can't be read, or has no known format.
        UsageError: A declaration can't be used.
    """
    found = detect_source(
        path,
        format=declared.format,
        header=declared.header,
        with_cells=with_cells,
        **declared_dialect(declared),
    )
    found = _shaped(found, declared_shape(declared))
    padded = [name for name in found.columns if name != name.strip()] if found.dialect.has_cells else []
    if not padded:
        return found
    if declared.trim:
        return replace(found, columns=column_names(path, [name.strip() for name in found.columns]))
    who = "1 column has" if len(padded) == 1 else f"{len(padded):,} columns have"
    text = f"the name of {who} white space around it: {', '.join(map(quoted, padded[:_MOST_NAMES]))}"
    return replace(found, attention=(*found.attention, Attention.of("padding", text, "--trim")))


def _shaped(found: DetectedSource, shape: Shape) -> DetectedSource:
    """Return a source as its first records look once they are shaped: other columns, fewer or more records.

    Args:
        found: The source as it was detected.
        shape: What is done with its records.

    Raises:
        MappingError: Its records can't be shaped so.
    """
    shaper = make_shaper(shape, found.dialect, found.columns)
    if shaper is None:
        return found
    sample = tuple(item for item in shaper(found.sample) if isinstance(item, Record))
    if found.dialect.has_cells:
        return replace(found, sample=sample)
    like = tuple(item for item in shaper(found.like) if isinstance(item, Record))
    columns = tuple(dict.fromkeys(key for record in like for key in record.values))
    return replace(found, sample=sample, like=like, columns=columns)


def draft_reading(
    detected: DetectedSource, declared: DeclaredReading, source_name: str, now_ms: int
) -> Reading:
    """Return the reading of a source, without the types that must be inferred.

    Args:
        detected: Dialect, columns and first records of the source.
        declared: What the options and the mapping file declare of the reading.
        source_name: Base name of the source.
        now_ms: Milliseconds since the epoch: the time of a record without one, if that is declared.

    Raises:
        MappingError: The columns don't fit what is declared, or a field has no column or two.
        SourceError: No line at the beginning of a JSONL source could be read.
        UsageError: Declarations that contradict each other.
    """
    columns, jsonl = detected.columns, not detected.dialect.has_cells
    if jsonl:
        _check_marks_meant(declared, declared.types, detected.dialect)
    _check_has_columns(detected)
    types = dict(declared.types)
    said = _read_set_options(declared, columns, jsonl=jsonl)
    if not jsonl:
        for table, names in (("types", types), ("names", declared.names)):
            _check_columns(table, [n for n in names if n not in said.names], columns)
    well_known_column = next((column for column in columns if well_known(column) == "properties"), "")
    said_column = declared.fields.get("properties")
    properties_column = said_column if isinstance(said_column, str) and said_column else well_known_column
    try:
        chosen = choose_fields(
            columns,
            {**declared.fields, **said.fields},
            said.names,
            nested_columns(detected.like, properties_column) if jsonl else (),
            paths=jsonl,
            times=_column_of_times(detected),
            labels=find_labels(columns, detected.sample),
        )
    except MappingError as error:
        raise _with_hint(error, detected, declared) from None
    types |= _skipped_columns(declared, columns)
    _check_local_epochs(declared)
    check_marks(declared.decimal, declared.thousands)
    return Reading(
        dialect=detected.dialect,
        columns=columns,
        fields=chosen.fields,
        alternatives=chosen.alternatives,
        templates=said.templates,
        names=dict(declared.names),
        types={name: kind for name, kind in types.items() if name not in said.names},
        constants=said.constants,
        missing_time=now_ms if declared.missing_time == "now" else None,
        null=declared.null,
        time_format=declared.time_format,
        deep_columns=dict(declared.deep_columns),
        defaults=dict(declared.defaults),
        shape=declared_shape(declared),
        only=declared.only,
        drop=declared.drop,
        source_name=source_name,
        **_same_options(declared),
    )


def _check_marks_meant(declared: DeclaredReading, types: Mapping[str, ColumnType], dialect: Dialect) -> None:
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


def _check_has_columns(detected: DetectedSource) -> None:
    if not detected.columns and not detected.dialect.has_cells:
        is_lines = detected.dialect.format == "jsonl"
        raise SourceError(
            "no line at the beginning of the file is a JSON object with keys: no event can be found"
            if is_lines
            else "no record at the beginning of the file is an object with keys: no event can be found",
            *detected.problems,
            "JSONL is one object on each line. If it is CSV: --format csv" if is_lines else "",
        )


class _SetOptions(NamedTuple):
    """What ``--set`` means.

    Attributes:
        constants: Values of fields and properties.
        templates: Templates of properties.
        fields: Templates of fields.
    """

    constants: dict[str, JSON]
    templates: dict[str, str]
    fields: dict[Field, tuple[str, ...]]

    @property
    def names(self) -> frozenset[str]:
        """Names of constants and of properties that are made of columns."""
        return frozenset({*self.constants, *self.templates})


def _read_set_options(declared: DeclaredReading, columns: Sequence[str], *, jsonl: bool) -> _SetOptions:
    """Return what ``--set`` means for a source of these columns.

    Raises:
        MappingError: A template names a column that does not exist, or gives a field that is mapped, too.
        UsageError: A value is not of the type that is declared for it.
    """
    said = _SetOptions({}, {}, {})
    for name, value in declared.constants.items():
        kind = declared.types.get(name, "string")
        text, is_template = (value, False) if kind == "json" else read_set(name, value, columns, paths=jsonl)
        field = FIELD_CALLED.get(name, name)
        if not is_template:
            said.constants[name] = _constant(name, text, declared.types)
        elif field not in FIELDS or field == "properties":
            if kind != "string":
                raise UsageError(
                    f"--set {name}={value}: a value made of columns is text", f"Leave out --type {name}."
                )
            said.templates[name] = str(text)
        elif declared.fields.get(field):
            raise mapped_and_set(field, [str(declared.fields[field])])
        else:
            said.fields[field] = (str(text),)
    return said


def _with_hint(error: MappingError, detected: DetectedSource, declared: DeclaredReading) -> MappingError:
    """Return an error about columns with what is known to be wrong with all of them, if anything is."""
    for each in detected.attention:
        if each.code in ("header-line", "single-quotes"):
            return MappingError(f"{error.message}: {each.text}", f"Read it like this: {each.remedy}")
    has_names = detected.dialect.has_cells and detected.dialect.header
    if has_names and (remedy := headerless_remedy(detected.columns, detected.sample, declared)):
        what = "the first line looks like data, not like column names"
        return MappingError(f"{error.message}: {what}", f"Read it like this: {remedy}")
    return error


def _same_options(declared: DeclaredReading) -> dict[str, Any]:
    """Return those of `_SAME_OPTIONS` that are declared, by name."""
    values = {name: getattr(declared, name) for name in _SAME_OPTIONS}
    return {name: value for name, value in values.items() if value is not None}


def _column_of_times(detected: DetectedSource) -> str:
    """Return the first column whose first values all look like times; empty if there is none."""
    sample = detected.sample[:50]
    reader = TimeReader("UTC")  # with a zone, a time without one can be read too
    for index, column in enumerate(detected.columns):
        key: Any = index if detected.dialect.has_cells else column
        try:
            values = [value for record in sample if (value := record.values[key]) not in ("", None)]
        except KeyError:
            continue
        if values and all(isinstance(value, str | int) and _is_time(reader, value) for value in values):
            return column
    return ""


def _is_time(reader: TimeReader, value: object) -> bool:
    try:
        reader.read(value)
    except BadValue:
        return False
    return True


def _skipped_columns(declared: DeclaredReading, columns: Sequence[str]) -> dict[str, ColumnType]:
    """Return the type ``skip`` for columns named like a field that is declared to have no column."""
    names = [PROPERTY_OF.get(field_, "") for field_, column in declared.fields.items() if not column]
    return {name: "skip" for name in names if name in columns and name not in declared.types}


def _check_local_epochs(declared: DeclaredReading) -> None:
    if declared.local_epochs and not declared.timezone:
        raise UsageError(
            "--local-epochs needs the zone in which the epochs were made",
            "Add --timezone ZONE: that of the Mixpanel project at the time of the export.",
        )


def _check_columns(table: str, names: Sequence[str], columns: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            option = f"--type {name}=…" if table == "types" else f"[{table}] {name}"
            raise MappingError(
                f"{option}: there is no column {quoted(name)}{nearest(name, columns)}",
                f"The columns are: {', '.join(columns[:40])}",
            )


def _constant(name: str, value: JSON, types: Mapping[str, ColumnType]) -> JSON:
    """Return the value of a ``--set``: text, unless ``--type`` declares another type."""
    kind = types.get(name, "string")
    if not isinstance(value, str) or kind in ("string", "time") or name in FIELDS:
        return value
    try:
        if kind == "json":
            parsed: JSON = loads(value.encode())[0]
            return parsed
        return {"integer": to_integer, "number": to_number, "boolean": to_boolean}[kind](value)
    except (KeyError, ValueError) as error:
        raise UsageError(f"--set {name}={value}: {error}", f"Mend it, or leave out --type {name}.") from None


def settle_reading(draft: Reading, types: Mapping[str, ColumnType]) -> Reading:
    """Return a reading with all its types: the declared ones, else those that a survey inferred."""
    return replace(draft, types={**types, **draft.types})


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
    said = _read_set_options(declared, reading.columns, jsonl=not reading.dialect.has_cells)
    chosen = _fields_anew(reading, {**declared.fields, **said.fields}, said)
    types = {**reading.types, **{k: v for k, v in declared.types.items() if k not in declared.constants}}
    if not reading.dialect.has_cells:
        _check_marks_meant(declared, types, reading.dialect)
    types |= _skipped_columns(declared, reading.columns)
    changes = _same_options(declared)
    check_marks(changes.get("decimal", reading.decimal), changes.get("thousands", reading.thousands))
    dialect = redeclare_dialect(reading.dialect, declared)
    if declared.time_format:
        changes["time_format"] = declared.time_format
    changes["null"] = tuple(dict.fromkeys((*reading.null, *declared.null)))
    if declared.missing_time == "reject":
        changes["missing_time"] = None
    if declared.missing_time == "now" and reading.missing_time is None:
        changes["missing_time"] = now_ms
    return replace(
        reading,
        dialect=dialect,
        fields=chosen.fields,
        alternatives=chosen.alternatives,
        templates={n: text for n, text in reading.templates.items() if n not in said.names} | said.templates,
        types=types,
        names={**reading.names, **declared.names},
        deep_columns={**reading.deep_columns, **declared.deep_columns},
        defaults={**reading.defaults, **declared.defaults},
        shape=redeclared_shape(reading.shape, declared),
        only=declared.only or reading.only,
        drop=declared.drop or reading.drop,
        constants={n: v for n, v in reading.constants.items() if n not in said.names} | said.constants,
        **changes,
    )


def _fields_anew(
    reading: Reading, declared: Mapping[Field, str | tuple[str, ...]], said: _SetOptions
) -> ChosenFields:
    """Return what gives each field, with what is declared now in place of what gave it before."""
    chosen = ChosenFields(dict(reading.fields), dict(reading.alternatives))
    settled = {field for name in said.constants if (field := FIELD_CALLED.get(name, name)) in FIELDS}
    for field in FIELDS:
        if field in declared or (field in settled and field != "properties"):
            chosen.fields.pop(field, None)
            chosen.alternatives.pop(field, None)
        if field in declared:
            entries = columns_of_field(
                field, declared[field], reading.columns, paths=not reading.dialect.has_cells
            )
            put_field(chosen, field, entries, reading.columns)
    return chosen
