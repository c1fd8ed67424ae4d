"""``run`` of a single source: shows a plan, asks for consent, and sends."""

from __future__ import annotations

import sys
from pathlib import Path

from importer.cli.consent import check_can_ask, check_decisions, get_consent
from importer.cli.console import Console
from importer.cli.ending import finish_command, finish_job, stopped_code
from importer.cli.open_files import allow_connections
from importer.cli.options import (
    CommandOptions,
)
from importer.cli.plan import fault_lines, plan_lines
from importer.cli.process import StopRequests, tidied
from importer.cli.progress_bar import progress_for
from importer.cli.summary import print_manifests
from importer.cli.target import open_target
from importer.delivery.protocols import system_now
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import RunOptions, SourceFile
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.source.find import FoundSource
from importer.source.members import file_of
from importer.source.spool import spool_pipe, spool_stream
from importer.source.spool_room import spool_room


def run_source(
    found: FoundSource, options: RunOptions, command: CommandOptions, stop_requests: StopRequests
) -> int:
    """Import a single source.

    Args:
        found: The source.
        options: The options of the run.
        command: Those that the command needs itself.
        stop_requests: Lets the run be stopped.

    Returns:
        The exit code.

    Raises:
        ImporterError: Nothing was sent: options, source, credentials or results don't allow it.
    """
    kind, console = options.kind, Console(quiet=command.quiet)
    progress = progress_for(quiet=command.quiet)
    name = "-" if found.pipe else found.name
    source = resolve_output(name, options)
    # Of results that are resumed, nothing may be left to send, so that nobody need be asked.
    goes_on = options.resume and source.results.exists()
    if not goes_on:
        check_can_ask([found.name], kind, command)
    allow_connections(kind, options.delivery.concurrency)
    with spool_room(options.spool_space), open_target(kind, command) as opened:
        if name == "-" and not goes_on:
            _copy_stream(found, source, console)
        job = prepare_job(source, options, opened.target, now_ms=system_now(), progress=progress)
        jobs = JobSet.of([job])
        console.lines(plan_lines(jobs))
        console.lines(fault_lines(command))
        check_decisions(job.manifest, (*job.manifest.attention, *job.survey.attention), options, command)
        consent = get_consent(jobs, command, console)
        if not consent.begin:
            return 2
        with stop_requests(console.quiet) as stop:
            report = run_job(job, progress, stop, system_now, may_send=consent.send)
            ended, code = finish_job(report, command, console)
            finish_command(ended, opened.sandbox, command, console)
        if command.json:
            print_manifests([report.manifest], as_list=False)
        return stopped_code(code, stop, console)


def _copy_stream(found: FoundSource, source: SourceFile, console: Console) -> None:
    """Copy standard input, or a pipe, to a file."""
    with tidied():
        if found.name != "-":
            spool_pipe(Path(found.name), file_of(source.path))
            return
        if sys.stdin.isatty():
            console.say("Reading records from the keyboard. Ctrl-D on a line of its own ends them.")
        spool_stream(sys.stdin.buffer, file_of(source.path))
