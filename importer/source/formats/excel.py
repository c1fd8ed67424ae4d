"""Workbooks of Excel and OpenDocument, by calamine → lines of JSON → records, as of JSONL.

The first row with values names the columns. Dates are ISO 8601 without a zone. Whole numbers are integers: a
cell holds each number as a double, but shows an id without a point. The line of a record is the sheet's row.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from importlib import import_module
from typing import Any, Final

from importer.errors import EmptySourceError, SourceError, UsageError
from importer.reading import Attention, Dialect, FormatName
from importer.source.files import open_seekable
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_rows import RowsReader, json_text
from importer.source.oversized import OversizedSink
from importer.source.raw import StreamOfPieces
from importer.text import nearest, quoted, shell_word

_ZIP: Final = b"PK\x03\x04"
_OLD: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKS: Final = (b"xl/", b"opendocument.spreadsheet")
_MOST_UNPACKED: Final = 2 * 10**9
"""Bytes that a workbook may have unpacked: a sheet of a million rows has about one."""

_ROWS_AT_ONCE: Final = 256
_AS_CSV: Final = "Save the sheet as CSV (UTF-8), and give that file."
_LARGEST: Final = 2.0**63


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
        found = _sheet(_workbook(file), sheet)
        self._height = max(1, int(found.total_height))
        super().__init__(StreamOfPieces(_pieces(found)), oversized=oversized)

    def share_read(self) -> float:
        """Return how many of the rows have been read, from 0 to 1."""
        return min(1.0, self.line / self._height)


def _workbook(file: io.BufferedIOBase) -> Any:
    """Open a workbook.

    Raises:
        BrokenSourceError: It can't be read.
    """
    calamine = import_module("python_calamine")
    _check_size(file)
    try:
        return calamine.load_workbook(file)
    except calamine.PasswordError as error:
        raise BrokenSourceError("it is protected by a password", "Save it without one.") from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise BrokenSourceError(f"it can't be read as a workbook: {error}", _AS_CSV) from error


def _check_size(file: io.BufferedIOBase) -> None:
    """Check that a workbook is not too large unpacked.

    Raises:
        BrokenSourceError: It is.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError):
        size = 0  # an old workbook, or none: calamine says so
    file.seek(0)
    if size > _MOST_UNPACKED:
        raise BrokenSourceError(
            f"it has {size:,} bytes unpacked, and {_MOST_UNPACKED:,} are the most that are read", _AS_CSV
        )


def _sheet(workbook: Any, name: str) -> Any:
    """Return a sheet by its name.

    Raises:
        BrokenSourceError: It is not there, or can't be read.
    """
    calamine = import_module("python_calamine")
    try:
        return workbook.get_sheet_by_name(name)
    except calamine.WorksheetNotFound as error:
        raise BrokenSourceError(f"there is no sheet {quoted(name)}", "Name one with --sheet.") from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise BrokenSourceError(f"the sheet {quoted(name)} can't be read: {error}", _AS_CSV) from error


def _rows(sheet: Any) -> Iterator[list[Any]]:
    """Yield the cells of each row of a sheet from its first on; none for rows above those that have any."""
    start = sheet.start
    if start is None:
        return
    above = int(start[0])
    rows: Iterator[list[Any]] = iter(sheet.iter_rows())
    first: list[Any] = next(rows, [])
    if not _is_blank(first):  # rows ahead of it are left out
        for _ in range(above):
            yield []
    yield first
    yield from rows


def _pieces(sheet: Any) -> Iterator[bytes]:
    """Yield the rows of a sheet as lines of JSON, those without values and the header as blank ones."""
    columns: tuple[str, ...] = ()
    lines: list[str] = []
    for cells in _rows(sheet):
        if _is_blank(cells):
            lines.append("\n")
        elif not columns:
            columns = _names(cells)
            lines.append("\n")
        else:
            filled = {name: _value(cell) for name, cell in zip(columns, cells, strict=False)}
            values = {name: value for name, value in filled.items() if value is not None}
            lines.append(f"{json_text(values)}\n")
        if len(lines) >= _ROWS_AT_ONCE:
            yield "".join(lines).encode("utf-8", "surrogatepass")
            lines.clear()
    if lines:
        yield "".join(lines).encode("utf-8", "surrogatepass")


def _is_blank(cells: Sequence[Any]) -> bool:
    return all(cell == "" or cell is None for cell in cells)


def _value(cell: Any) -> Any:
    """Return the value of a cell: none if it is empty, and an integer for a whole number."""
    if cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _LARGEST:
        return int(cell)
    return cell


def _names(cells: Sequence[Any]) -> tuple[str, ...]:
    """Return the names in a header: ``column_N`` for an empty one."""
    texts = (json_text(_value(cell)).strip('"') if not isinstance(cell, str) else cell for cell in cells)
    return tuple(f"column_{number}" if text in ("", "null") else text for number, text in enumerate(texts, 1))


def _recognizes(head: SourceHead, named: AbstractSet[FormatName]) -> bool:
    data = head.data
    if data.startswith(_OLD):
        return True
    return data.startswith(_ZIP) and ("excel" in named or any(mark in data for mark in _MARKS))


def _detect(head: SourceHead, options: DialectOptions) -> DetectedFormat:
    path = head.path
    try:
        with open_seekable(path, head.compression)[0] as file:
            workbook = _workbook(file)
            sheet, attention = _choose_sheet(head, workbook, options.get("sheet"))
            rows = _rows(_sheet(workbook, sheet))
            header = next((cells for cells in rows if not _is_blank(cells)), None)
    except BrokenSourceError as error:
        raise SourceError(f"{path}: {error.problem}.", error.remedy) from error
    if header is None:
        raise EmptySourceError(f"{path}: the sheet {quoted(sheet)} is empty.", "Name another: --sheet NAME")
    columns = _names(header)
    (name, count), *_ = Counter(columns).most_common(1)
    if count > 1:
        raise SourceError(
            f"{path}: the first row of the sheet {quoted(sheet)} names {quoted(name)} {count} times.",
            "Give each column its own name.",
        )
    return DetectedFormat(Dialect("excel", head.compression, sheet=sheet), columns, attention)


def _choose_sheet(head: SourceHead, workbook: Any, declared: str | None) -> tuple[str, tuple[Attention, ...]]:
    """Return the name of the sheet to read, and what to say of it.

    Raises:
        UsageError: There is no sheet of the name that was declared.
        SourceError: There is no sheet at all.
    """
    names = [str(name) for name in workbook.sheet_names]
    if declared:
        if declared not in names:
            raise UsageError(
                f"--sheet {declared}: {head.path} has no such sheet{nearest(declared, names)}",
                f"Its sheets are: {', '.join(map(quoted, names))}",
            )
        return declared, ()
    if not names:
        raise SourceError(f"{head.path} has no sheet.", _AS_CSV)
    if len(names) == 1:
        return names[0], ()
    first, others = quoted(names[0]), ", ".join(map(quoted, names[1:]))
    text = f"the records are those of the sheet {first}, the first of {len(names)}; not read: {others}"
    return names[0], (Attention.of("sheet", text, f"--sheet {shell_word(names[1])}"),)


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
