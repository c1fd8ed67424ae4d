"""What to type next: the last line of a command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.errors import TooManyErrors
from importer.mixpanel.hosts import region_of
from importer.pipeline.collision_text import COLLISION_REMEDY
from importer.pipeline.job import RunReport
from importer.pipeline.paths import failed_rows_mapping_path
from importer.results.history import RecordedRun
from importer.results.manifest import Manifest
from importer.results.paths import results_path, retry_path
from importer.results.status import NextStep, NotRetriableError

PROGRAM: Final = "mixpanel-importer"

_REHEARSAL_OPTIONS: Final = (
    "--dry-run", "--sandbox", "--resume", "--overwrite", "--json", "--quiet", "-q",
)  # fmt: skip
"""Flags of a rehearsal that the command of the real run leaves out."""


def next_command(step: NextStep | None) -> str:
    """Return the command line for a step; an empty text if nothing is left to do."""
    if step is None:
        return ""
    if step.action == "retry":
        return shlex.join([PROGRAM, "retry", str(step.run.results)])
    if step.parent is None:
        return _resume_run(step.run)
    return _resume_retry(step.parent, step.run)


def not_retriable_remedy(error: NotRetriableError) -> str:
    """Return what to do where results can't be retried."""
    if error.next_step is None:
        return "Nothing is left to retry."
    label = "Finish it first" if error.next_step.action == "resume" else "Next"
    return f"{label}: {next_command(error.next_step)}"


def destination_flags(manifest: Manifest) -> list[str]:
    """Return the flags that send to where a run sent; none if that is the default."""
    flags = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    if manifest.kind == "sandbox":  # each sandbox has a URL of its own
        return flags
    region = region_of(manifest.base_url)
    if region is None:
        return [*flags, "--base-url", manifest.base_url]
    return flags if region == "us" else [*flags, "--region", region]


def _resume_run(run: RecordedRun) -> str:
    manifest = run.manifest
    source = None if manifest.source == "-" else Path(manifest.source)
    arguments = [PROGRAM, "run", manifest.source]
    if manifest.kind != "real":
        arguments.append(f"--{manifest.kind}")
    arguments += destination_flags(manifest)
    if run.results != results_path(source, manifest.kind):
        arguments += ["--results", str(run.results)]
    if manifest.limit is not None:
        arguments += ["--limit", str(manifest.limit)]
    if source is None and manifest.kind == "real":
        arguments.append("--yes")  # with standard input there is nobody to ask
    return shlex.join([*arguments, "--resume"])


def _resume_retry(parent: RecordedRun, run: RecordedRun) -> str:
    arguments = [PROGRAM, "retry", str(parent.results)]
    if run.manifest.endpoint != parent.manifest.endpoint:
        arguments += ["--endpoint", run.manifest.endpoint]
    if run.results != retry_path(parent.results):
        arguments += ["--results", str(run.results)]
    return shlex.join([*arguments, "--resume"])


# ── after a run ──────────────────────────────────────────────────────────────────────────────────


def print_next_step(
    report: RunReport, step: NextStep | None, options: CommandOptions, console: Console
) -> None:
    """Write the command to type next as the last line, if any work is left.

    Args:
        report: How a run ended.
        step: The resume or the retry that is next; None if no record is left.
        options: Of these, the credentials.
        console: Where to write.
    """
    manifest, counts = report.manifest, report.manifest.counts
    command = next_command(step)
    if command:
        command += "".join(f" {shlex.quote(flag)}" for flag in _flags_to_repeat(report, options))
    elif _is_rehearsed(report):
        command = repeat_command("run", without=_REHEARSAL_OPTIONS, drop=("--results", "--faults"))
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
    """Return whether the same command, sent to Mixpanel, is the next step. After a retry it never is."""
    rehearsal = report.manifest.kind != "real" and report.job.parent is None
    return rehearsal and report.error is None and not needs_decision(report)


def _flags_to_repeat(report: RunReport, options: CommandOptions) -> list[str]:
    """Return the flags that a resume or a retry needs again, because the manifest does not keep them."""
    flags = []
    max_errors = report.job.options.max_errors
    # A person whose run was stopped by --max-errors must choose a new one; after any other stop, it stays.
    stopped_otherwise = report.error is not None and not isinstance(report.error, TooManyErrors)
    if max_errors is not None and stopped_otherwise:
        flags += ["--max-errors", f"{max_errors.limit:g}{'%' if max_errors.percent else ''}"]
    return flags + _credential_flags(options)


def repeat_command(
    command: str, *, without: Sequence[str] = (), drop: Sequence[str] = (), add: Sequence[str] = ()
) -> str:
    """Return the command line of this process as another command, with its options.

    Args:
        command: The other command, such as ``run``.
        without: Flags to leave out.
        drop: Options to leave out together with their values.
        add: Arguments to append.
    """
    arguments = iter(sys.argv[2:])
    kept = []
    for argument in arguments:
        if argument in drop:
            next(arguments, None)
        elif argument not in without and argument.partition("=")[0] not in drop:
            kept.append(argument)
    return shlex.join([PROGRAM, command, *kept, *add])


# ── options in the form in which they are typed ──────────────────────────────────────────────────


def failed_rows_command(path: Path, manifest: Manifest, options: CommandOptions) -> str:
    """Return the command that imports a copy of failed records, once they are mended."""
    mapping = failed_rows_mapping_path(path)
    flags = _target_flags(manifest, options)
    return shlex.join([PROGRAM, "run", str(path), "--mapping", str(mapping), *flags])


def _target_flags(manifest: Manifest, options: CommandOptions) -> list[str]:
    """Return the flags that send to the destination of a run, with the same credentials."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    return destination_flags(manifest) + _credential_flags(options)


def _credential_flags(options: CommandOptions) -> list[str]:
    """Return the flags that choose the credentials: their kind or a path, never a secret."""
    flags = []
    if options.credentials is not None:
        flags += ["--credentials", options.credentials]
    if options.token_file is not None:
        flags += ["--token-file", str(options.token_file)]
    return flags
