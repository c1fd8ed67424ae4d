"""Prepares the retry of a set of sources: a job for each of which records are left, to send these again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import BinaryIO

from importer.errors import ResultsError, UsageError
from importer.model import Status
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, Survey, Target, new_manifest
from importer.pipeline.paths import free_beside
from importer.pipeline.redeclare import read_again
from importer.pipeline.sets.job import PreparedSet, SetOutput, set_fingerprint
from importer.pipeline.sets.retry_sources import RetrySources
from importer.progress import Progress
from importer.reading import Attention
from importer.results.counts import Counts
from importer.results.manifest import Manifest, read_manifest, resolve_link
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results
from importer.results.set_manifest import (
    SetManifest,
    SetSource,
    is_set_folder,
    read_set,
    results_of,
    set_path,
)
from importer.results.set_status import (
    SetRun,
    SetStatus,
    linked_set,
    read_set_status,
    retry_folder,
    set_history,
    set_link,
    source_histories,
)
from importer.results.status import NotRetriableError, read_status
from importer.text import counted, file_command, was_or_were


class SetNotRetriableError(NotRetriableError):
    """A set of which a retry would leave records out or send them twice.

    Attributes:
        status: Where it stands.
    """

    def __init__(self, message: str, status: SetStatus) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RetryChoice:
    """Which records of a set are retried.

    Attributes:
        statuses: Only records with these outcomes; None for all without success.
        error_contains: Only records whose error holds this text.
        source_changed: True if sources may have changed; each is then checked against what was sent.
    """

    statuses: Collection[Status] | None = None
    error_contains: str | None = None
    source_changed: bool = False


def prepare_set_retry(
    folder: Path,
    options: RunOptions,
    target: Target,
    now: Callable[[], int],
    choice: RetryChoice,
    *,
    prepare_retry: Callable[..., Job],
    progress: Progress,
    stdin: BinaryIO,
) -> PreparedSet:
    """Return a set with the jobs that retry what failed in it; its scope is 0 if nothing is to be retried.

    Args:
        folder: The results of a run of the set, or of a retry.
        options: The options of the retry; what they declare replaces that part of the run's reading.
        target: Where events go: it must be where the run sent them.
        now: Milliseconds since the epoch.
        choice: Which records are retried.
        prepare_retry: Prepares the retry of a single source: `retry.prepare_retry`.
        progress: Where the progress of unpacking is reported.
        stdin: Standard input.

    Raises:
        SetNotRetriableError: The set was retried already, or is not finished.
        ImporterError: The results, the sources or the options don't allow it; the remedy says what does.
    """
    runs = set_history(folder)
    parent = next(run for run in runs if run.folder.samefile(folder))
    child = options.results or retry_folder(folder)
    stopped = _stopped(parent, child, options)
    if stopped is not None:
        choice = replace(choice, statuses=stopped.statuses, error_contains=stopped.error_contains)
    sources = RetrySources(runs, options, progress, stdin)
    retry = _Retry(parent, child, options, target, now, choice, sources, prepare_retry)
    done, finished = Counts(), 0
    if stopped is None:
        found = list(retry.new_jobs())
        manifest = retry.manifest(tuple(_as_source(source, job) for source, job in found))
        jobs = [job for _, job in found]
    else:
        left, done, finished = _left(runs[0], child, stopped)
        sources.wanted = {source.name for source, _ in left}
        jobs = [retry.stopped_job(stopped, source, results) for source, results in left]
        manifest = retry.manifest(stopped.sources)
        manifest = replace(manifest, started=stopped.started, retried_by=stopped.retried_by)
    number = len(manifest.sources)
    if jobs:
        refused_at = jobs[0].manifest.refused_at
        manifest = replace(manifest, attention=_shared_attention(jobs), refused_at=refused_at)
    else:
        survey = Survey(whole=True)
        jobs = [Job(Path(), set_path(child), manifest, target, options, survey, 0)]
    ready = [replace(job, of_set=True, sources=number) for job in jobs]
    output = SetOutput(child, "new" if stopped is None else "resume")
    return PreparedSet(output, manifest, JobSet.of(ready), done, finished)


def _shared_attention(jobs: Sequence[Job]) -> tuple[Attention, ...]:
    """Return what needs attention in a set: of names, those that no source has."""
    first, *others = (job.manifest.attention for job in jobs)
    return tuple(
        each for each in first if each.code != "unknown-names" or all(each in other for other in others)
    )


def _stopped(parent: SetRun, child: Path, options: RunOptions) -> SetManifest | None:
    """Return the manifest of the stopped retry that is resumed; None for a new retry.

    Raises:
        ResultsError: The results of the retry would replace others.
    """
    if parent.manifest.kind == "dry-run":
        raise ResultsError(
            f"{parent.folder} belongs to a dry run: nothing was sent, so there is nothing to retry",
            "Mend what is invalid, then type the command of the dry run without --dry-run.",
        )
    if options.overwrite:
        raise UsageError(
            "--overwrite: the results of the retry of a set replace none", "Name another folder: --results"
        )
    if not child.exists() or (child.is_dir() and not any(child.iterdir())):
        return None
    known = read_set(child) if is_set_folder(child) else None
    link = None if known is None else known.parent
    is_child = link is not None and linked_set(child, link).resolve() == parent.folder.resolve()
    if known is None or not is_child:
        free = free_beside(child, "")
        raise ResultsError(
            f"{child} is there already, and is no retry of {parent.folder}",
            f"Write to another folder: {file_command('retry', parent.folder, '--results', str(free))}",
        )
    if options.resume:
        return known
    if parent.manifest.retried_by is None:  # it was killed as it began
        raise ResultsError(
            f"{child} is there already, from a retry that was stopped",
            f"To go on with it: {file_command('retry', parent.folder, '--resume')}",
        )
    return None  # `_check_retriable` says how far it is


@dataclass(frozen=True, slots=True)
class _Retry:
    """What the jobs of a retry have in common.

    Attributes:
        parent: What is retried.
        child: The folder of the results of the retry.
        options: Its options.
        target: Where events go.
        now: Milliseconds since the epoch.
        choice: Which records are retried.
        sources: What the sources are read from.
        prepare_retry: Prepares the retry of a single source.
    """

    parent: SetRun
    child: Path
    options: RunOptions
    target: Target
    now: Callable[[], int]
    choice: RetryChoice
    sources: RetrySources
    prepare_retry: Callable[..., Job]

    def new_jobs(self) -> Iterator[tuple[SetSource, Job]]:
        """Yield each source of which records are to be retried, as the first run has it, with its job."""
        status = read_set_status(self.parent.folder)
        _check_retriable(self.parent.folder, status)
        self.sources.wanted = status.to_do
        for source, history in source_histories(status.runs, status.to_do):
            assert history is not None, "the set adds up"
            assert not isinstance(history, ResultsError), "the set adds up"
            last = history.runs[-1]
            own = results_of(self.child, self.parent.manifest, source)
            job = self.prepare_retry(
                last.results,
                self._options_of(own, resume=False),
                self.target,
                self.now,
                statuses=self.choice.statuses,
                error_contains=self.choice.error_contains,
                source_changed=self.choice.source_changed,
                path=self.sources.path_of(last.manifest.source),
            )
            if job.records:
                yield source, _small(job)

    def stopped_job(self, stopped: SetManifest, source: SetSource, results: Path) -> Job:
        """Return the job of a source of a stopped retry.

        Args:
            stopped: The manifest of that retry.
            source: The source.
            results: The results of it that are retried.

        Raises:
            ResultsError: What is left to retry is not what it was.
        """
        own = results_of(self.child, stopped, source)
        job = self.prepare_retry(
            results,
            self._options_of(own, resume=manifest_path(own).exists()),
            self.target,
            self.now,
            statuses=stopped.statuses,
            error_contains=stopped.error_contains,
            path=self.sources.path_of(source.name),
            changed_to=source.fingerprint,
        )
        if job.records != source.scope:
            raise ResultsError(
                f"{counted(job.records or 0, 'record')} of {source.name} can be retried, but {source.scope:,}"
                f" {was_or_were(source.scope)} when this retry began",
                "Put results and manifests back as they were written.",
            )
        return _small(job)

    def _options_of(self, results: Path, *, resume: bool) -> RunOptions:
        """Return the options for one source; what concerns the set as a whole is left out."""
        return replace(
            self.options, results=results, resume=resume, max_errors=None, failed_rows=None, limit=None
        )

    def manifest(self, sources: tuple[SetSource, ...]) -> SetManifest:
        """Return the manifest of the retry."""
        parent = self.parent.manifest
        common = new_manifest(
            parent.source,
            set_fingerprint(sources),
            read_again(set_path(self.parent.folder), parent.reading, self.options.declared, self.now()),
            replace(self.options, kind=parent.kind, limit=None),
            self.target,
            salted_by=set_path(self.parent.folder),
        )
        manifest = SetManifest(
            **{each.name: getattr(common, each.name) for each in fields(Manifest)},
            named=parent.named,
            include=parent.include,
            exclude=parent.exclude,
            ending=parent.ending,
            shapes=parent.shapes,
            sources=sources,
        )
        statuses = self.choice.statuses
        return replace(
            manifest,
            base_url=parent.base_url if parent.kind == "sandbox" else manifest.base_url,
            parent=set_link(self.child, self.parent.folder),
            statuses=None if statuses is None else tuple(statuses),
            error_contains=self.choice.error_contains,
            scope=sum(each.scope for each in sources),
        )


def _check_retriable(folder: Path, status: SetStatus) -> None:
    last = status.last
    if not status.reconciles:
        raise ResultsError(
            f"the results of {folder} don't add up", f"What is wrong: {file_command('status', folder)}"
        )
    if last.unattempted:
        left = f"{counted(last.unattempted, 'record')} {'has' if last.unattempted == 1 else 'have'}"
        raise SetNotRetriableError(
            f"The run of {last.folder} is not finished: {left} no outcome yet.", status
        )
    if not last.folder.samefile(folder):
        raise SetNotRetriableError(
            f"{folder} was retried already; {last.folder} is the last of its retries.", status
        )


def _small(job: Job) -> Job:
    """Return a job without what other processes don't need of the runs before it."""
    if job.selection is None:
        return job
    runs = tuple(
        replace(run, manifest=replace(run.manifest, audit=None, attention=())) for run in job.selection.runs
    )
    return replace(job, selection=replace(job.selection, runs=runs))


