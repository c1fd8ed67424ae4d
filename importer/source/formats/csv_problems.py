"""Why a line of CSV is no record, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from importer.reading import DELIMITERS, Dialect
from importer.source.encoding import BOM
from importer.text import counted

DOUBLED: Final = "a quote inside a cell is doubled"
STRAY: Final = f"a cell goes on after its closing quote; {DOUBLED}"

HEADER_AGAIN: Final = "the header again: no record"
OTHER_HEADER: Final = (
    "the names of the columns in another order: what is below is of another file, so split the file here"
)


def header_problem(cells: Sequence[str], names: Sequence[str], dialect: Dialect) -> str:
    """Return what is wrong with a record whose cells are just the names of the columns; empty for any other.

    Args:
        cells: Its cells; a byte order mark may stand ahead of the first, if two files were joined.
        names: What the header holds; nothing if there is none.
        dialect: How it is read.
    """
    quote = dialect.quote
    if dialect.trailing_delimiter and len(cells) == len(names) + 1 and not cells[-1]:
        cells = cells[:-1]
    if not names or len(cells) != len(names):
        return ""
    first = cells[0].removeprefix(BOM)
    # The reader sees no quote behind a byte order mark.
    if first is not cells[0] and quote and len(first) > 1 and first[0] == first[-1] == quote:
        first = first[1:-1].replace(2 * quote, quote)
    found = [first, *cells[1:]]
    if found == list(names):
        return HEADER_AGAIN
    return OTHER_HEADER if first in names and sorted(found) == sorted(names) else ""


def names_in_bytes(names: Sequence[str], quote: str) -> tuple[bytes, ...]:
    """Return the names in a header as the cells of one that stands further below may be written."""
    marked = [f"{BOM}{name}" for name in names]
    if quote:
        marked += [f"{BOM}{quote}{name.replace(quote, 2 * quote)}{quote}" for name in names]
    return tuple(name.encode("utf-8", "surrogatepass") for name in (*names, *marked))


def width_problem(line: str, found: int, columns: int, dialect: Dialect) -> str:
    """Return what is wrong with a record that has too few or too many cells, and what may have made it so.

    Args:
        line: Its first line.
        found: How many cells it has.
        columns: How many columns the source has.
        dialect: How it is read.
    """
    expected = counted(columns, "field")
    if dialect.trailing_delimiter:
        expected += f" and {dialect.delimiter!r} behind the last"
    return f"expected {expected}, found {found}{_hint(line, found, columns, dialect)}"


def _hint(line: str, found: int, columns: int, dialect: Dialect) -> str:
    if found == 1:
        others = (d for d in DELIMITERS if d != dialect.delimiter and line.count(d) == columns - 1)
        if other := next(others, ""):
            return f"; its delimiter looks like {other!r}, the file's is {dialect.delimiter!r}"
    if found == columns and dialect.trailing_delimiter:
        return ": the last delimiter is missing"
    if found > columns and dialect.quote and dialect.quote not in line:
        return f"; a cell that holds {dialect.delimiter!r} must be quoted"
    return ""
