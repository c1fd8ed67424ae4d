"""Prepares a retry: chooses records from the results, and checks that reading them again is safe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError
from importer.events.mapper import Mapper
from importer.model import Fingerprint, Status
from importer.pipeline.attention import with_target_attention
from importer.pipeline.job import Job, RunOptions, Survey, Target, new_manifest
from importer.pipeline.landed import check_landed, other_reader_remedy
from importer.pipeline.names_anew import check_names_anew
from importer.pipeline.outputs import check_outputs
from importer.pipeline.paths import free_beside, known_manifest, spool_path
from importer.pipeline.redeclare import read_again
from importer.pipeline.same_rows import check_same_lines, check_same_records
from importer.reading import Reading
from importer.results.counts import ResultsState
from importer.results.differences import find_differences, with_destination_of
from importer.results.history import check_exists, history_up_to, sent_nothing
from importer.results.manifest import READER_VERSION, Manifest, read_manifest, relative_link, resolve_link
from importer.results.paths import manifest_path, retry_path
from importer.results.recorded import Selection
from importer.results.recovery import inspect_results
from importer.results.selection import select_records
from importer.results.status import check_retriable
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.members import SourcePath, parse_source_path
from importer.text import file_command


def prepare_retry(
    results: Path,
    options: RunOptions,
    target: Target,
    now: Callable[[], int],
    *,
    statuses: Collection[Status] | None = None,
    error_contains: str | None = None,
    source_changed: bool = False,
    path: SourcePath | None = None,
    changed_to: Fingerprint | None = None,
) -> Job:
    """Return the job that retries what failed in a results file.

    Args:
        results: The results of a run or of a retry.
        options: The options of the retry; what they declare replaces that part of the run's reading.
        target: Where events go: it must be where the run sent them.
        now: Milliseconds since the epoch.
        statuses: Only records with these outcomes; None for all without success.
        error_contains: Only records whose error holds this text.
        source_changed: True if the source may have changed; it is then checked against what was sent.
        path: What the source is read from; None for what its name stands for.
        changed_to: The source as it was checked when a retry of several began; None for no other.

    Raises:
        ResultsError: The results, the source or the options don't allow it; the remedy says what does.
    """
    parent = _parent_manifest(results)
    child = options.results or retry_path(results)
    stopped = _stopped_retry(results, parent, child, options)
    if stopped is None:
        check_retriable(results)
    else:
        statuses, error_contains = stopped.statuses, stopped.error_contains
    selection = select_records(results, statuses, error_contains)
    of_set, path = path is not None, path or _path_of(parent, selection)
    check_outputs([path], [*(run.results for run in selection.runs), child], options)
    reading = _reading_again(results, parent, child, stopped, options, now)
    manifest = replace(
        new_manifest(parent.source, parent.fingerprint, reading, options, target, salted_by=results),
        kind=parent.kind,
        parent=relative_link(child, results),
        statuses=None if statuses is None else tuple(statuses),
        error_contains=error_contains,
    )
    state = inspect_results(child)
    manifest, untouched = _checked_manifest(manifest, results, child, stopped, state, target)
    if stopped is None:
        of_retry = changed_to is not None and is_unchanged(path, changed_to)
        fingerprint = _checked_source(path, parent, selection, now, changed=source_changed or of_retry)
    else:
        fingerprint = _source_at_start(path, stopped)
        _check_other_reader(path, stopped, selection, now)
    before, changed = (stopped or parent).reading, fingerprint.digest != parent.fingerprint.digest
    _check_records(path, selection, reading, before, parent, changed=changed)
    attention = check_names_anew(path, before, reading, options.declared, of_set=of_set)
    manifest = replace(manifest, fingerprint=fingerprint, attention=attention)
    job = Job(path, child, manifest, target, options, Survey(), len(selection), None, state, selection)
    return with_target_attention(replace(job, untouched=untouched), now())


def _reading_again(
    results: Path,
    parent: Manifest,
    child: Path,
    stopped: Manifest | None,
    options: RunOptions,
    now: Callable[[], int],
) -> Reading:
    """Return the reading of a retry, which tells records apart as that of the run does."""
    begun = manifest_path(child if stopped else results)
    reading = read_again(begun, (stopped or parent).reading, options.declared, now())
    Mapper(reading, now)  # raises if the new reading does not fit the columns
    check_same_records(parent.reading, reading)
    before, again = parent.reading.shape.explode, reading.shape.explode
    if before != again:
        raise ResultsError(
            f"explode = {again!r} makes other events of the records than explode = {before!r} did, so that"
            " nobody knows which of them are left",
            "Leave explode as it was, or import the source anew: --overwrite.",
        )
    return reading


def _path_of(parent: Manifest, selection: Selection) -> SourcePath:
    """Return what a source is read from that was run by itself."""
    return spool_path(selection.runs[0].results) if parent.source == "-" else parse_source_path(parent.source)


def _parent_manifest(results: Path) -> Manifest:
    """Return the manifest of the results to retry, which must not be of a dry run."""
    check_exists(results)
    parent = read_manifest(manifest_path(results))
    if parent.kind == "dry-run":
        raise ResultsError(
            f"{results} belongs to a dry run: nothing was sent, so there is nothing to retry",
            f"Mend what is invalid, then: {file_command('run', parent.source)}",
        )
    return parent


def _checked_manifest(
    manifest: Manifest,
    results: Path,
    child: Path,
    stopped: Manifest | None,
    state: ResultsState,
    target: Target,
) -> tuple[Manifest, bool]:
    """Return the manifest of a retry, checked to send to where the run sent, and whether that sent anything.

    Where nothing landed so far, in the run and in its retries, it may send elsewhere.
    """
    parent = read_manifest(manifest_path(results))
    if stopped is not None:
        manifest = replace(
            manifest, started=stopped.started, retried_by=stopped.retried_by, refused_at=stopped.refused_at
        )
    if manifest.kind == "sandbox":
        manifest = replace(manifest, base_url=parent.base_url)
    untouched = sent_nothing(history_up_to(results))
    if untouched:
        parent = with_destination_of(parent, manifest)
    # The endpoint may differ: /import takes what /track would drop, and one project has the same ids in both.
    at_endpoint = replace(parent, endpoint=manifest.endpoint)
    _check_same_destination(results, at_endpoint, manifest, manifest.reading, target)
    if stopped is None:
        return manifest, untouched
    untouched = untouched and stopped.unauthorized and not state.records
    moved = with_destination_of(stopped, manifest)
    if untouched and moved != stopped:
        manifest = replace(manifest, refused_at=(*stopped.refused_at, stopped.base_url))
        stopped = moved
    _check_same_destination(child, stopped, manifest, stopped.reading, target)
    return manifest, untouched


def _check_records(
    path: SourcePath,
    selection: Selection,
    reading: Reading,
    before: Reading,
    parent: Manifest,
    *,
    changed: bool,
) -> None:
    """Check that records are those of the results, and that what may have landed becomes the same events."""
    if not changed:
        check_same_lines(path, selection.runs[0].results, before, reading)
    if not selection.counts.failed:
        return
    first = "Retry those first, with the source as it was then: --status failed"
    if _shaped_by(reading) != _shaped_by(parent.reading):
        raise ResultsError("records that failed may have landed, and would be read in another way", first)
    if changed and "insert_id" in parent.reading.mapped:
        raise ResultsError(
            "records that failed may have landed, and ids from a column don't show whether they were changed",
            first,
        )


def _shaped_by(reading: Reading) -> Sequence[object]:
    """Return what says which values records have, ahead of all that makes an event of these."""
    texts = (reading.null, reading.trim, reading.decimal, reading.thousands) if reading.shape else ()
    return (reading.dialect, reading.shape, texts)


def _stopped_retry(results: Path, parent: Manifest, child: Path, options: RunOptions) -> Manifest | None:
    """Return the manifest of the stopped retry that is resumed; None for a new retry."""
    there = child.exists() or manifest_path(child).exists()
    if options.resume and there:
        return read_manifest(manifest_path(child))
    if options.overwrite or not child.exists():
        return None
    if parent.retried_by is not None and resolve_link(results, parent.retried_by) == child:
        return None  # `check_retriable` says how far it is
    known = known_manifest(child)
    if known is not None and known.parent is not None and known.credential_salt == parent.credential_salt:
        # It was killed as it began.
        remedy = f"To go on with it: {file_command('retry', results, '--resume')}"
        raise ResultsError(f"{child} is there already, from a retry that was stopped", remedy)
    free = free_beside(child, child.suffix)
    raise ResultsError(
        f"{child} is there already, and is not a retry of {results} as it stands now",
        f"Write to another file: {file_command('retry', results, '--results', str(free))}",
    )


def _check_same_destination(
    results: Path, old: Manifest, new: Manifest, reading: Reading, target: Target
) -> None:
    differ = find_differences(replace(old, reading=reading, fingerprint=new.fingerprint), new)
    if differ:
        raise ResultsError(
            f"{results} went elsewhere: " + "; ".join(differ),
            "A retry sends to where the run sent. Give the same credentials and region.",
            target.host_remedy(old.base_url),
        )


def _checked_source(
    path: SourcePath, parent: Manifest, selection: Selection, now: Callable[[], int], *, changed: bool
) -> Fingerprint:
    """Return the fingerprint of the source.

    It must be unchanged or, if ``changed`` allows another, hold the same records wherever one was imported.
    """
    if is_unchanged(path, parent.fingerprint):
        _check_other_reader(path, parent, selection, now)
        return parent.fingerprint
    if not changed:
        raise ResultsError(
            f"{path} is not the file that was imported: it has changed since",
            "Put the old file back. If it was only mended, --source-changed checks what was imported"
            " against it record by record, and then retries from the new file.",
        )
    _check_all_landed(
        path, selection, now, "Put the old file back, or import the mended records as a file of their own."
    )
    return take_fingerprint(path)


def _check_other_reader(
    path: SourcePath, old: Manifest, selection: Selection, now: Callable[[], int]
) -> None:
    """Check what landed, if the readers of another version read it, which may count records otherwise."""
    if old.reader_version != READER_VERSION:
        _check_all_landed(path, selection, now, other_reader_remedy(old))


def _check_all_landed(path: SourcePath, selection: Selection, now: Callable[[], int], remedy: str) -> None:
    readings = list({repr(run.manifest.reading): run.manifest.reading for run in selection.runs}.values())
    for run in selection.runs:
        check_landed(path, readings, run.results, now, remedy)


def _source_at_start(path: SourcePath, stopped: Manifest) -> Fingerprint:
    """Return the fingerprint of the source as it was when a stopped retry began, if it is unchanged."""
    if not is_unchanged(path, stopped.fingerprint):
        raise ResultsError(
            f"{path} has changed since this retry began", "Put the file back as it was then, and resume."
        )
    return stopped.fingerprint
