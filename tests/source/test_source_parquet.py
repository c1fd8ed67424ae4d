"""Parquet is read row by row as the same rows in JSONL are, without loss, or refused with a reason."""

from __future__ import annotations

import io
import json
import math
import os
import random
import subprocess
import sys
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, make_tar, make_zip, no_deadline, read_file, write

from importer import speedups
from importer.errors import SourceError, UsageError
from importer.model import Record, Rejection
from importer.reading import Attention, Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.formats.parquet import ParquetReader, _batches
from importer.source.formats.parquet_values import json_lines, json_lines_in_python
from importer.source.kept_lines import KEPT_LINES
from importer.source.members import Member
from importer.source.oversized import discard
from importer.source.raw import DiskFile
from importer.source.reader import open_source

HOSTILE: dict[str, tuple[pa.Array, list[Any]]] = {
    "int64": (pa.array([2**53 + 1, -(2**63), None], pa.int64()), [2**53 + 1, -(2**63), None]),
    "uint64": (pa.array([2**64 - 1, 0, None], pa.uint64()), [2**64 - 1, 0, None]),
    "int8": (pa.array([-128, 127, None], pa.int8()), [-128, 127, None]),
    "bool": (pa.array([True, False, None]), [True, False, None]),
    "null": (pa.nulls(3), [None, None, None]),
    "float64": (pa.array([0.1, -0.0, 1e300]), [0.1, -0.0, 1e300]),
    "float64 again": (pa.array([5e-324, 123456789.123456789, 802.11]), [5e-324, 123456789.123456789, 802.11]),
    "float32": (pa.array([0.1, 16777216.0, None], pa.float32()), [0.10000000149011612, 16777216.0, None]),
    "float16": (pa.array([0.5, 2.0, None], pa.float16()), [0.5, 2.0, None]),
    "date": (pa.array([0, -1, 19_000], pa.date32()), ["1970-01-01", "1969-12-31", "2022-01-08"]),
    "seconds": (
        pa.array([0, -1, 253402300799], pa.timestamp("s")),
        ["1970-01-01T00:00:00", "1969-12-31T23:59:59", "9999-12-31T23:59:59"],
    ),
    "milliseconds": (
        pa.array([1700000000123, 1, None], pa.timestamp("ms")),
        ["2023-11-14T22:13:20.123", "1970-01-01T00:00:00.001", None],
    ),
    "microseconds in a zone": (
        pa.array([1700000000123456, -1, None], pa.timestamp("us", tz="Europe/Berlin")),
        ["2023-11-14T22:13:20.123456Z", "1969-12-31T23:59:59.999999Z", None],
    ),
    "nanoseconds in UTC": (
        pa.array([1700000000123456789, -1, 0], pa.timestamp("ns", tz="UTC")),
        ["2023-11-14T22:13:20.123456789Z", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z"],
    ),
    "time": (pa.array([1, 86_399_999_999, None], pa.time64("us")), ["00:00:00.000001", "23:59:59.999999", None]),
    "time in ms": (pa.array([0, 60_000, None], pa.time32("ms")), ["00:00:00", "00:01:00", None]),
    "text": (pa.array(['a"\\\n\u2028\0\x7f', "日本é", ""]), ['a"\\\n\u2028\0\x7f', "日本é", ""]),
    "large text": (pa.array(["a", None, "b"], pa.large_string()), ["a", None, "b"]),
    "dictionary": (pa.array(["x", "y", None]).dictionary_encode(), ["x", "y", None]),
    "bytes": (pa.array([b"\0\xff", b"", None], pa.binary()), ["AP8=", "", None]),
    "bytes of one size": (pa.array([b"abc", b"def", None], pa.binary(3)), ["YWJj", "ZGVm", None]),
    "list": (pa.array([[1, None], [], None], pa.list_(pa.int64())), [[1, None], [], None]),
    "list of one size": (pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)), [[1, 2], [3, 4], None]),
    "struct": (
        pa.array([{"a": 1, "b": {"c": None}}, {"a": None, "b": None}, None]),
        [{"a": 1, "b": {"c": None}}, {"a": None, "b": None}, None],
    ),
    "list of structs": (
        pa.array([[{"k": "a", "t": 0}], [None], []], pa.list_(pa.struct([("k", pa.string()), ("t", pa.timestamp("s"))]))),
        [[{"k": "a", "t": "1970-01-01T00:00:00"}], [None], []],
    ),
    "map": (pa.array([[("a", 1), ("b", None)], [], None], pa.map_(pa.string(), pa.int64())), [{"a": 1, "b": None}, {}, None]),
    "map of numbers": (pa.array([[(1, "a"), (2, "b")], [], None], pa.map_(pa.int64(), pa.string())), [{"1": "a", "2": "b"}, {}, None]),
    "map of dates": (pa.array([[(0, [1])], [], None], pa.map_(pa.date32(), pa.list_(pa.int8()))), [{"1970-01-01": [1]}, {}, None]),
}  # fmt: skip

