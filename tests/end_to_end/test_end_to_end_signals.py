"""A signal at any moment: from the first module that is imported to the last flush to disk."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import fault_server
import httpx
import pytest
from end_to_end_helpers import TIMEOUT, Shell, command, simple_csv, wait_until

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COMMANDS = {
    "preview": ["preview", "events.csv"],
    "dry run": ["run", "events.csv", "--dry-run"],
    "sandbox": ["run", "events.csv", "--sandbox", "--failed-rows", "failed.csv", "--log-file", "log.jsonl"],
    "help": ["--help"],
    "status": ["status", "done.csv"],
}
MOST = 20_000


class Stopped(NamedTuple):
    code: int
    said: str


def requests_met(url: str) -> int:
    """How many requests a fault server has met."""
    return sum(httpx.get(f"{url}/faults").json().values())


def has_handlers(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has set its handlers: that of SIGHUP, of which Python by itself has none."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (caught,) = [int(line.split()[1], 16) for line in lines if line.startswith("SigCgt")]
    return bool(caught & 1 << signal.SIGHUP - 1)


def stopped_after(
    shell: Shell, words: Sequence[str], delay: float, number: int, *, error: int = subprocess.PIPE
) -> Stopped:
    """Start a command, send it a signal so many seconds after it has its handlers, and wait for its end.

    Standard error may be a terminal: then what it said is read there.
    """
    with subprocess.Popen(
        command(words),
        cwd=shell.folder,
        env=shell.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=error,
    ) as process:
        wait_until(lambda: process.poll() is not None or has_handlers(process), "it has its handlers")
        time.sleep(delay)
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    return Stopped(process.returncode, (said or b"").decode())


def assert_stopped_well(shell: Shell, name: str, ended: Stopped, number: int) -> None:
    """It ended with 130, or had ended before; what it said is true, and what it left can be used."""
    assert "Traceback" not in ended.said
    assert "Exception" not in ended.said
    assert ended.code in (0, 130), ended
    results = [shell.folder / name for name in ("events.dry-run.csv", "events.sandbox.csv")]
    begun = [path for path in results if path.exists()]
    if ended.code == 130:
        assert "Stopped" in ended.said, number
        if "Nothing was sent" in ended.said:
            assert not begun
    if name in ("preview", "help", "status"):
        assert "results" not in ended.said
        assert "sent" not in ended.said
    log = shell.folder / "log.jsonl"
    for line in log.read_bytes().splitlines() if log.exists() else ():
        assert json.loads(line)["at"]
    for path in begun:
        again = shell.type("status", path.name)
        assert again.code in (0, 1), again
        assert "adds up" in again.out


@contextmanager
def read_of(terminal: int) -> Iterator[list[bytes]]:
    """What comes to a terminal while the block runs, up to when its other side is closed."""
    said: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the other side is closed
            while data := os.read(terminal, 1 << 16):
                said.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield said
    finally:
        reader.join(TIMEOUT)
        os.close(terminal)


@pytest.fixture
def place(bare: Shell) -> Shell:
    bare.write("events.csv", simple_csv(MOST))
    bare.write("small.csv", simple_csv(100))
    assert bare.type("run", "small.csv", "--sandbox", "--results", "done.csv").code == 0
    return bare


@pytest.mark.parametrize(("name", "number"), list(zip(COMMANDS, [*SIGNALS, *SIGNALS], strict=False)))
def test_a_signal_as_soon_as_a_command_begins_ends_it(place: Shell, name: str, number: int) -> None:
    ended = stopped_after(place, COMMANDS[name], 0.0, number)
    assert ended.code == 130
    assert ended.said.endswith("Stopped.\n")
    assert_stopped_well(place, name, ended, number)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_ends_a_command(place: Shell, name: str) -> None:
    began = time.monotonic()
    assert place.type(*COMMANDS[name], stdin=b"").code == 0
    whole = time.monotonic() - began
    moments, codes = 10, set()
    for moment in range(moments):
        for path in (
            *place.folder.glob("events.*.csv*"),
            *place.folder.glob("failed.*"),
            *place.folder.glob("log.*"),
        ):
            path.unlink()
        number = SIGNALS[moment % len(SIGNALS)]
        ended = stopped_after(place, COMMANDS[name], whole * moment / moments, number)
        codes.add(ended.code)
        assert_stopped_well(place, name, ended, number)
    assert 130 in codes


@pytest.mark.slow
def test_a_signal_at_any_moment_ends_a_command_that_draws_its_progress(place: Shell) -> None:
    words, codes = ["run", "events.csv", "--sandbox"], []
    for moment in range(8):
        for path in place.folder.glob("events.*.csv*"):
            path.unlink()
        ours, theirs = pty.openpty()
        number = SIGNALS[moment % len(SIGNALS)]
        with read_of(ours) as said:
            ended = stopped_after(place, words, moment / 5, number, error=theirs)
            os.close(theirs)
        assert_stopped_well(place, "sandbox", ended._replace(said=b"".join(said).decode()), number)
        codes.append(ended.code)
    assert codes[0] == 130


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_the_question_sends_nothing(bare: Shell, number: int) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="x" * 32, MIXPANEL_BASE_URL="http://127.0.0.1:9")
    shell.write("events.csv", simple_csv(3))
    ours, theirs = pty.openpty()
    with (
        read_of(ours) as said,
        subprocess.Popen(
            command(["run", "events.csv"]),
            cwd=shell.folder,
            env=shell.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process,
    ):
        wait_until(lambda: b"[y/N]" in b"".join(said), "it asks")
        process.send_signal(number)
        assert process.wait(120) == 130
        os.close(theirs)
    assert b"".join(said).endswith(b"[y/N] \r\nStopped. Nothing was sent.\r\n")
    assert list(shell.folder.glob("*results*")) == []


@pytest.mark.parametrize("words", [("run", "-", "--dry-run"), ("run", "-", "--yes")])
def test_a_signal_while_standard_input_is_kept_leaves_nothing(bare: Shell, words: Sequence[str]) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="x" * 32, MIXPANEL_BASE_URL="http://127.0.0.1:9")
    with subprocess.Popen(
        command(words),
        cwd=shell.folder,
        env=shell.environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        wait_until(lambda: list(shell.folder.glob("*.source.part")), "standard input is being kept")
        process.send_signal(signal.SIGHUP)
        process.wait(120)
        _, said = process.communicate()
    assert (process.returncode, said) == (130, b"Stopped. Nothing was sent.\n")
    assert list(shell.folder.iterdir()) == []


def test_one_event_that_is_stopped_on_its_way_is_not_called_unsent(bare: Shell) -> None:
    with fault_server.running("--share", "hang=1.0") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="x" * 32, MIXPANEL_BASE_URL=url)
        with shell.started("track", "Hi") as process:
            wait_until(lambda: requests_met(url), "the event is on its way")
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert said == "Stopped. If the event was on its way, it is not known whether Mixpanel took it.\n"


_AT_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


def test_a_terminal_that_is_closed_ends_a_run_in_good_order(bare: Shell) -> None:
    with fault_server.running("--share", "slow=1.0", "--delay", "0.1") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="x" * 32, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", simple_csv(2_000))
        ours, theirs = pty.openpty()
        words = command(["run", "events.csv", "--yes", "--batch-size", "10", "--concurrency", "1"])
        with subprocess.Popen(
            [words[0], "-c", _AT_A_TERMINAL, *words],
            cwd=shell.folder,
            env=shell.environment(),
            stdin=theirs,
        ) as process:
            os.close(theirs)
            wait_until(lambda: requests_met(url) > 1, "it is under way")
            os.close(ours)
            assert process.wait(120) == 130
        done = shell.results("events.results.csv")
        manifest = json.loads((shell.folder / "events.results.csv.run.json").read_bytes())
        assert 0 < len(done) < 2_000
        assert (manifest["exit_code"], manifest["unattempted"]) == (130, 2_000 - len(done))


def test_a_stop_ends_all_of_several_sources(bare: Shell) -> None:
    """Ctrl-C in the first source does not let the second begin."""
    with fault_server.running("--share", "slow=1.0", "--delay", "0.05") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="x" * 32, MIXPANEL_BASE_URL=url)
        shell.write("one.csv", simple_csv(100))
        shell.write("two.csv", simple_csv(101))
        words = ("--yes", "--concurrency", "1", "--workers", "1", "--results", "out")
        with shell.started("run", "one.csv", "two.csv", *words) as process:
            wait_until(lambda: requests_met(url) >= 2, "the last batch of the first is on the wire")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    rest = shell.folder / "out/two.csv.csv"
    assert not rest.exists() or shell.results("out/two.csv.csv") == []
