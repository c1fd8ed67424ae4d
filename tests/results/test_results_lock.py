"""Two runs on one results file: the second is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from results_helpers import delivered_of, outcome

from importer.errors import ResultsError, StorageError
from importer.results.lock import Lock
from importer.results.writer import ResultsWriter

ROOT = Path(__file__).parents[2]

HOLD = """
    import sys, time
    from pathlib import Path
    from importer.results.lock import Lock

    with Lock(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


def test_a_second_run_is_refused_and_told_why(tmp_path):
    path = tmp_path / "r.csv"
    with Lock(path), pytest.raises(ResultsError, match="Another run is writing to") as caught:
        Lock(path).acquire()
    assert caught.value.exit_code == 2
    assert "--results" in caught.value.remedy


def test_a_run_that_ended_leaves_the_way_free_and_no_file(tmp_path):
    path = tmp_path / "r.csv"
    for _ in range(2):
        with Lock(path):
            assert (tmp_path / "r.csv.lock").exists()
        assert list(tmp_path.iterdir()) == []


def test_a_refused_run_takes_nothing_from_the_first(tmp_path):
    path = tmp_path / "r.csv"
    with Lock(path):
        for _ in range(2):
            with pytest.raises(ResultsError):
                Lock(path).acquire()


def test_a_run_that_fails_gives_the_lock_back(tmp_path):
    path = tmp_path / "r.csv"
    with pytest.raises(ZeroDivisionError), Lock(path):
        _ = 1 / 0
    with Lock(path):
        pass


def test_releasing_twice_does_no_harm(tmp_path):
    lock = Lock(tmp_path / "r.csv")
    lock.acquire()
    lock.release()
    with Lock(tmp_path / "r.csv"):
        lock.release()
        with pytest.raises(ResultsError):
            Lock(tmp_path / "r.csv").acquire()


def test_overwrite_keeps_the_lock(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("old")
    with Lock(path):
        with ResultsWriter.create(path, overwrite=True) as writer:
            writer.write([delivered_of([outcome(1)])])
        with pytest.raises(ResultsError):
            Lock(path).acquire()


def test_two_names_of_one_file_meet_in_one_lock(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "r.csv")
    with Lock(tmp_path / "r.csv"), pytest.raises(ResultsError):
        Lock(tmp_path / "link.csv").acquire()


def test_two_results_files_do_not_meet(tmp_path):
    with Lock(tmp_path / "a.csv"), Lock(tmp_path / "b.csv"):
        pass


def test_many_that_come_and_go_never_hold_it_together(tmp_path):
    """Each removes the file as it goes: another may just have opened it."""
    path, inside, together, taken = tmp_path / "r.csv", [], [], []

    def come_and_go():
        for _ in range(300):
            try:
                with Lock(path):
                    inside.append(1)
                    if len(inside) > 1:
                        together.append(1)
                    taken.append(1)
                    inside.pop()
            except ResultsError:
                pass

    threads = [threading.Thread(target=come_and_go) for _ in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert taken
    assert not together


class LateLock(Lock):
    """Comes to lock the file just after its last owner removed it."""

    late = True

    def _lock(self, handle):
        if self.late:
            self.late = False
            self.path.unlink()
        super()._lock(handle)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no open file")
def test_a_lock_on_a_file_that_its_last_owner_removed_is_not_enough(tmp_path):
    path = tmp_path / "r.csv"
    with LateLock(path), pytest.raises(ResultsError):
        Lock(path).acquire()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_a_killed_run_holds_no_lock(tmp_path):
    path = tmp_path / "r.csv"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ResultsError):
            Lock(path).acquire()
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "r.csv.lock").exists()
    with Lock(path):
        pass


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(StorageError, match=r"r\.csv\.lock can't be written"):
        Lock(tmp_path / "none" / "r.csv").acquire()
