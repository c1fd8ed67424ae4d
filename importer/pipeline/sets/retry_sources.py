"""What the sources of a set are read from once more: by a retry, or for copies of their records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from importer.errors import ResultsError
from importer.pipeline.job import RunOptions
from importer.pipeline.paths import copies_folder
from importer.pipeline.sets.copies import SourceCopies
from importer.pipeline.sets.found import find_again
from importer.progress import Progress
from importer.results.set_status import SetRun
from importer.source.members import SourcePath


class RetrySources:
    """The sources of the runs of a set, looked for when they are needed.

    Args:
        runs: The runs.
        options: Of these, how much room an archive may take.
        progress: Where the progress of unpacking is reported.
        stdin: Standard input.

    Attributes:
        wanted: The names of the sources that will be read; only these are unpacked.
    """

    def __init__(
        self, runs: Sequence[SetRun], options: RunOptions, progress: Progress, stdin: BinaryIO
    ) -> None:
        self._options, self._progress, self._stdin = options, progress, stdin
        roots = [run for run in runs if run.manifest.parent is None or run.manifest.mended]
        self._roots = [(run, frozenset(each.name for each in run.manifest.sources)) for run in roots]
        self.wanted: Collection[str] = ()
        self._found: dict[Path, Mapping[str, SourcePath]] = {}

    def path_of(self, name: str) -> SourcePath:
        """Return what a source is read from.

        Raises:
            ImporterError: It is not there, or what was named can't be read.
        """
        for run, names in reversed(self._roots):
            if name in names:
                if run.folder not in self._found:
                    self._found[run.folder] = self._find(run)
                path = self._found[run.folder].get(name)
                if path is not None:
                    return path
        raise ResultsError(f"{name} is not there any more, seen from {Path.cwd()}", "Put it back as it was.")

    def _find(self, run: SetRun) -> Mapping[str, SourcePath]:
        folder, space = copies_folder(run.folder), self._options.spool_space
        copies = SourceCopies(folder, space, self._progress, self._stdin, resumed=True)
        found = copies.of(find_again(run.folder, run.manifest, partly=True), self.wanted)
        return {each.name: each.path for each in found.sources}
