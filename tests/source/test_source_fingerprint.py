"""Fingerprints: of a file by itself, and of a source by the pass that reads it."""

from __future__ import annotations

import io
import os
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, no_deadline, write

from importer.errors import SourceError
from importer.model import Fingerprint
from importer.reading import Dialect
from importer.source.detect import detect_source
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.reader import Source, open_source

COUNT = 90_000  # two blocks of bz2
TABLE = "n,text\n" + "".join(f"{n},{n * 0.37}\n" for n in range(COUNT))  # several reads, compressed or not
PACKED = [name for name in COMPRESS if name]
BEHIND = {
    "gzip": b"\0" * 512,  # gzip pads to the blocks of a tape
    "xz": b"what lies behind a stream",
    "bz2": b"what lies behind a stream",
    "zstd": b"\x50\x2a\x4d\x18\x03\0\0\0abc",  # a skippable frame
}


@pytest.fixture(scope="module")
def packed() -> dict[str, bytes]:
    return {name: compress(TABLE.encode()) for name, compress in COMPRESS.items()}


def opened(path: Path, compression: str = "") -> Source:
    return open_source(path, Dialect("csv", compression), ("n", "text"), hashed=True)


def read_hashed(path: Path, compression: str = "") -> tuple[int, Fingerprint]:
    """The number of records, and the fingerprint that was taken while they were read."""
    with opened(path, compression) as source:
        count = sum(map(len, source.chunks()))
        return count, source.fingerprint()


def test_a_fingerprint_is_of_the_bytes_on_disk(tmp_path):
    path = write(tmp_path, b"abc" * 1_000_000)
    found = take_fingerprint(path)
    assert (found.size, found.mtime_ns) == (3_000_000, path.stat().st_mtime_ns)
    assert found.digest == take_fingerprint(write(tmp_path, b"abc" * 1_000_000, "other")).digest
    assert len(found.digest) == 32
    assert take_fingerprint(write(tmp_path, b"", "empty")).digest == "99aa06d3014798d86001c324468d497f"


def test_a_file_touched_with_the_same_bytes_is_unchanged(tmp_path):
    path = write(tmp_path, "abc")
    seen = take_fingerprint(path)
    os.utime(path, ns=(1, 1))
    assert is_unchanged(path, seen)


def test_a_file_with_other_bytes_of_the_same_size_is_changed(tmp_path):
    path = write(tmp_path, "abc")
    seen = take_fingerprint(path)
    path.write_text("abd")
    os.utime(path, ns=(1, 1))
    assert not is_unchanged(path, seen)


def test_a_file_that_grew_is_changed_whatever_its_time_says(tmp_path):
    path = write(tmp_path, "abc")
    seen = take_fingerprint(path)
    path.write_text("abcd")
    os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns))
    assert not is_unchanged(path, seen)


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_source_is_hashed_by_the_pass_that_reads_it(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression])
    assert read_hashed(path, compression) == (COUNT, take_fingerprint(path))


@pytest.mark.parametrize("compression", COMPRESS)
def test_records_read_one_by_one_are_hashed_as_well(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression])
    with opened(path, compression) as source:
        assert sum(1 for _ in source.items()) == COUNT
        assert source.fingerprint() == take_fingerprint(path)


@pytest.mark.parametrize("compression", PACKED)
def test_bytes_behind_a_compressed_stream_are_hashed(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression] + BEHIND[compression])
    assert read_hashed(path, compression) == (COUNT, take_fingerprint(path))


def test_many_bytes_behind_a_compressed_stream_are_hashed(tmp_path):
    path = write(tmp_path, COMPRESS["gzip"](b"n,text\n1,2\n") + b"\0" * 5_000_000)
    assert read_hashed(path, "gzip") == (1, take_fingerprint(path))


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("taken", [0, 1, 30_000])
def test_what_was_not_read_is_hashed_when_the_fingerprint_is_asked_for(tmp_path, packed, compression, taken):
    path = write(tmp_path, packed[compression])
    with opened(path, compression) as source:
        assert len(list(islice(source.items(), taken))) == taken
        assert source.fingerprint() == take_fingerprint(path)
        assert source.fingerprint() == take_fingerprint(path)


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("content", ["n,text\n", "n,text\n1,2", "n,text\n1,2\n\n\n"])
def test_small_files_and_blank_lines_at_the_end_are_hashed(tmp_path, compression, content):
    path = write(tmp_path, COMPRESS[compression](content.encode()))
    assert read_hashed(path, compression) == (content.count(",") - 1, take_fingerprint(path))


def test_lines_of_json_are_hashed(tmp_path):
    path = write(tmp_path, '{"a":1}\n' * 50_000, "x.jsonl")
    with open_source(path, Dialect("jsonl"), ("a",), hashed=True) as source:
        assert sum(map(len, source.chunks())) == 50_000
        assert source.fingerprint() == take_fingerprint(path)


@no_deadline
@given(st.binary(max_size=60), st.sampled_from(list(COMPRESS)), st.integers(0, 5))
def test_whatever_a_file_holds_its_fingerprint_is_the_same_by_either_way(tmp_path_factory, data, name, taken):
    path = write(tmp_path_factory.getbasetemp(), COMPRESS[name](data), f"hashed-{name}")
    with open_source(path, Dialect("csv", name, header=False), ("1", "2"), hashed=True) as source:
        list(islice(source.items(), taken))
        assert source.fingerprint() == take_fingerprint(path)


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_damaged_file_has_a_fingerprint_too(tmp_path, packed, compression):
    path = write(tmp_path, packed[compression][: len(packed[compression]) * 3 // 4])
    with opened(path, compression) as source:
        if compression:
            with pytest.raises(SourceError):
                list(source.chunks())
        assert source.fingerprint() == take_fingerprint(path)


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"1,2\n")


def cut_short(path: Path) -> None:
    os.truncate(path, 100)


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def rewritten_with_the_same_size(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-2, io.SEEK_END)
        file.write(b"x")
    os.utime(path, ns=(2, 2))


@pytest.mark.parametrize("change", [appended, cut_short, touched, rewritten_with_the_same_size])
@pytest.mark.parametrize("moment", ["before", "while", "after"])
def test_a_file_that_changes_while_it_is_read_has_no_fingerprint(tmp_path, change, moment):
    path = write(tmp_path, TABLE)
    with opened(path) as source:
        chunks = source.chunks()
        if moment != "before":
            next(chunks)
        if moment == "after":
            list(chunks)
        change(path)
        with pytest.raises(SourceError) as caught:
            source.fingerprint()
    assert caught.value.message == f"{path} changed while it was read."
    assert caught.value.remedy == "Wait until it is written to the end, then run again."


def test_a_file_replaced_by_another_while_it_is_read_keeps_the_fingerprint_of_what_was_read(tmp_path):
    path = write(tmp_path, TABLE)
    expected = take_fingerprint(path)
    with opened(path) as source:
        write(tmp_path, "n,text\n", "new").replace(path)
        list(source.chunks())
        assert source.fingerprint() == expected
    assert not is_unchanged(path, expected)


def test_a_source_that_was_not_opened_to_be_hashed_has_no_fingerprint(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    found = detect_source(path)
    with open_source(path, found.dialect, found.columns) as source, pytest.raises(ValueError, match="hashed"):
        source.fingerprint()


def test_a_hashed_file_is_closed_with_its_source(tmp_path):
    with opened(write(tmp_path, TABLE)) as source:
        next(source.chunks())
    with pytest.raises(ValueError, match="closed"):
        source.fingerprint()
