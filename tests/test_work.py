"""How much work a record makes, counted in steps of Python and in calls of C: no clock, so no noise.

Usual records must take the fast path, where a record costs a few steps instead of two thousand: a call of compiled
code counts as one. Each bound is about twice the count at the time when it was set, so that a regression fails the
test and a new version of Python does not.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from importer.delivery.batches import make_batches
from importer.events.mapper import Mapper
from importer.events.mapping_file import DeclaredReading
from importer.model import Delivered, Event, Record, Rejection, Status, Verdict
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import Surveyed, scan_source
from importer.profile.collisions import CollisionAudit
from importer.profile.scan import find_collisions
from importer.progress import NullProgress
from importer.reading import Reading
from importer.results.formats import new_format
from importer.results.lines import LineEncoder
from importer.source.reader import open_source

NOW_MS = 1_780_000_000_000
ROWS = 2_000


def work(function: Callable[[], object]) -> float:
    """Count what a call costs for each of the rows: steps of Python's machine, and calls of functions of C."""
    count = 0

    def step(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "opcode"
        return step

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def profile(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return count / ROWS


def fields(row: int) -> dict[str, Any]:
    """An event as exports have it: quotes, other alphabets, gaps, a zip code, times with an offset."""
    return {
        "event": ("Purchase", "View", "Café Visited")[row % 3],
        "user_id": f"user_{row % 97:06d}",
        "time": f"2025-03-0{1 + row // 1000}T{row // 60 % 24:02d}:{row % 60:02d}:07.{row % 1000:03d}+01:00",
        "ip": f"10.0.{row % 256}.{row % 251}",
        "quantity": row % 40 if row % 25 else None,
        "price": row % 1000 / 10 if row % 12 else None,
        "discount": row % 1000 / 100_000 if row % 2 else None,
        "first": row % 3 == 0,
        "zip": f"0{row % 9999:04d}",
        "comment": ("thanks", 'said "ok", twice', "杯子 ☕", "two\nlines", None)[row % 5],
    }


def bag(row: int) -> dict[str, Any]:
    more = (
        {},
        {"score": row % 100 / 8},
        {"cart": {"items": row % 9, "total": 9.5}},
        {"tags": ["new", "vip"]},
    )
    return {"plan": "pro", "session": f"{row * 7919:016x}", **more[row % 4]}


def cell(value: Any) -> Any:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("work")
    paths = {name: folder / name for name in ("events.csv", "flat.jsonl", "shape.jsonl")}
    with paths["events.csv"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*fields(0), "properties"])
        writer.writerows([*map(cell, fields(row).values()), json.dumps(bag(row))] for row in range(ROWS))
    with paths["flat.jsonl"].open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({**fields(row), **bag(row)}, ensure_ascii=False) + "\n" for row in range(ROWS)
        )
    with paths["shape.jsonl"].open("w", encoding="utf-8") as file:
        file.writelines(shape(row) + "\n" for row in range(ROWS))
    return paths


def shape(row: int) -> str:
    own = {name: value for name, value in fields(row).items() if value is not None} | bag(row)
    event, user = own.pop("event"), own.pop("user_id")
    named = {"time": 1_740_000_000 + row, "distinct_id": user, "$insert_id": f"id-{row}"}
    return json.dumps({"event": event, "properties": own | named}, ensure_ascii=False)


def reading_of(path: Path) -> Reading:
    draft = draft_reading(detect_declared(path, DeclaredReading()), DeclaredReading(), path.name, NOW_MS)
    return settle_reading(draft, scan(path, draft).types) if path.suffix == ".csv" else draft


def scan(path: Path, draft: Reading) -> Surveyed:
    return scan_source(path, draft, now_ms=NOW_MS, progress=NullProgress())


def chunks_of(path: Path, reading: Reading) -> list[list[Record | Rejection]]:
    with open_source(path, reading.dialect, reading.columns) as source:
        return list(source.chunks())


@pytest.mark.parametrize("name", ["events.csv", "flat.jsonl", "shape.jsonl"])
def test_reading_a_record_takes_few_steps(sources: dict[str, Path], name: str):
    reading = reading_of(sources[name])
    assert work(lambda: chunks_of(sources[name], reading)) < 10


@pytest.mark.parametrize("name", ["events.csv", "flat.jsonl", "shape.jsonl"])
def test_mapping_a_record_takes_few_steps(sources: dict[str, Path], name: str):
    reading = reading_of(sources[name])
    chunks = chunks_of(sources[name], reading)
    mapper = Mapper(reading, lambda: NOW_MS)
    assert all(isinstance(item, Event) for chunk in chunks for item in mapper.map(chunk))
    assert work(lambda: [mapper.map(chunk) for chunk in chunks]) < 10


@pytest.mark.parametrize(("name", "most"), [("events.csv", 120), ("flat.jsonl", 40), ("shape.jsonl", 40)])
def test_scanning_a_record_takes_few_steps(sources: dict[str, Path], name: str, most: int):
    reading = reading_of(sources[name])
    assert work(lambda: scan(sources[name], reading)) < most


@pytest.mark.parametrize(("batch_size", "most"), [(2_000, 10), (50, 75)])
@pytest.mark.parametrize("name", ["events.results.csv", "events.results.jsonl"])
def test_an_outcome_takes_few_steps(sources: dict[str, Path], name: str, batch_size: int, most: int):
    reading = reading_of(sources["events.csv"])
    mapper = Mapper(reading, lambda: NOW_MS)
    chunks = [mapper.map(chunk) for chunk in chunks_of(sources["events.csv"], reading)]
    imported = Verdict(Status.IMPORTED, 200)
    encode = LineEncoder(new_format(Path(name))).encode

    def finish() -> None:
        for batch in make_batches(chunks, batch_size, 2_000_000):
            encode(Delivered(batch, [imported] * batch.count))

    assert work(finish) < most


def test_comparing_ids_takes_few_steps(sources: dict[str, Path]):
    reading = reading_of(sources["shape.jsonl"])
    mapper = Mapper(reading, lambda: NOW_MS)
    events = [mapper.map(chunk) for chunk in chunks_of(sources["shape.jsonl"], reading)]
    with CollisionAudit() as audit:
        assert work(lambda: [audit.add(chunk) for chunk in events]) < 65  # type: ignore[arg-type, func-returns-value]


def test_comparing_ids_that_all_differ_makes_no_events(sources: dict[str, Path]):
    """A quarter of the ids stand behind an object, where they can't be told from the text alone."""
    path = sources["shape.jsonl"]
    reading = reading_of(path)
    assert (
        work(
            lambda: find_collisions(
                [path], [reading], lambda: NOW_MS, folder=path.parent, progress=NullProgress()
            )
        )
        < 800
    )


def test_the_count_sees_a_loop_over_cells():
    """A loop in Python over the cells of a record must not go unseen."""
    rows = [["a"] * 13] * ROWS
    assert work(lambda: [[cell.upper() for cell in row] for row in rows]) > 80
