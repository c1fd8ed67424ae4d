"""The summary of a run: counts, and the first records that were not taken."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from importer.cli.console import Console, LabeledLine
from importer.cli.options import CommandOptions
from importer.cli.phrases import attention_lines, counts_text, exploded_of, outcomes_text, place_text
from importer.pipeline.job import RunReport
from importer.results.counts import Counts
from importer.results.manifest import Manifest, manifest_text
from importer.results.reader import read_failures
from importer.text import counted

_FIRST_ERRORS: Final = 5
_VERBOSE_ERRORS: Final = 100
_MOST_EVENT_NAMES: Final = 10


def print_summary(report: RunReport, console: Console, options: CommandOptions) -> None:
    """Write how many records ended in which way, and the first that were not taken."""
    manifest, job = report.manifest, report.job
    counts = manifest.counts
    console.lines(_result_lines(report))
    # What the plan said already is not said again.
    console.lines(attention_lines(each for each in manifest.attention if each not in job.manifest.attention))
    if report.notes:
        noted = f"on {counted(report.notes, 'record')}: what was changed, or will be"
        console.lines([LabeledLine("Notes", noted)])
    if counts.unsuccessful and not options.quiet:
        count = _VERBOSE_ERRORS if options.verbose else _FIRST_ERRORS
        _print_first_errors(job.results, console, count, counts.unsuccessful)


def _result_lines(report: RunReport) -> list[LabeledLine]:
    manifest, job = report.manifest, report.job
    result = equation(
        manifest.scope,
        manifest.counts,
        manifest.unattempted,
        report.copies,
        exploded=exploded_of(manifest),
        checked=bool(manifest.reconciled),
    )
    return [
        LabeledLine("Result", result),
        LabeledLine("Took", duration_text(report.seconds, manifest.counts.total - job.state.records)),
        LabeledLine("Results", str(job.results)),
    ]


def equation(
    scope: int | None,
    counts: Counts,
    unattempted: int | None,
    copies: int,
    *,
    exploded: int | None,
    checked: bool,
) -> str:
    """Return how the records in scope ended, or the events that these are, as a sum."""
    parts = counts_text(counts, f" (Mixpanel keeps {counts.succeeded - copies:,})" if copies else "")
    if unattempted:
        parts.append(f"{unattempted:,} unattempted")
    # Where the end of the source was not reached, nobody knows how many records there are.
    if scope is None:
        total = f"so far {outcomes_text(counts.total, exploded)}"
    else:
        total = outcomes_text(scope, exploded)
    return f"{total} = {' + '.join(parts) or '0'}{'  ✓ adds up' if checked else ''}"


def duration_text(seconds: float, records: int) -> str:
    """Return how long so many records took, and how many that is in a second."""
    rate = round(records / seconds) if seconds > 1 else 0
    return f"{seconds:.1f} s, {counted(rate, 'record')} a second" if rate else f"{seconds:.1f} s"


def _print_first_errors(results: Path, console: Console, count: int, total: int) -> None:
    """Write the first ``count`` of ``total`` records that were not taken, read from the results."""
    for line in islice(read_failures(results), min(count, total)):
        console.say(f"  {place_text(line)} {line.status}: {line.error}")
    if total > count:
        console.say(f"  and {total - count:,} more, in the results")


def print_landed(total: int, by_event_and_day: Sequence[tuple[str, str, int]], console: Console) -> None:
    """Write what the sandbox received.

    Args:
        total: How many events there are.
        by_event_and_day: The name of an event, a day (``YYYY-MM-DD``, UTC), and how many there are.
        console: Where to write.
    """
    console.say()
    console.say(
        f"Landed in the sandbox: {counted(total, 'event')} (a stand-in made from Mixpanel's documentation)"
    )
    by_event: Counter[str] = Counter()
    for event, _, number in by_event_and_day:
        by_event[event] += number
    for event, number in by_event.most_common(_MOST_EVENT_NAMES):
        console.say(f"  {number:>9,}  {event}")
    days = {day for _, day, _ in by_event_and_day}
    if days:
        span = f"between {min(days)} and {max(days)}" if len(days) > 1 else f"on {min(days)}"
        console.say(f"  {span} (UTC)")


def print_faults(faults: Mapping[str, int], console: Console) -> None:
    """Write which faults of the sandbox the requests met, and how many of each."""
    if faults:
        met = ", ".join(
            f"{name} ({'once' if count == 1 else f'{count:,} times'})"
            for name, count in sorted(faults.items())
        )
        console.say(f"Faults made on purpose: {met}")


def print_manifests(manifests: Sequence[Manifest], *, as_list: bool) -> None:
    """Print the manifests of runs as JSON: a list, or the only one by itself."""
    texts = [manifest_text(manifest).rstrip() for manifest in manifests]
    sys.stdout.write(f"[{', '.join(texts)}]\n" if as_list else f"{texts[0]}\n")
