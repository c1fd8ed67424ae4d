"""Rows of numbers that are compared with each other, held in files if they are many."""

from __future__ import annotations

import errno
import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final

from importer import speedups
from importer.errors import StorageError

_PARTS: Final = 128
_MOST_PICKLED: Final = 1 << 15  # bytes
_WORTH_A_FILE: Final = 4 << 20
"""Bytes of the rows of another spill below which they are copied, so that many spills are not many files."""


class Spill:
    """Rows of 64-bit numbers: few of them in memory, many in a temporary file, by their first number.

    Close it, so that its temporary files are removed.

    Args:
        width: Numbers in a row.
        max_in_memory: Rows that are held in memory.
        folder: Where temporary files are made; None for the system's own folder, which may be in memory.
        shared: True if it may go to another process: its files then have names in ``folder``, by which it
            hands them over. Who makes the folder should remove it at the end, as a process may be killed.
    """

    def __init__(self, width: int, max_in_memory: int, folder: Path | None, *, shared: bool = False) -> None:
        self._width = width
        self._max_bytes = max_in_memory * width * 8
        self._folder = folder
        self._shared = shared
        self._held = bytearray()
        self._file: IO[bytes] | None = None  # what it writes to
        self._size = 0  # of that file
        self._paths: list[Path] = []  # of named files
        self._own = -1  # the place of its own among these; -1 for a file without a name, or none
        # What was written at once: the place of its file, and where each part begins and ends in it.
        self._pieces: list[tuple[int, Sequence[int]]] = []
        self._count = 0
        self._is_handed_over = False

    def __getstate__(self) -> dict[str, Any]:
        """Hand over its files: this must not be used any more once the other is merged or closed."""
        if not self._shared and self._file is not None:
            raise TypeError("a spill that is not shared belongs to one process")
        self.settle()
        if self._file is not None:
            self._file.close()
        self._file, self._own = None, -1
        self._is_handed_over = True
        return {**self.__dict__, "_is_handed_over": False}

    def settle(self) -> None:
        """Hold little in memory, if this is shared.

        Raises:
            StorageError: The rows can't be kept.
        """
        if self._shared and len(self._held) > _MOST_PICKLED:
            self._spill()

    def close(self) -> None:
        """Remove the temporary files, unless they were handed over."""
        if self._file is not None:
            with suppress(OSError):  # a full disk does not matter: these rows are not needed any more
                self._file.close()
        for path in () if self._is_handed_over else self._paths:
            with suppress(OSError):  # the folder may be gone
                path.unlink()
        self._paths = []

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

    def merge(self, later: Spill) -> None:
        """Add the rows of another spill behind these. It is shared, and can't be used afterwards.

        Raises:
            StorageError: They can't be kept, or can't be read again.
        """
        if later._count * later._width * 8 < _WORTH_A_FILE:
            for block in later.blocks() if later.count else ():
                self.add(block)
            later.close()
            return
        if self._held:
            self._spill()
        first = len(self._paths)
        self._paths += later._paths
        self._pieces += [(first + place, bounds) for place, bounds in later._pieces]
        self._count += later._count
        later._paths = []
        later.close()
        self.add(bytes(later._held))

    def blocks(self) -> Iterator[bytes]:
        """Yield all rows, those with the same first number in one block, in the order in which they came.

        Nothing can be added afterwards.

        Raises:
            StorageError: They can't be kept, or can't be read again.
        """
        if not self._pieces:
            yield bytes(self._held)
            return
        if self._held:
            self._spill()
        try:
            for part in range(_PARTS):
                yield b"".join(self._read(part))
        except OSError as error:
            raise _storage_error(error) from error

    def _read(self, part: int) -> Iterator[bytes]:
        """Yield the rows of a part, piece by piece."""
        for place, pieces in groupby(self._pieces, itemgetter(0)):
            with ExitStack() as stack:  # one file at a time, as they may be many
                file = self._file
                if file is None or place != self._own:
                    file = stack.enter_context(self._paths[place].open("rb", buffering=0))
                for _, bounds in pieces:
                    yield _read_at(file, bounds[part], bounds[part + 1] - bounds[part])

    def _spill(self) -> None:
        try:
            file = self._file = self._file or self._open()
            parts = _split(self._held, self._width)
            bounds = array("Q", accumulate(map(len, parts), initial=self._size))
            file.writelines(parts)
            file.flush()
        except OSError as error:
            raise _storage_error(error) from error
        self._size = bounds[-1]
        self._pieces.append((self._own, bounds))
        self._count += len(self._held) // (self._width * 8)
        self._held.clear()

    def _open(self) -> IO[bytes]:
        if not self._shared:
            return tempfile.TemporaryFile(dir=self._folder)
        number, name = tempfile.mkstemp(suffix=".rows", dir=self._folder)
        self._own, self._size = len(self._paths), 0
        self._paths.append(Path(name))
        return os.fdopen(number, "w+b")


def _read_at(file: IO[bytes], start: int, size: int) -> bytes:
    data = os.pread(file.fileno(), size, start)
    if len(data) < size:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return data


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
