"""The history of a source: a run, its retries, and the last outcome of each record.

A retry replaces the outcomes of some records of the runs before it. All results are in the order of the
source. A run over millions of records is read block by block; of the retries after it, only the places of
their outcomes are held (see `row_and_item`), eight bytes for each.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from importer.errors import ResultsError
from importer.results.formats import read_format
from importer.results.manifest import read_manifest, resolve_link
from importer.results.paths import find_manifests, manifest_path, results_of_manifest
from importer.results.reader import OutcomeColumns, read_columns
from importer.results.recorded import RecordedRun
from importer.results.recovery import inspect_results
from importer.results.row_and_item import ITEM_BITS, MOST_ITEM
from importer.results.row_ranges import read_ranges
from importer.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from importer.results.counts import ResultsState
    from importer.results.manifest import Manifest


_MOST_NAMED: Final = 8
"""Most results that a message names."""

_MOST_LOOKED_AT: Final = 100
"""Most manifests in which a source is looked for."""


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
    return _with_origins(runs)


def sent_nothing(runs: Sequence[RecordedRun]) -> bool:
    """Return whether none of these runs sent an event for sure: each is finished, and had none to send.

    A run to ``/track`` counts as one that may have: what it sent may since have become too old to be valid.
    """
    return all(
        run.manifest.endpoint == "import"
        and run.unattempted == 0
        and run.state.counts.invalid + run.state.counts.skipped == run.state.counts.total
        for run in runs
    )


def same_source(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Return those of the runs up to some results that read the same source as the last of them.

    These are all, unless records were mended: then those since the run of the mended ones.
    """
    first = max((n for n, run in enumerate(runs) if run.manifest.mended_rows), default=0)
    return list(runs[first:])


