"""The data of the run of a set of sources: where it goes, its jobs, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Final, Literal

from importer.errors import ImporterError, UsageError
from importer.model import Fingerprint
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, JobEnd, RunOptions, Survey, Target, new_manifest
from importer.pipeline.sets.shape import MissingColumn, in_shape
from importer.reading import Attention, Reading
from importer.results.counts import Counts
from importer.results.manifest import Manifest
from importer.results.set_manifest import (
    SetManifest,
    SetSource,
    SourceShape,
    SourceState,
    results_of,
    set_path,
    source_manifest,
)
from importer.source.found import Found, FoundSource
from importer.source.members import SourcePath
from importer.text import counted

_LARGE_PARTS: Final = 16
"""A task is large if it is more than this part of what one worker has to do in all."""

Use = Literal["new", "resume", "replace"]
"""What a run does with the folder of its results: it makes it, goes on with it, or makes room for its own."""


@dataclass(frozen=True, slots=True)
class SetOutput:
    """Where the results of a set go.

    Attributes:
        folder: Their folder.
        use: What the run does with it.
    """

    folder: Path
    use: Use = "new"


@dataclass(frozen=True, slots=True)
class MappedSet:
    """A set of sources whose mapping is settled.

    Attributes:
        found: The sources.
        states: What becomes of each, as far as that is known.
        shapes: The shapes of those that are read.
        draft: Their reading, with the columns of all and without the types that must be inferred.
        missing: Columns that not all of them have.
        attention: What their owner might not expect of how they are read.
    """

    found: Found
    states: tuple[SetSource, ...]
    shapes: tuple[SourceShape, ...]
    draft: Reading
    missing: tuple[MissingColumn, ...] = ()
    attention: tuple[Attention, ...] = ()

    def ready(self, reading: Reading) -> list[tuple[SetSource, SourcePath, Reading]]:
        """Return the sources that are read, each with its bytes and with how it is read.

        Args:
            reading: That of the set.
        """
        readings = [in_shape(reading, shape, "") for shape in self.shapes]
        by_row = (
            reading.insert_id == "row"
        )  # else all of a shape have the same: it is looked at and sent once
        return [
            (
                state,
                source.path,
                replace(readings[state.shape], source_name=state.id_name or state.relative)
                if by_row
                else readings[state.shape],
            )
            for state, source in zip(self.states, self.found.sources, strict=True)
            if state.state == "ready"
        ]


@dataclass(frozen=True, slots=True)
class SurveyedSet:
    """A set of sources that were read once.

    Attributes:
        mapped: The set; of its sources, records and fingerprints are known now.
        reading: How they are read.
        survey: What they hold.
        kept_text: Columns that are text because of a value, and where that is.
    """

    mapped: MappedSet
    reading: Reading
    survey: Survey
    kept_text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A set of sources, ready to run.

    Attributes:
        output: Where its results go.
        manifest: What is known of the set before it runs.
        jobs: A job for each source that has records left to import.
        done: Outcomes of the sources that are finished.
        finished: How many these are.
        missing: Columns that not all sources have.
        kept_text: Columns that are text because of a value, and where that is.
        notes: What else its owner may want to know, a sentence each.
    """

    output: SetOutput
    manifest: SetManifest
    jobs: JobSet
    done: Counts = field(default_factory=Counts)
    finished: int = 0
    missing: Sequence[MissingColumn] = ()
    kept_text: Sequence[str] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """True if it is gone on with, and every source has all its outcomes."""
        return self.output.use == "resume" and not self.jobs.records

    @property
    def broken_off(self) -> list[SetSource]:
        """The sources that are imported up to a break."""
        return [source for source in self.manifest.sources if source.breaks_off]

    @property
    def left_out(self) -> list[SetSource]:
        """The sources that can't be read, or not like the others."""
        return [source for source in self.manifest.sources if source.is_left_out]


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """How the run of one source of a set ended.

    Attributes:
        job: Its job.
        end: How it ended; None if it was not begun, or if nothing is known of its end.
        error: What stopped it; None if it finished, or if all were stopped for another one.
    """

    job: Job
    end: JobEnd | None = None
    error: ImporterError | None = None


@dataclass(frozen=True, slots=True)
class SetReport:
    """How the run of a set ended.

    Attributes:
        prepared: What was run.
        manifest: The manifest of the set, as it was written at the end.
        ends: How each source ended that was to be run, in order.
        error: What stopped the set; None if all sources were run.
        seconds: How long it took.
        notes: Records with a note.
    """

    prepared: PreparedSet
    manifest: SetManifest
    ends: Sequence[SourceEnd]
    error: ImporterError | None
    seconds: float
    notes: int


