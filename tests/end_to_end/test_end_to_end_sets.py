"""What a user does with the results of a set of sources after a run."""

from __future__ import annotations

import gzip
import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fault_server
import httpx
import pytest
from end_to_end_helpers import TOKEN, CommandResult, Server, Shell

from importer.results.lock import Lock
from importer.results.set_manifest import set_path

HEADER = "event,time,distinct_id,$insert_id,amount\n"


def write_sources(shell: Shell, number: int = 3, rows: int = 4, bad: Sequence[tuple[int, int]] = ()) -> Path:
    """Write CSV files in nested folders; ``bad`` are the records (file, row) whose time can't be read."""
    for at in range(1, number + 1):
        path = shell.folder / f"export/{2020 + at}/{at:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"Buy,{'never' if (at, row) in bad else 1_700_000_000 + row},u{row},id-{at}-{row},{row}\n"
            for row in range(1, rows + 1)
        ]
        path.write_text(HEADER + "".join(lines))
    return shell.folder / "export"


def run_set(shell: Shell, *words: str) -> int:
    return shell.type("run", "export", "--workers", "1", "--yes", *words).code


# ── status ───────────────────────────────────────────────────────────────────────────────────────


def test_status_of_a_finished_set(shell: Shell) -> None:
    write_sources(shell)
    assert run_set(shell) == 0
    done = shell.type("status", "export.results")
    assert shell.type("status", ".").err.endswith("Results in it: export.results\n")
    assert shell.type("status", "exports.results").err.endswith("Results here: export.results\n")
    assert done.code == 0
    assert "12 records = 12 imported + 0 unattempted  (adds up)" in done.out
    assert "3 sources · 3 finished" in done.out
    assert done.out.endswith("Nothing is left to do.\n")


