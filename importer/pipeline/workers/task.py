"""A task of `Workers`: what it is, what it is given, and how it reports its progress."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self, TypeVar

from importer.errors import ImporterError
from importer.progress import Progress

if TYPE_CHECKING:
    from importer.delivery.connections import Connections
    from importer.delivery.quota import Quota

T_co = TypeVar("T_co", covariant=True)

KEPT: Final = (ImporterError, OSError, MemoryError)
"""Errors of a task that come back as they are; any other is a fault of the importer's, a `TaskDefect`."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a task is given where it runs.

    Attributes:
        progress: Where it reports its progress, as if it were alone.
        stop: Set if it is to end in good order.
        quota: How much it may send; None for as much as the server takes.
        connections: Keeps connections from one task to the next.
    """

    progress: Progress
    stop: threading.Event
    quota: Quota | None = None
    connections: Connections | None = None


class Task(Protocol[T_co]):
    """A piece of work that may be done in another process: plain data, as is its result.

    Attributes:
        name: What it works at, for people.
    """

    @property
    def name(self) -> str:
        """What it works at, for people."""

    def run(self, context: Context) -> T_co:
        """Do the work and return its result."""

    def again(self) -> Self:
        """Return the task that goes on with the work after the process that did it was killed."""


class TaskDefect(Exception):  # noqa: N818 - a fault of the importer's, not an error of its user's
    """An error in a task that nothing accounts for; its text is the traceback."""


def kept_error(error: BaseException) -> Exception:
    """Return what an error of a task is for its caller: itself, or a `TaskDefect`."""
    if isinstance(error, KEPT):
        return error
    return TaskDefect("".join(traceback.format_exception(error)).rstrip("\n"))


class Done(NamedTuple):
    """What a task reported as done so far.

    Attributes:
        position: Bytes on disk.
        records: Records that have an outcome; None if no stage gave any.
        unsuccessful: Records among these that were not taken.
    """

    position: int = 0
    records: int | None = None
    unsuccessful: int = 0

    def plus(self, other: Done) -> Done:
        """Return the sum of both."""
        none = self.records is None and other.records is None
        return Done(
            self.position + other.position,
            None if none else (self.records or 0) + (other.records or 0),
            self.unsuccessful + other.unsuccessful,
        )


class TaskProgress:
    """The progress of one task, whose stages are added up.

    Args:
        report: Takes the sum.
        waits: Takes the reason and the end of each pause of sending, and None when it is over.
        interval: Seconds between two reports at least.
    """

    def __init__(
        self,
        report: Callable[[Done], object],
        waits: Callable[[tuple[str, float] | None], object],
        interval: float,
    ) -> None:
        self._report, self._waits, self._interval = report, waits, interval
        self._before, self._stage, self._size = Done(), Done(), 0
        self._next = 0.0
        self._wait: tuple[str, float] | None = None

    @property
    def done(self) -> Done:
        """The sum of all stages so far."""
        return self._before.plus(self._stage)

    def begin(self, _title: str, size: int) -> None:
        """As in `Progress`."""
        self.end()
        self._size = size

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        """As in `Progress`."""
        self._stage = Done(position, records, unsuccessful)
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            self._report(self.done)

    def clear(self) -> None:
        """As in `Progress`: a task writes nothing to the terminal."""

    def end(self) -> None:
        """As in `Progress`. All bytes of the stage are done with then."""
        self._before = self._before.plus(self._stage._replace(position=self._size))
        self._stage, self._size = Done(), 0

    def waiting(self, reason: str, until: float) -> None:
        """As in `Progress`."""
        if self._wait != (reason, until):
            self._wait = (reason, until)
            self._waits(self._wait)

    def at_work(self, names: Sequence[str]) -> None:
        """As in `Progress`: a task is one source."""

    def resumed(self) -> None:
        """As in `Progress`."""
        if self._wait is not None:
            self._wait = None
            self._waits(None)
