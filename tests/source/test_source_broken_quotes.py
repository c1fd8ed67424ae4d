from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import no_deadline, only_rejection, places, read_csv

from importer.model import Record, Rejection
from importer.source.formats.csv import MAX_RECORD_SIZE


def table(count: int, broken: dict[int, str]) -> str:
    return "".join(broken.get(n, f"{n},user,some text") + "\n" for n in range(1, count + 1))


@pytest.mark.slow
def test_an_unclosed_quote_at_row_3_of_100_000_loses_exactly_row_3():
    items = read_csv(table(100_000, {3: '3,user,"never closed'}), 3)
    assert [item.row for item in items if isinstance(item, Rejection)] == [3]
    assert [item.line for item in items] == list(range(1, 100_001))
    assert items[3] == Record(4, 4, ["4", "user", "some text"])


def test_an_unclosed_quote_in_a_small_file_says_that_the_file_ends():
    error = only_rejection(read_csv(table(10, {3: '3,user,"open'}), 3)).error
    assert error.startswith("a quote that opens on this line is never closed")
    assert "the file ends first" in error


@pytest.mark.slow
def test_an_unclosed_quote_in_a_large_file_says_that_the_record_grows_too_long():
    error = only_rejection(read_csv(table(200_000, {3: '3,user,"open'}), 3)).error
    assert "passes 2,000,000 characters" in error


def test_an_unclosed_quote_on_the_last_line_loses_that_line():
    items = read_csv('a,b\nc,"d', 2)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2)]


def test_an_unclosed_quote_before_quoted_records_loses_its_line_alone():
    items = read_csv('1,"open\n2,"quoted"\n3,"also, quoted"\n', 2)
    assert places(items) == [("Rejection", 1, 1), ("Record", 2, 2), ("Record", 3, 3)]
    assert "line 2 breaks it off" in items[0].error


def test_a_quote_closed_far_below_does_not_swallow_what_lies_between():
    items = read_csv('1,"open\n2,b\n3,c\n4,size 5",x\n5,e\n', 2)
    assert places(items) == [
        ("Rejection", 1, 1),
        ("Record", 2, 2),
        ("Record", 3, 3),
        ("Rejection", 4, 4),
        ("Record", 5, 5),
    ]
    assert "with the next 3 lines it makes 3 fields, expected 2" in items[0].error


def test_the_last_line_of_a_malformed_record_is_rejected_too():
    items = read_csv('1,"one\ntwo",three\n2,b\n', 2)
    assert places(items) == [("Rejection", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert "odd number of quotes" in items[1].error


def test_a_valid_record_over_two_lines_below_a_malformed_one_is_read():
    items = read_csv('1,"open\n2,"two\nlines"\n3,c\n', 2)
    assert items[1:] == [Record(2, 2, ["2", "two\nlines"]), Record(3, 4, ["3", "c"])]


@pytest.mark.parametrize("line", ['"abc"def,x', 'x,"a"b"c"', '"a" ,b'])
def test_text_after_a_closing_quote_spoils_one_line(line):
    items = read_csv(f"a,b\n{line}\nc,d\n", 2)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert items[1].error.startswith("a cell goes on after its closing quote")


def test_blank_lines_below_a_malformed_record_are_no_records():
    assert places(read_csv('1,"open\n\n\n2,b\n', 2)) == [("Rejection", 1, 1), ("Record", 2, 4)]


def test_a_line_beyond_the_limit_below_an_open_quote_is_its_own_rejection():
    items = read_csv('1,"open\n2,b\n' + "x" * (MAX_RECORD_SIZE + 5) + "\n3,c\n", 2)
    assert places(items) == [
        ("Rejection", 1, 1),
        ("Record", 2, 2),
        ("Rejection", 3, 3),
        ("Record", 4, 4),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ['b","', 'a,"', '"', '"\n\n', '","', '""",', 'x,"y', 'x,"y\n,",","'], ids=repr
)
def test_a_file_made_to_be_read_over_and_over_is_read_in_linear_time(line):
    def cost(count: int) -> float:
        start = time.process_time()
        read_csv(f"{line}\n" * count, 2)
        return time.process_time() - start

    cost(1_000)
    assert cost(32_000) < 60 * max(cost(2_000), 0.005)  # 16 times the text; squared would be 256


@no_deadline
@given(st.text(st.sampled_from('ab",\n'), max_size=60))
def test_reading_a_text_twice_returns_the_same_items(text):
    assert read_csv(text, 2) == read_csv(text, 2)


@no_deadline
@given(st.lists(st.sampled_from(["1,a", '2,"b"', '3,"c,d"', '4,"e""f"']), max_size=20), st.data())
def test_one_malformed_line_among_valid_ones_is_the_only_rejection(lines, data):
    at = data.draw(st.integers(0, len(lines)))
    broken = data.draw(st.sampled_from(['x,"open', 'x,"a"b', "x", "x,y,z"]))
    items = read_csv("\n".join([*lines[:at], broken, *lines[at:]]) + "\n", 2)
    assert [item.row for item in items if isinstance(item, Rejection)] == [at + 1]
    assert len(items) == len(lines) + 1
