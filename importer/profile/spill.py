"""Rows of numbers that must be compared with each other, however many they are, in little memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import IO, Final

from importer.errors import StorageError

_PARTS: Final = 128


class Spill:
    """Rows of 64-bit numbers: in memory while they are few, then in temporary files by their first number.

    Close it: its temporary files go then.

    Args:
        width: Numbers in a row.
        most: Rows that are held in memory.
        folder: Where its temporary files go, if there must be any; None for the system's folder for them,
            which may be in memory.
    """

    def __init__(self, width: int, most: int, folder: Path | None) -> None:
        self._width = width
        self._most = most * width * 8
        self._folder = folder
        self._held = bytearray()
        self._parts: list[IO[bytes]] = []
        self._count = 0

    def close(self) -> None:
        """Let go of the temporary files."""
        for part in self._parts:
            with suppress(OSError):  # of no room for what will not be read any more
                part.close()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count + len(self._held) // (self._width * 8)

    def add(self, rows: bytes) -> None:
        """Take some rows.

        Raises:
            StorageError: They can't be kept.
        """
        self._held += rows
        if len(self._held) >= self._most:
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
            except OSError as error:  # the end of what was written may only now reach the disk
                raise _no_room(error) from error
            yield block

    def _spill(self) -> None:
        import numpy as np  # noqa: PLC0415 - 0.1 s that only many rows need

        table = np.frombuffer(bytes(self._held), np.uint64).reshape(-1, self._width)
        where = (table[:, 0] % np.uint64(_PARTS)).astype(np.uint8)
        order = np.argsort(where, kind="stable")
        ends = np.searchsorted(where[order], np.arange(_PARTS + 1))
        try:
            if not self._parts:
                self._parts = [tempfile.TemporaryFile(dir=self._folder) for _ in range(_PARTS)]  # noqa: SIM115 - see close
            for part, (start, end) in enumerate(pairwise(ends)):
                self._parts[part].write(table[order[start:end]].tobytes())
        except OSError as error:
            raise _no_room(error) from error
        self._count += len(table)
        self._held.clear()


def _no_room(error: OSError) -> StorageError:
    return StorageError(
        f"the temporary files that ids are compared by can't be used: {error.strerror}",
        "Make room beside the results (40 bytes for each event), or leave the comparison out: --no-audit",
    )
