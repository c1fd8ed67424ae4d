"""Hot shards: users of more events on one day than Mixpanel takes under one user.

It renames the events beyond the limit, and takes their user away. Its page counts by "event date" and does
not say in which zone; here days are those of UTC, as in projects created since 2023.

Memory does not grow with the file. First, each event counts in one of 65,536 counters, which one is chosen by
a hash of its user and day. As many users share a counter, it is never too low: where none passes the limit,
nobody does. Else the sources are read once more, and the few users and days of a counter above the limit are
counted one by one.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import byteorder
from typing import Any, Final

from importer import speedups
from importer.events.mapper import Mapper, make_value_of
from importer.events.times import NS_PER_MS
from importer.mixpanel.limits import MAX_EVENTS_OF_USER_AND_DAY
from importer.model import Event
from importer.profile.chunk import Cells, ColumnarChunk
from importer.profile.field_values import make_elsewhere, make_field_cell_finder, make_finder
from importer.profile.hashing import (
    BUCKETS,
    DAY_NS,
    NO_INSTANT,
    count_user_days,
    find_user_days,
    hash_texts,
)
from importer.profile.records import open_records
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.source.members import SourcePath
from importer.text import quoted

_MOST_NAMED: Final = 5
"""Most users and days that are named."""


class UserDayCounter:
    """Counts events by user and day, several of these in one counter."""

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * BUCKETS))

    def __getstate__(self) -> bytes:
        return zlib.compress(self._counts.tobytes(), 1)  # most are 0

    def __setstate__(self, state: bytes) -> None:
        self._counts = array("I", zlib.decompress(state))

    def add(self, users: bytes, instants: bytes, missing: int = NO_INSTANT) -> None:
        """Count events.

        Args:
            users: From `hash_texts`, for each event.
            instants: From `as_instants`, for each event.
            missing: The instant of an event that has none; `NO_INSTANT` if such an event is not counted.
        """
        count_user_days(self._counts, users, instants, missing)

    def merge(self, later: UserDayCounter) -> None:
        """Add what was counted over another part of the source, or over another source."""
        # As numbers of 32 bits in one, which is quicker: as long as no sum has more, none carries over.
        both = self._as_number() + later._as_number()
        self._counts = array("I", both.to_bytes(4 * BUCKETS, byteorder))

    def _as_number(self) -> int:
        return int.from_bytes(self._counts.tobytes(), byteorder)

    def passes_limit(self) -> bool:
        """Return False if no user has more events on a day than Mixpanel takes."""
        return max(self._counts) > MAX_EVENTS_OF_USER_AND_DAY

    def add_events(self, block: speedups.EventBlock) -> None:
        """Count the events of a block."""
        self.add(*_users_and_instants(block))

    def suspects(self, block: speedups.EventBlock) -> list[Event]:
        """Return the events of users who may have too many on that day."""
        found = find_user_days(self._counts, *_users_and_instants(block), MAX_EVENTS_OF_USER_AND_DAY)
        events = [item for item in block if isinstance(item, Event)] if found else []
        return [events[place] for place in found]


def _users_and_instants(block: speedups.EventBlock) -> tuple[bytes, bytes]:
    return hash_texts(block.users()), block.instants()


class UserDayObserver:
    """Counts the events of sources by user and day. It follows a `SummaryObserver`, which reads the times.

    Args:
        reading: How the source is read.
        counter: The counts; several observers may share it. None for new ones.

    Attributes:
        counter: The counts.
    """

    def __init__(self, reading: Reading, counter: UserDayCounter | None = None) -> None:
        self.counter = counter or UserDayCounter()
        self._find_users = make_finder(reading, "distinct_id", make_value_of(reading))
        self._find_cells = make_field_cell_finder(reading, "distinct_id")
        self._find_elsewhere = make_elsewhere(reading, "distinct_id")
        self._nulls = tuple(null.encode("utf-8", "surrogatepass") for null in reading.null)
        self._now = NO_INSTANT if reading.missing_time is None else reading.missing_time * NS_PER_MS

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if not chunk.instants:
            return
        cells = self._find_cells(chunk)
        if cells is not None and (chunk.cells or not self._are_elsewhere(chunk, cells)):
            users = speedups.hash_cells(*cells, self._nulls)  # they need not become texts
        else:
            users = hash_texts([_as_text(value) for value in self._find_users(chunk)])
        self.counter.add(users, chunk.instants, self._now)

    def _are_elsewhere(self, chunk: ColumnarChunk, cells: Cells) -> bool:
        """Return whether a record without a user in its cell may have one elsewhere."""
        find = self._find_elsewhere
        return find is not None and bool(find(chunk, speedups.missing_cells(*cells, self._nulls)))


def _as_text(user: Any) -> str:
    """Return a user as text, as it is sent; empty for none."""
    if type(user) is str:
        return user
    if type(user) is float and user.is_integer():
        return str(int(user))
    return str(user) if type(user) in (int, float) else ""


@dataclass(frozen=True, slots=True)
class HotShards:
    """The users and days of more events than Mixpanel takes.

    Attributes:
        beyond: Events beyond the limit, by user and day since the epoch; the most first.
        rows: The first of these events.
    """

    beyond: tuple[tuple[str, int, int], ...]
    rows: tuple[AttentionRow, ...]

    def attention(self) -> list[Attention]:
        """Return what the owner of the sources might not expect."""
        if not self.beyond:
            return []
        count = sum(number for _, _, number in self.beyond)
        named = [
            f"user {quoted(user)} on {datetime.fromtimestamp(day * 86_400, UTC).date()} ({number:,})"
            for user, day, number in self.beyond[:_MOST_NAMED]
        ]
        more = len(self.beyond) - len(named)
        are = "event is" if count == 1 else "events are"
        text = (
            f"{count:,} {are} beyond {MAX_EVENTS_OF_USER_AND_DAY:,} of one user on one day (UTC), so Mixpanel"
            " renames them to $hotshard_events and takes their user away:"
            f" {', '.join(named)}{f' and {more:,} more' if more else ''}"
        )
        return [Attention.of("hot-shard", text, count=count, rows=self.rows)]


def find_hot_shards(
    sources: Sequence[tuple[str, SourcePath, Reading]],
    counter: UserDayCounter,
    now: Callable[[], int],
    progress: Callable[[int], None],
) -> HotShards:
    """Read sources once more, and count the events of those users who may have too many on a day.

    Args:
        sources: Name, path and reading of each.
        counter: The counts over all of them.
        now: Milliseconds since the epoch.
        progress: Called with how many bytes on disk have been read.

    Raises:
        SourceError: A source can't be read to its end.
    """
    counts: Counter[tuple[str, int]] = Counter()
    rows: list[AttentionRow] = []
    done = 0
    for name, path, reading in sources:
        mapper = Mapper(reading, now)
        with open_records(path, reading, to_break=True) as source:
            for chunk in source.chunks():
                for event in counter.suspects(mapper.map(chunk)):
                    key = event.distinct_id, event.time * NS_PER_MS // DAY_NS
                    counts[key] += 1
                    if counts[key] > MAX_EVENTS_OF_USER_AND_DAY and len(rows) < MOST_ATTENTION_ROWS:
                        rows.append(AttentionRow(name, event.row))
                progress(done + source.position())
            done += source.size
    beyond = [
        (user, day, count - MAX_EVENTS_OF_USER_AND_DAY)
        for (user, day), count in counts.items()
        if count > MAX_EVENTS_OF_USER_AND_DAY
    ]
    beyond.sort(key=lambda each: (-each[2], each[1], each[0]))
    return HotShards(tuple(beyond), tuple(rows))
