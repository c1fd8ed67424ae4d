"""A source: its records in order, and how far it has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from importer.errors import SourceError
from importer.model import Dialect, Fingerprint, Record, Rejection
from importer.source.blocks import MAX_RECORDS, MAX_SIZE, in_blocks
from importer.source.encoding import BOM, ignore, known_encoding
from importer.source.files import cannot_read, open_binary, open_raw
from importer.source.fingerprint import HashedFile
from importer.source.formats.csv import LIMIT, CsvReader
from importer.source.formats.jsonl import LIMIT as LINE_LIMIT
from importer.source.formats.jsonl import JsonlReader
from importer.source.header import column_names
from importer.source.lines import ByteLines, TextLines
from importer.text import escaped_cut

_Part = TypeVar("_Part")


class Source:
    """A file that is being read; a context manager, to be iterated once.

    Args:
        path: The file.
        dialect: How its bytes become records.
        columns: The names that its header has to give (CSV).
        keep: Gets a record that is too long to hold in pieces (text for CSV, bytes for JSONL), each
            with the record's row.
        hashed: True if `fingerprint` will be asked for: the bytes on disk are hashed as they are read.

    Attributes:
        size: Bytes on disk.
        header: The text of the header as it stands in the file (CSV).

    Raises:
        SourceError: It can't be read, or its header names other columns.
    """

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        columns: tuple[str, ...],
        *,
        keep: Callable[[int, Any], object] = ignore,
        hashed: bool = False,
    ) -> None:
        self._path = path
        encoding = known_encoding(dialect.encoding)
        self._hashed = open_raw(path, HashedFile) if hashed else None
        binary, self._disk = open_binary(path, dialect.compression, self._hashed)
        self._file = binary
        self._reader: CsvReader | JsonlReader
        if not dialect.has_cells:
            self._reader = JsonlReader(ByteLines(binary, LINE_LIMIT), keep=keep)
        else:
            text = TextLines(binary, encoding, LIMIT)
            width, header = len(columns), dialect.header
            self._reader = CsvReader(
                text, dialect.delimiter, width, quote=dialect.quote, header=header, keep=keep
            )
        self.size = self._disk.size
        self.header = ""
        self._at_end = False
        self._one_by_one = iter(self._reader)
        self._items = self._translated(self._one_by_one)
        if dialect.has_cells and dialect.header:
            self._read_header(columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def lines(self) -> Sequence[str] | Sequence[bytes]:
        """The physical lines of the last item, until the next is read; none if it was too long."""
        return self._reader.lines

    def position(self) -> int:
        """Bytes on disk read so far; never less than before, `size` at the end."""
        return self.size if self._at_end else min(self._disk.position(), self.size)

    def fingerprint(self) -> Fingerprint:
        """Return what `take_fingerprint` returns for the file, of the bytes that were read.

        What is left of the file is read first: bytes behind a compressed stream, and records that nobody
        asked for. Call it once the records are read, before the source is closed: no record can be read
        after it.

        Raises:
            SourceError: The file can't be read, or it has changed since it was opened.
            ValueError: The source was opened without ``hashed``, or is closed.
        """
        if self._hashed is None:
            raise ValueError("the source was not opened with hashed=True")
        return self._hashed.fingerprint()

    def items(self) -> Iterator[Record | Rejection]:
        """Records and rejections, one by one.

        Raises:
            SourceError: The file can't be read on.
        """
        return self._items

    def chunks(self) -> Iterator[Sequence[Record | Rejection]]:
        """What `items` gives, many at once: lists of `MOST` at most, or a `speedups.Block`.

        What was read before an error comes first.

        Raises:
            SourceError: The file can't be read on.
        """
        chunk: list[Record | Rejection] = []
        size = 0
        try:
            for items, item_size in self._translated(in_blocks(self._reader, self._one_by_one)):
                if not isinstance(items, list):
                    if chunk:
                        yield chunk
                        chunk, size = [], 0
                    if items:
                        yield items
                    continue
                chunk += items
                size += item_size
                while len(chunk) >= MAX_RECORDS:
                    yield chunk[:MAX_RECORDS]
                    chunk, size = chunk[MAX_RECORDS:], 0
                if chunk and size >= MAX_SIZE:
                    yield chunk
                    chunk, size = [], 0
        except SourceError:
            if chunk:
                yield chunk
            raise
        if chunk:
            yield chunk

    def _translated(self, parts: Iterator[_Part]) -> Iterator[_Part]:
        try:
            yield from parts
        except (SourceError, UnicodeError) as error:
            cause = error if isinstance(error, SourceError) else cannot_read(self._path, error)
            row = max(self._reader.row, 0)
            raise SourceError(f"{cause.message} {row:,} records were read before.", cause.remedy) from error
        self._at_end = True

    def _read_header(self, columns: tuple[str, ...]) -> None:
        """Take the header off, and make sure that it is the one that the reading was made for."""
        try:
            item = next(self._items, None)
            cells = item.values if isinstance(item, Record) else ()
            found = column_names(self._path, tuple(cells))
        except SourceError:
            self.close()
            raise
        if found != columns:
            self.close()
            raise SourceError(
                f"{self._path}: the header doesn't name the expected {len(columns)} columns "
                f"({escaped_cut(', '.join(columns))}).",
                "Give the file that these columns were taken from.",
            )
        mark = BOM if self._reader.bom else ""
        self.header = mark + "".join(map(str, self._reader.lines))


def open_source(path: Path, dialect: Dialect, columns: tuple[str, ...], *, hashed: bool = False) -> Source:
    """A source that is ready to be read.

    Args:
        path: The file.
        dialect: As `detect` found it or the manifest holds it.
        columns: Likewise.
        hashed: True if `Source.fingerprint` will be asked for.

    Raises:
        SourceError: It can't be read, or its header names other columns.
    """
    return Source(path, dialect, columns, hashed=hashed)
