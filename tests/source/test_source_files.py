from __future__ import annotations

import io
import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, no_deadline, places, read_file, write

from importer.errors import SourceError, UsageError
from importer.model import Record
from importer.reading import Dialect
from importer.source.detect import detect_source
from importer.source.fingerprint import take_fingerprint
from importer.source.raw import DecompressedFile, decompressor, open_disk_file, source_error
from importer.source.reader import open_source

COLUMNS = ("n", "text")
COUNT = 60_000  # two blocks of bz2, several reads of each
TABLE = "n,text\n" + "".join(f"{n},{random.Random(n).random()}\n" for n in range(COUNT))
PACKED = [name for name in COMPRESS if name]


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    return {name: compress(TABLE.encode()) for name, compress in COMPRESS.items()}


@pytest.mark.parametrize("compression", COMPRESS)
def test_the_records_are_the_same_in_every_compression(tmp_path, packed, compression):
    items = read_file(write(tmp_path, packed[compression]), Dialect("csv", compression), COLUMNS)
    assert len(items) == COUNT
    assert items[-1].values[0] == str(COUNT - 1)


@pytest.mark.parametrize("compression", PACKED)
def test_pieces_compressed_one_by_one_are_read_to_the_end(tmp_path, compression):
    compress = COMPRESS[compression]
    path = write(tmp_path, compress(b"n,text\n1,a\n") + compress(b"2,b\n"))
    assert [item.values for item in read_file(path)] == [["1", "a"], ["2", "b"]]


def test_zstd_that_begins_with_a_skippable_frame_is_read(tmp_path):
    skippable = struct.pack("<II", 0x184D2A50, 5) + b"abcde"
    path = write(tmp_path, skippable + COMPRESS["zstd"](b"n,text\n1,a\n"))
    assert read_file(path) == [Record(1, 2, ["1", "a"])]


@pytest.mark.parametrize("compression", COMPRESS)
def test_the_position_never_falls_and_ends_at_the_size(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression])
    with open_source(path, Dialect("csv", compression), COLUMNS) as source:
        seen = [source.position()]
        seen += [source.position() for _ in source.chunks()]
        seen.append(source.position())
        assert source.size == len(packed[compression]) == seen[-1]
        assert seen == sorted(seen)
        assert seen[0] < source.size or source.size < 1 << 18
    assert source.position() == source.size


@pytest.mark.parametrize("compression", [*COMPRESS, "deflate"])
def test_what_decompresses_can_be_read_through_a_buffer(packed, compression):
    data = zlib.compress(TABLE.encode(), wbits=-15) if compression == "deflate" else packed[compression]
    stream, _ = decompressor(io.BytesIO(data), compression)  # type: ignore[arg-type]
    with io.BufferedReader(stream) as buffered:  # type: ignore[type-var]
        assert buffered.readline() == b"n,text\n"
        assert buffered.read() == TABLE[7:].encode()


def test_a_decompressed_file_may_be_closed_twice(tmp_path, packed):
    path = write(tmp_path, packed["gzip"])
    file = DecompressedFile(path, open_disk_file(path), "gzip")
    assert file.read(7) == b"n,text\n"
    before = file.position()
    file.close()
    file.close()
    assert file.closed
    assert file.position() == before > 0


def test_the_position_can_be_asked_for_after_closing_early(tmp_path, packed):
    path = write(tmp_path, packed[""])
    with open_source(path, Dialect("csv"), COLUMNS) as source:
        next(source.chunks())
        before = source.position()
    assert source.position() == before


