"""The parts of a workbook: how large they are, before calamine reads them, and what it does not tell."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from html import unescape
from typing import Final

from importer.source.format import BrokenSourceError
from importer.source.formats.excel_cells import (
    AS_CSV,
    MOST_PLACES,
    OddCell,
    measure,
    measure_binary,
    odd_cells,
)
from importer.text import quoted

_MOST_UNPACKED: Final = 2 * 10**9
"""Bytes that a workbook may have unpacked: a sheet of a million rows has about one."""

_MOST_STRINGS: Final = 500_000_000
"""Bytes of the texts that the cells share: calamine holds them all, in up to three times as many."""

_MOST_RATIO: Final = 100
"""Times that a large part may be larger than it is packed: that of a sheet is 10 to 30."""

_SMALL: Final = 50_000_000  # bytes: whatever the ratio
_MOST_SETTINGS: Final = 50_000_000  # bytes of a part that says how cells are to be read

_TAG: Final = re.compile(r"<(?:[\w.-]+:)?(\w+)\b([^>]*)>")
_ATTRIBUTE: Final = re.compile(r"""(?:[\w.-]+:)?(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PADDED: Final = re.compile(r"0{2,}")
_TABLE_TAG: Final = re.compile(rb"<table:(?:(table-row)|(?:covered-)?table-cell)(?=[\s/>])([^>]*)>")
_ROWS: Final = re.compile(rb'table:number-rows-repeated="(\d{1,12})"')
_VALUE_TYPE: Final = b"value-type="
_COLUMNS: Final = re.compile(rb'table:number-columns-repeated="(\d{1,12})"')
_PIECE_SIZE: Final = 1 << 20
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError)


