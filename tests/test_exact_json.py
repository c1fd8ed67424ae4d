from __future__ import annotations

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, reject, settings
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
def test_a_text_that_is_no_json_is_a_value_error_on_one_short_line(data: bytes):
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
def test_json_that_python_wrote_is_read_exactly_and_has_no_note(value: object):
    assert exact_json.loads(json.dumps(value).encode()) == (value, "")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a":1,"a":2}', ""),
        ('{"a" : 1, "a" : 2}', ""),
        ('{"a"\t:1,"a"\n:2}', ""),
        ('{"a" :1,"a":{"a":3}}', ""),
        ('{"smile":":)","a" : 1,"a" : 2}', ""),
        ('{"quoted":"\\":","a":1,"a":2}', ""),
        ('{"slash\\\\":1,"a":1,"a":2}', ""),
        ('{"slash\\\\" :{"quoted":"\\":"},"a":1,"a":2}', ""),
        ('[{"b": [{"a" : 1, "a" : 2}]}]', "[0].b[0]: "),
    ],
)
def test_a_repeated_key_is_noted_however_it_is_spaced(text: str, where: str):
    assert exact_json.loads(text.encode()) == (
        json.loads(text),
        f"{where}key a stands twice: its last value counts",
    )


# Pieces that texts are put together of: well-formed often enough, and each a trap.
spaces = st.sampled_from(["", "", "", " ", "\t", "\n", "\r\n ", "  "])
keys = st.sampled_from(['"a"', '"b"', '"a"', '"b\\\\"', '"\\""', '":"', '"é"', '"\\u00e9"', '"e-1"'])
strings = st.sampled_from(
    [
        '"x"',
        '":)"',
        '"\\":"',
        '"\\" :"',
        '"say \\"a\\": b"',
        '"\\\\"',
        '"12345678901234567"',
        '" 1e-400"',
        '"1 : 2"',
    ]
)
parts = st.recursive(
    strings
    | numbers
    | st.sampled_from(["0", "-0", "1.0", "1e5", "1e-400", "1E-0324", "18446744073709551616", "-9223372036854775809", "null"]),
    lambda inner: st.lists(st.tuples(spaces, inner, spaces).map("".join), max_size=3).map(lambda x: f"[{','.join(x)}]")
    | st.lists(st.tuples(spaces, keys, spaces, st.just(":"), spaces, inner, spaces).map("".join), max_size=3).map(
        lambda x: "{" + ",".join(x) + "}"
    ),
    max_leaves=6,
)  # fmt: skip


def noted_or_refused(text: bytes) -> bool:
    """True if there is something to tell of a text, by the exact look that everything else saves."""
    try:
        return bool(exact_json.explain(text))
    except exact_json.BadJSON:
        return True


def values_of(texts: list[bytes]) -> list[object]:
    try:
        return [orjson.loads(text) for text in texts]
    except orjson.JSONDecodeError:
        reject()


@settings(deadline=None, max_examples=400)
@given(parts.map(str.encode))
def test_a_text_that_needs_a_note_or_a_refusal_is_suspicious(text: bytes):
    (value,) = values_of([text])
    if noted_or_refused(text):
        assert exact_json.suspicious(text, value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"b": [{"c": 1}, {"c": 2}]}}',
        '{"said": "\\"a\\": 1"}',
        '{"embedded": "{\\"a\\":{\\"b\\":1}}", "\\u00e9": 1}',
        '{"p": 0.30000000000000004, "\\u00e9": 7e1}',
        '{"id": "12345678901234567890", "uuid": "550e8400-e29b-41d4-a716-4466550e-000", "\\u00e9": 7e1}',
        '{"at": 1700000000000000, "n": 1700000000000000000, "\\u00e9": 7e1}',
        '"12345678901234567"',
        "-12345678901234567",
        "[]",
    ],
)
def test_a_text_that_only_looks_suspicious_has_no_note(text: str):
    data = text.encode()
    assert not exact_json.suspicious(data, orjson.loads(data))


def test_keys_are_counted_one_by_one_in_texts_too_deep_to_be_written_again():
    deep = b'{"a" : 1, "b": ' + b"[" * 400 + b'":)"' + b"]" * 400 + b"}"
    twice = deep.replace(b'"b"', b'"a"')
    assert exact_json.suspicious(twice, orjson.loads(twice))
    assert exact_json.loads(deep)[1] == ""
