"""The main job: records in, events out, an outcome for every record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from importer.delivery.batches import make_batches
from importer.delivery.engine import deliver
from importer.errors import ImporterError, Interrupted, ReconciliationError, ResultsError, TooManyErrors
from importer.model import Delivered, Event, Record, Rejection
from importer.pipeline.dry_run import DryRun
from importer.pipeline.gc_tuning import relaxed_gc
from importer.pipeline.job import Job, RunReport, now_iso
from importer.pipeline.record_selector import AllRecords, RecordSelector, RetrySelector
from importer.progress import Progress, stage
from importer.results.buffer import OutcomeBuffer
from importer.results.counts import Counts
from importer.results.differences import check_overwrite
from importer.results.lock import Lock
from importer.results.manifest import Manifest, read_manifest, relative_link, resolve_link, write_manifest
from importer.results.paths import manifest_path
from importer.results.recovery import ResultsState, inspect_results, matches_disk, repair_results
from importer.results.writer import ResultsWriter
from importer.source.fingerprint import is_unchanged
from importer.source.reader import Source, open_source


def run_job(
    job: Job,
    progress: Progress,
    stop: threading.Event,
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> RunReport:
    """Do a job.

    Args:
        job: From `prepare_jobs` or `prepare_retry`.
        progress: Told how far the run is.
        stop: Set it to end the run in good order.
        now: Milliseconds since the epoch.

    Returns:
        The report. What stopped the run is in it: whatever happens, the manifest says how the run ended.

    Raises:
        ResultsError: The results are in use by another run, or can't be used.
        StorageError: Not even the manifest could be written.
    """
    began = time.monotonic()
    with Lock(job.results), relaxed_gc(), ExitStack() as stack:
        job = replace(job, state=_check_state(job))
        if job.options.overwrite:
            # Old outcomes must never stand under the new manifest, wherever the power goes.
            ResultsWriter.create(job.results, overwrite=True).close()
        write_manifest(manifest_path(job.results), replace(job.manifest, scope=job.records, ended=None))
        if job.parent is not None:
            _link(job.parent, job.results)
        dry_run = stack.enter_context(DryRun(job)) if job.manifest.kind == "dry-run" else None
        tally = _Tally()
        error: ImporterError | None = None
        with _open_writer(job) as results:
            try:
                _transfer(job, results, tally, dry_run, progress, stop, now)
            except ImporterError as stopped:
                error = stopped
        state = results.state
        state_on_disk = state if matches_disk(job.results, state) else None
        error = error or _verify(job, tally, state.counts, state_on_disk)
        manifest = _final_manifest(job, tally, state.counts, error)
        if dry_run is not None and tally.finished and error is None:
            manifest = replace(manifest, audit=dry_run.source_audit(tally.records, tally.notes))
        write_manifest(manifest_path(job.results), manifest)
    seconds = time.monotonic() - began
    collisions = None if dry_run is None else dry_run.collisions
    return RunReport(job, manifest, error, seconds, tally.notes, state_on_disk, collisions)


@dataclass(slots=True)
class _Tally:
    """What was read from the source, whatever became of it.

    Attributes:
        records: Records in scope, those of a resumed run's first part included.
        finished: The source was read to the end of the scope.
        notes: Records with a note.
    """

    records: int = 0
    finished: bool = False
    notes: int = 0


def _transfer(
    job: Job, results: ResultsWriter, tally: _Tally, dry_run: DryRun | None, progress: Progress,
    stop: threading.Event, now: Callable[[], int],
) -> None:  # fmt: skip
    """Bring every record in scope from the source to its line in the results."""
    reading = job.manifest.reading
    title = "Importing" if dry_run is None else "Checking"
    with (
        open_source(job.path, reading.dialect, reading.columns) as source,
        stage(progress, title, source.size),
    ):
        buffer = OutcomeBuffer(
            results, lambda: progress.update(source.position(), results.rows, results.unsuccessful)
        )
        selector: RecordSelector = (
            AllRecords(reading, now) if job.selection is None else RetrySelector(job.selection, reading, now)
        )
        chunks = map(selector.map, _records_in_scope(source, job, selector, tally))
        delivered = (
            _deliver(job, chunks, buffer, results, progress, stop, now)
            if dry_run is None
            else dry_run.deliver(chunks, stop)
        )
        try:
            with closing(delivered):
                for batch in delivered:
                    buffer.add(batch)
                    _check_max_errors(job, buffer.unsuccessful, buffer.rows)
        finally:
            buffer.flush()
            tally.notes = buffer.notes
        if stop.is_set() and not (tally.finished and results.rows == tally.records):
            raise Interrupted("by Ctrl-C or SIGTERM", "The results hold everything up to here.")
        _check_max_errors(job, results.unsuccessful, results.rows, at_end=True)


def _deliver(
    job: Job, chunks: Iterable[Sequence[Event | Rejection]], buffer: OutcomeBuffer, results: ResultsWriter,
    progress: Progress, stop: threading.Event, now: Callable[[], int],
) -> Generator[Delivered, None, None]:  # fmt: skip
    """Send the events of a job to where they go."""

    def write_before_waiting() -> None:
        buffer.flush()
        results.tick()

    credentials, settings = job.target.credentials, job.options.delivery
    assert credentials is not None, "only a dry run has no credentials"
    return deliver(
        make_batches(chunks, settings.batch_size, settings.batch_bytes),
        job.target.destination,
        credentials,
        settings,
        stop=stop,
        progress=progress,
        idle=write_before_waiting,
        now=now,
    )


# ── from the source ──────────────────────────────────────────────────────────────────────────────


def _records_in_scope(
    source: Source, job: Job, selector: RecordSelector, tally: _Tally
) -> Iterator[Sequence[Record | Rejection]]:
    """Yield the records that the job is for and that have no outcome yet, in chunks."""
    limit, done = job.options.limit, job.state.records
    for chunk in source.chunks():
        part = selector.select(chunk)
        if limit is not None:
            part = part[: max(0, limit - tally.records)]
        before = tally.records
        tally.records += len(part)
        left = part[max(0, done - before) :]
        if before < done <= tally.records:
            _check_last_row(job, part[done - before - 1].row)
        if left:
            yield left
        if tally.records == limit:
            break
    if tally.records < done:
        raise ResultsError(
            f"{job.results} has {done:,} outcomes, but only {tally.records:,} records are in scope",
            "Begin anew with another --results.",
        )
    tally.finished = True


def _check_last_row(job: Job, row: int) -> None:
    """Stop unless the last outcome of the results is of this row, as the source has it."""
    if row != job.state.last_row:
        raise ResultsError(
            f"{job.results} ends with row {job.state.last_row:,}, but outcome {job.state.records:,} of this"
            f" source is row {row:,}",
            "The results are not of this source. Begin anew with another --results.",
        )


# ── to the results ───────────────────────────────────────────────────────────────────────────────


def _check_state(job: Job) -> ResultsState:
    """Return what the results hold, if nothing else wrote them since this run was prepared."""
    if job.options.overwrite:
        check_overwrite(job.results, job.manifest)
        return ResultsState()
    state = repair_results(job.results) if job.options.resume else inspect_results(job.results)
    if state != job.state:
        raise ResultsError(
            f"{job.results} was written by another run meanwhile",
            f"To see where it stands: mixpanel-importer status {job.results}",
        )
    return state


def _open_writer(job: Job) -> ResultsWriter:
    if job.options.resume:
        return ResultsWriter.resume(job.results, job.state)
    return ResultsWriter.create(job.results, overwrite=job.options.overwrite)


def _check_max_errors(job: Job, wrong: int, total: int, *, at_end: bool = False) -> None:
    limit = job.options.max_errors
    if limit is not None and limit.reached(wrong, total, at_end=at_end):
        raise TooManyErrors(
            f"{wrong:,} of {total:,} records were not taken: more than --max-errors allows",
            "The error column of the results says why.",
        )


def _link(parent: Path, child: Path) -> None:
    """Note in the manifest of a run that it is being retried, so that nobody retries it twice."""
    with Lock(parent):
        manifest = read_manifest(manifest_path(parent))
        link = relative_link(parent, child)
        other = manifest.retried_by and resolve_link(parent, manifest.retried_by)
        if other and manifest.retried_by != link and other.exists():
            raise ResultsError(
                f"{parent} is being retried by {other} already",
                f"See where that stands: mixpanel-importer status {other}",
            )
        if manifest.retried_by != link:
            write_manifest(manifest_path(parent), replace(manifest, retried_by=link))


def _verify(job: Job, tally: _Tally, counts: Counts, state: ResultsState | None) -> ImporterError | None:
    """Return why a finished run can't be trusted, if it can't."""
    if state is None:
        return ReconciliationError(
            f"{job.results} does not hold what was written to it: {counts.total:,} outcomes",
            "Let nothing else write to it, and see that the disk is sound. Then begin anew with another"
            " --results: nothing is doubled.",
        )
    if tally.records != counts.total:
        return ReconciliationError(
            f"{tally.records:,} records were read, but {counts.total:,} have an outcome",
            f"Please report this, with {manifest_path(job.results)}.",
        )
    if not is_unchanged(job.path, job.manifest.fingerprint):
        return ResultsError(
            f"{job.path} changed while it was read: the results may not be those of the file that is there",
            "Put the file back and check it with --dry-run and another --results.",
        )
    return None


def _final_manifest(job: Job, tally: _Tally, counts: Counts, error: ImporterError | None) -> Manifest:
    """Return the manifest of a run that has ended."""
    scope = tally.records if tally.finished else job.records
    stopped_before_end = error is not None and scope is not None and scope > counts.total
    return replace(
        job.manifest,
        ended=now_iso(),
        scope=scope,
        counts=counts,
        unattempted=None if scope is None else scope - counts.total,
        reconciled=None if scope is None else scope == counts.total or stopped_before_end,
        exit_code=error.exit_code if error else int(counts.unsuccessful > 0),
    )
