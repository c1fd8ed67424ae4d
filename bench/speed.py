"""How fast the importer is, beside the floor and beside other tools.

    python bench/speed.py

Makes its data (a million rows), starts a server that counts, and measures whole processes: CPU seconds (user
and system), time on the clock, peak of memory. The contestants take turns, A B C … A B C …, so that a machine
that is slow for a while is slow for all, and the medians are compared. A run counts only if it ended well,
the server got as many events as there are rows, and the results have a line for each. On a full run the
tables go to bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contestants import ALL, OURS, PEERS, Contestant, environment, places
from data import CACHE, FORMATS, folder_of
from install_peers import NODE, PYTHON, install
from measure import BENCH, CountingServer, Usage, lines_in, measure
from report import Entry, Figures, Memory, machine, render

FULL = 1_000_000
SMALL = 1_000
"""Rows that tell what a start costs, so that it is counted once where the rest is scaled to a million."""


class Run(NamedTuple):
    """One process, measured.

    Attributes:
        usage: What it cost.
        server_cpu: CPU seconds of the server meanwhile.
        problem: Why it doesn't count; empty if it does.
    """

    usage: Usage
    server_cpu: float = 0.0
    problem: str = ""


@dataclass(slots=True)
class Series:
    """All runs of one contestant."""

    contestant: Contestant
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
            return Entry(self.contestant, self.rows, 0, None, self.problem)
        cpus, walls, servers = (
            tuple(self._per_million([value(run) for run in runs]) for runs in self._pairs())
            for value in (_cpu_of, _wall_of, _server_cpu_of)
        )
        figures = Figures(
            cpus=cpus,
            walls=walls,
            peaks=tuple(run.usage.peak_mb for run in self.runs),
            servers=servers,
            busiest=max(run.server_cpu / run.usage.wall for run in self.runs),
        )
        return Entry(self.contestant, self.rows, len(self.runs), figures, self.problem)

    @property
    def scaled(self) -> bool:
        """True where it gets fewer rows than a million, and so has to show what its start costs."""
        return self.rows < FULL and self.contestant.key != "help"

    def _pairs(self) -> list[tuple[Run, ...]]:
        """Return each run, with the small one that went before it if there was one."""
        return list(zip(self.runs, self.small, strict=True)) if self.small else [(run,) for run in self.runs]

    def _per_million(self, seconds: Sequence[float]) -> float:
        """Return seconds for a million rows from those of a run, and of the small one before it if any."""
        if self.contestant.key == "help":
            return seconds[0]
        if len(seconds) == 1:
            return seconds[0] * FULL / self.rows
        run, start = seconds
        return start + (run - start) / (self.rows - SMALL) * (FULL - SMALL)


def _cpu_of(run: Run) -> float:
    return run.usage.cpu


def _wall_of(run: Run) -> float:
    return run.usage.wall


def _server_cpu_of(run: Run) -> float:
    return run.server_cpu


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: the cache of data and peers."""

    cache: Path
    peers: Path

    def data(self, rows: int, formats: Sequence[str] = FORMATS) -> Path:
        """Return the folder with the data of so many rows; it is made if it isn't there."""
        folder = folder_of(self.cache, rows)
        # In a process of its own: whoever measures has to stay small.
        made = [
            sys.executable,
            str(BENCH / "data.py"),
            str(folder),
            "--rows",
            str(rows),
            "--formats",
            *formats,
        ]
        subprocess.run(made, check=True)
        return folder


def once(contestant: Contestant, rows: int, place: Place, formats: Sequence[str] = FORMATS) -> Run:
    """Measure one process, in a folder that is gone afterwards."""
    data = place.data(rows, formats)
    with tempfile.TemporaryDirectory(dir=place.cache, prefix="run-") as name:
        folder = Path(name)
        if not contestant.sends:
            usage = _measured(contestant, "", data, place, folder)
            return Run(usage, 0.0, _problem(contestant, usage, rows, rows, folder))
        with CountingServer() as server:
            usage = _measured(contestant, server.url, data, place, folder)
        counts = server.counts
        return Run(usage, counts["cpu"], _problem(contestant, usage, rows, counts["events"], folder))


def _measured(contestant: Contestant, url: str, data: Path, place: Place, folder: Path) -> Usage:
    where = places(url, data, place.peers)
    command = [where.get(argument, argument) for argument in contestant.command]
    return measure(command, folder, environment(contestant, url, folder, place.peers))


