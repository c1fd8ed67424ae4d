"""The sources of a set, found again by what was named, and how they differ from what they were."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from importer.errors import ImporterError, SourceError
from importer.pipeline.paths import copies_folder, copy_of_pipe
from importer.results.set_manifest import SetManifest, SetSource
from importer.source.archives import is_read_in_place
from importer.source.files import source_size
from importer.source.find import find_sources
from importer.source.fingerprint import is_unchanged
from importer.source.found import Found, FoundSource
from importer.source.members import Member, SourcePath


@dataclass(frozen=True, slots=True)
class SetChanges:
    """How the sources of a set differ from those that it was begun with.

    Attributes:
        appeared: Sources that there were not.
        vanished: Sources that are not there any more.
        changed: Sources whose bytes are others now.
        missing: What was named and can't be found from here; empty if all was looked at.
        why: What stands in the way, where nothing that was named is missing.
    """

    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: str = ""
    why: str = ""


NO_CHANGES: Final = SetChanges()


def find_again(folder: Path, manifest: SetManifest, *, partly: bool = False) -> Found:
    """Return the sources that there are now of what was named for a set; of pipes, the copies.

    Args:
        folder: The folder of the results, beside which the copies are.
        manifest: The manifest of the set.
        partly: What was named and is gone is left out: it is missed where it is needed.

    Raises:
        ImporterError: What was named is not there, or can't be read.
    """
    pipes = _pipes(manifest)
    names = [name for name in manifest.named if name not in pipes]
    if partly:
        names = [name for name in names if _is_there(name)]
    found = Found((), (), (), is_set=True)
    if names:
        found = find_sources(names, include=manifest.include, exclude=manifest.exclude)
    copies = copies_folder(folder)
    kept = [
        FoundSource(source.name, path, source.relative, pipe=True)
        for source in manifest.sources
        if source.pipe and os.path.lexists(path := copy_of_pipe(copies, source.relative))
    ]
    return replace(found, named=manifest.named, sources=(*found.sources, *kept), is_set=True)


def _pipes(manifest: SetManifest) -> frozenset[str]:
    """Return the names of the sources that could be read only once: they are not there any more."""
    return frozenset(source.name for source in manifest.sources if source.pipe)


def find_changes(folder: Path, manifest: SetManifest) -> SetChanges:
    """Return how the sources of a set differ from those that it was begun with.

    Args:
        folder: The folder of its results.
        manifest: Its manifest.
    """
    try:
        found = find_again(folder, manifest)
    except ImporterError as error:
        pipes = _pipes(manifest)
        gone = next((name for name in manifest.named if name not in pipes and not _is_there(name)), "")
        return SetChanges(missing=gone, why="" if gone else error.message)
    known = {each.name: each for each in manifest.sources}
    there = {each.name: each.path for each in found.sources}
    unreadable = {each.name for each in found.left_out}
    archives = {path.archive for path in there.values() if isinstance(path, Member)}
    packed = {archive for archive in archives if not is_read_in_place(archive)}
    changed = [
        name
        for name, path in there.items()
        if name in known
        # What a compressed archive holds is compared where it is unpacked.
        and not (isinstance(path, Member) and path.archive in packed)
        and _has_changed(known[name], path)
    ]
    return SetChanges(
        tuple(name for name in there if name not in known),
        tuple(
            name
            for name, each in known.items()
            if each.fingerprint is not None and name not in there and name not in unreadable
            and not each.pipe
        ),
        (*changed, *(name for name in known if name in unreadable and not known[name].is_left_out)),
    )  # fmt: skip


def _is_there(name: str) -> bool:
    """Return whether what was named is there; whether a pattern matches is not looked at."""
    if os.path.lexists(name) or any(mark in name for mark in "*?["):
        return True
    archive, _, member = name.partition("::")
    return bool(member) and os.path.lexists(archive)


def _has_changed(source: SetSource, path: SourcePath) -> bool:
    seen = source.fingerprint
    if seen is None:  # it could not be read
        return False
    try:
        if not seen.digest:  # it had no byte to take a digest of
            return source_size(path) != seen.size
        return not is_unchanged(path, seen)
    except SourceError:
        return True
