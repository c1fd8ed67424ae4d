"""The first records that were not taken, found without reading what was."""

from __future__ import annotations

from itertools import islice

import pytest
from results_helpers import outcome, write_results

from importer.model import Status
from importer.results.reader import FailedRow, read_failures


@pytest.fixture(params=["csv", "jsonl"])
def path(request, tmp_path):
    return tmp_path / f"r.{request.param}"


def test_records_without_success_are_found_in_order(path):
    lines = [
        outcome(1),
        outcome(2, Status.REJECTED, error='time: found "x, y", expected a time'),
        outcome(3, note="a,false,b"),
        outcome(4, Status.INVALID, error="=", event=',"false",'),
        outcome(5, distinct_id='"success":false'),
        outcome(6, Status.FAILED, error=""),
    ]
    csv = path.suffix == ".csv"
    assert list(read_failures(write_results(path, lines))) == [
        FailedRow(2, 3, "rejected", 'time: found "x, y", expected a time'),
        FailedRow(4, 5, "invalid", "'=" if csv else "="),
        FailedRow(6, 7, "failed", ""),
    ]


def test_they_are_found_in_any_block_of_a_long_file(path):
    rows = {1, 2, 9_000, 17_777, 30_000}
    lines = [outcome(row, Status.FAILED if row in rows else Status.IMPORTED) for row in range(1, 30_001)]
    assert write_results(path, lines).stat().st_size > 1 << 21
    assert {each.row for each in read_failures(path)} == rows


def test_lines_that_lie_across_two_blocks_are_found_whole(path):
    write_results(path, [outcome(row, Status.FAILED) for row in range(1, 20_001)])
    assert [each.row for each in read_failures(path)] == list(range(1, 20_001))


def test_no_more_is_read_than_is_asked_for(path):
    write_results(path, [outcome(1, Status.FAILED), outcome(2, Status.FAILED)])
    with path.open("ab") as file:
        file.write(b'x,false,"success":false\n')
    assert [each.row for each in islice(read_failures(path), 2)] == [1, 2]


def test_where_all_was_taken_nothing_is_found(path):
    assert list(read_failures(write_results(path, [outcome(1), outcome(2)]))) == []
