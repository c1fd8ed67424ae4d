"""Where a source stands over a run and all of its retries, and what to type next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import ResultsError
from importer.mixpanel.hosts import region_of
from importer.results.counts import Counts
from importer.results.history import RecordedRun, is_among, read_frames, rows_of, whole_history
from importer.results.paths import results_path, retry_path
from importer.results.selection import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.results.recovery import ResultsState

_PROGRAM = "mixpanel-importer"
_KINDS = {"real": [], "dry-run": ["--dry-run"], "sandbox": ["--sandbox"]}


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """Where a source stands.

    Attributes:
        runs: The first run and its retries, in order.
        counts: Records of the source by the last outcome of each.
        scope: Records in scope of the first run; None while it is not known.
        unattempted: Those without any outcome; None while the scope is not known.
        reconciles: True if everything adds up: in each run, outcomes and unattempted records make
            its scope and are what its manifest says, and retries hold nothing but records that were
            open.
        next_command: What to type next; empty if nothing is left to do.
    """

    runs: tuple[RecordedRun, ...]
    counts: Counts
    scope: int | None
    unattempted: int | None
    reconciles: bool
    next_command: str


def read_status(results: Path, state: ResultsState | None = None) -> HistoryStatus:
    """Add up a run and all of its retries: for each record its last outcome.

    Args:
        results: Any results file of the chain. It may be written to meanwhile.
        state: How far it goes, if that is known to whoever wrote it; else it is read.

    Raises:
        ResultsError: Results or a manifest of the chain are missing or can't be used.
    """
    runs = whole_history(results, state)
    counts, retries_fit = _add_up(runs)
    first = runs[0]
    return HistoryStatus(
        runs=tuple(runs),
        counts=counts,
        scope=first.manifest.scope,
        unattempted=first.unattempted,
        reconciles=retries_fit and all(_reconciles(run) for run in runs),
        next_command=_next_command(runs, counts),
    )


def check_retriable(results: Path) -> None:
    """Stop where a retry of these results would leave records out or take them up twice.

    Args:
        results: The results that are to be retried.

    Raises:
        ResultsError: They were retried already, or their run is not finished; the remedy is the
            command that does it right.
    """
    status = read_status(results)
    last = status.runs[-1]
    if last.unattempted != 0:
        raise ResultsError(
            f"The run of {last.results} is not finished: {_records(last.unattempted)} have no outcome yet.",
            f"Finish it first: {status.next_command}",
        )
    if not results.samefile(last.results):
        raise ResultsError(
            f"{results} was retried already; {last.results} is the last of its retries.",
            f"Next: {status.next_command}" if status.next_command else "Nothing is left to retry.",
        )


def _records(number: int | None) -> str:
    return "some records" if number is None else f"{number:,} records"


def _add_up(runs: Sequence[RecordedRun]) -> tuple[Counts, bool]:
    """Count the last outcome of each record, and tell whether each retry had a reason."""
    total = Counts.from_tally({})
    fit = True
    for number, run in enumerate(runs):
        total += run.state.counts
        if later := runs[number + 1 :]:
            rows = rows_of(later)
            replaced = Counts()
            for frame in read_frames(run):
                replaced += count(frame[is_among(frame, rows)])
            total -= replaced
            fit &= replaced.succeeded == 0 and (number > 0 or replaced.total == len(rows))
    return total, fit


def _reconciles(run: RecordedRun) -> bool:
    """Check a run against its own manifest; what has not ended has only not to be too long."""
    unattempted, manifest = run.unattempted, run.manifest
    if unattempted is not None and unattempted < 0:
        return False
    if manifest.ended is None:
        return True
    # Both are None where a run stopped before it had seen the end of a source of unknown length.
    return manifest.counts == run.state.counts and manifest.unattempted == unattempted


def _next_command(runs: Sequence[RecordedRun], counts: Counts) -> str:
    last = runs[-1]
    if last.unattempted != 0:
        return _resume_retry(*runs[-2:]) if len(runs) > 1 else _resume_run(last)
    # A dry run sent nothing, so there is nothing to retry: what comes next is a run.
    retriable = counts.unsuccessful and last.manifest.kind != "dry-run"
    return shlex.join([_PROGRAM, "retry", str(last.results)]) if retriable else ""


def _resume_run(run: RecordedRun) -> str:
    manifest = run.manifest
    source = None if manifest.source == "-" else Path(manifest.source)
    words = [_PROGRAM, "run", manifest.source, *_KINDS[manifest.kind]]
    if manifest.endpoint != "import":
        words += ["--endpoint", manifest.endpoint]
    if manifest.kind != "sandbox":
        region = region_of(manifest.base_url)
        if region is None:
            words += ["--base-url", manifest.base_url]
        elif region != "us":
            words += ["--region", region]
    if run.results != results_path(source, manifest.kind):
        words += ["--results", str(run.results)]
    if manifest.limit is not None:
        words += ["--limit", str(manifest.limit)]
    if source is None and manifest.kind == "real":
        words.append("--yes")  # with standard input there is nobody to ask
    return shlex.join([*words, "--resume"])


def _resume_retry(parent: RecordedRun, run: RecordedRun) -> str:
    words = [_PROGRAM, "retry", str(parent.results)]
    if run.manifest.endpoint != parent.manifest.endpoint:
        words += ["--endpoint", run.manifest.endpoint]
    if run.results != retry_path(parent.results):
        words += ["--results", str(run.results)]
    return shlex.join([*words, "--resume"])
