"""Messages on a terminal, with everything escaped that a file could use to control the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple, TextIO

from importer.errors import ImporterError
from importer.text import escape_controls

_LABEL_WIDTH: Final = 12


class LabeledLine(NamedTuple):
    """One line of a plan, a summary or a status.

    Attributes:
        label: What the line is about; empty if it continues the line before.
        text: The rest of the line.
    """

    label: str
    text: str


def escaped(text: str) -> str:
    """Return a text with each control character written as its escape; line breaks stay."""
    return escape_controls(text, keep="\n")


class Console:
    """Writes messages to a stream.

    Args:
        quiet: Write nothing but errors and the command to type next.
        stream: Where messages go; None is standard error.

    Attributes:
        quiet: As above.
        stream: As above, never None.
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
        """Write lines with their labels: `LabeledLine`, or any pair of label and text."""
        for label, text in lines:
            if not self.quiet:
                self._write(f"{self._styled(f'{label:<{_LABEL_WIDTH}}', '1')} {escaped(text)}")

    def warn(self, text: str) -> None:
        """Write what went wrong without stopping the command; also where little is written."""
        self._write(escaped(text))

    def next(self, command: str) -> None:
        """Write the command to type next."""
        self._write(f"{self._styled('Next:', '1')} {escaped(command)}")

    def fail(self, error: ImporterError) -> None:
        """Write why the command stopped, and what to do about it."""
        self._write(f"{self._styled('Stopped:', '1;31')} {escaped(error.message)}")
        if error.remedy:
            self._write(escaped(error.remedy))

    def ask(self, question: str) -> bool:
        """Ask a question on the stream and return whether standard input answers yes."""
        try:
            self.stream.write(f"{question} [y/N] ")
            self.stream.flush()
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            self._write("")
            return False

    def _write(self, text: str) -> None:
        # A message that can't be written (full disk, closed pipe) must not change how the run ends.
        with suppress(OSError):
            self.stream.write(text + "\n")
            self.stream.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text
