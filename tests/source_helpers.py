"""What the tests of reading share."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import zstandard
from hypothesis import settings

from importer.model import Record, Rejection
from importer.reading import Dialect, LineEnd
from importer.source.detect import detect_source
from importer.source.encoding import error_handler
from importer.source.formats.csv import MAX_RECORD_SIZE, CsvReader
from importer.source.formats.json_item import MAX_LINE_SIZE
from importer.source.formats.jsonl import JsonlReader
from importer.source.lines import ByteLines, TextLines
from importer.source.members import SourcePath
from importer.source.reader import open_source

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


no_deadline = settings(deadline=None)
"""No deadline for an example: a busy machine is no defect."""


def write(folder: Path, content: bytes | str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def make_zip(path: Path, content: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return path


def make_tar(
    path: Path, content: Mapping[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT
) -> Path:
    with tarfile.open(path, mode, format=form) as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5
            file.addfile(info, io.BytesIO(data))
    return path


class PiecewiseFile(io.BufferedIOBase):
    """A file whose reads return certain pieces; may fail after the last."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None) -> None:
        self._pieces = iter(pieces)
        self._error = error

    def read1(self, _: int = -1) -> bytes:
        piece = next(self._pieces, b"")
        if self._error and not piece:
            raise self._error
        return piece


def text_lines(
    file: io.BufferedIOBase,
    encoding: str = "utf-8",
    limit: int = MAX_RECORD_SIZE,
    line_end: LineEnd = "any",
) -> TextLines:
    return TextLines(file, encoding, error_handler(encoding), limit, line_end)


def csv_reader(file: io.BufferedIOBase, width: int, encoding: str = "utf-8", **dialect: Any) -> CsvReader:
    """A reader of CSV, which has no header unless the dialect says so."""
    given = Dialect("csv", encoding=encoding, **{"header": False, **dialect})
    return CsvReader(text_lines(file, encoding, line_end=given.line_end), given, width)


def read_csv(
    content: bytes | str, width: int, *, encoding: str = "utf-8", **dialect: Any
) -> list[Record | Rejection]:
    """All items of CSV without a header, read one by one and in blocks."""
    data = content.encode(encoding) if isinstance(content, str) else content

    def reader() -> CsvReader:
        return csv_reader(io.BytesIO(data), width, encoding, **dialect)

    items = list(reader())
    assert in_one_list(reader()) == items
    return items


def read_jsonl(content: bytes | str) -> list[Record | Rejection]:
    """All items of lines of JSON, read one by one and in blocks."""
    data = content.encode() if isinstance(content, str) else content

    def reader() -> JsonlReader:
        return JsonlReader(ByteLines(io.BytesIO(data), MAX_LINE_SIZE))

    items = list(reader())
    assert in_one_list(reader()) == items
    return items


def in_one_list(reader: CsvReader | JsonlReader) -> list[Record | Rejection]:
    """All items of a reader, read in chunks."""
    return [item for chunk in reader.chunks() for item in chunk]


def read_file(
    path: SourcePath, dialect: Dialect | None = None, columns: tuple[str, ...] = ()
) -> list[Record | Rejection]:
    """All items of a file, as it is detected if no dialect is given."""
    if dialect is None:
        found = detect_source(path)
        dialect, columns = found.dialect, found.columns
    with open_source(path, dialect, columns) as source:
        return [item for chunk in source.chunks() for item in chunk]


def places(items: list[Record | Rejection]) -> list[tuple[str, int, int]]:
    """Kind, row and line of each."""
    return [(type(item).__name__, item.row, item.line) for item in items]


def only_rejection(items: list[Record | Rejection]) -> Rejection:
    (found,) = (item for item in items if isinstance(item, Rejection))
    return found
