"""How a CSV file is written, found out by its beginning: delimiter, line ends, spaces and last delimiters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Final, NamedTuple

from importer.reading import Dialect, LineEnd
from importer.source.formats.csv_parser import FirstRows, PlacedRow

_SPACED: Final = 0.9  # share of the records whose cells begin with a space, if it belongs to the delimiter
_TRAILED: Final = 0.5  # share of the records that end with a delimiter, if the others are broken

_LONE_CR: Final = re.compile(r"\r(?!\n)")
_SEP_LINE: Final = re.compile(r"\"?sep=([^\"\r\n\0 ])\"?(?:\r\n|\n|\r|\Z)", re.IGNORECASE)


class SepLine(NamedTuple):
    """The first line of a file, if it does nothing but name the delimiter.

    Attributes:
        delimiter: The delimiter.
        size: Characters of the line with its end.
    """

    delimiter: str
    size: int


def find_sep_line(text: str) -> SepLine | None:
    """Return the first line if it is one such as ``sep=;``, which Excel writes and obeys."""
    found = _SEP_LINE.match(text)
    return SepLine(found[1], found.end()) if found else None


def choose_dialect(
    first: FirstRows, draft: Dialect, delimiters: Sequence[str], ends: Sequence[LineEnd]
) -> Dialect:
    """Return a dialect with the delimiter and the line ends that suit a text best.

    Args:
        first: The first records of the file.
        draft: What is known of the dialect.
        delimiters: The delimiters to choose from.
        ends: Likewise what may end a line.
    """
    if len(ends) == len(delimiters) == 1:
        return replace(draft, delimiter=delimiters[0], line_end=ends[0])

    def score(dialect: Dialect) -> tuple[float, int, int]:
        if len(delimiters) > 1 and dialect.delimiter not in first.text:
            return 0.0, 0, 0
        widths = [len(row.cells) for row in first.read(dialect)]
        if not widths or (widths[0] == 1 and len(delimiters) > 1):
            return 0.0, 0, 0
        same = widths.count(widths[0])
        return same / len(widths), widths[0] if len(ends) == 1 else 0, same

    choices = [replace(draft, delimiter=d, line_end=end) for d, end in product(delimiters, ends)]
    return max(choices, key=score)


def possible_line_ends(text: str, quote: str) -> Iterator[LineEnd]:
    """Yield what may end the lines of a text, the likelier first.

    What ends the first line ends the others. Where that is a CR alone, it may also be part of a name in a
    file whose lines end in LF, or lines may end in both: then it depends on what makes records of one width.
    """
    if not _LONE_CR.search(text):
        yield "lf"
        return
    mark = re.escape(quote)
    outside = rf"(?:[^{mark}\r\n]|{mark}[^{mark}]*{mark})*+" if quote else r"[^\r\n]*+"
    first = re.match(rf"{outside}(\r*\n\r?(?!\n)|\r\n|\n|\r)", text) or re.search(r"(\r*\n|\r)", text)
    end = first[1] if first else "\n"
    if end in ("\n", "\r\n"):
        yield "lf"
    elif "\n" not in text:
        yield "cr"
    elif "\n" in end:  # CR CR LF, or LF CR: a lone CR is a line with nothing on it
        yield "any"
    else:
        yield from ("lf", "cr", "any")


def belongs_to_delimiter(rows: Sequence[PlacedRow], quote: str) -> bool:
    """Return whether a space follows every delimiter of the first record, and of nearly all others.

    Args:
        rows: Records that were read as if these spaces were part of the cells.
        quote: What encloses a cell; it may stand behind the space.
    """
    if not rows or len(rows[0].cells) == 1:
        return False
    spaced = [_is_spaced(row.cells, quote) for row in rows if len(row.cells) > 1]
    return spaced[0] and spaced.count(True) >= _SPACED * len(spaced)


def _is_spaced(cells: Sequence[str], quote: str) -> bool:
    """Return whether each cell but the first begins with a space, or is empty."""
    inside = False  # a cell whose quote stood behind the space, and which was cut at a delimiter in it
    for cell in cells[1:]:
        if not inside and cell and not cell.startswith(" "):
            return False
        text = cell.strip()
        if inside:
            inside = not text.endswith(quote)
        elif quote and text.startswith(quote):
            inside = len(text) == 1 or not text.endswith(quote)
    return True


def has_trailing_delimiter(rows: Sequence[PlacedRow]) -> bool:
    """Return whether each record ends with a delimiter more than the header, the first record, has."""
    if not rows or not rows[0].cells[-1]:
        return False
    width = len(rows[0].cells)
    trailed = [row.cells[-1] == "" for row in rows[1:] if len(row.cells) == width + 1]
    header = rows[0].cells  # it may stand again below, where files were joined
    complete = any(len(row.cells) == width and row.cells != header for row in rows[1:])
    return bool(trailed) and all(trailed) and not complete and len(trailed) >= _TRAILED * (len(rows) - 1)
