"""Counts over the events of a source: by name, by time, and by how the times are written."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import add, itemgetter
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from importer import speedups
from importer.facts import ProfileSummary, SortedCounts
from importer.mixpanel.limits import DELETABLE_DAYS
from importer.profile.hashing import NO_INSTANT

MAX_NAMES: Final = 10_000
"""Most names that are counted one by one. Further ones are counted together, so that memory is bounded."""

MAX_NAME_BYTES: Final = 1 << 22
"""Most bytes of all of these names, for the same reason: a name may be as long as a record."""

_QUARTER_NS: Final = 900 * 10**9  # the offset of every present zone is a multiple of 15 minutes
_DIVISIONS_PER_SEARCH: Final = 4  # a binary search for the end of a quarter costs less than so many divisions
# Two days within the years 1 to 9999, so that a time is within Python's calendar in every zone.
_FIRST_QUARTER: Final = -62_135_596_800 // 900 + 192
_LAST_QUARTER: Final = 253_402_300_800 // 900 - 193
_QUARTERS_OF_DAY: Final = 96
_QUARTER: Final = timedelta(minutes=15)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class NameCounts(Protocol):
    """Counts of names: of each of the first `MAX_NAMES` in `MAX_NAME_BYTES`, and of all others together."""

    @property
    def others(self) -> int:
        """How many names were counted together."""

    def add(self, texts: Iterable[str]) -> None:
        """Count names."""

    def add_counts(self, counts: Mapping[str, int], others: int) -> None:
        """Add what was counted elsewhere."""

    def counts(self) -> dict[str, int]:
        """Return how often each name occurs, in the order in which they first occur."""


class NameCountsInPython:
    """`NameCounts` where nothing is compiled.

    Args:
        most: Most names that are counted by themselves.
        most_bytes: Most bytes of all of these, as UTF-8.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.others = 0
        self._most, self._bytes_left = most, most_bytes
        self._counts: Counter[str] = Counter()

    def add(self, texts: Iterable[str]) -> None:
        """As in `NameCounts`."""
        self.add_counts(Counter(texts), 0)

    def add_counts(self, counts: Mapping[str, int], others: int) -> None:
        """As in `NameCounts`."""
        self.others += others
        for name, count in counts.items():
            if name in self._counts or self._takes(name):
                self._counts[name] += count
            else:
                self.others += count

    def _takes(self, name: str) -> bool:
        """Return whether a new name is counted by itself, and take the room for it."""
        size = len(name.encode("utf-8", "surrogatepass"))
        if len(self._counts) >= self._most or size > self._bytes_left:
            return False
        self._bytes_left -= size
        return True

    def counts(self) -> dict[str, int]:
        """As in `NameCounts`."""
        return dict(self._counts)


def new_name_counts(*, compiled: bool = speedups.COMPILED) -> NameCounts:
    """Return counts of no names."""
    kind = speedups.NameCounts if compiled else NameCountsInPython
    return kind(MAX_NAMES, MAX_NAME_BYTES)


