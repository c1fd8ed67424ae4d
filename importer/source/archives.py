"""Archives whose members are sources: what is in them, and a member's bytes."""

from __future__ import annotations

import glob
import io
import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from importer.errors import SourceError
from importer.source.archive_entry import ArchiveEntry, checked
from importer.source.archive_names import is_archive_name
from importer.source.members import Member, SourcePath
from importer.source.raw import (
    DecompressedFile,
    DiskFile,
    FileVersion,
    compression_of,
    decompressor,
    open_disk_file,
    source_error,
)
from importer.source.tar_index import BLOCK, TarStream, cut_short, is_tar, read_tar
from importer.source.zip_index import EMPTY_MAGIC, LOCAL_HEADER, LOCAL_MAGIC, METHODS, read_zip
from importer.text import counted, file_command

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ListedMember", "Member", "SourcePath", "archive_kind", "list_members"]

_HEAD_SIZE: Final = 64  # bytes by which a compression is recognized
_GZIP_HEAD_SIZE: Final = 4096  # bytes, in which that of a tar archive lies
_MOST_INDEXES: Final = 8  # archives whose members are remembered
_NOT_FOR_PEOPLE: Final = ("[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF", "Index/Document.iwa")
"""Members that tell that a zip archive is one file of another format: Office, OpenDocument, Java, iWork."""

_ENDINGS: Final = {"gzip": "gz", "zstd": "zst", "bz2": "bz2", "xz": "xz"}
_COPY_AGAIN: Final = "Copy or download the archive again."
_UNPACK: Final = "Unpack the archive by hand, and give the file."


class ListedMember(NamedTuple):
    """A member of an archive.

    Attributes:
        name: Its name.
        size: Bytes of its content.
        problem: Why it can't be read, as what follows its name in a sentence; empty if it can.
        remedy: What to do then; may be empty.
        is_rest: True if it is no member but what can't be read of a damaged archive.
    """

    name: str
    size: int
    problem: str = ""
    remedy: str = ""
    is_rest: bool = False

    @classmethod
    def of(cls, entry: ArchiveEntry) -> ListedMember:
        """Return what people are told of a member."""
        return cls(entry.name, entry.size, entry.problem, entry.remedy, entry.is_rest)


