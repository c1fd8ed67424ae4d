"""What to type next after the run of a set of sources, and where a set stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from importer.cli.command_lines import (
    command_line,
    credential_flags,
    destination_flags,
    is_pipe,
    limit_flags,
    repeat_command,
)
from importer.cli.next_step import (
    REHEARSAL_FLAGS,
    REHEARSAL_OPTIONS,
    RESUMABLE,
    Next,
    advice_on_refusal,
    flags_to_repeat,
)
from importer.cli.options import CommandOptions
from importer.pipeline.collision_text import COLLISION_REMEDY
from importer.pipeline.set_job import SetReport
from importer.results.counts import Counts
from importer.results.set_manifest import SetManifest
from importer.text import counted, file_word


def after_set(report: SetReport, options: CommandOptions) -> Next:
    """Return what to do after a run of a set.

    Args:
        report: How it ended.
        options: Of these, the credentials and where records to mend are copied.
    """
    manifest, folder = report.manifest, report.prepared.output.folder
    if report.error is not None and not isinstance(report.error, RESUMABLE):
        return Next()
    if manifest.unattempted:
        flags = flags_to_repeat(report.prepared.jobs.first.options.max_errors, report.error, options)
        return Next(advice_on_refusal(manifest), (resume_set_command(folder, manifest, flags),))
    if manifest.kind != "real" and not manifest.counts.failed:
        return _after_rehearsal(report)
    return left_of_set(folder, manifest, manifest.counts, options)


def resume_set_command(folder: Path, manifest: SetManifest, flags: Sequence[str] = ()) -> str:
    """Return the command that goes on with a set: it names the results only, which know their sources."""
    kind = [] if manifest.kind == "real" else [f"--{manifest.kind}"]
    words = ["run", "--results", file_word(str(folder)), *kind, *destination_flags(manifest)]
    return command_line(words, limit_flags(manifest), ["--resume"], flags)


def left_of_set(folder: Path, manifest: SetManifest, counts: Counts, options: CommandOptions) -> Next:
    """Return what is left to do for a set that is finished.

    Args:
        folder: Its results.
        manifest: Its manifest.
        counts: Where its records stand.
        options: Of these, the credentials.
    """
    to_mend = counts.invalid + counts.rejected
    flags = credential_flags(options)
    left_out = [each.name for each in manifest.sources if each.is_left_out]
    advice = []
    if len(left_out) == 1:
        advice.append(f"{left_out[0]} was left out: mend it, and import it by itself.")
    elif left_out:
        advice.append(f"{len(left_out):,} sources were left out: mend them, and import them as another set.")
    if counts.failed:
        only = ["--status", "failed"] if to_mend else []
        if to_mend:
            advice.append(f"{counted(to_mend, 'record')} must be mended. First, retry what failed:")
        return Next(tuple(advice), (command_line(["retry", file_word(str(folder))], only, flags),))
    if to_mend:
        advice.append(f"{counted(to_mend, 'record')} must be mended. To copy them to a folder of their own:")
        copies = folder.with_name(f"{folder.name.removesuffix('.results')}.failed")
        more = ["--failed-rows", str(copies), *flags]
        return Next(tuple(advice), (resume_set_command(folder, manifest, more),))
    return Next(tuple(advice))


def _after_rehearsal(report: SetReport) -> Next:
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
    drop = (*REHEARSAL_OPTIONS, "--results")
    several = len(manifest.named) > 1 or any(mark in manifest.named[0] for mark in "*?[")
    command = repeat_command("run", without=REHEARSAL_FLAGS, drop=drop)
    if several:
        command = repeat_command(
            "run", without=REHEARSAL_FLAGS, drop=drop, add=["--results", _real_folder(report)]
        )
    if not counts.unsuccessful:
        return Next((), (command,))
    records = counted(counts.unsuccessful, "record")
    if not counts.succeeded:
        again = repeat_command("run", without=("--resume", "--overwrite", "--json"))
        return Next(
            ("Mend the data, or read it differently (--map, --type, …), then check again:",), (again,)
        )
    them = "it" if counts.unsuccessful == 1 else "them"
    advice = f"{records} can't be imported. Mend {them} and check again, or import the others:"
    return Next((advice,), (command,))


def _real_folder(report: SetReport) -> str:
    """Return a folder for the results of the real run, where that of the rehearsal had to be named."""
    folder = report.prepared.output.folder
    return str(folder.with_name(f"{folder.name}.results"))
