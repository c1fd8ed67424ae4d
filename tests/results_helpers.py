"""Outcomes, manifests and results files, as small as they can be."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from importer import speedups
from importer.model import (
    Batch,
    Delivered,
    Event,
    Fingerprint,
    Outcome,
    Part,
    Rejection,
    Status,
    Verdict,
)
from importer.reading import Dialect, Reading
from importer.results.counts import Counts
from importer.results.manifest import Manifest, read_manifest, relative_link, write_manifest
from importer.results.paths import manifest_path
from importer.results.writer import ResultsWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from importer.model import ItemBlock
    from importer.results.rows import RowFormat


def outcome(row: int, status: Status = Status.IMPORTED, **changes: Any) -> Outcome:
    usual = Outcome(
        row=row,
        line=row + 1,
        status=status,
        status_code=200 if status is Status.IMPORTED else None,
        event="Purchase",
        distinct_id=f"user-{row}",
        insert_id=f"{row:032x}",
        error="" if status.success else f"{status} for a reason",
        note="",
        time=None if status is Status.INVALID and "status_code" not in changes else 1_767_225_600_000 + row,
    )
    return usual._replace(**changes)


def outcomes(statuses: Iterable[Status], first_row: int = 1) -> list[Outcome]:
    return [outcome(row, status) for row, status in enumerate(statuses, first_row)]


def delivered_of(
    lines: Sequence[Outcome], block: Callable[..., ItemBlock] = speedups.EventBlock
) -> Delivered:
    """Return a batch of which outcomes are made: without a time, of a rejection."""
    items: list[Event | Rejection] = []
    verdicts = []
    for row, line, status, code, event, user, insert_id, error, note, time, item in lines:
        if time is None:
            assert status in (Status.INVALID, Status.SKIPPED)
            assert code is None
            items.append(Rejection(row, line, error, event, user, insert_id, note, item, status))
        else:
            items.append(Event(row, line, event, user, insert_id, time, b"{}", note, item))
            verdicts.append(Verdict(status, code, error))
    count = len(verdicts)
    return Delivered(Batch([Part(block(items), 0, len(items))], count, 3 * count), verdicts)


def lines_of(form: RowFormat, written: Iterable[Outcome]) -> bytes:
    """Return the lines of outcomes, made one by one."""
    return b"".join(map(form.encode, written))


def counts_of(statuses: Iterable[Status]) -> Counts:
    """Count statuses, one for each record."""
    return Counts.from_tally(Counter(statuses))


def manifest(**changes: Any) -> Manifest:
    usual = Manifest(
        kind="real",
        source="events.csv",
        fingerprint=Fingerprint(size=120, mtime_ns=1, digest="ab" * 16),
        reading=Reading(Dialect("csv"), ("event", "time"), {"event": "event", "time": "time"}),
        endpoint="import",
        base_url="https://api.mixpanel.com",
        importer_version="1.0",
        started="2026-01-01T00:00:00Z",
    )
    return replace(usual, **changes)


def write_results(path: Path, lines: Sequence[Outcome], **changes: Any) -> Path:
    """Write a results file and a manifest that fits it."""
    with ResultsWriter.create(path) as writer:
        writer.write([delivered_of(lines)])
    changes = {"scope": len(lines), "ended": "2026-01-01T00:01:00Z", **changes}
    counts = changes.pop("counts", writer.counts)
    unattempted = max(0, (changes["scope"] or 0) - len(lines))
    write_manifest(manifest_path(path), manifest(counts=counts, unattempted=unattempted, **changes))
    return path


def write_retry(parent: Path, path: Path, lines: Sequence[Outcome], **changes: Any) -> Path:
    """Write the results of a retry, and the links between both manifests."""
    write_results(path, lines, parent=relative_link(path, parent), **changes)
    beside = manifest_path(parent)
    write_manifest(beside, replace(read_manifest(beside), retried_by=relative_link(parent, path)))
    return path


def read_results(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file]
        return list(csv.DictReader(file))
