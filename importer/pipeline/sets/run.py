"""Runs a set of sources: the job of each, on as many processes as there are, and one sum of all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from importer.errors import (
    ImporterError,
    Interrupted,
    LostWorkerError,
    ReconciliationError,
    RefusedError,
    ResultsError,
    SourceError,
    TooManyErrors,
    UsageError,
)
from importer.facts import NO_COLLISIONS
from importer.pipeline.job import Job, JobEnd, MaxErrors, Survey, now_iso
from importer.pipeline.sets.job import PreparedSet, SetReport, SourceEnd, begin_order
from importer.pipeline.sets.outputs import make_room
from importer.pipeline.workers.pool import Workers
from importer.pipeline.workers.task import Task
from importer.progress import Progress
from importer.results.counts import Counts
from importer.results.lock import Lock
from importer.results.manifest import write_manifest
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results
from importer.results.set_manifest import SetManifest, is_set_folder, read_set, set_path
from importer.results.set_status import linked_set, set_link
from importer.results.storage import flush, storage_error
from importer.text import counted, file_command

_FLUSHED_AT_ONCE: Final = 16
_TITLES: Final = {"dry-run": "Checking", "real": "Importing", "sandbox": "Importing"}


_OF_ONE_SOURCE: Final = (SourceError, Interrupted, LostWorkerError)
"""Errors that concern a single source: the others go on."""


class SetWatch:
    """The progress of a set: it stops all sources where more records than allowed were not taken.

    Args:
        progress: Where it is reported.
        stop: Set to stop all sources.
        max_errors: When to stop; None for never.

    Attributes:
        stop: As above.
        done: Outcomes that there were before this run.
        reached: True once too many records were not taken.
    """

    def __init__(self, progress: Progress, stop: threading.Event, max_errors: MaxErrors | None) -> None:
        self._progress, self.stop, self._max_errors = progress, stop, max_errors
        self.done = Counts()
        self.reached = False

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        self._progress.begin(title, size)

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`."""
        self._progress.update(position, records, unsuccessful)
        if records is not None:
            self.check(self.done.unsuccessful + unsuccessful, self.done.total + records)

    def clear(self) -> None:
        """As in `Progress`."""
        self._progress.clear()

    def end(self) -> None:
        """As in `Progress`."""
        self._progress.end()

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        self._progress.waiting(reason, until)

    def resumed(self) -> None:
        """As in `Progress`."""
        self._progress.resumed()

    def at_work(self, names: Sequence[str]) -> None:
        """As in `Progress`."""
        self._progress.at_work(names)

    def check(self, unsuccessful: int, total: int, *, at_end: bool = False) -> None:
        """Stop all sources if too many records were not taken."""
        limit = self._max_errors
        if limit is not None and not self.reached and limit.reached(unsuccessful, total, at_end=at_end):
            self.reached = True
            self.stop.set()


def run_set(
    prepared: PreparedSet, workers: Workers, watch: SetWatch, task_of: Callable[[Job], Task[JobEnd]]
) -> SetReport:
    """Run the jobs of a set.

    Args:
        prepared: The set.
        workers: Who does the jobs; they report to the watch.
        watch: Counts what was not taken. Set its event, which is also theirs, to end in good order.
        task_of: Makes the task that runs a job.

    Raises:
        ResultsError: The results are in use by another run, or can't be used.
        StorageError: Not even the manifest could be written.
    """
    began = time.monotonic()
    folder = prepared.output.folder
    if prepared.output.use == "replace":
        make_room(folder, prepared.manifest)
    _make_folder(folder)
    path = manifest_path(set_path(folder))
    with Lock(set_path(folder), folder):
        _check_as_prepared(prepared)
        write_manifest(path, replace(prepared.manifest, ended=None))
        if prepared.manifest.parent is not None:
            _link(linked_set(folder, prepared.manifest.parent), folder)
        watch.done = prepared.done
        ends, cause = _run_jobs(prepared, workers, watch, task_of)
        counts = _counts(prepared, ends)
        watch.check(counts.unsuccessful, counts.total, at_end=cause is None)
        manifest, cause = _final(prepared, ends, counts, _cause(cause, counts, watch))
        if manifest.kind == "real":  # else there is nothing that could not be made again
            _flush_manifests([each.job for each in ends if each.end is not None and each.job.is_told_by_set])
        write_manifest(path, manifest)
    notes = sum(each.end.notes for each in ends if each.end is not None)
    return SetReport(prepared, manifest, ends, cause, time.monotonic() - began, notes)


def _flush_manifests(jobs: Sequence[Job]) -> None:
    """Flush the manifests of sources to disk, which their jobs did not.

    Many at once take a tenth of the time that each would take by itself: file systems flush them together.

    Raises:
        StorageError: The disk is full or broken.
    """
    paths = [manifest_path(job.results) for job in jobs]
    with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as pool:
        for _ in pool.map(flush, paths):
            pass
        for _ in pool.map(flush, {path.parent for path in paths}):
            pass


