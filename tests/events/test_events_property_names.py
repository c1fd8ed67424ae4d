"""Which properties are kept and what they are called: by names and patterns, of columns and of keys."""

from __future__ import annotations

from typing import Any

import pytest

from importer.errors import BadValue
from importer.events.property_names import PropertyNames, fits, pattern_fault
from importer.reading import Dialect, Reading


def names(**mapping: Any) -> PropertyNames:
    return PropertyNames(Reading(Dialect("jsonl"), (), {}, **mapping))


@pytest.mark.parametrize(
    ("pattern", "name", "part"),
    [
        ("utm_*", "utm_source", "source"),
        ("utm_*", "utm_", ""),
        ("utm_*", "utm", None),
        ("*_at", "sent_at", "sent"),
        ("a*a", "a", None),
        ("a*a", "aa", ""),
        ("a*c", "abc", "b"),
        ("*", "", ""),
        ("a.b*", "axb", None),
        ("a", "a", ""),
        ("A*", "ab", None),
    ],
)
def test_a_star_stands_for_any_characters(pattern: str, name: str, part: str | None) -> None:
    assert fits(pattern, name) == part


@pytest.mark.parametrize(
    ("pattern", "new", "is_wrong"),
    [
        ("a*", "b*", False), ("a", "b", False), ("a*", "b", True), ("a", "b*", True), ("*a*", "", True),
        ("*a*", "*b*", True), ("a*", "", False),
    ],
)  # fmt: skip
def test_a_pattern_has_one_star_on_both_sides(pattern: str, new: str, is_wrong: bool) -> None:
    assert bool(pattern_fault(pattern, new)) is is_wrong


@pytest.mark.parametrize(
    ("mapping", "name", "becomes"),
    [
        ({}, "a", "a"),
        ({"only": ("a", "utm_*")}, "a", "a"),
        ({"only": ("a", "utm_*")}, "utm_x", "utm_x"),
        ({"only": ("a", "utm_*")}, "b", None),
        ({"drop": ("a", "utm_*")}, "a", None),
        ({"drop": ("a", "utm_*")}, "utm_x", None),
        ({"drop": ("a", "utm_*")}, "b", "b"),
        ({"only": ("utm_*",), "drop": ("utm_x",)}, "utm_x", None),
        ({"only": ("utm_x",), "drop": ("utm_*",)}, "utm_x", "utm_x"),  # a name before a pattern
        ({"only": ("utm_*",), "drop": ("*_x",)}, "utm_x", None),
        ({"only": ("a",), "drop": ("a",)}, "a", None),
        ({"renames": {"a": "b"}}, "a", "b"),
        ({"renames": {"utm_*": "campaign_*"}}, "utm_x", "campaign_x"),
        ({"renames": {"utm_*": "campaign_*", "utm_x": "y"}}, "utm_x", "y"),
        ({"renames": {"u*": "1*", "utm_*": "2*"}}, "utm_x", "1tm_x"),  # the first that fits
        ({"renames": {"utm_*": "2*", "u*": "1*"}}, "utm_x", "2x"),
        ({"renames": {"a": "b"}, "drop": ("a",)}, "a", None),
        ({"renames": {"a": "b"}, "drop": ("b",)}, "a", "b"),  # names as the file has them
        ({"renames": {"a": "b"}, "only": ("b",)}, "a", None),
        ({"prefix": "shop_"}, "a", "shop_a"),
        ({"prefix": "shop_"}, "$os", "$os"),
        ({"prefix": "shop_"}, "time", "time"),
        ({"prefix": "shop_", "renames": {"a": "b", "c*": "d*"}}, "a", "b"),
        ({"prefix": "shop_", "renames": {"a": "b", "c*": "d*"}}, "cc", "dc"),
        ({"prefix": "shop_", "renames": {"a": "b", "c*": "d*"}}, "e", "shop_e"),
    ],
)
def test_a_property_is_kept_and_called(mapping: dict[str, Any], name: str, becomes: str | None) -> None:
    made = names(**mapping)
    assert made.of_key(name) == becomes
    assert made.of_column(name) == becomes
    assert made.of_keys({name: 1}, []) == ({} if becomes is None else {becomes: 1})


def test_names_of_columns_are_of_columns_alone_and_go_first() -> None:
    made = names(names={"a": "x"}, renames={"a": "y"}, prefix="p_")
    assert (made.of_column("a"), made.of_key("a")) == ("x", "y")
    assert names(names={"a": "x"}, drop=("a",)).of_column("a") is None
    assert names(names={"a": "x"}).of_key("a") == "a"


@pytest.mark.parametrize(
    ("properties", "made"),
    [
        ({"a": 1, "b": 1}, {"b": 1}),
        ({"a": 1, "b": None}, {"b": 1}),
        ({"a": 1, "b": ""}, {"b": 1}),
        ({"b": None, "a": 1}, {"b": 1}),
        ({"c": 1, "a": 2}, {"c": 1, "b": 2}),
    ],
)
def test_two_of_one_name_are_one_if_they_are_the_same_or_one_is_nothing(
    properties: dict[str, Any], made: dict[str, Any]
) -> None:
    assert names(renames={"a": "b"}).of_keys(properties, []) == made


@pytest.mark.parametrize(
    ("mapping", "properties", "kept", "name"),
    [
        ({"renames": {"a": "b"}}, {"a": 1, "b": 2}, "a", "b"),
        ({"renames": {"a": "b"}}, {"a": "1", "b": 1}, "a", "b"),
        ({"renames": {"a": "b"}}, {"a": {"c": 1}, "b": 1}, "a", "b"),
        ({"renames": {"a*": "b*"}}, {"ax": 1, "bx": 2}, "ax", "bx"),
        ({"renames": {"a": "x", "b": "x"}}, {"a": 1, "b": 2}, "b", "x"),  # the first one has the name
    ],
)
def test_where_two_that_differ_would_have_one_name_the_renamed_one_keeps_its_own(
    mapping: dict[str, Any], properties: dict[str, Any], kept: str, name: str
) -> None:
    for given in (properties, dict(reversed(properties.items()))):
        notes: list[str] = []
        made = names(**mapping).of_keys(given, notes)
        if given is properties or name in properties:
            assert made[kept] == properties[kept]
            assert notes == [f"{kept}: keeps its name, as {name} is another property"]
        assert len(made) == 2
        assert sorted(map(str, made.values())) == sorted(map(str, properties.values()))


@pytest.mark.parametrize(
    ("mapping", "properties", "name"),
    [
        ({"renames": {"a": "b", "c": "a"}}, {"a": 1, "b": 2, "c": 3}, "b"),  # c has become a
        ({"renames": {"time": "b"}}, {"time": 1, "b": 2}, "b"),  # as time it would be that of the event
        ({"renames": {"$insert_id": "b"}}, {"$insert_id": 1, "b": 2}, "b"),
    ],
)
def test_two_that_differ_and_would_have_one_name_make_the_record_invalid_where_none_is_free(
    mapping: dict[str, Any], properties: dict[str, Any], name: str
) -> None:
    made = names(**mapping)
    with pytest.raises(BadValue, match=f"^{name}: two properties with different values would have this name"):
        made.of_keys(dict(reversed(properties.items())), [])


def test_a_name_that_the_mapping_gives_is_meant() -> None:
    made = names(names={"a": "$os"}, renames={"b": "$ip", "c_*": "$d_*", "e*": "*"}, constants={"$x": 1})
    given = ("$os", "$ip", "$d_y", "$x", "$browser", "a")
    assert [made.is_given(name) for name in given] == [True, True, True, True, False, False]
