"""Runs tasks in processes of their own: one that dies costs only what it did, and another one goes on.

They are not those of `concurrent.futures`, where one that is killed takes the work of all others with it.
"""

from __future__ import annotations

import pickle
import threading
import time
from bisect import insort
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from importer.delivery.connections import Connections
from importer.delivery.quota import Cap, QuotaKeeper, TokenBucket
from importer.errors import LostWorkerError, StorageError
from importer.pipeline.workers.handle import WorkerHandle
from importer.pipeline.workers.process import Message
from importer.pipeline.workers.shared_progress import AtWork, SharedProgress
from importer.pipeline.workers.task import Context, Done, Task, TaskDefect, TaskProgress, kept_error
from importer.progress import Progress, stage
from importer.source.spool_room import current_room

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

_MOST_DEATHS: Final = 3
"""So often a task's process may die without getting further than before; likewise while processes start."""
_SECONDS_PER_LOOK: Final = 0.1
"""How often the request to stop is looked at."""

_FEWER: Final = "Memory may be short: use fewer processes (--workers 1), or free some."


class Workers:
    """A number of processes, which are started when there are tasks for them and kept until the end.

    A context manager. Leaving it ends processes that are still at work at once, as if they were killed: to
    end in good order, set the event to stop and take the results that still come.

    Args:
        count: Processes at most; with 1, tasks run in this process.
        progress: Where the sum of what the tasks report goes.
        stop: Set it, and no further task begins; those at work are told, and end in good order.
        cap: The most that all tasks together may send; None for as much as the server takes.

    Attributes:
        count: As above.
        stop: As above. Between two runs, another event may take its place.
    """

    def __init__(
        self, count: int, *, progress: Progress, stop: threading.Event, cap: Cap | None = None
    ) -> None:
        self.count, self._progress, self.stop = count, progress, stop
        self._quota = None if cap is None or count > 1 else TokenBucket(cap)
        self._keeper = None if cap is None or count <= 1 else QuotaKeeper(cap)
        self._processes: list[WorkerHandle] = []
        self._connections = Connections()  # of this process: each has its own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._end(self._processes)
        self._connections.close()

    def run(
        self, tasks: Iterable[Task[T]], *, title: str, size: int, at_work: AtWork | None = None
    ) -> Iterator[tuple[int, T | Exception]]:
        """Run tasks, and yield the results as they come.

        What tasks report, and ask, is answered between the results: do not take long over one.

        Args:
            tasks: Taken one by one, as there is somebody to do them.
            title: What is done, for people.
            size: Bytes on disk that all of them will read.
            at_work: Takes the names of the tasks at work.

        Yields:
            The place of a task among all of them, from 0, and its result or its error: an `ImporterError`, an
            `OSError` or a `MemoryError` as it was raised, a `TaskDefect` for any other. A task that did not
            begin, or whose process died, before a stop has none.

        Raises:
            StorageError: No process can be started.
        """
        with stage(self._progress, title, size):
            shared = SharedProgress(self._progress, at_work)
            try:
                if self.count <= 1:
                    yield from self._run_here(tasks, shared)
                else:
                    yield from self._run_apart(tasks, shared)
            finally:
                shared.flush(at_once=True)

    def _run_here(
        self, tasks: Iterable[Task[T]], shared: SharedProgress
    ) -> Iterator[tuple[int, T | Exception]]:
        for place, task in enumerate(tasks):
            if self.stop.is_set():
                return
            shared.begin(place, task.name)
            shared.flush()
            progress = _ProgressHere(place, shared, self._progress)
            try:
                result: T | Exception = task.run(Context(progress, self.stop, self._quota, self._connections))
            except Exception as error:  # noqa: BLE001 - as in another process
                result = kept_error(error)
            progress.resumed()
            shared.end(place, progress.done)
            shared.flush()
            yield place, result

    def _run_apart(
        self, tasks: Iterable[Task[T]], shared: SharedProgress
    ) -> Iterator[tuple[int, T | Exception]]:
        run = _Run(tasks, self._processes, self.count, shared, self.stop, self._keeper)
        try:
            while run.goes_on():
                yield from run.results()
        finally:
            self._end([worker for worker in self._processes if worker.tasks])

    def _end(self, workers: list[WorkerHandle]) -> None:
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.join()
        self._processes = [each for each in self._processes if each not in workers]


class _ProgressHere(TaskProgress):
    """The progress of a task in this process."""

    def __init__(self, place: int, shared: SharedProgress, progress: Progress) -> None:
        super().__init__(
            lambda done: shared.report(place, done, at_once=True),
            lambda pause: shared.waits(self, pause),
            interval=0,
        )
        self._terminal = progress

    def clear(self) -> None:
        """As in `Progress`."""
        self._terminal.clear()


