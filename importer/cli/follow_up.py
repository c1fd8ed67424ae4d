"""What to type next: the last line of a command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Final

from importer.cli.console import Console
from importer.cli.flags import credential_flags
from importer.cli.options import CommandOptions
from importer.errors import TooManyErrors
from importer.pipeline.collision_text import COLLISION_REMEDY
from importer.pipeline.job import RunReport

_REHEARSAL_OPTIONS: Final = (
    "--dry-run", "--sandbox", "--resume", "--overwrite", "--json", "--quiet", "-q",
)  # fmt: skip
"""Options of a rehearsal that the run after it does not take over."""


def print_next_step(report: RunReport, command: str, options: CommandOptions, console: Console) -> None:
    """Write the command to type next as the last line, if any work is left.

    Args:
        report: How a run ended.
        command: The command that resumes it or retries its failed records; empty if no record is left.
        options: Of these, the credentials.
        console: Where to write.
    """
    manifest, counts = report.manifest, report.manifest.counts
    if command:
        command += "".join(f" {shlex.quote(flag)}" for flag in _options_to_repeat(report, options))
    elif _is_rehearsed(report):
        command = repeat_command("run", without=_REHEARSAL_OPTIONS, drop="--results")
        if manifest.source == "-":
            command = f"… | {command} --yes"
    if needs_decision(report):
        console.say(COLLISION_REMEDY)
    if not command:
        return
    if report.error is None and counts.unsuccessful and not counts.failed:
        console.say(
            "Mend the data (--failed-rows FILE copies those records), or read it otherwise"
            " (--timezone, --type, --map, …):"
        )
    console.next(command)


def needs_decision(report: RunReport) -> bool:
    """Return whether a dry run found collisions that will stop a run until a person decides."""
    found = report.collisions
    return found is not None and found.found and not report.job.options.allow_collisions


def _is_rehearsed(report: RunReport) -> bool:
    """Return whether the same command can now be given against Mixpanel. For a retry it never can."""
    rehearsal = report.manifest.kind != "real" and report.job.parent is None
    return rehearsal and report.error is None and not needs_decision(report)


def _options_to_repeat(report: RunReport, options: CommandOptions) -> list[str]:
    """Return the options that a resume or a retry needs again, because the manifest does not keep them."""
    flags = []
    limit = report.job.options.max_errors
    # A person whose run was stopped by --max-errors must choose a new one; after any other stop, it stays.
    if limit is not None and report.error is not None and not isinstance(report.error, TooManyErrors):
        flags += ["--max-errors", f"{limit.limit:g}{'%' if limit.percent else ''}"]
    return flags + credential_flags(options)


def repeat_command(
    command: str, *, without: Sequence[str] = (), drop: str = "", add: Sequence[str] = ()
) -> str:
    """Return the command line of this process as another command, with its options.

    Args:
        command: The other command, such as ``run``.
        without: Flags to leave out.
        drop: An option to leave out together with its value.
        add: Words to put at the end.
    """
    words = iter(sys.argv[2:])
    kept = []
    for word in words:
        if word == drop:
            next(words, None)
        elif word not in without and not (drop and word.startswith(f"{drop}=")):
            kept.append(word)
    return shlex.join(["mixpanel-importer", command, *kept, *add])
