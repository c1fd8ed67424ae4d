"""Tasks, done in this process and in others: the same comes of them."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import worker_tasks
from worker_tasks import Told

from importer import errors
from importer.delivery.quota import BURST_SHARE, Cap
from importer.pipeline.workers.pool import Workers
from importer.pipeline.workers.process import work
from importer.pipeline.workers.task import Done, TaskDefect
from importer.progress import NullProgress, Progress
from importer.results.status import NotRetriableError

ERRORS = [each for _, each in inspect.getmembers(errors, inspect.isclass)]

here_and_apart = pytest.mark.parametrize("count", [1, 2])


class Pool:
    """Runs tasks by the same workers from test to test: to start them takes most of the time."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.progress = Recorded()
        self._workers = {count: Workers(count, progress=self, stop=self.stop) for count in (1, 2)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.progress, name)

    def run(self, count: int, tasks: Iterable[Any], **options: Any) -> Iterator[tuple[int, Any]]:
        return self._workers[count].run(tasks, **{"title": "Importing", "size": 0} | options)

    def results(self, count: int, tasks: Iterable[Any], **options: Any) -> list[Any]:
        found = dict(self.run(count, tasks, **options))
        assert sorted(found) == list(range(len(found)))
        return [found[place] for place in sorted(found)]

    def close(self) -> None:
        for workers in self._workers.values():
            workers.__exit__(None, None, None)


class Recorded:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.calls.append((name, *values))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [values for each, *values in self.calls if each == name]


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def pool(shared_pool: Pool) -> Pool:
    shared_pool.progress = Recorded()
    return shared_pool


# ── results ──────────────────────────────────────────────────────────────────────────────────────


@here_and_apart
def test_each_task_has_one_result(pool: Pool, count: int) -> None:
    tasks = (Told(f"{number}", f"{number} ** 2") for number in range(50))
    assert pool.results(count, tasks) == [number**2 for number in range(50)]


@here_and_apart
def test_no_task_is_no_result(pool: Pool, count: int) -> None:
    assert pool.results(count, []) == []


def test_one_worker_is_this_process_and_two_are_others(pool: Pool) -> None:
    assert set(pool.results(1, [Told("a", "os.getpid()")] * 3)) == {os.getpid()}
    assert os.getpid() not in pool.results(2, [Told("a", "os.getpid()")] * 3)


def test_there_are_no_more_processes_than_tasks_or_than_were_allowed() -> None:
    with Workers(3, progress=NullProgress(), stop=threading.Event()) as workers:
        for tasks, most in ((1, 1), (20, 3)):
            run = workers.run([Told("a", "os.getpid()")] * tasks, title="Importing", size=0)
            assert len({result for _, result in run}) <= most


@here_and_apart
def test_tasks_are_taken_as_they_are_done(pool: Pool, count: int) -> None:
    taken = 0

    def tasks() -> Iterator[Told]:
        nonlocal taken
        for taken in range(1, 1001):
            yield Told(f"{taken}")

    run = pool.run(count, tasks())
    ended = 0
    for ended, _ in enumerate(run, 1):
        assert taken - ended <= 4 * count
    assert ended == 1000


def test_a_task_that_waits_behind_a_long_one_is_done_by_another_process(pool: Pool, tmp_path: Path) -> None:
    quick = [Told(f"{number}") for number in range(20)]
    long = Told("long", f"wait_for(Path({str(tmp_path / 'end')!r}))")
    last = [Told(f"last {number}", f"Path({str(tmp_path)!r}, '{number}').touch()") for number in range(3)]
    ender = threading.Thread(
        target=lambda: (
            [worker_tasks.wait_for(tmp_path / f"{number}") for number in range(3)],
            (tmp_path / "end").touch(),
        )
    )
    ender.start()
    assert len(pool.results(2, [*quick, long, *last])) == 24
    ender.join()


# ── errors ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [*ERRORS, NotRetriableError], ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_once_it_was_pickled(kind: type[Exception]) -> None:
    error = kind("it is wrong", "Mend it.") if issubclass(kind, errors.ImporterError) else kind("it is wrong")
    error.extra = 5
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == "it is wrong"
    assert vars(copy) == vars(error)


@here_and_apart
def test_an_error_comes_back_as_it_was_raised(pool: Pool, count: int) -> None:
    refused, missing, short, *_ = pool.results(
        count,
        [
            Told("a", "fail(refused())"),
            Told("b", "open('/nowhere/to/be/found')"),
            Told("c", "fail(MemoryError())"),
            Told("d"),
        ],
    )
    assert isinstance(refused, errors.RefusedError)
    assert (refused.message, refused.steps, refused.exit_code) == ("no", ("First.", "Then."), 4)
    assert refused.unauthorized
    assert isinstance(missing, FileNotFoundError)
    assert missing.filename == "/nowhere/to/be/found"
    assert isinstance(short, MemoryError)


