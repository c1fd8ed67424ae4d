"""Text for people: numbers with their nouns, and untrusted values, escaped and cut; answers about texts."""

from __future__ import annotations

import difflib
import reprlib
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

PROGRAM: Final = "mixpanel-importer"
"""The name of the command."""
VERSION: Final = "0.1.0"

MAX_QUOTED: Final = 60
"""Most characters of a single value in a message."""

MAX_LINE: Final = 300
"""Most characters of an untrusted line, such as a server's message."""

MOST_LISTED: Final = 40
"""Most columns that a message lists, and most characters of each that is not quoted."""

_MOST_REMEMBERED: Final = 1 << 20  # characters
_ENTRY: Final = 200  # characters that an entry takes beside its own, at least

Key = TypeVar("Key", bound=str | tuple[str, ...])
Answer = TypeVar("Answer")

_SHELL_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_NESTED = reprlib.Repr()
_NESTED.maxlevel = 3


class Remembered(dict[Key, Answer]):
    """What was answered about texts, asked once for each, in a million characters.

    `functools.lru_cache` counts entries, and a text may be as long as a record.

    Args:
        answer: Returns the answer about a text, or about several; what it raises is not remembered.
    """

    def __init__(self, answer: Callable[[Key], Answer]) -> None:
        super().__init__()
        self._answer = answer
        self._left = _MOST_REMEMBERED

    def __missing__(self, key: Key) -> Answer:
        """Return the answer about a text that is not remembered, and remember it if there is room at all."""
        answer = self._answer(key)
        size = _ENTRY + (len(key) if isinstance(key, str) else sum(map(len, key)))
        if size > _MOST_REMEMBERED:
            return answer
        if size > self._left:
            self.clear()
            self._left = _MOST_REMEMBERED
        self._left -= size
        self[key] = answer
        return answer


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: ``1 record``, ``2,000 tries``."""
    if number == 1:
        return f"{number:,} {noun}"
    return f"{number:,} {noun.removesuffix('y')}ies" if noun.endswith(("ry", "ty")) else f"{number:,} {noun}s"


def was_or_were(number: int) -> str:
    """Return the verb of so many things."""
    return "was" if number == 1 else "were"


def quoted(value: object) -> str:
    """Return an untrusted value for a message: its ``repr``, in at most 60 characters."""
    try:
        text = repr(value[: MAX_QUOTED + 1] if isinstance(value, str) else value)
    except RecursionError:  # JSON may be nested deeper than the stack
        text = _NESTED.repr(value)
    return cut(text)


def quoted_name(value: str) -> str:
    """Return a name from a file for a message: escaped, between quotes, in at most 60 characters."""
    return f"'{escaped_cut(value, MAX_QUOTED - 2)}'"


def escaped_cut(value: str, limit: int = MAX_QUOTED) -> str:
    """Return an untrusted text on one line, escaped, in at most ``limit`` characters."""
    return cut(repr(value[: limit + 1])[1:-1], limit)


def cut(text: str, limit: int = MAX_QUOTED) -> str:
    """Return a text in at most ``limit`` characters, of which the last is ``…`` if there were more."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def escape_controls(text: str, keep: str = "") -> str:
    """Return a text with each character that does not print written as its escape.

    Among them are control characters of terminals and marks that change the direction of writing.

    Args:
        text: The text to escape.
        keep: Characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def shell_word(text: str) -> str:
    """Return a text as one word of a command line, as a shell reads it back; printable, and on one line.

    What does not print is written byte by byte between ``$'`` and ``'``, as bash, zsh and ksh know it.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_shell_char, text)) + "'"


def _shell_char(char: str) -> str:
    if char.isprintable():
        return f"\\{char}" if char in "\\'" else char
    if char in _SHELL_ESCAPES:
        return _SHELL_ESCAPES[char]
    # A byte of a file's name that is not UTF-8 is a surrogate in Python.
    is_byte = "\udc80" <= char <= "\udcff"
    data = char.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)


def shell_words(words: Iterable[str]) -> str:
    """Return a command line of these words, as `shell_word` writes each."""
    return " ".join(map(shell_word, words))


def file_word(name: str) -> str:
    """Return the name of a file, or ``-``, as a word of a command that is not taken for an option."""
    return f"./{name}" if name.startswith("-") and name != "-" else name


def file_command(command: str, file: Path | str, *words: str) -> str:
    """Return what to type for a command of this program with a file, and further words."""
    return shell_words([PROGRAM, command, file_word(str(file)), *words])


def one_line(value: object) -> str:
    """Return an untrusted value as one line of at most `MAX_LINE` characters; None as the empty text.

    Each run of white space becomes one space, and what does not print is escaped.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else quoted(value)
    # Only the first characters can be part of the line: don't split a megabyte.
    return cut(escape_controls(" ".join(text[: 4 * MAX_LINE].split())), MAX_LINE)


_LIKE: Final = 0.51
"""From which likeness, up to 1, a name is taken for another one mistyped."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for the most similar of ``names`` in any case, or nothing."""
    known = {each.casefold(): each for each in reversed(list(names))}
    close = difflib.get_close_matches(name.casefold(), list(known), n=1, cutoff=_LIKE)
    return f"; did you mean {known[close[0]]!r}?" if close else ""


def kind_flags(kind: str) -> list[str]:
    """Return the option that makes a run one of a kind (`model.RunKind`); none for a real one."""
    return [] if kind == "real" else [f"--{kind}"]


def listed(texts: Sequence[str], most: int, total: int | None = None) -> str:
    """Return the first of several texts, and how many more there are: ``a, b and 1,200 more``.

    Args:
        texts: The texts; not all need be there, if ``total`` says how many there are.
        most: How many are named.
        total: How many there are; by default those that are there.
    """
    more = (len(texts) if total is None else total) - min(most, len(texts))
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def list_columns(columns: Sequence[str]) -> str:
    """Return the first columns of a source as the last line of a remedy."""
    limit = MOST_LISTED
    names = [c if c.isprintable() and len(c) <= limit else quoted(c) for c in columns[:limit]]
    return f"The columns are: {listed(names, limit, len(columns))}"
