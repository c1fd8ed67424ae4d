"""A table in the columns of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from importer.cli.fold import fold, width

if TYPE_CHECKING:
    import pandas as pd

_LEAST_LAST: Final = 24
"""Columns of the last cell at least; where there is less room, each row becomes a paragraph."""


def table_text(table: pd.DataFrame, columns: int | None) -> str:
    """Return a table; the last cell of a row, if it has no room, goes on below itself.

    Args:
        table: Texts.
        columns: Columns of the terminal; None if there is no end to them.
    """
    head = list(table.columns)
    widths = [max(width(name), *table[name].map(width)) for name in head[:-1]]
    margin = sum(widths) + len(widths)
    rows = table.to_numpy().tolist()
    if columns is not None and columns - margin < _LEAST_LAST:
        return "\n".join(_paragraph(head, row, columns) for row in rows)
    return "\n".join(_line(cells, widths, margin, columns) for cells in (head, *rows))


def _line(cells: Sequence[str], widths: Sequence[int], margin: int, columns: int | None) -> str:
    begin = "".join(
        cell + " " * (room - width(cell) + 1) for cell, room in zip(cells[:-1], widths, strict=True)
    )
    return (begin + fold(cells[-1], columns, margin)).rstrip()


def _paragraph(head: Sequence[str], cells: Sequence[str], columns: int) -> str:
    """Return a row as lines: its first cell, and below it the others, each with the name of its column."""
    named = [f"{name} {cell}" for name, cell in zip(head[1:], cells[1:], strict=True)]
    lines = (cells[0], f"  {' · '.join(named[:-1])}", f"  {named[-1]}")
    return "\n".join(fold(line, columns, 2, 0) for line in lines)
