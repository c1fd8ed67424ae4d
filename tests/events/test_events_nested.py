"""Objects of all columns, objects as text, and what two steps make of one record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from importer.errors import BadValue
from importer.events.nested import make_nested, nested_columns_of
from importer.events.shape import make_shaper
from importer.model import Record, Rejection
from importer.reading import Dialect, KeyValue, Reading, Shape


def nested(record: dict[str, Any], shape: Shape, notes: list[str] | None = None) -> dict[str, Any]:
    columns = tuple(record)
    fields: Any = {"properties": "properties"} if "properties" in record else {}
    change = make_nested(Reading(Dialect("jsonl"), columns, fields, shape=shape))
    assert change is not None
    before = repr(record)
    made = change(record, [] if notes is None else notes)
    assert repr(record) == before
    return made


def test_nothing_is_made_of_an_empty_shape() -> None:
    assert make_nested(Reading(Dialect("jsonl"), ("a",), {})) is None
    assert make_nested(Reading(Dialect("jsonl"), ("a",), {}, shape=Shape(where="a = 1"))) is None


# ── flatten ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flatten", "record", "made"),
    [
        ({"a": 1}, {"a": {"b": {"c": 1}}}, {"a.b": {"c": 1}}),
        ({"a": 2}, {"a": {"b": {"c": {"d": 1}}}}, {"a.b.c": {"d": 1}}),
        ({"a": 9}, {"a": {"b": {"c": {"d": 1}}}}, {"a.b.c.d": 1}),
        ({"a": 1}, {"a": {"x.y": 1}}, {"a.x.y": 1}),
        ({"a": 1}, {"a": "text", "b": 1}, {"a": "text", "b": 1}),
        ({"a.b": 1}, {"a": {"b": {"c": 1}, "d": 2}}, {"a.b.c": 1, "a": {"d": 2}}),
        ({"a": 1, "a.b": 1}, {"a": {"b": {"c": 1}, "d": 2}}, {"a.b.c": 1, "a.d": 2}),
        ({"properties.a": 1}, {"properties": {"a": {"b": 1}, "c": 2}}, {"properties": {"c": 2, "a.b": 1}}),
        ({"*": 1}, {"a": {"b": 1}, "c": {"d": {"e": 1}}}, {"a.b": 1, "c.d": {"e": 1}}),
        ({"*": 1, "c": 2}, {"a": {"b": 1}, "c": {"d": {"e": 1}}}, {"a.b": 1, "c.d.e": 1}),
        ({"*": 2}, {"properties": {"a": {"b": {"c": 1}}}}, {"properties": {"a.b.c": 1}}),
        ({"*": 1}, {"a": None, "b": [{"c": 1}]}, {"a": None, "b": [{"c": 1}]}),
        ({"a": 1}, {"a": {"b": 1}, "a.b": None}, {"a.b": 1}),
        # objects that are text
        ({"a": 1}, {"a": '{"b": {"c": 1}}'}, {"a.b": {"c": 1}}),
        ({"a": 1}, {"a": "[1]", "b": "{1"}, {"a": "[1]", "b": "{1"}),
        ({"b": 1}, {"a": "[1]", "b": "{1"}, {"a": "[1]", "b": "{1"}),
        ({"properties.a": 1}, {"properties": '{"a": {"b": 1}, "c": 2}'}, {"properties": {"c": 2, "a.b": 1}}),
        ({"properties.a": 1}, {"properties": "{no"}, {"properties": "{no"}),
        ({"*": 1}, {"properties": '{"a": {"b": 1}}', "c": '{"d":1}'}, {"properties": {"a.b": 1}, "c": '{"d":1}'}),
    ],
)  # fmt: skip
def test_keys_of_objects_become_columns(
    flatten: dict[str, int], record: dict[str, Any], made: dict[str, Any]
) -> None:
    assert nested(record, Shape(flatten=flatten)) == made


@pytest.mark.parametrize(
    ("flatten", "record", "column"),
    [
        ({"a": 1}, {"a": {"b": 1}, "a.b": 2}, "a"),
        ({"a": 1}, {"a": {"b": 1}, "a.b": 1}, "a"),
        ({"a": 2}, {"a": {"b": {"c": 1}, "b.c": 2}}, "a"),
        ({"*": 1}, {"a.b": 2, "a": {"b": 1}}, "a"),
        ({"properties.a": 1}, {"properties": {"a": {"b": 1}, "a.b": 2}}, "properties.a"),
    ],
)
def test_two_values_of_one_column_are_an_error(
    flatten: dict[str, int], record: dict[str, Any], column: str
) -> None:
    with pytest.raises(BadValue, match=rf"^{column}: flattened, it would give '.*' twice$"):
        nested(record, Shape(flatten=flatten))


# ── stringify ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ([1, 2.0, "ä"], '[1,2,"ä"]'),
        (1.5, "1.5"),
        (True, "true"),
        ("text", "text"),
        (None, None),
        ([], "[]"),
    ],
)
def test_a_column_becomes_the_text_of_its_json(value: Any, text: str | None) -> None:
    assert nested({"a": value, "b": {}}, Shape(stringify=("a",))) == {"a": text, "b": {}}
    assert nested({"x": {"a": value}}, Shape(stringify=("x.a",))) == {"x": {"a": text}}


def test_what_is_not_there_becomes_no_text() -> None:
    assert nested({"b": 1}, Shape(stringify=("a", "b.c"))) == {"b": 1}


def test_what_can_not_be_written_as_json_is_an_error_without_the_value() -> None:
    with pytest.raises(BadValue, match=r"^a: it can't be written as JSON$"):
        nested({"a": ["secret\ud800"]}, Shape(stringify=("a",)))


@pytest.mark.parametrize("columns", [("a",), ("a", "a.b"), ("a.b.c", "a.b")])
@pytest.mark.parametrize("flatten", [{"a": 1, "a.b": 1}, {"a.b": 1, "a": 1}])
def test_a_column_that_other_records_have_flattened_hides_no_object(
    columns: tuple[str, ...], flatten: dict[str, int]
) -> None:
    change = make_nested(Reading(Dialect("jsonl"), columns, {}, shape=Shape(flatten=flatten)))
    assert change is not None
    assert change({"a": {"b": {"c": 1}}}, []) == {"a.b.c": 1}
    assert change({"a": {"b": 5}}, []) == {"a.b": 5}


# ── the order of steps ───────────────────────────────────────────────────────────────────────────


def test_pairs_come_before_flatten_and_text_comes_last() -> None:
    shape = Shape(key_value={"a.p": KeyValue()}, flatten={"a": 2}, stringify=("a.p.l", "a.q"))
    record = {"a": {"p": [{"key": "k", "value": 1}, {"key": "l", "value": [2]}], "q": [3]}}
    assert nested(record, shape) == {"a.p.k": 1, "a.p.l": "[2]", "a.q": "[3]"}


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}, [5], [["k", 1]], ["k"]])
def test_what_is_no_list_of_pairs_is_an_error_without_the_value(value: Any) -> None:
    if isinstance(value, dict):  # it is an object already
        assert nested({"p": value}, Shape(key_value={"p": KeyValue()})) == {"p": value}
        return
    with pytest.raises(BadValue, match=r"^p: expected a list of (pairs|objects with key and value), found"):
        nested({"p": value}, Shape(key_value={"p": KeyValue()}))


def test_the_first_of_two_pairs_of_one_key_is_sent_with_a_note() -> None:
    notes: list[str] = []
    pairs = [{"key": "k", "value": 1}, {"key": "k", "value": 2}, {"key": "k", "value": 1}]
    assert nested({"p": pairs}, Shape(key_value={"p": KeyValue()}), notes) == {"p": {"k": 1}}
    assert notes == ["p: the key 'k' is there twice, and the first is sent"]


def test_the_cells_that_are_looked_into_are_those_of_the_shape() -> None:
    shape = Shape(key_value={"a.b": KeyValue()}, flatten={"c": 1}, stringify=("gone",))
    reading = Reading(
        Dialect("csv"), ("a", "c", "d", "properties"), {"properties": "properties"}, shape=shape
    )
    assert nested_columns_of(reading) == {"a", "c"}
    whole = Reading(
        Dialect("csv"), ("a", "d", "properties"), {"properties": "properties"}, types={"d": "json"},
        shape=Shape(flatten={"*": 1}),
    )  # fmt: skip
    assert nested_columns_of(whole) == {"d", "properties"}


# ── texts that are JSON ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("column", ["a", "properties.a"])
def test_lists_of_pairs_that_are_text_become_objects(column: str) -> None:
    pairs = Shape(key_value={column: KeyValue()})
    text = json.dumps([{"key": "k", "value": 1}])
    if column == "a":
        assert nested({"a": text}, pairs) == {"a": {"k": 1}}
        assert nested({"a": '{"k": 1}'}, pairs) == {"a": {"k": 1}}
        with pytest.raises(BadValue, match=r"^a: expected JSON$"):
            nested({"a": "[secret"}, pairs)
    else:
        for bag in ({"a": json.loads(text)}, {"a": text}):
            for held in (bag, json.dumps(bag)):
                assert nested({"properties": held}, pairs) == {"properties": {"a": {"k": 1}}}


def test_keys_of_properties_that_are_text_become_text() -> None:
    made = nested({"properties": '{"a": {"b": 1}}'}, Shape(stringify=("properties.a",)))
    assert made == {"properties": {"a": '{"b":1}'}}


@pytest.mark.parametrize("path", ["properties.a", "a"])
def test_lists_that_are_text_become_several_events(path: str) -> None:
    reading = Reading(
        Dialect("jsonl"), ("properties", "a"), {"properties": "properties"}, shape=Shape(explode=path)
    )
    shaper = make_shaper(reading)
    assert shaper is not None
    held = [{"a": [1, 2]}, '{"a": [1, 2]}', {"a": "[1, 2]"}, '{"a": "[1, 2]"}']
    for bag in held:
        values = {"properties": bag} if path != "a" else {"a": bag["a"] if isinstance(bag, dict) else "[1,2]"}
        made = [item for part in shaper([Record(7, 8, values)]) for item in part]
        wanted = [{"properties": {"a": n}} if path != "a" else {"a": n} for n in (1, 2)]
        assert [item.values for item in made if isinstance(item, Record)] == wanted
    broken = {"properties": {"a": "[secret"}} if path != "a" else {"a": "[secret"}
    (refused,) = [item for part in shaper([Record(7, 8, broken)]) for item in part]
    assert isinstance(refused, Rejection)
    assert refused.error == f"{path}: expected JSON"
