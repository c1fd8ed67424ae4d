"""Text in the columns of a terminal: how wide it is, and how it is folded between words."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, TextIO

NARROWEST: Final = 20
"""Columns that are used at least, however narrow the terminal says it is."""

_PARTS: Final = re.compile(r" +|[^ ]+")
_COMMAND: Final = re.compile(
    r"(?:^|(?<= ))(?:(?:… \| )?mixpanel-importer (?=[a-z-])|pip install |chmod ).*$|^(?:rm|mkdir) .*$"
)
"""A command to type: it goes to the end of its line, and is never folded."""


def columns_of(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None for any other stream, on which nothing is folded."""
    try:
        if not stream.isatty():
            return None
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # it is no real terminal
        columns = 0
    named = os.environ.get("COLUMNS", "")
    return max(NARROWEST, columns or (int(named) if named.isdecimal() else 0) or 80)


def width(text: str) -> int:
    """Return how many columns a text takes: two for each wide character, none for one that combines."""
    if text.isascii():
        return len(text)
    return sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1


def cut_to(text: str, columns: int) -> str:
    """Return a text in at most so many columns, of which the last is ``…`` if there were more."""
    if width(text) <= columns:
        return text
    return text[: _fitting(text, columns - 1)] + "…"


def _fitting(text: str, columns: int) -> int:
    """Return how many of the first characters fit into so many columns, one at least."""
    taken = 0
    for at, char in enumerate(text):
        taken += _char_width(char)
        if taken > columns:
            return max(1, at)
    return len(text)


def fold(text: str, columns: int | None, indent: int = 0, first: int | None = None) -> str:
    """Return a text whose lines are no wider than a terminal, but for commands to type.

    Lines break between words and between wide characters. A word that is wider than a line breaks behind a
    ``/``, or where the line ends.

    Args:
        text: The text, of one or more lines.
        columns: Columns of the terminal; None folds nothing.
        indent: Blanks ahead of each line that a fold begins, in addition to those of the line that is folded.
        first: Columns that are taken on the first line already; ``indent`` if None.
    """
    if columns is None:
        return text
    taken = indent if first is None else first
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        lines += _folded(line, columns, indent, 0 if number else taken)
    return "\n".join(lines)


def _folded(line: str, columns: int, indent: int, taken: int) -> Iterator[str]:
    """Yield the lines that a line becomes; ``taken`` columns of the first are not free."""
    if taken + width(line) <= columns:
        yield line
        return
    own = len(line) - len(line.lstrip(" "))
    margin = " " * min(indent + own, columns // 2)
    current, used, blank = "", taken, ""
    for word in _words(line, columns - len(margin)):
        if word.isspace():
            blank = word
            continue
        if used + len(blank) + width(word) > columns and (current.strip() or used > len(margin)):
            yield current
            current, used, blank = margin, len(margin), ""
        current += blank + word
        used += len(blank) + width(word)
        blank = ""
    yield current


def _words(line: str, columns: int) -> Iterator[str]:
    """Yield the blanks of a line and what may not be broken, all in order."""
    command = _COMMAND.search(line)
    text = line if command is None else line[: command.start()]
    for part in _PARTS.findall(text):
        if width(part) <= columns and part.isascii():
            yield part
        else:
            yield from _pieces(part, columns)
    if command is not None:
        yield command.group()


def _pieces(word: str, columns: int) -> Iterator[str]:
    """Yield the pieces of a word between which a line may break."""
    for piece in _unbroken(word):
        rest = piece
        while width(rest) > columns:
            at = _fitting(rest, columns)
            at = rest.rfind("/", 0, at) + 1 or at
            yield rest[:at]
            rest = rest[at:]
        if rest:
            yield rest


def _unbroken(word: str) -> Iterator[str]:
    """Yield each wide character with what combines with it, and what is between wide characters."""
    piece = ""
    wide = False
    for char in word:
        columns = _char_width(char)
        if piece and (columns == 2 or (wide and columns)):  # noqa: PLR2004 - a wide character takes two columns
            yield piece
            piece = ""
        piece += char
        wide = columns == 2 or (wide and not columns)  # noqa: PLR2004 - as above
    if piece:
        yield piece
