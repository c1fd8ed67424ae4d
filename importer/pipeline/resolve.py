"""Decides the reading of a source: by what is declared, else by names of columns, else by values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from importer.errors import BadValue, EmptySourceError, MappingError, SourceError, UsageError
from importer.events.columns import Openable
from importer.events.declared_reading import DeclaredReading
from importer.events.event_names import find_labels
from importer.events.field_names import well_known
from importer.events.mapping import (
    ChosenFields,
    Lookup,
    choose_fields,
    nested_columns,
)
from importer.events.number_marks import check_marks
from importer.events.presets import recognize, recognized_by
from importer.events.times import TimeReader
from importer.pipeline.declared_dialect import declared_dialect
from importer.pipeline.declared_options import (
    check_marks_meant,
    dropped_names,
    known_columns,
    same_options,
    skipped_columns,
)
from importer.pipeline.declared_shape import declared_shape
from importer.pipeline.given_names import check_properties, named_strictly
from importer.pipeline.given_values import GivenValues, given_values
from importer.pipeline.headerless import headerless_remedy, is_snowplow
from importer.pipeline.preset_fields import has_column, lacking_fields
from importer.pipeline.shaping import openable_columns, shaped
from importer.reading import Attention, ColumnType, Reading
from importer.source.detect import DetectedSource, detect_source
from importer.source.formats.json_layout import WHOLE_OBJECTS, lists_in
from importer.source.header import column_names
from importer.source.members import SourcePath
from importer.text import counted, list_columns, listed, quoted, shell_word

_OWN: Final = "mixpanel"
"""The preset for Mixpanel's own exports, whose shape is known without."""

_MOST_NAMES: Final = 5
"""Most columns that are named in a sentence."""


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
    try:
        found = _with_names(_detect(path, declared, with_cells=with_cells), declared)
    except EmptySourceError:
        raise
    except (SourceError, UsageError) as error:
        _check_preset(path, declared, None)
        if declared.preset is None and declared.header is None and _is_snowplow_alone(path, declared):
            raise SourceError(
                f"{error.message.rstrip('.')}: it looks like an export of Snowplow, which has no header",
                "Read it like this: --preset snowplow",
            ) from None
        raise
    _check_preset(path, declared, found)
    padded = [name for name in found.columns if name != name.strip()] if found.dialect.has_cells else []
    if padded and declared.trim:
        found = replace(found, columns=column_names(path, [name.strip() for name in found.columns]))
    before, found = found, shaped(found, declared)
    of_preset = (*_preset_attention(found, declared), *lacking_fields(before, found, declared))
    found = replace(found, attention=(*found.attention, *of_preset))
    if not padded or declared.trim:
        return found
    who = "1 column has" if len(padded) == 1 else f"{len(padded):,} columns have"
    text = f"the name of {who} white space around it: {', '.join(map(quoted, padded[:_MOST_NAMES]))}"
    return replace(found, attention=(*found.attention, Attention.of("padding", text, "--trim")))


def _detect(path: SourcePath, declared: DeclaredReading, *, with_cells: bool) -> DetectedSource:
    """Detect a source as it is before its records are shaped.

    An object with a list is a file of the records in the list; but it is one record if that is the list of
    its events.
    """
    header = False if declared.columns and declared.header is None else declared.header
    options = declared_dialect(declared)
    detect = partial(detect_source, path, format=declared.format, header=header, with_cells=with_cells)
    may_be_record = options["records"] is None and (
        declared.explode is not None or declared.preset is not None
    )
    try:
        found = detect(**options)
    except SourceError:
        if not may_be_record:
            raise
        try:
            return detect(**{**options, "records": ""})
        except (SourceError, UsageError):
            pass
        raise
    if may_be_record and found.dialect.records == declared.explode:
        return detect(**{**options, "records": ""})
    return found


