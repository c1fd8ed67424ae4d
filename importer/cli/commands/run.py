"""``run``: shows a plan, asks once, sends."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from importer.cli.clock import now_ms
from importer.cli.console import Console
from importer.cli.conversion import command_options, run_kind, run_options
from importer.cli.execution import StopRequests, check_can_ask, has_consent, run_jobs
from importer.cli.options import DeliveryOptions, OutputOptions, ReadingOptions, RunScopeOptions
from importer.cli.plan import plan_lines
from importer.cli.progress_bar import progress_for, watch_with
from importer.cli.target import open_target
from importer.pipeline.job import RunOptions
from importer.pipeline.outputs import SourceFile, resolve_outputs
from importer.pipeline.prepare import prepare_jobs
from importer.source.spool import spool_stream


def run_sources(
    names: Sequence[str],
    scope: RunScopeOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    *,
    stop_requests: StopRequests | None = None,
) -> int:
    """Import sources.

    Args:
        names: The sources as typed; ``-`` is standard input.
        scope: What kind of run it is, and over what.
        reading: How the sources are read.
        delivery: Where events go.
        output: What is written.
        stop_requests: Lets the run be stopped; None if it is to go to its end.

    Returns:
        The exit code: that of the source with the greatest.

    Raises:
        ImporterError: Nothing was sent: options, sources, credentials or results don't allow it.
    """
    kind = run_kind(scope)
    options = run_options(kind, reading, delivery, output, scope)
    command = command_options(delivery, output)
    console = Console(quiet=command.quiet)
    progress = progress_for(quiet=command.quiet)
    check_can_ask(names, kind, command)
    sources = resolve_outputs(names, options)
    with open_target(kind, command) as target:
        _copy_stdin(sources, options)
        jobs = prepare_jobs(sources, options, target.target, now_ms=now_ms(), watch=watch_with(progress))
        progress.end()
        console.lines(plan_lines(jobs, now_ms()))
        if not has_consent(jobs, command, console):
            console.say("Nothing was sent.")
            return 2
        return run_jobs(jobs, target, command, console, progress, stop_requests)


def _copy_stdin(sources: Sequence[SourceFile], options: RunOptions) -> None:
    """Copy standard input to a file, unless a resumed run has such a copy."""
    for source in sources:
        if source.name == "-" and not (options.resume and source.results.exists()):
            spool_stream(sys.stdin.buffer, source.path)
