"""How much work a record makes, counted in steps of Python and in calls of C: no clock, so no noise.

Records must take the fast path, where a record costs a few steps instead of two thousand: a call of compiled code
counts as one. Each bound is about twice the count at the time when it was set, so that a regression fails the
test and a new version of Python does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from importer.delivery.batches import make_batches
from importer.events.declared_reading import DeclaredReading
from importer.events.mapper import Mapper
from importer.model import Delivered, Event, ItemBlock, Record, Rejection, Status, Verdict
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import Surveyed, scan_source
from importer.profile.collisions import CollisionAudit
from importer.profile.scan import find_collisions
from importer.profile.summary import SummaryCounter, count_by_day, count_by_hour
from importer.progress import NullProgress
from importer.reading import Reading
from importer.results.codec import encode
from importer.results.formats import new_format
from importer.results.lines import LineEncoder
from importer.source.lines import TextLines
from importer.source.reader import open_source

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))

import data

NOW_MS = 1_780_000_000_000
ROWS = 2_000


class Steps(NamedTuple):
    """Steps that a record costs in each stage of its way."""

    reading: float
    scanning: float
    mapping: float
    outcomes: float


CSV = Steps(8, 280, 3, 1.5)
JSONL = Steps(8, 85, 10, 1.5)
OTHERWISE = {
    "columns-60": Steps(15, 710, 3, 1.5),
    "columns-60-shuffled": Steps(15, 710, 3, 1.5),
    "long": Steps(18, 290, 12, 4),
    "json-cells": Steps(14, 310, 3, 2.5),
    "nested": Steps(11, 130, 13, 3),
    "names-20000": Steps(8, 280, 55, 1.5),  # the first names are asked for
    "invalid-20": Steps(23, 320, 12, 1.5),
    "flat-invalid-20": Steps(8, 3_000, 45, 9),
    "files-24": Steps(120, 4_100, 22, 9),  # each file costs its start
}
"""The most steps with data that is not as cheap as usual CSV or JSONL."""


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def files_of(folder: Path, name: str) -> list[Path]:
    data.make(folder, ROWS, [name])
    return data.files_of(folder, name)


def draft_of(path: Path) -> Reading:
    declared = DeclaredReading(timezone="Europe/Berlin" if path.name.startswith("zone") else None)
    return draft_reading(detect_declared(path, declared), declared, path.name, NOW_MS)


def reading_of(path: Path) -> Reading:
    draft = draft_of(path)
    return settle_reading(draft, scan(path, draft).types) if draft.dialect.has_cells else draft


def scan(path: Path, draft: Reading) -> Surveyed:
    return scan_source(path, draft, now_ms=NOW_MS, progress=NullProgress())


def chunks_of(path: Path, reading: Reading) -> list[list[Record | Rejection]]:
    with open_source(path, reading.dialect, reading.columns) as source:
        return list(source.chunks())


def mapped(path: Path) -> list[ItemBlock]:
    reading = reading_of(path)
    return list(map(Mapper(reading, lambda: NOW_MS).map, chunks_of(path, reading)))


def work_of_outcomes(blocks: list[ItemBlock], batch_size: int) -> float:
    """Count what the lines of results cost in the dearer of both forms, if all events are imported."""
    return max(work(partial(finish, blocks, batch_size, encoder_of(form))) for form in ("csv", "jsonl"))


def encoder_of(form: str) -> LineEncoder:
    return LineEncoder(new_format(Path(f"results.{form}")))


def finish(blocks: list[ItemBlock], batch_size: int, encoder: LineEncoder) -> None:
    imported = Verdict(Status.IMPORTED, 200)
    for batch in make_batches(blocks, batch_size, 2_000_000):
        encoder.encode(Delivered(batch, [imported] * batch.count))


def steps_of(path: Path) -> tuple[Steps, int]:
    """Return the steps of all stages, and how many of the records became events."""
    draft, reading = draft_of(path), reading_of(path)
    chunks, mapper = chunks_of(path, reading), Mapper(reading, lambda: NOW_MS)
    blocks: list[ItemBlock] = []
    steps = Steps(
        reading=work(lambda: chunks_of(path, reading)),
        scanning=work(lambda: scan(path, draft)),
        mapping=work(lambda: blocks.extend(map(mapper.map, chunks))),
        outcomes=work_of_outcomes(blocks, ROWS),
    )
    return steps, sum(isinstance(item, Event) for block in blocks for item in block)


@pytest.mark.parametrize("name", data.DATA)
def test_a_record_takes_few_steps(folder: Path, name: str):
    each, events = zip(*map(steps_of, files_of(folder, name)), strict=True)
    steps = Steps(*map(sum, zip(*each, strict=True)))
    most = OTHERWISE.get(name, CSV if data.DATA[name].usual == "csv" else JSONL)
    dear = [stage for stage, spent, bound in zip(Steps._fields, steps, most, strict=True) if spent > bound]
    assert not dear, f"{steps}, at most {most}"
    assert sum(events) == data.DATA[name].valid_rows(ROWS)


def test_an_outcome_of_small_batches_takes_few_steps(folder: Path):
    [path] = files_of(folder, "csv")
    assert work_of_outcomes(mapped(path), 50) < 10


def test_a_further_file_is_detected_in_few_steps(folder: Path):
    [path] = files_of(folder, "csv")
    detect = partial(detect_declared, path, DeclaredReading(), with_cells=False)
    assert work(detect) * ROWS < 120_000


def test_plan_and_manifest_of_scattered_times_take_few_steps_a_quarter_of_an_hour():
    counter = SummaryCounter()
    counter.add_instants([n * 1_200 * 10**9 for n in range(ROWS)])  # some quarters have none
    summary = counter.summary()
    assert (
        work(lambda: [count_by_hour(summary, "Europe/Berlin"), count_by_day(summary, "Europe/Berlin")]) < 60
    )
    assert work(lambda: encode(summary)) < 26


def test_a_line_that_is_read_by_itself_takes_few_steps():
    lines = TextLines(BytesIO(b"# nothing\n" * ROWS), "utf-8", "strict", 1_000)
    assert work(lambda: list(iter(partial(lines.readline, 1_000), ""))) < 68


def test_comparing_ids_takes_few_steps(folder: Path):
    [path] = files_of(folder, "shape")
    blocks = mapped(path)
    with CollisionAudit() as audit:
        assert work(lambda: [audit.add(block) for block in blocks]) < 1  # type: ignore[func-returns-value]


def test_comparing_ids_that_all_differ_makes_no_events(folder: Path):
    [path] = files_of(folder, "shape")
    reading = reading_of(path)
    assert (
        work(
            lambda: find_collisions([path], [reading], lambda: NOW_MS, folder=folder, progress=NullProgress())
        )
        < 20
    )


def test_the_count_sees_a_loop_over_cells():
    """A loop in Python over the cells of a record must not go unseen."""
    rows = [["a"] * 13] * ROWS
    assert work(lambda: [[cell.upper() for cell in row] for row in rows]) > 80
