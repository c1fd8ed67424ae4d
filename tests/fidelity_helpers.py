"""What the tests of fidelity share: files, what the importer makes of them, and what lands."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import settings
from sandbox_helpers import NOW, Rehearsal

from importer.delivery.request import ndjson
from importer.events.declared_reading import DeclaredReading
from importer.events.mapper import Mapper
from importer.model import Destination, Event, Rejection
from importer.pipeline.job import RunOptions, RunReport, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.run import run_job
from importer.pipeline.survey import scan_source
from importer.progress import NullProgress
from importer.reading import Reading
from importer.sandbox.server import Sandbox
from importer.settings import SANDBOX_CREDENTIALS
from importer.source.reader import open_source

NOW_MS = int(NOW * 1000)
"""2024-06-01T00:00:00Z: what the clock shows, here and in the rehearsal."""

CSV = DeclaredReading(format="csv", delimiter=",")
JSONL = DeclaredReading(format="jsonl")
PER_REQUEST = 500

unhurried = settings(deadline=None)
"""Examples may take their time: a machine that is busy with other things is no defect."""

Json = Any


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def jsonl_text(records: Iterable[Json]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def written(folder: Path, content: bytes, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# ── what the importer makes of them ──────────────────────────────────────────────────────────────


def reading_of(path: Path, declared: DeclaredReading) -> Reading:
    """The reading that a run would fix: fields by name or by what is said, types by a scan."""
    draft = draft_reading(detect_declared(path, declared), declared, path.name, NOW_MS)
    return settle_reading(draft, scan_source(path, draft, now_ms=NOW_MS, progress=NullProgress()).types)


def items_of(path: Path, declared: DeclaredReading, now_ms: int = NOW_MS) -> list[Event | Rejection]:
    """An event or a rejection for each record of a file."""
    reading = reading_of(path, declared)
    mapper = Mapper(reading, lambda: now_ms)
    with open_source(path, reading.dialect, reading.columns) as source:
        return [item for chunk in source.chunks() for item in mapper.map(chunk)]


def events_of(path: Path, declared: DeclaredReading) -> list[Event]:
    """The events of a file of which every record becomes one."""
    items = items_of(path, declared)
    assert [item for item in items if isinstance(item, Rejection)] == []
    return [item for item in items if isinstance(item, Event)]


def sent(events: Sequence[Event], to: Rehearsal) -> None:
    """Send events as a run does; all of them are taken."""
    for start in range(0, len(events), PER_REQUEST):
        bodies = [event.body for event in events[start : start + PER_REQUEST]]
        answer = to.import_(ndjson(bodies), content_type="application/x-ndjson", content_encoding="gzip")
        assert (answer.status_code, answer.json()["num_records_imported"]) == (200, len(bodies)), answer.text


def landed(path: Path, declared: DeclaredReading) -> tuple[list[Json], list[Rejection]]:
    """What a file is at the server, in order and without repetitions, and what of it is not sent."""
    items = items_of(path, declared)
    rehearsal = Rehearsal()
    sent([item for item in items if isinstance(item, Event)], rehearsal)
    found = [exactly(json.loads(body)) for body in rehearsal.store.bodies()]
    rehearsal.store.close()
    return found, [item for item in items if isinstance(item, Rejection)]


def imported(
    path: Path, sandbox: Sandbox, results: Path, declared: DeclaredReading, **options: Any
) -> RunReport:
    """Do a whole run in this process, into a sandbox, as the command does it."""
    asked = RunOptions(declared=declared, kind="sandbox", results=results, **options)
    asked = replace(asked, delivery=replace(asked.delivery, batch_size=PER_REQUEST))
    target = Target(Destination("import", sandbox.url, "sandbox"), SANDBOX_CREDENTIALS)
    job = prepare_job(resolve_output(str(path), asked), asked, target, now_ms=NOW_MS, progress=NullProgress())
    return run_job(job, NullProgress(), threading.Event())


# ── values ───────────────────────────────────────────────────────────────────────────────────────


def exactly(value: Json) -> Json:
    """A value of JSON that equals another just if they are the same in JSON: 1 is 1.0 and not true."""
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(int(value) if value == int(value) else repr(value)).normalize() + 0  # no signed zero
    return (type(value).__name__, value)


def as_text(value: Json) -> str:
    """A result of `exactly` in a form that sorts and counts."""
    return json.dumps(value, sort_keys=True, default=str)


def cut(value: Json) -> Json:
    """A value as Mixpanel keeps it: every text has 255 characters at most."""
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cut(item) for item in value]
    return value[:255] if isinstance(value, str) else value


def without_id(event: Json) -> Json:
    """An event of `landed` without its ``$insert_id``."""
    properties = {key: value for key, value in event["properties"].items() if key != "$insert_id"}
    return {**event, "properties": properties}
