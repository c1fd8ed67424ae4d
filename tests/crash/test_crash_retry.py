"""Retries: what may be retried, with which ids, from which source; and that they survive like any run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from crash_helpers import (
    Ended,
    Importer,
    Scene,
    broken_landings,
    broken_successes,
    server,
    success,
    wait_until,
    write_source,
)

pytestmark = pytest.mark.slow

ROWS = 100
RESULTS = "events.results.csv"
RETRY = "events.results.retry-1.csv"
INVALID = {93, 95, 98}
FAILED = set(range(51, 61))  # the batch that holds record 55
POISON = ("--poison", '503:"n":55')


def with_failures(scene: Scene, source: str = "events.csv") -> None:
    """Run to an end that leaves some records failed and some invalid; then mend the server."""
    write_source(scene.path(source), ROWS, INVALID)
    assert scene.ended("run", source, "--max-retries", "1").code == 1
    counts = scene.status().counts
    assert (counts.failed, counts.invalid) == (10, 3)
    scene.mend()


def mended_source(scene: Scene) -> None:
    """Mend the records that no event could be made of, and change no other."""
    write_source(scene.path("events.csv"), ROWS)


def assert_stands(scene: Scene, imported: set[int]) -> None:
    """So many are on the server once, the results of run and retries say so, and everything adds up."""
    landed = scene.landed()
    assert [*broken_landings(landed, imported)] == []
    files = sorted(scene.folder.glob("events.results*.csv"))
    for path in files:
        assert [*broken_successes(scene.results(path.name), landed)] == []
    status = scene.status()
    assert (status.reconciles, status.unattempted, status.counts.imported) == (True, 0, len(imported))


def typed(scene: Scene, words: list[str]) -> Ended:
    with Importer(scene.folder, [*words, "--yes"]) as importer:
        return importer.ended()


def manifest(scene: Scene, results: str) -> dict:
    return json.loads(scene.path(f"{results}.run.json").read_bytes())


def without(numbers: set[int]) -> set[int]:
    return set(range(1, ROWS + 1)) - numbers


# ── what dies ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["hang", "hold"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_retry_is_finished(tmp_path: Path, fault: str, number: int):
    with server(tmp_path, "--at", f"{11 + number}={fault}", *POISON) as scene:
        write_source(scene.path("events.csv"), ROWS)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        with scene.start("retry", RESULTS, "--batch-size", "5") as importer:
            scene.wait_for_fault(fault)
            importer.kill()
        written = scene.rows(RETRY)
        assert written == sorted(FAILED)[: len(written)]
        assert len(written) <= 5 * (number - 1)
        scene.mend()
        ended = scene.ended("retry", RESULTS, "--resume", "--batch-size", "5")
        assert ended.code == 0, ended.said
        assert scene.rows(RETRY) == sorted(FAILED)
        assert_stands(scene, without(set()))
        assert scene.status().next_step is None


@pytest.mark.parametrize("linked", [False, True])
def test_a_retry_killed_between_its_manifest_and_its_results_is_finished(tmp_path: Path, linked: bool):
    """Its results, and the parent's link to it, are put back after the kill to what they were at that point."""
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        parent = scene.path(f"{RESULTS}.run.json")
        before = parent.read_bytes()
        assert scene.ended("retry", RESULTS).code == 1
        scene.path(RETRY).unlink()
        if not linked:
            parent.write_bytes(before)
        status = typed_status(scene)
        ended = typed(scene, [*status, "--resume"] if "--resume" not in status else status)
        assert ended.code == 1, ended.said
        assert scene.rows(RETRY) == sorted(FAILED | INVALID)
        assert_stands(scene, without(INVALID))


def typed_status(scene: Scene) -> list[str]:
    """The command that ``status`` names."""
    with Importer(scene.folder, ["status", RESULTS, "--json"]) as importer:
        return shlex.split(json.loads(importer.ended().data)["next"])[1:]


