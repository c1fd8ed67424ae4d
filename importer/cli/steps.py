"""A next step as a value, and what those of a source and of a set have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from importer.cli.console import Console
from importer.cli.options import ReadingOptions
from importer.errors import (
    DeliveryError,
    Interrupted,
    RefusedError,
    SourceError,
    StorageError,
    TooManyErrors,
)
from importer.mixpanel.hosts import region_of
from importer.results.manifest import Manifest
from importer.settings import BASE_URL

REHEARSAL_FLAGS: Final = (
    "--dry-run", "--sandbox", "--resume", "--overwrite", "--json", "--quiet", "-q", "--yes", "-y",
)  # fmt: skip
"""Flags of a rehearsal that the command of the real run leaves out: that asks before it sends."""

REHEARSAL_OPTIONS: Final = (
    "--faults", "--failed-rows", "--timeout", "--retry-wait", "--max-retries", "--log-file",
)  # fmt: skip
"""Options that it leaves out, too: what fits the sandbox, or is hurried for it, does not fit Mixpanel."""

READ_OTHERWISE: Final = frozenset(
    {
        "--source-changed",
        "--endpoint",
        *(f"--{each.name.replace('_', '-')}" for each in fields(ReadingOptions)),
    }
)
"""Options of a retry that may make events of records which were invalid or rejected."""

RESUMABLE: Final = (TooManyErrors, RefusedError, DeliveryError, StorageError, SourceError, Interrupted)
"""Errors after which the same command goes on. The remedy of any other says what to do instead."""


@dataclass(frozen=True, slots=True)
class Next:
    """What to do next.

    Attributes:
        advice: Lines that come first: what to decide or to mend by hand.
        commands: Command lines, in the order in which to type them. What is to be filled in stands in capital
            letters. Empty if nothing is left to do, or nothing can be typed.
    """

    advice: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def print_next(steps: Sequence[Next], console: Console) -> None:
    """Write what to do next, as the last lines of a command."""
    for step in steps:
        for line in step.advice:
            console.advise(line)
        for command in step.commands:
            console.next(command)


def advice_on_refusal(manifest: Manifest) -> tuple[str, ...]:
    """Return what may be put right before a run that the server refused goes on."""
    if not manifest.unauthorized or manifest.exit_code != RefusedError.exit_code:
        return ()
    # Mended records stay where the others went. Beside a URL in the environment, no region may be named.
    movable = not manifest.mended_rows and not os.environ.get(BASE_URL, "").strip()
    where = " or add --region us, eu or in," if movable and region_of(manifest.base_url) else ""
    return (f"Nothing was taken. Put the credentials right,{where} and go on:",)


def retry_words_typed() -> list[str]:
    """Return the options of this process, if it is a retry; its results are the first word that is none."""
    words = sys.argv[2:] if sys.argv[1:2] == ["retry"] else []
    positional = next((n for n, word in enumerate(words) if not word.startswith("-")), None)
    if positional != 0:  # behind an option, the word may be its value
        return []
    return words[1:]
