# ruff: noqa: RUF001 - values from files may look alike
"""What is odd about the value of a mapped field is told, and the value is sent as it is."""

from __future__ import annotations

from typing import Any

import pytest
from events_helpers import Mapped, properties, taken

from importer.events.field_notes import ODD_WORDS, oddities
from importer.reading import Field

DAMAGED = [
    "123.0", "-5.00", "1.23457E+11", "1.23457e11", "1,23457E+11", "1E+05", "1e+21", "1.0E5", '="00123"', "=00123",
    "'00123", "'+49", "123,456", "1,234,567", '"u1"', "'u1'", "#BEZUG!", "#WERT!", "########", "us\ufffder",
    "\ufeffu1", "u1\u200b",
]  # fmt: skip
SOUND_IDS = [
    "u1", "123", "00123", "0.5", "1.25", "12.34.0.5", "9f3e0001-12ab-4c7e-9b1e-0123456789ab", "4e12", "1e10", "12e4567",
    "o'neill@example.com", "a=b", "c#", "#1001", "$device:18f2", "799642630.1717000001", "é", "李", "x–y", "1,5", "-7",
    "user null", "nullable", "12,3456", "2024-05-01",
]  # fmt: skip


def codes(field: Field, value: Any) -> list[str]:
    return [oddity.code for oddity in oddities(field, value)]


@pytest.mark.parametrize("field", ["distinct_id", "insert_id"])
@pytest.mark.parametrize("text", DAMAGED)
def test_an_id_that_a_program_has_changed_is_damaged(field: Field, text: str) -> None:
    assert codes(field, text) == ["damaged-ids"]


@pytest.mark.parametrize("text", SOUND_IDS)
def test_an_id_that_only_looks_like_one_is_not(text: str) -> None:
    assert codes("distinct_id", text) == []


def test_an_id_of_json_that_is_a_decimal_number_is_damaged_and_a_whole_number_is_not() -> None:
    assert codes("distinct_id", 123.0) == ["damaged-ids"]
    assert codes("distinct_id", 1.5) == ["damaged-ids"]
    assert codes("distinct_id", 123) == []
    assert codes("time", 1714557600.5) == []


@pytest.mark.parametrize(
    "word", ["NULL", "Null", r"\N", "None", "NaN", "N/A", "(not set)", "undefined", "UNDEFINED", "#REF!", "—"]
)
@pytest.mark.parametrize("field", ["distinct_id", "insert_id", "ip", "event"])
def test_a_word_for_no_value_is_told_in_any_case(field: Field, word: str) -> None:
    assert codes(field, word) == ["null-words"]


@pytest.mark.parametrize("word", ["Anonymous", "ANON", "True", "0", "-1"])
def test_what_mixpanel_refuses_as_an_id_in_one_case_is_told_in_any_case(word: str) -> None:
    assert codes("distinct_id", word) == ["null-words"]
    assert codes("event", word) == []


@pytest.mark.parametrize("text", [" u1", "u1 ", "u1\t", "\xa0u1", "u1\u3000", "\nu1"])
@pytest.mark.parametrize("field", ["distinct_id", "insert_id", "event", "time"])
def test_white_space_around_a_value_is_told(field: Field, text: str) -> None:
    assert codes(field, text) == ["padding"]


def test_a_padded_word_is_both() -> None:
    assert codes("distinct_id", "NULL ") == ["padding", "null-words"]


@pytest.mark.parametrize(
    "name", [" ", "\t", "\xa0", "x" * 256, "$identify", "$merge", "$create_alias", "$ae_session", "mp_x"]
)
def test_names_that_are_blank_or_long_or_mixpanels_own_are_told(name: str) -> None:
    assert codes("event", name) == ["reserved-names"]


@pytest.mark.parametrize("name", ["Purchase", "x" * 255, "pay $5", "m", "Null Island", "é"])
def test_usual_names_are_not(name: str) -> None:
    assert codes("event", name) == []


@pytest.mark.parametrize(
    "ip",
    [
        "1.2.3.4",
        "255.255.255.255",
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "2001:db8::8a2e:370:7334",
        "::ffff:1.2.3.4",
        "0",
    ],
)
def test_an_address_is_not_odd(ip: str) -> None:
    assert codes("ip", ip) == []


