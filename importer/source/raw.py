"""The bytes of a source as they are stored, on disk or elsewhere, and decompressed."""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, Protocol, cast

import xxhash

from importer.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_ZSTD_READ_SIZE: Final = 4096  # small, to bound memory: 4 bytes of zstd can become 128 kB
_DEFLATE_READ_SIZE: Final = 1 << 16
_PIECE_SIZE: Final = 1 << 18  # decompressed bytes
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
)
_BZ2_BLOCKS: Final = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # a first block, or the end at once


class RawSource(Protocol):
    """The bytes of a source as they are stored, in order and unbuffered.

    Attributes:
        size: How many there were when it was opened.
        mtime_ns: When they were changed last, as it was then, in nanoseconds since the epoch.
    """

    size: int
    mtime_ns: int

    @property
    def closed(self) -> bool:
        """Whether it is closed."""

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Fill ``buffer``; 0 is the end."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Return at most ``size`` bytes; none at the end."""

    def tell(self) -> int:
        """Return how many bytes have been read."""

    def close(self) -> None:
        """Close it."""

    def has_changed(self) -> bool:
        """Return whether it was changed since it was opened."""


class FileVersion(NamedTuple):
    """By what a file is known to be the one that was read before.

    Attributes:
        changed_ns: When its bytes, its name or its mode changed last, which nobody can set back.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    changed_ns: int


class DiskFile(io.FileIO):
    """A file on disk; a `RawSource`.

    Attributes:
        version: What it was when it was opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.version = self._version()
        self.size, self.mtime_ns = self.version.size, self.version.mtime_ns

    def has_changed(self) -> bool:
        """As in `RawSource`."""
        found = self._version()  # a new name or mode is no change
        return (found.size, found.mtime_ns) != (self.size, self.mtime_ns)

    def _version(self) -> FileVersion:
        found = os.fstat(self.fileno())
        return FileVersion(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def open_disk_file(path: Path) -> DiskFile:
    """Open a regular file.

    Raises:
        SourceError: Nothing is there, it is a directory or no regular file, or it can't be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(
                f"{path} is a directory; a source is a file.",
                f"Name the files in it, for example: {path}/*.csv",
            )
        if not stat.S_ISREG(mode):  # a pipe can't be read twice, and opening one may wait forever
            raise SourceError(
                f"{path} is not a regular file.",
                "Save its content to a file, or send it to standard input and give - as the source.",
            )
        return DiskFile(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise source_error(path, error) from error


def source_error(path: object, error: Exception) -> SourceError:
    """Return the `SourceError` for an error of the system, of a decompressor or of a codec.

    Args:
        path: The source.
        error: What was raised while it was opened or read.
    """
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path} does not exist.", "Check the path.")
    if isinstance(error, PermissionError):
        return SourceError(f"{path} can't be read: permission denied.", f"Try: chmod u+r {path}")
    if isinstance(error, EOFError):
        return SourceError(
            f"{path} is cut short: its compressed data ends in the middle.",
            "Copy or download the file again.",
        )
    if isinstance(error, UnicodeError):
        return SourceError(
            f"{path} can't be decoded: {error}.",
            "Name the exact encoding with --encoding, for example utf-16-le.",
        )
    if isinstance(error, OSError) and error.strerror:
        return SourceError(f"{path} can't be read: {error.strerror}.", "Check the disk and retry.")
    return SourceError(
        f"{path} is damaged: its compressed data can't be decoded ({error}).",
        "Copy or download the file again, or decompress it by hand.",
    )


def compression_of(head: bytes) -> str:
    """Return how a file is compressed, by its first bytes: as in `Dialect.compression`."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] in (b"P*M\x18", b"Q*M\x18") and b"\x28\xb5\x2f\xfd" in head:
        return "zstd"  # begins with a skippable frame, as pzstd writes it
    if head.startswith(b"BZh") and head[4:10] in _BZ2_BLOCKS:
        return "bz2"
    return ""


def decompressor(
    raw: io.RawIOBase, compression: str
) -> tuple[io.RawIOBase | io.BufferedIOBase, tuple[type[Exception], ...]]:
    """Return what decompresses a stream, and the errors that only it raises.

    Args:
        raw: The stream.
        compression: As in `Dialect.compression`; ``deflate`` is that of zip, without a header.

    Raises:
        SourceError: The compression is none of these.
    """
    match compression:
        case "":
            return raw, ()
        case "gzip":
            from isal import igzip, isal_zlib  # noqa: PLC0415  (only who reads gzip pays for it)

            # Its stubs give the class no types and make an instance of the error.
            gzipped: io.BufferedIOBase = igzip.IGzipFile(fileobj=raw, mode="rb")  # type: ignore[no-untyped-call]
            return gzipped, (zlib.error, cast(type[Exception], isal_zlib.error))
        case "zstd":
            from zstandard import ZstdError  # noqa: PLC0415  (only who reads zstd pays for it)

            return StreamOfPieces(_zstd_pieces(raw)), (ZstdError,)
        case "bz2":
            import bz2  # noqa: PLC0415  (only who reads bz2 pays for it)

            return bz2.BZ2File(cast(BinaryIO, raw)), (ValueError,)
        case "xz":
            import lzma  # noqa: PLC0415  (only who reads xz pays for it)

            return lzma.LZMAFile(cast(BinaryIO, raw)), (lzma.LZMAError,)
        case "deflate":
            from isal import isal_zlib  # noqa: PLC0415  (only who reads zip pays for it)

            return StreamOfPieces(_inflated_pieces(raw)), (cast(type[Exception], isal_zlib.error),)
        case _:
            raise SourceError(f"{compression!r} is no compression that can be read.")


def _zstd_pieces(raw: io.RawIOBase) -> Iterator[bytes]:
    """Yield decompressed pieces of all frames.

    Raises:
        EOFError: The last frame is cut short; the library's own reader takes that for the end of the file.
    """
    from zstandard import ZstdDecompressor  # noqa: PLC0415  (only who reads zstd pays for it)

    frame = None
    while data := raw.read(_ZSTD_READ_SIZE):
        while data:
            frame = frame or ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = b""
            if frame.eof:
                data, frame = frame.unused_data, None
    if frame is not None:
        raise EOFError


def _inflated_pieces(raw: io.RawIOBase) -> Iterator[bytes]:
    """Yield decompressed pieces of one raw deflate stream, none of them large.

    Raises:
        EOFError: The stream is cut short.
    """
    from isal.igzip_lib import DECOMP_DEFLATE, IgzipDecompressor  # noqa: PLC0415  (only who reads zip pays)

    inflater = IgzipDecompressor(flag=DECOMP_DEFLATE)
    while not inflater.eof:
        data = raw.read(_DEFLATE_READ_SIZE) if inflater.needs_input else b""
        if inflater.needs_input and not data:
            raise EOFError
        yield inflater.decompress(data, _PIECE_SIZE)


class StreamOfPieces(io.RawIOBase):
    """A stream of the bytes that an iterator yields in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest: ReadableBuffer = b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the next piece goes; 0 is the end."""
        rest, room = memoryview(self._rest), memoryview(buffer)
        while not rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            rest = memoryview(piece)
        count = min(len(rest), len(room))
        room[:count] = rest[:count]
        self._rest = rest[count:]
        return count


class DecompressedFile(io.RawIOBase):
    """The decompressed bytes of a file, in order.

    Args:
        path: For messages.
        raw: The bytes as they are stored; closed with this.
        compression: As in `Dialect.compression`.
        hashed: True if `content_digest` will be called.

    Attributes:
        size: Stored bytes.

    Raises:
        SourceError: The compression is not known.
    """

    def __init__(
        self,
        path: object,
        raw: RawSource,
        compression: str,
        *,
        hashed: bool = False,
    ) -> None:
        self.size = raw.size
        self._content = xxhash.xxh3_128() if hashed and compression else None
        self._path = path
        self._raw = raw
        self._decoder, errors = decompressor(cast(io.RawIOBase, raw), compression)
        self._errors: tuple[type[Exception], ...] = (OSError, EOFError, *errors)
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; 0 is the end of the file.

        Raises:
            SourceError: It can't be read or decompressed.
        """
        try:
            count = self._decoder.readinto(buffer) or 0
        except self._errors as error:
            raise source_error(self._path, error) from error
        if self._content is not None:
            self._content.update(memoryview(buffer)[:count])
        return count

    def content_digest(self) -> str:
        """Return a digest of all that was read, if it was decompressed for that; else an empty text."""
        return "" if self._content is None else self._content.hexdigest()

    def position(self) -> int:
        """Return how many stored bytes have been read; after closing, how many had been read then."""
        if not self._raw.closed:
            self._position = self._raw.tell()
        return self._position

    def close(self) -> None:
        """Close the file, more than once if need be."""
        if not self.closed:
            self.position()
            self._decoder.close()
            self._raw.close()
        super().close()
