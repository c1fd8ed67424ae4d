"""Readers of formats whose records stand on lines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import AnyStr, Final, Generic, NamedTuple

from importer.source.item_reader import ItemReader, Items
from importer.source.lines import EndOfText, Lines
from importer.source.oversized import OversizedSink


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


class LineReader(ItemReader, Generic[AnyStr]):
    """Records and rejections of lines, in order; read once, one by one or in chunks.

    Args:
        source: The lines.
        row: Number of the item above the first.
        oversized: Where the bytes of a record go that is too long to be held.
        end_of_text: Finds where what `parse_block` can read ends; None if there is no fast path.

    Attributes:
        lines: Physical lines of the last item until the next is read; none if it was too long to be held.
    """

    def __init__(
        self, source: Lines[AnyStr], row: int, oversized: OversizedSink, end_of_text: EndOfText | None = None
    ) -> None:
        super().__init__(row, oversized, has_fast_path=end_of_text is not None)
        self.lines: list[AnyStr] = []
        self.source: Lines[AnyStr] = source
        self._end_of_text = end_of_text

    def last_size(self) -> int:
        """Return the size of the last item in characters or bytes; 0 if it was too long to be held."""
        return sum(map(len, self.lines))

    def last_bytes(self) -> bytes:
        """Return the last item as it stands in the decompressed file; empty if it was too long to be held."""
        return b"".join(map(self._encode, self.lines))

    @abstractmethod
    def parse_block(self, data: bytes, start: int, stop: int) -> ParsedBlock:
        """Return the items of some lines, up to the first that must go the slow path.

        Args:
            data: UTF-8 that holds the lines.
            start: Where the first begins, and with it a record.
            stop: Where the last ends.
        """

    @abstractmethod
    def _encode(self, part: AnyStr) -> bytes:
        """Return the bytes that a line, or part of one, has in the file."""

    def _pass_on(self, part: AnyStr) -> None:
        """Hand on part of an oversized record, which is the next item."""
        if write := self._oversized(self.row + 1):
            write(self._encode(part))

    def _fast_path(self) -> Iterator[tuple[Items, int]]:
        """Parse lines up to the first that must go the slow path."""
        source, end_of_text = self.source, self._end_of_text
        while end_of_text is not None and source.fill():
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
