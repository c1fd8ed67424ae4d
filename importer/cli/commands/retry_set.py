"""``retry`` of a set of sources: sends the records of all of them again that were not taken."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

from importer.cli.consent import get_consent
from importer.cli.console import Console
from importer.cli.conversion import command_options, retry_scope, run_options
from importer.cli.ending import stopped_code
from importer.cli.open_files import allow_connections
from importer.cli.options import (
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RetryScopeOptions,
)
from importer.cli.phrases import attention_lines
from importer.cli.plan import destination_line
from importer.cli.process import StopRequests, no_stop_requests, tidied
from importer.cli.progress_bar import progress_for
from importer.cli.sets.ending import finish_set
from importer.cli.sets.next_step import set_not_retriable_remedy
from importer.cli.sets.options import WorkOptions
from importer.cli.target import OpenTarget, open_target, with_destination_of
from importer.delivery.protocols import system_now
from importer.delivery.quota import cap_of
from importer.pipeline.failed_rows import check_copies_folder
from importer.pipeline.job import RunOptions
from importer.pipeline.retry import prepare_retry
from importer.pipeline.run import JobTask
from importer.pipeline.sets.job import PreparedSet
from importer.pipeline.sets.retry import RetryChoice, SetNotRetriableError, prepare_set_retry
from importer.pipeline.sets.run import SetWatch, run_set
from importer.pipeline.workers.pool import Workers
from importer.results.paths import named_folder
from importer.results.set_manifest import is_set_folder, read_set
from importer.results.set_status import retry_folder
from importer.source.spool_room import spool_room
from importer.text import counted


def retry_set(
    folder: Path,
    scope: RetryScopeOptions,
    work: WorkOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    *,
    stop_requests: StopRequests = no_stop_requests,
) -> int:
    """Retry records of a set.

    Args:
        folder: The results of a run of the set, or of a retry.
        scope: Which of its records.
        work: How many processes do the work.
        reading: How the sources are read, as far as that differs from the run.
        delivery: Where events go, if not where that run sent them.
        output: What is written.
        stop_requests: Lets the retry be stopped.

    Returns:
        The exit code.

    Raises:
        ImporterError: Nothing was sent: options, results, sources or credentials don't allow it.
    """
    options = run_options("real", reading, delivery, output, work=work)
    choice = _choice_of(scope)
    command = command_options(delivery, output)
    console = Console(quiet=command.quiet)
    parent = read_set(folder)
    options = replace(options, kind=parent.kind)
    child = named_folder(options.results or retry_folder(folder))
    if options.failed_rows is not None:
        check_copies_folder(options.failed_rows, child, (*parent.named, str(folder)))
    earlier = read_set(child) if options.resume and is_set_folder(child) else parent
    count = options.workers or os.cpu_count() or 1
    allow_connections(parent.kind, options.delivery.concurrency, count)
    stop = threading.Event()  # nobody sets it before the retry begins: a signal ends the command
    watch = SetWatch(progress_for(quiet=command.quiet), stop, options.max_errors)
    sent_to = with_destination_of(earlier, command)
    with spool_room(options.spool_space), open_target(parent.kind, sent_to) as opened:
        prepared = _prepare(folder, options, opened, choice, watch)
        if not prepared.manifest.scope:
            console.say(f"Nothing to retry: {folder} has no such record.")
            return 0
        _print_plan(folder, prepared, console)
        consent = get_consent(prepared.jobs, command, console)
        if not consent.begin:
            return 2
        cap = cap_of(opened.target.destination, options.delivery)
        with (
            Workers(count, progress=watch, stop=stop, cap=cap) as workers,
            stop_requests(console.quiet) as event,
        ):
            workers.stop = watch.stop = event
            report = run_set(prepared, workers, watch, partial(JobTask, may_send=consent.send))
            code = finish_set(report, opened, command, console)
        return stopped_code(code, event, console)


def _choice_of(scope: RetryScopeOptions) -> RetryChoice:
    selected = retry_scope(scope)
    return RetryChoice(selected.statuses, selected.error, selected.source_changed)


def _print_plan(folder: Path, prepared: PreparedSet, console: Console) -> None:
    records, sources = prepared.jobs.records or 0, sum(bool(job.records) for job in prepared.jobs.jobs)
    what = f"{counted(records, 'record')} of {counted(sources, 'source')} of {folder}"
    console.say(f"Retrying {what}; results go to {prepared.output.folder}/")
    console.lines([destination_line(prepared.jobs.first)])
    console.lines(attention_lines(prepared.manifest.attention))


def _prepare(
    folder: Path, options: RunOptions, opened: OpenTarget, choice: RetryChoice, watch: SetWatch
) -> PreparedSet:
    """Return the retry; if the set can't be retried, the error says which command to type."""
    try:
        with tidied():
            return prepare_set_retry(
                folder,
                options,
                opened.target,
                system_now,
                choice,
                prepare_retry=prepare_retry,
                progress=watch,
                stdin=sys.stdin.buffer,
            )
    except SetNotRetriableError as error:
        error.steps = (set_not_retriable_remedy(error.status),)
        raise
