"""Compressed tar archives, unpacked once."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from source_helpers import COMPRESS, make_tar, read_file, write

from importer.errors import SourceError, StorageError
from importer.progress import NullProgress
from importer.source.archives import ListedMember, Member
from importer.source.detect import detect_source
from importer.source.files import source_exists, source_size
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.unpack import UnpackedTar, unpack_tar

CONTENT = {"d/b.csv": b"n,text\n" + b"1,x\n" * 50_000, "a.csv": b"n,text\n2,y\n", "empty.csv": b""}
SIZE = sum(map(len, CONTENT.values()))


class SeenProgress(NullProgress):
    """Remembers the stages and positions."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.positions: list[int] = []

    def begin(self, title: str, size: int) -> None:
        self.stages.append((title, size))

    def update(self, position: int, *_: Any) -> None:
        self.positions.append(position)


def packed(
    path: Path, content: dict[str, bytes] = CONTENT, compression: str = "gzip", cut: int | None = None
) -> Path:
    form = tarfile.USTAR_FORMAT
    path.write_bytes(COMPRESS[compression](make_tar(path, content, form=form).read_bytes()[:cut]))
    return path


def unpack(archive: Path, most_bytes: int = SIZE, **more: Any) -> UnpackedTar:
    return unpack_tar(archive, archive.parent / "spool", most_bytes, NullProgress(), **more)


def in_folder(archive: Path) -> list[str]:
    return sorted(path.name for path in (archive.parent / "spool").iterdir())


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "zstd"])
def test_members_are_unpacked_into_numbered_files(tmp_path, compression):
    archive = packed(tmp_path / "x.tar.gz", compression=compression)
    progress = SeenProgress()
    found = unpack_tar(archive, tmp_path / "spool", SIZE, progress)
    assert {name: file.read_bytes() for name, file in found.files.items()} == CONTENT
    assert list(found.files) == list(CONTENT)
    assert found.left_out == ()
    assert in_folder(archive) == ["000001", "000002", "000003", "unpacked.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert progress.stages == [(f"Unpacking {archive}", archive.stat().st_size)]
    assert progress.positions == sorted(progress.positions)
    assert progress.positions[-1] == archive.stat().st_size


def test_an_unpacked_member_is_a_source_under_its_own_name(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    member = unpack(archive).members(archive)[1]
    assert str(member) == f"{archive}::a.csv"
    assert member == Member(archive, "a.csv")
    assert source_exists(member)
    assert source_size(member) == len(CONTENT["a.csv"])
    assert read_file(member)[0].values == ["2", "y"]
    seen = take_fingerprint(member)
    assert seen.mtime_ns == archive.stat().st_mtime_ns
    assert seen.digest == take_fingerprint(write(tmp_path, CONTENT["a.csv"], "a.csv")).digest
    (tmp_path / "spool/unpacked.json").unlink()
    assert is_unchanged(unpack(archive).members(archive)[1], seen)
    with pytest.raises(SourceError, match=r"x\.tgz::empty\.csv is empty"):
        detect_source(unpack(archive).members(archive)[2])


def test_nothing_is_unpacked_twice(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    first = unpack(archive)
    times = {file: file.stat().st_ctime_ns for file in first.files.values()}
    os.utime(archive, ns=(1, 1))
    again = unpack(archive, 0)
    assert again == first
    assert {file: file.stat().st_ctime_ns for file in again.files.values()} == times


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "000002").unlink(),
        lambda folder: (folder / "000002").write_bytes(b""),
        lambda folder: (folder / "unpacked.json").unlink(),
        lambda folder: (folder / "unpacked.json").write_text("{}"),
        lambda folder: (folder / "unpacked.json").write_text("["),
        lambda folder: (folder / "unpacked.json").write_text('{"version": 0}'),
        lambda folder: (folder / "unpacked.json").rename(folder / "unpacked.json.part"),
        lambda folder: (folder / "000003").rename(folder / "000003.part"),
        lambda folder: packed(folder.parent / "x.tgz", {"new.csv": b"1"}),
    ],
)
def test_what_is_not_whole_is_unpacked_again(tmp_path, change):
    archive = packed(tmp_path / "x.tgz")
    unpack(archive)
    change(tmp_path / "spool")
    found = unpack(archive)
    assert len({file.read_bytes() for file in found.files.values()}) == len(found.files)
    assert in_folder(archive) == [*(file.name for file in found.files.values()), "unpacked.json"]


