"""The rows of a sheet as lines of JSON, with what calamine does not tell of their cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring
from typing import Any, Final

from importer.source.format import BrokenSourceError
from importer.source.formats.excel_cells import AS_CSV, OddCell
from importer.source.formats.json_rows import json_text, noted_line
from importer.text import quoted_name

_ROWS_AT_ONCE: Final = 256
_KEPT: Final = 15
"""Digits that Excel keeps of a number: it makes zeros of the others."""

_NUMBERS: Final = (int, float)
_USUAL: Final = 10.0**_KEPT
_LARGEST: Final = 2.0**63
_LARGEST_EXACT: Final = 2**64
_MOST_DIGITS: Final = 400  # no double has more


def numbered_rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a sheet of calamine, each with its number, from 1."""
    if sheet.start is None:
        return
    rows: Iterator[list[Any]] = iter(sheet.iter_rows())
    first: list[Any] = next(rows, [])
    number = 1 if is_blank(first) else int(sheet.start[0]) + 1  # those above may be left out, or not
    yield number, first
    yield from enumerate(rows, number + 1)


def is_blank(cells: Sequence[Any]) -> bool:
    """Return whether no cell of a row holds a value."""
    return all(cell == "" or cell is None for cell in cells)


def column_names(cells: Sequence[Any]) -> tuple[str, ...]:
    """Return the names in a header: ``column_N`` for an empty one."""
    texts = (json_text(_value(cell)).strip('"') if not isinstance(cell, str) else cell for cell in cells)
    return tuple(f"column_{number}" if text in ("", "null") else text for number, text in enumerate(texts, 1))


def line_pieces(sheet: Any, odd: Iterator[OddCell], padded: Mapping[int, int]) -> Iterator[bytes]:
    """Yield the rows of a sheet as lines of JSON, those without values and the header as blank ones.

    Args:
        sheet: The sheet of calamine.
        odd: Its cells of which calamine does not tell all, in order.
        padded: The styles that show zeros ahead of a number, each with its digits.

    Raises:
        BrokenSourceError: The rows stand in another order than their numbers.
    """
    columns: tuple[str, ...] = ()
    lines: list[str] = []
    cells_of = _OddCells(odd, int(sheet.start[1]) + 1 if sheet.start else 1)
    for number, cells in numbered_rows(sheet):
        if not lines and not columns:
            lines.extend("\n" * (number - 1))
        special = cells_of.row(number)
        if is_blank(cells) and not (columns and special):
            lines.append("\n")
        elif not columns:
            columns = column_names(cells)
            lines.append("\n")
        else:
            lines.append(_line(columns, cells, special, padded))
        if len(lines) >= _ROWS_AT_ONCE:
            yield "".join(lines).encode("utf-8", "surrogatepass")
            lines.clear()
    if lines:
        yield "".join(lines).encode("utf-8", "surrogatepass")


class _OddCells:
    """Odd cells, row by row.

    Args:
        cells: All of them, in order.
        first: The number of the column that calamine has first.
    """

    def __init__(self, cells: Iterator[OddCell], first: int) -> None:
        self._cells = cells
        self._first = first
        self._next = next(cells, None)

    def row(self, number: int) -> dict[int, OddCell]:
        """Return those of a row, by their places in what calamine has of it.

        Raises:
            BrokenSourceError: Some of a row above come now.
        """
        found: dict[int, OddCell] = {}
        while self._next is not None and self._next.row <= number:
            if self._next.row < number:
                problem = (
                    f"the cells of row {self._next.row:,} stand below those of row {number:,} in its XML"
                )
                raise BrokenSourceError(problem, AS_CSV)
            found[self._next.column - self._first] = self._next
            self._next = next(self._cells, None)
        return found


def _line(
    columns: Sequence[str], cells: Sequence[Any], special: Mapping[int, OddCell], padded: Mapping[int, int]
) -> str:
    """Return the line of a row."""
    if not special and (line := _plain_line(columns, cells)):
        return line
    values: dict[str, Any] = {}
    notes: list[str] = []
    for place, (name, cell) in enumerate(zip(columns, cells, strict=False)):
        odd = special.get(place)
        if odd is not None:
            value, note = _odd_value(odd, cell, padded)
        else:
            value = _value(cell)
            note = _long_number(str(value)) if type(value) is int and abs(value) >= 10**_KEPT else ""
        if value is not None:
            values[name] = value
        if note:
            notes.append(f"{quoted_name(name)} {note}")
    return noted_line(json_text(values), "; ".join(notes))


def _plain_line(columns: Sequence[str], cells: Sequence[Any]) -> str:
    """Return the line of a row, the same that `_line` makes; none for one with an unusual number."""
    members: list[str] = []
    for name, cell in zip(columns, cells, strict=False):
        if type(cell) is str:
            text = encode_basestring(cell) if cell else ""
        elif type(cell) is float and -_USUAL < cell < _USUAL:
            text = str(int(cell)) if cell.is_integer() else repr(cell)
        elif cell is None or type(cell) in _NUMBERS:
            return ""
        else:
            text = json_text(cell)
        if text:
            members.append(f"{encode_basestring(name)}:{text}")
    return f"{{{','.join(members)}}}\n"


def _value(cell: Any) -> Any:
    """Return the value of a cell: none if it is empty, and an integer for a whole number."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _LARGEST:
        return int(cell)
    return cell


def _odd_value(odd: OddCell, cell: Any, padded: Mapping[int, int]) -> tuple[Any, str]:
    """Return the value of an odd cell, and a note on it.

    Args:
        odd: The cell.
        cell: What calamine makes of it.
        padded: As for `line_pieces`.
    """
    if odd.kind == "error":
        return None, f"is {odd.text}, an error of Excel: read as empty"
    if odd.kind == "formula":
        return None, "is a formula without its value: read as empty"
    number = _whole(odd.text)
    if number is None or not isinstance(cell, int | float):
        return _value(cell), ""
    if odd.kind == "padded":
        return f"{number:0{padded[odd.style] + (number < 0)}d}", ""
    if odd.text.lstrip("-").isdigit():
        return number, ""  # another program has written all digits
    return (number if abs(number) < _LARGEST_EXACT else cell), _long_number(str(number))


def _long_number(digits: str) -> str:
    return f"is a number of {len(digits.lstrip('-'))} digits, of which Excel keeps {_KEPT}"


def _whole(text: str) -> int | None:
    """Return the integer that a text is, exactly; None for another number."""
    try:
        number = Decimal(text)
        return (
            int(number) if number == number.to_integral_value() and number.adjusted() < _MOST_DIGITS else None
        )
    except InvalidOperation:
        return None
