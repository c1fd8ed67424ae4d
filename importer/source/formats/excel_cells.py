"""The cells of a sheet of an .xlsx as they stand in its XML: calamine does not tell all of them.

Calamine makes a double of each number, nothing of an error or of a formula without its value, and a table of
all places between the first cell and the last. So the XML is looked through, in pieces: how far the cells
reach, and which of them are odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import IO, Final, Literal, NamedTuple

from importer.source.format import BrokenSourceError

MOST_ROWS: Final = 1_048_576
MOST_COLUMNS: Final = 16_384
"""What a sheet of Excel has at most."""

MOST_PLACES: Final = 40_000_000
"""Places from the first row and column to the last: calamine takes 30 bytes for each, and more for a cell."""

AS_CSV: Final = "Save the sheet as CSV (UTF-8), and give that file."

_PIECE_SIZE: Final = 1 << 20
_END_SIZE: Final = 1 << 14  # bytes, in which mostly a cell begins
_MOST_CELL: Final = 4 << 20  # bytes of one cell: Excel allows 32,767 characters
_NAME: Final = rb"<(?:[\w.-]+:)?"
_TAG: Final = re.compile(
    _NAME + rb"(?:row(?=[\s/>])([^>]*)>|c(?=[\s/>])([^>]*?)(?:/>|(?<!/)>(.*?)</(?:[\w.-]+:)?c\s*>))",
    re.DOTALL,
)
_BEGINS: Final = re.compile(_NAME + rb"(?:row|c)(?=[\s/>])")
_CELL: Final = re.compile(_NAME + rb"c[\s/>]")
_COLUMN: Final = re.compile(_NAME + rb'c\s(?:[^>]*?\s)??r="([A-Z]{1,3})[0-9]{1,7}"')
_ROW: Final = re.compile(_NAME + rb'c\s(?:[^>]*?\s)??r="[A-Z]{1,3}([0-9]{1,7})"')
_PLACE: Final = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,3})([0-9]{1,7})["']""")
_KIND: Final = re.compile(rb"""\st\s*=\s*["'](\w+)["']""")
_STYLE: Final = re.compile(rb"""\ss\s*=\s*["'](\d{1,6})["']""")
_VALUE: Final = re.compile(_NAME + rb"v(?:\s[^>]*)?>([^<]+)<")
_FORMULA: Final = re.compile(_NAME + rb"f(?=[\s/>])")
_LONG: Final = re.compile(rb"-?(?:[0-9]{16,}|[0-9.]+[eE]\+?(?:1[5-9]|[2-9][0-9]|[0-9]{3,}))")
_NUMBERS: Final = (None, b"n")
_ERRORS: Final = (b'"e"', b"'e'")
_MAY_BE_LONG: Final = re.compile(rb">\s*-?(?:[0-9]{16}|[0-9.]+[eE])")
_LACKS_VALUE: Final = re.compile(
    rb"(?:f(?:\s[^>]*)?/|/(?:[\w.-]+:)?f)>\s*(?:</|<(?:[\w.-]+:)?v\s*(?:/>|></))"
)
_BEFORE: Final = ord("A") - 1
_BINARY_ROW: Final = 0  # kinds of records of .xlsb
_BINARY_CELLS: Final = range(2, 12)  # without 1, that of empty ones

OddKind = Literal["error", "formula", "number", "padded"]


class OddCell(NamedTuple):
    """A cell of which calamine does not tell all.

    Attributes:
        row: Number of its row, from 1.
        column: Number of its column, from 1.
        kind: An error; a formula without its value; a number of more digits than Excel keeps; or one that is
            shown with zeros ahead.
        text: What stands in it.
        style: The number of its style.
    """

    row: int
    column: int
    kind: OddKind
    text: str
    style: int


class Extent(NamedTuple):
    """How far the cells of a sheet reach.

    Attributes:
        rows: The number of the last row that has one.
        columns: The number of the last column that has one.
        has_odd: True if some may be odd.
    """

    rows: int
    columns: int
    has_odd: bool


def measure(sheet: IO[bytes], padded: AbstractSet[int], *, filled: bool = False) -> Extent:
    """Return how far the cells of a sheet reach.

    Args:
        sheet: Its XML.
        padded: The styles that show zeros ahead of a number.
        filled: True to leave cells out that have a format alone, which takes longer.

    Raises:
        BrokenSourceError: A cell is too long, or stands where no sheet has one.
    """
    odd = _hint(padded)
    place = _CellWalk(is_needed=filled)
    rows, columns, has_odd = 0, 0, False
    for data in _pieces(sheet):
        has_odd = has_odd or odd(data)
        found = _COLUMN.findall(data)
        if place.is_needed or len(found) != len(_CELL.findall(data)):
            place.is_needed = True
            for _attributes, content in place.cells(data):
                if content or not filled:
                    rows, columns = max(rows, place.row), max(columns, place.column)
        elif found:
            columns = max(columns, *map(_number_of, set(found)))
            rows = max(rows, *map(int, set(_ROW.findall(data))))
        if rows > MOST_ROWS or columns > MOST_COLUMNS:
            problem = f"its cells reach to row {rows:,} and column {columns:,}: a sheet has at most "
            raise BrokenSourceError(f"{problem}{MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns", AS_CSV)
    return Extent(rows, columns, has_odd)


