"""Words on a terminal: messages on standard error, and nothing in them that a file could inject."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

from importer.errors import ImporterError
from importer.text import escape_controls

_LABEL = 12


def escaped(text: str) -> str:
    """Return a text with what a terminal would act on written as escapes; line breaks stay."""
    return escape_controls(text, keep="\n")


class Console:
    """Where a command speaks.

    Args:
        quiet: Say nothing but errors.
        stream: Where messages go.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self._colour = self.stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str = "") -> None:
        """Write a message."""
        if not self.quiet:
            self._write(escaped(text))

    def lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Write labelled lines."""
        for label, text in lines:
            if not self.quiet:
                self._write(f"{self._styled(f'{label:<{_LABEL}}', '1')} {escaped(text)}")

    def next(self, command: str) -> None:
        """Write what to type next."""
        self._write(f"{self._styled('Next:', '1')} {escaped(command)}")

    def fail(self, error: ImporterError) -> None:
        """Write why the command stopped, and what to do."""
        self._write(f"{self._styled('Stopped:', '1;31')} {escaped(error.message)}")
        if error.remedy:
            self._write(escaped(error.remedy))

    def ask(self, question: str) -> bool:
        """Ask for a yes; anything else is a no."""
        try:
            self.stream.write(f"{question} [y/N] ")
            self.stream.flush()
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            self._write("")
            return False

    def _write(self, text: str) -> None:
        # A message that can't be shown (full disk, closed pipe) must not change how the run ends.
        with suppress(OSError):
            self.stream.write(text + "\n")
            self.stream.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text
