"""Reading in chunks and reading one by one return the same items, wherever the reads of a file end."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from source_helpers import PiecewiseFile, csv_reader, in_one_list, no_deadline, places, text_lines, write

from importer.errors import SourceError
from importer.model import Record, Rejection
from importer.reading import Dialect
from importer.source.encoding import error_handler
from importer.source.formats.csv import MAX_RECORD_SIZE, CsvReader
from importer.source.formats.json_item import MAX_LINE_SIZE
from importer.source.formats.jsonl import JsonlReader
from importer.source.item_reader import MAX_CHUNK_RECORDS
from importer.source.lines import ByteLines
from importer.source.reader import open_source

PLAIN = Dialect("csv", header=False)
ENCODINGS = ["utf-8", "cp1252", "utf-16", "utf-16-le", "utf-32", "gb18030", "shift_jis", "utf-7"]
NASTY_CSV = [
    *(b"a,b\n", b'1,"x"\r\n', b'"say ""no""",2\n', b'"two\nlines",3\n', b'"two\r\nlines",\xc3\xa9\n', b",\n"),
    *(b"\n", b"\r\n", b"\r", b"\n\n\n", b'"', b'""', b'"\n', b'","', b",", b"a", b"'", b"'a\nb',c\n"),
    *(b"short\n", b"a,b,long\n", b'"a\nb",c,d\n', b'"a"b,c\n', b'1,"open\n', b'5" pipe,x\n'),
    *(
        b"\0",
        b"a\0,b\n",
        b"a,\xff\n",
        b"\xff",
        b"\xe9,\xc3\n",
        b"\xed\xa0\x80",
        b"\xf0\x9f",
        b"\x98\x80",
        b"\xef\xbb\xbf",
    ),
    *("\u2028,\x85\n".encode(), "é,😀\n".encode(), b"\x0b\x0c\x1c,\x1d\x1e\n", b"x" * 60 + b",y\n"),
]
NASTY_JSON = [
    *(b'{"a":1}\n', b'{"a":"\xc3\xa9"}\n', b'{"a":{"b":[1,{"c":2}]}}\r\n', b"{}\n", b'{"a" : 1, "b"\t:2}\n'),
    *(b"\n", b" \t\r\n", b"\r", b"[1]\n", b"null\n", b"12\n", b'{"a":', b"1}\n", b"}\n", b'"', b"\0"),
    *(b'{"a":1,"a":2}\n', b'{"a" : 1, "a" : 2}\n', b'{"a":[{"b" :1,"b":2}]}\n', b'{"a":"\\":"}\n'),
    *(b'{"a":":)"}\n', b'{"a":0.12345678901234567890}\n', b'{"a":1e-400}\n', b'{"a":18446744073709551616}\n'),
    *(b'{"id":"12345678901234567890"}\n', b"\xff", b"\xef\xbb\xbf", b'{"a":NaN}\n', b'{"a":1} {"b":2}\n'),
]


def pieces(parts: list[bytes]) -> st.SearchStrategy[tuple[list[bytes], bool]]:
    """Some content in pieces that end anywhere, and whether the file breaks behind them."""
    lines = st.lists(st.sampled_from(parts), max_size=30).map(b"".join)

    def cut(data: bytes) -> st.SearchStrategy[list[bytes]]:
        return st.lists(st.integers(0, len(data)), max_size=8).map(
            lambda at: [data[a:b] for a, b in itertools.pairwise([0, *sorted(set(at) - {0}), len(data)])]
        )

    return st.tuples(lines.flatmap(cut).map(lambda found: list(filter(None, found))), st.booleans())


def until_it_breaks(reader, blocks: bool) -> tuple[list[Record | Rejection], int]:
    """Items up to the end or an error, and the row at which the error was raised; -1 at the end."""
    items: list[Record | Rejection] = []
    try:
        if blocks:
            for chunk in reader.chunks():
                items += chunk
        else:
            items.extend(reader)
    except OSError:
        return items, reader.row
    return items, -1


