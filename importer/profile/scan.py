"""One pass over a source before anything is sent, for all that must be known of it as a whole.

The pass is made once, whatever is wanted: observers look at the records, and the bytes are hashed as they are
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from importer.events.mapper import Mapper
from importer.model import (
    NO_COLLISIONS,
    Collisions,
    Event,
    Fingerprint,
    ProfileSummary,
    Reading,
    Record,
    Rejection,
)
from importer.profile.collisions import CollisionAudit
from importer.profile.observers import Observer, Part, SummaryObserver
from importer.profile.unique import UniqueCheck
from importer.progress import Progress
from importer.source.reader import open_source


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What every pass over a source finds out.

    Attributes:
        records: Records, readable or not.
        fingerprint: What the source was when it was read.
    """

    records: int
    fingerprint: Fingerprint


class PassProgress:
    """The progress of passes over several sources, as one stage.

    Args:
        progress: Told how many bytes on disk have been read.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0

    def update(self, position: int) -> None:
        """Report how many bytes of the present source have been read."""
        self._progress.update(self._done + position, 0, 0)

    def finish(self, size: int) -> None:
        """Go on to the next source."""
        self._done += size


def profile_source(
    path: Path, reading: Reading, observers: Sequence[Observer], progress: PassProgress
) -> SourceFacts:
    """Read a source once, to its end.

    Args:
        path: The source.
        reading: Its dialect, columns and fields.
        observers: What looks at its records.
        progress: Told how far the pass is.

    Raises:
        SourceError: It can't be read to its end, or it changes while it is read.
    """
    records = 0
    has_cells = reading.dialect.has_cells
    with open_source(path, reading.dialect, reading.columns, hashed=True) as source:
        for chunk in source.chunks():
            records += len(chunk)
            part = Part(chunk, has_cells=has_cells)
            for observer in observers:
                observer.observe(part)
            progress.update(source.position())
        progress.finish(source.size)
        return SourceFacts(records, source.fingerprint())


def summarise_sample(sample: Iterable[Record], reading: Reading) -> ProfileSummary:
    """Return what the first records of a source tell."""
    observer = SummaryObserver(reading)
    observer.observe(Part(list(sample), has_cells=reading.dialect.has_cells))
    return observer.counter.summary()


def find_collisions(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    now: Callable[[], int],
    *,
    folder: Path,
    progress: Progress,
    limit: int | None = None,
) -> Collisions:
    """Return which events of some sources Mixpanel would take for one another.

    The ids alone are compared first. If two are equal, every event is made and compared: the progress then
    begins again from 0.

    Args:
        paths: The sources.
        readings: The reading of each.
        now: Milliseconds since the epoch.
        folder: Where temporary files may go.
        progress: Told how many bytes on disk have been read.
        limit: Most records to look at in each source; None for all.

    Raises:
        SourceError: A source can't be read to its end.
        StorageError: The temporary files can't be used.
    """
    count = _count_of_different_ids(paths, readings, now, folder, limit, PassProgress(progress))
    if count is not None:
        return replace(NO_COLLISIONS, events=count)
    passes = PassProgress(progress)
    with CollisionAudit(folder) as audit:
        for path, reading in zip(paths, readings, strict=True):
            mapper = Mapper(reading, now)
            for part in _parts(path, reading, limit, passes):
                audit.add(item for item in mapper.map(part) if isinstance(item, Event))
        return audit.result()


def _count_of_different_ids(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    now: Callable[[], int],
    folder: Path,
    limit: int | None,
    progress: PassProgress,
) -> int | None:
    """Return how many events there are, if no two have the same id; None if in doubt."""
    with UniqueCheck(folder) as check:
        for path, reading in zip(paths, readings, strict=True):
            mapper = Mapper(reading, now)
            for part in _parts(path, reading, limit, progress):
                if not check.add(mapper.insert_ids(part)):
                    return None
        return check.count if check.all_differ() else None


def _parts(
    path: Path, reading: Reading, limit: int | None, progress: PassProgress
) -> Iterator[Sequence[Record | Rejection]]:
    """Yield the first records of a source, in chunks."""
    records = 0
    with open_source(path, reading.dialect, reading.columns) as source:
        for chunk in source.chunks():
            part = chunk if limit is None else chunk[: limit - records]
            records += len(part)
            yield part
            progress.update(source.position())
            if records == limit:
                break
        progress.finish(source.size)
