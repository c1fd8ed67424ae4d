from __future__ import annotations

import random
from typing import Any

import pytest
from events_helpers import CSV, JSONL

from importer.events.distinct import Distinct
from importer.events.own_ids import OwnIds
from importer.model import Reading, Record, Rejection

FIELDS: dict[Any, str] = {"event": "event", "time": "time", "insert_id": "id"}
SHAPE: dict[Any, str] = {
    "event": "event",
    "time": "properties.time",
    "insert_id": "properties.$insert_id",
    "properties": "properties",
}
LINE = b'{"event":"e","properties":{"time":1,"$insert_id":"x"}}\n'


def of_cells(ids: list[str], **more: Any) -> list[str] | None:
    reading = Reading(CSV, ("event", "time", "id"), FIELDS, **more)
    return OwnIds(reading).of([Record(n, n, ["e", "1", own]) for n, own in enumerate(ids, 1)])


def of_lines(lines: bytes) -> list[str] | None:
    return OwnIds(Reading(JSONL, ("event", "properties"), SHAPE)).of(lines)


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_ids_of_cells_are_those_of_their_column():
    assert of_cells(["a", "b", "a"]) == ["a", "b", "a"]


@pytest.mark.parametrize("own", ["", "no id!", "é", "x" * 37, "null", "undefined"])
def test_an_id_that_is_missing_or_sent_otherwise_is_none(own: str):
    assert of_cells(["a", own, "b"]) is None


def test_an_id_that_means_no_value_is_none():
    assert of_cells(["a", "NA-1"]) == ["a", "NA-1"]
    assert of_cells(["a", "NA-1"], null=("NA-1",)) is None


def test_what_could_not_be_read_has_no_id():
    own = OwnIds(Reading(CSV, ("event", "time", "id"), FIELDS))
    assert own.of([Rejection(1, 2, "broken"), Record(2, 3, ["e", "1", "a"])]) == ["a"]
    assert own.of([Rejection(1, 2, "broken")]) == []


# ── JSONL ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        (b'{"event":"e","properties":{"cart":{"n":1},"$insert_id":"y"}}', ["y"]),
        (b'{"event":"e","properties":{"$insert_id":"y","$insert_id":"z"}}', ["z"]),
        (b'{"event":"e","properties":{"\\u0024insert_id":"y"}}', ["y"]),
        (b'{ "event" : "e", "properties" : { "$insert_id" : "y" } }', ["y"]),
        (b'{"event":"e","properties":{"$insert_id":"\\u0079"}}', ["y"]),
        (b'{"event":"e","properties":{"$insert_id":""}}', None),
        (b'{"event":"e","properties":{"$insert_id":7}}', None),
        (b'{"event":"e","properties":{"$insert_id":["y"]}}', None),
        (b'{"event":"e","properties":{"$insert_id":null}}', None),
        (b'{"event":"e","properties":{}}', None),
        (b'{"event":"e","properties":"{}","$insert_id":"y"}', None),
        (b'{"event":"e"}', None),
        (b'{"event":"e","properties":{"$insert_id":"caf\xc3\xa9"}}', None),
        (b"", []),
        (b" \t\r", []),
        (b"no JSON", []),
        (b"[1]", []),
    ],
)
def test_a_line_has_the_id_that_its_event_would_have(line: bytes, ids: list[str] | None):
    for lines, before in ((line, []), (LINE + line + b"\n", ["x"]), (line + b"\n" + LINE, ["x"])):
        found = of_lines(lines)
        assert (found is None) if ids is None else sorted(found or ()) == sorted([*before, *ids])


# ── readings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "more", "sure"),
    [
        (SHAPE, {}, True),
        ({**SHAPE, "ip": "properties.$insert_id.ip"}, {}, True),
        ({**SHAPE, "ip": "properties.$insert_id"}, {}, True),
        ({"event": "event", "time": "time"}, {}, False),
        (SHAPE, {"constants": {"insert_id": "x"}}, False),
        (SHAPE, {"constants": {"$insert_id": "x"}}, False),
        ({"event": "properties", "time": "time", "insert_id": "properties.id"}, {}, False),
        ({**SHAPE, "ip": "properties.net", "insert_id": "properties.net.id"}, {}, False),
    ],
)
def test_ids_are_sure_if_nothing_else_can_become_the_id(fields: Any, more: Any, sure: bool):
    assert OwnIds(Reading(JSONL, ("event", "time", "properties"), fields, **more)).sure is sure


# ── all different? ───────────────────────────────────────────────────────────────────────────────


def differ(texts: list[str]) -> bool:
    with Distinct() as distinct:
        if not all(distinct.add(texts[start : start + 500]) for start in range(0, len(texts), 500)):
            return False
        assert distinct.count == len(texts)
        return distinct.all_differ()


@pytest.mark.parametrize("count", [0, 1, 2_000, 100_500, 150_000, 700_000])
def test_two_equal_texts_are_found_among_few_and_among_many(count: int):
    texts = [f"id-{n}" for n in range(count)]
    assert differ(texts)
    chance = random.Random(count)
    for _ in range(2 if count > 1 else 0):
        one, other = chance.sample(range(count), 2)
        assert not differ([*texts[:one], texts[other], *texts[one + 1 :]])
