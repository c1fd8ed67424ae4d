"""Who is measured, and by which commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from data import DATA, files_of
from measure import BENCH

ROOT = BENCH.parent
MILLION = 1_000_000
SHUFFLED = "-shuffled"
MATRIX_ROWS = 250_000
"""Rows of data that is not the usual: enough, with the start counted once, for what a million would cost."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An importer to be measured.

    Attributes:
        name: What it is called, for people.
        python: The interpreter that runs it.
        root: Where its sources are; None for what is installed in the interpreter's environment.
    """

    name: str
    python: str
    root: Path | None

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the tree in a folder, with its own ``.venv`` if it has one, or what an interpreter has."""
        if not path.is_dir():
            return cls(str(path), str(path.absolute()), None)
        own = path.absolute() / ".venv/bin/python"
        return cls(str(path), str(own) if own.exists() else sys.executable, path.absolute())

    def environment(self, *hooks: Path) -> dict[str, str]:
        """Return the variables of its processes; modules in ``hooks`` come first."""
        places = [str(place) for place in (*hooks, self.root) if place]
        return {"PYTHONPATH": os.pathsep.join(places)} if places else {}

    def is_compiled(self) -> bool:
        """Ask it whether its compiled part is there; raises `SystemExit` if there is no importer."""
        asked = "from importer.speedups import COMPILED; print(COMPILED)"
        done = subprocess.run(
            [self.python, "-c", asked],
            cwd=Path(self.python).parent,  # where no importer lies
            env={"PATH": os.environ.get("PATH", ""), **self.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.name}: {(done.stderr.strip() or 'no importer').splitlines()[-1]}")
        return done.stdout.strip() == "True"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One process to be measured.

    Attributes:
        key: What ``--only`` calls it.
        title: What it does, for people.
        kind: Ours, the floor that nobody can go below, or another tool.
        command: Its arguments; those that begin with ``@`` stand for a place, see `places`.
        group: The table in which it stands.
        data: The set of data that it reads.
        must: Times the CPU of its floor that we must reach; None where nothing was set.
        aim: The same, that we want to reach.
        batch: Events in a request.
        sends: False where nothing is sent.
        floor: The key of its floor.
        like: The key of ours that does the same (of another tool), or does it with the usual data.
        rows: As many rows, whatever is asked for; 0 for as many as are asked for, None for no data.
        most_rows: No more rows than that; what it costs is scaled. 0 where all are used.
        compiled: False where the compiled part is kept away.
    """

    key: str
    title: str
    kind: Literal["importer", "floor", "node", "python"]
    command: tuple[str, ...]
    group: Literal["usual", "matrix", "start", "floor", "peer"] = "usual"
    data: str = "csv"
    must: float | None = None
    aim: float | None = None
    batch: int = 2_000
    sends: bool = True
    floor: str = "floor"
    like: str = ""
    rows: int | None = 0
    most_rows: int = 0
    compiled: bool = True

    @property
    def is_peer(self) -> bool:
        """True for another tool."""
        return self.group == "peer"

    def rows_of(self, asked: int) -> int:
        """Return how many rows it gets where so many are asked for."""
        return min(asked, self.most_rows or asked) if self.rows == 0 else self.rows or 0


def received(folder: Path, name: str) -> Path:
    """Return the file of the events that a server received from a set of data: what its floor sends."""
    return folder / f"{name}.received"


def command_of(contestant: Contestant, rows: int, tree: Tree, url: str, data: Path, peers: Path) -> list[str]:
    """Return the arguments of a contestant's process, with a place for each that begins with ``@``."""
    ready = files_of(data, contestant.data)
    is_set = contestant.kind == "importer" and len(ready) > 1
    places = {
        "@url": [url],
        "@data": [*map(str, ready), *(["--results", "set.results"] if is_set else [])],
        "@ready": [
            str(ready[0] if DATA[contestant.data].usual == "shape" else received(data, contestant.data))
        ],
        "@times": [str(max(1, MILLION // max(rows, 1)))],
        "@mapping": [str(data / "mapping.toml")],
        "@importer": [tree.python, "-m", "importer"],
        "@python": [sys.executable],
        "@tree-python": [tree.python],
        "@floor": [str(BENCH / "floor.py")],
        "@scan": [str(BENCH / "scan_alone.py")],
        "@utils": [str(BENCH / "peers/run_mixpanel_utils.py")],
        "@sdk": [str(BENCH / "peers/run_mixpanel_sdk.py")],
        "@peer-python": [str(peers / "venv/bin/python")],
        "@redirect": [str(BENCH / "peers/redirect.cjs")],
        "@node-library": [str(BENCH / "peers/run_mixpanel_import.cjs")],
        "@node-command": [str(peers / "node_modules/mixpanel-import/index.js")],
    }
    return [word for argument in contestant.command for word in places.get(argument, [argument])]


def environment(contestant: Contestant, tree: Tree, url: str, home: Path, peers: Path) -> dict[str, str]:
    """Return an environment without proxies, ``.env`` or settings of whoever runs this."""
    hooks = [] if contestant.compiled else [BENCH / "without"]
    own = {
        "importer": {**tree.environment(*hooks), "MIXPANEL_PROJECT_TOKEN": "bench_token"},
        "node": {"BENCH_URL": url, "BENCH_NODE_MODULES": str(peers / "node_modules")},
    }
    common = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LANG": "C.UTF-8"}
    return common | own.get(contestant.kind, {})


# ── the importer ─────────────────────────────────────────────────────────────────────────────────


def _run(*options: str, batch: int = 2_000) -> tuple[str, ...]:
    sent = ("--base-url", "@url", "--batch-size", str(batch), "--yes")
    return ("@importer", "run", "@data", *options, *sent)


def _usual(key: str, title: str, command: tuple[str, ...], data: str = "csv", **more: Any) -> Contestant:
    floor = _floor_key(more.get("batch", 2_000)) + (SHUFFLED if data.endswith(SHUFFLED) else "")
    return Contestant(key, title, "importer", command, data=data, floor=floor, **more)


def _floor_key(batch: int) -> str:
    return "floor" if batch == 2_000 else f"floor-{batch}"


_DECLARED = ("--mapping", "@mapping")
_DRY = ("@importer", "run", "@data", "--dry-run")

USUAL = (
    _usual("csv", "CSV, types inferred", _run(), must=6, aim=4),
    _usual("csv-shuffled", "CSV, types inferred, shuffled", _run(), "csv-shuffled", must=7.5),
    _usual("csv-declared", "CSV, types declared", _run(*_DECLARED), must=4.5, aim=3),
    _usual("csv-declared-shuffled", "CSV, types declared, shuffled", _run(*_DECLARED), "csv-shuffled"),
    _usual("flat", "flat JSONL", _run(), "flat", must=4.5, aim=3),
    _usual("flat-shuffled", "flat JSONL, shuffled", _run(), "flat-shuffled", must=5.5),
    _usual("shape", "Mixpanel's shape, ids audited", _run(), "shape", must=4.5, aim=3),
    _usual("shape-shuffled", "Mixpanel's shape, ids audited, shuffled", _run(), "shape-shuffled", must=4.5),
    _usual("shape-no-audit", "Mixpanel's shape, ids not compared: --no-audit", _run("--no-audit"), "shape"),
    _usual("csv-50", "CSV, types inferred", _run(batch=50), must=5, aim=3.5, batch=50),
    _usual(
        "csv-50-shuffled", "CSV, types inferred, shuffled", _run(batch=50), "csv-shuffled", must=6, batch=50
    ),
    _usual("shape-50", "Mixpanel's shape, ids audited", _run(batch=50), "shape", batch=50),
    _usual("dry", "dry run, CSV, types declared", (*_DRY, *_DECLARED), must=3.5, aim=2.5, sends=False),
    _usual(
        "dry-shuffled", "dry run, CSV, types inferred, shuffled", _DRY, "csv-shuffled", must=5.5, sends=False
    ),
    _usual("scan", "scan for types alone, CSV", ("@tree-python", "@scan", "@data"), sends=False),
)

START = (
    Contestant("help", "--help", "importer", ("@importer", "--help"), "start", sends=False, rows=None),
    Contestant("dry-10", "dry run of 10 rows of CSV", "importer", _DRY, "start", sends=False, rows=10),
)

_GOALS: dict[str, dict[str, float]] = {
    "columns-60": {"must": 10, "aim": 7},
    "columns-60-shuffled": {"must": 10},
}
_OPTIONS = {"zone": ("--timezone", "Europe/Berlin"), "zone-shuffled": ("--timezone", "Europe/Berlin")}


def _matrix() -> Iterator[Contestant]:
    kinds = {"csv": "CSV", "flat": "flat JSONL", "shape": "Mixpanel's shape"}
    for name, data in DATA.items():
        if name.removesuffix(SHUFFLED) not in kinds:
            title, command = f"{kinds[data.usual]}, {data.title}", _run(*_OPTIONS.get(name, ()))
            like = data.usual + (SHUFFLED if name.endswith(SHUFFLED) else "")
            ready = Contestant(
                f"floor-{name}", f"the floor: {title}", "floor", _floor_command(2_000), "floor", name
            )
            row = Contestant(name, title, "importer", command, "matrix", name, floor=ready.key, like=like)
            yield replace(ready, most_rows=MATRIX_ROWS)
            yield replace(row, most_rows=MATRIX_ROWS, **_GOALS.get(name, {}))


# ── the floor ────────────────────────────────────────────────────────────────────────────────────


def _floor_command(batch: int) -> tuple[str, ...]:
    return ("@python", "@floor", "@ready", "@url", "--batch-size", str(batch), "--times", "@times")


def _floor(key: str, data: str, batch: int = 2_000) -> Contestant:
    title = "the floor: a ready file, gzip, sockets, nothing else"
    return Contestant(key, title, "floor", _floor_command(batch), "floor", data, batch=batch)


FLOORS = (
    _floor("floor", "shape"),
    _floor("floor-shuffled", "shape-shuffled"),
    _floor("floor-50", "shape", 50),
    _floor("floor-50-shuffled", "shape-shuffled", 50),
)

MATRIX = (
    *_matrix(),
    Contestant(
        "without", "CSV, types inferred, without the compiled part", "importer", _run(), "matrix",
        like="csv", most_rows=100_000, compiled=False,
    ),
)  # fmt: skip
"""The importer with each kind of data that is not the usual, each behind its floor."""

# ── other tools ──────────────────────────────────────────────────────────────────────────────────

# The best settings that were found. Its streams cost by far the most where their buffers are small, which by
# default they are; fastMode leaves out every check and change, which only a file in Mixpanel's shape can do
# without. gzip is at its fastest level instead of the usual 6.
_BEST = {"fastMode": True, "abridged": True, "highWater": 8_000, "workers": 10, "compress": False}
_CSV: dict[str, Any] = {
    "streamFormat": "csv",
    "fastMode": False,
    "fixData": True,  # times and ids
    "highWater": 500,
    "aliases": {"user_id": "distinct_id", "properties": "props"},  # `properties` of text would undo the rest
}


def _node(key: str, how: str, like: str, batch: int = 2_000, **options: Any) -> Contestant:
    said = json.dumps({**_BEST, "recordsPerBatch": batch, **options})
    data, most_rows = ("csv", 200_000) if "streamFormat" in options else ("shape", 0)
    command = ("node", "--require", "@redirect", "@node-library", "@data", said)
    peer = Contestant(key, f"mixpanel-import, {how}", "node", command, "peer", data, batch=batch, like=like)
    return replace(peer, floor=_floor_key(batch), most_rows=most_rows)


def _python(key: str, what: str, driver: str, data: str, like: str, batch: int = 2_000) -> Contestant:
    command = ("@peer-python", driver, "@data", "@url", str(batch))
    peer = Contestant(key, what, "python", command, "peer", data, batch=batch, like=like)
    return replace(peer, floor=_floor_key(batch), most_rows=200_000)


_GZIP: dict[str, Any] = {"compress": True, "compressionLevel": 1}
_COMMAND_LINE = ("node", "--require", "@redirect", "@node-command", "@data", "--token", "b", "--secret", "b")

_IN_ORDER = (
    _node("mi", "best settings", "shape"),
    _node("mi-gzip", "best settings, gzip", "shape", **_GZIP),
    _node("mi-csv", "CSV, best settings", "csv", **_CSV),
    _python("utils", "mixpanel-utils", "@utils", "shape", "shape"),
    _python("utils-csv", "mixpanel-utils, CSV", "@utils", "csv", "csv"),
    _python("sdk", "SDK (its most of 50 events a request lifted)", "@sdk", "shape", "shape"),
    _python("sdk-csv", "SDK, CSV (likewise)", "@sdk", "csv", "csv"),
)


def _shuffled(contestant: Contestant) -> Contestant:
    return replace(
        contestant,
        key=contestant.key + SHUFFLED,
        title=f"{contestant.title}, shuffled",
        data=contestant.data + SHUFFLED,
        floor=contestant.floor + SHUFFLED,
        like=contestant.like + SHUFFLED,
        most_rows=contestant.most_rows or 200_000,
    )


PEERS = (
    *_IN_ORDER,
    *map(_shuffled, _IN_ORDER),
    Contestant(
        "mi-command", "mixpanel-import, its command line as it comes", "node", _COMMAND_LINE, "peer", "shape",
        like="shape", most_rows=50_000,
    ),
    _node("mi-50", "best settings", "shape-50", 50),
    _node("mi-gzip-50", "best settings, gzip", "shape-50", 50, **_GZIP),
    _python("utils-50", "mixpanel-utils", "@utils", "shape", "shape-50", 50),
    _python("sdk-50", "SDK", "@sdk", "shape", "shape-50", 50),
)  # fmt: skip

DEFAULTS = Contestant(
    "defaults",
    "default settings",
    "importer",
    ("@importer", "run", "@data", "--base-url", "@url", "--yes"),
    batch=50,
)
"""As people type it, without a word about batches; measured against a server that takes its time."""

ALL = (*FLOORS, *USUAL, *START, *MATRIX, *PEERS)
QUICK = ("csv", "csv-shuffled", "flat", "shape-shuffled", "csv-50", "dry-shuffled", "columns-60")
"""The rows that tell most, for a comparison of two trees."""
