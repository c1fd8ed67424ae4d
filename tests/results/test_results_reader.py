"""Lines that are checked and read by compiled code are so as `rows` says, one by one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_helpers import lines_of, outcome

from importer import speedups
from importer.errors import ResultsError
from importer.model import Outcome, Status
from importer.results.counts import Counts
from importer.results.reader import STATUSES, read_columns
from importer.results.recovery import CheckedLines, LineChecker
from importer.results.row_and_item import MOST_ITEM, MOST_ROW, place_of
from importer.results.rows import CSV, CSV_FORMATS, JSONL, JSONL_FORMATS, RowFormat

FORMS = [*CSV_FORMATS, *JSONL_FORMATS]
BOTH = [True, False] if speedups.COMPILED else [False]

texts = st.sampled_from(
    ["", "a,b", 'say "hi"', '"', '",', ',"', '""', "=1", "'=1", "'", "a\nb", "ü", "漢", "😀", "\x00", "\x7f", "\udcff", "\\",
     "q", "7"]
) | st.text(max_size=3)  # fmt: skip
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
        time=st.none() | st.integers(-(10**15), 10**15),
        item=st.just(1),
    ),
    min_size=1,
    max_size=5,
)


def block_of(form: RowFormat, written: list[Outcome], items: list[int] | None = None) -> bytes:
    """The lines of outcomes in a form; with an item, if the form has it."""
    if "item" not in form.columns:
        return lines_of(form, written)
    given = items or [1] * len(written)
    return lines_of(form, [each._replace(item=item) for each, item in zip(written, given, strict=True)])


def one_by_one(form: RowFormat, block: bytes, last: tuple[int, int]) -> CheckedLines:
    """What the parser of lines says of each of them, up to the first that is not as it should be."""
    tally: Counter[Status] = Counter()
    size = lines = 0
    for line in block.split(b"\n"):
        found = form.parse(line + b"\n")
        if found is None or (found.row, found.item) <= last or size + len(line) == len(block):
            break
        last = (found.row, found.item)
        tally[found.status] += 1
        size, lines = size + len(line) + 1, lines + 1
    return CheckedLines(lines, size, last, tally)


def check(form: RowFormat, block: bytes, last: tuple[int, int] = (0, 0)) -> CheckedLines:
    found, *others = (LineChecker(form, compiled=compiled).check(block, last) for compiled in BOTH)
    assert all(other == found for other in others)
    return found


@pytest.mark.parametrize("form", FORMS)
@given(written=outcomes, first=st.integers(1, 10**9), step=st.integers(1, 9))
def test_what_was_written_by_us_is_well_formed(form, written, first, step):
    lines = [each._replace(row=first + i * step) for i, each in enumerate(written)]
    block = block_of(form, lines)
    tally = Counter(each.status for each in lines)
    item = int("item" in form.columns)
    assert check(form, block, (first - 1, 9)) == CheckedLines(
        len(lines), len(block), (lines[-1].row, item), tally
    )
    assert check(form, block, (first, 9)) == CheckedLines(0, 0, (first, 9), {})


pieces = st.sampled_from(
    [b",", b"\n", b'"', b"q", b"1", b"7,8", b"true", b"imported", b"false,failed", b"\xff", b"\xc3", b"\xbc", b"\0",
     b"\\", b"\\u00e9", b"\\n", b"-", b"0", b"null", b"{", b"}", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xe0\x80\x80",
     b"\xf4\x90\x80\x80", b"\xc0\xaf", b'":', b"'", b"9999999999999999999"]
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@given(written=outcomes, data=st.data())
def test_of_lines_that_were_edited_the_same_beginning_is_trusted(form, written, data):
    block = block_of(form, [each._replace(row=i) for i, each in enumerate(written, 1)])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(block)))
        end = data.draw(st.integers(start, min(len(block), start + 12)))
        block = block[:start] + data.draw(st.lists(pieces, max_size=3).map(b"".join)) + block[end:]
    assert check(form, block) == one_by_one(form, block, (0, 0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "letter", [chr(code) for code in (*range(0x180), 0x2028, 0xD7FF, 0xE000, 0xFFFF, 0x10FFFF)]
)
def test_every_letter_is_read_as_it_was_written(form, letter):
    block = block_of(form, [outcome(1, event=letter, insert_id=letter), outcome(2, note=f"a{letter}")])
    assert check(form, block).size == len(block)


GOOD = lines_of(CSV, [outcome(1), outcome(2), outcome(3)])


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (GOOD[:-1], 2),
        (GOOD + b"4", 3),
        (b"\n" + GOOD, 0),
        (GOOD + b"\n", 3),
        # A comma too few, and one too many in the next line: as many as there should be.
        (GOOD.replace(b"200,Purchase", b"200", 1).replace(b"\n2,", b"\n2,2,"), 0),
        (b"1,2,true,imported\n5,6,7,8,9,10\n" + GOOD, 0),
        (b'1,2,true,imported,200,"a,b,c,d,e\n2,3,true,imported,200,a,b,c,d,e",5\n', 0),
        (b'"1"1,2,true,imported,200,a,b,c,d,e,5\n', 0),
        (b'1,2,true,imported"x",200,a,b,c,d,e,5\n', 0),
        (b"1,2,true,failed,200,a,b,c,d,e,5\n2,3,false,imported,200,a,b,c,d,e,5\n", 0),
        (b"1.5,2,true,imported,200,a,b,c,d,e,5\n", 0),
        (b"\xd9\xa1,2,true,imported,200,a,b,c,d,e,5\n", 0),
        (b"0,2,true,imported,200,a,b,c,d,e,5\n", 0),
        (b"007,2,true,imported,200,a,b,c,d,e,5\n", 1),
        (b"x", 0),
        (b"", 0),
        (lines_of(CSV, [outcome(2), outcome(1)]), 1),
        (lines_of(CSV, [outcome(2), outcome(2)]), 1),
    ],
)
def test_lines_are_trusted_up_to_the_first_that_is_not_ours(block, lines):
    assert check(CSV, block) == one_by_one(CSV, block, (0, 0))
    assert check(CSV, block).lines == lines


@pytest.mark.parametrize(
    "number", [b"0", b"00", b"01", b"-1", b"-0", b"-01", b"1.0", b"1e1", b"+1", b"-", b""]
)
@pytest.mark.parametrize("column", ["row", "line", "status_code", "time", "item"])
@pytest.mark.parametrize("form", [CSV_FORMATS[2], JSONL_FORMATS[2]])
def test_numbers_that_we_do_not_write_are_taken_as_they_are_one_by_one(form, column, number):
    values = {"row": b"1", "line": b"2", "status_code": b"200", "time": b"5", "item": b"1", column: number}
    head = b"%(row)s,%(line)s,true,imported,%(status_code)s,a,b,c,d,e,%(time)s,%(item)s\n"
    if not form.header:
        head = (
            b'{"row":%(row)s,"line":%(line)s,"success":true,"status":"imported","status_code":%(status_code)s,'
            b'"event":"a","distinct_id":"b","insert_id":"c","error":"d","note":"e","time":%(time)s,"item":%(item)s}\n'
        )
    block = head % {name.encode(): value for name, value in values.items()}
    for last in ((0, 0), (-9, 0)):
        assert check(form, block, last) == one_by_one(form, block, last)


@pytest.mark.parametrize("form", [CSV_FORMATS[2], JSONL_FORMATS[2]])
@pytest.mark.parametrize(
    ("places", "lines"),
    [
        ([(1, 1), (1, 2), (2, 1)], 3),
        ([(1, 1), (1, 1), (2, 1)], 1),
        ([(1, 2), (1, 1)], 1),
        ([(2, 5), (3, 1), (2, 6)], 2),
    ],
)
def test_lines_of_one_record_are_in_the_order_of_its_events(form, places, lines):
    block = block_of(form, [outcome(row) for row, _ in places], [item for _, item in places])
    assert check(form, block) == one_by_one(form, block, (0, 0))
    assert (check(form, block).lines, check(form, block).last) == (lines, places[lines - 1])


@pytest.mark.parametrize("form", [CSV_FORMATS[2], JSONL_FORMATS[2]])
@pytest.mark.parametrize(
    ("row", "item", "lines"),
    [(MOST_ROW, MOST_ITEM, 1), (MOST_ROW + 1, 1, 0), (1, MOST_ITEM + 1, 0), (10**17, 1, 0), (1, 10**17, 0)],
)
def test_a_row_or_an_item_that_no_place_holds_is_none_of_ours(form, row, item, lines):
    block = block_of(form, [outcome(1)], [1])
    if form.header:
        block = block.replace(b"1,2,", b"%d,2," % row, 1).replace(b",1\n", b",%d\n" % item)
    else:
        block = block.replace(b'"row":1', b'"row":%d' % row).replace(b'"item":1', b'"item":%d' % item)
    assert check(form, block).lines == one_by_one(form, block, (0, 0)).lines == lines


# ── columns ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMS)
@given(written=outcomes, data=st.data())
def test_columns_hold_what_the_lines_hold(tmp_path_factory, form, written, data):
    written = [each._replace(row=i * 3) for i, each in enumerate(written, 1)]
    path = tmp_path_factory.mktemp("columns") / ("r.csv" if form.header else "r.jsonl")
    block = block_of(form, written)
    path.write_bytes(form.header + block + b"17,unfinished")
    chosen = bytes(data.draw(st.lists(st.integers(0, 1), min_size=len(written), max_size=len(written))))
    wanted = [
        line for line, is_chosen in zip(block.splitlines(keepends=True), chosen, strict=True) if is_chosen
    ]
    for compiled in BOTH:
        (columns,) = read_columns(path, len(form.header + block), compiled=compiled)
        item = int("item" in form.columns)
        assert list(columns.places) == [place_of(each.row, item) for each in written]
        assert [STATUSES[number] for number in columns.statuses] == [each.status for each in written]
        assert columns.insert_ids(chosen) == [form.read_text(line, "insert_id") for line in wanted]
        assert columns.errors(chosen) == [form.read_text(line, "error") for line in wanted]
        assert columns.count(chosen) == Counts.from_tally(Counter(form.parse(line).status for line in wanted))
        failed = frozenset({Status.FAILED, Status.INVALID})
        assert list(columns.having(failed)) == [each.status in failed for each in written]


@pytest.mark.parametrize("compiled", BOTH)
@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_file_that_changes_while_it_is_read_is_a_clear_error(tmp_path, name, compiled):
    path = tmp_path / name
    form = JSONL if name == "r.jsonl" else CSV
    whole = form.header + lines_of(form, [outcome(row) for row in range(1, 5)])
    for changed in (whole.replace(b"true", b"tru_"), whole[:-9], form.header):
        path.write_bytes(changed)
        with pytest.raises(ResultsError, match="was changed while it was read"):
            list(read_columns(path, len(whole), compiled=compiled))
