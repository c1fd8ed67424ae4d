"""How an outcome becomes a line, and what a line is taken for when it is read back."""

from __future__ import annotations

import csv
import io
import json
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_helpers import lines_of, outcome

from importer.model import Outcome, Status
from importer.results.rows import (
    COLUMNS,
    COLUMNS_BEFORE,
    CSV,
    CSV_FORMATS,
    JSONL,
    JSONL_FORMATS,
    LONGEST_ERROR,
)

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
    time=st.none() | st.integers(-(10**15), 10**15),
)


as_csv, as_jsonl = partial(lines_of, CSV), partial(lines_of, JSONL)


def csv_cells(*written: Outcome) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(written).decode(), newline=""), strict=True))


def test_a_csv_line_holds_the_columns_in_order():
    assert as_csv(
        [outcome(7, Status.REJECTED, status_code=400, error="time: too old", note="n", time=-5)]
    ) == (b"7,8,false,rejected,400,Purchase,user-7,00000000000000000000000000000007,time: too old,n,-5\n")


def test_the_header_names_the_columns_in_order():
    assert CSV.header == b"row,line,success,status,status_code,event,distinct_id,insert_id,error,note,time\n"


@pytest.mark.parametrize(
    ("status", "success"),
    [
        ("imported", "true"),
        ("accepted", "true"),
        ("valid", "true"),
        ("rejected", "false"),
        ("invalid", "false"),
        ("failed", "false"),
        ("skipped", "false"),
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
    assert lines[1].endswith(b',,"a,b",1767225600002\n')
    assert lines[2] == as_csv([outcome(3)])


@pytest.mark.parametrize("form", [CSV, JSONL])
def test_a_long_error_is_cut_with_an_ellipsis(form):
    data = lines_of(form, [outcome(1, Status.REJECTED, error="x" * 301)]).decode()
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
    assert [CSV.parse(line.encode()) for line in lines] == [(each.row, each.status, 0) for each in written]
    assert [len(cells) for cells in csv_cells(*written)] == [len(COLUMNS)] * len(written)


@given(any_outcome, st.lists(any_outcome, max_size=3))
def test_a_line_does_not_depend_on_the_lines_it_is_written_with(first, others):
    assert as_csv([first, *others]) == as_csv([first]) + as_csv(others)


@given(any_outcome)
def test_a_csv_cell_never_begins_as_a_formula(written):
    (cells,) = csv_cells(written)
    assert cells.pop() == str("" if written.time is None else written.time)  # before 1970 it is below 0
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@given(st.lists(any_outcome, max_size=5))
def test_every_outcome_is_one_whole_jsonl_line_that_is_read_back(written):
    lines = as_jsonl(written).decode().splitlines(keepends=True)
    assert [JSONL.parse(line.encode()) for line in lines] == [(each.row, each.status, 0) for each in written]


@given(any_outcome.filter(lambda each: len(each.error) <= LONGEST_ERROR))
def test_jsonl_holds_values_unchanged(written):
    found = json.loads(as_jsonl([written]))
    assert tuple(found) == COLUMNS
    for name in ("event", "distinct_id", "insert_id", "error", "note"):
        value = getattr(written, name)
        if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in "".join(written[4:9])):
            assert found[name] == value
    assert found["success"] is written.status.success
    assert (found["status_code"], found["time"]) == (written.status_code, written.time)


def test_jsonl_writes_a_byte_that_was_not_utf8_as_an_escape():
    assert orjson.loads(as_jsonl([outcome(1, event="caf\udce9")]))["event"] == r"caf\xe9"


def test_jsonl_shows_no_control_characters_to_a_terminal():
    assert as_jsonl([outcome(1, note="\x9b31m\u202e")]).decode().strip("\n").isprintable()


@given(any_outcome)
def test_what_a_line_holds_is_read_back(written):
    for form in (CSV, JSONL):
        line = form.encode(written)
        values = form.values(line)
        assert tuple(values) == COLUMNS
        assert (int(values["row"]), int(values["line"]), values["status"]) == written[:3]
        assert values["time"] in (written.time, str(written.time), form.no_time if form is CSV else None)
    if "".join(written[4:8]).isprintable():
        assert CSV.read_text(CSV.encode(written), "insert_id") == written.insert_id.removeprefix(
            "'" if written.insert_id.startswith(("'=", "'+", "'-", "'@")) else "\0"
        )


def test_the_columns_of_older_files_are_those_without_a_time():
    assert (
        CSV_FORMATS[0].header
        == b"row,line,success,status,status_code,event,distinct_id,insert_id,error,note\n"
    )
    line = outcome(1, note="a,b")
    assert CSV_FORMATS[0].encode(line) == CSV.encode(line).replace(b",1767225600001\n", b"\n")
    assert JSONL_FORMATS[0].encode(line) == JSONL.encode(line).replace(b',"time":1767225600001}', b"}")
    assert tuple(json.loads(JSONL_FORMATS[0].encode(outcome(1, note="\x00")))) == COLUMNS_BEFORE


GOOD_CSV = as_csv([outcome(1, note="a,b")])
GOOD_JSONL = as_jsonl([outcome(1)])
HEAD = b"1,2,true,imported,200,a,b,c,d,e"


@pytest.mark.parametrize(
    "line",
    [
        GOOD_CSV[:-1],
        b"\n",
        HEAD[:-2] + b",5\n",
        HEAD + b"\n",
        HEAD + b",5,1\n",
        HEAD + b",x\n",
        HEAD + b",5.0\n",
        HEAD + b",+5\n",
        HEAD + b",-\n",
        HEAD + b', "5"\n',
        HEAD + b",1234567890123456789\n",
        b"1,2,true,failed,200,a,b,c,d,e,5\n",
        b"1,2,false,imported,200,a,b,c,d,e,5\n",
        b"1,2,true,skipped,200,a,b,c,d,e,5\n",
        b"1,2,TRUE,imported,200,a,b,c,d,e,5\n",
        b"1,2,true,done,200,a,b,c,d,e,5\n",
        b"x,2,true,imported,200,a,b,c,d,e,5\n",
        b"-1,2,true,imported,200,a,b,c,d,e,5\n",
        b"1234567890123456789,2,true,imported,200,a,b,c,d,e,5\n",
        b"9" * 5000 + b",2,true,imported,200,a,b,c,d,e,5\n",
        b"1,,true,imported,200,a,b,c,d,e,5\n",
        b'1,2,true,imported,200,a,b,c,d,"e,5\n',
        b'1,2,true,imported,200,"a,b,c,d",e,5\n',
        b'1,2,true,imported,200,a,b,c,d,e,"f,5"\n',
        b"1,2,true,imported,200,a,b,c,d,\xff,5\n",
        b"\x00" * 20 + b"\n",
    ],
)
def test_a_csv_line_that_is_not_ours_is_known(line):
    assert CSV.parse(GOOD_CSV) == (1, Status.IMPORTED, 0)
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
        GOOD_JSONL.replace(b'"row":1', b'"row":1234567890123456789'),
        GOOD_JSONL.replace(b"true", b"false"),
        GOOD_JSONL.replace(b"true", b"1"),
        GOOD_JSONL.replace(b'"imported"', b'"done"'),
        GOOD_JSONL.replace(b'"imported"', b"[]"),
        GOOD_JSONL.replace(b'"Purchase"', b"7"),
        GOOD_JSONL.replace(b"200", b'"200"'),
        GOOD_JSONL.replace(b'"row":1', b'"line":1'),
        GOOD_JSONL.replace(b"Purchase", b"\xff"),
        GOOD_JSONL.replace(b',"time":1767225600001', b""),
        GOOD_JSONL.replace(b"1767225600001", b"true"),
        GOOD_JSONL.replace(b"1767225600001", b"1.5"),
        GOOD_JSONL.replace(b"1767225600001", b'"1767225600001"'),
        GOOD_JSONL.replace(b"1767225600001", b"-1234567890123456789"),
        GOOD_JSONL.replace(b"1767225600001", b'1,"item":1'),
    ],
)
def test_a_jsonl_line_that_is_not_ours_is_known(line):
    assert JSONL.parse(GOOD_JSONL) == (1, Status.IMPORTED, 0)
    assert JSONL.parse(line) is None


