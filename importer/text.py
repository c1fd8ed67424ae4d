"""Text for people: numbers with their nouns, and values from outside made fit to be shown."""

from __future__ import annotations

_MAX_QUOTED = 60


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: ``1 record``, ``2,000 records``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def quoted(value: object) -> str:
    """Return an untrusted value as a message can show it: escaped, in quotes, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else f"{text[: _MAX_QUOTED - 1]}…"