def odd_cells(sheet: IO[bytes], padded: AbstractSet[int]) -> Iterator[OddCell]:
    """Yield the odd cells of a sheet, in the order of its XML.

    Args:
        sheet: As for `measure`.
        padded: As for `measure`.

    Raises:
        BrokenSourceError: A cell is too long.
    """
    odd = _hint(padded)
    place = _CellWalk()
    for data in _pieces(sheet):
        place.is_needed = place.is_needed or len(_COLUMN.findall(data)) != len(_CELL.findall(data))
        if not (place.is_needed or odd(data)):
            continue
        for attributes, content in place.cells(data):
            if content and (what := _what_is_odd(attributes, content, padded)):
                yield OddCell(place.row, place.column, *what)


class _CellWalk:
    """Where the cells stand, also those that do not say it themselves.

    Attributes:
        row: Number of the row of the last cell, from 1.
        column: Number of its column, from 1.
        is_needed: True once a cell did not say it: each must be counted then.
    """

    def __init__(self, *, is_needed: bool = False) -> None:
        self.row = 0
        self.column = 0
        self.is_needed = is_needed
        self._columns: dict[bytes, int] = {}

    def cells(self, data: bytes) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the attributes and the content of the cells in some rows."""
        for tag in _TAG.finditer(data):
            row, attributes, content = tag.groups()
            found = _PLACE.search(attributes if row is None else row)
            if row is not None:
                self.row, self.column = (int(found[2]) if found else self.row + 1), 0
                continue
            if found is None:
                self.column += 1
            else:
                letters = found[1]
                if letters not in self._columns:
                    self._columns[letters] = _number_of(letters)
                self.row, self.column = int(found[2]), self._columns[letters]
            yield attributes, content


def _hint(padded: AbstractSet[int]) -> Callable[[bytes], bool]:
    """Return what says whether a cell in some XML may be odd: it looks at no cell of its own."""
    styles = b"|".join(str(style).encode() for style in sorted(padded))
    styled = re.compile(rb"""\ss\s*=\s*["'](?:%s)["']""" % styles) if styles else None

    def may_be_odd(data: bytes) -> bool:
        return (
            any(mark in data for mark in _ERRORS)
            or _MAY_BE_LONG.search(data) is not None
            or (_FORMULA.search(data) is not None and _LACKS_VALUE.search(data) is not None)
            or (styled is not None and styled.search(data) is not None)
        )

    return may_be_odd


def _pieces(sheet: IO[bytes]) -> Iterator[bytes]:
    """Yield the XML of a sheet in pieces of whole cells.

    Raises:
        BrokenSourceError: A cell is too long.
    """
    rest = b""
    while piece := sheet.read(_PIECE_SIZE):
        data = rest + piece
        begins = 0
        for size in (_END_SIZE, len(data)):
            for found in _BEGINS.finditer(data, max(0, len(data) - size)):
                begins = found.start()
            if begins:
                break
        if begins:
            yield data[:begins]
            data = data[begins:]
        elif len(data) > _MOST_CELL:
            raise BrokenSourceError(f"a cell of the sheet has more than {_MOST_CELL:,} bytes", AS_CSV)
        rest = data
    yield rest


def _what_is_odd(
    attributes: bytes, content: bytes, padded: AbstractSet[int]
) -> tuple[OddKind, str, int] | None:
    """Return what is odd about a cell: the kind, what stands in it, and its style."""
    found = _KIND.search(attributes)
    kind = found[1] if found else None
    if kind not in _NUMBERS and kind != b"e":
        return None  # a text, a boolean or a date
    value = _VALUE.search(content)
    if value is None:
        return ("formula", "", 0) if _FORMULA.search(content) else None
    text = value[1].strip().decode("utf-8", "replace")
    if kind == b"e":
        return "error", text, 0
    styled = _STYLE.search(attributes) if padded else None
    if styled and int(styled[1]) in padded:
        return "padded", text, int(styled[1])
    return ("number", text, 0) if _LONG.fullmatch(text.encode()) else None


def _number_of(letters: bytes) -> int:
    """Return the number of a column, from 1, by its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - _BEFORE
    return number


def measure_binary(sheet: IO[bytes]) -> tuple[int, int]:
    """Return the last row and the last column of the cells of a sheet in the binary form (.xlsb), from 1.

    Args:
        sheet: Its records: a kind and a size of seven bits a byte, and as many bytes.

    Raises:
        BrokenSourceError: A record is too long.
    """
    rows, columns, row = 0, 0, 0
    data, at = b"", 0
    while True:
        kind, start = _varint(data, at, 2)
        size, start = _varint(data, start, 4)
        if start + size > len(data) or start >= len(data):
            if size > _MOST_CELL:
                raise BrokenSourceError(f"a cell of the sheet has more than {_MOST_CELL:,} bytes", AS_CSV)
            piece = sheet.read(_PIECE_SIZE)
            if not piece:
                return rows, columns
            data, at = data[at:] + piece, 0
            continue
        if kind == _BINARY_ROW:
            row = int.from_bytes(data[start : start + 4], "little") + 1
        elif kind in _BINARY_CELLS:
            rows = max(rows, row)
            columns = max(columns, int.from_bytes(data[start : start + 4], "little") + 1)
        at = start + size


def _varint(data: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends; that is beyond the data if it is not whole."""
    number = 0
    for place in range(most):
        if at + place >= len(data):
            return 0, len(data) + 1
        number |= (data[at + place] & 0x7F) << 7 * place
        if data[at + place] < 0x80:  # noqa: PLR2004 - the last has its highest bit clear
            return number, at + place + 1
    return number, at + most
