"""Workers that are killed while they are at work, and those whose parent is."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from crash_helpers import wait_until
from worker_tasks import Told

from importer.errors import StorageError
from importer.pipeline.workers.pool import Workers
from importer.progress import NullProgress


class Sums(NullProgress):
    """Keeps each sum that it was told."""

    def __init__(self) -> None:
        self.sums: list[tuple[int, int | None, int]] = []

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        self.sums.append((position, records, unsuccessful))


def kill(folder: Path, attempt: str, *, number: int = signal.SIGKILL) -> int:
    """Send a signal to the process of a task's attempt, once it is at work."""
    began = folder / attempt
    wait_until(began.exists, f"{attempt} begins")
    pid = int(began.read_text())
    os.kill(pid, number)
    return pid


def killer(*attempts: str, folder: Path) -> threading.Thread:
    thread = threading.Thread(target=lambda: [kill(folder, attempt) for attempt in attempts], daemon=True)
    thread.start()
    return thread


def environ() -> dict[str, str]:
    """Return the variables of a process that finds the tests."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run(tasks: Iterable[Told], progress: Any = None, count: int = 2) -> dict[int, Any]:
    with Workers(count, progress=progress or NullProgress(), stop=threading.Event()) as workers:
        return dict(workers.run(tasks, title="Importing", size=0))


# ── workers ──────────────────────────────────────────────────────────────────────────────────────


def test_a_task_goes_on_in_another_process_and_others_do_not_notice(tmp_path: Path) -> None:
    once = "busy(60) if task.attempt == 0 else task.attempt"
    until_then = f"[wait_for(Path({str(tmp_path / 'killed.1')!r})), os.getpid(), task.attempt][1:]"
    tasks = [
        Told("killed", once, tmp_path),
        Told("other", until_then, tmp_path),
        Told("last", "task.attempt"),
    ]
    thread = killer("killed.0", folder=tmp_path)
    results = run(tasks)
    thread.join()
    other = int((tmp_path / "other.0").read_text())
    assert results == {0: 1, 1: [other, 0], 2: 0}


def test_a_task_that_gets_further_each_time_is_killed_as_often_as_you_like(tmp_path: Path) -> None:
    tell = f"task.tell(Path({str(tmp_path)!r}))"
    further = f"[context.progress.update(task.attempt), {tell}, busy(60 if task.attempt < 5 else 0), task.attempt][3]"
    thread = killer(*(f"long.{attempt}" for attempt in range(5)), folder=tmp_path)
    assert run([Told("long", further)]) == {0: 5}
    thread.join()


def test_a_task_whose_process_dies_three_times_at_one_place_is_an_error_of_its_own(tmp_path: Path) -> None:
    die = "[context.progress.update(7, 3, 1), os.kill(os.getpid(), 9)]"
    sums = Sums()
    results = run([Told("deadly.csv", die, tmp_path), *(Told(f"{n}", f"{n}") for n in range(20))], sums)
    error = results.pop(0)
    assert isinstance(error, StorageError)
    assert error.message == (
        "deadly.csv: the process that worked at it was killed by signal 9, 3 times at the same place"
    )
    assert "--workers 1" in error.remedy
    assert {path.name for path in tmp_path.iterdir()} == {f"deadly.csv.{attempt}" for attempt in range(3)}
    assert results == {place + 1: place for place in range(20)}
    assert sums.sums[-1] == (7, 3, 1)


def test_what_a_task_reported_before_it_was_killed_is_not_counted_twice(tmp_path: Path) -> None:
    sums = Sums()
    tasks = [Told("killed", "[counted(context, 100, 10, 2), 0 if task.attempt else busy(60)]", tmp_path)]
    thread = threading.Thread(
        target=lambda: (wait_until(lambda: sums.sums, "a report"), kill(tmp_path, "killed.0"))
    )
    thread.start()
    run([*tasks, Told("other", "counted(context, 1000, 100, 20)")], sums)
    thread.join()
    assert sums.sums[-1] == (1100, 110, 22)
    assert max(sums.sums) == sums.sums[-1]


def test_each_task_has_one_result_however_many_processes_are_killed() -> None:
    pids: dict[int, int] = {}
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        tasks = (Told(f"{n}", "[time.sleep(0.002), os.getpid()][1]") for n in range(400))
        for place, pid in workers.run(tasks, title="Importing", size=0):
            assert place not in pids
            pids[place] = pid
            if len(pids) % 60 == 0:
                with suppress(ProcessLookupError):  # it was killed after an earlier result
                    os.kill(pid, signal.SIGKILL)
    assert sorted(pids) == list(range(400))
    assert len(set(pids.values())) > 4


def test_words_of_a_process_that_crashes_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    (error,) = run([Told("a.csv", "crash()")]).values()
    assert isinstance(error, StorageError)
    assert "signal 11 (Fatal Python error: Segmentation fault)" in error.message
    assert capfd.readouterr() == ("", "")


def test_idle_processes_that_die_are_replaced() -> None:
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        tasks = [Told("a", "[time.sleep(0.1), os.getpid()][1]")] * 2
        before = {pid for _, pid in workers.run(tasks, title="Importing", size=0)}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        after = {pid for _, pid in workers.run(tasks, title="Importing", size=0)}
    assert not before & after


STORM = """
import os, signal, threading
from importer.pipeline.workers.pool import Workers
from importer.progress import NullProgress
from worker_tasks import Told
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
if __name__ == "__main__":
    taken = []
    for number in SIGNALS:
        signal.signal(number, lambda number, _: taken.append(number))
    ended = threading.Event()
    def storm():
        while not ended.wait(0.005):
            for number in SIGNALS:
                os.killpg(0, number)
    threading.Thread(target=storm, daemon=True).start()
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        call = "[time.sleep(0.05), multiprocessing.current_process().name][1]"
        results = dict(workers.run([Told("a", call)] * 6, title="", size=0))
    ended.set()
    print(len(results), set(results.values()) <= {"SpawnProcess-1", "SpawnProcess-2"}, set(taken) == set(SIGNALS))
