from __future__ import annotations

import json

import orjson
import pytest
from documented_rules import BAD_UTF8, CASES, NOW_MS, Case
from hypothesis import given
from hypothesis import strategies as st

from importer.mixpanel import limits, rules


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_event_gets_the_verdict_that_mixpanel_documents(case: Case):
    violation = rules.check_event(orjson.loads(case.body), len(case.body), NOW_MS)
    assert (violation.field if violation else "") == case.refused


@pytest.mark.parametrize("case", BAD_UTF8, ids=lambda case: case.name)
def test_a_text_that_is_not_utf8_is_found(case: Case):
    event = json.loads(case.body.decode("utf-8", "surrogateescape"))
    violation = rules.check_encoding(event)
    assert violation is not None
    assert violation.field == case.refused
    assert "valid utf8" in violation.message


@pytest.mark.parametrize("event", [7, {"event": "a"}, {"event": "ä€😀", "properties": {"x": ["é"]}}])
def test_what_holds_no_bad_text_passes_the_check_of_texts(event: object):
    assert rules.check_encoding(event) is None


@pytest.mark.parametrize("case", [case for case in CASES if case.refused], ids=lambda case: case.name)
def test_a_refusal_is_one_short_line_that_names_the_field(case: Case):
    violation = rules.check_event(orjson.loads(case.body), len(case.body), NOW_MS)
    assert violation is not None
    assert violation.message.startswith(f"'{case.refused}' ")
    assert violation.message.isprintable()
    assert len(violation.message) < 200


@pytest.mark.parametrize(
    ("violation", "words"),
    [
        (rules.check_event_name(""), "found ''"),
        (rules.check_event_name(None), "found null"),
        (rules.check_time(True, NOW_MS), "found true"),
        (rules.check_time("1700000000", NOW_MS), "found '1700000000'"),
        (rules.check_time(1.5, NOW_MS), "found the number 1.5"),
        (rules.check_time(0, NOW_MS), "before 1971-01-01"),
        (rules.check_time(1717203601, NOW_MS), "more than 1 hour in the future"),
        (rules.check_distinct_id("anon"), "'anon' is a placeholder"),
        (rules.check_distinct_id([1, 2]), "found an array of 2 elements"),
        (rules.check_distinct_id({}), "found an object of 0 keys"),
        (rules.check_insert_id("null"), "'null' is a placeholder"),
        (rules.check_insert_id("a" * 500), "(500 characters)"),
        (rules.check_insert_id("a\n1"), r"found 'a\n1'"),
        (rules.check_insert_id(b"a1"), "found a bytes"),
        (rules.check_properties({str(n): n for n in range(300)}), "at most 254 properties, found 300"),
        (rules.check_properties({"a\x1b": [0] * 255}), r"'properties.'a\x1b'' is invalid"),
    ],
)
def test_a_refusal_says_what_was_found(violation: rules.Violation | None, words: str):
    assert violation is not None
    assert words in violation.message


@given(st.text(max_size=2000))
def test_no_value_breaks_or_floods_a_message(text: str):
    shown = rules.describe(text)
    assert shown.isprintable()
    assert len(shown) <= 90


@pytest.mark.parametrize(
    ("epoch", "milliseconds"),
    [
        (31536000, 31536000000),
        (1700000000, 1700000000000),
        (31535999999, 31535999999000),
        (31536000000, 31536000000),
        (1700000000000, 1700000000000),
    ],
)
def test_seconds_and_milliseconds_are_told_apart_by_magnitude(epoch: int, milliseconds: int):
    assert rules.to_milliseconds(epoch) == milliseconds


def test_an_array_of_a_thousand_levels_is_judged_and_does_not_crash():
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert rules.check_properties({"deep": deep}) is None
    assert not rules.holds_long_text(deep)


def test_the_age_that_track_takes_is_five_days():
    assert limits.TRACK_MAX_AGE_MS == 5 * 24 * 60 * 60 * 1000


def test_an_event_for_track_may_be_five_days_old_less_an_hour():
    assert limits.TRACK_ACCEPTED_AGE_MS == (5 * 24 - 1) * 60 * 60 * 1000


PLAIN = {"time": 1, "distinct_id": "u", "$insert_id": "a", "plan": "x" * 255, "tags": ["y" * 255]}


def test_an_event_that_mixpanel_keeps_as_it_is_has_no_notes():
    assert rules.notes_on(PLAIN, "e" * 255) == []


@pytest.mark.parametrize(
    ("more", "event", "words"),
    [
        ({"bio": "x" * 256}, "e", "will cut bio"),
        ({"tags": ["x", "y" * 256]}, "e", "will cut tags"),
        ({"user": {"a": {"bio": "y" * 256}}}, "e", "will cut user"),
        ({}, "e" * 256, "will cut the event's name"),
        ({"distinct_id": "u" * 256}, "e", "will cut distinct_id"),
        ({str(n): "x" * 256 for n in range(8)}, "e", "will cut 0, 1, 2, 3, 4 and 3 more"),
        ({"$city": "Rome"}, "e", "reserved names its own meaning: $city"),
        ({"mp_lib": "x", "$os": "y"}, "e", "reserved names its own meaning: mp_lib, $os"),
    ],
)
def test_what_mixpanel_changes_is_noted(more: dict[str, object], event: str, words: str):
    (note,) = rules.notes_on({**PLAIN, **more}, event)
    assert words in note


def test_each_kind_of_change_is_one_note():
    assert len(rules.notes_on({"$os": "x" * 300, "mp_lib": "x" * 300})) == 2


@pytest.mark.parametrize("name", ["mp", "cost$", "amp_x", "a\n$b"])
def test_a_name_that_only_looks_reserved_is_not_noted(name: str):
    assert rules.notes_on({name: 1}) == []


texts = st.text(st.sampled_from('a"\\,:{é☕\n'), max_size=20) | st.integers(200, 300).map(lambda n: "x" * n)
values = st.recursive(
    texts | st.integers(-(2**63), 2**64 - 1) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@pytest.mark.parametrize(
    "value", [[0] * 255, {f"{n:x}": 0 for n in range(255)}, [[0] * 255], {"a": {"b": {"c": {"d": 0}}}}]
)
def test_excess_of_nesting_is_not_plain(value: object):
    assert rules.check_properties({"a": value})
    assert not rules.is_plain(value)


@pytest.mark.parametrize("value", [[0] * 200, {"a": {"b": {"c": 0}}}, {"a": {}, "b": {}}, ["text"] * 50])
def test_little_nesting_is_plain(value: object):
    assert rules.is_plain(value)
