"""What each source of a set is, by its beginning, and the mapping of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from importer.errors import EmptySourceError, MappingError, SourceError, UsageError
from importer.events.declared_reading import DeclaredReading
from importer.events.layout import property_columns
from importer.events.mapping import nested_columns
from importer.model import Fingerprint
from importer.pipeline.job import RunOptions
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.pipeline.sets.job import MappedSet, left_out
from importer.pipeline.sets.shape import (
    FoundShape,
    column_attention,
    in_shape,
    joined_attention,
    misfit,
    missing_columns,
    usual_format,
    with_columns_of,
)
from importer.pipeline.workers.pool import Workers
from importer.pipeline.workers.task import Context
from importer.progress import stage
from importer.reading import Reading
from importer.results.set_manifest import SetSource, SourceShape
from importer.source.detect import DetectedSource
from importer.source.fingerprint import take_fingerprint
from importer.source.found import Found
from importer.source.members import SourcePath
from importer.text import counted

_MOST_AT_ONCE: Final = 500
"""Most sources in a task."""
_TASKS_PER_WORKER: Final = 8
_MOST_NAMED: Final = 5


def find_shape(path: SourcePath, declared: DeclaredReading) -> FoundShape:
    """Return what the beginning of a source tells of it.

    Raises:
        SourceError: It can't be read, has no known format, or is empty.
        MappingError: It is no export of the preset's vendor.
    """
    found = detect_declared(path, declared, with_cells=False)
    if found.is_empty and not found.skipped:
        raise EmptySourceError(f"{path} has no record.", "Check the export or the command that made it.")
    paths = frozenset(each for column in found.columns for each in nested_columns(found.like, column))
    return FoundShape(found.dialect, found.columns, paths, found.attention, is_empty=found.is_empty)


@dataclass(frozen=True, slots=True)
class ShapesTask:
    """Finds out what some sources are, from the beginning of each.

    Attributes:
        name: Of the first, for people.
        paths: The sources.
        declared: What is declared of their reading.
    """

    name: str
    paths: tuple[SourcePath, ...]
    declared: DeclaredReading

    def run(self, context: Context) -> list[FoundShape | SourceError | MappingError]:
        """Return what each source is, or why it can't be read, or not so."""
        found: list[FoundShape | SourceError | MappingError] = []
        known: dict[FoundShape, FoundShape] = {}  # most are equal, and each is sent back
        with stage(context.progress, "", len(self.paths)):
            for path in self.paths:
                try:
                    shape = find_shape(path, self.declared)
                    found.append(known.setdefault(shape, shape))
                except (SourceError, MappingError) as error:
                    found.append(error)
                context.progress.update(len(found))
        return found

    def again(self) -> ShapesTask:
        """Return the same task: it left nothing behind."""
        return self


def _draft(found: Found, known: Mapping[int, FoundShape], declared: DeclaredReading, now_ms: int) -> Reading:
    """Return the reading of some sources without the types that must be inferred: by the columns of all.

    Where these can't be told apart, it is by those that most sources have: then the others don't fit.

    Raises:
        MappingError: The columns don't fit what is declared, or a field has no column or two.
    """
    first = detect_declared(found.sources[next(iter(known))].path, declared)
    whole = _joined(first, list(known.values()))
    try:
        return draft_reading(whole, declared, "", now_ms)
    except MappingError:
        usual, count = Counter(each.columns for each in known.values()).most_common(1)[0]
        if count * 2 <= len(known) or usual == whole.columns:
            raise
        at = next(at for at, each in known.items() if each.columns == usual)
        draft = draft_reading(detect_declared(found.sources[at].path, declared), declared, "", now_ms)
        return replace(draft, columns=whole.columns)


def _joined(first: DetectedSource, found: Sequence[FoundShape]) -> DetectedSource:
    """Return the first source of a set as if it had the columns of all of them.

    Args:
        first: The first source.
        found: What is known of all of those that have its format, the first among them.
    """
    columns = tuple(dict.fromkeys((*first.columns, *(name for each in found for name in each.columns))))
    more = len(columns) - len(first.columns)
    if not more or not first.dialect.has_cells:
        return replace(first, columns=columns)
    sample = tuple(record._replace(values=[*record.values, *[""] * more]) for record in first.sample)
    return replace(first, columns=columns, sample=sample)


