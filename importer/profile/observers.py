"""Observers of the records of a source as they stream, each for one purpose: types, counts, ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Protocol

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import Mapper
from importer.events.mapping import path_to
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.model import Attention, AttentionRow, Record, Rejection
from importer.profile.summary import SummaryCounter
from importer.profile.unique import UniqueCheck
from importer.reading import Field, Reading

_values_of: Final = attrgetter("values")


class ColumnarChunk:
    """A chunk of the items of a source, as columns. These are made once, on the first use.

    Args:
        items: Records and rejections: a list, or a `speedups.Block`.
        has_cells: As `Dialect.has_cells`.
        source: The source as it was named.

    Attributes:
        instants: Of each record, nanoseconds since the epoch; None for one that has no time that can be read.
            Empty until `SummaryObserver` has read them.
    """

    def __init__(self, items: Sequence[Record | Rejection], *, has_cells: bool, source: str = "") -> None:
        self.items = items
        self.source = source
        self.instants: list[int | None] = []
        self.block = items if has_cells and speedups.COMPILED and isinstance(items, speedups.Block) else None

    @cached_property
    def _values(self) -> list[Any]:
        """The values of the records in the chunk, without its rejections."""
        items = list(self.items)  # a block makes its records anew each time
        if set(map(type, items)) == {Record}:
            return list(map(_values_of, items))
        return [item.values for item in items if type(item) is Record]

    @property
    def records(self) -> int:
        """How many of the items are records."""
        return len(self.items) if self.block is not None else len(self._values)

    def row(self, index: int) -> AttentionRow:
        """Return which record stands at this place of a column, or of the objects."""
        if self.block is not None:
            return AttentionRow(self.source, self.block.row + index)
        return AttentionRow(self.source, self._rows[index])

    @cached_property
    def _rows(self) -> list[int]:
        return [item.row for item in self.items if type(item) is Record]

    @cached_property
    def _columns(self) -> list[tuple[str, ...]]:
        return list(zip(*self._values, strict=True))

    def column(self, index: int) -> Sequence[str]:
        """Return the cells of a column. There must be a record."""
        return self._columns[index] if self.block is None else self.block.column(index)

    def objects(self) -> list[Any]:
        """Return the objects of the records (JSONL)."""
        return self._values


class Observer(Protocol):
    """Receives all records of a source, chunk by chunk."""

    def observe(self, chunk: ColumnarChunk) -> None:
        """Receive the next records."""


class AttentionObserver(Observer, Protocol):
    """Looks for what the owner of a source might not expect."""

    def attention(self) -> list[Attention]:
        """Return what was found in all records so far."""


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
        chunk.instants = self._instants(self._find_times(chunk))
        counter.add_instants(
            [instant for instant in chunk.instants if instant is not None]
            if None in chunk.instants
            else chunk.instants  # type: ignore[arg-type]  # none of them is None
        )

    def _instants(self, values: Sequence[Any]) -> list[int | None]:
        """Return the instant of each value, and count why others have none."""
        if not all(values):
            filled = [value for value in values if value is not None and value != ""]
            self.counter.no_time += len(values) - len(filled)
            if len(filled) < len(values):
                read = iter(self._instants(filled))
                return [None if value is None or value == "" else next(read) for value in values]
        if self._fast_times is None:
            return [self._read(value) for value in values]
        instants = self._fast_times.read(values, self.counter.forms)
        if None in instants:
            return [
                self._read(value) if instant is None else instant
                for value, instant in zip(values, instants, strict=True)
            ]
        return instants

    def _read(self, value: Any) -> int | None:
        """Return the instant of a value; None if it can't be read, and count why."""
        counter = self.counter
        try:
            instant = self._times.read(value)
        except NoZone:
            counter.no_zone += 1
        except BadValue as error:
            counter.no_time += 1
            counter.clock_changes += isinstance(error, ClockChange)
        else:
            counter.forms[self._times.form] += 1
            return instant
        return None


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


def make_finder(reading: Reading, field: Field) -> Callable[[ColumnarChunk], Sequence[Any]]:
    """Return a function that finds the values of a field in the records of a chunk."""
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda chunk: [constant] * chunk.records
    column = reading.fields.get(field)
    if column is None:
        return lambda chunk: [None] * chunk.records
    if reading.dialect.has_cells:
        index = reading.columns.index(column)
        return lambda chunk: chunk.column(index)
    path = path_to(column, reading.columns)

    def follow(chunk: ColumnarChunk) -> Sequence[Any]:
        values: Sequence[Any] = chunk.objects()
        for key in path:
            values = [value.get(key) if isinstance(value, dict) else None for value in values]
        return values

    return follow
