"""Which results may be replaced, whose they are, and what a command says where a file is not there."""

from __future__ import annotations

import os
import pty
import subprocess
from dataclasses import replace
from pathlib import Path

import fault_server
import httpx
import pytest
from end_to_end_helpers import TIMEOUT, TOKEN, Server, Shell, command, simple_csv, statuses, wait_until

from importer.results.lock import Lock

pytestmark = pytest.mark.slow

HEADER = "event,user_id,time,n\n"
GOOD = HEADER + "Hi,u1,2024-03-01T10:00:01Z,1\nHi,u2,2024-03-01T10:00:02Z,2\n"
NAIVE = HEADER + "Hi,u5,2024-03-01 10:00:05,5\n"
JSONL = '{"event":"Hi","distinct_id":"u3","time":1709287203,"n":3}\n'


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# ── rehearsals ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["--dry-run", "--sandbox"])
def test_a_rehearsal_replaces_one_like_it_without_a_word(bare: Shell, kind: str) -> None:
    bare.write("events.csv", NAIVE)
    name = f"events.{kind.strip('-')}.csv"
    assert bare.type("run", "events.csv", kind).code == 1

    again = bare.type("run", "events.csv", kind, "--timezone", "Europe/Berlin")

    assert again.code == 0
    assert "already" not in again.err
    assert statuses(bare.results(name)) == [{"--dry-run": "valid", "--sandbox": "imported"}[kind]]
    bare.write("events.csv", GOOD)
    assert bare.type("run", "events.csv", kind).code == 0
    assert len(bare.results(name)) == 2
    assert bare.type("status", name).code == 0


def test_a_rehearsal_replaces_its_retries_as_well(bare: Shell) -> None:
    bare.write("events.csv", NAIVE)
    for _ in range(2):
        assert bare.type("run", "events.csv", "--sandbox").code == 1
        assert bare.type("retry", "events.sandbox.csv", "--timezone", "Europe/Berlin").code == 0
        assert bare.type("status", "events.sandbox.csv").code == 0
    assert bare.type("run", "events.csv", "--sandbox").code == 1
    assert not (bare.folder / "events.sandbox.retry-1.csv").exists()
    assert not (bare.folder / "events.sandbox.retry-1.csv.run.json").exists()


def test_a_rehearsal_replaces_no_results_of_another_kind_or_source(shell: Shell) -> None:
    for name in ("events.csv", "others.csv"):
        shell.write(name, GOOD.replace("u1", name))
    runs = [
        (["events.csv", "--yes"], "real"),
        (["events.csv", "--sandbox"], "sandbox"),
        (["others.csv", "--dry-run"], "dry-run"),
    ]
    for words, kind in runs:
        path = f"{kind}.csv"
        assert shell.type("run", *words, "--results", path).code == 0
        before = (shell.folder / path).read_bytes()

        refused = shell.type("run", "events.csv", "--dry-run", "--results", path)

        assert (refused.code, "is there already" in refused.err) == (2, True)
        assert (shell.folder / path).read_bytes() == before


def test_standard_input_is_rehearsed_again_and_again(bare: Shell) -> None:
    for text in (NAIVE, GOOD):
        result = bare.type("run", "-", "--dry-run", stdin=text)
        assert "already" not in result.err
    assert len(bare.results("stdin.dry-run.csv")) == 2


def test_a_rehearsal_that_is_running_is_not_replaced(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(3))
    bare.type("run", "events.csv", "--dry-run")
    with Lock(bare.folder / "events.dry-run.csv"):
        second = bare.type("run", "events.csv", "--dry-run")
        status = bare.type("status", "events.dry-run.csv")
    assert (second.code, "Another run" in second.err) == (2, True)
    assert "A run is writing to these results now." in status.out
    assert "Next" not in status.out


# ── real results ─────────────────────────────────────────────────────────────────────────────────


def test_overwrite_sets_the_old_retries_aside_with_what_they_retried(shell: Shell, server: Server) -> None:
    shell.write("events.csv", NAIVE)
    assert shell.type("run", "events.csv", "--yes").code == 1
    zone = ["--timezone", "Europe/Berlin"]
    assert shell.type("retry", "events.results.csv", "--yes", *zone).code == 0

    assert shell.type("run", "events.csv", "--yes", "--overwrite", *zone).code == 0

    assert statuses(shell.results("events.results.csv")) == ["imported"]
    assert shell.manifest("events.results.csv")["retried_by"] is None
    assert "events.results.retry-1.csv" not in files(shell.folder)
    aside = "events.results.old-1/events.results.retry-1.csv"
    assert statuses(shell.results(aside)) == ["imported"]
    status = shell.type("status", aside)
    assert (status.code, "1 record = 1 imported + 0 unattempted  (adds up)" in status.out) == (0, True)
    assert len(server.events()) == 1, "the same id, twice"


