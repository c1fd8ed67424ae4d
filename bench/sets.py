"""What does a set of many files cost, beside one file with the same rows, and does it stay flat?

    python bench/sets.py --quick     a tenth of the rows, a minute or two
    python bench/sets.py             everything, to bench/SETS.md; some twenty minutes

Three questions. What do two workers save, in a dry run of 40 files and in a run into a server (server.py, a
process of its own)? What does each further file cost, from 1 to 1,000 files of the same rows altogether, and
10,000 files of 10 rows? And how much memory and how many open files does each process need for that?

CPU is seconds of the whole run, user and system, of all its processes from their start to their end. Wall is
split where the plan stands: there the manifest of the set is written, before the first record is run. Memory
is the peak that the kernel knows of each process (VmHWM); open files are looked at fifty times a second.
Linux only. A run counts only if it ends with 0, and if all rows have arrived.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from contestants import Tree
from data import CACHE, CHUNK, DATA, lines_of
from measure import BENCH, CountingServer
from report import machine

ROOT: Final = BENCH.parent
OUTPUT: Final = BENCH / "SETS.md"
FILES: Final = 40
ROWS_PER_FILE: Final = 25_000
GROWTH: Final = (1, 10, 100, 1_000)
GROWTH_ROWS: Final = 200_000
SMALL_FILES, SMALL_ROWS = 10_000, 10
LOOK: Final = 0.02
"""Seconds between two looks at the processes."""

ABOUT: Final = """\
**CPU** is seconds of all processes, user and system, from their start to their end. **plan** is the wall time
until the plan stands: all files found, looked at and read once. **run** is the wall time from there to the
end. Memory is the peak of each process, in MB (10⁶ bytes); of several workers, that of the largest.
"""


class Seen(NamedTuple):
    """What a run cost.

    Attributes:
        cpu: Seconds of CPU of all its processes.
        wall: Seconds from start to end.
        planned: Seconds until the manifest of the set was there; the whole time if there is none.
        parent_mb: Peak memory of the process that was started.
        worker_mb: Peak memory of the largest of its workers; 0 without.
        files: Most files that one of its processes had open.
    """

    cpu: float
    wall: float
    planned: float
    parent_mb: float
    worker_mb: float
    files: int


def watch(argv: Sequence[str], folder: Path, env: dict[str, str], plan: Path | None = None) -> Seen:
    """Run a command to its end, and look at its processes meanwhile.

    Args:
        argv: The command.
        folder: Where it runs; what it prints goes to ``output.txt`` there.
        env: Its environment.
        plan: What is there as soon as the plan stands.
    """
    peaks: dict[int, float] = {}
    files, planned = 0, None
    with (folder / "output.txt").open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            now = time.perf_counter() - began
            if planned is None and plan is not None and plan.exists():
                planned = now
            if ended:
                break
            for pid in (process.pid, *_children(process.pid)):
                with suppress(OSError):
                    peaks[pid] = _peak(pid)
                    files = max(files, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
            time.sleep(LOOK)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)}: exit code {process.returncode}, see {folder / 'output.txt'}")
    workers = [peak for pid, peak in peaks.items() if pid != process.pid]
    return Seen(
        used.ru_utime + used.ru_stime,
        now,
        now if planned is None else planned,
        peaks[process.pid],
        max(workers, default=0.0),
        files,
    )


def _children(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started; but not the one that only keeps its books."""
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                    yield int(child)