@pytest.mark.parametrize(
    ("ip", "told"),
    [
        ("AWS Internal", "ip: 'AWS Internal' is no address"),
        ("localhost", "ip: 'localhost' is no address"),
        ("1.2.3", "ip: '1.2.3' is no address"),
        ("256.1.1.1", "ip: '256.1.1.1' is no address"),
        ("010.1.1.1", "ip: '010.1.1.1' is no address"),
        ("1.2.3.٤", "ip: '1.2.3.٤' is no address"),
        ("10.0.0.0/8", "ip: '10.0.0.0/8' is no address"),
        ("1.2.3.4:80", "ip: '1.2.3.4:80' is no address; 1.2.3.4 in it is one"),
        ("[2001:db8::1]:443", "ip: '[2001:db8::1]:443' is no address; 2001:db8::1 in it is one"),
        (
            "203.0.113.9, 10.0.0.1",
            "ip: '203.0.113.9, 10.0.0.1' is a list of addresses, of which 203.0.113.9 is the first public one",
        ),
        (
            "10.0.0.1, unknown, 172.16.0.1, fe80::1, 198.51.100.7:443",
            (
                "ip: '10.0.0.1, unknown, 172.16.0.1, fe80::1, 198.51.100.7:443' is a list of addresses, of which"
                " 198.51.100.7 is the first public one"
            ),
        ),
        ("10.0.0.1, 192.168.0.1", "ip: '10.0.0.1, 192.168.0.1' is no address"),
    ],
)
def test_what_is_no_address_is_told_and_the_public_one_of_a_list_is_named(ip: str, told: str) -> None:
    (oddity,) = oddities("ip", ip)
    assert (oddity.code, oddity.note) == ("ip", told)


# ── on the record ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        ({"user": "NULL"}, "distinct_id: 'NULL' is sent, though it may mean no value"),
        ({"user": " u1"}, "distinct_id: ' u1' has white space around it"),
        ({"user": "123.0"}, "distinct_id: '123.0' looks like an id that another program has changed"),
        ({"event": "  "}, "event: the name '  ' is blank"),
        ({"event": "$identify"}, "event: '$identify' is Mixpanel's own and may link users"),
        ({"event": "$ae_session"}, "event: '$ae_session' is a name of Mixpanel's own"),
        ({"event": "Signup "}, "event: 'Signup ' has white space around it"),
    ],
    ids=str,
)
def test_an_odd_field_is_sent_as_it_is_with_a_note(mapped: Mapped, cells: dict[str, str], note: str) -> None:
    for item in (mapped.csv(cells), mapped.jsonl({"event": "e", "time": 1714557600, "user": "u", **cells})):
        event = taken(item)
        assert event.note == note
        assert event.event == cells.get("event", event.event)
        assert event.distinct_id == cells.get("user", event.distinct_id)


def test_an_ip_that_is_no_address_is_sent_as_it_is_with_a_note(mapped: Mapped) -> None:
    item = mapped.csv({"ip": "AWS Internal"}, fields={"ip": "ip"})
    assert taken(item).note == "ip: 'AWS Internal' is no address"
    assert properties(item)["ip"] == "AWS Internal"


def test_an_insert_id_that_may_mean_no_value_gets_a_note(mapped: Mapped) -> None:
    item = mapped.csv({"id": "NULL"}, fields={"insert_id": "id"})
    assert taken(item).note == "insert_id: 'NULL' is sent, though it may mean no value"


def test_usual_fields_get_no_note(mapped: Mapped) -> None:
    fields: dict[Field, str] = {"ip": "ip", "insert_id": "id"}
    item = mapped.csv({"ip": "203.0.113.9", "id": "9f3e0001-9b1e-0123", "user": "u1"}, fields=fields)
    assert taken(item).note == ""


# ── --null and --trim ────────────────────────────────────────────────────────────────────────────


def test_null_leaves_out_the_fields_of_json_lines_and_no_other_values(mapped: Mapped) -> None:
    item = mapped.jsonl(
        {"event": "e", "time": 1714557600, "user": "NULL", "plan": "NULL"}, null=("NULL",), columns=("event",)
    )
    assert taken(item).distinct_id == ""
    assert properties(item)["plan"] == "NULL"


def test_null_leaves_out_the_fields_inside_of_properties(mapped: Mapped) -> None:
    fields: dict[Any, str] = {
        "event": "event", "properties": "properties", "time": "properties.time", "distinct_id": "properties.distinct_id",
    }  # fmt: skip
    line = {"event": "e", "properties": {"time": 1714557600, "distinct_id": "(not set)"}}
    assert taken(mapped.jsonl(line, fields, null=("(not set)",))).distinct_id == ""


def test_trim_strips_every_cell_before_null_and_types(mapped: Mapped) -> None:
    item = mapped.csv(
        {
            "user": "\xa0u1 ",
            "event": " Purchase",
            "plan": " pro\t",
            "n": " 5 ",
            "gone": " NULL ",
            "blank": "  ",
        },
        trim=True,
        null=("NULL",),
        types={"n": "integer"},
    )
    event = taken(item)
    assert (event.event, event.distinct_id, event.note) == ("Purchase", "u1", "")
    found = properties(item)
    assert (found["plan"], found["n"]) == ("pro", 5)
    assert not {"gone", "blank"} & found.keys()


def test_trim_strips_the_fields_of_json_lines_and_no_other_values(mapped: Mapped) -> None:
    item = mapped.jsonl({"event": "e ", "time": 1714557600, "user": " u1", "plan": " pro"}, trim=True)
    event = taken(item)
    assert (event.event, event.distinct_id, event.note) == ("e", "u1", "")
    assert properties(item)["plan"] == " pro"


def test_every_odd_word_is_in_lower_case() -> None:
    assert {word.lower() for word in ODD_WORDS} == ODD_WORDS
