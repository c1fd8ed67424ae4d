"""Who is measured, and by which commands."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data import FILES
from measure import BENCH

ROOT = BENCH.parent


@dataclass(frozen=True, slots=True)
class Contestant:
    """One process to be measured.

    Attributes:
        key: What ``--only`` calls it.
        title: What it does, for people.
        kind: Ours, the floor that nobody can go below, or another tool.
        command: Its arguments; those that begin with ``@`` stand for a place, see `Places`.
        must: CPU seconds per million rows that we must reach; None where nothing was set.
        aim: The same, that we want to reach.
        batch: Events in a request.
        sends: False where nothing is sent.
        like: The key of ours that does the same (of another tool).
        most_rows: No more rows than that, since it is slow; what it costs is scaled. 0 where all are used.
    """

    key: str
    title: str
    kind: Literal["importer", "floor", "node", "python"]
    command: tuple[str, ...]
    must: float | None = None
    aim: float | None = None
    batch: int = 2_000
    sends: bool = True
    like: str = ""
    most_rows: int = 0

    @property
    def is_peer(self) -> bool:
        """True for another tool."""
        return self.kind in ("node", "python")


def places(url: str, data: Path, peers: Path) -> dict[str, str]:
    """Return what the arguments that begin with ``@`` stand for."""
    return {
        "@url": url,
        **{f"@{name}": str(data / file) for name, file in FILES.items()},
        "@mapping": str(data / "mapping.toml"),
        "@python": sys.executable,
        "@floor": str(BENCH / "floor.py"),
        "@scan": str(BENCH / "scan_alone.py"),
        "@utils": str(BENCH / "peers/run_mixpanel_utils.py"),
        "@sdk": str(BENCH / "peers/run_mixpanel_sdk.py"),
        "@peer-python": str(peers / "venv/bin/python"),
        "@redirect": str(BENCH / "peers/redirect.cjs"),
        "@node-library": str(BENCH / "peers/run_mixpanel_import.cjs"),
        "@node-command": str(peers / "node_modules/mixpanel-import/index.js"),
    }


def environment(contestant: Contestant, url: str, home: Path, peers: Path) -> dict[str, str]:
    """Return an environment without proxies, ``.env`` or settings of whoever runs this."""
    own = {
        "importer": {
            "PYTHONPATH": str(ROOT),  # the importer beside this file, whatever is installed
            "MIXPANEL_PROJECT_TOKEN": "bench_token",
        },
        "node": {"BENCH_URL": url, "BENCH_NODE_MODULES": str(peers / "node_modules")},
    }
    common = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LANG": "C.UTF-8"}
    return common | own.get(contestant.kind, {})


_IMPORTER = ("@python", "-m", "importer")


def _run(*arguments: str, batch: int = 2_000) -> tuple[str, ...]:
    return (*_IMPORTER, "run", *arguments, "--base-url", "@url", "--batch-size", str(batch), "--yes")


OURS = (
    Contestant("csv", "CSV, types inferred (scan included)", "importer", _run("@csv"), 12, 7),
    Contestant(
        "csv-declared", "CSV, types declared in a mapping file", "importer",
        _run("@csv", "--mapping", "@mapping"), 10, 5.5,
    ),
    Contestant("flat", "flat JSONL", "importer", _run("@flat"), 9, 5),
    Contestant("shape", "JSONL in Mixpanel's shape", "importer", _run("@shape"), 7, 4),
    Contestant(
        "shape-no-audit", "the same with --no-audit: ids of the file are not compared first", "importer",
        _run("@shape", "--no-audit"),
    ),
    Contestant("csv-50", "CSV, types inferred", "importer", _run("@csv", batch=50), 22, 13, batch=50),
    Contestant("shape-50", "JSONL in Mixpanel's shape", "importer", _run("@shape", batch=50), batch=50),
    Contestant(
        "dry", "dry run, CSV, types declared", "importer",
        (*_IMPORTER, "run", "@csv", "--mapping", "@mapping", "--dry-run"), 8, 4.5, sends=False,
    ),
    Contestant(
        "scan", "scan for types alone, CSV", "importer", ("@python", "@scan", "@csv"), 4, 1.5, sends=False
    ),
    Contestant("help", "--help", "importer", (*_IMPORTER, "--help"), 0.2, None, sends=False),
)  # fmt: skip


def _floor(key: str, batch: int) -> Contestant:
    title = "the floor: a ready file, gzip, sockets, nothing else"
    command = ("@python", "@floor", "@shape", "@url", "--batch-size", str(batch))
    return Contestant(key, title, "floor", command, batch=batch)


FLOORS = (_floor("floor", 2_000), _floor("floor-50", 50))

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
    file, most_rows = ("@csv", 200_000) if "streamFormat" in options else ("@shape", 0)
    command = ("node", "--require", "@redirect", "@node-library", file, said)
    title = f"mixpanel-import, {how}"
    return Contestant(key, title, "node", command, batch=batch, like=like, most_rows=most_rows)


def _python(key: str, what: str, driver: str, file: str, like: str, batch: int = 2_000) -> Contestant:
    command = ("@peer-python", driver, file, "@url", str(batch))
    return Contestant(key, what, "python", command, batch=batch, like=like, most_rows=200_000)


_GZIP: dict[str, Any] = {"compress": True, "compressionLevel": 1}

PEERS = (
    _node("mi", "best settings", "shape"),
    _node("mi-gzip", "best settings, gzip", "shape", **_GZIP),
    Contestant(
        "mi-command", "mixpanel-import, its command line as it comes", "node",
        ("node", "--require", "@redirect", "@node-command", "@shape", "--token", "b", "--secret", "b"),
        like="shape", most_rows=50_000,
    ),
    _node("mi-csv", "CSV, best settings", "csv", **_CSV),
    _python("utils", "mixpanel-utils", "@utils", "@shape", "shape"),
    _python("utils-csv", "mixpanel-utils, CSV", "@utils", "@csv", "csv"),
    _python("sdk", "SDK (its most of 50 events a request lifted)", "@sdk", "@shape", "shape"),
    _python("sdk-csv", "SDK, CSV (likewise)", "@sdk", "@csv", "csv"),
    _node("mi-50", "best settings", "shape-50", 50),
    _node("mi-gzip-50", "best settings, gzip", "shape-50", 50, **_GZIP),
    _python("utils-50", "mixpanel-utils", "@utils", "@shape", "shape-50", 50),
    _python("sdk-50", "SDK", "@sdk", "@shape", "shape-50", 50),
)  # fmt: skip

ALL = (*OURS, *FLOORS, *PEERS)
