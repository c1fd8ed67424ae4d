"""How fast the importer is, beside the floor and beside other tools.

    python bench/speed.py                         everything, to bench/RESULTS.md; some half an hour
    python bench/speed.py --quick                 the rows that tell most, in three minutes
    python bench/speed.py --quick --against PATH  the same, beside another checkout's importer
    python bench/speed.py --only csv flat         some rows

Makes its data, starts a server that counts, and measures whole processes: CPU seconds (user and system), time
on the clock, peak of memory. The contestants take turns, A B C … A B C …, so that a machine that is slow for
a while is slow for all. What is compared is not seconds but the ratio to the floor of the same round. A run
counts only if it ended as it should, the server got as many events as there are valid rows, and the results
have a record for each row. A full run writes bench/RESULTS.md, and in README.md what that quotes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from contestants import ALL, DEFAULTS, MILLION, QUICK, ROOT, USUAL, Contestant, Tree
from data import CACHE, folder_of
from install_peers import NODE, PYTHON, install
from measure import BENCH
from report import Latency, Memory, compare, machine, quote_into, render
from runs import SMALL, Place, Series, once

BIG = ("csv", "csv-shuffled", "flat", "flat-shuffled", "shape", "shape-shuffled")
"""The rows that show whether memory grows with the file."""

LATENCIES = (0.1, 0.3)
"""Seconds that the server takes to answer, for the default settings."""

LATENCY_ROWS = 300_000


def rounds(series: Sequence[Series], given: argparse.Namespace, place: Place) -> None:
    """Let everybody run once, then everybody again, …; every second round, two trees change their order."""
    for number in range(given.runs):
        turns = sorted(series, key=lambda each: _turn(each, number, series))
        for each in turns:
            if each.problem or (each.contestant.is_peer and number >= given.peer_runs):
                continue
            small = once(each.contestant, each.tree, SMALL, place) if each.scaled else None
            run = once(each.contestant, each.tree, each.rows, place)
            each.add(run, small)
            used = run.usage
            where = f"  {each.tree.name}" if given.against else ""
            _say(
                f"{number + 1}/{given.runs} {each.contestant.key:21} {each.rows:>9,} rows"
                f" {used.cpu:7.2f} s CPU {used.wall:7.2f} s {used.peak_mb:5.0f} MB"
                f"  server {run.server_cpu:5.2f} s  {each.problem}{where}"
            )


def _turn(each: Series, number: int, series: Sequence[Series]) -> tuple[int, int]:
    first = next(at for at, other in enumerate(series) if other.contestant is each.contestant)
    at = series.index(each)
    return first, -at if number % 2 else at


def memory(given: argparse.Namespace, tree: Tree, place: Place, series: Sequence[Series]) -> list[Memory]:
    """Measure the peak of memory with ten times the rows, once each."""
    found = []
    many = 10 * given.rows
    for each in series:
        contestant = each.contestant
        if contestant.key not in BIG or not each.runs:
            continue
        try:
            place.make(many, [contestant.data])
            run = once(contestant, tree, many, place)
        finally:
            shutil.rmtree(folder_of(place.cache, many), ignore_errors=True)
        few = max(run.usage.peak_mb for run in each.runs)
        found.append(Memory(contestant.title, each.rows, few, many, run.usage.peak_mb, run.problem))
        _say(f"memory {contestant.key}: {few:.0f} MB, {run.usage.peak_mb:.0f} MB  {run.problem}")
    return found


def latency(tree: Tree, place: Place) -> list[Latency]:
    """Measure how many events a second the default settings reach with a server that takes its time."""
    place.make(LATENCY_ROWS, [DEFAULTS.data])
    found = []
    for seconds in LATENCIES:
        run = once(DEFAULTS, tree, LATENCY_ROWS, place, latency=seconds)
        found.append(Latency(seconds, LATENCY_ROWS, run.usage.wall, tuple(run.over_time), run.problem))
        _say(f"latency {seconds} s: {LATENCY_ROWS:,} rows in {run.usage.wall:.1f} s  {run.problem}")
    return found


def prepare(series: Sequence[Series], place: Place) -> None:
    """Make all data, and let everybody run once for nothing: what is cached at first use isn't measured."""
    sets: dict[int, dict[str, None]] = defaultdict(dict)
    for each in series:
        if each.contestant.rows is not None:
            sets[each.rows][each.contestant.data] = None
            if each.scaled:
                sets[SMALL][each.contestant.data] = None
    for rows, names in sets.items():
        place.make(rows, names)
    os.sync()  # so that writing it is not charged to who comes first
    floors = {each.contestant.key: each for each in series if each.contestant.group == "floor"}
    for each in series:
        floor = floors.get(each.contestant.floor)
        if each.contestant.group == "matrix" and floor and each.contestant.data == floor.contestant.data:
            floor.problem = floor.problem or place.keep_received(each.contestant, each.tree, each.rows)
    place.make(SMALL, [USUAL[0].data])
    for tree in {each.tree: None for each in series}:
        once(USUAL[0], tree, SMALL, place)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [each.key for each in ALL]
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--runs", type=int, default=0, help="rounds; 3, or 4 with --quick alone")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="NAME", help=f"of {', '.join(keys)}")
    parser.add_argument("--no-peers", action="store_true", help="leave the other tools out")
    parser.add_argument("--peer-runs", type=int, default=2, help="of the other tools, in the first rounds")
    parser.add_argument("--memory", action="store_true", help="also ten times the rows; always on a full run")
    parser.add_argument("--latency", action="store_true", help="also a slow server; always on a full run")
    parser.add_argument("--quick", action="store_true", help="the rows that tell most, 100,000 rows of each")
    parser.add_argument(
        "--tree", type=Path, default=ROOT, help="a checkout, or an interpreter's installed importer"
    )
    parser.add_argument("--against", type=Path, help="another; both take turns")
    parser.add_argument(
        "--without-compiled", action="store_true", help="measure it without its compiled part"
    )
    parser.add_argument("--folder", type=Path, default=CACHE, help="of data and peers")
    parser.add_argument("--output", type=Path, help="where the tables go; RESULTS.md on a full run")
    given = parser.parse_args()
    given.runs = given.runs or (4 if given.quick and not given.against else 3)
    if given.quick:
        given.rows = min(given.rows, 100_000)
        given.only = given.only or list(QUICK)
    full = given.rows >= MILLION and not (given.only or given.no_peers or given.against)
    if full:
        given.memory = given.latency = True
        given.output = given.output or BENCH / "RESULTS.md"
    return given


