"""The scan of a source counts names and times of all its records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from importer.facts import ProfileSummary
from importer.model import Record
from importer.pipeline.survey import Surveyed, scan_source
from importer.profile.observers import summarise_sample
from importer.progress import NullProgress
from importer.reading import Dialect, Reading
from importer.source.reader import open_source

FIELDS: dict[Any, str] = {"event": "event", "time": "time"}
CELLS = Reading(Dialect("csv"), ("event", "time", "n"), FIELDS)
OBJECTS = replace(CELLS, dialect=Dialect("jsonl"))
TIMES = [
    "2024-05-01T10:00:00Z",
    "2024-05-01T10:20:00Z",
    "2024-05-01T11:00:00+02:00",
    "",
    "2024-05-01T10:00:00",
    "soon",
]
ROWS = [[("Paid", "View", "")[n % 3], TIMES[n % 6], str(n)] for n in range(1_200)]


def written(folder: Path, lines: Sequence[str], name: str = "events") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def as_csv(folder: Path) -> Path:
    broken = ["Paid,too,many,cells"]
    return written(folder, ["event,time,n", *map(",".join, ROWS[:700]), *broken, *map(",".join, ROWS[700:])])


def as_jsonl(folder: Path) -> Path:
    lines = [json.dumps(dict(zip(CELLS.columns, row, strict=True))) for row in ROWS]
    return written(folder, [*lines[:700], "no JSON", *lines[700:]], "lines")


def scan(path: Path, reading: Reading) -> Surveyed:
    return scan_source(path, reading, now_ms=0, progress=NullProgress())


def check(summary: ProfileSummary, records: int) -> None:
    assert (summary.records, summary.unreadable) == (records, records - len(ROWS))
    assert summary.names == {"Paid": 400, "View": 400}
    assert (summary.no_time, summary.no_zone, sum(summary.quarters.values())) == (400, 200, 600)
    assert sum(summary.forms.values()) == 600
    quarters = Counter({n // (900 * 10**9): 200 for n in (1_714_557_600 * 10**9, 1_714_558_800 * 10**9)})
    quarters[1_714_554_000 // 900] += 200
    assert summary.quarters == quarters


def test_names_and_times_of_cells_and_of_objects_are_counted_alike(tmp_path: Path):
    seen = scan(as_csv(tmp_path), CELLS)
    check(seen.survey.summary, 1_201)
    assert seen.records == 1_201
    check(scan(as_jsonl(tmp_path), OBJECTS).survey.summary, 1_201)
    assert [(column.type, column.filled) for column in seen.survey.columns] == [
        ("string", 800), ("string", 1_000), ("integer", 1_200),
    ]  # fmt: skip


@pytest.mark.parametrize("reading", [CELLS, OBJECTS])
def test_the_first_records_alone_are_counted_likewise(tmp_path: Path, reading: Reading):
    path = as_csv(tmp_path) if reading is CELLS else as_jsonl(tmp_path)
    with open_source(path, reading.dialect, reading.columns) as source:
        sample = [item for item in source.items() if isinstance(item, Record)]
    check(summarise_sample(sample, reading).counter.summary(), 1_200)
    assert summarise_sample([], reading).counter.records == 0


def test_a_constant_is_counted_for_each_record(tmp_path: Path):
    reading = replace(CELLS, fields={"time": "time"}, constants={"event": "Said"})
    assert scan(as_csv(tmp_path), reading).survey.summary.names == {"Said": 1_200}
    dated = replace(CELLS, fields={"event": "event"}, constants={"time": TIMES[0]})
    assert sum(scan(as_csv(tmp_path), dated).survey.summary.quarters.values()) == 1_200


def test_values_of_objects_that_are_no_texts_are_no_names(tmp_path: Path):
    objects = [
        {"event": 7, "time": 1_714_557_600},
        {"event": None, "time": None},
        {"time": 0},
        {"event": ["a"]},
    ]
    summary = scan(written(tmp_path, [json.dumps(each) for each in objects]), OBJECTS).survey.summary
    assert (summary.names, sum(summary.quarters.values()), summary.no_time) == ({}, 1, 3)
