"""Blocks: sequences of records, and what is known of them without making each record."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from events_helpers import NOW_MS, TIME
from hypothesis import example, given, settings
from hypothesis import strategies as st
from speedups_helpers import (
    BOOLEANS,
    CHANGES,
    CSV,
    EPOCHS,
    JSONL,
    NUMBERS,
    OWN_IDS,
    TIMES,
    USERS,
    block_mapper_of,
    blocks_of,
    csv_file,
    csv_of_cells,
    line_of,
    map_block,
    typed,
)

from importer.events import insert_id
from importer.events.fast_layout import make_layout
from importer.events.fast_mapper import make_block_mapper, make_fast_times
from importer.events.layout import LateKeys
from importer.events.mapper import Mapper
from importer.events.times import TimeReader
from importer.model import Event, Record, Rejection
from importer.profile.cell_kinds import are_booleans, are_dates, are_numbers
from importer.profile.column_types import TypeInference
from importer.profile.number_forms import ALL_BITS, BIT_OF_FORM, BOOLEAN_BIT, DATE_BIT, form_of
from importer.profile.type_attention import type_attention
from importer.reading import AttentionRow
from importer.speedups import NO_QUOTE, Block, cut_csv, cut_lines, end_of_text

DATA = b'a,"b ""x"""\n\n"two\nlines",\xc3\xa9\r\n\r\n,\nlast,"one\r\n"'
RECORDS = [
    Record(7, 100, ["a", 'b "x"']),
    Record(8, 102, ["two\nlines", "é"]),
    Record(9, 105, ["", ""]),
    Record(10, 106, ["last", "one\r\n"]),
]
QUOTE, COMMA = ord('"'), ord(",")


def block() -> Block:
    found, taken, stuck = cut_csv(DATA, COMMA, QUOTE, 2, 7, 100)
    assert (taken, stuck) == (8, False)
    return found


def read(row: int, line: int, text: bytes) -> Record | Rejection:
    return Rejection(row, line, "no") if text.startswith(b"no") else Record(row, line, {"text": text})


def test_a_block_is_a_sequence_of_records():
    found = block()
    assert list(found) == RECORDS
    assert [found[n] for n in range(4)] == RECORDS
    assert [found[n] for n in range(-4, 0)] == RECORDS
    assert len(found) == 4
    assert found
    assert (found.data, found.start, found.end, found.row, found.width) == (DATA, 0, len(DATA), 7, 2)
    assert type(found[0]) is Record
    assert list(found) == RECORDS, "it can be gone through again"


@pytest.mark.parametrize("at", [4, 5, -5, -6, 2**40, -(2**40)])
def test_an_index_beyond_a_block_is_an_error(at):
    with pytest.raises(IndexError):
        block()[at]


@pytest.mark.parametrize("start", [None, -9, -4, -1, 0, 1, 3, 4, 9])
@pytest.mark.parametrize("stop", [None, -9, -1, 0, 2, 4, 9])
@pytest.mark.parametrize("step", [None, 1, 2, -1, -3])
def test_slices_of_a_block_are_those_of_a_list(start, stop, step):
    assert list(block()[start:stop:step]) == RECORDS[start:stop:step]


def test_the_cells_of_a_column_are_those_of_the_records():
    assert block().column(0) == ["a", "two\nlines", "", "last"]
    assert block().column(1) == ['b "x"', "é", "", "one\r\n"]
    for cell in (-1, 2, 2**20):
        with pytest.raises(IndexError):
            block().column(cell)
        with pytest.raises(IndexError):
            block().count_column(cell)
        with pytest.raises(IndexError):
            block().count_filled([0, cell])


def test_the_filled_cells_of_several_columns_are_counted_at_once():
    assert block().count_filled([1, 0, 1]) == [3, 3, 3]
    assert block().count_filled([]) == []


def test_lines_are_read_when_they_are_asked_for():
    data = b"a\n \t\r\n\n\x0b\x0c\nno b\r\n  c"
    found, taken = cut_lines(data, 3, 50, read)
    assert taken == 6
    assert list(found) == [
        Record(3, 50, {"text": b"a\n"}),
        Rejection(4, 54, "no"),
        Record(5, 55, {"text": b"  c"}),
    ]
    assert found[-1] == found[2]
    assert (len(found), found.width, found.row) == (3, 0, 3)
    with pytest.raises(IndexError):
        found.column(0)
    with pytest.raises(IndexError):
        found[3]