def trees_of(given: argparse.Namespace) -> list[Tree]:
    """Return the importers to be measured; raises `SystemExit` if they are not what users run."""
    first = replace(Tree.at(given.tree), **({"python": sys.executable} if given.tree == ROOT else {}))
    trees = [first, *([Tree.at(given.against)] if given.against else [])]
    for tree in trees:
        if not given.without_compiled and not tree.is_compiled():
            _say(_REFUSAL.format(where=tree.root or tree.python, python=tree.python, what=tree.root or "…"))
            raise SystemExit(2)
    return trees


_REFUSAL = """\
{where}: the importer there has no compiled part, so this would not measure what users run.
To compile it:                {python} -m pip install --editable {what}
To measure an installed one:  python bench/speed.py --tree PYTHON (the interpreter of its environment)
To measure it as it is:       python bench/speed.py --without-compiled"""


def chosen(given: argparse.Namespace) -> list[Contestant]:
    """Return who was asked for, with their floors."""
    picked = [each for each in ALL if not given.only or each.key in given.only]
    if given.no_peers:
        picked = [each for each in picked if not each.is_peer]
    floors = {each.floor for each in picked if each.group in ("usual", "matrix", "peer")}
    return [each for each in ALL if each in picked or each.key in floors]


def series_of(
    contestants: Iterable[Contestant], trees: Sequence[Tree], given: argparse.Namespace
) -> list[Series]:
    """Return a series for each contestant, and for each tree where the importer is measured."""
    found = []
    for each in contestants:
        for tree in trees if each.kind == "importer" else trees[:1]:
            plain = each.compiled and tree.is_compiled()
            named = (
                each
                if plain or not each.compiled
                else replace(each, title=f"{each.title} (not compiled)", compiled=False)
            )
            found.append(Series(named, tree, each.rows_of(given.rows)))
    return found


def main() -> int:
    given = arguments()
    trees = trees_of(given)
    given.folder.mkdir(parents=True, exist_ok=True)
    contestants = chosen(given)
    peers, missing = (
        install(given.folder) if any(each.is_peer for each in contestants) else (given.folder, {})
    )
    place = Place(given.folder, peers)
    series = series_of(contestants, trees, given)
    for each in series:
        each.problem = missing.get(each.contestant.kind, "")
    before = os.getloadavg()[0]
    prepare(series, place)
    rounds(series, given, place)
    ours = [each for each in series if each.tree is trees[0]]
    entries = [each.entry() for each in ours]
    if given.quick or given.against:
        others = [each.entry() for each in series if each.tree is not trees[0]]
        text = compare(entries, others, [tree.name for tree in trees])
    else:
        peaks = memory(given, trees[0], place, ours) if given.memory else []
        slow = latency(trees[0], place) if given.latency else []
        where = machine(before, (*NODE, *PYTHON), trees[0].root or ROOT)
        text = render(entries, peaks, slow, where)
    print(text)
    raw = {
        f"{each.tree.name} {each.contestant.key}": [each.runs, each.small, each.problem] for each in series
    }
    (given.folder / "raw.json").write_text(json.dumps(raw, indent=1))
    if given.output:
        given.output.write_text(text + "\n", "utf-8")
        if given.output == BENCH / "RESULTS.md":
            quote_into(ROOT / "README.md", entries)
    return int(any(each.problem for each in series if not each.contestant.is_peer))


if __name__ == "__main__":
    sys.exit(main())
