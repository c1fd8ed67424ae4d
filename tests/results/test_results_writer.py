"""The results file while it is written, on good disks and bad."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from results_helpers import delivered_of, outcome, outcomes, read_results

from importer.errors import ResultsError, StorageError
from importer.model import Status
from importer.results.counts import Counts, ResultsState
from importer.results.recovery import inspect_results, repair_results
from importer.results.storage import Durability
from importer.results.writer import ResultsWriter

ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "R.JSONL"])
def test_outcomes_are_read_back_in_order(tmp_path, name):
    path = tmp_path / name
    with ResultsWriter.create(path) as writer:
        writer.write([delivered_of([outcome(1), outcome(2, Status.INVALID)])])
        writer.write([delivered_of([])])
        writer.write([delivered_of([outcome(3)])])
    rows = read_results(path.rename(tmp_path / name.lower()))
    assert [(int(row["row"]), row["status"]) for row in rows] == [
        (1, "imported"),
        (2, "invalid"),
        (3, "imported"),
    ]


def test_counts_run_along(tmp_path):
    with ResultsWriter.create(tmp_path / "r.csv") as writer:
        assert (writer.counts, writer.rows) == (Counts(), 0)
        writer.write([delivered_of(outcomes(Status))])
        assert (writer.counts, writer.rows) == (Counts(1, 1, 1, 1, 1, 1, 1), 7)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_writer_knows_how_far_its_file_goes(tmp_path, name):
    path = tmp_path / name
    mixed = [outcome(7, Status.FAILED), outcome(9), outcome(12, Status.INVALID, event="a,b")]
    with ResultsWriter.create(path) as writer:
        assert writer.state == inspect_results(path)
        for lines in (outcomes([Status.IMPORTED] * 3), [], mixed):
            writer.write([delivered_of(lines)])
            assert writer.state == inspect_results(path)
        assert (writer.rows, writer.unsuccessful) == (6, 2)
    with ResultsWriter.resume(path, repair_results(path)) as writer:
        assert (writer.state, writer.unsuccessful) == (inspect_results(path), 2)
        writer.write([delivered_of([outcome(20, Status.REJECTED)])])
        assert (writer.state, writer.unsuccessful) == (inspect_results(path), 3)


def test_a_results_file_is_private(tmp_path):
    with ResultsWriter.create(tmp_path / "r.csv"):
        pass
    assert stat.S_IMODE((tmp_path / "r.csv").stat().st_mode) == 0o600


def test_a_replaced_results_file_is_private_too(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("old")
    path.chmod(0o644)
    with ResultsWriter.create(path, overwrite=True):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_results_file_stops_and_names_both_ways_on(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("precious")
    with pytest.raises(ResultsError) as caught:
        ResultsWriter.create(path)
    assert "--resume" in caught.value.remedy
    assert "--overwrite" in caught.value.remedy
    assert path.read_text() == "precious"


def test_overwrite_begins_with_a_header_alone(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("x" * 500)
    with ResultsWriter.create(path, overwrite=True):
        pass
    assert read_results(path) == []
    assert repair_results(path).records == 0


def test_overwrite_of_nothing_begins(tmp_path):
    with ResultsWriter.create(tmp_path / "r.csv", overwrite=True) as writer:
        writer.write([delivered_of([outcome(1)])])
    assert repair_results(tmp_path / "r.csv").records == 1


def test_a_resume_goes_on_where_the_file_ends(tmp_path):
    path = tmp_path / "r.csv"
    with ResultsWriter.create(path) as writer:
        writer.write([delivered_of([outcome(1), outcome(2, Status.FAILED)])])
    with ResultsWriter.resume(path, repair_results(path)) as writer:
        assert writer.rows == 2
        writer.write([delivered_of([outcome(3)])])
        assert (writer.counts, writer.rows) == (Counts(imported=2, failed=1), 3)
    assert repair_results(path).last_row == 3


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_resume_where_there_is_nothing_begins(tmp_path, name):
    path = tmp_path / name
    with ResultsWriter.resume(path, repair_results(path)) as writer:
        writer.write([delivered_of([outcome(1)])])
    assert repair_results(path).records == 1


def test_a_file_that_changed_after_the_repair_is_not_continued(tmp_path):
    path = tmp_path / "r.csv"
    with ResultsWriter.create(path) as writer:
        writer.write([delivered_of([outcome(1)])])
    state = repair_results(path)
    with path.open("ab") as file:
        file.write(b"another\n")
    with pytest.raises(ResultsError, match="changed after it was checked"):
        ResultsWriter.resume(path, state)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path, overwrite):
    with pytest.raises(StorageError, match=r"r\.csv can't be written") as caught:
        ResultsWriter.create(tmp_path / "none" / "r.csv", overwrite=overwrite)
    assert "--results" in caught.value.remedy


def test_a_folder_can_not_be_resumed_as_a_file(tmp_path):
    with pytest.raises(StorageError, match="can't be written"):
        ResultsWriter.resume(tmp_path, ResultsState())


# ── what lasts ───────────────────────────────────────────────────────────────────────────────────


class Disk:
    """Counts how often it is asked to make something last, and may break."""

    def __init__(self):
        self.syncs = 0
        self.broken = False

    def __call__(self, handle):
        os.fsync(handle)
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")


def test_outcomes_are_made_to_last_once_a_second_and_at_the_end(tmp_path):
    clock, disk = Clock(), Disk()
    with ResultsWriter.create(tmp_path / "r.csv", clock=clock, fsync=disk) as writer:
        asked = []
        for step in (0.5, 0.49, 0.01, 0.99, 0.01):
            clock.now += step
            writer.write([delivered_of([outcome(writer.rows + 1)])])
            asked.append(disk.syncs)
        assert asked == [1, 1, 2, 2, 3]  # 1 is the header's
        writer.write([delivered_of([outcome(6)])])
    assert disk.syncs == 4


def test_a_pause_can_be_used_to_make_outcomes_last(tmp_path):
    disk = Disk()
    with ResultsWriter.create(tmp_path / "r.csv", clock=Clock(), fsync=disk) as writer:
        writer.write([delivered_of([outcome(1)])])
        writer.sync()
        writer.sync()
        assert disk.syncs == 2  # the header's and one: nothing was new for the second
    assert disk.syncs == 2


def test_outcomes_can_last_without_that_the_header_did_so_at_once(tmp_path):
    clock, disk = Clock(), Disk()
    with ResultsWriter.create(
        tmp_path / "r.csv", clock=clock, fsync=disk, durability=Durability.SOON
    ) as writer:
        writer.write([delivered_of([outcome(1)])])
        assert disk.syncs == 0
        clock.now += 1
        writer.tick()
        assert disk.syncs == 1
        writer.write([delivered_of([outcome(2)])])
    assert disk.syncs == 2


def test_outcomes_that_can_be_made_again_need_not_last(tmp_path):
    clock, disk = Clock(), Disk()
    with ResultsWriter.create(
        tmp_path / "r.csv", clock=clock, fsync=disk, durability=Durability.NEVER
    ) as writer:
        clock.now += 1
        writer.write([delivered_of([outcome(1)])])
    assert disk.syncs == 0
    assert repair_results(tmp_path / "r.csv").records == 1


def test_a_disk_that_breaks_is_a_clear_error_and_takes_nothing_more(tmp_path):
    disk = Disk()
    writer = ResultsWriter.create(tmp_path / "r.csv", clock=Clock(), fsync=disk)
    disk.broken = True
    writer.write([delivered_of([outcome(1)])])
    with pytest.raises(StorageError, match="Input/output error"):
        writer.sync()
    with pytest.raises(StorageError):
        writer.write([delivered_of([outcome(2)])])
    writer.close()
    assert repair_results(tmp_path / "r.csv").records == 1


def test_a_disk_that_breaks_at_the_end_does_not_end_in_silence(tmp_path):
    disk = Disk()
    writer = ResultsWriter.create(tmp_path / "r.csv", clock=Clock(), fsync=disk)
    writer.write([delivered_of([outcome(1)])])
    disk.broken = True
    with pytest.raises(StorageError):
        writer.close()


# ── full disks ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
def test_a_disk_that_is_full_from_the_start_is_a_clear_error():
    with pytest.raises(StorageError, match="No space left on device") as caught:
        ResultsWriter.resume(Path("/dev/full"), ResultsState())
    assert caught.value.exit_code == 5
    assert "Free some space" in caught.value.remedy
    assert "--resume" in caught.value.remedy


FILL = """
    import resource, signal, sys
    from pathlib import Path
    from importer.errors import StorageError
    from importer.results.recovery import repair_results
    from importer.results.writer import ResultsWriter
    from results_helpers import delivered_of, outcome

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = Path(sys.argv[1])
    writer = ResultsWriter.create(path)
    writer.write([delivered_of([outcome(row) for row in range(1, 11)])])
    room = path.stat().st_size + 300  # three lines fit, and a part of the fourth
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    errors = []
    for _ in range(2):
        try:
            writer.write([delivered_of([outcome(row) for row in range(11, 21)])])
        except StorageError as error:
            errors.append(error)
    writer.close()
    state = repair_results(path)
    assert len(errors) == 2 and errors[0] is errors[1]
    assert "Free some space" in errors[0].remedy
    assert not state.has_torn_end, state
    assert state.records == state.last_row == writer.rows == 13, (state, writer.rows)
    assert state == writer.state
    assert path.stat().st_size == state.valid_bytes
    print("held")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX's")
