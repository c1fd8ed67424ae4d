"""The data of the benchmarks: the same events as CSV, as flat JSONL and as JSONL in Mixpanel's own shape.

    python bench/data.py FOLDER --rows 1000000

Made from a seed, so that the same number of rows is the same bytes on every machine. It is meant to be what
exports are like, not what is easy to read: cells with quotes, newlines, commas and other alphabets in a share
of the rows, empty cells in every typed column, zip codes with leading zeros, ids that look like numbers,
users in several zones, times in order but for a minute of jitter, objects of three to five keys, some of them
nested. No row is invalid: how those are reported is a matter of tests, and some of the tools compared here
end at the first.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

COLUMNS = (
    "event", "user_id", "time", "ip",
    "quantity", "duration_ms", "price", "discount", "first_order", "zip", "order_id", "comment",
    "properties",
)  # fmt: skip

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

FORMATS = ("csv", "flat", "shape")
FILES = {"csv": "events.csv", "flat": "flat.jsonl", "shape": "shape.jsonl"}

_BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
_SPAN = timedelta(days=150)
_EVENTS = ("Product Viewed", "Added To Cart", "Purchase Completed", "Search", "Signed Up", "Café Visited")
_EVENT_WEIGHTS = (45, 20, 12, 18, 4, 1)
_ZONES = [timezone(timedelta(minutes=minutes)) for minutes in (60, 0, -300, 330, -480)]
_ZIPS = ("02134", "10115", "SW1A 1AA", "00501", "75001", "560001", "07030", "94016-1234")
_PLANS = ("free", "pro", "team", "enterprise")
_CAMPAIGNS = ("spring", "none at all", "brand / search", "rückkehrer", None)
_TAGS = ("new", "vip", "beta", "b2b", "no-ads")
_TEXT = (
    "please leave the parcel with the neighbours thanks same as last time gift for a friend no invoice needed"
    " colour does not match photo would buy again arrived late but fine ring twice size runs small"
)
_WORDS = _TEXT.split()
_FOREIGN = ("Grüße aus Köln", "杯子 (cup) ☕", "très bien", "быстрая доставка", "ありがとう", "mañana, señor")
_QUOTED = ('the so-called "fast" option', 'said "ok"', '13" screen')
_LINES = ("two lines\nin one cell", "Dear team,\nall good.\nBye")


class Row(NamedTuple):
    """One event; None is an empty cell."""

    event: str
    user: str
    time: datetime
    ip: str
    quantity: int | None
    duration_ms: int | None
    price: str | None
    discount: float | None
    first_order: bool | None
    zip: str | None
    order_id: str | None
    comment: str | None
    properties: dict[str, Any]
    insert_id: str


def rows(count: int, seed: int = 24) -> Iterator[Row]:
    """Yield events, in the order of time but for up to a minute."""
    chance = random.Random(seed)
    rand, pick = chance.random, chance.choice
    step = _SPAN / max(count, 1)
    names = chance.choices(_EVENTS, _EVENT_WEIGHTS, k=4096)
    for number in range(count):
        user = int(rand() ** 2 * 100_000)  # few users are busy, most are not
        zone = _ZONES[0 if user % 5 < 3 else user % len(_ZONES)]
        moment = _BEGIN + step * number + timedelta(milliseconds=int(rand() * 60_000))
        yield Row(
            pick(names),
            f"user_{user:06d}",
            moment.astimezone(zone),
            f"{1 + int(rand() * 220)}.{int(rand() * 256)}.{user % 256}.{int(rand() * 256)}",
            None if rand() < 0.04 else 1 + int(rand() ** 3 * 40),
            None if rand() < 0.06 else int(rand() ** 4 * 3_600_000),
            None if rand() < 0.08 else f"{rand() ** 2 * 900:.2f}",
            None if rand() < 0.50 else round(rand() ** 3, 5),
            None if rand() < 0.03 else rand() < 0.3,
            None if rand() < 0.02 else pick(_ZIPS),
            None if rand() < 0.50 else str(1_700_000_000_000_000_000 + chance.getrandbits(56)),
            _comment(chance),
            _properties(chance),
            f"{chance.getrandbits(128):032x}",
        )


def _comment(chance: random.Random) -> str | None:
    kind = chance.random()
    if kind < 0.35:
        return None
    words = " ".join(chance.choices(_WORDS, k=2 + int(chance.random() * 10)))
    if kind < 0.80:
        return words
    if kind < 0.88:
        return words.replace(" ", ", ", 1)
    if kind < 0.95:
        return f"{chance.choice(_FOREIGN)} {words}"
    return f"{words} {chance.choice(_QUOTED if kind < 0.98 else _LINES)}"


def _properties(chance: random.Random) -> dict[str, Any]:
    rand, pick = chance.random, chance.choice
    found: dict[str, Any] = {"plan": pick(_PLANS), "app": f"4.{int(rand() * 20)}.{int(rand() * 9)}"}
    found["session"] = f"{chance.getrandbits(64):016x}"
    if rand() < 0.5:
        found["campaign"] = pick(_CAMPAIGNS)
    kind = rand()
    if kind < 0.15:
        found["screen"] = [390, 844] if kind < 0.1 else [1920, 1080]
    elif kind < 0.30:
        found["cart"] = {"items": 1 + int(rand() * 9), "currency": "EUR", "total": round(rand() * 300, 2)}
    elif kind < 0.40:
        found["tags"] = chance.sample(_TAGS, 2)
    elif kind < 0.60:
        found["score"] = round(rand() * 10, 3)
    return found


def csv_cells(row: Row) -> list[str]:
    """Return an event as the cells of a CSV record."""
    cells = ["" if value is None else str(value) for value in row[:12]]
    cells[2] = row.time.isoformat(timespec="milliseconds")
    cells[8] = "" if row.first_order is None else str(row.first_order).lower()
    return [*cells, _json(row.properties)]


def _values(row: Row) -> dict[str, Any]:
    """Return the typed columns as JSON has them."""
    values: dict[str, Any] = dict(zip(COLUMNS[4:12], row[4:12], strict=True))
    return values | {"price": None if row.price is None else float(row.price)}


def flat_line(row: Row) -> str:
    """Return an event as flat JSONL, as a database exports it: what is empty is null."""
    head = {
        "event": row.event,
        "user_id": row.user,
        "time": row.time.isoformat(timespec="milliseconds"),
        "ip": row.ip,
    }
    return _json({**head, **_values(row), **row.properties}) + "\n"


def shape_line(row: Row) -> str:
    """Return an event as Mixpanel's own export writes it, and as its /import takes it.

    It is measured because files that move from one project to another look so, and because it is the only
    form that all the tools compared here can read without being told how. Times are whole seconds and an
    $insert_id is always there: so it is in those exports.
    """
    values = {name: value for name, value in _values(row).items() if value is not None}
    head = {
        "time": int(row.time.timestamp()),
        "distinct_id": row.user,
        "$insert_id": row.insert_id,
        "ip": row.ip,
    }
    return _json({"event": row.event, "properties": {**head, **values, **row.properties}}) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def folder_of(cache: Path, count: int) -> Path:
    """Return where the data of so many rows is kept; another generator keeps another."""
    return cache / f"data-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}-{count}"


def make(folder: Path, count: int, formats: tuple[str, ...] = FORMATS) -> None:
    """Write the files of some formats, those that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mapping.toml").write_text(MAPPING)
    missing = [each for each in formats if not (folder / FILES[each]).exists()]
    if not missing:
        return
    need = count * 400 * len(missing)
    if shutil.disk_usage(folder).free < 2 * need:
        raise SystemExit(f"{folder}: {need / 1e9:.0f} GB are needed, and as much again for results")
    parts = {each: folder / f"{FILES[each]}.part" for each in missing}
    with ExitStack() as stack:
        files = {
            each: stack.enter_context(part.open("w", newline="", encoding="utf-8"))
            for each, part in parts.items()
        }
        table = csv.writer(files["csv"], lineterminator="\n") if "csv" in files else None
        lines = [(files[e].write, w) for e, w in (("flat", flat_line), ("shape", shape_line)) if e in files]
        if table:
            table.writerow(COLUMNS)
        for row in rows(count):
            if table:
                table.writerow(csv_cells(row))
            for write, line in lines:
                write(line(row))
    for each, part in parts.items():  # a file under its own name is whole
        os.replace(part, folder / FILES[each])  # noqa: PTH105 - the one call that is atomic everywhere


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    given = parser.parse_args()
    make(given.folder, given.rows, tuple(given.formats))


if __name__ == "__main__":
    main()
