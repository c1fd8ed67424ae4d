"""How an outcome becomes a line, and what a line is taken for when it is read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_helpers import columns_of, outcome

from importer.model import Outcome, Status
from importer.results.rows import COLUMNS, CSV, JSONL, LONGEST_ERROR, RowFormat

any_text = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates as well
any_outcome = st.builds(
    Outcome,
    row=st.integers(1, 10**9),
    line=st.integers(1, 10**9),
    status=st.sampled_from(Status),
    status_code=st.none() | st.integers(100, 599),
    event=any_text,
    distinct_id=any_text,
    insert_id=any_text,
    error=any_text,
    note=any_text,
)


def as_lines(form: RowFormat, written: Sequence[Outcome]) -> bytes:
    return form.encode(columns_of(written))


as_csv, as_jsonl = partial(as_lines, CSV), partial(as_lines, JSONL)


def csv_cells(*written: Outcome) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(written).decode(), newline=""), strict=True))


def test_a_csv_line_holds_the_columns_in_order():
    assert as_csv([outcome(7, Status.REJECTED, status_code=400, error="time: too old", note="n")]) == (
        b"7,8,false,rejected,400,Purchase,user-7,00000000000000000000000000000007,time: too old,n\n"
    )


def test_the_header_names_the_columns_in_order():
    assert CSV.header == b"row,line,success,status,status_code,event,distinct_id,insert_id,error,note\n"


@pytest.mark.parametrize(
    ("status", "success"),
    [
        ("imported", "true"),
        ("accepted", "true"),
        ("valid", "true"),
        ("rejected", "false"),
        ("invalid", "false"),
        ("failed", "false"),
    ],
)
def test_success_is_true_only_where_nothing_is_left_to_do(status, success):
    ((_, _, found, name, *_),) = csv_cells(outcome(1, Status(status)))
    assert (found, name) == (success, status)


def test_a_missing_status_code_is_an_empty_cell():
    assert csv_cells(outcome(1, Status.INVALID))[0][4] == ""


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x00\x1b[31m\x7f", r"\x00\x1b[31m\x7f"),
        ("\x85\x9b", r"\x85\x9b"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud83d", r"\ud83d"),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("'quoted", "'quoted"),
        ("a,b", "a,b"),
        ('say "hi"', 'say "hi"'),
        ('=a,"b"', '\'=a,"b"'),
        ("a\xa0b", "a\xa0b"),
        ("👨\u200d👩\u200d👧 Ünïcode", "👨\u200d👩\u200d👧 Ünïcode"),
        ("back\\slash", "back\\slash"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("column", ["event", "distinct_id", "insert_id", "error", "note"])
def test_a_csv_cell_is_safe_to_show_and_to_open(value, cell, column):
    (cells,) = csv_cells(outcome(1, **{column: value}))
    assert dict(zip(COLUMNS, cells, strict=True))[column] == cell


def test_one_odd_outcome_leaves_its_neighbours_as_they_are():
    lines = as_csv([outcome(1), outcome(2, note="a,b"), outcome(3)]).splitlines(keepends=True)
    assert lines[0] == as_csv([outcome(1)])
    assert lines[1].endswith(b',,"a,b"\n')
    assert lines[2] == as_csv([outcome(3)])


@pytest.mark.parametrize("form", [CSV, JSONL])
def test_a_long_error_is_cut_with_an_ellipsis(form):
    data = as_lines(form, [outcome(1, Status.REJECTED, error="x" * 301)]).decode()
    assert "x" * (LONGEST_ERROR - 1) + "…" in data or "x" * (LONGEST_ERROR - 1) + r"\u2026" in data
    assert "x" * LONGEST_ERROR not in data


def test_an_error_of_exactly_300_characters_stays_whole():
    assert csv_cells(outcome(1, Status.REJECTED, error="x" * 300))[0][8] == "x" * 300


def test_escapes_count_toward_the_length_of_an_error():
    assert len(csv_cells(outcome(1, Status.REJECTED, error="\x00" * 300))[0][8]) == LONGEST_ERROR


def test_no_outcomes_are_no_bytes():
    assert as_csv([]) == as_jsonl([]) == b""


@given(st.lists(any_outcome, max_size=5))
def test_every_outcome_is_one_whole_csv_line_that_is_read_back(written):
    data = as_csv(written)
    lines = data.decode().splitlines(keepends=True)
    assert [CSV.parse(line.encode()) for line in lines] == [(each.row, each.status) for each in written]
    assert [len(cells) for cells in csv_cells(*written)] == [len(COLUMNS)] * len(written)


@given(any_outcome, st.lists(any_outcome, max_size=3))
def test_a_line_does_not_depend_on_the_lines_it_is_written_with(first, others):
    assert as_csv([first, *others]) == as_csv([first]) + as_csv(others)


@given(any_outcome)
def test_a_csv_cell_never_begins_as_a_formula(written):
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in csv_cells(written)[0])


@given(st.lists(any_outcome, max_size=5))
def test_every_outcome_is_one_whole_jsonl_line_that_is_read_back(written):
    lines = as_jsonl(written).decode().splitlines(keepends=True)
    assert [JSONL.parse(line.encode()) for line in lines] == [(each.row, each.status) for each in written]


@given(any_outcome.filter(lambda each: len(each.error) <= LONGEST_ERROR))
def test_jsonl_holds_values_unchanged(written):
    found = json.loads(as_jsonl([written]))
    assert tuple(found) == COLUMNS
    for name in ("event", "distinct_id", "insert_id", "error", "note"):
        value = getattr(written, name)
        if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in "".join(written[4:])):
            assert found[name] == value
    assert found["success"] is written.status.success
    assert found["status_code"] == written.status_code


def test_jsonl_writes_a_byte_that_was_not_utf8_as_an_escape():
    assert orjson.loads(as_jsonl([outcome(1, event="caf\udce9")]))["event"] == r"caf\xe9"


def test_jsonl_shows_no_control_characters_to_a_terminal():
    assert as_jsonl([outcome(1, note="\x9b31m\u202e")]).decode().strip("\n").isprintable()


GOOD_CSV = as_csv([outcome(1, note="a,b")])
GOOD_JSONL = as_jsonl([outcome(1)])


@pytest.mark.parametrize(
    "line",
    [
        GOOD_CSV[:-1],
        b"\n",
        b"1,2,true,imported,200,a,b,c,d\n",
        b"1,2,true,imported,200,a,b,c,d,e,f\n",
        b"1,2,true,failed,200,a,b,c,d,e\n",
        b"1,2,false,imported,200,a,b,c,d,e\n",
        b"1,2,TRUE,imported,200,a,b,c,d,e\n",
        b"1,2,true,done,200,a,b,c,d,e\n",
        b"x,2,true,imported,200,a,b,c,d,e\n",
        b"-1,2,true,imported,200,a,b,c,d,e\n",
        b"1,,true,imported,200,a,b,c,d,e\n",
        b'1,2,true,imported,200,a,b,c,d,"e\n',
        b'1,2,true,imported,200,"a,b,c,d",e\n',
        b"1,2,true,imported,200,a,b,c,d,\xff\n",
        b"\x00" * 20 + b"\n",
    ],
)
def test_a_csv_line_that_is_not_ours_is_known(line):
    assert CSV.parse(GOOD_CSV) == (1, Status.IMPORTED)
    assert CSV.parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        GOOD_JSONL[:-1],
        GOOD_JSONL[:-2] + b"\n",
        b"\n",
        b"[]\n",
        b"{}\n",
        GOOD_JSONL.replace(b'"row":1', b'"row":"1"'),
        GOOD_JSONL.replace(b'"row":1', b'"row":true'),
        GOOD_JSONL.replace(b"true", b"false"),
        GOOD_JSONL.replace(b"true", b"1"),
        GOOD_JSONL.replace(b'"imported"', b'"done"'),
        GOOD_JSONL.replace(b'"imported"', b"[]"),
        GOOD_JSONL.replace(b'"Purchase"', b"7"),
        GOOD_JSONL.replace(b"200", b'"200"'),
        GOOD_JSONL.replace(b'"row":1', b'"line":1'),
        GOOD_JSONL.replace(b"Purchase", b"\xff"),
    ],
)
def test_a_jsonl_line_that_is_not_ours_is_known(line):
    assert JSONL.parse(GOOD_JSONL) == (1, Status.IMPORTED)
    assert JSONL.parse(line) is None