class _Indexes:
    """The members of the archives that were read last; for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[FileVersion, dict[str, ArchiveEntry]] = OrderedDict()

    def get(self, archive: Path, file: DiskFile) -> dict[str, ArchiveEntry]:
        """Return the members by name.

        Raises:
            SourceError: It is no archive whose members can be read where they lie.
            OSError: It can't be read.
        """
        key = file.version
        with self._lock:
            if key not in self._known:
                self._known[key] = {each.name: each for each in _read_index(archive, file)}
                if len(self._known) > _MOST_INDEXES:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]


_INDEXES: Final = _Indexes()


def archive_kind(path: Path) -> str:
    """Return what archive a file is, by its content: ``zip``, ``tar``, ``tar.gz`` …; empty if it is none.

    A zip archive that is one file of another format, as ``.xlsx``, is none. So is what can't be read.
    """
    try:
        with open_disk_file(path) as file:
            return _kind(path, file)
    except (OSError, SourceError):
        return ""


def is_read_in_place(archive: Path) -> bool:
    """Return whether the members of an archive are read where they lie, and need not be unpacked."""
    return archive_kind(archive) in ("zip", "tar")


def list_members(archive: Path) -> list[ListedMember]:
    """Return what people put into an archive, in its order.

    A compressed tar archive is decompressed to its end for that. What can't be read of a tar archive that
    is cut short or damaged is one more member, with a problem.

    Raises:
        SourceError: It can't be read, is no archive, or is one without a directory.
    """
    with open_disk_file(archive) as file:
        try:
            if compression := compression_of_kind(_kind(archive, file)):
                entries = _list_compressed(archive, compression)
            else:
                entries = list(_INDEXES.get(archive, file).values())
        except OSError as error:
            raise source_error(archive, error) from error
    return [ListedMember.of(each) for each in entries]


def compression_of_kind(kind: str) -> str:
    """Return how a tar archive of this kind is compressed, as in `Dialect.compression`; empty for others."""
    return next((name for name, ending in _ENDINGS.items() if kind == f"tar.{ending}"), "")


def has_member(member: Member) -> bool:
    """Return whether an archive that can be read has this member."""
    try:
        with open_disk_file(member.archive) as file:
            return member.name in _INDEXES.get(member.archive, file)
    except (OSError, SourceError):
        return False


class MemberFile(io.RawIOBase):
    """The bytes of a member as the archive gives them, checked against what it says of them; a `RawSource`.

    Args:
        member: The member.

    Attributes:
        size: As in `RawSource`: never more are read.
        mtime_ns: Likewise, of the archive.

    Raises:
        SourceError: The archive can't be read, or the member.
    """

    def __init__(self, member: Member) -> None:
        self._member = member
        self._position = self._crc = 0
        self._archive = open_disk_file(member.archive)
        try:
            self._entry = _readable_entry(member, self._archive)
            self.size, self.mtime_ns = self._entry.size, self._archive.mtime_ns
            start = _find_bytes(member, self._entry, self._archive)
            packed = _Span(self._archive, start, self._entry.packed)
            self._content, errors = decompressor(packed, METHODS[self._entry.method])
        except OSError as error:
            self._archive.close()
            raise source_error(member.archive, error) from error
        except BaseException:
            self._archive.close()
            raise
        self._errors: tuple[type[Exception], ...] = (OSError, EOFError, *errors)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the member goes; 0 is its end.

        Raises:
            SourceError: The member is damaged, or the archive can't be read.
        """
        room = memoryview(buffer).cast("B")
        if not room:
            return 0
        room = room[: self.size - self._position]
        try:
            if not room:
                self._check_end()
                return 0
            if not (count := self._content.readinto(room)):
                raise EOFError
        except self._errors as error:
            raise source_error(self._member, error) from error
        self._position += count
        if self._entry.crc is not None:
            from isal.isal_zlib import crc32  # noqa: PLC0415  (only who reads zip pays for it)

            self._crc = crc32(room[:count], self._crc)
        return count

    def tell(self) -> int:
        """Return how many bytes of the member have been read."""
        return self._position

    def has_changed(self) -> bool:
        """As in `RawSource`, of the archive."""
        return self._archive.has_changed()

    def close(self) -> None:
        """Close the member and its archive, more than once if need be."""
        if not self.closed:
            self._content.close()
            self._archive.close()
        super().close()

    def _check_end(self) -> None:
        """Check what has been read, now that it is as much as the archive said.

        Raises:
            SourceError: It is something else, or more would follow.
        """
        if self._entry.crc not in (None, self._crc):
            raise SourceError(
                f"{self._member} is damaged: its bytes don't have the checksum that the archive names.",
                _COPY_AGAIN,
            )
        if self._content.read(1):
            raise SourceError(
                f"{self._member} is longer than the {counted(self.size, 'byte')} that the archive names.",
                _UNPACK,
            )


class _Span(io.RawIOBase):
    """Bytes of a file from a place on; the file is read by nobody else."""

    def __init__(self, file: io.FileIO, start: int, size: int) -> None:
        file.seek(start)
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = self._file.readinto(memoryview(buffer).cast("B")[: self._left]) or 0
        self._left -= count
        return count


def _kind(path: Path, file: DiskFile) -> str:
    """Return what `archive_kind` returns, of an open file."""
    head = file.read(BLOCK)
    if _is_zip(head):
        try:
            members = _INDEXES.get(path, file)
        except SourceError:
            return "zip"  # a damaged one
        return "" if any(name in members for name in _NOT_FOR_PEOPLE) else "zip"
    if is_tar(head):
        return "tar"
    if compression := compression_of(head[:_HEAD_SIZE]):
        try:
            block = _first_block(path, file, compression)
        except (SourceError, zlib.error):
            return ""
        return f"tar.{_ENDINGS[compression]}" if is_tar(block) else ""
    return ""


