"""Observers of the records of a source as they stream, each for one purpose: types, counts, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import Mapper
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.profile.chunk import ColumnarChunk, make_finder
from importer.profile.column_types import TypeInference
from importer.profile.summary import SummaryCounter
from importer.profile.unique import UniqueCheck
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
    """

    def __init__(self, reading: Reading) -> None:
        self.counter = SummaryCounter()
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
            values = [value for value in values if value is not None and value != ""]
        counter.no_time += chunk.records - len(values)
        if values:
            counter.add_instants(self._instants(values))

    def _instants(self, values: Sequence[Any]) -> list[int]:
        if self._fast_times is None:
            return list(self._read_each(values))
        instants = self._fast_times.read(values, self.counter.forms)
        left = [value for value, instant in zip(values, instants, strict=True) if instant is None]
        return [instant for instant in instants if instant is not None] + list(self._read_each(left))

    def _read_each(self, values: Sequence[Any]) -> Iterator[int]:
        """Yield the instants of values, and count why others can't be read."""
        counter = self.counter
        for value in values:
            try:
                instant = self._times.read(value)
            except NoZone:
                counter.no_zone += 1
            except BadValue as error:
                counter.no_time += 1
                counter.clock_changes += isinstance(error, ClockChange)
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
            chunk = chunk.first(self._left)
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
