"""Columns from which the files of the benchmarks are made, chunk by chunk.

A column gives the texts of its cells in some rows, each with what stands around it in the file, so that a
line is nothing but its cells one after the other: a million lines take seconds. Most columns pick from some
thousand texts that were made before; times and ids are made anew for each row. The same chunk of the same
column is the same text on every machine. What a cell holds and how it is written are apart, so that CSV,
flat JSONL and Mixpanel's shape are the same rows.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

Column = Callable[[random.Random, range], list[str]]
"""Takes chance and the numbers of rows, and returns a text for each row."""

PICKS = 8192
"""Texts in a pool."""

COLUMNS = (
    "event", "user_id", "time", "ip",
    "quantity", "duration_ms", "price", "discount", "first_order", "zip", "order_id", "comment",
    "properties",
)  # fmt: skip
_TYPED = COLUMNS[4:12]

_EVENTS = ("Product Viewed", "Added To Cart", "Purchase Completed", "Search", "Signed Up", "Café Visited")
_EVENT_WEIGHTS = (45, 20, 12, 18, 4, 1)
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


# ── values ───────────────────────────────────────────────────────────────────────────────────────


@cache
def usual_values() -> Mapping[str, list[Any]]:
    """Return a pool of values for each column but time, order_id and properties; None is an empty cell."""
    chance = random.Random(24)
    rand, pick, many = chance.random, chance.choice, range(PICKS)
    return {
        "event": chance.choices(_EVENTS, _EVENT_WEIGHTS, k=PICKS),
        # few users are busy, most are not
        "user_id": [f"user_{int(rand() ** 2 * 100_000):06d}" for _ in range(4 * PICKS)],
        "ip": [
            f"{1 + int(rand() * 220)}.{int(rand() * 256)}.{int(rand() * 256)}.{int(rand() * 256)}"
            for _ in range(4 * PICKS)
        ],
        "quantity": [None if rand() < 0.04 else 1 + int(rand() ** 3 * 40) for _ in many],
        "duration_ms": [None if rand() < 0.06 else int(rand() ** 4 * 3_600_000) for _ in many],
        "price": [None if rand() < 0.08 else f"{rand() ** 2 * 900:.2f}" for _ in many],
        "discount": [None if rand() < 0.50 else round(0.0001 + rand() ** 3 * 0.9, 5) for _ in many],
        "first_order": [None if rand() < 0.03 else rand() < 0.3 for _ in many],
        "zip": [None if rand() < 0.02 else pick(_ZIPS) for _ in many],
        "comment": [_comment(chance) for _ in many],
    }


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


def _properties(chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what stands before and behind the session, which is another in each row."""
    rand, pick = chance.random, chance.choice
    before = {"plan": pick(_PLANS), "app": f"4.{int(rand() * 20)}.{int(rand() * 9)}"}
    behind: dict[str, Any] = {}
    if rand() < 0.5:
        behind["campaign"] = pick(_CAMPAIGNS)
    kind = rand()
    if kind < 0.15:
        behind["screen"] = [390, 844] if kind < 0.1 else [1920, 1080]
    elif kind < 0.30:
        behind["cart"] = {"items": 1 + int(rand() * 9), "currency": "EUR", "total": round(rand() * 300, 2)}
    elif kind < 0.40:
        behind["tags"] = chance.sample(_TAGS, 2)
    elif kind < 0.60:
        behind["score"] = round(rand() * 10, 3)
    return before, behind


def long_texts() -> list[Any]:
    """Return texts of some 800 characters."""
    chance = random.Random(1)
    return [" ".join(chance.choices(_WORDS, k=150)) for _ in range(PICKS)]


def hard_texts() -> list[Any]:
    """Return texts that need quotes and escapes, each of them several."""
    chance = random.Random(2)
    odd = (*_QUOTED, *_LINES, "a\\b", "tab\there", 'say ""', "C:\\temp\\new", "ends in \\")
    return [
        " ".join(chance.choice(odd if turn % 2 else _WORDS) for turn in range(chance.randrange(2, 8)))
        for _ in range(PICKS)
    ]


def exponents(digits: int) -> list[Any]:
    """Return numbers written with exponents, as text."""
    chance = random.Random(digits)
    return [f"{chance.uniform(1, 10):.{digits}f}e{chance.randrange(-7, 8):+03d}" for _ in range(PICKS)]


