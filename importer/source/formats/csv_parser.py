r"""Lines of CSV → cells, by the standard library's reader, in every dialect that `reading.Dialect` can hold.

That reader knows no lone CR inside an unquoted cell, and no escapes of MySQL. Where a line has one, the
characters concerned are hidden from it: characters that no text holds stand for them, and in the cells they
are put back. They are surrogates that no decoder returns; a record that held one all the same would be
rejected, as its line is not text.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from importer.reading import Dialect, LineEnd

if TYPE_CHECKING:
    from _csv import Reader

LINE_ENDS: Final[Mapping[LineEnd, tuple[str, ...]]] = {
    "any": ("\n", "\r"),
    "lf": ("\n",),
    "cr": ("\r",),
}
"""The characters with which a line ends."""

MOST_ROWS: Final = 100
"""Most records by which a dialect is chosen."""

_CR: Final = "\ud800"
_LF: Final = "\ud801"
_DELIMITER: Final = "\ud802"
_QUOTE: Final = "\ud803"
_SPACE: Final = "\ud804"
_NO_VALUE: Final = "\ud805"  # MySQL's \N

_CONTROLS: Final = {"0": "\0", "b": "\b", "n": _LF, "r": _CR, "t": "\t", "Z": "\x1a", "N": _NO_VALUE}
"""What MySQL means by a backslash and one of these letters (``LOAD DATA``, ``FIELDS ESCAPED BY``)."""

_END: Final = re.compile(r"(?:\r\n|\n|\r)\Z")


def parse(lines: Iterable[str], dialect: Dialect) -> Reader:
    """Return the cells of each record; none for a blank line.

    Args:
        lines: Lines in which nothing is left to hide.
        dialect: How they are written.

    Raises:
        csv.Error: A cell goes on after its closing quote, or the lines end inside a quoted cell.
    """
    if not dialect.quote:
        return csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_NONE,
            skipinitialspace=dialect.skip_space,
            strict=True,
        )
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        skipinitialspace=dialect.skip_space,
        strict=True,
    )


class Disguise:
    """Hides from the standard library's reader what it can't read, and puts it back into the cells.

    Args:
        dialect: How the lines are written.

    Attributes:
        used: True if something has been hidden since this was last set to False.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.used = False
        self._lone = {"any": "", "lf": "\r", "cr": "\n"}[dialect.line_end]
        self._hidden_lone = _CR if self._lone == "\r" else _LF
        self._escape = dialect.escape
        self._ends = LINE_ENDS[dialect.line_end]
        special = {"\r": _CR, "\n": _LF, dialect.delimiter: _DELIMITER, " ": _SPACE}
        if dialect.quote:
            special[dialect.quote] = _QUOTE
        # What an escape means may itself be the delimiter or the quote: then it is hidden like these.
        means = {letter: special.get(char, char) for letter, char in _CONTROLS.items()}
        self._special = special | (means if dialect.escape == "\\" else {})
        self._escaped = re.compile(re.escape(dialect.escape) + r"(\r\n|[\s\S])") if dialect.escape else None
        shown = {_CR: "\r", _LF: "\n", _DELIMITER: dialect.delimiter, _SPACE: " ", _QUOTE: dialect.quote}
        self._shown = str.maketrans({**shown, _NO_VALUE: "N"})

    def goes_on(self, line: str) -> bool:
        """Return whether the end of a line is escaped, so that the next line belongs to it."""
        if not self._escape or not line.endswith(self._ends):
            return False
        text = _END.sub("", line)
        return bool((len(text) - len(text.rstrip(self._escape))) % 2)

    def hide(self, line: str) -> str:
        """Return a line, with those that its escapes join to it, as the reader can read it."""
        if self._escaped is not None and self._escape in line:
            self.used = True
            line = self._escaped.sub(self._hide_escaped, line)
        if self._lone and self._lone in line:
            end = _END.search(line)
            at = end.start() if end else len(line)
            if self._lone in line[:at]:
                self.used = True
                line = line[:at].replace(self._lone, self._hidden_lone) + line[at:]
        return line

    def show(self, cells: Sequence[str]) -> list[str]:
        """Return the cells with what was hidden in them."""
        self.used = False
        return ["" if cell == _NO_VALUE else cell.translate(self._shown) for cell in cells]

    def _hide_escaped(self, found: re.Match[str]) -> str:
        text = found[1]
        return _CR + _LF if text == "\r\n" else self._special.get(text, text)


class PlacedRow(NamedTuple):
    """The cells of a record, and where it stands.

    Attributes:
        line: Physical line on which it starts, from 1.
        cells: Its cells.
    """

    line: int
    cells: list[str]


def split_lines(text: str, line_end: LineEnd) -> Iterator[str]:
    """Yield the lines of a text, with their ends."""
    pattern = {"any": r"[^\r\n]*+(?:\r\n|\n|\r|\Z)", "lf": r"[^\n]*+(?:\n|\Z)", "cr": r"[^\r]*+(?:\r|\Z)"}
    for found in re.finditer(pattern[line_end], text):
        if found[0]:
            yield found[0]


def parse_text(text: str, dialect: Dialect) -> Iterator[PlacedRow]:
    """Yield the records of the beginning of a text, up to the first that can't be parsed; no blank lines.

    Args:
        text: The text, below the lines that are skipped.
        dialect: How it is written.
    """
    disguise = Disguise(dialect)
    count = 0  # lines that were handed to the parser

    def lines() -> Iterator[str]:
        nonlocal count
        whole = ""
        for line in split_lines(text, dialect.line_end):
            count += 1
            if dialect.comment and count == start and line.startswith(dialect.comment):
                yield "\n"
                continue
            whole += line
            if not disguise.goes_on(line):
                yield disguise.hide(whole)
                whole = ""
        if whole:
            yield disguise.hide(whole)

    start = 1
    rows = parse(lines(), dialect)
    while True:
        try:
            cells = next(rows)
        except (StopIteration, csv.Error):
            return
        if cells:
            yield PlacedRow(start, disguise.show(cells) if disguise.used else cells)
        start = count + 1


def below(text: str, dialect: Dialect) -> str:
    """Return a text without the lines at its top that are not read."""
    skipped = islice(split_lines(text, dialect.line_end), dialect.sep_line + dialect.skip_lines)
    return text[sum(map(len, skipped)) :]


class FirstRows:
    """The first records of a file, as dialects read them; each dialect parses them once.

    Args:
        text: The beginning of the file.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._rows: dict[Dialect, Sequence[PlacedRow]] = {}

    def read(self, dialect: Dialect) -> Sequence[PlacedRow]:
        """Return the first records; lines are counted below those that are skipped."""
        alike = replace(dialect, trailing_delimiter=False)  # which is nothing to the parser
        if alike not in self._rows:
            self._rows[alike] = tuple(islice(parse_text(below(self.text, dialect), dialect), MOST_ROWS))
        return self._rows[alike]


def usual_width(rows: Sequence[PlacedRow]) -> int:
    """Return how many cells most records have; of two that are as frequent, the greater."""
    counts = Counter(len(row.cells) for row in rows)
    return max(counts, key=lambda width: (counts[width], width), default=0)
