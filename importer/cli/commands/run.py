"""``run``: shows a plan, asks for consent, and sends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext

from importer.cli.consent import check_can_ask, get_consent
from importer.cli.console import Console, LabeledLine
from importer.cli.conversion import command_options, run_kind, run_options
from importer.cli.ending import finish_command, finish_job, print_manifests, stopped_code
from importer.cli.next_step import Ended
from importer.cli.open_files import allow_connections
from importer.cli.options import (
    CommandOptions,
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RunScopeOptions,
)
from importer.cli.plan import plan_lines
from importer.cli.process import StopRequests, no_stop_requests, tidied
from importer.cli.progress_bar import progress_for
from importer.cli.summary import print_sum
from importer.cli.target import OpenTarget, open_target
from importer.delivery.connections import Connections
from importer.delivery.protocols import system_now
from importer.errors import UsageError
from importer.pipeline.attention import check_strict
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import RunOptions, SourceFile
from importer.pipeline.outputs import resolve_outputs
from importer.pipeline.prepare import prepare_jobs
from importer.pipeline.run import run_job
from importer.progress import JointProgress, Progress
from importer.source.spool import spool_stream


def run_sources(
    names: Sequence[str],
    scope: RunScopeOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    *,
    stop_requests: StopRequests = no_stop_requests,
) -> int:
    """Import sources.

    Args:
        names: The sources as typed; ``-`` is standard input.
        scope: What kind of run it is, and over what.
        reading: How the sources are read.
        delivery: Where events go.
        output: What is written.
        stop_requests: Lets the run be stopped.

    Returns:
        The exit code: that of the source with the greatest.

    Raises:
        ImporterError: Nothing was sent: options, sources, credentials or results don't allow it.
    """
    kind = run_kind(scope)
    options = run_options(kind, reading, delivery, output, scope)
    command = command_options(delivery, output, scope)
    console = Console(quiet=command.quiet)
    progress = progress_for(quiet=command.quiet)
    sources = resolve_outputs(names, options)
    if not _goes_on(sources, options):  # else nothing may be left to send, so that nobody need be asked
        check_can_ask(names, kind, command)
    allow_connections(kind, options.delivery.concurrency)
    with open_target(kind, command) as opened:
        _copy_stdin(sources, options, console)
        jobs = JobSet.of(
            prepare_jobs(sources, options, opened.target, now_ms=system_now(), progress=progress)
        )
        console.lines(plan_lines(jobs))
        if command.faults is not None:
            console.lines(
                [LabeledLine("Faults", f"{command.faults} (the same text brings the same faults again)")]
            )
        _check_strict(jobs, options, command)
        consent = get_consent(jobs, command, console)
        if not consent.begin:
            return 2
        return _run_jobs(jobs, opened, command, console, progress, stop_requests, may_send=consent.send)


def _check_strict(jobs: JobSet, options: RunOptions, command: CommandOptions) -> None:
    """Stop a strict run that a decision forbids; its manifests are printed all the same.

    Raises:
        UsageError: ``--strict``, and a decision is not accepted.
    """
    try:
        check_strict((*jobs.first.manifest.attention, *jobs.first.survey.attention), options)
    except UsageError:
        if command.json:
            print_manifests([job.manifest for job in jobs.jobs], as_list=len(jobs.jobs) > 1)
        raise


def _goes_on(sources: Sequence[SourceFile], options: RunOptions) -> bool:
    """Return whether a run resumes results that exist, and needs nothing from standard input."""
    existing = [source.results.exists() for source in sources]
    from_stdin = [exists for source, exists in zip(sources, existing, strict=True) if source.name == "-"]
    return options.resume and any(existing) and all(from_stdin)


def _copy_stdin(sources: Sequence[SourceFile], options: RunOptions, console: Console) -> None:
    """Copy standard input to a file, unless a resumed run has such a copy."""
    for source in sources:
        if source.name == "-" and not (options.resume and source.results.exists()):
            if sys.stdin.isatty():
                console.say("Reading records from the keyboard. Ctrl-D on a line of its own ends them.")
            with tidied():
                spool_stream(sys.stdin.buffer, source.path)


def _run_jobs(
    jobs: JobSet,
    opened: OpenTarget,
    options: CommandOptions,
    console: Console,
    progress: Progress,
    stop_requests: StopRequests,
    *,
    may_send: bool,
) -> int:
    """Run jobs one after the other, up to the first that an error stops; return the greatest exit code."""
    code = 0
    ended: list[Ended] = []
    with stop_requests(console.quiet) as stop:
        with (
            closing(JointProgress(progress, jobs.size)) as joint,
            Connections() if len(jobs.jobs) > 1 else nullcontext() as connections,
        ):
            for job in jobs.jobs:
                report = run_job(job, joint, stop, system_now, connections, may_send=may_send)
                joint.clear()
                done, own_code = finish_job(report, options, console)
                ended, code = [*ended, done], max(code, own_code)
                if report.error is not None:
                    break
        unbegun = jobs.jobs[len(ended) :]
        if len(jobs.jobs) > 1:
            print_sum([each.report for each in ended], unbegun, console)
        finish_command(ended, unbegun, opened.sandbox, options, console)
    if options.json:
        print_manifests([each.report.manifest for each in ended], as_list=len(jobs.jobs) > 1)
    return stopped_code(code, stop, console)
