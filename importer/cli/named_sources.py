"""The sources of a run: those that were named, or those of a set that is gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from importer.errors import UsageError
from importer.pipeline.job import RunOptions
from importer.results.set_manifest import read_set
from importer.source.find import find_sources
from importer.source.found import Found, FoundSource
from importer.text import PROGRAM


def find_named(names: Sequence[str], options: RunOptions) -> Found:
    """Return the sources that were named, or those of the set whose results were.

    Args:
        names: The sources as typed; ``-`` is standard input.
        options: Of these, the patterns of what is read, and the results.

    Raises:
        ImporterError: There are none, or they can't be read.
    """
    if names:
        return find_sources(names, include=options.include, exclude=options.exclude)
    if not options.resume or options.results is None:
        raise UsageError(
            "no source is named",
            f"Name a file, a folder or an archive: {PROGRAM} run export/ --dry-run",
            f"To go on with a set of sources that was stopped: {PROGRAM} run --results FOLDER --resume",
        )
    manifest = read_set(options.results)
    # A pipe of the shell is gone by now; what came out of it was kept.
    pipes = [
        FoundSource(each.name, Path(each.name), each.relative, pipe=True)
        for each in manifest.sources
        if each.pipe
    ]
    others = [name for name in manifest.named if name not in {pipe.name for pipe in pipes}]
    found = (
        find_sources(others, include=manifest.include, exclude=manifest.exclude)
        if others
        else Found((), (), (), is_set=True)
    )
    return replace(found, named=manifest.named, sources=(*found.sources, *pipes), is_set=True)
