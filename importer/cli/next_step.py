"""What is left to do, as the command line that does it."""

from __future__ import annotations

import shlex
from pathlib import Path

from importer.mixpanel.hosts import region_of
from importer.results.history import RecordedRun
from importer.results.manifest import Manifest
from importer.results.paths import results_path, retry_path
from importer.results.status import NextStep, NotRetriableError

PROGRAM = "mixpanel-importer"


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
