"""How fast a stage of the work is, and how long it will take: from what is done, not from what was read."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

_WINDOW: Final = 60.0
"""Seconds over which the rate is taken: Mixpanel counts what it takes over a minute."""

_BETWEEN: Final = 1.0
"""Seconds between two points that are kept, and the least time over which a rate means anything."""


class _Point(NamedTuple):
    time: float
    position: int
    records: int


class Pace:
    """The pace of a stage.

    Attributes:
        position: Bytes that are done with.
        records: Records that have an outcome; None in a stage that gives none.
        unsuccessful: Records among these that were not taken.
    """

    def __init__(self, size: int) -> None:
        """Begin a stage over so many bytes."""
        self._size = size
        self._points: deque[_Point] = deque()
        self.position, self.unsuccessful = 0, 0
        self.records: int | None = None

    def update(self, position: int, records: int | None, unsuccessful: int, now: float) -> None:
        """Take a report, at a time in seconds. What the first one reports was done before the stage."""
        self.position, self.records, self.unsuccessful = position, records, unsuccessful
        points = self._points
        if not points or now - points[-1].time >= _BETWEEN:
            points.append(_Point(now, position, records or 0))
        while len(points) > 1 and now - points[1].time >= _WINDOW:
            points.popleft()

    @property
    def percent(self) -> int:
        """How much is done, rounded down: 100 is all of it."""
        return 100 * min(self.position, self._size) // self._size if self._size else 100

    def rate(self, now: float) -> float | None:
        """Return records a second; None if there is nothing to tell it from."""
        seconds, _, records = self._since(now)
        return records / seconds if seconds >= _BETWEEN and records > 0 else None

    def seconds_left(self, now: float) -> float | None:
        """Return how long the rest takes at this pace; None if there is nothing to tell it from."""
        seconds, position, _ = self._since(now)
        if seconds < _BETWEEN or position <= 0 or self.position >= self._size:
            return None
        return (self._size - self.position) * seconds / position

    def _since(self, now: float) -> tuple[float, int, int]:
        """Return the seconds of the window, and the bytes and records that were done in it."""
        if not self._points:
            return 0.0, 0, 0
        first = self._points[0]
        return now - first.time, self.position - first.position, (self.records or 0) - first.records


def rate_text(rate: float) -> str:
    """Return a number of records a second: ``12,345``, below ten with a decimal, and never ``0.0``."""
    return f"{rate:,.0f}" if rate >= 10 else f"{max(rate, 0.1):.1f}"  # noqa: PLR2004 - two digits are enough


def duration_text(seconds: float) -> str:
    """Return a time to wait in its two greatest units: ``45 s``, ``2 min 5 s``, ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{max(1, whole)} s"
    if whole < 3600:  # noqa: PLR2004 - an hour
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
