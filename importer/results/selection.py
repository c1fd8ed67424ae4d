"""The records that a retry sends again."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from importer.errors import ResultsError, UsageError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.history import RecordedRun, count_frame, history_up_to, is_among, read_outcomes, rows_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_BY_NAME = {status.value: status for status in Status}
_RETRIABLE = frozenset(status for status in Status if not status.success)
_SUCCESSES = frozenset(Status) - _RETRIABLE


class Choice(NamedTuple):
    """A record to retry.

    Attributes:
        row: Its number in the source.
        status: How it ended.
        insert_id: The id that it had. A `failed` record may have landed, so the id made again must
            be this one.
    """

    row: int
    status: Status
    insert_id: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The records that a retry sends again; iterable any number of times, in the order of the source.

    Only the rows that were retried before are held: each iteration reads the results again.

    Attributes:
        statuses: Only records that ended so.
        error_contains: A text that ``error`` must hold as it stands in the results; None for any.
        counts: The records by status.
        runs: The run and its retries up to the results that are retried.
    """

    statuses: frozenset[Status]
    error_contains: str | None
    counts: Counts
    runs: tuple[RecordedRun, ...]

    def __len__(self) -> int:
        return self.counts.total

    def __iter__(self) -> Iterator[Choice]:
        parts = _current_outcomes(self.runs, self.statuses, self.error_contains)
        # No record is in two of them, and each is in order.
        return heapq.merge(*(_choices(blocks) for blocks in parts))


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
        UsageError: ``statuses`` holds a status of success.
        ResultsError: Results or manifests are missing, torn or not ours.
    """
    wanted = _RETRIABLE if statuses is None else frozenset(statuses)
    if done := wanted & _SUCCESSES:
        raise UsageError(
            f"Nothing is left to do for records that are {', '.join(sorted(done))}.",
            f"Choose from {', '.join(sorted(_RETRIABLE))}.",
        )
    runs = tuple(history_up_to(results))
    for run in runs:
        if run.state.has_torn_end:
            raise ResultsError(
                f"{run.results} ends in an unfinished line: its run was cut off.",
                "Finish that run with --resume, then retry.",
            )
    counts = Counts()
    for blocks in _current_outcomes(runs, wanted, error_contains):
        for frame in blocks:
            counts += count_frame(frame)
    return Selection(wanted, error_contains, counts, runs)


def first_attempts(runs: Sequence[RecordedRun]) -> dict[int, int]:
    """Return in which run each record that failed was sent first, of the tries that may have landed.

    A retry sends a failed record as the very event that it was, so all tries since then were equal.

    Args:
        runs: A run and its retries, in order.

    Returns:
        The index of that run by the number of the record, for records whose last outcome is `failed`.
    """
    first: dict[int, int] = {}
    for index, run in enumerate(runs):
        for frame in read_outcomes(run):
            failed = frame["status"] == Status.FAILED.value
            for row in frame["row"][failed].tolist():
                first.setdefault(row, index)
            if index:
                for row in frame["row"][~failed].tolist():
                    first.pop(row, None)
    return first


def read_successes(results: Path) -> Iterator[tuple[int, str]]:
    """Read back which records succeeded in a results file, and with which ``$insert_id``.

    Args:
        results: The results file of one run; earlier and later runs are not looked at.

    Yields:
        The record's number and its ``$insert_id``, in the order of the source.

    Raises:
        ResultsError: The results or the manifest are missing or not ours.
    """
    run = history_up_to(results)[-1]
    names = [status.value for status in _SUCCESSES]
    for frame in read_outcomes(run):
        done = frame[frame["status"].isin(names)]
        yield from zip(done["row"].tolist(), done["insert_id"].tolist(), strict=True)


def _current_outcomes(
    runs: tuple[RecordedRun, ...], statuses: frozenset[Status], error_contains: str | None
) -> Iterator[Iterator[pd.DataFrame]]:
    """Yield for each run the outcomes that match and that no later run replaced."""
    for number, run in enumerate(runs):
        yield _chosen(run, rows_of(runs[number + 1 :]), statuses, error_contains)


def _chosen(
    run: RecordedRun,
    replaced: NDArray[np.int64],
    statuses: frozenset[Status],
    error_contains: str | None,
) -> Iterator[pd.DataFrame]:
    names = [status.value for status in statuses]
    for frame in read_outcomes(run):
        mask = frame["status"].isin(names) & ~is_among(frame, replaced)
        if error_contains is not None:
            mask &= frame["error"].str.contains(error_contains, regex=False)
        yield frame[mask]


def _choices(blocks: Iterator[pd.DataFrame]) -> Iterator[Choice]:
    for frame in blocks:
        columns = (frame[name].tolist() for name in ("row", "status", "insert_id"))
        for row, name, insert_id in zip(*columns, strict=True):
            yield Choice(row, _BY_NAME[name], insert_id)
