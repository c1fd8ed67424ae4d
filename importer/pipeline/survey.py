"""The survey of the sources of a run: one pass over each, for all that must be known before sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from importer.errors import ResultsError
from importer.model import ColumnType, Fingerprint, Reading
from importer.pipeline.job import RunOptions, SourceFile, Survey
from importer.pipeline.resolve import needs_types
from importer.profile.observers import IdObserver, Observer, SummaryObserver, TypeObserver
from importer.profile.scan import PassProgress, SourceFacts, profile_source, summarise_sample
from importer.profile.unique import UniqueCheck
from importer.progress import Progress, stage
from importer.results.differences import find_reading_differences
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path, results_path
from importer.source.detect import DetectedSource
from importer.source.fingerprint import take_fingerprint

_SMALL: Final = 16_000_000
"""Bytes up to which a source of objects, which needs no types, is scanned as a whole for the plan."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A survey, and what of it belongs to a single source.

    Attributes:
        survey: What is known of all sources together.
        fingerprints: Each source as it was when it was read.
        records: Records of each source; None where only the first ones were looked at.
        types: Types of columns that were inferred, or that a dry run had.
    """

    survey: Survey
    fingerprints: tuple[Fingerprint, ...]
    records: tuple[int | None, ...]
    types: dict[str, ColumnType]


def survey_sources(
    sources: Sequence[SourceFile],
    detected: Sequence[DetectedSource],
    draft: Reading,
    options: RunOptions,
    *,
    now_ms: int,
    progress: Progress,
) -> Surveyed:
    """Look at the sources of a run, and no more than it must.

    A dry run of the same bytes and reading makes a scan needless. Otherwise the records are scanned if types
    must be inferred, and compared by their ids if a column has these.

    Args:
        sources: The sources.
        detected: What each of them is.
        draft: Their reading but for the types that must be inferred.
        options: The options of the run.
        now_ms: Milliseconds since the epoch.
        progress: Told how far the pass is.

    Raises:
        SourceError: A source can't be read to its end, or it changes while it is read.
        ResultsError: The manifest of a dry run is damaged.
    """
    readings = [replace(draft, dialect=each.dialect) for each in detected]
    # A dry run of one source compares the events themselves, and one of several does so before it begins.
    with_ids = options.audit and options.kind != "dry-run" and "insert_id" in draft.fields
    paths = [source.path for source in sources]
    pass_ = _Pass(paths, readings, now_ms, options.limit, sources[0].results.parent, progress)
    known = _from_dry_run(sources[0], draft) if len(sources) == 1 else None
    if known is not None:
        compared = known.survey.collisions is not None and options.limit is None
        if not with_ids or compared:
            return known
        ids_differ, _ = pass_.compare_ids()
        return replace(known, survey=replace(known.survey, ids_differ=ids_differ))
    # A damaged compressed file shows itself only at its end, so it is read to there before all else.
    small = not draft.dialect.has_cells and pass_.size <= _SMALL
    if needs_types(draft) or small or any(each.dialect.compression for each in detected):
        return pass_.scan(with_ids=with_ids)
    survey = Survey(summarise_sample(detected[0].sample, draft))
    if with_ids:
        ids_differ, fingerprints = pass_.compare_ids()
        survey = replace(survey, ids_differ=ids_differ)
    else:
        fingerprints = tuple(take_fingerprint(source.path) for source in sources)
    return Surveyed(survey, fingerprints, (None,) * len(sources), {})


def scan_source(path: Path, draft: Reading, *, now_ms: int, progress: Progress) -> Surveyed:
    """Look at every value of a single source, whatever is known of it.

    Args:
        path: The source.
        draft: As for `survey_sources`, and so are those below.
        now_ms: Milliseconds since the epoch.
        progress: Told how far the scan is.

    Raises:
        SourceError: The source can't be read to its end, or it changes while it is read.
    """
    return _Pass([path], [draft], now_ms, None, path.parent, progress).scan(with_ids=False)


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass over all sources.

    Attributes:
        paths: The sources.
        readings: The reading of each.
        now_ms: Milliseconds since the epoch.
        limit: Records of each source whose ids are compared; None for all.
        folder: Where temporary files may go.
        progress: Told how far the pass is.
    """

    paths: Sequence[Path]
    readings: Sequence[Reading]
    now_ms: int
    limit: int | None
    folder: Path
    progress: Progress

    @property
    def size(self) -> int:
        """Bytes on disk of all sources."""
        return sum(path.stat().st_size for path in self.paths)

    def scan(self, *, with_ids: bool) -> Surveyed:
        """Look at every value of every record."""
        reading = self.readings[0]
        counts = SummaryObserver(reading)
        observers: list[Observer] = [counts]
        types = TypeObserver(reading) if reading.dialect.has_cells else None
        if types is not None:
            observers.append(types)
        ids_differ, facts = self._run("Looking at every value", observers, with_ids=with_ids)
        columns = () if types is None else types.inference.profiles()
        return Surveyed(
            Survey(counts.counter.summary(), columns, whole=True, ids_differ=ids_differ),
            tuple(each.fingerprint for each in facts),
            tuple(each.records for each in facts),
            {column.name: column.type for column in columns},
        )

    def compare_ids(self) -> tuple[bool | None, tuple[Fingerprint, ...]]:
        """Look at the ids alone, and return whether they differ; None if in doubt."""
        ids_differ, facts = self._run("Comparing ids", [], with_ids=True)
        return ids_differ, tuple(each.fingerprint for each in facts)

    def _run(
        self, title: str, observers: Sequence[Observer], *, with_ids: bool
    ) -> tuple[bool | None, list[SourceFacts]]:
        """Let observers look at every source, and an observer of ids at each."""
        with UniqueCheck(self.folder) as check, stage(self.progress, title, self.size):
            passes = PassProgress(self.progress)
            ids = [
                IdObserver(reading, check, lambda: self.now_ms, self.limit)
                for reading in self.readings[: len(self.paths) * with_ids]
            ]
            facts = [
                profile_source(path, reading, [*observers, *ids[at : at + 1]], passes)
                for at, (path, reading) in enumerate(zip(self.paths, self.readings, strict=True))
            ]
            doubt = not with_ids or any(each.in_doubt for each in ids) or not check.all_differ()
        return None if doubt else True, facts


