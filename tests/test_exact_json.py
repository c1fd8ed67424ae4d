from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer import exact_json


@pytest.mark.parametrize(
    "text",
    [
        "null",
        '{"a": [1, -2.5, "x", true]}',
        "18446744073709551615",
        "-9223372036854775808",
        "9007199254740993",  # integers of 64 bits stay integers
        "0.1",
        "1.7976931348623157e308",
        "2.2250738585072014e-308",
        '"12345678901234567890123"',
        '{"id": "0e-3210000000000000000"}',
        "[]",
    ],
)
def test_json_that_can_be_kept_is_read_without_a_note(text: str):
    assert exact_json.loads(text.encode()) == (json.loads(text), "")


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1" * 30, "9" * 300])
@pytest.mark.parametrize("around", ["%s", '{"a": [%s]}', '{"a": {"b": %s}}'])
def test_an_integer_beyond_64_bits_is_refused_with_advice(number: str, around: str):
    with pytest.raises(exact_json.BadJSON, match="does not fit 64 bits: write it as a string") as caught:
        exact_json.loads((around % number).encode())
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("0.12345678901234567890", "0.12345678901234567890 is sent as 0.12345678901234568"),
        ("[9007199254740993.0]", "[0]: 9007199254740993.0 is sent as 9007199254740992.0"),
        ("9007199254740993e0", "9007199254740993e0 is sent as 9007199254740992.0"),
        ("1e-400", "1e-400 is sent as 0.0"),
        ("3E-0324", "3E-0324 is sent as 5e-324"),
        ("1e-1000", "1e-1000 is sent as 0.0"),
        (
            '{"a": 0.10000000000000001, "b": 5.55555555555555555}',
            "a: 0.10000000000000001 is sent as 0.1; b: 5.55555555555555555 is sent as 5.555555555555555",
        ),
    ],
)
def test_a_decimal_that_a_double_can_not_hold_is_noted(text: str, note: str):
    assert exact_json.loads(text.encode()) == (json.loads(text), note)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"NaN",
        b"1e400",
        b"9" * 5000,
        b"[1,]",
        b"02134",
        b"\xff",
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"[" * 2000 + b"]" * 2000,
        b"[" * 1010 + b"12345678901234567890.5" + b"]" * 1010,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_json_is_a_value_error_on_one_short_line(data: bytes):
    with pytest.raises(exact_json.BadJSON, match=r"^bad JSON: ") as caught:
        exact_json.loads(data)
    assert len(str(caught.value)) < 120
    assert "\n" not in str(caught.value)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(numbers)
def test_a_number_is_kept_or_noted_or_refused(text: str):
    try:
        value, note = exact_json.loads(text.encode())
    except exact_json.BadJSON:
        exact = Decimal(text)
        assert not -(2**63) <= exact < 2**64 or abs(float(text)) == float("inf")
        return
    assert bool(note) == (Decimal(repr(value)) != Decimal(text))


@given(st.recursive(st.none() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))  # fmt: skip
def test_what_a_program_wrote_is_read_as_it_was(value: object):
    assert exact_json.loads(json.dumps(value).encode()) == (value, "")
