"""The records that failed, and only those: chosen from the results, read again from the source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError
from importer.events.mapper import Mapper
from importer.model import Fingerprint, Reading, Status
from importer.pipeline.job import Job, RunOptions, Survey, Target, new_manifest
from importer.pipeline.outputs import check_outputs
from importer.pipeline.paths import spool_path
from importer.pipeline.resolve import redeclare
from importer.profile.summary import SummaryCounter
from importer.results.differences import find_differences
from importer.results.manifest import Manifest, read_manifest, relative_link
from importer.results.paths import manifest_path, retry_path
from importer.results.recovery import inspect_results
from importer.results.selection import Selection, read_successes, select_records
from importer.results.status import check_retriable
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.reader import open_source


def prepare_retry(
    results: Path,
    options: RunOptions,
    target: Target,
    now: Callable[[], int],
    *,
    statuses: Collection[Status] | None = None,
    error_contains: str | None = None,
    source_changed: bool = False,
) -> Job:
    """Return the job that retries what failed in a results file.

    Args:
        results: The results of a run or of a retry.
        options: The options of the retry; what they declare replaces what the run was read with.
        target: Where events go: it must be where the run sent them.
        now: Milliseconds since the epoch.
        statuses: Only records with these outcomes; None for all without success.
        error_contains: Only records whose error holds this text.
        source_changed: The source is another file now; it is checked against what was sent.

    Raises:
        ResultsError: The results can't be retried so; the remedy is the command that does it right.
    """
    parent = read_manifest(manifest_path(results))
    if parent.kind == "dry-run":
        raise ResultsError(
            f"{results} is of a dry run: nothing was sent, so there is nothing to retry",
            f"Mend what is invalid, then: mixpanel-importer run {parent.source}",
        )
    child = options.results or retry_path(results)
    before = _stopped_retry(child, options)
    if before is None:
        check_retriable(results)
    else:
        statuses, error_contains = before.statuses, before.error_contains
    selection = select_records(results, statuses, error_contains)
    path = spool_path(selection.runs[0].results) if parent.source == "-" else Path(parent.source)
    check_outputs([path], [*(run.results for run in selection.runs), child], options)
    reading = redeclare((before or parent).reading, options.declared, now())
    Mapper(reading, now)  # raises if the new reading does not fit the columns
    manifest = replace(
        new_manifest(parent.source, parent.fingerprint, reading, options, target, salted_by=results),
        kind=parent.kind,
        parent=relative_link(child, results),
        statuses=None if statuses is None else tuple(statuses),
        error_contains=error_contains,
    )
    manifest = _checked_manifest(manifest, results, parent, child, before)
    fingerprint = (
        _checked_source(path, parent, selection, now, changed=source_changed)
        if before is None
        else _source_at_start(path, before)
    )
    _check_failed(selection, reading, parent, changed=fingerprint.digest != parent.fingerprint.digest)
    return Job(
        path,
        child,
        replace(manifest, fingerprint=fingerprint),
        target,
        options,
        Survey(SummaryCounter().summary()),
        len(selection),
        inspect_results(child),
        selection,
    )


def _checked_manifest(
    manifest: Manifest, results: Path, parent: Manifest, child: Path, before: Manifest | None
) -> Manifest:
    """Return the manifest of a retry, once it is known to send to where the run sent."""
    if before is not None:
        manifest = replace(manifest, started=before.started, retried_by=before.retried_by)
    if manifest.kind == "sandbox":
        manifest = replace(manifest, base_url=parent.base_url)
    # What /track would drop, /import takes; it is the same project, so what landed is known again by its id.
    _check_same(results, replace(parent, endpoint=manifest.endpoint), manifest, manifest.reading)
    if before is not None:
        _check_same(child, before, manifest, before.reading)
    return manifest


def _check_failed(selection: Selection, reading: Reading, parent: Manifest, *, changed: bool) -> None:
    """Stop if records that may have landed can't be checked to become the same events again."""
    if not selection.counts.failed:
        return
    first = "Retry those first, as the source was then: --status failed"
    if reading.dialect != parent.reading.dialect:
        raise ResultsError("records that failed may have landed, and would be read in another way", first)
    if changed and "insert_id" in parent.reading.fields:
        raise ResultsError(
            "records that failed may have landed, and ids from a column don't show whether they were changed",
            first,
        )


def _stopped_retry(child: Path, options: RunOptions) -> Manifest | None:
    """Return the manifest of the retry that is to be finished, or None for a new one."""
    if options.resume and (child.exists() or manifest_path(child).exists()):
        return read_manifest(manifest_path(child))
    if child.exists() and not options.overwrite:
        raise ResultsError(
            f"{child} is there already, from an earlier retry",
            f"To go on where it stopped: --resume\nTo see where it stands: mixpanel-importer status {child}",
        )
    return None


def _check_same(results: Path, old: Manifest, new: Manifest, reading: Reading) -> None:
    differ = find_differences(replace(old, reading=reading, fingerprint=new.fingerprint), new)
    if differ:
        raise ResultsError(
            f"{results} went elsewhere: " + "; ".join(differ),
            "A retry sends to where the run sent. Give the same credentials and region.",
        )


def _checked_source(
    path: Path, parent: Manifest, selection: Selection, now: Callable[[], int], *, changed: bool
) -> Fingerprint:
    """Return what the source is now; it must be what it was, or hold the same records where they landed."""
    if is_unchanged(path, parent.fingerprint):
        return parent.fingerprint
    if not changed:
        raise ResultsError(
            f"{path} is not the file that was imported: it has changed since",
            "Put the old file back. If it was only mended, --source-changed checks what was imported"
            " against it\nrecord by record, and then retries from the new file.",
        )
    readings = list({repr(run.manifest.reading): run.manifest.reading for run in selection.runs}.values())
    for run in selection.runs:
        _check_landed(path, readings, run.results, now)
    return take_fingerprint(path)


def _source_at_start(path: Path, stopped: Manifest) -> Fingerprint:
    """Return what the source was when a stopped retry began: it must be that still."""
    if not is_unchanged(path, stopped.fingerprint):
        raise ResultsError(
            f"{path} has changed since this retry began", "Put the file back as it was then, and resume."
        )
    return stopped.fingerprint


def _check_landed(path: Path, readings: Sequence[Reading], results: Path, now: Callable[[], int]) -> None:
    """Stop at the first record that was imported and makes another event today, by any reading of before."""
    landed = read_successes(results)
    wanted = next(landed, None)
    mappers = [Mapper(reading, now) for reading in readings]
    with open_source(path, readings[0].dialect, readings[0].columns) as source:
        for chunk in source.chunks():
            for item, *others in zip(*(mapper.map(chunk) for mapper in mappers), strict=True):
                if wanted is None:
                    return
                if item.row == wanted[0]:
                    if wanted[1] not in (item.insert_id, *(other.insert_id for other in others)):
                        raise ResultsError(
                            f"{path}, row {item.row:,} (line {item.line:,}): this record was imported, and it"
                            " reads differently now",
                            "Put the old file back, or import the mended records as a file of their own.",
                        )
                    wanted = next(landed, None)
    if wanted is not None:
        raise ResultsError(
            f"{path} ends before row {wanted[0]:,}, which was imported", "Put the old file back."
        )
