"""From what a person asked for to what will be done: everything that can be wrong is found here.

Nothing is sent and no results file is touched. A `Job` that comes out of here has a reading that is fixed, a
destination that may be used, and a place for its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from importer.errors import ResultsError, TooManyErrors, UsageError
from importer.model import Collisions, Dialect, Fingerprint, Reading, SourceAudit
from importer.pipeline.gc_tuning import relaxed_gc
from importer.pipeline.job import Job, RunOptions, Target, now_iso
from importer.pipeline.outputs import SourceFile
from importer.pipeline.resolve import detect_with, make_reading, redeclared, untyped, with_types
from importer.profile.scan import SourceScan, audit_ids, scan_sample, scan_sources
from importer.results.differences import check_overwrite, find_differences, find_reading_differences
from importer.results.manifest import Manifest, credential_digest, read_manifest, salt_for
from importer.results.paths import manifest_path, results_path
from importer.results.recovery import inspect_results
from importer.source.detect import DetectedSource
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.text import quoted
from importer.version import __version__

COLLISION_REMEDY = (
    "Name the column that is unique for each event:     --map insert_id=COLUMN\n"
    "or let a hash of the whole event tell them apart:  --map insert_id=\n"
    "or, if one of them is to replace the others:       --allow-collisions"
)
_SMALL = 16_000_000
"""Bytes up to which JSONL, which needs no scan for its types, is looked at whole for the plan's sake."""


@relaxed_gc()
def prepare_jobs(
    given: Sequence[SourceFile],
    options: RunOptions,
    target: Target,
    *,
    now_ms: int,
    watch: Callable[[str, int], Callable[[int], None]],
) -> list[Job]:
    """Return a job for each source.

    Args:
        given: From `place`; standard input is spooled by now.
        options: What was asked for.
        target: Where events go.
        now_ms: The time that stands for a missing time, if it was asked for.
        watch: Begins the display of a scan, given its title and its bytes; what it returns is told how
            many are done.

    Raises:
        ImporterError: Whatever is wrong with sources, mapping, types, results or destination.
    """
    begun = {
        each: _resumed(each, options, target, now_ms)
        for each in given
        if options.resume and each.results.exists()
    }
    if begun:
        (first, like), *_ = begun.items()
        return [begun.get(each) or _not_begun(each, options, target, first, like) for each in given]
    found = [detect_with(each.path, options.declared) for each in given]
    for each, other in zip(given[1:], found[1:], strict=True):
        _check_alike(each, other, given[0], found[0].columns, found[0].dialect)
    prints = [take_fingerprint(each.path) for each in given]
    reading = make_reading(found[0], options.declared, "", now_ms)
    reading, seen = _settled(reading, given, prints, found, watch)
    jobs = [
        _fresh(each, options, target, replace(reading, dialect=d.dialect, source_name=Path(each.name).name),
               print_, seen, records)
        for each, d, print_, records in zip(
            given, found, prints, seen.records if seen.whole else [None] * len(given), strict=True
        )
    ]  # fmt: skip
    _check_judged(jobs, options)
    return _audited(jobs, options, now_ms, watch)


def _check_judged(jobs: Sequence[Job], options: RunOptions) -> None:
    """Stop, with nothing sent, where a dry run found more invalid records than ``--max-errors`` allows."""
    judged = jobs[0].scan.judged
    if judged is None or options.max_errors is None or options.limit is not None or options.kind == "dry-run":
        return
    if options.max_errors.reached(judged.invalid, judged.total, at_end=True):
        raise TooManyErrors(
            f"the dry run found {judged.invalid:,} of {judged.total:,} records invalid: more than"
            " --max-errors allows, so nothing was sent",
            "Mend them, or allow more.",
        )