def test_only_what_is_wanted_is_unpacked(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    found = unpack(archive, 11, wanted=lambda name: name == "a.csv")
    assert list(found.files) == ["a.csv"]
    assert found.unwanted == ("d/b.csv", "empty.csv")
    assert list(unpack(archive, 0, wanted=lambda name: name == "a.csv").files) == ["a.csv"]
    assert list(unpack(archive).files) == list(CONTENT)
    assert list(unpack(archive, 0, wanted=lambda name: name == "a.csv").files) == ["a.csv"]


def test_no_more_is_written_than_is_allowed(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    with pytest.raises(SourceError, match=r"a\.csv has 11 bytes, and 10 are left") as caught:
        unpack(archive, SIZE - 1)
    assert "--spool-space" in caught.value.remedy
    assert in_folder(archive) == []


def test_what_can_t_be_unpacked_is_left_out_by_name(tmp_path):
    content = {"../up.csv": b"1", "a.csv": b"2", ".DS_Store": b"3", "twice.csv": b"4", "./twice.csv": b"5"}
    archive = packed(tmp_path / "x.tgz", content)
    found = unpack(archive)
    assert {name: file.read_bytes() for name, file in found.files.items()} == {"a.csv": b"2"}
    assert [each.name for each in found.left_out] == ["../up.csv", "twice.csv"]
    assert in_folder(archive) == ["000001", "unpacked.json"]
    assert not (tmp_path / "up.csv").exists()
    assert unpack(archive, 0) == found


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd"])  # bz2 gives nothing of a block that is cut
def test_what_came_before_a_cut_is_there(tmp_path, compression):
    archive = packed(tmp_path / "x.tgz", {"a.csv": b"1", "b.csv": os.urandom(300_000)}, compression)
    archive.write_bytes(archive.read_bytes()[:200_000])
    found = unpack(archive, 1 << 20)
    assert {name: file.read_bytes() for name, file in found.files.items()} == {"a.csv": b"1"}
    assert [(each.name, each.size) for each in found.left_out] == [("b.csv", 300_000)]
    assert found.left_out[0].problem.startswith("is cut short")
    assert unpack(archive, 0) == found
    assert in_folder(archive) == ["000001", "unpacked.json"]


def test_an_archive_without_its_end_is_named(tmp_path):
    found = unpack(packed(tmp_path / "x.tgz", {"a.csv": b"1"}, cut=1024))
    assert list(found.files) == ["a.csv"]
    assert [each.name for each in found.left_out] == ["(what follows a.csv)"]


def test_archives_that_were_joined_are_not_read_in_part_in_silence(tmp_path):
    archive = packed(tmp_path / "x.tgz", {"a.csv": b"1"})
    archive.write_bytes(archive.read_bytes() * 2)
    found = unpack(archive)
    assert list(found.files) == ["a.csv"]
    assert isinstance(found.left_out[0], ListedMember)
    assert "archives had been joined" in found.left_out[0].problem


@pytest.mark.parametrize("at", [-6, 150_000])
def test_an_archive_with_flipped_bits_is_refused(tmp_path, at):
    archive = packed(tmp_path / "x.tgz", {"a.csv": b"1", "b.csv": os.urandom(300_000)})
    data = bytearray(archive.read_bytes())
    data[at] ^= 1
    archive.write_bytes(data)
    with pytest.raises(SourceError, match=r"x\.tgz is damaged"):
        unpack(archive, 1 << 20)
    assert in_folder(archive) == []


def test_damage_in_the_middle_of_a_member_leaves_nothing_but_what_others_put_there(tmp_path):
    archive = packed(tmp_path / "x.tgz", {"a.csv": b"1", "b.csv": os.urandom(400_000)})
    data = bytearray(archive.read_bytes())
    data[150_000:250_000] = b"\xff" * 100_000
    archive.write_bytes(data)
    (tmp_path / "spool").mkdir()
    write(tmp_path / "spool", b"mine", "notes.txt")
    with pytest.raises(SourceError, match=r"x\.tgz is damaged: its compressed data can't be decoded"):
        unpack(archive, 1 << 20)
    assert in_folder(archive) == ["notes.txt"]


def test_what_is_no_compressed_tar_is_refused(tmp_path):
    for path in (make_tar(tmp_path / "x.tar", CONTENT), write(tmp_path, gzip.compress(b"a,b\n1,2\n"))):
        with pytest.raises(SourceError, match="is no compressed tar archive"):
            unpack(path)


def test_a_folder_that_can_t_be_written_is_a_storage_error(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    write(tmp_path, b"", "spool")
    with pytest.raises(StorageError, match=r"x\.tgz can't be unpacked into .*spool: ") as caught:
        unpack(archive)
    assert "Free some space" in caught.value.remedy


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path):
    archive = packed(tmp_path / "x.tgz")
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from importer.errors import StorageError\n"
        "from importer.progress import NullProgress\n"
        "from importer.source.unpack import unpack_tar\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n    unpack_tar(Path(sys.argv[1]), Path(sys.argv[2]), 1 << 30, NullProgress())\n"
        "except StorageError as error:\n    print(error.message)\n"
    )
    command = [sys.executable, "-c", script, archive, tmp_path / "spool"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert in_folder(archive) == []
