"""Nothing is sent to Mixpanel before a person agrees, at the terminal or by ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.cli.plan import events_to_send
from importer.errors import UsageError
from importer.model import RunKind
from importer.pipeline.job import Job
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


def has_consent(jobs: Sequence[Job], options: CommandOptions, console: Console) -> bool:
    """Return whether jobs may be run.

    They may if they send nothing to Mixpanel, if ``--yes`` is set, or if a person agrees.
    """
    if jobs[0].manifest.kind != "real" or options.yes:
        return True
    known = all(job.records is not None for job in jobs)
    what = counted(events_to_send(jobs), "event") if known else "all of it"
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")
