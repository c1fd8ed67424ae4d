"""What to type next after the run of a set of sources, and where a set stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from importer.cli.command_lines import (
    command_line,
    credential_flags,
    destination_flags,
    flags_to_repeat,
    import_command,
    is_pipe,
    is_said_by_flags,
    limit_flags,
    new_retry,
    repeat_command,
    resumed_retry,
)
from importer.cli.cures import Cure, cure_by_preset, cure_of_history, cure_of_run
from importer.cli.options import CommandOptions
from importer.cli.source_folder import missing_text
from importer.cli.steps import (
    READ_OTHERWISE,
    REHEARSAL_FLAGS,
    REHEARSAL_OPTIONS,
    RESUMABLE,
    Next,
    advice_on_refusal,
    retry_words_typed,
)
from importer.pipeline.collision_text import COLLISION_REMEDY
from importer.pipeline.paths import (
    default_folder,
    free_path,
)
from importer.pipeline.sets.found import NO_CHANGES, SetChanges
from importer.pipeline.sets.job import SetReport
from importer.results.set_manifest import SetManifest, SetSource, is_set_folder
from importer.results.set_status import (
    SetRun,
    SetStatus,
    read_set_status,
    retry_folder,
    set_history,
    source_histories,
)
from importer.results.status import HistoryStatus
from importer.text import counted, file_command, file_word, kind_flags, listed

_MOST_NAMED: Final = 3
_MOST_LOOKED_AT: Final = 5
"""In so many of the worst sources an option is looked for that mends their records."""
_AGAIN: Final = ("--resume", "--overwrite", "--json")
"""What the command of a rehearsal leaves out that is typed again: its results may be replaced."""


def after_set(report: SetReport, options: CommandOptions, mended: Path | None = None) -> Next:
    """Return what to do after a run of a set, or of a retry of it.

    Args:
        report: How it ended.
        options: Of these, the credentials and where records to mend are copied.
        mended: The folder of the copies of the records to mend; None if there is none.

    Raises:
        ResultsError: Results can't be read.
    """
    manifest, folder = report.manifest, report.prepared.output.folder
    if report.error is not None and not isinstance(report.error, RESUMABLE):
        return Next()
    if manifest.unattempted:
        runs = set_history(folder) if manifest.parent else [SetRun(folder, manifest)]
        flags = flags_to_repeat(report.prepared.jobs.first.options.max_errors, report.error, options)
        if options.failed_rows is not None:  # they are copied at the end
            flags = ["--failed-rows", str(options.failed_rows), *flags]
        return Next(advice_on_refusal(manifest), (resume_set_command(runs, flags),))
    if manifest.kind != "real" and not manifest.counts.failed and manifest.parent is None:
        return _after_rehearsal(report, mended)
    return _left_of(_standing(report), options, mended=mended)


def _standing(report: SetReport) -> SetStatus:
    """Return where a set stands after a run; what is known of it by now is not read again."""
    manifest, folder = report.manifest, report.prepared.output.folder
    if manifest.parent is not None or manifest.retried_by is not None or manifest.counts.unsuccessful:
        return read_set_status(folder)
    return SetStatus((SetRun(folder, manifest, manifest.counts),), manifest.counts, manifest.scope or 0)


def resume_set_command(runs: Sequence[SetRun], flags: Sequence[str] = ()) -> str:
    """Return the command that goes on with the last of these runs of a set.

    It names no sources: the results know them.
    """
    last, manifest = runs[-1], runs[-1].manifest
    if manifest.parent is None or manifest.mended:
        kind = kind_flags(manifest.kind)
        words = ["run", "--results", file_word(str(last.folder)), *kind, *destination_flags(manifest)]
        return command_line(words, limit_flags(manifest), ["--resume"], flags)
    parent = runs[-2]
    elsewhere = last.folder if last.folder != retry_folder(parent.folder) else None
    return resumed_retry(parent.folder, parent.manifest, manifest, elsewhere, flags)


def retry_set_command(run: SetRun, *words: Sequence[str]) -> str:
    """Return the command that retries the last run of a set."""
    return new_retry(run.folder, retry_folder(run.folder), "", run.manifest, *words)


def copies_of(run: SetRun) -> Path:
    """Return a free name for a folder of copies of the records of a set that must be mended."""
    stem = run.folder.name.replace(".results", "", 1)

    def name(number: int) -> Path:
        return run.folder.with_name(f"{stem}.failed{'' if number == 1 else f'-{number}'}")

    return free_path(name)


def after_set_status(status: SetStatus, changes: SetChanges) -> Next:
    """Return what to do where a set stands so.

    Args:
        status: Where it stands.
        changes: How its sources differ from those that it was begun with.
    """
    if not status.reconciles:
        put = "Put results and manifests back as they were written."
        if len(status.runs) > 1 or status.unattempted <= 0 or status.unusable:
            return Next((put,))
        again = "checks" if status.last.manifest.kind == "dry-run" else "sends"
        lost = f"If they are lost, this {again} what has no outcome again, under the same ids:"
        return Next((put, lost), (resume_set_command(status.runs),))
    manifest = status.last.manifest
    if status.action is None and manifest.kind == "dry-run":
        if status.counts.unsuccessful:
            return Next(
                ("Mend the data, then type the command of the dry run again: its results will be replaced.",)
            )
        return Next(("Nothing was sent yet: the same command without --dry-run imports it.",))
    if status.action is None and manifest.kind == "sandbox":
        command = "the same command" if len(status.runs) == 1 else "the command of the first run"
        return Next((f"Nothing reached Mixpanel: {command} without --sandbox (and --faults) imports it.",))
    return _left_of(status, CommandOptions(), changes)


def _left_of(
    status: SetStatus,
    options: CommandOptions,
    changes: SetChanges = NO_CHANGES,
    mended: Path | None = None,
) -> Next:
    """Return what is left to do for a set.

    Args:
        status: Where it stands.
        options: Of these, the credentials.
        changes: How its sources differ from those that it was begun with.
        mended: The folder of the copies of the records to mend; None if there is none.
    """
    flags, last = credential_flags(options), status.last
    left_out = _left_out(status)
    if status.action is None:
        return _beyond_limit(status, left_out, flags)
    stops, only_changed = _in_the_way(status, changes)
    advice = (*left_out, *stops)
    if status.action == "resume":
        return Next((*advice, *advice_on_refusal(last.manifest)), (resume_set_command(status.runs, flags),))
    if only_changed:
        return Next((*left_out, *only_changed), (retry_set_command(last, ["--source-changed"], flags),))
    to_mend = status.counts.invalid + status.counts.rejected
    records, them = counted(to_mend, "record"), "it" if to_mend == 1 else "them"
    copied = () if mended is None else (mended_set_command(mended, last.manifest, options),)
    if status.action == "retry":
        only = ["--status", "failed"] if to_mend else []
        mend = (f"{records} must be mended. First, retry what failed:",) if to_mend else ()
        return Next((*advice, *mend), (retry_set_command(last, only, flags), *copied))
    if cure := _cure_of(status):
        where = () if mended is None else (f"The records to mend are copied to {mended}/.",)
        return Next((*advice, *where, cure.advice), (retry_set_command(last, cure.options, flags),))
    if mended is not None:
        are = "is" if to_mend == 1 else "are"
        return Next((*advice, f"{records} to mend {are} in {mended}/. Mend {them} there, then:"), copied)
    copying = (
        f"{records} must be mended. To copy {them} to a folder of {'its' if to_mend == 1 else 'their'} own:"
    )
    more = ["--failed-rows", str(copies_of(last)), *flags]
    return Next((*advice, copying), (resume_set_command(status.runs, more),))


def set_not_retriable_remedy(status: SetStatus) -> str:
    """Return what to do where a set can't be retried: what was typed, with the right results."""
    if status.action is None:
        return "Nothing is left to retry."
    if status.action == "resume":
        return f"Finish it first: {resume_set_command(status.runs)}"
    words = retry_words_typed()
    if status.action == "mend" and not READ_OTHERWISE.intersection(word.partition("=")[0] for word in words):
        return f"Only records to mend are left: {file_command('status', status.last.folder)}"
    return f"Next: {retry_set_command(status.last, words)}"


