"""Mappings that are more than columns: the compiled code and Python make the same events of hostile records."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speedups_helpers import CSV, TIME, assert_same, csv_file, takes_fast_path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from scans import scan_difference

from importer import speedups
from importer.events.templates import constant_entry
from importer.profile.json_fields import LineParts
from importer.reading import Dialect, Field, Reading, Shape
from importer.source.formats.json_item import read_item

LONG = "x" * 256

# ── lines of JSON ────────────────────────────────────────────────────────────────────────────────

FLAT = Reading(
    Dialect("jsonl"),
    ("event", "time", "user", "device", "n", "context", "plan", "distinct_id"),
    {"event": "event", "time": "time"},
)
BAG = Reading(
    Dialect("jsonl"),
    ("event", "properties", "user", "device", "context"),
    {"event": "event", "time": "properties.time", "properties": "properties"},
)
USERS: dict[Field, tuple[str, ...]] = {"distinct_id": ("user", "device", "n")}
LINES: dict[str, Reading] = {
    "a fallback": replace(FLAT, alternatives=USERS),
    "a fallback with words for no value": replace(FLAT, alternatives=USERS, null=("NULL", "\\N", 'q"', "5")),
    "fallbacks of all fields": replace(
        FLAT,
        fields={},
        alternatives={
            "event": ("event", "plan", "n"), "time": ("n", "time"), "ip": ("device", "user"), "insert_id": ("plan", "user"),
        },
    ),
    "a fallback by Mixpanel's own name": replace(
        FLAT, alternatives={"distinct_id": ("distinct_id", "user"), "ip": ("user", "ip"), "insert_id": ("plan", "$insert_id")}
    ),
    "a fallback deeper": replace(FLAT, alternatives={"distinct_id": ("context.id", "context.traits.id", "user")}),
    "a fallback that is a part of another": replace(FLAT, alternatives={"distinct_id": ("context", "context.id", "user")}),
    "a fallback that is a field": replace(FLAT, alternatives={"distinct_id": ("user", "event")}),
    "a name that is the user of others": replace(
        BAG,
        fields={"time": "properties.time", "properties": "properties", "distinct_id": "properties.distinct_id"},
        alternatives={"event": ("distinct_id", "properties.plan")},
    ),
    "conditions that always hold": replace(FLAT, alternatives=USERS, conditions={"distinct_id": ("", "", "")}),
    "one column for all fields": replace(
        FLAT,
        fields={},
        alternatives={"event": ("n", "event"), "time": ("n", "time"), "distinct_id": ("n",), "ip": ("n", "user"), "insert_id": ("n",)},
    ),
    "a fallback that is the ip": replace(FLAT, fields={**FLAT.fields, "ip": "device"}, alternatives={"distinct_id": ("user", "device")}),
    "templates of fields": replace(
        FLAT,
        fields={"time": "time"},
        alternatives={
            "event": ("{plan} {n}", "event"), "distinct_id": ("user", "$device:{device}"), "insert_id": ("{user}-{n}",),
        },
    ),
    "bare templates": replace(
        FLAT, fields={"time": "time"}, alternatives={"event": ("{event}",), "distinct_id": ("{user}", "{n}")}
    ),
    "templates of times": replace(
        FLAT, fields={"event": "event"}, alternatives={"time": ("{plan}T{n}Z", "{time}", "{device}")}
    ),
    "properties by templates": replace(
        FLAT,
        fields={**FLAT.fields, "distinct_id": "user"},
        templates={"full": 'é "{user}" {device}\n', "n2": "{n}", "$os": "{plan}{plan}", "deep": "{context.id}/{time}"},
    ),
    "templates over properties": replace(FLAT, templates={"plan": "{n}!", "device": "{user}"}, constants={"a": 1, "z": "z"}),
    "names": replace(FLAT, names={"plan": "Plan", "device": "$device_id", "n": "aaa", "user": "plan"}),
    "names of fields": replace(FLAT, names={"plan": "time", "device": "distinct_id", "n": "token", "user": "import_tag"}),
    "names and fallbacks": replace(FLAT, names={"device": "$device_id", "user": "mp_user"}, alternatives=USERS),
    "types": replace(FLAT, types={"plan": "skip", "n": "number", "device": "string", "user": "boolean", "context": "json"}),
    "types and fallbacks": replace(
        FLAT, types={"user": "skip", "n": "integer", "device": "string"}, alternatives=USERS, null=("NULL",)
    ),
    "types of texts": replace(
        FLAT, types={"plan": "time", "n": "integer", "device": "number", "user": "boolean", "id": "string", "z": "json"}
    ),
    "types of texts in templates": replace(FLAT, types={"n": "number", "user": "string"}, templates={"both": "{n} {user}"}),
    "types of numbers with a comma": replace(
        FLAT, types={"n": "number", "device": "integer"}, decimal=",", fields={**FLAT.fields, "distinct_id": "user"}
    ),
    "ids of any kind": replace(FLAT, fields={**FLAT.fields, "distinct_id": "n", "insert_id": "device"}),
    "ids deeper of any kind": replace(
        FLAT, alternatives={"distinct_id": ("context.n", "user"), "insert_id": ("context.id", "n")}, null=("5",)
    ),
    "fields deeper": replace(
        FLAT, fields={**FLAT.fields, "ip": "context.ip", "distinct_id": "context.traits.id", "insert_id": "context.id"}
    ),
    "times deeper": replace(FLAT, fields={"event": "event", "time": "context.n", "distinct_id": "user"}),
    "a field with fields in it": replace(FLAT, fields={**FLAT.fields, "distinct_id": "context", "ip": "context.ip"}),
    "words for no value": replace(FLAT, fields={**FLAT.fields, "distinct_id": "user", "ip": "context.ip"}, null=("NULL", "u1")),
    "no name": replace(FLAT, fields={"time": "time"}, alternatives={"event": ("plan",), "distinct_id": ("user",)}),
    "all at once": replace(
        FLAT,
        fields={"time": "time", "ip": "context.ip"},
        alternatives={"event": ("event", "{plan} {n}"), "distinct_id": ("context.traits.id", "user", "device")},
        templates={"who": "{user}@{context.id}", "id": "{context.traits.id}"},
        names={"plan": "Plan", "context": "ctx", "time": "t"},
        types={"n": "skip"},
        constants={"source": "x"},
        null=("NULL",),
        tag="june",
        geoip="request",
    ),
    "fallbacks in the properties": replace(
        BAG, alternatives={"distinct_id": ("properties.user", "user", "properties.distinct_id"), "ip": ("properties.context.ip", "ip")}
    ),
    "fields deeper in the properties": replace(
        BAG, fields={**BAG.fields, "distinct_id": "properties.context.traits.id", "ip": "context.ip"}
    ),
    "templates in the properties": replace(
        BAG,
        fields={"time": "properties.time", "properties": "properties"},
        alternatives={"event": ("{properties.plan} {event}", "event"), "distinct_id": ("{properties.user}", "$device:{device}")},
        templates={"who": "{properties.user} {user}", "plan2": "{properties.plan}", "ctx": "{properties.context.id}"},
    ),
    "the properties as a part": replace(BAG, alternatives={"distinct_id": ("properties", "user")}),
    "the properties by choice": replace(FLAT, alternatives={"properties": ("context", "plan")}),
    "the properties deeper": replace(BAG, fields={"event": "event", "time": "time", "properties": "context.traits"}),
    "a value": replace(
        FLAT, fields={"time": "time"}, alternatives={"event": ("plan", constant_entry("é {x}")), "ip": (constant_entry("::1"),)}
    ),
    "only": replace(FLAT, fields={**FLAT.fields, "distinct_id": "user"}, only=("plan", "n*", "distinct_id")),
    "drop": replace(
        FLAT, fields={**FLAT.fields, "ip": "context.ip"}, drop=("device", "con*", "token", "distinct_id"), alternatives=USERS
    ),
    "drop of fields": replace(
        FLAT, alternatives=USERS, drop=("user", "device", "n"), templates={"$user_id": "{user}", "$device_id": "{device}"}
    ),
    "only and drop deeper": replace(
        FLAT, alternatives={"distinct_id": ("context.traits.id", "user")}, only=("n", "p*", "user"), drop=("pl*",)
    ),
    "renames": replace(
        FLAT, fields={**FLAT.fields, "ip": "context.ip"}, renames={"plan": "Plan", "d*": "$d_*", "n": "aaa", "z": "time", "*er": "*"}
    ),
    "renames to fields": replace(FLAT, renames={"$insert_id": "id", "id": "$insert_id", "device": "distinct_id", "z": "ip", "n": "plan"}),
    "renames and names": replace(FLAT, names={"plan": "n"}, renames={"n": "plan", "plan": "q"}, alternatives=USERS),
    "a prefix": replace(FLAT, prefix="shop_", renames={"plan": "Plan"}, alternatives=USERS, templates={"who": "{user}"}),
    "a prefix that makes a name": replace(FLAT, prefix="distinct_", fields={**FLAT.fields, "insert_id": "user"}),
    "defaults": replace(
        FLAT, fields={"event": "event"}, alternatives={**USERS, "time": ("time",)},
        defaults={"event": "Page view", "distinct_id": "nobody", "time": TIME, "ip": "1.2.3.4"},
    ),
    "defaults that are odd": replace(FLAT, defaults={"event": "$identify", "distinct_id": "null", "ip": "x", "insert_id": "not legal"}),
    "defaults and fields for all": replace(
        FLAT, fields={"time": "time"}, defaults={"event": "E", "distinct_id": "d"}, constants={"event": "Set"}
    ),
    "renames to the ip": replace(
        BAG, renames={"$ip": "ip", "id": "$insert_id", "n": "distinct_id"}, fields={**BAG.fields, "ip": "context.ip"}, null=("NULL",)
    ),
    "the cell wins": replace(BAG, prefer="cell", fields={**BAG.fields, "distinct_id": "properties.user"}),
    "renames in the properties": replace(
        BAG, renames={"user": "$user_id", "p*": "x_*", "$insert_id": "id"}, drop=("token", "time"), prefix="q_",
        alternatives={"distinct_id": ("properties.user", "user")},
    ),
    "all of them": replace(
        BAG, renames={"plan": "Plan", "$ip": "ip"}, only=("plan", "user", "z*", "$ip", "d*"), drop=("zz",), prefix="q_", prefer="cell",
        alternatives={"distinct_id": ("properties.context.id", "user")}, defaults={"event": "E"}, null=("NULL",),
    ),
    "a path with dots": replace(FLAT, columns=(*FLAT.columns, "a.b"), alternatives={"distinct_id": ("a.b", "a.b.c", "user")}),
}  # fmt: skip

KEYS = ["event", "time", "user", "device", "n", "context", "plan", "distinct_id", "ip", "$insert_id", "id", "traits", "Plan",
    "$device_id", "$ip", "token", "import_tag", "aaa", "full", "who", "a.b", "properties", "z", "timestamp", "source"]  # fmt: skip
NUMBERS = ["0", "5", "-5", "-0", "1.5", "1.50", "2.0", "0.5", "1e3", "1e-7", "1e22", "12345678901234567890", "9007199254740993",
    "0.1234567890123456789", "1714557600", "1714557600.5", "1714557600123", "01", "1.", "1e400", "0.00001"]  # fmt: skip
TEXTS = ["", "u1", "NULL", "\\N", "5", " u1", "a b", 'q"', "a\\", "é☕", "\n", "\x01", "\x7f", LONG, "0", "1.0", "anon", TIME, "2024-05-01",
    "10:00:00", "1.2.3.4", "=x", "null", "x" * 37, "\U0001f600", "$identify", "</a>"]  # fmt: skip
ODD_VALUES = ["null", "true", "false", "[]", "{}", "[1,2]", '"\\u004eULL"', '"\\/"', '"\\ud800"', "nul"]

# Lines and rows are made by a generator of random numbers whose seed Hypothesis draws: what they hold is hundreds
# of choices, and to draw each of them takes Hypothesis ten times as long as to map the line.
seeds = st.integers(0, 2**32 - 1)


def string(chance: Random) -> str:
    return json.dumps(chance.choice(TEXTS), ensure_ascii=chance.random() < 0.5)


def number(chance: Random) -> str:
    return chance.choice(NUMBERS)


def leaf(chance: Random) -> str:
    make = chance.choice([string, string, number, lambda _: chance.choice(ODD_VALUES)])
    return make(chance)


def tree(chance: Random, deepest: int = 3) -> str:
    if not deepest or chance.random() < 0.6:
        return leaf(chance)
    return object_of_trees(chance, 4, deepest - 1)


def object_of_trees(chance: Random, most: int = 8, deepest: int = 3) -> str:
    members = []
    for _ in range(chance.randint(0, most)):
        key, blank = chance.choice(KEYS), chance.choice(["", "", " "])
        written = f'"\\u{ord(key[0]):04x}{key[1:]}"' if chance.random() < 0.05 else f'"{key}"'
        members.append(f"{blank}{written}{blank}:{tree(chance, deepest)}")
    return "{" + ",".join(members) + "}"


def usual_line(chance: Random, bag: bool) -> str:
    """A line that mostly becomes an event, with some values that are odd."""
    values = ((lambda _: '"u1"'), (lambda _: ""), string, number)
    id_, n, device, user = (chance.choice(values)(chance) for _ in range(4))
    context = {"ip": chance.choice(["", '"1.2.3.4"', '"::1"', "null"]), "id": id_, "n": number(chance)}
    traits = f'{{"id":{string(chance)},"b":{leaf(chance)}}}' if chance.random() < 0.5 else ""
    inner = _object({**context, "traits": traits, "z": chance.choice(["", "1"])}, chance)
    members = {
        "event": '""' if chance.random() < 0.1 else '"View"',
        "time": chance.choice([f'"{TIME}"', f'"{TIME}"', f'"{TIME}"', "1714557600", '"soon"', "null"]),
        "user": user,
        "device": device,
        "n": n,
        "plan": chance.choice(["", '"pro"', '"2024-05-01"', "1.5", "true"]),
        "context": inner,
        chance.choice(KEYS): tree(chance),
    }
    if not bag:
        return _object(members, chance)
    event = members.pop("event")
    outer = {"event": event, "properties": _object(members, chance), chance.choice(KEYS): leaf(chance)}
    return _object({**outer, "context": inner, "device": device}, chance)


def _object(members: dict[str, str], chance: Random) -> str:
    found = [f'"{key}":{value}' for key, value in members.items() if value]
    chance.shuffle(found)
    return "{" + ",".join(found) + "}"


def lines_for(reading: Reading, seed: int, most: int) -> bytes:
    """Up to so many lines, hostile to a reading."""
    chance = Random(seed)
    is_bag = "properties" in reading.fields or "properties" in reading.alternatives
    lines = [
        usual_line(chance, is_bag) if chance.random() < 0.7 else object_of_trees(chance)
        for _ in range(chance.randint(1, most))
    ]
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
@given(seed=seeds)
@settings(deadline=None, max_examples=12)
def test_lines_map_the_same(name: str, seed: int):
    assert_same(lines_for(LINES[name], seed, 60), LINES[name])


PLAIN = {"event": "View", "time": TIME, "user": "u1", "device": "d1", "n": 5, "plan": "pro"}
DEEP = {**PLAIN, "context": {"ip": "1.2.3.4", "id": "i-1", "z": 1, "traits": {"id": "t1", "age": 5}}}
IN_BAG = {
    "event": "View",
    "properties": {k: v for k, v in DEEP.items() if k not in ("device", "event")},
    "device": "d2",
}
NO_USER = {"event": "View", "properties": {"time": TIME, "context": {"traits": {"id": "t1"}}}}


def lines_of(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


@pytest.mark.parametrize(
    ("name", "record", "changed"),
    [
        ("a fallback", PLAIN, {"user": None}),
        ("a fallback", DEEP, {"user": "", "event": "É"}),
        ("a fallback with words for no value", PLAIN, {"user": "NULL"}),
        ("a fallback deeper", DEEP, {"context": {"traits": {"id": "t"}}}),
        ("templates of fields", PLAIN, {"user": "", "plan": 'quo"ted'}),
        ("templates of times", {**PLAIN, "plan": "2024-05-01", "n": "10:00:00"}, {"plan": ""}),
        ("bare templates", PLAIN, {"user": None}),
        ("properties by templates", DEEP, {"device": "a\\b", "n": 1.5, "plan": LONG}),
        ("names", PLAIN, {"device": "x"}),
        ("names and fallbacks", PLAIN, {"user": None}),
        ("types", {**PLAIN, "user": True}, {"n": 1.5}),
        (
            "types of texts",
            {**PLAIN, "user": "TRUE", "device": "1.50", "plan": TIME, "n": "12", "id": 5, "z": "[1]"},
            {"user": "trUE", "device": "1e3", "plan": 1714557600, "n": "-0", "id": -9007199254740993, "z": "null"},
        ),
        ("types of texts", {**PLAIN, "user": None, "device": 5, "plan": None}, {"n": 7}),
        ("types of numbers with a comma", {**PLAIN, "n": "1,5", "device": "7"}, {"n": 1.5, "device": 8}),
        ("ids of any kind", PLAIN, {"device": "not legal", "n": 12345678}),
        ("ids of any kind", {**PLAIN, "device": "x" * 60}, {"device": 4600001, "n": 9007199254740993}),
        ("ids deeper of any kind", {**DEEP, "context": {"n": 7, "id": "a_b"}}, {"context": {"n": 5, "id": 99}}),
        ("the cell wins", {**IN_BAG, "properties": {**IN_BAG["properties"], "distinct_id": "u1"}}, {"device": None}),
        ("fields deeper", DEEP, {"context": {"ip": "1.1.1.1"}}),
        ("times deeper", {"event": "e", "context": {"n": 1714557600}}, {"context": {"n": TIME}}),
        ("words for no value", DEEP, {"user": "NULL"}),
        ("all at once", {**DEEP, "event": ""}, {"context": {"id": "i"}}),
        ("a value", {**PLAIN, "event": None}, {"plan": None}),
        ("only", PLAIN, {"plan": None}),
        ("drop", {**DEEP, "token": "t"}, {"user": None}),
        ("drop of fields", PLAIN, {"user": ""}),
        ("renames", DEEP, {"device": None}),
        ("a prefix", DEEP, {"user": None}),
        ("defaults", {**PLAIN, "event": ""}, {"time": "", "user": "", "device": None, "n": None}),
        ("renames in the properties", {**IN_BAG, "device": None}, {"user": "x"}),
        ("all of them", {**IN_BAG, "event": ""}, {"event": "E"}),
        (
            "renames to the ip",
            {"event": "e", "properties": {"time": TIME, "$ip": "1.2.3.4", "id": "i-1", "n": "u"}},
            {"properties": {"time": TIME, "$ip": "1.2.3.4"}, "context": {"ip": "1.2.3.4"}},
        ),
        ("fields deeper in the properties", NO_USER, {"properties": {"time": TIME}}),
        ("templates in the properties", IN_BAG, {"event": "Other"}),
    ],
)  # fmt: skip
def test_such_mappings_are_no_reason_to_be_slow(name: str, record: dict[str, Any], changed: dict[str, Any]):
    lines = lines_of(record, {**record, **changed}, {**record, "more": {"a": [1, "é\n"]}})
    assert_same(lines, LINES[name])
    assert takes_fast_path(lines, LINES[name]) == [True] * 3


def test_a_taken_value_leaves_no_note_on_its_name():
    reading = replace(FLAT, names={"device": "$device_id"}, alternatives=USERS)
    found = assert_same(lines_of({**PLAIN, "user": None}, PLAIN), reading)[1:]
    assert ["$device_id" in str(item) for item in found] == [False, True]
    assert takes_fast_path(lines_of({**PLAIN, "user": None}, PLAIN), reading) == [True, True]


def test_more_keys_than_are_remembered_map_the_same():
    """Those that are renamed or left out are still told apart, and none is taken for another."""
    many = {f"k{n}": n for n in range(700)}
    names = {**{key: f"renamed_{key}" for key in many}, "twice": "k1"}
    types = {f"k{n}": "skip" for n in range(600)}
    reading = replace(FLAT, names=names, types=types, alternatives=USERS)
    records = [{**PLAIN, **dict(list(many.items())[start : start + 150])} for start in range(0, 700, 50)]
    lines = lines_of(*records, {**PLAIN, **many}, *records)
    assert_same(lines + '{"event":"e","time":1714557600,"k1":1,"k1":2}\n' + lines_of(PLAIN), reading)


# ── cells ────────────────────────────────────────────────────────────────────────────────────────

COLUMNS = ("event", "time", "user", "device", "n", "plan", "bag", "distinct_id")
CELLS = replace(CSV, columns=COLUMNS, fields={"event": "event", "time": "time"}, types={"n": "number"})
ROWS: dict[str, Reading] = {
    "a fallback": replace(CELLS, alternatives=USERS),
    "a fallback by Mixpanel's own name": replace(CELLS, alternatives={"distinct_id": ("distinct_id", "user")}),
    "a fallback behind another": replace(CELLS, alternatives={"distinct_id": ("user", "distinct_id")}, null=("NULL",)),
    "templates of fields": replace(
        CELLS,
        fields={"time": "time"},
        alternatives={"event": ("{plan} {n}", "event"), "distinct_id": ("user", "$device:{device}"), "insert_id": ("{user}-{n}",)},
    ),
    "bare templates": replace(CELLS, alternatives={"distinct_id": ("{user}", "{n}")}),
    "templates of times": replace(CELLS, fields={"event": "event"}, alternatives={"time": ("{plan}T{n}Z", "{time}")}),
    "properties by templates": replace(
        CELLS, templates={"full": 'é "{user}" {device}\n', "n2": "{n}", "$os": "{plan}{plan}"}, null=("NULL",)
    ),
    "templates over properties": replace(CELLS, templates={"plan": "{n}!"}),
    "templates and properties": replace(
        CELLS, fields={**CELLS.fields, "properties": "bag"}, templates={"a": "{user}", "k": "{n}"}, alternatives=USERS
    ),
    "names": replace(CELLS, names={"plan": "Plan", "device": "$device_id", "n": "aaa", "distinct_id": "id"}),
    "names of fields": replace(CELLS, names={"plan": "ip", "device": "$insert_id", "n": "token", "user": "import_tag"}),
    "types": replace(CELLS, types={"n": "skip", "distinct_id": "skip", "device": "boolean"}, alternatives=USERS),
    "only": replace(CELLS, only=("plan", "n*", "user"), drop=("na",), fields={**CELLS.fields, "properties": "bag"}),
    "drop": replace(
        CELLS, alternatives=USERS, drop=("user", "d*", "a"), fields={**CELLS.fields, "properties": "bag"}, templates={"$u": "{user}"}
    ),
    "renames": replace(
        CELLS, renames={"plan": "Plan", "d*": "$d_*", "n": "aaa", "a": "k", "k": "time"}, fields={**CELLS.fields, "properties": "bag"}
    ),
    "renames to fields": replace(CELLS, renames={"device": "ip", "distinct_id": "id", "user": "distinct_id"}),
    "a prefix": replace(CELLS, prefix="shop_", fields={**CELLS.fields, "properties": "bag"}, alternatives=USERS),
    "defaults": replace(CELLS, alternatives=USERS, defaults={"event": "Page view", "distinct_id": "nobody", "time": TIME, "ip": "1.2.3.4"}),
    "renames to the ip": replace(
        CELLS, renames={"$ip": "ip", "k": "$insert_id", "plan": "ip"}, fields={**CELLS.fields, "properties": "bag"}, null=("NULL",)
    ),
    "the cell wins": replace(CELLS, prefer="cell", fields={**CELLS.fields, "properties": "bag"}),
    "all at once": replace(
        CELLS,
        fields={"time": "time", "properties": "bag"},
        alternatives={"event": ("event", "{plan} {n}"), "distinct_id": ("user", "distinct_id", "{device}")},
        templates={"who": "{user}@{device}", "$x": "{plan}"},
        names={"plan": "Plan"},
        constants={"source": "x"},
        null=("NULL",),
        tag="june",
        insert_id="row",
        source_name="a.csv",
    ),
}  # fmt: skip
BAGS = [
    "", "{}", '{"a":1}', '{"plan":"x","n":5}', '{"distinct_id":"d"}', '{"k":1,"a":2}', '{"$ip":"1.2.3.4","k":"i-1"}',
    '{"$ip":"","k":null}', "bad", '{"a":1,"a":2}',
]  # fmt: skip
TIMES = [TIME, TIME, "2024-05-01", "soon", ""]


def rows_of(seed: int, most: int) -> str:
    """A CSV of a plain row and up to so many hostile ones."""
    chance = Random(seed)

    def cell() -> str:
        return chance.choice(chance.choice([["", "u1", "5", "1.50"], TEXTS, NUMBERS]))

    rows = [["E", TIME, "u", "d", "1", "o", "", ""]]
    for _ in range(chance.randint(0, most)):
        last = cell() if chance.random() < 0.5 else ""
        some = [cell() for _ in range(4)]
        rows.append([chance.choice(["E", "E", ""]), chance.choice(TIMES), *some, chance.choice(BAGS), last])
    return csv_file(rows)


@pytest.mark.parametrize("name", ROWS)
@given(seed=seeds)
@settings(deadline=None, max_examples=12)
def test_rows_map_the_same(name: str, seed: int):
    assert_same(rows_of(seed, 60), ROWS[name])


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in ROWS
        if name
        not in ("templates over properties", "names of fields", "renames to fields", "renames to the ip")
    ],
)
def test_such_rows_are_no_reason_to_be_slow(name: str):
    rows = [["E", TIME, "u", "d", "1", "o", "", ""], ["E", TIME, 'u"1', "", "2.50", 'o"', '{"b":1}', ""]]
    if name == "templates of times":
        rows = [[*row[:4], "10:00:00", "2024-05-01", *row[6:]] for row in rows]
        reading = replace(ROWS[name], types={"n": "string"})
    else:
        reading = ROWS[name]
    if name == "types":
        rows[0][3] = "true"
    if "distinct_id" in reading.alternatives and "bare" not in name:
        rows[1][2] = ""  # a quote in a field that no template makes defers its record
    assert_same(csv_file(rows), reading)
    assert takes_fast_path(csv_file(rows), reading) == [True] * 2


# ── the pass before a run ────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_a_pass_over_lines_finds_the_same(name: str, seed: int):
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        path.write_bytes(b"{}\n" + lines_for(LINES[name], seed, 8))
        assert scan_difference(path, LINES[name]) == ""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a fallback that is a field", '{"event":1714557600,"time":1714557600}'),
        (
            "a name that is the user of others",
            '{"distinct_id":"View","properties":{"time":1714557600,"user":"u"}}',
        ),
        ("conditions that always hold", f'{{"event":"View","time":"{TIME}","user":"u"}}'),
    ],
)
def test_a_pass_over_such_lines_finds_the_same(name: str, line: str, tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text("{}\n" + f"{line}\n" * 40, "utf-8")
    assert scan_difference(path, LINES[name]) == ""


@pytest.mark.parametrize("name", ROWS)
@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_a_pass_over_rows_finds_the_same(name: str, seed: int):
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.csv")
        path.write_text(rows_of(seed, 8), "utf-8")
        assert scan_difference(path, ROWS[name]) == ""


# Lines with an object of properties beside the fields.
WITH_BAG = replace(
    FLAT, columns=(*FLAT.columns, "properties"), fields={**FLAT.fields, "properties": "properties"}
)
BESIDE: dict[str, Reading] = {
    "properties": replace(WITH_BAG, fields={**WITH_BAG.fields, "distinct_id": "user", "insert_id": "device"}),
    "properties and fallbacks": replace(WITH_BAG, alternatives=USERS, prefer="cell"),
    "other properties": replace(WITH_BAG, fields={**FLAT.fields, "properties": "context"}, alternatives=USERS),
    "conditions": replace(
        WITH_BAG,
        fields={"time": "time", "properties": "properties"},
        alternatives={"event": ("event", constant_entry("A plan"), "{plan} {n}"), "distinct_id": ("user", "device")},
        conditions={"event": ("plan = 'pro'", "n > 1 or plan is null", ""), "distinct_id": ("", "n is not null")},
    ),
    "patterns": replace(
        WITH_BAG, alternatives=USERS, renames={"g.*": "*", "x*d": "distinct_i*d"}, templates={"who": "{user}"}
    ),
    "flattened": replace(
        WITH_BAG, shape=Shape(flatten={"context": 2}),
        alternatives={"distinct_id": ("context.traits.id", "user"), "ip": ("context.ip",), "insert_id": ("context.id", "device")},
        templates={"who": "{context.z}"},
    ),
}  # fmt: skip
INNER = ["", "", '"u1"', '"1.2.3.4"', "1714557600000", "null", "{}", '""', "true"]
INNER_KEYS = ["distinct_id", "time", "ip", "$insert_id", "g.ip", "g.distinct_id", "xd", "a", "b"]
PROCESSED = "mp_processing_time_ms"


def lines_beside(seed: int, most: int) -> str:
    """Up to so many lines, of which most have properties beside their fields, and some are a raw export."""
    chance = Random(seed)
    place = chance.choice(["", "", "inside", "outside"])
    processed = {PROCESSED: str(1714557600000 + chance.randint(-(10**8), 10**8))}
    lines = []
    for _ in range(chance.randint(1, most)):
        inner = {key: chance.choice(INNER) for key in chance.sample(INNER_KEYS, 3)}
        bag = _object({**inner, **(processed if place == "inside" else {})}, chance)
        none = "null" if place != "inside" and chance.random() < 0.2 else ""
        outer = {chance.choice(INNER_KEYS): chance.choice(INNER), "properties": none or bag}
        beside = _object({**outer, **(processed if place == "outside" else {})}, chance)
        lines.append(f"{usual_line(chance, False)[:-1]},{beside[1:]}\n")
    return "".join(lines)


@pytest.mark.parametrize("name", BESIDE)
@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_properties_beside_the_fields_are_found_and_mapped_the_same(name: str, seed: int):
    text = lines_beside(seed, 8)
    flat = text.replace('"context"', '"context.ip"').replace('"device"', '"context.id"')
    assert_same(flat if BESIDE[name].shape else text, BESIDE[name])
    with TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        path.write_text("{}\n" + text, "utf-8", "surrogatepass")
        assert scan_difference(path, BESIDE[name]) == ""


def test_names_in_notes_stand_in_one_order_wherever_the_properties_do():
    record = {**PLAIN, "$device_id": "d", "properties": {"$user_id": LONG, "$os": "iOS"}, "$browser": LONG}
    note = (
        "Mixpanel keeps 255 characters of a text and will cut $user_id, $browser;"
        " Mixpanel gives reserved names its own meaning: $user_id, $os, $device_id, $browser"
    )
    found = assert_same(lines_of(record, dict(reversed(record.items()))), BESIDE["properties"])[1:]
    assert [note in str(item) for item in found] == [True, False], "outer names stand as the record has them"
    assert takes_fast_path(lines_of(record), BESIDE["properties"]) == [True]


@pytest.mark.parametrize("name", BESIDE)
def test_a_path_that_was_flattened_is_a_key(name: str):
    record = {
        **PLAIN,
        "plan": "pro",
        "context.ip": "1.2.3.4",
        "context.id": "i-1",
        "properties": {"a": 1, "distinct_id": "u1"},
    }
    assert takes_fast_path(lines_of(record, {**record, "device": "d2"}), BESIDE[name]) == [True] * 2


@pytest.mark.parametrize(
    "reading",
    [
        LINES[name]
        for name in ("a fallback", "templates of fields", "bare templates", "properties by templates")
    ]
    + [*BESIDE.values()],
)
def test_a_pass_needs_no_objects_for_such_mappings(reading: Reading):
    assert LineParts(reading).columns
    bag = reading.fields.get("properties", "more")
    record = {**PLAIN, "n": "5", bag: {"a": [1]}}
    block, *_ = speedups.cut_lines(lines_of(*[record] * 9).encode(), 1, 1, read_item)
    (chunk,) = LineParts(reading).chunks(block, "")
    assert chunk.cells
