"""The main job: records in, events out, an outcome for every record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from importer.delivery.batches import make_batches
from importer.delivery.engine import deliver
from importer.errors import ImporterError, Interrupted, ReconciliationError, ResultsError, TooManyErrors
from importer.events.mapper import Mapper
from importer.model import (
    Batch,
    Collisions,
    Delivered,
    Event,
    Record,
    Rejection,
    SourceAudit,
    Status,
    Verdict,
)
from importer.pipeline.gc_tuning import relaxed_gc
from importer.pipeline.job import Job, now_iso
from importer.profile.collisions import CollisionAudit
from importer.profile.summary import SummaryCounter
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

_VALID = Verdict(Status.VALID)


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes:
        job: What was to be done.
        manifest: What was written beside the results at the end.
        error: What stopped it, or None if it finished.
        seconds: How long it took.
        notes: Records with a note.
        state: How far the results go, if they are as they were written; None if they must be looked at.
        collisions: What the audit of a dry run found.
    """

    job: Job
    manifest: Manifest
    error: ImporterError | None
    seconds: float
    notes: int = 0
    state: ResultsState | None = None
    collisions: Collisions | None = None


@dataclass(slots=True)
class _Tally:
    """What has been read, whatever became of it."""

    records: int = 0  # in scope, those of a resumed run's first part included
    finished: bool = False  # the source was read to the end of the scope
    notes: int = 0
    facts: SummaryCounter = field(default_factory=SummaryCounter)
    audit: CollisionAudit | None = None
    collisions: Collisions | None = None


