"""The data of the benchmarks: every set of it is one kind of file that people have.

    python bench/data.py FOLDER --rows 1000000 --only csv flat shape

Made from a seed, so that the same number of rows is the same bytes on every machine. The usual sets are the
same events as CSV, as flat JSONL and as JSONL in Mixpanel's own shape, each in the order of time and with
times shuffled over three years. They are meant to be what exports are like, not what is easy to read: cells
with quotes, newlines, commas and other alphabets in a share of the rows, empty cells in every typed column,
zip codes with leading zeros, ids that look like numbers, users in several zones, objects of three to five
keys, some of them nested. The rest differ from those in one thing each.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

import tables
from tables import COLUMNS, Column, Times, as_cell, constant, ids, picks, usual_csv, usual_flat, usual_shape

MAPPING = """\
# Every column has its type, so that no scan is needed.
[fields]
event = "event"
distinct_id = "user_id"
time = "time"
ip = "ip"
properties = "properties"

[types]
quantity = "integer"
duration_ms = "integer"
price = "number"
discount = "number"
first_order = "boolean"
zip = "string"
order_id = "string"
comment = "string"
"""

CACHE = Path(tempfile.gettempdir()) / "mixpanel-importer-bench"
"""Where data and peers are kept, unless something else is said."""

CHUNK = 10_000
"""Rows that are made at once, by chance of their own: so that processes can share a file."""

SEED = 24


@dataclass(frozen=True, slots=True)
class DataSet:
    """A kind of file.

    Attributes:
        title: What is special about it, for people.
        table: Takes the number of rows of the whole file, and returns its columns.
        header: The first line of a file of CSV; empty for JSONL.
        parts: Files that the rows are divided among.
        packed: True if they are compressed with gzip.
        invalid_every: One record of so many is invalid, in one of several ways; 0 for none.
        usual: The usual set that it differs from.
    """

    title: str
    table: Callable[[int], list[Column]]
    header: str = ""
    parts: int = 1
    packed: bool = False
    invalid_every: int = 0
    usual: str = "csv"

    def is_invalid(self, number: int) -> bool:
        """Return whether the record with that number, from 0, is invalid."""
        return self.invalid_every > 0 and number % self.invalid_every == self.invalid_every // 2

    def valid_rows(self, rows: int) -> int:
        """Return how many of so many records are valid."""
        return rows - sum(map(self.is_invalid, range(rows))) if self.invalid_every else rows


_HEADER = ",".join(COLUMNS) + "\n"
_BREAKS_CSV: tuple[dict[int, str], ...] = (
    {2: "yesterday,"},
    {0: ","},
    {4: "", 11: "late,"},  # on one line: what follows a broken record is read from the next line on
    {14: 'x}"\n'},
)
_BREAKS_FLAT: tuple[dict[int, str], ...] = (
    {2: '"time":"yesterday",'},
    {0: '{"event":null,'},
    {4: '"quantity":,'},
    {14: '"\n'},
)
"""Ways in which a record becomes invalid: the columns that have another text in it."""


def _csv(title: str, table: Callable[[int], list[Column]], **more: Any) -> DataSet:
    return DataSet(title, table, **{"header": _HEADER, **more})


def _flat_times(rows: int, *, shuffled: bool = False) -> Times:
    return Times(rows, shuffled, before='"time":"', behind='",')


def _shape_times(rows: int, *, shuffled: bool = False) -> Times:
    return Times(rows, shuffled, tables.epoch_s, '"time":', "")


def _narrow(rows: int) -> list[Column]:
    values = tables.usual_values()
    names = ("event", "user_id", "comment")
    event, user, comment = (picks(as_cell(value) for value in values[name]) for name in names)
    return [event, constant(","), user, constant(","), Times(rows), comment, constant("\n")]


def _short(rows: int) -> list[Column]:
    chance = random.Random(3)
    return [
        picks(f"{name}," for name in ("View", "Open", "Search", "Close")),
        picks(f"u{chance.randrange(100_000):05d}," for _ in range(tables.PICKS)),
        Times(rows),
        picks(
            f"{chance.randrange(1000)},{chance.choice(('ios app 4.1', 'shop on web'))}\n"
            for _ in range(tables.PICKS)
        ),
    ]


_WIDE = ("event", "user_id", "time", *(f"c{number}" for number in range(4, 61)))


def _wide(rows: int, *, shuffled: bool = False) -> list[Column]:
    chance = random.Random(4)
    values = tables.usual_values()
    kinds: tuple[Callable[[], str], ...] = (
        lambda: str(chance.randrange(1000)),
        lambda: f"{chance.random() * 100:.2f}",
        lambda: chance.choice(("true", "false")),
        lambda: chance.choice(("red", "green", "a bit", "none of it", "02")),
        lambda: "",
    )
    cells = [
        picks(kinds[number % 4]() if chance.random() > 0.2 else "" for _ in range(tables.PICKS))
        for number in range(len(_WIDE) - 3)
    ]
    commas = [constant(",")] * (len(cells) - 1)
    return [
        picks(f"{value}," for value in values["event"]),
        picks(f"{value}," for value in values["user_id"]),
        Times(rows, shuffled),
        *(column for pair in zip(cells, commas, strict=False) for column in pair),
        cells[-1],
        constant("\n"),
    ]


def _json_cells(rows: int) -> list[Column]:
    names = ("duration_ms", "price", "comment")
    return usual_csv(Times(rows), **{name: tables.objects(2) for name in names})


def _with_id(rows: int) -> list[Column]:
    return [ids(behind=","), *usual_csv(Times(rows))]


def _names(count: int) -> list[Any]:
    return [f"Event {number:05d}" for number in range(count)]


DATA = {
    "csv": _csv("CSV", lambda rows: usual_csv(Times(rows))),
    "csv-shuffled": _csv("CSV, shuffled", lambda rows: usual_csv(Times(rows, shuffled=True))),
    "flat": DataSet("flat JSONL", lambda rows: usual_flat(_flat_times(rows)), usual="flat"),
    "flat-shuffled": DataSet(
        "flat JSONL, shuffled", lambda rows: usual_flat(_flat_times(rows, shuffled=True)), usual="flat"
    ),
    "shape": DataSet("Mixpanel's shape", lambda rows: usual_shape(_shape_times(rows)), usual="shape"),
    "shape-shuffled": DataSet(
        "Mixpanel's shape, shuffled",
        lambda rows: usual_shape(_shape_times(rows, shuffled=True)),
        usual="shape",
    ),
    "zone": _csv("times without an offset", lambda rows: usual_csv(Times(rows, written=tables.naive))),
    "zone-shuffled": _csv(
        "times without an offset, shuffled",
        lambda rows: usual_csv(Times(rows, shuffled=True, written=tables.naive)),
    ),
    "epoch-s": _csv("times as epochs in s", lambda rows: usual_csv(Times(rows, written=tables.epoch_s))),
    "epoch-ms": _csv("times as epochs in ms", lambda rows: usual_csv(Times(rows, written=tables.epoch_ms))),
    "epoch-ms-shuffled": _csv(
        "times as epochs in ms, shuffled",
        lambda rows: usual_csv(Times(rows, shuffled=True, written=tables.epoch_ms)),
    ),
    "columns-4": _csv("4 columns", _narrow, header="event,user_id,time,comment\n"),
    "columns-60": _csv("60 columns of short cells", _wide, header=",".join(_WIDE) + "\n"),
    "columns-60-shuffled": _csv(
        "60 columns of short cells, shuffled",
        lambda rows: _wide(rows, shuffled=True),
        header=",".join(_WIDE) + "\n",
    ),
    "short": _csv("short rows, 60 bytes", _short, header="event,user_id,time,count,app\n"),
    "long": _csv("long rows, 1 kB", lambda rows: usual_csv(Times(rows), comment=tables.long_texts())),
    "quotes": _csv(
        "many quotes and newlines",
        lambda rows: usual_csv(Times(rows), comment=tables.hard_texts(), zip=tables.hard_texts()),
    ),
    "escapes": DataSet(
        "many escapes",
        lambda rows: usual_flat(_flat_times(rows), comment=tables.hard_texts(), zip=tables.hard_texts()),
        usual="flat",
    ),
    "json-cells": _csv("four cells of JSON", _json_cells),
    "nested": DataSet(
        "nested objects",
        lambda rows: usual_flat(_flat_times(rows), device=tables.objects(2), order=tables.objects(3)),
        usual="flat",
    ),
    "names-5": _csv("5 names of events", lambda rows: usual_csv(Times(rows), event=_names(5))),
    "names-20000": _csv("20,000 names of events", lambda rows: usual_csv(Times(rows), event=_names(20_000))),
    "exponents": _csv(
        "numbers with exponents",
        lambda rows: usual_csv(Times(rows), price=tables.exponents(4), discount=tables.exponents(8)),
    ),
    "ids": _csv("ids from a column", _with_id, header=f"insert_id,{_HEADER}"),
    "invalid-1": _csv("1% invalid", lambda rows: usual_csv(Times(rows)), invalid_every=100),
    "invalid-20": _csv("20% invalid", lambda rows: usual_csv(Times(rows)), invalid_every=5),
    "flat-invalid-1": DataSet(
        "1% invalid", lambda rows: usual_flat(_flat_times(rows)), invalid_every=100, usual="flat"
    ),
    "flat-invalid-20": DataSet(
        "20% invalid", lambda rows: usual_flat(_flat_times(rows)), invalid_every=5, usual="flat"
    ),
    "no-user": _csv("a note on every record: no user", lambda rows: usual_csv(Times(rows), user_id=[None])),
    "reserved": _csv(
        "a note on every record: a reserved name",
        lambda rows: usual_csv(Times(rows), zip=[cell for cell in tables.usual_values()["zip"] if cell]),
        header=_HEADER.replace("zip", "$source"),
    ),
    "gzip": _csv("compressed with gzip", lambda rows: usual_csv(Times(rows)), packed=True),
    "flat-gzip": DataSet(
        "compressed with gzip", lambda rows: usual_flat(_flat_times(rows)), packed=True, usual="flat"
    ),
    "files-24": _csv("24 files", lambda rows: usual_csv(Times(rows)), parts=24),
}
"""Each kind of file by its name."""


_CODE = hashlib.sha256(Path(__file__).read_bytes() + Path(tables.__file__).read_bytes()).hexdigest()[:8]


def folder_of(place: Path, count: int) -> Path:
    """Return where the data of so many rows is kept; another generator keeps another."""
    return place / f"data-{_CODE}-{count}"


def files_of(folder: Path, name: str) -> list[Path]:
    """Return the files of a set."""
    data = DATA[name]
    ending = (".csv" if data.header else ".jsonl") + (".gz" if data.packed else "")
    if data.parts == 1:
        return [folder / f"{name}{ending}"]
    return [folder / f"{name}-{part:02d}{ending}" for part in range(1, data.parts + 1)]


@cache
def _columns(name: str, rows: int) -> list[Column]:
    return DATA[name].table(rows)


def lines_of(name: str, rows: int, start: int) -> list[str]:
    """Return the records of a chunk, each with its line break.

    Args:
        name: Of the set.
        rows: Of the whole set.
        start: Number of the first record of the chunk, from 0.
    """
    data = DATA[name]
    chance = random.Random(f"{SEED} {start}")
    numbers = range(start, min(start + CHUNK, rows))
    cells = [column(chance, numbers) for column in _columns(name, rows)]
    breaks = _BREAKS_CSV if data.header else _BREAKS_FLAT
    for number in filter(data.is_invalid, numbers):
        for column, text in breaks[number // data.invalid_every % len(breaks)].items():
            cells[column][number - start] = text
    return list(map("".join, zip(*cells, strict=True)))


def make(folder: Path, rows: int, names: Sequence[str]) -> None:
    """Write the sets of some names, those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mapping.toml").write_text(MAPPING)
    missing = [name for name in names if not all(path.exists() for path in files_of(folder, name))]
    need = rows * 400 * len(missing)
    if shutil.disk_usage(folder).free < 2 * need:
        raise SystemExit(f"{folder}: {need / 1e9:.0f} GB are needed, and as much again for results")
    if rows <= CHUNK:
        for name in missing:
            _write(folder, name, rows, (lines_of(name, rows, start) for start in range(0, rows, CHUNK)))
        return
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - who measures has to stay small

    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in missing:
            starts = range(0, rows, CHUNK)
            chunks = pool.map(lines_of, repeat(name), repeat(rows), starts)
            _write(folder, name, rows, chunks)


def _write(folder: Path, name: str, rows: int, chunks: Iterator[list[str]]) -> None:
    paths = files_of(folder, name)
    data = DATA[name]
    each = -(-rows // len(paths))  # rows of a file, rounded up
    lines: list[str] = []
    for path in paths:
        part = path.with_name(f"{path.name}.part")
        with gzip.open(part, "wb", 6) if data.packed else part.open("wb") as file:
            file.write(data.header.encode())
            left = each
            while left and (lines := lines or next(chunks, [])):
                file.write("".join(lines[:left]).encode())
                lines, left = lines[left:], max(0, left - len(lines))
        os.replace(part, path)  # noqa: PTH105 - atomic everywhere: a file under its own name is whole


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA), metavar="NAME")
    given = parser.parse_args()
    make(given.folder, given.rows, given.only)


if __name__ == "__main__":
    main()