def test_overwrite_stops_where_a_retry_imported_under_another_reading(shell: Shell, server: Server) -> None:
    shell.write("events.csv", NAIVE)
    shell.type("run", "events.csv", "--yes")
    shell.type("retry", "events.results.csv", "--yes", "--timezone", "Europe/Berlin")
    before = files(shell.folder), server.requests()

    refused = shell.type("run", "events.csv", "--yes", "--overwrite", "--timezone", "UTC")

    assert (refused.code, "would double" in refused.err) == (2, True)
    assert "events.results.retry-1.csv holds 1 record" in refused.err
    assert (files(shell.folder), server.requests()) == before


def test_what_was_set_aside_is_still_known_to_have_landed(shell: Shell) -> None:
    shell.write("events.csv", NAIVE)
    zone = ["--timezone", "Europe/Berlin"]
    shell.type("run", "events.csv", "--yes")
    shell.type("retry", "events.results.csv", "--yes", *zone)
    shell.type("run", "events.csv", "--yes", "--overwrite", *zone)
    for path in shell.folder.glob("events.results.csv*"):
        path.unlink()

    plan = shell.type("run", "events.csv", "--dry-run", "--timezone", "UTC")

    assert "they would double" in plan.err


def test_overwrite_waits_for_a_retry_that_is_running(bare: Shell) -> None:
    with fault_server.running("--at", "1=hold") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", NAIVE)
        shell.type("run", "events.csv", "--yes")
        zone = ("--timezone", "Europe/Berlin")
        with shell.started("retry", "events.results.csv", "--yes", *zone) as process:
            wait_until(lambda: Server(url).counts()["raw_count"], "the retry has sent")
            refused = shell.type("run", "events.csv", "--yes", "--overwrite", *zone)
            assert (refused.code, "Another run" in refused.err) == (2, True)
            httpx.get(f"{url}/faults/mend")
            process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert shell.type("status", "events.results.csv").code == 0


# ── whose results they are ───────────────────────────────────────────────────────────────────────


def test_sources_that_differ_in_their_endings_have_results_of_their_own(shell: Shell, server: Server) -> None:
    shell.write("posthog.csv", GOOD)
    shell.write("posthog.jsonl", JSONL)
    shell.write("posthog.txt", GOOD.replace("u1", "u7").replace(",1\n", ",7\n"))

    for name in ("posthog.csv", "posthog.jsonl", "posthog.txt"):
        assert shell.type("run", name, "--yes").code == 0

    assert len(shell.results("posthog.results.csv")) == 2
    assert len(shell.results("posthog.jsonl.results.csv")) == 1
    assert shell.manifest("posthog.txt.results.csv")["source"] == "posthog.txt"
    before = server.requests()
    for name in ("posthog.csv", "posthog.jsonl", "posthog.txt"):
        refused = shell.type("run", name, "--yes")
        assert (refused.code, "is there already, from an earlier run" in refused.err) == (2, True)
        assert shell.type("run", name, "--yes", "--resume").code == 0
    assert server.requests() == before
    assert server.numbers() == [1, 2, 3, 7]


def test_resume_finds_the_results_of_its_source_by_their_manifest(shell: Shell, server: Server) -> None:
    shell.write("posthog.csv", GOOD)
    shell.write("posthog.jsonl", JSONL + JSONL.replace('"n":3', '"n":4'))
    shell.type("run", "posthog.csv", "--yes")
    stopped = shell.type("run", "posthog.jsonl", "--yes", "--limit", "1")
    assert stopped.code == 0
    for path in shell.folder.glob("posthog.results.csv*"):
        path.unlink()

    assert shell.type("run", "posthog.jsonl", "--yes", "--resume").code == 0

    assert files(shell.folder) == {
        "posthog.csv", "posthog.jsonl", "posthog.jsonl.results.csv", "posthog.jsonl.results.csv.run.json",
    }  # fmt: skip
    assert server.numbers() == [1, 2, 3, 4]


def test_sources_of_one_name_in_two_folders(shell: Shell, server: Server) -> None:
    for number, name in enumerate(("a", "b", "c")):
        (shell.folder / name).mkdir()
        shell.write(f"{name}/events.csv", GOOD.replace("u1", name).replace(",1\n", f",{number}1\n"))

    assert shell.type("run", "a/events.csv", "--yes").code == 0
    assert shell.type("run", "b/events.csv", "--yes").code == 0
    assert shell.type("run", "./a/events.csv", "--yes", "--resume").code == 0

    assert shell.manifest("events.results.csv")["source"] == "./a/events.csv"
    assert shell.manifest("events.csv.results.csv")["source"] == "b/events.csv"
    third = shell.type("run", "c/events.csv", "--yes")
    assert (third.code, "with the results of another source: b/events.csv" in third.err) == (2, True)