DECIMALS = [
    Decimal("12345678901234567890123456789.123456789"),
    Decimal("-0.000000001"),
    Decimal("1.100000000"),
]


def parquet(folder: Path, columns: dict[str, Any], name: str = "events.parquet", **options: Any) -> Path:
    pq.write_table(pa.table(columns), folder / name, **options)
    return folder / name


def values(path: Any) -> list[Any]:
    return [item.values if isinstance(item, Record) else item.error for item in read_file(path)]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("group", [1, 3])
def test_each_type_is_read_exactly(tmp_path, name, group):
    array, expected = HOSTILE[name]
    path = parquet(tmp_path, {"n": [0, 1, 2], name: array}, row_group_size=group)
    assert values(path) == [
        {"n": n} if value is None else {"n": n, name: value} for n, value in enumerate(expected)
    ]


@pytest.mark.parametrize("kind", [pa.decimal128(38, 9), pa.decimal256(60, 9)])
def test_decimals_keep_all_their_digits(kind):
    batch = pa.record_batch({"d": pa.array([*DECIMALS, None], kind)})
    assert b"".join(json_lines(batch)) == (
        b'{"d":12345678901234567890123456789.123456789}\n{"d":-0.000000001}\n{"d":1.1}\n{}\n'
    )


def test_a_decimal_that_a_double_cannot_hold_has_a_note_as_in_jsonl(tmp_path):
    path = parquet(tmp_path, {"d": pa.array(DECIMALS, pa.decimal128(38, 9))})
    notes = [item.note for item in read_file(path)]
    assert notes == ["d: 12345678901234567890123456789.123456789 is sent as 1.2345678901234568e+28", "", ""]


def test_an_integer_of_more_than_64_bits_is_refused_as_in_jsonl(tmp_path):
    (item,) = read_file(parquet(tmp_path, {"d": pa.array([Decimal(10**30)], pa.decimal128(38, 0))}))
    assert isinstance(item, Rejection)
    assert "does not fit 64 bits" in item.error


def test_a_nan_hides_no_note_on_other_values_of_its_row(tmp_path):
    exact = pa.array([Decimal("12345678901234567890.12")], pa.decimal128(30, 2))
    twice = pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    text = 'a "NaN" \\'
    (item,) = read_file(parquet(tmp_path, {"d": exact, "m": twice, "s": [text], "f": [math.nan]}))
    assert item.values == {"d": 12345678901234567890.12, "m": {"k": 2}, "s": text, "f": None}
    assert "12345678901234567890.12 is sent as" in item.note
    assert "key k stands twice" in item.note
    assert item.note.endswith("NaN is no number of JSON: sent as null")


def test_nan_beside_an_integer_of_more_than_64_bits_is_refused(tmp_path):
    path = parquet(tmp_path, {"x": [math.nan], "d": pa.array([Decimal(10**30)], pa.decimal128(38, 0))})
    (item,) = read_file(path)
    assert isinstance(item, Rejection)
    assert "does not fit 64 bits" in item.error


def test_nan_and_the_infinities_are_null_with_a_note(tmp_path):
    cells = [math.nan, math.inf, -math.inf, 1.5]
    path = parquet(tmp_path, {"a": cells, "s": ["NaN"] * 4, "l": [[each] for each in cells]})
    items = read_file(path)
    assert [item.values for item in items] == [
        *({"a": None, "s": "NaN", "l": [None]} for _ in range(3)),
        {"a": 1.5, "s": "NaN", "l": [1.5]},
    ]
    assert [item.note for item in items] == [
        "NaN is no number of JSON: sent as null",
        "Infinity is no number of JSON: sent as null",
        "-Infinity is no number of JSON: sent as null",
        "",
    ]
    with open_source(path, Dialect("parquet"), ()) as source:
        assert list(source.items()) == items


