"""Untrusted words, made fit to be shown."""

from __future__ import annotations

import reprlib
from typing import Final

MAX_WORDS: Final = 300
"""Most characters of a server's words that are passed on."""

MAX_SHORT: Final = 60
"""Most characters of a single value that are shown."""

# repr() of an answer that is nested a thousand deep would exhaust the stack.
_shallow: Final = reprlib.Repr()
_shallow.maxlevel = 3
_shallow.maxstring = 40


def short(value: object) -> str:
    """A value of an answer, escaped, in at most `MAX_SHORT` characters."""
    text = repr(value[:MAX_SHORT]) if isinstance(value, str) else _shallow.repr(value)
    return text if len(text) <= MAX_SHORT else f"{text[: MAX_SHORT - 1]}…"


def one_line(value: object) -> str:
    """Untrusted words on one line of at most `MAX_WORDS` characters.

    Blanks are drawn together; characters that don't print (escape sequences of terminals, marks that turn
    the direction of writing) are written as escapes. None is the empty string.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else _shallow.repr(value)
    # What lies far beyond the limit can't be shown: don't split a megabyte to show a line.
    words = " ".join(text[: 4 * MAX_WORDS].split())
    if not words.isprintable():
        words = "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)
    return words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…"