def _audited(
    jobs: list[Job], options: RunOptions, now_ms: int, watch: Callable[[str, int], Callable[[int], None]]
) -> list[Job]:
    """Return the jobs once their ids are known not to lose events, or a person has said to go on.

    Raises:
        UsageError: Records that differ share what Mixpanel takes for the identity of an event.
    """
    rehearsed = options.kind == "dry-run"
    # A dry run of one source compares its events as it makes them.
    wanted = len(jobs) > 1 if rehearsed else "insert_id" in jobs[0].manifest.reading.fields
    if not options.audit or not wanted:
        return jobs
    found = jobs[0].scan.collisions if len(jobs) == 1 and options.limit is None else None
    if found is None:
        found = audit_ids(
            [job.path for job in jobs],
            [job.manifest.reading for job in jobs],
            lambda: now_ms,
            folder=jobs[0].results.parent,
            limit=options.limit,
            watch=watch("Comparing ids", sum(job.manifest.fingerprint.size for job in jobs)),
        )
    if found.found and not options.allow_collisions and not rehearsed:
        column = jobs[0].manifest.reading.fields["insert_id"]
        raise UsageError(
            f"{quoted(column)} does not tell events apart: {collision_text(found, len(jobs))}",
            COLLISION_REMEDY,
        )
    return [replace(job, scan=replace(job.scan, collisions=found)) for job in jobs]


def collision_text(found: Collisions, sources: int) -> str:
    """Return what an audit found, for people; rows have a meaning only where there is one source."""
    parts = []
    if found.lost:
        parts.append(f"{found.lost:,} events differ from another with the same name, user, time and id")
    if found.lost_by_day:
        parts.append(f"{found.lost_by_day:,} from another with the same name, user, day (UTC) and id")
    return "; ".join(parts) + rows_text(found.first, sources)


def rows_text(pairs: Sequence[tuple[int, int]], sources: int) -> str:
    """Return pairs of rows in brackets, as an addition to a sentence."""
    rows = ", ".join(f"{first:,} and {second:,}" for first, second in pairs)
    return f" (rows {rows})" if sources == 1 else " (over all sources together)"


def _check_alike(
    given: SourceFile, found: DetectedSource, first: SourceFile, columns: tuple[str, ...], dialect: Dialect
) -> None:
    """Stop where a source can't share the mapping of the first."""
    if found.dialect.has_cells and (found.columns, found.dialect.format) != (columns, dialect.format):
        raise UsageError(
            f"{given.name} has other columns than {first.name}",
            "Sources of one run share one mapping. Run them one by one.",
        )


def _settled(
    reading: Reading,
    given: Sequence[SourceFile],
    prints: Sequence[Fingerprint],
    found: Sequence[DetectedSource],
    watch: Callable[[str, int], Callable[[int], None]],
) -> tuple[Reading, SourceScan]:
    """Return the reading with all its types, and what was seen: by a dry run, a scan or a sample."""
    if len(given) == 1:
        known = _from_dry_run(given[0], prints[0], reading)
        if known:
            return known
    size = sum(print_.size for print_ in prints)
    small = not reading.dialect.has_cells and size <= _SMALL
    # A damaged compressed file gives itself away only at its end, so it is read to there before all else.
    if untyped(reading) or small or any(each.dialect.compression for each in found):
        seen = scan_sources(
            [each.path for each in given],
            reading,
            watch=watch("Looking at every value", size),
            dialects=[each.dialect for each in found],
        )
        return with_types(reading, seen), seen
    return reading, scan_sample(found[0].sample, reading)


def _from_dry_run(
    given: SourceFile, seen: Fingerprint, reading: Reading
) -> tuple[Reading, SourceScan] | None:
    """Return what a finished dry run of the same bytes and reading found out, if there was one."""
    if given.name == "-":
        return None
    beside = manifest_path(results_path(Path(given.name), "dry-run"))
    if not beside.exists():
        return None
    old = read_manifest(beside)
    candidate = replace(
        reading,
        types={**old.reading.types, **reading.types},
        source_name=old.reading.source_name,
        missing_time=old.reading.missing_time if reading.missing_time is not None else None,
    )
    if (
        old.fingerprint.digest != seen.digest
        or old.reconciled is not True
        or old.audit is None
        or find_reading_differences(old.reading, candidate)
    ):
        return None
    known = SourceScan(
        (),
        old.audit.facts,
        (old.audit.facts.records,),
        whole=old.audit.whole,
        collisions=old.audit.collisions,
        judged=old.counts if old.limit is None else None,
        noted=old.audit.notes or 0 if old.limit is None else 0,
    )
    return replace(candidate, missing_time=reading.missing_time), known


