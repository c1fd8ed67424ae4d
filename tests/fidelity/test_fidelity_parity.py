"""The dry run's verdict is Mixpanel's: events at and around every limit, as a file and as posted bytes.

Each event is made of parts, and each part is known to be inside of the documented limit or beyond it, by how
it was made. So nothing here asks the rules that the importer and the sandbox share.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from documented_rules import BAD_UTF8, CASES, REFUSED_IDS, Case
from fidelity_helpers import CSV, JSONL, NOW_MS, csv_text, items_of, jsonl_text, sent, written
from sandbox_helpers import Rehearsal

from importer.model import Event, Rejection

NOW_S = NOW_MS // 1000
DAY_MS = 86_400_000
SPARE_ID = "0123456789abcdef0123456789abcdef"
MADE = 4  # time, distinct_id, $insert_id and ip are written into every event
COUNT = 5_000


class Part(NamedTuple):
    """What an event may hold, and whether Mixpanel takes it."""

    value: Any
    taken: bool


class Made(NamedTuple):
    """An event of such parts.

    Attributes:
        name: Its name.
        time: Epoch, or ISO 8601 with an offset.
        epoch: The time in milliseconds.
        user: Its distinct_id.
        properties: Its other properties.
        taken: Whether Mixpanel takes it.
    """

    name: Any
    time: Any
    epoch: int
    user: Any
    properties: dict[str, Any]
    taken: bool

    def as_record(self) -> Any:
        """It as a line of JSONL."""
        return {
            "event": self.name,
            "properties": {"time": self.time, "distinct_id": self.user, **self.properties},
        }

    def as_cells(self) -> list[str]:
        """It as a record of CSV."""
        return [self.name, str(self.time), self.user, json.dumps(self.properties)]

    def as_bytes(self) -> bytes:
        """It as it would be posted if nobody had asked the rules."""
        own = {"time": self.epoch, "distinct_id": self.user, "$insert_id": SPARE_ID, "ip": 0}
        event = {"event": self.name, "properties": {**own, **self.properties}}
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


# ── parts ────────────────────────────────────────────────────────────────────────────────────────

NAMES = [
    Part(name, True)
    for name in ("e", " ", "0", "null", "x" * 255, "x" * 256, "é" * 300, "😀", '"\n\t\\', "\x7f")
]
NAMES += [Part("", False)]
USERS = [
    Part(user, True)
    for user in (
        "",
        "u",
        " ",
        "00",
        "1",
        "-2",
        "Anon",
        "NULL",
        "anon ",
        "n\\a",
        "[ ]",
        "{ }",
        "x" * 256,
        "é😀",
        "nill",
        "00000000-0000-0000-0000-000000000001",
        "0.0",
        "True",
        "N/A",
    )
]
USERS += [Part(user, False) for user in REFUSED_IDS]
TIMES = [  # as the file has it, in milliseconds, and Mixpanel's verdict
    (31_536_000, 31_536_000_000, True),
    (31_536_000_000, 31_536_000_000, True),
    (31_536_000_001, 31_536_000_001, True),
    ("1971-01-01T00:00:00Z", 31_536_000_000, True),
    ("1970-12-31T19:00:00-05:00", 31_536_000_000, True),
    ("1971-01-01T00:59:59.999+01:00", 31_535_999_999, False),
    ("1970-12-31T23:59:59Z", 31_535_999_000, False),
    ("1969-07-20T20:17:40Z", -14_182_940_000, False),
    (NOW_S, NOW_MS, True),
    (NOW_MS, NOW_MS, True),
    (NOW_MS * 1000, NOW_MS, True),
    (NOW_MS - 1, NOW_MS - 1, True),
    (NOW_MS + 3_600_001, NOW_MS + 3_600_001, False),
    (NOW_S + 3_601, NOW_MS + 3_601_000, False),
    ("2024-06-01T03:00:00.001+02:00", NOW_MS + 3_600_001, False),
    ("2030-01-01T00:00:00Z", 1_893_456_000_000, False),
    (NOW_MS - 6 * DAY_MS, NOW_MS - 6 * DAY_MS, True),
]
LEAVES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e-7,
    1e22,
    2**53 + 1,
    2**64 - 1,
    -(2**63),
    "",
    "x",
    "é😀",
    "x" * 256,
    "\0\x1f",
]


def counted(chance: random.Random) -> list[tuple[str, Part]]:
    """253 to 256 properties in all."""
    total = chance.randrange(253, 257)
    return [(f"p{n}", Part(chance.choice(LEAVES), total <= 254)) for n in range(total - MADE)]


def wide(chance: random.Random) -> list[tuple[str, Part]]:
    """An object of 253 to 256 keys, or an array of so many elements, somewhere inside."""
    size = chance.randrange(253, 257)
    value: Any = dict.fromkeys(map(str, range(size)), 1) if chance.random() < 0.5 else [1] * size
    for _ in range(chance.randrange(3)):
        value = [value] if chance.random() < 0.5 else {"k": value}
    if chance.random() < 0.3:
        value = [0, {"a": 1}, value]
    return [("wide", Part(value, size <= 254))]


def deep(chance: random.Random) -> list[tuple[str, Part]]:
    """Objects 1 to 5 deep, with arrays in between, which are no level."""
    depth = chance.randrange(1, 6)
    value: Any = chance.choice([*LEAVES, [], [[1]]])
    for _ in range(depth):
        value = {"k": value, "l": 1} if chance.random() < 0.7 else {"": value}
        for _ in range(chance.choice((0, 0, 1, 3))):
            value = [value]
    return [("deep", Part(value, depth <= 3))]


def plain(chance: random.Random) -> list[tuple[str, Part]]:
    """A few properties of every kind, with names of every kind."""
    names = ["a", "", " ", "$city", "mp_lib", "é", "a.b", "x" * 300, "0", "\n", '"']
    return [(name, Part(chance.choice(LEAVES), True)) for name in chance.sample(names, chance.randrange(4))]


KINDS: Sequence[tuple[Callable[[random.Random], list[tuple[str, Part]]], int]] = (
    (plain, 10),
    (deep, 5),
    (wide, 2),
    (counted, 2),
)


def some_event(chance: random.Random) -> Made:
    """An event in which one part, or more, is at a limit."""
    name = chance.choice(NAMES) if chance.random() < 0.4 else Part("Purchase", True)
    user = chance.choice(USERS) if chance.random() < 0.5 else Part("u1", True)
    time, epoch, in_time = (
        chance.choice(TIMES) if chance.random() < 0.4 else (1_714_557_600, 1_714_557_600_000, True)
    )
    (kind,) = chance.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])
    own = kind(chance)
    taken = name.taken and user.taken and in_time and all(part.taken for _, part in own)
    properties = {key: part.value for key, part in own}
    return Made(name.value, time, epoch, user.value, properties, taken)


@pytest.fixture(scope="module")
def made() -> list[Made]:
    chance = random.Random(20240601)
    return [some_event(chance) for _ in range(COUNT)]


def verdicts(bodies: Sequence[bytes]) -> list[bool]:
    """Whether the sandbox takes each of some events, posted as they are."""
    found: list[bool] = []
    for start in range(0, len(bodies), 300):
        part = bodies[start : start + 300]
        answer = Rehearsal().import_(b"\n".join(part), content_type="application/x-ndjson").json()
        failed = {record["index"] for record in answer.get("failed_records", [])}
        assert answer["num_records_imported"] == len(part) - len(failed)
        found += [index not in failed for index in range(len(part))]
    return found


def differing(made: Sequence[Made], found: Sequence[Any]) -> list[tuple[Made, Any]]:
    """The events of which something else was said than is known."""
    taken = [one if isinstance(one, bool) else isinstance(one, Event) for one in found]
    return [(one, what) for one, what, said in zip(made, found, taken, strict=True) if one.taken != said][:3]


# ── thousands of events ──────────────────────────────────────────────────────────────────────────


def test_the_events_here_are_on_both_sides_of_the_limits(made: list[Made]):
    taken = sum(one.taken for one in made)
    assert COUNT / 4 < taken < COUNT * 3 / 4


def test_what_is_beyond_a_limit_is_refused_by_the_sandbox_and_nothing_else_is(made: list[Made]):
    assert differing(made, verdicts([one.as_bytes() for one in made])) == []


def test_a_dry_run_of_jsonl_gives_the_same_verdicts(tmp_path: Path, made: list[Made]):
    path = written(tmp_path, jsonl_text(one.as_record() for one in made), "events.jsonl")
    found = items_of(path, JSONL)
    assert differing(made, found) == []
    sent([item for item in found if isinstance(item, Event)], Rehearsal())


def test_a_dry_run_of_csv_gives_the_same_verdicts(tmp_path: Path, made: list[Made]):
    rows = [one.as_cells() for one in made]
    path = written(tmp_path, csv_text(["event", "time", "distinct_id", "properties"], rows))
    found = items_of(path, CSV)
    assert differing(made, found) == []
    sent([item for item in found if isinstance(item, Event)], Rehearsal())


@pytest.mark.parametrize("ahead", [1, 1_000, 3_600_000])
def test_a_time_that_mixpanel_would_rewrite_is_invalid_though_mixpanel_takes_it(tmp_path: Path, ahead: int):
    one = Made("e", NOW_MS + ahead, NOW_MS + ahead, "u", {}, taken=True)
    assert verdicts([one.as_bytes()]) == [True]
    (item,) = items_of(written(tmp_path, jsonl_text([one.as_record()]), "e.jsonl"), JSONL)
    assert isinstance(item, Rejection)
    assert "send it after" in item.error


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────

IDS = [
    ("a" * 35, True),
    ("a" * 36, True),
    ("a" * 37, False),
    ("é" * 18, False),
    ("é", False),
    ("-", True),
    ("A-z-0-9", True),
    ("a b", False),
    ("a_b", False),
    ("a.b", False),
    ("a\n", False),
    ("a\0", False),
    ("٣", False),
    ("\uff41", False),
    ("1", True),
    ("0", False),
    ("-1", False),
    ("00", True),
    ("null", False),
    ("NULL", True),
    ("true", False),
    ("00000000-0000-0000-0000-000000000000", False),
    ("00000000-0000-0000-0000-00000000000a", True),
    ("😀", False),
]


@pytest.mark.parametrize(("own", "legal"), IDS)
def test_an_id_that_mixpanel_refuses_is_replaced_and_taken(tmp_path: Path, own: str, legal: bool):
    properties = {"time": 1_714_557_600, "distinct_id": "u", "$insert_id": own}
    record = {"event": "e", "properties": properties}
    assert verdicts([json.dumps(record).encode()]) == [legal]
    (item,) = items_of(written(tmp_path, jsonl_text([record]), "e.jsonl"), JSONL)
    assert isinstance(item, Event)
    assert (item.insert_id == own) == legal
    assert ("its hash is sent" in item.note) != legal
    assert verdicts([item.body]) == [True]


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────

FILLINGS = {
    "ascii": "x",
    "two bytes": "é",
    "four bytes": "😀",
    "an escape": "\x01",
    "a short escape": "\n",
    "a quote": '"',
}


@pytest.mark.parametrize("filling", FILLINGS.values(), ids=FILLINGS.keys())
@pytest.mark.parametrize("size", [999_998, 999_999, 1_000_000, 1_000_001])
def test_an_event_of_a_megabyte_gets_the_same_verdict(tmp_path: Path, filling: str, size: int):
    def of(text: str) -> Made:
        return Made("e", 1_714_557_600, 1_714_557_600_000, "u", {"text": text}, taken=size < 1_000_000)

    room = size - len(of("").as_bytes())
    each = len(of(filling).as_bytes()) - len(of("").as_bytes())
    one = of(filling * (room // each) + "x" * (room % each))
    assert len(one.as_bytes()) == size
    assert verdicts([one.as_bytes()]) == [one.taken]
    (item,) = items_of(written(tmp_path, jsonl_text([one.as_record()]), "e.jsonl"), JSONL)
    assert isinstance(item, Event) == one.taken, item
    if isinstance(item, Event):
        assert len(item.body) == size
        assert verdicts([item.body]) == [True]


# ── what is no UTF-8, and the literal table as a file ────────────────────────────────────────────


@pytest.mark.parametrize("case", CASES + BAD_UTF8, ids=lambda case: case.name)
def test_a_documented_case_in_a_file_gets_the_documented_verdict(tmp_path: Path, case: Case):
    (item,) = items_of(
        written(tmp_path, FIRST + case.body + b"\n", "e.jsonl"),
        type(JSONL)(format="jsonl", geoip="request"),
    )[1:]
    if case.name in MENDED:
        assert isinstance(item, Event)
        assert verdicts([item.body]) == [True]
    elif case.name in OURS_ALONE:
        assert isinstance(item, Rejection)
    else:
        assert isinstance(item, Event) == (not case.refused), item


FIRST = b'{"event":"first","properties":{"time":1700000000,"distinct_id":"u","$insert_id":"a0"}}\n'
OURS_ALONE = {
    "one hour ahead in seconds",
    "one hour ahead in milliseconds",
    "an event of 999,999 bytes",
}
"""What is invalid though Mixpanel takes it: it would change the time of the first two; and the time of the
last, which is written in seconds, gets three digits longer in milliseconds."""

MENDED = {case.name for case in CASES if case.refused == "properties.$insert_id"} | {
    "no distinct_id",
    "null for a distinct_id",
    "a number for a distinct_id",
    "a key beside event and properties",
    "microseconds",
    "a decimal",
    "a decimal without a fraction",
    "an exponent",
    "a text",
}
"""Mixpanel refuses them as they stand; the importer makes events of them that it takes."""

LIMITS = {
    "event": ("the smallest event", "an empty name"),
    "properties.time, past": ("1971-01-01T00:00:00 in seconds", "1970-12-31T23:59:59 in seconds"),
    "properties.time, ahead": ("one hour ahead in milliseconds", "one hour and a millisecond ahead"),
    "properties.distinct_id": ("an empty distinct_id", "distinct_id anon"),
    "properties.$insert_id": ("$insert_id of 36", "$insert_id of 37"),
    "properties": ("254 properties with the three", "255 properties with the three"),
    "keys": ("an object of 254 keys", "an object of 255 keys"),
    "elements": ("an array of 254", "an array of 255"),
    "depth": ("objects 3 deep", "objects 4 deep"),
    "size": ("an event of 999,999 bytes", "an event of 1,000,000 bytes"),
}


@pytest.mark.parametrize(("inside", "beyond"), LIMITS.values(), ids=LIMITS.keys())
def test_the_documented_table_has_both_sides_of_each_limit(inside: str, beyond: str):
    table = {case.name: case.refused for case in CASES}
    assert table[inside] == ""
    assert table[beyond]