def _check_preset(path: SourcePath, declared: DeclaredReading, found: DetectedSource | None) -> None:
    """Check that a source has at least one of the columns by which the exports of its preset are known.

    Args:
        path: The source.
        declared: What is declared of its reading.
        found: What it is under that preset; None if it can't be read so.

    Raises:
        MappingError: It has none; the message names the preset that it looks like, if there is one.
    """
    if declared.preset is None or (found is not None and found.is_empty):
        return
    vendor, kinds = recognized_by(declared.preset.name)
    columns = tuple(dict.fromkeys(name for kind in kinds for name in kind))
    if found is not None and (not columns or any(has_column(found, name) for name in columns)):
        return
    try:
        plain = _detect(path, declared.preset.own, with_cells=True)
    except (SourceError, UsageError):
        return
    if not plain.columns or any(has_column(plain, name) for name in columns):
        return
    other, whose = recognize(partial(has_column, plain))
    lacks = f"it has none of {listed(list(map(quoted, columns)), _MOST_NAMES)}"
    names = declared.preset.declared.columns
    if not columns:
        lacks = f"it has {counted(len(plain.columns), 'column')}, not {len(names)}"
    raise MappingError(
        f"--preset {declared.preset.name}: this is no export of {vendor}: {lacks}",
        f"It looks like an export of {whose}: --preset {other}"
        if other
        else "Leave out --preset, or name another.",
        list_columns(plain.columns),
    )


def _is_snowplow_alone(path: SourcePath, declared: DeclaredReading) -> bool:
    """Return whether a source that can't be read with a header is an export of Snowplow."""
    try:
        found = _detect(path, replace(declared, header=False), with_cells=True)
    except (SourceError, UsageError):
        return False
    return found.dialect.has_cells and is_snowplow(found.columns, found.sample, header=False)


def _preset_attention(found: DetectedSource, declared: DeclaredReading) -> Iterator[Attention]:
    """Yield that a source looks like the export of another tool, if nobody has said how to read it."""
    if declared.preset is not None or not {"event", "time"}.isdisjoint(declared.fields):
        return
    name, vendor = recognize(partial(has_column, found))
    if (
        not name
        and found.dialect.has_cells
        and is_snowplow(found.columns, found.sample, header=found.dialect.header)
    ):
        name, vendor = "snowplow", "Snowplow"
    if name and name != _OWN:
        yield Attention.of("preset", f"it looks like an export of {vendor}", f"--preset {name}")


def _with_names(found: DetectedSource, declared: DeclaredReading) -> DetectedSource:
    """Return a source without a header with the names that are declared for its columns.

    Raises:
        UsageError: It has names of its own, or another number of columns.
    """
    names = declared.columns
    if not names:
        return found
    if not found.dialect.has_cells or found.dialect.header:
        what = "CSV without a header" if found.dialect.has_cells else "CSV"
        raise UsageError(
            f"columns = [{quoted(names[0])}, …]: only {what} has columns without names",
            "Leave columns out, or say header = false and skip_lines = 1 to use them in place of the header.",
        )
    if len(names) != len(found.columns):
        raise UsageError(
            f"columns: found {counted(len(names), 'name')} for {counted(len(found.columns), 'column')} in it",
            "Name each column, in the order of the file.",
        )
    return replace(found, columns=names)


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
    if detected.is_empty:  # what it lacks is missed by nobody
        declared = replace(declared, missing_columns="ignore")
    columns, jsonl = detected.columns, not detected.dialect.has_cells
    if jsonl:
        check_marks_meant(declared, declared.types, detected.dialect)
    _checkhas_columns(detected)
    paths = openable_columns(detected, declared)
    said = given_values(declared, columns, paths)
    check_properties(named_strictly(declared), said.names, columns, paths)
    try:
        chosen = _chosen_fields(detected, declared, said, paths)
    except MappingError as error:
        if not detected.is_empty:
            raise _with_hint(error, detected, declared) from None
        chosen = ChosenFields({}, {}, {})
    draft = Reading(detected.dialect, columns, {})
    types = dict(known_columns(declared, declared.types, draft)) | skipped_columns(declared, columns)
    if not jsonl:  # what becomes text is no object that must be looked into
        types = {**{each: "string" for each in declared.stringify if each in columns}, **types}
    _check_local_epochs(declared)
    check_marks(declared.decimal, declared.thousands)
    return replace(
        draft,
        fields=chosen.fields,
        alternatives=chosen.alternatives,
        conditions=chosen.conditions,
        templates=said.templates,
        names=dict(known_columns(declared, declared.names, draft)),
        types={name: kind for name, kind in types.items() if name not in said.names or kind == "skip"},
        constants=said.constants,
        missing_time=now_ms if declared.missing_time == "now" else None,
        null=declared.null,
        time_format=declared.time_format,
        deep_columns=dict(known_columns(declared, declared.deep_columns, draft)),
        defaults=dict(declared.defaults),
        shape=declared_shape(declared),
        only=declared.only,
        drop=dropped_names(declared),
        renames=dict(declared.renames),
        source_name=source_name,
        preset=declared.preset.name if declared.preset is not None else "",
        **same_options(declared),
    )


