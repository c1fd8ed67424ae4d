"""Records of equal bytes, which are found before anything is sent."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any, Final, Self

import orjson

from importer import speedups
from importer.model import Record
from importer.profile.chunk import ColumnarChunk
from importer.profile.copies import CopyCounter, copies_remedy, keeps_copies_apart
from importer.profile.hashing import hash_texts
from importer.reading import Attention, Reading
from importer.text import counted

_MOST_HELD: Final = 2_000
_LINES_OF_STYLE: Final = 10


class CopyObserver:
    """Counts records of equal bytes. Use it as a context manager: it has temporary files.

    Of a `speedups.Block` the bytes are hashed. A record of a list has none any more: they are made again, as
    most programs write them.

    Args:
        reading: How the source is read.
        folder: As for `Spill`.
    """

    def __init__(self, reading: Reading, folder: Path | None = None) -> None:
        self._reading = reading
        self._counter = CopyCounter(folder)
        self._wanted = not keeps_copies_apart(reading)
        self._text_of: Callable[[Any], str] = _compact
        if reading.dialect.has_cells:
            self._text_of = partial(_csv_text, reading.dialect.delimiter, reading.dialect.quote)
        self._source: str | None = None
        self._held: list[Record] = []  # at the beginning of a source of JSON, until its style is known
        self._knows_style = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *arguments: object) -> None:
        self._counter.__exit__(*arguments)

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if not self._wanted or not chunk.records:
            return
        if chunk.source != self._source:
            self._add_held()
            self._source, self._knows_style = chunk.source, self._reading.dialect.has_cells
        items = chunk.items
        if not speedups.COMPILED or not isinstance(items, speedups.Block):
            self._held += [item for item in items if type(item) is Record]
            if self._knows_style or len(self._held) > _MOST_HELD:
                self._add_held()
            return
        if not self._knows_style:
            self._text_of, self._knows_style = _style_of(items.data), True
        self._add_held()
        hashes = speedups.hash_records(items)
        if chunk.records < items.records:  # some lines are no record
            are_records = [type(item) is Record for item in items]
            hashes = array("Q", compress(array("Q", hashes), are_records)).tobytes()
            rows = list(compress(range(items.row, items.row + len(items)), are_records))
            self._counter.add(hashes, rows.__getitem__, chunk.source)
            return
        at = 0
        for each in items.rows():
            end = at + 8 * len(each)
            self._counter.add(hashes[at:end], each, chunk.source)
            at = end

    def _add_held(self) -> None:
        if not self._held:
            return
        texts = [self._written(record) for record in self._held]
        rows = [record.row for record, text in zip(self._held, texts, strict=True) if text]
        self._held = []
        self._counter.add(hash_texts(list(filter(None, texts))), rows.__getitem__, self._source or "")

    def _written(self, record: Record) -> str:
        """Return a record as text; empty if it can't be written, so that it is invalid, too."""
        try:
            return self._text_of(record.values)
        except (TypeError, ValueError, RecursionError):  # orjson's errors are TypeErrors
            return ""

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`. Nothing can be observed afterwards."""
        self._add_held()
        found = self._counter.result()
        if not found.count:
            return []
        at_least = "" if found.complete else "at least "
        some = "is a copy of another" if found.count == 1 else "are copies of others"
        text = (
            f"{at_least}{found.count:,} of {counted(found.records, 'record')} {some}, so Mixpanel keeps one"
            " of each"
        )
        remedy = copies_remedy(self._reading)
        return [Attention.of("copies", text, remedy, count=found.count, rows=found.rows)]


# ── the text of a record ─────────────────────────────────────────────────────────────────────────


def _csv_text(delimiter: str, quote: str, cells: Sequence[str]) -> str:
    """Return a record of CSV in which only those cells are quoted that must be."""
    text = delimiter.join(cells)
    marks = text.count(delimiter) + text.count("\n") + text.count("\r")
    if marks == len(cells) - 1 and (not quote or quote not in text):
        return text or 2 * quote  # a single empty cell: without quotes it would be a blank line
    marked = (delimiter, quote, "\n", "\r") if quote else ()
    return delimiter.join(
        f"{quote}{cell.replace(quote, 2 * quote)}{quote}" if any(map(cell.__contains__, marked)) else cell
        for cell in cells
    )


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode()


_STYLES: Final[Sequence[Callable[[Any], str]]] = (
    _compact,
    json.dumps,
    partial(json.dumps, ensure_ascii=False),
    partial(json.dumps, separators=(",", ":")),
)
"""How programs write JSON: with blanks or without, and with other letters than those of ASCII or escapes."""


def _style_of(data: bytes) -> Callable[[Any], str]:
    """Return what writes JSON as the first lines of a block are written."""
    for line in data.split(b"\n", _LINES_OF_STYLE)[:_LINES_OF_STYLE]:
        try:
            text, value = line.decode().strip(), orjson.loads(line)
            for style in _STYLES:
                if style(value) == text:
                    return style
        except (TypeError, ValueError, RecursionError):
            continue
    return _compact
