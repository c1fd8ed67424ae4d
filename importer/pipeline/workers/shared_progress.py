"""The progress of tasks that run at the same time, as one stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from importer.pipeline.workers.task import Done
from importer.progress import Progress

_SECONDS_PER_UPDATE: Final = 0.1

AtWork = Callable[[tuple[str, ...]], object]
"""Takes the names of the tasks at work, in their order, each time that these are others."""


@dataclass(slots=True)
class _Part:
    """A task that has begun and not ended: where its process was killed, it waits for another one."""

    name: str
    done: Done = field(default_factory=Done)
    at_work: bool = True


class SharedProgress:
    """Adds up what tasks report, and passes it on ten times a second at most, unless it is told to do so.

    What a task reports takes the place of what it reported before. So what it had reported in a process that
    was killed counts until it reports again, and not twice.

    Args:
        progress: Takes the sum, within a stage.
        at_work: Takes the names of the tasks at work.
    """

    def __init__(self, progress: Progress, at_work: AtWork | None) -> None:
        self._progress, self._at_work = progress, at_work
        self._parts: dict[int, _Part] = {}
        self._ended = Done()
        self._names: tuple[str, ...] = ()
        self._changed = False
        self._next = 0.0
        self._waits: dict[object, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._shown: tuple[str, float] | None = None

    def begin(self, place: int, name: str) -> None:
        """Take note that a task is at work, by its place among all."""
        part = self._parts.setdefault(place, _Part(name))
        part.at_work = self._changed = True

    def report(self, place: int, done: Done, *, at_once: bool = False) -> None:
        """Take what a task has done so far."""
        self._parts[place].done = done
        self._changed = True
        self.flush(at_once=at_once)

    def leave(self, place: int) -> None:
        """Take note that nobody is at work at a task any more, which has not ended."""
        if (part := self._parts.get(place)) is not None:
            part.at_work, self._changed = False, True

    def end(self, place: int, done: Done) -> None:
        """Take note that a task has ended, and what it had done by then."""
        self._parts.pop(place, None)
        self._ended = self._ended.plus(done)
        self._changed = True

    def done_by(self, place: int) -> Done:
        """Return what a task that has not ended reported last."""
        part = self._parts.get(place)
        return Done() if part is None else part.done

    def flush(self, *, at_once: bool = False) -> None:
        """Pass on what has changed, if it is time to, or at once."""
        now = time.monotonic()
        if not self._changed or (now < self._next and not at_once):
            return
        self._changed, self._next = False, now + _SECONDS_PER_UPDATE
        names = tuple(part.name for _, part in sorted(self._parts.items()) if part.at_work)
        if names != self._names:
            self._names = names
            if self._at_work is not None:
                self._at_work(names)
        total = self._ended
        for part in self._parts.values():
            total = total.plus(part.done)
        self._progress.update(*total)

    def waits(self, who: object, wait: tuple[str, float] | None) -> None:
        """Take the pause of one worker, or None when that is over. Shown is the one that ends last."""
        with self._lock:  # a task in this process has sender threads, which report it
            if wait is None:
                self._waits.pop(who, None)
            else:
                self._waits[who] = wait
            longest = max(self._waits.values(), key=lambda each: each[1], default=None)
            if longest == self._shown:
                return
            self._shown = longest
            if longest is None:
                self._progress.resumed()
            else:
                self._progress.waiting(*longest)
