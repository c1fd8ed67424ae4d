"""Ids are for ever: an event that is sent again under another id would be counted twice.

A test in this file that fails is no reason to change the test.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from events_helpers import TIME, Mapped, taken
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from importer.events import insert_id

PINNED = [
    # event, distinct_id, nanoseconds, properties, row, id
    ('"Purchase"', '"u1"', 1714557600000000000, "{}", None, "330d9b64d754071e99d93e3dadef961b"),
    (
        '"Purchase"',
        '"u1"',
        1714557600000000000,
        '{"amount":19.5,"plan":"pro","qty":20}',
        None,
        "a604a98e183c6be9c96e4f5ab73cab83",
    ),
    (
        '"Köln ✓"',
        '""',
        1714557600123456789,
        '{"Z":[1,{"b":null}],"a":true,"tiny":1e-05,"ä":"é"}',
        None,
        "3e45bfaa670abf173a3c23b00dbe85fd",
    ),
    ('"Purchase"', '"u1"', 1714557600000000000, "{}", ("events.csv", 17), "6f306d813b490e7afa008a22fbd26485"),
]


@pytest.mark.parametrize(("event", "user", "instant", "own", "row", "expected"), PINNED)
def test_the_id_of_a_fact_never_changes(
    event: str, user: str, instant: int, own: str, row: Any, expected: str
):
    assert insert_id.of_content(event.encode(), user.encode(), instant, own.encode(), row) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("order #1", "82e47a21d77f2823dec3d1746ca98c28"), ("ключ", "d3c7a9156a7094082062ac10e56def38")],
)
def test_the_hash_of_an_id_that_is_not_legal_never_changes(text: str, expected: str):
    assert insert_id.of_text(text) == expected


def test_the_id_of_a_csv_record_never_changes(mapped: Mapped):
    cells = {"qty": "20", "plan": "pro", "amount": "19.50"}
    types = {"qty": "integer", "amount": "number"}
    assert id_of(mapped.csv(cells, types=types)) == PINNED[1][-1]
    assert id_of(mapped.csv({})) == PINNED[0][-1]
    assert id_of(mapped.csv({}, row=17, insert_id="row", source_name="events.csv")) == PINNED[3][-1]


def test_the_id_of_a_line_of_json_never_changes(mapped: Mapped):
    line = {"event": "Purchase", "time": TIME, "user": "u1", "qty": 20.0, "plan": "pro", "amount": 19.5}
    assert id_of(mapped.jsonl(line)) == PINNED[1][-1]
    line = {
        "event": "Köln ✓", "time": "2024-05-01T10:00:00.123456789Z",
        "ä": "é", "a": True, "tiny": 0.00001, "Z": [1.0, {"b": None}],
    }  # fmt: skip
    assert id_of(mapped.jsonl(line)) == PINNED[2][-1]


def id_of(item: Any) -> str:
    found = taken(item).insert_id
    assert re.fullmatch(r"[0-9a-f]{32}", found)
    return found


# ── what it depends on ───────────────────────────────────────────────────────────────────────────


def line(**changes: Any) -> dict[str, Any]:
    return {"event": "E", "time": 1714557600, "user": "u1", "a": 1, "b": {"x": 1, "y": [1, 2]}, **changes}


@pytest.mark.parametrize(
    "other",
    [
        line(event="F"),
        line(time=1714557601),
        line(time="2024-05-01T10:00:00.000000001Z"),  # finer than what is sent
        line(user="u2"),
        line(user=""),
        line(a=2),
        line(a="1"),
        line(a=True),
        line(a=None),
        line(b={"x": 1, "y": [2, 1]}),
        line(b={"x": 1, "y": [1, 2], "z": None}),
        line(b='{"x":1,"y":[1,2]}'),
        line(c=""),
        line(ip="1.2.3.4"),
        line(ip=0),
        {k: v for k, v in line().items() if k != "a"},
        line(a="e\u0301"),
    ],
)
def test_another_fact_has_another_id(mapped: Mapped, other: dict[str, Any]):
    fields: Any = {"event": "event", "time": "time", "distinct_id": "user", "ip": "ip"}
    assert id_of(mapped.jsonl(other, fields)) != id_of(mapped.jsonl(line(), fields))


def test_text_is_not_normalised(mapped: Mapped):
    assert id_of(mapped.jsonl(line(a="\u00e9"))) != id_of(mapped.jsonl(line(a="e\u0301")))


@pytest.mark.parametrize("same", [20, 20.0])
def test_equal_numbers_are_one_fact(mapped: Mapped, same: Any):
    assert id_of(mapped.jsonl(line(a=same))) == id_of(mapped.jsonl(line(a=20)))
    assert id_of(mapped.jsonl(line(b=[same]))) == id_of(mapped.jsonl(line(b=[20])))


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [("1.50", "1.5", "number"), ("20", "20.0", "number"), ("2e1", "20", "number"), ("-0", "0", "integer"),
     ("-0.0", "0", "number"), ("1E-5", "0.00001", "number"), ("TRUE", "true", "boolean"),
     ("2024-05-01T12:00:00+02:00", "1714557600000", "time"), ('{"b": 1.0, "a": 2}', '{"a":2,"b":1}', "json")],
)  # fmt: skip
def test_equal_cells_of_a_type_are_one_fact(mapped: Mapped, one: str, other: str, kind: Any):
    assert id_of(mapped.csv({"a": one}, types={"a": kind})) == id_of(
        mapped.csv({"a": other}, types={"a": kind})
    )
    assert id_of(mapped.csv({"a": one})) != id_of(mapped.csv({"a": other}))


def test_integers_count_in_full(mapped: Mapped):
    assert id_of(mapped.jsonl(line(a=2**53))) != id_of(mapped.jsonl(line(a=2**53 + 1)))
    assert id_of(mapped.jsonl(line(a=2**64 - 1))) != id_of(mapped.jsonl(line(a=2**64 - 2)))


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(line().items())),
        line(b={"y": [1, 2], "x": 1}),
        line(time="2024-05-01T12:00:00.000+02:00"),
        line(time=1714557600000),
        line(token="secret"),
    ],
)
def test_the_same_fact_written_otherwise_has_the_same_id(mapped: Mapped, same: dict[str, Any]):
    assert id_of(mapped.jsonl(same)) == id_of(mapped.jsonl(line()))


def test_what_is_added_does_not_count(mapped: Mapped):
    plain = id_of(mapped.jsonl(line()))
    assert id_of(mapped.jsonl(line(), geoip="request")) == plain
    assert id_of(mapped.jsonl(line(), tag="backfill 1")) == plain
    assert id_of(mapped.jsonl(line(import_tag="old"), tag="new")) == id_of(
        mapped.jsonl(line(import_tag="old"))
    )


def test_constants_count_as_properties_of_the_record(mapped: Mapped):
    assert id_of(mapped.jsonl(line(), constants={"c": 2.0})) == id_of(mapped.jsonl(line(c=2)))
    assert id_of(mapped.csv({"z": "1"}, constants={"a": "2"})) == id_of(mapped.csv({"z": "1", "a": "2"}))


def test_neither_the_order_of_columns_nor_their_place_counts(mapped: Mapped):
    ip: Any = {"fields": {"ip": "ip"}}
    bag: Any = {"fields": {"ip": "ip", "properties": "bag"}}
    flat = id_of(mapped.csv({"z": "1", "a": "2", "ip": "9.9.9.9", "k": "3"}, **ip))
    assert id_of(mapped.csv({"k": "3", "ip": "9.9.9.9", "a": "2", "z": "1"}, **ip)) == flat
    assert id_of(mapped.csv({"ip": "9.9.9.9", "bag": '{"z":"1","k":"3","a":"2"}'}, **bag)) == flat
    assert id_of(mapped.csv({"z": "1", "a": "2", "ip": "9.9.9.9", "k": "3", "bag": ""}, **bag)) == flat
    assert (
        id_of(mapped.csv({"bag": '{"z":"1","k":"3","a":"2","ip":"9.9.9.9"}'}, fields={"properties": "bag"}))
        == flat
    )
    unmapped = {
        "event": "Purchase",
        "time": TIME,
        "user": "u1",
        "z": "1",
        "a": "2",
        "k": "3",
        "ip": "9.9.9.9",
    }
    assert id_of(mapped.jsonl(unmapped)) == flat


def test_keys_are_ordered_by_code_point(mapped: Mapped):
    names = ["é", "z", "Z", "\uffff", "\U00010000", "a", "A_", "a b"]
    body = taken(mapped.csv(dict.fromkeys(names, "1"))).body.decode()
    found = re.findall(r'"([^"]+)":"1"', body)
    assert found == sorted(names)
    nested = taken(mapped.jsonl(line(b=dict.fromkeys(names, "1")))).body.decode()
    assert re.findall(r'"([^"]+)":"1"', nested) == sorted(names)


def test_by_row_equal_records_are_distinct_facts(mapped: Mapped):
    ids = {
        id_of(mapped.csv({}, row=row, insert_id="row", source_name=name)) for row in (1, 2) for name in "ab"
    }
    assert len(ids) == 4
    assert id_of(mapped.csv({}, row=1)) == id_of(mapped.csv({}, row=2))


def test_a_file_name_that_is_not_utf8_is_no_obstacle(mapped: Mapped):
    one = id_of(mapped.csv({}, insert_id="row", source_name="b\udcff.csv"))
    assert one != id_of(mapped.csv({}, insert_id="row", source_name="b\udcfe.csv"))


@given(
    st.text().filter(lambda s: s.isprintable()),
    st.dictionaries(st.text(min_size=1, max_size=5), st.integers(-(2**63), 2**64 - 1)),
)
def test_the_id_is_the_hash_of_what_is_documented(mapped: Mapped, event: str, own: dict[str, int]):
    own = {name: value for name, value in own.items() if name.isprintable()}

    def dump(value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    item = mapped.jsonl({"event": event or "E", "time": 1714557600, "user": "u", "x": own})
    fact = b"\n".join([dump(event or "E"), b'"u"', b"1714557600000000000", dump({"x": own})])
    assert id_of(item) == xxh3_128_hexdigest(fact)
