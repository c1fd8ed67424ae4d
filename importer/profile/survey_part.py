"""What passes over the sources of a set find out, in parts: each of some sources, by any process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_intdigest

from importer.errors import SourceError
from importer.facts import ProfileSummary
from importer.profile.attention import attention_observers, merge_observers
from importer.profile.chunk import Observer
from importer.profile.copies import CopyCounter
from importer.profile.copy_observer import CopyObserver, copies_attention
from importer.profile.hot_shards import UserDayCounter, UserDayObserver
from importer.profile.id_observer import IdObserver
from importer.profile.json_fields import LineParts
from importer.profile.observers import SummaryObserver
from importer.profile.scan import PassProgress, ProfiledSource, profile_source
from importer.profile.type_observer import TypeObserver
from importer.profile.unique import UniqueCheck
from importer.reading import Attention, ColumnProfile, ColumnType, Reading
from importer.source.members import SourcePath


@dataclass(frozen=True, slots=True)
class PartResult:
    """What is known of all sources of a part together.

    Attributes:
        summary: Counts over their records.
        columns: What is known of each column, by name, in the order in which they first appear (CSV).
        attention: What their owner might not expect. Records are named in the order of the sources.
        ids_differ: Whether the ids of all events differ; None if they were not compared, or some are missing.
        users: Counts of events by user and day.
    """

    summary: ProfileSummary
    columns: tuple[ColumnProfile, ...]
    attention: tuple[Attention, ...]
    ids_differ: bool | None
    users: UserDayCounter

    @property
    def types(self) -> dict[str, ColumnType]:
        """The type of each column."""
        return {column.name: column.type for column in self.columns}


class SurveyPart:
    """What a pass found out about some sources; merges with that of the sources after them.

    It can be pickled between two sources. Then it is handed over: close it, and use it no more.

    Args:
        reading: The reading of the whole set, without the types that must be inferred; the same in all parts.
        folder: Where temporary files are made; None for the system's own folder. Who made it should
            remove it at the end: a process may be killed before it removes what it made.
        now_ms: Milliseconds since the epoch.
        with_ids: Whether the ids of events are compared. Then ``insert_id`` must be mapped.
        first_source: The number of the first of these sources among all.
    """

    def __init__(
        self,
        reading: Reading,
        folder: Path | None,
        *,
        now_ms: int,
        with_ids: bool = False,
        first_source: int = 0,
    ) -> None:
        self._reading = reading
        self._now_ms = now_ms
        self._copies = CopyCounter(folder, shared=True, first_source=first_source)
        self._users = UserDayCounter()
        self._check = UniqueCheck(folder, shared=True) if with_ids else None
        self._lacks_ids = not with_ids
        self._found: _Observers | None = None  # of readings before the last one
        self._last: _Observers | None = None

    def __getstate__(self) -> dict[str, Any]:
        self._fold()
        return self.__dict__

    def add(self, name: str, path: SourcePath, reading: Reading, progress: PassProgress) -> ProfiledSource:
        """Read a source once, to its end, or up to where its bytes are no records any more.

        Args:
            name: The source as it was named.
            path: The source.
            reading: Its reading: that of the set, with its own dialect and columns.
            progress: Where the progress of the pass is reported.

        Raises:
            SourceError: It can't be read to its end, or changes while it is read. This part is then spoiled.
            StorageError: The temporary files can't be used.
        """
        last = self._last
        if last is None or (last.reading is not reading and last.reading != reading):
            self._fold()
            last = self._last = self._new_observers(reading)
        profiled = profile_source(path, reading, last.all, progress, name, last.parts, to_break=True)
        last.copies.finish()
        self._lacks_ids = self._lacks_ids or (last.ids is not None and last.ids.lacks_ids)
        return profiled

    def _new_observers(self, reading: Reading) -> _Observers:
        ids = None
        if self._check is not None:
            now_ms = self._now_ms
            ids = IdObserver(reading, self._check, lambda: now_ms)
        copies = CopyObserver(reading, self._copies, _salt(reading, self._reading))
        return _Observers(reading, copies, UserDayObserver(reading, self._users), ids)

    def merge(self, later: SurveyPart) -> None:
        """Add what is known of the sources after these. The other can't be used afterwards.

        Both are of the same reading. What they know is then what one part would know of all sources, but for
        what is counted one by one up to a limit: names of events, and odd values of a field.

        Raises:
            StorageError: The temporary files can't be used.
            ValueError: The other's sources are not all behind these.
        """
        self._fold()
        later._fold()
        self._copies.merge(later._copies)
        self._users.merge(later._users)
        self._lacks_ids |= later._lacks_ids
        if self._check is not None and later._check is not None:
            self._check.merge(later._check)
        if self._found is None:
            self._found = later._found
        elif later._found is not None:
            self._found.merge(later._found)

    def _fold(self) -> None:
        """Put what is known by the last reading to what is known by those before."""
        if self._last is not None and self._found is not None:
            self._found.merge(self._last)
        elif self._last is not None:
            self._found = self._last
        self._last = None

    def result(self) -> PartResult:
        """Return what is known. Nothing can be added afterwards.

        Raises:
            StorageError: The temporary files can't be used.
        """
        self._fold()
        found = self._found or self._new_observers(self._reading)
        types, counts = found.types, found.counts
        return PartResult(
            counts.counter.summary(),
            () if types is None else types.inference.profiles(),
            (
                *(() if types is None else types.attention()),
                *copies_attention(self._copies.result(), self._reading),
                *(attention for each in found.looking for attention in each.attention()),
                *counts.attention(),
            ),
            None if self._lacks_ids or self._check is None else self._check.all_differ(),
            self._users,
        )

    def close(self) -> None:
        """Remove the temporary files, unless they were handed over."""
        self._copies.close()
        if self._check is not None:
            self._check.close()


class _Observers:
    """The observers of sources of one reading. Pickled, they can only be merged.

    Args:
        reading: How the sources are read.
        copies: Counts copies.
        users: Counts events by user and day.
        ids: Compares ids; None if they are not compared.
    """

    def __init__(
        self, reading: Reading, copies: CopyObserver, users: UserDayObserver, ids: IdObserver | None
    ) -> None:
        self.reading = reading
        self.counts = SummaryObserver(reading)
        self.looking = attention_observers(reading)
        self.types = TypeObserver(reading) if reading.dialect.has_cells else None
        self.copies, self.ids = copies, ids
        self.parts = LineParts(reading)
        last = [each for each in (self.types, ids) if each is not None]
        self.all: list[Observer] = [self.counts, users, copies, *self.looking, *last]

    def __getstate__(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in ("counts", "looking", "types")}

    def merge(self, later: _Observers) -> None:
        """Add what was found in later sources."""
        self.counts.merge(later.counts)
        self.looking = merge_observers(self.looking, later.looking)
        if self.types is not None and later.types is not None:
            self.types.merge(later.types)
        self.types = self.types or later.types


def _salt(reading: Reading, of_set: Reading) -> int:
    """Return a number that is the same for sources whose equal records mean the same; 0 for most."""
    if not reading.dialect.has_cells or reading.columns == of_set.columns:
        return 0
    return xxh3_64_intdigest("\0".join(reading.columns).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A source of a set that is to be read.

    Attributes:
        name: The source as it was named.
        path: The source.
        reading: Its reading: that of the set, with its own dialect and columns.
    """

    name: str
    path: SourcePath
    reading: Reading


