"""What people watch while a run goes on: a bar on a terminal, a plain line now and then off it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"
_PLAIN_EVERY = 10.0
"""Seconds between two lines where nothing can be redrawn."""


class Progress(Protocol):
    """Something that is told how far the work is. Bytes are those of the file on disk."""

    def begin(self, title: str, size: int) -> None:
        """Start a stretch of work over so many bytes."""

    def update(self, position: int, records: int, wrong: int) -> None:
        """So many bytes are read, so many records have an outcome, so many of them without success."""

    def end(self) -> None:
        """Finish the stretch of work."""

    def waiting(self, reason: str, until: float) -> None:
        """Sending pauses, until a time of the monotonic clock. Called by sender threads."""

    def resumed(self) -> None:
        """Sending goes on. Called by sender threads."""


class Silent:
    """Progress that nobody watches."""

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""

    def update(self, position: int, records: int, wrong: int) -> None:
        """As in `Progress`."""

    def end(self) -> None:
        """As in `Progress`."""

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""

    def resumed(self) -> None:
        """As in `Progress`."""


class Bar:
    """A tqdm bar on a terminal.

    Args:
        stream: Where it is drawn, usually standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._counts = ""
        # Set by sender threads, read by the main one: whole, since it is one reference.
        self._wait: tuple[str, float] | None = None

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""
        from tqdm import tqdm  # noqa: PLC0415 - 60 ms that --help need not pay

        self.end()
        self._bar = tqdm(
            total=size, desc=title, unit="B", unit_scale=True, unit_divisor=1000, file=self._stream,
            leave=False, dynamic_ncols=True, mininterval=0.2, miniters=1,
            bar_format=_FORMAT,
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


class Lines:
    """A plain line every ten seconds, and when sending has to wait.

    Args:
        stream: Where it is written, usually standard error.
        clock: Seconds that only go up.
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
        self._next = self._clock() + _PLAIN_EVERY

    def update(self, position: int, records: int, wrong: int) -> None:
        """As in `Progress`."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + _PLAIN_EVERY
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


class Shown:
    """A stretch of progress as a context: it ends however the work ends."""

    def __init__(self, progress: Progress, title: str, size: int) -> None:
        self._progress, self._title, self._size = progress, title, size

    def __enter__(self) -> Self:
        self._progress.begin(self._title, self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.end()


def progress_for(stream: TextIO = sys.stderr, *, quiet: bool = False) -> Progress:
    """Return the progress that suits a stream: a bar on a terminal, else lines; silence if asked for."""
    if quiet:
        return Silent()
    return Bar(stream) if stream.isatty() else Lines(stream)


def _waiting_text(reason: str, until: float) -> str:
    seconds = max(0.0, until - time.monotonic())
    clock = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return f"waiting until {clock}: {reason}"