@pytest.mark.parametrize("time", [b"", b"0", b"-5", b"123456789012345678"])
def test_a_time_is_an_integer_or_nothing(time):
    assert CSV.parse(HEAD + b"," + time + b"\n") == (1, Status.IMPORTED, 0)
    assert JSONL.parse(GOOD_JSONL.replace(b"1767225600001", time or b"null")) == (1, Status.IMPORTED, 0)


def test_a_line_of_one_of_several_events_of_a_record_names_it():
    of_csv, of_jsonl = CSV_FORMATS[2], JSONL_FORMATS[2]
    assert of_csv.header == CSV.header[:-1] + b",item\n"
    assert of_csv.parse(HEAD + b",5,2\n") == of_csv.parse(HEAD + b",,2\n") == (1, Status.IMPORTED, 2)
    assert of_jsonl.parse(GOOD_JSONL.replace(b"}", b',"item":2}')) == (1, Status.IMPORTED, 2)
    for item in (b"", b"x", b"-1", b"1.0"):
        assert of_csv.parse(HEAD + b",5," + item + b"\n") is None
    for item in (b"null", b"1.0", b'"2"', b"true"):
        assert of_jsonl.parse(GOOD_JSONL.replace(b"}", b',"item":' + item + b"}")) is None
    assert of_csv.parse(HEAD + b",5\n") is None
    assert of_jsonl.parse(GOOD_JSONL) is None
