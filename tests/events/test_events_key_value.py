"""Lists of pairs become objects, with the numbers in them that are written as text."""

from __future__ import annotations

from typing import Any

import pytest

from importer.events.nested import make_nested
from importer.reading import Dialect, KeyValue, Reading, Shape

PAIRS = KeyValue("key", ("value.string", "value.int", "value.double"), ("value.int", "value.double"))


def value_of(kind: str, value: Any) -> Any:
    shape = Shape(key_value={"params": PAIRS})
    nested = make_nested(Reading(Dialect("jsonl"), ("params",), {"properties": "params"}, shape=shape))
    assert nested is not None
    notes: list[str] = []
    made = nested({"params": [{"key": "a", "value": {"string": None, kind: value}}]}, notes)
    assert not notes
    return made["params"]["a"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("123", 123),
        ("-5", -5),
        ("0", 0),
        ("9007199254740992", 2**53),
        ("18014398509481984", 2**54),
        ("49.9", 49.9),
        ("14.0", 14.0),
        ("1.0E-2", 0.01),
        ("1.7976931348623157E308", 1.7976931348623157e308),
    ],
)
def test_a_text_that_is_a_number_becomes_one(text: str, number: float) -> None:
    found = value_of("double", text)
    assert found == number
    assert type(found) is type(number)


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",
        "1234567890123456789",
        "0.30000000000000004441",
        "1E400",
        "NaN",
        "Infinity",
        "007",
        "+1",
        "1_000",
        "٣",
        "",
        " 1",
    ],
)
def test_a_text_that_a_double_would_change_stays_text(text: str) -> None:
    assert value_of("int", text) == text


def test_a_text_that_is_no_number_by_the_mapping_stays_text() -> None:
    assert value_of("string", "123") == "123"


@pytest.mark.parametrize("number", [5, 0.1, 2**53, 2**60, True])
def test_a_number_stays_as_it_is(number: float) -> None:
    found = value_of("int", number)
    assert found == number
    assert type(found) is type(number)


def test_an_integer_that_a_double_would_change_becomes_its_digits() -> None:
    assert value_of("int", 1234567890123456789) == "1234567890123456789"
    assert value_of("int", -(10**400)) == str(-(10**400))


def test_a_pair_without_a_key_is_left_out_with_a_note() -> None:
    shape = Shape(key_value={"params": PAIRS})
    nested = make_nested(Reading(Dialect("jsonl"), ("params",), {}, shape=shape))
    assert nested is not None
    notes: list[str] = []
    pairs = [{"key": "a", "value": {"string": "x"}}, {"k": "b"}, {"key": None}]
    assert nested({"params": pairs}, notes) == {"params": {"a": "x"}}
    assert notes == ["params: 2 of 3 pairs left out, without a 'key'"]
