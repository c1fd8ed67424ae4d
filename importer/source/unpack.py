"""Compressed tar archives unpacked into a folder: their members can't be read where they lie.

A member's file is named by a number, never by the member's name. The index, which is written last, tells
which member each holds and of which archive they are: without it, or with that of another archive, all is
unpacked again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from importer.errors import SourceError, StorageError
from importer.model import Fingerprint
from importer.progress import Progress, stage
from importer.source.archive_entry import ArchiveEntry, checked
from importer.source.archives import ListedMember, archive_kind, compression_of_kind
from importer.source.files import open_hashed
from importer.source.fingerprint import is_unchanged
from importer.source.members import Member
from importer.source.raw import DecompressedFile
from importer.source.tar_index import TarStream, cut_short, is_cut, read_tar

_INDEX: Final = "unpacked.json"
_VERSION: Final = 1
_OWN_FILES: Final = re.compile(r"\d{6,}(\.part)?|unpacked\.json(\.part)?")
_PIECE_SIZE: Final = 1 << 20  # bytes
_BY_HAND: Final = "or unpack the archive by hand (tar -xf), and give the folder"


@dataclass(frozen=True, slots=True)
class UnpackedTar:
    """What became of the members of an archive.

    Attributes:
        files: The file with the bytes of each member that was wanted, in the archive's order.
        left_out: Members that can't be read, and what can't be read of a damaged archive.
        unwanted: Names of the members that were not wanted.
    """

    files: dict[str, Path]
    left_out: tuple[ListedMember, ...]
    unwanted: tuple[str, ...] = ()

    def members(self, archive: Path) -> list[Member]:
        """Return the members of the archive that can be read."""
        return [Member(archive, name, file) for name, file in self.files.items()]


def unpack_tar(
    archive: Path,
    folder: Path,
    most_bytes: int,
    progress: Progress,
    *,
    wanted: Callable[[str], bool] = lambda _name: True,
) -> UnpackedTar:
    """Unpack a compressed tar archive in one pass, unless that was done before.

    Args:
        archive: The archive.
        folder: Where to; it is made if need be. Nothing else must be in it.
        most_bytes: How many bytes may be written.
        progress: Where the progress is reported, as a stage.
        wanted: Whether a member of this name is to be unpacked.

    Raises:
        SourceError: It is no compressed tar archive, can't be read, changes while it is read, or its members
            are too large; then nothing is left in the folder.
        StorageError: The folder can't be written.
    """
    compression = compression_of_kind(archive_kind(archive))
    if not compression:
        raise SourceError(f"{archive} is no compressed tar archive.", "Check the path.")
    if (known := _find_unpacked(archive, folder, wanted)) is not None:
        return known
    with _storage_errors(archive, folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(folder)
        try:
            return _unpack(archive, compression, folder, most_bytes, progress, wanted)
        except BaseException:
            _clear(folder)
            raise


def _unpack(
    archive: Path,
    compression: str,
    folder: Path,
    most_bytes: int,
    progress: Progress,
    wanted: Callable[[str], bool],
) -> UnpackedTar:
    """Unpack an archive into an empty folder, and write the index."""
    entries: list[ArchiveEntry] = []
    files: dict[str, Path] = {}
    unwanted: list[str] = []
    with (
        closing(open_hashed(archive)) as raw,
        stage(progress, f"Unpacking {archive}", raw.size),
        closing(DecompressedFile(archive, raw, compression)) as decompressed,
    ):
        stream = TarStream(_Reported(decompressed, progress))
        for entry in read_tar(stream):
            if entry.problem and entries and entries[-1].start + entries[-1].packed > entry.start:
                entries[-1] = cut_short(entries[-1], entry)
                continue
            entries.append(entry)
            for each in checked([entry]):
                if each.problem or each.name in files:
                    continue
                if not wanted(each.name):
                    unwanted.append(each.name)
                    continue
                most_bytes = _left(archive, most_bytes, each)
                file = folder / f"{len(files) + 1:06}"
                if _write_member(stream, each.size, file, raw.mtime_ns):
                    files[each.name] = file
        fingerprint = raw.fingerprint()
        progress.update(raw.size)
    found = checked(entries)
    left_out = tuple(ListedMember.of(each) for each in found if each.problem)
    for listed in left_out:  # a name that stood there again
        if listed.name in files:
            files.pop(listed.name).unlink()
    unpacked = UnpackedTar(files, left_out, tuple(unwanted))
    _write_index(folder, fingerprint, unpacked)
    return unpacked


class _Reported:
    """A stream whose reads are reported as progress."""

    def __init__(self, stream: DecompressedFile, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def read(self, size: int) -> bytes:
        data = self._stream.read(size) or b""
        self._progress.update(self._stream.position())
        return data


def _left(archive: Path, most_bytes: int, entry: ArchiveEntry) -> int:
    """Return how many bytes may still be written after a member.

    Raises:
        SourceError: They are too few for it.
    """
    if entry.size > most_bytes:
        raise SourceError(
            f"{archive} takes too much space unpacked: {entry.name} has {entry.size:,} bytes, "
            f"and {most_bytes:,} are left of those that are allowed.",
            f"Allow more with --spool-space, {_BY_HAND}.",
        )
    return most_bytes - entry.size


def _write_member(stream: TarStream, size: int, file: Path, mtime_ns: int) -> bool:
    """Write the next bytes of a stream to a file; False if there are too few, and then no file.

    Raises:
        OSError: It can't be written.
    """
    part = file.with_name(f"{file.name}.part")
    left = size
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        try:
            while left and (piece := stream.read(min(left, _PIECE_SIZE))):
                out.write(piece)
                left -= len(piece)
        except SourceError as error:
            if not is_cut(error):  # `read_tar` names it
                raise
    if left:
        part.unlink()
        return False
    os.utime(part, ns=(mtime_ns, mtime_ns))
    part.replace(file)
    return True


def _write_index(folder: Path, fingerprint: Fingerprint, unpacked: UnpackedTar) -> None:
    """Write what was unpacked, once that is on the disk."""
    if hasattr(os, "sync"):  # not on Windows
        os.sync()
    content = {
        "version": _VERSION,
        "fingerprint": asdict(fingerprint),
        "files": [[name, file.name, file.stat().st_size] for name, file in unpacked.files.items()],
        "left_out": unpacked.left_out,
        "unwanted": unpacked.unwanted,
    }
    part = folder / f"{_INDEX}.part"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(content, out)
        out.flush()
        os.fsync(out.fileno())
    part.replace(folder / _INDEX)


def _find_unpacked(archive: Path, folder: Path, wanted: Callable[[str], bool]) -> UnpackedTar | None:
    """Return what was unpacked before; None unless it is of this archive, and whole.

    Raises:
        SourceError: The archive can't be read.
    """
    try:
        content = json.loads((folder / _INDEX).read_bytes())
        if content["version"] != _VERSION:
            return None
        seen = Fingerprint(**content["fingerprint"])
        sizes = {(name, folder / Path(file).name): size for name, file, size in content["files"]}
        if any(file.stat().st_size != size for (_, file), size in sizes.items()):
            return None
        files = {name: file for name, file in sizes if wanted(name)}
        left_out = tuple(ListedMember(*each) for each in content["left_out"])
        found = UnpackedTar(files, left_out, tuple(content["unwanted"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if any(map(wanted, found.unwanted)) or not is_unchanged(archive, seen):
        return None
    return found


def _clear(folder: Path) -> None:
    """Delete what an earlier pass left."""
    for each in folder.iterdir():
        if _OWN_FILES.fullmatch(each.name):
            each.unlink()


@contextmanager
def _storage_errors(archive: Path, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{archive} can't be unpacked into {folder}: {error.strerror or error}.",
            f"Free some space, name another place with --results, {_BY_HAND}.",
        ) from error
