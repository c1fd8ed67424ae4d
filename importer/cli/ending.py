"""How ``run`` and ``retry`` finish: the summary, the copy of failed records, the next step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from importer.cli.console import Console
from importer.cli.next_step import Ended, after_run, needs_decision
from importer.cli.options import CommandOptions
from importer.cli.phrases import counts_text
from importer.cli.steps import print_next
from importer.cli.summary import print_faults, print_landed, print_summary
from importer.errors import Interrupted, ResultsError, SourceError, UsageError
from importer.pipeline.failed_rows import copy_failed_rows
from importer.pipeline.job import RunReport
from importer.results.status import HistoryStatus, read_status
from importer.source.members import file_of

if TYPE_CHECKING:
    import threading

    from importer.sandbox.server import Sandbox


def finish_job(report: RunReport, options: CommandOptions, console: Console) -> tuple[Ended, int]:
    """Write how the run or retry of one source ended, and copy the records to mend if that is an option.

    Args:
        report: How it ended.
        options: Of these, what is copied and how much is written.
        console: Where to write.

    Returns:
        How it ended, for `finish_command`, and its exit code.
    """
    manifest = report.manifest
    print_summary(report, console, options)
    if report.log_error:
        console.warn(f"The log {report.job.options.log_file} ends early: {report.log_error}")
    if options.quiet:
        _say_what_went_wrong(report, console)
    if report.error is not None:
        console.fail(report.error)
    status = _status_of(report)
    if isinstance(report.error, SourceError):  # nothing can be copied of it
        mended = None
    else:
        mended = _copy_to_mend(report, status, options.failed_rows)
    if options.failed_rows is not None and _is_finished(status) and not _has_to_mend(status):
        console.say("No record has to be mended, so none was copied.")
    code = max(manifest.exit_code or 0, UsageError.exit_code if needs_decision(report) else 0)
    return Ended(report, status, mended), code


def finish_command(ended: Ended, sandbox: Sandbox | None, options: CommandOptions, console: Console) -> None:
    """Write what landed in the sandbox, and what to type next.

    Args:
        ended: The source that was run.
        sandbox: The sandbox that it was sent to; None if it was sent elsewhere or nowhere.
        options: Of these, the credentials.
        console: Where to write.
    """
    if sandbox is not None:
        store = sandbox.store
        print_landed(store.count(), store.counts_by_event_and_day(), console)
        print_faults(sandbox.stats.faults, console)
    print_next([after_run(ended, options)], console)
    report = ended.report
    no_step = ended.status is not None and ended.status.next_step is None
    if report.manifest.source == "-" and report.error is None and no_step:
        file_of(report.job.path).unlink(missing_ok=True)  # the copy of standard input: nothing needs it


def _say_what_went_wrong(report: RunReport, console: Console) -> None:
    """Write one line on a quiet console, if some records were not taken."""
    manifest = report.manifest
    if not (manifest.counts.unsuccessful or manifest.unattempted):
        return
    parts = counts_text(manifest.counts)
    if manifest.unattempted:
        parts.append(f"{manifest.unattempted:,} unattempted")
    Console(stream=console.stream).say(f"{', '.join(parts)}: see {report.job.results}")


def _status_of(report: RunReport) -> HistoryStatus | None:
    """Return where the source stands; None if its results can't be read any more."""
    try:
        return read_status(report.job.results, report.state, report.manifest)
    except ResultsError:  # the run has ended with an error that says so
        if report.error is None:
            raise
        return None


def _is_finished(status: HistoryStatus | None) -> bool:
    """Return whether every record has an outcome: before that, what is to be mended is not known."""
    return status is not None and status.runs[-1].unattempted == 0


def _has_to_mend(status: HistoryStatus | None) -> bool:
    return status is not None and bool(status.counts.rejected or status.counts.invalid)


def _copy_to_mend(report: RunReport, status: HistoryStatus | None, copy: Path | None) -> Path | None:
    """Copy the records that must be mended; return the copy, None if there is none."""
    if copy is None or status is None or not (_is_finished(status) and _has_to_mend(status)):
        return None
    last = status.runs[-1]  # a resumed run may have been retried since
    if last.manifest.mended_rows and not last.results.samefile(report.job.results):
        return None  # they stand in a copy already, which is another source
    copy_failed_rows(copy, report.job.path, last.results, last.manifest.reading)
    return copy


def stopped_code(code: int, stop: threading.Event, console: Console) -> int:
    """Return the exit code of the command, which is that of a stop if one was asked for too late.

    Args:
        code: What the runs ended with.
        stop: Whether a stop was asked for.
        console: Where it says that there was nothing left to stop.
    """
    if not stop.is_set() or code > 1:
        return code
    console.say("Stopped, but every record had its outcome already.")
    return Interrupted.exit_code
