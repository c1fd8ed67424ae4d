"""Apache Parquet: batches of rows, by pyarrow → lines of JSON → records, as of JSONL.

pyarrow reads a row group page by page, so that its size costs no memory. Each row becomes the line of JSON
that it would be in JSONL, and is read as such a line. The next lines are made in a thread meanwhile.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from importlib import import_module
from itertools import islice
from typing import Any, Final

from importer.errors import SourceError
from importer.reading import Attention, Dialect, FormatName
from importer.source.files import open_seekable
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_rows import RowsReader
from importer.source.formats.parquet_values import json_lines
from importer.source.kept_lines import KEPT_LINES, PieceStream, keeping
from importer.source.oversized import OversizedSink
from importer.source.raw import DiskFile
from importer.source.read_ahead import ReadAhead
from importer.source.spool_room import current_room
from importer.text import counted, quoted

_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_BATCH_SIZE: Final = 1 << 20  # bytes of rows that are decoded at once, about
_MOST_TOGETHER: Final = 1 << 18  # bytes of row groups that are decoded together, and again if one is damaged
_MOST_ROWS: Final = 1 << 13
_MOST_MADE: Final = 1 << 22  # bytes that they are as lines, about
_ROWS_OF_LINES: Final = 1 << 12  # rows of which lines are made at once
_MOST_SOUGHT: Final = 128  # rows that are read at once where one is damaged
_MOST_TRIED: Final = 16  # rows that are read to see how long they are
_LARGE_CHUNK: Final = 1 << 16  # bytes of a column in a row group
_BUFFER_SIZE: Final = 1 << 16  # bytes of a column that are read at once
_MOST_NAMED: Final = 5
_COPY_AGAIN: Final = "Copy or download the file again."
_CONTROLS: Final = frozenset({*range(9), *range(14, 27)})

# Of pyarrow's own pools, one keeps 60 MB that are not needed any more, even where another is set later.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class ParquetReader(RowsReader):
    """Records and rejections of a Parquet file, in the order of the file; read once.

    Args:
        file: The file, which is read at any place.
        oversized: Where the bytes of a record go that is too long to be held, as a line of JSON.

    Raises:
        BrokenSourceError: It is no Parquet file, or is damaged.
    """

    def __init__(self, file: io.BufferedIOBase, oversized: OversizedSink) -> None:
        raw = getattr(file, "raw", None)
        self._version = raw.version if isinstance(raw, DiskFile) else None
        self._batches: Iterator[Sequence[bytes]] = iter(())
        self._pieces: io.BufferedIOBase
        found = KEPT_LINES.get(self._version)
        if found is not None:
            self._rows = found.rows
            self._pieces = PieceStream(found.pieces())
        else:
            parquet = _open(file)
            self._rows = parquet.metadata.num_rows
            self._batches = _batches(parquet)
            self._pieces = ReadAhead(self._made())
        super().__init__(self._pieces, oversized=oversized)

    def keep_lines(self) -> None:
        """As in `RecordReader`."""
        if self._version is not None:
            self._batches = keeping(self._batches, self._version, self._rows, current_room())

    def _made(self) -> Iterator[Sequence[bytes]]:
        yield from self._batches

    def share_read(self) -> float:
        """Return how many of the rows have been read, from 0 to 1."""
        return self.row / self._rows if self._rows else 1.0

    def close(self) -> None:
        """End the thread that reads ahead, if there is one."""
        self._pieces.close()


def _arrow() -> Any:
    """Return pyarrow, which takes memory from the system even if it was imported by others before."""
    arrow = import_module("pyarrow")
    arrow.set_memory_pool(arrow.system_memory_pool())
    return arrow


def _open(file: io.BufferedIOBase) -> Any:
    """Return pyarrow's reader of a file.

    Raises:
        BrokenSourceError: It can't be read.
    """
    arrow = _arrow()
    parquet = import_module("pyarrow.parquet")
    try:
        return parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_SIZE)
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise BrokenSourceError(f"its footer can't be read: {_first_line(error)}", _COPY_AGAIN) from error


def _batches(parquet: Any) -> Iterator[list[bytes]]:
    """Yield the rows of a file as lines of JSON, in pieces.

    Raises:
        BrokenSourceError: The file is damaged.
    """
    arrow, metadata = _arrow(), parquet.metadata
    damage = (arrow.ArrowException, OSError, ValueError)
    sizes = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
    size = max(1, sum(sizes) // max(1, metadata.num_rows))  # of a row
    rows = max(1, min(_MOST_ROWS, _BATCH_SIZE // size))
    row = 0
    for groups in _read_together(metadata, max(1, min(_ROWS_OF_LINES, _MOST_TOGETHER // size))):
        first, at_once = row, min(rows, _MOST_TRIED)
        try:
            at_once = _rows_at_once(parquet, groups, rows)
            for lines, count in _lines_of(parquet, groups, at_once):
                yield lines
                row += count
        except damage:
            at_once = min(at_once, _MOST_SOUGHT)
            row = yield from _lines_to_damage(parquet, groups, at_once, (first, row), damage)


def _lines_of(
    parquet: Any, groups: Sequence[int], at_once: int, skipped: int = 0
) -> Iterator[tuple[list[bytes], int]]:
    """Yield the lines of row groups, from a row of them on, and of how many rows each of these lists is."""
    for batch in parquet.iter_batches(batch_size=at_once, row_groups=groups, use_threads=False):
        for start in range(min(skipped, batch.num_rows), batch.num_rows, _ROWS_OF_LINES):
            part = batch.slice(start, _ROWS_OF_LINES)
            yield json_lines(part), part.num_rows
        skipped = max(0, skipped - batch.num_rows)


def _lines_to_damage(
    parquet: Any,
    groups: Sequence[int],
    at_once: int,
    rows: tuple[int, int],
    damage: tuple[type[Exception], ...],
) -> Generator[list[bytes], None, int]:
    """Yield what can be read of row groups that can't be read together: one by one, in short steps.

    Returns:
        How many rows of the file were yielded by then, if all of them can be read so.

    Args:
        parquet: The file.
        groups: The row groups.
        at_once: How many rows are read at once, which are lost if one of them is damaged.
        rows: How many rows stand ahead of the groups; and how many of the file were yielded.
        damage: What pyarrow raises.

    Raises:
        BrokenSourceError: A row group is damaged: the first one is named.
    """
    begin, row = rows
    for group in groups:
        try:
            for lines, count in _lines_of(parquet, [group], at_once, max(0, row - begin)):
                yield lines
                row += count
        except damage as error:
            raise BrokenSourceError(
                f"the rows from {row + 1:,} on can't be read (row group {group + 1:,} of "
                f"{parquet.metadata.num_row_groups:,}): {_first_line(error)}",
                _COPY_AGAIN,
            ) from error
        begin += parquet.metadata.row_group(group).num_rows
    return row


def _read_together(metadata: Any, rows: int) -> Iterator[list[int]]:
    """Yield row groups one by one; small ones together, up to a batch of so many rows."""
    groups: list[int] = []
    count = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        count += metadata.row_group(group).num_rows
        if count >= rows:
            yield groups
            groups, count = [], 0
    if groups:
        yield groups


def _rows_at_once(parquet: Any, groups: list[int], rows: int) -> int:
    """Return how many rows to read at once: fewer where the first ones are long.

    A text that many rows share stands once in the file, so that its size says little of that of its rows.
    """
    metadata = parquet.metadata.row_group(groups[0])
    chunks = map(metadata.column, range(metadata.num_columns))
    large = [each.path_in_schema for each in chunks if each.total_uncompressed_size > _LARGE_CHUNK]
    if not large:
        return rows
    tried = parquet.iter_batches(_MOST_TRIED, row_groups=groups[:1], columns=large, use_threads=False)
    sizes = (sum(map(len, json_lines(batch))) // max(1, batch.num_rows) for batch in islice(tried, 1))
    size = max(sizes, default=0)
    return max(1, min(rows, _MOST_MADE // max(1, size)))


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


def _recognizes(head: SourceHead, _named: AbstractSet[FormatName]) -> bool:
    # A header of CSV may begin with these letters; behind them, a Parquet file has control characters.
    magic, below = head.data[:4], head.data[4:64]
    return magic in (_MAGIC, _ENCRYPTED) and (not below or not _CONTROLS.isdisjoint(below))


def _detect(head: SourceHead, _options: DialectOptions) -> DetectedFormat:
    path = head.path
    if head.data[:4] == _ENCRYPTED:
        raise SourceError(f"{path} is an encrypted Parquet file.", "Export it without encryption.")
    if head.data[:4] != _MAGIC:
        raise SourceError(
            f"{path} is no Parquet file: one begins with PAR1.", "Leave --format out, or name another."
        )
    file = open_seekable(path, head.compression)[0]
    with file:
        file.seek(0, io.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - 4))
        end = file.read()
        if end == _ENCRYPTED:
            raise SourceError(f"{path} is an encrypted Parquet file.", "Export it without encryption.")
        if end != _MAGIC or size < 12:  # noqa: PLR2004 - twice the magic, and the size of the footer
            raise SourceError(
                f"{path} is cut short: a Parquet file ends with its footer, and PAR1 behind it.", _COPY_AGAIN
            )
        file.seek(0)
        schema = _open(file).schema_arrow
    return DetectedFormat(Dialect("parquet", head.compression), tuple(schema.names), _attention(schema))


def _attention(schema: Any) -> tuple[Attention, ...]:
    """Return what a person might not expect of the types of columns."""
    types = import_module("pyarrow").types
    binary = [
        field.name
        for field in schema
        if types.is_binary(field.type)
        or types.is_large_binary(field.type)
        or types.is_fixed_size_binary(field.type)
    ]
    if not binary:
        return ()
    named = ", ".join(map(quoted, binary[:_MOST_NAMED])) + (", …" if len(binary) > _MOST_NAMED else "")
    text = (
        f"{counted(len(binary), 'column')} of bytes become{'s' if len(binary) == 1 else ''} base64: {named}"
    )
    return (Attention.of("binary", text),)


def _open_reader(
    file: io.BufferedIOBase, _dialect: Dialect, _columns: tuple[str, ...], oversized: OversizedSink
) -> ParquetReader:
    return ParquetReader(file, oversized)


FORMAT: Final = Format(
    name="parquet",
    title="Parquet",
    extensions=(".parquet", ".pq"),
    has_cells=False,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
    binary=True,
    seekable=True,
    copies="jsonl",
    extra="parquet",
    modules=("pyarrow",),
)
