"""Records copied as they stand in their source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO

from importer.reading import Dialect
from importer.source.members import SourcePath
from importer.source.reader import Source


def copy_records(
    path: SourcePath,
    dialect: Dialect,
    columns: tuple[str, ...],
    rows: Iterable[int],
    out: BinaryIO,
    copied: Callable[[int, bytes], object] = lambda _row, _record: None,
) -> int:
    """Copy some records as they stand in the source: decompressed, in its encoding, under its header.

    Args:
        path: The source.
        dialect: How it is read.
        columns: Likewise.
        rows: Numbers of the records, in any order; they are copied in the source's.
        out: Where to.
        copied: Receives the number and the bytes of each record; no bytes of one too long to be held.

    Returns:
        How many records were found and copied.

    Raises:
        SourceError: The source can't be read.
        OSError: ``out`` can't be written.
    """
    wanted = _bit_set(rows)

    def is_wanted(row: int) -> bool:
        return row >> 3 < len(wanted) and bool(wanted[row >> 3] >> (row & 7) & 1)

    def oversized(row: int) -> Callable[[bytes], object] | None:
        return out.write if is_wanted(row) else None

    count = 0
    with Source(path, dialect, columns, oversized=oversized) as source:
        source.end_at_break()  # what failed stands ahead of it
        out.write(source.reader.header_bytes())
        for item in source.items():
            if is_wanted(item.row):
                record = source.reader.last_bytes()
                out.write(record)
                copied(item.row, record)
                count += 1
            if item.row >> 3 >= len(wanted):
                break
    return count


def _bit_set(rows: Iterable[int]) -> bytearray:
    """Return a set of numbers, one bit each: as many records may have failed as there are."""
    bits = bytearray()
    for row in rows:
        byte = row >> 3
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        bits[byte] |= 1 << (row & 7)
    return bits
