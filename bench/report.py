"""The tables of ``speed.py``: from what was measured to RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from contestants import Contestant
from measure import SLICE

MUST_MB, AIM_MB = 130, 100
"""Peak of memory that we must stay below, and want to, whatever the number of rows."""

MOST_OF_USUAL = 1.3
"""No row that does the same work may cost so many times the usual one."""


class Figures(NamedTuple):
    """What was measured of one contestant, one number for each run.

    Attributes:
        cpus: CPU seconds per million rows.
        walls: Seconds on the clock per million rows.
        peaks: Peak of memory, MB.
        servers: CPU seconds of the server per million rows.
        busiest: Largest share of the clock that the server computed.
    """

    cpus: tuple[float, ...]
    walls: tuple[float, ...]
    peaks: tuple[float, ...]
    servers: tuple[float, ...]
    busiest: float

    @property
    def cpu(self) -> float:
        """The median of the CPU seconds."""
        return median(self.cpus)


class Entry(NamedTuple):
    """A contestant and how it did; without figures, or with a problem, it failed."""

    contestant: Contestant
    rows: int
    figures: Figures | None
    problem: str


class Memory(NamedTuple):
    """Peaks of memory for two numbers of rows."""

    title: str
    few: int
    few_mb: float
    many: int
    many_mb: float
    problem: str


class Latency(NamedTuple):
    """A run with a server that takes its time.

    Attributes:
        seconds: That it takes to answer.
        rows: That were sent.
        wall: Seconds of the whole run.
        over_time: Events that arrived in each slice of time, from the first request on.
        problem: Why the run doesn't count; empty if it does.
    """

    seconds: float
    rows: int
    wall: float
    over_time: tuple[int, ...]
    problem: str

    @property
    def reached(self) -> float:
        """Events a second in the second half of the time, but for the last slice."""
        whole = self.over_time[:-1]
        half = whole[len(whole) // 2 :]
        return sum(half) / (len(half) * SLICE) if half else 0.0

    @property
    def after(self) -> float:
        """Seconds until a second's events were nine tenths of that."""
        width = round(1 / SLICE)
        for at in range(len(self.over_time)):
            if sum(self.over_time[at : at + width]) >= 0.9 * self.reached:
                return at * SLICE
        return len(self.over_time) * SLICE


Known = Mapping[str, Entry]


