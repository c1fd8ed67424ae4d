"""What the sources of a set hold: one pass over each, and what is compared over all of them."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from importer.errors import SourceError, UsageError
from importer.facts import NO_COLLISIONS, Collisions
from importer.pipeline.attention import with_attention
from importer.pipeline.job import RunOptions, Survey
from importer.pipeline.resolve import settle_reading
from importer.pipeline.sets.job import MappedSet, SurveyedSet, begin_order, left_out, reason_of
from importer.pipeline.workers.pool import Workers
from importer.pipeline.workers.task import Context
from importer.profile.hot_shards import find_hot_shards
from importer.profile.scan import PassProgress, ProfiledSource, find_collisions
from importer.profile.survey_part import NamedSource, PartResult, SurveyPart, survey_some
from importer.progress import Progress, stage
from importer.reading import Attention, Reading, broken_off
from importer.results.set_manifest import SetSource
from importer.source.files import source_size
from importer.source.members import SourcePath
from importer.text import counted, quoted, shell_word

_MOST_NAMED: Final = 5
"""Most pairs of sources that are named."""
_MOST_AT_ONCE: Final = 500
"""Most sources in a task: what is known of them is held until those before them are done."""
_TASKS_PER_WORKER: Final = 8


@dataclass(frozen=True, slots=True)
class SurveyTask:
    """Makes a pass over some sources.

    Attributes:
        first: The place of the first of them in the set; the others follow it.
        sources: The sources, each with its own reading.
        reading: That of the set.
        folder: Where what must be compared over all sources is put.
        now_ms: Milliseconds since the epoch.
        with_ids: Whether ids are compared.
    """

    first: int
    sources: tuple[NamedSource, ...]
    reading: Reading
    folder: Path
    now_ms: int
    with_ids: bool

    @property
    def name(self) -> str:
        """The first of them, for people."""
        return self.sources[0].name

    def run(self, context: Context) -> tuple[SurveyPart, Sequence[ProfiledSource | SourceError]]:
        """Return what was found out about them together, and about each."""
        return survey_some(
            self.sources,
            self.reading,
            self.folder,
            now_ms=self.now_ms,
            progress=PassProgress(context.progress),
            with_ids=self.with_ids,
            first_source=self.first,
        )

    def again(self) -> SurveyTask:
        """Return the same task: nobody reads what it left behind."""
        return self


def survey_set(
    mapped: MappedSet,
    options: RunOptions,
    workers: Workers,
    *,
    now_ms: int,
    progress: Progress,
    scratch: Path,
) -> SurveyedSet:
    """Make a pass over all sources of a set, and settle how they are read.

    Args:
        mapped: The set.
        options: Of these, whether ids are compared.
        workers: Who reads the sources.
        now_ms: Milliseconds since the epoch.
        progress: Where the progress of what comes after the pass is reported.
        scratch: A folder for what is compared over all sources.

    Raises:
        UsageError: Two sources have the same content.
        StorageError: What is compared can't be kept.
    """
    with_ids = options.audit and "insert_id" in mapped.draft.mapped
    tasks, sizes = zip(*_tasks(mapped, workers.count, scratch, now_ms, with_ids=with_ids), strict=True)
    states = list(mapped.states)
    contents: dict[int, str] = {}
    result = _merged(tasks, sizes, workers, mapped, states, contents)
    _check_twice(states, contents)
    mapped = replace(mapped, states=tuple(states))
    reading = settle_reading(mapped.draft, result.types)
    hot = _hot_shards(mapped, result, reading, now_ms, progress)
    survey = Survey(
        result.summary,
        result.columns,
        whole=True,
        attention=(*result.attention, *_broken_off(states)),
        sources=len(states),
    )
    survey = with_attention(survey, mapped.attention, now_ms, hot)
    if options.audit and "insert_id" in reading.mapped:  # of ids of the content, equal ones are copies
        found = _collisions(mapped, result, reading, now_ms, progress, scratch)
        survey = replace(survey, collisions=found)
    return SurveyedSet(mapped, reading, survey, _kept_text(result, reading))


def _tasks(
    mapped: MappedSet, workers: int, scratch: Path, now_ms: int, *, with_ids: bool
) -> Iterator[tuple[SurveyTask, int]]:
    """Yield tasks, each for some sources that follow each other, with how many bytes these have."""
    places = [at for at, state in enumerate(mapped.states) if state.state == "ready"]
    sources = [
        (at, NamedSource(state.name, path, reading), _size_of(path))
        for at, (state, path, reading) in zip(places, mapped.ready(mapped.draft), strict=True)
    ]
    most_bytes = sum(size for _, _, size in sources) // (workers * _TASKS_PER_WORKER) + 1
    group: list[NamedSource] = []
    first = total = 0
    for at, source, size in sources:
        follows = at == first + len(group)
        if group and (len(group) == _MOST_AT_ONCE or total >= most_bytes or not follows):
            yield SurveyTask(first, tuple(group), mapped.draft, scratch, now_ms, with_ids), total
            group = []
        if not group:
            first, total = at, 0
        group.append(source)
        total += size
    yield SurveyTask(first, tuple(group), mapped.draft, scratch, now_ms, with_ids), total


def _size_of(path: SourcePath) -> int:
    try:
        return source_size(path)
    except SourceError:  # it is gone; whoever reads it says so
        return 0


def _merged(
    tasks: Sequence[SurveyTask],
    sizes: Sequence[int],
    workers: Workers,
    mapped: MappedSet,
    states: list[SetSource],
    contents: dict[int, str],
) -> PartResult:
    """Return what all sources hold together; note what each of them is, and the digest of its content."""
    whole: SurveyPart | None = None
    waiting: dict[int, SurveyPart] = {}
    merged = 0
    order = begin_order(sizes, workers.count)
    ordered = [tasks[at] for at in order]
    for begun, result in workers.run(ordered, title="Looking at every value", size=sum(sizes)):
        place = order[begun]
        if isinstance(result, Exception):
            raise result
        waiting[place], outcomes = result
        for at, outcome in enumerate(outcomes, tasks[place].first):
            states[at] = _state(states[at], outcome, mapped.found.sources[at].path)
            if isinstance(outcome, ProfiledSource):
                contents[at] = outcome.content
        while merged in waiting:  # what comes first is counted first
            part = waiting.pop(merged)
            if whole is None:
                whole = part
            else:
                whole.merge(part)
            merged += 1
    assert whole is not None, "there is a source"
    together = whole.result()
    whole.close()
    return together


def _state(state: SetSource, outcome: ProfiledSource | SourceError, path: object) -> SetSource:
    if isinstance(outcome, SourceError):
        return left_out(state, "damaged", outcome, path)
    if outcome.broken is not None and not outcome.records:
        return left_out(state, "damaged", outcome.broken, path)
    return replace(
        state,
        state="ready" if outcome.records else "empty",
        broken="" if outcome.broken is None else reason_of(outcome.broken, state, path),
        fingerprint=outcome.fingerprint,
        records=outcome.records,
    )


def _broken_off(states: Sequence[SetSource]) -> Iterator[Attention]:
    """Yield that the records of some sources end ahead of their ends, if that is so."""
    found = [f"{state.name}: {state.broken}" for state in states if state.broken]
    if len(found) == 1:
        yield broken_off(found[0])
    elif found:
        more = f"; and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
        yield broken_off(f"{len(found):,} sources break off: {'; '.join(found[:_MOST_NAMED])}{more}")


def _check_twice(states: Sequence[SetSource], contents: Mapping[int, str]) -> None:
    """Check that no two sources have the same content, however they are compressed.

    Args:
        states: The sources.
        contents: The digest of what each holds, by its place.

    Raises:
        UsageError: Two have.
    """
    known: dict[str, SetSource] = {}
    twice = []
    for at, content in sorted(contents.items()):
        state = states[at]
        if state.state == "ready" and known.setdefault(content, state) is not state:
            twice.append((known[content], state))
    if not twice:
        return
    pairs = [f"{one.name} and {other.name}" for one, other in twice]
    more = [f"and {len(pairs) - _MOST_NAMED:,} more"] if len(pairs) > _MOST_NAMED else []
    said = "Leave one of each out" if pairs[1:] else "Leave one out"
    left_out = [f"--exclude {shell_word(_pattern_of(other, states))}" for _, other in twice[:_MOST_NAMED]]
    raise UsageError(
        f"{pairs[0]} hold the same content"
        + (f"; {counted(len(pairs) - 1, 'more pair')}:" if pairs[1:] else ""),
        *pairs[1:_MOST_NAMED],
        *more,
        f"{said}, for example: {' '.join(left_out)}",
    )


def _pattern_of(source: SetSource, sources: Sequence[SetSource]) -> str:
    """Return a pattern that matches this source and no other one."""
    path = source.relative
    shared = "/" not in path and any(each.relative.endswith(f"/{path}") for each in sources)
    return f"{'/' if shared else ''}{glob.escape(path)}"


def _hot_shards(
    mapped: MappedSet, result: PartResult, reading: Reading, now_ms: int, progress: Progress
) -> Sequence[Attention]:
    """Return which users have too many events on a day; the sources are read again if any may have."""
    if not result.users.passes_limit():
        return ()
    sources = [(state.name, path, own) for state, path, own in mapped.ready(reading)]
    with stage(progress, "Counting events by user and day", _size(mapped)):
        return find_hot_shards(sources, result.users, lambda: now_ms, progress.update).attention()


def _collisions(
    mapped: MappedSet,
    result: PartResult,
    reading: Reading,
    now_ms: int,
    progress: Progress,
    scratch: Path,
) -> Collisions:
    """Return which events of all sources Mixpanel would merge."""
    if result.ids_differ:
        return NO_COLLISIONS
    ready = mapped.ready(reading)
    with stage(progress, "Comparing ids", _size(mapped)):
        return find_collisions(
            [path for _, path, _ in ready],
            [own for _, _, own in ready],
            lambda: now_ms,
            folder=scratch,
            progress=progress,
            ids_may_differ=result.ids_differ is None,
            names=[state.name for state, _, _ in ready],
        )


def _size(mapped: MappedSet) -> int:
    return sum(state.fingerprint.size for state in mapped.states if state.fingerprint is not None)


def _kept_text(result: PartResult, reading: Reading) -> tuple[str, ...]:
    """Return which columns are text because of a value, and where that is."""
    return tuple(
        f"`{column.name}` is text because of {quoted(column.odd_value)}, in {row.source}, row {row.row:,}"
        for column in result.columns
        if (row := column.odd_row) is not None and reading.types.get(column.name) == "string"
    )
