"""The headers of a tar archive, one ahead of each member."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Protocol

from importer.errors import SourceError
from importer.source.archive_entry import ArchiveEntry

BLOCK: Final = 512

_MOST_EXTENDED: Final = 1 << 20  # bytes of a name or of a pax header
_SKIP_SIZE: Final = 1 << 20
_REGULAR: Final = (b"0", b"\0", b"7")
_WITHOUT_DATA: Final = {
    b"1": "is a link to another member",
    b"2": "is a link",
    b"3": "is a device",
    b"4": "is a device",
    b"6": "is a pipe",
}
_FOLDERS: Final = (b"5", b"D")
_GNU_NAME, _GNU_LINK, _SPARSE, _VOLUME, _REST = b"L", b"K", b"S", b"V", b"M"
_PAX: Final = (b"x", b"X")
_UNPACK: Final = "Unpack the archive by hand (tar -xf), and give the file."
_UNREADABLE: Final = "can't be read"
_COPY_AGAIN: Final = "Copy or download the archive again."


class Readable(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most ``size`` bytes; none at the end."""


class Seekable(Readable, Protocol):
    """Bytes at any place."""

    def seek(self, position: int, /) -> int:
        """Go to a place."""


class TarStream:
    """Bytes of a tar archive, read forwards.

    Args:
        raw: The bytes.
        seekable: The same, where what is not wanted need not be read.
    """

    def __init__(self, raw: Readable, seekable: Seekable | None = None) -> None:
        self.position = 0
        self._raw = raw
        self._seekable = seekable

    def read(self, size: int) -> bytes:
        """Return the next bytes: fewer than ``size`` only at the end."""
        pieces = []
        while size > 0 and (piece := self._raw.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self.position += len(piece)
        return b"".join(pieces)

    def go_to(self, position: int) -> None:
        """Go forwards to a place, or to the end."""
        if self._seekable is not None:
            self._seekable.seek(position)
            self.position = position
        while self.position < position and self.read(min(position - self.position, _SKIP_SIZE)):
            pass


class _Damage(Exception):  # noqa: N818  (an end, told by its message)
    """Why the archive can't be read on."""


def is_tar(block: bytes) -> bool:
    """Return whether the first block of a file is a header of tar."""
    if len(block) < BLOCK or not block.strip(b"\0"):
        return False
    return _has_checksum(block)


def read_tar(stream: TarStream, size: int | None = None) -> Iterator[ArchiveEntry]:
    """Yield the members of a tar archive in order, without folders, each ahead of its bytes.

    The receiver may read these from the stream. What can't be read at the end of a damaged archive is one
    more, with a problem; the member whose bytes end too early is the one before it.

    Args:
        stream: The archive from its beginning.
        size: Its bytes, if they are known.

    Raises:
        SourceError: It can't be decompressed, so what came before may be damaged as well.
    """
    last = ""
    try:
        while (entry := _next_member(stream)) is not None:
            if size is not None and entry.start + entry.packed > size:
                yield with_problem(entry, "is cut short: the archive ends in the middle of it", _COPY_AGAIN)
                return
            last = entry.name or last
            if entry.name:
                yield entry
            stream.go_to(entry.start + _padded(entry.packed))
        _check_end(stream)
    except (_Damage, SourceError) as error:
        if isinstance(error, SourceError) and not is_cut(error):
            raise
        why = error.message.rstrip(".") if isinstance(error, SourceError) else str(error)
        rest = ArchiveEntry(
            f"(what follows {last})" if last else "(all)", 0, stream.position, 0, is_rest=True
        )
        yield with_problem(rest, f"{_UNREADABLE}: {why}", _COPY_AGAIN)


def is_cut(error: SourceError) -> bool:
    """Return whether an error is that compressed data ends too early: what came before is whole."""
    return isinstance(error.__cause__, EOFError)


def with_problem(entry: ArchiveEntry, problem: str, remedy: str) -> ArchiveEntry:
    """Return a member with a problem."""
    return replace(entry, problem=problem, remedy=remedy)


def cut_short(entry: ArchiveEntry, rest: ArchiveEntry) -> ArchiveEntry:
    """Return a member with the problem that its bytes end too early.

    Args:
        entry: The member.
        rest: What can't be read of the archive.
    """
    return with_problem(entry, f"is cut short{rest.problem.removeprefix(_UNREADABLE)}", _COPY_AGAIN)


def _check_end(stream: TarStream) -> None:
    """Read on to the end.

    Raises:
        _Damage: Something is there, as where archives were joined.
    """
    while piece := stream.read(_SKIP_SIZE):
        if piece.strip(b"\0"):
            raise _Damage("more stands behind the mark of its end, as if archives had been joined")


def _next_member(stream: TarStream) -> ArchiveEntry | None:
    """Return the next member, nameless for a folder; None at the end.

    Raises:
        _Damage: It has no header, or one that can't be read.
    """
    long_name, pax = None, dict[str, bytes]()
    while True:
        at = stream.position
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            raise _Damage("the archive ends without the mark of its end")
        if not block.strip(b"\0"):
            return None
        if not _has_checksum(block):
            raise _Damage(f"the header at byte {at:,} is damaged")
        kind, size = block[156:157], _number(block[124:136])
        if kind in (_GNU_NAME, _GNU_LINK, *_PAX, b"g"):
            data = _extended(stream, size)
            if kind == _GNU_NAME:
                long_name = data.rstrip(b"\0")
            elif kind in _PAX:
                pax = dict(_pax_fields(data))
            continue
        name = pax.get("path") or long_name or _short_name(block)
        if "size" in pax:
            size = _decimal(pax["size"])
        return _member(stream, kind, name.decode("utf-8", "surrogateescape"), size, block, pax)


def _member(
    stream: TarStream, kind: bytes, name: str, size: int, block: bytes, pax: dict[str, bytes]
) -> ArchiveEntry:
    if kind == _SPARSE:
        more = block[482]
        while more:
            following = stream.read(BLOCK)
            if len(following) < BLOCK:
                raise _Damage("the archive ends too early")
            more = following[504]
    start = stream.position
    if kind in _FOLDERS or kind == _VOLUME or (kind in _REGULAR and name.endswith("/")):
        return ArchiveEntry("", 0, start, 0 if kind == b"5" else size)
    if kind in _WITHOUT_DATA:
        return with_problem(ArchiveEntry(name, 0, start, 0), _WITHOUT_DATA[kind], "")
    entry = ArchiveEntry(name, size, start, size)
    if kind == _SPARSE or any(key.startswith("GNU.sparse.") for key in pax):
        return with_problem(entry, "is a sparse file, which lacks a part of its bytes", _UNPACK)
    if kind == _REST:
        return with_problem(entry, "begins in another part of the archive", _UNPACK)
    return entry


def _extended(stream: TarStream, size: int) -> bytes:
    if size > _MOST_EXTENDED:
        raise _Damage(f"the header at byte {stream.position - BLOCK:,} is too long")
    data = stream.read(_padded(size))
    if len(data) < _padded(size):
        raise _Damage("the archive ends too early")
    return data[:size]


def _pax_fields(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield key and value of each record: ``LENGTH KEY=VALUE`` and the end of a line."""
    at = 0
    while at < len(data):
        digits, _, _ = data[at : at + 20].partition(b" ")
        length = _decimal(digits)
        record = data[at : at + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(record) < length or record[-1:] != b"\n":
            raise _Damage("a header of it is damaged")
        yield key.decode("utf-8", "replace"), value
        at += length


def _short_name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _has_checksum(block: bytes) -> bool:
    try:
        stated = _number(block[148:156])
    except _Damage:
        return False
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if stated == total:
        return True
    others = block[:148] + block[156:]
    return stated == total - 256 * sum(byte > 127 for byte in others)  # noqa: PLR2004  (as signed bytes)


def _number(field: bytes) -> int:
    """Return a number of a header: octal, or binary where it is too large for that."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & (1 << 8 * len(field) - 1) - 1
        if field[0] == 0xFF:  # noqa: PLR2004
            raise _Damage("a header of it is damaged")
        return value
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise _Damage("a header of it is damaged")
    return int(digits, 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit():
        raise _Damage("a header of it is damaged")
    return int(digits)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
