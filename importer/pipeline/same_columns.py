"""Whether several sources can share one mapping: a column that is mapped must be in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from importer.errors import UsageError
from importer.events.columns import path_to
from importer.events.field_names import well_known
from importer.events.mapping import nested_columns
from importer.events.templates import columns_in, mapped_text
from importer.pipeline.job import SourceFile
from importer.reading import FIELDS, Attention, Field, Reading
from importer.source.detect import DetectedSource
from importer.text import counted, quoted, shell_word

_MOST_NAMES: Final = 5
_ONE_BY_ONE: Final = "Sources of one run share one mapping. Run them one by one."
_MISSED: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "insert_id")
"""Fields without which an event is invalid, or is not the event that it should be."""


def check_same_format(source: SourceFile, found: DetectedSource, first: SourceFile, format_: str) -> None:
    """Check that a source has the format of the first one.

    Raises:
        UsageError: It has another.
    """
    if found.dialect.format != format_:
        raise UsageError(
            f"{source.name} has different columns from {first.name}: one is {found.dialect.format}, the other"
            f" {format_}",
            _ONE_BY_ONE,
        )


def check_same_columns(
    source: SourceFile, found: DetectedSource, first: SourceFile, reading: Reading
) -> Attention | None:
    """Check that a source can share the reading of the first one.

    Args:
        source: The source.
        found: Its columns and its first records.
        first: The first source.
        reading: The reading of that.

    Returns:
        How it differs, where that does no harm.

    Raises:
        UsageError: It lacks a column that is mapped; rows of cells may not differ in any column.
    """
    other = f"{source.name} has different columns from {first.name}"
    if reading.dialect.has_cells:
        if found.columns != reading.columns:
            raise UsageError(f"{other}: {_difference(found.columns, reading)}", _ONE_BY_ONE)
        return None
    where = f" in its first {counted(len(found.sample), 'record')}"
    for field in FIELDS:
        if field in reading.mapped and field in _MISSED and not _has_field(field, found, reading):
            what = f"no {quoted(mapped_text(reading, field))} ({field}){where}"
            differs = set(found.columns) != set(reading.columns)
            more = f"; {_difference(found.columns, reading)}" if differs else ""
            raise UsageError(f"{other}: {what}{more}", _ONE_BY_ONE)
    for key in found.columns:
        known = well_known(key)
        settled = known in reading.mapped or known in reading.constants
        if known and not settled and key not in (*reading.columns, *reading.types, *reading.names):
            raise UsageError(
                f"{other}: it has {quoted(key)}, which looks like the {known}",
                _ONE_BY_ONE,
                f"Or map it in all: --map {shell_word(f'{known}={key}')}",
                f"Or keep it as a property: --type {shell_word(f'{key}=string')}",
            )
    if set(found.columns) == set(reading.columns):
        return None
    return Attention.of("other-columns", f"{other}: {_difference(found.columns, reading)}{where}")


def _has_field(field: Field, found: DetectedSource, reading: Reading) -> bool:
    """Return whether a source has a column that gives a field."""
    entries = reading.alternatives.get(field) or (reading.fields[field],)
    return any(
        all(_has_column(column, found, reading) for column in columns_in(entry, reading.columns))
        for entry in entries
    )


def _has_column(column: str, found: DetectedSource, reading: Reading) -> bool:
    first, *inner = path_to(column, reading.columns)
    return first in found.columns and (len(inner) != 1 or column in nested_columns(found.sample, first))


def _difference(columns: Sequence[str], reading: Reading) -> str:
    """Return how columns differ from those of a reading."""
    fields = {column: field for field, column in reading.fields.items()}
    gone = [
        quoted(name) + (f" ({fields[name]})" if name in fields else "")
        for name in reading.columns
        if name not in columns
    ]
    new = [quoted(name) for name in columns if name not in reading.columns]
    parts = [f"without {_some(gone)}"] * bool(gone) + [f"with {_some(new)}"] * bool(new)
    return ", ".join(parts) or "the same ones in a different order"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
