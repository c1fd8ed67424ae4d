"""Readers of formats whose records stand on lines: a fast path for many of them, a slow path for one record.

The slow path looks at each record by itself and holds every rule. Most records need none of them: where they
begin and end can be seen at once, and the fast path finds all that stand in a buffer in one go. It stops at
the first of which it is not certain. The slow path takes that one, and the fast path goes on below it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import AnyStr, Final, Generic, NamedTuple

from importer.model import Record, Rejection
from importer.source.lines import EndOfText, Lines
from importer.source.oversized import OversizedSink

Items = Sequence[Record | Rejection]

MAX_CHUNK_RECORDS: Final = 500
"""Items in a list: of more at once, the first have left the processor's cache before they are used."""

MAX_CHUNK_SIZE: Final = 1 << 22
"""Characters or bytes of lines that fill a list, however few its items are."""


MAX_RECORDS_APART: Final = 64
"""Most records that the slow path takes before the fast path is tried again, where that finds none."""


class ParsedBlock(NamedTuple):
    """What the fast path made of some lines.

    Attributes:
        items: The items of the first of them.
        lines: How many lines these are.
        end: Where the last of them ends.
        defers: True if the line below them must go the slow path; False if parsing can go on there once more
            lines have been read.
    """

    items: Items
    lines: int
    end: int
    defers: bool


NOT_PARSED: Final = ParsedBlock([], 0, 0, defers=True)
"""The first line must go the slow path."""


class LineReader(ABC, Generic[AnyStr]):
    """Records and rejections of lines, in order; read once, one by one or in chunks.

    Args:
        source: The lines.
        row: Number of the item above the first.
        oversized: Where the bytes of a record go that is too long to be held.
        end_of_text: Finds where what `parse_block` can read ends; None if there is no fast path.

    Attributes:
        row: Number of the last item.
        line: Number of the physical line on which the last item starts.
        lines: Physical lines of the last item until the next is read; none if it was too long to be held.
        at_record_start: True if the next line begins a record, whatever stands above it.
    """

    def __init__(
        self, source: Lines[AnyStr], row: int, oversized: OversizedSink, end_of_text: EndOfText | None = None
    ) -> None:
        self.row = row
        self.line = 0
        self.lines: list[AnyStr] = []
        self.at_record_start = False
        self.source: Lines[AnyStr] = source
        self._oversized = oversized
        self._end_of_text = end_of_text
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

    def last_size(self) -> int:
        """Return the size of the last item in characters or bytes; 0 if it was too long to be held."""
        return sum(map(len, self.lines))

    def last_bytes(self) -> bytes:
        """Return the last item as it stands in the decompressed file; empty if it was too long to be held."""
        return b"".join(map(self._encode, self.lines))

    def share_read(self) -> float | None:
        """Return None: the place in the bytes of the file tells how much of it has been read."""
        return None

    @abstractmethod
    def parse_block(self, data: bytes, start: int, stop: int) -> ParsedBlock:
        """Return the items of some lines, up to the first that must go the slow path.

        Args:
            data: UTF-8 that holds the lines.
            start: Where the first begins, and with it a record.
            stop: Where the last ends.
        """

    @abstractmethod
    def _read_items(self) -> Iterator[Record | Rejection]:
        """Yield the items one by one: the slow path."""

    @abstractmethod
    def _encode(self, part: AnyStr) -> bytes:
        """Return the bytes that a line, or part of one, has in the file."""

    def _pass_on(self, part: AnyStr) -> None:
        """Hand on part of an oversized record, which is the next item."""
        if write := self._oversized(self.row + 1):
            write(self._encode(part))

    def _blocks(self) -> Iterator[tuple[Items, int]]:
        """Yield items, each time with the size of the lines that they were read from."""
        more = True
        failures = 0
        while more:
            if self.at_record_start and self._end_of_text:
                row = self.row
                yield from self._fast_path(self._end_of_text)
                failures = 0 if self.row > row else failures + 1
            more = yield from self._slow_path(min(1 << failures // 4, MAX_RECORDS_APART))

    def _fast_path(self, end_of_text: EndOfText) -> Iterator[tuple[Items, int]]:
        """Parse lines up to the first that must go the slow path."""
        source = self.source
        while source.fill():
            start, stop = source.at, source.end_of_text(end_of_text)
            parsed = self.parse_block(source.data, start, stop) if start < stop else NOT_PARSED
            if parsed.lines:
                self.row += len(parsed.items)
                self.line += parsed.lines
                source.at = parsed.end
                yield parsed.items, parsed.end - start
            if parsed.defers or not parsed.lines or stop < source.end:
                return
            if source.at < source.end and not source.read_more():
                return

    def _slow_path(self, count: int) -> Generator[tuple[Items, int], None, bool]:
        """Read some items one by one, and on until a record ends with the lines that were read for it.

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
                done = count <= 0 and self.at_record_start and self._end_of_text is not None
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
