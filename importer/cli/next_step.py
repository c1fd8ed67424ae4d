"""What to type next, as a value: made where it is known how a command ended, shown in one place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from importer.cli.command_lines import (
    command_line,
    copy_path,
    credential_flags,
    flags_to_repeat,
    is_said_by_flags,
    mended_command,
    reading_flags,
    repeat_command,
    resume_command,
    retry_command,
    run_words,
)
from importer.cli.cures import cure_by_preset, cure_of_history, cure_of_run
from importer.cli.options import CommandOptions
from importer.cli.source_folder import is_source_changed, missing_text
from importer.cli.steps import (
    READ_OTHERWISE,
    REHEARSAL_FLAGS,
    REHEARSAL_OPTIONS,
    RESUMABLE,
    Next,
    advice_on_refusal,
    retry_words_typed,
)
from importer.errors import (
    ImporterError,
    SourceError,
)
from importer.mixpanel.rules import AHEAD_OF_CLOCK
from importer.pipeline.collision_text import COLLISION_REMEDY
from importer.pipeline.job import RunReport
from importer.pipeline.paths import default_results, free_beside, known_manifest
from importer.results.ahead import find_ahead
from importer.results.manifest import Manifest
from importer.results.status import HistoryStatus, NextStep, NotRetriableError
from importer.text import counted, file_command

_KEEPS_IDS: Final = "what was imported keeps its ids, so nothing is doubled."

# ── after a run, a retry, or a stop ──────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ended:
    """How one source of a command ended.

    Attributes:
        report: The report of its run or retry.
        status: Where the source stands now; None if that can't be told.
        mended: The copy of the records to mend; None if there is none.
    """

    report: RunReport
    status: HistoryStatus | None
    mended: Path | None = None


def after_run(ended: Ended, options: CommandOptions) -> Next:
    """Return what to do after the run of a source, or a retry.

    Args:
        ended: How it ended.
        options: Of these, the credentials and where records to mend are copied.
    """
    report = ended.report
    if isinstance(report.error, ImporterError) and not isinstance(report.error, RESUMABLE):
        return Next()
    if report.manifest.breaks_off and not _is_unfinished(ended):
        return _after_break(ended, options)
    if isinstance(report.error, SourceError) or _is_unfinished(ended):  # a resume checks the source again
        return _resume(ended, options)
    if _is_rehearsal(report) and not report.manifest.counts.failed:
        return _after_rehearsal(ended)
    return Next() if ended.status is None else _left_of(ended.status, options, ended.mended, report)


def _after_break(ended: Ended, options: CommandOptions) -> Next:
    """Return what to do where all has an outcome that stands ahead of a break in the source."""
    report = ended.report
    if _is_rehearsal(report) and not report.manifest.counts.failed:
        left = _after_rehearsal(ended)
        advice = f"{broken_off_text(report.manifest)}. What stands ahead of the break can be imported."
        return Next((advice, *left.advice), left.commands)
    left = Next() if ended.status is None else _left_of(ended.status, options, ended.mended, report)
    if left.commands or report.job.parent is not None or ended.status is None:
        return left
    if report.job.options.resume:  # as after a rehearsal
        return replace(left, commands=_import_of_mended(report.manifest))
    results = default_results(report.manifest.source, "real")
    elsewhere = ["--results", str(free_beside(results, results.suffix))]
    again = repeat_command("run", without=("--resume", "--overwrite"), drop=("--results",), add=elsewhere)
    return Next(left.advice, (f"… | {again}" if _is_piped(report) else again,))


def broken_off_text(manifest: Manifest) -> str:
    """Return that a source breaks off, and what to do about it."""
    if manifest.source == "-":
        return "Standard input breaks off: make it whole"
    return f"{manifest.source} breaks off: mend it, or copy it again"


def _is_unfinished(ended: Ended) -> bool:
    step = None if ended.status is None else ended.status.next_step
    return step is not None and step.action == "resume"


def _is_rehearsal(report: RunReport) -> bool:
    """Return whether nothing was sent to Mixpanel, and by a run: a retry is repeated by no other command."""
    return report.manifest.kind != "real" and report.job.parent is None


def _resume(ended: Ended, options: CommandOptions) -> Next:
    """Return the command that goes on with a source."""
    report = ended.report
    flags = flags_to_repeat(report.job.options.max_errors, report.error, options)
    if options.failed_rows is not None:  # they are copied at the end
        flags = ["--failed-rows", str(options.failed_rows), *flags]
    step = _step_to_resume(ended)
    return (
        Next() if step is None else Next(advice_on_refusal(report.manifest), (resume_command(step, flags),))
    )


def _step_to_resume(ended: Ended) -> NextStep | None:
    """Return how a run goes on that was stopped, perhaps when all had an outcome; None if that is lost."""
    if ended.status is None:
        return None
    if _is_unfinished(ended):
        return ended.status.next_step
    runs = ended.status.runs
    own = next(number for number, run in enumerate(runs) if run.results == ended.report.job.results)
    return NextStep("resume", runs[own], runs[own - 1] if own else None)


def _after_rehearsal(ended: Ended) -> Next:
    """Return what to do after a dry run, or a run into the sandbox, that came to its end."""
    report, mended = ended.report, ended.mended
    if report.error is not None and not report.manifest.breaks_off:
        return Next()
    if needs_decision(report):
        return Next(COLLISION_REMEDY)
    if _is_piped(report) and sys.stdin.isatty():
        keep = "Put the records into a file, and run that: what was typed can't be read again."
        return Next((*_copied_text(mended), keep))
    if (
        report.job.options.resume
    ):  # the first run's options are not all typed again: what they said still holds
        flag = f"--{report.manifest.kind}"
        whole = f"Nothing reached Mixpanel: the command of the first run without {flag} imports it."
        return Next((*_copied_text(mended), whole))
    if cure := cure_by_preset(report.manifest.attention, report.job.options.accept):
        return Next((*_copied_text(mended), cure.advice), (_again(report, cure.options),))
    counts = report.manifest.counts
    wrong = counts.unsuccessful
    if not wrong:
        return _real_run(report)
    if cure := cure_of_run(report.job.results):
        return Next((*_copied_text(mended), cure.advice), (_again(report, cure.options),))
    if not counts.succeeded:
        advice = "Mend the data, or read it differently (--map, --type, --where, …), then check again:"
        return Next((*_copied_text(mended), advice), (_again(report),))
    copied = "" if mended is None else f" ({mended} is a copy of {_them(wrong)})"
    records = counted(wrong, "record")
    return _real_run(
        report,
        f"{records} can't be imported{copied}. Mend {_them(wrong)} and check again",
        ", or import the others:",
    )


def _copied_text(mended: Path | None) -> tuple[str, ...]:
    """Return where the records to mend are copied, for where that is not the next thing to do."""
    return () if mended is None else (f"The records to mend are copied to {mended}.",)


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _again(report: RunReport, cure: Sequence[str] = ()) -> str:
    """Return the command of this rehearsal, to be typed again; what it leaves may be replaced."""
    flags = ("--resume", "--overwrite", "--json")
    command = repeat_command("run", without=flags, drop=("--failed-rows",), add=cure)
    return f"… | {command}" if _is_piped(report) else command


def _is_piped(report: RunReport) -> bool:
    """Return whether the source was standard input, which must be there again."""
    return report.manifest.source == "-"


def _real_run(report: RunReport, advice: str = "", or_others: str = "") -> Next:
    """Return how to import what was rehearsed; or see what was, where some of it was imported before.

    Args:
        report: Of the rehearsal.
        advice: What to do first, without a full stop; empty for nothing.
        or_others: The end of that, where all the same there is something to import.
    """
    source = report.manifest.source
    results = default_results(source, "real")
    if results.exists() and known_manifest(results) is not None:
        before = f"{results} is of an earlier import of {source}. To see where that stands:"
        first = (f"{advice}.",) if advice else ()
        return Next((*first, before), (file_command("status", results),))
    drop = (*REHEARSAL_OPTIONS, "--results")
    command = repeat_command("run", without=REHEARSAL_FLAGS, drop=drop)
    if _is_piped(report):
        command = f"… | {command} --yes"
    return Next((advice + or_others,) if advice else (), (command,))


def needs_decision(report: RunReport) -> bool:
    """Return whether a dry run found collisions that will stop a run until a person decides."""
    found = report.collisions
    return found is not None and found.found and not report.job.options.allow_collisions


# ── where a source stands ────────────────────────────────────────────────────────────────────────


def after_status(status: HistoryStatus) -> Next:
    """Return what to do where a source stands so, and that adds up."""
    last = status.runs[-1].manifest
    if status.next_step is None and last.kind == "dry-run":
        if status.counts.unsuccessful:
            return Next(
                ("Mend the data, then type the command of the dry run again: its results will be replaced.",)
            )
        return Next(("Nothing was sent yet: the same command without --dry-run imports it.",))
    if status.next_step is None and last.kind == "sandbox":
        command = "the same command" if len(status.runs) == 1 else "the command of the first run"
        return Next((f"Nothing reached Mixpanel: {command} without --sandbox (and --faults) imports it.",))
    left = _left_of(status, CommandOptions())
    return left if left.commands else replace(left, commands=_import_of_mended(status.runs[0].manifest))


def _import_of_mended(manifest: Manifest) -> tuple[str, ...]:
    """Return the command that imports a source that breaks off, once it is mended; none for others."""
    source = manifest.source
    if not manifest.breaks_off or source == "-" or not is_said_by_flags(manifest.reading):
        return ()
    usual = default_results(source, "real")
    elsewhere = ["--results", str(free_beside(usual, usual.suffix))] if usual.exists() else []
    return (command_line(run_words([source], manifest), reading_flags(manifest.reading), elsewhere),)


def _left_of(
    status: HistoryStatus,
    options: CommandOptions,
    mended: Path | None = None,
    report: RunReport | None = None,
) -> Next:
    """Return what is left to do for one source.

    Args:
        status: Where it stands.
        options: Of these, the credentials.
        mended: The copy of the records to mend; None if there is none yet.
        report: How the last run ended; None if it was not this process.
    """
    left = _left_ahead(status, options, mended, report)
    first, step = status.runs[0].manifest, status.next_step
    if not first.breaks_off or first.kind != "real" or (step is not None and step.action == "resume"):
        return left
    text = f"{broken_off_text(first)}, and import it with another --results: {_KEEPS_IDS}"
    return Next((text, *left.advice), left.commands)


def _left_ahead(
    status: HistoryStatus, options: CommandOptions, mended: Path | None, report: RunReport | None
) -> Next:
    """Return what is left to do for one source, but for what stands behind a break of it."""
    step, counts = status.next_step, status.counts
    if step is None:
        return _beyond_limit(status, options)
    flags = (
        credential_flags(options)
        if report is None
        else flags_to_repeat(report.job.options.max_errors, report.error, options)
    )
    to_mend = counts.invalid + counts.rejected
    copied = () if mended is None else (mended_command(mended, step.run.manifest, options),)
    changed = is_source_changed(step.run)
    if changed is None or (changed and step.action == "resume"):
        source = step.run.manifest.source
        back = f"{source} has changed since. Put it back as it was" if changed else missing_text(source)
        return Next(
            (f"{back}, then:",),
            (resume_command(step, flags) if step.action == "resume" else retry_command(step.run),),
        )
    if step.action == "resume":
        return Next(advice_on_refusal(step.run.manifest), (resume_command(step, flags),))
    if changed:
        advice = f"{step.run.manifest.source} has changed since. If what is left was mended there:"
        return Next((advice,), (retry_command(step.run, ["--source-changed"], flags),))
    if step.action == "retry":
        only = ["--status", "failed"] if to_mend else []
        mend = f"{counted(to_mend, 'record')} must be mended. First, retry what failed:"
        return Next((mend,) if to_mend else (), (retry_command(step.run, only, flags), *copied))
    if cure := cure_of_history(status):
        return Next((*_copied_text(mended), cure.advice), (retry_command(step.run, cure.options, flags),))
    ahead = find_ahead(step.run.results) if counts.invalid else None
    if ahead is None:
        return _mending(step, to_mend, mended, copied, flags)
    others, them = to_mend - ahead.records, _them(ahead.records)
    retry = retry_command(step.run, ["--error", AHEAD_OF_CLOCK] if others else [], flags)
    if ahead.is_over:
        mend = f"{counted(others, 'record')} must be mended. " if others else ""
        return Next((f"{mend}What was ahead of the clock can be sent by now:",), (retry,))
    mending = _mending(step, to_mend, mended, copied, flags)
    verb = "is" if ahead.records == 1 else "are"
    wait = f"{counted(ahead.records, 'record')} {verb} ahead of the clock: after {ahead.after}, retry {them}."
    wrong = () if others else (f"To send {them} before, under another time, mend {them}.",)
    return Next((wait, *wrong, *mending.advice), (retry, *mending.commands))


def _mending(
    step: NextStep, to_mend: int, mended: Path | None, copied: Sequence[str], flags: Sequence[str]
) -> Next:
    """Return how records are mended that are invalid or rejected: in a copy, which is there or is made."""
    records, them = counted(to_mend, "record"), _them(to_mend)
    if mended is not None:
        are = "is" if to_mend == 1 else "are"
        return Next((f"{records} to mend {are} in {mended}. Mend {them} there, then:",), tuple(copied))
    copy = copy_path(step.run)
    whose = "its" if to_mend == 1 else "their"
    copying = f"{records} must be mended. To copy {them} to a file of {whose} own:"
    return Next((copying,), (resume_command(step, ["--failed-rows", str(copy), *flags]),))


def _beyond_limit(status: HistoryStatus, options: CommandOptions) -> Next:
    """Return how to import what ``--limit`` left out, if nothing else is left to do."""
    (first, *retries) = status.runs
    limit, audit = first.manifest.limit, first.manifest.audit
    records = None if audit is None else audit.records
    ended_before = first.state.records != limit or first.state.records == records
    if limit is None or ended_before or retries or first.manifest.kind != "real":
        return Next()
    what = counted(limit, "record")
    whole = replace(first, manifest=replace(first.manifest, limit=None))
    command = resume_command(NextStep("resume", whole), credential_flags(options))
    return Next((f"--limit left out what follows the first {what}. To import that, too:",), (command,))


def not_retriable_remedy(error: NotRetriableError) -> str:
    """Return what to do where results can't be retried: what was typed, with the right results."""
    step = error.next_step
    if step is None:
        return "Nothing is left to retry."
    if step.action == "resume":
        return f"Finish it first: {resume_command(step)}"
    words = retry_words_typed()
    if step.action == "mend" and not READ_OTHERWISE.intersection(word.partition("=")[0] for word in words):
        return f"Only records to mend are left: {file_command('status', step.run.results)}"
    return f"Next: {retry_command(step.run, words)}"
