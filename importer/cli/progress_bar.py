"""Progress for people: a bar on a terminal, elsewhere a line every ten seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Never, TextIO

from importer.progress import NullProgress, Progress

if TYPE_CHECKING:
    from tqdm import tqdm

_BAR_FORMAT: Final = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"
_SECONDS_PER_LINE: Final = 10.0
"""Seconds between two lines, where no bar can be redrawn."""


class ProgressBar:
    """A tqdm bar on a terminal.

    Args:
        stream: Where it is drawn, usually standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[Never] | None = None
        self._counts = ""
        # Sender threads set it, the main thread reads it. One assignment, so no lock is needed.
        self._wait: tuple[str, float] | None = None

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        from tqdm import tqdm  # noqa: PLC0415 - 60 ms that --help need not pay

        self.end()
        self._bar = tqdm(
            total=size, desc=title, unit="B", unit_scale=True, unit_divisor=1000, file=self._stream,
            leave=False, dynamic_ncols=True, mininterval=0.2, miniters=1,
            bar_format=_BAR_FORMAT,
        )  # fmt: skip

    def update(self, position: int, records: int, wrong: int) -> None:
        """As in `Progress`."""
        bar = self._bar
        if bar is None:
            return
        self._counts = f"{records:,} records" if records else ""
        if wrong:
            self._counts += f", {wrong:,} not taken"
        bar.set_postfix_str(self._postfix(), refresh=self._wait is not None)
        bar.update(position - bar.n)

    def _postfix(self) -> str:
        wait = self._wait
        return " · ".join(filter(None, (self._counts, _waiting_text(*wait) if wait else "")))

    def end(self) -> None:
        """As in `Progress`."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        self._wait = (reason, until)
        bar = self._bar
        if bar is not None:
            bar.set_postfix_str(self._postfix(), refresh=True)

    def resumed(self) -> None:
        """As in `Progress`."""
        self._wait = None


class ProgressLines:
    """A line every ten seconds, and one each time that sending has to wait.

    Args:
        stream: Where it is written, usually standard error.
        clock: The monotonic time, in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._title, self._size = "", 0
        self._next = 0.0
        self._lock = threading.Lock()

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        self._title, self._size = title, size
        self._next = self._clock() + _SECONDS_PER_LINE

    def update(self, position: int, records: int, wrong: int) -> None:
        """As in `Progress`."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + _SECONDS_PER_LINE
        percent = 100 * position // self._size if self._size else 100
        not_taken = f", {wrong:,} not taken" if wrong else ""
        self._say(f"{self._title}: {percent}%, {records:,} records{not_taken}")

    def end(self) -> None:
        """As in `Progress`."""

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        self._say(_waiting_text(reason, until))

    def resumed(self) -> None:
        """As in `Progress`."""

    def _say(self, text: str) -> None:
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()


def progress_for(stream: TextIO | None = None, *, quiet: bool = False) -> Progress:
    """Return a bar for a terminal, lines for any other stream, or, if ``quiet``, a progress without output.

    Args:
        stream: Where it is shown; None is standard error.
        quiet: Show nothing.
    """
    if quiet:
        return NullProgress()
    stream = stream or sys.stderr
    return ProgressBar(stream) if stream.isatty() else ProgressLines(stream)


def _waiting_text(reason: str, until: float) -> str:
    seconds = max(0.0, until - time.monotonic())
    clock = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return f"waiting until {clock}: {reason}"
