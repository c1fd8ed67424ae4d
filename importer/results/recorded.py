"""Runs as their results and manifests record them, and the records of these that are sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importer.model import Status
from importer.results.counts import Counts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from importer.results.counts import ResultsState
    from importer.results.manifest import Manifest


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run as its results and its manifest record it.

    Attributes:
        results: The results file.
        manifest: How it was made.
        state: How far the results go.
        origin: After a run of mended records: for each record of its source, which record it is of the
            source of the first run. None if both sources are one.
    """

    results: Path
    manifest: Manifest
    state: ResultsState
    origin: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)

    @property
    def unattempted(self) -> int | None:
        """Records in scope that have no outcome; None while the scope is not known."""
        scope = self.manifest.scope
        return None if scope is None else scope - self.state.records


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records a retry sends again: `selection.read_choices` reads them.

    Attributes:
        statuses: Only records that ended so.
        error_contains: A text that ``error`` must hold as it stands in the results; None for any.
        counts: The records by status.
        runs: The run and its retries up to the results that are retried, as far as their source is the same.
    """

    statuses: frozenset[Status]
    error_contains: str | None
    counts: Counts
    runs: tuple[RecordedRun, ...]

    def __len__(self) -> int:
        return self.counts.total