def _problem(contestant: Contestant, usage: Usage, rows: int, events: int, folder: Path) -> str:
    """Return why a run doesn't count: the exit code, events at the server, lines in the results."""
    if usage.exit_code:
        said = (folder / "output.txt").read_text("utf-8", "replace").strip().splitlines() or [""]
        return f"exit {usage.exit_code}: {said[-1][:120]}"
    if events != rows:
        return f"{events:,} of {rows:,} events arrived"
    if contestant.kind == "importer" and "run" in contestant.command:
        written = sum(
            lines_in(path) - 1 for path in [*folder.glob("*.results.csv"), *folder.glob("*.dry-run.csv")]
        )
        if written != rows:
            return f"{written:,} results of {rows:,} rows"
    return ""


def rounds(series: Sequence[Series], given: argparse.Namespace, place: Place) -> None:
    """Let everybody run once, then everybody again, …"""
    for number in range(given.runs):
        for each in series:
            if each.problem or (each.contestant.is_peer and number >= given.peer_runs):
                continue
            small = once(each.contestant, SMALL, place) if each.scaled else None
            run = once(each.contestant, each.rows, place)
            each.add(run, small)
            used = run.usage
            _say(
                f"{number + 1}/{given.runs} {each.contestant.key:14} {each.rows:>9,} rows"
                f" {used.cpu:7.2f} s CPU {used.wall:7.2f} s {used.peak_mb:5.0f} MB"
                f"  server {run.server_cpu:5.2f} s  {each.problem}"
            )


def memory(given: argparse.Namespace, place: Place, series: Sequence[Series]) -> list[Memory]:
    """Measure the peak of memory with ten times the rows, once each."""
    found = []
    many = 10 * given.rows
    try:
        for contestant in OURS:
            if contestant.key not in ("csv", "flat"):
                continue
            known = [
                run.usage.peak_mb for each in series if each.contestant is contestant for run in each.runs
            ]
            few = max(known) if known else once(contestant, given.rows, place).usage.peak_mb
            run = once(contestant, many, place, (contestant.key,))
            found.append(Memory(contestant.title, given.rows, few, many, run.usage.peak_mb, run.problem))
            _say(f"memory {contestant.key}: {few:.0f} MB, {run.usage.peak_mb:.0f} MB  {run.problem}")
    finally:
        shutil.rmtree(folder_of(place.cache, many), ignore_errors=True)
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [each.key for each in ALL]
    parser.add_argument("--rows", type=int, default=FULL)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=keys, metavar="NAME", help=f"of {', '.join(keys)}")
    parser.add_argument("--no-peers", action="store_true", help="leave the other tools out")
    parser.add_argument("--peer-runs", type=int, default=3, help="of the other tools, in the first rounds")
    parser.add_argument("--memory", action="store_true", help="also ten times the rows, once each")
    parser.add_argument("--quick", action="store_true", help="50,000 rows, 2 runs: to see that it works")
    parser.add_argument("--folder", type=Path, default=CACHE, help="of data and peers")
    parser.add_argument("--output", type=Path, help="where the tables go; RESULTS.md on a full run")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.runs, given.peer_runs = 50_000, 2, 1
    full = given.rows >= FULL and not (given.only or given.no_peers)
    given.output = given.output or (BENCH / "RESULTS.md" if full else None)
    return given


def main() -> int:
    given = arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in ALL if not given.only or each.key in given.only]
    if given.no_peers:
        chosen = [each for each in chosen if not each.is_peer]
    peers, missing = install(given.folder) if any(each.is_peer for each in chosen) else (given.folder, {})
    place = Place(given.folder, peers)
    series = [
        Series(
            each,
            min(given.rows, each.most_rows or given.rows),
            problem=missing.get(each.kind, ""),
        )
        for each in chosen
    ]
    before = os.getloadavg()[0]
    for rows in {SMALL, *(each.rows for each in series)}:
        place.data(rows)
    os.sync()  # so that writing it is not charged to who comes first
    for each in chosen:
        if not each.is_peer:  # once for nothing: what is compiled and cached at first use isn't measured
            once(each, SMALL, place)
    rounds(series, given, place)
    peaks = memory(given, place, series) if given.memory else []
    text = render([each.entry() for each in series], peaks, machine(before, (*NODE, *PYTHON)), given.rows)
    print(text)
    raw = {each.contestant.key: [each.runs, each.small, each.problem] for each in series}
    (given.folder / "raw.json").write_text(json.dumps(raw, indent=1))
    if given.output:
        given.output.write_text(text + "\n", "utf-8")
    return int(any(each.problem for each in series if each.contestant not in PEERS))


if __name__ == "__main__":
    sys.exit(main())
