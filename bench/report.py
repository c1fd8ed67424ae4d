"""The tables of ``speed.py``: from what was measured to RESULTS.md."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from contestants import ROOT, Contestant

MILLION = 1_000_000
MUST_MB, AIM_MB = 200, 120
"""Peak of memory that we must stay below, and want to, whatever the number of rows."""


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
    runs: int
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


def machine(load_before: float, packages: Sequence[str]) -> list[str]:
    """Return lines about where, when and with what this was measured, and how to do it again."""
    cpu = "unknown CPU"
    known = Path("/proc/cpuinfo")
    if known.exists():
        names = [line for line in known.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    system = f"{platform.system()} {platform.release()}"
    commit = _said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}",
        f"- {cpu}, {os.cpu_count()} cores, {system}; load before it began {load_before:.1f}",
        f"- Python {platform.python_version()}, Node {_said('node', '--version')}, {', '.join(packages)}",
        f"- again: `{shlex.join(['python', 'bench/speed.py', *sys.argv[1:]])}`",
    ]


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


_WHAT = """\
CPU is user and system time of the whole process, from its start to its end; medians of runs that took turns.
CSV of about 245 bytes a row: 13 columns, an object of JSON in one of them. All that an import does is in it:
types, rules, `$insert_id`, gzip, answers checked, a results row for each row. Peaks of memory below 25 MB
can't be seen. Seconds are for a million rows; measured were {rows:,}{scaled}."""
_SCALED = " (the start of the process is counted once, and the rest scaled)"


def render(entries: Sequence[Entry], peaks: Sequence[Memory], where: Sequence[str], rows: int) -> str:
    """Return the whole of RESULTS.md."""
    known = {each.contestant.key: each for each in entries}
    ours = [each for each in entries if not each.contestant.is_peer]
    others = [each for each in entries if each.contestant.is_peer]
    parts = [
        "# Speed",
        "Written by `python bench/speed.py`; what is changed by hand is lost.",
        "\n".join(where),
        _WHAT.format(rows=rows, scaled="" if rows >= MILLION else _SCALED),
        _ours(ours, known),
    ]
    if others:
        parts += ["## Other tools, same server, same rounds", _others(others, known), _PEERS_NOTE]
    if peaks:
        parts += ["## Memory", _memory(peaks)]
    parts += ["## Was the server in the way?", _server(entries)]
    return "\n\n".join(parts)


def _ours(entries: Iterable[Entry], known: dict[str, Entry]) -> str:
    lines = [
        _row("", "a request", "must", "aim", "CPU s", "least to most", "", "wall s", "peak MB", "÷ floor")
    ]
    lines.append("|---|" + "--:|" * 5 + ":--|" + "--:|" * 3)
    for each in entries:
        contestant, figures = each.contestant, each.figures
        batch = f"{contestant.batch:,}" if contestant.sends else "-"
        goals = [_number(contestant.must), _number(contestant.aim)]
        if figures is None or each.problem:
            lines.append(_row(contestant.title, batch, *goals, f"FAILED: {each.problem}", "", "", "", "", ""))
            continue
        lines.append(
            _row(
                contestant.title,
                batch,
                *goals,
                f"**{_number(figures.cpu)}**",
                _range(figures.cpus),
                _judged(figures.cpu, contestant.must, contestant.aim),
                _number(median(figures.walls)),
                f"{max(figures.peaks):.0f}",
                _ratio(figures, _floor_of(contestant, known)),
            )
        )
    return "\n".join(lines)


def _others(entries: Iterable[Entry], known: dict[str, Entry]) -> str:
    lines = [
        _row(
            "", "a request", "rows", "CPU s", "least to most", "peak MB", "÷ floor", "importer", "÷ importer"
        )
    ]
    lines.append("|---|" + "--:|" * 8)
    for each in entries:
        contestant, figures = each.contestant, each.figures
        head = [contestant.title, f"{contestant.batch:,}", f"{each.rows:,}"]
        if figures is None or each.problem:
            lines.append(_row(*head, f"FAILED: {each.problem}", "", "", "", "", ""))
            continue
        like = known.get(contestant.like)
        mine = like.figures if like and not like.problem else None
        lines.append(
            _row(
                *head,
                f"**{_number(figures.cpu)}**",
                _range(figures.cpus),
                f"{max(figures.peaks):.0f}",
                _ratio(figures, _floor_of(contestant, known)),
                _number(mine.cpu) if mine else "-",
                _ratio(figures, mine),
            )
        )
    return "\n".join(lines)


_PEERS_NOTE = """\
CPU seconds for a million events. A tool that is slow gets fewer rows: its start, measured with 1,000
rows in the same round, is counted once, and the rest is scaled. Peaks of memory are those of the rows
given (mixpanel-utils holds the whole file). `importer` is the importer's time for the same file in
requests of the same size. The other tools do less for theirs: with its best settings, mixpanel-import
checks nothing and changes nothing in Mixpanel's shape; of CSV it makes text, and so does the SDK, while
mixpanel-utils takes each cell by itself for what `json.loads` makes of it; none of them writes a result
for each row. Nothing is encrypted, for nobody: mixpanel-import is sent to the server by replacing its
connection pool, for it has no option for that. Its best settings are in `contestants.py`, the scripts
that call the libraries in `peers/`. mixpanel-utils and the SDK never compress."""


def _memory(peaks: Iterable[Memory]) -> str:
    lines = [_row("", "rows", "peak MB", "rows", "peak MB", f"must {MUST_MB}, aim {AIM_MB}")]
    lines.append("|---|" + "--:|" * 4 + ":--|")
    for each in peaks:
        verdict = each.problem or _judged(max(each.few_mb, each.many_mb), MUST_MB, AIM_MB)
        lines.append(
            _row(
                each.title,
                f"{each.few:,}",
                f"{each.few_mb:.0f}",
                f"{each.many:,}",
                f"{each.many_mb:.0f}",
                verdict,
            )
        )
    return "\n".join(lines)


def _server(entries: Iterable[Entry]) -> str:
    """Say what the server cost beside its clients: it must be less, or it is what was measured."""
    sent = [(e, e.figures) for e in entries if e.contestant.sends and e.figures and not e.problem]
    if not sent:
        return "Nothing was sent."
    lines = [_row("", "a request", "client CPU s", "server CPU s", "server's share of the clock")]
    lines.append("|---|" + "--:|" * 4)
    for each, figures in sent:
        lines.append(
            _row(
                each.contestant.title,
                f"{each.contestant.batch:,}",
                _number(figures.cpu),
                _number(median(figures.servers)),
                f"{figures.busiest:.0%}",
            )
        )
    slower = [each.contestant.key for each, figures in sent if median(figures.servers) >= figures.cpu]
    verdict = f"It was, for {', '.join(slower)}." if slower else "It was not: every client cost more than it."
    return "\n".join([verdict, "", *lines])


def _floor_of(contestant: Contestant, known: dict[str, Entry]) -> Figures | None:
    entry = known.get("floor" if contestant.batch == 2_000 else "floor-50")
    return entry.figures if entry and contestant.sends and not entry.problem else None


def _judged(found: float, must: float | None, aim: float | None) -> str:
    if aim is not None and found <= aim:
        return "aim"
    if must is None:
        return ""
    return "must" if found <= must else "**MISSED**"


def _ratio(figures: Figures, base: Figures | None) -> str:
    return f"{figures.cpu / base.cpu:.1f}" if base else "-"


def _range(values: Sequence[float]) -> str:
    return f"{_number(min(values))} to {_number(max(values))}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