"""


def test_signals_of_the_terminal_do_not_reach_a_process_from_its_start_on() -> None:
    words = [sys.executable, "-c", STORM]
    done = subprocess.run(
        words, capture_output=True, text=True, env=environ(), check=False, process_group=0, timeout=60
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == "6 True True\n"  # no process was lost and replaced


def test_a_process_that_died_before_a_stop_is_not_replaced(tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_and_kill() -> None:
        wait_until((tmp_path / "b.0").exists, "the other one begins")
        wait_until((tmp_path / "a.0").exists, "it begins")
        stop.set()
        kill(tmp_path, "a.0")

    thread = threading.Thread(target=stop_and_kill, daemon=True)
    with Workers(2, progress=NullProgress(), stop=stop) as workers:
        thread.start()
        tasks = [Told("a", "busy(60)", tmp_path), Told("b", "context.stop.wait(60)", tmp_path)]
        assert dict(workers.run(tasks, title="Importing", size=0)) == {1: True}
    thread.join()


@pytest.mark.parametrize(
    ("python", "why"),
    [("/bin/false", "each ended with exit code 1"), ("/nowhere/python", "each ended with exit code 255")],
)
def test_processes_that_do_not_come_up_are_an_error(python: str, why: str) -> None:
    script = (
        f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n"
        "import multiprocessing, test_crash_workers\n"
        f"multiprocessing.set_executable({python!r})\n"
        "test_crash_workers.run([test_crash_workers.Told('a')])\n"
    )
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, env=environ(), check=False)
    assert done.stderr.splitlines()[-1] == f"importer.errors.StorageError: no process can be started: {why}"


def test_fewer_processes_do_where_more_do_not_come_up(tmp_path: Path) -> None:
    def tasks() -> Iterator[Told]:
        yield Told("a", "time.sleep(0.1)", tmp_path)
        wait_until((tmp_path / "a.0").exists, "the first is up")
        multiprocessing.set_executable("/nowhere/python")
        for _ in range(5):
            yield Told("b", "os.getpid()")

    try:
        results = run(tasks(), count=3)
    finally:
        multiprocessing.set_executable(sys.executable)
    assert len(results) == 6
    assert len({results[place] for place in range(1, 6)}) == 1


def test_fewer_processes_do_where_no_more_can_be_started(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def tasks() -> Iterator[Told]:
        yield Told("a", "None", tmp_path)
        wait_until((tmp_path / "a.0").exists, "the first is up")
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        for _ in range(5):
            yield Told("b", "os.getpid()")

    try:
        results = run(tasks(), count=3)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(results) == 6
    assert len({results[place] for place in range(1, 6)}) == 1


# ── their parent ─────────────────────────────────────────────────────────────────────────────────

PARENT = """
import sys, threading
from pathlib import Path
from importer.pipeline.workers.pool import Workers
from importer.progress import NullProgress
from worker_tasks import Told
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with Workers(2, progress=NullProgress(), stop=threading.Event()) as workers:
        list(workers.run([Told("a", "busy(60)", folder), Told("b", "time.sleep(60)", folder)], title="", size=0))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_is_killed_leaves_no_process_behind(tmp_path: Path, number: int) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, "parent.py", str(tmp_path)],
        cwd=tmp_path,
        env=environ(),
        process_group=0,
        stderr=subprocess.PIPE,
    )
    with parent:
        wait_until(lambda: {path.name for path in tmp_path.iterdir()} >= {"a.0", "b.0"}, "both are at work")
        assert len(group(parent.pid)) == 4  # with the one that Python starts beside them
        (parent.send_signal if number == signal.SIGKILL else lambda each: os.killpg(parent.pid, each))(number)
        parent.wait(20)
        died = time.monotonic()
        wait_until(lambda: not group(parent.pid), "its processes end")
        assert time.monotonic() - died < 5
        assert parent.stderr is not None
        said = parent.stderr.read().decode()
    assert said.count("Traceback") == (number == signal.SIGINT)


def group(number: int) -> list[str]:
    """Return the processes of a group that have not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [line[2] for line in lines if int(line[0]) == number and not line[1].startswith("Z")]