def test_a_source_that_is_named_twice_is_refused(bare: Shell) -> None:
    bare.write("events.csv", GOOD)
    refused = bare.type("run", "events.csv", "./events.csv", "--dry-run")
    assert (refused.code, "events.csv and ./events.csv are the same file" in refused.err) == (2, True)


# ── files that are not there ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["status", "retry"])
def test_results_that_are_not_there_are_said_with_those_that_are(bare: Shell, word: str) -> None:
    none = bare.type(word, "nosuch.csv")
    assert (none.code, "there is no results file nosuch.csv" in none.err) == (2, True)
    assert "Results here: none" in none.err
    for name in ("events.csv", "others.csv"):
        bare.write(name, GOOD)
        bare.type("run", name, "--sandbox")

    some = bare.type(word, "event.sandbox.csv")
    assert some.code == 2
    assert "Results here: events.sandbox.csv, others.sandbox.csv" in some.err
    source = bare.type(word, "events.csv")
    assert (source.code, "Its results: events.sandbox.csv" in source.err) == (2, True)


def test_a_source_that_is_missing_is_said_before_anything_is_asked_for(bare: Shell) -> None:
    for words in (["run", "missing.csv"], ["run", "missing.csv", "--yes"]):
        result = bare.type(*words)
        assert (result.code, "missing.csv does not exist" in result.err) == (2, True)
        assert "--yes" not in result.err
        assert "token" not in result.err.lower()
    bare.write("events.csv", GOOD)
    assert "b.csv does not exist" in bare.type("run", "events.csv", "b.csv").err


@pytest.mark.parametrize(
    ("address", "fetch"),
    [
        ("s3://bucket/events.csv", "aws s3 cp s3://bucket/events.csv -"),
        ("https://example.org/events.csv", "curl -fsSL https://example.org/events.csv"),
        ("gs://bucket/my events.csv", "gcloud storage cat 'gs://bucket/my events.csv'"),
    ],
)
@pytest.mark.parametrize("word", ["run", "preview"])
def test_an_address_is_named_as_it_was_typed(bare: Shell, word: str, address: str, fetch: str) -> None:
    result = bare.type(word, address)
    assert result.code == 2
    assert f"{address} is an address" in result.err
    assert fetch in result.err
    assert ":/" not in result.err.replace("://", "")


def test_a_run_that_reads_from_the_keyboard_says_so(bare: Shell) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(["run", "-", "--dry-run"]),
        cwd=bare.folder,
        env=bare.environment(),
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(theirs)
        assert process.stderr is not None
        assert "from the keyboard" in process.stderr.readline()
        os.write(ours, GOOD.encode() + b"\x04")
        _, err = process.communicate(timeout=TIMEOUT)
    os.close(ours)
    assert process.returncode == 0
    assert "2 records = 2 valid" in err
    assert err.endswith("Put the records into a file, and run that: what was typed can't be read again.\n")
    assert "Next:" not in err, "nothing can be piped in again"


# ── quiet ────────────────────────────────────────────────────────────────────────────────────────


def test_a_quiet_run_says_in_one_line_what_went_wrong_and_where_it_stands(shell: Shell) -> None:
    shell.write("events.csv", GOOD + ",u3,2024-03-01T10:00:03Z,3\n")

    result = shell.type("run", "events.csv", "--yes", "-q")

    first, *rest = result.err.splitlines()
    assert first == "2 imported, 1 invalid: see events.results.csv"
    assert rest[0] == "1 record must be mended. To copy it to a file of its own:"
    assert [line.partition(" ")[0] for line in rest[1:]] == ["Next:"]


def test_a_quiet_run_that_stopped_says_how_far_it_came(bare: Shell) -> None:
    with fault_server.running("--at", "1+=401") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", GOOD)
        result = shell.type("run", "events.csv", "--yes", "-q")
    assert result.err.startswith("2 unattempted: see events.results.csv\n")


def test_a_quiet_run_in_which_all_is_well_says_nothing(shell: Shell) -> None:
    shell.write("events.csv", GOOD)
    assert shell.type("run", "events.csv", "--yes", "-q") == (0, "", "")


# ── what is no results file, or must be kept ─────────────────────────────────────────────────────


