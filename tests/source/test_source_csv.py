from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import (
    csv_reader,
    no_deadline,
    only_rejection,
    places,
    read_csv,
    read_file,
    write,
)

from importer.errors import UsageError
from importer.model import Record
from importer.source.detect import detect_source
from importer.source.formats.csv import MAX_RECORD_SIZE
from importer.source.reader import open_source

cells = st.text(
    st.one_of(
        st.sampled_from('",;\r\n\t é\u2028\x0b\x1c\x85😀'),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    max_size=8,
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=12)
)


@no_deadline
@given(table=tables, end=st.sampled_from(["\n", "\r\n", "\r"]), bom=st.booleans())
def test_any_table_that_csv_writer_writes_is_read_as_it_was(table, end, bom):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    lines = []
    for row in table:
        lines.append(len(re.findall("\r\n|\r|\n", out.getvalue())) + 1)
        writer.writerow(row)
    data = ("\ufeff" if bom else "") + out.getvalue()
    expected = [Record(n, line, row) for n, (line, row) in enumerate(zip(lines, table, strict=True), 1)]
    assert read_csv(data, len(table[0]) if table else 1) == expected


@no_deadline
@given(table=tables, encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "gb18030"]))
def test_encodings_of_several_bytes_are_decoded_before_lines_are_split(table, encoding):
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(table)
    items = read_csv(out.getvalue(), len(table[0]) if table else 1, encoding=encoding)
    assert [item.values for item in items] == table


@no_deadline
@given(st.text(st.sampled_from('ab",\n\r'), max_size=40))
def test_every_line_with_something_on_it_belongs_to_one_item_in_order(text):
    reader = csv_reader(io.BytesIO(text.encode()), 2)
    seen, rows, line = "", [], 0
    for item in reader:
        seen += "".join(reader.lines)
        rows.append(item.row)
        assert item.line > line
        line = item.line
    lines = io.StringIO(text, newline="").readlines()
    blank = {"\n", "\r", "\r\n"}
    assert rows == list(range(1, len(rows) + 1))
    # Blank lines are in no record; those inside a quoted cell are, so they are left out on both sides.
    kept = io.StringIO(seen, newline="").readlines()
    assert [x for x in kept if x not in blank] == [x for x in lines if x not in blank]


def test_blank_lines_are_no_records_but_lines():
    assert places(read_csv("\na,b\n\r\n\nc,d\n\n", 2)) == [("Record", 1, 2), ("Record", 2, 5)]


def test_a_line_of_spaces_is_a_record():
    assert read_csv(" \n", 1) == [Record(1, 1, [" "])]


def test_an_empty_cell_in_quotes_is_a_record_of_one_column():
    assert read_csv('""\n', 1) == [Record(1, 1, [""])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_counts_as_one_line(end):
    assert places(read_csv(end.join(["a,b", "c,d", "e,f"]), 2)) == [
        ("Record", 1, 1),
        ("Record", 2, 2),
        ("Record", 3, 3),
    ]


def test_lines_inside_quotes_are_counted():
    items = read_csv('a,"x\ny\r\nz"\nb,c\n', 2)
    assert items == [Record(1, 1, ["a", "x\ny\r\nz"]), Record(2, 4, ["b", "c"])]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("a,b", "expected 3 fields, found 2"),
        ("a,b,c,d", "expected 3 fields, found 4; a cell that holds ',' must be quoted"),
        ('a,"b",c,d', "expected 3 fields, found 4"),
        ("a;b;c", "expected 3 fields, found 1; its delimiter looks like ';', the file's is ','"),
    ],
)
def test_a_record_of_another_width_says_how_and_maybe_why(line, error):
    items = read_csv(f"1,2,3\n{line}\n4,5,6\n", 3)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert only_rejection(items).error == error


def test_a_byte_that_is_not_utf_8_is_named_with_its_place():
    items = read_csv(b"a,b\nc,d\xe9f\ng,h\n", 2)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert "byte 0xE9 at character 4 of line 2 is not utf-8" in only_rejection(items).error
    assert "--encoding" in only_rejection(items).error


def test_a_bad_byte_in_a_later_line_of_a_record_names_that_line():
    items = read_csv(b'a,"b\nc\xff"\nd,e\n', 2)
    assert "byte 0xFF at character 2 of line 2" in only_rejection(items).error
    assert items[1] == Record(2, 3, ["d", "e"])


def test_bytes_that_utf_16_cannot_decode_spoil_one_record():
    data = "a,b\nc,d\n".encode("utf-16-le") + b"\x00\xdc" + ",x\ne,f\n".encode("utf-16-le")
    items = read_csv(data, 2, encoding="utf-16-le")
    assert places(items) == [("Record", 1, 1), ("Record", 2, 2), ("Rejection", 3, 3), ("Record", 4, 4)]


def test_characters_beyond_ascii_are_no_fault():
    assert read_csv("é,😀\n", 2) == [Record(1, 1, ["é", "😀"])]


def test_a_nul_spoils_one_record():
    items = read_csv("a,b\nc,\0\ne,f\n", 2)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert "NUL" in only_rejection(items).error


def test_a_line_beyond_the_limit_is_one_rejection(tmp_path):
    long = "x" * (MAX_RECORD_SIZE + 10)
    items = read_csv(f"a,b\n{long},c\nd,e\n", 2)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert only_rejection(items).error == "the line is longer than 2,000,000 characters"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("size", range(MAX_RECORD_SIZE - 4, MAX_RECORD_SIZE + 4))
def test_wherever_the_limit_cuts_a_line_end_the_next_line_is_right(size, end):
    items = read_csv("x" * size + end + "a" + end, 1)
    assert items[1:] == [Record(2, 2, ["a"])]
    assert isinstance(items[0], Record) is (size + len(end) <= MAX_RECORD_SIZE)


def test_a_record_as_long_as_the_limit_with_a_byte_order_mark_is_whole():
    (item,) = read_csv("\ufeff" + "x" * MAX_RECORD_SIZE, 1)
    assert isinstance(item, Record)
    assert len(item.values[0]) == MAX_RECORD_SIZE


def test_a_cell_of_nearly_the_limit_is_read():
    text = "y" * (MAX_RECORD_SIZE - 10)
    assert read_csv(f'a,"{text}"\n', 2)[0].values[1] == text


def test_the_header_has_no_row_but_a_line(tmp_path):
    path = write(tmp_path, "\ufeffname,time\r\na,1\r\n")
    assert read_file(path) == [Record(1, 2, ["a", "1"])]


def test_a_header_over_two_lines_is_skipped_whole(tmp_path):
    path = write(tmp_path, '"na\nme",time\na,1\n')
    assert read_file(path) == [Record(1, 3, ["a", "1"])]


@pytest.mark.parametrize(
    ("quote", "text", "cells"),
    [
        ("'", "a,b\n'x, \"y\"','it''s'\n", ['x, "y"', "it's"]),
        ("none", 'a,b\n5" pipe,"half\n', ['5" pipe', '"half']),
    ],
)
def test_a_file_may_enclose_its_cells_otherwise(tmp_path, quote, text, cells):
    path = tmp_path / "events.csv"
    path.write_text(text)
    found = detect_source(path, quote=quote)
    with open_source(path, found.dialect, found.columns) as source:
        assert [item.values for item in source.items()] == [cells]


@pytest.mark.parametrize("quote", ["", "ab", ",", "\n"])
def test_what_is_no_quote_is_refused(tmp_path, quote):
    path = tmp_path / "events.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"can't be (a|the) quote"):
        detect_source(path, quote=quote)
