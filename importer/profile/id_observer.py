"""The observer of ids: whether those of all events differ."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Final

from importer import speedups
from importer.events.mapper import Mapper
from importer.mixpanel.limits import INSERT_ID_CHARACTERS, MAX_INSERT_ID_BYTES
from importer.mixpanel.reserved import REFUSED_IDS
from importer.profile.chunk import ColumnarChunk
from importer.profile.field_values import make_field_cell_finder
from importer.profile.hashing import hash_texts
from importer.profile.records import of_first_records
from importer.profile.unique import UniqueCheck
from importer.reading import Reading

_MANY: Final = 16  # times as long as in a block takes an id that is made of a record by itself
_REFUSED: Final = tuple(word.encode() for word in sorted(REFUSED_IDS))


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
        # Where several columns may give it, only the events themselves tell.
        self.lacks_ids = self.lacks_ids or "insert_id" in (*reading.alternatives, *reading.defaults)
        self._check = check
        self._limit = limit
        self._ids_of: Callable[[ColumnarChunk], bytes | None] = self._ids_of_cells
        if self.lacks_ids:
            return
        column = reading.fields["insert_id"]
        if reading.dialect.has_cells and column not in reading.columns:
            self.lacks_ids = True
            return
        self._find_cells = make_field_cell_finder(reading, "insert_id")
        if reading.dialect.has_cells:
            self._column = reading.columns.index(column)
            self._nulls = tuple(null.encode("utf-8", "surrogatepass") for null in reading.null)
            self._are_null = frozenset({"", *reading.null})
        else:
            self._mapper = Mapper(reading, now)
            self._ids_of = self._ids_of_objects

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if self.lacks_ids or self._check.found_equal:
            return
        if self._limit is not None:
            count = len(of_first_records(chunk.items, self._limit))
            if count < len(chunk.items):
                chunk = chunk.first(count)
            if not count:
                return
        ids = self._ids_of(chunk)
        if ids is None:
            self.lacks_ids = True
        else:
            self._check.add_hashes(ids)

    def _ids_of_cells(self, chunk: ColumnarChunk) -> bytes | None:
        """Return the hashes of the id column: if all differ, so do the ids. None if a cell is empty."""
        if not chunk.records:
            return b""
        found = self._find_cells(chunk)
        if found is not None:
            return None if speedups.missing_cells(*found, self._nulls) else speedups.hash_cells(*found)
        cells = chunk.column(self._column)
        return None if any(map(cells.count, self._are_null)) else hash_texts(cells)

    def _ids_of_objects(self, chunk: ColumnarChunk) -> bytes:
        """Return the hashes of the ids of the events, and perhaps of records that become no event."""
        found = self._find_cells(chunk)
        if found is None:
            return hash_texts(self._mapper.insert_ids(chunk.items))
        block, cell = found
        hashes, others = speedups.hash_own_ids(
            block, cell, INSERT_ID_CHARACTERS, MAX_INSERT_ID_BYTES, _REFUSED
        )
        if len(others) * _MANY > chunk.records:
            return hash_texts(self._mapper.insert_ids(chunk.items))
        if others:
            made = hash_texts(self._mapper.insert_ids([chunk.items[at] for at in others]))
            hashes = array("Q", filter(None, array("Q", hashes))).tobytes() + made
        return hashes
