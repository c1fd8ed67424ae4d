"""The history of a source: a run, its retries, and the last outcome of each record.

A retry replaces the outcomes of some records of the runs before it. All results are in the order of the
source. A run over millions of records is read block by block; of the retries after it, only the numbers of
their records are held, eight bytes for each.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importer.errors import ResultsError
from importer.results.manifest import read_manifest, resolve_link
from importer.results.paths import manifest_path
from importer.results.reader import OutcomeColumns, read_columns
from importer.results.recovery import inspect_results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from importer.results.manifest import Manifest
    from importer.results.recovery import ResultsState


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run as its results and its manifest record it.

    Attributes:
        results: The results file.
        manifest: How it was made.
        state: How far the results go.
    """

    results: Path
    manifest: Manifest
    state: ResultsState

    @property
    def unattempted(self) -> int | None:
        """Records in scope that have no outcome; None while the scope is not known."""
        scope = self.manifest.scope
        return None if scope is None else scope - self.state.records


def history_up_to(
    results: Path, state: ResultsState | None = None, manifest: Manifest | None = None
) -> list[RecordedRun]:
    """Return the runs up to these results: the first run, its retries, the run of these results.

    Args:
        results: The results.
        state: How far they go, if that is known; else they are read.
        manifest: Their manifest, likewise.

    Raises:
        ResultsError: Results or a manifest on the way are missing or can't be used.
    """
    runs = [_run(results, state, manifest)]
    while (parent := runs[0].manifest.parent) is not None:
        runs.insert(0, _next(runs, resolve_link(runs[0].results, parent)))
    return runs


def whole_history(
    results: Path, state: ResultsState | None = None, manifest: Manifest | None = None
) -> list[RecordedRun]:
    """Return all runs of the history that these results are part of, up to the last retry.

    A retry whose results and manifest were both deleted is left out.

    Args:
        results: The results.
        state: As for `history_up_to`.
        manifest: Likewise.

    Raises:
        ResultsError: As for `history_up_to`.
    """
    runs = history_up_to(results, state, manifest)
    while (child := runs[-1].manifest.retried_by) is not None:
        path = resolve_link(runs[-1].results, child)
        if not (path.exists() or manifest_path(path).exists()):
            break
        runs.append(_next(runs, path))
    return runs


def _run(results: Path, state: ResultsState | None = None, manifest: Manifest | None = None) -> RecordedRun:
    manifest = read_manifest(manifest_path(results)) if manifest is None else manifest
    return RecordedRun(results, manifest, inspect_results(results) if state is None else state)


def _next(runs: Sequence[RecordedRun], results: Path) -> RecordedRun:
    if any(os.path.realpath(run.results) == os.path.realpath(results) for run in runs):
        raise ResultsError(
            f"{manifest_path(results)} names itself among its own retries.",
            "Put the manifests back as they were written.",
        )
    return _run(results)


# ── outcomes, as columns ─────────────────────────────────────────────────────────────────────────


def read_outcomes(run: RecordedRun) -> Iterator[OutcomeColumns]:
    """Yield the outcomes of a run as columns, block by block: as `read_columns`."""
    return read_columns(run.results, run.state.valid_bytes)


def rows_of(runs: Sequence[RecordedRun]) -> NDArray[np.int64]:
    """Return the rows that runs have an outcome for, sorted, each once."""
    import numpy as np  # noqa: PLC0415  0.1 s that a run without retries does not need

    parts = [np.frombuffer(columns.rows, np.int64) for run in runs for columns in read_outcomes(run)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def choose_rows(columns: OutcomeColumns, rows: NDArray[np.int64], *, among: bool = True) -> NDArray[np.bool_]:
    """Choose the outcomes of a block whose record is, or is not, one of these (sorted) rows."""
    import numpy as np  # noqa: PLC0415  as above

    own = np.frombuffer(columns.rows, np.int64)
    if not len(rows):
        return np.full(len(own), not among)
    # Both are sorted, so this costs a search per outcome and not a sort per block.
    positions = np.searchsorted(rows, own)
    return np.asarray((rows[np.minimum(positions, len(rows) - 1)] == own) == among)
