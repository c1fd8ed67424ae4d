"""A chunk of the records of a source as columns, and what receives these, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar, Final, Protocol, Self

import orjson

from importer import speedups
from importer.events.columns import Path, path_to, value_at
from importer.events.unmasked import changed_values
from importer.model import Record, Rejection, Status
from importer.reading import Attention, AttentionRow, Reading

_values_of: Final = attrgetter("values")


Cells = tuple["speedups.Block", int]
"""A block, and one of its columns."""


class ColumnarChunk:
    """A chunk of the items of a source, as columns. These are made once, on the first use.

    Args:
        items: Records and rejections: a list, or a `speedups.Block`.
        has_cells: As `Dialect.has_cells`.
        source: The source as it was named.
        trim: As `Reading.trim`, for cells: all that is seen of them is trimmed.
        cells: For columns of JSONL whose values stand in a block, too: the block, and the column of it. Then
            all items but those left out are records.

    Attributes:
        instants: Of each record, nanoseconds since the epoch, as `hashing.as_instants` has them. Empty until
            `SummaryObserver` has read them.
        chosen: By the entries of a field that several columns may give: its values, and how many of them
            each entry gave.
    """

    def __init__(
        self,
        items: Sequence[Record | Rejection],
        *,
        has_cells: bool,
        source: str = "",
        trim: bool = False,
        cells: Mapping[str, Cells] | None = None,
    ) -> None:
        self.items = items
        self.source = source
        self.instants = b""
        self.cells = cells or {}
        self.chosen: dict[tuple[str, ...], tuple[list[Any], Counter[str]]] = {}
        self._by_path: dict[Path, Sequence[Any]] = {}
        self._trim = trim and has_cells
        as_block = has_cells and not trim and speedups.COMPILED
        self.block = items if as_block and isinstance(items, speedups.Block) else None

    @cached_property
    def _values(self) -> list[Any]:
        """The values of the records in the chunk, without its rejections."""
        items = list(self.items)  # a block makes its records anew each time
        if set(map(type, items)) == {Record}:
            values = list(map(_values_of, items))
        else:
            values = [item.values for item in items if type(item) is Record]
        return [changed_values(cells, _trimmed) for cells in values] if self._trim else values

    def first(self, count: int) -> ColumnarChunk:
        """Return a chunk of the first items."""
        has_cells = self.block is not None or self._trim
        return ColumnarChunk(self.items[:count], has_cells=has_cells, source=self.source, trim=self._trim)

    def at(self, places: Sequence[int]) -> ColumnarChunk:
        """Return a chunk of some of the records, which stand in a block, by their places among them."""
        assert isinstance(self.items, speedups.Block), "only there a record can be made by itself"
        items = [self.items.record(place) for place in places]
        return ColumnarChunk(items, has_cells=self.block is not None, source=self.source)

    @property
    def records(self) -> int:
        """How many of the items are records."""
        if self.block is not None:
            return self.block.records
        if self.cells and isinstance(self.items, speedups.Block):
            return self.items.records
        return len(self._values)

    @cached_property
    def rejections(self) -> list[Rejection]:
        """The rejections among the items, but for lines of a block that can't be read."""
        items = self.items
        if speedups.COMPILED and isinstance(items, speedups.Block):
            return items.rejections
        return [item for item in items if isinstance(item, Rejection)]

    @cached_property
    def skipped(self) -> int:
        """How many of the items are records that the mapping leaves out."""
        return sum(item.status is Status.SKIPPED for item in self.rejections)

    def row(self, index: int) -> AttentionRow:
        """Return which record stands at this place of a column, or of the objects."""
        if self._has_places and isinstance(self.items, speedups.Block):
            return AttentionRow(self.source, self.items.row_of(index))
        return AttentionRow(self.source, self._rows[index])

    @property
    def _has_places(self) -> bool:
        """Whether places in columns are those of the block's records."""
        return self.block is not None or bool(self.cells)

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

    def values(self, index: int) -> Any:
        """Return the values of one record."""
        if self._has_places and isinstance(self.items, speedups.Block) and "_values" not in self.__dict__:
            item = self.items.record(index)
            return item.values if isinstance(item, Record) else None
        return self._values[index]

    def values_at(self, path: Path) -> Sequence[Any]:
        """Return what stands at a path in each object, None where nothing does (JSONL)."""
        if not path:
            return self._values
        if path not in self._by_path:
            *parents, key = path
            values = self.values_at(tuple(parents))
            if not isinstance(key, str):
                self._by_path[path] = [value_at((key,), value) for value in values]
            elif set(map(type, values)) == {dict}:
                self._by_path[path] = [value.get(key) for value in values]
            else:
                self._by_path[path] = [v.get(key) if isinstance(v, dict) else None for v in values]
        return self._by_path[path]