def _check_as_prepared(prepared: PreparedSet) -> None:
    """Check that no other run wrote to the results since they were looked at; each source checks its own.

    Raises:
        ResultsError: One did.
    """
    output = prepared.output
    if is_set_folder(output.folder) and (
        output.use != "resume" or read_set(output.folder).retried_by != prepared.manifest.retried_by
    ):
        raise ResultsError(
            f"{output.folder} was written by another run in the meantime",
            f"To see where it stands: {file_command('status', output.folder)}",
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _link(parent: Path, child: Path) -> None:
    """Write into the manifest of a set which retry it has."""
    with Lock(set_path(parent)):
        manifest = read_set(parent)
        link = set_link(parent, child)
        other = None if manifest.retried_by is None else linked_set(parent, manifest.retried_by)
        if other is not None and manifest.retried_by != link and is_set_folder(other):
            raise ResultsError(
                f"{parent} is being retried by {other} already",
                f"See where that stands: {file_command('status', other)}",
            )
        if manifest.retried_by != link:
            write_manifest(manifest_path(set_path(parent)), replace(manifest, retried_by=link))


def _run_jobs(
    prepared: PreparedSet, workers: Workers, watch: SetWatch, task_of: Callable[[Job], Task[JobEnd]]
) -> tuple[list[SourceEnd], ImporterError | None]:
    """Run the jobs, and return how each ended, and what stopped all of them."""
    jobs = [job for job in prepared.jobs.jobs if job.records]
    ends = [SourceEnd(job) for job in jobs]
    cause: ImporterError | None = None
    order = begin_order([job.records or 0 for job in jobs], workers.count)
    tasks = (task_of(_plain(jobs[at])) for at in order)
    title, size = _TITLES[prepared.manifest.kind], prepared.jobs.size
    for place, result in workers.run(tasks, title=title, size=size, at_work=watch.at_work):
        at = order[place]
        if isinstance(result, Exception) and not isinstance(result, ImporterError):
            raise result
        error = result if isinstance(result, ImporterError) else result.error
        end = None if isinstance(result, ImporterError) else result
        ends[at] = SourceEnd(jobs[at], end, None if isinstance(error, Interrupted) else error)
        if cause is None and error is not None and not isinstance(error, _OF_ONE_SOURCE):
            cause = error
            watch.stop.set()
    return ends, cause


def _plain(job: Job) -> Job:
    """Return a job without what is known of all sources, which its process does not need."""
    return replace(job, survey=Survey(whole=True, sources=job.sources, collisions=NO_COLLISIONS))


def _is_untouched(each: SourceEnd) -> bool:
    """Return whether nothing of a source was sent but what was refused with all else."""
    if each.end is not None:
        return each.end.unauthorized
    return each.error is None and not each.job.results.exists()


def _counts(prepared: PreparedSet, ends: Sequence[SourceEnd]) -> Counts:
    """Return the outcomes of all sources, as their results hold them."""
    return sum((_own_counts(each) for each in ends), prepared.done)


def _own_counts(each: SourceEnd) -> Counts:
    if each.end is not None:
        return each.end.counts
    try:  # it was not begun, or ended with its process
        return inspect_results(each.job.results).counts
    except ResultsError:  # for which it was stopped
        return each.job.state.counts


def _cause(cause: ImporterError | None, counts: Counts, watch: SetWatch) -> ImporterError | None:
    """Return what stopped the set."""
    if watch.reached:
        return TooManyErrors(
            f"{counts.unsuccessful:,} of {counted(counts.total, 'record')} not taken: more than --max-errors"
            " allows",
            "The error column of the results says why.",
        )
    return cause


def _final(
    prepared: PreparedSet, ends: Sequence[SourceEnd], counts: Counts, cause: ImporterError | None
) -> tuple[SetManifest, ImporterError | None]:
    """Return the manifest of a set that has ended, and what stopped it or is wrong with it."""
    manifest, scope = prepared.manifest, prepared.manifest.scope or 0
    unfinished = [each for each in ends if each.end is None or each.end.scope != each.end.counts.total]
    if cause is None and unfinished and not any(each.error for each in unfinished):
        cause = Interrupted("by Ctrl-C or another signal", "The results hold everything up to here.")
    errors = [each.error for each in ends if each.error is not None]
    adds_up = counts.total <= scope and (counts.total == scope or bool(cause or errors))
    if not adds_up:
        cause = ReconciliationError(
            f"{counted(scope, 'record')} in scope, but {counts.total:,} have an outcome",
            f"Please report this, with {manifest_path(set_path(prepared.output.folder))}.",
        )
    # A source that turned out to be damaged doesn't stop the others, which were sent: that is no wrong usage.
    codes = [error.exit_code for error in errors]
    code = max((1 if each == UsageError.exit_code else each for each in codes), default=0)
    if cause is not None:
        code = cause.exit_code
    elif not code:
        code = int(counts.unsuccessful > 0 or bool(prepared.left_out or prepared.broken_off))
    ended = replace(
        manifest,
        ended=now_iso(),
        counts=counts,
        unattempted=scope - counts.total,
        reconciled=adds_up,
        exit_code=code,
        unauthorized=isinstance(cause, RefusedError)
        and not counts.total
        and all(_is_untouched(each) for each in ends),
    )
    return ended, cause
