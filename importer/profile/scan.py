"""One pass over a source, before anything is sent, and the search for events that Mixpanel would merge.

A pass hands every record to its observers, and hashes the bytes as they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from importer.errors import SourceError
from importer.events.mapper import Mapper
from importer.facts import NO_COLLISIONS, Collisions
from importer.model import Fingerprint, Record, Rejection
from importer.profile.chunk import Observer
from importer.profile.collisions import CollisionAudit
from importer.profile.json_fields import LineParts
from importer.profile.records import of_first_records, open_records
from importer.profile.unique import UniqueCheck
from importer.progress import Progress
from importer.reading import Reading
from importer.source.files import source_size
from importer.source.members import SourcePath

_LOOKED_AT: Final = 2_000
"""First records that tell of what kind the lines of a source are."""

_ONE_IN: Final = 10
"""One in so many lines may become an object, and still a scan is quick."""


@dataclass(frozen=True, slots=True)
class ProfiledSource:
    """The result of a pass over a source, whatever its observers are.

    Attributes:
        records: Records, readable or not.
        fingerprint: Identifies the bytes that were read.
        content: Digest of these bytes, decompressed.
        broken: Why the records end ahead of the end of the file; None if they don't.
    """

    records: int
    fingerprint: Fingerprint
    content: str
    broken: SourceError | None = None


class PassProgress:
    """The progress of passes over several sources, as one stage.

    Args:
        progress: Where the number of bytes read on disk is reported.

    Attributes:
        done: Bytes of the sources before the present one.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.done = 0

    def update(self, position: int) -> None:
        """Report how many bytes of the present source have been read."""
        self._progress.update(self.done + position)

    def finish(self, size: int) -> None:
        """Go on to the next source."""
        self.done += size


def profile_source(
    path: SourcePath,
    reading: Reading,
    observers: Sequence[Observer],
    progress: PassProgress,
    name: str = "",
    parts: LineParts | None = None,
    *,
    to_break: bool = False,
) -> ProfiledSource:
    """Read a source once, to its end.

    Args:
        path: The source.
        reading: Its dialect, columns and fields.
        observers: Each of them receives every record.
        progress: Where the progress of the pass is reported.
        name: The source as it was named.
        parts: Splits its lines; None to make it.
        to_break: As for `open_records`.

    Raises:
        SourceError: It can't be read to its end, or it changes while it is read.
    """
    records = 0
    parts = parts or LineParts(reading)
    with open_records(path, reading, hashed=True, to_break=to_break) as source:
        try:
            for items in source.chunks():
                records += len(items)
                for chunk in parts.chunks(items, name) if observers else ():
                    for observer in observers:
                        observer.observe(chunk)
                progress.update(source.position())
        finally:
            progress.finish(source.size)
        content = source.content_digest()
        fingerprint = source.fingerprint()
        return ProfiledSource(records, fingerprint, content or fingerprint.digest, source.broken)


def are_mostly_found(path: SourcePath, reading: Reading) -> bool:
    """Return whether the values of fields are found in most of the first lines without reading all others.

    Args:
        path: The source (JSONL).
        reading: How it is read.

    Raises:
        SourceError: It can't be read.
    """
    parts = LineParts(reading)
    if not parts.columns:
        return False
    records = found = 0
    with open_records(path, reading, to_break=True) as source:
        for items in source.chunks():
            for chunk in parts.chunks(items, ""):
                records += len(chunk.items)
                found += len(chunk.items) if chunk.cells else 0
            if records >= _LOOKED_AT:
                break
    return (records - found) * _ONE_IN <= records


def find_collisions(
    paths: Sequence[SourcePath],
    readings: Sequence[Reading],
    now: Callable[[], int],
    *,
    folder: Path,
    progress: Progress,
    names: Sequence[str] = (),
    limit: int | None = None,
    ids_may_differ: bool = True,
) -> Collisions:
    """Return which events of some sources Mixpanel would merge.

    The ids alone are compared first, if they may all differ. If two are equal, every event is made and
    compared: that is another stage.

    Args:
        paths: The sources.
        readings: The reading of each.
        now: Milliseconds since the epoch.
        folder: Where temporary files may go.
        progress: Where the number of bytes read on disk is reported.
        names: The sources as they were named, if there are several.
        limit: Most records of each source to compare; None for all.
        ids_may_differ: False if two ids are known to be equal.

    Raises:
        SourceError: A source can't be read to its end.
        StorageError: The temporary files can't be used.
    """
    count = None
    if ids_may_differ:
        count = _count_if_ids_differ(paths, readings, now, folder, limit, PassProgress(progress))
    if count is not None:
        return replace(NO_COLLISIONS, events=count)
    if ids_may_differ:
        progress.begin("Comparing events", sum(map(source_size, paths)))
    passes = PassProgress(progress)
    with CollisionAudit(folder) as audit:
        for number, (path, reading) in enumerate(zip(paths, readings, strict=True)):
            mapper = Mapper(reading, now)
            for chunk in _chunks(path, reading, limit, passes):
                audit.add(mapper.map(chunk), number)
        return audit.result(names)


def _count_if_ids_differ(
    paths: Sequence[SourcePath],
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
            for chunk in _chunks(path, reading, limit, progress):
                if not check.add(mapper.insert_ids(chunk)):
                    return None
        return check.count if check.all_differ() else None


def _chunks(
    path: SourcePath, reading: Reading, limit: int | None, progress: PassProgress
) -> Iterator[Sequence[Record | Rejection]]:
    """Yield the items of a source, up to the limit, in chunks."""
    with open_records(path, reading, to_break=True) as source:
        for chunk in source.chunks():
            wanted = chunk if limit is None else of_first_records(chunk, limit)
            yield wanted
            progress.update(source.position())
            if len(wanted) < len(chunk):
                break
        progress.finish(source.size)
