"""What is known of two parts of a source, merged, is what one pass over both finds."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.events.number_marks import marks_of
from importer.profile.column_types import TypeInference
from importer.profile.summary import MAX_NAMES, SummaryCounter
from importer.profile.type_attention import type_attention
from importer.profile.unique import UniqueCheck
from importer.reading import AttentionRow, Dialect, Reading

CELLS = [
    "",
    "NA",
    "null",
    "1",
    "1.50",
    "2.0",
    "1,5",
    "1.234,5",
    "$5",
    "2024-05-01",
    "2",
    "-3",
    "4.5",
    "1e5",
    "02134",
    "true",
    "FALSE",
    "x",
    "y",
    "z",
    "9007199254740993",
]
runs = st.tuples(st.sampled_from(CELLS), st.sampled_from([1, 1, 1, 60]))  # few and many values of a kind
cells = st.lists(runs, max_size=8).map(lambda parts: [cell for cell, times in parts for _ in range(times)])


readings = st.builds(
    Reading,
    st.just(Dialect("csv")),
    st.just(("a",)),
    st.just({}),
    null=st.sampled_from([(), ("NA",)]),
    decimal=st.sampled_from(["", ","]),
)


def inferred(*parts: Sequence[str], reading: Reading, start: int = 0) -> TypeInference:
    inference = TypeInference(["a"], reading.null, marks_of(reading))
    for part in parts:
        inference.add([part].__getitem__, row=lambda at, start=start: AttentionRow("a.csv", start + at))
        start += len(part)
    return inference


@settings(deadline=None, max_examples=700)
@given(cells, cells, cells, readings)
def test_types_of_parts_merge_to_those_of_the_whole(
    first: list[str], second: list[str], third: list[str], reading: Reading
):
    merged = inferred(first, reading=reading)
    merged.merge(inferred(second, reading=reading, start=len(first)))
    later = inferred(third, reading=reading, start=len(first) + len(second))
    merged.merge(pickle.loads(pickle.dumps(later)))
    for whole in (
        inferred(first + second + third, reading=reading),
        inferred(first, second, third, reading=reading),
    ):
        assert merged.profiles() == whole.profiles()
        assert type_attention(merged.columns, reading) == type_attention(whole.columns, reading)


def counted(names: Sequence[str], instants: Sequence[int]) -> SummaryCounter:
    counter = SummaryCounter(records=len(names) + 2, unreadable=1, no_time=1, no_zone=2, clock_changes=1)
    counter.add_names(names)
    counter.add_instants(instants)
    counter.forms.update(["epoch s"] * len(instants))
    return counter


part = st.tuples(
    st.lists(st.sampled_from("abc"), max_size=5), st.lists(st.integers(-(10**18), 2 * 10**18), max_size=5)
)


@settings(deadline=None)
@given(part, part)
def test_summaries_of_parts_merge_to_that_of_the_whole(first: Any, second: Any):
    merged = counted(*first)
    merged.merge(pickle.loads(pickle.dumps(counted(*second).summary())))
    whole = counted(first[0] + second[0], first[1] + second[1])
    whole.records += 2
    whole.unreadable, whole.no_time, whole.no_zone, whole.clock_changes = 2, 2, 4, 2
    assert merged.summary() == whole.summary()


def test_merged_names_stay_bounded_and_none_is_lost():
    first, second = SummaryCounter(), SummaryCounter()
    first.add_names([f"a{n}" for n in range(MAX_NAMES)])
    second.add_names([f"b{n}" for n in range(MAX_NAMES)])
    second.add_names(["c"])
    first.merge(second.summary())
    found = first.summary()
    assert len(found.names) == MAX_NAMES
    assert sum(found.names.values()) + found.other_names == 2 * MAX_NAMES + 1


ids = st.lists(st.integers(0, 60).map(str), max_size=12)


@settings(deadline=None, max_examples=300)
@given(st.lists(ids, min_size=1, max_size=4))
def test_checks_of_parts_merge_to_that_of_the_whole(parts: list[list[str]]):
    everything = [text for each in parts for text in each]
    with UniqueCheck() as merged:
        for each in parts:
            with UniqueCheck() as check:
                check.add(each)
                merged.merge(check)
        assert merged.count == len(everything)
        assert merged.all_differ() == (len(set(everything)) == len(everything))


@pytest.mark.parametrize(("own", "differ"), [("id-2", True), ("id-1", False), ("\udcff", False)])
def test_a_check_of_another_process_can_be_merged(own: str, differ: bool):
    code = (
        "import pickle, sys\n"
        "from importer.profile.unique import UniqueCheck\n"
        "check = UniqueCheck()\n"
        "check.add(['id-1', '\\udcff'])\n"
        "sys.stdout.buffer.write(pickle.dumps(check))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    with UniqueCheck() as check:
        check.add([own])
        check.merge(pickle.loads(done.stdout))
        assert (check.count, check.all_differ()) == (3, differ)


def test_many_texts_of_two_checks_are_compared(tmp_path: Path):
    with UniqueCheck(tmp_path) as one, UniqueCheck(tmp_path) as other:
        one.add([f"a{n}" for n in range(600_000)])
        other.add([f"b{n}" for n in range(600_000)])
        one.merge(other)
        assert (one.count, one.all_differ()) == (1_200_000, True)
    with UniqueCheck(tmp_path) as one, UniqueCheck(tmp_path) as other:
        one.add([f"a{n}" for n in range(600_000)])
        other.add([*(f"b{n}" for n in range(150_000)), "a7"])
        one.merge(other)
        assert not one.all_differ()
