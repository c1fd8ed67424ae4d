"""How ``run`` and ``retry`` finish a job: the summary, the copy of failed records, the next step."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from importer.cli.console import Console, LabeledLine
from importer.cli.next_step import failed_rows_command, needs_decision, print_next_step
from importer.cli.options import CommandOptions
from importer.cli.summary import print_faults, print_landed, print_summary
from importer.errors import UsageError
from importer.pipeline.failed_rows import copy_failed_rows
from importer.pipeline.job import RunReport
from importer.results.manifest import Manifest, manifest_text
from importer.results.status import read_status
from importer.text import counted

if TYPE_CHECKING:
    from importer.sandbox.server import Sandbox


def finish_job(report: RunReport, sandbox: Sandbox | None, options: CommandOptions, console: Console) -> int:
    """Copy the failed records if that is an option, and write how the run ended and what to type next.

    Args:
        report: How the run ended.
        sandbox: The sandbox that the run was sent to; None if it was sent elsewhere or nowhere.
        options: Of these, what is copied and how much is written.
        console: Where to write.

    Returns:
        The exit code of the run.
    """
    job, manifest = report.job, report.manifest
    print_summary(report, console, options)
    if options.failed_rows is not None:
        count = copy_failed_rows(options.failed_rows, job.path, job.results, manifest.reading)
        console.lines(
            [LabeledLine("Failed rows", f"{counted(count, 'record')} to mend: {options.failed_rows}")]
        )
        console.say(f"Mend them, then: {failed_rows_command(options.failed_rows, manifest, options)}")
    if report.log_error:
        console.warn(f"The log {job.options.log_file} ends early: {report.log_error}")
    if report.error is not None:
        console.fail(report.error)
    if sandbox is not None:
        store = sandbox.store
        print_landed(store.count(), store.counts_by_event_and_day(), console)
        print_faults(sandbox.stats.faults, console)
    step = read_status(job.results, report.state, manifest).next_step
    if manifest.source == "-" and report.error is None and step is None:
        job.path.unlink(missing_ok=True)  # the copy of standard input: no later command needs it
    print_next_step(report, step, options, console)
    return max(manifest.exit_code or 0, UsageError.exit_code if needs_decision(report) else 0)


def print_manifests(manifests: Sequence[Manifest], *, as_list: bool) -> None:
    """Print the manifests of runs as JSON: a list, or the only one by itself."""
    texts = [manifest_text(manifest).rstrip() for manifest in manifests]
    sys.stdout.write(f"[{', '.join(texts)}]\n" if as_list else f"{texts[0]}\n")
