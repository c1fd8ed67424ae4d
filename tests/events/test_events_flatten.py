"""Keys of objects become columns, and what is null becomes none."""

from __future__ import annotations

from typing import Any

import pytest

from importer.events.nested import make_nested
from importer.reading import Dialect, Reading, Shape


def flattened(record: dict[str, Any], **flatten: int) -> dict[str, Any]:
    depths = {column.replace("__", "."): depth for column, depth in flatten.items()}
    nested = make_nested(Reading(Dialect("jsonl"), tuple(record), {}, shape=Shape(flatten=depths)))
    assert nested is not None
    before = repr(record)
    made = nested(record, [])
    assert repr(record) == before
    return made


@pytest.mark.parametrize(
    ("record", "columns"),
    [
        ({"a": {"b": 1, "c": None, "d": {}}}, {"a.b": 1}),
        ({"a": None, "x": None}, {"x": None}),
        ({"x": 1}, {"x": 1}),
        ({"a": [1], "x": 1}, {"a": [1], "x": 1}),
        ({"a": {}}, {}),
    ],
)
def test_null_and_empty_objects_make_no_column(record: dict[str, Any], columns: dict[str, Any]) -> None:
    assert flattened(record, a=1) == columns


def test_null_within_another_object_makes_none_either() -> None:
    assert flattened({"a": {"b": None, "c": 1}}, a__b=1) == {"a": {"c": 1}}
    assert flattened({"a": {"c": 1}}, a__b=1) == {"a": {"c": 1}}
    assert flattened({"a": None}, a__b=1) == {"a": None}
