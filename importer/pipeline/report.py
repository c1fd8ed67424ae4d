"""How a run ended: what `pipeline.run` returns, and what the summary shows."""

from __future__ import annotations

from dataclasses import dataclass

from importer.errors import ImporterError
from importer.model import Collisions
from importer.pipeline.job import Job
from importer.results.manifest import Manifest
from importer.results.recovery import ResultsState


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes:
        job: The job that was run.
        manifest: The manifest that was written beside the results at the end.
        error: What stopped the run, or None if it finished.
        seconds: How long it took.
        notes: Records with a note.
        standing: The results' position and counts; None if the file on disk differs.
        collisions: What the audit of a dry run found; None if there was no audit.
    """

    job: Job
    manifest: Manifest
    error: ImporterError | None
    seconds: float
    notes: int = 0
    standing: ResultsState | None = None
    collisions: Collisions | None = None