class _Run(Generic[T]):
    """One run of tasks by processes: who is given what, and what becomes of it."""

    def __init__(
        self,
        tasks: Iterable[Task[T]],
        processes: list[WorkerHandle],
        count: int,
        shared: SharedProgress,
        stop: threading.Event,
        keeper: QuotaKeeper | None,
    ) -> None:
        self._tasks = enumerate(tasks)
        self._again: list[tuple[int, Task[T]]] = []  # in order: tasks that come before those
        self._exhausted = False
        self._processes, self._count, self._shared = processes, count, shared
        self._stop, self._stopping, self._keeper = stop, False, keeper
        self._results: list[tuple[int, T | Exception]] = []
        self._deaths: dict[int, tuple[int, Done]] = {}  # how often, and how far it had come
        self._failed_starts = 0

    def goes_on(self) -> bool:
        """Give out tasks, and return False if all have ended."""
        if self._stop.is_set() and not self._stopping:
            self._stopping = True
            for worker in self._processes:
                worker.send("stop")
        if not self._stopping:
            self._give_out()
        self._shared.flush()
        return bool(self._results) or any(worker.tasks for worker in self._processes)

    def results(self) -> Iterator[tuple[int, T | Exception]]:
        """Wait for messages, a moment at most, and yield the results among them."""
        if not self._results:
            self._wait()
        results, self._results = self._results, []
        yield from results

    # ── giving out ───────────────────────────────────────────────────────────────────────────────

    def _give_out(self) -> None:
        while self._may_give() and (item := self._next()) is not None:
            place, task = item
            try:
                data = pickle.dumps(task)
            except Exception as error:  # noqa: BLE001 - a fault of this task, not of the others
                self._results.append((place, TaskDefect(str(kept_error(error)))))
                continue
            worker = self._idle() or self._new() or self._quick()
            if worker is None:  # no process could be started, but others are at work
                insort(self._again, item, key=lambda each: each[0])
                return
            if not worker.tasks:
                self._shared.begin(place, task.name)
            worker.give(place, task, data)
        if self._exhausted and not self._again and self._idle() is not None:
            for worker in self._processes:
                worker.recall()

    def _may_give(self) -> bool:
        fewer = len(self._processes) < self._count
        return fewer or self._idle() is not None or self._quick() is not None

    def _next(self) -> tuple[int, Task[T]] | None:
        if self._again:
            return self._again.pop(0)
        item = next(self._tasks, None)
        self._exhausted = item is None
        return item

    def _idle(self) -> WorkerHandle | None:
        return next((worker for worker in self._processes if not worker.tasks), None)

    def _quick(self) -> WorkerHandle | None:
        return next(
            (each for each in self._processes if each.quick and len(each.tasks) == 1 and not each.recalled),
            None,
        )

    def _new(self) -> WorkerHandle | None:
        """Return a new process, if there may be one more."""
        if len(self._processes) >= self._count:
            return None
        try:
            worker = WorkerHandle(limited=self._keeper is not None, room=current_room().left // self._count)
        except OSError as error:
            self._do_with_fewer(error.strerror or str(error))
            return None
        self._processes.append(worker)
        return worker

    def _do_with_fewer(self, why: str) -> None:
        """Start no more processes, as there are some.

        Raises:
            StorageError: There are none.
        """
        if not self._processes:
            raise StorageError(f"no process can be started: {why}", _FEWER)
        self._count = len(self._processes)

    # ── what comes back ──────────────────────────────────────────────────────────────────────────

    def _wait(self) -> None:
        ends = {worker.connection: worker for worker in self._processes}
        words = {worker.words: worker for worker in self._processes if worker.words is not None}
        readable = set(wait([*ends, *words], _SECONDS_PER_LOOK))
        for pipe, worker in words.items():
            if pipe in readable:
                worker.listen()
        for connection, worker in ends.items():
            if connection not in readable:
                continue
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._died(worker)
            else:
                self._take(worker, message)

    def _take(self, worker: WorkerHandle, message: Message) -> None:
        kind, *rest = message
        if kind == "ready":
            worker.ready, self._failed_starts = True, 0
        elif kind == "report":
            self._shared.report(*rest)
        elif kind == "waits":
            self._shared.waits(worker, *rest)
        elif kind == "quota":
            assert self._keeper is not None
            events, size = rest
            worker.send("quota", self._keeper.lease(worker.number, events, size, time.monotonic()))
        elif kind == "done":
            place, done, data = rest
            self._results.append((place, _loaded(data)))
            self._deaths.pop(place, None)
            self._shared.end(place, done)
            self._answered(worker, place)
        elif kind == "left":
            (place,) = rest
            item = next(each for each in worker.tasks if each[0] == place)
            self._answered(worker, place)
            self._shared.leave(place)
            if not self._stopping:
                insort(self._again, item, key=lambda each: each[0])

    def _answered(self, worker: WorkerHandle, place: int) -> None:
        worker.take(place)
        if worker.tasks:
            at, task = worker.tasks[0]
            self._shared.begin(at, task.name)

    def _died(self, worker: WorkerHandle) -> None:
        """Let others go on with what a process had been given that died."""
        self._processes.remove(worker)
        how = worker.buried()
        self._shared.waits(worker, None)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_DEATHS:
                self._do_with_fewer(f"each {how}")
        if self._stopping or not worker.tasks:
            return
        items = list(worker.tasks)
        place, task = items[0]
        self._shared.leave(place)
        if worker.ready and self._is_lost(place):
            text = f"{task.name}: the process that worked at it {how}, {_MOST_DEATHS} times at the same place"
            self._results.append((place, LostWorkerError(text, _FEWER)))
            self._shared.end(place, self._shared.done_by(place))
            del items[0]
        elif worker.ready:
            items[0] = (place, task.again())
        for item in items:
            insort(self._again, item, key=lambda each: each[0])

    def _is_lost(self, place: int) -> bool:
        """Count the death of a task's process, and return True if there is no use in another one."""
        done = self._shared.done_by(place)
        times, furthest = self._deaths.get(place, (0, Done()))
        further = done.position > furthest.position or (done.records or 0) > (furthest.records or 0)
        times = 1 if further else times + 1
        self._deaths[place] = (times, done if further else furthest)
        return times >= _MOST_DEATHS


def _loaded(data: bytes) -> Any:
    try:
        return pickle.loads(data)  # noqa: S301 - from a process of our own
    except Exception as error:  # noqa: BLE001 - a fault of this result, not of the others
        return TaskDefect(str(kept_error(error)))
