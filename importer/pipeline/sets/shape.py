"""The sources of a set as one: the columns of all of them, and those that can't be read as the others are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Final

from importer.events.columns import path_to
from importer.events.declared_reading import DeclaredReading
from importer.events.field_choices import mapped_text
from importer.events.templates import columns_in
from importer.reading import FIELDS, Attention, Dialect, Field, Reading
from importer.results.set_manifest import SourceShape
from importer.source.registry import find_format
from importer.text import counted, listed, quoted

_MOST_NAMED: Final = 3
"""Most sources or columns that are named in a line."""
_MOST_COLUMNS: Final = 10
"""Most columns in the table of those that not all sources have."""
_UNKNOWN: Final = "unknown-names"
"""The code of `Attention` for names that nothing has."""
_NEEDED: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "insert_id")
"""Fields without which an event is invalid, or is not the event that it should be."""
_NEVER_MISSING: Final[tuple[Field, ...]] = ("event", "time")
"""Fields that a source must have even if it may lack columns: without them, all of it is invalid."""


@dataclass(frozen=True, slots=True)
class FoundShape:
    """What the beginning of a source tells of it.

    Attributes:
        dialect: How its bytes become records.
        columns: Its columns, or the keys of its first objects (JSONL).
        paths: The dotted paths to what is within its first objects (JSONL).
        attention: What its owner might not expect of how it is read.
        is_empty: True if no event is in it, so that its columns are of no concern.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    paths: frozenset[str] = frozenset()
    attention: tuple[Attention, ...] = ()
    is_empty: bool = False


def usual_format(found: Sequence[FoundShape]) -> str:
    """Return the format that most sources have; of several, that of the first source."""
    return Counter(each.dialect.format for each in found).most_common(1)[0][0]


def misfit(found: FoundShape, draft: Reading, declared: DeclaredReading) -> str:
    """Return why a source can't be read as the others of its set are; empty if it can.

    Args:
        found: What is known of it.
        draft: The reading of the set, with the columns of all sources.
        declared: What was declared: a field that was mapped by an option must be there.
    """
    if found.dialect.format != draft.dialect.format:
        is_, others = find_format(found.dialect.format).title, find_format(draft.dialect.format).title
        return f"it is {is_}, and the others are {others}"
    if found.is_empty:
        return ""
    for field in FIELDS:
        is_mapped = field in draft.mapped and _is_needed(field, draft, declared)
        if is_mapped and not any(_given(field, found, draft)):
            return f"it has no {quoted(mapped_text(draft, field))} ({field})"
    if declared.missing_columns == "ignore":
        return ""
    for name, text in draft.templates.items():
        gone = [column for column in columns_in(text, draft.columns) if not _has(column, found, draft)]
        if gone:
            return f"it has no {quoted(gone[0])}, of which --set makes {name}"
    return ""


def _is_needed(field: Field, draft: Reading, declared: DeclaredReading) -> bool:
    """Return whether a source must have what gives a field."""
    said = declared.fields.get(field)
    if declared.missing_columns == "ignore" and (isinstance(said, tuple) or field == "properties"):
        return field in _NEVER_MISSING and field not in draft.defaults
    return field in _NEEDED or bool(said)


def _given(field: Field, found: FoundShape, draft: Reading) -> list[bool]:
    """Return for each entry of a field, in the order in which they are tried, whether a source has it."""
    entries = draft.alternatives.get(field) or ((draft.fields[field],) if field in draft.fields else ())
    return [_has_all(entry, found, draft) for entry in entries]


def _has_all(text: str, found: FoundShape, draft: Reading) -> bool:
    """Return whether a source has the columns of an entry of a field, or of a template of ``--set``."""
    return all(_has(column, found, draft) for column in columns_in(text, draft.columns))


def _has(column: str, found: FoundShape, draft: Reading) -> bool:
    if draft.dialect.has_cells:
        return column in found.columns
    first, *inner = path_to(column, draft.columns)
    return first in found.columns and (len(inner) != 1 or column in found.paths)


