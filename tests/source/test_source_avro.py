"""Avro files are read record by record as the same records in JSONL are, or refused with a reason."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
from source_helpers import COMPRESS, make_zip, read_file, write

from importer.errors import SourceError
from importer.model import Record
from importer.reading import Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.members import Member
from importer.source.reader import open_source

MOMENT = dt.datetime(2024, 5, 1, 10, 0, 0, 123000, tzinfo=dt.UTC)
TYPES: dict[str, tuple[Any, Any, Any]] = {
    "long": ("long", 2**63 - 1, 2**63 - 1),
    "double": ("double", 0.1, 0.1),
    "float": ("float", 0.10000000149011612, 0.10000000149011612),
    "boolean": ("boolean", True, True),
    "text": ("string", 'é"\n', 'é"\n'),
    "bytes": ("bytes", b"\0\xff", "AP8="),
    "milliseconds": ({"type": "long", "logicalType": "timestamp-millis"}, MOMENT, "2024-05-01T10:00:00.123Z"),
    "microseconds": ({"type": "long", "logicalType": "timestamp-micros"}, MOMENT, "2024-05-01T10:00:00.123Z"),
    "local": (
        {"type": "long", "logicalType": "local-timestamp-millis"},
        MOMENT.replace(tzinfo=None, microsecond=0),
        "2024-05-01T10:00:00",
    ),
    "date": ({"type": "int", "logicalType": "date"}, dt.date(2024, 5, 1), "2024-05-01"),
    "decimal": (
        {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4},
        Decimal("12.3400"),
        12.34,
    ),
    "before 1970": (
        {"type": "long", "logicalType": "timestamp-millis"},
        dt.datetime(1969, 12, 31, 23, 59, 59, 999000, dt.UTC),
        "1969-12-31T23:59:59.999Z",
    ),
    "nanoseconds": ({"type": "long", "logicalType": "timestamp-nanos"}, 1714557600123456789, 1714557600123456789),
    "time": ({"type": "long", "logicalType": "time-micros"}, dt.time(1, 2, 3, 456789), "01:02:03.456789"),
    "fixed": ({"type": "fixed", "name": "F", "size": 4}, b"\0\1\xfe\xff", "AAH+/w=="),
    "decimal in fixed": (
        {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 18, "scale": 2},
        Decimal("-1.50"),
        -1.5,
    ),
    "choice": (["null", "long", "string"], "t", "t"),
    "choice of records": (
        ["null", {"type": "map", "values": "long"}, {"type": "array", "items": "long"}],
        {"k": 2**63 - 1},
        {"k": 2**63 - 1},
    ),
    "uuid": ({"type": "string", "logicalType": "uuid"}, uuid.UUID(int=7), str(uuid.UUID(int=7))),
    "enum": ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
    "array": ({"type": "array", "items": ["null", "long"]}, [1, None], [1, None]),
    "map": ({"type": "map", "values": "double"}, {"a": 1.0}, {"a": 1.0}),
    "record": ({"type": "record", "name": "R", "fields": [{"name": "x", "type": ["null", "string"]}]}, {"x": None}, {"x": None}),
}  # fmt: skip


def avro(folder: Path, fields: dict[str, Any], records: list[dict[str, Any]], **options: Any) -> Path:
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [{"name": name, "type": kind} for name, kind in fields.items()],
    }
    with (folder / "events.avro").open("wb") as file:
        fastavro.writer(file, schema, records, **options)
    return folder / "events.avro"


def values(path: Any) -> list[Any]:
    return [item.values if isinstance(item, Record) else item.error for item in read_file(path)]


@pytest.mark.parametrize("name", TYPES)
def test_each_type_is_read_exactly(tmp_path, name):
    kind, value, expected = TYPES[name]
    path = avro(tmp_path, {"n": "long", "v": kind}, [{"n": 1, "v": value}])
    assert values(path) == [{"n": 1, "v": expected}]


def test_a_field_that_is_null_has_no_value_and_its_name_is_known(tmp_path):
    path = avro(
        tmp_path, {"n": "long", "v": ["null", "string"], "nothing": "null"}, [{"n": 1}, {"n": 2, "v": "x"}]
    )
    assert values(path) == [{"n": 1}, {"n": 2, "v": "x"}]
    assert detect_source(path).columns == ("n", "v", "nothing")


def test_a_nan_is_null_with_a_note(tmp_path):
    (item,) = read_file(avro(tmp_path, {"v": "double"}, [{"v": float("nan")}]))
    assert (item.values, item.note) == ({"v": None}, "NaN is no number of JSON: sent as null")


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy", "zstandard", "lz4"])
def test_rows_are_numbered_in_the_order_of_the_file(tmp_path, codec):
    path = avro(tmp_path, {"n": "long"}, [{"n": n} for n in range(1_000)], codec=codec, sync_interval=100)
    items = read_file(path)
    assert [(item.row, item.line, item.values["n"]) for item in items] == [
        (n + 1, n + 1, n) for n in range(1_000)
    ]
    with open_source(path, Dialect("avro"), ("n",), hashed=True) as source:
        assert sum(len(chunk) for chunk in source.chunks()) == 1_000
        assert source.position() == path.stat().st_size


def test_it_is_known_by_its_content_also_compressed_and_in_an_archive(tmp_path):
    data = avro(tmp_path, {"n": "long"}, [{"n": 1}]).read_bytes()
    path = write(tmp_path, COMPRESS["gzip"](data), "x.csv")
    assert detect_source(path).dialect == Dialect("avro", "gzip")
    assert values(path) == [{"n": 1}]
    assert values(Member(make_zip(tmp_path / "a.zip", {"x.avro": data}), "x.avro")) == [{"n": 1}]


def test_copies_are_json_lines(tmp_path):
    path, out = avro(tmp_path, {"n": "long"}, [{"n": 1}, {"n": 2}]), io.BytesIO()
    assert copy_records(path, Dialect("avro"), ("n",), [2], out) == 1
    assert out.getvalue() == b'{"n":2}\n'


def test_a_file_that_is_cut_short_ends_behind_the_records_that_are_whole(tmp_path):
    data = avro(tmp_path, {"n": "long"}, [{"n": n} for n in range(1_000)], sync_interval=100).read_bytes()
    path = write(tmp_path, data[: len(data) - 50], "x.avro")
    got: list[Any] = []
    with open_source(path, Dialect("avro"), ("n",)) as source, pytest.raises(SourceError) as caught:
        got.extend(item for chunk in source.chunks() for item in chunk)
    assert [item.values["n"] for item in got] == list(range(len(got)))
    assert len(got) > 800
    assert f"{path}: the records from {len(got) + 1:,} on can't be read: " in caught.value.message


MILLISECONDS = {"type": "long", "logicalType": "timestamp-millis"}


@pytest.mark.parametrize(
    ("kind", "raw", "value", "name"),
    [
        (MILLISECONDS, 2**62, 2**62, "timestamp-millis"),
        ({"type": "long", "logicalType": "timestamp-micros"}, -(2**62), -(2**62), "timestamp-micros"),
        ({"type": "int", "logicalType": "date"}, 2**30, 2**30, "date"),
        ({"type": "string", "logicalType": "uuid"}, "x-1", "x-1", "uuid"),
    ],
)
def test_a_value_that_its_type_cannot_have_is_as_it_stands_and_does_not_end_the_file(
    tmp_path, kind, raw, value, name
):
    path = avro(tmp_path, {"n": "long", "v": kind}, [{"n": n, "v": raw} for n in (1, 2)])
    items = read_file(path)
    note = f"a value is no {name}: sent as it stands in the file"
    assert [(item.values, item.note) for item in items] == [({"n": n, "v": value}, note) for n in (1, 2)]


def hand_made(folder: Path, metadata: dict[str, bytes], blocks: bytes = b"") -> Path:
    """A file of Avro, written byte by byte."""
    file = io.BytesIO()
    file.write(b"Obj\1")
    fastavro.schemaless_writer(file, {"type": "map", "values": "bytes"}, metadata)
    file.write(b"S" * 16 + blocks)
    return write(folder, file.getvalue(), "x.avro")


def block(count: int, data: bytes) -> bytes:
    return bytes([2 * count, 2 * len(data)]) + data + b"S" * 16


TEXTS = b'{"type":"record","name":"E","fields":[{"name":"a","type":"string"}]}'


def test_a_text_that_is_not_utf_8_spoils_one_record_only(tmp_path):
    data = b"\x02x" + b"\x02\xff" + b"\x02y"
    first, bad, last = values(hand_made(tmp_path, {"avro.schema": TEXTS}, block(3, data)))
    assert (first, last) == ({"a": "x"}, {"a": "y"})
    assert bad.startswith("byte 0xFF at position 7 of the line is not UTF-8")


def test_records_that_are_null_are_invalid_and_the_others_are_read(tmp_path):
    schema = b'["null",' + TEXTS + b"]"
    data = b"\x02\x02x" + b"\0" + b"\x02\x02y"
    assert values(hand_made(tmp_path, {"avro.schema": schema}, block(3, data))) == [
        {"a": "x"},
        "expected a JSON object, found null",
        {"a": "y"},
    ]


@pytest.mark.parametrize(
    ("metadata", "blocks", "problem"),
    [
        ({"avro.codec": b"null"}, b"", "its header can't be read: it lacks 'avro.schema'"),
        ({"avro.schema": b'{"type":"rec'}, b"", "its header can't be read: Unterminated string"),
        ({"avro.schema": b'{"type":"nope"}'}, b"", "its header can't be read: "),
        (
            {"avro.schema": TEXTS, "avro.codec": b"7zip"},
            b"",
            "its blocks are compressed with '7zip', which is no codec of Avro that is known",
        ),
        (
            {"avro.schema": TEXTS},
            block(1, b"\xfe\xff\xff\xff\xff\x0f"),
            "the records from 1 on can't be read: ",
        ),
        (
            {"avro.schema": TEXTS, "avro.codec": b"deflate"},
            block(1, b"\xff"),
            "the records from 1 on can't be read: ",
        ),
        (
            {"avro.schema": TEXTS},
            block(1, b"\x02x")[:-1] + b"T",
            "the records from 2 on can't be read: expected sync",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, metadata, blocks, problem):
    path = hand_made(tmp_path, metadata, blocks)
    with pytest.raises(SourceError) as caught:
        values(path)
    assert caught.value.message.startswith(f"{path}: {problem}")
    assert caught.value.remedy


@pytest.fixture
def without_snappy():
    """Fastavro as it is where the library for snappy is not installed."""

    def missing(_file):
        raise ValueError("snappy codec is supported but you need to install one of: ('cramjam',)")

    known = fastavro.read.BLOCK_READERS["snappy"]
    fastavro.read.BLOCK_READERS["snappy"] = missing
    yield
    fastavro.read.BLOCK_READERS["snappy"] = known


def test_a_codec_that_is_not_installed_names_the_line_to_install_it(without_snappy, tmp_path):
    path = avro(tmp_path, {"n": "long"}, [{"n": 1}], codec="snappy")
    with pytest.raises(SourceError) as caught:
        detect_source(path)
    assert (
        "its blocks are compressed with snappy, and what reads that is not installed" in caught.value.message
    )
    assert caught.value.remedy == "pip install 'mixpanel-importer[avro]'"


@pytest.mark.parametrize("data", [b"Obj\x01", b"Obj\x01\xff\xff\xff", b"Obj\x01" + b"\0" * 40])
def test_a_header_that_is_damaged_is_named(tmp_path, data):
    path = write(tmp_path, data, "x.avro")
    with pytest.raises(SourceError, match="its header can't be read") as caught:
        detect_source(path)
    assert str(path) in caught.value.message
