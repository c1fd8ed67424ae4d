"""The run of copies of failed records of a set that were mended: each goes on with what its source left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path

from importer.errors import ResultsError, UsageError
from importer.events import mapping_file
from importer.pipeline.copied_rows import read_copied_rows
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, SourceFile, Survey, Target
from importer.pipeline.sets.job import PreparedSet, SetOutput, set_fingerprint
from importer.reading import Attention
from importer.results.counts import Counts
from importer.results.differences import with_destination_of
from importer.results.manifest import Manifest, read_manifest
from importer.results.paths import failed_rows_mapping_path, manifest_path
from importer.results.recovery import inspect_results
from importer.results.set_manifest import (
    SetManifest,
    SetSource,
    SourceShape,
    read_set,
    set_path,
)
from importer.results.set_status import read_set_status, set_history, set_link, set_of
from importer.source.fingerprint import is_unchanged
from importer.source.found import Found, FoundSource
from importer.source.members import file_of
from importer.text import counted, file_command, kind_flags


def check_not_copies(found: Found, options: RunOptions) -> None:
    """Stop where copies of failed records would be imported as if they were new ones.

    Raises:
        UsageError: One is among the sources.
    """
    for source in found.sources:
        if not isinstance(source.path, Path) or source.pipe:
            continue
        mapping = failed_rows_mapping_path(source.path)
        if os.path.lexists(mapping) and read_copied_rows(mapping) is not None:
            kind = kind_flags(options.kind)
            folder = found.named[0]
            raise UsageError(
                f"{source.name} is a copy of failed records: {mapping} says which, and how to read them",
                f"If all sources are such copies: {file_command('run', folder, '--mapping', folder, *kind)}",
            )


def prepare_mended_set(
    found: Found,
    output: SetOutput,
    options: RunOptions,
    prepare: Callable[[SourceFile, RunOptions], Job],
    target: Target,
) -> PreparedSet:
    """Return the set of some mended copies, with a job for each that is not finished.

    Args:
        found: The copies.
        output: Where results go.
        options: The options of the run.
        prepare: Prepares a copy as if it were run by itself.
        target: Where events go.

    Raises:
        ImporterError: A copy, its mapping file or the results that it goes on with can't be used.
    """
    if options.limit is not None and options.kind != "dry-run":
        raise UsageError(
            "--limit leaves out a part of the mended records: nothing could import it afterwards",
            "Leave out --limit, or add --dry-run.",
        )
    if found.left_out:
        first = found.left_out[0]
        raise UsageError(
            f"{first.name} {first.why}", "Put it back, so that all copies are imported together."
        )
    old = read_set(output.folder) if output.use == "resume" else None
    ending = f".{options.results_format}" if old is None else old.ending
    jobs, done, finished = [], Counts(), 0
    scopes = {} if old is None else {each.name: each.scope for each in old.sources}
    for source in _sources(found, old):
        results = Path(f"{output.folder / source.relative}{ending}")
        scope = None if old is None else scopes[source.name]
        if scope is not None and (state := inspect_results(results)).records == scope:
            done, finished = done + state.counts, finished + 1
            continue
        jobs.append(_job(source, results, output.folder, options, prepare))
    if old is None:
        manifest = _manifest(found, jobs, output, options, ending)
    else:
        manifest = _resumed(old, jobs, options)
    number = len(manifest.sources)
    if not jobs:
        whole = set_path(output.folder)
        jobs = [Job(Path(), whole, manifest, target, options, Survey(whole=True), 0)]
    ready = [replace(job, of_set=True, sources=number) for job in jobs]
    return PreparedSet(output, manifest, JobSet.of(ready), done, finished)


def _sources(found: Found, old: SetManifest | None) -> Iterable[FoundSource]:
    """Return the copies to run, which are those that there were at the beginning.

    Raises:
        ResultsError: One is gone.
    """
    if old is None:
        return found.sources
    there = {each.name: each for each in found.sources}
    gone = [each.name for each in old.sources if each.name not in there]
    if gone:
        more = f", and {len(gone) - 1:,} more" if len(gone) > 1 else ""
        raise ResultsError(f"{gone[0]} is gone{more}", "Put it back, then go on with --resume.")
    return [there[each.name] for each in old.sources]


def _resumed(old: SetManifest, jobs: list[Job], options: RunOptions) -> SetManifest:
    """Return the manifest of a set of copies that goes on, by what its jobs say of where they send."""
    manifest = replace(old, ended=None, exit_code=None, settings=options.delivery)
    if not jobs:
        return manifest
    own = jobs[0].manifest
    return replace(with_destination_of(manifest, own), refused_at=own.refused_at)


def _job(
    source: FoundSource,
    results: Path,
    folder: Path,
    options: RunOptions,
    prepare: Callable[[SourceFile, RunOptions], Job],
) -> Job:
    """Return the job of one copy, as if it were run by itself; ``folder`` has the results of the set."""
    path = file_of(source.path)
    mapping = failed_rows_mapping_path(path)
    if read_copied_rows(mapping) is None:
        raise UsageError(
            f"{mapping} does not say of which records {source.name} is a copy",
            "Put it back as --failed-rows wrote it, or import that source by itself.",
        )
    begun = manifest_path(results).exists()
    if begun:
        _check_unchanged(source, path, results, folder)
    own = replace(
        options,
        declared=options.declared.over(mapping_file.load(mapping)),
        mapping=mapping,
        results=results,
        resume=begun,
        overwrite=False,
        max_errors=None,
        failed_rows=None,
    )
    job = prepare(SourceFile(source.name, path, results), own)
    # Of the ids that hang on the row, none may be that of another copy, or of the source that it was made of.
    reading = replace(job.manifest.reading, source_name=source.name)
    return replace(job, manifest=replace(job.manifest, reading=reading, audit=None), dry_run=None)


def _check_unchanged(source: FoundSource, path: Path, results: Path, folder: Path) -> None:
    """Stop where a copy was mended after its records were run: a retry of the set sends them.

    Raises:
        ResultsError: It was.
    """
    if is_unchanged(path, read_manifest(manifest_path(results)).fingerprint):
        return
    status = read_set_status(folder)
    last = status.last.folder
    what = f"{source.name} is not what it was when its records were run: their results are in {folder}/"
    if not status.reconciles or status.action not in ("retry", "mend"):
        raise ResultsError(what, f"See where they stand: {file_command('status', last)}")
    raise ResultsError(
        what,
        "If what was left is mended now, go on with that:",
        file_command("retry", last, "--source-changed"),
    )


def _manifest(
    found: Found, jobs: list[Job], output: SetOutput, options: RunOptions, ending: str
) -> SetManifest:
    """Return the manifest of a set of mended copies that starts now."""
    shapes: dict[SourceShape, int] = {}
    sources = []
    for source, job in zip(found.sources, jobs, strict=True):
        reading, records = job.manifest.reading, job.records or 0
        shape = shapes.setdefault(SourceShape(reading.dialect, reading.columns), len(shapes))
        fingerprint = job.manifest.fingerprint
        sources.append(
            SetSource(source.name, source.relative, "ready", "", shape, fingerprint, records, records)
        )
    first = jobs[0].manifest
    common = {each.name: getattr(first, each.name) for each in fields(Manifest)}
    name = found.named[0] if len(found.named) == 1 else counted(len(found.named), "source")
    manifest = SetManifest(
        **common,
        named=found.named,
        include=options.include,
        exclude=options.exclude,
        ending=ending,
        shapes=tuple(shapes),
        sources=tuple(sources),
        mended=True,
    )
    parent = _parent_folder(jobs)
    return replace(
        manifest,
        source=name,
        fingerprint=set_fingerprint(sources),
        scope=sum(each.scope for each in sources),
        mended_rows="",
        mended_items="",
        parent=None if parent is None else set_link(output.folder, parent),
        attention=_attention(jobs),
    )


def _parent_folder(jobs: list[Job]) -> Path | None:
    """Return the results of the set that mended copies go on with; None for a rehearsal of its own.

    Raises:
        UsageError: They belong to several sets, or to none.
    """
    folders: dict[Path, Path] = {}
    for job in jobs:
        if job.mended_of is None:
            return None
        whole = set_of(job.mended_of)
        if whole is None:
            raise UsageError(
                f"{job.manifest.source} is a copy of records of a file that is in no set",
                f"Import it by itself: {file_command('run', job.manifest.source)}",
            )
        folders.setdefault(whole.resolve(), whole)
    histories = [set_history(folder) for folder in folders.values()]
    firsts = {history[0].folder.resolve() for history in histories}
    if len(firsts) > 1:
        one, other, *_ = (history[0].folder for history in histories)
        raise UsageError(
            f"the copies are of records of several sets: {one}, {other}", "Import the copies of each apart."
        )
    return histories[0][-1].folder


def _attention(jobs: list[Job]) -> tuple[Attention, ...]:
    """Return what needs attention of all copies, the same but once."""
    found: dict[tuple[str, str], Attention] = {}
    for each in (attention for job in jobs for attention in job.manifest.attention):
        found.setdefault((each.code, each.remedy), each)
    return tuple(found.values())
