from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, unhurried, write

from importer.errors import SourceError
from importer.source import RawLines
from importer.source.jsonl import BOM, LIMIT


def raw(path: Path, compression: str = "") -> list[bytes]:
    with RawLines(path, compression) as source:
        return list(source.chunks())


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("mark", [b"", BOM])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("last", [b"", b"{}"])
def test_chunks_are_whole_lines_and_together_the_file(
    tmp_path: Path, compression: str, mark: bytes, end: bytes, last: bytes
):
    text = b"".join(b'{"n":%d}%b' % (n, end) for n in range(12_000)) + last
    chunks = raw(write(tmp_path, COMPRESS[compression](mark + text)), compression)
    assert b"".join(chunks) == text
    assert len(chunks) > 3
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    assert max(map(len, chunks)) < 40_000


@unhurried
@given(
    st.lists(st.sampled_from([b"", b"\n", b"{}\n", BOM, b"x" * 32_765, b"x" * 32_767 + b"\n"]), max_size=6)
)
def test_chunks_end_where_lines_do(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]):
    text = b"".join(parts)
    chunks = raw(write(tmp_path_factory.mktemp("raw"), text))
    assert b"".join(chunks) == text.removeprefix(BOM)
    lines = [line for chunk in chunks for line in io.BytesIO(chunk).readlines()]
    assert lines == io.BytesIO(text.removeprefix(BOM)).readlines()


def test_a_line_that_is_too_long_is_never_held_whole(tmp_path: Path):
    text = b"x" * (3 * LIMIT) + b"\n{}\n"
    chunks = raw(write(tmp_path, text))
    assert b"".join(chunks) == text
    assert max(map(len, chunks)) < LIMIT + 40_000


def test_the_longest_line_that_can_be_a_record_comes_whole(tmp_path: Path):
    longest = b'"' + b"x" * (LIMIT - 3) + b'"\n'
    before = b"y" * 32_767 + b"\n"  # as much as is read in one go, so that the line begins with the next
    for text in (longest, BOM + longest, b"\n" + longest, before + longest, before[:-2] + b"\n" + longest):
        lines = [line for chunk in raw(write(tmp_path, text)) for line in io.BytesIO(chunk).readlines()]
        assert longest in lines


def test_the_position_goes_up_to_the_size(tmp_path: Path):
    path = write(tmp_path, COMPRESS["gzip"](b'{"n":1}\n' * 100_000))
    with RawLines(path, "gzip") as source:
        positions = [source.position() for _ in source.chunks()]
        assert positions == sorted(positions)
        assert source.position() == source.size == path.stat().st_size


def test_what_can_not_be_decompressed_is_a_source_error(tmp_path: Path):
    whole = COMPRESS["gzip"](bytes(range(256)) * 1_000)
    with pytest.raises(SourceError, match="cut short"):
        raw(write(tmp_path, whole[:-20]), "gzip")
    with pytest.raises(SourceError, match="does not exist"):
        RawLines(tmp_path / "none", "")
