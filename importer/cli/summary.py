"""What came of a run, in words, and what to type next."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from importer.cli.console import Console
from importer.cli.next_step import PROGRAM, destination_options, next_command
from importer.cli.options import CommandOptions
from importer.cli.plan import LabeledLine, about_ids
from importer.errors import TooManyErrors
from importer.events import mapping_file
from importer.model import Status
from importer.pipeline.job import Job
from importer.pipeline.outputs import frozen_mapping
from importer.pipeline.prepare import COLLISION_REMEDY
from importer.pipeline.run import RunReport
from importer.results.counts import Counts
from importer.results.manifest import Manifest
from importer.results.reader import read_failures
from importer.results.selection import select_records
from importer.results.status import read_status
from importer.source.copy import copy_records
from importer.text import counted

_FIRST_ERRORS, _MORE_ERRORS = 5, 100
_ONLY_REHEARSED = ("--dry-run", "--sandbox", "--resume", "--overwrite", "--json", "--quiet", "-q")


def print_summary(report: RunReport, console: Console, wishes: CommandOptions) -> None:
    """Say how a run ended: counts, the first records that were not taken, what stopped it."""
    manifest, job = report.manifest, report.job
    counts = manifest.counts
    parts = counts_text(counts)
    if manifest.unattempted:
        parts.append(f"{manifest.unattempted:,} unattempted")
    checked = "  ✓ adds up" if manifest.reconciled else ""
    console.lines(
        [
            LabeledLine("Result", f"{_records(manifest.scope)} = {' + '.join(parts) or '0'}{checked}"),
            LabeledLine("Took", _took(report.seconds, counts.total - job.state.records)),
            LabeledLine("Results", str(job.results)),
        ]
    )
    if report.collisions is not None:
        console.lines(about_ids(report.collisions, manifest))
    if report.notes:
        console.lines(
            [LabeledLine("Notes", f"on {report.notes:,} of the records: what was, or will be, changed")]
        )
    if counts.unsuccessful and not wishes.quiet:
        shown_first = _MORE_ERRORS if wishes.verbose else _FIRST_ERRORS
        _name_first(job, console, shown_first, counts.unsuccessful)
    if wishes.failed_rows is not None:
        _copy_failed(report, wishes, wishes.failed_rows, console)
    if report.error is not None:
        console.fail(report.error)
    if manifest.source == "-" and report.error is None and not _left_to_do(report):
        job.path.unlink(missing_ok=True)  # no record is left that would be read from it


def counts_text(counts: Counts) -> list[str]:
    """Return how many records ended in which way, a text for each way that occurs."""
    return [f"{counts[status]:,} {status.value}" for status in Status if counts[status]]


def _records(number: int | None) -> str:
    return "? records" if number is None else counted(number, "record")


def _took(seconds: float, records: int) -> str:
    rate = f", {records / seconds:,.0f} records a second" if seconds > 1 else ""
    return f"{seconds:.1f} s{rate}"


def print_next_step(report: RunReport, console: Console, wishes: CommandOptions) -> None:
    """Say what to type next, as the last line, if anything is left to do."""
    manifest, counts = report.manifest, report.manifest.counts
    command = _left_to_do(report)
    if command:
        command += "".join(f" {shlex.quote(word)}" for word in _as_now(report, wishes))
    elif _is_rehearsed(report):
        command = repeat_command("run", without=_ONLY_REHEARSED, drop="--results")
        if manifest.source == "-":
            command = f"… | {command} --yes"
    if needs_decision(report):
        console.say(COLLISION_REMEDY)
    if not command:
        return
    if report.error is None and counts.unsuccessful and not counts.failed:
        console.say(
            "Mend the data (--failed-rows FILE copies those records), or read it otherwise"
            " (--timezone, --type, --map, …):"
        )
    console.next(command)


def _left_to_do(report: RunReport) -> str:
    """Return the command that goes on with these results, or an empty text."""
    return next_command(read_status(report.job.results, report.state).next_step)


def _is_rehearsed(report: RunReport) -> bool:
    """Return whether what was typed would now be right for a run against Mixpanel; of a retry it never is."""
    rehearsal = report.manifest.kind != "real" and report.job.parent is None
    return rehearsal and report.error is None and not needs_decision(report)


def needs_decision(report: RunReport) -> bool:
    """Return whether a dry run found what will stop a run."""
    found = report.collisions
    return found is not None and found.found and not report.job.options.allow_collisions


def _as_now(report: RunReport, wishes: CommandOptions) -> list[str]:
    """Return the options that a resume or a retry wants again, because no manifest may hold or keep them."""
    words = []
    limit = report.job.options.max_errors
    # Whoever was stopped by it must decide anew; whoever was stopped otherwise still wants it.
    if limit is not None and report.error is not None and not isinstance(report.error, TooManyErrors):
        words += ["--max-errors", f"{limit.limit:g}{'%' if limit.percent else ''}"]
    return words + _signed(wishes)


def repeat_command(
    command: str, *, without: Sequence[str] = (), drop: str = "", add: Sequence[str] = ()
) -> str:
    """Return the command line that was typed, as another command: its options hold there too."""
    words = iter(sys.argv[2:])
    kept = []
    for word in words:
        if word == drop:
            next(words, None)
        elif word not in without and not (drop and word.startswith(f"{drop}=")):
            kept.append(word)
    return shlex.join([PROGRAM, command, *kept, *add])


def _name_first(job: Job, console: Console, count: int, total: int) -> None:
    """Show the first records that were not taken, as the results have them."""
    for line in islice(read_failures(job.results), min(count, total)):
        console.say(f"  row {line.row:,} (line {line.line:,}) {line.status}: {line.error}")
    if total > count:
        console.say(f"  and {total - count:,} more, in the results")


def _copy_failed(report: RunReport, wishes: CommandOptions, path: Path, console: Console) -> None:
    """Copy the records that need mending, and freeze beside them how they are to be read."""
    reading = report.manifest.reading
    chosen = select_records(report.job.results, {Status.REJECTED, Status.INVALID})
    with path.open("wb") as out:
        os.fchmod(out.fileno(), 0o600) if hasattr(os, "fchmod") else None
        count = copy_records(
            report.job.path, reading.dialect, reading.columns, (choice.row for choice in chosen), out
        )
    frozen = frozen_mapping(path)
    frozen.write_text(mapping_file.render(reading), "utf-8")
    console.lines([LabeledLine("Failed rows", f"{counted(count, 'record')} to mend: {path}")])
    words = ["run", str(path), "--mapping", str(frozen), *_where(report.manifest, wishes)]
    console.say(f"Mend them, then: {shlex.join([PROGRAM, *words])}")


def _where(manifest: Manifest, wishes: CommandOptions) -> list[str]:
    """Return the options that send to where a run sent, in the same name."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    return destination_options(manifest) + _signed(wishes)


def _signed(wishes: CommandOptions) -> list[str]:
    """Return the options that say where credentials are."""
    words = []
    if wishes.credentials is not None:
        words += ["--credentials", wishes.credentials]
    if wishes.token_file is not None:
        words += ["--token-file", str(wishes.token_file)]
    return words


def print_landed(sandbox: Any, console: Console) -> None:
    """Say what is in the sandbox of this run."""
    counts = sandbox.store.counts_by_event_and_day()
    total = sandbox.store.count()
    console.say(
        f"\nLanded in the sandbox: {counted(total, 'event')} (a stand-in made from Mixpanel's documentation)"
    )
    by_event: dict[str, int] = {}
    days: set[str] = set()
    for event, day, number in counts:
        by_event[event] = by_event.get(event, 0) + number
        days.add(day)
    for event, number in sorted(by_event.items(), key=lambda item: -item[1])[:10]:
        console.say(f"  {number:>9,}  {event}")
    if days:
        console.say(f"  between {min(days)} and {max(days)} (UTC)")
