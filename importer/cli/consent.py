"""Consent: a real run sends nothing before a person agrees, at the terminal or by ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.errors import UsageError
from importer.model import RunKind
from importer.pipeline.forecast import JobSet
from importer.text import counted


def check_can_ask(sources: Sequence[str], kind: RunKind, options: CommandOptions) -> None:
    """Check that a person can be asked for consent, if it is needed.

    Raises:
        UsageError: Standard input is a source or no terminal, so that nobody can answer.
    """
    if kind == "real" and not options.yes and ("-" in sources or not sys.stdin.isatty()):
        raise UsageError(
            "this run would send to Mixpanel, and there is nobody to ask",
            "Add --yes to send, --dry-run to check, or --sandbox to rehearse.",
        )


def has_consent(jobs: JobSet, options: CommandOptions, console: Console) -> bool:
    """Return whether a run may begin: it sends nothing to Mixpanel, ``--yes`` is set, or a person agrees.

    Args:
        jobs: What would be sent.
        options: Of these, ``--yes``.
        console: Where a person is asked.

    Raises:
        UsageError: Nobody can be asked.
    """
    kind, forecast = jobs.first.manifest.kind, jobs.forecast()
    if kind != "real" or options.yes or forecast.events == 0:
        return True
    check_can_ask((), kind, options)
    what = _all_text(jobs) if forecast.events is None else forecast.text
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")


def _all_text(jobs: JobSet) -> str:
    """Return what will be sent where its events were not counted."""
    sources = len(jobs.jobs)
    name = counted(sources, "source") if sources > 1 else jobs.first.manifest.source
    return f"{'the rest' if jobs.done.total else 'all'} of {'standard input' if name == '-' else name}"
