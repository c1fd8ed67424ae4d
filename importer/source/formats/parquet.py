"""Apache Parquet: batches of rows, by pyarrow → lines of JSON → records, as of JSONL.

pyarrow reads a row group page by page, so that its size costs no memory. Each row becomes the line of JSON
that it would be in JSONL, and is read as such a line. The next lines are made in a thread meanwhile.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from importlib import import_module
from typing import Any, Final

from importer.errors import SourceError
from importer.reading import Attention, Dialect, FormatName
from importer.source.files import open_seekable
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_rows import RowsReader
from importer.source.formats.parquet_values import json_lines
from importer.source.oversized import OversizedSink
from importer.source.read_ahead import ReadAhead
from importer.text import counted, quoted

_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_BATCH_SIZE: Final = 1 << 18  # bytes of rows that are made at once, about
_MOST_ROWS: Final = 4096
_BUFFER_SIZE: Final = 1 << 16  # bytes of a column that are read at once
_MOST_NAMED: Final = 5
_COPY_AGAIN: Final = "Copy or download the file again."
_CONTROLS: Final = frozenset({*range(9), *range(14, 27)})


class ParquetReader(RowsReader):
    """Records and rejections of a Parquet file, in the order of the file; read once.

    Args:
        file: The file, which is read at any place.
        oversized: Where the bytes of a record go that is too long to be held, as a line of JSON.

    Raises:
        BrokenSourceError: It is no Parquet file, or is damaged.
    """

    def __init__(self, file: io.BufferedIOBase, oversized: OversizedSink) -> None:
        parquet = _open(file)
        self._rows = parquet.metadata.num_rows
        self._ahead = ReadAhead(_batches(parquet))
        super().__init__(self._ahead, oversized=oversized)

    def share_read(self) -> float:
        """Return how many of the rows have been read, from 0 to 1."""
        return self.row / self._rows if self._rows else 1.0

    def close(self) -> None:
        """End the thread that reads ahead."""
        self._ahead.close()


def _open(file: io.BufferedIOBase) -> Any:
    """Return pyarrow's reader of a file.

    Raises:
        BrokenSourceError: It can't be read.
    """
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    arrow.set_memory_pool(arrow.system_memory_pool())  # gives back what it does not need any more
    try:
        return parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_SIZE)
    except (arrow.ArrowException, OSError) as error:
        raise BrokenSourceError(f"its footer can't be read: {_first_line(error)}", _COPY_AGAIN) from error


def _batches(parquet: Any) -> Iterator[list[bytes]]:
    """Yield the rows of a file as lines of JSON, in pieces.

    Raises:
        BrokenSourceError: The file is damaged.
    """
    arrow, metadata = import_module("pyarrow"), parquet.metadata
    groups = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
    size = max(1, sum(groups) // max(1, metadata.num_rows))  # of a row
    row, rows = 0, max(1, min(_MOST_ROWS, _BATCH_SIZE // size))
    try:
        for batch in parquet.iter_batches(batch_size=rows, use_threads=False):
            yield json_lines(batch)
            row += batch.num_rows
    except (arrow.ArrowException, OSError) as error:
        raise BrokenSourceError(
            f"the rows from {row + 1:,} on can't be read: {_first_line(error)}", _COPY_AGAIN
        ) from error


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
        try:
            schema = _open(file).schema_arrow
        except BrokenSourceError as error:
            raise SourceError(f"{path}: {error.problem}.", error.remedy) from error
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