def _peak(pid: int) -> float:
    """Return the peak of a process's memory, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError


# ── the data ─────────────────────────────────────────────────────────────────────────────────────


def write_files(folder: Path, name: str, files: int, rows: int) -> Path:
    """Write a set of files, unless it is there, and return its folder.

    Args:
        folder: Where the data is kept.
        name: Of the data, as in data.py: ``csv``, or ``flat``, which is packed with gzip.
        files: How many files.
        rows: Rows of each.
    """
    made = folder / f"{name}-{files}x{rows}"
    if made.exists():
        return made
    part = folder / f"{made.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    total, header = files * rows, DATA[name].header
    lines = chain.from_iterable(lines_of(name, total, start) for start in range(0, total, CHUNK))
    for number in range(files):
        inner = part / f"{number // 100:03d}"
        inner.mkdir(parents=True, exist_ok=True)
        path = inner / (f"part-{number}.csv" if header else f"part-{number}.json.gz")
        with path.open("wb") if header else gzip.open(path, "wb", 6) as file:
            file.write(header.encode())
            for line in islice(lines, rows):
                file.write(line.encode())
    part.rename(made)
    return made


# ── the runs ─────────────────────────────────────────────────────────────────────────────────────


class Bench:
    """Runs commands of the importer of this checkout.

    Args:
        data: Where the data is kept.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self._tree = Tree.at(ROOT)
        self._env = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(data), "LANG": "C.UTF-8",
            "MIXPANEL_PROJECT_TOKEN": "bench_token", **self._tree.environment(),
        }  # fmt: skip
        if not self._tree.is_compiled():
            raise SystemExit("the importer beside this script has no compiled part")

    def type(self, *words: str, plan: str = "") -> Seen:
        """Run a command in the folder of the data."""
        argv = [self._tree.python, "-m", "importer", *words]
        return watch(argv, self.data, self._env, self.data / plan if plan else None)

    def run(self, source: Path, workers: int, *words: str) -> Seen:
        """Import a file or a set with new results."""
        results = self.data / "results"
        for old in self.data.glob("results*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        if source.is_dir():
            own = ("--results", results.name, "--workers", str(workers))
            return self.type("run", source.name, *own, *words, plan=f"{results.name}/set.run.json")
        return self.type("run", str(source.relative_to(self.data)), "--results", "results.csv", *words)

    def send(self, source: Path, workers: int, rows: int) -> tuple[Seen, int]:
        """Import into a server, and return how many events arrived, too."""
        with CountingServer() as server:
            seen = self.run(source, workers, "--base-url", server.url, "--yes")
        if server.counts["events"] != rows:
            raise SystemExit(f"{rows:,} rows, but {server.counts['events']:,} events arrived")
        return seen, server.counts["requests"]


def _one_file(folder: Path) -> Path:
    (found,) = (path for path in folder.rglob("*") if path.is_file())
    return found


def workers_table(bench: Bench, rows: int) -> Iterator[str]:
    """Yield the table of 40 files with one and two workers, beside one file with the same rows."""
    yield "| | workers | CPU s | ÷ one file | wall s | plan s | run s | parent MB | worker MB |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    total = FILES * rows
    start = bench.run(write_files(bench.data, "csv", 2, 1), 1, "--dry-run")
    yield _row("dry run, 2 files of a row", "1", start, None)
    start = bench.run(write_files(bench.data, "csv", 2, 1), 2, "--dry-run")
    yield _row("dry run, 2 files of a row", "2", start, None)
    for name, what in (("csv", "CSV"), ("flat", ".json.gz")):
        one = _one_file(write_files(bench.data, name, 1, total))
        many = write_files(bench.data, name, FILES, rows)
        floor = bench.run(one, 1, "--dry-run")
        yield _row(f"dry run, 1 file, {what}", "", floor, floor)
        for workers in (1, 2):
            yield _row(
                f"dry run, {FILES} files, {what}", str(workers), bench.run(many, workers, "--dry-run"), floor
            )
    one, many = (
        _one_file(write_files(bench.data, "csv", 1, total)),
        write_files(bench.data, "csv", FILES, rows),
    )
    floor, _ = bench.send(one, 1, total)
    yield _row("sent, 1 file, CSV", "", floor, floor)
    for workers in (1, 2):
        yield _row(f"sent, {FILES} files, CSV", str(workers), bench.send(many, workers, total)[0], floor)


def _row(what: str, workers: str, seen: Seen, floor: Seen | None) -> str:
    planned = (f"{seen.planned:.2f}", f"{seen.wall - seen.planned:.2f}") if workers else ("", "")
    ratio = "" if floor is None else f"**{seen.cpu / floor.cpu:.2f}**"
    worker = f"{seen.worker_mb:.0f}" if seen.worker_mb else ""
    return (
        f"| {what} | {workers} | {seen.cpu:.2f} | {ratio} | {seen.wall:.2f} | {planned[0]} | {planned[1]}"
        f" | {seen.parent_mb:.0f} | {worker} |"
    )


def growth_table(bench: Bench, rows: int, shapes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield the table of more and more files."""
    yield "| files | rows of each | | workers | plan s | run s | CPU s | ms of CPU for a further file | status s | parent MB | worker MB | open files |"  # noqa: E501
    yield "|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for sends in (False, True):
        one: dict[int, float] = {}
        for files, each in shapes:
            source = write_files(bench.data, "csv", files, each)
            for workers in (1, 2):
                if sends:
                    seen, _ = bench.send(source, workers, files * each)
                else:
                    seen = bench.run(source, workers, "--dry-run")
                further = ""
                if files * each == rows:
                    base = one.setdefault(workers, seen.cpu)
                    further = "" if files == 1 else f"{(seen.cpu - base) / (files - 1) * 1000:.2f}"
                else:
                    further = f"{seen.cpu / files * 1000:.2f} in all"
                status = bench.type("status", "results")
                worker = f"{seen.worker_mb:.0f}" if seen.worker_mb else ""
                yield (
                    f"| {files:,} | {each:,} | {'sent' if sends else 'dry run'} | {workers}"
                    f" | {seen.planned:.2f} | {seen.wall - seen.planned:.2f} | {seen.cpu:.2f} | {further}"
                    f" | {status.wall:.2f} | {seen.parent_mb:.0f} | {worker} | {seen.files} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and of the small files")
    parser.add_argument("--data", type=Path, default=CACHE / "sets", help="where data and results are kept")
    parser.add_argument("--output", type=Path, help="where the tables go; bench/SETS.md on a full run")
    given = parser.parse_args()
    part = 10 if given.quick else 1
    load = os.getloadavg()[0]
    bench = Bench(given.data)
    rows = GROWTH_ROWS // part
    shapes = [(files, rows // files) for files in GROWTH] + [(SMALL_FILES // part, SMALL_ROWS)]
    out = [
        "# Sets of files",
        "",
        "Written by `python bench/sets.py`; what is changed by hand is lost.",
        "",
        *machine(load, (), ROOT)[:2],
        f"- Python {platform.python_version()}",
        f"- again: `{shlex.join(['python', 'bench/sets.py', *sys.argv[1:]])}`",
        "",
        *ABOUT.splitlines(),
        "",
    ]
    print("\n".join(out), flush=True)
    for title, table in (
        (f"## {FILES} files of {ROWS_PER_FILE // part:,} rows", workers_table(bench, ROWS_PER_FILE // part)),
        (f"## More and more files, of {rows:,} rows altogether", growth_table(bench, rows, shapes)),
    ):
        for line in chain((title, ""), table, ("",)):
            out.append(line)
            print(line, flush=True)
    output = given.output or (None if given.quick else OUTPUT)
    if output is not None:
        output.write_text("\n".join(out).rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    main()
