"""A scan by chunks and columns says what looking at each value by itself would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from number_rule import expected_type

from importer.profile.column_types import TypeInference
from importer.reading import ColumnProfile

NUMBERS = [
    "1", "-5", "0", "-0", "007", "1.50", "2.5", "1.0", "3.25", "1.234", "0.123", "4.000", "-0.0", "1.5e5", "1e5", "1e400", "-1e400", "1e-400", "12345678901234", "9007199254740991",
    "9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740993.0", "18446744073709551616", "1e16",
    "4503599627370496", "1,2", "1,", ",", " 1", "1 ", "1\n", "\t1", "+1", ".5", "5.", "٣", "0x1", "1_000", "[1]", "[]", "{}",
    '"1"', "null", "nan", "NaN", "Infinity", "-", "--1", "1]", "[1", "\ud800", "1\x00",
]  # fmt: skip
TEXTS = ["true", "FALSE", "tRuE", "fal\u017fe", "yes", "t", "x", "y", "z", "NA"]
like_numbers = st.sampled_from(["1", "2", "3", "40", "5.5", "-6"]) | st.sampled_from(NUMBERS)
decimals = st.sampled_from(
    [
        "1.5",
        "2.0",
        "2",
        "1.25",
        "3.10",
        "4.00",
        "1.234",
        "5.000",
        "1e5",
        "1e+5",
        "1.5e3",
        "0.1234567890123456",
    ]
)
like_booleans = st.sampled_from(["true", "false", "True"]) | st.sampled_from(TEXTS)
cells = st.sampled_from(["", "NA"]) | st.one_of(like_numbers, like_booleans)
columns = st.one_of(
    st.lists(cells, max_size=12),
    st.lists(st.sampled_from(["", "NA", "1", "2", "3", "44", "-5", "0"]), max_size=12),
    st.lists(st.just("") | like_numbers, max_size=12),
    st.lists(st.just("") | like_booleans, max_size=12),
    st.lists(decimals, max_size=5),
    st.lists(st.sampled_from(["", "true", "false"]), max_size=12),
)


def scanned(values: list[str], chunk: int, null: tuple[str, ...] = ()) -> ColumnProfile:
    scan = TypeInference(["a"], null)
    for start in range(0, len(values), chunk):
        scan.add([values[start : start + chunk]].__getitem__)
    return scan.profiles()[0]


@settings(max_examples=1_000, deadline=None)
@given(columns, st.integers(1, 6), st.sampled_from([(), ("NA",), ("NA", "1")]))
def test_a_column_is_what_each_of_its_values_is(values: list[str], chunk: int, null: tuple[str, ...]):
    filled = [value for value in values if value not in ("", *null)]
    found = scanned(values, chunk, null)
    assert found[:4] == ("a", expected_type(filled), len(filled), tuple(dict.fromkeys(filled))[:3])


@settings(deadline=None)
@given(st.lists(st.integers(-(2**54), 2**54) | st.integers(0, 99), min_size=2, max_size=40), st.data())
def test_numbers_are_bounded_each_and_not_together(numbers: list[int], data: st.DataObject):
    largest = max(map(abs, numbers))
    kind = scanned(list(map(str, numbers)), data.draw(st.integers(1, 40))).type
    assert kind == ("integer" if largest <= 2**53 else "string")


@pytest.mark.parametrize("odd", ["02134", "1e400", "9007199254740993", "x", "[1]", "1,2", "null", " 1"])
@pytest.mark.parametrize("start", ["1", "-1", "1.5"])
def test_a_value_that_comes_late_makes_text_of_numbers_and_is_named(odd: str, start: str):
    values = [start, *map(str, range(2_000)), "", odd, "1"]
    found = scanned(values, 500)
    assert (found.type, found.odd_value, found.filled) == ("string", odd, len(values) - 1)


@pytest.mark.parametrize(("odd", "odd_value"), [("TRUE", ""), ("yes", "yes"), ("1", "1")])
def test_a_value_that_comes_late_makes_text_of_booleans_unless_it_is_one(odd: str, odd_value: str):
    values = ["true", "false"] * 600 + ["", odd]
    found = scanned(values, 500)
    assert (found.type == "boolean", found.odd_value, found.filled) == (not odd_value, odd_value, 1_201)
