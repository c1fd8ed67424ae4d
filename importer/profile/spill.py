"""Rows of numbers that are compared with each other, held in files if they are many."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from importer import speedups
from importer.errors import StorageError

_PARTS: Final = 128


class Spill:
    """Rows of 64-bit numbers: few of them in memory, many in temporary files by their first number.

    Close it, so that its temporary files are removed.

    Args:
        width: Numbers in a row.
        max_in_memory: Rows that are held in memory.
        folder: Where temporary files are made; None for the system's own folder, which may be in memory.
    """

    def __init__(self, width: int, max_in_memory: int, folder: Path | None) -> None:
        self._width = width
        self._max_bytes = max_in_memory * width * 8
        self._folder = folder
        self._held = bytearray()
        self._parts: list[IO[bytes]] = []
        self._count = 0

    def close(self) -> None:
        """Remove the temporary files."""
        for part in self._parts:
            with suppress(OSError):  # a full disk does not matter: these rows are not needed any more
                part.close()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count + len(self._held) // (self._width * 8)

    def add(self, rows: bytes) -> None:
        """Add some rows.

        Raises:
            StorageError: They can't be kept.
        """
        self._held += rows
        if len(self._held) >= self._max_bytes:
            self._spill()

    def blocks(self) -> Iterator[bytes]:
        """Yield all rows, those with the same first number in one block. Nothing can be added afterwards.

        Raises:
            StorageError: They can't be kept, or can't be read again.
        """
        if not self._parts:
            yield bytes(self._held)
            return
        if self._held:
            self._spill()
        for part in self._parts:
            try:
                part.seek(0)
                block = part.read()
            except OSError as error:  # buffered rows reach the disk only now
                raise _storage_error(error) from error
            yield block

    def _spill(self) -> None:
        try:
            if not self._parts:
                self._parts = [tempfile.TemporaryFile(dir=self._folder) for _ in range(_PARTS)]  # noqa: SIM115 - see close
            for part, rows in zip(self._parts, _split(self._held, self._width), strict=True):
                part.write(rows)
        except OSError as error:
            raise _storage_error(error) from error
        self._count += len(self._held) // (self._width * 8)
        self._held.clear()


def _split(rows: bytearray, width: int) -> list[bytes]:
    """Return rows in `_PARTS` parts, by the remainder of their first number."""
    if speedups.COMPILED:
        return speedups.split_rows(rows, width, _PARTS)
    numbers = array("Q", rows)
    parts = [array("Q") for _ in range(_PARTS)]
    for at in range(0, len(numbers), width):
        parts[numbers[at] % _PARTS] += numbers[at : at + width]
    return [part.tobytes() for part in parts]


def _storage_error(error: OSError) -> StorageError:
    return StorageError(
        f"the temporary files that ids are compared by can't be used: {error.strerror}",
        "Make room beside the results (40 bytes for each event), or leave the comparison out: --no-audit",
    )
