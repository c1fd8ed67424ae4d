"""What a run checks of itself at its end, and how outcomes are put together."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from importer.cli.steps import advice_on_refusal
from importer.errors import ReconciliationError
from importer.events.declared_reading import DeclaredReading
from importer.model import (
    Batch,
    Credentials,
    Delivered,
    Destination,
    Event,
    Outcome,
    Rejection,
    Status,
    Verdict,
)
from importer.pipeline.job import RunOptions, RunReport, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.progress import NullProgress
from importer.results.lines import outcomes_of
from importer.results.recovery import inspect_results
from importer.results.status import read_status
from importer.speedups import EventBlock

NOW_MS = 1_717_200_000_000


class Watcher(NullProgress):
    """Progress that changes the results once some are reported."""

    def __init__(self, act):
        self.act = act

    def update(self, _position: int, records: int, _unsuccessful: int) -> None:
        if records:
            self.act()


def dry_run(folder: Path, rows: int, watcher: NullProgress, name: str = "events.dry-run.csv") -> RunReport:
    source = folder / "events.csv"
    lines = [f"Hi,u{n},2024-03-01T00:00:00Z,{n}" for n in range(1, rows + 1)]
    source.write_text("\n".join(["event,user_id,time,n", *lines, ""]))
    options = RunOptions(DeclaredReading(), "dry-run", results=folder / name)
    target = Target(Destination("import", "https://api.mixpanel.com"), None)
    job = prepare_job(
        resolve_output(str(source), options),
        options,
        target,
        now_ms=NOW_MS,
        progress=NullProgress(),
    )
    return run_job(job, watcher, threading.Event(), lambda: NOW_MS)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
@pytest.mark.parametrize("rows", [0, 1, 1_300])
def test_a_run_knows_how_far_its_results_go_without_reading_them_again(tmp_path, name, rows):
    report = dry_run(tmp_path, rows, NullProgress(), name)
    assert report.error is None
    assert report.state == inspect_results(report.job.results)
    known = read_status(report.job.results, report.state, report.manifest)
    assert known == read_status(report.job.results)
    assert (known.reconciles, known.counts.valid) == (True, rows)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: append(path, b"\n"),
        lambda path: append(path, b"9,9,true,valid,,a,b,c,,\n"),
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.write_bytes(path.read_bytes().replace(b"Hi", b"\n\n", 1)),
        lambda path: path.unlink(),
    ],
    ids=["a newline more", "a line more", "a byte less", "a line torn apart", "gone"],
)
def test_results_that_are_not_on_the_disk_as_they_were_counted_do_not_reconcile(tmp_path, harm):
    done = []

    def once():
        if not done:
            harm(tmp_path / "events.dry-run.csv")
        done.append(1)

    report = dry_run(tmp_path, 40, Watcher(once))
    assert isinstance(report.error, ReconciliationError)
    assert "does not hold what was written" in report.error.message
    assert report.manifest.exit_code == 6
    assert report.state is None


# ── outcomes ─────────────────────────────────────────────────────────────────────────────────────


def event(row: int) -> Event:
    return Event(row, row + 1, f"E{row}", f"u{row}", f"id{row}", 0, b"{}", f"note {row}")


def rejection(row: int) -> Rejection:
    return Rejection(row, row + 1, f"wrong {row}", f"E{row}", f"u{row}", f"id{row}", f"note {row}")


@pytest.mark.parametrize(
    "kinds", ["e", "eee", "r", "rrr", "ere", "reer", "e" * 1_200, "re" * 700, "e" * 999 + "r"]
)
def test_each_record_of_a_batch_has_its_outcome_in_order(kinds):
    items = [event(row) if kind == "e" else rejection(row) for row, kind in enumerate(kinds, 1)]
    events = [item for item in items if isinstance(item, Event)]
    verdicts = [
        Verdict(Status.IMPORTED if each.row % 3 else Status.REJECTED, each.row, "w") for each in events
    ]
    given = iter(verdicts)
    expected = []
    for item in items:
        verdict = next(given) if isinstance(item, Event) else Verdict(Status.INVALID, None, item.error)
        expected.append(
            Outcome(
                item.row, item.line, verdict.status, verdict.status_code,
                item.event, item.distinct_id, item.insert_id, verdict.error, item.note,
                item.time if isinstance(item, Event) else None,
            )
        )  # fmt: skip
    assert list(outcomes_of(Delivered(Batch.of(EventBlock(items)), verdicts))) == expected


def test_a_run_that_was_stopped_before_it_sent_anything_says_so(tmp_path: Path):
    source = tmp_path / "events.csv"
    source.write_text("event,user_id,time\nHi,u,2024-03-01T00:00:00Z\n")
    options = RunOptions(results=tmp_path / "r.csv")
    target = Target(Destination("import", "http://127.0.0.1:9"), Credentials("token", "x"))
    job = prepare_job(
        resolve_output(str(source), options), options, target, now_ms=NOW_MS, progress=NullProgress()
    )
    stop = threading.Event()
    stop.set()
    manifest = run_job(job, NullProgress(), stop, lambda: NOW_MS).manifest
    assert (manifest.exit_code, manifest.unauthorized, manifest.unattempted) == (130, True, 1)
    assert advice_on_refusal(manifest) == (), "nobody refused anything"
