"""Runs a job: reads records, maps them to events, delivers these, and writes an outcome for every record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from importer.delivery.connections import Connections
from importer.delivery.protocols import system_now
from importer.delivery.quota import Quota
from importer.delivery.request_log import RequestLog
from importer.errors import (
    ImporterError,
    Interrupted,
    LostSourceError,
    ReconciliationError,
    RefusedError,
    ResultsError,
    SourceError,
)
from importer.pipeline.collision_attention import with_collisions
from importer.pipeline.dry_run import DryRun
from importer.pipeline.job import Job, JobEnd, RunReport, now_iso
from importer.pipeline.landed_copies import LandedCopies
from importer.pipeline.record_selector import selector_of
from importer.pipeline.transfer import Transfer, send_nothing
from importer.progress import Progress
from importer.reading import broken_off
from importer.results.aside import set_retried_aside
from importer.results.counts import Counts, ResultsState
from importer.results.differences import check_overwrite
from importer.results.lock import Lock
from importer.results.manifest import (
    Manifest,
    is_lost,
    read_manifest,
    relative_link,
    resolve_link,
    write_manifest,
)
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results, matches_disk, repair_results
from importer.results.storage import Durability, storage_error
from importer.results.writer import ResultsWriter
from importer.source.fingerprint import is_unchanged
from importer.text import counted, file_command

if TYPE_CHECKING:
    from importer.pipeline.workers.task import Context


def run_job(
    job: Job,
    progress: Progress,
    stop: threading.Event,
    now: Callable[[], int] = system_now,
    connections: Connections | None = None,
    *,
    may_send: bool = True,
    quota: Quota | None = None,
) -> RunReport:
    """Run a job.

    Args:
        job: From `prepare_jobs` or `prepare_retry`.
        progress: Where the progress of the run is reported.
        stop: Set it to end the run in good order.
        now: Milliseconds since the epoch.
        connections: Where connections are kept for other jobs; None to close them.
        may_send: False if nobody was asked, as nothing can be sent: should an event be found, the run stops.
        quota: How much may go out, over this and other jobs; None for one of its own, where there is a limit.

    Returns:
        The report. An error that stopped the run is in it, not raised: the manifest is written all the same.

    Raises:
        ResultsError: The results are in use by another run, or can't be used.
        StorageError: Not even the manifest could be written.
    """
    path = job.options.log_file
    with nullcontext() if path is None else _open_log(job, path) as log:
        report = _run_job(job, progress, stop, now, log, connections, may_send=may_send, quota=quota)
        if log is None:
            return report
        log.end(report.manifest.exit_code or 0, report.manifest.counts.total)
        return replace(report, log_error=log.error)


@dataclass(frozen=True, slots=True)
class JobTask:
    """Runs the job of one source.

    Attributes:
        job: The job.
        may_send: False if nobody was asked, as nothing can be sent.
        is_again: True if a worker died over it.
    """

    job: Job
    may_send: bool
    is_again: bool = False

    @property
    def name(self) -> str:
        """The source, for people."""
        return self.job.manifest.source

    def run(self, context: Context) -> JobEnd:
        """Run it, and return how it ended.

        Raises:
            ImporterError: Its results can't be used.
        """
        job = self.job
        if self.is_again and job.results.exists():
            options = replace(job.options, resume=True, overwrite=False)
            job = replace(job, options=options, state=inspect_results(job.results))
        try:
            job.results.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(job.results.parent, error) from error
        report = run_job(
            job,
            context.progress,
            context.stop,
            system_now,
            context.connections,
            may_send=self.may_send,
            quota=context.quota,
        )
        manifest = report.manifest
        return JobEnd(
            manifest.counts,
            manifest.scope,
            report.error,
            report.notes,
            manifest.reconciled,
            manifest.unauthorized,
        )

    def again(self) -> JobTask:
        """Return the task after its worker died: it goes on with the results that are there."""
        return replace(self, is_again=True)


def _run_job(
    job: Job,
    progress: Progress,
    stop: threading.Event,
    now: Callable[[], int],
    log: RequestLog | None,
    connections: Connections | None,
    *,
    may_send: bool,
    quota: Quota | None,
) -> RunReport:
    """Run a job whose log is open: see `run_job`."""
    began = time.monotonic()
    with Lock(job.results), ExitStack() as stack:
        _check_as_planned(job)
        job = _begin(job)
        dry_run = stack.enter_context(DryRun(job, now)) if job.manifest.kind == "dry-run" else None
        # Copies are counted over a set as a whole, before it is run.
        counts_copies = not job.of_set and (dry_run is None or not dry_run.compares)
        landed = stack.enter_context(LandedCopies(job)) if counts_copies else None
        error: ImporterError | None = None
        with _open_writer(job) as results:
            rehearse = dry_run.deliver if dry_run is not None else None if may_send else send_nothing
            observe = None if landed is None else landed.add
            transfer = Transfer(
                job,
                results,
                partial(selector_of, job.selection, job.manifest.reading, now, job.manifest.mended_items),
                rehearse,
                progress,
                stop,
                now,
                observe=observe,
                connections=connections,
                log=log,
                quota=quota,
            )
            try:
                if landed is not None:
                    landed.add_earlier()
                transfer.run()
            except ImporterError as stopped:
                error = stopped
        state = results.state
        state_on_disk = state if matches_disk(job.results, state) else None
        error = error or _verify(job, transfer, state.counts, state_on_disk)
        if isinstance(error, SourceError) and dry_run is None and state.records > job.state.records:
            error = LostSourceError(error.message, *error.steps)
        manifest = _final_manifest(job, transfer, state.counts, error)
        manifest, copies = _with_copies(
            job, manifest, landed, dry_run, finished=transfer.finished and not error
        )
        manifest = _with_break(manifest, transfer)
        if dry_run is not None and transfer.finished and error is None and not job.of_set:
            manifest = _with_audit(manifest, dry_run, transfer)
        # The set flushes those of all its sources at its end, together.
        write_manifest(manifest_path(job.results), manifest, durable=not job.is_told_by_set)
    seconds = time.monotonic() - began
    collisions = None if dry_run is None else dry_run.collisions
    return RunReport(job, manifest, error, seconds, transfer.notes, state_on_disk, collisions, copies)


def _check_as_planned(job: Job) -> None:
    """Check that the source is as it was when the plan was made.

    Raises:
        SourceError: It is another, or can't be read any more.
    """
    if not is_unchanged(job.path, job.manifest.fingerprint):
        raise SourceError(
            f"{job.path} has changed since the plan was made: nothing of it was sent",
            "Put it back as it was and go on with --resume, or make a new plan: type the command again.",
        )


def _begin(job: Job) -> Job:
    """Write down how a job is run, before anything is sent, and return it with the state of its results.

    Raises:
        ResultsError: The results can't be used, or the run that is retried is being retried already.
        StorageError: The manifest can't be written.
    """
    job = replace(job, state=_check_state(job))
    if job.options.overwrite:
        _make_room(job)
    if not job.is_told_by_set:
        write_manifest(manifest_path(job.results), replace(job.manifest, scope=job.records, ended=None))
    if job.parent is not None:
        _link(job.parent, job.results)
    return job


def _with_audit(manifest: Manifest, dry_run: DryRun, transfer: Transfer) -> Manifest:
    """Return the manifest of a finished dry run with what that found out about the source."""
    return replace(
        manifest,
        audit=dry_run.source_audit(transfer.records, transfer.notes, manifest.counts.skipped),
        attention=(*manifest.attention, *dry_run.hot_shards),
    )


def _with_break(manifest: Manifest, transfer: Transfer) -> Manifest:
    """Return the manifest with the break at which the records ended, if nobody had looked that far before."""
    if transfer.broken is None or manifest.breaks_off:
        return manifest
    return replace(manifest, attention=(*manifest.attention, broken_off(transfer.broken.message)))


@contextmanager
def _open_log(job: Job, path: Path) -> Iterator[RequestLog]:
    """Yield the log of a job's requests, in which it has begun."""
    log = RequestLog(path, source=job.manifest.reading.source_name if job.of_set else "")
    try:
        manifest, target = job.manifest, job.target
        log.start(
            manifest.importer_version,
            manifest.kind,
            manifest.source,
            target.destination,
            target.credentials,
            job.options.delivery,
        )
        yield log
    finally:
        log.close()


