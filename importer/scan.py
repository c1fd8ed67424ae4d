"""One look at every record before anything is sent: types, names, times.

It joins the source to the events wing, and no more: what a column is, is decided in ``events/types.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from importer.collector import patient
from importer.events.audit import Audit, Collisions
from importer.events.facts import Facts
from importer.events.mapper import Mapper
from importer.events.mapping import path_to
from importer.events.time_columns import TimeColumns
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.events.type_scan import ColumnProfile, TypeScan
from importer.events.types import BadValue
from importer.model import Dialect, Event, Field, Reading, Record, Rejection
from importer.results import Counts
from importer.source import open_source


@dataclass(frozen=True, slots=True)
class Scan:
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
    facts: Facts = field(default_factory=Facts)
    records: tuple[int, ...] = ()
    whole: bool = True
    collisions: Collisions | None = None
    judged: Counts | None = None
    noted: int = 0


def scan(
    paths: Sequence[Path],
    reading: Reading,
    *,
    limit: int | None = None,
    watch: Callable[[int], None] = lambda _: None,
    dialects: Sequence[Dialect] = (),
) -> Scan:
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
    with patient():
        return _scan(paths, reading, limit, watch, dialects)


def _scan(
    paths: Sequence[Path],
    reading: Reading,
    limit: int | None,
    watch: Callable[[int], None],
    dialects: Sequence[Dialect],
) -> Scan:
    types = TypeScan(reading.columns, reading.null) if reading.dialect.format == "csv" else None
    facts = Facts()
    look = _Look(reading, facts)
    counted = [0] * len(paths)
    readings = [replace(reading, dialect=dialect) for dialect in dialects] or [reading] * len(paths)
    for at, part in _parts(paths, readings, limit, watch):
        counted[at] += len(part)
        readable = [item for item in part if isinstance(item, Record)]
        facts.unreadable += len(part) - len(readable)
        if types and readable:
            types.add(zip(*[record.values for record in readable], strict=True))
        look.add(readable)
    facts.records = sum(counted)
    return Scan(types.profiles() if types else (), facts, tuple(counted))


def audit(
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
        watch: Told how many bytes on disk have been read.
    """
    mappers = [Mapper(reading, now) for reading in readings]
    with patient(), Audit(folder) as found:
        for at, part in _parts(paths, readings, limit, watch):
            found.add(item for item in mappers[at].map(part) if isinstance(item, Event))
        return found.result()


def _parts(
    paths: Sequence[Path], readings: Sequence[Reading], limit: int | None, watch: Callable[[int], None]
) -> Iterator[tuple[int, list[Record | Rejection]]]:
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


def look_at(sample: Iterable[Record | Rejection], reading: Reading) -> Scan:
    """Return what can be said of a source from its first records alone."""
    facts = Facts()
    records = [item for item in sample if isinstance(item, Record)]
    _Look(reading, facts).add(records)
    facts.records = len(records)
    return Scan((), facts, (len(records),), whole=False)


class _Look:
    """Finds the name and the time of each record, to count them."""

    def __init__(self, reading: Reading, facts: Facts) -> None:
        self._facts = facts
        self._reader = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._times = TimeColumns(self._reader)
        self._event = _getter(reading, "event")
        self._time = _getter(reading, "time")

    def add(self, records: Sequence[Record]) -> None:
        facts = self._facts
        names = self._event(records)
        facts.add_names([name for name in names if isinstance(name, str) and name])
        written = [value for value in self._time(records) if value is not None and value != ""]
        facts.no_time += len(records) - len(written)
        if not written:
            return
        instants = self._times.read(written)
        facts.add_instants([instant for instant in instants if instant is not None])
        facts.forms.update(self._times.forms)
        if None in instants:
            for value, instant in zip(written, instants, strict=True):
                if instant is None:
                    self._explain(value)

    def _explain(self, value: Any) -> None:
        """Count why a time could not be read."""
        facts = self._facts
        try:
            self._reader.read(value)
        except NoZone:
            facts.no_zone += 1
        except BadValue as error:
            facts.no_time += 1
            facts.clock_changes += isinstance(error, ClockChange)


def _getter(reading: Reading, field: Field) -> Callable[[Sequence[Record]], Sequence[Any]]:
    """Return a function that finds the raw values of a field in some records."""
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda records: [constant] * len(records)
    column = reading.fields.get(field)
    if column is None:
        return lambda records: [None] * len(records)
    if reading.dialect.format == "csv":
        index = reading.columns.index(column)
        return lambda records: [record.values[index] for record in records]  # type: ignore[index]
    path = path_to(column, reading.columns)

    def follow(records: Sequence[Record]) -> Sequence[Any]:
        values: list[Any] = [record.values for record in records]
        for key in path:
            values = [value.get(key) if isinstance(value, dict) else None for value in values]
        return values

    return follow
