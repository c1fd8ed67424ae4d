"""Fingerprints of sources: size, time of the last change and a hash of the bytes on disk."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xxhash

from importer.errors import SourceError
from importer.model import Fingerprint
from importer.source.files import open_raw, source_error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_SIZE: Final = 1 << 20  # bytes


class HashedFile(io.FileIO):
    """A file on disk whose bytes are hashed as they are read, whoever reads them.

    It must be read in order, without seeking.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._hash = xxhash.xxh3_128()
        self._opened = os.fstat(self.fileno())

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the file allows; 0 is its end."""
        count = super().readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:count])
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most ``size`` bytes."""
        data = super().read(-1 if size is None else size) or b""
        self._hash.update(data)
        return data

    def fingerprint(self) -> Fingerprint:
        """Read the file to its end, and return its fingerprint.

        Raises:
            SourceError: It can't be read, or it has changed since it was opened.
        """
        buffer = bytearray(_READ_SIZE)
        try:
            while self.readinto(buffer):
                pass
            found = os.fstat(self.fileno())
        except OSError as error:
            raise source_error(self._path, error) from error
        opened = self._opened
        if (opened.st_size, opened.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
            raise SourceError(
                f"{self._path} changed while it was read.",
                "Wait until it is written to the end, then run again.",
            )
        return Fingerprint(found.st_size, found.st_mtime_ns, self._hash.hexdigest())


def take_fingerprint(path: Path) -> Fingerprint:
    """Read a file once, in pieces, and return its fingerprint.

    Raises:
        SourceError: It can't be read, or it changes while it is read.
    """
    with open_raw(path, HashedFile) as raw:
        return raw.fingerprint()


def take_fingerprint_and_lines(path: Path, line_end: bytes = b"\n") -> tuple[Fingerprint, int]:
    """Read a file once, and return its fingerprint and how often it holds the end of a line.

    Raises:
        SourceError: As for `take_fingerprint`.
    """
    buffer, lines = bytearray(_READ_SIZE), 0
    with open_raw(path, HashedFile) as raw:
        try:
            while count := raw.readinto(buffer):
                lines += buffer.count(line_end, 0, count)
        except OSError as error:
            raise source_error(path, error) from error
        return raw.fingerprint(), lines


def is_unchanged(path: Path, seen: Fingerprint) -> bool:
    """Return whether a file is the one that the fingerprint ``seen`` was taken of.

    Equal size and time of change are proof enough; with another time, the bytes decide.

    Raises:
        SourceError: It can't be read.
    """
    with open_raw(path) as raw:
        found = os.fstat(raw.fileno())
    if found.st_size != seen.size:
        return False
    return found.st_mtime_ns == seen.mtime_ns or take_fingerprint(path).digest == seen.digest
