"""Why a run stops, what it answers to the shell, and how it goes on."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import fault_server
import httpx
import pytest
from end_to_end_helpers import (
    TIMEOUT,
    TOKEN,
    Recorder,
    Server,
    Shell,
    command,
    refused_url,
    sandbox,
    simple_csv,
    statuses,
    wait_until,
)

pytestmark = pytest.mark.slow

EVERY_THIRD = dict.fromkeys(range(3, 200, 3), ",u,2024-03-01T00:00:00Z,0")


def refuse(_: object) -> tuple[int, bytes]:
    return 401, b'{"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}'


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "missing.csv", "--dry-run"],
        ["run", "events.csv", "empty.csv", "--dry-run"],
        ["run", "events.csv", "--dry-run", "--sandbox"],
        ["run", "events.csv", "--dry-run", "--map", "tiem=time"],
        ["run", "events.csv", "--dry-run", "--type", "n=numbr"],
        ["run", "events.csv", "--dry-run", "--timezone", "Europe/Nowhere"],
        ["run", "events.csv", "--dry-run", "--batch-size", "2001"],
        ["run", "events.csv", "--dry-run", "--no-such-option"],
        ["run", "events.csv", "events.csv", "--dry-run"],
        ["run", "events.csv", "--dry-run", "--max-errors", "many"],
        ["status", "events.csv"],
        ["retry", "events.csv", "--yes"],
        ["preview", "empty.csv"],
        ["preview", "events.csv", "--save", "missing/mapping.toml"],
    ],
    ids=" ".join,
)
def test_a_command_that_can_not_be_done_exits_with_2_and_says_why(shell: Shell, words: Sequence[str]) -> None:
    shell.write("events.csv", simple_csv(3))
    shell.write("empty.csv", "")
    before = sorted(shell.folder.iterdir())

    result = shell.type(*words)

    assert result.code == 2
    assert len(result.err.strip().splitlines()) >= 2, "what was found, and what to do"
    assert "Traceback" not in result.err
    assert sorted(shell.folder.iterdir()) == before


def test_max_errors_stops_the_run_with_3_once_more_records_than_that_were_not_taken(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(200, broken=EVERY_THIRD))

    result = shell.type(
        "run", "events.csv", "--yes", "--max-errors", "10", "--batch-size", "10", "--concurrency", "1"
    )

    assert result.code == 3
    results = shell.results("events.results.csv")
    assert statuses(results).count("invalid") > 10
    assert len(results) < 200
    assert result.next_command.endswith("--resume")
    finished = shell.type_line(result.next_command, "--yes")
    assert finished.code == 1
    assert len(shell.results("events.results.csv")) == 200
    assert server.numbers() == [n for n in range(1, 201) if n not in EVERY_THIRD]


@pytest.mark.parametrize(("limit", "code"), [("32%", 3), ("34%", 1), ("65", 3), ("66", 1), ("0", 3)])
def test_max_errors_counts_records_or_percent_and_allows_exactly_so_many(
    bare: Shell, limit: str, code: int
) -> None:
    bare.write("events.csv", simple_csv(200, broken=EVERY_THIRD))
    assert len(EVERY_THIRD) == 66

    assert bare.type("run", "events.csv", "--dry-run", "--max-errors", limit).code == code


def test_a_credential_that_is_refused_ends_with_4_and_marks_nothing(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(120))
    with Recorder(refuse) as recorder:
        result = shell.type("run", "events.csv", "--yes", "--base-url", recorder.url, "--concurrency", "1")
        assert len(recorder.requests) == 1, "trying again can't help"
    assert result.code == 4
    assert "401" in result.err
    assert "Invalid credentials" in result.err
    assert shell.results("events.results.csv") == []
    assert shell.manifest("events.results.csv")["unattempted"] == 120
    assert result.next_command.endswith("--resume")


@pytest.mark.parametrize(
    ("environ", "words", "found"),
    [
        ({}, [], "no credentials"),
        ({"MIXPANEL_PROJECT_TOKEN": TOKEN, "MIXPANEL_API_SECRET": "s" * 32}, [], "--credentials"),
        ({"MIXPANEL_SERVICE_ACCOUNT_USERNAME": "sa.user"}, [], "MIXPANEL_PROJECT_ID"),
        ({"MIXPANEL_PROJECT_TOKEN": TOKEN}, ["--base-url", "http://mixpanel.example"], "https://"),
        ({"MIXPANEL_PROJECT_TOKEN": TOKEN}, ["--region", "eu"], "--region eu"),
        ({"MIXPANEL_PROJECT_TOKEN": TOKEN}, ["--token-file", "missing.txt"], "missing.txt"),
    ],
    ids=["none", "two kinds", "half a set", "plain http", "two places", "no token file"],
)
def test_credentials_and_destinations_that_can_not_be_used_end_with_4_before_anything_is_sent(
    bare: Shell, server: Server, environ: dict[str, str], words: Sequence[str], found: str
) -> None:
    bare.write("events.csv", simple_csv(3))
    shell = bare.with_environ(MIXPANEL_BASE_URL=server.url, **environ)

    result = shell.type("run", "events.csv", "--yes", *words)

    assert result.code == 4
    assert found in result.err
    assert server.requests()["requests"] == 0
    assert sorted(path.name for path in bare.folder.iterdir()) == ["events.csv"]


def test_a_server_that_is_not_there_ends_with_5_and_the_resume_lands_each_record_once(
    bare: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=(url := refused_url()))
    shell.write("events.csv", simple_csv(120))

    result = shell.type("run", "events.csv", "--yes", "--max-retries", "1", "--retry-wait", "0.01")

    assert result.code == 5
    assert shell.results("events.results.csv") == []
    assert shell.manifest("events.results.csv")["exit_code"] == 5
    port = url.rpartition(":")[2]
    with sandbox("--port", port, folder=tmp_path_factory.mktemp("late")) as server:
        finished = shell.type_line(result.next_command, "--yes")
        assert (finished.code, finished.next_command) == (0, "")
        assert server.counts()["raw_count"] == 120
        assert server.numbers() == list(range(1, 121))
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_with_130_and_the_resume_lands_each_record_once(
    bare: Shell, number: signal.Signals
) -> None:
    with fault_server.running("--share", "slow=1.0", "--delay", "0.1") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", simple_csv(400))
        words = ("run", "events.csv", "--yes", "--batch-size", "10", "--concurrency", "1")
        with shell.started(*words) as process:
            wait_until(lambda: Server(url).counts()["raw_count"], "something landed")
            process.send_signal(number)
            _, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 130
        done = shell.results("events.results.csv")
        assert 0 < len(done) < 400
        assert set(statuses(done)) == {"imported"}
        assert len(done) == Server(url).counts()["raw_count"], "what was on the wire was waited for"
        last = err.rstrip().splitlines()[-1].removeprefix("Next: ")
        assert last.endswith("--resume")

        finished = shell.type_line(last, "--yes", "--concurrency", "20")

        assert (finished.code, finished.next_command) == (0, "")
        assert Server(url).counts()["raw_count"] == 400, "nothing was sent twice"
        assert Server(url).numbers() == list(range(1, 401))
    assert [int(row["row"]) for row in shell.results("events.results.csv")] == list(range(1, 401))


@pytest.mark.parametrize("limit", ["--limit=400", "--max-errors=9"])
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (
            lambda source: source.unlink(),
            "whether it changed meanwhile can't be told: events.csv does not exist",
        ),
        (lambda source: source.write_text("event,user_id,time,n\n"), "events.csv changed while it was read"),
    ],
    ids=["gone", "changed"],
)
def test_a_source_that_gives_out_after_it_was_sent_ends_with_5_and_the_resume_checks_it(
    bare: Shell, harm: Callable[[Path], object], found: str, limit: str
) -> None:
    with fault_server.running("--at", "1=hold") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        source = shell.write("events.csv", simple_csv(400, broken={7: ",u,2024-03-01T00:00:00Z,7"}))
        words = ("run", "events.csv", "--yes", "--batch-size", "10", "--concurrency", "1", limit)
        copying = ("--failed-rows", "bad.csv")
        with shell.started(*words, *copying) as process:
            wait_until(lambda: Server(url).counts()["raw_count"], "the run is under way")
            content = source.read_bytes()
            harm(source)
            httpx.get(f"{url}/faults/mend")
            _, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 5, err
        assert "399 imported + 1 invalid  ✓ adds up" in err
        assert found in err
        manifest = shell.manifest("events.results.csv")
        assert (manifest["exit_code"], manifest["counts"]["imported"]) == (5, 399)
        assert manifest["ended"]
        last = err.rstrip().splitlines()[-1].removeprefix("Next: ")
        assert "--resume" in last

        source.write_bytes(content)
        finished = shell.type_line(last, "--yes")

        assert finished.code == 1, finished.err
        assert "1 record to mend is in bad.csv" in finished.err
        assert Server(url).counts()["raw_count"] == 399, "nothing was sent twice"


def test_two_runs_on_one_results_file_at_once_are_refused(bare: Shell) -> None:
    with fault_server.running("--at", "1=hold") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", simple_csv(100))
        words = ("run", "events.csv", "--yes", "--batch-size", "10", "--concurrency", "1")
        with shell.started(*words) as process:
            wait_until(lambda: Server(url).counts()["raw_count"], "the first run is under way")
            second = shell.type(*words, "--resume")
            assert process.poll() is None, "the first run was still there"
            httpx.get(f"{url}/faults/mend")
            process.communicate(timeout=TIMEOUT)
        assert second.code == 2
        assert "events.results.csv" in second.err
        assert process.returncode == 0
        assert Server(url).counts()["raw_count"] == 100
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 100


def test_ctrl_c_before_anything_was_sent_ends_with_130_and_says_so(shell: Shell, server: Server) -> None:
    with subprocess.Popen(
        command(["run", "-", "--yes"]),
        cwd=shell.folder,
        env=shell.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        process.stdin.write(b"event,user_id,time\n")
        process.stdin.flush()
        wait_until((shell.folder / "stdin.results.csv.source.part").exists, "standard input is being read")
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert b"Nothing was sent" in err
    assert b"Traceback" not in err
    assert server.requests()["requests"] == 0
    assert list(shell.folder.iterdir()) == []


# ── consent ──────────────────────────────────────────────────────────────────────────────────────


_AT_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


def typed_at_a_terminal(shell: Shell, words: Sequence[str], answer: str) -> tuple[int, str]:
    """Type a command on a terminal, answer its question, and return its exit code and all it showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _AT_A_TERMINAL, *command(words)],
        cwd=shell.folder,
        env=shell.environment(),
        stdin=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := read_terminal(ours):
            answered = b"[y/N]" in shown
            shown += piece
            if b"[y/N]" in shown and not answered:
                os.write(ours, answer.encode())
        os.close(ours)
        return process.wait(TIMEOUT), shown.decode()