def test_an_error_of_reading_a_line_is_raised():
    def fail(*_: object) -> Record:
        raise ZeroDivisionError

    found, _ = cut_lines(b"a\n", 1, 1, fail)
    with pytest.raises(ZeroDivisionError):
        found[0]
    with pytest.raises(ZeroDivisionError):
        list(found)


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n"])
def test_a_block_may_be_empty(data):
    for found in (cut_csv(data, COMMA, QUOTE, 2, 1, 1)[0], cut_lines(data, 1, 1, read)[0]):
        assert len(found) == 0
        assert list(found) == list(found[:]) == []
        assert not found
        mapper = block_mapper_of(JSONL)
        assert map_block(mapper, found) == mapper.insert_ids(found, NOW_MS) == []


@pytest.mark.parametrize(
    ("data", "taken", "stuck"),
    [
        (b"a,b\nc\nd,e\n", 1, True),
        (b"a,b\nc,d,e\n", 1, True),
        (b'a,b\nc,"d\n', 1, False),
        (b'a,b\nc,"d"x\n', 1, True),
        (b"a,b\rc,d\n", 0, True),
        (b'a,"b\rc"\n', 0, True),
        (b"a,b\r", 0, True),
        (b"\n\na,b", 3, False),
        (b'"a\n\n",b\nc,"\n', 3, False),
        (b"\r", 0, True),
        (b"a,b\n\r", 1, True),
    ],
)
def test_cutting_stops_ahead_of_the_first_unsound_record(data, taken, stuck):
    found = cut_csv(data, COMMA, QUOTE, 2, 1, 1)
    assert found[1:] == (taken, stuck)
    assert all(type(record) is Record for record in found[0])


def test_cells_may_have_no_quotes():
    found, taken, stuck = cut_csv(b'"a,b"\n', COMMA, NO_QUOTE, 2, 1, 1)
    assert (list(found), taken, stuck) == ([Record(1, 1, ['"a', 'b"'])], 1, False)


@pytest.mark.parametrize(
    ("data", "options", "records", "taken", "stuck"),
    [
        (b'a,  "b, c"\n d, e\n', {"skip_space": True}, [["a", "b, c"], ["d", "e"]], 2, False),
        (b"a, \n  \n", {"skip_space": True}, [["a", ""]], 1, True),
        (b"a,b,\r\nc,d,\n", {"trailing": True}, [["a", "b"], ["c", "d"]], 2, False),
        (b"a,b,", {"trailing": True}, [["a", "b"]], 1, False),
        (b"a,b, \nc,d\n", {"trailing": True, "skip_space": True}, [["a", "b"]], 1, True),
        (b"a,b, \n", {"trailing": True}, [], 0, True),
        (b"a,b,c\n", {"trailing": True}, [], 0, True),
        (b'a,b,""\n', {"trailing": True}, [], 0, True),
        (b'#"\na,b\r\n#\r\n"#",#\n#x', {"comment": ord("#")}, [["a", "b"], ["#", "#"]], 5, False),
        (b"a,b\n#x\ry\n", {"comment": ord("#")}, [["a", "b"]], 1, True),
    ],
)
def test_the_cutter_knows_dialects(data, options, records, taken, stuck):
    found = cut_csv(data, COMMA, QUOTE, 2, 1, 1, **options)
    assert ([record.values for record in found[0]], *found[1:]) == (records, taken, stuck)


def test_many_records_have_their_rows_and_lines():
    data = b"".join(b'%d,"x\n%d"\n\n' % (n, n) for n in range(3000))
    found, taken, _ = cut_csv(data, COMMA, QUOTE, 2, 11, 21)
    assert taken == 9000
    assert list(found) == [Record(11 + n, 21 + 3 * n, [str(n), f"x\n{n}"]) for n in range(3000)]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("size", range(40))
