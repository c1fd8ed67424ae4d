"""Patterns of paths: ``*``, ``?``, ``[…]`` and ``**``."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

_ANY_FOLDERS: Final = None
_MAGIC: Final = re.compile(r"[*?[]")

Matched = Literal["no", "itself", "below"]
"""Whether a pattern matches a path: no, the path itself, or a folder that it is below."""


def has_magic(text: str) -> bool:
    """Return whether a text is a pattern, and no plain path."""
    return _MAGIC.search(text) is not None


class PathPattern:
    """A pattern of relative paths; upper and lower case differ.

    ``*`` and ``?`` stay within one name, ``**`` stands for any number of folders. A pattern that matches a
    folder matches all that is below it.

    Args:
        text: The pattern.
        anywhere: Without ``/``, it matches a name in any folder; with ``/``, and if this is False, it is
            matched from the first folder on.

    Attributes:
        text: The pattern.
        is_narrow: It says more of a name than ``*``.
    """

    def __init__(self, text: str, *, anywhere: bool = True) -> None:
        self.text = text
        names = [name for name in text.split("/") if name not in ("", ".")]
        if anywhere and "/" not in text.rstrip("/"):
            names.insert(0, "**")
        if names and names[-1] == "**":
            names.append("*")
        self.is_narrow = bool(names) and names[-1].strip("*") != ""
        self._names = [_ANY_FOLDERS if name == "**" else _matcher(name) for name in names]
        self._reached = [self._reached_from(state) for state in range(len(names) + 1)]

    def match(self, parts: Sequence[str]) -> Matched:
        """Return whether it matches a path.

        Args:
            parts: The names of the path.
        """
        states, below = self._reached[0], False
        for number, part in enumerate(parts, 1):
            states = self._next(states, part)
            if len(self._names) in states:
                if number == len(parts):
                    return "itself"
                below = True
        return "below" if below else "no"

    def may_match_below(self, parts: Sequence[str]) -> bool:
        """Return whether it matches a folder, or may match something below it."""
        states = self._reached[0]
        for part in parts:
            states = self._next(states, part)
            if len(self._names) in states:
                return True
        return bool(states)

    def _next(self, states: Iterable[int], part: str) -> set[int]:
        """Return how many names of the pattern may be matched after one more name of the path."""
        found: set[int] = set()
        for state in states:
            if state == len(self._names):
                continue
            matches = self._names[state]
            if matches is _ANY_FOLDERS:
                found |= self._reached[state]
            elif matches(part):
                found |= self._reached[state + 1]
        return found

    def _reached_from(self, state: int) -> set[int]:
        """Return what is reached from a state where ``**`` stands for no folder."""
        reached = {state}
        while state < len(self._names) and self._names[state] is _ANY_FOLDERS:
            state += 1
            reached.add(state)
        return reached


def _matcher(name: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(name)).match
