"""What a scan counts of fields that several columns may give is what the run takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from events_helpers import NOW_MS, TIME
from hypothesis import given
from hypothesis import strategies as st

from importer.events.mapper import Mapper
from importer.model import Event, Record
from importer.profile.field_values import ChoiceCounter
from importer.profile.observers import ColumnarChunk, SummaryObserver
from importer.profile.summary import SummaryCounter
from importer.reading import Dialect, Reading
from importer.results.codec import decode, encode

COLUMNS = ("event", "time", "a", "b", "c")
CELLS = Reading(
    Dialect("csv"),
    COLUMNS,
    {"event": "event", "time": "time"},
    alternatives={"distinct_id": ("a", "b", "c")},
    null=("NULL",),
)
cells = st.sampled_from(["", "NULL", "x", "y"])


@pytest.mark.parametrize("entries", [("a", "b", "c"), ("b", "a"), ("a", "{b}-{c}"), ("{c}",)])
@given(rows=st.lists(st.tuples(cells, cells, cells), max_size=10))
def test_the_values_are_those_of_the_run(entries: tuple[str, ...], rows: list[tuple[str, str, str]]):
    reading = replace(CELLS, alternatives={"distinct_id": entries})
    records = [Record(n, n, ["E", TIME, *row]) for n, row in enumerate(rows, 1)]
    counter = ChoiceCounter(reading, "distinct_id")
    columns = [[record.values[COLUMNS.index(column)] for record in records] for column in counter.columns]  # type: ignore[index]
    users = [
        item.distinct_id for item in Mapper(reading, lambda: NOW_MS).map(records) if isinstance(item, Event)
    ]
    assert [value or "" for value in counter.values(columns)] == users
    assert counter.taken.total() == sum(map(bool, users))


def test_a_summary_counts_which_column_gave_a_field_over_parts_and_in_the_manifest():
    parts = []
    for row in (["", "x", ""], ["x", "y", ""], ["", "", ""]):
        observer = SummaryObserver(CELLS)
        observer.observe(ColumnarChunk([Record(1, 2, ["E", TIME, *row])], has_cells=True))
        parts.append(observer.counter.summary())
    whole = SummaryCounter()
    for part in parts:
        whole.merge(part)
    summary = whole.summary()
    assert summary.taken == {"distinct_id": {"a": 1, "b": 1, "c": 0}}
    assert decode(type(summary), encode(summary)) == summary
    assert Counter(summary.names) == {"E": 3}


@pytest.mark.parametrize("entries", [("a", "b"), ("{a}", "d-{b}")])
def test_texts_of_json_are_counted_as_they_are_sent(entries: tuple[str, ...]):
    reading = replace(
        CELLS, dialect=Dialect("jsonl"), alternatives={"distinct_id": entries}, trim=True, fields=CELLS.fields
    )
    users = [("u", ""), (" u ", "d"), (" ", "d"), (" NULL", " d "), ("u", "NULL")]
    names = ["A ", "A", " A", "A", "NULL"]
    records = [
        Record(n, n, {"event": name, "time": f" {TIME}", "a": a, "b": b})
        for n, (name, (a, b)) in enumerate(zip(names, users, strict=True), 1)
    ]
    observer = SummaryObserver(reading)
    observer.observe(ColumnarChunk(records, has_cells=False, trim=True))
    summary = observer.counter.summary()
    assert summary.names == {"A": 4}
    assert summary.no_name == 1
    assert summary.no_time == 0
    assert summary.taken == {"distinct_id": {entries[0]: 3, entries[1]: 2}}
    sent = [each for each in Mapper(reading, lambda: NOW_MS).map(records) if isinstance(each, Event)]
    assert Counter(each.event for each in sent) == summary.names
    device = entries[1].replace("{b}", "d").replace("b", "d")
    assert [each.distinct_id for each in sent] == ["u", "u", device, device]