@dataclass(slots=True)
class SummaryCounter:
    """Counts events as they stream. Memory is bounded by names and by the span of time.

    Attributes:
        records: As in `ProfileSummary`, and so are those below, but for ``names``.
        names: The counts of names.
    """

    records: int = 0
    unreadable: int = 0
    skipped: int = 0
    exploded: int = 0
    names: NameCounts = field(default_factory=new_name_counts)
    no_time: int = 0
    no_name: int = 0
    no_zone: int = 0
    clock_changes: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None
    taken: dict[str, Counter[str]] = field(default_factory=dict)
    _quarters: Counter[int] = field(default_factory=Counter)
    _times: speedups.TimeCounts | None = None

    def add_names(self, names: Iterable[str]) -> None:
        """Count events by name."""
        self.names.add(names)

    def add_instants(self, instants: Sequence[int]) -> None:
        """Count times, in nanoseconds since the epoch."""
        if not instants:
            return
        ordered = sorted(instants)  # they are in order nearly always
        earliest, latest = ordered[0], ordered[-1]
        self._widen(earliest, latest)
        quarters = range(earliest // _QUARTER_NS, latest // _QUARTER_NS + 1)
        if len(quarters) * _DIVISIONS_PER_SEARCH > len(ordered):
            self._quarters.update([instant // _QUARTER_NS for instant in ordered])
            return
        begin = 0
        for quarter in quarters:
            end = bisect_left(ordered, (quarter + 1) * _QUARTER_NS, begin)
            if end > begin:
                self._quarters[quarter] += end - begin
            begin = end

    def add_read(self, instants: bytes) -> None:
        """Count times, in nanoseconds since the epoch: 8 bytes each, -1 for none."""
        if not speedups.COMPILED:
            self.add_instants([instant for instant in array("q", instants) if instant != NO_INSTANT])
            return
        if self._times is None:
            self._times = speedups.TimeCounts(_QUARTER_NS)
        self._times.add(instants)

    def __reduce__(self) -> tuple[Callable[..., SummaryCounter], tuple[ProfileSummary, Mapping[str, int]]]:
        return _counter_of, (self.summary(), self.names.counts())

    def merge(self, part: ProfileSummary, names: Mapping[str, int] | None = None) -> None:
        """Add what was counted over another part of the source, or over another source.

        The counts are those of one pass over both, unless there are more names than are counted one by one:
        then others of these may be.

        Args:
            part: What was counted.
            names: Its names in the order in which they first occur; None if that does not matter.
        """
        self.records += part.records
        self.unreadable += part.unreadable
        self.skipped += part.skipped
        self.exploded += part.exploded
        self.no_time += part.no_time
        self.no_name += part.no_name
        self.no_zone += part.no_zone
        self.clock_changes += part.clock_changes
        self.names.add_counts(part.names if names is None else names, part.other_names)
        self.forms.update(part.forms)
        self._quarters.update(part.quarters)
        for name, taken in part.taken.items():
            self.taken.setdefault(name, Counter()).update(taken)
        if part.first is not None and part.last is not None:
            self._widen(part.first, part.last)

    def _widen(self, earliest: int, latest: int) -> None:
        self.first = earliest if self.first is None else min(self.first, earliest)
        self.last = latest if self.last is None else max(self.last, latest)

    def _all_quarters(self) -> SortedCounts:
        """Return the counts of all times, those that the compiled part read among them."""
        if self._times is None or not self._times.count:
            return SortedCounts(self._quarters.items())
        self._widen(self._times.first, self._times.last)
        read = SortedCounts.of_arrays(*self._times.counts())
        if not self._quarters:
            return read
        both = Counter(dict(read.items()))
        both.update(self._quarters)
        return SortedCounts(both.items())

    def summary(self) -> ProfileSummary:
        """Return what was counted so far."""
        quarters = self._all_quarters()
        names = sorted(self.names.counts().items(), key=itemgetter(1), reverse=True)
        return ProfileSummary(
            records=self.records,
            unreadable=self.unreadable,
            names=dict(names),
            other_names=self.names.others,
            no_time=self.no_time,
            no_name=self.no_name,
            no_zone=self.no_zone,
            clock_changes=self.clock_changes,
            forms=dict(self.forms),
            first=self.first,
            last=self.last,
            quarters=quarters,
            taken={name: dict(taken) for name, taken in self.taken.items()},
            skipped=self.skipped,
            exploded=self.exploded,
        )


def _counter_of(summary: ProfileSummary, names: Mapping[str, int]) -> SummaryCounter:
    counter = SummaryCounter()
    counter.merge(summary, names)
    return counter


EMPTY_SUMMARY: Final = SummaryCounter().summary()
"""The summary of no records."""


# ── figures of a summary ─────────────────────────────────────────────────────────────────────────


def count_undeletable(summary: ProfileSummary, now_ns: int) -> int:
    """Return how many events Mixpanel's UI could no longer delete, to a quarter of an hour."""
    limit = (now_ns - DELETABLE_DAYS * 86_400 * 10**9) // _QUARTER_NS
    return summary.quarters.total(end=limit)


def count_older_than(summary: ProfileSummary, now_ns: int, years: int) -> int:
    """Return how many events are older than some years of the calendar, to a quarter of an hour."""
    now = datetime.fromtimestamp(now_ns // 10**9, UTC)
    try:
        limit = now.replace(year=now.year - years)
    except ValueError:  # the 29th of February
        limit = now.replace(year=now.year - years, month=3, day=1)
    quarter_limit = int(limit.timestamp()) // 900
    return summary.quarters.total(end=quarter_limit)


def count_ahead(summary: ProfileSummary, now_ns: int) -> int:
    """Return how many events lie ahead of the clock, to a quarter of an hour."""
    return summary.quarters.total(start=now_ns // _QUARTER_NS + 1)


def count_by_hour(summary: ProfileSummary, zone: str = "") -> list[int]:
    """Return events by hour of the day, 24 counts, in UTC or in an IANA zone."""
    day = [0] * _QUARTERS_OF_DAY
    for first, counts in _local_runs(summary, zone):
        at = first % _QUARTERS_OF_DAY
        left = _QUARTERS_OF_DAY - at
        day[at : at + len(counts)] = map(add, day[at:], counts)
        day[: max(0, len(counts) - left)] = map(add, day, counts[left:])
    return [sum(day[at : at + 4]) for at in range(0, _QUARTERS_OF_DAY, 4)]


def count_by_day(summary: ProfileSummary, zone: str = "") -> dict[str, int]:
    """Return events by day (ISO 8601), in order, in UTC or in an IANA zone."""
    days: Counter[int] = Counter()
    for first, counts in _local_runs(summary, zone):
        day, at = divmod(first, _QUARTERS_OF_DAY)
        left = _QUARTERS_OF_DAY - at
        days[day] += sum(counts[:left])
        if len(counts) > left:
            days[day + 1] += sum(counts[left:])
    return {date.fromordinal(_EPOCH_DAY + day).isoformat(): days[day] for day in sorted(days) if days[day]}


def _local_runs(summary: ProfileSummary, zone: str) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield a quarter of an hour of a zone's clocks, and how many events are in it and in those after it.

    No run is longer than a day.
    """
    where = ZoneInfo(zone or "UTC")
    for first, counts in summary.quarters.runs(_QUARTERS_OF_DAY):
        in_calendar = first >= _FIRST_QUARTER and first + len(counts) <= _LAST_QUARTER + 1
        if in_calendar and not zone:
            yield first, counts
            continue
        if in_calendar:
            begin = first - first % _QUARTERS_OF_DAY
            ahead = _quarters_ahead(begin, where)
            # No zone changes its clocks and changes them back within a day.
            if ahead == _quarters_ahead(begin + _QUARTERS_OF_DAY, where):
                yield first + ahead, counts
                continue
        for number, count in enumerate(counts, first):
            quarter = min(max(number, _FIRST_QUARTER), _LAST_QUARTER)
            yield quarter + _quarters_ahead(quarter, where), (count,)


def _quarters_ahead(quarter: int, zone: ZoneInfo) -> int:
    """Return how many quarters of an hour, rounded down, a zone is ahead of UTC where one begins."""
    offset = datetime.fromtimestamp(quarter * 900, zone).utcoffset()
    assert offset is not None, "a time in a zone has an offset"
    return offset // _QUARTER
