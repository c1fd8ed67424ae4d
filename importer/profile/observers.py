"""Observers of the records of a source as they stream, each for one purpose: types, counts, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import Mapper
from importer.events.times import TimeReader
from importer.events.zones import ClockChange, NoZone
from importer.model import MOST_ATTENTION_ROWS, Attention, Record
from importer.profile.chunk import ColumnarChunk, Observer, make_finder
from importer.profile.column_types import TypeInference
from importer.profile.summary import SummaryCounter
from importer.profile.unique import UniqueCheck
from importer.profile.unread_times import UnreadTimes
from importer.reading import Reading


class TypeObserver:
    """Infers the types of the columns of a source of cells.

    Attributes:
        inference: What is known of each column.
    """

    def __init__(self, reading: Reading) -> None:
        self.inference = TypeInference(reading.columns, reading.null)

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if chunk.records:
            self.inference.add(chunk.column, chunk.block.count_column if chunk.block is not None else None)


class SummaryObserver:
    """Counts events by name and by time.

    Attributes:
        counter: The counts.
        unread: What is known of times that can't be read.
    """

    def __init__(self, reading: Reading) -> None:
        self.counter = SummaryCounter()
        self.unread = UnreadTimes()
        self._reading = reading
        self._times = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._fast_times = make_fast_times(self._times) if speedups.COMPILED else None
        self._find_events = make_finder(reading, "event")
        self._find_times = make_finder(reading, "time")

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        counter = self.counter
        counter.records += len(chunk.items)
        counter.unreadable += len(chunk.items) - chunk.records
        if not chunk.records:
            return
        names = self._find_events(chunk)
        if set(map(type, names)) != {str} or not all(names):
            names = [name for name in names if isinstance(name, str) and name]
        counter.add_names(names)
        values = self._find_times(chunk)
        if not all(values):
            self._add_missing(chunk, values)
            values = [None if value == "" else value for value in values]
        counter.add_instants(self._instants(chunk, values))

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        return self.unread.attention(self._reading, self.counter.summary())

    def merge(self, later: SummaryObserver) -> None:
        """Add what was counted over a later part of the source, or over another source."""
        self.counter.merge(later.counter.summary())
        self.unread.merge(later.unread)

    def _add_missing(self, chunk: ColumnarChunk, values: Sequence[Any]) -> None:
        missing = sum(value is None or value == "" for value in values)
        self.counter.no_time += missing
        self.unread.missing += missing
        if missing and self.unread.wants_row("missing"):
            places = (at for at, value in enumerate(values) if value is None or value == "")
            for at in islice(places, MOST_ATTENTION_ROWS):
                self.unread.add_row("missing", chunk.row(at))

    def _instants(self, chunk: ColumnarChunk, values: Sequence[Any]) -> list[int]:
        """Return the instants of values, and count why others can't be read; None is no value."""
        if self._fast_times is None:
            instants: list[int | None] = [None] * len(values)
        else:
            instants = self._fast_times.read(values, self.counter.forms)
        found = [instant for instant in instants if instant is not None]
        if len(found) < len(values):
            left = [at for at, instant in enumerate(instants) if instant is None and values[at] is not None]
            found += self._read_each(chunk, values, left)
        return found

    def _read_each(self, chunk: ColumnarChunk, values: Sequence[Any], places: Sequence[int]) -> Iterator[int]:
        counter, unread = self.counter, self.unread
        for at in places:
            try:
                instant = self._times.read(values[at])
            except NoZone:
                counter.no_zone += 1
                if unread.wants_row("no_zone"):
                    unread.add_row("no_zone", chunk.row(at))
            except BadValue as error:
                counter.no_time += 1
                changed = isinstance(error, ClockChange)
                counter.clock_changes += changed
                if unread.wants_row("unreadable"):
                    unread.add_row("unreadable", chunk.row(at))
                if not changed:
                    unread.add_value(values[at], chunk.row(at) if unread.wants_row("form") else None)
            else:
                counter.forms[self._times.form] += 1
                yield instant


class IdObserver:
    """Checks whether the ``$insert_id`` of each event is unique, without making the events.

    Args:
        reading: Maps ``insert_id`` to a column.
        check: Receives the ids; several observers may share it.
        now: Milliseconds since the epoch.
        limit: Most records to check; None for all.

    Attributes:
        lacks_ids: True if a record has no id of its own, so that ids alone don't tell whether events differ.
    """

    def __init__(
        self, reading: Reading, check: UniqueCheck, now: Callable[[], int], limit: int | None = None
    ) -> None:
        # Where --set gives the id, all events have the same one.
        self.lacks_ids = not {"insert_id", "$insert_id"}.isdisjoint(reading.constants)
        self._check = check
        self._left = limit
        self._ids_of = self._ids_of_cells
        if reading.dialect.has_cells:
            self._column = reading.columns.index(reading.fields["insert_id"])
            self._nulls = frozenset({"", *reading.null})
        else:
            self._mapper = Mapper(reading, now)
            self._ids_of = self._ids_of_objects

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if self.lacks_ids or self._check.found_equal or self._left == 0:
            return
        if self._left is not None and len(chunk.items) > self._left:
            chunk = ColumnarChunk(chunk.items[: self._left], has_cells=chunk.block is not None)
        if self._left is not None:
            self._left -= len(chunk.items)
        ids = self._ids_of(chunk)
        if ids is None:
            self.lacks_ids = True
        else:
            self._check.add(ids)

    def _ids_of_cells(self, chunk: ColumnarChunk) -> Sequence[str] | None:
        """Return the cells of the id column: if all differ, so do the ids. None if one is empty."""
        cells = chunk.column(self._column) if chunk.records else ()
        return None if any(map(cells.count, self._nulls)) else cells

    def _ids_of_objects(self, chunk: ColumnarChunk) -> Sequence[str] | None:
        return self._mapper.insert_ids(chunk.items)


def summarise_sample(
    sample: Iterable[Record], reading: Reading, observers: Sequence[Observer] = (), name: str = ""
) -> SummaryObserver:
    """Return what the counts over the first records of a source are, and what else they show.

    Args:
        sample: The first records.
        reading: How the source is read.
        observers: Each of them receives these records, too.
        name: The source as it was named.
    """
    counts = SummaryObserver(reading)
    chunk = ColumnarChunk(list(sample), has_cells=reading.dialect.has_cells, source=name)
    for observer in (counts, *observers):
        observer.observe(chunk)
    return counts
