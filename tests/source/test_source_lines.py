"""Lines and unquoted cells are cut as Python's own text files and csv reader cut them."""

from __future__ import annotations

import csv
import io
import itertools
import random
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from source_helpers import PiecewiseFile, in_one_list, no_deadline, text_lines

from importer import speedups
from importer.model import Record
from importer.reading import Dialect, LineEnd
from importer.source.encoding import error_handler
from importer.source.formats.csv import CsvReader
from importer.source.lines import ByteLines, Lines, TextLines

TEXTS = {
    "LF": "a\nbé\n\nc😀,d\n\ne",
    "CRLF": "a\r\nbé\r\n\r\nc😀,d\r\n\r\ne",
    "CR": "a\rbé\r\rc😀,d\r\re\r",
    "CRLF and LF": 'a,"b\nc"\r\nd\n\r\né\r\n\n"\r\n"\r\n',
    "a CR among LF": "a\nb\nc\rd\ne\nf\n",
    "a CR among CRLF": "a\r\nb\r\nc\rd\r\ne\r\n\r\r\n\n\rf\r\ng",
    "a CR in quotes": 'a\n"b\rc",d\ne\n"f\n\r",g\n',
    "a CR at the end": "a\nb\nc\n\r",
    "NUL": "a\nb\nc\0\nd\ne\n",
    "mark": "\ufeffa\nb\n\ufeffc\nd\n",
    "other ends": "a\x0bb\nc\x0cd\x1c\n\x85e\u2028f\ng\n",
}


def text_of(data: bytes, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding, error_handler(encoding), newline="")


def lines_of(lines: TextLines) -> list[str]:
    return list(iter(lambda: lines.readline(100), ""))


def bytes_of(lines: Lines[Any]) -> list[bytes]:
    """What is there each time, whole lines."""
    found = []
    while lines.fill():
        found.append(lines.data[lines.at : lines.end])
        lines.at = lines.end
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("name", TEXTS)
def test_lines_are_the_same_wherever_reads_end(name: str, encoding: str):
    data = TEXTS[name].encode(encoding)
    expected = list(text_of(data, encoding))
    for first, second in itertools.combinations_with_replacement(range(len(data) + 1), 2):
        parts = list(filter(None, (data[:first], data[first:second], data[second:])))
        assert lines_of(text_lines(PiecewiseFile(parts), encoding)) == expected
        found = bytes_of(text_lines(PiecewiseFile(parts), encoding))
        assert [line for some in found for line in text_of(some, "utf-8")] == expected