def test_overwrite_replaces_no_real_results_of_another_source(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        (shell.folder / name).mkdir()
        shell.write(f"{name}/x.csv", GOOD.replace("u1", name))
    assert shell.type("run", "a/x.csv", "--yes").code == 0
    assert shell.type("run", "b/x.csv", "--yes").code == 0
    before = (shell.folder / "x.csv.results.csv").read_bytes()

    for option in ("--overwrite", "--resume"):
        refused = shell.type("run", "c/x.csv", "--yes", option)
        assert (refused.code, "with the results of another source: b/x.csv" in refused.err) == (2, True)

    assert (shell.folder / "x.csv.results.csv").read_bytes() == before
    assert shell.type("run", "b/x.csv", "--yes", "--resume").code == 0


@pytest.mark.parametrize("kind", ["--dry-run", "--sandbox"])
def test_a_rehearsal_never_replaces_the_results_of_a_run(shell: Shell, kind: str) -> None:
    shell.write("events.csv", GOOD)
    assert shell.type("run", "events.csv", "--yes").code == 0
    for more in ([], ["--overwrite"]):
        refused = shell.type("run", "events.csv", kind, "--results", "events.results.csv", *more)
        assert (refused.code, "Name another file with --results." in refused.err) == (2, True)
        assert "--resume" not in refused.err + refused.out
        assert "double" not in refused.err
    assert statuses(shell.results("events.results.csv")) == ["imported", "imported"]


def test_results_of_a_rehearsal_of_another_kind_are_replaced_as_is_offered(bare: Shell) -> None:
    bare.write("events.csv", GOOD)
    assert bare.type("run", "events.csv", "--sandbox").code == 0
    words = ["run", "events.csv", "--dry-run", "--results", "events.sandbox.csv"]
    refused = bare.type(*words)
    assert (refused.code, "--resume" in refused.err, "--overwrite" in refused.err) == (2, False, True)
    assert bare.type(*words, "--overwrite").code == 0


@pytest.mark.parametrize("name", [".", "..", "/", "", "folder"])
def test_a_folder_is_named_where_results_are_expected(bare: Shell, name: str) -> None:
    bare.write("events.csv", GOOD)
    (bare.folder / "folder").mkdir()
    commands = (["status", name], ["retry", name], ["run", "events.csv", "--dry-run", "--results", name])
    for words in commands:
        for more in ([], ["--overwrite"]) if words[0] == "run" else ([],):
            refused = bare.type(*words, *more)
            assert (refused.code, "a folder" in refused.err) == (2, True), refused.err


def test_results_never_go_to_what_is_no_file(bare: Shell) -> None:
    bare.write("events.csv", GOOD)
    os.mkfifo(bare.folder / "pipe.csv")
    for more in ([], ["--overwrite"]):
        refused = bare.type("run", "events.csv", "--sandbox", "--results", "pipe.csv", *more)
        assert (refused.code, "no regular file" in refused.err) == (2, True)


def test_what_lies_beside_results_is_no_results_file(bare: Shell) -> None:
    bare.write("events.csv", GOOD)
    bare.write("other.csv", NAIVE)
    (bare.folder / "below").mkdir()
    bare.type("run", "events.csv", "--sandbox")
    for name in ("events.sandbox.csv.run.json", "../other.csv"):
        below = replace(bare, folder=bare.folder / "below") if name.startswith("..") else bare
        refused = below.type("status", name)
        assert (refused.code, "results file" in refused.err) == (2, True)
        assert "is missing" not in refused.err


def test_a_smaller_limit_changes_nothing(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(6))
    assert shell.type("run", "events.csv", "--yes").code == 0
    before = (shell.folder / "events.results.csv.run.json").read_bytes()

    refused = shell.type("run", "events.csv", "--yes", "--limit", "4", "--resume")

    assert (refused.code, "has 6 outcomes already: more than --limit 4" in refused.err) == (2, True)
    assert (shell.folder / "events.results.csv.run.json").read_bytes() == before
    assert shell.type("status", "events.results.csv").code == 0


@pytest.mark.parametrize("name", ["events.results.csv.run.json", "events.results.csv.lock"])
def test_a_copy_of_failed_records_replaces_nothing_of_the_run(shell: Shell, name: str) -> None:
    shell.write("events.csv", NAIVE)
    refused = shell.type("run", "events.csv", "--yes", "--failed-rows", name)
    assert (refused.code, "--failed-rows would replace" in refused.err) == (2, True)


def test_where_a_preview_of_standard_input_is_kept_nothing_lies(bare: Shell) -> None:
    bare.write("events.csv", GOOD)
    assert "cat > events-2.csv" in bare.type("preview", "-", stdin=GOOD).err


def test_a_column_that_begins_with_an_equals_sign_gets_its_type(bare: Shell) -> None:
    bare.write("events.csv", "event,user_id,time,=cmd\nHi,u1,2024-03-01T10:00:01Z,1\n")
    assert bare.type("run", "events.csv", "--dry-run", "--type", "=cmd=string").code == 0
    refused = bare.type("run", "events.csv", "--dry-run", "--type", "cmd")
    assert "For example --type app_version=string" in refused.err
