"""From options to jobs: how much of a source is read, and that another process can run a job."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from importer.errors import ResultsError, UsageError
from importer.model import Destination
from importer.pipeline.job import EarlierDryRun, Job, RunOptions, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.progress import NullProgress
from importer.results.counts import Counts
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path
from importer.settings import SANDBOX_CREDENTIALS

NOW_MS = 1_780_000_000_000
ROWS = 30_000
TARGET = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)


def events(path: Path, rows: int = ROWS) -> Path:
    lines = [f"Paid,u-{n % 7},2024-05-01T10:00:00Z,id-{n},{n},{'x' * 60}\n" for n in range(rows)]
    path.write_text("event,user_id,time,insert_id,n,text\n" + "".join(lines), "utf-8")
    return path


def prepared(path: Path, **options: Any) -> Job:
    made = RunOptions(kind=options.pop("kind", "sandbox"), results=path.with_suffix(".out.csv"), **options)
    return prepare_job(resolve_output(str(path), made), made, TARGET, now_ms=NOW_MS, progress=NullProgress())


def bytes_read() -> int:
    """How many bytes this process has read so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise AssertionError("no rchar")


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts what a process reads")
def test_equal_ids_cost_one_more_pass_in_which_the_events_are_compared(tmp_path: Path) -> None:
    path = events(tmp_path / "events.csv")
    path.write_text(path.read_text().replace("id-77,", "id-84,"))
    with pytest.raises(UsageError):
        prepared(events_with_equal_ids(tmp_path / "warm.csv"))
    before = bytes_read()
    with pytest.raises(UsageError, match="1 event differs"):
        prepared(path)
    head = 1 << 21
    assert bytes_read() - before < 2 * path.stat().st_size + head


def events_with_equal_ids(path: Path) -> Path:
    events(path, 10)
    path.write_text(path.read_text().replace("id-7,", "id-0,"))
    return path


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts what a process reads")
def test_types_counts_ids_and_hash_cost_one_pass(tmp_path: Path) -> None:
    path = events(tmp_path / "events.csv")
    prepared(events(tmp_path / "warm.csv", 10))  # loads what is loaded late
    before = bytes_read()
    job = prepared(path)
    head = 1 << 21  # what tells format, columns and the first records
    assert bytes_read() - before < path.stat().st_size + head
    assert path.stat().st_size > 1.3 * head
    assert job.survey.ids_differ
    assert job.survey.summary.names == {"Paid": ROWS}
    assert job.records == ROWS
    assert [column.type for column in job.survey.columns] == [
        "string", "string", "string", "string", "integer", "string",
    ]  # fmt: skip


def test_a_job_can_be_run_by_another_process(tmp_path: Path) -> None:
    path = events(tmp_path / "events.csv", 1_000)
    job = prepared(path, kind="dry-run")
    again = pickle.loads(pickle.dumps(job))
    assert again == job
    code = (
        "import pickle, sys, threading\n"
        "from importer.pipeline.run import run_job\n"
        "from importer.progress import NullProgress\n"
        "job = pickle.load(sys.stdin.buffer)\n"
        "report = run_job(job, NullProgress(), threading.Event())\n"
        "sys.exit(report.manifest.exit_code)\n"
    )
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(job), check=True, cwd=tmp_path)
    manifest = read_manifest(manifest_path(job.results))
    assert (manifest.counts.valid, manifest.reconciled) == (1_000, True)


def test_events_are_compared_if_ids_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("event,user_id,time,insert_id\n" + "Paid,u,2024-05-01T10:00:00Z,\n" * 3)
    job = prepared(path)
    assert job.survey.ids_differ is None
    assert job.survey.collisions is not None
    assert job.survey.collisions.identical == 2


@pytest.mark.parametrize("facts", [{}, None, [], {"records": "x"}])
def test_a_damaged_manifest_of_a_dry_run_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    source = events(Path("events.csv"), 3)
    options = RunOptions(kind="dry-run")
    job = prepare_job(
        resolve_output(str(source), options), options, TARGET, now_ms=NOW_MS, progress=NullProgress()
    )
    run_job(job, NullProgress(), threading.Event(), lambda: NOW_MS)
    beside = manifest_path(job.results)
    assert prepared(source).dry_run == EarlierDryRun(Counts(valid=3), 0, None, 0)
    document = json.loads(beside.read_text())
    document["audit"]["facts"] = facts
    beside.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=r"events\.dry-run\.csv\.run\.json is not the manifest") as caught:
        prepared(source)
    assert f"rm {beside}" in caught.value.remedy
    beside.unlink()
    assert prepared(source).dry_run is None
