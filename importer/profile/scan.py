"""One look at every record before anything is sent: types, names, times.

It joins the source to the events wing, and no more: what a column is, is decided in ``events/types.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import Mapper
from importer.events.mapping import path_to
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.model import (
    NO_COLLISIONS,
    Collisions,
    ColumnProfile,
    Dialect,
    Event,
    Field,
    ProfileSummary,
    Reading,
    Record,
    Rejection,
)
from importer.profile.collisions import CollisionAudit
from importer.profile.column_types import TypeInference
from importer.profile.summary import SummaryCounter
from importer.profile.unique import UniqueCheck
from importer.results.counts import Counts
from importer.source.reader import open_source

_values_of: Final = attrgetter("values")


@dataclass(frozen=True, slots=True)
class SourceScan:
    """What one pass over some sources saw.

    Attributes:
        profiles: Each column, its type and examples (CSV).
        facts: Names and times over all the sources.
        records: Records in each source.
        whole: False if only the beginning of the sources was looked at.
        collisions: What an audit of the ids found, if there was one.
        judged: Records by outcome in a dry run of the same source and reading, if there was one.
        noted: Records with a note in that dry run.
    """

    profiles: tuple[ColumnProfile, ...] = ()
    facts: ProfileSummary = field(default_factory=lambda: SummaryCounter().summary())
    records: tuple[int, ...] = ()
    whole: bool = True
    collisions: Collisions | None = None
    judged: Counts | None = None
    noted: int = 0


def scan_sources(
    paths: Sequence[Path],
    reading: Reading,
    *,
    limit: int | None = None,
    watch: Callable[[int], None] = lambda _: None,
    dialects: Sequence[Dialect] = (),
) -> SourceScan:
    """Read sources once, to the end or to a number of records.

    Args:
        paths: Sources of the same columns.
        reading: Their dialect, columns, fields and times; its types are not looked at.
        limit: Most records to look at in each source; None for all.
        watch: Told how many bytes on disk have been read.
        dialects: The dialect of each source, where they differ; else the reading's.

    Raises:
        SourceError: A source can't be read to its end.
    """
    return _scan(paths, reading, limit, watch, dialects)


def _scan(
    paths: Sequence[Path],
    reading: Reading,
    limit: int | None,
    watch: Callable[[int], None],
    dialects: Sequence[Dialect],
) -> SourceScan:
    types = TypeInference(reading.columns, reading.null) if reading.dialect.has_cells else None
    facts = SummaryCounter()
    look = _Look(reading, facts)
    counted = [0] * len(paths)
    readings = [replace(reading, dialect=dialect) for dialect in dialects] or [reading] * len(paths)
    for at, part in _parts(paths, readings, limit, watch):
        counted[at] += len(part)
        if types and speedups.COMPILED and isinstance(part, speedups.Block):
            types.add(part.column, part.survey)
            look.add(len(part), part.column)
            continue
        records = _records(part)
        facts.unreadable += len(part) - len(records)
        if not records:
            continue
        values: list[Any] = list(map(_values_of, records))
        if types:
            column = list(zip(*values, strict=True)).__getitem__
            types.add(column)
            look.add(len(records), column)
        else:
            look.add(len(records), values)
    facts.records = sum(counted)
    return SourceScan(types.profiles() if types else (), facts.summary(), tuple(counted))


def audit_ids(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    now: Callable[[], int],
    *,
    folder: Path,
    limit: int | None = None,
    watch: Callable[[int], None] = lambda _: None,
) -> Collisions:
    """Return which events of some sources Mixpanel would take for one another.

    Args:
        paths: The sources.
        readings: The reading of each.
        now: Milliseconds since the epoch.
        folder: Where temporary files may go.
        limit: Most records to look at in each source; None for all.
        watch: Told how many bytes on disk have been read; from the beginning again, if comparing the ids
            alone is not enough.
    """
    mappers = [Mapper(reading, now) for reading in readings]
    with CollisionAudit(folder) as found:
        count = _different_ids(paths, readings, mappers, folder, limit, watch)
        if count is not None:
            return replace(NO_COLLISIONS, events=count)
        for at, part in _parts(paths, readings, limit, watch):
            found.add(item for item in mappers[at].map(part) if isinstance(item, Event))
        return found.result()


def _different_ids(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    mappers: Sequence[Mapper],
    folder: Path,
    limit: int | None,
    watch: Callable[[int], None],
) -> int | None:
    """Return how many events there are, if no two have the same id; None if in doubt."""
    with UniqueCheck(folder) as distinct:
        for at, part in _parts(paths, readings, limit, watch):
            if not distinct.add(mappers[at].insert_ids(part)):
                return None
        return distinct.count if distinct.all_differ() else None


def _parts(
    paths: Sequence[Path], readings: Sequence[Reading], limit: int | None, watch: Callable[[int], None]
) -> Iterator[tuple[int, Sequence[Record | Rejection]]]:
    """Yield the records of some sources in chunks, each with the place of its source among them."""
    done = 0
    for at, (path, reading) in enumerate(zip(paths, readings, strict=True)):
        records = 0
        with open_source(path, reading.dialect, reading.columns) as source:
            for chunk in source.chunks():
                part = chunk if limit is None else chunk[: limit - records]
                records += len(part)
                yield at, part
                watch(done + source.position())
                if records == limit:
                    break
            done += source.size


def _records(part: Sequence[Record | Rejection]) -> Sequence[Record]:
    """Return the records among the items of a source."""
    if set(map(type, part)) == {Record}:
        return part  # type: ignore[return-value]  # that was proven
    return [item for item in part if type(item) is Record]


def scan_sample(sample: Iterable[Record | Rejection], reading: Reading) -> SourceScan:
    """Return what can be said of a source from its first records alone."""
    facts = SummaryCounter()
    records = [item for item in sample if isinstance(item, Record)]
    values: Any = list(map(_values_of, records))
    if reading.dialect.has_cells:
        values = list(zip(*values, strict=True)).__getitem__
    if records:
        _Look(reading, facts).add(len(records), values)
    facts.records = len(records)
    return SourceScan((), facts.summary(), (len(records),), whole=False)


class _Look:
    """Finds the names and the times of records, to count them."""

    def __init__(self, reading: Reading, facts: SummaryCounter) -> None:
        self._facts = facts
        self._reader = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._quick = make_fast_times(self._reader) if speedups.COMPILED else None
        self._event = _finder(reading, "event")
        self._time = _finder(reading, "time")

    def add(self, count: int, values: Any) -> None:
        """Look at some records, given what returns the cells of a column (CSV), or their objects (JSONL)."""
        facts = self._facts
        names = self._event(count, values)
        if set(map(type, names)) != {str} or not all(names):
            names = [name for name in names if isinstance(name, str) and name]
        facts.add_names(names)
        written = self._time(count, values)
        if not all(written):
            written = [value for value in written if value is not None and value != ""]
        facts.no_time += count - len(written)
        if not written:
            return
        quick = self._quick.read(written, facts.forms) if self._quick else [None] * len(written)
        both = zip(written, quick, strict=True)
        each = quick if None not in quick else [self._read(value) if at is None else at for value, at in both]
        facts.add_instants([instant for instant in each if instant is not None])

    def _read(self, value: Any) -> int | None:
        """Read a time by itself, or count why that can't be done."""
        facts = self._facts
        try:
            instant = self._reader.read(value)
        except NoZone:
            facts.no_zone += 1
        except BadValue as error:
            facts.no_time += 1
            facts.clock_changes += isinstance(error, ClockChange)
        else:
            facts.forms[self._reader.form] += 1
            return instant
        return None


def _finder(reading: Reading, field: Field) -> Callable[[int, Any], Sequence[Any]]:
    """Return what finds the raw values of a field, given the number of records and what they hold."""
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda count, _: [constant] * count
    column = reading.fields.get(field)
    if column is None:
        return lambda count, _: [None] * count
    if reading.dialect.has_cells:
        index = reading.columns.index(column)
        return lambda _, column: column(index)
    path = path_to(column, reading.columns)

    def follow(_: int, values: Sequence[Any]) -> Sequence[Any]:
        for key in path:
            values = [value.get(key) if isinstance(value, dict) else None for value in values]
        return values

    return follow
