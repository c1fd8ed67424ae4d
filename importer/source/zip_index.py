"""The directory of a zip archive, which stands at its end.

The standard library's reader refuses a whole archive for one name that is not UTF-8, and does not see members
that lie over each other.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from importer.errors import SourceError
from importer.source.archive_entry import ArchiveEntry

METHODS: Final = {0: "", 8: "deflate", 12: "bz2", 93: "zstd", 95: "xz"}
"""How a member can be packed, and what unpacks it: see `raw.decompressor`."""

LOCAL_HEADER: Final = struct.Struct("<4s5H3L2H")
"""The header ahead of a member's bytes; its name and an extra field follow it."""

LOCAL_MAGIC: Final = b"PK\x03\x04"
EMPTY_MAGIC: Final = b"PK\x05\x06"

_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_MEMBER: Final = struct.Struct("<4s2B5H3L5H2L")
_END_SIZE: Final = _END.size + 0xFFFF  # a comment may follow
_FULL: Final = 0xFFFFFFFF  # the true number stands in the extra field
_ZIP64, _UNICODE_NAME = 0x0001, 0x7075  # ids of extra fields
_ENCRYPTED: Final = 1 | 1 << 6 | 1 << 13
_PATCH: Final = 1 << 5
_UTF_8: Final = 1 << 11
_MS_DOS, _UNIX = 0, 3
_METHOD_NAMES: Final = {1: "Shrink", 6: "Implode", 9: "Deflate64", 14: "LZMA", 97: "WavPack", 98: "PPMd"}

_COPY_AGAIN: Final = "Copy or download the file again."
_UNPACK: Final = "Unpack the archive with a program that can (7z x), and give the file."
_DECRYPT: Final = "Unpack the archive with its password, and give the file."


class _Directory(NamedTuple):
    """Where the directory lies, how many members it names, and by how much their places must be moved."""

    start: int
    size: int
    members: int
    shift: int


def read_zip(archive: Path, file: io.FileIO, size: int) -> list[ArchiveEntry]:
    """Return the members of a zip archive in the order of its directory, without folders.

    Args:
        archive: For messages.
        file: The archive.
        size: Its bytes.

    Raises:
        SourceError: It has no directory, or one that is damaged.
        OSError: It can't be read.
    """
    directory = _find_directory(archive, file, size)
    data = _read_at(file, directory.start, directory.size)
    found: list[ArchiveEntry] = []
    count = at = 0
    while at + _MEMBER.size <= len(data) and data.startswith(b"PK\x01\x02", at):
        entry, at = _parse_member(data, at, directory.shift)
        count += 1
        if entry is not None:
            found.append(entry)
    if at > len(data) or count & 0xFFFF != directory.members & 0xFFFF:
        raise _broken(archive, f"its directory should name {directory.members:,} members, not {count:,}")
    return _with_overlaps(found, directory.start)


def _find_directory(archive: Path, file: io.FileIO, size: int) -> _Directory:
    """Return where the directory lies.

    Raises:
        SourceError: There is none, or the archive is one part of several.
    """
    base = max(size - _END_SIZE, 0)
    tail = _read_at(file, base, size - base)
    at = tail.rfind(EMPTY_MAGIC)
    while at >= 0 and at + _END.size > len(tail):
        at = tail.rfind(EMPTY_MAGIC, 0, at)
    if at < 0:
        raise _broken(archive, "its directory, which stands at its end, is missing")
    _, disk, first_disk, _, count, length, offset, _ = _END.unpack_from(tail, at)
    end = base + at
    locator = _read_at(file, end - _LOCATOR.size, _LOCATOR.size) if end >= _LOCATOR.size else b""
    if locator.startswith(b"PK\x06\x07"):
        place = _LOCATOR.unpack(locator)[2]
        for each in (place, end - _LOCATOR.size - _END_64.size):  # the second: something stands ahead
            record = _read_at(file, each, _END_64.size) if 0 <= each < end else b""
            if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
                _, _, _, _, disk, first_disk, _, count, length, offset = _END_64.unpack(record)
                end = each
                break
        else:
            raise _broken(archive, "the end of its directory can't be found")
    if disk or first_disk:
        raise SourceError(
            f"{archive} is one part of a zip archive in several.",
            "Join them, for example: zip -s 0 parts.zip --out whole.zip",
        )
    if offset == _FULL:  # zip 3.0 writes no record of 64 bits into a pipe
        offset = end - length
    shift = end - length - offset
    if shift < 0:
        raise _broken(archive, "its directory lies outside of it")
    return _Directory(offset + shift, length, count, shift)


