"""Workbooks: a sheet is read as its rows are shown, or refused with a reason."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from source_helpers import COMPRESS, make_zip, read_file, write

from importer.errors import EmptySourceError, SourceError, UsageError
from importer.model import Record
from importer.reading import Attention, Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.members import Member
from importer.source.reader import open_source

ROWS = [
    ["event", "time", "id", "price", "zip", "ok", "note"],
    ["Sign Up", dt.datetime(2024, 5, 1, 10, 0), 1234567890123, 1.5, "00712", True, None],
    [None] * 7,
    ["Purchase", dt.datetime(2024, 5, 1, 10, 5, 0, 500000), 7.0, 3, "é\n日", False, "x"],
]
VALUES = [
    {"event": "Sign Up", "time": "2024-05-01T10:00:00", "id": 1234567890123, "price": 1.5, "zip": "00712", "ok": True},
    {"event": "Purchase", "time": "2024-05-01T10:05:00.500", "id": 7, "price": 3, "zip": "é\n日", "ok": False, "note": "x"},
]  # fmt: skip


def workbook(
    folder: Path, sheets: dict[str, list[list[Any]]], name: str = "events.xlsx", at: int = 1
) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for number, row in enumerate(rows, at):
            for column, value in enumerate(row, 1):
                sheet.cell(number, column, value)
    book.save(folder / name)
    return folder / name


def values(path: Any) -> list[Any]:
    return [item.values if isinstance(item, Record) else item.error for item in read_file(path)]


def test_values_are_as_they_are_shown_and_empty_rows_are_no_records(tmp_path):
    path = workbook(tmp_path, {"Events": ROWS})
    found = detect_source(path)
    assert (found.dialect, found.columns) == (Dialect("excel", sheet="Events"), tuple(ROWS[0]))
    assert found.attention == ()
    items = read_file(path)
    assert [item.values for item in items] == VALUES
    assert [(item.row, item.line) for item in items] == [(1, 2), (2, 4)]
    assert all(type(item.values["id"]) is int for item in items)


def test_the_header_is_the_first_row_with_values_wherever_it_stands(tmp_path):
    path = workbook(tmp_path, {"Events": ROWS}, at=4)
    items = read_file(path)
    assert [item.values for item in items] == VALUES
    assert [(item.row, item.line) for item in items] == [(1, 5), (2, 7)]


def test_dates_times_and_durations_are_text(tmp_path):
    row = [dt.date(2024, 2, 29), dt.time(3, 4, 5), dt.timedelta(hours=30, minutes=1)]
    (found,) = values(workbook(tmp_path, {"S": [["d", "t", "long"], row]}))
    assert found == {"d": "2024-02-29", "t": "03:04:05", "long": "30:01:00"}


def test_a_header_of_numbers_and_empty_names(tmp_path):
    path = workbook(tmp_path, {"S": [["a", None, 2024, "b"], [1, 2, 3, 4]]})
    assert values(path) == [{"a": 1, "column_2": 2, "2024": 3, "b": 4}]


def test_the_first_of_several_sheets_is_read_and_said_and_another_one_if_it_is_named(tmp_path):
    path = workbook(tmp_path, {"Users": [["id"], [1]], "Events": ROWS})
    found = detect_source(path)
    assert found.dialect.sheet == "Users"
    text = "the records are those of the sheet 'Users', the first of 2; not read: 'Events'"
    assert found.attention == (Attention.of("sheet", text, "--sheet Events"),)
    named = detect_source(path, sheet="Events")
    assert (named.dialect.sheet, named.attention) == ("Events", ())
    assert [record.values for record in named.sample] == VALUES
    with pytest.raises(UsageError, match="has no such sheet; did you mean 'Events'") as caught:
        detect_source(path, sheet="events")
    assert caught.value.remedy == "Its sheets are: 'Users', 'Events'"


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_it_is_known_by_its_content_also_compressed_and_in_an_archive(tmp_path, compression):
    data = workbook(tmp_path, {"Events": ROWS}).read_bytes()
    assert values(write(tmp_path, COMPRESS[compression](data), "x")) == VALUES
    archive = make_zip(tmp_path / "a.zip", {"in/x.xlsx": data})
    assert values(Member(archive, "in/x.xlsx")) == VALUES


def test_copies_are_json_lines_and_the_position_reaches_the_end(tmp_path):
    path, out = workbook(tmp_path, {"Events": ROWS}), io.BytesIO()
    assert copy_records(path, Dialect("excel", sheet="Events"), tuple(ROWS[0]), [2], out) == 1
    assert out.getvalue().startswith(b'{"event":"Purchase","time":"2024-05-01T10:05:00.500","id":7,')
    with open_source(path, Dialect("excel", sheet="Events"), tuple(ROWS[0]), hashed=True) as source:
        assert len([item for chunk in source.chunks() for item in chunk]) == 2
        assert source.position() == path.stat().st_size
        assert source.fingerprint().size == path.stat().st_size


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "can't be read as a workbook"),
        (lambda data: data[:200] + b"xl/" + b"\0" * 300, "can't be read as a workbook"),
        (lambda _data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "can't be read as a workbook"),
    ],
)
def test_a_damaged_workbook_is_refused(tmp_path, damage, words):
    path = write(tmp_path, damage(workbook(tmp_path, {"S": ROWS}).read_bytes()), "x.xlsx")
    with pytest.raises(SourceError, match=words) as caught:
        detect_source(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as member:
            for _ in range(2_100):
                member.write(bytes(1_000_000))
    with pytest.raises(SourceError, match=r"2,100,000,008 bytes unpacked, and 2,000,000,000 are the most"):
        detect_source(path)


def test_an_empty_sheet_and_a_name_that_stands_twice_are_refused(tmp_path):
    with pytest.raises(EmptySourceError, match="the sheet 'S' is empty"):
        detect_source(workbook(tmp_path, {"S": []}))
    with pytest.raises(SourceError, match="names 'a' 2 times"):
        detect_source(workbook(tmp_path, {"S": [["a", "b", "a"], [1, 2, 3]]}))
