"""What stops a run, and that it goes on from there: full disks, signals, refusals, servers that are down."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import fault_server
import pytest
from crash_helpers import (
    SECRET,
    Ended,
    Importer,
    Scene,
    assert_whole,
    broken_promises,
    server,
    success,
    wait_until,
    write_source,
)

pytestmark = pytest.mark.slow

ROWS = 100  # ten requests
RESULTS = "events.results.csv"


def manifest(scene: Scene) -> dict:
    return json.loads(scene.path(f"{RESULTS}.run.json").read_bytes())


def assert_resumes(scene: Scene, *more: str) -> None:
    ended = scene.ended("run", "events.csv", "--resume", *more)
    assert ended.code == 0, ended.said
    assert_whole(scene, ROWS)


def assert_next_command_finishes(scene: Scene, ended: Ended) -> None:
    with Importer(scene.folder, [*scene.next_command(ended), "--yes"]) as importer:
        after = importer.ended()
    assert after.code == 0, after.said
    assert_whole(scene, ROWS)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_stops_the_run_before_more_is_sent(tmp_path: Path):
    with server(tmp_path, "--share", "slow=1", "--delay", "0.1") as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", file_limit=4_000)
        assert ended.code == 5
        assert f"{RESULTS} can't be written: File too large" in ended.said
        assert "Free some space" in ended.said
        data = scene.path(RESULTS).read_bytes()
        assert (len(data) <= 4_000, data[-1:]) == (True, b"\n")
        assert [*broken_promises(scene.path(RESULTS), scene.landed())] == []
        written = len(scene.rows())
        assert 20 < written < ROWS - 30
        assert scene.raw_count() <= written + 20  # the batch that did not fit, and the one on the wire
        assert (manifest(scene)["exit_code"], manifest(scene)["unattempted"]) == (5, ROWS - written)
        assert_next_command_finishes(scene, ended)


def test_a_disk_that_is_full_from_the_start_sends_nothing(tmp_path: Path):
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", "--quiet", file_limit=500)
        assert ended.code == 5
        assert f"{RESULTS}.run.json can't be written: File too large" in ended.said
        assert scene.requests() == 0
        assert_resumes(scene)


# ── signals ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_waits_for_what_is_on_the_wire_and_takes_nothing_new(tmp_path: Path, number: int):
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hold")
            importer.signal(number)
            wait_until(lambda: "Stopping" in importer.said, "it says that it stops")
            scene.mend()
            ended = importer.ended()
        assert ended.code == 130
        assert scene.rows() == [*range(1, 41)]
        assert scene.requests() == 4
        assert manifest(scene)["exit_code"] == 130
        assert_next_command_finishes(scene, ended)
        assert scene.raw_count() == ROWS  # nothing was sent twice


def test_a_second_signal_leaves_at_once(tmp_path: Path):
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hold")
            importer.signal(signal.SIGINT)
            wait_until(lambda: "Stopping" in importer.said, "it says that it stops")
            wait_until(lambda: len(scene.rows()) == 30, "three batches are in the results")
            importer.signal(signal.SIGINT)
            assert importer.ended().code == 130
        assert scene.faults()["hold"] == 1  # its answer is held to this day
        assert scene.rows() == [*range(1, 31)]
        scene.mend()
        assert_resumes(scene)


@pytest.mark.parametrize("fault", ["503", "429"])
def test_a_signal_ends_a_pause(tmp_path: Path, fault: str):
    with server(tmp_path, "--at", f"4+={fault}", "--retry-after", "600") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv", "--retry-wait", "600") as importer:
            scene.wait_for_fault(fault)
            importer.signal(signal.SIGINT)
            assert importer.ended().code == 130
        assert scene.rows() == [*range(1, 31)]
        scene.mend()
        assert_resumes(scene)


def test_a_signal_waits_no_longer_than_the_time_out(tmp_path: Path):
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv", "--timeout", "3") as importer:
            scene.wait_for_fault("hang")
            importer.signal(signal.SIGINT)
            assert importer.ended().code == 130
        assert scene.requests() == 4
        scene.mend()
        assert_resumes(scene)


def test_a_signal_while_every_value_is_looked_at_ends_it_before_anything_is_sent(tmp_path: Path):
    with server(tmp_path) as scene:
        source = write_source(scene.path("events.csv"), 400_000)
        with scene.start("run", "events.csv") as importer:
            descriptors = Path(f"/proc/{importer.process.pid}/fd")
            wait_until(
                lambda: any(each.resolve() == source for each in descriptors.iterdir()), "the source is open"
            )
            importer.signal(signal.SIGINT)
            ended = importer.ended()
        assert (ended.code, "Traceback" in ended.said) == (130, False)
        assert scene.requests() == 0
        assert not scene.path(RESULTS).exists()


# ── two runs ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--resume", "Another run is writing"),
        ("--overwrite", "Another run is writing"),
        ("--quiet", "is there already"),
    ],
)
def test_a_second_run_on_the_same_results_is_refused(tmp_path: Path, option: str, words: str):
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hold")
            wait_until(lambda: len(scene.rows()) == 30, "three batches are in the results")
            before = scene.path(f"{RESULTS}.run.json").read_bytes()
            elsewhere = scene.folder / "second"
            elsewhere.mkdir()
            second = Scene(elsewhere, scene.url).ended(
                "run", "../events.csv", "--results", f"../{RESULTS}", option
            )
            assert (second.code, words in second.said) == (2, True), second.said
            assert scene.path(f"{RESULTS}.run.json").read_bytes() == before
            assert scene.rows() == [*range(1, 31)]
            scene.mend()
            assert importer.ended().code == 0
        assert_whole(scene, ROWS)


def test_a_run_that_finds_results_when_it_is_ready_leaves_them_alone(tmp_path: Path):
    """Its source comes in slowly; meanwhile another run begins and ends on the same results."""
    with server(tmp_path) as scene:
        source = write_source(scene.path("events.csv"), ROWS)
        elsewhere = scene.folder / "second"
        elsewhere.mkdir()
        late = Scene(elsewhere, scene.url)
        with late.start("run", "-", "--results", f"../{RESULTS}", "--tag", "late") as importer:
            part = scene.path(f"{RESULTS}.source.part")
            wait_until(part.exists, "standard input is being kept")
            assert scene.ended("run", "events.csv").code == 0
            before = scene.path(f"{RESULTS}.run.json").read_bytes()
            assert importer.process.stdin
            importer.process.stdin.write(source.read_bytes())
            ended = importer.ended()
        assert ended.code == 2, ended.said
        assert scene.path(f"{RESULTS}.run.json").read_bytes() == before
        assert_whole(scene, ROWS)
        assert scene.raw_count() == ROWS


# ── a resume that would do something else ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (("--map", "distinct_id=plan"), "column of field 'distinct_id': was distinct_id, is plan"),
        (("--type", "n=string"), "type of column 'n': was integer, is string"),
        (("--timezone", "Europe/Berlin"), "timezone: was none, is Europe/Berlin"),
        (("--tag", "again"), "tag: was none, is again"),
        (("--set", "origin=web"), "constant 'origin': was none, is web"),
        (("--dry-run", "--results", RESULTS), "kind: was real, is dry-run"),
        (("--sandbox", "--results", RESULTS), "kind: was real, is sandbox"),
        (("--base-url", "http://127.0.0.1:9"), "host: was http://127.0.0.1:"),
        (("--endpoint", "track"), "endpoint: was import, is track"),
        (("--token-file", "other.txt"), "credentials: another token than before"),
    ],
)
def test_a_resume_with_another_reading_or_destination_names_the_difference(
    stopped: Scene, option: tuple[str, ...], named: str
):
    stopped.path("other.txt").write_text("another-token")
    before = stopped.raw_count()
    ended = stopped.ended("run", "events.csv", "--resume", *option)
    assert (ended.code, named in ended.said) == (2, True), ended.said
    assert stopped.raw_count() == before
    assert_resumes(stopped)


@pytest.fixture
def stopped(tmp_path: Path):
    """A run that was killed after some batches; the server is well again."""
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hang")
            importer.kill()
        scene.mend()
        yield scene


def test_a_resume_on_another_file_is_refused(stopped: Scene):
    source = stopped.path("events.csv")
    old = source.read_bytes()
    before = stopped.raw_count()
    for other in (old.replace(b"user-1", b"user-2", 1), old + old.splitlines()[-1] + b"\n"):
        source.write_bytes(other)
        ended = stopped.ended("run", "events.csv", "--resume")
        assert (ended.code, "content of the source: was " in ended.said) == (2, True), ended.said
        assert stopped.raw_count() == before
    source.write_bytes(old)  # at another time, but the same
    assert_resumes(stopped)


def test_a_resume_takes_other_ways_to_deliver(stopped: Scene):
    assert_resumes(stopped, "--batch-size", "7", "--concurrency", "3", "--timeout", "9", "--max-retries", "2")


def test_a_stopped_run_is_neither_repeated_nor_retried_by_mistake(stopped: Scene):
    before = stopped.raw_count()
    again = stopped.ended("run", "events.csv")
    assert (again.code, "--resume" in again.said) == (2, True)
    retry = stopped.ended("retry", RESULTS)
    assert (retry.code, "run events.csv --base-url" in retry.said, "--resume" in retry.said) == (
        2,
        True,
        True,
    )
    assert stopped.raw_count() == before
    assert_resumes(stopped)


# ── a server that refuses or is down ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["401", "403", "404"])
@pytest.mark.parametrize("concurrency", ["1", "6"])
def test_a_refusal_in_the_middle_stops_and_marks_nothing_that_was_not_answered(
    tmp_path: Path, status: str, concurrency: str
):
    with server(tmp_path, "--at", f"4+={status}") as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", "--concurrency", concurrency)
        assert ended.code == 4
        assert (status in ended.said, SECRET in ended.said) == (True, False)
        lines = scene.results()
        assert len(lines) <= 30
        assert all(map(success, lines))
        assert (manifest(scene)["exit_code"], manifest(scene)["unattempted"]) == (4, ROWS - len(lines))
        scene.mend()
        assert_next_command_finishes(scene, ended)


def test_a_server_that_gives_out_stops_the_run_and_names_the_way_on(tmp_path: Path):
    with server(tmp_path, "--at", "4+=503") as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", "--max-retries", "2")
        assert ended.code == 5
        assert scene.rows() == [*range(1, 31)]
        assert manifest(scene)["unattempted"] == ROWS - 30
        scene.mend()
        assert_next_command_finishes(scene, ended)


def test_a_server_that_is_gone_and_comes_back(tmp_path: Path):
    db = str(tmp_path / "landed.db")
    source = write_source(tmp_path / "events.csv", ROWS)
    with fault_server.running("--db", db, "--share", "slow=1", "--delay", "0.5") as url:
        scene = Scene(tmp_path, url)
        importer = scene.start("run", source.name, "--max-retries", "1")
        wait_until(scene.rows, "something is in the results")
    with importer:
        assert importer.ended().code == 5
    assert 0 < len(scene.rows()) < ROWS
    with fault_server.running("--db", db, "--port", url.rpartition(":")[2]):
        assert_resumes(scene)


@pytest.mark.parametrize("concurrency", ["1", "4"])
def test_one_batch_that_keeps_failing_is_failed_and_the_rest_is_imported(tmp_path: Path, concurrency: str):
    with server(tmp_path, "--poison", '503:"n":55') as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", "--max-retries", "2", "--concurrency", concurrency)
        assert ended.code == 1
        lines = scene.results()
        assert [int(line["row"]) for line in lines if line["status"] == "failed"] == [*range(51, 61)]
        assert {line["error"] for line in lines if not success(line)} == {
            "not delivered in 3 tries; the last: HTTP 503: fault 503"
        }
        assert scene.raw_count() == ROWS - 10
        scene.mend()
        with Importer(scene.folder, [*scene.next_command(ended), "--yes"]) as importer:
            retried = importer.ended()
        assert retried.code == 0, retried.said
        assert scene.rows("events.results.retry-1.csv") == [*range(51, 61)]
        assert scene.raw_count() == ROWS  # exactly those were sent
        assert sorted(each["n"] for each in scene.landed()) == [*range(1, ROWS + 1)]
        status = scene.status()
        assert (status.reconciles, status.counts.imported, status.next_step) == (True, ROWS, None)


def test_a_limit_per_minute_costs_time_and_no_record(tmp_path: Path):
    with server(tmp_path, "--events-per-minute", "40", "--minute", "1") as scene:
        write_source(scene.path("events.csv"), ROWS)
        ended = scene.ended("run", "events.csv", "--concurrency", "4", "--retry-wait", "0.05")
        assert ended.code == 0, ended.said
        assert scene.faults()["429"] > 0
        assert_whole(scene, ROWS)
        assert scene.raw_count() == ROWS


# ── order ────────────────────────────────────────────────────────────────────────────────────────


def test_results_wait_for_the_first_answer_while_later_ones_are_there(tmp_path: Path):
    with server(tmp_path, "--poison", 'hold:"n":1,') as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv", "--concurrency", "4") as importer:
            wait_until(lambda: scene.raw_count() == ROWS, "everything was taken")
            assert scene.rows() == []
            scene.mend()
            assert importer.ended().code == 0
        assert_whole(scene, ROWS)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_answers_in_any_order_make_results_in_the_order_of_the_source(tmp_path: Path, seed: str):
    with server(
        tmp_path, "--share", "slow=0.4,reset_after=0.1,503=0.1", "--delay", "0.1", "--seed", seed
    ) as scene:
        write_source(scene.path("events.csv"), 600)
        results, seen = scene.path(RESULTS), scene.path("seen.csv")
        with scene.start("run", "events.csv", "--concurrency", "8") as importer:
            while importer.running:
                if results.exists():
                    seen.write_bytes(
                        results.read_bytes()
                    )  # before the server is asked: it takes more meanwhile
                    assert [*broken_promises(seen, scene.landed())] == []
            assert importer.ended().code == 0
        faults = scene.faults()
        assert min(faults["slow"], faults["none"], faults["503"], faults["reset_after"]) > 0
        assert_whole(scene, 600)


def test_no_word_of_the_token_is_left_by_a_run_that_died(stopped: Scene):
    for path in stopped.folder.iterdir():
        assert SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "said", [("--delimiter", "tab"), ("--delimiter", "\\t"), ("--encoding", "UTF8"), ("--quote", "none")]
)
def test_a_run_is_resumed_by_the_very_command_that_began_it(tmp_path: Path, said: tuple[str, str]):
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), 20)
        text = scene.path("events.csv").read_text().replace('"pro, yearly"', "pro").replace(",", "\t")
        scene.path("events.csv").write_text(text)
        assert scene.ended("run", "events.csv", *said).code == 0
        again = scene.ended("run", "events.csv", *said, "--resume")
        assert again.code == 0, again.said
