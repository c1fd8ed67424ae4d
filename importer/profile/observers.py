"""Observers of the records of a source as they stream, each for one purpose: types, counts, ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Protocol

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import Mapper
from importer.events.mapping import PROPERTY_OF, path_to
from importer.events.times import ClockChange, NoZone, TimeReader
from importer.model import Attention, AttentionRow, Record, Rejection
from importer.profile.column_types import TypeInference
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

    def rows_of_values(self) -> list[Any]:
        """Return the values of each record."""
        return self._values

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
        self._find_events = _make_finder(reading, "event")
        self._find_times = _make_finder(reading, "time")

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


def _make_finder(reading: Reading, field: Field) -> Callable[[ColumnarChunk], Sequence[Any]]:
    """Return a function that finds the values of a field in the records of a chunk, as the mapper does.

    A record that has none where the field is mapped may have one under Mixpanel's own name for the field: in
    the properties, or beside them.
    """
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda chunk: [constant] * chunk.records
    find = _make_column_finder(reading, field)
    elsewhere = _make_elsewhere(reading, field)
    if elsewhere is None:
        return find
    mapper: list[Mapper] = []  # made when it is needed for the first time

    def find_all(chunk: ColumnarChunk) -> Sequence[Any]:
        values = find(chunk)
        if all(values):
            return values
        found = list(values)
        records = chunk.rows_of_values()
        for at, value in enumerate(found):
            if (value is None or value == "") and elsewhere(records[at]):
                mapper[:] = mapper or [Mapper(reading, lambda: 0)]
                found[at] = mapper[0].value_of(field, records[at])
        return found

    return find_all


def _make_column_finder(reading: Reading, field: Field) -> Callable[[ColumnarChunk], Sequence[Any]]:
    """Return a function that finds the values of a field where it is mapped; None where there is none."""
    column = reading.fields.get(field)
    if column is None:
        return lambda chunk: [None] * chunk.records
    if reading.dialect.has_cells:
        index, null = reading.columns.index(column), frozenset(reading.null)
        if null:
            return lambda chunk: [None if cell in null else cell for cell in chunk.column(index)]
        return lambda chunk: chunk.column(index)
    path = path_to(column, reading.columns)

    def follow(chunk: ColumnarChunk) -> Sequence[Any]:
        values: Sequence[Any] = chunk.objects()
        for key in path:
            values = [value.get(key) if isinstance(value, dict) else None for value in values]
        return values

    return follow


def _make_elsewhere(reading: Reading, field: Field) -> Callable[[Any], bool] | None:
    """Return whether a record may have a value of a field where it is not mapped; None if none can.

    The function is asked for each record that has none where the field is mapped, so it only looks at keys.
    """
    name = PROPERTY_OF.get(field)
    if name is None:
        return None
    bag = reading.fields.get("properties")
    if reading.dialect.has_cells:
        mapped = set(reading.fields.values())
        others = [column for column in reading.columns if column not in mapped]
        cells = [reading.columns.index(c) for c in others if reading.names.get(c, c) == name]
        bags = [] if bag is None else [reading.columns.index(bag)]
        if not cells and not bags:
            return None
        return lambda values: any(values[at] for at in cells) or any(name in values[at] for at in bags)
    keys = {name, *(key for key, other in reading.names.items() if other == name)}
    path = () if bag is None else path_to(bag, reading.columns)

    def may_have(values: Any) -> bool:
        if not keys.isdisjoint(values):
            return True
        for key in path:
            values = values.get(key) if isinstance(values, dict) else None
        return bool(path) and isinstance(values, dict | str) and name in values

    return may_have
