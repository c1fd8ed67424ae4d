"""JSONL: lines of bytes → records, by orjson."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import chain
from typing import Final

from importer import speedups
from importer.model import Record, Rejection
from importer.reading import Dialect, FormatName
from importer.source.format import DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_item import MAX_LINE_SIZE, OVERSIZED, read_item
from importer.source.formats.json_layout import begins_as_json, is_array, refuse_other_layouts
from importer.source.line_reader import NOT_PARSED, LineReader, ParsedBlock
from importer.source.lines import ByteLines
from importer.source.oversized import OversizedSink, discard

_END_OF_TEXT: Final = partial(speedups.end_of_text, nul=True) if speedups.COMPILED else None
_BOM: Final = b"\xef\xbb\xbf"
_OF_JSON: Final = {"json", "jsonl"}
_OBJECT_LINE: Final = re.compile(r"^\s*\{", re.MULTILINE)


class JsonlReader(LineReader[bytes]):
    """Records and rejections of lines of JSON, in order; read once, one by one or in chunks.

    Args:
        source: The lines of bytes.
        oversized: Where the bytes of a line longer than `MAX_LINE_SIZE` go.
    """

    def __init__(self, source: ByteLines, *, oversized: OversizedSink = discard) -> None:
        super().__init__(source, 0, oversized, _END_OF_TEXT)
        self._readline = partial(source.readline, MAX_LINE_SIZE + 1)

    def parse_block(self, data: bytes, start: int, stop: int) -> ParsedBlock:
        """Return the items of some lines, up to the first that must go the slow path."""
        if stop - start > MAX_LINE_SIZE:
            return NOT_PARSED
        read = read_item if self.fit is None else partial(read_item, fit=self.fit)
        block, taken = speedups.cut_lines(data, self.row + 1, self.line + 1, read, start=start, stop=stop)
        return ParsedBlock(block, taken, block.end, defers=False)

    def _encode(self, part: bytes) -> bytes:
        return part

    def _read_items(self) -> Iterator[Record | Rejection]:
        lines = self.lines
        for line in self._read_lines():
            self.line += 1
            if line is OVERSIZED:
                lines.clear()
            elif line.isspace():
                continue
            else:
                lines[:] = (line,)
            self.row += 1
            yield read_item(self.row, self.line, line, self.fit)

    def _read_lines(self) -> Iterator[bytes]:
        """Yield the lines without the byte order mark; `OVERSIZED` for one that is too long to be held."""
        first = self.source.readline(MAX_LINE_SIZE + 1 + len(_BOM))
        self.at_record_start = True  # every line is, once the byte order mark is off
        first = first.removeprefix(_BOM)
        for line in chain(filter(None, (first,)), iter(self._readline, b"")):
            if len(line) > MAX_LINE_SIZE:
                self._skip(line)
                yield OVERSIZED
            else:
                yield line

    def _skip(self, piece: bytes) -> None:
        """Read an oversized line to its end without holding it.

        Args:
            piece: The beginning of the line.
        """
        self._pass_on(piece)
        while not piece.endswith(b"\n") and (piece := self._readline()):
            self._pass_on(piece)


def _recognizes(head: SourceHead, named: AbstractSet[FormatName]) -> bool:
    """By the first character, and by the name of the file where that leaves a doubt."""
    text = head.text
    if is_array(text):
        return True
    if text.lstrip().startswith("{"):
        return begins_as_json(text) or named <= _OF_JSON
    return bool(named & _OF_JSON) and bool(_OBJECT_LINE.search(text))


def _detect(head: SourceHead, _options: DialectOptions) -> DetectedFormat:
    refuse_other_layouts(head, "JSONL")
    return DetectedFormat(Dialect("jsonl", head.compression), ())


def _open_reader(
    file: io.BufferedIOBase, _dialect: Dialect, _columns: tuple[str, ...], oversized: OversizedSink
) -> JsonlReader:
    return JsonlReader(ByteLines(file, MAX_LINE_SIZE), oversized=oversized)


FORMAT: Final = Format(
    name="jsonl",
    title="JSONL",
    extensions=(".jsonl", ".ndjson"),
    has_cells=False,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
    order=50,
    options=frozenset({"encoding"}),  # which must be UTF-8
)
