"""From options to jobs: whatever stops a run before it sends is found here.

Three steps, each of which ends in a value: the sources are surveyed, their reading is settled, and each
source becomes a job. Nothing is sent and no results file is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError, TooManyErrors, UsageError
from importer.events.templates import mapped_text
from importer.facts import NO_COLLISIONS, SourceAudit
from importer.model import Fingerprint
from importer.pipeline.attention import at_this_time, with_attention, with_target_attention
from importer.pipeline.collision_attention import with_collisions
from importer.pipeline.collision_text import COLLISION_REMEDY, collision_text
from importer.pipeline.job import Job, RunOptions, SourceFile, Survey, Target, about_sample, new_manifest
from importer.pipeline.landed import check_landed, landed_under_another_reading, other_reader_remedy
from importer.pipeline.mapping_attention import with_mapping_attention
from importer.pipeline.mended import (
    find_copied_rows,
    with_copied_columns,
    with_copied_time,
    with_mended_rows,
)
from importer.pipeline.resolve import detect_declared, draft_reading, redeclare, settle_reading
from importer.pipeline.same_columns import check_same_columns, check_same_format
from importer.pipeline.survey import estimate_records, find_dry_run, survey_sources
from importer.profile.scan import find_collisions
from importer.progress import Progress, stage
from importer.reading import Attention, Reading
from importer.results.differences import check_overwrite, find_differences, with_destination_of
from importer.results.manifest import READER_VERSION, Manifest, read_manifest, resolve_link
from importer.results.paths import manifest_path
from importer.results.recovery import ResultsState, inspect_results
from importer.source.detect import DetectedSource
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.text import counted, file_command, quoted


def prepare_jobs(
    sources: Sequence[SourceFile],
    options: RunOptions,
    target: Target,
    *,
    now_ms: int,
    progress: Progress,
) -> list[Job]:
    """Return a job for each source.

    Args:
        sources: From `resolve_outputs`; standard input is spooled by now.
        options: The options of the run.
        target: Where events go.
        now_ms: Milliseconds since the epoch: the time of a record without one, if that is declared.
        progress: Where the progress of the survey is reported.

    Raises:
        ImporterError: Sources, mapping, types, results or destination can't be used.
    """
    if options.resume and any(source.results.exists() for source in sources):
        jobs = _resumed_jobs(sources, options, target, now_ms)
        jobs = _with_survey(sources, jobs, options, now_ms, progress)
    else:
        jobs = _new_jobs(sources, options, target, now_ms, progress)
    return [
        replace(_with_dry_run(source, job, now_ms), sources=len(jobs))
        for source, job in zip(sources, (with_target_attention(job, now_ms) for job in jobs), strict=True)
    ]


def _new_jobs(
    sources: Sequence[SourceFile], options: RunOptions, target: Target, now_ms: int, progress: Progress
) -> list[Job]:
    """Return the jobs of a run from its beginning."""
    copied = find_copied_rows(sources, options)
    detected = [
        detect_declared(source.path, options.declared, with_cells=source is sources[0]) for source in sources
    ]
    if copied is not None:  # of a single source
        detected = [with_copied_columns(detected[0], copied)]
    for source, found in zip(sources[1:], detected[1:], strict=True):
        check_same_format(source, found, sources[0], detected[0].dialect.format)
    draft = draft_reading(detected[0], options.declared, "", now_ms)
    if copied is not None:
        draft = with_copied_time(draft, copied, sources[0].name, options)
    others = [
        check_same_columns(source, found, sources[0], draft)
        for source, found in zip(sources[1:], detected[1:], strict=True)
    ]
    surveyed = survey_sources(sources, detected, draft, options, now_ms=now_ms, progress=progress)
    reading = settle_reading(draft, surveyed.types)
    readings = [
        replace(reading, dialect=found.dialect, source_name=Path(source.name).name)
        for source, found in zip(sources, detected, strict=True)
    ]
    parts = list(zip(sources, readings, surveyed.fingerprints, strict=True))
    landed = [
        each
        for source, own, fingerprint in parts
        for each in landed_under_another_reading(source.name, fingerprint, own, source.results)
    ]
    survey = _with_all_attention(surveyed.survey, detected, draft, options, now_ms, landed)
    survey = replace(survey, attention=(*filter(None, others), *survey.attention))
    jobs = [
        replace(_new_job(source, options, target, own, fingerprint, survey, records), about=about)
        for (source, own, fingerprint), records, about in zip(
            parts, surveyed.records, surveyed.about, strict=True
        )
    ]
    if copied is not None:
        jobs = [with_mended_rows(jobs[0], copied)]
    for source, job in zip(sources, jobs, strict=True):
        _check_invalid(_with_dry_run(source, job, now_ms))
    return _compare_ids(jobs, options, now_ms, progress)


def _with_all_attention(
    survey: Survey,
    detected: Sequence[DetectedSource],
    draft: Reading,
    options: RunOptions,
    now_ms: int,
    landed: Sequence[Attention] = (),
) -> Survey:
    """Return the survey of some sources with all that needs attention."""
    survey = with_attention(survey, detected, now_ms, landed)
    about = about_sample(survey)
    attention = with_mapping_attention(survey.attention, survey.summary, about, options.declared, draft)
    return replace(survey, attention=attention, sources=len(detected))


def _with_dry_run(source: SourceFile, job: Job, now_ms: int) -> Job:
    """Return a job with what an earlier dry run of the same scope found, if there was one."""
    manifest = job.manifest
    found = find_dry_run(source, manifest.reading, manifest.fingerprint, now_ms)
    if found is None or found.limit not in (None, job.options.limit):
        return job
    records = _in_scope(found.counts.total, job.options) if job.records is None else job.records
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


def _compare_ids(jobs: list[Job], options: RunOptions, now_ms: int, progress: Progress) -> list[Job]:
    """Compare the ids of events, and return the jobs with what was found.

    Raises:
        UsageError: Mixpanel would merge events that differ, and collisions are not allowed.
    """
    is_dry_run = options.kind == "dry-run"
    # A dry run of one source compares its events while it runs.
    wanted = len(jobs) > 1 if is_dry_run else "insert_id" in jobs[0].manifest.reading.mapped
    survey = jobs[0].survey
    if not options.audit or not wanted:
        known = survey.collisions  # of a dry run, whose options may have been others
        return jobs if known is None else [with_collisions(job, known) for job in jobs]
    found = survey.collisions if len(jobs) == 1 and options.limit is None else None
    if survey.ids_differ:
        found = NO_COLLISIONS
    if found is None:
        with stage(progress, "Comparing ids", sum(job.manifest.fingerprint.size for job in jobs)):
            found = find_collisions(
                [job.path for job in jobs],
                [job.manifest.reading for job in jobs],
                lambda: now_ms,
                folder=jobs[0].results.parent,
                progress=progress,
                limit=options.limit,
                ids_may_differ=survey.ids_differ is None,
            )
    if found.found and not options.allow_collisions and not is_dry_run:
        column = mapped_text(jobs[0].manifest.reading, "insert_id")
        raise UsageError(
            f"{quoted(column)} does not tell events apart: {collision_text(found, len(jobs))}",
            *COLLISION_REMEDY,
        )
    return [with_collisions(job, found, len(jobs)) for job in jobs]


def _new_job(
    source: SourceFile,
    options: RunOptions,
    target: Target,
    reading: Reading,
    fingerprint: Fingerprint,
    survey: Survey,
    records: int | None,
) -> Job:
    """Return the job of a source from its beginning."""
    manifest = replace(
        new_manifest(source.name, fingerprint, reading, options, target, salted_by=source.results),
        audit=SourceAudit(survey.summary, whole=survey.whole, sources=survey.sources),
        attention=survey.attention,
    )
    if source.replaces_rehearsal:
        options = replace(options, overwrite=True, only_rehearsals=True)
    if options.overwrite and source.results.exists():
        check_overwrite(source.results, manifest, only_rehearsals=options.only_rehearsals)
    return Job(source.path, source.results, manifest, target, options, survey, _in_scope(records, options))


def _resumed_jobs(
    sources: Sequence[SourceFile], options: RunOptions, target: Target, now_ms: int
) -> list[Job]:
    """Return the jobs of a run that was stopped: sources with results, and those after them."""
    resumed = {
        source: _resumed_job(source, options, target, now_ms, len(sources))
        for source in sources
        if source.results.exists()
    }
    first, first_job = next(iter(resumed.items()))
    return [
        resumed.get(source) or _unstarted_job(source, options, target, first, first_job) for source in sources
    ]


def _with_survey(
    sources: Sequence[SourceFile], jobs: list[Job], options: RunOptions, now_ms: int, progress: Progress
) -> list[Job]:
    """Return resumed jobs with what is known of all their sources.

    These are surveyed anew unless all were begun, and together: what is known of others is not true of these.
    """
    first, begun = jobs[0].manifest, [source.results.exists() for source in sources]
    known = [
        job.manifest.audit is not None
        and first.audit is not None
        and job.manifest.audit.sources == len(jobs)
        and job.manifest.audit.facts == first.audit.facts
        for job in jobs
    ]
    draft = first.reading
    readings = [job.manifest.reading for job in jobs]
    if (all(begun) and all(known)) or any(
        replace(each, dialect=draft.dialect, source_name=draft.source_name) != draft for each in readings
    ):
        return jobs
    detected = [
        replace(
            detect_declared(source.path, options.declared, with_cells=source is sources[0]),
            dialect=reading.dialect,
        )
        for source, reading in zip(sources, readings, strict=True)
    ]
    # Ids are not compared: what has landed can't be helped.
    without_ids = replace(options, audit=False)
    surveyed = survey_sources(sources, detected, draft, without_ids, now_ms=now_ms, progress=progress)
    survey = _with_all_attention(surveyed.survey, detected, draft, options, now_ms)
    audit = SourceAudit(survey.summary, whole=survey.whole, sources=survey.sources)
    return [
        replace(
            job,
            survey=survey,
            records=_in_scope(records, options) if job.records is None else job.records,
            manifest=job.manifest
            if is_begun
            else replace(job.manifest, audit=audit, attention=survey.attention),
        )
        for job, is_begun, records in zip(jobs, begun, surveyed.records, strict=True)
    ]


def _in_scope(records: int | None, options: RunOptions) -> int | None:
    """Return how many of the records of a source a run looks at; None if they were not counted."""
    return records if options.limit is None or records is None else min(records, options.limit)


def _resumed_job(source: SourceFile, options: RunOptions, target: Target, now_ms: int, sources: int) -> Job:
    """Return the rest of a job that was stopped, read in the very same way, among so many sources."""
    old = read_manifest(manifest_path(source.results))
    if not source.path.exists() and source.name == "-":
        raise ResultsError(
            f"{source.path} is gone: standard input can't be read again", "Run it again with --overwrite."
        )
    fingerprint = _current_fingerprint(source.path, old.fingerprint)
    reading = redeclare(old.reading, options.declared, now_ms)
    new = replace(
        new_manifest(source.name, fingerprint, reading, options, target, salted_by=source.results),
        started=old.started,
        parent=old.parent,
        retried_by=old.retried_by,
        mended_rows=old.mended_rows,
        audit=old.audit,
        attention=old.attention,
        scope=old.scope,
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
    if audit is None or audit.sources == sources:  # else it is of other sources as well
        survey = replace(survey, attention=old.attention, sources=sources)
    if audit is not None and audit.sources == sources:
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
    if options.limit is not None and state.records > options.limit:
        raise ResultsError(
            f"{results} has {counted(state.records, 'outcome')} already: more than --limit {options.limit:,}",
            "Type --resume with a greater --limit, or without.",
        )


def _resumed_scope(path: Path, old: Manifest, options: RunOptions) -> tuple[int | None, int | None]:
    """Return how many records a resumed run has in scope, or None and about how many the source has."""
    records = old.scope
    if records is not None and options.limit != old.limit:
        whole = None if old.audit is None else old.audit.records
        records = whole if options.limit is None or whole is None else min(whole, options.limit)
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


def _unstarted_job(
    source: SourceFile, options: RunOptions, target: Target, first: SourceFile, first_job: Job
) -> Job:
    """Return the job of a source that a stopped run had not come to, read as its first source is."""
    found = detect_declared(source.path, options.declared, with_cells=False)
    reading = first_job.manifest.reading
    check_same_format(source, found, first, reading.dialect.format)
    check_same_columns(source, found, first, reading)
    reading = replace(reading, dialect=found.dialect, source_name=Path(source.name).name)
    fingerprint, about = estimate_records(source.path, reading)
    return replace(_new_job(source, options, target, reading, fingerprint, Survey(), None), about=about)


def _current_fingerprint(path: Path, before: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a source, reading it only if its size or time of change differ."""
    return before if is_unchanged(path, before) else take_fingerprint(path)