class Package:
    """A workbook as the zip archive that it is; an old one (.xls) is none, and has no parts.

    Args:
        file: The workbook.

    Raises:
        BrokenSourceError: It is too large unpacked.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._parts: dict[str, zipfile.ZipInfo] = {}
        self._has_odd: dict[str, bool] = {}
        try:
            self._archive = zipfile.ZipFile(file)
        except (*_UNREADABLE, ValueError):
            return  # calamine says what it is
        self._parts = {each.filename.lower().lstrip("/"): each for each in self._archive.infolist()}
        _check_sizes(self._parts)
        if content := self._parts.get("content.xml"):
            self._check_repeats(content)

    @cached_property
    def padded(self) -> Mapping[int, int]:
        """The styles of cells that show zeros ahead of a number, each with its digits."""
        paths = (path for kind, path in self._relations(self._workbook).values() if kind == "styles")
        text = self._settings(next(paths, ""))
        codes = {
            attributes.get("numFmtId", ""): attributes.get("formatCode", "")
            for name, attributes in _tags(text)
            if name == "numFmt"
        }
        _, _, text = text.partition("cellXfs")
        styles = (attributes for name, attributes in _tags(text.partition("cellXfs")[0]) if name == "xf")
        found = ((number, codes.get(each.get("numFmtId", ""), "")) for number, each in enumerate(styles))
        return {number: len(code) for number, code in found if _PADDED.fullmatch(code)}

    def check_sheet(self, name: str) -> None:
        """Check how far the cells of a sheet reach.

        Raises:
            BrokenSourceError: They reach too far, or can't be read.
        """
        if self._workbook.endswith(".bin"):
            for path, binary in self._parts.items():
                if "worksheets/" in path and path.endswith(".bin"):  # calamine reads one of these
                    with _translated(path), self._archive.open(binary) as sheet:
                        _check_places(path, *measure_binary(sheet))
        part = self._part_of(name)
        if part is None:
            return
        padded = self.padded.keys()
        with _translated(name):
            with self._archive.open(part) as sheet:
                extent = measure(sheet, padded)
            if extent.rows * extent.columns > MOST_PLACES:
                with self._archive.open(part) as sheet:
                    extent = measure(sheet, padded, filled=True)
        _check_places(name, extent.rows, extent.columns)
        self._has_odd[name] = extent.has_odd

    def odd_cells(self, name: str) -> Iterator[OddCell]:
        """Yield the cells of a sheet, once it is checked, of which calamine does not tell all, in order.

        Raises:
            BrokenSourceError: They can't be read.
        """
        part = self._part_of(name)
        if part is None or not self._has_odd.get(name):
            return
        with _translated(name), self._archive.open(part) as sheet:
            yield from odd_cells(sheet, self.padded.keys())

    @cached_property
    def _workbook(self) -> str:
        """The path of the part that lists the sheets; empty if there is none."""
        found = self._relations("").values()
        return next((path for kind, path in found if kind == "officeDocument"), "")

    def _relations(self, path: str) -> dict[str, tuple[str, str]]:
        """Return what a part is related to: by its number, the kind and the path."""
        folder, name = posixpath.split(path)
        found = {}
        for tag, each in _tags(self._settings(posixpath.join(folder, "_rels", f"{name}.rels"))):
            if tag == "Relationship":
                target = posixpath.normpath(posixpath.join("/", folder, each.get("Target", "")))
                kind = each.get("Type", "").rpartition("/")[2]
                found[each.get("Id", "")] = kind, target.lstrip("/").lower()
        return found

    def _part_of(self, name: str) -> zipfile.ZipInfo | None:
        """Return the part with the XML of a sheet; None in a workbook without any.

        Raises:
            BrokenSourceError: It can't be found.
        """
        if not self._workbook or self._workbook.endswith(".bin"):
            return None
        sheets = (each for tag, each in _tags(self._settings(self._workbook)) if tag == "sheet")
        number = next((each.get("id", "") for each in sheets if each.get("name") == name), "")
        part = self._parts.get(self._relations(self._workbook).get(number, ("", ""))[1])
        if part is None:
            raise BrokenSourceError(f"the part with the sheet {quoted(name)} is not found", AS_CSV)
        return part

    def _settings(self, name: str) -> str:
        """Return the text of a part that says how the cells are to be read; none if it is not there.

        Raises:
            BrokenSourceError: It is too large, or can't be read.
        """
        part = self._parts.get(name)
        if part is None:
            return ""
        if part.file_size > _MOST_SETTINGS:
            raise BrokenSourceError(
                f"its part {part.filename} has {part.file_size:,} bytes unpacked, "
                f"and {_MOST_SETTINGS:,} are the most that are read",
                AS_CSV,
            )
        with _translated(name):
            return self._archive.read(part).decode("utf-8", "replace")

    def _check_repeats(self, part: zipfile.ZipInfo) -> None:
        """Check that the cells of an OpenDocument workbook are not too many, each as often as it is repeated.

        Raises:
            BrokenSourceError: They are, or can't be read.
        """
        cells, rows, rest = 0, 1, b""
        with _translated(part.filename), self._archive.open(part) as content:
            while piece := content.read(_PIECE_SIZE):
                data = rest + piece
                end = 0
                for tag in _TABLE_TAG.finditer(data):
                    end = tag.end()
                    if tag[1]:
                        rows = _repeated(_ROWS, tag[2])
                    elif _VALUE_TYPE in tag[2]:
                        cells += rows * _repeated(_COLUMNS, tag[2])
                rest = data[max(end, data.rfind(b"<")) :][:_PIECE_SIZE]
                if cells > MOST_PLACES:
                    raise BrokenSourceError(
                        f"it has over {MOST_PLACES:,} cells, each as often as it is repeated, "
                        "which is more than is read",
                        AS_CSV,
                    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise BrokenSourceError(f"{quoted(name)} in it can't be read: {error}", AS_CSV) from error


def _check_places(sheet: str, rows: int, columns: int) -> None:
    """Check that the cells of a sheet are not too far apart.

    Raises:
        BrokenSourceError: They are.
    """
    if (places := rows * columns) > MOST_PLACES:
        raise BrokenSourceError(
            f"the cells of the sheet {quoted(sheet)} reach to row {rows:,} and column {columns:,}: "
            f"{places:,} places, and {MOST_PLACES:,} are the most that are read",
            f"Delete the cells that stand far from the others, or {AS_CSV[0].lower()}{AS_CSV[1:]}",
        )


def _check_sizes(parts: Mapping[str, zipfile.ZipInfo]) -> None:
    """Check that a workbook is not too large unpacked, nor much larger than it is packed, as no workbook is.

    Raises:
        BrokenSourceError: It is.
    """
    size = sum(each.file_size for each in parts.values())
    if size > _MOST_UNPACKED:
        raise BrokenSourceError(
            f"it has {size:,} bytes unpacked, and {_MOST_UNPACKED:,} are the most that are read", AS_CSV
        )
    for name, part in parts.items():
        if "sharedstrings" in name and part.file_size > _MOST_STRINGS:
            raise BrokenSourceError(
                f"the texts of its cells have {part.file_size:,} bytes, and {_MOST_STRINGS:,} are the most "
                "that are read",
                AS_CSV,
            )
        if part.file_size > max(_SMALL, _MOST_RATIO * part.compress_size):
            raise BrokenSourceError(
                f"its part {part.filename} has {part.file_size:,} bytes, packed into {part.compress_size:,}: "
                "no workbook can be packed so well, a zip bomb can",
                AS_CSV,
            )


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the tags of a text of XML that have attributes, without their prefixes."""
    for tag in _TAG.finditer(text):
        attributes = _ATTRIBUTE.findall(tag[2])
        yield tag[1], {name: unescape(double or single) for name, double, single in attributes}


def _repeated(pattern: re.Pattern[bytes], attributes: bytes) -> int:
    found = pattern.search(attributes)
    return int(found[1]) if found else 1
