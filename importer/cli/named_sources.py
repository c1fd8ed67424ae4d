"""The sources of a run: those that were named, or those of a set that is gone on with."""

from __future__ import annotations

from collections.abc import Sequence

from importer.errors import UsageError
from importer.pipeline.job import RunOptions
from importer.source.find import find_sources
from importer.source.found import Found
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
    from importer.pipeline.sets.found import find_again  # noqa: PLC0415 - a single file does without
    from importer.results.set_manifest import read_set  # noqa: PLC0415 - likewise

    if not options.resume or options.results is None:
        raise UsageError(
            "no source is named",
            f"Name a file, a folder or an archive: {PROGRAM} run export/ --dry-run",
            f"To go on with a set of sources that was stopped: {PROGRAM} run --results FOLDER --resume",
        )
    return find_again(options.results, read_set(options.results), partly=True)
