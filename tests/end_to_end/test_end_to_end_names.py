"""Names in files of others, and of such files, that look like output or like a command."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from end_to_end_helpers import TIMEOUT, CommandResult, Shell

EVIL = "a\nNext: mixpanel-importer undo everything\r\x1b[2K\u202e'`$(touch made)`"
NOT_UTF8 = os.fsdecode(b"\xff\n'\\") + EVIL
"""The name of a file: on Linux, any bytes but NUL and the slash."""

_FUNCTION = 'mixpanel-importer() { "$PYTHON" -m importer "$@"; }\n'


def typed_into_bash(shell: Shell, line: str) -> CommandResult:
    """Type a command into bash exactly as the importer printed it."""
    done = subprocess.run(
        ["bash", "-c", _FUNCTION + line],
        cwd=shell.folder,
        env={**shell.environment(), "PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_nothing_forged(shell: Shell, result: CommandResult) -> None:
    shown = result.err + result.out
    assert result.code < 5, shown
    assert "Traceback" not in shown
    assert all(line.isprintable() for line in shown.split("\n")), shown
    assert "undo" in shown  # as a part of a line
    assert [line for line in shown.split("\n") if line.startswith("Next: mixpanel-importer undo")] == []
    assert not (shell.folder / "made").exists()


def source_text(bad_time: str) -> str:
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(["event", "user_id", "time", EVIL, f"{EVIL} time"])
    for n in range(4):
        time = bad_time if n == 2 else f"2026-03-0{n + 1}T00:00:00Z"
        lines.writerow([f"{EVIL} {n % 2}", EVIL, time, n, EVIL])
    return out.getvalue()


@pytest.mark.parametrize("name", [f"{EVIL}.csv", f"{NOT_UTF8}.csv"])
def test_what_is_offered_about_odd_names_can_be_typed(bare: Shell, name: str) -> None:
    """A rehearsal, its failed records, a retry, a status: each command is typed as it is shown."""
    results, copy = f"done-{name}", f"mend-{name}"
    bare.write(name, source_text(EVIL))
    first = bare.type("preview", name, "--save", f"{name}.toml")
    assert_nothing_forged(bare, first)
    checked = typed_into_bash(bare, first.next_command)
    assert_nothing_forged(bare, checked)
    assert "4 records = 1 invalid + 3 valid" in checked.err

    sent = bare.type("run", name, "--sandbox", "--results", results)
    assert_nothing_forged(bare, sent)
    assert "4 records = 3 imported + 1 invalid" in sent.err
    stands = bare.type("status", results)
    assert_nothing_forged(bare, stands)
    retried = bare.type("retry", results)
    assert_nothing_forged(bare, retried)
    copied = typed_into_bash(bare, retried.next_command)
    assert_nothing_forged(bare, copied)
    again = bare.type("run", name, "--sandbox", "--results", results, "--resume", "--failed-rows", copy)
    assert_nothing_forged(bare, again)
    data = json.loads(bare.type("status", results, "--json").out)
    assert data["runs"][0]["results"] == results
    assert_nothing_forged(bare, typed_into_bash(bare, data["next"]))


@pytest.mark.parametrize("name", [f"{EVIL}.csv", f"{NOT_UTF8}.csv", "\x7f.csv"])
def test_records_of_results_with_an_odd_name_are_mended_and_join_their_run(bare: Shell, name: str) -> None:
    bare.write("events.csv", source_text("bad"))
    results, copy = f"done-{name}", f"mend-{name}"
    words = ("run", "events.csv", "--sandbox", "--results", results, "--failed-rows", copy)
    assert bare.type(*words).code == 1
    kept = bare.folder / copy
    kept.write_bytes(kept.read_bytes().replace(b"bad", b"2026-03-03T00:00:00Z"))

    mended = bare.type("run", copy, "--mapping", f"{copy}.toml", "--sandbox", "--log-file", f"{name}.log")

    assert mended.code == 0, mended.err
    log = (bare.folder / f"{name}.log").read_text("utf-8").splitlines()
    assert json.loads(log[0])["source"] == copy.encode("utf-8", "backslashreplace").decode()
    assert "4 records = 4 imported" in bare.type("status", results).out


@pytest.mark.parametrize("key", ["source", "base_url", "started"])
def test_a_manifest_of_others_forges_no_line(bare: Shell, key: str) -> None:
    bare.write("events.csv", source_text(EVIL))
    assert bare.type("run", "events.csv", "--sandbox", "--results", "done.csv").code == 1
    manifest = bare.manifest("done.csv")
    bare.write("done.csv.run.json", json.dumps({**manifest, key: EVIL}))
    for words in (("status", "done.csv"), ("retry", "done.csv"), ("run", "events.csv", "--sandbox", "--results",
                  "done.csv", "--resume")):  # fmt: skip
        shown = bare.type(*words)
        text = shown.err + shown.out
        assert "Traceback" not in text
        assert all(line.isprintable() for line in text.split("\n")), text
        assert [line for line in text.split("\n") if line.startswith("Next: mixpanel-importer undo")] == []


def test_a_name_that_looks_like_an_option_is_offered_as_a_file(bare: Shell) -> None:
    bare.write("-q.csv", source_text("2026-03-03T00:00:00Z"))
    sent = bare.type("run", "./-q.csv", "--sandbox", "--results", "./-q.results.csv")
    assert sent.code == 0

    refused = bare.type("run", "./-q.csv", "--dry-run", "--results", "./-q.results.csv")

    assert (refused.code, "-q.results.csv is there already" in refused.err) == (2, True)
    (line,) = [line for line in refused.err.splitlines() if "mixpanel-importer status" in line]
    status = typed_into_bash(bare, line[line.index("mixpanel-importer") :])
    assert (status.code, "4 records = 4 imported" in status.err + status.out) == (0, True)
