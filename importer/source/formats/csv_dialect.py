"""CSV: how it is parsed, and how its delimiter and its header are found in the beginning of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from importer.errors import SourceError
from importer.source.encoding import find_bad_byte

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS: Final = (",", ";", "\t", "|")
"""Those that are looked for where none is declared; the first of equals wins."""

_SAMPLE_ROWS: Final = 100  # records by which the delimiter is chosen


def parse(lines: Iterable[str], delimiter: str, quote: str = '"') -> Reader:
    """Return the cells of each record; none for a blank line.

    Raises:
        csv.Error: A cell goes on after its closing quote, or the lines end inside a quoted cell.
    """
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)


def detect_delimiter(text: str, quote: str) -> str:
    """Return the delimiter by which most records have as many cells as the first; a comma if none does."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _first_rows(text, delimiter, quote)]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=score)


def first_row(path: Path, text: str, delimiter: str, quote: str) -> list[str]:
    """Return the cells of the first record of a text.

    Raises:
        SourceError: It can't be parsed.
    """
    rows = _first_rows(text, delimiter, quote)
    if not rows:
        raise SourceError(
            f"{path}: the first record can't be read as CSV: a quote in it is never closed, or a cell "
            "goes on after its closing quote.",
            'A quote inside a cell is doubled (""), and the whole cell quoted.',
        )
    return rows[0]


def check_header(path: Path, header: list[str], encoding: str) -> None:
    """Refuse a header whose names are not text.

    Raises:
        SourceError: A name holds a byte that is not in the encoding, or a NUL character.
    """
    if bad := find_bad_byte(header):
        raise SourceError(
            f"{path}: the name of column {bad.line + 1} is not {encoding}: it holds byte 0x{bad.byte:02X}.",
            "Name the file's encoding with --encoding (often cp1252 or latin-1).",
        )
    if any("\0" in name for name in header):
        raise SourceError(
            f"{path}: the header holds NUL characters: damaged, binary or UTF-16 data.",
            "Export the data as CSV in UTF-8, or name the encoding: --encoding utf-16-le",
        )


def _first_rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """Return the first records, up to the first that can't be parsed."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(islice(filter(None, parse(io.StringIO(text, ""), delimiter, quote)), _SAMPLE_ROWS))
    return rows
