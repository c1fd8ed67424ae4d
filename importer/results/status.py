"""The status of a source over a run and all of its retries, and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from importer.errors import ResultsError
from importer.results.counts import Counts
from importer.results.history import (
    check_exists,
    choose_places,
    count_replacing,
    places_in,
    read_outcomes,
    replaced_by,
    whole_history,
)
from importer.results.recorded import RecordedRun
from importer.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from importer.results.counts import ResultsState
    from importer.results.manifest import Manifest


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is left to do for a source.

    Attributes:
        action: ``resume``: finish `run`, which stopped. ``retry``: send those records of `run` and the runs
            before it again that failed. ``mend``: what is left of them is invalid or rejected, and would be
            again.
        run: The last run of the history.
        parent: If that is a retry, the run that it retries; else None.
    """

    action: Literal["resume", "retry", "mend"]
    run: RecordedRun
    parent: RecordedRun | None = None


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """The status of a source over a run and all of its retries.

    Attributes:
        runs: The first run and its retries, in order.
        counts: Records of the source by the last outcome of each.
        scope: Records in scope of the first run; None while it is not known.
        unattempted: Those without any outcome; None while the scope is not known.
        reconciles: True if everything adds up: in each run, outcomes and unattempted records make
            its scope and are what its manifest says, and each retry holds only records that had no
            success before.
        next_step: What is left to do; None if nothing is.
    """

    runs: tuple[RecordedRun, ...]
    counts: Counts
    scope: int | None
    unattempted: int | None
    reconciles: bool
    next_step: NextStep | None


class NotRetriableError(ResultsError):
    """Results of which a retry would leave records out or send them twice.

    Attributes:
        next_step: What to do instead; None if nothing is left to do. The remedy is empty until ``cli``
            writes this step as a command.
    """

    def __init__(self, message: str, remedy: str = "", next_step: NextStep | None = None) -> None:
        super().__init__(message, remedy)
        self.next_step = next_step


def read_status(
    results: Path, state: ResultsState | None = None, manifest: Manifest | None = None
) -> HistoryStatus:
    """Add up a run and all of its retries: for each record its last outcome.

    Args:
        results: The results of any of these runs. The run may still write to them.
        state: The state of these results, if the caller knows it; else they are read.
        manifest: Their manifest, likewise.

    Raises:
        ResultsError: Results or a manifest of the history are missing or can't be used.
    """
    if state is None:
        check_exists(results)
    runs = whole_history(results, state, manifest)
    counts, retries_fit = _add_up(runs)
    first = runs[0]
    # A record that could not be read as a whole may have become several events since.
    more = max(0, counts.total - first.state.records) if retries_fit else 0
    return HistoryStatus(
        runs=tuple(runs),
        counts=counts,
        scope=None if first.manifest.scope is None else first.manifest.scope + more,
        unattempted=first.unattempted,
        reconciles=retries_fit and all(map(agrees, runs)),
        next_step=_next_step(runs, counts),
    )


def check_retriable(results: Path) -> None:
    """Stop where a retry of these results would leave records out or send them twice.

    Args:
        results: The results that are to be retried.

    Raises:
        NotRetriableError: They were retried already, or their run is not finished.
        ResultsError: As for `read_status`.
    """
    status = read_status(results)
    last = status.runs[-1]
    if last.unattempted != 0:
        raise NotRetriableError(
            f"The run of {last.results} is not finished: {_records(last.unattempted)} no outcome yet.",
            next_step=status.next_step,
        )
    if not results.samefile(last.results):
        raise NotRetriableError(
            f"{results} was retried already; {last.results} is the last of its retries.",
            next_step=status.next_step,
        )


def _records(number: int | None) -> str:
    if number is None:
        return "some records have"
    return f"{counted(number, 'record')} {'has' if number == 1 else 'have'}"


def _add_up(runs: Sequence[RecordedRun]) -> tuple[Counts, bool]:
    """Count the last outcome of each record, and tell whether retries hold only what was open before."""
    total = Counts()
    fit = True
    for number, run in enumerate(runs):
        total += run.state.counts
        if later := runs[number + 1 :]:
            places, gone = places_in(later), replaced_by(later)
            replaced, replacing = Counts(), 0
            for columns in read_outcomes(run):
                chosen = choose_places(run, columns, gone)
                replaced += columns.count(chosen.tobytes())
                replacing += count_replacing(run, columns, chosen, places)
            total -= replaced
            fit &= replaced.unsuccessful == replaced.total and (number > 0 or replacing == len(places))
    return total, fit


def agrees(run: RecordedRun) -> bool:
    """Check a run against its own manifest; a run that has not ended must only not be too long."""
    unattempted, manifest = run.unattempted, run.manifest
    if unattempted is not None and unattempted < 0:
        return False
    if manifest.ended is None:
        return True
    # Both are None where a run stopped before it had seen the end of a source of unknown length.
    return manifest.counts == run.state.counts and manifest.unattempted == unattempted


def _next_step(runs: Sequence[RecordedRun], counts: Counts) -> NextStep | None:
    last = runs[-1]
    if last.unattempted != 0:
        return NextStep("resume", last, runs[-2] if len(runs) > 1 else None)
    # A dry run sent nothing, so there is nothing to retry: a run comes next.
    if not counts.unsuccessful or last.manifest.kind == "dry-run":
        return None
    return NextStep("retry" if counts.failed else "mend", last, runs[-2] if len(runs) > 1 else None)
