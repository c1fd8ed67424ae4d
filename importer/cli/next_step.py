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
"""Options of a rehearsal that the run after it does not take over."""


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


def destination_options(manifest: Manifest) -> list[str]:
    """Return the options that send to where a run sent, as far as they differ from the defaults."""
    words = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    if manifest.kind == "sandbox":  # each sandbox has a URL of its own
        return words
    region = region_of(manifest.base_url)
    if region is None:
        return [*words, "--base-url", manifest.base_url]
    return words if region == "us" else [*words, "--region", region]


def _resume_run(run: RecordedRun) -> str:
    manifest = run.manifest
    source = None if manifest.source == "-" else Path(manifest.source)
    words = [PROGRAM, "run", manifest.source]
    if manifest.kind != "real":
        words.append(f"--{manifest.kind}")
    words += destination_options(manifest)
    if run.results != results_path(source, manifest.kind):
        words += ["--results", str(run.results)]
    if manifest.limit is not None:
        words += ["--limit", str(manifest.limit)]
    if source is None and manifest.kind == "real":
        words.append("--yes")  # with standard input there is nobody to ask
    return shlex.join([*words, "--resume"])


def _resume_retry(parent: RecordedRun, run: RecordedRun) -> str:
    words = [PROGRAM, "retry", str(parent.results)]
    if run.manifest.endpoint != parent.manifest.endpoint:
        words += ["--endpoint", run.manifest.endpoint]
    if run.results != retry_path(parent.results):
        words += ["--results", str(run.results)]
    return shlex.join([*words, "--resume"])


# ── after a run ──────────────────────────────────────────────────────────────────────────────────


def print_next_step(
    report: RunReport, step: NextStep | None, options: CommandOptions, console: Console
) -> None:
    """Write the command to type next as the last line, if any work is left.

    Args:
        report: How a run ended.
        step: What resumes the run or retries its failed records; None if no record is left.
        options: Of these, the credentials.
        console: Where to write.
    """
    manifest, counts = report.manifest, report.manifest.counts
    command = next_command(step)
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
    return shlex.join([PROGRAM, command, *kept, *add])


# ── options in the form in which they are typed ──────────────────────────────────────────────────


def failed_rows_command(path: Path, manifest: Manifest, options: CommandOptions) -> str:
    """Return the command that imports a copy of failed records, once they are mended."""
    mapping = failed_rows_mapping_path(path)
    flags = destination_flags(manifest, options)
    return shlex.join([PROGRAM, "run", str(path), "--mapping", str(mapping), *flags])


def destination_flags(manifest: Manifest, options: CommandOptions) -> list[str]:
    """Return the flags that send to the destination of a run, with the same credentials."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    return destination_options(manifest) + credential_flags(options)


def credential_flags(options: CommandOptions) -> list[str]:
    """Return the flags that choose the credentials: their kind or a path, never a secret."""
    flags = []
    if options.credentials is not None:
        flags += ["--credentials", options.credentials]
    if options.token_file is not None:
        flags += ["--token-file", str(options.token_file)]
    return flags
