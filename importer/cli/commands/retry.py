"""``retry``: sends the records again that were not taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from importer.cli.consent import get_consent
from importer.cli.console import Console
from importer.cli.conversion import RetryScope, command_options, retry_scope, run_options
from importer.cli.ending import finish_command, finish_job, stopped_code
from importer.cli.next_step import not_retriable_remedy
from importer.cli.open_files import allow_connections
from importer.cli.options import (
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RetryScopeOptions,
)
from importer.cli.phrases import attention_lines
from importer.cli.plan import destination_line
from importer.cli.process import StopRequests, no_stop_requests
from importer.cli.progress_bar import progress_for
from importer.cli.sets.options import WorkOptions
from importer.cli.summary import print_manifests
from importer.cli.target import open_target, with_destination_of
from importer.delivery.protocols import system_now
from importer.errors import ResultsError
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.outputs import check_is_file
from importer.pipeline.paths import known_manifest
from importer.pipeline.retry import prepare_retry
from importer.pipeline.run import run_job
from importer.results.history import check_exists
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path, retry_path
from importer.results.set_status import set_of
from importer.results.status import NotRetriableError
from importer.source.spool_room import spool_room
from importer.text import counted, file_command


def retry_results(
    results: Path,
    scope: RetryScopeOptions,
    work: WorkOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    *,
    stop_requests: StopRequests = no_stop_requests,
) -> int:
    """Retry records of a results file.

    Args:
        results: The results of a run or of a retry.
        scope: Which of its records.
        work: How much room it has for copies of the source.
        reading: How the source is read, as far as that differs from the run.
        delivery: Where events go, if not where that run sent them.
        output: What is written.
        stop_requests: Lets the retry be stopped.

    Returns:
        The exit code.

    Raises:
        ImporterError: Nothing was sent: options, results, source or credentials don't allow it.
    """
    options = run_options("real", reading, delivery, output, work=work)
    selected = retry_scope(scope)
    command = command_options(delivery, output)
    console = Console(quiet=command.quiet)
    _check_alone(results)
    check_exists(results)
    if options.results is not None:
        check_is_file(options.results, retry_path(results))
    parent = read_manifest(manifest_path(results))
    options = replace(options, kind=parent.kind)
    allow_connections(parent.kind, options.delivery.concurrency)
    child = known_manifest(options.results or retry_path(results)) if options.resume else None
    sent_to = with_destination_of(child or parent, command)
    with spool_room(options.spool_space), open_target(parent.kind, sent_to) as opened:
        job = _prepare(results, options, opened.target, selected)
        if not job.records and not job.state.records:
            console.say(f"Nothing to retry: {results} has no such record.")
            return 0
        what = counted(job.records or 0, "record")
        console.say(f"Retrying {what} of {results}; results go to {job.results}")
        console.lines([destination_line(job)])
        console.lines(attention_lines(job.manifest.attention))
        consent = get_consent(JobSet.of([job]), command, console)
        if not consent.begin:
            return 2
        with stop_requests(console.quiet) as stop:
            report = run_job(job, progress_for(quiet=command.quiet), stop, system_now, may_send=consent.send)
            ended, code = finish_job(report, command, console)
            finish_command(ended, opened.sandbox, command, console)
        if command.json:
            print_manifests([report.manifest], as_list=False)
        return stopped_code(code, stop, console)


def _prepare(results: Path, options: RunOptions, target: Target, scope: RetryScope) -> Job:
    """Return the job of a retry; if the results can't be retried, the error says which command to type."""
    try:
        return prepare_retry(
            results,
            options,
            target,
            system_now,
            statuses=scope.statuses,
            error_contains=scope.error,
            source_changed=scope.source_changed,
        )
    except NotRetriableError as error:
        error.steps = (not_retriable_remedy(error),)
        raise


def _check_alone(results: Path) -> None:
    """Stop where results are of one source of a set, which is retried as a whole.

    Raises:
        ResultsError: They are.
    """
    if (whole := set_of(results)) is not None:
        raise ResultsError(
            f"{results} is of one source of a set, which is retried as a whole",
            f"Next: {file_command('retry', whole)}",
        )