@pytest.mark.skipif(not speedups.COMPILED, reason="nothing is compiled")
@no_deadline
@given(
    name=st.sampled_from([name for name in HOSTILE if name != "float16"]),
    start=st.integers(0, 3),
    doubles=st.lists(
        st.floats()
        | st.floats(-1e6, 1e6).map(lambda each: round(each, 3))
        | st.builds(round, st.floats(-2e15, 2e15), st.integers(0, 7))
        | st.builds(lambda each, power: each / 10**power, st.integers(0, 2**54), st.integers(0, 12)),
        max_size=9,
    ),
    instants=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_compiled_and_python_write_the_same_lines(name, start, doubles, instants, unit):
    moments = [each // 10**9 if unit == "s" else each for each in instants]
    for batch in (
        pa.record_batch({"x": HOSTILE[name][0]}).slice(start),
        pa.record_batch({"x": pa.array(doubles, pa.float64())}),
        pa.record_batch({"x": pa.array(doubles, pa.float32())}),
        pa.record_batch({"x": pa.array(moments, pa.timestamp(unit, tz="UTC"))}),
        pa.record_batch(
            {"x": pa.array([Decimal(each).scaleb(-9) for each in instants], pa.decimal128(38, 9))}
        ),
    ):
        compiled = b"".join(speedups.arrow_lines(*batch.__arrow_c_array__(), 1 << 16))
        assert compiled == json_lines_in_python(batch)


@pytest.mark.skipif(not speedups.COMPILED, reason="nothing is compiled")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("odd", ["x", '"', "\\", "\n", "\x1f", " ", "\x7f", "é"])
def test_texts_of_every_size_are_escaped_wherever_it_is_needed(odd, kind):
    texts = [f"{'a' * place}{odd}{'b' * (size - place)}" for size in range(40) for place in range(size + 1)]
    for batch in (
        pa.record_batch(
            {"x": pa.array([*texts, None, ""], kind), 'a name of more than 32 bytes "': [1] * 822}
        ),
        pa.record_batch({"x": pa.array(texts, kind)}).slice(700, 99),
    ):
        compiled = b"".join(speedups.arrow_lines(*batch.__arrow_c_array__(), 1 << 16))
        assert compiled == json_lines_in_python(batch)


@pytest.mark.skipif(not speedups.COMPILED, reason="nothing is compiled")
@no_deadline
@given(seed=st.integers(0, 10**9))
def test_compiled_and_python_agree_on_nested_values(seed):
    chance = random.Random(seed)

    def made(depth: int) -> Any:
        if depth == 0 or chance.random() < 0.2:
            return chance.choice([None, 't"', "é"])
        return [made(depth - 1) for _ in range(chance.randrange(3))]

    def kind(depth: int) -> Any:
        return pa.string() if depth == 0 else pa.list_(pa.struct([("a", kind(depth - 1)), ("b", pa.int32())]))

    def fit(value: Any, depth: int) -> Any:
        if depth == 0:
            return value if isinstance(value, str) else None
        if not isinstance(value, list):
            return None
        return [
            {"a": fit(each, depth - 1), "b": chance.randrange(9)} if chance.random() < 0.8 else None
            for each in value
        ]

    rows = [fit(made(3), 3) for _ in range(chance.randrange(1, 6))]
    batch = pa.record_batch({"x": pa.array(rows, kind(3))}).slice(chance.randrange(2))
    pieces = speedups.arrow_lines(*batch.__arrow_c_array__(), 1)
    assert all(piece.endswith(b"\n") and piece.count(b"\n") == 1 for piece in pieces)
    assert b"".join(pieces) == json_lines_in_python(batch)
    assert [
        json.loads(line).get("x") for line in b"".join(json_lines(batch)).splitlines()
    ] == batch.to_pydict()["x"]


def test_an_empty_dictionary_within_what_is_null_is_no_error():
    values = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array([], pa.string()), safe=False)
    nothing = pa.StructArray.from_arrays([values], ["a"], mask=pa.array([True]))
    batch = pa.record_batch({"s": nothing, "n": [1]})
    assert json_lines_in_python(batch) == b"".join(json_lines(batch)) == b'{"n":1}\n'


def test_rows_keep_the_order_of_the_file_over_its_row_groups(tmp_path):
    path = parquet(tmp_path, {"n": list(range(10_000))}, row_group_size=700)
    items = read_file(path)
    assert [(item.row, item.line, item.values) for item in items] == [
        (n + 1, n + 1, {"n": n}) for n in range(10_000)
    ]


def test_keys_that_differ_in_case_alone_and_odd_names_are_kept(tmp_path):
    path = parquet(tmp_path, {"Event": [1], "event": [2], 'a "b" é': [3], "": [4]})
    assert values(path) == [{"Event": 1, "event": 2, 'a "b" é': 3, "": 4}]
    assert detect_source(path).columns == ("Event", "event", 'a "b" é', "")


def test_columns_of_bytes_are_named(tmp_path):
    path = parquet(tmp_path, {"a": [b"x"], "b": ["y"]})
    assert detect_source(path).attention == (Attention.of("binary", "1 column of bytes becomes base64: 'a'"),)


# ── where it lies ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "events"])
def test_it_is_known_by_its_content_also_compressed(tmp_path, compression, name):
    data = parquet(tmp_path, {"a": [1, 2]}, "plain").read_bytes()
    path = write(tmp_path, COMPRESS[compression](data), name)
    assert detect_source(path).dialect == Dialect("parquet", compression)
    assert values(path) == [{"a": 1}, {"a": 2}]


def test_a_member_of_an_archive_is_read(tmp_path):
    data = parquet(tmp_path, {"a": [1, 2]}, "plain").read_bytes()
    for archive in (
        make_zip(tmp_path / "a.zip", {"in/x.parquet": data}),
        make_tar(tmp_path / "a.tar", {"in/x.parquet": data}),
    ):
        assert values(Member(archive, "in/x.parquet")) == [{"a": 1}, {"a": 2}]


def test_its_fingerprint_is_that_of_its_bytes_and_its_position_reaches_its_size(tmp_path):
    path = parquet(tmp_path, {"n": list(range(5_000))}, row_group_size=500)
    with open_source(path, Dialect("parquet"), ("n",), hashed=True) as source:
        positions = [source.position(), *(source.position() for _ in source.chunks())]
        assert positions == sorted(positions)
        assert (positions[0], source.position()) == (0, path.stat().st_size)
        fingerprint = source.fingerprint()
    with open_source(write(tmp_path, path.read_bytes(), "x.csv"), Dialect("csv"), (), hashed=True) as same:
        assert same.fingerprint().digest == fingerprint.digest


def test_pyarrow_takes_its_memory_from_the_system():
    words = (
        "from importer.source.registry import check_installed, find_format\n"
        "check_installed(find_format('parquet'), '')\n"
        "import pyarrow\n"
        "print(pyarrow.default_memory_pool().backend_name)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    found = subprocess.run(
        [sys.executable, "-c", words], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == "system\n"


def test_what_was_looked_at_to_its_end_is_not_decoded_again(tmp_path):
    path = parquet(tmp_path, {"n": list(range(20_000)), "t": [None, 'a"\n'] * 10_000}, row_group_size=3_000)
    with DiskFile(path) as file:
        version = file.version
    with open_source(path, Dialect("parquet"), ("n", "t")) as source:
        first = list(source.items())
        assert KEPT_LINES.get(version) is None
    with open_source(path, Dialect("parquet"), ("n", "t"), hashed=True) as source:
        assert [item for chunk in source.chunks() for item in chunk] == first
    found = KEPT_LINES.get(version)
    assert found is not None
    assert found.rows == 20_000
    file = io.BufferedReader(NotToBeRead(path))
    reader = ParquetReader(file, discard)
    shares = [reader.share_read()]
    again = []
    for chunk in reader.chunks():
        again += list(chunk)
        shares.append(reader.share_read())
    assert again == first
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    reader.close()
    file.close()


class NotToBeRead(DiskFile):
    """A file whose bytes nobody wants."""

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("it is read")


def test_a_file_that_was_changed_is_decoded_again(tmp_path):
    path = parquet(tmp_path, {"n": [1, 2]})
    for expected in ([{"n": 1}, {"n": 2}], [{"n": 3}]):
        for _ in range(2):
            with open_source(path, Dialect("parquet"), ("n",), hashed=True) as source:
                assert [item.values for item in source.items()] == expected
        parquet(tmp_path, {"n": [3]})


@pytest.mark.parametrize("damaged", [False, True])
def test_what_was_not_read_to_its_end_is_not_kept(tmp_path, damaged):
    path = parquet(tmp_path, {"n": list(range(50_000))}, row_group_size=10_000, compression="gzip")
    if damaged:
        data = bytearray(path.read_bytes())
        place = pq.ParquetFile(path).metadata.row_group(3).column(0).data_page_offset
        data[place : place + 9_000] = bytes(9_000)
        path.write_bytes(data)
    with DiskFile(path) as file:
        version = file.version
    with (
        open_source(path, Dialect("parquet"), ("n",), hashed=True) as source,
        pytest.raises(SourceError) if damaged else nullcontext(),
    ):
        for number, _ in enumerate(source.items()):
            if number == 10 and not damaged:
                break
    assert KEPT_LINES.get(version) is None


def test_copies_are_json_lines(tmp_path):
    path, out = parquet(tmp_path, {"n": [1, 2, 3], "t": ["a", "b\n", "c"]}), io.BytesIO()
    assert copy_records(path, Dialect("parquet"), ("n", "t"), [2, 3], out) == 2
    assert out.getvalue() == b'{"n":2,"t":"b\\n"}\n{"n":3,"t":"c"}\n'


# ── what can't be read ───────────────────────────────────────────────────────────────────────────


def refusal(path: Path, **declared: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        detect_source(path, **declared)
    return caught.value


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-9], "is cut short: a Parquet file ends with its footer"),
        (lambda data: data[: len(data) // 2], "is cut short"),
        (lambda _data: b"PAR1\x15", "is cut short"),
        (lambda data: b"PARE" + data[4:-4] + b"PARE", "is an encrypted Parquet file"),
        (lambda data: data[:-4] + b"PARE", "is an encrypted Parquet file"),
        (lambda data: data[:-60] + b"\xff" * 52 + data[-8:], "footer can't be read"),
        (lambda data: data[:-8] + b"\xff\xff\xff\x7f" + data[-4:], "footer can't be read"),
    ],
)
def test_a_file_that_is_no_whole_parquet_file_is_refused(tmp_path, damage, words):
    data = parquet(tmp_path, {"a": list(range(100)), "b": ["x" * 9] * 100}, "plain").read_bytes()
    path = write(tmp_path, damage(data), "x.parquet")
    error = refusal(path)
    assert words in error.message
    assert str(path) in error.message
    assert error.remedy


def test_a_damaged_page_ends_the_records_that_stand_ahead_of_it(tmp_path):
    data = bytearray(
        parquet(
            tmp_path, {"n": list(range(90_000))}, row_group_size=30_000, compression="snappy"
        ).read_bytes()
    )
    at = pq.ParquetFile(tmp_path / "events.parquet").metadata.row_group(1).column(0).data_page_offset
    data[at : at + 40] = b"\xff" * 40
    path = write(tmp_path, bytes(data), "x.parquet")
    got: list[Any] = []
    with open_source(path, Dialect("parquet"), ("n",)) as source, pytest.raises(SourceError) as caught:
        got.extend(item for chunk in source.chunks() for item in chunk)
    assert [item.values["n"] for item in got] == list(range(len(got)))
    assert len(got) == 30_000
    assert f"{path}: the rows from 30,001 on can't be read (row group 2 of 3): " in caught.value.message


@pytest.mark.parametrize(("group", "ahead"), [(0, 0), (4, 40), (9, 90)])
def test_of_small_row_groups_which_are_read_together_the_damaged_one_is_found(tmp_path, group, ahead):
    whole = parquet(tmp_path, {"n": list(range(100))}, row_group_size=10, compression="snappy")
    data = bytearray(whole.read_bytes())
    at = pq.ParquetFile(whole).metadata.row_group(group).column(0).data_page_offset
    data[at : at + 20] = b"\xff" * 20
    path = write(tmp_path, bytes(data), "x.parquet")
    got: list[Any] = []
    with open_source(path, Dialect("parquet"), ("n",)) as source, pytest.raises(SourceError) as caught:
        got.extend(item for chunk in source.chunks() for item in chunk)
    named = f"the rows from {ahead + 1} on can't be read (row group {group + 1} of 10): "
    assert named in caught.value.message
    assert caught.value.message.endswith(f"{ahead} records were read before.")
    assert [item.values["n"] for item in got] == list(range(ahead))


def test_of_a_row_group_the_rows_ahead_of_its_damaged_page_are_read(tmp_path):
    rows = 3_000
    whole = parquet(
        tmp_path,
        {"n": list(range(rows)), "text": [f"{n:0200}" for n in range(rows)]},
        use_dictionary=False,
        compression="snappy",
        data_page_size=1,
        write_batch_size=100,
        write_page_index=True,
    )
    data = bytearray(whole.read_bytes())
    at = data.index(f"{2_000:0200}".encode()[-4:], len(data) // 3)
    data[at - 40 : at + 2_000] = b"\xff" * 2_040
    path = write(tmp_path, bytes(data), "x.parquet")
    got: list[Any] = []
    with open_source(path, Dialect("parquet"), ("n", "text")) as source, pytest.raises(SourceError) as caught:
        got.extend(item for chunk in source.chunks() for item in chunk)
    assert 1_000 < len(got) < rows
    assert [item.values["n"] for item in got] == list(range(len(got)))
    assert f"the rows from {len(got) + 1:,} on can't be read (row group 1 of 1): " in caught.value.message


@pytest.mark.parametrize("columns", [{}, {"n": pa.array([], pa.int64())}])
def test_a_file_without_rows_or_columns_has_no_records(tmp_path, columns):
    path = parquet(tmp_path, columns)
    assert detect_source(path).columns == tuple(columns)
    assert read_file(path) == []


def test_of_columns_of_one_name_the_last_value_counts_with_a_note_as_in_jsonl(tmp_path):
    table = pa.table([pa.array([1, 2]), pa.array([3, None])], names=["a", "a"])
    pq.write_table(table, tmp_path / "x.parquet")
    both, one = read_file(tmp_path / "x.parquet")
    assert both.values == {"a": 3}
    assert both.note == "key a stands twice: its last value counts"
    assert one.values == {"a": 2}


def test_a_long_text_that_many_rows_share_is_not_made_for_all_of_them_at_once(tmp_path):
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 100_000]))
    path = parquet(tmp_path, {"s": texts, "n": list(range(2_000))})
    assert path.stat().st_size < 50_000
    sizes = [len(b"".join(pieces)) for pieces in _batches(pq.ParquetFile(path))]
    assert max(sizes) < 5_000_000
    assert sum(sizes) > 200_000_000


