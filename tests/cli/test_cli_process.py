"""Only `importer.__main__` touches the process: its streams, environment and signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from house import ROOT

from importer.cli.app import run
from importer.cli.options import (
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RunScopeOptions,
)
from importer.cli.sets.options import SetOptions

SOURCE = "event,user_id,time\nHi,u,2024-03-01T00:00:00Z\nHi,v,2024-03-01T00:00:01Z\n"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPORT = """
import os, signal, sys, threading
def state():
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    streams = [(id(each), each.encoding, each.errors) for each in (sys.stdin, sys.stdout, sys.stderr)]
    return handlers, streams, dict(os.environ), threading.active_count(), os.getcwd()
before = state(), set(sys.modules)
import importer
assert state() == before[0], "the process is as it was"
print(*sorted(set(sys.modules) - before[1]))
"""


def test_importing_the_package_loads_nothing_but_its_version_and_leaves_the_process_alone() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", IMPORT], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONPATH": str(ROOT.parent)})  # fmt: skip
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith("importer")] == ["importer"]
    assert {name.partition(".")[0] for name in loaded} - {"importer"} <= sys.stdlib_module_names


def test_of_the_command_line_only_the_process_imports_signals() -> None:
    """`_signal` is loaded in no time, so that its handlers are set before anything else is imported."""
    importing = set()
    for path in (ROOT / "__main__.py", *(ROOT / "cli").rglob("*.py")):
        found = re.findall(r"^\s*(?:import|from) (_?signal)\b", path.read_text("utf-8"), re.MULTILINE)
        importing |= {(path.relative_to(ROOT).as_posix(), name) for name in found}
    assert importing == {("__main__.py", "_signal")}


EARLY = """
import builtins, os, signal, sys
number, wanted, as_module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "module"
real, met = builtins.__import__, []
def importing(name, globals=None, *more, **named):
    # `os` and `sys` are loaded as Python starts, and `_signal` is a part of it
    ours = globals and globals["__name__"] in ("importer.__main__", "__main__")
    if ours and "_signal" in met and name not in ("os", "sys"):
        if met.count("later") == wanted:
            os.kill(os.getpid(), number)
        met.append("later")
    met.append(name)
    return real(name, globals, *more, **named)
sys.argv[1:] = ["help"]
import runpy
builtins.__import__ = importing
if as_module:
    runpy.run_module("importer", run_name="__main__")
else:
    from importer.__main__ import main
    print("imported")
    builtins.__import__ = real
    main()
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("started", ["module", "script"])
def test_a_signal_during_the_first_imports_is_no_traceback(number: signal.Signals, started: str) -> None:
    for wanted in range(6):
        done = subprocess.run([sys.executable, "-c", EARLY, str(int(number)), str(wanted), started],
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n"), wanted


@contextmanager
def stop_on_signals(quiet: bool) -> Iterator[threading.Event]:
    """That of the process, whose import sets handlers: those of the tests are put back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    from importer.__main__ import stop_on_signals as of_process

    for number, handler in before.items():
        signal.signal(number, handler)
    with of_process(quiet) as stop:
        yield stop


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.csv").write_text(SOURCE)
    return "events.csv"


def run_here(source: str, stop_requests: Any = None, *, results: Path | None = None) -> int:
    context: Any = SimpleNamespace(obj=stop_requests)
    scope, output = RunScopeOptions(sandbox=True), OutputOptions(quiet=True, results=results)
    return run(context, [source], scope, ReadingOptions(), DeliveryOptions(), output, SetOptions())


def test_a_set_can_be_called_by_a_program_and_leaves_its_signals_alone(source: str) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    assert run_here("*.csv", results=Path("out")) == 0
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert (Path("out") / f"{source}.csv").exists()


def test_a_command_can_be_called_by_a_program_and_leaves_its_signals_alone(source: str) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    assert run_here(source) == 0
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_command_can_be_called_in_a_thread(source: str) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(run_here(source)))
    thread.start()
    thread.join(60)
    assert codes == [0]


def test_the_caller_of_a_command_may_stop_it(source: str) -> None:
    asked: list[bool] = []

    @contextmanager
    def at_once(quiet: bool) -> Iterator[threading.Event]:
        asked.append(quiet)
        stop = threading.Event()
        stop.set()
        yield stop

    assert run_here(source, stop_requests=at_once) == 130
    assert asked == [True]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("quiet", [False, True])
def test_the_first_signal_asks_for_a_stop_and_handlers_are_put_back(
    number: signal.Signals, quiet: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with stop_on_signals(quiet) as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert [signal.getsignal(each) for each in SIGNALS] == before
    expected = "Stopping: what has begun is finished first. Once more to leave at once.\n"
    assert capfd.readouterr().err == ("" if quiet else expected)


def test_the_second_signal_ends_the_process_at_once_but_for_a_second_hang_up() -> None:
    script = (
        "import signal\n"
        "from importer.__main__ import stop_on_signals\n"
        "with stop_on_signals(False):\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    signal.raise_signal(signal.SIGHUP)\n"  # a terminal that is closed sends several
        "    print('once', flush=True)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('twice', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "once\n")
    assert done.stderr.endswith("Left at once. The same command with --resume goes on.\n")


def test_signals_that_the_caller_lets_a_command_ignore_stay_ignored() -> None:
    """As ``nohup`` does with SIGHUP, and a script with SIGINT of what it runs in the background."""
    script = (
        "import signal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from importer.__main__ import stop_on_signals\n"
        "with stop_on_signals(False) as stop:\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
        "    print(stop.is_set())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
