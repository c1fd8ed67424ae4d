"""AM and PM in the text of a format, where they would be read over."""

from __future__ import annotations

import re
from typing import Final

HALF: Final = r"[AaPp](?:[Mm]|\.\s?[Mm]\.?)"
"""The pattern of AM and PM: ``am``, ``p.m.``, and ``p. m.`` as it is written in Spanish."""

_HALF = re.compile(rf"(?<![A-Za-z]){HALF}(?![A-Za-z])")
_HALF_LETTER = re.compile(r"(?<=\s)[AP]$|^\s?[AaPp]$")  # 10:30p: behind a clock, and nothing follows it
_CLOCK: Final = ("H", "I", "M", "S", "f")


def half_in(literal: str, before: str, *, last: bool) -> str:
    """Return the AM or PM that a text of a format is or has; empty if it has none.

    Args:
        literal: Text between two directives.
        before: The letter of the directive in front of it; empty if none is there.
        last: Nothing stands behind it.
    """
    found = _HALF.search(literal) or (_HALF_LETTER.search(literal) if before in _CLOCK and last else None)
    return found[0].strip() if found else ""


def with_half(text: str) -> str:
    """Return a format with ``%I`` and ``%p`` instead of AM or PM in its text."""
    parts = re.split(r"(%[-#:36]?[A-Za-z%])", text)
    for at in range(0, len(parts), 2):
        parts[at] = _HALF.sub("%p", parts[at])
    if parts[-1] and "%p" not in parts[-1]:
        parts[-1] = re.sub(r"(^\s?|\s)[AaPp]$", r"\1%p", parts[-1])
    return "".join("%I" if part == "%H" else part for part in parts)
