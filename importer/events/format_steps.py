"""Formats of strptime as steps, each of which reads characters in one way only: no pattern is needed."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

FIRST_SHORT_YEAR: Final = 1969
"""The first of the hundred years that two digits may mean (POSIX)."""

_DIGITS: Final = {"Y": (4, 4), "y": (2, 2), "f": (1, 9), **dict.fromkeys("mdHIMS", (1, 2))}
_OTHERS: Final = {"p": (2, 2), "z": (1, 6)}
_PART = re.compile(r"%([a-zA-Z])|([^%0-9])")


class Step(NamedTuple):
    """A part of a format.

    Attributes:
        what: The letter of a directive, or a character that stands for itself.
        least: The fewest characters that are read for a directive.
        most: The most of them; 0 for a character that stands for itself.
    """

    what: str
    least: int
    most: int


def steps_of(form: str) -> tuple[Step, ...]:
    """Return the steps of a format; empty if it has a part that needs a pattern.

    What they read, `TimeFormat` reads as they do. It also reads other texts, such as AM with points, or the
    letters of the format in small ones.

    Args:
        form: A format that `TimeFormat` honours and that says no zone in its text.
    """
    parts = [found.groups() for found in _PART.finditer(form)]
    if not form.isascii() or sum(2 if directive else 1 for directive, _ in parts) < len(form):
        return ()
    letters = ["", *(directive or "" for directive, _ in parts), ""]
    steps = []
    for at, (letter, character) in enumerate(parts):
        if character:
            steps.append(Step(character, 0, 0))
            continue
        least, most = {**_DIGITS, **_OTHERS}.get(letter, (0, 0))
        before, after = letters[at], letters[at + 2]
        if most == 0 or (letter == "z" and at + 1 < len(parts)) or (letter == "f" and after in _DIGITS):
            return ()
        if letter in _DIGITS and letter != "f" and (before in _DIGITS or after in _DIGITS):
            least = most  # the last digits may be as many as there are
        steps.append(Step(letter, least, most))
    return tuple(steps)