@no_deadline
@given(
    given_=pieces(NASTY_CSV),
    width=st.sampled_from([2, 2, 2, 1, 3]),
    quote=st.sampled_from(['"', '"', '"', "'", ""]),
    header=st.booleans(),
)
@example(given_=([b"a,b\n", b"c,d\n", b"\n1,2\n", b'"', b"x\n", b'y",2\n3,4\n'], False), width=2, quote='"', header=False)  # fmt: skip
@example(given_=([b'a,b\na,b\n"a"b,c\n'], True), width=2, quote='"', header=False)
@example(given_=([b"a,b\na,b\na\0,b\n"], False), width=2, quote='"', header=False)
def test_reading_csv_in_chunks_and_one_by_one_returns_the_same_items(given_, width, quote, header):
    parts, breaks = given_
    error = OSError("gone") if breaks else None

    def reader() -> CsvReader:
        lines = text_lines(PiecewiseFile(parts, error))
        return CsvReader(lines, Dialect("csv", quote=quote, header=header), width)

    assert until_it_breaks(reader(), True) == until_it_breaks(reader(), False)


@no_deadline
@given(given_=pieces(NASTY_CSV), width=st.sampled_from([2, 1]), encoding=st.sampled_from(ENCODINGS))
@example(given_=([b"a,b\n1,\x81\n", b"a,b\n"], False), width=2, encoding="cp1252")
@example(given_=([b"a,b\n1,\0\n", b"a,b\n"], False), width=2, encoding="cp1252")
def test_reading_text_lines_and_pythons_own_text_file_returns_the_same_items(given_, width, encoding):
    parts, _ = given_
    text = io.TextIOWrapper(io.BytesIO(b"".join(parts)), encoding, error_handler(encoding), newline="")
    try:
        expected = list(CsvReader(text, PLAIN, width))
    except UnicodeError:
        with pytest.raises(UnicodeError):
            in_one_list(CsvReader(text_lines(PiecewiseFile(parts), encoding), PLAIN, width))
        return
    assert in_one_list(CsvReader(text_lines(PiecewiseFile(parts), encoding), PLAIN, width)) == expected


@no_deadline
@given(given_=pieces(NASTY_JSON))
def test_reading_json_in_chunks_and_one_by_one_returns_the_same_items(given_):
    parts, breaks = given_
    error = OSError("gone") if breaks else None

    def reader() -> JsonlReader:
        return JsonlReader(ByteLines(PiecewiseFile(parts, error), MAX_LINE_SIZE))

    assert until_it_breaks(reader(), True) == until_it_breaks(reader(), False)


@no_deadline
@given(given_=pieces(NASTY_CSV), limits=st.lists(st.integers(1, 9), min_size=1), most=st.integers(1, 9))
def test_lines_are_split_as_python_splits_them(given_, limits, most):
    parts, _ = given_
    data = b"".join(parts)
    expected = io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline="")
    text = text_lines(PiecewiseFile(parts), limit=most)
    lines, binary = io.BytesIO(data), ByteLines(PiecewiseFile(parts), most)
    for limit in itertools.chain(limits, itertools.repeat(3, len(data))):
        assert text.readline(limit) == expected.readline(limit)
        assert binary.readline(limit) == lines.readline(limit)
    assert text.readline(1) == ""


def table(count: int, odd: dict[int, str] | None = None) -> str:
    return "".join(
        (odd or {}).get(n, f'{n},"é, ""{n}""\n{n}"\n' if n % 7 == 0 else f"{n},x\n") for n in range(count)
    )


