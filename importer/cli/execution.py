"""What ``run`` and ``retry`` share: ask for consent, run the jobs, and show how each of them ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from importer.cli.clock import now_ms
from importer.cli.console import Console
from importer.cli.failed_rows import copy_failed_rows
from importer.cli.next_command import needs_decision, print_next_step
from importer.cli.options import CommandOptions
from importer.cli.plan import events_to_send
from importer.cli.summary import print_landed, print_summary
from importer.cli.target import RunTarget
from importer.errors import UsageError
from importer.model import RunKind
from importer.pipeline.job import Job
from importer.pipeline.report import RunReport
from importer.pipeline.run import run_job
from importer.progress import Progress
from importer.results.manifest import Manifest, manifest_text
from importer.results.status import read_status
from importer.text import counted

StopRequests = Callable[[bool], AbstractContextManager[threading.Event]]
"""Lets a run be stopped: returns a context manager of an event that is set when the run is to stop.

Its argument is True if nothing may be written to the terminal. `__main__` hands in one that handles signals.
"""


@contextmanager
def no_stop_requests(_quiet: bool) -> Iterator[threading.Event]:  # noqa: FBT001 - see `StopRequests`
    """Yield an event that nobody sets: the run goes to its end."""
    yield threading.Event()


def check_can_ask(sources: Sequence[str], kind: RunKind, options: CommandOptions) -> None:
    """Check that a person can be asked for consent, if it is needed.

    Raises:
        UsageError: Standard input is a source or no terminal, so that nobody can answer.
    """
    if kind == "real" and not options.yes and ("-" in sources or not sys.stdin.isatty()):
        raise UsageError(
            "this run would send to Mixpanel, and there is nobody to ask",
            "Add --yes to send, --dry-run to check, or --sandbox to rehearse.",
        )


def has_consent(jobs: Sequence[Job], options: CommandOptions, console: Console) -> bool:
    """Return whether jobs may be run.

    They may if they send nothing to Mixpanel, if ``--yes`` is set, or if a person agrees.
    """
    if jobs[0].manifest.kind != "real" or options.yes:
        return True
    known = all(job.records is not None for job in jobs)
    what = counted(events_to_send(jobs), "event") if known else "all of it"
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")


def run_jobs(
    jobs: Sequence[Job],
    target: RunTarget,
    options: CommandOptions,
    console: Console,
    progress: Progress,
    stop_requests: StopRequests | None,
) -> int:
    """Run jobs one after the other, up to the first that an error stops, and show how each ended.

    Returns:
        The greatest exit code of the jobs.
    """
    code = 0
    manifests: list[Manifest] = []
    for job in jobs:
        with (stop_requests or no_stop_requests)(console.quiet) as stop:
            report = run_job(job, progress, stop, now_ms)
        _show_end(report, target, options, console)
        manifests.append(report.manifest)
        code = max(code, report.manifest.exit_code or 0, 2 * needs_decision(report))
        if report.error is not None:
            break
    if options.json:
        texts = [manifest_text(manifest).rstrip() for manifest in manifests]
        sys.stdout.write(f"{texts[0]}\n" if len(jobs) == 1 else f"[{', '.join(texts)}]\n")
    return code


def _show_end(report: RunReport, target: RunTarget, options: CommandOptions, console: Console) -> None:
    """Show how a run ended and what to type next, and copy its failed records if that is wanted."""
    job, manifest = report.job, report.manifest
    print_summary(report, console, options)
    if options.failed_rows is not None:
        copy_failed_rows(options.failed_rows, job.path, job.results, manifest, options, console)
    if report.error is not None:
        console.fail(report.error)
    if target.sandbox is not None:
        store = target.sandbox.store
        print_landed(store.count(), store.counts_by_event_and_day(), console)
    command = read_status(job.results, report.standing).next_command
    if manifest.source == "-" and report.error is None and not command:
        job.path.unlink(missing_ok=True)  # the copy of standard input: no record must be read from it again
    print_next_step(report, command, options, console)