def map_set(found: Found, options: RunOptions, workers: Workers, now_ms: int) -> MappedSet:
    """Look at the beginning of each source, and settle the mapping of all of them.

    Args:
        found: The sources.
        options: Of these, what is declared of their reading, and what becomes of those that do not fit.
        workers: Who looks at them.
        now_ms: Milliseconds since the epoch: the time of a record without one, if that is declared.

    Raises:
        ImporterError: No source can be read, or the columns don't fit what is declared.
        UsageError: A source does not fit, and is not to be left out.
    """
    own_names = Counter(PurePosixPath(each.relative).name for each in found.sources)
    states = [
        SetSource(
            each.name,
            each.relative,
            pipe=each.pipe,
            id_name=own if own_names[own := PurePosixPath(each.relative).name] == 1 else each.relative,
        )
        for each in found.sources
    ]
    known = _find_shapes(found, options.declared, workers, states)
    telling = {at: each for at, each in known.items() if not each.is_empty} or known
    usual = usual_format(list(telling.values()))
    alike = [at for at in telling if known[at].dialect.format == usual]
    draft = _draft(found, {at: known[at] for at in alike}, options.declared, now_ms)
    fitting = []
    for at, each in known.items():
        if why := misfit(each, draft, options.declared):
            states[at] = left_out(states[at], "unfit", why)
        else:
            fitting.append(at)
    _check_fit(states, fitting, options)
    kept = [known[at] for at in fitting if at in telling] or [known[at] for at in fitting]
    draft = with_columns_of(draft, kept)
    shapes: dict[SourceShape, int] = {}
    for at in fitting:
        shape = SourceShape(
            known[at].dialect, known[at].columns if draft.dialect.has_cells else draft.columns
        )
        if draft.dialect.has_cells and shape not in shapes:
            property_columns(in_shape(draft, shape, ""))
        states[at] = replace(states[at], shape=shapes.setdefault(shape, len(shapes)))
    missing = missing_columns([states[at].name for at in fitting if known[at] in kept], kept)
    is_meant = options.declared.missing_columns == "ignore"
    attention = (*(() if is_meant else column_attention(missing)), *joined_attention(kept))
    return MappedSet(found, tuple(states), tuple(shapes), draft, tuple(missing), attention)


def _find_shapes(
    found: Found, declared: DeclaredReading, workers: Workers, states: list[SetSource]
) -> dict[int, FoundShape]:
    """Return what each source is that can be read and holds something, by its place; note what others are.

    Raises:
        SourceError: There is none.
        MappingError: All are exports of another vendor than the preset's.
    """
    sources = found.sources
    other: MappingError | None = None
    size = max(1, min(_MOST_AT_ONCE, -(-len(sources) // (workers.count * _TASKS_PER_WORKER))))
    parts = [sources[start : start + size] for start in range(0, len(sources), size)]
    tasks = [ShapesTask(part[0].name, tuple(each.path for each in part), declared) for part in parts]
    shapes: dict[int, FoundShape] = {}
    alike: dict[FoundShape, FoundShape] = {}
    for place, result in workers.run(tasks, title="Looking at the sources", size=len(sources)):
        if isinstance(result, Exception):
            raise result
        for at, one in enumerate(result, place * size):
            if isinstance(one, FoundShape):
                shapes[at] = alike.setdefault(one, one)
            elif isinstance(one, EmptySourceError):
                states[at] = replace(states[at], state="empty", fingerprint=_of_empty(sources[at].path))
            elif isinstance(one, MappingError):
                other = other or one
                states[at] = left_out(states[at], "unfit", one)
            else:
                states[at] = left_out(states[at], "damaged", one, sources[at].path)
    if not shapes and other is not None:
        raise other
    if not shapes:
        damaged = next((state for state in states if state.state == "damaged"), None)
        if damaged is None:
            raise SourceError("no source has a record", "Check the export or the command that made it.")
        raise SourceError(
            f"no source can be read; {damaged.name}: {damaged.why}", "Mend them, or name others."
        )
    return dict(sorted(shapes.items()))


def _of_empty(path: SourcePath) -> Fingerprint:
    """Return the fingerprint of a source without a record, which may have bytes all the same."""
    try:
        return take_fingerprint(path)
    except SourceError:
        return Fingerprint(0, 0, "")


def _check_fit(states: Sequence[SetSource], fitting: Sequence[int], options: RunOptions) -> None:
    unfit = [state for state in states if state.state == "unfit"]
    if fitting and (not unfit or options.skip_unfit):
        return
    named = [f"{state.name}: {state.why}" for state in unfit[:_MOST_NAMED]]
    more = [f"and {len(unfit) - _MOST_NAMED:,} more"] if len(unfit) > _MOST_NAMED else []
    raise UsageError(
        f"{counted(len(unfit), 'source')} can't be read like the others",
        *named,
        *more,
        "To leave them out: --skip-unfit",
        "To name columns that all of them have: --map FIELD=COLUMN,OTHER, or for none --map FIELD=",
    )
