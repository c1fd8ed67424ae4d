"""From the survey of a set of sources to its jobs: nothing is sent, and no results are touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from importer.errors import ResultsError, TooManyErrors
from importer.facts import SourceAudit
from importer.pipeline.attention import with_target_attention
from importer.pipeline.collision_attention import check_collisions, with_collisions
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.mapping_attention import with_mapping_attention
from importer.pipeline.paths import default_folder
from importer.pipeline.sets.job import (
    PreparedSet,
    SetOutput,
    SurveyedSet,
    check_set_limit,
    job_of,
    set_manifest_of,
    with_scopes,
)
from importer.pipeline.sets.outputs import check_not_run_alone
from importer.pipeline.sets.shape import in_shape
from importer.results.counts import Counts
from importer.results.differences import find_reading_differences
from importer.results.set_manifest import (
    SetManifest,
    SetSource,
    SourceShape,
    is_set_folder,
    read_set,
    set_path,
)
from importer.source.found import Found, LeftOut
from importer.text import counted, listed


def prepare_set(
    surveyed: SurveyedSet, output: SetOutput, options: RunOptions, target: Target, now_ms: int
) -> PreparedSet:
    """Return a set of sources with a job for each.

    Args:
        surveyed: The sources, and what they hold.
        output: Where results go.
        options: The options of the run.
        target: Where events go.
        now_ms: Milliseconds since the epoch.

    Raises:
        UsageError: Mixpanel would merge events that differ, and may not.
        ResultsError: A source was imported by itself before.
    """
    mapped, reading, survey = surveyed.mapped, surveyed.reading, surveyed.survey
    found = mapped.found
    check_not_run_alone(found, mapped.states, output.folder, options)
    check_set_limit(reading, options.limit)
    sources = with_scopes([*mapped.states, *map(_left_out, found.left_out)], options.limit)
    attention = with_mapping_attention(survey.attention, survey.summary, "", options.declared, mapped.draft)
    survey = replace(survey, attention=attention, sources=len(sources))
    own = in_shape(reading, SourceShape(mapped.shapes[0].dialect, reading.columns), "")
    manifest = set_manifest_of(found, sources, mapped.shapes, own, options, target, output)
    whole = Job(
        Path(), set_path(output.folder), manifest, target, options, survey, sources=len(sources), of_set=True
    )
    if survey.collisions is not None:
        check_collisions(survey.collisions, reading, options, len(sources))
        whole = with_collisions(whole, survey.collisions, len(sources))
    whole = with_target_attention(whole, now_ms)
    manifest = replace(
        manifest,
        scope=sum(source.scope for source in sources),
        audit=SourceAudit(survey.summary, whole=True, collisions=survey.collisions, sources=len(sources)),
        attention=whole.survey.attention,
    )
    there = {each.name: each for each in found.sources}
    jobs = [
        job_of(manifest, source, there[source.name], output.folder, options, target, whole.survey)
        for source in sources
        if source.scope
    ]
    own_jobs = JobSet(tuple(jobs or [replace(whole, manifest=manifest, records=0)]), _rehearsed(manifest))
    _check_invalid(own_jobs, options)
    return PreparedSet(
        output,
        manifest,
        own_jobs,
        missing=mapped.missing,
        kept_text=surveyed.kept_text,
        notes=_notes(found),
    )


def _rehearsed(manifest: SetManifest) -> Counts | None:
    """Return what a finished dry run of the same sources and reading found; None if there was none."""
    if manifest.kind == "dry-run" or len(manifest.named) > 1:
        return None
    folder = default_folder(manifest.named[0], "dry-run")
    if not is_set_folder(folder):
        return None
    try:
        old = read_set(folder)
    except ResultsError:  # it is replaced by the next one
        return None
    is_finished = old.kind == "dry-run" and old.reconciled is True and old.unattempted == 0
    is_same = (
        old.importer_version == manifest.importer_version
        and _contents(old) == _contents(manifest)
        and not find_reading_differences(old.reading, manifest.reading)
    )
    return old.counts if is_finished and is_same else None


def _contents(manifest: SetManifest) -> list[tuple[str, str, int]]:
    """Return what was read of the sources: place, digest and records in scope of each."""
    return [
        (each.relative, "" if each.fingerprint is None else each.fingerprint.digest, each.scope)
        for each in manifest.sources
        if each.state == "ready"
    ]


def _check_invalid(jobs: JobSet, options: RunOptions) -> None:
    """Check that a dry run of the set found no more invalid records than ``--max-errors`` allows.

    Raises:
        TooManyErrors: It did.
    """
    found, limit = jobs.rehearsed, options.max_errors
    if found is None or limit is None:
        return
    if limit.reached(found.invalid - min(found.invalid, jobs.ahead), found.total, at_end=True):
        raise TooManyErrors(
            f"the dry run found {found.invalid:,} of {counted(found.total, 'record')} invalid: more than"
            " --max-errors allows, so nothing was sent",
            "Mend them, or allow more.",
        )


def _left_out(each: LeftOut) -> SetSource:
    return SetSource(each.name, "", "damaged", each.why)


def _notes(found: Found) -> tuple[str, ...]:
    """Return what was found beside the sources, a sentence each."""
    notes = []
    if found.others:
        named = listed(found.other_names, len(found.other_names), found.others)
        notes.append(f"{counted(found.others, 'file')} of other kinds: not read ({named})")
    if found.own:
        notes.append(f"{counted(found.own, 'result')} of earlier runs: not read")
    if found.unwanted:
        notes.append(f"{counted(found.unwanted, 'file')} left out by --include and --exclude")
    return tuple(notes)