def test_status_names_the_worst_sources_first_and_what_is_left_out(shell: Shell) -> None:
    folder = write_sources(shell, 4, bad=[(2, 1), (3, 1), (3, 2)])
    (folder / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08 no gzip")
    (folder / "empty.csv").touch()
    (folder / "false.zip").write_bytes(b"a")
    done = shell.type("run", "export", "--workers", "1", "--yes")
    assert "2 sources were left out (export/broken.csv.gz, export/false.zip): mend them, and" in done.err
    assert done.code == 1
    assert json.loads(shell.type("status", "export.results", "--json").out)["left_out"][1] == {
        "source": "export/false.zip", "state": "damaged", "why": "is no zip archive"
    }  # fmt: skip
    done = shell.type("status", "export.results")
    assert done.code == 1
    assert "7 sources · 4 finished · 1 empty · 2 damaged" in done.out
    worst = [line for line in done.out.splitlines() if "invalid" in line and ".csv:" in line]
    assert ["2023/03.csv" in worst[0], "2022/02.csv" in worst[1]] == [True, True]
    assert "Left out     export/broken.csv.gz: damaged:" in done.out
    assert "--resume --failed-rows export.failed" in done.out


def test_status_says_which_sources_appeared_vanished_and_changed(shell: Shell) -> None:
    folder = write_sources(shell)
    run_set(shell)
    (folder / "new.csv").write_text(HEADER)
    (folder / "2021/01.csv").unlink()
    (folder / "2022/02.csv").write_text(HEADER)
    done = shell.type("status", "export.results")
    assert done.code == 0
    assert "1 source appeared: export/new.csv" in done.out
    assert "1 source vanished: export/2021/01.csv" in done.out
    assert "1 source changed: export/2022/02.csv" in done.out
    assert "Nothing is left to do of this set.\nexport/new.csv appeared since: what is new there" in done.out
    assert done.out.endswith("Import each by its own name, with another --results.\n")
    found = json.loads(shell.type("status", "export.results", "--json").out)
    assert [found[key] for key in ("appeared", "vanished", "changed")] == [
        ["export/new.csv"], ["export/2021/01.csv"], ["export/2022/02.csv"]
    ]  # fmt: skip
    assert [found["next"], found["left_out"]] == ["", []]


@pytest.mark.parametrize("old", [False, True])
def test_what_appeared_is_imported_as_status_says(shell: Shell, server: Server, old: bool) -> None:
    folder = write_sources(shell)
    run_set(shell)
    path = folder / "new one.csv"
    path.write_text(f"{HEADER}Buy,1700000001,u1,id-new,1\n")
    if old:
        (shell.folder / "new one.results.csv").touch()
    status = shell.type("status", "export.results")
    assert [status.code, "1 source appeared" in status.out] == [0, True]
    host = f" --base-url {server.url}"  # as the environment names it
    elsewhere = " --results 'new one.results-2.csv'" if old else ""
    types = " --type amount=integer"  # those of the set, whatever the new source would have by itself
    assert next_line(status) == f"mixpanel-importer run 'export/new one.csv'{host}{types}{elsewhere}"
    done = shell.type_line(next_line(status), "--yes")
    assert [done.code, server.counts()["raw_count"]] == [0, 13], done.err
    if not old:
        assert shell.type("status", "export.results").out.endswith("Nothing is left to do.\n")


def test_members_that_appeared_are_named_as_they_can_be_typed(shell: Shell, server: Server) -> None:
    folder = write_sources(shell)
    for kind, option in (("zip", "zip.zip::2021/[x].csv'"), ("gztar", "--include '2021/[[]x].csv'")):
        archive = shutil.make_archive(str(shell.folder / kind), kind, folder, ".")
        name = Path(archive).name
        assert shell.type("run", name, "--yes", "--workers", "1").code == 0
        (folder / "2021/[x].csv").write_text(f"{HEADER}Buy,1700000001,u1,id-{kind},1\n")
        shutil.make_archive(str(shell.folder / kind), kind, folder, ".")
        line = next_line(shell.type("status", f"{name}.results"))
        assert option in line
        assert shell.type_line(line, "--yes").code == 0
        (folder / "2021/[x].csv").unlink()


def test_a_source_that_was_mended_in_place_and_retried_has_not_changed(shell: Shell) -> None:
    path = write_sources(shell, 1, bad=[(1, 1), (1, 2)]) / "2021/01.csv"
    run_set(shell)
    path.write_text(path.read_text().replace("never", "1700000099", 1))
    retry = next_line(shell.type("status", "export.results"))
    assert retry == "mixpanel-importer retry export.results --source-changed"
    assert shell.type_line(retry, "--yes", "--workers", "1").code == 1
    status = shell.type("status", "export.results")
    assert ["changed" in status.out, "--failed-rows" in next_line(status)] == [False, True]


def test_status_as_json(shell: Shell) -> None:
    write_sources(shell, bad=[(1, 1)])
    run_set(shell)
    found = json.loads(shell.type("status", "export.results", "--json").out)
    assert [found["scope"], found["imported"], found["invalid"]] == [12, 11, 1]
    assert found["sources"] == {
        "total": 3, "finished": 3, "unfinished": 0, "empty": 0, "damaged": 0, "unfit": 0,
    }  # fmt: skip
    assert found["worst"][0]["source"] == "export/2021/01.csv"
    assert "--failed-rows export.failed" in found["next"]


def test_status_does_not_believe_the_end_of_the_manifest(shell: Shell) -> None:
    """A parent that is killed leaves the manifest of the set as it was at the beginning."""
    write_sources(shell)
    run_set(shell)
    path = shell.folder / "export.results/set.run.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "ended": None, "counts": {}, "unattempted": None}))
    results = shell.folder / "export.results/2022/02.csv.csv"
    results.unlink()
    results.with_name("02.csv.csv.run.json").unlink()
    done = shell.type("status", "export.results")
    assert done.code == 1
    assert "not ended  8 imported · 4 unattempted" in done.out
    assert "Not finished export/2022/02.csv: 4 unattempted" in done.out
    command = next(line for line in done.out.splitlines() if line.startswith("Next: "))
    assert shell.type_line(command.removeprefix("Next: "), "--yes").code == 0
    assert shell.type("status", "export.results").code == 0


def test_status_of_results_that_were_taken_out_does_not_add_up(shell: Shell, server: Server) -> None:
    write_sources(shell)
    run_set(shell)
    (shell.folder / "export.results/2022/02.csv.csv").unlink()
    done = shell.type("status", "export.results")
    assert done.code == 6
    assert "DOES NOT ADD UP" in done.out
    assert "export/2022/02.csv: its outcomes don't add up" in done.out
    assert go_on(shell, done) == ["run"]
    assert server.counts() == {**server.counts(), "count": 12}


def test_status_of_one_source_says_that_it_belongs_to_a_set(shell: Shell) -> None:
    write_sources(shell, bad=[(1, 1)])
    run_set(shell)
    done = shell.type("status", "export.results/2021/01.csv.csv")
    assert done.code == 1
    assert "Set          export.results/, of which this is one source" in done.out
    assert "Next: mixpanel-importer status export.results" in done.out


def test_status_from_another_folder_goes_to_where_the_sources_are(shell: Shell) -> None:
    write_sources(shell, bad=[(1, 1)])
    run_set(shell)
    (shell.folder / "elsewhere").mkdir()
    there = Shell(shell.folder / "elsewhere", shell.environ)
    done = there.type("status", "../export.results")
    assert done.code == 1
    assert "what became of the sources can't be told: export is not there" in done.out
    assert "cd .. && mixpanel-importer run --results export.results" in done.out


def test_a_set_of_the_working_directory_is_not_looked_for_elsewhere(shell: Shell) -> None:
    inside = Shell(write_sources(shell, bad=[(1, 1)]), shell.environ)
    assert inside.type("run", ".", "--yes", "--workers", "1").code == 1
    done = shell.type("status", "export/export.results")
    assert done.code == 1
    assert "appeared" not in done.out
    assert "what became of the sources can't be told: ./2021/01.csv is not there" in done.out
    assert next_line(done).startswith("cd export && mixpanel-importer run --results export.results")


# ── retry ────────────────────────────────────────────────────────────────────────────────────────

FAST = ("--max-retries", "1", "--retry-wait", "0.05", "--concurrency", "1", "--batch-size", "1")
POISON = ("--poison", '503:"amount":2}')
"""A server that takes all records but the second ones of each source."""


@contextmanager
def poisoned(bare: Shell) -> Iterator[tuple[Shell, str]]:
    """A server that lets records fail until it is mended."""
    with fault_server.running(*POISON) as url:
        yield bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url), url


