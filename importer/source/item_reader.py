"""Readers of records: a fast path for many of them, a slow path for one.

The slow path looks at each record by itself and holds every rule. Most records need none of them: where they
begin and end can be seen at once, and the fast path finds all that stand in a buffer in one go. It stops at
the first of which it is not certain. The slow path takes that one, and the fast path goes on below it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final

from importer.model import Record, Rejection
from importer.source.oversized import OversizedSink

Items = Sequence[Record | Rejection]

Fit = Callable[[Record], Record | Rejection]
"""Returns a record that has an integer of more than 64 bits, or why it is none: that integer is sent."""

MAX_CHUNK_RECORDS: Final = 500
"""Items in a list: of more at once, the first have left the processor's cache before they are used."""

MAX_CHUNK_SIZE: Final = 1 << 22
"""Characters or bytes of records that fill a list, however few its items are."""

MAX_RECORDS_APART: Final = 64
"""Most records that the slow path takes before the fast path is tried again, where that finds none."""


class ItemReader(ABC):
    """Records and rejections, in order; read once, one by one or in chunks.

    Args:
        row: Number of the item above the first.
        oversized: Where the bytes of a record go that is too long to be held.
        has_fast_path: True if `_fast_path` may be asked.

    Attributes:
        row: Number of the last item.
        line: Number of the physical line on which the last item starts.
        at_record_start: True if the next record begins here, whatever stands above it.
        fit: Asked for a record with an integer of more than 64 bits; None to refuse each (JSON).
    """

    fit: Fit | None = None

    def __init__(self, row: int, oversized: OversizedSink, *, has_fast_path: bool) -> None:
        self.row = row
        self.line = 0
        self.at_record_start = False
        self._oversized = oversized
        self._has_fast_path = has_fast_path
        self._items = self._read_items()

    def __iter__(self) -> Iterator[Record | Rejection]:
        return self._items

    def chunks(self) -> Iterator[Items]:
        """Yield the items that are left, many at once: lists or `speedups.Block`.

        Items that were read before an error are yielded before it is raised.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        chunk: list[Record | Rejection] = []
        size = 0
        try:
            for items, items_size in self._blocks():
                if not isinstance(items, list):  # a `speedups.Block` is not taken apart
                    if chunk:
                        yield chunk
                        chunk, size = [], 0
                    if items:
                        yield items
                    continue
                chunk += items
                size += items_size
                while len(chunk) >= MAX_CHUNK_RECORDS:
                    yield chunk[:MAX_CHUNK_RECORDS]
                    chunk, size = chunk[MAX_CHUNK_RECORDS:], 0
                if chunk and size >= MAX_CHUNK_SIZE:
                    yield chunk
                    chunk, size = [], 0
        except Exception:
            if chunk:
                yield chunk
            raise
        if chunk:
            yield chunk

    def read_header(self) -> Sequence[str] | None:
        """Read the header and return its cells, none if it can't be read; None if the file has no header."""
        return None

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file, with the byte order mark; empty without a header."""
        return b""

    def keep_lines(self) -> None:  # noqa: B027 - most formats need nothing
        """As in `RecordReader`: nothing, where reading costs little."""

    def share_read(self) -> float | None:
        """Return None: the place in the bytes of the file tells how much of it has been read."""
        return None

    def close(self) -> None:  # noqa: B027 - most readers do nothing beside reading
        """End what it does beside reading."""

    @abstractmethod
    def last_size(self) -> int:
        """Return the size of the last item in characters or bytes; 0 if it was too long to be held."""

    @abstractmethod
    def last_bytes(self) -> bytes:
        """Return the last item as a copy has it; empty if it was too long to be held."""

    @abstractmethod
    def _read_items(self) -> Iterator[Record | Rejection]:
        """Yield the items one by one: the slow path."""

    @abstractmethod
    def _fast_path(self) -> Iterator[tuple[Items, int]]:
        """Yield items with the size of their bytes, up to the first that must go the slow path."""

    def _blocks(self) -> Iterator[tuple[Items, int]]:
        """Yield items, each time with the size of what they were read from."""
        more = True
        failures = 0
        while more:
            if self.at_record_start and self._has_fast_path:
                row = self.row
                yield from self._fast_path()
                failures = 0 if self.row > row else failures + 1
            more = yield from self._slow_path(min(1 << failures // 4, MAX_RECORDS_APART))

    def _slow_path(self, count: int) -> Generator[tuple[Items, int], None, bool]:
        """Read some items one by one, and on until a record ends with what was read for it.

        Args:
            count: How many items at least.

        Returns:
            False at the end of the file.
        """
        found: list[Record | Rejection] = []
        size = 0
        try:
            for item in self._items:
                found.append(item)
                size += self.last_size()
                count -= 1
                done = count <= 0 and self.at_record_start and self._has_fast_path
                if done or len(found) >= MAX_CHUNK_RECORDS or size >= MAX_CHUNK_SIZE:
                    yield found, size
                    found, size = [], 0
                if done:
                    return True
        except Exception:  # what was read before it comes first
            if found:
                yield found, size
            raise
        if found:
            yield found, size
        return False