@pytest.mark.parametrize("compression", PACKED)
def test_a_truncated_file_yields_its_whole_records_and_then_raises(tmp_path, packed, compression):
    data = packed[compression]
    path = write(tmp_path, data[: len(data) * 3 // 4])
    items = []
    with open_source(path, Dialect("csv", compression), COLUMNS) as source:
        chunks = source.chunks()
        with pytest.raises(SourceError, match="is cut short") as caught:  # noqa: PT012  (the loop stops there)
            for chunk in chunks:
                items += chunk
    assert items
    expected = TABLE.splitlines()[1 : len(items) + 1]
    assert [",".join(item.values) for item in items] == expected
    assert f"{len(items):,} records were read before" in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("compression", PACKED)
def test_a_file_without_its_last_byte_is_cut_short(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression][:-1])
    with pytest.raises(SourceError, match="is cut short"):
        read_file(path, Dialect("csv", compression), COLUMNS)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz"])
def test_a_flipped_bit_is_damage(tmp_path, packed, compression):
    data = bytearray(packed[compression])
    data[len(data) * 7 // 8] ^= 0x10
    with pytest.raises(SourceError, match=r"damaged|cut short"):
        read_file(write(tmp_path, bytes(data)), Dialect("csv", compression), COLUMNS)


@pytest.mark.parametrize("compression", PACKED)
@no_deadline
@given(cut=st.integers(0, 300), at=st.integers(0, 300), byte=st.integers(0, 255), tail=st.binary(max_size=9))
def test_no_damage_raises_anything_but_a_source_error(tmp_path_factory, compression, cut, at, byte, tail):
    data = bytearray(COMPRESS[compression](TABLE[:400].encode())[: cut or None])
    data[at % len(data)] = byte
    path = write(tmp_path_factory.getbasetemp(), bytes(data) + tail, f"damaged-{compression}")
    try:
        with open_source(path, Dialect("csv", compression), COLUMNS) as source:
            list(source.chunks())
    except SourceError as error:
        assert str(path) in error.message  # noqa: PT017  (an error is allowed, not required)


@no_deadline
@given(
    head=st.sampled_from([b"", b"a,b\n", b'{"a":', b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b'"']),
    data=st.binary(max_size=300),
    given_=st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from(["csv", "jsonl"]),
            "encoding": st.sampled_from(["utf-16", "utf-32", "shift_jis", "cp1252", "utf-7", "gb18030"]),
            "header": st.booleans(),
            "delimiter": st.sampled_from([";", "\t", "é"]),
        },
    ),
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, head, data, given_):
    path = write(tmp_path_factory.getbasetemp(), head + data, "anything")
    try:
        found = detect_source(path, **given_)
        items = read_file(path, found.dialect, found.columns)
    except SourceError:
        return
    except UsageError:  # what JSON can't have
        assert "encoding" in given_ or "delimiter" in given_ or not given_["header"]
        return
    assert [item.row for item in items] == list(range(1, len(items) + 1))
    assert list(found.sample) == [item for item in items if isinstance(item, Record)][:1_000]


def test_a_missing_file_is_a_clear_error(tmp_path):
    for ask in (detect_source, take_fingerprint):
        with pytest.raises(SourceError, match=r"nowhere\.csv does not exist"):
            ask(tmp_path / "nowhere.csv")


def test_a_directory_is_a_clear_error(tmp_path):
    with pytest.raises(SourceError, match="is a directory") as caught:
        detect_source(tmp_path)
    assert caught.value.remedy.endswith("/*.csv")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="not a regular file") as caught:
        detect_source(tmp_path / "pipe")
    assert "standard input" in caught.value.remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "x.csv can't be read: permission denied."),
        (OSError(5, "Input/output error"), "x.csv can't be read: Input/output error."),
        (EOFError(), "x.csv is cut short: its compressed data ends in the middle."),
        (zlib.error("bad code"), "x.csv is damaged: its compressed data can't be decoded (bad code)."),
    ],
)
def test_errors_of_the_system_and_of_decompressors_become_source_errors(error, words):
    found = source_error(Path("x.csv"), error)
    assert found.message == words
    assert found.remedy


def test_a_path_that_can_be_no_file_is_a_source_error(tmp_path):
    with pytest.raises(SourceError):
        detect_source(tmp_path / "a\0b")
    with pytest.raises(SourceError):
        detect_source(tmp_path / ("x" * 5000))


def test_another_header_than_the_expected_one_is_refused(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"doesn't name the expected 2 columns \(b, a\)"):
        open_source(path, Dialect("csv"), ("b", "a"))


def test_a_compression_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(SourceError, match="'brotli'"):
        open_source(write(tmp_path, "a"), Dialect("csv", "brotli"), ("a",))


def test_reading_goes_on_by_number_over_many_chunks(tmp_path, packed):
    items = read_file(write(tmp_path, packed[""]), Dialect("csv"), COLUMNS)
    assert places(items) == [("Record", n, n + 1) for n in range(1, COUNT + 1)]


def test_a_chunk_holds_few_items(tmp_path, packed):
    with open_source(write(tmp_path, packed[""]), Dialect("csv"), COLUMNS) as source:
        sizes = [len(chunk) for chunk in source.chunks()]
        assert sum(sizes) == COUNT
        assert max(sizes) < 5_000