BAD = {
    "cut short": b"a\nb\nc\xf0\x9f\nd\ne\n",
    "alone": b"a\nb\n\xff\nc\nd\n",
    "at the end": b"a\nb\nc\xe2\x82",
    "a surrogate": b"a\n\xed\xa0\x80\nb\nc\n",
    "ahead of CRLF": b"a\r\nb\xc3\r\nc\r\nd\xe2\x82\r\n",
    "ahead of a CR": b"a\nb\xc3\rc\nd\xf0\x9f\x98\r",
    "with NUL": b"a\n\0\nb\xff\nc\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bytes_that_are_not_utf_8_are_the_same_wherever_reads_end(name: str):
    data = BAD[name]
    expected = list(text_of(data, "utf-8"))
    for first, second in itertools.combinations_with_replacement(range(len(data) + 1), 2):
        parts = list(filter(None, (data[:first], data[first:second], data[second:])))
        assert lines_of(text_lines(PiecewiseFile(parts))) == expected
        found = bytes_of(text_lines(PiecewiseFile(parts)))
        assert b"".join(found) == data
        assert [line for some in found for line in text_of(some, "utf-8")] == expected


@pytest.mark.skipif(not speedups.COMPILED, reason="only the fast path asks")
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("odd", ["NUL", "bad byte"])
def test_a_line_with_a_nul_or_a_bad_byte_is_no_text_wherever_reads_end(encoding: str, odd: str):
    bad = {"utf-8": b"\xff", "cp1252": b"\x81", "utf-16-le": b"\0\xd8", "utf-32": b"\xff\xff\xff\xff"}
    data = "a\nb\n".encode(encoding)
    data += "\0".encode(encoding)[-4:] if odd == "NUL" else bad[encoding]
    data += "c\nd\ne\n".encode(encoding).removeprefix("".encode(encoding))
    expected = list(text_of(data, encoding))
    for at in range(1, len(data)):
        lines = text_lines(PiecewiseFile([data[:at], data[at:]]), encoding)
        texts, others = [], []
        while lines.fill():
            end = lines.end_of_text(speedups.end_of_text)
            assert lines.at <= end <= lines.end
            if lines.at == end:
                others.append(lines.readline(100))
            else:
                texts.append(lines.data[lines.at : end].decode())
                lines.at = end
        assert others == [line for line in expected if "\0" in line or not line.isascii()]
        assert "".join(texts) == "".join(line for line in expected if line not in others)


@no_deadline
@given(
    parts=st.lists(
        st.sampled_from([b"a\n", b"\r\n", b"\r", "é😀\n".encode(), b"\xff", b"x" * 9, b"a\nxxx", b"\0\n"])
    ),
    limit=st.integers(1, 40),
    turns=st.lists(st.sampled_from(["take one", "take all", "wait", "read"]), max_size=20),
    line_end=st.sampled_from(["any", "lf", "cr"]),
)
def test_each_line_is_there_once_however_it_is_read(parts, limit, turns, line_end):
    data = b"".join(parts)
    for lines in (
        text_lines(PiecewiseFile(parts), limit=limit, line_end=line_end),
        ByteLines(PiecewiseFile(parts), limit),
    ):
        found: list[bytes] = []
        for turn in itertools.chain(turns, itertools.repeat("read", len(data) + 1)):
            if turn == "read":
                line = lines.readline(limit)
                found.append(line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape"))
            elif turn == "wait":
                lines.read_more()
            elif lines.fill():
                stop = lines.end
                if turn == "take one":
                    stop = min(lines.data.find(b"\n", lines.at, stop) + 1 or stop, stop)
                found.append(lines.data[lines.at : stop])
                lines.at = stop
        assert b"".join(found) == data
        assert not lines.fill()


def test_a_long_line_is_read_in_pieces_of_as_many_characters_as_were_asked_for():
    text = "é" * 70_000 + "😀" * 50_000 + "x\r" + "y\n"
    data = text.encode()
    for size in (1, 3, 7, 100_000):
        parts = [data[at : at + size] for at in range(0, len(data), size)] if size > 9 else [data]
        lines = text_lines(PiecewiseFile(parts), limit=10)
        pieces = []
        while piece := lines.readline(50_000):
            pieces.append(len(piece))
        assert pieces == [50_000, 50_000, 20_002, 2]


def test_what_was_read_ahead_of_an_error_is_kept():
    lines = ByteLines(PiecewiseFile([b"a", b"b"], OSError("gone")), 100)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            lines.readline(100)
    assert lines.data == b"ab"


@no_deadline
@given(
    lines=st.lists(
        st.sampled_from(["a,b", "", ",", "é,😀", "a\u2028,\x85b", "a;b", "'a,b'", "a", "a,b,c", " a , b ", "\x1c,\x0b"])
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    width=st.sampled_from([1, 2, 2, 3]),
    quote=st.sampled_from(['"', ""]),
    whole=st.booleans(),
)  # fmt: skip
@example(lines=["a", "", "b"], end="\n", width=1, quote='"', whole=True)
def test_cells_without_quotes_are_cut_as_the_csv_reader_cuts_them(lines, end, width, quote, whole):
    data = end.join([*lines, "" if whole else "x,y"]).encode()

    def reader() -> CsvReader:
        return CsvReader(text_lines(io.BytesIO(data)), Dialect("csv", quote=quote, header=False), width)

    items = in_one_list(reader())
    assert items == list(reader())
    own = filter(None, csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    fitting = [cells for cells in own if len(cells) == width]
    assert [item.values for item in items if isinstance(item, Record)] == fitting


@pytest.mark.parametrize("line_end", ["lf", "any", "cr"])
@pytest.mark.parametrize("seed", range(20))
def test_lines_are_the_same_one_by_one_in_pieces_and_between_blocks(seed: int, line_end: LineEnd):
    chance = random.Random(seed)
    ends = ["\n"] if seed % 2 else ["\n", "\r\n", "\r"]
    words = ["", "a", "é😀", "b" * 40, "c" * 700, "\udcff"]
    text = "".join(chance.choice(words) + chance.choice(ends) for _ in range(chance.randrange(3_000))) + "end"
    data = text.encode("utf-8", "surrogateescape")
    lines = TextLines(
        PiecewiseFile([data[at : at + 5_000] for at in range(0, len(data), 5_000)]),
        "utf-8", "surrogateescape", 10_000_000, line_end,
    )  # fmt: skip
    pattern = {"any": r"[^\r\n]*(?:\r\n|\n|\r|\Z)", "lf": r"[^\n]*(?:\n|\Z)", "cr": r"[^\r]*(?:\r|\Z)"}
    for line in filter(None, re.findall(pattern[line_end], text)):
        raw = line.encode("utf-8", "surrogateescape")
        if chance.random() < 0.1:  # as the fast path takes lines
            assert lines.fill()
            assert lines.data.startswith(raw, lines.at)
            lines.at += len(raw)
            continue
        limit = chance.choice([100_000] * 5 + [chance.randrange(1, 50)])
        for at in range(0, len(line), limit):
            assert lines.readline(limit) == line[at : at + limit]
    assert lines.readline(1) == ""
