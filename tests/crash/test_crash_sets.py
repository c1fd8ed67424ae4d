"""Sets of sources whose workers, or whose parent, die, again and again; and what stops all of them at once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from crash_helpers import Ended, Importer, Scene, server, wait_until
from export_helpers import NAMED, Export, broken_set, set_manifest, write_export

pytestmark = pytest.mark.slow

FILES, ROWS = 60, 40
SLOW = ("--share", "slow=1", "--delay", "0.03")


def workers_of(process: int) -> list[int]:
    """Return the processes that do the work of a command."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for each in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):
                if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes():
                    found.append(int(each))
    return found


def start(scene: Scene, *more: str) -> Importer:
    names = [] if "--resume" in more else list(NAMED)
    return scene.start("run", *names, "--results", "out", "--workers", "2", *more)


def is_sending(scene: Scene, before: int = 0) -> Callable[[], bool]:
    return lambda: scene.requests() > before + 4


def wait_for_workers(importer: Importer) -> list[int]:
    def found() -> list[int]:
        assert importer.running, importer.said
        return workers_of(importer.process.pid)

    return wait_until(found, "there are workers")


def kill_workers(importer: Importer, scene: Scene, times: int, draw: random.Random) -> int:
    """Kill workers at random moments while a set is sent; return how many were."""
    killed = 0
    for _ in range(times):
        before = scene.requests()
        wait_until(lambda at=before: scene.requests() > at + 2 or not importer.running, "it sends")
        time.sleep(draw.uniform(0.2, 0.6))  # whatever is killed three times at one place is given up
        found = workers_of(importer.process.pid)
        if importer.running and found:
            with suppress(ProcessLookupError):
                os.kill(min(found), signal.SIGKILL)  # the one that works for the longest time
                killed += 1
    return killed


def assert_whole(export: Export, scene: Scene, ended: Ended) -> None:
    assert ended.code == 0, ended.said
    assert [*broken_set(export, scene.path("out"), scene.landed())] == []


@pytest.mark.parametrize("seed", range(1))
def test_workers_that_are_killed_cost_nothing(tmp_path: Path, seed: int):
    draw = random.Random(seed)
    with server(tmp_path, *SLOW) as scene:
        export = write_export(tmp_path, FILES, ROWS)
        with start(scene) as importer:
            assert kill_workers(importer, scene, 5, draw) >= 4
            ended = importer.ended()
        assert_whole(export, scene, ended)


@pytest.mark.parametrize("seed", range(1))
def test_a_parent_that_is_killed_leaves_no_worker_and_goes_on(tmp_path: Path, seed: int):
    draw = random.Random(seed)
    with server(tmp_path, *SLOW) as scene:
        export = write_export(tmp_path, FILES, ROWS)
        more: list[str] = []
        for _ in range(3):
            with start(scene, *more) as importer:
                kill_workers(importer, scene, 2, draw)
                workers = wait_for_workers(importer)
                importer.kill()
            wait_until(lambda ids=workers: not [pid for pid in ids if is_alive(pid)], "no worker is left")
            more = ["--resume"]
        with start(scene, "--resume") as importer:
            kill_workers(importer, scene, 1, draw)
            ended = importer.ended()
        assert_whole(export, scene, ended)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_all_in_order_and_the_set_goes_on(tmp_path: Path, number: int):
    with server(tmp_path, *SLOW) as scene:
        export = write_export(tmp_path, FILES, ROWS)
        with start(scene) as importer:
            wait_until(is_sending(scene), "it sends")
            importer.signal(number)
            ended = importer.ended()
        assert ended.code == 130, ended.said
        assert "Stopping: what has begun is finished first" in ended.said
        manifest = set_manifest(scene.path("out"))
        assert (manifest["exit_code"], manifest["reconciled"]) == (130, True)
        assert 0 < manifest["unattempted"] < export.records
        assert manifest["counts"]["imported"] == len(scene.landed()) == scene.raw_count()
        assert scene.next_command(ended)[:3] == ["run", "--results", "out"]
        with start(scene, "--resume") as importer:
            ended = importer.ended()
        assert_whole(export, scene, ended)
        assert scene.raw_count() == export.records, "nothing was sent twice"


