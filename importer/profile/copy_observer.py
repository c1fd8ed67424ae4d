"""Records of equal bytes, which are found before anything is sent."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, compress
from typing import Any, Final

import orjson

from importer import speedups
from importer.model import Record
from importer.profile.chunk import ColumnarChunk
from importer.profile.copies import Copies, CopyCounter, copies_remedy, keeps_copies_apart
from importer.profile.hashing import hash_texts
from importer.reading import Attention, Reading
from importer.text import counted

_MOST_HELD: Final = 2_000
_LINES_OF_STYLE: Final = 10


class CopyObserver:
    """Counts records of equal bytes.

    Of a `speedups.Block` the bytes are hashed. A record of a list has none any more: they are made again, as
    most programs write them.

    Args:
        reading: How the source is read.
        counter: Counts them; several observers may share it, one after the other.
        salt: A number that makes records differ from those that were counted with another one.
    """

    def __init__(self, reading: Reading, counter: CopyCounter, salt: int = 0) -> None:
        self._reading = reading
        self._counter = counter
        self._salt = salt
        self._wanted = not keeps_copies_apart(reading)
        self._text_of: Callable[[Any], str] = _compact
        if reading.dialect.has_cells:
            self._text_of = partial(_csv_text, reading.dialect.delimiter, reading.dialect.quote)
        self._source: str | None = None
        self._held: list[Record] = []  # at the beginning of a source of JSON, until its style is known
        self._knows_style = True

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if not self._wanted or not chunk.records:
            return
        if chunk.source != self._source:
            self.finish()
            self._source, self._knows_style = chunk.source, self._reading.dialect.has_cells
            if not self._knows_style:
                self._text_of = _compact
        items = chunk.items
        if not speedups.COMPILED or not isinstance(items, speedups.Block):
            self._held += [item for item in items if type(item) is Record]
            if self._knows_style or len(self._held) > _MOST_HELD:
                self.finish()
            return
        if not self._knows_style:
            self._text_of, self._knows_style = _style_of(items.data), True
        self.finish()
        hashes = self._salted(speedups.hash_records(items))
        if chunk.records < items.records:  # some lines are no record
            are_records = [type(items.record(place)) is Record for place in range(items.records)]
            hashes = array("Q", compress(array("Q", hashes), are_records)).tobytes()
            rows = list(compress(chain.from_iterable(items.rows()), are_records))
            self._counter.add(hashes, rows.__getitem__, chunk.source)
            return
        at = 0
        for each in items.rows():
            end = at + 8 * len(each)
            self._counter.add(hashes[at:end], each, chunk.source)
            at = end

    def finish(self) -> None:
        """Count what was observed and is not counted yet: at the end of a source, or of all."""
        if not self._held:
            return
        texts = [self._written(record) for record in self._held]
        rows = [record.row for record, text in zip(self._held, texts, strict=True) if text]
        self._held = []
        hashes = self._salted(hash_texts(list(filter(None, texts))))
        self._counter.add(hashes, rows.__getitem__, self._source or "")

    def _salted(self, hashes: bytes) -> bytes:
        if not self._salt or not hashes:
            return hashes
        size = len(hashes)
        salt = int.from_bytes(self._salt.to_bytes(8) * (size // 8))
        return (int.from_bytes(hashes) ^ salt).to_bytes(size)

    def _written(self, record: Record) -> str:
        """Return a record as text; empty if it can't be written, so that it is invalid, too."""
        try:
            return self._text_of(record.values)
        except (TypeError, ValueError, RecursionError):  # orjson's errors are TypeErrors
            return ""


def copies_attention(found: Copies, reading: Reading) -> list[Attention]:
    """Return what the owner of sources should know of their copies."""
    if not found.count:
        return []
    at_least = "" if found.complete else "at least "
    some = "is a copy of another" if found.count == 1 else "are copies of others"
    text = (
        f"{at_least}{found.count:,} of {counted(found.records, 'record')} {some}, so Mixpanel keeps one"
        " of each"
    )
    return [Attention.of("copies", text, copies_remedy(reading), count=found.count, rows=found.rows)]


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
