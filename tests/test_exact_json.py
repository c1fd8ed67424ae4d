from __future__ import annotations

import json
import sys
from decimal import Decimal
from types import FrameType

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
def test_a_key_that_stands_twice_is_told_however_it_is_spaced(text: str, where: str):
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


def told(text: bytes) -> bool:
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
def test_nothing_is_kept_silent_of_one_text(text: bytes):
    (value,) = values_of([text])
    if told(text):
        assert exact_json.suspicious(text, value)


@settings(deadline=None, max_examples=400)
@given(st.lists(parts.map(str.encode), max_size=6))
def test_nothing_is_kept_silent_of_many_texts(texts: list[bytes]):
    if exact_json.plain(texts, values_of(texts)):
        assert not any(map(told, texts))


def test_texts_of_every_kind_can_be_asked_together():
    texts = [b'{"a":":)"}', b'"{{"', b"[]", b"1", b"null", b'{"b":{"c":[{"d":1}]}}', b'[[{"e":{}}]]']
    assert exact_json.plain(texts, values_of(texts))


words = st.text(st.characters(exclude_characters=':"\\', codec="utf-8"))


@given(st.lists(st.dictionaries(words, st.none() | st.integers(-(2**63), 2**64 - 1) | words), max_size=6))
def test_what_programs_write_is_plain(values: list[object]):
    texts = [json.dumps(value, indent=1).encode() for value in values]
    assert exact_json.plain(texts, values)
    assert exact_json.plain([orjson.dumps(value) for value in values], values)


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
def test_what_only_looks_odd_is_plain(text: str):
    data = text.encode()
    assert not exact_json.suspicious(data, orjson.loads(data))
    assert exact_json.plain([b"{}", data, b"1"], [{}, orjson.loads(data), 1])


def test_one_odd_text_among_many_is_found():
    texts = [b'{"a": 1, "b": "x"}'] * 500
    for odd in (b'{"a" : 1, "a" : 2}', b'{"a": 0.12345678901234567890}', b"1e-400", b"-9223372036854775809"):
        for at in (0, 250, 500):
            mixed = [*texts[:at], odd, *texts[at:]]
            assert not exact_json.plain(mixed, [orjson.loads(text) for text in mixed])


def test_numbers_of_neighbouring_texts_are_not_taken_for_one():
    assert exact_json.plain([b"1234567890"] * 3, [1234567890] * 3)


def test_texts_nested_too_deep_to_be_written_again_are_looked_at_one_by_one():
    deep = b'{"a" : 1, "b": ' + b"[" * 400 + b'":)"' + b"]" * 400 + b"}"
    twice = deep.replace(b'"b"', b'"a"')
    assert not exact_json.plain([twice], [orjson.loads(twice)])
    assert exact_json.suspicious(twice, orjson.loads(twice))
    assert exact_json.loads(deep)[1] == ""


def by_json_dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


WRITERS = {
    "orjson": orjson.dumps,
    "json.dumps": by_json_dumps,
    "json.dumps in ASCII": lambda value: json.dumps(value).encode(),
    "with escaped slashes": lambda value: (
        json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()
    ),
    "over several lines": lambda value: json.dumps(value, indent=1).encode(),
}
ODD = [
    b'{"a":1,"a":2}',
    b'{"a": 1, "a": 1}',
    b'{"a" :1,"a" :2}',
    b'{"a\\u0061":1,"aa":2}',
    b'{"a":{"b":[{"c":1, "c":2}]}}',
    b'{"a":0.12345678901234567890}',
    b'{"a": [1, -0.12345678901234567890]}',
    b'{"a":[1,9007199254740993.0]}',
    b'{"a":\t9007199254740993e0}',
    b'{"a": 1e-400}',
    b'{"a":-1E-0324}',
    b'{"a":18446744073709551616}',
]


def event(n: int) -> dict[str, object]:
    """Among its values some that orjson writes otherwise than json.dumps, or that look odd."""
    return {
        "id": f"{n * 7919:020d}",
        "text": f'é, "{n}": {{}} /x ',
        "price": (0.5, 1e-05, 1e22, -0.0, 7.0)[n % 5],
        "list": [n, "a, b", {"n": n}, [], {}],
    }  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_one_odd_text_is_found_wherever_it_stands_whatever_wrote_the_others(writer: str, odd: bytes):
    texts = [WRITERS[writer](event(n)) for n in range(40)]
    assert exact_json.plain(texts, values_of(texts))
    for at in range(41):
        mixed = [*texts[:at], odd, *texts[at:]]
        assert not exact_json.plain(mixed, values_of(mixed))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_text_is_found_behind_any_other(odd: bytes):
    before = [
        b"{}",
        b'{ "a" : 1 }',
        b'{"a":1e-05}',
        b'{"a":"\\u00e9"}',
        b'"a,b"',
        b"1",
        b"1.50",
        b"[1, 2]",
        b"null",
    ]
    for first in before:
        for second in before:
            texts = [*[b'{"a":1}'] * 8, first, second, odd]
            assert not exact_json.plain(texts, values_of(texts))


@given(
    st.lists(parts.map(str.encode), max_size=4),
    st.sampled_from([b'{"a":1,"b":[1,"x y"]}', b'{"a": 1, "b": [1, "x y"]}']),
)
def test_nothing_is_kept_silent_among_texts_that_a_program_wrote(texts: list[bytes], usual: bytes):
    mixed = [usual] * 7 + texts + [usual]
    if exact_json.plain(mixed, values_of(mixed)):
        assert not any(map(told, texts))


def test_texts_that_were_not_read_hide_no_odd_one():
    """Who asks may have put an empty object in the place of what is no JSON."""
    usual, odd = b'{"a":1}', b'{"a":1,"a":2}'
    for bad in (b"", b"{}]", b"{},", b'{},{"a":1}', b'{"a":1},{"a":1}', b"x", b'"'):
        for place in range(6):
            texts = [usual] * 8 + [odd]
            texts.insert(5 + place % 4, bad)
            values = [{} if text == bad else orjson.loads(text) for text in texts]
            assert not exact_json.plain(texts, values)
            exact_json.plain(texts[:-1], values[:-1])  # whatever it says, it is no error


def test_only_texts_that_are_written_otherwise_are_looked_at_one_by_one():
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    for writer in (orjson.dumps, by_json_dumps):
        values = [
            {"n": 10**18 + n, "a b": [n], "small": 1e-05 if n % 100 == 7 else 0.5} for n in range(1_000)
        ]
        texts = [writer(value).replace(b"0.00001", b"1e-05") for value in values]
        sys.setprofile(count)
        try:
            assert exact_json.plain(texts, values)
        finally:
            sys.setprofile(None)
    assert calls < 1_000
