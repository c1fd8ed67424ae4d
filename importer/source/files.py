"""Files as bytes: found, decompressed, and their errors put into words.

This is where every error of the operating system and of the decompressors becomes a `SourceError`;
nothing that reads a source meets another.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast, overload

from importer.errors import SourceError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_Raw = TypeVar("_Raw", bound=io.FileIO)

BUFFER: Final = 1 << 18

_ZSTD_STEP: Final = 4096  # bytes of zstd in one go: a block of 4 can become 128 kB, so this bounds memory
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
)
_BZ2_BLOCKS: Final = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # a first block, or the end at once


def compression_of(head: bytes) -> str:
    """How a file is compressed, by its first bytes: as in `Dialect.compression`."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] in (b"P*M\x18", b"Q*M\x18") and b"\x28\xb5\x2f\xfd" in head:
        return "zstd"  # begins with a skippable frame, as pzstd writes it
    if head.startswith(b"BZh") and head[4:10] in _BZ2_BLOCKS:
        return "bz2"
    return ""


def cannot_read(path: Path, error: Exception) -> SourceError:
    """The words for a foreign error."""
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


@overload
def open_raw(path: Path) -> io.FileIO: ...
@overload
def open_raw(path: Path, opener: Callable[[Path], _Raw]) -> _Raw: ...
def open_raw(path: Path, opener: Callable[[Path], io.FileIO] = io.FileIO) -> io.FileIO:
    """Open a regular file for its bytes as they are on disk, unbuffered.

    Args:
        path: The file.
        opener: Opens it for reading.

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
        return opener(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise cannot_read(path, error) from error


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file, as they are on disk.

    Raises:
        SourceError: As `open_raw`.
    """
    with open_raw(path) as raw:
        try:
            return raw.read(size) or b""
        except OSError as error:
            raise cannot_read(path, error) from error


class DiskFile(io.RawIOBase):
    """The decompressed bytes of a file, in order.

    Args:
        path: For messages.
        raw: The bytes on disk; closed with this.
        decoder: The decompressed bytes; ``raw`` itself where there is nothing to decompress.
        foreign: Errors that the decoder has of its own.
    """

    def __init__(
        self,
        path: Path,
        raw: io.FileIO,
        decoder: io.RawIOBase | io.BufferedIOBase,
        foreign: tuple[type[Exception], ...],
    ) -> None:
        self.size = os.fstat(raw.fileno()).st_size
        self._path = path
        self._raw = raw
        self._decoder = decoder
        self._foreign: tuple[type[Exception], ...] = (OSError, EOFError, *foreign)
        self._last = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; 0 is the end of the file.

        Raises:
            SourceError: It can't be read or decompressed.
        """
        try:
            return self._decoder.readinto(buffer) or 0
        except self._foreign as error:
            raise cannot_read(self._path, error) from error

    def position(self) -> int:
        """Bytes on disk read so far; the last known one after closing."""
        if not self._raw.closed:
            self._last = self._raw.tell()
        return self._last

    def close(self) -> None:
        """Close the file, more than once if need be."""
        if not self.closed:
            self.position()
            self._decoder.close()
            self._raw.close()
        super().close()


def open_binary(
    path: Path, compression: str, raw: io.FileIO | None = None
) -> tuple[io.BufferedReader, DiskFile]:
    """The decompressed bytes, buffered, and the file below them; closing the first closes both.

    Args:
        path: A regular file.
        compression: As in `Dialect.compression`.
        raw: The file, if it is open already.

    Raises:
        SourceError: It can't be read; also while it is being read, if it can't be decompressed.
    """
    raw = raw or open_raw(path)
    try:
        disk = DiskFile(path, raw, *_decompressor(raw, compression))
    except BaseException:
        raw.close()
        raise
    return io.BufferedReader(disk, BUFFER), disk


def _decompressor(
    raw: io.FileIO, compression: str
) -> tuple[io.RawIOBase | io.BufferedIOBase, tuple[type[Exception], ...]]:
    """The decompressed bytes and the errors that its decoder has of its own."""
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

            return _Pieces(_zstd(raw)), (ZstdError,)
        case "bz2":
            import bz2  # noqa: PLC0415  (only who reads bz2 pays for it)

            return bz2.BZ2File(raw), (ValueError,)
        case "xz":
            import lzma  # noqa: PLC0415  (only who reads xz pays for it)

            return lzma.LZMAFile(raw), (lzma.LZMAError,)
        case _:
            raise SourceError(f"{compression!r} is no compression that can be read.")


def _zstd(raw: io.FileIO) -> Iterator[bytes]:
    """Decompressed pieces of all frames; the library's own reader takes a cut for the end."""
    from zstandard import ZstdDecompressor  # noqa: PLC0415  (only who reads zstd pays for it)

    frame = None
    while data := raw.read(_ZSTD_STEP):
        while data:
            frame = frame or ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = b""
            if frame.eof:
                data, frame = frame.unused_data, None
    if frame is not None:
        raise EOFError


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest: ReadableBuffer = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
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
