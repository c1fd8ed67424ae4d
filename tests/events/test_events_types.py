from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from number_rule import expected_type

from importer.errors import BadValue
from importer.events.canonical import canonical
from importer.events.types import rounding, to_boolean, to_integer, to_number
from importer.profile.column_types import TypeInference
from importer.text import quoted

INTEGERS = [
    ("0", 0),
    ("-0", 0),
    ("7", 7),
    ("-7", -7),
    ("9007199254740992", 2**53),
    ("-9007199254740992", -(2**53)),
]
NUMBERS = [
    ("1.50", 1.5),
    ("-0.0", 0),
    ("2e+1", 20),
    ("2E+1", 20),
    ("20.0", 20),
    ("1e-7", 1e-7),
    ("1.79769313486231e308", 1.79769313486231e308),
    ("0.1", 0.1),
]
TEXTS = [
    "02134",
    "-01",
    "+1",
    "1_000",
    "1,000",
    "\u0663",
    "\uff11",
    "1e400",
    "-1e400",
    "9007199254740993",
    "-9007199254740993",
    "1234567890123456789",
    "9" * 400,
    "9" * 5000,
    "1.",
    ".5",
    "1e",
    "0x10",
    "NaN",
    "Infinity",
    "-inf",
    "-",
    "--1",
    " 1",
    "1 ",
    "1\n",
    "1\n2",
    "1\u066b5",
    "00",
    "01.5",
]


def type_of(values: list[str], chunk: int = 1000) -> str:
    scan = TypeInference(["column"])
    for start in range(0, len(values), chunk):
        scan.add([values[start : start + chunk]].__getitem__)
    (profile,) = scan.profiles()
    return profile.type