def run_job(
    job: Job,
    progress: Progress,
    stop: threading.Event,
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> RunReport:
    """Do a job.

    Args:
        job: From `prepare` or `prepare_retry`.
        progress: Told how far the run is.
        stop: Set it to end the run in good order.
        now: Milliseconds since the epoch.

    Returns:
        The report. What stopped the run is in it: whatever happens, the manifest says how it ended.

    Raises:
        ResultsError: The results are in use by another run, or can't be used.
        StorageError: Not even the manifest could be written.
    """
    began = time.monotonic()
    with Lock(job.results), relaxed_gc():
        job = replace(job, state=_state_on_disk(job))
        if job.options.overwrite:
            # Old outcomes must never stand under the new manifest, wherever the power goes.
            ResultsWriter.create(job.results, overwrite=True).close()
        write_manifest(manifest_path(job.results), _starting(job))
        if job.parent is not None:
            _link(job.parent, job.results)
        tally = _Tally(audit=_audit_for(job))
        error: ImporterError | None = None
        with _writer(job) as results:
            try:
                _transfer(job, results, tally, progress, stop, now)
            except ImporterError as stopped:
                error = stopped
        state = results.state
        if tally.audit is not None:
            tally.audit.close()
        as_written = state if matches_disk(job.results, state) else None
        error = error or _verify(job, tally, state.counts, as_written)
        manifest = _ended(job, tally, state.counts, error)
        write_manifest(manifest_path(job.results), manifest)
    seconds = time.monotonic() - began
    return RunReport(job, manifest, error, seconds, tally.notes, as_written, tally.collisions)


def _transfer(
    job: Job, results: ResultsWriter, tally: _Tally, progress: Progress, stop: threading.Event,
    now: Callable[[], int],
) -> None:  # fmt: skip
    """Bring every record in scope from the source to its line in the results."""

    def idle() -> None:
        buffer.flush()
        results.tick()

    reading = job.manifest.reading
    title = "Checking" if job.manifest.kind == "dry-run" else "Importing"
    with (
        open_source(job.path, reading.dialect, reading.columns) as source,
        stage(progress, title, source.size),
    ):
        buffer = OutcomeBuffer(
            results, lambda: progress.update(source.position(), results.rows, results.unsuccessful)
        )
        chunks = _mapped(_in_scope(source, job, tally), job, now)
        try:
            with closing(_delivered(job, chunks, tally, progress, stop, now, idle)) as delivered:
                for batch in delivered:
                    buffer.add(batch)
                    _check_max_errors(job, buffer.unsuccessful, buffer.rows)
        finally:
            buffer.flush()
            tally.notes = buffer.notes
        if stop.is_set() and not (tally.finished and results.rows == tally.records):
            raise Interrupted("by Ctrl-C or SIGTERM", "The results hold everything up to here.")
        _check_max_errors(job, results.unsuccessful, results.rows, at_end=True)


def _delivered(
    job: Job,
    chunks: Iterable[Sequence[Event | Rejection]],
    tally: _Tally,
    progress: Progress,
    stop: threading.Event,
    now: Callable[[], int],
    idle: Callable[[], None],
) -> Generator[Delivered, None, None]:
    if job.manifest.kind == "dry-run":
        return _rehearsed(job, chunks, tally, stop)
    assert job.target.credentials is not None
    settings = job.options.delivery
    return deliver(
        make_batches(chunks, settings.batch_size, settings.batch_bytes),
        job.target.destination,
        job.target.credentials,
        settings,
        stop=stop,
        progress=progress,
        idle=idle,
        now=now,
    )


def _rehearsed(
    job: Job, chunks: Iterable[Sequence[Event | Rejection]], tally: _Tally, stop: threading.Event
) -> Generator[Delivered, None, None]:
    """Deliver nothing: in a dry run, an event that could be made is valid. Collect what the plan tells."""
    facts = None if job.scan.whole else tally.facts
    for items in chunks:
        if stop.is_set():
            return
        events = _events(items)
        if facts is not None and events:
            _, _, names, _, _, times, _, _ = zip(*events, strict=True)
            facts.add_names(names)
            facts.add_instants([time * 1_000_000 for time in times])
        if tally.audit is not None:
            tally.audit.add(events)
        yield Delivered(Batch(items, events, ()), [_VALID] * len(events))
    if tally.audit is not None:
        tally.collisions = tally.audit.result()


def _events(items: Sequence[Event | Rejection]) -> Sequence[Event]:
    """Give the events of a chunk; nearly always there is nothing else in it."""
    if list(map(type, items)).count(Event) == len(items):
        return cast("Sequence[Event]", items)
    return [item for item in items if isinstance(item, Event)]


# ── from the source ──────────────────────────────────────────────────────────────────────────────


def _in_scope(source: Source, job: Job, tally: _Tally) -> Iterator[Sequence[Record | Rejection]]:
    """Yield the records that the run is for and that have no outcome yet, in chunks."""
    limit, done = job.options.limit, job.state.records
    for chunk in source.chunks():
        part = chunk if job.redo is None else job.redo.pick(chunk)
        if limit is not None:
            part = part[: max(0, limit - tally.records)]
        before = tally.records
        tally.records += len(part)
        fresh = part[max(0, done - before) :]
        if before < done <= tally.records and part[done - before - 1].row != job.state.last_row:
            raise ResultsError(
                f"{job.results} ends with row {job.state.last_row:,}, but outcome {done:,} of this source"
                f" is row {part[done - before - 1].row:,}",
                "The results are not of this source. Begin anew with another --results.",
            )
        if fresh:
            yield fresh
        if tally.records == limit:
            break
    if tally.records < done:
        raise ResultsError(
            f"{job.results} has {done:,} outcomes, but only {tally.records:,} records are in scope",
            "Begin anew with another --results.",
        )
    tally.finished = True


def _mapped(
    chunks: Iterable[Sequence[Record | Rejection]], job: Job, now: Callable[[], int]
) -> Iterator[list[Event | Rejection]]:
    """Yield an event or a rejection for each record, in chunks."""
    return map((job.redo or Mapper(job.manifest.reading, now)).map, chunks)


def _audit_for(job: Job) -> CollisionAudit | None:
    """Return the audit that goes along with a dry run of a whole source."""
    whole = job.options.limit is None and not job.state.records and job.scan.collisions is None
    wanted = job.manifest.kind == "dry-run" and job.options.audit and whole
    return CollisionAudit(job.results.parent) if wanted else None


# ── to the results ───────────────────────────────────────────────────────────────────────────────


def _state_on_disk(job: Job) -> ResultsState:
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


def _writer(job: Job) -> ResultsWriter:
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


def _starting(job: Job) -> Manifest:
    """Return the manifest that must be on disk before the first request."""
    return replace(job.manifest, scope=job.records, ended=None)


def _link(parent: Path, child: Path) -> None:
    """Note in the manifest of a run that it is being retried, so that nobody retries it twice."""
    with Lock(parent):
        manifest = read_manifest(manifest_path(parent))
        to = relative_link(parent, child)
        other = manifest.retried_by and resolve_link(parent, manifest.retried_by)
        if other and manifest.retried_by != to and other.exists():
            raise ResultsError(
                f"{parent} is being retried by {other} already",
                f"See where that stands: mixpanel-importer status {other}",
            )
        if manifest.retried_by != to:
            write_manifest(manifest_path(parent), replace(manifest, retried_by=to))


def _verify(job: Job, tally: _Tally, counts: Counts, as_written: ResultsState | None) -> ImporterError | None:
    """Return why a finished run can't be trusted, if it can't."""
    if as_written is None:
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


def _ended(job: Job, tally: _Tally, counts: Counts, error: ImporterError | None) -> Manifest:
    scope = tally.records if tally.finished else job.records
    audit = job.manifest.audit
    if job.manifest.kind == "dry-run" and tally.finished and error is None:
        facts = job.scan.facts if job.scan.whole else tally.facts.summary()
        audit = SourceAudit(
            facts if facts.records else replace(facts, records=tally.records),
            whole=job.scan.whole or (job.options.limit is None and not job.state.records),
            notes=tally.notes,
            collisions=tally.collisions,
        )
    return replace(
        job.manifest,
        ended=now_iso(),
        scope=scope,
        counts=counts,
        unattempted=None if scope is None else scope - counts.total,
        reconciled=None
        if scope is None
        else scope == counts.total or (error is not None and scope > counts.total),
        exit_code=error.exit_code if error else int(counts.unsuccessful > 0),
        audit=audit,
    )
