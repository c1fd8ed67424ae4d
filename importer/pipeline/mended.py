"""The run of records that were copied with ``--failed-rows`` and mended: it goes on with an earlier run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError, UsageError
from importer.pipeline.copied_items import OtherEvents, items_text, read_items
from importer.pipeline.copied_rows import CopiedRows, read_copied_rows, record_digest
from importer.pipeline.job import Job, RunOptions, SourceFile, new_manifest
from importer.pipeline.paths import default_results, known_manifest
from importer.profile.mask_salt import check_salt, has_pseudonyms
from importer.reading import Dialect, Reading
from importer.results.differences import find_destination_differences
from importer.results.history import check_exists, whole_history
from importer.results.manifest import Manifest, read_manifest, relative_link
from importer.results.paths import failed_rows_mapping_path, manifest_path
from importer.results.recorded import RecordedRun
from importer.results.row_ranges import write_ranges
from importer.results.selection import read_choices, select_records
from importer.results.status import check_retriable
from importer.settings import find_mask_salt
from importer.source.detect import DetectedSource
from importer.source.fingerprint import is_unchanged
from importer.source.members import SourcePath, file_of
from importer.source.reader import open_source
from importer.text import counted, file_command, kind_flags, was_or_were


def find_copied_rows(source: SourceFile, options: RunOptions) -> CopiedRows | None:
    """Return what the mapping file of a run says of its source, if that is a copy of failed records.

    Raises:
        UsageError: A copy is read without that file; or the salt of masks is missing or another.
        MappingError: The mapping file can't be used.
        ResultsError: As for `with_copied_time`, where values are masked.
    """
    copied = None if options.mapping is None else read_copied_rows(options.mapping)
    mapping = failed_rows_mapping_path(file_of(source.path))
    if copied is not None and has_pseudonyms(options.declared.mask):
        _check_salt(copied, source, options)
    if source.name != "-" and copied is None and read_copied_rows(mapping) is not None:
        kind = kind_flags(options.kind)
        raise UsageError(
            f"{source.name} is a copy of failed records: {mapping} says which, and how to read them",
            file_command("run", source.name, "--mapping", str(mapping), *kind),
        )
    return copied


def _check_salt(copied: CopiedRows, source: SourceFile, options: RunOptions) -> None:
    """Check that the persons in a copy get the pseudonyms that they have in the records that landed."""
    parent = known_manifest(_parent_of(copied, source.name, options) or copied.parent)
    first = "" if parent is None else parent.reading.shape.mask_salt
    if first:
        check_salt(find_mask_salt(), first)


def with_copied_columns(found: DetectedSource, copied: CopiedRows) -> DetectedSource:
    """Return what a mended copy is, with the columns of the source that its records come from.

    The few records of a copy may lack some of them, or be too short or too long.
    """
    if found.dialect.has_cells:
        return replace(found, columns=copied.columns or found.columns)
    # A key with a dot could take the place of a path to what is within an object.
    new = (key for key in found.columns if "." not in key)
    return replace(found, columns=tuple(dict.fromkeys((*copied.columns, *new))))


def with_copied_time(draft: Reading, copied: CopiedRows, source: str, options: RunOptions) -> Reading:
    """Return the reading of a mended copy: what has no time gets the time that it had in the first run.

    Args:
        draft: The reading, with the time of this run.
        copied: What the copy is.
        source: The copy as it was named.
        options: The options of its run.

    Raises:
        ResultsError: The records were copied in a rehearsal, and their source is not imported yet.
    """
    if draft.missing_time is None:
        return draft
    parent = _parent_of(copied, source, options)
    first = None if parent is None else read_manifest(manifest_path(parent)).reading.missing_time
    return replace(draft, missing_time=first or copied.missing_time or draft.missing_time)


def with_mended_rows(job: Job, copied: CopiedRows) -> Job:
    """Return the job of a mended copy as one that goes on with the run of which its records were copied.

    A rehearsal of a mended copy is returned as it is.

    Args:
        job: The job of the copy.
        copied: What the copy is.

    Raises:
        UsageError: Only a part of the copy would be imported.
        ResultsError: The copy has other records than were copied, or these were imported or copied since.
    """
    options, reading = job.options, job.manifest.reading
    if bool(reading.shape.explode) != bool(copied.items):
        raise UsageError(
            f"explode = {reading.shape.explode!r} differs from what the mapping file of the copy says of how"
            " its records become events",
            "Leave explode as it is there.",
        )
    count = _check_records(job.path, reading, copied)
    job = replace(job, manifest=replace(job.manifest, mended_items=copied.items))
    parent = _parent_of(copied, job.manifest.source, options)
    if parent is None:
        return replace(job, records=count if options.limit is None else job.records)
    if options.limit is not None:
        raise UsageError(
            "--limit leaves out a part of the mended records: nothing could import it afterwards",
            "Leave out --limit, or add --dry-run.",
        )
    last = _last_results(parent, copied, job)
    manifest = replace(
        new_manifest(job.manifest.source, job.manifest.fingerprint, reading, options, job.target, last),
        audit=job.manifest.audit,
        attention=job.manifest.attention,
        parent=relative_link(job.results, last),
        mended_rows=copied.rows,
        mended_items=copied.items,
    )
    old = read_manifest(manifest_path(last))
    if manifest.kind == "sandbox":  # each rehearsal listens on a port of its own
        manifest = replace(manifest, base_url=old.base_url)
    differ = find_destination_differences(replace(old, endpoint=manifest.endpoint), manifest)
    if differ:
        raise ResultsError(
            f"{last} went elsewhere: {'; '.join(differ)}",
            "Mended records go to where the others went. Give the same credentials and region.",
            job.target.host_remedy(old.base_url),
        )
    return replace(job, manifest=manifest, records=count, mended_of=last)


def _parent_of(copied: CopiedRows, source: str, options: RunOptions) -> Path | None:
    """Return the results that mended records go on with; None for a rehearsal of its own."""
    kind = options.kind
    if kind == "dry-run":
        return None
    check_exists(copied.parent)
    parent = read_manifest(manifest_path(copied.parent))
    if parent.kind == kind:
        return copied.parent
    if kind != "real":
        return None
    # The copy was made in a rehearsal: the records are those of the run that came after it.
    results = _results_of_real_run(copied.parent, parent)
    real = known_manifest(results)
    if real is None or real.fingerprint.digest != parent.fingerprint.digest:
        raise ResultsError(
            f"{source} was copied in a rehearsal, and {parent.source} is not imported yet",
            f"Import that first: {file_command('run', parent.source)}",
        )
    return results


def _results_of_real_run(rehearsed: Path, manifest: Manifest) -> Path:
    """Return the results of the run that came after a rehearsal, where these usually are."""
    from importer.results.set_status import set_of  # noqa: PLC0415 - a single file does without

    whole = set_of(rehearsed)
    if whole is None:
        return default_results(manifest.source, "real")
    name = whole.name.removesuffix(f".{manifest.kind}")
    return whole.with_name(f"{name}.results") / rehearsed.absolute().relative_to(whole.absolute())


def _last_results(parent: Path, copied: CopiedRows, job: Job) -> Path:
    """Return the last results of a history, which leave just the records open that were copied.

    Raises:
        NotRetriableError: The last run is not finished.
        ResultsError: The records were imported since, or others are open.
    """
    runs = whole_history(parent)
    last = runs[-1].results
    own = next(number for number, run in enumerate(runs) if run.results.samefile(parent))
    for run in runs[own + 1 :]:
        if run.manifest.mended_rows:
            raise _mended_already(run, runs[-1], job)
    check_retriable(last)
    left = select_records(last)
    if left.counts.failed:
        retry = file_command("retry", _whole(last), "--status", "failed")
        raise ResultsError(
            f"{counted(left.counts.failed, 'other record')} of {last} failed, to be retried first",
            f"Retry what failed: {retry}",
        )
    rows = write_ranges(dict.fromkeys(choice.row for choice in read_choices(left)))
    items = ""
    if copied.items:
        items = items_text((choice.row, choice.item) for choice in read_choices(left))
    if (rows, items) != (copied.rows, copied.items):  # of the rejected and the invalid ones
        raise ResultsError(
            f"{job.manifest.source} does not hold the records that {last} leaves to be mended: some were"
            " imported or left out since they were copied",
            f"Copy them again: see {file_command('status', last)}",
        )
    return last


def _mended_already(run: RecordedRun, last: RecordedRun, job: Job) -> ResultsError:
    """Return the error for a copy of records of which a copy was run before.

    Args:
        run: The run of that copy.
        last: The last of its retries, or itself.
        job: The job of the copy that is refused.
    """
    counts, source = run.state.counts, run.manifest.source
    sent = counts.total - counts.invalid - counts.skipped
    if sent:
        what = f"these records were mended and sent already: {run.results}"
    else:
        what = f"these records were run already, and none could be sent as it was mended: {run.results}"
    last_counts = last.state.counts
    file = file_of(job.path)
    is_same = file.exists() and Path(source).exists() and file.samefile(source)
    is_open = last.unattempted == 0 and last_counts.unsuccessful > 0
    if not (is_same and is_open) or is_unchanged(job.path, last.manifest.fingerprint):
        return ResultsError(what, f"See where they stand: {file_command('status', _whole(last.results))}")
    return ResultsError(
        what,
        "If what was left is mended now, go on with that:",
        file_command("retry", _whole(last.results), "--source-changed"),
    )


def _whole(results: Path) -> Path:
    """Return what is typed to go on with results: of one source of a set, the last folder of the set."""
    from importer.results.set_status import set_history, set_of  # noqa: PLC0415 - a single file does without

    folder = set_of(results)
    return results if folder is None else set_history(folder)[-1].folder


def _check_records(path: SourcePath, reading: Reading, copied: CopiedRows) -> int:
    """Check that a mended copy has as many records as it had, and in their order.

    Args:
        path: The mended copy.
        reading: How it is read.
        copied: What it was.

    Returns:
        How many outcomes its records will have.

    Raises:
        SourceError: It can't be read.
        ResultsError: It has other records.
    """
    places = {digest: place for place, digest in enumerate(copied.digests)}
    check = OtherEvents(reading) if copied.items else None
    chosen = read_items(copied.items)
    count = outcomes = 0
    for place, record in enumerate(_records(path, reading.dialect, reading.columns)):
        digest = record_digest(record)
        count += 1
        wanted = next(chosen, None)
        outcomes += 1 if check is None else check.count(record, wanted)
        if place >= copied.count or digest == copied.digests[place]:
            continue
        if check is not None and wanted is not None and check.digest(record, wanted) != copied.others[place]:
            raise ResultsError(
                f"{path}, record {place + 1:,}: {check.fault(record, wanted)}", "Put that back as it was."
            )
        if digest in places:
            raise ResultsError(
                f"{path}: record {place + 1:,} was record {places[digest] + 1:,} of the copy: their order"
                " tells which record of the source each is",
                "Put them back into the order that they had.",
            )
    if count != copied.count:
        raise ResultsError(
            f"{path} has {counted(count, 'record')}, but {copied.count:,} {was_or_were(copied.count)} copied:"
            " their number tells which record of the source each is",
            "Put back those that were taken out, and import new records from a file of their own.",
        )
    return outcomes


def _records(path: SourcePath, dialect: Dialect, columns: tuple[str, ...]) -> Iterator[bytes]:
    with open_source(path, dialect, columns) as source:
        for _ in source.items():
            yield source.reader.last_bytes()
