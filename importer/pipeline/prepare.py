"""From options to jobs: whatever stops a run before it sends is found here.

Three steps, each of which ends in a value: the source is surveyed, its reading is settled, and it becomes a
job. Nothing is sent and no results file is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError, TooManyErrors, UsageError
from importer.events.layout import property_columns
from importer.facts import NO_COLLISIONS, SourceAudit
from importer.model import Fingerprint
from importer.pipeline.attention import at_this_time, with_attention, with_target_attention
from importer.pipeline.collision_attention import check_collisions, with_collisions
from importer.pipeline.job import Job, RunOptions, SourceFile, Survey, Target, about_sample, new_manifest
from importer.pipeline.landed import check_landed, landed_under_another_reading, other_reader_remedy
from importer.pipeline.mapping_attention import with_mapping_attention
from importer.pipeline.mended import (
    find_copied_rows,
    with_copied_columns,
    with_copied_time,
    with_mended_rows,
)
from importer.pipeline.redeclare import read_again
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import estimate_records, find_dry_run, survey_source
from importer.profile.scan import find_collisions
from importer.progress import Progress, stage
from importer.reading import Attention, Reading
from importer.results.counts import ResultsState
from importer.results.differences import check_overwrite, find_differences, with_destination_of
from importer.results.manifest import READER_VERSION, Manifest, read_manifest, resolve_link
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results
from importer.source.detect import DetectedSource
from importer.source.files import source_exists
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.members import SourcePath
from importer.text import counted, file_command


def prepare_job(
    source: SourceFile, options: RunOptions, target: Target, *, now_ms: int, progress: Progress
) -> Job:
    """Return the job of a source.

    Args:
        source: From `resolve_output`; standard input is spooled by now.
        options: The options of the run.
        target: Where events go.
        now_ms: Milliseconds since the epoch: the time of a record without one, if that is declared.
        progress: Where the progress of the survey is reported.

    Raises:
        ImporterError: Source, mapping, types, results or destination can't be used.
    """
    if options.resume and source.results.exists():
        job = _with_survey(source, _resumed_job(source, options, target, now_ms), options, now_ms, progress)
    else:
        job = _new_job(source, options, target, now_ms, progress)
    return _with_dry_run(source, with_target_attention(job, now_ms), now_ms)


def _new_job(source: SourceFile, options: RunOptions, target: Target, now_ms: int, progress: Progress) -> Job:
    """Return the job of a run from its beginning."""
    copied = find_copied_rows(source, options)
    detected = detect_declared(source.path, options.declared)
    if copied is not None:
        detected = with_copied_columns(detected, copied)
    draft = draft_reading(detected, options.declared, Path(source.name).name, now_ms)
    if copied is not None:
        draft = with_copied_time(draft, copied, source.name, options)
    if draft.dialect.has_cells:
        property_columns(draft)  # two columns of one name stop the run ahead of its plan
    surveyed = survey_source(source, detected, draft, options, now_ms=now_ms, progress=progress)
    reading = settle_reading(draft, surveyed.types)
    landed = landed_under_another_reading(source.name, surveyed.fingerprint, reading, source.results)
    survey = _with_all_attention(surveyed.survey, detected, draft, options, now_ms, list(landed))
    manifest = replace(
        new_manifest(source.name, surveyed.fingerprint, reading, options, target, salted_by=source.results),
        audit=SourceAudit(survey.summary, whole=survey.whole),
        attention=survey.attention,
    )
    if source.replaces_rehearsal:
        options = replace(options, overwrite=True, only_rehearsals=True)
    if options.overwrite and source.results.exists():
        check_overwrite(source.results, manifest, only_rehearsals=options.only_rehearsals)
    job = Job(
        source.path,
        source.results,
        manifest,
        target,
        options,
        survey,
        _in_scope(surveyed.records, options, has_items=bool(reading.shape.explode)),
        surveyed.about,
    )
    if copied is not None:
        job = with_mended_rows(job, copied)
    _check_invalid(_with_dry_run(source, job, now_ms))
    return _compare_ids(job, options, now_ms, progress)


def _with_all_attention(
    survey: Survey,
    detected: DetectedSource,
    draft: Reading,
    options: RunOptions,
    now_ms: int,
    landed: Sequence[Attention] = (),
) -> Survey:
    """Return the survey of a source with all that needs attention."""
    survey = with_attention(survey, detected.attention, now_ms, landed)
    about = about_sample(survey)
    attention = with_mapping_attention(survey.attention, survey.summary, about, options.declared, draft)
    return replace(survey, attention=attention)


def _with_dry_run(source: SourceFile, job: Job, now_ms: int) -> Job:
    """Return a job with what an earlier dry run of the same scope found, if there was one."""
    manifest = job.manifest
    found = find_dry_run(source, manifest.reading, manifest.fingerprint, now_ms)
    if found is None or found.limit not in (None, job.options.limit):
        return job
    records = job.records
    if records is None and found.limit == job.options.limit:
        records = found.counts.total
    elif records is None:
        records = _in_scope(found.counts.total, job.options, has_items=job.has_items)
    return replace(job, dry_run=found, records=records)


def _check_invalid(job: Job) -> None:
    """Check that a dry run of the source found no more invalid records than ``--max-errors`` allows."""
    found, options = job.dry_run, job.options
    if found is None or options.max_errors is None or options.kind == "dry-run":
        return
    counts = found.counts
    same_scope = found.limit == options.limit
    if same_scope and options.max_errors.reached(counts.invalid - found.ahead, counts.total, at_end=True):
        raise TooManyErrors(
            f"the dry run found {counts.invalid:,} of {counted(counts.total, 'record')} invalid: more than"
            " --max-errors allows, so nothing was sent",
            "Mend them, or allow more.",
        )


def _compare_ids(job: Job, options: RunOptions, now_ms: int, progress: Progress) -> Job:
    """Compare the ids of events, and return the job with what was found.

    Raises:
        UsageError: Mixpanel would merge events that differ, and collisions are not allowed.
    """
    survey, reading = job.survey, job.manifest.reading
    # A dry run compares its events while it runs.
    if not options.audit or options.kind == "dry-run" or "insert_id" not in reading.mapped:
        known = survey.collisions  # of a dry run, whose options may have been others
        return job if known is None else with_collisions(job, known)
    found = survey.collisions if options.limit is None else None
    if survey.ids_differ:
        found = NO_COLLISIONS
    if found is None:
        with stage(progress, "Comparing ids", job.manifest.fingerprint.size):
            found = find_collisions(
                [job.path],
                [reading],
                lambda: now_ms,
                folder=job.results.parent,
                progress=progress,
                limit=options.limit,
                ids_may_differ=survey.ids_differ is None,
            )
    check_collisions(found, reading, options)
    return with_collisions(job, found)


def _with_survey(source: SourceFile, job: Job, options: RunOptions, now_ms: int, progress: Progress) -> Job:
    """Return a resumed job with what is known of its source, which an old manifest does not say."""
    audit, draft = job.manifest.audit, job.manifest.reading
    if audit is not None and audit.sources == 1:
        return job
    detected = replace(detect_declared(source.path, options.declared), dialect=draft.dialect)
    # Ids are not compared: what has landed can't be helped.
    without_ids = replace(options, audit=False)
    surveyed = survey_source(source, detected, draft, without_ids, now_ms=now_ms, progress=progress)
    survey = _with_all_attention(surveyed.survey, detected, draft, options, now_ms)
    records = job.records
    if records is None:
        records = _in_scope(surveyed.records, options, has_items=job.has_items)
    return replace(job, survey=survey, records=records)


def _in_scope(records: int | None, options: RunOptions, *, has_items: bool) -> int | None:
    """Return how many of the records of a source a run looks at; None if they were not counted."""
    if options.limit is None or records is None:
        return records
    # How many events the first records are is not known.
    return None if has_items else min(records, options.limit)


def _resumed_job(source: SourceFile, options: RunOptions, target: Target, now_ms: int) -> Job:
    """Return the rest of a job that was stopped, read in the very same way."""
    beside = manifest_path(source.results)
    old = read_manifest(beside)
    if not source_exists(source.path) and source.name == "-":
        raise ResultsError(
            f"{source.path} is gone: standard input can't be read again", "Run it again with --overwrite."
        )
    fingerprint = _current_fingerprint(source.path, old.fingerprint)
    reading = read_again(beside, old.reading, options.declared, now_ms)
    new = replace(
        new_manifest(source.name, fingerprint, reading, options, target, salted_by=source.results),
        started=old.started,
        parent=old.parent,
        retried_by=old.retried_by,
        mended_rows=old.mended_rows,
        mended_items=old.mended_items,
        audit=old.audit,
        attention=old.attention,
        scope=old.scope,
        exploded=old.exploded,
        refused_at=old.refused_at,
    )
    if options.kind == old.kind == "sandbox":  # each rehearsal listens on a port of its own
        new = replace(new, base_url=old.base_url)
    state = inspect_results(source.results)
    _check_limit(source.results, state, options)
    # Mended records go to where the others of their source went.
    untouched = old.unauthorized and not state.records and not old.mended_rows
    if untouched and with_destination_of(old, new) != old:
        new = replace(new, refused_at=(*old.refused_at, old.base_url))
        old = with_destination_of(old, new)
    differ = find_differences(old, new)
    if differ:
        raise ResultsError(
            f"{source.results} can't be resumed: " + "; ".join(differ),
            *_remedy_of_difference(source, old, new),
            target.host_remedy(old.base_url),
        )
    survey, audit = Survey(), old.audit
    if audit is None or audit.sources == 1:  # else an older version made it of other sources as well
        survey = replace(survey, attention=old.attention)
    if audit is not None and audit.sources == 1:
        survey = at_this_time(replace(survey, summary=audit.facts, whole=audit.whole), now_ms)
    records, about = _resumed_scope(source.path, old, options)
    if old.reader_version != READER_VERSION and state.counts.succeeded:
        check_landed(source.path, [reading], source.results, lambda: now_ms, other_reader_remedy(old))
    return Job(
        source.path,
        source.results,
        new,
        target,
        options,
        survey,
        records,
        about,
        state,
        mended_of=_mended_of(source.results, old, options),
        untouched=untouched,
    )


def _check_limit(results: Path, state: ResultsState, options: RunOptions) -> None:
    """Stop where ``--limit`` allows fewer records than have an outcome."""
    if options.limit is not None and state.last_row > options.limit:
        raise ResultsError(
            f"{results} has {counted(state.records, 'outcome')} already: more than --limit {options.limit:,}",
            "Type --resume with a greater --limit, or without.",
        )


def _resumed_scope(path: SourcePath, old: Manifest, options: RunOptions) -> tuple[int | None, int | None]:
    """Return how many records a resumed run has in scope, or None and about how many the source has."""
    records = old.scope
    if records is not None and options.limit != old.limit:
        whole = None if old.audit is None else old.audit.records
        records = _in_scope(whole, options, has_items=bool(old.reading.shape.explode))
    return records, estimate_records(path, old.reading)[1] if records is None else None


def _remedy_of_difference(source: SourceFile, old: Manifest, new: Manifest) -> Sequence[str]:
    """Return what to do where results can't be resumed."""
    was_mended = old.fingerprint.digest != new.fingerprint.digest and old.counts.unsuccessful
    if was_mended and old.unattempted == 0 and old.kind != "dry-run":
        command = file_command("retry", source.results, "--source-changed")
        mended = f"If what was left was mended there: {command}"
        return mended, "Else put the source back as it was."
    return ("Type the command as it was, or start again with another --results.",)


def _mended_of(results: Path, manifest: Manifest, options: RunOptions) -> Path | None:
    """Return the results that the run of mended records goes on with; None for any other run."""
    if not manifest.mended_rows or manifest.parent is None:
        return None
    if options.limit is not None:
        raise UsageError("mended records are imported as a whole", "Leave out --limit.")
    return resolve_link(results, manifest.parent)


def _current_fingerprint(path: SourcePath, before: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a source, reading it only if its size or time of change differ."""
    return before if is_unchanged(path, before) else take_fingerprint(path)