def _chosen_fields(
    detected: DetectedSource, declared: DeclaredReading, said: GivenValues, paths: Openable
) -> ChosenFields:
    """Return the columns of each field."""
    columns = detected.columns
    strict = named_strictly(declared)
    column = declared.fields.get("properties")
    if not isinstance(column, str) or not column:
        column = next((column for column in columns if well_known(column) == "properties"), "")
    return choose_fields(
        columns,
        {**declared.fields, **said.fields},
        said.names,
        nested_columns(detected.like, column) if paths is True else (),
        paths=paths,
        lookup=Lookup(
            declared.missing_columns or "refuse",
            changing=paths is not True or bool(declared.flatten),
            strict=() if strict is None else strict.fields.keys(),
        ),
        defaults=declared.defaults.keys(),
        times=_column_of_times(detected),
        labels=find_labels(columns, detected.sample),
    )


def _checkhas_columns(detected: DetectedSource) -> None:
    if not detected.columns and not detected.dialect.has_cells and not detected.is_empty:
        is_lines = detected.dialect.format == "jsonl"
        raise SourceError(
            "no line at the beginning of the file is a JSON object with keys: no event can be found"
            if is_lines
            else "no record at the beginning of the file is an object with keys: no event can be found",
            *detected.problems,
            "JSONL is one object on each line. If it is CSV: --format csv" if is_lines else "",
        )


def _with_hint(error: MappingError, detected: DetectedSource, declared: DeclaredReading) -> MappingError:
    """Return an error about columns with what is known to be wrong with all of them, if anything is."""
    for each in detected.attention:
        if each.code == "preset":
            return MappingError(
                f"{error.message}: {each.text}", f"Read it like this: {each.remedy}", *error.steps
            )
        if each.code in ("header-line", "single-quotes"):
            return MappingError(f"{error.message}: {each.text}", f"Read it like this: {each.remedy}")
    has_names = detected.dialect.has_cells and detected.dialect.header
    if has_names and (remedy := headerless_remedy(detected.columns, detected.sample, declared)):
        what = "the first line looks like data, not like column names"
        return MappingError(f"{error.message}: {what}", f"Read it like this: {remedy}")
    return _with_lists(error, detected)


def _with_lists(error: MappingError, detected: DetectedSource) -> MappingError:
    """Return an error about columns with what else the records might be: a list in them, or what holds it."""
    message, steps = error.message, [*error.steps]
    listed_last = bool(steps) and steps[-1].startswith("The columns are: ")
    found = next((each for each in detected.attention if each.code == "records-list"), None)
    if found is not None:
        message += f": {found.text}"
        steps.insert(len(steps) - listed_last, f"Or, if the object around it is one record: {WHOLE_OBJECTS}")
    elif detected.sample and detected.dialect.format in ("json", "jsonl"):
        records: Any = [each.values for each in detected.sample[:_MOST_NAMES]]
        first, *rest = map(lists_in, records)
        if paths := [path for path in first if all(path in each for each in rest)]:
            others = f" (or {', '.join(map(quoted, paths[1:_MOST_NAMES]))})" if paths[1:] else ""
            said = f"Or, if the records are those of a list in it: --records {shell_word(paths[0])}{others}"
            steps.insert(len(steps) - listed_last, said)
    return MappingError(message, *steps)


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


def _check_local_epochs(declared: DeclaredReading) -> None:
    if declared.local_epochs and not declared.timezone:
        raise UsageError(
            "the epochs in it are of a zone that it does not name (local_epochs)",
            "Say which: --timezone ZONE, that of the project or website when it was exported.",
        )


def settle_reading(draft: Reading, types: Mapping[str, ColumnType]) -> Reading:
    """Return a reading with all its types: the declared ones, else those that a survey inferred."""
    return replace(draft, types={**types, **draft.types})
