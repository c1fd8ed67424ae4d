"""The status of a set of sources over its run and all retries, added up over the results of each source.

What the manifest of a set says of its end is not the truth: a run that was killed never wrote it.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from importer.errors import ResultsError
from importer.results.counts import Counts
from importer.results.lock import is_locked
from importer.results.manifest import is_lost, relative_link, resolve_link
from importer.results.paths import manifest_path, retry_path
from importer.results.recovery import inspect_results
from importer.results.set_manifest import (
    SET_NAME,
    SetManifest,
    SetSource,
    is_set_folder,
    read_set,
    results_of,
    set_path,
    source_manifest,
)
from importer.results.status import HistoryStatus, read_status

_MOST_NAMED: Final = 5
"""Most sources of a kind that are kept by name."""

SetAction = Literal["resume", "retry", "mend"]
"""What is left to do, as in `results.status.NextStep`."""


@dataclass(frozen=True, slots=True)
class SetRun:
    """A run of a set, or a retry of it, with what its results hold.

    Attributes:
        folder: The folder of its results.
        manifest: Its manifest.
        counts: The outcomes in its results.
    """

    folder: Path
    manifest: SetManifest
    counts: Counts = field(default_factory=Counts)

    @property
    def unattempted(self) -> int:
        """Records in scope that have no outcome."""
        return (self.manifest.scope or 0) - self.counts.total

    @property
    def agrees(self) -> bool:
        """Whether its manifest says what its results hold; that of a run which has not ended says nothing."""
        manifest = self.manifest
        return self.unattempted >= 0 and (manifest.ended is None or manifest.counts == self.counts)


@dataclass(frozen=True, slots=True)
class NamedNumber:
    """How many sources are in some state, and the first or the worst of them by name.

    Attributes:
        number: How many there are.
        named: Some of them, each with what there is to say of it.
    """

    number: int = 0
    named: tuple[tuple[str, str | Counts], ...] = ()


@dataclass(frozen=True, slots=True)
class SetStatus:
    """The status of a set over its run and all of its retries.

    Attributes:
        runs: The first run and its retries, in order.
        counts: Records by the last outcome of each.
        scope: Records in scope of the first run.
        unattempted: Those of them without any outcome.
        finished: Sources whose every record has an outcome.
        unfinished: Sources of which records have none.
        worst: Sources with records that were not taken, most of them first.
        wrong: Sources whose results can't be used, or don't add up.
        unusable: Those of them whose results can't be used.
        reconciles: True if all adds up, over every source and over the set.
        to_do: The names of all sources of which something is left to do.
        read_from: The names of what that is read from: of mended records, of their copies.
        is_running: True if a run writes to the set now.
    """

    runs: tuple[SetRun, ...]
    counts: Counts
    scope: int
    unattempted: int = 0
    finished: int = 0
    unfinished: NamedNumber = NamedNumber()
    worst: NamedNumber = NamedNumber()
    wrong: NamedNumber = NamedNumber()
    unusable: int = 0
    reconciles: bool = True
    to_do: frozenset[str] = frozenset()
    read_from: frozenset[str] = frozenset()
    is_running: bool = False

    @property
    def last(self) -> SetRun:
        """The last run."""
        return self.runs[-1]

    @property
    def action(self) -> SetAction | None:
        """What is left to do; None if nothing is, or only for sources that were left out."""
        if self.last.unattempted:
            return "resume"
        # A dry run sent nothing, so there is nothing to retry: a run comes next.
        if not self.counts.unsuccessful or self.last.manifest.kind == "dry-run":
            return None
        return "retry" if self.counts.failed else "mend"

    @property
    def broken_off(self) -> list[SetSource]:
        """The sources of the set that were imported up to a break."""
        return [each for each in self.runs[0].manifest.sources if each.breaks_off]

    def of_state(self, *states: str) -> list[SetSource]:
        """Return the sources of the set in these states."""
        return [each for each in self.runs[0].manifest.sources if each.state in states]


# ── the runs of a set ────────────────────────────────────────────────────────────────────────────


def set_link(folder: Path, to: Path) -> str:
    """Return what the manifest of a set calls another one: see `relative_link`."""
    return relative_link(set_path(folder), set_path(to))


def linked_set(folder: Path, link: str) -> Path:
    """Return the folder of the set that a link (`set_link`) in the manifest of this one names.

    Raises:
        ResultsError: The link names no set.
    """
    path = resolve_link(set_path(folder), link)
    if path.name != SET_NAME:
        raise ResultsError(
            f"{manifest_path(set_path(folder))} names {path}, which is no set",
            "Put it back as it was written.",
        )
    return path.parent


def retry_folder(folder: Path) -> Path:
    """Return where the results of the retry of a set go: ``export.results.retry-1``."""
    made = retry_path(folder.with_name(f"{folder.name}.csv"))
    return made.with_name(made.name.removesuffix(".csv"))


def set_history(folder: Path) -> list[SetRun]:
    """Return a set with what it goes on with, and with its retries, in order; their results are not read.

    Raises:
        ResultsError: A manifest of a set is missing, or can't be used.
    """
    runs = [SetRun(folder, read_set(folder))]
    while (parent := runs[0].manifest.parent) is not None:
        runs.insert(0, _next(runs, linked_set(runs[0].folder, parent)))
    while (child := runs[-1].manifest.retried_by) is not None:
        path = linked_set(runs[-1].folder, child)
        if not is_set_folder(path):  # it was deleted
            break
        runs.append(_next(runs, path))
    return runs


def _next(runs: Sequence[SetRun], folder: Path) -> SetRun:
    if any(os.path.realpath(run.folder) == os.path.realpath(folder) for run in runs):
        raise ResultsError(
            f"{manifest_path(set_path(folder))} names itself among its own retries.",
            "Put the manifests back as they were written.",
        )
    return SetRun(folder, read_set(folder))


def set_of(results: Path) -> Path | None:
    """Return the folder of the set that results belong to; None if they belong to none."""
    for folder in results.absolute().parents:
        if is_set_folder(folder):
            try:
                there = _results_in(folder, manifest_path(set_path(folder)).stat().st_mtime_ns)
            except (ResultsError, OSError):
                return None
            if os.path.realpath(results) in there:
                return _as_typed(folder, results)
    return None


@lru_cache(maxsize=1)  # of all the copies of a set's records, each is asked about
def _results_in(folder: Path, _changed_ns: int) -> frozenset[str]:
    """Return the results of the sources of a set, by their real paths."""
    manifest = read_set(folder)
    return frozenset(os.path.realpath(results_of(folder, manifest, each)) for each in manifest.sources)


def _as_typed(folder: Path, results: Path) -> Path:
    """Return an absolute folder as seen from where results were named."""
    if results.is_absolute():
        return folder
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


# ── how its sources stand ────────────────────────────────────────────────────────────────────────


def source_histories(
    runs: Sequence[SetRun], names: Collection[str] | None = None
) -> Iterator[tuple[SetSource, HistoryStatus | ResultsError | None]]:
    """Yield each source that the first run of a set is for, and where it stands over all runs.

    Args:
        runs: The runs of the set, from `set_history`.
        names: Only these sources; None for all.

    Yields:
        The source, and its status: None if nothing of it was begun, an error if its results can't be used.
    """
    first = runs[0]
    for source in first.manifest.sources:
        if not source.scope or (names is not None and source.name not in names):
            continue
        results = results_of(first.folder, first.manifest, source)
        try:
            begun = manifest_path(results).exists() or results.exists()
            yield source, _status(first.manifest, source, results) if begun else None
        except ResultsError as error:
            yield source, error


def _status(manifest: SetManifest, source: SetSource, results: Path) -> HistoryStatus:
    """Return where a source of a set stands, from the first of its results."""
    if manifest.parent is None and is_lost(manifest_path(results)):
        # It is written at the end of its job, and that of the set says how this was begun.
        begun = source_manifest(manifest, source, manifest.reading)
        return read_status(results, inspect_results(results), begun)
    return read_status(results)


def read_status_in_set(folder: Path, results: Path) -> HistoryStatus:
    """Return where one source of a set stands.

    Args:
        folder: The set, from `set_of`.
        results: Results of the source.

    Raises:
        ResultsError: As for `read_status`.
    """
    manifest, wanted = read_set(folder), os.path.realpath(results)
    for source in manifest.sources:
        if source.scope and os.path.realpath(results_of(folder, manifest, source)) == wanted:
            return _status(manifest, source, results)
    return read_status(results)


def read_set_status(folder: Path) -> SetStatus:
    """Add up a set and all of its retries: for each record its last outcome.

    Args:
        folder: The results of any of these runs. The run may still write to them.

    Raises:
        ResultsError: A manifest of a set is missing or can't be used.
    """
    runs = set_history(folder)
    tally = _Tally(runs)
    for source, status in source_histories(runs):
        tally.add(source, status)
    return tally.status(folder)


class _Tally:
    """What is known of a set so far: sums, and a few names."""

    def __init__(self, runs: Sequence[SetRun]) -> None:
        self._runs = runs
        self._counts = [Counts() for _ in runs]
        self._places = [f"{_absolute(run.folder)}{os.sep}" for run in runs]
        last = runs[-1]
        self._not_begun = {
            _absolute(results_of(last.folder, last.manifest, each)): each
            for each in last.manifest.sources
            if each.scope
        }
        self._total = Counts()
        self._finished = 0
        self._unfinished: list[tuple[str, str | Counts]] = []
        self._left = 0
        self._worst: list[tuple[int, int, str, Counts]] = []
        self._bad = 0
        self._wrong: list[tuple[str, str | Counts]] = []
        self._faults = 0
        self._unusable = 0
        self._to_do: set[str] = set()
        self._read_from: set[str] = set()

    def add(self, source: SetSource, status: HistoryStatus | ResultsError | None) -> None:
        """Add a source of the first run."""
        if isinstance(status, ResultsError):
            self._fault(source.name, status.message)
            self._unusable += 1
            return
        if status is None:
            if len(self._runs) > 1:
                self._fault(source.name, "its results are missing")
            return
        self._total += status.counts
        if not status.reconciles or status.runs[0].state.records > source.scope:
            self._fault(source.name, "its outcomes don't add up")
        left = source.scope - status.runs[0].state.records
        for run in status.runs:
            name = _absolute(run.results)
            at = next((at for at, place in enumerate(self._places) if name.startswith(place)), None)
            if at is None:  # of a run of this source by itself
                left += run.unattempted or 0
                continue
            self._counts[at] += run.state.counts
            of_last = self._not_begun.pop(name, None)
            if of_last is not None and (open_ := of_last.scope - run.state.records) > 0:
                self._note_unfinished(source.name, open_, run.manifest.source)
                left = open_
        self._finished += left == 0
        if status.counts.unsuccessful:
            self._to_do.add(source.name)
            self._read_from.add(status.runs[-1].manifest.source)
            self._bad += 1
            item = (status.counts.unsuccessful, -self._bad, source.name, status.counts)
            push = heapq.heappush if len(self._worst) < _MOST_NAMED else heapq.heappushpop
            push(self._worst, item)

    def _note_unfinished(self, name: str, left: int, read_from: str) -> None:
        self._left += 1
        self._to_do.add(name)
        self._read_from.add(read_from)
        if len(self._unfinished) < _MOST_NAMED:
            self._unfinished.append((name, f"{left:,} unattempted"))

    def _fault(self, name: str, what: str) -> None:
        self._faults += 1
        if len(self._wrong) < _MOST_NAMED:
            self._wrong.append((name, what))

    def status(self, folder: Path) -> SetStatus:
        """Return how the set stands."""
        for source in self._not_begun.values():
            self._note_unfinished(source.name, source.scope, source.name)
        runs = tuple(
            SetRun(run.folder, run.manifest, counts)
            for run, counts in zip(self._runs, self._counts, strict=True)
        )
        worst = [(name, counts) for _, _, name, counts in sorted(self._worst, reverse=True)]
        more = max(0, self._total.total - self._counts[0].total) if not self._faults else 0
        scope = (runs[0].manifest.scope or 0) + more
        return SetStatus(
            runs=runs,
            counts=self._total,
            scope=scope,
            unattempted=scope - runs[0].counts.total,
            finished=self._finished,
            unfinished=NamedNumber(self._left, tuple(self._unfinished)),
            worst=NamedNumber(self._bad, tuple(worst)),
            wrong=NamedNumber(self._faults, tuple(self._wrong)),
            reconciles=not self._faults and all(run.agrees for run in runs),
            unusable=self._unusable,
            to_do=frozenset(self._to_do),
            read_from=frozenset(self._read_from),
            is_running=any(is_locked(set_path(each)) for each in (folder, runs[-1].folder)),
        )


def _absolute(path: Path) -> str:
    """Return an absolute path without following links: those of manifests are relative to what was typed."""
    return os.path.abspath(path)  # noqa: PTH100 - `Path.absolute` keeps `..`