def objects(depth: int) -> list[Any]:
    """Return objects of a few keys, nested so many deep."""
    chance = random.Random(depth)

    def made(level: int) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": chance.randrange(10**6),
            "name": chance.choice(_FOREIGN + _QUOTED),
            "flags": [chance.random() < 0.5, None, chance.choice(_TAGS)],
        }
        return {**found, "of": made(level - 1)} if level > 1 else found

    return [made(depth) for _ in range(PICKS)]


# ── how a value is written ───────────────────────────────────────────────────────────────────────


def as_json(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_cell(value: Any) -> str:
    """Return a value as a cell of CSV."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        value = as_json(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{_doubled(text)}"' if any(each in text for each in ',"\n\r') else text


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def _as_cell(_name: str, value: Any) -> str:
    return as_cell(value) + ","


def _as_flat(name: str, value: Any) -> str:
    return f'"{name}":{_as_number(name, value)},'


def _as_shape(name: str, value: Any) -> str:
    return "" if value is None else f',"{name}":{_as_number(name, value)}'


def _as_number(name: str, value: Any) -> str:
    return as_json(float(value) if name == "price" and value else value)


# ── columns ──────────────────────────────────────────────────────────────────────────────────────


def picks(texts: Iterable[str]) -> Column:
    """Return a column that picks from texts."""
    pool = list(texts)
    return lambda chance, numbers: chance.choices(pool, k=len(numbers))


def constant(text: str) -> Column:
    """Return a column that has the same text everywhere."""
    return lambda _chance, numbers: [text] * len(numbers)


def ids(before: str = "", behind: str = "", size: int = 16) -> Column:
    """Return a column of ids of so many bytes, in hex, another in each row."""

    def column(chance: random.Random, numbers: range) -> list[str]:
        text, width = chance.randbytes(size * len(numbers)).hex(), 2 * size
        return [f"{before}{text[at : at + width]}{behind}" for at in range(0, len(text), width)]

    return column


def order_ids(before: str, behind: str, empty: str) -> Column:
    """Return a column of numbers of 19 digits that are ids, half of them empty."""

    def column(chance: random.Random, numbers: range) -> list[str]:
        data, base = chance.randbytes(8 * len(numbers)), 1_700_000_000_000_000_000
        return [
            f"{before}{base + int.from_bytes(data[at + 1 : at + 8])}{behind}" if data[at] & 1 else empty
            for at in range(0, len(data), 8)
        ]

    return column


_FIRST_MS = 1_740_787_200_000  # 2025-03-01T00:00:00Z
_SPAN_MS = 150 * 86_400_000
_SHUFFLED_MS = 3 * 365 * 86_400_000
_OFFSETS = ((60, "+01:00"), (0, "+00:00"), (-300, "-05:00"), (330, "+05:30"), (-480, "-08:00"))
_BERLIN = ZoneInfo("Europe/Berlin")


@cache
def _clock() -> tuple[list[str], list[str]]:
    """Return the texts of the seconds of a day, and of the milliseconds of a second."""
    seconds = [f"T{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}" for at in range(86_400)]
    return seconds, [f".{at:03d}" for at in range(1000)]


@cache
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}"


@cache
def _berlin_minutes(hour: int) -> int:
    """Return the minutes that Berlin is ahead in an hour since 1970.

    A time in the hour that is repeated in autumn is put an hour later: no time of the files may mean two.
    """
    moment = datetime.fromtimestamp(hour * 3600, _BERLIN)
    ahead = moment.utcoffset() or timedelta()
    repeated = moment.replace(fold=1 - moment.fold).utcoffset() != ahead
    return int(ahead.total_seconds()) // 60 + 60 * repeated


def _local(ms: int, minutes: int) -> str:
    seconds, milli = divmod(ms + minutes * 60_000, 1000)
    day, second = divmod(seconds, 86_400)
    clock, millis = _clock()
    return f"{_day(day)}{clock[second]}{millis[milli]}"


def iso(ms: int, zone: int) -> str:
    """Return a time as ISO 8601 with the offset of one of the zones."""
    minutes, offset = _OFFSETS[zone]
    return _local(ms, minutes) + offset


def naive(ms: int, _zone: int) -> str:
    """Return a time as ISO 8601 as clocks in Berlin show it."""
    return _local(ms, _berlin_minutes(ms // 3_600_000))


def epoch_s(ms: int, _zone: int) -> str:
    """Return a time as seconds since 1970."""
    return str(ms // 1000)


def epoch_ms(ms: int, _zone: int) -> str:
    """Return a time as milliseconds since 1970."""
    return str(ms)


@dataclass(frozen=True, slots=True)
class Times:
    """A column of times.

    Attributes:
        rows: Of the whole file.
        shuffled: False for times in order but for up to a minute; true for any time of three years in any
            of five zones, as in a file that is sorted by user.
        written: Takes milliseconds since 1970 and the number of a zone.
        before: What stands before each.
        behind: What stands behind each.
    """

    rows: int
    shuffled: bool = False
    written: Callable[[int, int], str] = iso
    before: str = ""
    behind: str = ","

    def __call__(self, _chance: random.Random, numbers: range) -> list[str]:
        # With chance of its own: the other columns stay as they are, whatever times do.
        chance = random.Random(f"times {numbers.start}")
        rand, before, behind, written = chance.random, self.before, self.behind, self.written
        if self.shuffled:
            moments = [_FIRST_MS + _SPAN_MS - int(rand() * _SHUFFLED_MS) for _ in numbers]
            zones = chance.choices(range(5), k=len(numbers))
        else:
            step = _SPAN_MS / max(self.rows, 1)
            moments = [_FIRST_MS + int(step * number + rand() * 60_000) for number in numbers]
            zones = chance.choices(range(5), (68, 8, 8, 8, 8), k=len(numbers))
        return [f"{before}{written(ms, zone)}{behind}" for ms, zone in zip(moments, zones, strict=True)]


# ── the usual tables ─────────────────────────────────────────────────────────────────────────────


def usual_csv(times: Column, **pools: list[Any]) -> list[Column]:
    """Return the columns of the usual CSV; pools of values stand in place of the usual ones."""
    values = {**usual_values(), **pools}
    return [
        _pool("event", values, _as_cell),
        _pool("user_id", values, _as_cell),
        times,
        *(
            _pool(name, values, _as_cell) if name in values else order_ids("", ",", ",")
            for name in ("ip", *_TYPED)
        ),
        *_properties_of(_doubled, '"{', '}"\n'),
    ]


def usual_flat(times: Column, **pools: list[Any]) -> list[Column]:
    """Return the columns of the usual flat JSONL, as a database exports it: what is empty is null.

    Pools of values stand in place of the usual ones, or add a column.
    """
    values = {**usual_values(), **pools}
    added = [name for name in pools if name not in COLUMNS]
    return [
        picks("{" + _as_flat("event", value) for value in values["event"]),
        _pool("user_id", values, _as_flat),
        times,
        *(
            _pool(name, values, _as_flat)
            if name in values
            else order_ids('"order_id":"', '",', '"order_id":null,')
            for name in ("ip", *_TYPED, *added)
        ),
        *_properties_of(str, "", "}\n"),
    ]


def usual_shape(times: Column) -> list[Column]:
    """Return the columns of JSONL as Mixpanel's own export writes it, and as its /import takes it.

    It is measured because files that move from one project to another look so, and because it is the only
    form that all the tools compared here can read without being told how. Times are whole seconds and an
    $insert_id is always there: so it is in those exports.
    """
    values = usual_values()
    return [
        picks(f'{{"event":{as_json(value)},"properties":{{' for value in values["event"]),
        picks(f'"distinct_id":"{value}",' for value in values["user_id"]),
        times,
        *(
            order_ids(',"order_id":"', '"', "") if name == "order_id" else _pool(name, values, _as_shape)
            for name in ("ip", *_TYPED)
        ),
        *_properties_of(str, ",", ""),
        ids(',"$insert_id":"', '"}}\n'),
    ]


def _pool(name: str, values: Mapping[str, list[Any]], written: Callable[[str, Any], str]) -> Column:
    return picks(written(name, value) for value in values[name])


def _properties_of(quoted: Callable[[str], str], before: str, behind: str) -> list[Column]:
    """Return the columns of an object's members: those before the session, the session, those behind it."""
    chance = random.Random(7)
    pairs = [_properties(chance) for _ in range(PICKS)]
    heads = [quoted(as_json(head)[1:-1] + ',"session":"') for head, _ in pairs]
    tails = [quoted(('",' if tail else '"') + as_json(tail)[1:-1]) for _, tail in pairs]
    return [
        picks(before + head for head in heads),
        ids(size=8),
        picks(tail + behind for tail in tails),
    ]