def _parse_member(data: bytes, at: int, shift: int) -> tuple[ArchiveEntry | None, int]:
    """Return a member of the directory, None for a folder, and where the next one begins."""
    (
        _, _, system, _, flags, method, _, _, crc, packed, size,
        name_size, extra_size, comment_size, _, _, attributes, start,
    ) = _MEMBER.unpack_from(data, at)  # fmt: skip
    at += _MEMBER.size
    raw = data[at : at + name_size]
    extra = data[at + name_size : at + name_size + extra_size]
    after = at + name_size + extra_size + comment_size
    fields = dict(_extra_fields(extra))
    wide = fields.get(_ZIP64, b"")
    numbers = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    size, packed, start = (next(numbers, n) if n == _FULL else n for n in (size, packed, start))
    name = _decode(raw, flags, fields.get(_UNICODE_NAME, b""))
    if system == _MS_DOS and "/" not in name:
        name = name.replace("\\", "/")  # as old versions of .NET write it
    kind = stat.S_IFMT(attributes >> 16) if system == _UNIX else 0
    if name.endswith("/") or kind == stat.S_IFDIR:
        return None, after
    entry = ArchiveEntry(name, size, start + shift, packed, method, crc, raw)
    problem, remedy = "", _UNPACK
    if kind not in (0, stat.S_IFREG, stat.S_IFIFO):  # the last: zip read it from a pipe
        problem, remedy = "is a link or a device, not a file", ""
    elif flags & _ENCRYPTED:
        problem, remedy = "is encrypted", _DECRYPT
    elif method not in METHODS:
        known = _METHOD_NAMES.get(method, f"method {method}")
        problem = f"is compressed in a way that can't be read here ({known})"
    elif flags & _PATCH:
        problem = "is a patch of another file"
    elif method == 0 and packed != size:
        problem, remedy = "is damaged: its sizes contradict each other", _COPY_AGAIN
    return (replace(entry, problem=problem, remedy=remedy) if problem else entry), after


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and content of each field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _decode(raw: bytes, flags: int, unicode_name: bytes) -> str:
    """Return a name as text: bytes that are no UTF-8, where it was to be that, become lone surrogates."""
    if len(unicode_name) > 5 and int.from_bytes(unicode_name[1:5], "little") == zlib.crc32(raw):  # noqa: PLR2004
        return unicode_name[5:].decode("utf-8", "surrogateescape")
    if flags & _UTF_8:
        return raw.decode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")  # as macOS writes it, without saying so
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _with_overlaps(entries: list[ArchiveEntry], end: int) -> list[ArchiveEntry]:
    """Return the members; those whose bytes are also another's, or lie outside, have that for a problem.

    A bomb whose members share their bytes would unpack to far more than each of them tells.
    """
    order = sorted(range(len(entries)), key=lambda index: entries[index].start)
    found = list(entries)
    reach, last = 0, -1  # the end of what lies furthest, and whose it is
    for index in order:
        entry = entries[index]
        stop = entry.start + LOCAL_HEADER.size + len(entry.raw_name) + entry.packed
        if stop > end:
            found[index] = replace(entry, problem="lies outside of the archive", remedy=_COPY_AGAIN)
            continue
        if entry.start < reach:
            for each in (last, index):
                found[each] = replace(
                    entries[each], problem="shares its bytes with another member", remedy=_UNPACK
                )
        if stop > reach:
            reach, last = stop, index
    return found


def _read_at(file: io.FileIO, start: int, size: int) -> bytes:
    file.seek(start)
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _broken(archive: Path, why: str) -> SourceError:
    return SourceError(
        f"{archive} is a damaged zip archive: {why}.",
        f"{_COPY_AGAIN} What is left can be saved: zip -FF damaged.zip --out mended.zip",
    )