def _without_places(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of this script without the folders and files of whoever ran it."""
    kept = list(arguments)
    for option in ("--folder", "--output"):
        while option in kept:
            at = kept.index(option)
            del kept[at : at + 2]
    return kept


def machine(load_before: float, packages: Sequence[str], root: Path) -> list[str]:
    """Return lines about where, when and with what this was measured, and how to do it again."""
    cpu = "unknown CPU"
    known = Path("/proc/cpuinfo")
    if known.exists():
        names = [line for line in known.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    system = f"{platform.system()} {platform.release()}"
    commit = _said("git", "-C", str(root), "describe", "--always", "--dirty")
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}",
        f"- {cpu}, {os.cpu_count()} cores, {system}; load before it began {load_before:.1f}",
        f"- Python {platform.python_version()}, Node {_said('node', '--version')}, {', '.join(packages)}",
        f"- again: `{shlex.join(['python', 'bench/speed.py', *_without_places(sys.argv[1:])])}`",
    ]


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


_WHAT = """\
**÷ floor** is CPU seconds of the whole process, user and system, from its start to its end, divided by those
of the floor in the same round: a program that sends the same events, which lie ready in a file, with gzip
over a socket, and does nothing else. Medians of rounds, and in brackets the least and the most of them. CPU
and wall are seconds for a million rows. All that an import does is in it: types, rules, `$insert_id`, gzip,
answers checked, a results row for each row. What sends nothing is compared with the floor of 2,000 a request.
Peaks of memory below 25 MB can't be seen.

The usual data are the same events in each format: {rows:,} rows, as CSV of about 245 bytes, 13 columns, an
object of JSON in one of them. They are in the order of time, unless shuffled: then the same rows have any
time of three years and any of five offsets, as in an export that is sorted by user. A row that was measured
with fewer than a million has the start of its process counted once, and the rest scaled."""

_MATRIX = f"""\
Types inferred, 2,000 a request. The floor of each row sends the very events that arrived from it, as many
times as make a million rows. **÷ usual** compares the ratios: this row's with that of the usual data of its
format, shuffled if this is. It is bold above {MOST_OF_USUAL}, which is the most where the work is the same; a
row that does more (a note or a reason to write for each record, text to unpack) may need more. {{rows:,}}
rows, scaled; fewer without the compiled part, which has the floor of the usual data."""


def render(
    entries: Sequence[Entry], peaks: Sequence[Memory], slow: Sequence[Latency], where: Sequence[str]
) -> str:
    """Return the whole of RESULTS.md."""
    known = {each.contestant.key: each for each in entries}
    groups: dict[str, list[Entry]] = {}
    for each in entries:
        groups.setdefault(each.contestant.group, []).append(each)
    usual = groups.get("usual", [])
    parts = [
        "# Speed",
        "Written by `python bench/speed.py`; what is changed by hand is lost.",
        "\n".join(where),
        _WHAT.format(rows=max((each.rows for each in usual), default=0)),
    ]
    if usual:
        parts += ["## The usual data", _usual(usual, known)]
    if matrix := groups.get("matrix"):
        rows = max(each.rows for each in matrix)
        parts += ["## Other data", _MATRIX.format(rows=rows), _matrix(matrix, known), _worst(matrix, known)]
    if peers := groups.get("peer"):
        parts += ["## Other tools, same server, same rounds", _peers(peers, known), _PEERS_NOTE]
    if peaks:
        parts += ["## Memory", _memory(peaks)]
    if start := groups.get("start"):
        parts += ["## Start", _start(start)]
    if slow:
        parts += ["## Default settings, a server that takes its time", _latency(slow), _LATENCY_NOTE]
    if any(each.contestant.sends for each in entries):
        parts += ["## Was the server in the way?", _server(entries)]
    return "\n\n".join(parts)


def _usual(entries: Iterable[Entry], known: Known) -> str:
    lines = [
        _row("", "a request", "÷ floor", "", "must", "aim", "", "CPU s", "wall s", "floor's CPU s", "peak MB")
    ]
    lines.append("|---|--:|--:|:--|--:|--:|:--|" + "--:|" * 4)
    for each in entries:
        contestant, figures, floor = each.contestant, each.figures, _floor_of(each, known)
        batch = f"{contestant.batch:,}" if contestant.sends else "-"
        if figures is None or each.problem:
            lines.append(_row(contestant.title, batch, f"FAILED: {each.problem}", *[""] * 8))
            continue
        ratios = _ratios(figures, floor)
        lines.append(
            _row(
                contestant.title,
                batch,
                *_ratio_cells(ratios),
                _number(contestant.must),
                _number(contestant.aim),
                _judged(median(ratios), contestant.must, contestant.aim) if ratios else "",
                *_second_cells(figures, floor),
            )
        )
    return "\n".join(lines)


def _matrix(entries: Iterable[Entry], known: Known) -> str:
    lines = [
        _row("", "÷ floor", "", "÷ usual", "must", "aim", "", "CPU s", "wall s", "floor's CPU s", "peak MB")
    ]
    lines.append("|---|--:|:--|--:|--:|--:|:--|" + "--:|" * 4)
    for each in entries:
        contestant, figures, floor = each.contestant, each.figures, _floor_of(each, known)
        if figures is None or each.problem:
            lines.append(_row(contestant.title, f"FAILED: {each.problem}", *[""] * 9))
            continue
        ratios = _ratios(figures, floor)
        beside = _beside_usual(each, known)
        lines.append(
            _row(
                contestant.title,
                *_ratio_cells(ratios),
                "-" if beside is None else f"**{beside:.2f}**" if beside > MOST_OF_USUAL else f"{beside:.2f}",
                _number(contestant.must),
                _number(contestant.aim),
                _judged(median(ratios), contestant.must, contestant.aim) if ratios else "",
                *_second_cells(figures, floor),
            )
        )
    return "\n".join(lines)


def _beside_usual(each: Entry, known: Known) -> float | None:
    """Return the ratio of an entry to its floor, divided by that of the usual data."""
    usual = known.get(each.contestant.like)
    if not usual or not usual.figures or usual.problem or not each.figures:
        return None
    mine, theirs = (
        _ratios(each.figures, _floor_of(each, known)),
        _ratios(usual.figures, _floor_of(usual, known)),
    )
    return median(mine) / median(theirs) if mine and theirs else None


def _worst(entries: Iterable[Entry], known: Known) -> str:
    """Name the row that is furthest from the usual one, and the one that holds the most memory."""
    good = [each for each in entries if each.figures and not each.problem and each.contestant.compiled]
    beside = [
        (found, each.contestant.title) for each in good if (found := _beside_usual(each, known)) is not None
    ]
    peaks = [(max(each.figures.peaks), each.contestant.title) for each in good if each.figures]
    said = []
    if beside:
        said.append(f"Furthest from the usual data: {max(beside)[1]}, {max(beside)[0]:.2f} times.")
    if peaks:
        verdict = _judged(max(peaks)[0], MUST_MB, AIM_MB)
        said.append(
            f"Most memory: {max(peaks)[1]}, {max(peaks)[0]:.0f} MB (must {MUST_MB}, aim {AIM_MB}: {verdict})."
        )
    return " ".join(said)


def _peers(entries: Iterable[Entry], known: Known) -> str:
    lines = [
        _row(
            "",
            "a request",
            "rows",
            "÷ importer",
            "",
            "÷ floor",
            "CPU s",
            "importer's CPU s",
            "wall s",
            "peak MB",
        )
    ]
    lines.append("|---|--:|--:|--:|:--|" + "--:|" * 5)
    for each in entries:
        contestant, figures = each.contestant, each.figures
        head = [contestant.title, f"{contestant.batch:,}", f"{each.rows:,}"]
        if figures is None or each.problem:
            lines.append(_row(*head, f"FAILED: {each.problem}", *[""] * 6))
            continue
        like = known.get(contestant.like)
        mine = like.figures if like and not like.problem else None
        floor = _ratios(figures, _floor_of(each, known))
        lines.append(
            _row(
                *head,
                *_ratio_cells(_ratios(figures, mine)),
                f"{median(floor):.1f}" if floor else "-",
                _number(figures.cpu),
                _number(mine.cpu) if mine else "-",
                _number(median(figures.walls)),
                f"{max(figures.peaks):.0f}",
            )
        )
    return "\n".join(lines)


_PEERS_NOTE = """\
CPU seconds for a million events. A tool that is slow gets fewer rows, scaled. Peaks of memory are those of
the rows given (mixpanel-utils holds the whole file). The importer's time is that for the same file in
requests of the same size. The other tools do less for theirs: with its best settings, mixpanel-import checks
nothing and changes nothing in Mixpanel's shape; of CSV it makes text, and so does the SDK, while
mixpanel-utils takes each cell by itself for what `json.loads` makes of it; none of them writes a result for
each row. Nothing is encrypted, for nobody: mixpanel-import is sent to the server by replacing its connection
pool, for it has no option for that. Its best settings are in `contestants.py`, the scripts that call the
libraries in `peers/`. mixpanel-utils and the SDK never compress."""


def _memory(peaks: Iterable[Memory]) -> str:
    lines = [_row("", "rows", "peak MB", "rows", "peak MB", f"must {MUST_MB}, aim {AIM_MB}")]
    lines.append("|---|" + "--:|" * 4 + ":--|")
    for each in peaks:
        verdict = each.problem or _judged(max(each.few_mb, each.many_mb), MUST_MB, AIM_MB)
        few, many = (f"{mb:.0f}" for mb in (each.few_mb, each.many_mb))
        lines.append(_row(each.title, f"{each.few:,}", few, f"{each.many:,}", many, verdict))
    return "\n".join(lines)


def _start(entries: Iterable[Entry]) -> str:
    lines = [_row("", "CPU s", "", "wall s", "peak MB"), "|---|--:|:--|--:|--:|"]
    for each in entries:
        figures = each.figures
        if figures is None or each.problem:
            lines.append(_row(each.contestant.title, f"FAILED: {each.problem}", "", "", ""))
            continue
        cells = f"**{figures.cpu:.2f}**", _range(figures.cpus), f"{median(figures.walls):.2f}"
        lines.append(_row(each.contestant.title, *cells, f"{max(figures.peaks):.0f}"))
    return "\n".join(lines)


_LATENCY_NOTE = """\
CSV, types inferred, 50 events a request, as many requests in flight as the importer finds by itself. Reached
is the mean over the second half of the time of sending; nine tenths of it were first reached in the second
that began so long after the first request. Once each."""


def _latency(slow: Iterable[Latency]) -> str:
    lines = [
        _row("latency", "events a second reached", "90% of it after", "rows", "wall s"),
        "|--:|--:|--:|--:|--:|",
    ]
    for each in slow:
        reached = f"FAILED: {each.problem}" if each.problem else f"**{each.reached:,.0f}**"
        lines.append(
            _row(
                f"{each.seconds * 1000:.0f} ms",
                reached,
                f"{each.after:.1f} s",
                f"{each.rows:,}",
                f"{each.wall:.1f}",
            )
        )
    return "\n".join(lines)


def _server(entries: Iterable[Entry]) -> str:
    """Say what the server cost beside its clients: it must be less, or it is what was measured."""
    sent = [(e, e.figures) for e in entries if e.contestant.sends and e.figures and not e.problem]
    slower = [each.contestant.key for each, figures in sent if median(figures.servers) >= figures.cpu]
    verdict = f"It was, for {', '.join(slower)}." if slower else "It was not: every client cost more than it."
    busy = [(figures.busiest, each) for each, figures in sent if each.contestant.group != "floor"]
    if not busy:
        return verdict
    share, each = max(busy, key=lambda pair: pair[0])
    return (
        f"{verdict} It computed for at most {share:.0%} of the clock ({each.contestant.title}), floors aside."
    )


# ── two trees ────────────────────────────────────────────────────────────────────────────────────


def compare(entries: Sequence[Entry], others: Sequence[Entry], names: Sequence[str]) -> str:
    """Return a table for a terminal: the ratios of one tree, or of two and their quotient.

    Args:
        entries: Of the first tree, floors among them.
        others: Of the second; empty if there is none.
        names: Of the trees.
    """
    known = {each.contestant.key: each for each in entries}
    beside = {each.contestant.key: each for each in others}
    lines = [
        f"{'÷ floor':36} {names[0][-28:]:>28}"
        + (f" {names[1][-28:]:>28} {'first ÷ second':>22}" if others else "")
    ]
    for each in entries:
        if each.contestant.group == "floor":
            continue
        both = [each, *([beside[each.contestant.key]] if others else [])]
        problem = next((entry.problem for entry in both if entry.problem or not entry.figures), "")
        contestant = each.contestant
        title = f"{contestant.key} {contestant.batch:,}" if contestant.sends else contestant.key
        title += "" if contestant.compiled else " (not compiled)"
        if problem:
            lines.append(f"{title:36} FAILED: {problem}")
            continue
        floor = _floor_of(each, known)
        found = [entry.figures for entry in both if entry.figures]
        cells = [f"{_spread(_ratios(figures, floor) or figures.cpus):>28}" for figures in found]
        if len(found) > 1:
            cells.append(f"{_spread(_ratios(found[0], found[1])):>22}")
        lines.append(f"{title:36} {' '.join(cells)}")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


# ── what README quotes ───────────────────────────────────────────────────────────────────────────

_QUOTED = re.compile(r"(<!-- figures: (.+?) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def quote_into(path: Path, entries: Iterable[Entry]) -> None:
    """Write figures, as the tables have them, into the places of a document that are marked with a row."""
    known = {each.contestant.key: each for each in entries}
    quotes = {
        known[key].contestant.title: quote
        for key, quoted in (("csv", _quote_usual), ("without", _quote_without))
        if key in known and (quote := quoted(known[key], known))
    }

    def replaced(found: re.Match[str]) -> str:
        return found[1] + quotes[found[2]] + found[3] if found[2] in quotes else found[0]

    path.write_text(_QUOTED.sub(replaced, path.read_text("utf-8")), "utf-8")


def _quote_usual(each: Entry, known: Known) -> str:
    figures, floor = each.figures, _floor_of(each, known)
    if not figures or not floor or each.problem:
        return ""
    cpu, wall, _, peak = _second_cells(figures, floor)
    ratio = _number(median(_ratios(figures, floor)))
    return (
        f"To import the usual CSV, types inferred, costs {ratio} times the CPU of only sending the same\n"
        f"events, compressed: for a million rows {cpu} CPU seconds, {wall} seconds in all and\n"
        f"{peak.strip('*')} MB of memory. Mixpanel takes half a minute for them."
    )


def _quote_without(each: Entry, known: Known) -> str:
    beside = None if each.problem else _beside_usual(each, known)
    if beside is None:
        return ""
    return (
        f"Without a C compiler at installation all of it is done as well, but takes {beside:.2f} times as\n"
        "long; a run says so when it starts."
    )


# ── cells ────────────────────────────────────────────────────────────────────────────────────────


def _floor_of(each: Entry, known: Known) -> Figures | None:
    floor = known.get(each.contestant.floor)
    return floor.figures if floor and not floor.problem else None


def _ratios(figures: Figures, base: Figures | None) -> list[float]:
    """Return the ratio of each round."""
    return [cpu / of for cpu, of in zip(figures.cpus, base.cpus, strict=False)] if base else []


def _ratio_cells(ratios: Sequence[float]) -> tuple[str, str]:
    return (f"**{_number(median(ratios))}**", _range(ratios)) if ratios else ("-", "")


def _second_cells(figures: Figures, floor: Figures | None) -> tuple[str, str, str, str]:
    peak = max(figures.peaks)
    return (
        _number(figures.cpu),
        _number(median(figures.walls)),
        _number(floor.cpu) if floor else "-",
        f"**{peak:.0f}**" if peak > MUST_MB else f"{peak:.0f}",
    )


def _judged(found: float, must: float | None, aim: float | None) -> str:
    if aim is not None and found <= aim:
        return "aim"
    if must is None:
        return ""
    return "must" if found <= must else "**MISSED**"


def _range(values: Sequence[float]) -> str:
    return f"({_number(min(values))} to {_number(max(values))})"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
