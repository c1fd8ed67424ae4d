"""The protocol by which every part of the importer reports its progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def at_work(self, names: Sequence[str]) -> None:
        """Report which of several sources are at work now, by their names."""


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

    def at_work(self, names: Sequence[str]) -> None:
        """As in `Progress`."""


@contextmanager
def stage(progress: Progress, title: str, size: int) -> Iterator[Progress]:
    """Run a block as one stage; it ends however the block ends."""
    progress.begin(title, size)
    try:
        yield progress
    finally:
        progress.end()