def mend_server(url: str) -> None:
    httpx.get(f"{url}/faults/mend")


def next_line(result: CommandResult) -> str:
    lines = [line for line in (result.err + result.out).splitlines() if line.startswith("Next: ")]
    return lines[0].removeprefix("Next: ") if lines else ""


def test_a_set_is_retried_by_what_is_offered(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        write_sources(shell, 4, bad=[(3, 1)])
        done = shell.type("run", "export", "--workers", "1", "--yes", *FAST)
        assert done.code == 1, done.err
        mend_server(url)
        assert next_line(done) == "mixpanel-importer retry export.results --status failed"

        again = shell.type_line(next_line(done), "--yes", "--workers", "1")

        assert again.code == 0, again.err
        assert "Retrying 4 records of 4 sources of export.results; results go to export.results.retry-1/" in (
            again.err
        )
        status = shell.type("status", "export.results", "--json")
        found = json.loads(status.out)
        assert [each["results"] for each in found["runs"]] == ["export.results", "export.results.retry-1"]
        assert [found[key] for key in ("imported", "invalid", "failed")] == [15, 1, 0]
        assert found["reconciles"]
        assert Server(url).counts()["raw_count"] == 15
        # Of the source whose only record left is invalid, there is a retry, too.
        assert next_line(again) == next_line(shell.type("status", "export.results.retry-1"))
        assert "retry export.results --resume --failed-rows export.retry-1.failed" in next_line(again)


def test_a_retry_takes_the_last_results_of_each_source(bare: Shell) -> None:
    """What the retry before left out is sent by the next one: here those whose time says no zone."""
    with poisoned(bare) as (shell, url):
        path = write_sources(shell, 3) / "2022/02.csv"
        path.write_text(path.read_text().replace("1700000001", "2024-03-01 10:00:05"))
        run_set(shell, *FAST)
        mend_server(url)
        first = shell.type("retry", "export.results", "--status", "failed", "--yes", "--workers", "1")
        assert first.code == 0, first.err
        offer = "mixpanel-importer retry export.results.retry-1 --timezone ZONE"
        assert next_line(first) == next_line(shell.type("status", "export.results")) == offer

        second = shell.type_line(offer.replace("ZONE", "UTC"), "--yes", "--workers", "1")

        assert second.code == 0, second.err
        assert (shell.folder / "export.results.retry-2/2022/02.csv.csv").exists()
        assert len(list((shell.folder / "export.results.retry-2").rglob("*.csv"))) == 1
        assert shell.type("status", "export.results").code == 0
        assert Server(url).counts()["raw_count"] == 12


def test_what_can_not_be_retried_names_what_can(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        write_sources(shell, 2)
        run_set(shell, *FAST)
        mend_server(url)
        alone = shell.type("retry", "export.results/2021/01.csv.csv", "--yes")
        assert [alone.code, "retry export.results\n" in alone.err] == [2, True]
        assert shell.type("retry", "export.results", "--yes", "--workers", "1").code == 0
        twice = shell.type("retry", "export.results", "--yes")
        assert twice.code == 2
        assert "export.results was retried already; export.results.retry-1 is the last" in twice.err
        nothing = shell.type("retry", "export.results.retry-1", "--yes")
        assert [nothing.code, "Nothing to retry" in nothing.err] == [0, True]
        assert shell.type("status", "export.results").code == 0


def test_a_set_that_is_not_finished_is_not_retried(shell: Shell) -> None:
    write_sources(shell)
    run_set(shell, "--limit", "5")
    path = shell.folder / "export.results/2022/02.csv.csv"
    path.unlink()
    path.with_name("02.csv.csv.run.json").unlink()
    manifest = shell.folder / "export.results/set.run.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "ended": None}))
    done = shell.type("retry", "export.results", "--yes")
    assert done.code == 2
    assert "The run of export.results is not finished: 1 record has no outcome yet" in done.err
    assert "Finish it first: mixpanel-importer run --results export.results" in done.err


def test_a_retry_that_was_stopped_goes_on(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        write_sources(shell, 3)
        run_set(shell, *FAST)
        again = shell.type("retry", "export.results", "--yes", "--workers", "1", "--max-errors", "0", *FAST)
        assert again.code == 5, again.err
        mend_server(url)
        stands = shell.type("status", "export.results")
        assert stands.code == 1
        assert "3 unattempted" in stands.out
        assert next_line(stands).startswith("mixpanel-importer retry export.results --resume")

        done = shell.type_line(next_line(stands), "--yes", "--workers", "2")

        assert done.code == 0, done.err
        assert shell.type("status", "export.results").code == 0
        assert Server(url).counts()["raw_count"] == 12
        # Going on with what is finished does nothing.
        assert shell.type("retry", "export.results", "--resume", "--yes").code == 0


@pytest.mark.parametrize("archive", ["export.zip", "export.tar", "export.tar.gz"])
def test_members_of_archives_are_found_again(bare: Shell, archive: str) -> None:
    with poisoned(bare) as (shell, url):
        folder = write_sources(shell, 3)
        kind = {"export.zip": "zip", "export.tar": "tar", "export.tar.gz": "gztar"}[archive]
        shutil.make_archive(str(shell.folder / "export"), kind, folder)
        done = shell.type("run", archive, "--yes", "--workers", "1", *FAST)
        assert done.code == 1, done.err
        mend_server(url)
        again = shell.type_line(next_line(done), "--yes", "--workers", "1")
        assert again.code == 0, again.err
        assert Server(url).counts()["raw_count"] == 12
        assert shell.type("status", f"{archive}.results").code == 0
        assert not (shell.folder / f"{archive}.results.source").exists()


# ── records that must be mended ──────────────────────────────────────────────────────────────────


def mend_copies(folder: Path) -> None:
    """Give every record a time, as a person does in an editor."""
    for path in folder.rglob("*.csv"):
        path.write_text(path.read_text().replace("never", "1700000099"))


def test_what_must_be_mended_is_copied_mended_and_imported_as_a_set(shell: Shell, server: Server) -> None:
    write_sources(shell, 4, bad=[(1, 2), (3, 1), (3, 4)])
    first = shell.type("run", "export", "--workers", "1", "--yes")
    assert first.code == 1, first.err
    copied = shell.type_line(next_line(first))
    assert copied.code == 1, copied.err
    copies = shell.folder / "export.failed"
    found = sorted(str(path.relative_to(copies)) for path in copies.rglob("*") if path.is_file())
    assert found == ["2021/01.csv", "2021/01.csv.toml", "2023/03.csv", "2023/03.csv.toml"]
    assert (copies / "2023/03.csv").read_text().count("never") == 2
    assert "3 records to mend are in export.failed/. Mend them there, then:" in copied.err
    mend_copies(copies)

    done = shell.type_line(next_line(copied), "--yes", "--workers", "2")

    assert done.code == 0, done.err
    assert "Mended       export.failed · 2 sources · 3 records" in done.err
    status = shell.type("status", "export.results")
    assert status.code == 0, status.out
    assert "16 records = 16 imported + 0 unattempted  (adds up)" in status.out
    assert "export.failed.results/" in status.out
    assert server.counts()["raw_count"] == 16
    again = shell.type("run", "--results", "export.failed.results", "--resume", "--yes")
    assert again.code == 0, again.err
    assert server.counts()["raw_count"] == 16


def test_copies_are_made_at_the_end_of_a_run_and_of_a_retry(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        write_sources(shell, 2, bad=[(2, 1)])
        first = shell.type(
            "run", "export", "--workers", "1", "--yes", "--failed-rows", "bad", *FAST
        )  # the records that failed come first
        assert "retry export.results --status failed" in next_line(first)
        assert "run bad --mapping bad" in first.err
        mend_server(url)
        again = shell.type_line(next_line(first), "--yes", "--workers", "1", "--failed-rows", "bad-2")
        assert next_line(again).startswith("mixpanel-importer run bad-2 --mapping bad-2"), again.err
        mend_copies(shell.folder / "bad-2")
        done = shell.type_line(next_line(again), "--yes", "--workers", "1")
        assert done.code == 0, done.err
        assert Server(url).counts()["raw_count"] == 8
        found = json.loads(shell.type("status", "export.results", "--json").out)
        assert [each["results"] for each in found["runs"]] == [
            "export.results", "export.results.retry-1", "bad-2.results",
        ]  # fmt: skip
        assert [found["imported"], found["reconciles"], found["next"]] == [8, True, ""]


def test_mended_copies_that_are_still_wrong_are_copied_again(shell: Shell, server: Server) -> None:
    write_sources(shell, 2, bad=[(1, 1), (2, 1)])
    run_set(shell, "--failed-rows", "bad")
    path = shell.folder / "bad/2021/01.csv"
    path.write_text(path.read_text().replace("never", "1700000099"))
    half = shell.type("run", "bad", "--mapping", "bad", "--yes", "--workers", "1")
    assert half.code == 1, half.err
    status = shell.type("status", "export.results")
    assert [status.code, "7 imported + 1 invalid" in status.out] == [1, True]
    assert next_line(half) == next_line(status)
    again = shell.type_line(next_line(half))
    copies = shell.folder / "bad.failed"
    assert [path.name for path in copies.rglob("*.csv")] == ["02.csv"], again.err
    mend_copies(copies)
    done = shell.type_line(next_line(again), "--yes", "--workers", "1")
    assert done.code == 0, done.err
    assert shell.type("status", "bad.results").code == 0
    assert server.counts()["raw_count"] == 8


def test_copies_that_were_run_before_they_were_mended_are_retried(shell: Shell, server: Server) -> None:
    write_sources(shell, 2, bad=[(1, 1), (2, 1)])
    run_set(shell, "--failed-rows", "bad")
    run = ("run", "bad", "--mapping", "bad", "--yes", "--workers", "1")
    assert shell.type(*run).code == 1
    mend_copies(shell.folder / "bad")
    retry = "mixpanel-importer retry bad.results --source-changed"
    for again in (["--overwrite"], ["--results", "elsewhere"]):
        refused = shell.type(*run, *again)
        assert [refused.code, "resume" in refused.err] == [2, False]
        assert refused.err.endswith(f"{retry}\n")
    status = shell.type("status", "bad.results")
    assert [status.code, next_line(status)] == [1, retry]
    done = shell.type_line(retry, "--yes", "--workers", "1")
    assert done.code == 0, done.err
    late = shell.type(*run, "--overwrite")
    assert [late.code, "status bad.results.retry-1" in late.err] == [2, True]
    assert shell.type("status", "export.results").code == 0
    assert server.counts()["raw_count"] == 8


def test_copies_are_not_taken_for_new_sources(shell: Shell) -> None:
    write_sources(shell, 2, bad=[(1, 1)])
    run_set(shell, "--failed-rows", "bad")
    done = shell.type("run", "bad", "--yes")
    assert done.code == 2
    assert "bad/2021/01.csv is a copy of failed records" in done.err
    assert "mixpanel-importer run bad --mapping bad" in done.err


@pytest.mark.parametrize("folder", ["there", "export/inside", "export.results", "nowhere/else"])
def test_a_folder_of_copies_is_checked_before_anything_is_sent(
    shell: Shell, server: Server, folder: str
) -> None:
    write_sources(shell, 1, bad=[(1, 1)])
    (shell.folder / "there").mkdir()
    (shell.folder / "there/file").touch()
    done = shell.type("run", "export", "--yes", "--failed-rows", folder)
    assert [done.code, f"--failed-rows {folder}" in done.err] == [2, True]
    assert server.counts()["raw_count"] == 0


def test_members_of_archives_are_copied_and_mended(shell: Shell, server: Server) -> None:
    folder = write_sources(shell, 2, bad=[(1, 1), (2, 2)])
    data = (folder / "2021/01.csv").read_bytes()
    (folder / "2021/01.csv").unlink()
    (folder / "2021/01.csv.gz").write_bytes(gzip.compress(data))
    shutil.make_archive(str(shell.folder / "export"), "zip", folder)
    done = shell.type("run", "export.zip", "--yes", "--workers", "1", "--failed-rows", "bad")
    found = sorted(path.name for path in (shell.folder / "bad").rglob("*.csv"))
    assert found == ["01.csv", "02.csv"], done.err
    mend_copies(shell.folder / "bad")
    assert shell.type_line(next_line(done), "--yes", "--workers", "1").code == 0
    assert shell.type("status", "export.zip.results").code == 0
    assert server.counts()["raw_count"] == 8


def test_a_rehearsed_set_is_mended_and_imported(shell: Shell, server: Server) -> None:
    """What was copied in a dry run is imported after the others, by the results of the real run."""
    write_sources(shell, 2, bad=[(1, 1)])
    dry = shell.type("run", "export", "--dry-run", "--workers", "1", "--failed-rows", "bad")
    assert next_line(dry) == "mixpanel-importer run export --workers 1", dry.err
    assert "(bad/ has a copy of it)" in dry.err
    assert shell.type("run", "export", "--yes", "--workers", "1").code == 1
    mend_copies(shell.folder / "bad")
    done = shell.type("run", "bad", "--mapping", "bad", "--yes", "--workers", "1")
    assert done.code == 0, done.err
    assert shell.type("status", "export.results").code == 0
    assert server.counts()["raw_count"] == 8


# ── what is offered works as typed ───────────────────────────────────────────────────────────────


def go_on(shell: Shell, result: CommandResult) -> list[str]:
    """Type what is offered, until nothing is; return what was typed."""
    trail: list[str] = []
    while line := next_line(result):
        assert line not in trail, (trail, result.err)
        trail.append(line)
        words = shlex.split(line)
        if "--mapping" in words:
            mend_copies(shell.folder / words[2])
        result = shell.type_line(line, *([] if words[0] == "status" else ["--yes", "--workers", "1"]))
        assert result.code in (0, 1), (line, result.code, result.err)
    return [line.removeprefix("mixpanel-importer ").split()[0] for line in trail]


@pytest.mark.parametrize(
    ("faults", "words", "code", "trail", "looked"),
    [
        (["--at", "1=401"], [], 4, ["run"], True),
        (["--at", "3=403"], [], 4, ["run"], False),
        (["--at", "1+=503"], [], 5, ["run"], False),
        (POISON, ["--max-errors", "0"], 3, ["run", "retry"], True),
        (POISON, [], 1, ["retry"], False),
        (["--refuse-every", "3"], [], 1, ["run", "run"], True),
    ],
    ids=["401", "403 later", "nothing gets through", "too many errors", "failed", "rejected"],
)
def test_what_is_offered_works_once_the_server_is_well(
    bare: Shell,
    faults: Sequence[str],
    words: Sequence[str],
    code: int,
    trail: Sequence[str],
    looked: bool,
) -> None:
    """What the run offers, and what ``status`` does."""
    with fault_server.running(*faults) as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        write_sources(shell, 3)
        result = shell.type("run", "export", "--workers", "1", "--yes", *FAST, *words)
        assert result.code == code, result.err
        mend_server(url)
        if looked:
            result = shell.type("status", "export.results")
            found = json.loads(shell.type("status", "export.results", "--json").out)
            assert found["next"] == next_line(result)
        assert go_on(shell, result) == list(trail)
        assert shell.type("status", "export.results").code == 0
        assert Server(url).counts()["raw_count"] == 12


def test_a_retry_that_is_refused_or_killed_goes_on(bare: Shell) -> None:
    """Also where the set knows nothing of the retry yet, or of its end."""
    with fault_server.running(*POISON, "--at", "11=401") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        write_sources(shell, 2)
        assert run_set(shell, *FAST) == 1
        refused = shell.type("retry", "export.results", "--yes", "--workers", "1", *FAST)
        assert refused.code == 4, refused.err
        assert next_line(refused) == next_line(shell.type("status", "export.results"))
        for path in ("export.results", "export.results.retry-1"):
            manifest = shell.folder / path / "set.run.json"
            data = json.loads(manifest.read_text())
            manifest.write_text(json.dumps({**data, "retried_by": None, "ended": None, "counts": {}}))
        for path in shell.folder.glob("export.results/*/*.run.json"):
            path.write_text(json.dumps({**json.loads(path.read_text()), "retried_by": None}))
        shutil.rmtree(shell.folder / "export.results.retry-1/2022", ignore_errors=True)
        twice = shell.type("retry", "export.results", "--yes")
        assert twice.code == 2
        assert "retry export.results --resume" in twice.err
        mend_server(url)
        done = shell.type("retry", "export.results", "--resume", "--yes", "--workers", "1")
        assert done.code == 0, done.err
        assert shell.type("status", "export.results").code == 0
        assert Server(url).counts()["raw_count"] == 8


def test_status_says_that_a_run_is_writing(shell: Shell) -> None:
    write_sources(shell)
    run_set(shell)
    with Lock(set_path(shell.folder / "export.results")):
        assert shell.type("status", "export.results").out.endswith("A run is writing to these results now.\n")


def test_a_source_that_was_left_out_stays_in_mind(shell: Shell, server: Server) -> None:
    folder = write_sources(shell, 2)
    (folder / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08 no gzip")
    done = shell.type("run", "export", "--yes", "--workers", "1")
    assert done.code == 1
    assert "export/broken.csv.gz was left out: mend it, and import it by its name." in done.err
    assert shell.type("status", "export.results").code == 1
    (folder / "broken.csv.gz").write_bytes(gzip.compress((HEADER + "Buy,1700000000,u,id-9,9\n").encode()))
    assert shell.type("run", "export/broken.csv.gz", "--yes").code == 0
    assert server.counts()["raw_count"] == 9


def test_a_rehearsal_of_a_set_is_followed_by_its_import(shell: Shell, server: Server) -> None:
    write_sources(shell, 2)
    rehearsed = shell.type("run", "export", "--sandbox", "--workers", "1")
    assert next_line(rehearsed) == "mixpanel-importer run export --workers 1", rehearsed.err
    stands = shell.type("status", "export.sandbox")
    assert [stands.code, "without --sandbox (and --faults) imports it" in stands.out] == [0, True]
    assert go_on(shell, rehearsed) == ["run"]
    assert server.counts()["raw_count"] == 8
    again = shell.type("run", "export", "--dry-run", "--workers", "1")
    assert next_line(again) == "mixpanel-importer status export.results"
    assert "earlier import of export are in export.results/, so see first where it stands:" in again.err


def test_records_beyond_the_limit_are_offered(shell: Shell, server: Server) -> None:
    write_sources(shell, 3)
    done = shell.type("run", "export", "--yes", "--workers", "1", "--limit", "5")
    assert [done.code, "--limit left out what follows the first 5 records" in done.err] == [0, True]
    assert next_line(done) == next_line(shell.type("status", "export.results"))
    assert go_on(shell, done) == ["run"]
    assert server.counts()["raw_count"] == 12


def test_a_changed_source_is_retried_only_if_that_is_said(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        path = write_sources(shell, 2) / "2021/01.csv"
        run_set(shell, *FAST)
        mend_server(url)
        path.write_text(path.read_text() + "Buy,1700000050,u9,id-1-9,9\n")
        refused = shell.type("retry", "export.results", "--yes", "--workers", "1")
        assert [refused.code, "has changed since" in refused.err] == [2, True]
        stands = shell.type("status", "export.results")
        assert "export/2021/01.csv changed since" in stands.out
        assert "retry export.results --source-changed" in next_line(stands)


def test_what_came_through_a_pipe_is_retried_from_its_copy(bare: Shell) -> None:
    with poisoned(bare) as (shell, url):
        folder = write_sources(shell, 2)
        text = (folder / "2021/01.csv").read_text().replace("id-1", "id-9")
        done = shell.type(
            "run", "export", "-", "--results", "all.results", "--workers", "1", "--yes", *FAST, stdin=text
        )
        assert done.code == 1, done.err
        assert "retry all.results" in next_line(done)
        mend_server(url)
        assert shell.type("status", "all.results").code == 1
        again = shell.type_line(next_line(done), "--yes", "--workers", "1")
        assert again.code == 0, again.err
        assert Server(url).counts()["raw_count"] == 12
        assert shell.type("status", "all.results").code == 0
        assert not (shell.folder / "all.results.source").exists()