def _from_dry_run(source: SourceFile, draft: Reading) -> Surveyed | None:
    """Return what a finished dry run of the same bytes and reading found out; None if there was none.

    Raises:
        ResultsError: Its manifest is damaged.
    """
    if source.name == "-":
        return None
    path = manifest_path(results_path(Path(source.name), "dry-run"))
    if not path.exists():
        return None
    try:
        old = read_manifest(path)
    except ResultsError as error:
        raise ResultsError(
            error.message, f"Put it back as it was written, or delete it: it is of a dry run.\nrm {path}"
        ) from error
    types = {**old.reading.types, **draft.types}
    alike = replace(
        draft,
        types=types,
        source_name=old.reading.source_name,
        missing_time=old.reading.missing_time if draft.missing_time is not None else None,
    )
    if old.audit is None or old.reconciled is not True or find_reading_differences(old.reading, alike):
        return None
    if source.path.stat().st_size != old.fingerprint.size:
        return None
    fingerprint = take_fingerprint(source.path)
    if fingerprint.digest != old.fingerprint.digest:
        return None
    whole_run = old.limit is None
    survey = Survey(
        old.audit.facts,
        whole=old.audit.whole,
        collisions=old.audit.collisions,
        judged=old.counts if whole_run else None,
        noted=old.audit.notes or 0 if whole_run else 0,
    )
    records = old.audit.facts.records if old.audit.whole else None
    return Surveyed(survey, (fingerprint,), (records,), types)
