"""``run`` of a set of sources: one plan, one question, one progress, one sum."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from importer.cli.consent import check_can_ask, check_decisions, get_consent
from importer.cli.console import Console
from importer.cli.ending import stopped_code
from importer.cli.open_files import allow_connections
from importer.cli.options import CommandOptions
from importer.cli.plan import fault_lines
from importer.cli.process import StopRequests, tidied
from importer.cli.progress_bar import progress_for
from importer.cli.sets.ending import finish_set
from importer.cli.sets.plan import mended_plan_lines, set_plan_lines
from importer.cli.target import open_target
from importer.delivery.protocols import system_now
from importer.delivery.quota import cap_of
from importer.pipeline.failed_rows import check_copies_folder
from importer.pipeline.job import RunOptions, Target
from importer.pipeline.paths import copies_folder
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import JobTask
from importer.pipeline.sets.copies import SourceCopies, held_copies, remove_copies
from importer.pipeline.sets.job import PreparedSet, SetOutput
from importer.pipeline.sets.mapping import map_set
from importer.pipeline.sets.mended import check_not_copies, prepare_mended_set
from importer.pipeline.sets.outputs import check_not_run_alone, find_set_output, without_too_long
from importer.pipeline.sets.prepare import prepare_set
from importer.pipeline.sets.resume import resume_set
from importer.pipeline.sets.run import SetWatch, run_set
from importer.pipeline.sets.survey import survey_set
from importer.pipeline.workers.pool import Workers
from importer.progress import Progress
from importer.results.set_manifest import read_set
from importer.results.storage import storage_error
from importer.source.found import Found
from importer.source.spool_room import spool_room

_SCRATCH: Final = ".mixpanel-importer-"
_SECONDS_LEFT_BEHIND: Final = 2 * 86_400
"""No survey takes longer."""


def run_set_of_sources(
    found: Found, options: RunOptions, command: CommandOptions, stop_requests: StopRequests
) -> int:
    """Import a set of sources.

    Args:
        found: The sources.
        options: The options of the run.
        command: Those that the command needs itself.
        stop_requests: Lets the run be stopped.

    Returns:
        The exit code.

    Raises:
        ImporterError: Nothing was sent: options, sources, credentials or results don't allow it.
    """
    console = Console(quiet=command.quiet)
    output = find_set_output(found, options)
    found = without_too_long(found, output.folder)
    if options.failed_rows is not None:
        check_copies_folder(options.failed_rows, output.folder, found.named)
    if output.use != "resume":
        check_can_ask(["-" for each in found.sources if each.name == "-"], options.kind, command)
    count = min(options.workers or os.cpu_count() or 1, len(found.sources))
    allow_connections(options.kind, options.delivery.concurrency, count)
    stop = threading.Event()  # while sources are surveyed, nobody sets it: a signal ends the command
    watch = SetWatch(progress_for(quiet=command.quiet), stop, options.max_errors)
    with (
        spool_room(options.spool_space),
        open_target(options.kind, command) as opened,
        held_copies(found, output.folder),
        Workers(
            count,
            progress=watch,
            stop=stop,
            cap=cap_of(opened.target.destination, options.delivery),
        ) as workers,
    ):
        with _no_copies_left(output):
            prepared = _prepare(found, output, options, opened.target, workers, watch)
            mended = prepared.manifest.mended
            console.lines(mended_plan_lines(prepared) if mended else set_plan_lines(prepared))
            console.lines(fault_lines(command))
            check_decisions(prepared.manifest, prepared.manifest.attention, options, command)
            consent = get_consent(prepared.jobs, command, console)
        if not consent.begin:
            _drop_copies(output)
            return 2
        with stop_requests(console.quiet) as event:
            workers.stop = watch.stop = event
            report = run_set(prepared, workers, watch, partial(JobTask, may_send=consent.send))
            code = finish_set(report, opened, command, console)
        return stopped_code(code, event, console)


def _prepare(
    found: Found,
    output: SetOutput,
    options: RunOptions,
    target: Target,
    workers: Workers,
    progress: Progress,
) -> PreparedSet:
    """Return the set, ready to run: whatever stops it before it sends is found here."""
    now_ms = system_now()
    is_resumed = output.use == "resume"
    is_mended = options.mapping is not None and options.mapping.is_dir()
    if is_resumed:
        is_mended = read_set(output.folder).mended
    if not is_mended:
        check_not_copies(found, options)
    with tidied():
        copies = SourceCopies(
            copies_folder(output.folder), options.spool_space, progress, sys.stdin.buffer, is_resumed
        )
        if is_mended:
            prepare = partial(prepare_job, target=target, now_ms=now_ms, progress=progress)
            return prepare_mended_set(found, output, options, prepare, target)
        if is_resumed:
            return resume_set(found, output, options, target, now_ms, copies)
        check_not_run_alone(found, (), output.folder, options)
        mapped = map_set(copies.of(found), options, workers, now_ms)
        with _scratch(output.folder) as scratch:
            surveyed = survey_set(mapped, options, workers, now_ms=now_ms, progress=progress, scratch=scratch)
        return prepare_set(surveyed, output, options, target, now_ms)


@contextmanager
def _no_copies_left(output: SetOutput) -> Iterator[None]:
    """Remove the copies of sources if the block fails, so that a run that did not begin leaves nothing."""
    try:
        yield
    except BaseException:
        _drop_copies(output)
        raise


def _drop_copies(output: SetOutput) -> None:
    if output.use != "resume":  # there they are of the run that was to go on
        remove_copies(output.folder)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the results for what is compared over all sources; it is removed at the end."""
    parent = folder.absolute().parent
    where = parent if parent.is_dir() else None
    for left in (where or Path(tempfile.gettempdir())).glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # of a run that was killed; of one that goes on, it is younger
            if time.time() - left.stat().st_mtime > _SECONDS_LEFT_BEHIND:
                shutil.rmtree(left, ignore_errors=True)
    try:
        made = tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=where, ignore_cleanup_errors=True)
    except OSError as error:
        raise storage_error(where or Path(tempfile.gettempdir()), error) from error
    with made as name:
        yield Path(name)