def _fresh(
    given: SourceFile,
    options: RunOptions,
    target: Target,
    reading: Reading,
    seen_as: Fingerprint,
    seen: SourceScan,
    records: int | None,
) -> Job:
    manifest = replace(
        _manifest(given, options, target, reading, seen_as),
        audit=SourceAudit(seen.facts, whole=seen.whole),
    )
    if options.overwrite and given.results.exists():
        check_overwrite(given.results, manifest)
    in_scope = records if options.limit is None or records is None else min(records, options.limit)
    return Job(given.path, given.results, manifest, target, options, seen, in_scope)


def _manifest(
    given: SourceFile, options: RunOptions, target: Target, reading: Reading, seen_as: Fingerprint
) -> Manifest:
    return Manifest(
        kind=options.kind,
        source=given.name,
        fingerprint=seen_as,
        reading=reading,
        importer_version=__version__,
        started=now_iso(),
        settings=options.delivery,
        limit=options.limit,
        **identity(target, given.results),
    )


def identity(target: Target, results: Path) -> dict[str, Any]:
    """Return what a manifest says of a destination: no secret, but enough to know it again."""
    credentials = target.credentials
    place: dict[str, Any] = {
        "endpoint": target.destination.endpoint,
        "base_url": target.destination.base_url,
    }
    if credentials is None:
        return place
    salt = salt_for(results)
    return place | {
        "project_id": credentials.project_id,
        "credentials_kind": credentials.kind,
        "credential_salt": salt,
        "credential_digest": credential_digest(salt, credentials),
    }


def _resumed(given: SourceFile, options: RunOptions, target: Target, now_ms: int) -> Job:
    """Return the rest of a run that was stopped, read in the very same way."""
    old = read_manifest(manifest_path(given.results))
    if not given.path.exists() and given.name == "-":
        raise ResultsError(
            f"{given.path} is gone: standard input can't be read again", "Run it anew with --overwrite."
        )
    seen_as = _as_before(given.path, old.fingerprint)
    reading = redeclared(old.reading, options.declared, now_ms)
    new = replace(
        _manifest(given, options, target, reading, seen_as),
        started=old.started,
        parent=old.parent,
        retried_by=old.retried_by,
        audit=old.audit,
        scope=old.scope,
    )
    if options.kind == old.kind == "sandbox":  # each rehearsal listens on a port of its own
        new = replace(new, base_url=old.base_url)
    differ = find_differences(old, new)
    if differ:
        raise ResultsError(
            f"{given.results} can't be resumed: " + "; ".join(differ),
            "Give the command as it was, or begin anew with another --results.",
        )
    seen = SourceScan(whole=False)
    if old.audit is not None:
        seen = SourceScan((), old.audit.facts, whole=old.audit.whole)
    records = old.scope
    if records is not None and options.limit != old.limit:
        whole = seen.facts.records if seen.whole else None
        records = whole if options.limit is None or whole is None else min(whole, options.limit)
    return Job(given.path, given.results, new, target, options, seen, records, inspect_results(given.results))


def _not_begun(given: SourceFile, options: RunOptions, target: Target, first: SourceFile, like: Job) -> Job:
    """Return the whole of a source that a stopped run had not come to, read as its others are."""
    found, reading = detect_with(given.path, options.declared), like.manifest.reading
    _check_alike(given, found, first, reading.columns, reading.dialect)
    reading = replace(reading, dialect=found.dialect, source_name=Path(given.name).name)
    return _fresh(
        given, options, target, reading, take_fingerprint(given.path), SourceScan(whole=False), None
    )


def _as_before(path: Path, before: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a source, without reading it whole if nothing hints at a change."""
    return before if is_unchanged(path, before) else take_fingerprint(path)
