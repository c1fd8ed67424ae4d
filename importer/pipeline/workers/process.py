"""What runs in a worker's process: it takes tasks from its parent, one after the other.

Messages are tuples, whose first part is their kind. From the parent::

    task PLACE BYTES     a pickled task to be run after those that came before
    back PLACE           give the task back, if it has not begun
    stop                 begin no task any more, and let the one that runs end in good order
    quota LEASE          so much may be sent, and when
    end                  end the process: there is no more to do

To the parent::

    ready                     the process is up
    report PLACE DONE         how far the task is
    waits WAIT                a pause of sending: its reason and its end, or None when it is over
    done PLACE DONE BYTES     the task has ended: its pickled result or error
    left PLACE                the task was given back, and did not begin
    quota EVENTS BYTES        so much is to be sent

The parent holds the other end of the connection and nobody else does: once that is closed, the parent is
gone, and the process ends at once, whatever it is doing.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
import threading
from collections import deque
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from importer.delivery.connections import Connections
from importer.pipeline.workers.task import Context, TaskDefect, TaskProgress, kept_error
from importer.source.spool_room import spool_room

if TYPE_CHECKING:
    from importer.delivery.quota import LeasedQuota

_SECONDS_PER_REPORT: Final = 0.1
_ORPHAN: Final = 1
"""The exit code of a process whose parent is gone, which nobody sees."""

Message = tuple[Any, ...]
"""The kind, and what belongs to it."""


def work(connection: Connection, words: Connection | None, *, limited: bool, room: int) -> None:
    """Run tasks until the parent says that there are no more.

    Args:
        connection: To the parent.
        words: Takes what would go to the terminal: the parent shows it if the process dies of what it says.
            None to leave the two streams as they are.
        limited: True if the parent keeps a quota of what may be sent.
        room: Bytes that copies of sources may take: the share of this process.
    """
    if sys.platform == "win32":  # pragma: no cover - elsewhere it is held back from the start
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if words is not None:
        for number in (1, 2):
            os.dup2(words.fileno(), number)
        words.close()
        faulthandler.enable(2)
    with spool_room(room):
        _Worker(connection, limited=limited).run()


class _Worker:
    """Runs tasks in this thread, and reads messages in another one."""

    def __init__(self, connection: Connection, *, limited: bool) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._tasks: deque[tuple[int, bytes]] = deque()
        self._ended = False
        self._stop = threading.Event()
        self._quota: LeasedQuota | None = None
        if limited:
            from importer.delivery.quota import LeasedQuota  # noqa: PLC0415 - with what only senders need

            self._quota = LeasedQuota(partial(self._send, "quota"))
        self._connections = Connections()  # they end with the process

    def run(self) -> None:
        """Run the tasks that come."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._send("ready")
        while (task := self._next()) is not None:
            place, data = task
            if self._stop.is_set():
                self._send("left", place)
                continue
            progress = TaskProgress(
                partial(self._send, "report", place), partial(self._send, "waits"), _SECONDS_PER_REPORT
            )
            answer = self._answer(data, progress)
            progress.resumed()
            self._send("done", place, progress.done, answer)

    def _next(self) -> tuple[int, bytes] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._ended)
            return self._tasks.popleft() if self._tasks else None

    def _answer(self, data: bytes, progress: TaskProgress) -> bytes:
        """Run a pickled task and return its result or its error, pickled."""
        try:
            result = pickle.loads(data).run(Context(progress, self._stop, self._quota, self._connections))  # noqa: S301 - our own
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent decides what becomes of it
            result = kept_error(error)
        try:
            return pickle.dumps(result)
        except Exception as error:  # noqa: BLE001 - neither of these is a reason to die
            return pickle.dumps(TaskDefect(str(kept_error(error))))

    def _listen(self) -> None:
        """Read messages until the end, which is that of the process if the parent is gone."""
        while True:
            try:
                kind, *rest = self._connection.recv()
            except (EOFError, OSError):  # pragma: no cover - what ends so leaves no data
                os._exit(_ORPHAN)
            if kind == "stop":
                self._stop.set()
            elif kind == "quota":
                assert self._quota is not None
                self._quota.grant(*rest)
            elif kind == "back":
                self._give_back(*rest)
            else:
                with self._changed:
                    if kind == "task":
                        self._tasks.append((rest[0], rest[1]))
                    else:
                        self._ended = True
                    self._changed.notify()
            if kind == "end":
                return

    def _give_back(self, place: int) -> None:
        with self._changed:
            waiting = next((task for task in self._tasks if task[0] == place), None)
            if waiting is not None:
                self._tasks.remove(waiting)
        if waiting is not None:
            self._send("left", place)

    def _send(self, *message: object) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:  # pragma: no cover - likewise
            os._exit(_ORPHAN)
