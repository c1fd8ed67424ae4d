"""What a crash can leave of a results file, each case by name."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from results_helpers import counts_of, delivered_of, lines_of, outcome, outcomes

from importer.errors import ResultsError, StorageError
from importer.model import Status
from importer.results.counts import Counts, ResultsState
from importer.results.recovery import inspect_results, matches_disk, repair_results
from importer.results.rows import CSV, JSONL
from importer.results.writer import ResultsWriter

MIXED = [
    outcome(1),
    outcome(2, Status.INVALID, error='time: found "x", expected a time', event="Kauf, groß"),
    outcome(5, Status.FAILED, note="=1"),
]


def written(tmp_path, name="r.csv", lines=MIXED):
    path = tmp_path / name
    with ResultsWriter.create(path) as writer:
        writer.write([delivered_of(lines)])
    return path


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_whole_file_stays_as_it_is(tmp_path, name):
    path = written(tmp_path, name)
    before = path.read_bytes()
    assert repair_results(path) == ResultsState(
        3, 5, Counts(imported=1, invalid=1, failed=1), len(before), has_torn_end=False
    )
    assert path.read_bytes() == before


def test_no_file_stands_at_nothing(tmp_path):
    assert repair_results(tmp_path / "r.csv") == ResultsState()
    assert not (tmp_path / "r.csv").exists()


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_an_empty_file_stands_at_nothing(tmp_path, name):
    (tmp_path / name).touch()
    assert repair_results(tmp_path / name) == ResultsState()


def test_a_header_alone_holds_no_records(tmp_path):
    path = written(tmp_path, lines=[])
    assert repair_results(path) == ResultsState(valid_bytes=len(CSV.header))


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_cut_at_any_byte_a_file_is_repaired_to_a_true_beginning(tmp_path, name):
    path = written(tmp_path, name)
    whole = path.read_bytes()
    form = JSONL if name == "r.jsonl" else CSV
    ends = [0, *([len(form.header)] if form.header else [])]
    ends += [len(form.header + lines_of(form, MIXED[:n])) for n in range(1, 4)]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        state = repair_results(path)
        expected = max(end for end in ends if end <= length)
        assert path.read_bytes() == whole[:expected]
        assert state.valid_bytes == expected
        assert state.has_torn_end == (expected != length)
        assert state.counts == counts_of(each.status for each in MIXED[: state.records])
        assert repair_results(path).has_torn_end is False


def test_a_repaired_file_can_be_continued_from_any_cut(tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        state = repair_results(path)
        with ResultsWriter.resume(path, state) as writer:
            writer.write([delivered_of(MIXED[state.records :])])
        assert path.read_bytes() == whole


def test_a_torn_header_is_as_good_as_nothing(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(CSV.header[:17])
    assert repair_results(path) == ResultsState(has_torn_end=True)
    assert path.read_bytes() == b""


def test_a_last_line_that_makes_no_sense_is_cut_off(tmp_path):
    path = written(tmp_path)
    length = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"6,7,true,imp\n")
    assert repair_results(path).has_torn_end
    assert path.stat().st_size == length


def test_a_last_line_out_of_order_is_cut_off(tmp_path):
    path = written(tmp_path, lines=[outcome(1), outcome(2), outcome(2)])
    assert repair_results(path).records == 2


def test_a_block_that_lost_power_ends_what_is_trusted(tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0" * 4096 + b"tail\n" + CSV.encode(outcome(90)))
    assert repair_results(path) == ResultsState(
        3, 5, Counts(imported=1, invalid=1, failed=1), len(whole), has_torn_end=True
    )
    assert path.read_bytes() == whole


def test_a_file_of_nothing_but_lost_blocks_stands_at_nothing(tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(b"\0" * 4096)
    assert repair_results(path) == ResultsState(has_torn_end=True)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_an_edited_line_in_the_middle_stops_and_is_named(tmp_path, name):
    path = written(tmp_path, name)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-2] = b"whatever\x1b[31m\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(ResultsError) as caught:
        repair_results(path)
    assert f"line {len(lines) - 1}:" in caught.value.message
    assert "'whatever\\x1b[31m" in caught.value.message.replace("b'", "'")
    assert caught.value.remedy
    assert path.read_bytes() == b"".join(lines)


def test_lines_that_were_sorted_otherwise_stop(tmp_path):
    path = written(tmp_path, lines=[outcome(1), outcome(3), outcome(2), outcome(4)])
    with pytest.raises(ResultsError, match="line 4: row 2 comes after row 3"):
        repair_results(path)


@pytest.mark.parametrize(
    "content",
    [
        b"name,age\nbob,7\n",
        b"\xef\xbb\xbf" + CSV.header,  # saved by a spreadsheet
        CSV.header.replace(b"\n", b"\r\n"),
        b"PK\x03\x04",
        b"x",
    ],
)
def test_a_file_that_is_not_ours_is_never_touched(tmp_path, content):
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=r"is not a results file|saved by another program"):
        repair_results(path)
    assert path.read_bytes() == content


def test_a_jsonl_file_that_is_not_ours_is_never_touched(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"event": "a"}')
    with pytest.raises(ResultsError, match="is not a results file"):
        repair_results(path)
    assert path.read_bytes() == b'{"event": "a"}'


def test_a_folder_is_a_clear_error(tmp_path):
    with pytest.raises(ResultsError, match="can't be read"):
        repair_results(tmp_path)


def test_looking_changes_nothing(tmp_path):
    path = written(tmp_path)
    torn = path.read_bytes()[:-3]
    path.write_bytes(torn)
    assert inspect_results(path).has_torn_end
    assert path.read_bytes() == torn


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anything")
def test_a_torn_file_that_can_not_be_cut_is_a_clear_error(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    path.chmod(0o400)
    with pytest.raises(StorageError, match="can't be written"):
        repair_results(path)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
@pytest.mark.parametrize("lines", [MIXED, []])
def test_a_file_holds_what_was_counted_as_long_as_nobody_touches_it(tmp_path, name, lines):
    path = written(tmp_path, name, lines)
    known = inspect_results(path)
    assert matches_disk(path, known)
    whole = path.read_bytes()
    for other in (whole + b"\n", whole + b"x"):
        path.write_bytes(other)
        assert not matches_disk(path, known)
    if lines:
        path.write_bytes(whole[:-1])
        assert not matches_disk(path, known)
        path.write_bytes(whole.replace(b"Kauf", b"Ka\nf"))  # as long as before, but for a line
        assert not matches_disk(path, known)
    path.unlink()
    assert not matches_disk(path, known)


def test_a_file_of_many_blocks_is_counted_whole(tmp_path):
    path = written(tmp_path, lines=[outcome(row, note="n" * 200) for row in range(1, 9_001)])
    known = inspect_results(path)
    assert path.stat().st_size > 1 << 21
    assert matches_disk(path, known)
    assert not matches_disk(path, replace(known, records=8_999))


LONG = [
    outcome(row, Status.REJECTED if row % 900 == 7 else Status.IMPORTED, note="n") for row in range(1, 4_001)
]


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
@pytest.mark.parametrize("number", [2, 1_500, 3_999])
def test_an_edited_line_is_named_in_a_file_of_many_blocks_too(tmp_path, name, number):
    path = written(tmp_path, name, LONG)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b"Purchase", b"Purchase\n")
    path.write_bytes(b"".join(lines))
    with pytest.raises(ResultsError, match=f"line {number}: "):
        inspect_results(path)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
@pytest.mark.parametrize("kept", [1, 1_500, 3_999])
@pytest.mark.parametrize("tail", [b"17,18,tr", b"\0" * 999 + b"\n9\n", b"1,2,true,imported,200,a,b,c,d,e\n"])
def test_what_a_crash_left_is_found_behind_many_blocks_too(tmp_path, name, kept, tail):
    path = written(tmp_path, name, LONG[:kept])
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    counts = counts_of(each.status for each in LONG[:kept])
    assert inspect_results(path) == ResultsState(kept, kept, counts, len(whole), has_torn_end=True)
    path.write_bytes(whole)
    assert inspect_results(path) == ResultsState(kept, kept, counts, len(whole))


def test_quotes_and_other_alphabets_do_not_hide_a_line_that_is_out_of_order(tmp_path):
    odd = [outcome(row, error='a,"b"', event="Käufe €") for row in range(1, 2_001)]
    path = written(tmp_path, lines=[*odd, outcome(2_000), outcome(2_001)])
    with pytest.raises(ResultsError, match="line 2002: row 2000 comes after row 2000"):
        inspect_results(path)


def test_counts_add_up():
    counts = counts_of([*Status, Status.IMPORTED])
    assert counts == Counts(2, 1, 1, 1, 1, 1, 1)
    assert (counts.total, counts.succeeded, counts.unsuccessful, counts.landed) == (8, 4, 3, 4)
    assert counts + counts - counts == counts
    assert [each.status for each in outcomes(Status)] == list(Status)
