"""Messages on a terminal: no wider than it is, and without what a file could use to control it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Final, NamedTuple, TextIO

from importer.cli.fold import columns_of, fold, width
from importer.errors import ImporterError
from importer.text import escape_controls

_LABEL_WIDTH: Final = 12
_INDENT: Final = 2
"""Blanks ahead of what follows on the lines that a long message becomes."""
_ANSWERS: Final = {"y": True, "yes": True, "n": False, "no": False, "": False}


class LabeledLine(NamedTuple):
    """One line of a plan, a summary or a status.

    Attributes:
        label: What the line is about; empty if it continues the line before.
        text: The rest of the line.
    """

    label: str
    text: str


def can_style(stream: TextIO) -> bool:
    """Return whether control codes may be written: to a terminal that knows them, if nobody objects."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Console:
    """Writes messages to a stream. On a terminal, they are folded between words.

    A message is one line: a line break in it is part of a name, and is escaped, as all that does not print.

    Args:
        quiet: Write nothing but errors, the command to type next, and what belongs to that.
        stream: Where messages go; None is standard error.

    Attributes:
        quiet: As above.
        stream: As above, never None.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self._colour = can_style(self.stream)

    @property
    def columns(self) -> int | None:
        """Columns of the terminal, now; None for any other stream, on which nothing is folded."""
        return columns_of(self.stream)

    def say(self, text: str = "") -> None:
        """Write a message; where a line of it is folded, the next begins two blanks further right."""
        if not self.quiet:
            self._write(fold(escape_controls(text), self.columns, _INDENT, 0))

    def say_as_is(self, text: str) -> None:
        """Write what is not to be folded: JSON, or lines that fit, whose names hold no line break."""
        if not self.quiet:
            self._write(escape_controls(text, keep="\n"))

    def lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Write lines with their labels: `LabeledLine`, or any pair of label and text."""
        for label, text in lines:
            if not self.quiet:
                label_ = f"{escape_controls(label):<{_LABEL_WIDTH}}"
                indent = _LABEL_WIDTH + 1
                folded = fold(escape_controls(text), self.columns, indent, max(indent, width(label_) + 1))
                self._write(f"{self._styled(label_, '1')} {folded}")

    def warn(self, text: str) -> None:
        """Write what went wrong without stopping the command; also where little is written."""
        self._write(fold(escape_controls(text), self.columns, _INDENT, 0))

    def advise(self, text: str) -> None:
        """Write what belongs to the command to type next; also where little is written."""
        self._write(fold(escape_controls(text), self.columns, _INDENT, 0))

    def next(self, command: str) -> None:
        """Write the command to type next."""
        self._write(f"{self._styled('Next:', '1')} {escape_controls(command)}")

    def fail(self, error: ImporterError) -> None:
        """Write why the command stopped, and what to do about it."""
        message = fold(escape_controls(error.message), self.columns, _INDENT, len("Stopped: "))
        self._write(f"{self._styled('Stopped:', '1;31')} {message}")
        for step in error.steps:
            self._write(fold(escape_controls(step), self.columns, _INDENT, 0))

    def ask(self, question: str) -> bool:
        """Ask a question on the stream and return whether standard input answers yes.

        No answer, or the end of the input, is a no; any other word is asked about again. What was typed
        before the question stands there is no answer to it.
        """
        prompt = escape_controls(question)
        _drop_typed_ahead()
        while True:
            room = None if self.columns is None else self.columns - 4  # for the answer
            self.stream.write(f"{fold(f'{prompt} [y/N]', room, _INDENT, 0)} ")
            self.stream.flush()
            line = sys.stdin.readline()
            if not line.endswith("\n"):
                self._write("")  # the end of the input leaves the question on its line
            answer = line.strip().lower()
            if answer in _ANSWERS:
                return _ANSWERS[answer]
            prompt = "Please answer yes or no."

    def _write(self, text: str) -> None:
        # A message that can't be written (full disk, closed pipe) must not change how the run ends. What goes
        # to standard output is what the command is for.
        with nullcontext() if self.stream is sys.stdout else suppress(OSError):
            self.stream.write(text + "\n")
            self.stream.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text


def _drop_typed_ahead() -> None:
    """Forget what was typed at the terminal up to now."""
    if not sys.stdin.isatty():
        return
    if sys.platform == "win32":  # pragma: no cover - only on Windows
        import msvcrt  # noqa: PLC0415 - only Windows has it

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios  # noqa: PLC0415 - Windows has none

        with suppress(termios.error):  # a terminal that is gone answers nothing either
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