def mended_set_command(copies: Path, manifest: SetManifest, options: CommandOptions) -> str:
    """Return the command that imports the copies of failed records of a set, once they are mended."""
    kind = kind_flags(manifest.kind)
    flags = [*destination_flags(manifest), *credential_flags(options)] if manifest.kind == "real" else []
    words = ["run", file_word(str(copies)), "--mapping", str(copies), *kind]
    return command_line(words, flags)


def _cure_of(status: SetStatus) -> Cure | None:
    """Return what mends invalid records of the worst sources; None if nothing is known that does."""
    names = [name for name, _ in status.worst.named]
    histories = source_histories(status.runs, names) if status.counts.invalid else ()
    cures = (cure_of_history(each) for _, each in histories if isinstance(each, HistoryStatus))
    return next((cure for cure in cures if cure is not None), None)


def _left_out(status: SetStatus) -> tuple[str, ...]:
    """Return what to do about sources that were left out, or imported up to a break."""
    broken = broken_off_advice(status.broken_off, status.runs[0].manifest)
    names = [each.name for each in status.of_state("damaged", "unfit")]
    if not names:
        return broken
    if len(names) == 1:
        return (f"{names[0]} was left out: mend it, and import it by its name.", *broken)
    what = f"{len(names):,} sources were left out ({listed(names, _MOST_NAMED)})"
    return (f"{what}: mend them, and import them by their names.", *broken)