# ── from what is known of a set to its manifest and its jobs ─────────────────────────────────────────────


def with_scopes(sources: Sequence[SetSource], limit: int | None) -> tuple[SetSource, ...]:
    """Return the sources of a set with the records of each that are in scope.

    Args:
        sources: The sources.
        limit: Most records of the set; None for all.
    """
    left = limit
    found = []
    for source in sources:
        scope = (
            0 if source.state != "ready" else source.records if left is None else min(left, source.records)
        )
        left = None if left is None else left - scope
        found.append(replace(source, scope=scope))
    return tuple(found)


def check_set_limit(reading: Reading, limit: int | None) -> None:
    """Check that ``--limit``, which counts records, tells how much of a set is in scope.

    Raises:
        UsageError: Each record may be several events, and only these are counted.
    """
    if limit is not None and reading.shape.explode:
        raise UsageError(
            "--limit counts the records of one source, where each may be several events (explode)",
            "Leave out --limit, or try it with one of the sources.",
        )


def set_fingerprint(sources: Sequence[SetSource]) -> Fingerprint:
    """Return the size of all sources of a set; there is no digest of all."""
    return Fingerprint(sum(each.fingerprint.size for each in sources if each.fingerprint is not None), 0, "")


def set_manifest_of(
    found: Found,
    sources: tuple[SetSource, ...],
    shapes: tuple[SourceShape, ...],
    reading: Reading,
    options: RunOptions,
    target: Target,
    output: SetOutput,
) -> SetManifest:
    """Return the manifest of a set that starts now."""
    common = new_manifest(
        found.named[0] if len(found.named) == 1 else counted(len(found.named), "source"),
        set_fingerprint(sources),
        reading,
        options,
        target,
        salted_by=set_path(output.folder),
    )
    return SetManifest(
        **{each.name: getattr(common, each.name) for each in fields(Manifest)},
        named=found.named,
        include=options.include,
        exclude=options.exclude,
        ending=f".{options.results_format}",
        shapes=shapes,
        sources=sources,
    )


def job_of(
    manifest: SetManifest,
    source: SetSource,
    found: FoundSource,
    folder: Path,
    options: RunOptions,
    target: Target,
    survey: Survey,
) -> Job:
    """Return the job of one source of a set, from its beginning."""
    reading = in_shape(manifest.reading, manifest.shapes[source.shape], source.id_name or source.relative)
    results = results_of(folder, manifest, source)
    own = replace(
        options,
        limit=None if source.scope == source.records else source.scope,
        max_errors=None,
        overwrite=False,
        results=results,
        failed_rows=None,
    )
    of_source = replace(source_manifest(manifest, source, reading), limit=own.limit)
    return Job(
        found.path,
        results,
        of_source,
        target,
        own,
        survey,
        source.scope,
        sources=len(manifest.sources),
        of_set=True,
    )


def begin_order(sizes: Sequence[int], workers: int) -> list[int]:
    """Return in which order to begin tasks, by their places: as they stand, but large ones first.

    Else a large one at the end keeps one worker busy for long while the others have nothing to do. What is
    not large stays in its order: a set that is stopped has then been imported from its beginning, mostly.

    Args:
        sizes: How much there is to do for each.
        workers: How many work at once.
    """
    order = list(range(len(sizes)))
    if workers > 1:
        large = sum(sizes) / (_LARGE_PARTS * workers)
        order.sort(key=lambda at: -sizes[at] if sizes[at] > large else 0)
    return order


def left_out(source: SetSource, state: SourceState, why: ImporterError | str, *names: object) -> SetSource:
    """Return a source as one that is left out.

    Args:
        source: The source.
        state: As what.
        why: Why.
        names: What the reason may begin with: the name stands before it already.
    """
    return replace(source, state=state, why=why if isinstance(why, str) else reason_of(why, source, *names))


def reason_of(error: ImporterError, source: SetSource, *names: object) -> str:
    """Return what is wrong with a source, without its name.

    Args:
        error: Says it.
        source: The source.
        names: What else it may begin with.
    """
    text = error.message
    for name in (source.name, *map(str, names)):
        text = text.removeprefix(f"{name} ").removeprefix(f"{name}: ")
    return text.rstrip(".")
