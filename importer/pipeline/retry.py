"""The records that failed, and only those: chosen from the results, read again from the source."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from importer.delivery.destination import check_destination
from importer.errors import ResultsError
from importer.events.mapper import Mapper
from importer.model import Event, Fingerprint, Reading, Record, Rejection, Status
from importer.pipeline.job import Job, RunOptions, Target, now_iso
from importer.pipeline.outputs import check_outputs, spool_path
from importer.pipeline.prepare import identity
from importer.pipeline.resolve import redeclared
from importer.profile.scan import SourceScan
from importer.results.differences import find_differences
from importer.results.manifest import Manifest, read_manifest, relative_link
from importer.results.paths import manifest_path, retry_path
from importer.results.recovery import inspect_results
from importer.results.selection import Choice, Selection, first_attempts, read_successes, select_records
from importer.results.status import check_retriable
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.reader import open_source
from importer.version import __version__


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
        options: What was asked for; what it says of the reading replaces what the run was read with.
        target: Where events go: it must be where the run sent them.
        now: Milliseconds since the epoch.
        statuses: Only records that ended so.
        error_contains: Only records whose error holds this text.
        source_changed: The source is another file now; it is checked against what was sent.

    Raises:
        ResultsError: The results can't be retried so; the remedy is the command that does it right.
    """
    check_destination(target.destination)
    parent = read_manifest(manifest_path(results))
    if parent.kind == "dry-run":
        raise ResultsError(
            f"{results} is of a dry run: nothing was sent, so there is nothing to retry",
            f"Mend what is invalid, then: mixpanel-importer run {parent.source}",
        )
    child = options.results or retry_path(results)
    before = _standing_child(child, options)
    if before is None:
        check_retriable(results)
    else:
        statuses, error_contains = before.statuses, before.error_contains
    selection = select_records(results, statuses, error_contains)
    path = spool_path(selection.runs[0].results) if parent.source == "-" else Path(parent.source)
    check_outputs([path], [*(run.results for run in selection.runs), child], options)
    reading = redeclared(before.reading if before else parent.reading, options.declared, now())
    manifest = Manifest(
        kind=parent.kind,
        source=parent.source,
        fingerprint=parent.fingerprint,
        reading=reading,
        importer_version=__version__,
        started=before.started if before else now_iso(),
        settings=options.delivery,
        parent=relative_link(child, results),
        retried_by=before.retried_by if before else None,
        statuses=None if statuses is None else tuple(statuses),
        error_contains=error_contains,
        **identity(target, results),
    )
    if manifest.kind == "sandbox":
        manifest = replace(manifest, base_url=parent.base_url)
    # What /track would drop, /import takes; it is the same project, so what landed is known again by its id.
    _check_same(results, replace(parent, endpoint=manifest.endpoint), manifest, reading)
    if before is not None:
        _check_same(child, before, manifest, before.reading)
    seen_as = (
        _checked_source(path, parent, selection, now, changed=source_changed)
        if before is None
        else _as_at_its_start(path, before)
    )
    manifest = replace(manifest, fingerprint=seen_as)
    _check_failed(selection, reading, parent, changed=seen_as.digest != parent.fingerprint.digest)
    return Job(
        path, child, manifest, target, options, SourceScan(whole=False), len(selection),
        state=inspect_results(child), parent=results, redo=RetrySelector(selection, reading, now),
    )  # fmt: skip


def _check_failed(selection: Selection, reading: Reading, parent: Manifest, *, changed: bool) -> None:
    """Stop where records that may have landed could not be known to become the same events again."""
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


def _standing_child(child: Path, options: RunOptions) -> Manifest | None:
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


def _as_at_its_start(path: Path, stopped: Manifest) -> Fingerprint:
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


class RetrySelector:
    """Chooses the records of a retry and makes their events.

    A record that failed may have landed, so it must become the very same event as before: it is read as it
    was read then. One that was invalid or rejected never landed, so a new reading may cure it.

    Args:
        selection: The records to retry, in the order of the source.
        reading: How it is to be read now.
        now: Milliseconds since the epoch.
    """

    def __init__(self, selection: Selection, reading: Reading, now: Callable[[], int]) -> None:
        self._choices: Iterator[Choice] = iter(selection)
        self._next = next(self._choices, None)
        self._picked: list[Choice] = []
        self._before = [Mapper(run.manifest.reading, now) for run in selection.runs]
        self._origins = first_attempts(selection.runs) if len(selection.runs) > 1 else {}
        self._mapper = Mapper(reading, now)

    def pick(self, chunk: Sequence[Record | Rejection]) -> list[Record | Rejection]:
        """As in `prepare.Redo`."""
        picked: list[Record | Rejection] = []
        self._picked = []
        for item in chunk:
            if self._next is None:
                break
            if item.row == self._next.row:
                picked.append(item)
                self._picked.append(self._next)
                self._next = next(self._choices, None)
        return picked

    def map(self, chunk: Sequence[Record | Rejection]) -> list[Event | Rejection]:
        """As in `prepare.Redo`."""
        # After a resume, the first of those that were picked are done already.
        choices = self._picked[len(self._picked) - len(chunk) :]
        return [
            self._same(item, choice) if choice.status is Status.FAILED else self._mapper.map([item])[0]
            for item, choice in zip(chunk, choices, strict=True)
        ]

    def _same(self, item: Record | Rejection, choice: Choice) -> Event | Rejection:
        made = self._before[self._origins.get(choice.row, 0)].map([item])[0]
        if isinstance(made, Event) and made.insert_id == choice.insert_id:
            return made
        raise ResultsError(
            f"row {item.row:,} (line {item.line:,}) may have landed as {choice.insert_id}, but reading the"
            " source again does not make that id",
            "The source or the results were changed. Put them back as they were.",
        )
