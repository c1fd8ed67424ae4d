"""What the owner of a CSV file might not expect of how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from importer.reading import Attention, Dialect
from importer.source.formats.csv_parser import FirstRows, PlacedRow, split_lines, usual_width

_MOST_LINES_ABOVE: Final = 40
_VALUE: Final = re.compile(r"[-+(]?[€$£]?\d[\d.,:/ TZ+()%-]*|true|false|null", re.IGNORECASE)


def csv_attention(first: FirstRows, dialect: Dialect, delimiters: Sequence[str]) -> Iterator[Attention]:
    """Yield what might not be expected of how a file is read.

    Args:
        first: Its first records.
        dialect: How it is read.
        delimiters: The delimiters that it might have.
    """
    rows = first.read(dialect)
    if dialect.header and (number := header_line(first, dialect, delimiters)):
        above = dialect.sep_line + dialect.skip_lines
        yield Attention.of(
            "header-line",
            f"line {number} looks like the header, not line {rows[0].line + above}"
            + _comment_hint(first.text, dialect, number),
            f"--skip-lines {number - 1}",
        )
    elif dialect.header and (table := _table_below_comments(first, dialect, delimiters)):
        found = _looks_like_header(table[0].cells)
        line = table[0].line + dialect.sep_line + dialect.skip_lines
        looks = f"line {line} looks like the header" if found else "none below them looks like the header"
        yield Attention.of(
            "header-line",
            f"the first lines begin with #, and {looks}",
            "--comment '#'" if found else "--comment '#' --no-header",
        )
    if dialect.trailing_delimiter:
        yield Attention.of(
            "trailing-delimiter",
            f"each record ends with {dialect.delimiter!r}, which the header does not: it is left out",
        )
    if dialect.quote == '"' and _has_single_quotes(rows, header=dialect.header):
        yield Attention.of(
            "single-quotes",
            "cells stand between single quotes, which are read as part of them",
            '--quote "\'"',
        )


def _comment_hint(text: str, dialect: Dialect, number: int) -> str:
    """Return the other way to read a line as the header, if all lines above it begin with ``#``."""
    above = [line for line in islice(split_lines(text, dialect.line_end), number - 1) if line.strip()]
    if dialect.comment or not above or not all(line.startswith("#") for line in above):
        return ""
    return "; lines that begin with # are left out by --comment '#'"


def _table_below_comments(
    first: FirstRows, dialect: Dialect, delimiters: Sequence[str]
) -> Sequence[PlacedRow]:
    """Return the records of a file whose first line is nothing but a comment; none if it is not."""
    rows = first.read(dialect)
    if dialect.comment or not rows or len(rows[0].cells) > 1 or not rows[0].cells[0].startswith("#"):
        return ()
    tables = (first.read(replace(dialect, comment="#", delimiter=each)) for each in delimiters)
    return next((table for table in tables if table and len(table[0].cells) == usual_width(table) > 1), ())


def header_line(first: FirstRows, dialect: Dialect, delimiters: Sequence[str]) -> int:
    """Return the physical line that looks like the header; 0 if it is the first that holds anything.

    Args:
        first: The first records of the file.
        dialect: How it is read.
        delimiters: The delimiters that it might have.
    """
    rows = first.read(dialect)
    if rows and len(rows[0].cells) > 1 and _may_be_first(rows[0], usual_width(rows)):
        return 0
    best: tuple[float, Sequence[PlacedRow], int] = (0.0, (), 0)
    for delimiter in delimiters:
        rows = first.read(replace(dialect, delimiter=delimiter))
        width = usual_width(rows)
        share = sum(len(row.cells) == width for row in rows) / (len(rows) or 1)
        if width > 1 and share > best[0]:
            best = share, rows, width
    _, rows, width = best
    for at, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        if _may_be_first(row, width):
            is_header = at > 0 and at + 1 < len(rows) and _looks_like_header(row.cells)
            return row.line + dialect.sep_line + dialect.skip_lines if is_header else 0
    return 0


def _may_be_first(row: PlacedRow, width: int) -> bool:
    """Return whether a record is no title: it has the usual width, and cells that are not mostly empty."""
    filled = sum(map(bool, row.cells))
    return len(row.cells) == width and (filled > 1 or width == 1) and filled >= width / 2


def _looks_like_header(cells: Sequence[str]) -> bool:
    """Return whether cells could be the names of columns: none is empty, a value, or there twice."""
    names = [cell.strip() for cell in cells]
    return all(names) and len(set(names)) == len(names) and not any(map(_VALUE.fullmatch, names))


def _has_single_quotes(rows: Sequence[PlacedRow], *, header: bool) -> bool:
    """Return whether all names, or all values of a column, stand between single quotes."""
    if header and rows and all(map(_is_enclosed, rows[0].cells)):
        return True
    data = [row.cells for row in rows[header:]]
    width = usual_width(rows[header:])
    columns = [[cells[at] for cells in data if len(cells) == width and cells[at]] for at in range(width)]
    return any(len(values) > 1 and all(map(_is_enclosed, values)) for values in columns)


def _is_enclosed(cell: str) -> bool:
    text = cell.strip()
    return len(text) > 1 and text[0] == text[-1] == "'"
