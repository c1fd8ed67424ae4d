"""Fingerprints of sources: size, time of the last change and a hash of the bytes as they are stored."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from importer.model import Fingerprint
from importer.source.files import open_hashed, open_raw
from importer.source.members import SourcePath
from importer.source.raw import source_error

if TYPE_CHECKING:
    pass

_READ_SIZE: Final = 1 << 20  # bytes


def take_fingerprint(path: SourcePath) -> Fingerprint:
    """Read a source once, in pieces, and return its fingerprint.

    Raises:
        SourceError: It can't be read, or it changes while it is read.
    """
    with open_hashed(path) as raw:
        return raw.fingerprint()


def take_fingerprint_and_lines(path: SourcePath, line_end: bytes = b"\n") -> tuple[Fingerprint, int]:
    """Read a source once, and return its fingerprint and how often it holds the end of a line.

    Raises:
        SourceError: As for `take_fingerprint`.
    """
    buffer, lines = bytearray(_READ_SIZE), 0
    with open_hashed(path) as raw:
        try:
            while count := raw.readinto(buffer):
                lines += buffer.count(line_end, 0, count)
        except OSError as error:
            raise source_error(path, error) from error
        return raw.fingerprint(), lines


def is_unchanged(path: SourcePath, seen: Fingerprint) -> bool:
    """Return whether a source is the one that the fingerprint ``seen`` was taken of.

    Equal size and time of change are proof enough; with another time, the bytes decide.

    Raises:
        SourceError: It can't be read.
    """
    with closing(open_raw(path)) as raw:
        size, mtime_ns = raw.size, raw.mtime_ns
    if size != seen.size:
        return False
    return mtime_ns == seen.mtime_ns or take_fingerprint(path).digest == seen.digest
