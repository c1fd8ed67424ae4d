from __future__ import annotations

import json
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import no_deadline, only_rejection, places, read_file, read_jsonl, write

from importer.model import Record, Rejection
from importer.source.formats.json_item import MAX_LINE_SIZE

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8)
scalars |= st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=5), values, max_size=4)


@no_deadline
@given(st.lists(objects, max_size=8), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \t\n"]))
def test_any_objects_are_read_as_they_were_without_a_note(written, end):
    items = read_jsonl(end.join(map(orjson.dumps, written)))
    step = end.count(b"\n")
    assert items == [Record(n + 1, n * step + 1, value) for n, value in enumerate(written)]


@no_deadline
@given(st.integers(-(10**22), 10**22))
def test_an_integer_is_read_exactly_or_refused(number):
    (item,) = read_jsonl(f'{{"n": {number}}}')
    if -(2**63) <= number < 2**64:
        assert item.values == {"n": number}
    else:
        assert isinstance(item, Rejection)
        assert item.error == f"n: {number} does not fit 64 bits: write it as a string"


@no_deadline
@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**9), max_value=10**9))
def test_a_decimal_that_becomes_another_number_is_noted(number):
    text = f"{number:f}"
    (item,) = read_jsonl(f'{{"a": [1, {{"price":{text}}}]}}')
    becomes = repr(float(text))
    exact = Decimal(becomes) == Decimal(text)
    assert item.note == ("" if exact else f"a[1].price: {text} is sent as {becomes}")


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ('{"p": 0.12345678901234567890}', "p: 0.12345678901234567890 is sent as 0.12345678901234568"),
        ('{"p":-0.12345678901234567890}', "p: -0.12345678901234567890 is sent as -0.12345678901234568"),
        ('{"p":1e-400}', "p: 1e-400 is sent as 0.0"),
        ('{"p":1.5E-400,"q":1.00000000000000000001}', "p: 1.5E-400 is sent as 0.0; q: 1.00000000000000000001 is sent as 1.0"),
        ('{"p":0.1}', ""),
        ('{"p":0.30000000000000004}', ""),
        ('{"p":1.000000000000000000}', ""),
        ('{"p":1700000000000000000}', ""),
        ('{"p":"x: 0.12345678901234567890"}', ""),
        ('{"p":"version: 1.2.3.4.5.6.7.8.9.10.11"}', ""),
        ('{"p":"550e8400-e29b-41d4-a716-446655440000: 1e-400"}', ""),
    ],
)  # fmt: skip
def test_a_note_says_what_a_double_cannot_hold_and_nothing_else(line, note):
    (item,) = read_jsonl(line)
    assert item == Record(1, 1, json.loads(line), note)


def test_notes_are_few():
    line = "{" + ",".join(f'"k{n}":0.1234567890123456789{n + 1}' for n in range(5)) + "}"
    (item,) = read_jsonl(line)
    assert item.note.count("is sent as") == 3
    assert item.note.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('{"a":1,"a":2}', ""),
        ('{"x":{"b":[{"a":1,"a":2}]}}', "x.b[0]: "),
        ('{"x":{"a":1,"a":{"c":1}}}', "x: "),
    ],
)
def test_a_key_that_stands_twice_is_noted(line, where):
    (item,) = read_jsonl(line)
    assert item.note == f"{where}key a stands twice: its last value counts"


def test_text_that_looks_like_keys_is_no_key():
    line = orjson.dumps({"a": 'say "x": and "y":', "b": {"c": '"d":'}})
    assert read_jsonl(line) == [Record(1, 1, orjson.loads(line))]


def test_an_integer_deep_in_the_object_is_named_by_its_path():
    (item,) = read_jsonl('{"a":{"b":[0,18446744073709551616]}}')
    assert item.error == "a.b[1]: 18446744073709551616 does not fit 64 bits: write it as a string"


def test_nesting_that_cannot_be_followed_is_a_rejection():
    (item,) = read_jsonl('{"a":' * 1_010 + "18446744073709551616" + "}" * 1_010)
    assert isinstance(item, Rejection)


@pytest.mark.parametrize(
    ("value", "found"),
    [("[1]", "an array"), ('"a"', "a string"), ("1", "a number"), ("1.5", "a number"), ("true", "true or false"), ("null", "null")],
)  # fmt: skip
def test_a_line_that_is_no_object_says_what_it_is(value, found):
    items = read_jsonl(f'{{"a":1}}\n{value}\n{{"a":2}}\n')
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert items[1].error == f"expected a JSON object, found {found}"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": Infinity}', "Infinity is no JSON"),
        ('{"a": -Infinity}', "Infinity is no JSON"),
        ('{"a": None}', "None is Python"),
        ('{"a": undefined}', "undefined is JavaScript"),
        ("{'a': 1}", "double quotes"),
        ('{"a": 1,}', "trailing comma"),
        ('{"a": 1', "unexpected end of data"),
        ('{"a": 1e999}', "infinity"),
        ('{"é": x}', "column 7"),
    ],
)
def test_bad_json_says_where_and_what(line, word):
    items = read_jsonl(f'{{"a":1}}\n{line}\n{{"a":2}}\n')
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert word in items[1].error
    assert items[1].error.startswith("no JSON at column ")


def test_a_byte_that_is_not_utf_8_is_named_with_its_place():
    error = only_rejection(read_jsonl(b'{"a":"x\xe9"}\n{"b":1}\n')).error
    assert "byte 0xE9 at position 8 of the line is not UTF-8" in error
    assert "iconv" in error


def test_control_characters_of_the_line_do_not_reach_the_message():
    (item,) = read_jsonl(b'{"a": \x1b[31m}')
    assert "\x1b" not in item.error


def test_blank_lines_are_lines_and_no_records():
    assert places(read_jsonl('\n{"a":1}\n \t\r\n\n{"a":2}')) == [("Record", 1, 2), ("Record", 2, 5)]


def test_only_a_newline_ends_a_line():
    assert read_jsonl('{"a":\r1}\n') == [Record(1, 1, {"a": 1})]
    assert read_jsonl('{"a":"\u2028\x85"}\r\n{"b":1}') == [
        Record(1, 1, {"a": "\u2028\x85"}),
        Record(2, 2, {"b": 1}),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert read_jsonl(b'\xef\xbb\xbf{"a":1}\n') == [Record(1, 1, {"a": 1})]


def test_a_line_beyond_the_limit_is_one_rejection():
    items = read_jsonl(b'{"a":1}\n' + b'{"a":"' + b"x" * MAX_LINE_SIZE * 2 + b'"}\n' + b'{"b":1}\n')
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert items[1].error == "the line is longer than 8,388,608 bytes"


@pytest.mark.parametrize("more", [0, 1])
def test_a_line_as_long_as_the_limit_is_read(more):
    frame = b'{"a":""}\n'
    line = b'{"a":"' + b"x" * (MAX_LINE_SIZE - len(frame) + more) + b'"}\n'
    items = read_jsonl(line + b'{"b":1}')
    assert isinstance(items[0], Record) is (more == 0)
    assert items[1] == Record(2, 2, {"b": 1})


def test_a_file_is_read_in_chunks_in_order(tmp_path):
    path = write(tmp_path, "".join(f'{{"n":{n}}}\n' for n in range(1, 1_202)), "e.jsonl")
    assert [item.values["n"] for item in read_file(path)] == list(range(1, 1_202))