def test_a_block_ends_wherever_its_data_does(end, size):
    """Each has its own memory, so that a sanitizer sees reads beyond its end."""
    for text in ('ab,"c""d\r\ne",f\r\n' * 3, "a,b,\r\n\r\n\"\",'',\n" * 3):
        data = (text[:size] + end).encode()
        found, taken, _ = cut_csv(data, COMMA, QUOTE, 3, 1, 1)
        assert len(found) <= taken <= data.count(b"\n") + 1


def strict_records(text: str, width: int) -> list[list[str]]:
    """What `csv.reader` reads up to the first record that is not sound."""
    found: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), strict=True):
            if cells and len(cells) != width:
                break
            found += [cells] if cells else []
    except csv.Error:
        pass
    return found


RUNS = ['"' * count for count in (1, 2, 3, 62, 63, 64, 65, 130)]
WORDS = [letter * count for letter in "aé" for count in (1, 3, 7, 30, 61, 62, 63, 64)]


@given(
    st.lists(st.sampled_from([*RUNS, *WORDS, ",", "\n", "\r\n", '","', '"\n"']), max_size=30).map("".join),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=600)
@example('"' + 'x""' * 70 + '",y\n', 2)
@example('"' + '"' * 128 + '",y\n"' + '"' * 127 + '",y\n', 2)
@example(",".join(["abc"] * 3) * 40 + "\n", 3)
def test_cells_are_cut_as_the_csv_reader_cuts_them_wherever_they_stand(text, width):
    expected = strict_records(text, width)
    for above in (b"", b"x" * 5, b"\n" * 63):
        start, stop = len(above), len(above + text.encode())
        data = above + text.encode() + b'",'
        found, taken, stuck = cut_csv(data, COMMA, QUOTE, width, 1, 1, start=start, stop=stop)
        assert [record.values for record in found] == expected
        assert data[start : found.end].count(b"\n") in (taken, taken - 1)
        assert found.end < stop if stuck else found.end <= stop


def test_lines_are_cut_between_two_places():
    data = b"no a\n\nb\nno c\n"
    found, taken = cut_lines(data, 3, 50, read, start=5, stop=8)
    assert (list(found), taken, found.end) == ([Record(3, 51, {"text": b"b\n"})], 2, 8)
    for start, stop in ((-1, 3), (4, 3), (0, 99)):
        with pytest.raises(IndexError):
            cut_lines(data, 1, 1, read, start=start, stop=stop)
        with pytest.raises(IndexError):
            cut_csv(data, COMMA, QUOTE, 1, 1, 1, start=start, stop=stop)
        with pytest.raises(IndexError):
            end_of_text(data, start, stop)


SEQUENCES = [
    b"a", b"\0", b"\x7f", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xc2\x80", b"\xdf\xbf", b"\xe2\x82",
    b"\xe0\x9f\xbf", b"\xe0\xa0\x80", b"\xe2\x82\xac", b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xee\x80\x80",
    b"\xef\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf0\x9f\x98", b"\xf4\x8f\xbf\xbf", b"\xff",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"x" * 15, b"x" * 16, "é".encode() * 9, "☕".encode() * 6, b"\xc2\xc2\x80",
]  # fmt: skip


