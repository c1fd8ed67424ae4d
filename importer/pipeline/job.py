"""The words of a run before it starts: what a person asked for, and what is going to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from importer.events.mapping_file import DeclaredReading
from importer.model import Credentials, DeliverySettings, Destination, Event, Record, Rejection
from importer.profile.scan import SourceScan
from importer.results.manifest import Manifest
from importer.results.recovery import ResultsState


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """``--max-errors``: when records without success stop the run.

    Attributes:
        limit: Records, or percent of those that have an outcome.
        percent: True if ``limit`` is a percentage; it is asked from the 1,000th outcome on, and at the end.
    """

    limit: float
    percent: bool = False

    def reached(self, wrong: int, total: int, *, at_end: bool = False) -> bool:
        """Return whether that many records without success, out of so many, are too many."""
        if not self.percent:
            return wrong > self.limit
        return (at_end or total >= 1_000) and wrong * 100 > self.limit * total  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a person asked for, beside the sources.

    Attributes:
        declared: The reading, as far as it was said.
        kind: ``real``, ``dry-run`` or ``sandbox``.
        results: Where results go: a file, or a folder for several sources; None for the default.
        resume: Go on with results that are there.
        overwrite: Replace results that are there.
        limit: Most records of each source.
        failed_rows: Where rejected and invalid records are copied, or None.
        delivery: How hard and how fast to send.
        max_errors: When to give up, or None.
        audit: Look for collisions of ids before sending.
        allow_collisions: Send in spite of them.
    """

    declared: DeclaredReading = field(default_factory=DeclaredReading)
    kind: Any = "real"
    results: Path | None = None
    resume: bool = False
    overwrite: bool = False
    limit: int | None = None
    failed_rows: Path | None = None
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    max_errors: MaxErrors | None = None
    audit: bool = True
    allow_collisions: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go and who asks; a dry run has the first and not the second."""

    destination: Destination
    credentials: Credentials | None


class RecordSelector(Protocol):
    """Chooses the records of a retry and makes their events."""

    def pick(self, chunk: Sequence[Record | Rejection]) -> list[Record | Rejection]:
        """Return those of some consecutive records that are to be retried."""

    def map(self, chunk: Sequence[Record | Rejection]) -> list[Event | Rejection]:
        """Return an event or a rejection for each record that was picked last."""


@dataclass(frozen=True, slots=True)
class Job:
    """One source, ready to run.

    Attributes:
        path: The file that holds its bytes.
        results: Its results file.
        manifest: What is known of the run before it starts.
        target: Where its events go.
        options: What was asked for.
        scan: What was seen of it before.
        records: Records in scope, where they are known.
        state: What the results file already holds.
        parent: For a retry, the results that it takes up.
        redo: For a retry, what chooses and makes its events.
    """

    path: Path
    results: Path
    manifest: Manifest
    target: Target
    options: RunOptions
    scan: SourceScan
    records: int | None = None
    state: ResultsState = field(default_factory=ResultsState)
    parent: Path | None = None
    redo: RecordSelector | None = None


def now_iso() -> str:
    """Return the time of day in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