@pytest.mark.parametrize("seed", range(60))
def test_damage_anywhere_is_an_error_of_ours_or_changes_values(tmp_path, seed):
    chance = random.Random(seed)
    columns = {
        "n": list(range(500)),
        "s": [f"text {n % 7}" for n in range(500)],
        "l": [[n, None] for n in range(500)],
    }
    data = bytearray(
        parquet(
            tmp_path, columns, row_group_size=100, compression=chance.choice(["none", "snappy"])
        ).read_bytes()
    )
    for _ in range(chance.randrange(1, 4)):
        at = chance.choice(
            (chance.randrange(4, len(data) - 4), chance.randrange(len(data) - 900, len(data) - 4))
        )
        data[at] = chance.randrange(256)
    path = write(tmp_path, bytes(data), "x.parquet")
    errors: list[SourceError] = []
    try:
        found = detect_source(path)
        with open_source(path, found.dialect, found.columns) as source:
            list(source.items())
    except SourceError as error:
        errors.append(error)
    assert all(str(path) in error.message and error.remedy for error in errors)


def test_csv_whose_header_begins_with_the_magic_is_csv(tmp_path):
    assert detect_source(write(tmp_path, "PAR1,b\n1,2\n")).dialect.format == "csv"


def test_declared_formats_must_fit_the_bytes(tmp_path):
    path = parquet(tmp_path, {"a": [1]})
    error = refusal(path, format="csv")
    assert error.message == f"{path} looks like Parquet, not like CSV."
    assert error.remedy == "Say --format parquet, or leave --format out."
    assert "is no Parquet file" in refusal(write(tmp_path, "a,b\n1,2\n"), format="parquet").message
    with pytest.raises(UsageError, match="--delimiter is for CSV, not for Parquet"):
        detect_source(path, delimiter=";")


def test_text_that_is_not_utf_8_spoils_its_row_only(tmp_path):
    column = pa.array([b"ok", b"\xff\xfe", b"fine"], pa.binary())
    schema = pa.schema([("s", pa.string())])
    batch = pa.RecordBatch.from_arrays([column.view(pa.string())], schema=schema)
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "x.parquet")
    items = read_file(tmp_path / "x.parquet")
    assert [type(item).__name__ for item in items] == ["Record", "Rejection", "Record"]
