"""The records that a retry sends again."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import chain, compress, repeat
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

from importer.errors import ResultsError, UsageError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.history import (
    choose_places,
    history_up_to,
    read_outcomes,
    replaced_by,
    same_source,
)
from importer.results.reader import STATUSES
from importer.results.recorded import RecordedRun, Selection
from importer.results.row_and_item import item_of, row_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_FAILURES = frozenset(status for status in Status if status.failure)
_SUCCESSES = frozenset(status for status in Status if status.success)
_FAILED = frozenset({Status.FAILED})
_ALL = frozenset(Status)


class Choice(NamedTuple):
    """A record to retry, or one of several events of a record.

    Attributes:
        place: Where it is in the source: see `row_and_item`.
        status: How it ended.
        insert_id: The id that it had. A `failed` record may have landed, so the id made again must
            be this one.
    """

    place: int
    status: Status
    insert_id: str

    @property
    def row(self) -> int:
        """Number of the record in the source."""
        return row_of(self.place)

    @property
    def item(self) -> int:
        """Which of several events of the record it is; 0 for the record as a whole."""
        return item_of(self.place)


def read_choices(selection: Selection) -> Iterator[Choice]:
    """Yield the records of a selection, in the order of the source.

    Only the places that were retried before are held: the results are read each time.

    Raises:
        ResultsError: They can't be read.
    """
    # No place is in two of them, and each is in order.
    return heapq.merge(*_choices_by_run(selection.runs, selection.statuses, selection.error_contains))


def select_records(
    results: Path,
    statuses: Collection[Status] | None = None,
    error_contains: str | None = None,
) -> Selection:
    """Choose the records of a results file that are to be retried.

    If the results are those of a retry, records that it left out and that have no success in the runs
    before it are chosen too: else no retry could ever include them.

    Args:
        results: The results to retry.
        statuses: Only records that ended so; None for all without success.
        error_contains: Only records whose ``error`` holds this text, as it stands in the file.

    Raises:
        UsageError: ``statuses`` holds one that is no failure.
        ResultsError: Results or manifests are missing, torn or not ours.
    """
    wanted = _FAILURES if statuses is None else frozenset(statuses)
    if done := wanted - _FAILURES:
        raise UsageError(
            f"Nothing is left to do for records that are {', '.join(sorted(done))}.",
            f"Choose from {', '.join(sorted(_FAILURES))}.",
        )
    runs = tuple(same_source(history_up_to(results)))
    for run in runs:
        if run.state.has_torn_end:
            raise ResultsError(
                f"{run.results} ends in an unfinished line: its run was cut off.",
                "Finish that run with --resume, then retry.",
            )
    chosen = chain.from_iterable(_choices_by_run(runs, wanted, error_contains))
    tally = Counter(choice.status for choice in chosen)
    return Selection(wanted, error_contains, Counts.from_tally(tally), runs)


def first_attempts(runs: Sequence[RecordedRun]) -> dict[int, int]:
    """Return in which run each record that failed was sent first, of the tries that may have landed.

    A retry sends a failed record as the very event that it was, so all tries since then were equal.

    Args:
        runs: A run and its retries, in order.

    Returns:
        The index of that run by the place of the record, for records whose last outcome is `failed`.
    """
    first: dict[int, int] = {}
    for index, run in enumerate(runs):
        for columns in read_outcomes(run):
            for place in compress(columns.places, columns.having(_FAILED)):
                first.setdefault(place, index)
            if index:
                for place in compress(columns.places, columns.having(_ALL - _FAILED)):
                    first.pop(place, None)
    return first


def read_successes(results: Path) -> Iterator[tuple[int, str]]:
    """Read back which records succeeded in a results file, and with which ``$insert_id``.

    Args:
        results: The results file of one run; earlier and later runs are not looked at.

    Yields:
        The place of the record and its ``$insert_id``, in the order of the source.

    Raises:
        ResultsError: The results or the manifest are missing or not ours.
    """
    run = history_up_to(results)[-1]
    for columns in read_outcomes(run):
        chosen = columns.having(_SUCCESSES)
        yield from zip(compress(columns.places, chosen), columns.insert_ids(chosen), strict=True)


def _choices_by_run(
    runs: tuple[RecordedRun, ...], statuses: frozenset[Status], error_contains: str | None
) -> Iterator[Iterator[Choice]]:
    """Yield for each run the outcomes that match and that no later run replaced."""
    for number, run in enumerate(runs):
        later = runs[number + 1 :]
        yield _choices(run, replaced_by(later) if later else None, statuses, error_contains)


def _choices(
    run: RecordedRun,
    replaced: NDArray[np.int64] | None,
    statuses: frozenset[Status],
    error_contains: str | None,
) -> Iterator[Choice]:
    for columns in read_outcomes(run):
        chosen = columns.having(statuses)
        if replaced is not None:
            others = choose_places(run, columns, replaced, among=False).tobytes()
            chosen = bytes(map(and_, chosen, others))
        places, numbers = compress(columns.places, chosen), compress(columns.statuses, chosen)
        errors = repeat("") if error_contains is None else columns.errors(chosen)
        for place, number, insert_id, error in zip(places, numbers, columns.insert_ids(chosen), errors):  # noqa: B905
            if error_contains is None or error_contains in error:
                yield Choice(place, STATUSES[number], insert_id)
