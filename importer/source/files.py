"""Sources as bytes, whatever kind they are: opened, measured and decompressed.

Here every error of the operating system, of archives and of the decompressors becomes a `SourceError`: the
modules that read records see no other. Nobody else asks what kind a source is.
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xxhash

from importer.errors import SourceError
from importer.model import Fingerprint
from importer.source.archives import MemberFile, has_member
from importer.source.members import SourcePath
from importer.source.raw import DecompressedFile, RawSource, open_disk_file, source_error

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HASHED_READ_SIZE: Final = 1 << 20  # bytes
_BUFFER_SIZE: Final = 1 << 18  # decompressed bytes


def open_raw(path: SourcePath) -> RawSource:
    """Open a source for its bytes as they are on disk, or as an archive gives them; unbuffered.

    Args:
        path: A regular file, or a member of an archive.

    Raises:
        SourceError: Nothing is there, it is a directory or no regular file, or it can't be read.
    """
    if isinstance(path, Path):
        return open_disk_file(path)
    return open_disk_file(path.unpacked) if path.unpacked else MemberFile(path)


def source_size(path: SourcePath) -> int:
    """Return the bytes of a source as they are stored.

    Raises:
        SourceError: As `open_raw`.
    """
    with closing(open_raw(path)) as raw:
        return raw.size


def source_exists(path: SourcePath) -> bool:
    """Return whether there is a source of this name, readable or not."""
    if isinstance(path, Path):
        return path.exists()
    return path.unpacked.exists() if path.unpacked else has_member(path)


def read_start(path: SourcePath, size: int) -> bytes:
    """Return the first bytes of a source, as they are stored.

    Raises:
        SourceError: As `open_raw`.
    """
    with closing(open_raw(path)) as raw:
        try:
            return raw.read(size) or b""
        except OSError as error:
            raise source_error(path, error) from error


def open_binary(
    path: SourcePath, compression: str, raw: RawSource | None = None, *, hashed: bool = False
) -> tuple[io.BufferedReader, DecompressedFile]:
    """Return the decompressed bytes, buffered, and the file below them; closing the first closes both.

    Args:
        path: A source.
        compression: As in `Dialect.compression`.
        raw: The source if it is open already; closed with the others.
        hashed: True if the digest of what was decompressed is asked for.

    Raises:
        SourceError: It can't be read; also while it is being read, if it can't be decompressed.
    """
    raw = raw or open_raw(path)
    try:
        disk = DecompressedFile(path, raw, compression, hashed=hashed)
    except BaseException:
        raw.close()
        raise
    return io.BufferedReader(disk, _BUFFER_SIZE), disk


class HashedFile(io.RawIOBase):
    """The bytes of a source as they are stored, hashed as they are read, whoever reads them; a `RawSource`.

    Args:
        path: For messages.
        raw: The bytes; nobody else reads them, and they are closed with this.
    """

    def __init__(self, path: SourcePath, raw: RawSource) -> None:
        self._path = path
        self._raw = raw
        self._hash = xxhash.xxh3_128()
        self.size = raw.size
        self.mtime_ns = raw.mtime_ns

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the source allows; 0 is its end."""
        count = self._raw.readinto(buffer) or 0
        self._hash.update(memoryview(buffer)[:count])
        return count

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._raw.tell()

    def has_changed(self) -> bool:
        """As in `RawSource`."""
        return self._raw.has_changed()

    def close(self) -> None:
        """Close it, more than once if need be."""
        self._raw.close()
        super().close()

    def fingerprint(self) -> Fingerprint:
        """Read the source to its end, and return its fingerprint.

        Raises:
            SourceError: It can't be read, or it has changed since it was opened.
        """
        buffer = bytearray(_HASHED_READ_SIZE)
        try:
            while self.readinto(buffer):
                pass
            changed = self.has_changed()
        except OSError as error:
            raise source_error(self._path, error) from error
        if changed:
            raise SourceError(
                f"{self._path} changed while it was read.",
                "Wait until it is written to the end, then run again.",
            )
        return Fingerprint(self.size, self.mtime_ns, self._hash.hexdigest())


def open_hashed(path: SourcePath) -> HashedFile:
    """Open a source as `open_raw` does, to be hashed.

    Raises:
        SourceError: As `open_raw`.
    """
    return HashedFile(path, open_raw(path))