def end_of_decodable(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


@given(
    st.lists(st.sampled_from(SEQUENCES) | st.binary(max_size=4), max_size=30).map(b"".join),
    st.integers(0, 20),
)
@settings(deadline=None, max_examples=1000)
def test_bytes_are_text_as_far_as_python_decodes_them(text, above):
    data = b"\xff" * above + text + b"\xbf"
    expected = end_of_decodable(text)
    assert end_of_text(data, above, above + len(text), nul=True) == above + expected
    nul = (text + b"\0").find(b"\0")
    assert end_of_text(data, above, above + len(text)) == above + min(expected, nul)


def test_characters_are_text_and_halves_of_them_are_not():
    for first in range(256):
        for second in range(256):
            for rest in (b"", b"\x80", b"\x80\x80"):
                data = bytes((first, second)) + rest
                assert end_of_text(data, 0, len(data), nul=True) == end_of_decodable(data)
    for code in (*range(0, 0xD800, 7), *range(0xE000, 0x110000, 97), 0x10FFFF):
        data = chr(code).encode()
        assert end_of_text(data, 0, len(data), nul=True) == len(data)


# ── what all cells of a column are ───────────────────────────────────────────────────────────────


def counted_column(texts: Sequence[str], apart: Sequence[str] = (), known: int = 0) -> tuple[Any, Any, Any]:
    (found,) = blocks_of(csv_file([[text, "x", "x", "x"] for text in texts]), CSV)
    return found.count_column(0, tuple(text.encode() for text in apart), known)


def has_form(text: str, bit: int) -> bool:
    """Return whether a count of a column knows the form of a text by a bit."""
    return counted_column([text], known=bit)[2] == [] and counted_column([text])[2] == [(0, text)]


@pytest.mark.parametrize(
    "text",
    [
        "1", "-5", "0", "9" * 15, "9" * 16, "9007199254740992", "9007199254740993", "1.5", "1.50", "-0.0", "1.0",
        "1.234", "-12.340", "1234.567", "0.123", "-0.5", "123456789012345.6", "0.000123", "0.12345678901234567",
        "0.30000000000000004", "0.00000000000000000001", "1" * 30 + ".5",
        "1e+5", "-1E-05", "0e-0", "9e+99", "2.5e-3", "1.234e2", "1.234567e-07", "1.2345678e9", "-1.23456789012345e-08",
        "1.50e5", "0.0e+00", "-1.20e-07", "1.00000000000000E+005", "9.99999999999999e+199", "1.5e-007", "1e-199",
    ],
)  # fmt: skip
def test_the_form_of_a_number_is_the_same_in_bytes_and_in_text(text):
    bits = [bit for bit in BIT_OF_FORM.values() if has_form(text, bit)]
    assert bits == ([BIT_OF_FORM[form_of(text)]] if are_numbers([text]) else [])


@pytest.mark.parametrize(
    "text",
    [
        "-0", "1.", ".5", "-", "-.5", "1.5.5", "00.5", "01", "x", "+1", "1,5", "\u0661", "tru", "-true",
        "1e", "1e+", "1e-", "1e5x", "1ex5", "1e5.", "1e 5", "e5", "-e5", "1.e5", "01e5", "1e400", "1e+200", "1.5e200", "1e+0005", "1e+-5",
        "1.2345678901234567e-05", "1e5", "12E3", "0e0",
    ],
)  # fmt: skip
def test_what_is_no_plain_number_has_no_form_in_bytes(text):
    assert counted_column(["1", text, "1.5"]) == (3, [], [(0, "1"), None])


@pytest.mark.parametrize(
    ("text", "bit"),
    [
        ("true", BOOLEAN_BIT),
        ("FaLsE", BOOLEAN_BIT),
        ("2024-05-01", DATE_BIT),
        ("2024-05-01T10:00:00Z", DATE_BIT),
        ("2024/5/1 10:00", DATE_BIT),
        ("1/5/24", DATE_BIT),
        ("01.05.2024, 10 Uhr", DATE_BIT),
    ],
)
def test_booleans_and_dates_have_a_form_in_bytes(text, bit):
    assert has_form(text, bit)


@pytest.mark.parametrize(
    "text", ["1.2.34", "10.0.12.1", "06-12-34-56-78", "2024-05", "2024-05-011", "2024-05/01", "1-2-3", "2024"]
)
def test_versions_addresses_and_phone_numbers_are_no_dates(text):
    assert not has_form(text, DATE_BIT)
    assert not are_dates([text])


def test_texts_are_counted_apart_from_the_others():
    texts = ["NULL", "1", "", 'a "word"', "2", "NULL", "null"]
    filled, apart, _ = counted_column(texts, ["NULL", 'a "word"', "none"])
    assert (filled, apart) == (3, [2, 1, 0])


def test_only_the_first_cell_of_each_form_is_read_and_none_of_a_known_form():
    texts = ["1", "2.5", "3", "4.5", "true", "2024-05-01"]
    first = [(0, "1"), (1, "2.5"), (4, "true"), (5, "2024-05-01")]
    assert counted_column(texts)[2] == first
    assert counted_column(texts, known=BIT_OF_FORM[form_of("1")])[2] == first[1:]
    assert counted_column([*texts, "x"], known=ALL_BITS) == (7, [], [])


def test_a_count_of_a_column_agrees_with_type_inference():
    for text in NUMBERS:
        if "\x00" not in text and text and counted_column([text])[2] != [None]:
            assert are_numbers([text]) or are_booleans([text]) or are_dates([text]), text
            assert has_form(text, BOOLEAN_BIT) == are_booleans([text])
            assert has_form(text, DATE_BIT) == are_dates([text])
            assert not are_numbers([text]) or has_form(text, BIT_OF_FORM[form_of(text)]), text


def test_numbers_with_an_exponent_need_not_be_read_one_by_one():
    first = [(0, "0.5"), (1, "1e-05"), (3, "1.5e-05")]
    assert counted_column(["0.5", "1e-05", "2E+7", "1.5e-05", "3e-08"])[2] == first
    assert counted_column(["0.5", "1e-05"], known=BIT_OF_FORM[form_of("2e+9")])[2] == [(0, "0.5")]


columns = st.lists(
    st.lists(st.sampled_from([*"1234", "-5", "1.5", "2.25", "1e-05", ""]) | st.sampled_from([*NUMBERS, *BOOLEANS]), min_size=1, max_size=6)
    | st.lists(st.sampled_from(["1.50", "2.25", "3", "1.234", "1,5", "NULL", "n/a", ""]), min_size=1, max_size=200)
    | st.lists(st.sampled_from(["2024-05-01", "1/5/24", "NULL", ""]), min_size=1, max_size=200)
    | st.lists(st.sampled_from(["1", "2", "3", "-7", ""]), min_size=1, max_size=6)
    | st.lists(st.sampled_from(["true", "True", "FALSE", "false"]), min_size=1, max_size=6),
    min_size=1,
    max_size=6,
)  # fmt: skip


@given(columns, st.sampled_from([(), ("NULL",), ("1",)]))
@settings(deadline=None, max_examples=150)
def test_types_are_the_same_with_and_without_counts(parts, null):
    with_counts, without = TypeInference(("a",), null), TypeInference(("a",), null)
    for part in parts:
        rows = [[text.replace("\x00", ""), "x", "x", "x"] for text in part]
        for found in blocks_of(csv_file(rows), CSV):
            with_counts.add_block(found, partial(AttentionRow, "a.csv"))
            without.add(found.column, row=partial(AttentionRow, "a.csv"))
    assert with_counts.profiles() == without.profiles()
    reading = replace(CSV, columns=("a",), fields={}, null=null)
    assert type_attention(with_counts.columns, reading) == type_attention(without.columns, reading)


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────


def test_ids_that_records_have_are_found():
    reading = replace(CSV, fields={**CSV.fields, "insert_id": "cell"})
    (found,) = blocks_of(csv_of_cells(["id-1", "", "not legal!", "null", "x" * 36, "x" * 37]), reading)
    ids = block_mapper_of(reading).insert_ids(found, NOW_MS)
    hashed = map_block(block_mapper_of(reading), found)[0]
    assert hashed is not None
    plain = hashed.insert_id
    others = [insert_id.of_text(own) for own in ("not legal!", "null", "x" * 37)]
    assert ids[1::2] == ["id-1", plain, others[0], others[1], "x" * 36, others[2]]
    assert ids[::2] == [plain] * 7


def test_ids_are_those_of_the_events():
    reading = replace(CSV, fields={**CSV.fields, "insert_id": "cell"})
    jsonl = replace(JSONL, fields=reading.fields)
    for texts, place in ((OWN_IDS, 3), (USERS, 2)):
        text = csv_of_cells([each for each in texts if "\x00" not in each], place)
        lines = "".join(line_of(f'"cell":"{own}"') for own in OWN_IDS if own.isprintable())
        for content, way in ((text, reading), (lines, jsonl), (text, CSV), (lines, JSONL)):
            mapper, other = (Mapper(way, lambda: NOW_MS) for _ in range(2))
            for found in blocks_of(content, way):
                made = [item for item in mapper.map(found) if isinstance(item, Event)]
                ids = Counter(other.insert_ids(found))
                assert Counter(event.insert_id for event in made) <= ids


# ── the block mapper ────────────────────────────────────────────────────────────────────────────────────


def test_many_keys_and_many_hours_are_told_apart():
    """More of them than are cached."""
    lines = [line_of(f'"k{n}":{n},"{"k" * (n % 300)}x":1,"$r{n % 700}":2') for n in range(3000)]
    lines += [
        line_of(f'"a":{n}', time=f'"{2000 + n // 600:04}-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:00:01Z"')
        for n in range(12_000)
    ]
    names = [f'{{"event":"name {n}","time":"{TIME}"}}\n' for n in range(11_000)]
    fast, slow = block_mapper_of(JSONL), Mapper(JSONL, lambda: NOW_MS)
    mapped = 0
    for found in blocks_of("".join([*lines, *names, *lines[:50], *names[:50]]), JSONL):
        for record, event in zip(found, map_block(fast, found), strict=True):
            assert isinstance(record, Record)
            if event is not None:
                mapped += 1
                if record.row % 3 == 0 or record.row > 26_000:
                    assert typed(event) == typed(*slow.map([record]))
    assert mapped == len(lines) + len(names) + 100


def test_a_block_that_is_not_as_wide_as_the_reading_is_refused():
    found, _, _ = cut_csv(b"a,b\n", COMMA, QUOTE, 2, 1, 1)
    with pytest.raises(IndexError):
        map_block(block_mapper_of(CSV), found)
    with pytest.raises(IndexError):
        block_mapper_of(CSV).insert_ids(found, NOW_MS)


def test_blocks_of_the_other_format_are_deferred():
    found, _, _ = cut_csv(b"a,b,c,d\n", COMMA, QUOTE, 4, 1, 1)
    assert map_block(block_mapper_of(JSONL), found) == [None]
    lines, _ = cut_lines(line_of("").encode(), 1, 1, read)
    assert map_block(block_mapper_of(CSV), lines) == [None]


def test_anything_but_a_block_is_refused():
    mapper = block_mapper_of(JSONL)
    found, _ = cut_lines(line_of("").encode(), 1, 1, read)
    for wrong in (
        lambda: mapper.map(found, "now", found.__getitem__),
        lambda: mapper.map(None, NOW_MS, [].__getitem__),
        lambda: mapper.map([], NOW_MS, [].__getitem__),
        lambda: mapper.map(found, NOW_MS, None),
    ):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        cut_csv("text", COMMA, QUOTE, 2, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cut_lines(None, 1, 1, read)  # type: ignore[arg-type]


class Wrong(Exception):  # noqa: N818
    """What no part of the importer raises."""


class WrongTimes(TimeReader):
    def read(self, value: object) -> int:
        raise Wrong(value)


def test_an_error_in_a_callable_of_the_plan_is_raised(monkeypatch):
    """A mistake in Python is not taken for a record that must be deferred."""
    found, _ = cut_lines((line_of("") + line_of('"x":1', time='"soon"')).encode(), 1, 1, read)
    sound = make_block_mapper(JSONL, make_layout, TimeReader(), {}, {})
    assert sound is not None
    assert [type(item) for item in map_block(sound, found)] == [Event, Rejection]

    def fail(_: LateKeys, keys: Collection[str]) -> None:
        raise Wrong(keys)

    wrong_times = make_block_mapper(JSONL, make_layout, WrongTimes(), {}, {})
    wrong_keys = make_block_mapper(JSONL, make_layout, TimeReader(), {}, {})
    monkeypatch.setattr(LateKeys, "check", fail)
    for wrong in (wrong_times, wrong_keys):
        assert wrong is not None
        for ask in (partial(map_block, wrong), partial(wrong.insert_ids, clock=NOW_MS)):
            for _ in range(2):  # the error is not cached as another answer
                with pytest.raises(Wrong):
                    ask(found)


@pytest.mark.parametrize("zone", ["", "UTC", "Europe/Berlin", "Africa/Monrovia"])
@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_many_times_are_read_as_each_is_by_itself(zone, local, seed):
    reader = TimeReader(zone, local_epochs=local and bool(zone))
    values: list[object] = [*TIMES, *EPOCHS, *CHANGES, 1_714_557_600, 1.5, None, True] * 2
    random.Random(seed).shuffle(values)
    times, forms, expected = make_fast_times(reader), Counter[str](), Counter[str]()
    found = times.read(values, forms)
    assert len(found) == len(values)
    for value, instant in zip(values, found, strict=True):
        if instant is not None:
            assert instant == reader.read(value)
            expected[reader.form] += 1
    assert forms == expected
    assert sum(instant is not None for instant in found) > 100
    assert times.read([TIME, "2024-05-01T10:00:00.5+02:00", ""], forms)[2] is None


@pytest.mark.parametrize("turn", range(40))
def test_a_key_is_never_taken_for_one_that_begins_like_it(turn):
    """Of so many keys, some share a slot of the hash table."""
    longer = ",".join(f'"time{n}":1' for n in range(200 * turn, 200 * turn + 200))
    found, _ = cut_lines(f'{{{longer},"time":"{TIME}","event":"e"}}\n'.encode(), 1, 1, read)
    (event,) = map_block(block_mapper_of(JSONL), found)
    assert event is not None
    assert event.body.count(b'"time') == 201


# ── rejections in a block ────────────────────────────────────────────────────────────────────────

REJECTED = b'short\na,b\n"c",d,e\nf,g\nh,i\n"j"k,l\nm\n'


def reject(row: int, line: int, start: int, stop: int, cells: int) -> Rejection:
    return Rejection(row, line, f"{cells} {REJECTED[start:stop]!r}")


def test_a_block_holds_the_rejections_among_its_records():
    found, taken, stuck = cut_csv(REJECTED, COMMA, QUOTE, 2, 7, 100, reject=reject)
    items = [
        Rejection(7, 100, r"1 b'short\n'"),
        Record(8, 101, ["a", "b"]),
        Rejection(9, 102, r"""3 b'"c",d,e\n'"""),
        Record(10, 103, ["f", "g"]),
        Record(11, 104, ["h", "i"]),
        Rejection(12, 105, r"""0 b'"j"k,l\n'"""),
        Rejection(13, 106, r"1 b'm\n'"),
    ]
    assert (taken, stuck, found.end) == (7, False, len(REJECTED))
    assert (len(found), found.records) == (7, 3)
    assert list(found) == items
    assert [found[n] for n in range(-7, 0)] == items
    assert found[1:6:2] == items[1:6:2]
    records = [item for item in items if isinstance(item, Record)]
    assert [found.record(n) for n in range(3)] == records
    assert [found.row_of(n) for n in range(3)] == [8, 10, 11]
    assert found.rows() == [range(8, 9), range(10, 12)]
    assert found.column(1) == ["b", "g", "i"]
    assert found.column(1, [2, 0]) == ["i", "b"]
    assert found.count_filled([0]) == [3]
    for wrong in (-1, 3):
        with pytest.raises(IndexError):
            found.row_of(wrong)
        with pytest.raises(IndexError):
            found.record(wrong)
        with pytest.raises(IndexError):
            found.column(0, [0, wrong])


def test_a_block_may_hold_nothing_but_rejections():
    found, _, _ = cut_csv(
        b"x\n\ny", COMMA, QUOTE, 2, 1, 1, reject=lambda row, line, *_: Rejection(row, line, "no")
    )
    assert list(found) == [Rejection(1, 1, "no"), Rejection(2, 3, "no")]
    assert (found.records, found.rows(), found.column(0)) == (0, [], [])


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (b'a,b\n"x\ny"\n', b'"x\ny"\n'),  # several lines
        (b'a,b\n"x\ny",z,z\n', b'"x\ny",z,z\n'),
        (b'a,b\n"x\ny"z,z\n', b'"x\ny"z,z\n'),
        (b"a,b\nx\ry\n", b"x\ry\n"),  # a CR by itself, which may end a line
        (b'a,b\n"x"y\rz\n', b'"x"y\rz\n'),
        (b'a,b\n"x"y\r', b'"x"y\r'),
        (b"a,b\nx\r", b"x\r"),
    ],
)
def test_what_is_rejected_stands_on_one_line(data: bytes, left: bytes):
    found, _, stuck = cut_csv(data, COMMA, QUOTE, 2, 1, 1, reject=lambda *_: pytest.fail("asked"))
    assert (list(found), stuck, data[found.end :]) == ([Record(1, 1, ["a", "b"])], True, left)


def test_an_error_of_what_rejects_is_passed_on():
    def fail(*_: int) -> Rejection:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cut_csv(b"a,b\nx\n", COMMA, QUOTE, 2, 1, 1, reject=fail)
