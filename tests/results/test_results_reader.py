"""Many lines that are checked at once are checked as they would be one by one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_helpers import columns_of, outcome

from importer.model import Outcome, Status
from importer.results.reader import CheckedLines, check_block, check_lines
from importer.results.rows import CSV

texts = st.sampled_from(
    [
        "",
        "a,b",
        'say "hi"',
        '"',
        '",',
        ',"',
        '""',
        "=1",
        "a\nb",
        "ü",
        "漢",
        "\x00",
        "\x7f",
        "\udcff",
        "q",
        "7",
    ]
)
outcomes = st.lists(
    st.builds(
        Outcome,
        row=st.just(0),
        line=st.integers(1, 10**6),
        status=st.sampled_from(Status),
        status_code=st.none() | st.integers(100, 599),
        event=texts,
        distinct_id=texts,
        insert_id=texts,
        error=texts | st.text(max_size=9),
        note=texts,
    ),
    min_size=1,
    max_size=5,
)


def encoded(*lines: Outcome) -> bytes:
    return CSV.encode(columns_of(lines))


def one_by_one(block: bytes, last_row: int) -> CheckedLines | None:
    """What the parser of lines says of each of them."""
    tally: Counter[Status] = Counter()
    lines = block.split(b"\n")
    for line in lines[:-1]:
        found = CSV.parse(line + b"\n")
        if found is None or found.row <= last_row:
            return None
        last_row = found.row
        tally[found.status] += 1
    return None if lines[-1] else CheckedLines(len(lines) - 1, len(block), last_row, tally)


@given(outcomes, st.integers(1, 10**9), st.integers(1, 9))
def test_all_that_was_written_by_us_is_known_at_once(written, first, step):
    lines = [each._replace(row=first + i * step) for i, each in enumerate(written)]
    block = encoded(*lines)
    assert check_block(block, first - 1) == one_by_one(block, first - 1)
    assert check_block(block, first - 1) == CheckedLines(
        len(lines), len(block), lines[-1].row, Counter(each.status for each in lines)
    )
    assert check_block(block, first) is None


pieces = st.sampled_from(
    [
        b",",
        b"\n",
        b'"',
        b"q",
        b"1",
        b"7,8",
        b"true",
        b"imported",
        b"false,failed",
        b"\xff",
        b"\xc3",
        b"\xbc",
        b"\0",
    ]
)


@given(outcomes, st.data())
def test_of_lines_that_were_edited_nothing_is_said_that_is_not_true(written, data):
    block = encoded(*[each._replace(row=i) for i, each in enumerate(written, 1)])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(block)))
        end = data.draw(st.integers(start, min(len(block), start + 12)))
        block = block[:start] + data.draw(st.lists(pieces, max_size=3).map(b"".join)) + block[end:]
    found, expected = check_block(block, 0), one_by_one(block, 0)
    assert found is None or found == expected
    checked = check_lines(block, CSV, 0)
    assert checked == expected or (expected is None and checked.size < len(block))
    assert checked == one_by_one(block[: checked.size], 0)


GOOD = encoded(outcome(1), outcome(2), outcome(3))


@pytest.mark.parametrize(
    "block",
    [
        GOOD[:-1],
        GOOD + b"4",
        b"\n" + GOOD,
        GOOD + b"\n",
        # A comma too few, and one too many in the next line: as many as there should be.
        GOOD.replace(b"200,Purchase", b"200", 1).replace(b"\n2,", b"\n2,2,"),
        b"1,2,true,imported\n5,6,7,8,9\n" + GOOD,
        b"1,2,true,imported,200,a,b,c,d\n2,3,true,imported,200,a,b,c,d,e,f\n",
        b"1,2,true,imported,\n,a,b,c,d,e\n",
        b'1,2,true,imported,200,"a,b,c,d",e\n',
        b'1,2,true,imported,200,"a,b,c,d,e\n2,3,true,imported,200,a,b,c,d,e"\n',
        b'"1"1,2,true,imported,200,a,b,c,d,e\n',
        b'1,2,true,imported"x",200,a,b,c,d,e\n',
        b"1,2,true,failed,200,a,b,c,d,e\n",
        b"1,2,false,imported,200,a,b,c,d,e\n",
        b"1,2,true,failed,200,a,b,c,d,e\n2,3,false,imported,200,a,b,c,d,e\n",
        b"1,2,false,failed,200,a,b,c,d,e\n2,3,true,failed,200,a,b,c,d,e\n",
        b"1,2,true,done,200,a,b,c,d,e\n",
        b"-1,2,true,imported,200,a,b,c,d,e\n",
        b"1,-2,true,imported,200,a,b,c,d,e\n",
        b"1,,true,imported,200,a,b,c,d,e\n",
        b",2,true,imported,200,a,b,c,d,e\n",
        b"1.5,2,true,imported,200,a,b,c,d,e\n",
        b"\xd9\xa1,2,true,imported,200,a,b,c,d,e\n",
        b"1,2,true,imported,200,a,b,c,d,\xff\n",
        b'1,2,true,imported,200,a,b,c,d,"\xff"\n',
        encoded(outcome(2), outcome(1)),
        encoded(outcome(2), outcome(2)),
        b"0,2,true,imported,200,a,b,c,d,e\n",
        b"x",
    ],
)
def test_lines_that_are_not_ours_are_left_to_be_read_one_by_one(block):
    assert check_block(block, 0) is None
    assert one_by_one(block, 0) is None


@pytest.mark.parametrize("row", [b"007", b"9223372036854775808", b"18446744073709551616"])
def test_rows_that_no_file_of_ours_has_are_left_to_be_read_by_themselves(row):
    block = row + b",8,true,imported,200,a,b,c,d,e\n"
    assert check_block(block, 0) is None
    assert one_by_one(block, 0) == CheckedLines(1, len(block), int(row), {Status.IMPORTED: 1})
