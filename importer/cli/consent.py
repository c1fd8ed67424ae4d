"""Nothing is sent to Mixpanel before a person agrees, at the terminal or by ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.errors import UsageError
from importer.model import RunKind
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


def has_consent(kind: RunKind, events: int | None, options: CommandOptions, console: Console) -> bool:
    """Return whether a run may begin: it sends nothing to Mixpanel, ``--yes`` is set, or a person agrees.

    Args:
        kind: Only a real run needs consent.
        events: How many events would be sent; None if that is not known.
        options: Of these, ``--yes``.
        console: Where a person is asked.
    """
    if kind != "real" or options.yes:
        return True
    what = "all of it" if events is None else counted(events, "event")
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")
