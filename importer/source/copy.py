"""Records as they stand in their source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from importer.model import Dialect
from importer.source.encoding import encoder
from importer.source.reader import Source


def copy_records(
    path: Path,
    dialect: Dialect,
    columns: tuple[str, ...],
    rows: Iterable[int],
    out: BinaryIO,
) -> int:
    """Copy some records as they stand in the source: decompressed, in its encoding, under its header.

    Args:
        path: The source.
        dialect: How it is read.
        columns: Likewise.
        rows: Numbers of the records, in any order; they are copied in the source's.
        out: Where to.

    Returns:
        How many records were found and copied.

    Raises:
        SourceError: The source can't be read.
        OSError: ``out`` can't be written.
    """
    wanted = _bits(rows)
    encode = _encoder(dialect)

    def is_wanted(row: int) -> bool:
        return row >> 3 < len(wanted) and bool(wanted[row >> 3] >> (row & 7) & 1)

    def keep(row: int, piece: str | bytes) -> None:
        if is_wanted(row):
            out.write(encode(piece))

    copied = 0
    with Source(path, dialect, columns, keep=keep) as source:
        if source.header:
            out.write(encode(source.header))
        for item in source.items():
            if is_wanted(item.row):
                out.writelines(map(encode, source.lines))
                copied += 1
            if item.row >> 3 >= len(wanted):
                break
    return copied


def _bits(rows: Iterable[int]) -> bytearray:
    """A set of numbers, one bit each: as many records may have failed as there are."""
    bits = bytearray()
    for row in rows:
        byte = row >> 3
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        bits[byte] |= 1 << (row & 7)
    return bits


def _encoder(dialect: Dialect) -> Callable[[Any], bytes]:
    """What makes the bytes of the source out of what its reader gives."""
    return bytes if not dialect.has_cells else encoder(dialect.encoding).encode
