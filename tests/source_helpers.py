"""What the tests of reading share."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import zstandard
from hypothesis import settings

from importer.model import Dialect, Record, Rejection
from importer.source import detect, open_source
from importer.source.csv import CsvReader
from importer.source.jsonl import JsonlReader
from importer.source.text import open_text

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


unhurried = settings(deadline=None)
"""Examples may take their time: a machine that is busy with other things is no defect."""


def write(folder: Path, content: bytes | str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_csv(
    content: bytes | str, width: int, *, delimiter: str = ",", encoding: str = "utf-8"
) -> list[Record | Rejection]:
    """All items of CSV without a header."""
    data = content.encode(encoding) if isinstance(content, str) else content
    with open_text(io.BytesIO(data), encoding) as text:
        return list(CsvReader(text, delimiter, width))


def read_jsonl(content: bytes | str) -> list[Record | Rejection]:
    data = content.encode() if isinstance(content, str) else content
    return list(JsonlReader(io.BytesIO(data)))


def read_file(
    path: Path, dialect: Dialect | None = None, columns: tuple[str, ...] = ()
) -> list[Record | Rejection]:
    """All items of a file, as it is detected if no dialect is given."""
    if dialect is None:
        found = detect(path)
        dialect, columns = found.dialect, found.columns
    with open_source(path, dialect, columns) as source:
        return [item for chunk in source.chunks() for item in chunk]


def places(items: list[Record | Rejection]) -> list[tuple[str, int, int]]:
    """Kind, row and line of each."""
    return [(type(item).__name__, item.row, item.line) for item in items]


def only_rejection(items: list[Record | Rejection]) -> Rejection:
    (found,) = (item for item in items if isinstance(item, Rejection))
    return found
