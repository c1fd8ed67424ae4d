"""What a source was, to know it again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import xxhash

from importer.errors import SourceError
from importer.model import Fingerprint
from importer.source.files import cannot_read, open_raw

_STEP: Final = 1 << 20


def take_fingerprint(path: Path) -> Fingerprint:
    """Size, time of the last change and XXH3-128 of the bytes on disk; the file is read once, in pieces.

    Raises:
        SourceError: It can't be read, or it changes while it is read.
    """
    hashed, buffer = xxhash.xxh3_128(), memoryview(bytearray(_STEP))
    with open_raw(path) as raw:
        try:
            before = os.fstat(raw.fileno())
            while count := raw.readinto(buffer):
                hashed.update(buffer[:count])
            after = os.fstat(raw.fileno())
        except OSError as error:
            raise cannot_read(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceError(
            f"{path} changed while it was read.", "Wait until it is written to the end, then run again."
        )
    return Fingerprint(after.st_size, after.st_mtime_ns, hashed.hexdigest())


def is_unchanged(path: Path, seen: Fingerprint) -> bool:
    """True if the file is the one that ``seen`` was taken of.

    Equal size and time of change are proof enough; with another time, the bytes decide.

    Raises:
        SourceError: It can't be read.
    """
    with open_raw(path) as raw:
        found = os.fstat(raw.fileno())
    if found.st_size != seen.size:
        return False
    return found.st_mtime_ns == seen.mtime_ns or take_fingerprint(path).digest == seen.digest
