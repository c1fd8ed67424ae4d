"""What the owner of a workbook might not expect of how its cells are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from importer.reading import Attention
from importer.source.formats.excel_cells import OddCell
from importer.text import counted, was_or_were

_MOST_PLACES: Final = 3
Range = tuple[tuple[int, int], tuple[int, int]]


def attention_to_cells(odd: Iterable[OddCell], merged: Sequence[Range]) -> tuple[Attention, ...]:
    """Return what to say of the cells of a sheet.

    Args:
        odd: Those of which calamine does not tell all.
        merged: Those that are merged: the first and the last place of each, from 0.
    """
    counts: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for cell in odd:
        kind = _kind(cell)
        counts[kind] += 1
        if counts[kind] <= _MOST_PLACES:
            places.setdefault(kind, []).append(_place(cell.row, cell.column))
    return tuple(_attentions(counts, places, merged))


def _attentions(
    counts: Counter[str], places: dict[str, list[str]], merged: Sequence[Range]
) -> Iterator[Attention]:
    if count := counts["error"]:
        text = (
            f"{counted(count, 'cell')} {was_or_were(count)} an error of Excel such as #N/A, and read as empty"
        )
        yield Attention.of("error-cells", f"{text}: {_listed(count, places['error'])}")
    if count := counts["formula"]:
        text = f"{counted(count, 'formula')} without a value {was_or_were(count)} read as empty"
        remedy = "open the workbook in a spreadsheet program and save it"
        yield Attention.of("formula-cells", f"{text}: {_listed(count, places['formula'])}; {remedy}")
    if count := counts["number"]:
        text = (
            f"{counted(count, 'number')} of over 15 digits may have lost the last ones: Excel keeps no more"
        )
        yield Attention.of("long-numbers", f"{text}: {_listed(count, places['number'])}")
    if count := len(merged):
        text = (
            f"of {counted(count, 'group')} of merged cells only the first has the value, the others are empty"
        )
        found = [f"{_place(a + 1, b + 1)}:{_place(c + 1, d + 1)}" for (a, b), (c, d) in merged[:_MOST_PLACES]]
        yield Attention.of("merged-cells", f"{text}: {_listed(count, found)}")


def _kind(cell: OddCell) -> str:
    """Return the kind of a cell to say something of; empty for one that is read exactly."""
    is_exact = cell.kind == "padded" or (cell.kind == "number" and cell.text.lstrip("-").isdigit())
    return "" if is_exact else cell.kind


def _place(row: int, column: int) -> str:
    """Return the name of a place: ``B7``."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _listed(count: int, places: Sequence[str]) -> str:
    return ", ".join(places) + (", …" if count > len(places) else "")
