"""Observers of the records of a source as they stream, each for one purpose: types, counts, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Protocol

from importer import speedups
from importer.errors import BadValue
from importer.events.columns import path_to
from importer.events.fast_mapper import make_fast_times
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.model import Attention, AttentionRow, Record, Rejection
from importer.profile.choices import ChoiceCounter
from importer.profile.column_types import TypeInference
from importer.profile.summary import SummaryCounter
from importer.reading import Field, Reading

_values_of: Final = attrgetter("values")


class ColumnarChunk:
    """A chunk of the items of a source, as columns. These are made once, on the first use.

    Args:
        items: Records and rejections: a list, or a `speedups.Block`.
        has_cells: As `Dialect.has_cells`.
        source: The source as it was named.
    """

    def __init__(self, items: Sequence[Record | Rejection], *, has_cells: bool, source: str = "") -> None:
        self.items = items
        self.source = source
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
        choices = {field: ChoiceCounter(reading, field) for field in reading.alternatives}
        self.counter.taken = {field: choice.taken for field, choice in choices.items()}
        find = {field: make_choice_finder(reading, choice) for field, choice in choices.items()}
        self._find_events = find["event"] if "event" in find else _make_finder(reading, "event")
        self._find_times = find["time"] if "time" in find else _make_finder(reading, "time")
        self._find_others = tuple(each for field, each in find.items() if field not in ("event", "time"))

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
        for find in self._find_others:  # to count which column gave the value
            find(chunk)
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


Finder = Callable[[ColumnarChunk], Sequence[Any]]
"""Returns the values of something in each record of a chunk."""


def _make_finder(reading: Reading, field: Field) -> Finder:
    """Return a function that finds the values of a field."""
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda chunk: [constant] * chunk.records
    column = reading.fields.get(field)
    if column is None:
        return lambda chunk: [None] * chunk.records
    return make_column_finder(reading, column)


def make_column_finder(reading: Reading, column: str) -> Finder:
    """Return a function that finds the values of a column, or of a dotted path (JSONL)."""
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


def make_choice_finder(reading: Reading, counter: ChoiceCounter) -> Finder:
    """Return a function that finds the values of a field that several columns may give."""
    finders = [make_column_finder(reading, column) for column in counter.columns]
    return lambda chunk: counter.values([find(chunk) for find in finders])
