"""Workbooks: a sheet is read as its rows are shown, or refused with a reason."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
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


# ── what calamine does not tell ──────────────────────────────────────────────────────────────────

STYLES = (
    "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='00000'/>"
    "<numFmt numFmtId='165' formatCode='0.00%'/></numFmts><cellStyleXfs><xf numFmtId='164'/></cellStyleXfs>"
    "<cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='165'/><xf numFmtId='14'/></cellXfs></styleSheet>"
)
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def raw_workbook(
    path: Path, rows: str | list[bytes], *, strings: list[bytes] | None = None, folder: str = "xl"
) -> Path:
    """A workbook of one sheet, as some program may have written its XML."""
    targets = {
        "worksheet": "worksheets/sheet1.xml",
        "styles": "styles.xml",
        "sharedStrings": f"/{folder}/sharedStrings.xml",
    }
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{KIND}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    sheets = f'<workbook xmlns="{NAMESPACE}" xmlns:r="{KIND}"><sheets><sheet name="A &amp; B" sheetId="1" r:id="worksheet"/></sheets></workbook>'
    begin, end = f'<worksheet xmlns="{NAMESPACE}"><sheetData>'.encode(), b"</sheetData></worksheet>"
    parts = {
        "[Content_Types].xml": [b"<Types/>"],
        "_rels/.rels": [
            f'<Relationships xmlns="{RELATIONS}"><Relationship Id="1" Type="{KIND}/officeDocument" Target="{folder}/workbook.xml"/></Relationships>'.encode()
        ],
        f"{folder}/workbook.xml": [sheets.encode()],
        f"{folder}/_rels/workbook.xml.rels": [
            f'<Relationships xmlns="{RELATIONS}">{relations}</Relationships>'.encode()
        ],
        f"{folder}/styles.xml": [
            STYLES.replace("<styleSheet>", f'<styleSheet xmlns="{NAMESPACE}">').encode()
        ],
        f"{folder}/sharedStrings.xml": [f'<sst xmlns="{NAMESPACE}">'.encode(), *(strings or ()), b"</sst>"],
        f"{folder}/worksheets/sheet1.xml": [
            begin,
            *([rows.encode()] if isinstance(rows, str) else rows),
            end,
        ],
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in parts.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)
    return path


HEADER = '<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c></row>'
ODD: dict[str, tuple[str, Any, str]] = {
    "17 digits": ("<v>12345678901234567</v>", 12345678901234567, ""),
    "beyond 2^53": ("<v>9007199254740993</v>", 9007199254740993, ""),
    "64 bits": ("<v>18446744073709551615</v>", 18446744073709551615, ""),
    "as Excel writes them": ("<v>1.2345678901234501E+16</v>", 12345678901234501, "'b' is a number of 17 digits, of which Excel keeps 15"),
    "with a point": ("<v>12345678901234568.0</v>", 12345678901234568, "'b' is a number of 17 digits, of which Excel keeps 15"),
    "very large": ("<v>1E+300</v>", 1e300, "'b' is a number of 301 digits, of which Excel keeps 15"),
    "15 digits": ("<v>123456789012345</v>", 123456789012345, ""),
    "fraction": ("<v>0.30000000000000004</v>", 0.30000000000000004, ""),
    "error": ('t="e"><v>#N/A</v>', None, "'b' is #N/A, an error of Excel: read as empty"),
    "error of a formula": ('t="e"><f>1/0</f><v>#DIV/0!</v>', None, "'b' is #DIV/0!, an error of Excel: read as empty"),
    "formula": ("<f>1+1</f><v>2</v>", 2, ""),
    "formula of a text": ('t="str"><f>A1&amp;"x"</f><v>ax</v>', "ax", ""),
    "formula of an empty text": ('t="str"><f>""</f><v></v>', None, ""),
    "formula without its value": ("<f>1+1</f>", None, "'b' is a formula without its value: read as empty"),
    "formula with an empty value": ("<f>1+1</f><v></v>", None, "'b' is a formula without its value: read as empty"),
    "shared formula without": ('<f t="shared" si="0"/><v/>', None, "'b' is a formula without its value: read as empty"),
    "zeros ahead": ('s="1"><v>712</v>', "00712", ""),
    "zeros ahead of a double": ('s="1"><v>7.12E2</v>', "00712", ""),
    "zeros ahead, negative": ('s="1"><v>-712</v>', "-00712", ""),
    "more digits than zeros": ('s="1"><v>1234567</v>', "1234567", ""),
    "a fraction shown with zeros": ('s="1"><v>1.5</v>', 1.5, ""),
    "percentage": ('s="2"><v>0.25</v>', 0.25, ""),
    "date": ('s="3"><v>45351</v>', "2024-02-29", ""),
    "ISO date": ('t="d"><v>2024-02-29T01:02:03</v>', "2024-02-29T01:02:03", ""),
    "boolean": ('t="b"><v>1</v>', True, ""),
    "text in place": ('t="inlineStr"><is><t>00712</t></is>', "00712", ""),
    "text like a tag": ('t="str"><v>&lt;c t="e"></v>', '<c t="e">', ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("cell", ['<c r="B2" {}</c>', "<c r='B2' {}</c>", "<c {}</c>"])
def test_each_cell_is_read_exactly_or_noted(tmp_path, name, cell):
    content, value, note = ODD[name]
    written = cell.format(content if not content.startswith("<") else f">{content}")
    row = f'<row r="2"><c r="A2"><v>1</v></c>{written}</row><row><c><v>2</v></c></row>'
    first, second = read_file(raw_workbook(tmp_path / "x.xlsx", HEADER + row))
    assert (first.values, first.note) == ({"a": 1} if value is None else {"a": 1, "b": value}, note)
    assert type(first.values.get("b")) is type(value)
    assert (second.values, second.line, second.note) == ({"a": 2}, 3, "")


def test_tags_may_have_a_prefix(tmp_path):
    rows = HEADER + '<row r="2"><c r="A2" s="1"><v>7</v></c><c r="B2" t="e"><v>#N/A</v></c></row>'
    for tag in ("row", "c", "v"):
        rows = rows.replace(f"<{tag}", f"<x:{tag}").replace(f"</{tag}>", f"</x:{tag}>")
    rows = rows.replace("<x:row ", f'<x:row xmlns:x="{NAMESPACE}" ')
    (record,) = read_file(raw_workbook(tmp_path / "x.xlsx", rows))
    assert (record.values, record.note) == ({"a": "00007"}, "'b' is #N/A, an error of Excel: read as empty")


def test_an_integer_of_more_than_64_bits_is_invalid_as_in_jsonl(tmp_path):
    row = '<row r="2"><c r="A2"><v>123456789012345678901</v></c></row>'
    assert values(raw_workbook(tmp_path / "x.xlsx", HEADER + row)) == [
        "a: 123456789012345678901 does not fit 64 bits: write it as a string"
    ]


def test_rows_with_notes_are_read_one_by_one_and_copied_without_them(tmp_path):
    rows = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}" t="e"><v>#REF!</v></c></row>'
        for n in range(2, 9)
    )
    path, out = raw_workbook(tmp_path / "x.xlsx", HEADER + rows), io.BytesIO()
    items = read_file(path)
    assert [(item.row, item.line, item.values, bool(item.note)) for item in items] == [
        (n - 1, n, {"a": n}, True) for n in range(2, 9)
    ]
    assert copy_records(path, Dialect("excel", sheet="A & B"), ("a", "b"), [2, 7], out) == 2
    assert out.getvalue() == b'{"a":3}\n{"a":8}\n'


def test_the_owner_is_told_of_errors_formulas_long_numbers_and_merged_cells(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["a", "b"],
        ["#N/A", "=1+1"],
        [1e17, 1],
        ["x", None],
        [2, 3],
        ["#REF!", "#REF!"],
        ["#REF!", 1],
    ):
        sheet.append(row)
    sheet.merge_cells("A4:B4")
    book.save(tmp_path / "x.xlsx")
    found = {each.code: each.text for each in detect_source(tmp_path / "x.xlsx").attention}
    assert found == {
        "error-cells": "4 cells were an error of Excel such as #N/A, and read as empty: A2, A6, B6, …",
        "formula-cells": "1 formula without a value was read as empty: B2; open the workbook in a spreadsheet program and save it",
        "long-numbers": "1 number of over 15 digits may have lost the last ones: Excel keeps no more: A3",
        "merged-cells": "of 1 group of merged cells only the first has the value, the others are empty: A4:B4",
    }


def test_dates_of_the_1904_system_and_durations_are_what_they_are(tmp_path):
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    for row in (
        ["d", "long"],
        [dt.datetime(2024, 2, 29, 1, 2, 3, 456000), dt.timedelta(hours=30, seconds=5, milliseconds=250)],
    ):
        book.active.append(row)
    book.save(tmp_path / "x.xlsx")
    assert values(tmp_path / "x.xlsx") == [{"d": "2024-02-29T01:02:03.456", "long": "30:00:05.250"}]


def test_a_negative_duration_has_its_sign_ahead(tmp_path):
    (found,) = values(workbook(tmp_path, {"S": [["long"], [dt.timedelta(hours=-1, minutes=-30)]]}))
    assert found == {"long": "-1:30:00"}


# ── sheets ───────────────────────────────────────────────────────────────────────────────────────


def test_a_hidden_sheet_and_a_chart_are_not_taken_for_the_first(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Lists"
    book.active.sheet_state = "hidden"
    book.create_chartsheet("Chart")
    for row in (["id"], [1]):
        book.create_sheet("Events").append(row) if "Events" not in book else book["Events"].append(row)
    book.save(tmp_path / "x.xlsx")
    found = detect_source(tmp_path / "x.xlsx")
    text = "the records are those of the sheet 'Events', the first that is not hidden; not read: 'Lists' (hidden)"
    assert (found.dialect.sheet, found.attention) == (
        "Events",
        (Attention.of("sheet", text, "--sheet Lists"),),
    )
    with pytest.raises(UsageError) as caught:
        detect_source(tmp_path / "x.xlsx", sheet="Chart")
    assert caught.value.remedy == "Its sheets are: 'Lists' (hidden), 'Events'"
    with pytest.raises(
        EmptySourceError, match="the sheet 'Lists' is empty; the others are 'Events'"
    ) as empty:
        detect_source(tmp_path / "x.xlsx", sheet="Lists")
    assert empty.value.remedy == "Name another: --sheet Events"


def test_a_sheet_that_is_gone_when_it_is_read_is_named_with_those_there_are(tmp_path):
    path = workbook(tmp_path, {"Events": ROWS, "Users": [["id"]]})
    with (
        pytest.raises(SourceError, match="there is no sheet 'Old'") as caught,
        open_source(path, Dialect("excel", sheet="Old"), ()),
    ):
        pass
    assert caught.value.remedy == "Its sheets are: 'Events', 'Users'. Name one with --sheet."


# ── bombs ────────────────────────────────────────────────────────────────────────────────────────


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        detect_source(path)
    assert "CSV" in caught.value.remedy
    return caught.value.message.removeprefix(f"{path}: ")


def test_a_part_that_is_far_larger_than_it_is_packed_is_refused_before_it_is_unpacked(tmp_path):
    texts = [b"<si><t>a</t></si>" * 60_000] * 60
    assert refused(raw_workbook(tmp_path / "x.xlsx", HEADER, strings=texts)).startswith(
        "its part xl/sharedStrings.xml has 61,200,"
    )


def declare(path: Path, part: str, size: int) -> Path:
    """Let the directory of an archive say that a member has some bytes unpacked."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2", 0, data.rindex(part.encode()))
    data[at + 20 : at + 24] = (size // 20).to_bytes(4, "little")
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    path.write_bytes(data)
    return path


def test_a_workbook_of_over_2_gb_and_texts_of_over_500_mb_are_refused(tmp_path):
    path = declare(raw_workbook(tmp_path / "x.xlsx", HEADER), "xl/worksheets/sheet1.xml", 2_100_000_000)
    assert refused(path).endswith(" bytes unpacked, and 2,000,000,000 are the most that are read.")
    path = declare(raw_workbook(tmp_path / "y.xlsx", HEADER), "xl/sharedStrings.xml", 600_000_000)
    assert (
        refused(path)
        == "the texts of its cells have 600,000,000 bytes, and 500,000,000 are the most that are read."
    )


def test_a_part_that_is_larger_than_it_says_is_refused(tmp_path):
    path = declare(
        raw_workbook(tmp_path / "x.xlsx", HEADER, strings=[b" " * 100_000]), "xl/sharedStrings.xml", 400
    )
    assert "it can't be read" in refused(path)
    path = declare(raw_workbook(tmp_path / "y.xlsx", HEADER * 999), "xl/worksheets/sheet1.xml", 400)
    assert "can't be read" in refused(path)


def test_two_cells_far_from_each_other_take_no_memory_for_the_places_between(tmp_path):
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert refused(raw_workbook(tmp_path / "x.xlsx", HEADER + far)) == (
        "the cells of the sheet 'A & B' reach to row 1,048,576 and column 16,384: 17,179,869,184 places, "
        "and 40,000,000 are the most that are read."
    )
    hidden = far.replace(' r="XFD1048576"', "").replace("<c>", "<c/>" * 99 + "<c>")
    assert "row 1,048,576 and column 100:" in refused(raw_workbook(tmp_path / "y.xlsx", HEADER + hidden))
    elsewhere = raw_workbook(tmp_path / "w.xlsx", HEADER + far, folder="book/xl")
    assert "17,179,869,184 places" in refused(elsewhere)
    empty = far.replace("<v>1</v>", "").replace("<c ", '<c s="1" ')
    assert values(
        raw_workbook(tmp_path / "z.xlsx", HEADER + '<row r="2"><c r="A2"><v>1</v></c></row>' + empty)
    ) == [{"a": 1}]


@pytest.mark.parametrize("place", ["A1048577", "XFE1"])
def test_a_cell_where_no_sheet_has_one_is_refused(tmp_path, place):
    far = f'<row r="2"><c r="{place}"><v>1</v></c></row>'
    assert "a sheet has at most 1,048,576 rows and 16,384 columns" in refused(
        raw_workbook(tmp_path / "x.xlsx", HEADER + far)
    )


def test_a_cell_of_megabytes_and_settings_of_many_are_refused(tmp_path):
    cell = [b'<row r="2"><c r="A2" t="str"><v>', *[b"x" * (1 << 20)] * 6, b"</v></c></row>"]
    assert "a cell of the sheet has more than 4,194,304 bytes" in refused(
        raw_workbook(tmp_path / "x.xlsx", cell)
    )
    path = declare(raw_workbook(tmp_path / "y.xlsx", HEADER), "xl/styles.xml", 60_000_000)
    assert "its part xl/styles.xml has 60,000,000 bytes unpacked" in refused(path)


def test_cells_that_stand_in_another_order_than_their_rows_are_refused_if_they_are_odd(tmp_path):
    rows = '<row r="3"><c r="A3" t="e"><v>#N/A</v></c></row><row r="2"><c r="A2" t="e"><v>#N/A</v></c></row>'
    path = raw_workbook(tmp_path / "x.xlsx", HEADER + rows)
    with pytest.raises(SourceError, match="the cells of row 2 stand below those of row 3"):
        values(path)


def binary_record(kind: int, data: bytes) -> bytes:
    numbers = [kind] if kind < 0x80 else [kind & 0x7F | 0x80, kind >> 7]
    return bytes([*numbers, len(data)]) + data


def binary_workbook(path: Path, cells: list[tuple[int, int, float]]) -> Path:
    """A workbook in the binary form, of numbers at a row and column from 0."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(4, "little") + value.encode("utf-16-le")

    sheet = b"".join(
        binary_record(0, row.to_bytes(4, "little") + bytes(13))
        + binary_record(5, column.to_bytes(4, "little") + bytes(4) + struct.pack("<d", value))
        for row, column, value in cells
    )
    bundle = binary_record(156, bytes(4) + (1).to_bytes(4, "little") + text("r1") + text("S"))
    relation = f'<Relationships xmlns="{RELATIONS}"><Relationship Id="{{}}" Type="{KIND}/{{}}" Target="{{}}"/></Relationships>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", relation.format("r1", "officeDocument", "xl/workbook.bin"))
        archive.writestr(
            "xl/_rels/workbook.bin.rels", relation.format("r1", "worksheet", "worksheets/sheet1.bin")
        )
        archive.writestr(
            "xl/workbook.bin",
            binary_record(143, b"") + bundle + binary_record(144, b"") + binary_record(157, bytes(26)),
        )
        begin = binary_record(129, b"") + binary_record(148, bytes(16)) + binary_record(145, b"")
        archive.writestr(
            "xl/worksheets/sheet1.bin", begin + sheet + binary_record(146, b"") + binary_record(130, b"")
        )
    return path


def test_a_binary_workbook_is_read_and_its_places_are_counted_first(tmp_path):
    path = binary_workbook(tmp_path / "x.xlsb", [(0, 0, 7.0), (1, 0, 5.0), (2, 0, 1234567890123456.0)])
    items = read_file(path)
    assert [item.values for item in items] == [{"7": 5}, {"7": 1234567890123456}]
    assert [item.note for item in items] == ["", "'7' is a number of 16 digits, of which Excel keeps 15"]
    far = binary_workbook(tmp_path / "y.xlsb", [(0, 0, 7.0), (1_048_575, 16_383, 5.0)])
    assert "17,179,869,184 places" in refused(far)


def opendocument(path: Path, rows: str) -> Path:
    namespaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f'<office:document-content {namespaces}><office:body><office:spreadsheet><table:table table:name="S">{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return path


def test_an_opendocument_workbook_is_read_and_its_repeated_cells_are_counted_first(tmp_path):
    row = "<table:table-row{}>{}</table:table-row>"
    cell = '<table:table-cell office:value-type="string"{}><text:p>{}</text:p></table:table-cell>'
    rows = row.format("", cell.format("", "a")) + row.format(
        ' table:number-rows-repeated="3"', cell.format("", "x")
    )
    blank = row.format(
        ' table:number-rows-repeated="1048572"', '<table:table-cell table:number-columns-repeated="16384"/>'
    )
    assert values(opendocument(tmp_path / "x.ods", rows + blank)) == [{"a": "x"}] * 3
    bomb = row.format(
        ' table:number-rows-repeated="1000000"', cell.format(' table:number-columns-repeated="1000"', "x")
    )
    assert refused(opendocument(tmp_path / "y.ods", rows + bomb)).startswith("it has over 40,000,000 cells")


def test_an_empty_sheet_and_a_name_that_stands_twice_are_refused(tmp_path):
    with pytest.raises(EmptySourceError, match="the sheet 'S' is empty"):
        detect_source(workbook(tmp_path, {"S": []}))
    with pytest.raises(SourceError, match="names 'a' 2 times"):
        detect_source(workbook(tmp_path, {"S": [["a", "b", "a"], [1, 2, 3]]}))
