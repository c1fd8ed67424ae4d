"""Consent: a real run sends nothing before a person agrees, at the terminal or by ``--yes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from importer.cli.console import Console
from importer.cli.options import CommandOptions
from importer.cli.summary import print_manifests
from importer.errors import UsageError
from importer.model import RunKind
from importer.pipeline.attention import check_strict
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import RunOptions
from importer.reading import Attention
from importer.results.manifest import Manifest
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


def check_decisions(
    manifest: Manifest, attention: Sequence[Attention], options: RunOptions, command: CommandOptions
) -> None:
    """Stop a strict run that a decision forbids; its manifest is printed all the same, if that is asked for.

    Args:
        manifest: Of the run.
        attention: The decisions.
        options: Of these, ``--strict`` and what is accepted.
        command: Of these, ``--json``.

    Raises:
        UsageError: ``--strict``, and a decision is not accepted.
    """
    try:
        check_strict(attention, options)
    except UsageError:
        if command.json:
            print_manifests([manifest], as_list=False)
        raise


class Consent(NamedTuple):
    """What a run may do.

    Attributes:
        begin: It may begin.
        send: It may send, should there be an event.
    """

    begin: bool
    send: bool


def get_consent(jobs: JobSet, options: CommandOptions, console: Console) -> Consent:
    """Return what a run may do: all, if nothing goes to Mixpanel, ``--yes`` is set, or a person agrees.

    Where nothing can be sent, it says so and asks nobody: then the run may begin, but not send.

    Args:
        jobs: What would be sent.
        options: Of these, ``--yes``.
        console: Where a person is asked.

    Raises:
        UsageError: Nobody can be asked.
    """
    kind, forecast = jobs.first.manifest.kind, jobs.forecast
    sends_nothing = forecast.events == 0
    if sends_nothing and kind != "dry-run":
        console.say(_nothing_to_send(jobs))
    if kind != "real" or options.yes:
        return Consent(begin=True, send=True)
    if sends_nothing:
        return Consent(begin=True, send=False)
    check_can_ask((), kind, options)
    what = _all_text(jobs) if forecast.events is None else forecast.text
    agreed = console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")
    if not agreed:
        console.say("Nothing was sent.")
    return Consent(begin=agreed, send=agreed)


def _all_text(jobs: JobSet) -> str:
    """Return what will be sent where its events were not counted."""
    sources = len(jobs.jobs)
    name = counted(sources, "source") if sources > 1 else jobs.first.manifest.source
    return f"{'the rest' if jobs.done.total else 'all'} of {'standard input' if name == '-' else name}"


def _nothing_to_send(jobs: JobSet) -> str:
    """Return why a run of these jobs sends nothing."""
    left = jobs.forecast.left
    if left == 0:
        return "Nothing is left to send: every record has its outcome."
    that_are_left = " that are left" if jobs.done.total else ""
    why = "invalid or left out by the mapping" if jobs.first.survey.summary.skipped else "invalid"
    if left == 1:
        return f"Nothing can be sent: the only record{that_are_left and ' left'} is {why}."
    which = f"all {left:,} records{that_are_left}" if left else f"all records{that_are_left}"
    return f"Nothing can be sent: {which} are {why}."
