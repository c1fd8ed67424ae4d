"""Progress as people see it: a bar on a terminal, on any other stream a line every ten seconds."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Never, TextIO

from importer.cli.fold import columns_of, cut_to, fold, width
from importer.cli.pace import Pace, duration_text, rate_text
from importer.progress import NullProgress, Progress
from importer.text import counted, escape_controls

if TYPE_CHECKING:
    from tqdm import tqdm

_LEAST_BAR: Final = 8
"""Columns of the bar at least: text makes way for it."""
_SECONDS_PER_DRAWING: Final = 0.2
_NEVER: Final = 1e9
"""Seconds after which tqdm would draw by itself."""
_SECONDS_PER_LINE: Final = 10.0
"""Seconds between two lines, where no bar can be redrawn."""
_MOST_NAMES: Final = 3
"""Most sources at work that are named."""
_SECONDS_PER_WAIT: Final = 60.0
"""Waits that follow one another so closely are one: it has a line of its own once."""


class ProgressBar:
    """A tqdm bar on a terminal: percent, bar, and what fits of the counts, or why it waits.

    Args:
        stream: Where it is drawn, usually standard error.
        clock: The monotonic time, in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._bar: tqdm[Never] | None = None
        self._title, self._pace, self._size = "", Pace(0), 1
        self._next = 0.0
        # Sender threads set it, the main thread reads it and draws. One assignment, so no lock is needed.
        self._wait: tuple[str, float] | None = None
        self._names: Sequence[str] = ()

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        from tqdm import tqdm  # noqa: PLC0415 - takes 60 ms, which --help does not need

        self.end()
        self._title, self._pace, self._size = title, Pace(size), max(size, 1)
        self._bar = tqdm(
            total=self._size, file=self._stream, leave=False, miniters=1, position=0, delay=_NEVER
        )
        self._draw()

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`."""
        now = self._clock()
        self._pace.update(position, records, unsuccessful, now)
        if now >= self._next:
            self._draw()

    def clear(self) -> None:
        """As in `Progress`."""
        if self._bar is not None:
            self._bar.clear()
            self._next = 0.0

    def end(self) -> None:
        """As in `Progress`."""
        if self._bar is not None:
            self._bar.clear()
            self._bar.close()
            self._bar = None
        self._wait = None

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        self._wait = (reason, until)

    def resumed(self) -> None:
        """As in `Progress`."""
        self._wait = None

    def at_work(self, names: Sequence[str]) -> None:
        """As in `Progress`."""
        self._names = names

    def _draw(self) -> None:
        bar = self._bar
        if bar is None:
            return
        now = self._clock()
        self._next = now + _SECONDS_PER_DRAWING
        columns = (columns_of(self._stream) or 80) - 1  # in the last column, some terminals begin a new line
        begin = f"{self._title}: {self._pace.percent:3d}%|"
        text = self._text(columns - width(begin) - _LEAST_BAR - 2, now)
        bar.ncols, bar.n = columns, min(self._pace.position, self._size)
        bar.bar_format = f"{_literal(begin)}{{bar}}| {_literal(text)}"
        bar.refresh()

    def _text(self, columns: int, now: float) -> str:
        """Return what follows the bar, in so many columns at most."""
        counts, rate, not_taken, left = _parts(self._pace, now, "/s")
        wait = self._wait
        if wait is not None:
            waits = _wait_text(*wait, now)
            choices: list[tuple[str, ...]] = [(counts, not_taken, waits), (counts, waits), (waits,)]
        else:
            usual = [(counts, rate, not_taken, left), (counts, not_taken, left), (counts, not_taken)]
            choices = [*_with_names(usual, self._names), *usual, (counts or left,)]
        texts = map(_joined, choices)
        return next((text for text in texts if width(text) <= columns), None) or cut_to(
            _joined(choices[-1]), columns
        )


class ProgressLines:
    """A line every ten seconds, and one at once if sending has to wait.

    Args:
        stream: Where it is written, usually standard error.
        clock: The monotonic time, in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._title, self._pace = "", Pace(0)
        self._next = 0.0
        self._lock = threading.Lock()
        self._wait: tuple[str, float] | None = None
        self._waited = -_SECONDS_PER_WAIT  # when the last wait was reported
        self._names: Sequence[str] = ()

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        self._title, self._pace = title, Pace(size)
        self._next = self._clock() + _SECONDS_PER_LINE

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`."""
        now = self._clock()
        self._pace.update(position, records, unsuccessful, now)
        if now < self._next:
            return
        self._next = now + _SECONDS_PER_LINE
        wait = self._wait
        waits = "" if wait is None else _wait_text(*wait, now)
        names = _names_text(self._names, _MOST_NAMES) if self._names else ""
        parts = (f"{self._pace.percent}%", *_parts(self._pace, now, " a second"), waits, names)
        self._say(f"{self._title}: {_joined(parts)}")

    def clear(self) -> None:
        """As in `Progress`."""

    def end(self) -> None:
        """As in `Progress`."""
        self._wait = None

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        with self._lock:
            now, before = self._clock(), self._waited
            self._wait, self._waited = (reason, until), now
        if now - before >= _SECONDS_PER_WAIT:
            self._say(_wait_text(reason, until, now))

    def resumed(self) -> None:
        """As in `Progress`."""
        self._wait = None

    def at_work(self, names: Sequence[str]) -> None:
        """As in `Progress`."""
        self._names = names

    def _say(self, text: str) -> None:
        with self._lock, suppress(OSError):  # a full disk or a reader that ended must not end the run
            self._stream.write(fold(text, columns_of(self._stream), 2, 0) + "\n")
            self._stream.flush()


def progress_for(stream: TextIO | None = None, *, quiet: bool = False) -> Progress:
    """Return a bar for a terminal, lines for any other stream, or, if ``quiet``, a progress without output.

    Args:
        stream: Where progress is written; None is standard error.
        quiet: Write nothing.
    """
    if quiet:
        return NullProgress()
    stream = stream or sys.stderr
    draws = stream.isatty() and os.environ.get("TERM") != "dumb"
    return ProgressBar(stream) if draws else ProgressLines(stream)


def _parts(pace: Pace, now: float, per_second: str) -> tuple[str, str, str, str]:
    """Return records, their rate, those not taken, and the time that is left; empty where there is none."""
    rate, left = pace.rate(now), pace.seconds_left(now)
    return (
        "" if pace.records is None else counted(pace.records, "record"),
        "" if rate is None else rate_text(rate) + per_second,
        f"{pace.unsuccessful:,} not taken" if pace.unsuccessful else "",
        "" if left is None else f"{duration_text(left)} left",
    )


def _with_names(texts: Sequence[tuple[str, ...]], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return texts with the sources at work, as many of these as there is room for."""
    if not names:
        return []
    return [(*text, _names_text(names, count)) for text in texts for count in (_MOST_NAMES, 1)]


def _names_text(names: Sequence[str], most: int) -> str:
    """Return the ends of the names of the sources at work: `9.json.gz` alone tells nothing of its day."""
    shown = [escape_controls("/".join(re.split("/|::", name)[-2:])) for name in names[:most]]
    more = f" +{len(names) - most}" if len(names) > most else ""
    return f"{' '.join(shown)}{more}"


def _joined(parts: Sequence[str]) -> str:
    return ", ".join(filter(None, parts))


def _wait_text(reason: str, until: float, now: float) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(time.time() + max(0.0, until - now)))
    return f"waiting until {clock}: {escape_controls(reason)}"


def _literal(text: str) -> str:
    """Return a text as a format string that gives it."""
    return text.replace("{", "{{").replace("}", "}}")