@pytest.mark.slow
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("odd", [{}, {20: "short\n"}, {18_000: '18000,"open\n'}, {30_000: "\udcff,x\n"}])
def test_damage_is_reported_with_the_same_records_in_chunks_and_one_by_one(tmp_path, compress, share, odd):
    data = compress(table(48_000, odd).encode("utf-8", "surrogateescape"))
    path = write(tmp_path, data[: int(len(data) * share)])
    dialect = Dialect("csv", {b"\x1f": "gzip", b"B": "bz2", b"\xfd": "xz"}[data[:1]], header=False)

    def read(what: str) -> tuple[list[Record | Rejection], str]:
        items: list[Record | Rejection] = []
        with open_source(path, dialect, ("1", "2")) as source:
            found = source.items() if what == "items" else itertools.chain.from_iterable(source.chunks())
            with pytest.raises(SourceError) as caught:
                items.extend(found)
        return items, caught.value.message

    items, message = read("items")
    assert read("chunks") == (items, message)
    assert f"{len(items):,} records were read before" in message


def test_chunks_go_on_where_items_stopped(tmp_path):
    path = write(tmp_path, table(5_000, {700: "short\n"}))
    with open_source(path, Dialect("csv", header=False), ("1", "2")) as source:
        expected = list(source.items())
    for taken in (0, 1, 699, 700, 701, 702, 4_999, 5_000):
        with open_source(path, Dialect("csv", header=False), ("1", "2")) as source:
            items = list(itertools.islice(source.items(), taken))
            assert items + [item for chunk in source.chunks() for item in chunk] == expected


def test_items_taken_one_by_one_come_in_lists_of_a_certain_size(tmp_path):
    path = write(tmp_path, table(3_333, dict.fromkeys(range(3_333), "a\0,b\n")))
    with open_source(path, Dialect("csv", header=False), ("1", "2")) as source:
        chunks = list(source.chunks())
    assert sum(map(len, chunks)) == 3_333
    assert max(len(chunk) for chunk in chunks if isinstance(chunk, list)) == MAX_CHUNK_RECORDS


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_chunk_of_long_lines_holds_few(tmp_path, name):
    wide = "x" * 1_000_000
    line = f"1,{wide}\n" if name == "x.csv" else f'{{"a":"{wide}"}}\n'
    path = write(tmp_path, line * 40, name)
    with open_source(
        path, Dialect("csv" if name == "x.csv" else "jsonl", header=False), ("1", "2")
    ) as source:
        sizes = [len(chunk) for chunk in source.chunks()]
    assert sum(sizes) == 40
    assert max(sizes) <= 6