class Observer(Protocol):
    """Receives all records of a source, chunk by chunk."""

    def observe(self, chunk: ColumnarChunk) -> None:
        """Receive the next records."""


class AttentionObserver(Observer, Protocol):
    """Looks for what the owner of a source might not expect."""

    def attention(self) -> list[Attention]:
        """Return what was found in all records so far."""


class MergingObserver(AttentionObserver, Protocol):
    """Tells what it found to the one of earlier sources."""

    def merge(self, later: Self) -> None:
        """Add what was found in later sources. The other can't be used afterwards."""


class Portable:
    """An observer that can be pickled: without what it finds values with, so that it can only be merged."""

    _FINDERS: ClassVar[frozenset[str]]
    """Attributes that are left out."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in self._FINDERS}


CellFinder = Callable[[ColumnarChunk], Cells | None]
"""Returns the cells that hold something as text in the records of a chunk; None if only a `Finder` does."""

Finder = Callable[[ColumnarChunk], Sequence[Any]]
"""Returns the values of something in each record of a chunk."""


def make_cell_finder(reading: Reading, column: str) -> CellFinder:
    """Return a function that finds the cells of a column, or of a dotted path (JSONL)."""
    if not reading.dialect.has_cells:
        return lambda chunk: chunk.cells.get(column)
    if column not in reading.columns:
        return lambda _: None
    index = reading.columns.index(column)
    return lambda chunk: None if chunk.block is None else (chunk.block, index)


def make_column_finder(reading: Reading, column: str) -> Finder:
    """Return a function that finds the values of a column, or of a dotted path (JSONL).

    Of a column that the source lacks (CSV), the values are empty.
    """
    if reading.dialect.has_cells:
        path = path_to(column, reading.columns)
        if path[0] not in reading.columns:
            return lambda chunk: [""] * chunk.records
        index = reading.columns.index(str(path[0]))
        if len(path) > 1:
            return lambda chunk: [_in_cell(cell, path[1:]) for cell in chunk.column(index)]
        return lambda chunk: chunk.column(index)
    path = path_to(column, reading.columns)
    if len(path) > 1 and reading.shape.flatten:  # some objects may have such a key of their own
        return lambda chunk: [
            value[column] if column in value else value_at(path, value) for value in chunk.values_at(())
        ]
    return lambda chunk: chunk.values_at(path)


def make_value_finder(reading: Reading, column: str) -> Finder:
    """Return what `make_column_finder` does, which asks the cells of JSONL where the values stand in these.

    Then an empty text is None.
    """
    find = make_column_finder(reading, column)

    def find_value(chunk: ColumnarChunk) -> Sequence[Any]:
        cells = chunk.cells.get(column)
        if cells is not None and isinstance(cells[0], speedups.Fields):
            return cells[0].values(cells[1])
        return find(chunk)

    return find_value


def _trimmed(cells: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _in_cell(cell: str, path: Path) -> Any:
    """Return what stands at a path in a cell that holds JSON; None if nothing does."""
    if not cell.lstrip().startswith(("{", "[")):
        return None
    try:
        return value_at(path, orjson.loads(cell))
    except orjson.JSONDecodeError:
        return None