def broken_off_advice(sources: Sequence[SetSource], manifest: SetManifest) -> tuple[str, ...]:
    """Return what to do about sources of a set that are imported up to a break.

    Args:
        sources: The sources.
        manifest: That of the set.
    """
    if not sources:
        return ()
    names = [each.name for each in sources]
    what = f"{len(names):,} sources break off ({listed(names, _MOST_NAMED)}): mend them, or copy them again"
    by_name = "import each by its name"
    if len(names) == 1:
        what, by_name = f"{names[0]} breaks off: mend it, or copy it again", "import it by its name"
    if manifest.kind != "real":
        return (f"{what}. What stands ahead of the break can be imported.",)
    has_path = any(each.id_name != PurePosixPath(each.relative).name for each in sources)
    if has_path and manifest.reading.insert_id == "row":  # its ids have that, not its name alone
        by_name = "import the set again, with another --results"
    return (f"{what}, and {by_name}: what was imported keeps its ids, so nothing is doubled.",)


def _in_the_way(status: SetStatus, changes: SetChanges) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what must be put back before a set goes on, and what to say if some were only changed."""
    if changes.missing:
        return (f"{missing_text(changes.missing)}, then:",), ()
    gone = [name for name in changes.vanished if name in status.read_from]
    changed = [name for name in changes.changed if name in status.read_from]
    if gone:
        are = "is" if len(gone) == 1 else "are"
        return (f"{listed(gone, _MOST_NAMED)} {are} not there any more. Put back what is gone, then:",), ()
    if changed and status.action == "resume":
        return (f"{listed(changed, _MOST_NAMED)} changed since. Put back what was there, then:",), ()
    if changed:
        return (), (f"{listed(changed, _MOST_NAMED)} changed since. If what is left was mended there:",)
    return (), ()


def _import_of_broken(status: SetStatus) -> tuple[str, ...]:
    """Return the command that imports the only source that breaks off, once it is mended; none for others."""
    broken, manifest = status.broken_off, status.runs[0].manifest
    is_alone = len(broken) == 1 and not status.of_state("damaged", "unfit")
    if not is_alone or manifest.kind != "real" or not is_said_by_flags(manifest.reading):
        return ()
    (source,) = broken
    if manifest.reading.insert_id == "row" and source.id_name != PurePosixPath(source.relative).name:
        return ()
    return () if source.pipe else (import_command(source.name, manifest),)


def _beyond_limit(status: SetStatus, left_out: tuple[str, ...], flags: Sequence[str]) -> Next:
    """Return how to import what ``--limit`` left out, if nothing else is left to do."""
    manifest = status.runs[0].manifest
    records = sum(each.records for each in manifest.sources if each.state == "ready")
    if manifest.limit is None or records <= status.scope or len(status.runs) > 1 or manifest.kind != "real":
        return Next(left_out, _import_of_broken(status))
    whole = replace(status.runs[0], manifest=replace(manifest, limit=None))
    what = (
        f"--limit left out what follows the first {counted(manifest.limit, 'record')}. To import that, too:"
    )
    return Next((*left_out, what), (resume_set_command([whole], flags),))


def _after_rehearsal(report: SetReport, mended: Path | None) -> Next:
    """Return what to do after a dry run of a set, or a run into the sandbox, that came to its end."""
    manifest, counts = report.manifest, report.manifest.counts
    if report.error is not None or any(each.error is not None for each in report.ends):
        return Next()
    collisions = None if manifest.audit is None else manifest.audit.collisions
    allowed = report.prepared.jobs.first.options.allow_collisions
    if collisions is not None and collisions.found and not allowed:
        return Next(COLLISION_REMEDY)
    if any(name == "-" or is_pipe(name) for name in manifest.named):
        flag = f"--{manifest.kind}"
        return Next(
            (f"Nothing reached Mixpanel: the same command with its pipes, without {flag}, imports it.",)
        )
    if report.prepared.output.use == "resume":
        flag = f"--{manifest.kind}"
        return Next((f"Nothing reached Mixpanel: the command of the first run without {flag} imports it.",))
    again = partial(repeat_command, "run", without=_AGAIN, drop=("--failed-rows",))
    copied = () if mended is None else (f"The records to mend are copied to {mended}/.",)
    copied = (*broken_off_advice(report.prepared.broken_off, manifest), *copied)
    accepted = report.prepared.jobs.first.options.accept
    if cure := cure_by_preset(manifest.attention, accepted):
        return Next((*copied, cure.advice), (again(add=cure.options),))
    if not counts.unsuccessful:
        step = _real_run(report)
        return replace(step, advice=(*copied, *step.advice))
    worst = sorted(report.ends, key=lambda each: 0 if each.end is None else -each.end.counts.invalid)
    cures = map(cure_of_run, [each.job.results for each in worst[:_MOST_LOOKED_AT]])
    if cure := next((each for each in cures if each is not None), None):
        return Next((*copied, cure.advice), (again(add=cure.options),))
    if not counts.succeeded:
        advice = "Mend the data, or read it differently (--map, --type, --where, …), then check again:"
        return Next((*copied, advice), (again(),))
    records, them = counted(counts.unsuccessful, "record"), "it" if counts.unsuccessful == 1 else "them"
    copy = "" if mended is None else f" ({mended}/ has a copy of {them})"
    advice = f"{records} can't be imported{copy}. Mend {them} and check again"
    return _real_run(report, f"{advice}.", f"{advice}, or import the others:")


def _real_run(report: SetReport, first: str = "", advice: str = "") -> Next:
    """Return how to import what was rehearsed; or see what was, where some of it was imported before.

    Args:
        report: Of the rehearsal.
        first: What to do first, where nothing is left to import.
        advice: The same, where all the same there is something to import.
    """
    manifest = report.manifest
    add: list[str] = []
    if len(manifest.named) > 1 or any(mark in manifest.named[0] for mark in "*?["):
        add = ["--results", _real_folder(report)]
    elif is_set_folder(folder := default_folder(manifest.named[0], "real")):
        where = f"Results of an earlier import of {manifest.named[0]} are in {folder}/"
        before = f"{where}, so see first where it stands:"
        return Next((first, before) if first else (before,), (file_command("status", folder),))
    drop = (*REHEARSAL_OPTIONS, "--results")
    return Next(
        (advice,) if advice else (), (repeat_command("run", without=REHEARSAL_FLAGS, drop=drop, add=add),)
    )


def _real_folder(report: SetReport) -> str:
    """Return a folder for the results of the real run, where that of the rehearsal had to be named."""
    folder = report.prepared.output.folder
    return str(folder.with_name(f"{folder.name}.results"))