def _with_origins(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """Return the runs of a history, from the first on, each with its `RecordedRun.origin`."""
    if not any(run.manifest.mended_rows for run in runs):
        return list(runs)
    import numpy as np  # noqa: PLC0415  as in `places_in`

    origin: NDArray[np.int64] | None = None
    found = []
    for run in runs:
        if run.manifest.mended_rows:
            parts = [
                np.arange(r.start, r.stop, dtype=np.int64) for r in read_ranges(run.manifest.mended_rows)
            ]
            own = np.concatenate(parts)
            origin = own if origin is None else _rows_before(origin, own, run)
        found.append(replace(run, origin=origin))
    return found


def _rows_before(origin: NDArray[np.int64], rows: NDArray[np.int64], run: RecordedRun) -> NDArray[np.int64]:
    if len(rows) and rows[-1] > len(origin):  # they rise
        raise ResultsError(
            f"{run.results} has row {rows[-1]:,}, but only {len(origin):,} records were mended.",
            "Put results and manifests back as they were written.",
        )
    return origin[rows - 1]


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
    return _with_origins(runs)


def later_results(results: Path) -> list[Path]:
    """Return the results of all retries after these, in order, as far as they are there.

    Args:
        results: The results; they may be missing.

    Raises:
        ResultsError: A manifest on the way can't be used.
    """
    found = [results]
    while manifest_path(found[-1]).exists():
        child = read_manifest(manifest_path(found[-1])).retried_by
        path = None if child is None else resolve_link(found[-1], child)
        if path is None or not (path.exists() or manifest_path(path).exists()):
            break
        _check_new(found, path)
        found.append(path)
    return found[1:]


def check_exists(results: Path) -> None:
    """Check that results are there, as far as their names tell.

    Raises:
        ResultsError: There are none, or it is something else; the remedy names results that are there.
    """
    if results.is_dir():
        inside = _results_in(results)
        raise ResultsError(f"{results} is a folder, not a results file", f"Results in it: {_some(inside)}")
    if manifest_path(results).exists():
        return
    folder = results.parent
    found = [results_of_manifest(path) for path in find_manifests(folder)]
    if results.exists():
        if results in map(manifest_path, found):
            own = results_of_manifest(results)
            raise ResultsError(f"{results} is the manifest of a results file", f"Its results: {own}")
        of_source = [each for each in found[:_MOST_LOOKED_AT] if _is_source_of(results, each)]
        if of_source:
            raise ResultsError(
                f"{results} is a source, not a results file", f"Its results: {_some(of_source)}"
            )
        _check_begins_as_results(results)
        return
    # First those whose names are alike.
    there = _results_in(folder)
    alike = map(Path, difflib.get_close_matches(str(results), list(map(str, there)), _MOST_NAMED, 0.3))
    names = list(dict.fromkeys([*alike, *there]))
    where = "here" if folder == Path() else f"in {folder}"
    raise ResultsError(f"there is no results file {results}", f"Results {where}: {_some(names)}")


def _results_in(folder: Path) -> list[Path]:
    """Return the results in a folder: those of single sources, then the folders of sets."""
    from importer.results.set_manifest import SET_NAME  # noqa: PLC0415 - a single file does without

    sets = [path.parent for path in find_manifests(folder, f"*/{SET_NAME}")]
    return [*map(results_of_manifest, find_manifests(folder)), *sets]


def _check_begins_as_results(path: Path) -> None:
    try:
        with path.open("rb") as file:
            read_format(path, file)
    except ResultsError as error:
        raise ResultsError(
            error.message, "A run names its results file as it ends: type that name."
        ) from None
    except OSError:
        return  # what reads it says so


def _some(names: Sequence[Path]) -> str:
    return listed([*map(str, names)], _MOST_NAMED) or "none"


def _is_source_of(path: Path, results: Path) -> bool:
    """Return whether results are of this source, as their manifest names it."""
    try:
        source = read_manifest(manifest_path(results)).source
    except ResultsError:
        return False
    return source != "-" and os.path.realpath(source) == os.path.realpath(path)


def _run(results: Path, state: ResultsState | None = None, manifest: Manifest | None = None) -> RecordedRun:
    manifest = read_manifest(manifest_path(results)) if manifest is None else manifest
    return RecordedRun(results, manifest, inspect_results(results) if state is None else state)


def _next(runs: Sequence[RecordedRun], results: Path) -> RecordedRun:
    _check_new([run.results for run in runs], results)
    return _run(results)


def _check_new(known: Sequence[Path], results: Path) -> None:
    if any(os.path.realpath(each) == os.path.realpath(results) for each in known):
        raise ResultsError(
            f"{manifest_path(results)} names itself among its own retries.",
            "Put the manifests back as they were written.",
        )


# ── outcomes, as columns ─────────────────────────────────────────────────────────────────────────


def read_outcomes(run: RecordedRun) -> Iterator[OutcomeColumns]:
    """Yield the outcomes of a run as columns, block by block: as `read_columns`."""
    return read_columns(run.results, run.state.valid_bytes)


def places_in(runs: Sequence[RecordedRun]) -> NDArray[np.int64]:
    """Return the places in the first run's source that runs have an outcome for, sorted, each once."""
    import numpy as np  # noqa: PLC0415  0.1 s that a run without retries does not need

    parts = [_original_places(run, columns) for run in runs for columns in read_outcomes(run)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def replaced_by(runs: Sequence[RecordedRun]) -> NDArray[np.int64]:
    """Return the places in the first run's source whose outcomes those of these runs replace, sorted.

    What became of a record as a whole, which could not be read, is replaced by what becomes of its events.
    """
    import numpy as np  # noqa: PLC0415  as above

    places = places_in(runs)
    return np.union1d(places, places & ~MOST_ITEM)


def count_replacing(
    run: RecordedRun, columns: OutcomeColumns, chosen: NDArray[np.bool_], places: NDArray[np.int64]
) -> int:
    """Return how many of some places, from `places_in`, replace the outcomes of a block that were chosen."""
    import numpy as np  # noqa: PLC0415  as above

    own = _original_places(run, columns)[chosen]
    after = np.where(own & MOST_ITEM, own + 1, own + (1 << ITEM_BITS))
    return int((np.searchsorted(places, after) - np.searchsorted(places, own)).sum())


def _original_places(run: RecordedRun, columns: OutcomeColumns) -> NDArray[np.int64]:
    """Return which places in the first run's source the outcomes of a block are of."""
    import numpy as np  # noqa: PLC0415  as above

    own = np.frombuffer(columns.places, np.int64)
    if run.origin is None:
        return own
    return _rows_before(run.origin, own >> ITEM_BITS, run) << ITEM_BITS | own & MOST_ITEM


def choose_places(
    run: RecordedRun, columns: OutcomeColumns, places: NDArray[np.int64], *, among: bool = True
) -> NDArray[np.bool_]:
    """Choose the outcomes of a block whose place is, or is not, one of these, from `places_in`."""
    import numpy as np  # noqa: PLC0415  as above

    own = _original_places(run, columns)
    if not len(places):
        return np.full(len(own), not among)
    # Both are sorted, so this costs a search per outcome and not a sort per block.
    positions = np.searchsorted(places, own)
    return np.asarray((places[np.minimum(positions, len(places) - 1)] == own) == among)
