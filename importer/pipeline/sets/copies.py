"""Sources of a set that can be read only once: they are copied beside the results before anything else."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from importer.errors import SourceError
from importer.pipeline.paths import copies_folder, copy_of_pipe
from importer.progress import Progress
from importer.results.lock import Lock
from importer.results.storage import storage_error
from importer.source.archives import is_read_in_place
from importer.source.found import Found, FoundSource, LeftOut
from importer.source.members import Member, SourcePath
from importer.source.spool import spool_pipe, spool_stream
from importer.source.spool_room import current_room
from importer.source.unpack import unpack_tar


def remove_copies(folder: Path) -> None:
    """Remove the copies of the sources of a set, if there are any."""
    shutil.rmtree(copies_folder(folder), ignore_errors=True)


@contextmanager
def held_copies(found: Found, folder: Path) -> Iterator[None]:
    """Hold the copies of the sources of a set, if it needs any, for one run.

    Args:
        found: The sources.
        folder: The results of the set.

    Raises:
        ResultsError: Another run holds them.
        StorageError: They can't be locked.
    """
    copies = copies_folder(folder)
    archives = {each.path.archive for each in found.sources if isinstance(each.path, Member)}
    if not any(each.pipe for each in found.sources) and all(map(is_read_in_place, archives)):
        yield
        return
    _make(copies.parent)
    with Lock(copies, folder):
        yield


@dataclass(frozen=True, slots=True)
class SourceCopies:
    """Makes sources readable as often as need be, wherever one likes to begin.

    A compressed tar is unpacked, and a pipe is read to its end.

    Attributes:
        folder: Where the copies go: see `copies_folder`.
        most_bytes: How much room all archives together may take.
        progress: Where the progress is reported.
        stdin: Standard input.
        resumed: True to take the copies of a run that was stopped.
    """

    folder: Path
    most_bytes: int
    progress: Progress
    stdin: BinaryIO
    resumed: bool

    def of(self, found: Found, names: Collection[str] | None = None) -> Found:
        """Return the sources with copies in place of those that can be read only once.

        Args:
            found: The sources.
            names: Those that will be read; None for all. The others are returned as they are.

        Raises:
            SourceError: A source can't be read, or needs more room than it may take.
            StorageError: A copy can't be written.
        """
        sources = [
            self._copied(each) if each.pipe and (names is None or each.name in names) else each
            for each in found.sources
        ]
        packed = _packed(sources)
        left_out = list(found.left_out)
        space = self.most_bytes
        paths: dict[SourcePath, SourcePath | None] = {}
        for number, (archive, members) in enumerate(packed.items()):
            wanted = {each.path: each for each in members if names is None or each.name in names}
            if not wanted:
                continue
            of_tar = {each.name for each in wanted if isinstance(each, Member)}
            _make(self.folder)
            place = self.folder / f"tar-{number}"
            unpacked = unpack_tar(archive, place, space, self.progress, wanted=of_tar.__contains__)
            size = sum(file.stat().st_size for file in unpacked.files.values())
            space -= size
            current_room().set_aside(size)  # other copies have that much less
            there = {each.name: each for each in unpacked.members(archive)}
            paths |= {path: there.get(path.name) for path in wanted if isinstance(path, Member)}
            known = {each.name for each in left_out}
            damaged = [(f"{archive}::{each.name}", each) for each in unpacked.left_out]
            left_out += [
                LeftOut(name, each.problem, each.remedy) for name, each in damaged if name not in known
            ]
        paths = {each.path: paths.get(each.path, each.path) for each in sources}
        kept = [replace(each, path=path) for each in sources if (path := paths[each.path]) is not None]
        return replace(found, sources=tuple(kept), left_out=tuple(left_out))

    def _copied(self, source: FoundSource) -> FoundSource:
        """Return a pipe as the file that holds what came out of it."""
        copy = copy_of_pipe(self.folder, source.relative)
        if not (self.resumed and copy.exists()):
            if source.name != "-" and not Path(source.name).exists():
                raise SourceError(
                    f"what came out of {source.name} is not kept any more",
                    "Type the command as it was, with its pipes, and --resume.",
                )
            _make(self.folder)
            if source.name == "-":
                spool_stream(self.stdin, copy)
            else:
                spool_pipe(Path(source.name), copy)
        return replace(source, path=copy)


def _packed(sources: Sequence[FoundSource]) -> dict[Path, list[FoundSource]]:
    """Return the members of compressed tars, by their archives."""
    members: dict[Path, list[FoundSource]] = {}
    for source in sources:
        if isinstance(source.path, Member):
            members.setdefault(source.path.archive, []).append(source)
    return {archive: each for archive, each in members.items() if not is_read_in_place(archive)}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