def _as_source(source: SetSource, job: Job) -> SetSource:
    records = job.records or 0
    return replace(
        source,
        name=job.manifest.source,
        broken="",  # what is retried stands ahead of it
        fingerprint=job.manifest.fingerprint,
        records=records,
        scope=records,
    )


def _left(
    first: SetRun, child: Path, stopped: SetManifest
) -> tuple[list[tuple[SetSource, Path]], Counts, int]:
    """Return what is left of a stopped retry.

    Returns:
        The sources that are not finished, each with the results that are retried; the outcomes of the others,
        and how many these are.
    """
    by_relative = {each.relative: each for each in first.manifest.sources if not each.is_left_out}
    left: list[tuple[SetSource, Path]] = []
    done, finished = Counts(), 0
    for source in stopped.sources:
        own = results_of(child, stopped, source)
        state = inspect_results(own)
        begun = manifest_path(own).exists()
        if begun and state.records == source.scope:
            done, finished = done + state.counts, finished + 1
            continue
        link = read_manifest(manifest_path(own)).parent if begun else None
        if link is not None:
            parent = resolve_link(own, link)
        elif source.relative in by_relative:
            original = results_of(first.folder, first.manifest, by_relative[source.relative])
            parent = read_status(original).runs[-1].results
        else:
            raise ResultsError(
                f"{manifest_path(set_path(child))} names {source.name}, which is no source of the set",
                "Put it back as it was written.",
            )
        left.append((source, parent))
    return left, done, finished
