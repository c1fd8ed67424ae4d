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


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
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


@pytest.mark.parametrize("data", [b"Obj\x01", b"Obj\x01\xff\xff\xff", b"Obj\x01" + b"\0" * 40])
def test_a_header_that_is_damaged_is_named(tmp_path, data):
    path = write(tmp_path, data, "x.avro")
    with pytest.raises(SourceError, match="its header can't be read") as caught:
        detect_source(path)
    assert str(path) in caught.value.message
