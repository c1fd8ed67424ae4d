"""How many events a run will send: never fewer than it does, and no more than is known to be valid."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from set_helpers import prepared_set

from importer.errors import UsageError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapper import Mapper
from importer.model import Destination, Event
from importer.pipeline.forecast import Forecast, JobSet
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.pipeline.transfer import OutcomePosition
from importer.progress import NullProgress
from importer.results.counts import Counts
from importer.settings import SANDBOX_CREDENTIALS
from importer.source.reader import open_source

NOW_MS = 1_780_000_000_000
TARGET = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)

NAMES = ["Paid", "Paid", "Paid", "", "NULL", "$identify"]
TIMES = [
    "2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00", "", "yesterday",
    "2024-03-31T02:30:00", "1714557600", "2099-01-01T00:00:00Z", "NULL",
]  # fmt: skip
OTHERS = ["2024-05-02T11:00:00Z", "", "2024-05-02T11:00:00"]
OBJECTS: list[dict[str, Any]] = [{"a": 1}, {}, {"a": {"b": {"c": {"d": 1}}}}]
READINGS: dict[str, dict[str, Any]] = {
    "as found": {},
    "a zone": {"timezone": "Europe/Berlin"},
    "now": {"missing_time": "now"},
    "a null": {"null": ("NULL",)},
    "a constant": {"constants": {"event": "Visited"}},
    "a user in two columns": {"fields": {"distinct_id": ("user_id", "other")}},
    "trimmed": {"trim": True},
    "two columns": {"fields": {"time": ("time", "other")}},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def jobs_of(names: list[str], **options: Any) -> JobSet:
    made = RunOptions(kind=options.pop("kind", "sandbox"), **options)
    if len(names) > 1:
        return prepared_set(names, replace(made, results=Path("out")), TARGET, NOW_MS).jobs
    output = resolve_output(names[0], made)
    return JobSet.of([prepare_job(output, made, TARGET, now_ms=NOW_MS, progress=NullProgress())])


def sendable(job: Job) -> int:
    """Count the events that a job makes of its source."""
    reading = job.manifest.reading
    mapper = Mapper(reading, lambda: NOW_MS)
    with open_source(job.path, reading.dialect, reading.columns) as source:
        items = [item for chunk in source.chunks() for item in mapper.map(chunk)]
    return sum(isinstance(item, Event) for item in items[: job.options.limit])


def messy_file(seed: int, form: str) -> str:
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = [
        {"event": draw.choice(NAMES), "user_id": draw.choice(["u", "", "anon", "NULL", "null "]), "time": draw.choice(TIMES),
         "other": draw.choice(OTHERS), "n": draw.choice(OBJECTS)}
        for _ in range(draw.choice([1, 7, 60]))
    ]  # fmt: skip
    if form == "csv":
        texts = [{**row, "n": '"' + json.dumps(row["n"]).replace('"', '""') + '"'} for row in rows]
        lines = [",".join(row.values()) + (",too many" if draw.random() < 0.1 else "") for row in texts]
        return "\n".join(["event,user_id,time,other,n", *lines]) + "\n"
    lines = [json.dumps(row) + ("," if at and draw.random() < 0.1 else "") for at, row in enumerate(rows)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("seed", range(6))
def test_no_run_sends_more_than_was_said(seed: int, reading: str, form: str) -> None:
    name = f"events.{form}"
    Path(name).write_text(messy_file(seed, form))
    for limit in (None, 5):
        jobs = jobs_of([name], declared=DeclaredReading(**READINGS[reading]), limit=limit)
        forecast = jobs.forecast
        assert forecast.events is not None
        assert forecast.events >= sendable(jobs.first)
        if forecast.exact:
            assert forecast.events == sendable(jobs.first)


def dry_run(name: str, **options: Any) -> None:
    (job,) = jobs_of([name], kind="dry-run", **options).jobs
    assert run_job(job, NullProgress(), threading.Event(), lambda: NOW_MS).error is None


@pytest.mark.parametrize("seed", range(6))
def test_after_a_dry_run_it_is_known_exactly(seed: int) -> None:
    Path("events.csv").write_text(messy_file(seed, "csv"))
    dry_run("events.csv")
    forecast = jobs_of(["events.csv"]).forecast
    assert forecast == Forecast(sendable(jobs_of(["events.csv"]).first), exact=True, left=forecast.left)


def test_several_sources_are_added_up() -> None:
    for seed, name in enumerate(("a.csv", "b.csv", "c.csv")):
        Path(name).write_text(
            "event,user_id,time\n" + "Paid,u,2024-05-01T10:00:00Z\n" * 5 + "Paid,u,\n" * seed
        )
    jobs = jobs_of(["a.csv", "b.csv", "c.csv"], limit=6)
    assert jobs.forecast == Forecast(6, exact=False, left=6)
    assert jobs.records == 6
    jobs = jobs_of(["a.csv", "b.csv", "c.csv"])
    assert jobs.forecast == Forecast(15, exact=False, left=18)


def test_a_record_that_lay_ahead_of_the_clock_in_the_dry_run_may_be_sent_later() -> None:
    later = datetime.fromtimestamp(NOW_MS / 1000 + 2 * 3600, UTC).isoformat()
    Path("events.csv").write_text(
        f"event,user_id,time\nPaid,u,2024-05-01T10:00:00Z\nPaid,u,{later}\nPaid,u,\n"
    )
    dry_run("events.csv")
    job = jobs_of(["events.csv"]).first
    assert job.dry_run is not None
    assert job.dry_run.counts == Counts(valid=1, invalid=2)
    assert JobSet.of([job]).forecast == Forecast(1, exact=True, left=3)
    tomorrow = replace(job, dry_run=replace(job.dry_run, ahead=1))
    assert JobSet.of([tomorrow]).forecast == Forecast(2, exact=False, left=3)


def test_what_track_refuses_only_when_it_is_sent_is_not_known_before() -> None:
    Path("events.csv").write_text("event,user_id,time\nPaid,u,2024-05-01T10:00:00Z\n")
    dry_run("events.csv")
    job = jobs_of(["events.csv"]).first
    tracked = replace(job, manifest=replace(job.manifest, endpoint="track"))
    assert JobSet.of([tracked]).forecast == Forecast(1, exact=False, left=1)


def test_an_event_that_nobody_was_asked_about_stops_the_run() -> None:
    Path("events.csv").write_text("event,user_id,time\nPaid,u,\nPaid,u,2024-05-01T10:00:00Z\n")
    (job,) = jobs_of(["events.csv"]).jobs
    report = run_job(job, NullProgress(), threading.Event(), lambda: NOW_MS, may_send=False)
    assert isinstance(report.error, UsageError)
    assert report.manifest.counts.imported == 0


# ── where the outcomes are in the source ─────────────────────────────────────────────────────────


def test_the_position_is_that_of_outcomes_however_far_ahead_the_source_was_read() -> None:
    position = OutcomePosition(1_000, None, None)
    for chunk in range(1, 11):
        position.read(chunk * 50, chunk * 100)
    assert [position.of(outcomes) for outcomes in (0, 25, 50, 499, 500)] == [0, 50, 100, 998, 999]


def test_the_position_of_a_limited_run_is_its_share_of_the_limit() -> None:
    position = OutcomePosition(1_000, None, 10)
    position.read(10, 40)
    assert position.of(5) == 500


def test_where_records_were_counted_the_position_is_their_share() -> None:
    position = OutcomePosition(999, 3, None)
    assert [position.of(outcomes) * 100 // 999 for outcomes in range(4)] == [0, 33, 66, 99]
    assert OutcomePosition(0, 0, None).of(0) == 0


class Reports(NullProgress):
    """A progress that keeps what is reported."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, int | None]] = []

    def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
        assert not unsuccessful
        self.reports.append((position, records))


@pytest.mark.parametrize("counted", [True, False])
def test_only_the_end_of_a_run_is_all_of_it(counted: bool) -> None:
    Path("events.csv").write_text("event,user_id,time\n" + "Paid,u,2024-05-01T10:00:00Z\n" * 5_000)
    (job,) = jobs_of(["events.csv"], kind="dry-run").jobs
    reports = Reports()
    run_job(replace(job, records=5_000 if counted else None), reports, threading.Event(), lambda: NOW_MS)
    size = Path("events.csv").stat().st_size
    assert [each for each in reports.reports if each[0] >= size] == [(size, 5_000)]
    assert reports.reports == sorted(reports.reports)
    assert reports.reports[0] == (0, 0)