def _with_copies(
    job: Job, manifest: Manifest, landed: LandedCopies | None, dry_run: DryRun | None, *, finished: bool
) -> tuple[Manifest, int]:
    """Return the manifest with what is known of copies, and how many events Mixpanel does not keep."""
    if landed is not None:
        found = landed.result()
        return replace(manifest, attention=landed.attention(found, finished=finished)), found.count
    collisions = None if dry_run is None else dry_run.collisions
    if collisions is None:
        return manifest, 0
    attention = with_collisions(job, collisions).manifest.attention
    return replace(manifest, attention=attention), collisions.identical + collisions.lost


def _check_state(job: Job) -> ResultsState:
    """Return what the results hold.

    Raises:
        ResultsError: Another run wrote them since this one was prepared.
    """
    if job.options.overwrite:
        _check_overwrite(job)
        return ResultsState()
    state = repair_results(job.results) if job.options.resume else inspect_results(job.results)
    if state != job.state:
        raise ResultsError(
            f"{job.results} was written by another run in the meantime",
            f"To see where it stands: {file_command('status', job.results)}",
        )
    if job.manifest.refused_at and not (job.is_told_by_set and is_lost(manifest_path(job.results))):
        old = read_manifest(manifest_path(job.results))
        if old.refused_at != job.manifest.refused_at and not old.unauthorized:
            raise ResultsError(
                f"records of {job.results} were sent by another run in the meantime",
                "Go on with that: --resume",
            )
    return state