def _first_block(path: Path, file: DiskFile, compression: str) -> bytes:
    """Return the first bytes of a compressed file, decompressed: as many as a header of tar has.

    Raises:
        SourceError: They can't be decompressed.
        zlib.error: Likewise.
    """
    if compression == "gzip":  # a twentieth of the time, for the ten thousand files of a folder
        file.seek(0)
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        block = inflater.decompress(file.read(_GZIP_HEAD_SIZE), BLOCK)
        if len(block) == BLOCK or not inflater.eof:
            return block
    with DecompressedFile(path, open_disk_file(path), compression) as stream:
        return TarStream(stream).read(BLOCK)


def _list_compressed(archive: Path, compression: str) -> list[ArchiveEntry]:
    """Return the members of a compressed tar archive."""
    found: list[ArchiveEntry] = []
    with DecompressedFile(archive, open_disk_file(archive), compression) as stream:
        for entry in read_tar(TarStream(stream)):
            if entry.problem and found and found[-1].start + found[-1].packed > entry.start:
                found[-1] = cut_short(found[-1], entry)
            else:
                found.append(entry)
    return checked(found)


def _read_index(archive: Path, file: DiskFile) -> list[ArchiveEntry]:
    """Return the members of an archive whose members can be read where they lie.

    Raises:
        SourceError: It is no such archive, or is damaged.
        OSError: It can't be read.
    """
    file.seek(0)
    head = file.read(BLOCK)
    if _is_zip(head):
        return checked(read_zip(archive, file, file.size))
    if not is_tar(head):
        raise SourceError(f"{archive} is no {_kind_by_name(archive)}archive.", "Copy or download it again.")
    file.seek(0)
    return checked(read_tar(TarStream(file, file), file.size))


def _kind_by_name(archive: Path) -> str:
    """Return what archive its name promises, as the word ahead of ``archive``; empty if it promises none."""
    if not is_archive_name(archive.name):
        return ""
    return "zip " if archive.suffix.lower() == ".zip" else "tar "


def _is_zip(head: bytes) -> bool:
    """Return whether a file begins as a zip archive does; one in several parts has a mark ahead."""
    return head.startswith((LOCAL_MAGIC, EMPTY_MAGIC)) or (head[:2] == b"PK" and head[4:8] == LOCAL_MAGIC)


def _readable_entry(member: Member, archive: DiskFile) -> ArchiveEntry:
    """Return where a member lies.

    Raises:
        SourceError: It is not in the archive, can't be read, or the archive can't.
        OSError: The archive can't be read.
    """
    try:
        entry = _INDEXES.get(member.archive, archive).get(member.name)
    except SourceError:
        archive.seek(0)
        if compression_of_kind(_kind(member.archive, archive)):
            raise SourceError(
                f"{member} is a member of a compressed archive, which is unpacked only as a set",
                "Choose it among all that is in it:",
                file_command("run", member.archive, "--include", glob.escape(member.name)),
            ) from None
        raise
    if entry is None:
        raise SourceError(f"{member} does not exist: the archive has no such member.", "Check the name.")
    if entry.problem:
        raise SourceError(f"{member} {entry.problem}.", *filter(None, [entry.remedy]))
    return entry


def _find_bytes(member: Member, entry: ArchiveEntry, archive: DiskFile) -> int:
    """Return where the bytes of a member begin.

    Raises:
        SourceError: The header ahead of them is not that of the member.
        OSError: The archive can't be read.
    """
    if entry.crc is None:  # in a tar archive: the header has been read
        return entry.start
    archive.seek(entry.start)
    header = archive.read(LOCAL_HEADER.size + len(entry.raw_name))
    if not header.startswith(LOCAL_MAGIC) or header[LOCAL_HEADER.size :] != entry.raw_name:
        raise SourceError(f"{member} is damaged: its header in the archive is not its own.", _COPY_AGAIN)
    *_, name_size, extra_size = LOCAL_HEADER.unpack_from(header)
    return entry.start + LOCAL_HEADER.size + int(name_size) + int(extra_size)
