"""One process, watched from outside: what it cost, and what the server got."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

BENCH = Path(__file__).resolve().parent
LONGEST = 3_600
"""Seconds after which a process is killed: it hangs."""

SLICE = 0.25
"""Seconds of each number of events that a server counts over time."""


class Usage(NamedTuple):
    """What a process cost.

    Attributes:
        cpu: Seconds of CPU, user and system, of all its threads.
        wall: Seconds from start to end.
        peak_mb: Most memory that it held at once, resident, in MB (10⁶ bytes).
        exit_code: As it ended; below zero if a signal killed it.
    """

    cpu: float
    wall: float
    peak_mb: float
    exit_code: int


def measure(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Usage:
    """Run a process to its end; what it prints goes to ``output.txt`` in its folder.

    Its peak of memory is read from the kernel's books, where a child begins with that of its parent: so
    whoever calls this must stay small, and less than it holds itself can't be seen.
    """
    with (folder / "output.txt").open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        watchdog = threading.Timer(LONGEST, process.kill)
        watchdog.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            watchdog.cancel()
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024 / 1e6, process.returncode)


class CountingServer:
    """``server.py`` in a process of its own: a new one for each run, so that its counts are of that run.

    Args:
        latency: Seconds from a request to its answer.
        keep: Where the events are written that arrive; None for nowhere.

    Attributes:
        url: Where it listens.
        counts: What it counted; empty until it has ended.
    """

    def __init__(self, *, latency: float = 0.0, keep: Path | None = None) -> None:
        options = ["--latency", str(latency), *(["--keep", str(keep)] if keep else [])]
        self._process = subprocess.Popen(
            [sys.executable, str(BENCH / "server.py"), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.counts: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said, _ = self._process.communicate(timeout=60)
        self.counts = json.loads(said)


def records_in(path: Path) -> int:
    """Count the records of a CSV file behind its header, without holding it."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1