def test_two_signals_leave_at_once_and_the_set_goes_on(tmp_path: Path):
    with server(tmp_path, "--share", "hang=1") as scene:
        export = write_export(tmp_path, 6, ROWS)
        with start(scene) as importer:
            wait_until(lambda: scene.requests() >= 2, "both workers wait for an answer")
            workers = workers_of(importer.process.pid)
            importer.signal(signal.SIGINT)
            wait_until(lambda: "Stopping" in importer.said, "it stops")
            importer.signal(signal.SIGINT)
            began = time.monotonic()
            ended = importer.ended()
        assert ended.code == 130, ended.said
        assert time.monotonic() - began < 10
        assert "Traceback" not in ended.said
        wait_until(lambda: not [pid for pid in workers if is_alive(pid)], "no worker is left")
        scene.mend()
        with start(scene, "--resume") as importer:
            ended = importer.ended()
        assert_whole(export, scene, ended)


def test_a_disk_that_is_full_for_one_source_stops_all_and_the_set_goes_on(tmp_path: Path):
    with server(tmp_path, *SLOW) as scene:
        export = write_export(tmp_path, 6, ROWS)
        with start(scene) as importer:
            wait_until(is_sending(scene), "it sends")
            for pid in wait_for_workers(importer)[:1]:
                limit_of_files(pid, 1_000)
            ended = importer.ended()
        assert ended.code == 5, ended.said
        assert "can't be written: File too large" in ended.said
        manifest = set_manifest(scene.path("out"))
        assert (manifest["exit_code"], manifest["reconciled"]) == (5, True)
        with start(scene, "--resume") as importer:
            ended = importer.ended()
        assert_whole(export, scene, ended)


def limit_of_files(pid: int, size: int) -> None:
    import resource

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))


def test_credentials_that_are_refused_stop_all_and_are_put_right(tmp_path: Path):
    with server(tmp_path, "--at", "1+=401") as scene:
        export = write_export(tmp_path, 12, ROWS)
        with start(scene) as importer:
            ended = importer.ended()
        assert ended.code == 4, ended.said
        manifest = set_manifest(scene.path("out"))
        assert (manifest["unauthorized"], manifest["unattempted"]) == (True, export.records)
        assert scene.requests() <= 4, "it does not ask for each source"
        with server(tmp_path) as other:
            with start(other, "--resume") as importer:
                ended = importer.ended()
            assert_whole(export, other, ended)


@pytest.mark.parametrize("more", [["--log-file", "log.jsonl"], ["--log-file", "log.jsonl", "--json"]])
def test_no_secret_is_written(tmp_path: Path, more: list[str]):
    from crash_helpers import SECRET

    with server(tmp_path, "--share", "429=0.1,503=0.1") as scene:
        export = write_export(tmp_path, 6, ROWS)
        with start(scene, *more) as importer:
            ended = importer.ended()
        assert_whole(export, scene, ended)
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert scene.path("log.jsonl") in written
        assert not [path for path in written if SECRET.encode() in path.read_bytes()]


@pytest.mark.slow
def test_sixty_files_of_five_thousand_rows(tmp_path: Path):
    draw = random.Random(14)
    with server(tmp_path) as scene:
        export = write_export(tmp_path, 60, 5_000)
        words = ("--batch-size", "500", "--concurrency", "2")
        with start(scene, *words) as importer:
            kill_workers(importer, scene, 2, draw)
            wait_for_workers(importer)
            importer.kill()
        with start(scene, "--resume", *words) as importer:
            ended = importer.ended()
        assert_whole(export, scene, ended)
