"""What ``status`` says where something is missing or was changed, and that what it offers works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from end_to_end_helpers import Server, Shell, statuses, wait_until

HEADER = "event,user_id,time,n\n"
GOOD = "Hi,u1,2024-03-01T10:00:01Z,1\nHi,u2,2024-03-01T10:00:02Z,2\n"
NAIVE = "Hi,u5,2024-03-01 10:00:05,5\nHi,u6,2024-03-01 10:00:06,6\n"
NAMELESS = ",u3,2024-03-01T10:00:03Z,3\n"


# ── a source that is named from another folder ───────────────────────────────────────────────────


@pytest.fixture
def inner(shell: Shell) -> Shell:
    """A folder in the one of `shell`."""
    (shell.folder / "in ner").mkdir()
    return Shell(shell.folder / "in ner", shell.environ)


@pytest.mark.parametrize("other", [None, HEADER + GOOD], ids=["no such source here", "another source here"])
def test_a_source_that_lies_beside_its_results_is_found_from_elsewhere(
    shell: Shell, inner: Shell, server: Server, other: str | None
) -> None:
    inner.write("events.csv", HEADER + NAIVE)
    inner.type("run", "events.csv", "--yes")
    if other is not None:
        shell.write("events.csv", other)

    status = shell.type("status", Path("in ner", "events.results.csv"))

    assert status.code == 1
    assert "events.csv is named from the folder of the results, so go there first." in status.out
    assert "Put it back" not in status.out
    go, _, line = status.next_command.partition(" && ")
    assert go == "cd 'in ner'"
    assert line == "mixpanel-importer retry events.results.csv --timezone ZONE"
    assert inner.type_line(line.replace("ZONE", "UTC"), "--yes").code == 0
    assert server.numbers() == [5, 6]


def test_a_source_that_is_nowhere_is_said_to_have_been_looked_for_here(shell: Shell, inner: Shell) -> None:
    inner.write("events.csv", HEADER + NAIVE).rename(inner.folder / "away.csv")
    inner.write("events.csv", HEADER + NAIVE)
    inner.type("run", "events.csv", "--yes")
    (inner.folder / "events.csv").unlink()

    status = shell.type("status", Path("in ner", "events.results.csv"))

    assert f"events.csv is not there, seen from {shell.folder}. Put it back, or go to where" in status.out


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "text", "code"),
    [
        ("--yes", HEADER + GOOD, 0),
        ("--yes", HEADER + NAMELESS, 1),
        ("--yes --limit 1", HEADER + GOOD, 1),
        ("--yes --limit 2", HEADER + GOOD, 0),
        ("--sandbox", HEADER + GOOD, 0),
        ("--dry-run", HEADER + GOOD, 0),
        ("--dry-run", HEADER + NAMELESS, 1),
    ],
)
def test_status_exits_with_1_just_where_something_is_left_of_what_was_done(
    shell: Shell, words: str, text: str, code: int
) -> None:
    """That a rehearsal which went well is to be followed by the real run is said, and is no failure."""
    shell.write("events.csv", text)
    shell.type("run", "events.csv", "--results", "r.csv", *words.split())

    status = shell.type("status", "r.csv")

    is_done = not code and words.startswith("--yes")
    assert (status.code, "Nothing is left to do." in status.out) == (code, is_done), status.out
    assert shell.type("status", "r.csv", "--json").code == code


# ── what is missing, or was changed ──────────────────────────────────────────────────────────────


def edit_manifest(shell: Shell, **changes: object) -> None:
    path = shell.folder / "events.results.csv.run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut_results(shell: Shell) -> None:
    results = shell.folder / "events.results.csv"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("harm", "found", "sent"),
    [
        (
            lambda shell: (shell.folder / "events.results.csv").unlink(),
            "events.results.csv is missing: by its manifest, it held 2 imported + 1 invalid.",
            4,
        ),
        (
            lambda shell: edit_manifest(shell, counts={}),
            "events.results.csv has 2 imported + 1 invalid, but events.results.csv.run.json says no outcomes.",
            2,
        ),
        (
            lambda shell: edit_manifest(shell, unattempted=5),
            "events.results.csv.run.json says 5 unattempted, but its scope less the outcomes of",
            2,
        ),
        (
            cut_results,
            "events.results.csv has 1 imported + 1 invalid, but events.results.csv.run.json says 2 imported",
            3,
        ),
    ],
    ids=["no results", "no counts", "another number", "a line less"],
)
def test_what_does_not_add_up_is_named_and_the_command_puts_it_right(
    shell: Shell, server: Server, harm: Callable[[Shell], object], found: str, sent: int
) -> None:
    shell.write("events.csv", HEADER + NAMELESS + GOOD)
    shell.type("run", "events.csv", "--yes")
    harm(shell)

    status = shell.type("status", "events.results.csv")

    assert status.code == 6
    assert found in status.out
    assert shell.type_line(status.next_command, "--yes").code == 1
    assert (server.numbers(), server.counts()["raw_count"]) == ([1, 2], sent)
    assert "(adds up)" in shell.type("status", "events.results.csv").out


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (
            lambda shell: edit_manifest(shell, scope=2),
            "has 3 outcomes, but events.results.csv.run.json says 2",
        ),
        (lambda shell: (shell.folder / "events.csv").unlink(), "is missing"),
    ],
    ids=["too many", "no source"],
)
def test_where_no_command_helps_none_is_offered(
    shell: Shell, harm: Callable[[Shell], object], found: str
) -> None:
    shell.write("events.csv", HEADER + NAMELESS + GOOD)
    shell.type("run", "events.csv", "--yes")
    harm(shell)
    if found == "is missing":
        (shell.folder / "events.results.csv").unlink()

    status = shell.type("status", "events.results.csv")

    assert (status.code, status.next_command) == (6, "")
    assert found in status.out
    assert "as it was written" in status.out


# ── results that another program saved ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("whole", [True, False], ids=["all lines", "the last lines"])
def test_results_with_other_line_ends_are_told_and_the_command_puts_them_right(
    shell: Shell, *, whole: bool
) -> None:
    shell.write("events.csv", HEADER + GOOD + NAMELESS)
    shell.type("run", "events.csv", "--yes")
    results = shell.folder / "events.results.csv"
    written = results.read_bytes()
    first, _, others = written.partition(b"\n")
    changed = others.replace(b"\n", b"\r\n")
    results.write_bytes(first + (b"\r\n" if whole else b"\n") + changed)

    for words in (["status"], ["retry", "--yes"]):
        refused = shell.type(words[0], results.name, *words[1:])
        assert refused.code == 2
        assert "events.results.csv was saved by another program: its lines end with CRLF" in refused.err
        assert "b'" not in refused.err
    subprocess.run(refused.err.splitlines()[-1], shell=True, check=True, cwd=shell.folder)

    assert results.read_bytes() == written
    assert shell.type("status", results.name).code == 1


def test_results_with_a_byte_order_mark_are_told(shell: Shell) -> None:
    shell.write("events.csv", HEADER + GOOD)
    shell.type("run", "events.csv", "--yes")
    results = shell.folder / "events.results.csv"
    results.write_bytes(b"\xef\xbb\xbf" + results.read_bytes())

    status = shell.type("status", results.name)

    assert status.code == 2
    assert "begins with a byte order mark now" in status.err


# ── records that only have to wait ───────────────────────────────────────────────────────────────


def ahead(seconds: float, n: int) -> tuple[str, str]:
    """A record whose time is to come in so many seconds, and that time."""
    moment = f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
    return f"Hi,u{n},{moment},{n}\n", moment


def test_a_record_ahead_of_the_clock_may_wait_or_be_mended(shell: Shell) -> None:
    record, moment = ahead(9_000, 1)
    shell.write("events.csv", HEADER + record)
    run = shell.type("run", "events.csv", "--yes")

    status = shell.type("status", "events.results.csv")

    for out in (run.err, status.out):
        assert f"1 record is ahead of the clock: after {moment}, retry it.\n" in out
        assert "To send it before, under another time, mend it." in out
        assert "\nNext: mixpanel-importer retry events.results.csv\nNext: mixpanel-importer run" in out
        assert "--failed-rows events.failed.csv" in out


@pytest.mark.parametrize("others", ["", NAMELESS], ids=["alone", "beside one to mend"])
def test_once_its_time_has_come_a_retry_takes_a_record_that_was_ahead_of_the_clock(
    shell: Shell, server: Server, others: str
) -> None:
    record, moment = ahead(8, 1)
    shell.write("events.csv", HEADER + record + others)
    shell.type("run", "events.csv", "--yes")
    assert statuses(shell.results("events.results.csv")) == ["invalid"] * (2 if others else 1)
    wait_until(lambda: datetime.now(UTC) > datetime.fromisoformat(moment), "its time has come")

    status = shell.type("status", "events.results.csv")

    assert "What was ahead of the clock can be sent by now:" in status.out
    assert ("1 record must be mended." in status.out) is bool(others)
    only = " --error 'is ahead of the clock'" if others else ""
    assert status.next_command == f"mixpanel-importer retry events.results.csv{only}"
    assert shell.type_line(status.next_command, "--yes").code == 0
    assert server.numbers() == [1]
    left = shell.type("status", "events.results.csv")
    assert ("1 record must be mended." in left.out) is bool(others)
