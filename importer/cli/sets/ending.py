"""How ``run`` and ``retry`` of a set of sources finish: the summary, the copies to mend, the next step."""

from __future__ import annotations

import sys
from pathlib import Path

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.cli.sets.next_step import after_set
from importer.cli.sets.summary import print_set_summary
from importer.cli.steps import print_next
from importer.cli.summary import print_faults, print_landed, print_manifests
from importer.cli.target import OpenTarget
from importer.pipeline.failed_rows import copy_failed_rows_of_set
from importer.pipeline.sets.copies import remove_copies
from importer.pipeline.sets.job import SetReport
from importer.pipeline.sets.retry_sources import RetrySources
from importer.progress import NullProgress
from importer.results.set_status import read_set_status


def finish_set(report: SetReport, opened: OpenTarget, command: CommandOptions, console: Console) -> int:
    """Write how a run of a set ended, or a retry, and what to type next; return the exit code."""
    print_set_summary(report, console, verbose=command.verbose)
    if report.error is not None:
        console.fail(report.error)
    if opened.sandbox is not None:
        store = opened.sandbox.store
        print_landed(store.count(), store.counts_by_event_and_day(), console)
        print_faults(opened.sandbox.stats.faults, console)
    mended = _copy_to_mend(report, command, console)
    print_next([after_set(report, command, mended)], console)
    manifest = report.manifest
    if report.error is None:
        _remove_copies(report)
    if command.json:
        print_manifests([manifest], as_list=False)
    return manifest.exit_code or 0


def _copy_to_mend(report: SetReport, command: CommandOptions, console: Console) -> Path | None:
    """Copy the records that must be mended, if that is an option; return the folder of the copies."""
    copies, folder = command.failed_rows, report.prepared.output.folder
    if copies is None or report.manifest.unattempted:
        return None
    status = read_set_status(folder)
    if not (status.counts.invalid or status.counts.rejected):
        console.say("No record has to be mended, so none was copied.")
        return None
    last = status.last
    if last.manifest.mended and not last.folder.samefile(folder):
        console.say(f"The records to mend are copied already: {', '.join(last.manifest.named)}")
        return None
    options = report.prepared.jobs.first.options
    sources = RetrySources(status.runs, options, NullProgress(), sys.stdin.buffer)
    sources.wanted = status.to_do
    copy_failed_rows_of_set(copies, status, sources.path_of)
    return copies


def _remove_copies(report: SetReport) -> None:
    """Remove the copies of what can be read only once, if nothing is left to do with them."""
    manifest, folder = report.manifest, report.prepared.output.folder
    if manifest.parent is not None:
        status = read_set_status(folder)
        if status.action is None:
            for run in status.runs:
                remove_copies(run.folder)
    elif manifest.kind == "dry-run" or not (manifest.unattempted or manifest.counts.unsuccessful):
        remove_copies(folder)
