"""How a source is read: what was said, over what its columns are called, over what its values are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from importer.errors import BadValue, MappingError, SourceError, UsageError
from importer.events.mapping import PROPERTY_OF, choose_fields, nearest, nested_columns, well_known
from importer.events.mapping_file import DeclaredReading
from importer.events.times import TimeReader
from importer.events.types import to_boolean, to_integer, to_number
from importer.exact_json import loads
from importer.model import FIELDS, ColumnType, Reading
from importer.profile.scan import SourceScan
from importer.source.detect import DetectedSource, detect_source, dialect_options
from importer.text import quoted


def detect_with(path: Path, declared: DeclaredReading) -> DetectedSource:
    """Return how a source is to be read, as far as its first bytes and what was said tell."""
    return detect_source(
        path,
        format=declared.format,
        encoding=declared.encoding,
        delimiter=declared.delimiter,
        quote=declared.quote,
        header=True if declared.header is None else declared.header,
    )


def make_reading(
    detected: DetectedSource, declared: DeclaredReading, source_name: str, now_ms: int
) -> Reading:
    """Return the reading of a source but for the types that only a scan can tell.

    Raises:
        MappingError: The columns don't fit what was said, or a field has no column or two.
        SourceError: JSONL without a line that could be read.
    """
    columns, jsonl = detected.columns, not detected.dialect.has_cells
    if jsonl and not columns:
        raise SourceError(
            "no line at the beginning of the file is a JSON object with keys: no event can be found",
            "JSONL is one object on each line. If the file is CSV: --format csv",
        )
    types = dict(declared.types)
    constants = {name: _constant(name, value, types) for name, value in declared.constants.items()}
    if not jsonl:
        for table, names in (("types", types), ("names", declared.names)):
            _check_columns(table, [n for n in names if n not in constants], columns)
    bags = (column for column in columns if well_known(column) == "properties")
    bag = declared.fields.get("properties") or next(bags, "")
    fields = choose_fields(
        columns,
        declared.fields,
        constants,
        nested_columns(detected.sample, bag) if jsonl else (),
        paths=jsonl,
        times=_column_of_times(detected),
    )
    types |= _not_fields(declared, columns)
    return Reading(
        dialect=detected.dialect,
        columns=columns,
        fields=fields,
        names=dict(declared.names),
        types={name: kind for name, kind in types.items() if name not in constants},
        constants=constants,
        timezone=declared.timezone or "",
        time_format=declared.time_format or "",
        local_epochs=_checked_local_epochs(declared),
        missing_time=now_ms if declared.missing_time == "now" else None,
        null=declared.null,
        insert_id=declared.insert_id or "content",
        source_name=source_name,
        geoip=declared.geoip or "off",
        tag=declared.tag or "",
    )


def _column_of_times(detected: DetectedSource) -> str:
    """Return the first column whose first values all look like times; empty if there is none."""
    sample = detected.sample[:50]
    reader = TimeReader("UTC")  # any zone will do to tell a time without one
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


def _not_fields(declared: DeclaredReading, columns: Sequence[str]) -> dict[str, ColumnType]:
    """Leave out columns that were said to be no field: they must not become one again by their name."""
    names = [PROPERTY_OF.get(field_, "") for field_, column in declared.fields.items() if not column]
    return {name: "skip" for name in names if name in columns and name not in declared.types}


def _checked_local_epochs(declared: DeclaredReading) -> bool:
    if declared.local_epochs and not declared.timezone:
        raise UsageError(
            "--local-epochs needs the zone in which the epochs were made",
            "Add --timezone ZONE: that of the Mixpanel project at the time of the export.",
        )
    return bool(declared.local_epochs)


def _check_columns(table: str, names: Sequence[str], columns: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            option = f"--type {name}=…" if table == "types" else f"[{table}] {name}"
            raise MappingError(
                f"{option}: there is no column {quoted(name)}{nearest(name, columns)}",
                f"The columns are: {', '.join(columns[:40])}",
            )


def _constant(name: str, value: Any, types: Mapping[str, ColumnType]) -> Any:
    """Return the value of a ``--set``: text, unless ``--type`` says otherwise."""
    kind = types.get(name, "string")
    if not isinstance(value, str) or kind in ("string", "time") or name in FIELDS:
        return value
    try:
        if kind == "json":
            return loads(value.encode())[0]
        return {"integer": to_integer, "number": to_number, "boolean": to_boolean}[kind](value)
    except (KeyError, ValueError) as error:
        raise UsageError(f"--set {name}={value}: {error}", f"Mend it, or leave out --type {name}.") from None


def with_types(reading: Reading, seen: SourceScan) -> Reading:
    """Return the reading with the types that a scan inferred, under those that were declared."""
    inferred = {profile.name: profile.type for profile in seen.profiles}
    return replace(reading, types={**inferred, **reading.types})


def untyped(reading: Reading) -> bool:
    """Return whether a column of a CSV source still lacks a type, so that a scan is needed."""
    mapped = set(reading.fields.values())
    return reading.dialect.has_cells and any(
        column not in reading.types and column not in mapped for column in reading.columns
    )


def redeclared(reading: Reading, declared: DeclaredReading, now_ms: int) -> Reading:
    """Return a reading with what is said now in place of what was said or found before."""
    fields = {**reading.fields, **declared.fields}
    types = {**reading.types, **{k: v for k, v in declared.types.items() if k not in declared.constants}}
    types |= _not_fields(declared, reading.columns)
    constants = {n: _constant(n, v, declared.types) for n, v in declared.constants.items()}
    said: dict[str, Any] = {
        name: value
        for name in ("timezone", "time_format", "local_epochs", "insert_id", "geoip", "tag")
        if (value := getattr(declared, name)) is not None
    }
    dialect: dict[str, Any] = {"format": declared.format or reading.dialect.format}
    if reading.dialect.has_cells:  # JSONL has no such parts, whatever was said of them
        dialect |= dialect_options(declared.encoding, declared.delimiter, declared.quote)
        if declared.header is not None:
            dialect["header"] = declared.header
    if declared.null:
        said["null"] = declared.null
    if declared.missing_time == "reject":
        said["missing_time"] = None
    if declared.missing_time == "now" and reading.missing_time is None:
        said["missing_time"] = now_ms
    return replace(
        reading,
        dialect=replace(reading.dialect, **dialect),
        fields={field: column for field, column in fields.items() if column},
        types=types,
        names={**reading.names, **declared.names},
        constants={**reading.constants, **constants},
        **said,
    )
