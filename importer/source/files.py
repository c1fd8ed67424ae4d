"""Sources as bytes, whatever kind they are: opened, measured and decompressed.

Here every error of the operating system, of archives and of the decompressors becomes a `SourceError`: the
modules that read records see no other. Nobody else asks what kind a source is.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import xxhash

from importer.errors import SourceError, StorageError
from importer.model import Fingerprint
from importer.source.archives import MemberFile, has_member
from importer.source.members import SourcePath
from importer.source.raw import DecompressedFile, DiskFile, RawSource, open_disk_file, source_error
from importer.source.spool_room import SpoolRoom, current_room

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HASHED_READ_SIZE: Final = 1 << 20  # bytes
_BUFFER_SIZE: Final = 1 << 18  # decompressed bytes
_PIECE_SIZE: Final = 1 << 20  # bytes


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


# ── read at any place ────────────────────────────────────────────────────────────────────────────


class StoredSource:
    """What is known of the stored bytes of a source that is read at any place.

    Attributes:
        size: How many there are.
    """

    def __init__(self, size: int, content_digest: str) -> None:
        self.size = size
        self._content_digest = content_digest

    def position(self) -> int:
        """Return 0: the reader alone knows how much it has read."""
        return 0

    def content_digest(self) -> str:
        """As in `raw.DecompressedFile`."""
        return self._content_digest


def open_seekable(
    path: SourcePath, compression: str, *, hashed: bool = False
) -> tuple[io.BufferedReader, StoredSource]:
    """Return the decompressed bytes of a source, to be read at any place, and what is known of it.

    A member of an archive, and a compressed file, are copied to a temporary file, which is gone once it is
    closed, or with the process.

    Args:
        path: A source.
        compression: As in `Dialect.compression`.
        hashed: True if the digest of what was decompressed is asked for.

    Raises:
        SourceError: It can't be read.
        UsageError: It is larger than there is room for copies.
        StorageError: It can't be copied.
    """
    raw = open_raw(path)
    if isinstance(raw, DiskFile) and not compression:
        return io.BufferedReader(raw), StoredSource(raw.size, "")
    raw.close()
    binary, stored = open_binary(path, compression, hashed=hashed)
    with binary:
        copy = _copied(path, binary)
        return copy, StoredSource(stored.size, stored.content_digest())


class _Copy(io.BufferedReader):
    """A temporary file, which gives back the room that it takes once it is closed."""

    def __init__(self, file: io.RawIOBase, room: SpoolRoom) -> None:
        super().__init__(file)
        self._copy, self._room, self._size = file, room, 0

    def fill(self, path: SourcePath, binary: io.BufferedReader) -> None:
        """Write a stream to it, and go back to its beginning.

        Raises:
            SourceError: The stream can't be read.
            UsageError: It is longer than there is room.
            StorageError: It can't be written.
        """
        while piece := binary.read(_PIECE_SIZE):
            self._room.take(path, len(piece), self._size)
            self._size += len(piece)
            _write(path, self._copy, piece)
        self.seek(0)

    def close(self) -> None:
        """Close it, more than once if need be."""
        super().close()
        self._room.give_back(self._size)
        self._size = 0


def _copied(path: SourcePath, binary: io.BufferedReader) -> io.BufferedReader:
    """Return a temporary file with the bytes of a stream.

    Raises:
        SourceError: They can't be read.
        UsageError: They are more than there is room for.
        StorageError: They can't be written.
    """
    try:
        raw = cast(io.RawIOBase, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise _storage_error(path, error) from error
    copy = _Copy(raw, current_room())
    try:
        copy.fill(path, binary)
    except BaseException:
        copy.close()
        raise
    return copy


def _write(path: SourcePath, file: io.RawIOBase, piece: bytes) -> None:
    try:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) or 0 :]
    except OSError as error:
        raise _storage_error(path, error) from error


def _storage_error(path: SourcePath, error: OSError) -> StorageError:
    return StorageError(
        f"{path} can't be unpacked into {tempfile.tempdir}: {error.strerror or error}.",
        "Free some space there, name another folder in the variable TMPDIR, or unpack it by hand.",
    )