def test_a_long_line_without_an_end_is_not_held_whole():
    taken = itertools.count()

    def endless():
        for _ in range(3_000):
            next(taken)
            yield b"x" * 10_000
        yield b"\n1,2\n"

    lines = text_lines(PiecewiseFile(endless()))
    assert not lines.fill()
    assert next(taken) * 10_000 < MAX_RECORD_SIZE + 20_000
    reader = CsvReader(lines, PLAIN, 2)
    assert places(in_one_list(reader)) == [("Rejection", 1, 1), ("Record", 2, 2)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_record_of_many_lines_may_be_as_long_as_the_limit(end):
    for more in (0, 1):
        text = '1,"' + ("x" * (1000 - len(end)) + end) * (MAX_RECORD_SIZE // 1000 - 1)
        text += "y" * (MAX_RECORD_SIZE - len(text) - len('"\n') + more) + '"\n'
        data = f"0,0\n{text}2,2\n".encode()
        one, blocks = (csv_reader(io.BytesIO(data), 2) for _ in "ab")
        items = list(one)
        assert in_one_list(blocks) == items
        assert any(isinstance(item, Rejection) for item in items) is (more == 1)


@pytest.mark.parametrize("more", [0, 1])
def test_a_line_as_long_as_the_limit_is_read_in_blocks_too(more):
    data = b"0,0\n1," + b"x" * (MAX_RECORD_SIZE - len("1,\n") + more) + b"\n2,2\n"
    reader = csv_reader(io.BytesIO(data), 2)
    middle = "Rejection" if more else "Record"
    assert places(in_one_list(reader)) == [("Record", 1, 1), (middle, 2, 2), ("Record", 3, 3)]
    data = b'{}\n{"a":"' + b"x" * (MAX_LINE_SIZE - len('{"a":""}\n') + more) + b'"}\n{}\n'
    json_reader = JsonlReader(ByteLines(io.BytesIO(data), MAX_LINE_SIZE))
    assert places(in_one_list(json_reader)) == [("Record", 1, 1), (middle, 2, 2), ("Record", 3, 3)]


class CountingReader(CsvReader):
    """Counts how often blocks are tried, and what the slow path is asked for."""

    tries = asked = 0

    def parse_block(self, data, start, stop):
        self.tries += 1
        return super().parse_block(data, start, stop)

    def _read_items(self):
        for item in super()._read_items():
            self.asked += 1
            yield item


@pytest.mark.parametrize("line", ["a\0,b", 'a,"b\nc",d', "\udcff,x"])
@pytest.mark.parametrize("every", [2, 3, 10, 100])
def test_the_slow_path_reads_what_the_fast_path_defers_and_no_more(line, every):
    data = "".join(f"{line}\n" if n % every == 0 else f"{n},x\n" for n in range(6_000))
    reader = CountingReader(text_lines(io.BytesIO(data.encode("utf-8", "surrogateescape"))), PLAIN, 2)
    items = in_one_list(reader)
    assert sum(isinstance(item, Record) for item in items) == 6_000 - -(-6_000 // every)
    assert reader.asked == sum(isinstance(item, Rejection) for item in items)
    assert reader.tries < reader.asked + data.count("\n") / 1000 + 2


@pytest.mark.parametrize(
    "line", ["short", "a,b,c", "a\r", "a\rb,c,d", '"a"b\rc,d', '"a"b,c', '"a"b', 'a,"b"c\r', '"a","b","c']
)
@pytest.mark.parametrize("every", [1, 3, 100])
def test_the_fast_path_rejects_single_lines_as_the_slow_path_does(line, every):
    data = "".join(f"{line}\n" if n % every == 0 else f"{n},x\n" for n in range(2_000)).encode()
    reader = CountingReader(text_lines(io.BytesIO(data)), PLAIN, 2)
    items = in_one_list(reader)
    assert items == list(CsvReader(text_lines(io.BytesIO(data)), PLAIN, 2))
    assert sum(isinstance(item, Rejection) for item in items) >= -(-2_000 // every)
    if line.count('"') % 2 == 0 and "\r" not in line:
        assert reader.asked == 1, "the first item may have a byte order mark"


@pytest.mark.parametrize("line", ["a\0,b", 'x,"open'])
def test_the_fast_path_is_seldom_tried_where_it_finds_nothing(line):
    reader = CountingReader(text_lines(io.BytesIO(f"{line}\n".encode() * 6_000)), PLAIN, 2)
    assert len(in_one_list(reader)) == reader.asked == 6_000
    assert reader.tries < 150


def test_the_fast_path_reads_most_of_a_file():
    """The slow path is not asked for valid records: else nothing would be gained."""
    data = table(20_000, {9_000: "a\0,b\n", 15_000: "15000,\0\n"}).encode()
    reader = CountingReader(text_lines(io.BytesIO(data)), PLAIN, 2)
    assert len(in_one_list(reader)) == 20_000
    assert reader.asked < 10


def test_json_with_spaces_and_nested_objects_goes_the_fast_path():
    lines = [
        orjson.dumps({"event": "é", "properties": {"n": n, "list": [{"a": 1}]}}) + b"\n" for n in range(50)
    ]
    lines += [b'{"a" : 1 , "b" :{ "c": "x" } }\r\n'] * 50
    data = b"".join(lines)
    reader = JsonlReader(ByteLines(io.BytesIO(data), MAX_LINE_SIZE))
    assert len(reader.parse_block(data, 0, len(data)).items) == 100
