"""Where the source of a run lies, as its manifest names it: here, or in the folder of its results."""

from __future__ import annotations

from dataclasses import replace
from os.path import relpath
from pathlib import Path

from importer.errors import SourceError
from importer.results.recorded import RecordedRun
from importer.results.status import HistoryStatus
from importer.source.fingerprint import is_unchanged


def is_source_changed(run: RecordedRun, folder: Path = Path()) -> bool | None:
    """Return whether a source is another than it was; None if it is not there.

    Args:
        run: A run of it.
        folder: Where its name is taken from.
    """
    source = run.manifest.source
    if source == "-":
        return False
    try:
        return not is_unchanged(folder / source, run.manifest.fingerprint)
    except SourceError:
        return None


def folder_to_go_to(status: HistoryStatus) -> Path | None:
    """Return the folder of the results, if the source is there as it was, and is not so here."""
    last = status.runs[-1]
    folder = last.results.parent
    if last.manifest.source == "-" or folder.absolute() == Path.cwd():
        return None
    is_there = is_source_changed(last, folder) is False
    return folder if is_there and is_source_changed(last) is not False else None


def seen_from(status: HistoryStatus, folder: Path) -> HistoryStatus:
    """Return a status whose results are named as they are from a folder."""
    runs = {id(run): replace(run, results=Path(relpath(run.results, folder))) for run in status.runs}
    step = status.next_step
    if step is not None:
        parent = None if step.parent is None else runs[id(step.parent)]
        step = replace(step, run=runs[id(step.run)], parent=parent)
    return replace(status, runs=tuple(runs.values()), next_step=step)


def missing_text(source: str) -> str:
    """Return that a source is not there, and where it was looked for."""
    if Path(source).is_absolute():
        return f"{source} is not there any more. Put it back as it was"
    return f"{source} is not there, seen from {Path.cwd()}. Put it back, or go to where the run was"
