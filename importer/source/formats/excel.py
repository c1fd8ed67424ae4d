"""Workbooks of Excel and OpenDocument, by calamine → lines of JSON → records, as of JSONL.

The first row with values names the columns. Dates are ISO 8601 without a zone. Whole numbers are integers: a
cell holds each number as a double, but shows an id without a point. What calamine does not tell of a cell is
read from the XML of its sheet (`excel_cells`). The line of a record is the sheet's row.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib import import_module
from typing import Any, Final

from importer.errors import EmptySourceError, SourceError, UsageError
from importer.reading import Attention, Dialect, FormatName
from importer.source.files import open_seekable
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.excel_attention import attention_to_cells
from importer.source.formats.excel_cells import AS_CSV
from importer.source.formats.excel_package import Package
from importer.source.formats.excel_rows import column_names, is_blank, line_pieces, numbered_rows
from importer.source.formats.json_rows import RowsReader
from importer.source.members import SourcePath
from importer.source.oversized import OversizedSink
from importer.source.raw import StreamOfPieces
from importer.text import nearest, quoted, shell_word

_ZIP: Final = b"PK\x03\x04"
_OLD: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKS: Final = (b"xl/", b"opendocument.spreadsheet")


class ExcelReader(RowsReader):
    """Records and rejections of a sheet, in order; read once.

    Args:
        file: The workbook.
        sheet: The name of the sheet.
        columns: The names that its first row must have; none if they are not known yet.
        oversized: Where the bytes of a record go that is too long to be held, as a line of JSON.

    Raises:
        BrokenSourceError: It can't be read, or the sheet is not there.
    """

    def __init__(self, file: io.BufferedIOBase, sheet: str, oversized: OversizedSink) -> None:
        workbook = Workbook(file)
        found = workbook.sheet(sheet)
        self._height = max(1, int(found.total_height))
        package = workbook.package
        pieces = line_pieces(found, package.odd_cells(sheet), package.padded)
        super().__init__(io.BufferedReader(StreamOfPieces(pieces)), oversized=oversized)

    def share_read(self) -> float:
        """Return how many of the rows have been read, from 0 to 1."""
        return min(1.0, self.line / self._height)


class Workbook:
    """A workbook that is open.

    Args:
        file: The file.

    Raises:
        BrokenSourceError: It can't be read.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        calamine = import_module("python_calamine")
        self.package = Package(file)
        file.seek(0)
        try:
            self._workbook = calamine.load_workbook(file)
        except calamine.PasswordError as error:
            raise BrokenSourceError("it is protected by a password", "Save it without one.") from error
        except (calamine.CalamineError, OSError, ValueError) as error:
            raise BrokenSourceError(f"it can't be read as a workbook: {error}", AS_CSV) from error
        self.sheets = {
            str(each.name): each.visible == calamine.SheetVisibleEnum.Visible
            for each in self._workbook.sheets_metadata
            if each.typ == calamine.SheetTypeEnum.WorkSheet
        }

    def sheet(self, name: str) -> Any:
        """Return a sheet by its name, once it is known not to take too much memory.

        Raises:
            BrokenSourceError: It is not there, can't be read, or its cells reach too far.
        """
        if name not in self.sheets:
            remedy = f"Its sheets are: {', '.join(map(quoted, self.sheets))}. Name one with --sheet."
            raise BrokenSourceError(f"there is no sheet {quoted(name)}", remedy)
        self.package.check_sheet(name)
        try:
            return self._workbook.get_sheet_by_name(name)
        except (import_module("python_calamine").CalamineError, OSError, ValueError) as error:
            raise BrokenSourceError(f"the sheet {quoted(name)} can't be read: {error}", AS_CSV) from error


def _recognizes(head: SourceHead, named: AbstractSet[FormatName]) -> bool:
    data = head.data
    if data.startswith(_OLD):
        return True
    return data.startswith(_ZIP) and ("excel" in named or any(mark in data for mark in _MARKS))


def _detect(head: SourceHead, options: DialectOptions) -> DetectedFormat:
    path = head.path
    with open_seekable(path, head.compression)[0] as file:
        workbook = Workbook(file)
        name, attention = _choose_sheet(path, workbook.sheets, options.get("sheet"))
        sheet = workbook.sheet(name)
        header = next((cells for _, cells in numbered_rows(sheet) if not is_blank(cells)), None)
        odd = attention_to_cells(workbook.package.odd_cells(name), sheet.merged_cell_ranges or ())
    if header is None:
        others = [each for each in workbook.sheets if each != name]
        remedy = f"Name another: --sheet {shell_word(others[0])}" if others else "Check the export."
        also = f"; the others are {', '.join(map(quoted, others))}" if others else ""
        raise EmptySourceError(f"{path}: the sheet {quoted(name)} is empty{also}.", remedy)
    columns = column_names(header)
    (column, count), *_ = Counter(columns).most_common(1)
    if count > 1:
        raise SourceError(
            f"{path}: the first row of the sheet {quoted(name)} names {quoted(column)} {count} times.",
            "Give each column its own name.",
        )
    return DetectedFormat(Dialect("excel", head.compression, sheet=name), columns, (*attention, *odd))


def _choose_sheet(
    path: SourcePath, sheets: Mapping[str, bool], declared: str | None
) -> tuple[str, tuple[Attention, ...]]:
    """Return the name of the sheet to read, and what to say of it.

    Args:
        path: The workbook.
        sheets: The names of its sheets, and whether each can be seen.
        declared: The name that was declared.

    Raises:
        UsageError: There is no sheet of the name that was declared.
        SourceError: There is no sheet at all.
    """
    shown = {
        name: quoted(name) if visible else f"{quoted(name)} (hidden)" for name, visible in sheets.items()
    }
    if declared:
        if declared not in sheets:
            raise UsageError(
                f"--sheet {declared}: {path} has no such sheet{nearest(declared, sheets)}",
                f"Its sheets are: {', '.join(shown.values())}",
            )
        return declared, ()
    if not sheets:
        raise SourceError(f"{path} has no sheet with cells.", AS_CSV)
    name = next((name for name, visible in sheets.items() if visible), next(iter(sheets)))
    others = [each for each in sheets if each != name]
    if not others:
        return name, ()
    which = f"the first of {len(sheets)}" if name == next(iter(sheets)) else "the first that is not hidden"
    left = ", ".join(shown[each] for each in others)
    text = f"the records are those of the sheet {quoted(name)}, {which}; not read: {left}"
    return name, (Attention.of("sheet", text, f"--sheet {shell_word(others[0])}"),)


def _open_reader(
    file: io.BufferedIOBase, dialect: Dialect, _columns: tuple[str, ...], oversized: OversizedSink
) -> ExcelReader:
    return ExcelReader(file, dialect.sheet, oversized)


FORMAT: Final = Format(
    name="excel",
    title="Excel",
    extensions=(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    has_cells=False,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
    order=10,
    binary=True,
    seekable=True,
    options=frozenset({"sheet"}),
    copies="jsonl",
    extra="excel",
    modules=("python_calamine",),
)
