"""The observer of ids: whether those of all events differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from importer.events.mapper import Mapper
from importer.profile.chunk import ColumnarChunk
from importer.profile.unique import UniqueCheck
from importer.reading import Reading


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
        self.lacks_ids = self.lacks_ids or "insert_id" in reading.alternatives
        self._check = check
        self._left = limit
        self._ids_of = self._ids_of_cells
        if self.lacks_ids:
            return
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
