"""What a file holds, counted: events by name, and the proof that its times mean what they seem to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

MAX_NAMES: Final = 10_000
"""From here on further names are counted together, so that memory stays flat."""

_QUARTER_NS: Final = 900 * 10**9  # every zone of today is a multiple of 15 minutes away from UTC
_SEARCHED: Final = 4  # so many divisions cost more than to search where a quarter ends
# Two days inside of the years 1 to 9999, so that the calendar of no zone ends before.
_FIRST_QUARTER: Final = -62_135_596_800 // 900 + 192
_LAST_QUARTER: Final = 253_402_300_800 // 900 - 193
_UNDELETABLE_DAYS: Final = 180
"""Mixpanel's UI deletes no events that are older (docs: Data Management, Data Deletion)."""


@dataclass(slots=True)
class ProfileSummary:
    """Counts over the events of a source. Memory is bounded by names and by the span of time.

    Attributes:
        records: Records, readable or not.
        unreadable: Records that could not be read, such as a line of bad JSON.
        names: Events by name.
        other_names: Events whose names came after `MAX_NAMES` others.
        no_time: Records without a time that could be read.
        no_zone: Records whose time says no zone, where none was given.
        clock_changes: Records whose local time does not exist or exists twice.
        forms: How the times are written, and how often.
        first: Earliest instant, nanoseconds since the epoch; None while there is none.
        last: Latest instant.
        quarters: Events by quarter of an hour since the epoch.
    """

    records: int = 0
    unreadable: int = 0
    names: Counter[str] = field(default_factory=Counter)
    other_names: int = 0
    no_time: int = 0
    no_zone: int = 0
    clock_changes: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    first: int | None = None
    last: int | None = None
    quarters: Counter[int] = field(default_factory=Counter)

    def add_names(self, names: Sequence[str]) -> None:
        """Count events by name."""
        if len(self.names) < MAX_NAMES:
            self.names.update(names)
            return
        known = [name for name in names if name in self.names]
        self.names.update(known)
        self.other_names += len(names) - len(known)

    def add_instants(self, instants: Sequence[int]) -> None:
        """Count times, in nanoseconds since the epoch."""
        if not instants:
            return
        ordered = sorted(instants)  # they are in order nearly always
        earliest, latest = ordered[0], ordered[-1]
        self.first = earliest if self.first is None else min(self.first, earliest)
        self.last = latest if self.last is None else max(self.last, latest)
        quarters = range(earliest // _QUARTER_NS, latest // _QUARTER_NS + 1)
        if len(quarters) * _SEARCHED > len(ordered):
            self.quarters.update([instant // _QUARTER_NS for instant in ordered])
            return
        begin = 0
        for quarter in quarters:
            end = bisect_left(ordered, (quarter + 1) * _QUARTER_NS, begin)
            if end > begin:
                self.quarters[quarter] += end - begin
            begin = end

    @property
    def timed(self) -> int:
        """How many records have a time."""
        return self.quarters.total()

    def older_than_180_days(self, now_ns: int) -> int:
        """Return how many events Mixpanel's UI could no longer delete, to a quarter of an hour."""
        limit = (now_ns - _UNDELETABLE_DAYS * 86_400 * 10**9) // _QUARTER_NS
        return sum(count for quarter, count in self.quarters.items() if quarter < limit)

    def ahead(self, now_ns: int) -> int:
        """Return how many events lie ahead of the clock, to a quarter of an hour."""
        return sum(count for quarter, count in self.quarters.items() if quarter > now_ns // _QUARTER_NS)

    def by_hour(self, zone: str = "") -> list[int]:
        """Return events by hour of the day, 24 counts, in UTC or in an IANA zone."""
        hours = [0] * 24
        for moment, count in self._moments(zone):
            hours[moment.hour] += count
        return hours

    def by_day(self, zone: str = "") -> dict[str, int]:
        """Return events by day (ISO 8601), in order, in UTC or in an IANA zone."""
        days: Counter[str] = Counter()
        for moment, count in self._moments(zone):
            days[moment.date().isoformat()] += count
        return dict(sorted(days.items()))

    def _moments(self, zone: str) -> list[tuple[datetime, int]]:
        where = ZoneInfo(zone) if zone else UTC
        return [
            (datetime.fromtimestamp(min(max(quarter, _FIRST_QUARTER), _LAST_QUARTER) * 900, where), count)
            for quarter, count in self.quarters.items()
        ]

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest keeps of it: a plan for a later run of the same source."""
        return {
            "records": self.records,
            "unreadable": self.unreadable,
            "names": dict(self.names.most_common()),
            "other_names": self.other_names,
            "no_time": self.no_time,
            "no_zone": self.no_zone,
            "clock_changes": self.clock_changes,
            "forms": dict(self.forms),
            "first": self.first,
            "last": self.last,
            "quarters": {str(quarter): count for quarter, count in sorted(self.quarters.items())},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ProfileSummary:
        """Return the facts that a manifest kept."""
        quarters = {int(quarter): count for quarter, count in data["quarters"].items()}
        return cls(
            **{
                **data,
                "names": Counter(data["names"]),
                "forms": Counter(data["forms"]),
                "quarters": Counter(quarters),
            }
        )
