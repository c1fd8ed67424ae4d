"""Why a line of CSV is no record, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from importer.reading import Dialect
from importer.source.formats.csv_parser import DELIMITERS
from importer.text import counted

DOUBLED: Final = "a quote inside a cell is doubled"
STRAY: Final = f"a cell goes on after its closing quote; {DOUBLED}"


def width_problem(line: str, cells: Sequence[str], columns: int, dialect: Dialect) -> str:
    """Return what is wrong with a record that has too few or too many cells, and what may have made it so.

    Args:
        line: Its first line.
        cells: Its cells.
        columns: How many columns the source has.
        dialect: How it is read.
    """
    found = len(cells)
    expected = counted(columns, "field")
    if dialect.trailing_delimiter:
        expected += f" and {dialect.delimiter!r} behind the last"
    return f"expected {expected}, found {found}{_hint(line, found, columns, dialect)}"


def _hint(line: str, found: int, columns: int, dialect: Dialect) -> str:
    others = [d for d in DELIMITERS if d != dialect.delimiter and line.count(d) == columns - 1]
    if found == 1 and others:
        return f"; its delimiter looks like {others[0]!r}, the file's is {dialect.delimiter!r}"
    if found == columns and dialect.trailing_delimiter:
        return ": the last delimiter is missing"
    if found > columns and dialect.quote and dialect.quote not in line:
        return f"; a cell that holds {dialect.delimiter!r} must be quoted"
    return ""
