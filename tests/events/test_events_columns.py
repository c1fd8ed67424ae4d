"""Paths into records, as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.events.columns import parse_path, value_at

RECORD = {
    "a": {"b": 1, "": 4},
    "a.b": {"c": [2, {"d": 3}]},
    'say "hi"': 5,
    "items": [{"id": 6}, [7]],
    "n": None,
}


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a.b", ("a", "b"), 1),
        ('"a.b".c[0]', ("a.b", "c", 0), 2),
        ('"a.b".c[1].d', ("a.b", "c", 1, "d"), 3),
        ('"say ""hi"""', ('say "hi"',), 5),
        ("items[0].id", ("items", 0, "id"), 6),
        ("items[1][0]", ("items", 1, 0), 7),
        ('a."b"', ("a", "b"), 1),
        ("items[2]", ("items", 2), None),
        ("items.id", ("items", "id"), None),
        ("a[0]", ("a", 0), None),
        ("n.x", ("n", "x"), None),
        ("Order ID.é", ("Order ID", "é"), None),
        ("a.0", ("a", "0"), None),
    ],
)
def test_a_path_leads_to_a_value(text: str, path: tuple[str | int, ...], value: object) -> None:
    assert parse_path(text) == path
    assert value_at(path, RECORD) == value


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a]", '"a', 'a"b"', '""', '"a"b', "a[0]b"],
)
def test_what_is_no_path_is_none(text: str) -> None:
    assert parse_path(text) is None


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_names_can_be_quoted(names: list[str]) -> None:
    text = ".".join('"{}"'.format(name.replace('"', '""')) for name in names)
    assert parse_path(text) == tuple(names)