def test_a_disk_that_fills_up_keeps_the_lines_that_fitted_and_no_torn_one(tmp_path):
    done = run_python(FILL, tmp_path / "r.csv")
    assert done.stdout == "held\n", done.stderr


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=python_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def python_env():
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}


# ── the last word ────────────────────────────────────────────────────────────────────────────────

WRITE_ON = """
    import sys
    from pathlib import Path
    from importer.results.lock import Lock
    from importer.results.recovery import repair_results
    from importer.results.writer import ResultsWriter
    from results_helpers import delivered_of, outcome

    path = Path(sys.argv[1])
    with Lock(path), ResultsWriter.resume(path, repair_results(path)) as writer:
        row = writer.rows
        while True:
            batch = [outcome(row + i, note='a,"b"' * (i % 3)) for i in range(1, 51)]
            writer.write([delivered_of(batch)])
            row += 50
            print(row, flush=True)  # what the process knows to be written
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_killed_writer_leaves_a_true_beginning_and_a_second_one_goes_on(tmp_path, name):
    path = tmp_path / name
    known = 0
    for _ in range(3):
        known = max(known, kill_after_a_while(path, seconds=0.3))
        state = repair_results(path)
        assert state.records == state.last_row >= known
        assert state.counts == Counts(imported=state.records)
    assert [int(row["row"]) for row in read_results(path)] == list(range(1, state.records + 1))


def kill_after_a_while(path, seconds):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(path)], env=python_env(), stdout=subprocess.PIPE
    ) as process:
        first = process.stdout.readline()
        assert first, "the writer never wrote"
        deadline = time.monotonic() + seconds
        lines = [first]
        while time.monotonic() < deadline:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    return int(whole[-1])