@pytest.mark.parametrize(("text", "value"), INTEGERS)
def test_an_integer_within_a_double_is_an_integer(text: str, value: int):
    assert to_integer(text) == value
    assert type(to_integer(text)) is int
    assert to_number(text) == value
    assert type_of([text]) == "integer"


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_a_number_of_json_is_a_number(text: str, value: float):
    assert to_number(text) == value
    assert type_of([text]) == "number"
    with pytest.raises(BadValue, match="expected an integer"):
        to_integer(text)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_number_of_json_or_would_lose_something_stays_text(text: str):
    assert type_of([text]) == "string"
    with pytest.raises(BadValue):
        to_integer(text)
    with pytest.raises(BadValue):
        to_number(text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("good", [["1"], ["1.5"], ["true"], ["1", "2.5", "3"]])
def test_one_text_makes_the_whole_column_text(text: str, good: list[str]):
    assert type_of([*good * 50, text]) == "string"
    assert type_of([text, *good * 50]) == "string"
    assert type_of([*good * 50, text, *good * 50], chunk=7) == "string"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        (["1", "2.5"], "number"),
        (["2.5", "1"], "number"),
        (["1.10", "1.1"], "string"),
        (["799642630.1717000001"], "string"),
        (["true", "FALSE", "True"], "boolean"),
        (["true", "1"], "string"),
        (["1", "false"], "string"),
        (["yes", "no"], "string"),
        (["", ""], "string"),
        ([], "string"),
        (["", "3", ""], "integer"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_the_narrowest_type_that_holds_for_every_value_is_inferred(values: list[str], kind: str, chunk: int):
    assert type_of(values, chunk) == kind


def test_null_texts_have_no_say_in_the_type():
    scan = TypeInference(["a", "b"], null=["NULL"])
    scan.add([["1", "NULL"], ["NULL", "x"]].__getitem__)
    a, b = scan.profiles()
    assert (a.type, a.filled, a.examples) == ("integer", 1, ("1",))
    assert (b.type, b.filled, b.examples) == ("string", 1, ("x",))


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_examples_are_the_first_three_different_values(chunk: int):
    scan = TypeInference(["a"])
    values = ["x", "x", "", "y", "x", "z", "w"]
    for start in range(0, len(values), chunk):
        scan.add([values[start : start + chunk]].__getitem__)
    assert scan.profiles()[0].examples == ("x", "y", "z")


@pytest.mark.parametrize("chunk", [1, 1000])
def test_the_value_that_made_numbers_text_is_named(chunk: int):
    scan = TypeInference(["zip"])
    values = [*map(str, range(50)), "02134"]
    for start in range(0, len(values), chunk):
        scan.add([values[start : start + chunk]].__getitem__)
    assert scan.profiles()[0].odd_value == "02134"


cells = st.one_of(
    st.sampled_from([text for text, _ in INTEGERS + NUMBERS] + TEXTS + ["", "true", "FALSE", "\u017false"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(max_size=4),
)


@given(st.lists(cells, max_size=12) | st.lists(st.integers().map(str), max_size=12), st.integers(1, 5))
def test_the_scan_finds_the_type_that_the_rule_says_whatever_the_chunks(values: list[str], chunk: int):
    assert type_of(values, chunk) == expected_type([value for value in values if value])


@pytest.mark.parametrize("text", ["true", "TRUE", "True", "tRuE"])
def test_true_is_true_in_any_case(text: str):
    assert to_boolean(text) is True
    assert to_boolean(text.lower().replace("true", "FaLsE")) is False


@pytest.mark.parametrize(
    "text", ["1", "0", "yes", "t", " true", "\uff54\uff52\uff55\uff45", "fal\u017fe", ""]
)
def test_nothing_else_is_a_boolean(text: str):
    with pytest.raises(BadValue, match="expected true or false"):
        to_boolean(text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (20, b"20"),
        (20.0, b"20"),
        (-0.0, b"0"),
        (1.5, b"1.5"),
        (0.0001, b"0.0001"),
        (0.00001, b"1e-05"),
        (-1.5e-7, b"-1.5e-07"),
        (1e19, b"10000000000000000000"),
        (1e20, b"1e+20"),
        (-1e19, b"-1e+19"),
        (1.5e300, b"1.5e+300"),
        (5e-324, b"5e-324"),
        (True, b"true"),
        ([1.0, {"a": -0.0}], b'[1,{"a":0}]'),
        ({"a": {"b": [0.5, 2.0]}}, b'{"a":{"b":[0.5,2]}}'),
        ("1.0", b'"1.0"'),
        (None, b"null"),
    ],
)
def test_a_value_has_one_canonical_form(value: Any, written: bytes):
    assert orjson.dumps(canonical(value)) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_canonical_float_is_written_as_the_same_double(value: float):
    text = orjson.dumps(canonical(value)).decode()
    assert float(text) == value
    if not value.is_integer():
        assert text == repr(value)  # a form that no version of a library can change


@given(st.integers(-(2**63), 2**64 - 1))
def test_an_integer_and_the_equal_float_are_written_alike(value: int):
    assert orjson.dumps(canonical(value)) == b"%d" % value
    if float(value) == value and -(2**63) <= float(value) < 2**64:
        assert orjson.dumps(canonical(float(value))) == b"%d" % value


@pytest.mark.parametrize("text", ["1", "1.50", "0.1", "1e5", "9007199254740991", "123456789012345.5"])
def test_a_decimal_that_a_double_holds_is_not_noted(text: str):
    assert rounding(text) == ""


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("0.12345678901234567890", "0.12345678901234567890 is sent as 0.12345678901234568"),
        ("9007199254740993.0", "9007199254740993.0 is sent as 9007199254740992.0"),
        ("1e-400", "1e-400 is sent as 0.0"),
        ("3e-324", "3e-324 is sent as 5e-324"),
    ],
)
def test_a_decimal_that_a_double_can_not_hold_is_noted(text: str, note: str):
    assert rounding(text) == note


@given(st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_read_as_json_reads_it(text: str):
    try:
        value = to_number(text)
    except BadValue:
        return
    assert value == json.loads(text, parse_int=int)
    assert math.isfinite(value)


@given(st.text(max_size=200))
def test_a_shown_value_is_short_and_printable(text: str):
    assert len(quoted(text)) <= 60
    assert quoted(text).isprintable()