@here_and_apart
def test_any_other_error_is_a_defect_with_its_traceback(pool: Pool, count: int) -> None:
    defect, good = pool.results(count, [Told("a", "{}['key']"), Told("b", "1")])
    assert isinstance(defect, TaskDefect)
    assert "worker_tasks.py" in str(defect)
    assert str(defect).endswith("KeyError: 'key'")
    assert good == 1


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("threading.Lock()", "cannot pickle"),
        ("fail(OneWayError('a', 'b'))", "ab"),
        ("fail(OneWayOSError('a', 'b'))", "missing 1 required positional argument"),
        ("sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_what_can_not_be_handed_over_is_a_defect(pool: Pool, call: str, text: str) -> None:
    defect, good = pool.results(2, [Told("a", call), Told("b", "1")])
    assert isinstance(defect, TaskDefect)
    assert text in str(defect)
    assert good == 1


def test_a_task_that_can_not_be_handed_over_is_a_defect(pool: Pool) -> None:
    defect, good = pool.results(2, [Told("a", threading.Lock()), Told("b", "1")])  # type: ignore[arg-type]
    assert isinstance(defect, TaskDefect)
    assert "cannot pickle" in str(defect)
    assert good == 1


# ── progress ─────────────────────────────────────────────────────────────────────────────────────


@here_and_apart
def test_progress_is_the_sum_of_all_tasks_as_one_stage(pool: Pool, count: int) -> None:
    tasks = [Told(f"{number}", f"counted(context, 100, {number}, 1)") for number in range(40)]
    pool.results(count, tasks, size=4000)
    assert pool.calls[0] == ("begin", "Importing", 4000)
    assert pool.calls[-1] == ("end",)
    updates = pool.progress.of("update")
    assert updates[-1] == [4000, sum(range(40)), 40]
    assert updates == sorted(updates)
    assert len(pool.calls) == len(updates) + 2


@here_and_apart
def test_stages_of_a_task_add_up(pool: Pool, count: int) -> None:
    twice = "(counted(context, 100, 5, 1), counted(context, 10, 2, 0))"
    pool.results(count, [Told("a", twice), Told("b", twice)])
    assert pool.progress.of("update")[-1] == [220, 14, 2]


@here_and_apart
def test_records_are_none_where_no_task_gives_any(pool: Pool, count: int) -> None:
    pool.results(count, [Told("a", "(context.progress.begin('x', 7), context.progress.update(7))[0]")])
    assert pool.progress.of("update")[-1] == [7, None, 0]


def test_few_messages_tell_of_many_reports(pool: Pool) -> None:
    began = time.monotonic()
    pool.results(2, [Told("a", "counted(context, 10 ** 6, 10 ** 5, 0, steps=50_000)")])
    tenths = (time.monotonic() - began) * 10
    assert len(pool.calls) <= tenths + 5


@here_and_apart
def test_the_names_of_the_tasks_at_work_are_told(pool: Pool, count: int, tmp_path: Path) -> None:
    told: list[tuple[str, ...]] = []

    def take(names: tuple[str, ...]) -> None:
        told.append(names)
        if len(names) == count:
            for name in names:
                (tmp_path / f"{name}.end").touch()

    calls = {name: f"wait_for(Path({str(tmp_path / name)!r} + '.end'))" for name in ("a.csv", "b.csv")}
    pool.results(count, [Told(name, call) for name, call in calls.items()][:count], at_work=take)
    assert told[-1] == ()
    assert tuple(calls)[:count] in told


@here_and_apart
def test_a_pause_is_told_once(pool: Pool, count: int) -> None:
    pause = (
        "[context.progress.waiting('too many', 5e9), context.progress.waiting('too many', 5e9), "
        "time.sleep(0.1), context.progress.resumed(), context.progress.resumed()]"
    )
    pool.results(count, [Told("a", pause), Told("b", pause)][:count])
    told = [call for call in pool.calls if call[0] in ("waiting", "resumed")]
    assert told[:2] == [("waiting", "too many", 5e9), ("resumed",)]
    assert told in (told[:2], told[:2] * 2)  # twice where one process was up when the other's was over


@here_and_apart
def test_a_pause_that_a_task_leaves_is_over(pool: Pool, count: int) -> None:
    pool.results(count, [Told("a", "[context.progress.waiting('x', 9e9), {}['key']]")])
    assert [call[0] for call in pool.calls if call[0] in ("waiting", "resumed")] == ["waiting", "resumed"]


# ── stops ────────────────────────────────────────────────────────────────────────────────────────


@here_and_apart
def test_a_stop_lets_what_runs_end_and_nothing_begin(count: int) -> None:
    stop = threading.Event()
    waits = "[context.progress.update(1), context.stop.wait(60)][1]"

    class Stopping(NullProgress):
        def update(self, position: int, *_: Any) -> None:
            if position >= count:
                stop.set()

    progress: Progress = Stopping()
    with Workers(count, progress=progress, stop=stop) as workers:
        run = workers.run((Told("a", waits) for _ in range(9)), title="Importing", size=0)
        assert dict(run) == dict.fromkeys(range(count), True)
        assert list(workers.run([Told("a")], title="Importing", size=0)) == []


def test_a_stop_lets_tasks_that_were_handed_over_not_begin(tmp_path: Path) -> None:
    stop = threading.Event()
    with Workers(2, progress=NullProgress(), stop=stop) as workers:
        tasks = (Told(f"{number}", folder=tmp_path) for number in range(10**6))
        ended = 0
        for ended, _ in enumerate(workers.run(tasks, title="Importing", size=0), 1):
            if ended == 100:
                stop.set()
    assert 100 <= ended <= 110
    assert len(list(tmp_path.iterdir())) == ended


def test_leaving_ends_what_is_at_work_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        tasks = [Told("quick"), Told("busy", "busy(60)", tmp_path)]
        for _ in workers.run(tasks, title="Importing", size=0):
            pid = int((tmp_path / worker_tasks.wait_for(tmp_path / "busy.0")).read_text())
            break
    assert time.monotonic() - began < 20
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# ── quota ────────────────────────────────────────────────────────────────────────────────────────


@here_and_apart
def test_all_tasks_together_are_given_no_more_than_the_cap(count: int) -> None:
    cap = Cap(events_per_second=1000)
    with Workers(count, progress=NullProgress(), stop=threading.Event(), cap=cap) as workers:
        tasks = [Told(f"{number}", "take(context, 20, 20)") for number in range(2)]
        times = [times for _, times in workers.run(tasks, title="Importing", size=0)]
    seconds = max(end for _, end in times) - min(begin for begin, _ in times)
    at_once = cap.events_per_second * cap.window * BURST_SHARE
    assert seconds >= (2 * 20 * 20 - at_once) / cap.events_per_second > 0


@here_and_apart
def test_there_is_no_quota_without_a_cap(pool: Pool, count: int) -> None:
    assert pool.results(count, [Told("a", "context.quota")]) == [None]


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def connection() -> Iterator[Connection]:
    """Yield the parent's end of the connection to a worker that runs in a thread of this process."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        thread = threading.Thread(target=work, args=(theirs, None), kwargs={"limited": False, "room": 0})
        thread.start()
        try:
            assert ours.recv() == ("ready",)
            yield ours
        finally:
            ours.send(("end",))
            thread.join()


def test_a_worker_gives_back_what_it_has_not_begun(tmp_path: Path) -> None:
    end = tmp_path / "end"
    with connection() as ours:
        for place, call in enumerate([f"wait_for(Path({str(end)!r}))", "1", "2"]):
            ours.send(("task", place, pickle.dumps(Told("a", call))))
        ours.send(("back", 1))
        assert ours.recv() == ("left", 1)
        end.touch()
        for place, result in ((0, "end"), (2, 2)):
            assert ours.recv() == ("done", place, Done(), pickle.dumps(result))
        ours.send(("back", 2))  # too late: it has been answered


def test_a_worker_begins_nothing_after_a_stop() -> None:
    with connection() as ours:
        for place, call in enumerate(["context.stop.wait(60)", "1"]):
            ours.send(("task", place, pickle.dumps(Told("a", call))))
        ours.send(("stop",))
        assert {ours.recv()[:2] for _ in range(2)} <= {("done", 0), ("left", 0), ("left", 1)}


# ── processes ────────────────────────────────────────────────────────────────────────────────────


def test_processes_have_the_variables_of_this_one_and_write_nothing(
    pool: Pool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        call = "[say('x' * 200_000), os.environ['OPENBLAS_NUM_THREADS']][1]"
        run = workers.run([Told("a", call)], title="Importing", size=0)
        assert list(run) == [(0, "1")]
    assert capfd.readouterr() == ("", "")