def test_a_killed_retry_goes_on_with_what_it_was_for(tmp_path: Path):
    with server(tmp_path, "--at", "12=hang", *POISON) as scene:
        write_source(scene.path("events.csv"), ROWS, INVALID)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        assert scene.requests() == 11
        with scene.start("retry", RESULTS, "--status", "failed") as importer:
            scene.wait_for_fault("hang")
            importer.kill()
        scene.mend()
        ended = typed(scene, typed_status(scene))
        assert ended.code == 0, ended.said
        assert scene.rows(RETRY) == sorted(FAILED)
        assert_stands(scene, without(INVALID))


def test_two_retries_at_once_are_refused(tmp_path: Path):
    with server(tmp_path, "--at", "12=hold", *POISON) as scene:
        write_source(scene.path("events.csv"), ROWS, INVALID)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        with scene.start("retry", RESULTS) as importer:
            scene.wait_for_fault("hold")
            elsewhere = scene.folder / "second"
            elsewhere.mkdir()
            for more in ((), ("--resume",)):
                second = Scene(elsewhere, scene.url).ended("retry", f"../{RESULTS}", *more)
                assert second.code == 2, second.said
            scene.mend()
            assert importer.ended().code == 1
        assert_stands(scene, without(INVALID))


# ── what is retried ──────────────────────────────────────────────────────────────────────────────


