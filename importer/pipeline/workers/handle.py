"""A worker's process as its parent sees it.

It is started anew, not forked: a fork would inherit the locks of threads, and connections. It is ended by the
end of its connection, not by a signal: so it ends also when the parent is killed.

Ctrl-C on a terminal reaches every process, but what it means is decided in one. So workers hold back the
signals that end a command, from the moment of their start.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Final

from importer.pipeline.workers.process import work
from importer.pipeline.workers.task import Task

_QUICK: Final = 0.05
"""Seconds: a process whose last task took less is given the next one before it asks."""
_LATE: Final = 2 * _QUICK
"""Seconds after which a task that waits behind another one is taken back for a process that has none."""
_PATIENCE: Final = 10.0
"""Seconds that a process may take to end when it was told to."""
_MOST_SAID: Final = 8192
"""Bytes that are kept of what a process says."""


class WorkerHandle:
    """A process, as its parent sees it.

    Attributes:
        connection: To the process.
        words: What it writes to the two output streams; None on Windows, and after their end.
        tasks: Places and tasks that it was given and has not answered, the one at work first.
        ready: True once it is up.
        quick: True if its last task took so little time that asking for the next one counts.
        recalled: True from the question for its last task back until the answer.
    """

    def __init__(self, *, limited: bool, room: int) -> None:
        """Start the process.

        Args:
            limited: True if it is to ask before it sends.
            room: Bytes that its copies of sources may take.

        Raises:
            OSError: The system lets no more processes start.
        """
        spawn = get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.words: Connection | None = None
        words: Connection | None = None
        if sys.platform != "win32":
            self.words, words = spawn.Pipe(duplex=False)
        self._said = b""
        self.tasks: deque[tuple[int, Task[Any]]] = deque()
        self.ready = self.quick = self.recalled = False
        self._since = time.monotonic()
        self._process: SpawnProcess = spawn.Process(
            target=work, args=(theirs, words), kwargs={"limited": limited, "room": room}, daemon=True
        )
        try:
            _start(self._process)
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()
            if words is not None:
                words.close()

    @property
    def number(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    def give(self, place: int, task: Task[Any], data: bytes) -> None:
        """Give it a task, as it is and pickled."""
        if not self.tasks:
            self._since = time.monotonic()
        self.tasks.append((place, task))
        self.send("task", place, data)

    def send(self, *message: object) -> None:
        """Send it a message. If it is dead, that is seen where its answers are read."""
        with suppress(OSError):
            self.connection.send(message)

    def take(self, place: int) -> None:
        """Take note that a task, the one at work or one that has not begun, needs no answer any more."""
        if self.tasks[0][0] == place:
            now = time.monotonic()
            self.quick, self._since = now - self._since < _QUICK, now
            self.tasks.popleft()
        else:
            self.tasks = deque(each for each in self.tasks if each[0] != place)
        self.recalled = False

    def recall(self) -> None:
        """Ask for the task back that waits behind one that takes long, if there is one."""
        if len(self.tasks) > 1 and not self.recalled and time.monotonic() - self._since > _LATE:
            self.recalled = True
            self.send("back", self.tasks[-1][0])

    def listen(self) -> None:
        """Read some of what it says, which must not be held up."""
        if self.words is not None:
            said = os.read(self.words.fileno(), 1 << 16)
            self._said = (self._said + said)[-_MOST_SAID:]
            if not said:
                self.words.close()
                self.words = None

    def end(self) -> None:
        """Tell it to end: in good order if it has nothing to do, at once if it has."""
        if not self.tasks:
            self.send("end")
        self._close()

    def join(self) -> str:
        """Wait for its end, and return how it ended and what it said last."""
        self._process.join(_PATIENCE)
        if self._process.is_alive():  # pragma: no cover - a system call that does not return
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        said = [line for line in self._said.decode(errors="backslashreplace").splitlines() if line.strip()]
        fatal = next((line for line in said if line.startswith("Fatal")), "".join(said[-1:]))
        return f"{how} ({fatal})" if fatal else how

    def buried(self) -> str:
        """Put away what a process left that has died, and return how that happened."""
        while self.words is not None:
            self.listen()
        self._close()
        return self.join()

    def _close(self) -> None:
        self.connection.close()
        if self.words is not None:
            self.words.close()
            self.words = None


def _start(process: SpawnProcess) -> None:
    """Start a process that holds back the signals that end a command."""
    if sys.platform == "win32":  # pragma: no cover - only on Windows
        process.start()
        return
    # The first process of all brings another one with it, and in the end lets the signals go again.
    for start in (resource_tracker.ensure_running, process.start):
        with _signals_held():
            start()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back signals in the block, and in processes that are started there for all their life."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
