"""Lines of JSON that were made of a file, kept so that it need not be decoded once more.

A source is looked at before it is sent, so it is read twice or more. Its lines go to a temporary file without
a name, which is gone with the process. Where there is no room for them, the file is decoded again.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, cast
from weakref import finalize

from importer.errors import StorageError
from importer.source.raw import FileVersion
from importer.source.spool_room import SpoolRoom

_MOST_FILES: Final = 16
_PARTS: Final = 2  # one in so many of what is free, and of the room for copies, may be taken


class KeptLines:
    """The lines of a file, in pieces of whole lines.

    Args:
        file: Where they are written, unbuffered; closed with this.
        room: What they take their room of, as long as this is there.

    Attributes:
        rows: How many records the file has.
        size: Bytes of the lines.
    """

    def __init__(self, file: io.RawIOBase, room: SpoolRoom) -> None:
        self._file = file
        self._room = room
        self._sizes = array("Q")
        self._lock = threading.Lock()
        finalize(self, _close, file, room, self._sizes)
        self.rows = 0
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            OSError: There is no room for it.
        """
        self._room.set_aside(len(piece))
        self._sizes.append(len(piece))
        self.size += len(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def pieces(self) -> Iterator[bytes]:
        """Yield the pieces, to several readers at a time.

        Raises:
            StorageError: They can't be read again.
        """
        at = 0
        for size in self._sizes:
            piece: bytes | None = b""
            reason = "the file is shorter than it was"
            try:
                with self._lock:
                    self._file.seek(at)
                    piece = self._file.read(size)
            except OSError as error:
                reason = error.strerror or str(error)
            if piece is None or len(piece) < size:
                raise StorageError(
                    f"What was decoded can't be read again from {tempfile.gettempdir()}: {reason}.",
                    "Name another folder in the variable TMPDIR, and run again.",
                )
            yield piece
            at += size


def _close(file: io.RawIOBase, room: SpoolRoom, sizes: array[int]) -> None:
    room.give_back(sum(sizes))
    file.close()


class _Store:
    """The lines of the last files, by what these were when they were opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[FileVersion, KeptLines] = {}

    def get(self, version: FileVersion | None) -> KeptLines | None:
        """Return the lines of a file; None if they are not kept."""
        with self._lock:
            return None if version is None else self._kept.get(version)

    def put(self, version: FileVersion, lines: KeptLines) -> None:
        """Keep the lines of a file."""
        with self._lock:
            self._kept[version] = lines
            if len(self._kept) > _MOST_FILES:
                del self._kept[next(iter(self._kept))]


KEPT_LINES: Final = _Store()
"""What this process keeps."""


def _temporary_file() -> io.RawIOBase:
    return cast(io.RawIOBase, tempfile.TemporaryFile(buffering=0))


def keeping(
    batches: Iterator[Sequence[bytes]],
    version: FileVersion,
    rows: int,
    room: SpoolRoom,
    *,
    make: Callable[[], io.RawIOBase] = _temporary_file,
) -> Iterator[Sequence[bytes]]:
    """Yield pieces of whole lines as they are given, and keep them if they come to their end.

    Args:
        batches: All pieces of a file.
        version: What the file was when it was opened.
        rows: How many records it has.
        room: What they take their room of: half of it is left to copies.
        make: Makes the file where they go; raises an OSError if that can't be.
    """
    lines: KeptLines | None = None
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(tempfile.gettempdir()).free
        lines = KeptLines(make(), room)
    for batch in batches:
        if lines is not None and not _keep(lines, batch, min(free, room.most) // _PARTS, room):
            lines = None
        yield batch
    if lines is not None:
        lines.rows = rows
        KEPT_LINES.put(version, lines)


def _keep(lines: KeptLines, batch: Sequence[bytes], most: int, room: SpoolRoom) -> bool:
    """Add pieces; False if there is no room for them."""
    size = sum(map(len, batch))
    if lines.size + size > most or room.left - size < room.most // _PARTS:
        return False
    try:
        for piece in batch:
            lines.write(piece)
    except OSError:
        return False
    return True


class PieceStream(io.BufferedIOBase):
    """A stream of pieces of bytes, each of which is read as it is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def readable(self) -> bool:
        """True."""
        return True

    def read1(self, _size: int = -1, /) -> bytes:
        """Return the next piece, of any size; no byte is the end."""
        return next(filter(None, self._pieces), b"")
