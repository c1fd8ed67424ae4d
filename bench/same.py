"""Do two trees of the importer send and write the same bytes? They do, or this says where they differ.

    python bench/same.py OLD NEW --rows 250000 --only csv flat

OLD and NEW are checkouts, each with its own .venv. Each imports every set of data, one request at a time, and
what is compared is the exit code, the requests, the events, the bytes of all bodies in their order, and the
files of results byte for byte, but for columns that only one of the two has. All events that are valid must
have arrived. The exit code is 1 if a set differs.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from contestants import ALL, MATRIX_ROWS, Contestant, Tree, command_of, environment
from data import CACHE, DATA, folder_of
from measure import CountingServer, measure
from runs import Place

_CELL: Final = re.compile(rb'("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n)')
"""A cell of results as it is written, and what ends it."""

_IMPORTS: Final = {each.key: each for each in ALL if each.key in DATA and each.kind == "importer"}
"""How each set of data is imported."""


def run(contestant: Contestant, tree: Tree, rows: int, place: Place, folder: Path) -> dict[str, Any]:
    """Import a set of data in a folder, where the results stay, and return what it did."""
    folder.mkdir()
    kept = folder / "bodies"
    ordered = replace(contestant, command=(*contestant.command, "--concurrency", "1", "-q"))
    with CountingServer(keep=kept) as server:
        source = folder_of(place.cache, rows)
        command = command_of(ordered, rows, tree, server.url, source, place.peers)
        used = measure(command, folder, environment(ordered, tree, server.url, folder, place.peers))
    with kept.open("rb") as bodies:
        digest = hashlib.file_digest(bodies, "sha256").hexdigest()[:16]
    counted = {name: server.counts[name] for name in ("events", "requests")}
    return {"exit code": used.exit_code, **counted, "bodies": digest}


def columns_of(path: Path) -> list[bytes]:
    """Return the names in the header of a file of results."""
    with path.open("rb") as file:
        return file.readline().rstrip().split(b",")


def hash_of(paths: Iterable[Path], left_out: set[bytes]) -> str:
    """Return the hash of names and contents of some files, but for some columns."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.name.encode())
        for part in without(path.read_bytes(), columns_of(path), left_out):
            found.update(part)
    return found.hexdigest()[:16]


def without(content: bytes, columns: list[bytes], left_out: set[bytes]) -> Iterator[bytes]:
    """Yield the cells of a file as they are written, but for some columns, and the ends of its lines."""
    if not left_out:
        yield content
        return
    kept = cycle([name not in left_out for name in columns])
    for cell, is_kept in zip(_CELL.finditer(content), kept, strict=False):
        if is_kept:
            yield cell[1] + b","
        if cell[2] != b",":
            yield cell[2]


def compare(contestant: Contestant, trees: Sequence[Tree], rows: int, place: Place) -> tuple[bool, str]:
    """Import a set of data with two trees; return whether they do the same, and what there is to say."""
    with tempfile.TemporaryDirectory(dir=place.cache, prefix="same-") as name:
        folders = [Path(name, which) for which in ("old", "new")]
        done = [
            run(contestant, tree, rows, place, folder) for tree, folder in zip(trees, folders, strict=True)
        ]
        files = [
            sorted([*folder.glob("*.results.csv"), *folder.glob("*.results/*.csv")]) for folder in folders
        ]
        columns = [{column for path in paths for column in columns_of(path)} for paths in files]
        left_out = columns[0] ^ columns[1]
        for what, paths in zip(done, files, strict=True):
            what |= {"files of results": len(paths), "results": hash_of(paths, left_out)}
    old, new = done
    data = DATA[contestant.data]
    right = new | {"events": data.valid_rows(rows), "files of results": data.parts}
    faults = [
        f"{what}: {old[what]}, {new[what]}" + (f" of {right[what]}" if new[what] != right[what] else "")
        for what in new
        if not old[what] == new[what] == right[what]
    ]
    said = f"{new['events']:,} events, exit code {new['exit code']}"
    cut = f", but for {b', '.join(sorted(left_out)).decode()}" if left_out else ""
    return not faults, "; ".join(faults) or said + cut


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path, help="a checkout")
    parser.add_argument("new", type=Path, help="another")
    parser.add_argument("--rows", type=int, default=MATRIX_ROWS, help="records of each set")
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--folder", type=Path, default=CACHE, help="where the data is kept")
    given = parser.parse_args()
    trees = [Tree.at(given.old), Tree.at(given.new)]
    given.folder.mkdir(parents=True, exist_ok=True)
    place = Place(given.folder, given.folder)
    differ = 0
    for name in given.only:
        place.make(given.rows, [name])
        same, said = compare(_IMPORTS[name], trees, given.rows, place)
        differ += not same
        print(f"{'same' if same else 'DIFFERS':7}  {name:20}  {said}", flush=True)
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