def in_shape(reading: Reading, shape: SourceShape, source_name: str) -> Reading:
    """Return the reading of a set for a source of it.

    Args:
        reading: That of the set, with the columns of all sources.
        shape: What the source has of its own.
        source_name: Its path in the set: part of the ids where these hang on the row.
    """
    own = replace(reading, dialect=shape.dialect, source_name=source_name)
    if not shape.dialect.has_cells or shape.columns == reading.columns:
        return own
    columns = set(shape.columns)
    found = FoundShape(shape.dialect, shape.columns)
    given = {field: _given(field, found, reading) for field in reading.alternatives}
    return replace(
        own,
        columns=shape.columns,
        fields={field: column for field, column in reading.fields.items() if column in columns},
        alternatives=_kept(reading.alternatives, given),
        conditions=_kept(reading.conditions, given),
        templates={name: text for name, text in reading.templates.items() if _has_all(text, found, reading)},
        types={name: kind for name, kind in reading.types.items() if name in columns},
        names={column: name for column, name in reading.names.items() if column in columns},
        deep_columns={column: deep for column, deep in reading.deep_columns.items() if column in columns},
    )


def _kept(
    lists: Mapping[Field, tuple[str, ...]], given: Mapping[Field, list[bool]]
) -> dict[Field, tuple[str, ...]]:
    """Return lists that go with the entries of fields, for those entries alone that a source has."""
    kept = {field: tuple(compress(texts, given[field])) for field, texts in lists.items()}
    return {field: texts for field, texts in kept.items() if texts}


def with_columns_of(draft: Reading, found: Sequence[FoundShape]) -> Reading:
    """Return the reading of a set with the columns of some of its sources only: of those that fit it."""
    having = {column for each in found for column in each.columns}
    columns = tuple(column for column in draft.columns if column in having)
    if not draft.dialect.has_cells:
        return replace(draft, columns=columns)
    return in_shape(draft, SourceShape(draft.dialect, columns), draft.source_name)


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """A column that not all sources of a set have.

    Attributes:
        column: Its name.
        missing: How many sources lack it.
        sources: How many sources there are.
        examples: Some that lack it or, if these are more than half, some that have it.
    """

    column: str
    missing: int
    sources: int
    examples: tuple[str, ...]

    @property
    def text(self) -> str:
        """Which sources lack it, for people."""
        few = self.missing * 2 <= self.sources
        number = self.missing if few else self.sources - self.missing
        names = listed(self.examples, _MOST_NAMED, number)
        return f"not in {number:,} of {self.sources:,}: {names}" if few else f"only in {number:,}: {names}"


def missing_columns(names: Sequence[str], found: Sequence[FoundShape]) -> list[MissingColumn]:
    """Return the columns that not all sources have, those first that fewest have.

    Args:
        names: The names of the sources.
        found: What is known of each.
    """
    having = Counter(column for each in found for column in each.columns)
    rare = [column for column, count in having.items() if count < len(found)]
    rare.sort(key=lambda column: having[column])
    return [_missing(column, len(found) - having[column], names, found) for column in rare[:_MOST_COLUMNS]]


def _missing(column: str, missing: int, names: Sequence[str], found: Sequence[FoundShape]) -> MissingColumn:
    few = missing * 2 <= len(found)
    which = (name for name, each in zip(names, found, strict=True) if (column not in each.columns) == few)
    examples = tuple(name for name, _ in zip(which, range(_MOST_NAMED), strict=False))
    return MissingColumn(column, missing, len(found), examples)


def column_attention(missing: Sequence[MissingColumn]) -> Iterator[Attention]:
    """Yield that not all sources have the same columns, if it is so."""
    if missing:
        columns = listed([quoted(each.column) for each in missing], _MOST_NAMED)
        text = f"not all sources have the same columns: {columns} {'is' if len(missing) == 1 else 'are'}"
        yield Attention.of("other-columns", f"{text} missing in some")


def joined_attention(found: Sequence[FoundShape]) -> list[Attention]:
    """Return what the owner of the sources might not expect of how they are read, once for each kind.

    A name is unknown if no source has it.
    """
    by_text: dict[tuple[str, str], list[Attention]] = {}
    for each in (attention for shape in found for attention in shape.attention):
        about = each.text.partition(":")[0] if each.code == _UNKNOWN else each.remedy
        by_text.setdefault((each.code, about), []).append(each)
    by_text = {key: each for key, each in by_text.items() if key[0] != _UNKNOWN or len(each) == len(found)}
    return [
        each[0]
        if len(each) == 1 or each[0].code == _UNKNOWN
        else replace(each[0], text=f"{each[0].text} (the same in {counted(len(each) - 1, 'other source')})")
        for each in by_text.values()
    ]
