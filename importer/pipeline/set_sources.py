"""Sources of a set that can be read only once: they are copied beside the results before anything else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from importer.pipeline.job import RunOptions
from importer.progress import Progress
from importer.results.storage import storage_error
from importer.source.archives import archive_kind
from importer.source.found import Found, FoundSource, LeftOut
from importer.source.members import Member, SourcePath
from importer.source.spool import spool_pipe, spool_stream
from importer.source.unpack import unpack_tar

_READ_IN_PLACE: Final = ("zip", "tar")


def copies_folder(folder: Path) -> Path:
    """Return where the copies are of what can be read only once, beside the results of a set."""
    return folder.with_name(f"{folder.name}.source")


def remove_copies(folder: Path) -> None:
    """Remove the copies of the sources of a set, if there are any."""
    shutil.rmtree(copies_folder(folder), ignore_errors=True)


def readable_sources(
    found: Found, folder: Path, options: RunOptions, progress: Progress, stdin: BinaryIO
) -> Found:
    """Return sources of which each can be read as often as need be, wherever one likes to begin.

    A compressed tar is unpacked, and a pipe is read to its end; where a run that was stopped did that, its
    copies are taken.

    Args:
        found: The sources as they were named.
        folder: The folder of the results.
        options: Of these, how much room an archive may take.
        progress: Where the progress is reported.
        stdin: Standard input.

    Raises:
        SourceError: A source can't be read, or needs more room than it may take.
        StorageError: A copy can't be written.
    """
    copies = copies_folder(folder)
    sources: list[FoundSource] = []
    packed: dict[Path, dict[str, FoundSource]] = {}
    for at, source in enumerate(found.sources):
        if source.pipe:
            source = replace(source, path=_copy_of_pipe(source, copies / f"pipe-{at}", stdin))  # noqa: PLW2901
        elif isinstance(source.path, Member):
            kind = archive_kind(source.path.archive) if source.path.archive not in packed else "packed"
            if kind not in _READ_IN_PLACE:
                packed.setdefault(source.path.archive, {})[source.path.name] = source
        sources.append(source)
    left_out = list(found.left_out)
    members: dict[SourcePath, Member] = {}
    space = options.spool_space
    for number, (archive, names) in enumerate(packed.items()):
        _make(copies)
        unpacked = unpack_tar(archive, copies / f"tar-{number}", space, progress, wanted=names.__contains__)
        members |= {names[each.name].path: each for each in unpacked.members(archive) if each.name in names}
        space -= sum(file.stat().st_size for file in unpacked.files.values())
        known = {each.name for each in left_out}
        damaged = [(f"{archive}::{each.name}", each) for each in unpacked.left_out]
        left_out += [LeftOut(name, each.problem, each.remedy) for name, each in damaged if name not in known]
    gone = {source.path for names in packed.values() for source in names.values()} - members.keys()
    kept = tuple(
        replace(each, path=members.get(each.path, each.path)) for each in sources if each.path not in gone
    )
    return replace(found, sources=kept, left_out=tuple(left_out))


def _copy_of_pipe(source: FoundSource, copy: Path, stdin: BinaryIO) -> Path:
    if not copy.exists():
        _make(copy.parent)
        if source.name == "-":
            spool_stream(stdin, copy)
        else:
            spool_pipe(Path(source.name), copy)
    return copy


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
