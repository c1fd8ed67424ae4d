"""Objects that are nested too deep: refused, as JSON text, or flattened."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from events_helpers import Mapped, own, refused, taken

DEEP = {"a": {"b": {"c": {"z": 2.0, "d": 1e-7}}}}
FITS = {"a": {"b": {"c": 1}}}


def line(mapped: Mapped, members: dict[str, Any], **more: Any) -> Any:
    values = {"event": "e", "time": 1714557600, "user": "u1", **members}
    return mapped.jsonl(values, **more)


def test_without_deep_the_record_is_invalid(mapped: Mapped) -> None:
    error = refused(line(mapped, {"v": DEEP})).error
    assert error == "'properties.v' is invalid: objects must be nested at most 3 deep, found more"


def test_json_makes_text_of_the_part_below_the_third_level(mapped: Mapped) -> None:
    item = line(mapped, {"v": DEEP, "w": FITS}, deep="json")
    assert own(item) == {"v": {"a": {"b": {"c": '{"d":1e-07,"z":2}'}}}, "w": FITS}
    assert taken(item).note == "v: nested deeper than 3 objects, so sent as JSON text"


def test_flatten_makes_a_property_of_each_value(mapped: Mapped) -> None:
    deep = {"a": {"b": {"c": {"d": 1}}, "n": None, "o": {}}, "l": [1, {"x": {"y": 2}}], "s": "t"}
    item = line(mapped, {"v": deep, "w": FITS}, deep="flatten")
    assert own(item) == {
        "v.a.b.c.d": 1, "v.a.n": None, "v.a.o": {}, "v.l": [1, {"x": {"y": 2}}], "v.s": "t", "w": FITS,
    }  # fmt: skip
    assert taken(item).note == "v: nested deeper than 3 objects, so flattened to 5 values"


def test_flatten_makes_text_of_what_is_too_deep_in_an_array(mapped: Mapped) -> None:
    item = line(mapped, {"v": {"l": [{"a": {"b": {"c": {"d": 1}}}}]}}, deep="flatten")
    assert own(item) == {"v.l": [{"a": {"b": {"c": '{"d":1}'}}}]}


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"v": {"a": {"b": {"c": {"d": 1}}}}, "v.a.b.c.d": 1}, "v.a.b.c.d"),
        ({"v.a.b.c.d": "", "v": {"a": {"b": {"c": {"d": 1}}}}}, "v.a.b.c.d"),
        ({"v": {"a.b": 1, "a": {"b": 2, "x": {"y": {"z": 3}}}}}, "v.a.b"),
    ],
    ids=str,
)
def test_flatten_refuses_a_name_that_is_there_already(
    mapped: Mapped, members: dict[str, Any], name: str
) -> None:
    error = refused(line(mapped, members, deep="flatten")).error
    assert error.endswith(f"flattened it would give the property {name!r} twice")


def test_that_an_array_counts_as_no_level_is_told_where_only_that_decides(mapped: Mapped) -> None:
    in_array = {"a": [{"b": {"c": {"d": 1}}}]}
    item = line(mapped, {"v": in_array}, deep="json")
    assert own(item) == {"v": {"a": [{"b": {"c": '{"d":1}'}}]}}
    assert "Mixpanel does not document it" in taken(item).note
    assert "which Mixpanel does not document" in refused(line(mapped, {"v": in_array})).error
    sure = refused(line(mapped, {"v": {"l": in_array["a"], **DEEP}})).error
    assert sure.endswith("found more")


def test_a_column_may_be_treated_otherwise_than_the_rest(mapped: Mapped) -> None:
    item = line(mapped, {"v": DEEP, "w": DEEP}, deep="json", deep_columns={"w": "flatten"})
    assert own(item).keys() == {"v", "w.a.b.c.d", "w.a.b.c.z"}
    kept = line(mapped, {"v": DEEP}, deep="flatten", deep_columns={"v": "reject"})
    assert "'properties.v' is invalid" in refused(kept).error
    alone = line(mapped, {"v": DEEP}, deep_columns={"v": "json"})
    assert own(alone) == {"v": {"a": {"b": {"c": '{"d":1e-07,"z":2}'}}}}


def test_a_column_that_has_another_name_as_a_property_is_meant_by_its_own(mapped: Mapped) -> None:
    item = line(mapped, {"v": DEEP}, names={"v": "other"}, deep_columns={"v": "flatten"})
    assert own(item).keys() == {"other.a.b.c.d", "other.a.b.c.z"}


@pytest.mark.parametrize("deep", ["json", "flatten"])
def test_the_id_does_not_depend_on_how_the_object_was_written(mapped: Mapped, deep: Any) -> None:
    one = {"a": {"b": {"c": {"x": 1.0, "y": {"p": 2, "q": 0.5}}}}}
    other = {"a": {"b": {"c": {"y": {"q": 5e-1, "p": 2.0}, "x": 1}}}}
    first, second = (taken(line(mapped, {"v": v}, deep=deep)) for v in (one, other))
    assert first.insert_id == second.insert_id
    assert first.body == second.body


def test_cells_of_json_and_of_properties_are_replaced_likewise(mapped: Mapped) -> None:
    cells = {"v": '{"a":{"b":{"c":{"d":1}}}}', "bag": '{"w":{"a":{"b":{"c":{"d":1}}}}}'}
    item = mapped.csv(cells, fields={"properties": "bag"}, types={"v": "json"}, deep="json")
    part = {"a": {"b": {"c": '{"d":1}'}}}
    assert own(item) == {"v": part, "w": part}


def test_what_is_nested_beyond_all_measure_is_invalid(mapped: Mapped) -> None:
    deep: Any = 1
    for _ in range(600):
        deep = {"a": deep}
    before = copy.copy(deep)
    assert "nested too deep" in refused(line(mapped, {"v": deep}, deep="json")).error
    assert deep == before
