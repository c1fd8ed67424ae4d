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

    def update(self, position: int, records: int, wrong: int) -> None:
        """Report how far the stage has come.

        Args:
            position: Bytes on disk that have been read.
            records: Records that have an outcome.
            wrong: Records among these without success.
        """

    def end(self) -> None:
        """Finish the stage."""

    def waiting(self, reason: str, until: float) -> None:
        """Report that sending pauses. Called by sender threads: be quick, and do not call back.

        Args:
            reason: Why, for people.
            until: When it goes on, in seconds of the monotonic clock.
        """

    def resumed(self) -> None:
        """Report that sending goes on. Called by sender threads."""


class NullProgress:
    """Progress that is reported to nobody."""

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


@contextmanager
def stage(progress: Progress, title: str, size: int) -> Iterator[Progress]:
    """Run a block as one stage; it ends however the block ends."""
    progress.begin(title, size)
    try:
        yield progress
    finally:
        progress.end()
