"""Conditions of fields on records whose values are masked: they hold as if nothing was."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from events_helpers import CSV, JSONL, MILLISECONDS, NOW_MS

from importer.errors import BadValue
from importer.events.mapper import Mapper
from importer.events.shape import make_shaper
from importer.events.unmasked import MaskedCells, MaskedObject, changed_values, make_unmasked, masked_values
from importer.events.where import compile_where
from importer.model import Event, Record, Rejection
from importer.profile.observers import summarise_sample
from importer.reading import Dialect, KeyValue, Reading, Shape

MASK: Mapping[str, Any] = {"who": "redact", "who.*": "redact", "mail": "redact", "who.mail": "redact"}
WHO = ["ann", "", "NULL", " ann ", '{"mail": "ann", "n": [1, 2]}', '["ann"]', "7", "07"]
CONDITIONS = (
    "who = 'ann'", "who is null", "who.mail = 'ann'", "who.n[1] = 2", "mail like 'a%'", "who > 5",
    "who < '10'", "properties.mail = 'ann'", "who.mail is null", "absent = 'x'",
)  # fmt: skip


def reading_of(dialect: Dialect, columns: Sequence[str], condition: str, **changes: Any) -> Reading:
    entries = ("= First", "= Second")
    return Reading(
        dialect,
        tuple(columns),
        {"time": "time", **({"properties": "properties"} if "properties" in columns else {})},
        {"event": entries},
        conditions={"event": (condition, "")},
        null=("NULL",),
        **changes,
    )


def masked(reading: Reading) -> Reading:
    return replace(reading, shape=replace(reading.shape, mask=MASK))


def judged(reading: Reading, records: Sequence[Record]) -> list[str]:
    """Which entry gave the name of each event, or the column of the error."""
    made = Mapper(reading, lambda: NOW_MS).map(shaped(reading, records))
    return [each.event if isinstance(each, Event) else each.error.split(":")[1] for each in made]


def shaped(reading: Reading, records: Sequence[Record | Rejection]) -> list[Record | Rejection]:
    shaper = make_shaper(reading)
    return [item for part in shaper(records) for item in part] if shaper else list(records)


def counted(reading: Reading, records: Sequence[Record]) -> dict[str, int]:
    """How many records take the name of the event from each entry, as a pass over them finds."""
    items = [item for item in shaped(reading, records) if isinstance(item, Record)]
    return dict(summarise_sample(items, reading).counter.taken["event"])


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("trim", [False, True])
def test_cells(condition: str, trim: bool) -> None:
    columns = ("time", "who", "mail", "properties")
    reading = reading_of(CSV, columns, condition, trim=trim)
    bag = '{"mail": "ann"}'
    records = [
        Record(row, row, [str(MILLISECONDS), who, mail, bag])
        for row, (who, mail) in enumerate(((who, mail) for who in WHO for mail in ("ann", "")), 1)
    ]
    assert judged(masked(reading), records) == judged(reading, records)
    assert counted(masked(reading), records) == counted(reading, records)


@pytest.mark.parametrize("condition", [*CONDITIONS, "p.mail = 'ann'", "who.deep.mail = 'ann'"])
@pytest.mark.parametrize(
    "shape",
    [Shape(), Shape(flatten={"who": 1}), Shape(flatten={"*": 1}), Shape(key_value={"p": KeyValue()})],
    ids=["plain", "flat", "all flat", "pairs"],
)
def test_objects(condition: str, shape: Shape) -> None:
    reading = reading_of(JSONL, ("time", "who", "mail", "p", "properties"), condition, shape=shape)
    values: list[Any] = [
        *(text for text in WHO if "{" not in text),
        *(None, 7, 4.5, True, ["ann"], {"mail": "ann", "n": [1, 2]}, {"deep": {"mail": "ann"}}),
    ]
    bags: list[Any] = [{"mail": "ann"}, '{"mail": "ann"}', {}, None]
    pairs = [{"key": "mail", "value": "ann"}]
    records = [
        Record(row, row, {"time": MILLISECONDS, "who": who, "mail": who, "p": pairs, "properties": bag})
        for row, (who, bag) in enumerate(((who, bag) for who in values for bag in bags), 1)
    ]
    assert judged(masked(reading), records) == judged(reading, records)
    records = [each for each in records if not isinstance(dict(each.values)["properties"], str)]
    assert counted(masked(reading), records) == counted(reading, records)


def test_properties_that_one_of_several_columns_gives() -> None:
    reading = Reading(
        JSONL,
        ("time", "event", "a", "b"),
        {"time": "time", "event": "event"},
        {"properties": ("a", "b")},
        conditions={"properties": ("a.mail = 'ann'", "")},
        shape=Shape(mask={"mail": "redact"}),
    )
    values = {"time": MILLISECONDS, "event": "E", "a": {"mail": "ann", "n": 1}, "b": {"n": 2}}
    items = shaped(reading, [Record(1, 1, values)])
    (event,) = Mapper(reading, lambda: NOW_MS).map(items)
    assert isinstance(event, Event)
    assert b'"mail":"[redacted]","n":1' in event.body


@pytest.mark.parametrize("kind", ["id of the element", "id of the record"])
def test_several_events_of_a_record_have_ids_of_their_own(kind: str) -> None:
    own = kind == "id of the element"
    reading = Reading(
        JSONL,
        ("time", "event", "who", "id", "hits"),
        {"time": "time", "event": "event"},
        {"insert_id": ("hits.id" if own else "id", "id")},
        conditions={"insert_id": ("who = 'ann'", "")},
        shape=Shape(explode="hits", mask={"who": "redact"}),
    )
    values = {
        "time": MILLISECONDS,
        "event": "E",
        "who": "ann",
        "id": "o",
        "hits": [{"id": "h-1"}, {"id": "h-2"}],
    }
    items = shaped(reading, [Record(1, 1, values)])
    ids = [event.insert_id for event in Mapper(reading, lambda: NOW_MS).map(items)]
    assert ids == (["h-1", "h-2"] if own else ["o-1", "o-2"])


@pytest.mark.parametrize(
    ("condition", "value", "said"),
    [
        ("who > 5", "secret, found 7 and 8", "expected a number, found a text"),
        ("who > 5", ["secret"], "expected a number, found a list"),
        ("who = true", "secret", "expected true or false, found a text"),
        ("who = 'x'", {"a": "secret"}, "expected text, found an object"),
        ("who like '%'", True, "expected text, found true or false"),
        ("who > '5'", "12.50", "a text and '5' are in another order as texts than as numbers: for numbers, write 5 without quotes"),
        ("who > '5'", 12, "a number and '5' are in another order as texts than as numbers: for numbers, write 5 without quotes"),
    ],
)  # fmt: skip
def test_an_error_says_of_which_kind_a_value_is_and_no_more(condition: str, value: Any, said: str) -> None:
    with pytest.raises(BadValue) as caught:
        compile_where(condition, hides=True).ask([value])
    assert str(caught.value) == f"where: who: {said}"
    with pytest.raises(BadValue) as caught:
        compile_where(condition).ask([value])
    assert str(caught.value) != f"where: who: {said}"


def test_what_a_cell_should_hold_is_not_quoted() -> None:
    look = make_unmasked(reading_of(CSV, ("time", "who"), "who.mail = 'a'"))(
        masked_values(["1", "[redacted]"], ["1", '{"mail": secret}'])
    )
    assert look is not None
    with pytest.raises(BadValue, match=r"^who: expected JSON$"):
        look("who.mail")


def test_what_a_rejection_and_a_note_tell_of_a_record_is_hidden() -> None:
    reading = Reading(
        JSONL, ("a",), {}, shape=Shape(key_value={"a": KeyValue()}, where="b > 5", mask={"b": "redact"})
    )
    note = "b: key 'secret' stands twice: its last value counts"
    records: list[Record | Rejection] = [
        Record(1, 1, {"a": "x"}, note),
        Record(2, 2, {"b": "secret"}, note),
        Record(3, 3, {"b": 7}, note),
        Rejection(4, 4, "no JSON at column 1: unexpected, near 'secret'"),
    ]
    made = shaped(reading, records)
    assert "secret" not in repr(made)
    assert [type(item) for item in made] == [Rejection, Rejection, Record, Rejection]


@pytest.mark.parametrize("values", [masked_values(["a"], ["b"]), masked_values({"a": 1}, {"a": 2})])
def test_masked_values_know_what_they_were_wherever_they_go(values: MaskedCells | MaskedObject) -> None:
    assert type(pickle.loads(pickle.dumps(values)).before) is type(values.before)
    doubled = changed_values(values, lambda each: each if isinstance(each, dict) else [*each, *each])
    assert doubled.before == (values.before if isinstance(values, dict) else ["b", "b"])
    assert changed_values(["a"], list) == ["a"]
