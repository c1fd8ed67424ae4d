"""Files as bytes: opened and decompressed.

Here every error of the operating system and of the decompressors becomes a `SourceError`: the modules that
read records see no other.
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

_BUFFER_SIZE: Final = 1 << 18  # decompressed bytes
_ZSTD_READ_SIZE: Final = 4096  # small, to bound memory: 4 bytes of zstd can become 128 kB
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
)
_BZ2_BLOCKS: Final = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # a first block, or the end at once


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


def source_error(path: Path, error: Exception) -> SourceError:
    """Return the `SourceError` for an error of the system, of a decompressor or of a codec."""
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
        raise source_error(path, error) from error


def read_start(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, as they are on disk.

    Raises:
        SourceError: As `open_raw`.
    """
    with open_raw(path) as raw:
        try:
            return raw.read(size) or b""
        except OSError as error:
            raise source_error(path, error) from error


class DecompressedFile(io.RawIOBase):
    """The decompressed bytes of a file, in order.

    Args:
        path: For messages.
        raw: The bytes on disk; closed with this.
        decoder: The decompressed bytes; ``raw`` itself where there is nothing to decompress.
        decoder_errors: Errors that only the decoder raises.
    """

    def __init__(
        self,
        path: Path,
        raw: io.FileIO,
        decoder: io.RawIOBase | io.BufferedIOBase,
        decoder_errors: tuple[type[Exception], ...],
    ) -> None:
        self.size = os.fstat(raw.fileno()).st_size
        self._path = path
        self._raw = raw
        self._decoder = decoder
        self._errors: tuple[type[Exception], ...] = (OSError, EOFError, *decoder_errors)
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
            return self._decoder.readinto(buffer) or 0
        except self._errors as error:
            raise source_error(self._path, error) from error

    def position(self) -> int:
        """Return how many bytes on disk have been read; after closing, how many had been read then."""
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


def open_binary(
    path: Path, compression: str, raw: io.FileIO | None = None
) -> tuple[io.BufferedReader, DecompressedFile]:
    """Return the decompressed bytes, buffered, and the file below them; closing the first closes both.

    Args:
        path: A regular file.
        compression: As in `Dialect.compression`.
        raw: The file if it is open already; closed with the others.

    Raises:
        SourceError: It can't be read; also while it is being read, if it can't be decompressed.
    """
    raw = raw or open_raw(path)
    try:
        disk = DecompressedFile(path, raw, *_decompressor(raw, compression))
    except BaseException:
        raw.close()
        raise
    return io.BufferedReader(disk, _BUFFER_SIZE), disk


def _decompressor(
    raw: io.FileIO, compression: str
) -> tuple[io.RawIOBase | io.BufferedIOBase, tuple[type[Exception], ...]]:
    """Return what decompresses a file, and the errors that only it raises."""
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

            return _StreamOfPieces(_zstd_pieces(raw)), (ZstdError,)
        case "bz2":
            import bz2  # noqa: PLC0415  (only who reads bz2 pays for it)

            return bz2.BZ2File(raw), (ValueError,)
        case "xz":
            import lzma  # noqa: PLC0415  (only who reads xz pays for it)

            return lzma.LZMAFile(raw), (lzma.LZMAError,)
        case _:
            raise SourceError(f"{compression!r} is no compression that can be read.")


def _zstd_pieces(raw: io.FileIO) -> Iterator[bytes]:
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


class _StreamOfPieces(io.RawIOBase):
    """A stream of the bytes that an iterator yields in pieces."""

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