def _make_room(job: Job) -> None:
    """Empty results that are replaced; those that were retried are set aside."""
    set_retried_aside(job.results, lambda: _check_overwrite(job))
    # Old outcomes must never stand under the new manifest, wherever the power goes.
    ResultsWriter.create(job.results, overwrite=True, items=job.has_items).close()


def _check_overwrite(job: Job) -> None:
    check_overwrite(job.results, job.manifest, only_rehearsals=job.options.only_rehearsals)


def _open_writer(job: Job) -> ResultsWriter:
    durability = Durability.AT_ONCE
    if job.is_told_by_set:
        durability = Durability.SOON if job.manifest.kind == "real" else Durability.NEVER
    if job.options.resume:
        return ResultsWriter.resume(job.results, job.state, items=job.has_items, durability=durability)
    return ResultsWriter.create(
        job.results, overwrite=job.options.overwrite, items=job.has_items, durability=durability
    )


def _link(parent: Path, child: Path) -> None:
    """Write into the manifest of a run which retry it has, so that nobody retries it twice."""
    with Lock(parent):
        manifest = read_manifest(manifest_path(parent))
        link = relative_link(parent, child)
        other = manifest.retried_by and resolve_link(parent, manifest.retried_by)
        if other and manifest.retried_by != link and other.exists():
            raise ResultsError(
                f"{parent} is being retried by {other} already",
                f"See where that stands: {file_command('status', other)}",
            )
        if manifest.retried_by != link:
            write_manifest(manifest_path(parent), replace(manifest, retried_by=link))


def _verify(job: Job, transfer: Transfer, counts: Counts, state: ResultsState | None) -> ImporterError | None:
    """Return the error of a finished run whose counts, file or source don't agree; None if they do."""
    if state is None:
        return ReconciliationError(
            f"{job.results} does not hold what was written to it: {counted(counts.total, 'outcome')}",
            "Let nothing else write to it, and check that the disk is sound. Then start again with another"
            " --results: nothing is doubled.",
        )
    if transfer.records != counts.total:
        return ReconciliationError(
            f"{transfer.records:,} records were read, but {counts.total:,} have an outcome",
            f"Please report this, with {manifest_path(job.results)}.",
        )
    return _check_source(job)


def _check_source(job: Job) -> SourceError | None:
    """Return what is wrong with the source at the end of a run; None if it is as it was at the beginning."""
    go_on = "Put it back as it was, then go on with --resume, which checks it"
    try:
        if is_unchanged(job.path, job.manifest.fingerprint):
            return None
    except SourceError as error:
        found = error.message.removesuffix(".")
        return SourceError(
            f"the source was read to its end, but whether it changed meanwhile can't be told: {found}",
            f"{go_on}: what has an outcome is not sent again.",
        )
    return SourceError(
        f"{job.path} changed while it was read: the results may not be those of the file that is there",
        f"{go_on}. To import the file that is there now, name another --results: records that did not"
        " change keep their ids, so they are not doubled.",
    )


def _sent_nothing_else(error: ImporterError | None, transfer: Transfer) -> bool:
    """Return whether no request went out but those that were answered 401 or 403."""
    if isinstance(error, Interrupted):  # as by the source of a set that was refused
        return not transfer.sent.is_set()
    return isinstance(error, RefusedError) and error.unauthorized


def _final_manifest(job: Job, transfer: Transfer, counts: Counts, error: ImporterError | None) -> Manifest:
    """Return the manifest of a run that has ended."""
    scope = transfer.records if transfer.finished else job.records
    stopped_before_end = error is not None and scope is not None and scope > counts.total
    return replace(
        job.manifest,
        ended=now_iso(),
        scope=scope,
        exploded=transfer.exploded if transfer.finished else job.manifest.exploded,
        counts=counts,
        unattempted=None if scope is None else scope - counts.total,
        reconciled=None if scope is None else scope == counts.total or stopped_before_end,
        exit_code=error.exit_code if error else int(counts.unsuccessful > 0 or job.manifest.breaks_off),
        unauthorized=_sent_nothing_else(error, transfer) and job.untouched and not counts.total,
    )
