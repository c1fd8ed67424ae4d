"""The survey of a source: at most one pass over it finds what must be known before sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from importer.errors import ResultsError
from importer.model import Fingerprint
from importer.pipeline.job import EarlierDryRun, RunOptions, SourceFile, Survey, about_sample
from importer.pipeline.paths import default_results
from importer.profile.attention import attention_observers
from importer.profile.chunk import AttentionObserver, Observer
from importer.profile.copies import CopyCounter
from importer.profile.copy_observer import CopyObserver, copies_attention
from importer.profile.hot_shards import UserDayCounter, UserDayObserver, find_hot_shards
from importer.profile.id_observer import IdObserver
from importer.profile.observers import SummaryObserver, summarise_sample
from importer.profile.records import open_records
from importer.profile.scan import PassProgress, ProfiledSource, are_mostly_found, profile_source
from importer.profile.summary import count_ahead
from importer.profile.type_observer import TypeObserver
from importer.profile.unique import UniqueCheck
from importer.progress import Progress, stage
from importer.reading import Attention, ColumnType, Reading, broken_off
from importer.results.differences import find_reading_differences
from importer.results.manifest import Manifest, read_manifest
from importer.results.paths import manifest_path
from importer.source.detect import DetectedSource
from importer.source.files import source_size
from importer.source.fingerprint import take_fingerprint, take_fingerprint_and_lines
from importer.source.members import SourcePath, file_of
from importer.source.registry import find_format
from importer.text import VERSION, shell_word

_SMALL: Final = 16_000_000
"""Sources of up to so many bytes are scanned as a whole, even where each line must become an object."""

_ENOUGH: Final = 1 << 22
"""Bytes whose records tell how many there are in all."""

_A_DAY_NS: Final = 86_400 * 10**9
_QUARTER_NS: Final = 900 * 10**9

_MADE_ANEW: Final = frozenset(
    {
        "preset", "header-line", "trailing-delimiter", "single-quotes", "unreadable", "ahead", "undeletable",
        "retention", "id-merge", "event-names", "other-columns", "other-reading", "api-secret",
    }
)  # fmt: skip
"""Codes of what is found out for each run, though an earlier dry run may have found it out, too."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a survey found out about a source.

    Attributes:
        survey: What is known of its events.
        fingerprint: The source as it was read.
        records: Its records; None if only the first ones were read.
        about: About how many those are, where they were not counted.
        types: Types of columns that were inferred, or that a dry run had.
    """

    survey: Survey
    fingerprint: Fingerprint
    records: int | None
    about: int | None
    types: dict[str, ColumnType]


def survey_source(
    source: SourceFile,
    detected: DetectedSource,
    draft: Reading,
    options: RunOptions,
    *,
    now_ms: int,
    progress: Progress,
) -> Surveyed:
    """Find out what a run must know of its source, and read no more of it than that needs.

    A dry run of the same bytes and reading makes a scan needless. Otherwise the records are scanned if types
    must be inferred, or if that is quick, and compared by their ids if a column has these.

    Args:
        source: The source.
        detected: Its dialect and columns.
        draft: Its reading, without the types that must be inferred.
        options: The options of the run.
        now_ms: Milliseconds since the epoch.
        progress: Where the progress of the pass is reported.

    Raises:
        SourceError: The source can't be read to its end, or it changes while it is read.
        ResultsError: The manifest of a dry run is damaged.
    """
    reading = replace(draft, dialect=detected.dialect)
    # A dry run compares the events themselves.
    with_ids = options.audit and options.kind != "dry-run" and "insert_id" in draft.mapped
    source_pass = _SourcePass(source, reading, now_ms, options.limit, source.results.parent, progress)
    from_dry_run = _from_dry_run(source, draft, source_pass, with_ids=with_ids, limit=options.limit)
    if from_dry_run is not None:
        return from_dry_run
    if _needs_types(draft) or source_pass.size <= _SMALL or are_mostly_found(source.path, reading):
        return source_pass.scan(with_ids=with_ids)
    looking = attention_observers(draft)
    counts = summarise_sample(detected.sample, draft, looking, source.name)
    counts.counter.records += detected.skipped
    counts.counter.skipped += detected.skipped
    survey = Survey(counts.counter.summary(), attention=_attention_of([*looking, counts]))
    about = about_sample(survey)
    found = tuple(replace(each, text=each.text + about) for each in survey.attention)
    survey = replace(survey, attention=found)
    # That a compressed file is damaged may show only at its end, so it is read to its end first.
    if with_ids or detected.dialect.compression:
        ids_differ, profiled = source_pass.compare_ids(with_ids=with_ids)
        attention = (*survey.attention, *_broken_attention(profiled))
        survey = replace(survey, ids_differ=ids_differ, attention=attention)
        return Surveyed(survey, profiled.fingerprint, profiled.records, None, {})
    fingerprint, number = estimate_records(source.path, reading)
    return Surveyed(survey, fingerprint, None, number, {})


def estimate_records(path: SourcePath, reading: Reading) -> tuple[Fingerprint, int | None]:
    """Return the fingerprint of a source and about how many records it has, as its lines tell.

    Args:
        path: The source.
        reading: How it is read.

    Returns:
        The second is None if nothing can be told: of a compressed source, whose lines are not seen.

    Raises:
        SourceError: It can't be read.
    """
    if reading.dialect.compression:
        return take_fingerprint(path), None
    if find_format(reading.dialect.format).copies:  # its records don't stand on lines
        return take_fingerprint(path), _estimate_by_size(path, reading)
    line_end = b"\r" if reading.dialect.line_end == "cr" else b"\n"
    fingerprint, lines = take_fingerprint_and_lines(path, line_end)
    # Of the first lines, so many are records: the others are blank, or lie within quotes.
    with open_records(path, reading) as source:
        first = next((chunk for chunk in source.chunks() if chunk), None)
    return fingerprint, None if first is None else round(lines * len(first) / first[-1].line)


def _estimate_by_size(path: SourcePath, reading: Reading) -> int | None:
    """Return about how many records a source has, as the bytes of the first tell."""
    row = 0
    with open_records(path, reading, to_break=True) as source:
        for chunk in source.chunks():
            row = chunk[-1].row if chunk else row
            if source.position() >= _ENOUGH:
                break
        return round(row * source.size / source.position()) if row and source.position() else None


def _needs_types(draft: Reading) -> bool:
    """Return whether a column that becomes a property has no type yet."""
    mapped = set(draft.fields.values())
    return draft.dialect.has_cells and any(
        column not in draft.types and column not in mapped for column in draft.columns
    )


def scan_source(
    path: SourcePath, draft: Reading, *, now_ms: int, progress: Progress, name: str = ""
) -> Surveyed:
    """Read every value of a single source, even if a dry run did so before.

    Args:
        path: The source.
        draft: Its reading, without the types that must be inferred.
        now_ms: Milliseconds since the epoch.
        progress: Where the progress of the scan is reported.
        name: The source as it was named; the path if that is empty.

    Raises:
        SourceError: The source can't be read to its end, or it changes while it is read.
    """
    source = SourceFile(name or str(path), path, file_of(path))
    return _SourcePass(source, draft, now_ms, None, file_of(path).parent, progress).scan(with_ids=False)


@dataclass(frozen=True, slots=True)
class _SourcePass:
    """A pass over a source.

    Attributes:
        source: The source.
        reading: How it is read.
        now_ms: Milliseconds since the epoch.
        limit: Records whose ids are compared; None for all.
        folder: Where temporary files may go.
        progress: Where the progress of the pass is reported.
    """

    source: SourceFile
    reading: Reading
    now_ms: int
    limit: int | None
    folder: Path
    progress: Progress

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return source_size(self.source.path)

    def scan(self, *, with_ids: bool) -> Surveyed:
        """Read every value of every record."""
        with CopyCounter(self.folder) as copies:
            return self._scan(copies, with_ids=with_ids)

    def _scan(self, copies: CopyCounter, *, with_ids: bool) -> Surveyed:
        reading = self.reading
        copy_observer = CopyObserver(reading, copies)
        counts = SummaryObserver(reading)
        users = UserDayObserver(reading)
        looking = attention_observers(reading)
        observers: list[Observer] = [counts, users, copy_observer, *looking]
        types = TypeObserver(reading) if reading.dialect.has_cells else None
        if types is not None:
            observers.append(types)
        ids_differ, profiled = self._run("Looking at every value", observers, with_ids=with_ids)
        copy_observer.finish()
        columns = () if types is None else types.inference.profiles()
        inferred = {column.name: column.type for column in columns}
        hot_shards = self._hot_shards(users.counter, inferred)
        survey = Survey(
            counts.counter.summary(),
            columns,
            whole=True,
            ids_differ=ids_differ,
            attention=(
                *_attention_of([] if types is None else [types]),
                *copies_attention(copies.result(), reading),
                *_attention_of([*looking, counts]),
                *hot_shards,
                *_broken_attention(profiled),
            ),
        )
        return Surveyed(survey, profiled.fingerprint, profiled.records, None, inferred)

    def _hot_shards(self, counter: UserDayCounter, inferred: Mapping[str, ColumnType]) -> Sequence[Attention]:
        """Return which users have too many events on a day, reading the source again if any may have."""
        if not counter.passes_limit():
            return ()
        reading = replace(self.reading, types={**inferred, **self.reading.types})
        sources = [(self.source.name, self.source.path, reading)]
        with stage(self.progress, "Counting events by user and day", self.size):
            found = find_hot_shards(sources, counter, lambda: self.now_ms, self.progress.update)
        return found.attention()

    def compare_ids(self, *, with_ids: bool) -> tuple[bool | None, ProfiledSource]:
        """Read the source, and nothing of its records but the ids if ``with_ids``; return as `_run`."""
        return self._run("Comparing ids" if with_ids else "Reading", [], with_ids=with_ids)

    def _run(
        self, title: str, observers: Sequence[Observer], *, with_ids: bool
    ) -> tuple[bool | None, ProfiledSource]:
        """Make the pass, with an observer of ids if ``with_ids``.

        Returns:
            Whether all ids differ, None if that isn't known; and what was read.
        """
        with UniqueCheck(self.folder) as check, stage(self.progress, title, self.size):
            reading = self.reading
            ids = IdObserver(reading, check, lambda: self.now_ms, self.limit) if with_ids else None
            everyone = observers if ids is None else [*observers, ids]
            progress = PassProgress(self.progress)
            profiled = profile_source(
                self.source.path, reading, everyone, progress, self.source.name, to_break=True
            )
            return None if ids is None or ids.lacks_ids else check.all_differ(), profiled


def _broken_attention(profiled: ProfiledSource) -> tuple[Attention, ...]:
    """Return that the records end ahead of the end of the file, if they do."""
    if profiled.broken is None:
        return ()
    return (broken_off(profiled.broken.message),)


def _attention_of(observers: Sequence[AttentionObserver]) -> tuple[Attention, ...]:
    return tuple(found for each in observers for found in each.attention())


def _from_dry_run(
    source: SourceFile,
    draft: Reading,
    source_pass: _SourcePass,
    *,
    with_ids: bool,
    limit: int | None,
) -> Surveyed | None:
    """Return the survey of a finished dry run of the same bytes and reading; None if there was none.

    The ids of the source are compared, if they are wanted and it did not compare all events.

    Raises:
        SourceError: The source can't be read to its end.
        ResultsError: The manifest of the dry run is damaged.
    """
    manifest = _manifest_of_dry_run(source, draft)
    if manifest is None or manifest.audit is None or manifest.audit.sources > 1:
        return None
    audit, ids_differ = manifest.audit, None
    if with_ids and (audit.collisions is None or limit is not None):
        ids_differ, found = source_pass.compare_ids(with_ids=True)
        fingerprint = found.fingerprint
    else:
        fingerprint = take_fingerprint(source.path)
    if fingerprint.digest != manifest.fingerprint.digest:
        return None
    survey = Survey(
        audit.facts,
        whole=audit.whole,
        ids_differ=ids_differ,
        collisions=audit.collisions,
        attention=tuple(
            each
            for each in manifest.attention
            if each.code not in _MADE_ANEW or (each.code == "header-line" and each.count)  # by the records
        ),
    )
    return Surveyed(survey, fingerprint, audit.records, None, {**manifest.reading.types, **draft.types})


def _manifest_of_dry_run(source: SourceFile, draft: Reading) -> Manifest | None:
    """Return the manifest of a finished dry run of this reading, of as many bytes; None if there is none.

    Raises:
        ResultsError: It is damaged.
    """
    if source.name == "-":
        return None
    path = manifest_path(default_results(source.name, "dry-run"))
    if not path.exists():
        return None
    try:
        manifest = read_manifest(path)
    except ResultsError as error:
        raise ResultsError(
            error.message,
            "Put it back as it was written, or delete it: it belongs to a dry run.",
            f"rm {shell_word(str(path))}",
        ) from error
    expected = replace(
        draft,
        types={**manifest.reading.types, **draft.types},
        source_name=manifest.reading.source_name,
        missing_time=manifest.reading.missing_time if draft.missing_time is not None else None,
    )
    is_finished = manifest.audit is not None and manifest.reconciled is True
    if not is_finished or find_reading_differences(manifest.reading, expected):
        return None
    return manifest if source_size(source.path) == manifest.fingerprint.size else None


def find_dry_run(
    source: SourceFile, reading: Reading, fingerprint: Fingerprint, now_ms: int
) -> EarlierDryRun | None:
    """Return what a finished dry run of the same bytes and reading found; None if there was none.

    Raises:
        ResultsError: Its manifest is damaged.
    """
    manifest = _manifest_of_dry_run(source, reading)
    if manifest is None or manifest.audit is None:
        return None
    # Another version may have had other rules.
    if manifest.fingerprint.digest != fingerprint.digest or manifest.importer_version != VERSION:
        return None
    return EarlierDryRun(
        manifest.counts, manifest.audit.notes or 0, manifest.limit, _no_longer_ahead(manifest, now_ms)
    )


def _no_longer_ahead(manifest: Manifest, now_ms: int) -> int:
    """Return how many records at most were invalid as ahead of the clock in a dry run, and no longer are."""
    assert manifest.audit is not None, "the dry run is finished"
    summary, invalid = manifest.audit.facts, manifest.counts.invalid
    started = int(datetime.fromisoformat(manifest.started).timestamp()) * 10**9
    if not invalid or summary.last is None or summary.last < started - _A_DAY_NS:
        return 0
    if summary.last < started:  # those ahead of the clock may not have been counted
        return invalid
    return min(invalid, count_ahead(summary, started - _QUARTER_NS) - count_ahead(summary, now_ms * 10**6))