def test_a_retry_sends_what_failed_and_nothing_else(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        before = scene.raw_count()
        ended = scene.ended("retry", RESULTS, "--status", "failed")
        assert ended.code == 0, ended.said
        assert scene.raw_count() == before + len(FAILED)
        assert scene.rows(RETRY) == sorted(FAILED)
        assert_stands(scene, without(INVALID))


def test_failed_records_that_had_landed_are_still_there_once(tmp_path: Path):
    with server(tmp_path, "--poison", 'reset_after:"n":55') as scene:  # taken each time, and never answered
        write_source(scene.path("events.csv"), ROWS)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        assert [int(line["row"]) for line in scene.results() if line["status"] == "failed"] == sorted(FAILED)
        assert (len(scene.landed()), scene.raw_count()) == (ROWS, ROWS + 10)
        scene.mend()
        assert scene.ended("retry", RESULTS).code == 0
        assert_stands(scene, without(set()))
        assert scene.raw_count() == ROWS + 20


def test_ids_that_are_not_made_again_stop_a_retry_before_it_sends(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        path = scene.path(RESULTS)
        (line,) = [line for line in scene.results() if line["row"] == "51"]
        path.write_bytes(path.read_bytes().replace(line["insert_id"].encode(), b"f" * 32))
        before = scene.raw_count()
        ended = scene.ended("retry", RESULTS, "--status", "failed")
        assert ended.code == 2
        assert f"row 51 (line 52) may have landed as {'f' * 32}" in ended.said
        assert scene.raw_count() == before


def test_a_failed_record_keeps_its_event_under_a_new_reading(tmp_path: Path):
    """It may have landed, so the new type and tag are for the records that were invalid alone."""
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        ended = scene.ended("retry", RESULTS, "--missing-time", "now", "--tag", "again")
        assert ended.code == 1, ended.said  # "yesterday" is no missing time
        ids = {line["row"]: line["insert_id"] for line in scene.results()}
        assert all(line["insert_id"] == ids[line["row"]] for line in scene.results(RETRY) if success(line))
        assert not any("import_tag" in each for each in scene.landed())
        assert_stands(scene, without(INVALID))


# ── what it is read from ─────────────────────────────────────────────────────────────────────────


def test_a_changed_source_is_refused_and_the_way_out_is_named(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        before = scene.requests()
        mended_source(scene)
        ended = scene.ended("retry", RESULTS)
        assert (ended.code, "it has changed since" in ended.said, "--source-changed" in ended.said) == (
            2, True, True,
        )  # fmt: skip
        assert scene.requests() == before
        assert not scene.path(RETRY).exists()


def test_a_mended_source_is_checked_and_retried(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        mended_source(scene)
        ended = scene.ended("retry", RESULTS, "--source-changed")
        assert ended.code == 0, ended.said
        assert_stands(scene, without(set()))
        assert scene.status().next_step is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("user-3,2024-03-01T00:00:10Z", "user-9,2024-03-01T00:00:10Z"), "row 10 (line 11)"),
        (lambda text: "".join(text.splitlines(keepends=True)[:90]), "ends before row 90"),
        (lambda text: text.replace("\n", "\nSign Up,user-0,2024-02-01T00:00:00Z,0,pro\n", 1), "row 1 (line 2)"),
    ],
    ids=["an imported record", "fewer records", "a record before all others"],
)  # fmt: skip
def test_a_source_in_which_something_else_changed_is_refused(tmp_path: Path, change, words: str):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        mended_source(scene)
        source = scene.path("events.csv")
        changed = change(source.read_text())
        assert changed != source.read_text()
        source.write_text(changed)
        before = scene.requests()
        ended = scene.ended("retry", RESULTS, "--source-changed")
        assert (ended.code, words in ended.said) == (2, True), ended.said
        assert scene.requests() == before


def test_a_killed_retry_from_a_mended_source_is_finished_by_the_command_that_is_named(tmp_path: Path):
    with server(tmp_path, "--at", "12=hang", *POISON) as scene:
        write_source(scene.path("events.csv"), ROWS, INVALID)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        mended_source(scene)
        with scene.start("retry", RESULTS, "--source-changed") as importer:
            scene.wait_for_fault("hang")
            importer.kill()
        scene.mend()
        ended = typed(scene, typed_status(scene))
        assert ended.code == 0, ended.said
        assert_stands(scene, without(set()))


def test_a_stopped_retry_is_not_finished_from_a_third_source(tmp_path: Path):
    with server(tmp_path, "--at", "12=hang", *POISON) as scene:
        write_source(scene.path("events.csv"), ROWS, INVALID)
        assert scene.ended("run", "events.csv", "--max-retries", "1").code == 1
        mended_source(scene)
        with scene.start("retry", RESULTS, "--source-changed") as importer:
            scene.wait_for_fault("hang")
            importer.kill()
        scene.mend()
        before = scene.requests()
        write_source(scene.path("events.csv"), ROWS, INVALID - {93})
        for more in ((), ("--source-changed",)):
            ended = scene.ended("retry", RESULTS, "--resume", *more)
            assert (ended.code, "changed" in ended.said) == (2, True), ended.said
        assert scene.requests() == before


def test_standard_input_is_kept_until_every_record_is_imported(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        data = write_source(tmp_path / "fed.csv", ROWS, INVALID).read_bytes()
        with scene.start("run", "-", "--results", RESULTS, "--max-retries", "1") as importer:
            assert importer.process.stdin
            importer.process.stdin.write(data)
            assert importer.ended().code == 1
        kept = scene.path(f"{RESULTS}.source")
        scene.mend()
        assert scene.ended("retry", RESULTS, "--status", "failed").code == 0
        assert kept.read_bytes() == data  # three records are still to be mended
        mended = scene.ended("retry", RETRY, "--map", "time=", "--missing-time", "now")
        assert mended.code == 0, mended.said
        assert_stands(scene, without(set()))
        assert not kept.exists()


# ── what may not be retried ──────────────────────────────────────────────────────────────────────


def test_a_run_that_is_not_finished_is_not_retried(tmp_path: Path):
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hang")
            wait_until(lambda: len(scene.rows()) == 30, "three batches are in the results")
            importer.kill()
        scene.mend()
        ended = scene.ended("retry", RESULTS)
        assert ended.code == 2
        assert "is not finished: 70 records have no outcome yet" in ended.said
        (line,) = [line for line in ended.said.splitlines() if line.startswith("Finish it first: ")]
        words = shlex.split(line)[4:]
        assert typed(scene, words).code == 0
        assert_stands(scene, without(set()))


def test_a_run_is_not_retried_twice(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        assert scene.ended("retry", RESULTS).code == 1
        before = scene.requests()
        ended = scene.ended("retry", RESULTS, "--results", "other.csv")
        assert ended.code == 2
        assert f"{RETRY} is the last of its retries" in ended.said
        assert f"Only records to mend are left: mixpanel-importer status {RETRY}" in ended.said
        assert scene.requests() == before


def test_a_retry_goes_to_where_the_run_went(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        scene.path("other.txt").write_text("another-token")
        before = scene.requests()
        for option, named in [
            (("--base-url", "http://127.0.0.1:9"), "host: was http://127.0.0.1:"),
            (("--token-file", "other.txt"), "credentials: another token than before"),
        ]:
            ended = scene.ended("retry", RESULTS, *option)
            assert (ended.code, named in ended.said) == (2, True), ended.said
        assert scene.requests() == before


@pytest.mark.parametrize(
    ("command", "target"),
    [
        (("retry", RESULTS), "events.csv"),
        (("retry", RESULTS), RESULTS),
        (("retry", RESULTS), RETRY),
        (("run", "events.csv", "--results", "other.csv"), "events.csv"),
        (("run", "events.csv", "--results", "other.csv"), "other.csv"),
        (("run", "events.csv", "also.csv", "--results", "."), "failed.csv"),
    ],
)
def test_a_copy_of_failed_records_replaces_neither_source_nor_results_nor_itself(
    tmp_path: Path, command: tuple[str, ...], target: str
):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        scene.path("also.csv").write_bytes(scene.path("events.csv").read_bytes())
        kept = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
        ended = scene.ended(*command, "--failed-rows", target)
        assert ended.code == 2, ended.said
        assert {path: path.read_bytes() for path in tmp_path.glob("*.csv")} == kept


def test_a_retry_replaces_no_results_that_hold_other_imports(tmp_path: Path):
    with server(tmp_path, *POISON) as scene:
        with_failures(scene)
        assert scene.ended("run", "events.csv", "--tag", "other", "--results", "other.csv").code == 1
        kept = scene.path("other.csv").read_bytes()
        ended = scene.ended("retry", RESULTS, "--results", "other.csv", "--overwrite")
        assert (ended.code, "they would double" in ended.said) == (2, True), ended.said
        assert scene.path("other.csv").read_bytes() == kept
        assert manifest(scene, RESULTS)["retried_by"] is None


def own_ids(path: Path, times: dict[int, str]) -> None:
    """Write records with ids of their own and times that say no zone."""
    lines = ["event,distinct_id,time,insert_id,n"]
    lines += [f"E,u{n},{times.get(n, f'2024-03-01T10:00:{n:02}')},own-{n},{n}" for n in range(1, 11)]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def failed_with_own_ids(scene: Scene) -> None:
    """Run to an end at which record 3 landed though nobody heard so, and record 7 had no time."""
    own_ids(scene.path("events.csv"), {7: "never"})
    done = scene.ended(
        "run", "events.csv", "--timezone", "Europe/Berlin", "--batch-size", "1", "--max-retries", "1"
    )
    assert done.code == 1, done.said
    counts = scene.status().counts
    assert (counts.failed, counts.invalid) == (1, 1)
    scene.mend()


def test_a_record_that_failed_is_sent_as_it_was_first_read_whatever_was_said_since(tmp_path: Path):
    with server(tmp_path, "--poison", 'reset_after:"n":3}') as scene:
        failed_with_own_ids(scene)
        assert scene.ended("retry", RESULTS, "--status", "invalid", "--timezone", "UTC").code == 1
        assert scene.ended("retry", RETRY, "--status", "failed").code == 0
        times = [event["time"] for event in scene.landed() if event["n"] == 3]
    assert times == [1709283603000], "10:00:03 in Berlin, once"


def test_failed_records_with_ids_of_their_own_are_not_sent_from_a_changed_source(tmp_path: Path):
    with server(tmp_path, "--poison", 'reset_after:"n":3}') as scene:
        failed_with_own_ids(scene)
        own_ids(scene.path("events.csv"), {3: "2024-03-05T10:00:00"})
        refused = scene.ended("retry", RESULTS, "--source-changed")
        assert refused.code == 2
        assert "--status failed" in refused.said
        mended = scene.ended("retry", RESULTS, "--source-changed", "--status", "invalid")
        assert mended.code == 0, mended.said
        assert len([event for event in scene.landed() if event["n"] == 3]) == 1


def test_resume_and_overwrite_together_are_refused_and_nothing_is_touched(tmp_path: Path):
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), 5)
        assert scene.ended("run", "events.csv").code == 0
        before = scene.path(RESULTS).read_bytes()
        assert scene.ended("run", "events.csv", "--resume", "--overwrite").code == 2
        assert scene.path(RESULTS).read_bytes() == before
