"""A terminal of a certain width in which commands are typed, and what a person sees on it."""

from __future__ import annotations

import os
import pty
import re
import select
import termios
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte
from command_server import command_server
from end_to_end_helpers import TIMEOUT, Shell

_LINES = 2_000
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a command left on a terminal.

    Attributes:
        code: Its exit code.
        raw: All that it wrote, and what was typed.
        columns: How wide the terminal is.
    """

    code: int
    raw: str
    columns: int

    @property
    def screen(self) -> list[str]:
        """The lines that stand on the terminal at the end, without blanks at their ends."""
        screen = pyte.Screen(self.columns, _LINES)
        pyte.Stream(screen).feed(self.raw)
        lines = [line.rstrip() for line in screen.display]
        return lines[: max((at + 1 for at, line in enumerate(lines) if line), default=0)]

    @property
    def text(self) -> str:
        """The same as one text, in which what was folded is one line again."""
        return re.sub(r" +", " ", re.sub(r"\n +", " ", "\n".join(self.screen)))

    @property
    def drawn(self) -> list[str]:
        """Every line that was drawn at any time, those that were drawn over among them, without styles."""
        return [part for part in re.split(r"[\r\n]", _STYLE.sub("", self.raw)) if part.strip()]

    def too_wide(self, *allowed: str) -> list[str]:
        """Return the lines that were drawn wider than the terminal, but for those that begin so."""
        lines = (line.rstrip(" ") for line in self.drawn)
        return [line for line in lines if width(line) > self.columns and not line.startswith(allowed)]


def width(text: str) -> int:
    """Columns of a text."""
    return sum(
        2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text
    )


def type_in_terminal(
    shell: Shell,
    *words: str | Path,
    columns: int = 80,
    answers: Sequence[str] = (),
    ahead: str = "",
    **environ: str,
) -> Seen:
    """Run a command on a terminal; each answer is typed once its question stands there, ``ahead`` before."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    os.write(ours, ahead.encode())
    written: list[bytes] = []
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(ours, written, list(answers), ended.is_set))
    watcher.start()
    variables = {"TERM": "xterm-256color", **shell.with_environ(**environ).environment()}
    try:
        code = command_server().run(
            list(map(str, words)), shell.folder, variables, (theirs, theirs, theirs), TIMEOUT
        )
    finally:
        ended.set()
        watcher.join()
        os.close(theirs)
        os.close(ours)
    return Seen(code, b"".join(written).decode(), columns)


def _watch(terminal: int, written: list[bytes], answers: list[str], ended: Callable[[], bool]) -> None:
    """Collect what a terminal shows, and type answers to its questions."""
    asked = 0
    while True:
        last = ended()
        if select.select([terminal], [], [], 0.02)[0]:
            written.append(os.read(terminal, 65_536))
        elif last:
            return
        questions = b"".join(written).count(b"[y/N] ")
        if questions > asked and answers:
            asked = questions
            os.write(terminal, answers.pop(0).encode() + b"\n")
            time.sleep(0.01)
