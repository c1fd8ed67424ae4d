"""The counts of the plan are of the records that the run sends."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from importer.events.declared_reading import DeclaredReading
from importer.events.mapper import Mapper
from importer.model import Event
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.profile.observers import SummaryObserver
from importer.profile.scan import PassProgress, profile_source
from importer.progress import NullProgress

NOW_MS = 1_790_000_000_000
T = 1_714_557_600

JSON_LINES = [
    {"event": "L", "properties": {"time": T, "distinct_id": "u1"}},
    {"event": "L", "time": T + 1, "distinct_id": "u2", "plan": "x"},
    {"event": "L", "properties": {"time": None}, "time": T + 2},
    {"event": "L", "properties": {"time": ""}, "time": ""},
    {"event": "L", "properties": {"plan": "x"}},
    {"event": "L", "properties": json.dumps({"time": T + 3})},
    {"event": "L"},
]
CSV = (
    'event,when,time,properties\n'
    f"A,{T},,\n"
    f"A,,{T + 1},\n"
    f'A,,,"{{""time"":{T + 2}}}"\n'
    f'A,,{T + 3},"{{""time"":1}}"\n'
    "A,,,\n"
    'A,,,"no object"\n'
    f"A,NULL,{T + 4},\n"
    "A,NULL,,\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "declared"),
    [
        ("".join(json.dumps(each) + "\n" for each in JSON_LINES), "x.jsonl", DeclaredReading()),
        (
            "".join(json.dumps(each) + "\n" for each in reversed(JSON_LINES)),
            "x.jsonl",
            DeclaredReading(fields={"time": "time", "properties": "properties"}),
        ),
        (CSV, "x.csv", DeclaredReading(fields={"time": "when"}, null=("NULL",))),
        (CSV, "x.csv", DeclaredReading(fields={"time": "when"}, null=("NULL",), types={"time": "skip"})),
        (CSV, "x.csv", DeclaredReading(fields={"time": "when", "properties": ""})),
    ],
)
@pytest.mark.parametrize("times", [1, 200])
def test_as_many_times_are_counted_as_events_are_sent(tmp_path, text, name, declared, times):
    path = tmp_path / name
    head, body = text.split("\n", 1) if name == "x.csv" else ("", text)
    path.write_text((f"{head}\n" if head else "") + body * times)
    reading = draft_reading(detect_declared(path, declared), declared, name, NOW_MS)
    counts = SummaryObserver(reading)
    items = []

    class Items:
        def observe(self, chunk):
            items.extend(Mapper(reading, lambda: NOW_MS).map(chunk.items))

    profile_source(path, reading, [counts, Items()], PassProgress(NullProgress()))
    events = [item for item in items if isinstance(item, Event)]
    summary = counts.counter.summary()
    assert events
    assert sum(summary.quarters.values()) == len(events)
    assert summary.no_time == len(items) - len(events)
    assert (summary.first, summary.last) == (
        min(event.time for event in events) * 10**6,
        max(event.time for event in events) * 10**6,
    )


def test_the_names_of_events_leave_out_words_for_no_value(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"event,time\nA,{T}\nNULL,{T}\n")
    declared = DeclaredReading(null=("NULL",))
    reading = draft_reading(detect_declared(path, declared), declared, "x.csv", NOW_MS)
    counts = SummaryObserver(replace(reading))
    profile_source(path, reading, [counts], PassProgress(NullProgress()))
    assert counts.counter.summary().names == {"A": 1}
