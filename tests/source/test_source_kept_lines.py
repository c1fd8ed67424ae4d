"""Lines that were made of a file are kept where there is room, and are read again as they were."""

from __future__ import annotations

import io

import pytest

from importer.errors import StorageError
from importer.source.kept_lines import KEPT_LINES, KeptLines, PieceStream, keeping
from importer.source.raw import FileVersion
from importer.source.read_ahead import ReadAhead
from importer.source.spool_room import SpoolRoom

ROOM = SpoolRoom(1_000_000, "")
BATCHES = [[b"a\n", b"b\nc\n"], [], [b"d\n"]]


def version(number: int) -> FileVersion:
    return FileVersion(-1, number, 0, 0, 0)


def test_several_read_the_same_lines_at_a_time():
    assert list(keeping(iter(BATCHES), version(1), 4, ROOM)) == BATCHES
    found = KEPT_LINES.get(version(1))
    assert found is not None
    assert (found.rows, found.size) == (4, 8)
    one, other = found.pieces(), found.pieces()
    assert [next(one), next(other), next(one), next(other), *one, *other] == [
        *2 * [b"a\n"],
        *2 * [b"b\nc\n"],
        *2 * [b"d\n"],
    ]


def test_nothing_is_kept_of_a_file_without_a_version():
    assert KEPT_LINES.get(None) is None


def test_the_first_files_make_room_for_others():
    for number in range(100, 130):
        list(keeping(iter(BATCHES), version(number), 4, ROOM))
    kept = [number for number in range(100, 130) if KEPT_LINES.get(version(number))]
    assert kept == list(range(114, 130))


def test_more_than_the_most_is_not_kept_but_read():
    assert list(keeping(iter(BATCHES), version(2), 4, SpoolRoom(14, ""))) == BATCHES
    assert KEPT_LINES.get(version(2)) is None
    assert list(keeping(iter(BATCHES), version(3), 4, SpoolRoom(16, ""))) == BATCHES
    assert KEPT_LINES.get(version(3)) is not None


def test_they_take_half_of_the_room_at_most_and_give_it_back():
    room = SpoolRoom(30, "")
    for number, left in ((200, 22), (201, 22)):  # the second would leave less than 15
        list(keeping(iter(BATCHES), version(number), 4, room))
        assert (KEPT_LINES.get(version(number)) is not None, room.left) == (number == 200, left)
    for number in range(202, 218):
        list(keeping(iter(BATCHES), version(number), 4, ROOM))
    assert room.left == 30


def test_where_no_file_can_be_made_nothing_is_kept(tmp_path):
    def make() -> io.RawIOBase:
        return io.FileIO(tmp_path / "gone" / "kept", "w")

    assert list(keeping(iter(BATCHES), version(4), 4, ROOM, make=make)) == BATCHES
    assert KEPT_LINES.get(version(4)) is None


def test_where_the_disk_is_full_nothing_is_kept():
    def make() -> io.RawIOBase:
        return io.FileIO("/dev/full", "w")

    assert list(keeping(iter(BATCHES), version(5), 4, ROOM, make=make)) == BATCHES
    assert KEPT_LINES.get(version(5)) is None


@pytest.mark.parametrize("closed", [False, True])
def test_lines_that_are_lost_are_an_error(tmp_path, closed):
    file = (tmp_path / "kept").open("w+b", buffering=0)
    lines = KeptLines(file, ROOM)
    lines.write(b"a\n")
    lines.write(b"b\n")
    file.truncate(3)
    if closed:
        lines = KeptLines((tmp_path / "kept").open("wb", buffering=0), ROOM)
        lines.write(b"a\n")
    with pytest.raises(StorageError, match=r"can't be read again from .*: "):
        list(lines.pieces())


def test_a_stream_has_each_piece_as_it_is():
    stream = PieceStream(iter([b"a\n", b"", b"b\n"]))
    assert stream.readable()
    assert [stream.read1(1) for _ in range(4)] == [b"a\n", b"b\n", b"", b""]


# ── read ahead ───────────────────────────────────────────────────────────────────────────────────


def test_who_reads_the_first_batch_alone_makes_no_other():
    made = []

    def batches():
        for number in range(3):
            made.append(number)
            yield [b"%d\n" % number]

    with ReadAhead(batches()) as stream:
        assert stream.read1() == b"0\n"
        assert made == [0]
    with ReadAhead(batches()) as stream:
        assert [stream.read1() for _ in range(5)] == [b"0\n", b"1\n", b"2\n", b"", b""]


@pytest.mark.parametrize("first", [[], [b"a\n"]])
def test_an_error_is_raised_at_each_further_read(first):
    def batches():
        yield from filter(None, [first])
        raise ValueError("damaged")

    with ReadAhead(batches()) as stream:
        assert [stream.read1() for _ in first] == first
        for _ in range(2):
            with pytest.raises(ValueError, match="damaged"):
                stream.read1()
