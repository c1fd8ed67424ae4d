"""Runs of contestants: each is one process, and counts only if it did all that it should."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contestants import MILLION, Contestant, Tree, command_of, environment, received
from data import DATA, folder_of
from measure import BENCH, CountingServer, Usage, measure, records_in
from report import Entry, Figures

SMALL = 1_000
"""Rows that tell what a start costs, so that it is counted once where the rest is scaled to a million."""


class Run(NamedTuple):
    """One process, measured.

    Attributes:
        usage: What it cost.
        server_cpu: CPU seconds of the server meanwhile.
        problem: Why it doesn't count; empty if it does.
        over_time: Events that arrived in each slice of time.
    """

    usage: Usage
    server_cpu: float = 0.0
    problem: str = ""
    over_time: Sequence[int] = ()


@dataclass(slots=True)
class Series:
    """All runs of one contestant."""

    contestant: Contestant
    tree: Tree
    rows: int
    runs: list[Run] = field(default_factory=list)
    small: list[Run] = field(default_factory=list)
    problem: str = ""

    def add(self, run: Run, small: Run | None) -> None:
        """Keep a run, and with it the first problem that there was."""
        self.runs.append(run)
        if small is not None:
            self.small.append(small)
        self.problem = self.problem or run.problem or (small.problem if small else "")

    def entry(self) -> Entry:
        """Return what the tables show of it."""
        if not self.runs:
            return Entry(self.contestant, self.rows, None, self.problem)
        cpus, walls, servers = (
            self._per_million(value)
            for value in (lambda run: run.usage.cpu, lambda run: run.usage.wall, lambda run: run.server_cpu)
        )
        figures = Figures(
            cpus=cpus,
            walls=walls,
            peaks=tuple(run.usage.peak_mb for run in self.runs),
            servers=servers,
            busiest=max(run.server_cpu / run.usage.wall for run in self.runs),
        )
        return Entry(self.contestant, self.rows, figures, self.problem)

    @property
    def scaled(self) -> bool:
        """True where it gets fewer rows than a million, and so has to show what its start costs.

        A floor sends its file as often as makes a million.
        """
        return self.contestant.group not in ("start", "floor") and SMALL < self.rows < MILLION

    def _per_million(self, value: Callable[[Run], float]) -> tuple[float, ...]:
        """Return seconds for a million rows of each run, from it and of the small one before it if any."""
        found = [value(run) for run in self.runs]
        if self.small:
            starts = [value(run) for run in self.small]
            more = (MILLION - SMALL) / (self.rows - SMALL)
            return tuple(start + (run - start) * more for run, start in zip(found, starts, strict=True))
        if self.contestant.group in ("start", "floor"):
            return tuple(found)
        return tuple(seconds * MILLION / self.rows for seconds in found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: the cache of data and peers."""

    cache: Path
    peers: Path

    def make(self, rows: int, names: Iterable[str]) -> None:
        """Make sets of data of so many rows that are not there yet."""
        # In a process of its own: whoever measures has to stay small.
        program = [sys.executable, str(BENCH / "data.py"), str(folder_of(self.cache, rows))]
        subprocess.run([*program, "--rows", str(rows), "--only", *names], check=True)

    def keep_received(self, contestant: Contestant, tree: Tree, rows: int) -> str:
        """Let a contestant run once, and keep the events that arrived for its floor; return its problem."""
        path = received(folder_of(self.cache, rows), contestant.data)
        if path.exists():
            return ""
        part = path.with_name(f"{path.name}.part")
        problem = once(contestant, tree, rows, self, keep=part).problem
        if not problem:
            part.replace(path)
        return problem


def once(
    contestant: Contestant,
    tree: Tree,
    rows: int,
    place: Place,
    *,
    keep: Path | None = None,
    latency: float = 0.0,
) -> Run:
    """Measure one process, in a folder that is gone afterwards.

    Args:
        contestant: Who is measured.
        tree: The importer, where it is that.
        rows: How many of the data, which is there.
        place: Where data and peers are.
        keep: Where the events are kept that arrive; None for nowhere.
        latency: Seconds until the server answers.
    """
    data = folder_of(place.cache, rows)
    with tempfile.TemporaryDirectory(dir=place.cache, prefix="run-") as name:
        folder = Path(name)

        def measured(url: str) -> Usage:
            command = command_of(contestant, rows, tree, url, data, place.peers)
            return measure(command, folder, environment(contestant, tree, url, folder, place.peers))

        if not contestant.sends:
            usage = measured("")
            return Run(usage, 0.0, _problem(contestant, usage, rows, None, folder))
        with CountingServer(latency=latency, keep=keep) as server:
            usage = measured(server.url)
        counts = server.counts
        problem = _problem(contestant, usage, rows, counts["events"], folder)
        return Run(usage, counts["cpu"], problem, counts["over_time"])


def _problem(contestant: Contestant, usage: Usage, rows: int, events: int | None, folder: Path) -> str:
    """Return why a run doesn't count: the exit code, events at the server, lines in the results."""
    valid = DATA[contestant.data].valid_rows(rows)
    expected_code = int(contestant.kind == "importer" and valid < rows)
    if usage.exit_code != expected_code:
        said = (folder / "output.txt").read_text("utf-8", "replace").strip().splitlines() or [""]
        return f"exit {usage.exit_code}: {said[-1][:120]}"
    expected = valid * (max(1, MILLION // rows) if contestant.kind == "floor" else 1)
    if events is not None and events != expected:
        return f"{events:,} of {expected:,} events arrived"
    if contestant.kind == "importer" and "run" in contestant.command:
        results = [
            path
            for found in ("*.results.csv", "*.dry-run.csv", "*.results/*.csv")
            for path in folder.glob(found)
        ]
        written = sum(records_in(path) for path in results)
        if written != rows:
            return f"{written:,} results of {rows:,} rows"
        if len(results) != DATA[contestant.data].parts:
            return f"{len(results)} files of results"
    return ""