def survey_some(
    sources: Sequence[NamedSource],
    reading: Reading,
    folder: Path | None,
    *,
    now_ms: int,
    progress: PassProgress,
    with_ids: bool = False,
    first_source: int = 0,
) -> tuple[SurveyPart, list[ProfiledSource | SourceError]]:
    """Read some sources, and leave out those that turn out to be damaged as if they were not there.

    Args:
        sources: The sources, one after the other in the set.
        reading: As for `SurveyPart`, and so are those below.
        folder: Where temporary files are made.
        now_ms: Milliseconds since the epoch.
        progress: Where the progress of the pass is reported.
        with_ids: Whether the ids of events are compared.
        first_source: The number of the first of these sources among all.

    Returns:
        The part, and for each source how it was read, or why it could not be.

    Raises:
        StorageError: The temporary files can't be used.
    """

    def new_part(number: int) -> SurveyPart:
        return SurveyPart(
            reading, folder, now_ms=now_ms, with_ids=with_ids, first_source=first_source + number
        )

    start = progress.done
    part = new_part(0)
    try:
        return part, [part.add(each.name, each.path, each.reading, progress) for each in sources]
    except SourceError:
        part.close()
    except BaseException:
        part.close()
        raise
    # Damage is rare: only now each source has a part of its own, which is thrown away if it is spoiled.
    progress.done = start
    part = new_part(0)
    results: list[ProfiledSource | SourceError] = []
    try:
        for number, each in enumerate(sources):
            with closing(new_part(number)) as own:
                try:
                    results.append(own.add(each.name, each.path, each.reading, progress))
                    part.merge(own)
                except SourceError as error:
                    results.append(error)
    except BaseException:
        part.close()
        raise
    return part, results
