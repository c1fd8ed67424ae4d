"""The protocol by which every part of the importer reports its progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Receives reports on the progress of the work, which consists of stages, one after the other."""

    def begin(self, title: str, size: int) -> None:
        """Start a stage.

        Args:
            title: What the stage does, for people.
            size: Bytes on disk that the stage reads.
        """

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """Report how far the stage has come; the first report of a stage says where it began.

        Args:
            position: Bytes on disk that are done with: all of them only at the end of the stage.
            records: Records that have an outcome; None in a stage that gives none.
            unsuccessful: Records among these that were not taken.
        """

    def clear(self) -> None:
        """Make room for messages on the terminal; the next report shows the progress again."""

    def end(self) -> None:
        """Finish the stage."""

    def waiting(self, reason: str, until: float) -> None:
        """Report that sending pauses. Called by sender threads: be quick, and do not call back.

        Args:
            reason: Why, for people.
            until: When it goes on at the earliest, in seconds of the monotonic clock.
        """

    def resumed(self) -> None:
        """Report that sending goes on. Called by sender threads."""


class NullProgress:
    """Progress that is reported to nobody."""

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`."""

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`."""

    def clear(self) -> None:
        """As in `Progress`."""

    def end(self) -> None:
        """As in `Progress`."""

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""

    def resumed(self) -> None:
        """As in `Progress`."""


@contextmanager
def stage(progress: Progress, title: str, size: int) -> Iterator[Progress]:
    """Run a block as one stage; it ends however the block ends."""
    progress.begin(title, size)
    try:
        yield progress
    finally:
        progress.end()


class JointProgress:
    """The progress of several sources as one stage: each of them reports as if it were alone.

    Args:
        progress: Where their sum is reported.
        size: Bytes on disk of all of them.
    """

    def __init__(self, progress: Progress, size: int) -> None:
        self._progress = progress
        self._size = size
        self._begun = False
        self._source_size = 0
        self._before = (0, 0, 0)  # what sources that have ended reported: bytes, records, unsuccessful
        self._last = (0, 0, 0)

    def begin(self, title: str, size: int) -> None:
        """As in `Progress`, for the next source."""
        if not self._begun:
            self._begun = True
            self._progress.begin(title, max(size, self._size))
        self._source_size = size

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`, of the present source."""
        self._last = (position, records or 0, unsuccessful)
        at, done, failed = (before + now for before, now in zip(self._before, self._last, strict=True))
        self._progress.update(at, done, failed)

    def clear(self) -> None:
        """As in `Progress`."""
        self._progress.clear()

    def end(self) -> None:
        """As in `Progress`, of the present source: the stage goes on with the next one, or until `close`."""
        _, records, unsuccessful = self._last
        self._before = (
            self._before[0] + self._source_size, self._before[1] + records, self._before[2] + unsuccessful
        )  # fmt: skip
        self._last, self._source_size = (0, 0, 0), 0

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        self._progress.waiting(reason, until)

    def resumed(self) -> None:
        """As in `Progress`."""
        self._progress.resumed()

    def close(self) -> None:
        """End the stage, if it was begun."""
        if self._begun:
            self._begun = False
            self._progress.end()