def read_terminal(terminal: int) -> bytes:
    """Read what a terminal shows next; nothing when its program has ended."""
    assert select.select([terminal], [], [], TIMEOUT)[0], "the program neither spoke nor ended"
    try:
        return os.read(terminal, 4096)
    except OSError:  # a terminal whose other end has gone gives EIO
        return b""


def test_off_a_terminal_a_real_run_without_yes_stops_before_sending(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(3))

    result = shell.type("run", "events.csv")

    assert result.code == 2
    assert "--yes" in result.err
    assert "--dry-run" in result.err
    assert server.requests()["requests"] == 0
    assert not (shell.folder / "events.results.csv").exists()


def test_off_a_terminal_a_retry_without_yes_stops_before_sending(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(3, broken={2: ",u,2024-03-01T00:00:00Z,2"}))
    shell.type("run", "events.csv", "--yes")
    before = server.requests()

    result = shell.type("retry", "events.results.csv", "--set", "tries=2")

    assert result.code == 2
    assert "--yes" in result.err
    assert server.requests() == before


@pytest.mark.parametrize(
    ("answer", "expected"), [("n\n", 2), ("\n", 2), ("maybe\nno\n", 2), ("\x04", 2), ("\x03", 130)]
)
def test_on_a_terminal_anything_but_yes_sends_nothing(
    shell: Shell, server: Server, answer: str, expected: int
) -> None:
    shell.write("events.csv", simple_csv(3))

    code, shown = typed_at_a_terminal(shell, ["run", "events.csv"], answer)

    assert code == expected
    assert "Traceback" not in shown
    assert ("Please answer yes or no" in shown) == ("maybe" in answer)
    assert "[y/N]" in shown
    assert "Nothing was sent" in shown
    assert server.requests()["requests"] == 0
    assert not (shell.folder / "events.results.csv").exists()


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_on_a_terminal_yes_sends_after_the_plan_was_shown(shell: Shell, server: Server, answer: str) -> None:
    shell.write("events.csv", simple_csv(70))

    code, shown = typed_at_a_terminal(shell, ["run", "events.csv"], answer)

    assert code == 0
    plan = shown[: shown.index("[y/N]")]
    for result in (
        "70 records",
        "Page View (70)",
        "2024-03-01T00:00:01Z",
        "n (integer)",
        server.url,
        "token",
    ):
        assert result in plan
    assert server.numbers() == list(range(1, 71))


def test_no_color_on_a_terminal_means_no_colour(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3))
    plain = shell.with_environ(NO_COLOR="1")

    assert "\x1b[1m" in typed_at_a_terminal(shell, ["preview", "events.csv"], "")[1]
    assert "\x1b[" not in typed_at_a_terminal(plain, ["preview", "events.csv"], "")[1]


def test_neither_a_rehearsal_nor_a_dry_run_asks(bare: Shell, tmp_path: Path) -> None:
    bare.write("events.csv", simple_csv(3))

    for kind in ("--dry-run", "--sandbox"):
        code, shown = typed_at_a_terminal(bare, ["run", "events.csv", kind], "n\n")
        assert code == 0
        assert "[y/N]" not in shown
