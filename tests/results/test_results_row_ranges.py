from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_helpers import manifest

from importer.results.manifest_check import find_fault
from importer.results.row_ranges import read_ranges, write_ranges


@pytest.mark.parametrize(
    ("rows", "text"),
    [([], ""), ([1], "1"), ([2, 5, 6], "2,5-6"), ([1, 2, 3, 7, 9, 10], "1-3,7,9-10")],
)
def test_numbers_that_stand_together_are_one_range(rows, text):
    assert write_ranges(rows) == text


@given(st.sets(st.integers(1, 60), min_size=1))
def test_what_was_written_is_read_again(rows):
    assert [row for each in read_ranges(write_ranges(sorted(rows))) for row in each] == sorted(rows)


@pytest.mark.parametrize(
    "text", ["", "0", "1,", "1-", "3-2", "2,1", "1,1", "1-3,3", "a", "1 2", "-1", "1" * 40]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="expected"):
        read_ranges(text)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"mended_rows": "2,5-6", "parent": "r.csv"}, ""),
        ({"mended_rows": "6,5", "parent": "r.csv"}, "mended_rows is '6,5': expected rising numbers"),
        ({"mended_rows": "2"}, "mended_rows needs a parent"),
        ({"mended_rows": "1-999999999999", "parent": "r.csv"}, "mended_rows are 999,999,999,999"),
        ({"refused_at": ("https://a.org",)}, ""),
        ({"refused_at": ("ftp://a.org",)}, "refused_at holds 'ftp://a.org'"),
    ],
)
def test_a_manifest_with_rows_or_hosts_that_can_not_be_is_faulty(changes, fault):
    found = find_fault(replace(manifest(), **changes))
    assert found.startswith(fault)
    assert bool(found) == bool(fault)
