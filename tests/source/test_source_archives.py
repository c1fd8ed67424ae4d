"""Members of archives as sources."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import shutil
import stat
import struct
import subprocess
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, make_tar, make_zip, no_deadline, read_file, write

from importer.errors import SourceError
from importer.model import Fingerprint
from importer.reading import Dialect
from importer.source.archive_entry import BOMB_SIZE
from importer.source.archives import ListedMember, Member, MemberFile, archive_kind, list_members
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.files import open_raw, read_start, source_exists, source_size
from importer.source.fingerprint import is_unchanged, take_fingerprint, take_fingerprint_and_lines
from importer.source.members import SourcePath, file_of, parse_source_path, printing_words
from importer.source.reader import open_source

TABLE = b"n,text\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 1000) for n in range(12_000))
CONTENT = {"b/10.csv": TABLE, "a.csv": b"n,text\n1,x\n", "empty.csv": b"", "é.jsonl": b'{"a": 1}\n' * 3}
METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bz2": zipfile.ZIP_BZIP2}

Make = Callable[[Path, Mapping[str, bytes]], Path]


MAKERS: dict[str, Callable[[Path, Mapping[str, bytes]], Path]] = {
    **{f"zip, {name}": lambda p, c, m=method: make_zip(p, c, m) for name, method in METHODS.items()},
    "tar, pax": make_tar,
    "tar, gnu": lambda p, c: make_tar(p, c, form=tarfile.GNU_FORMAT),
    "tar, ustar": lambda p, c: make_tar(p, c, form=tarfile.USTAR_FORMAT),
}
every_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
either_kind = pytest.mark.parametrize("make", [make_zip, make_tar], ids=["zip", "tar"])


def content_of(path: SourcePath) -> bytes:
    with open_raw(path) as raw:
        return b"".join(iter(lambda: raw.read(1 << 16), b""))


def named(archive: Path) -> dict[str, str]:
    """The problem of each member."""
    return {each.name: each.problem for each in list_members(archive)}


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@every_kind
def test_members_are_listed_and_read_in_the_archives_order(tmp_path, make):
    archive = make(tmp_path / "x.bin", CONTENT)
    assert list_members(archive) == [ListedMember(name, len(data)) for name, data in CONTENT.items()]
    for name, data in CONTENT.items():
        member = Member(archive, name)
        assert content_of(member) == data
        assert source_size(member) == len(data)
        assert source_exists(member)
        assert read_start(member, 5) == data[:5]


@every_kind
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_member_is_a_source_like_a_file(tmp_path, make, compression):
    data = COMPRESS[compression](TABLE)
    member = Member(make(tmp_path / "x.bin", {"deep/t.csv": data, "z.csv": b"no\n"}), "deep/t.csv")
    path = write(tmp_path, data, "t.csv")
    found = detect_source(member)
    assert found == detect_source(path)
    assert read_file(member, found.dialect, found.columns) == read_file(path, found.dialect, found.columns)
    with open_source(member, found.dialect, found.columns, hashed=True) as source:
        seen = [source.position(), *(source.position() for _ in source.chunks()), source.position()]
        assert source.size == len(data) == seen[-1]
        assert seen == sorted(seen)
        digest = source.fingerprint().digest
    expected = Fingerprint(len(data), file_of(member).stat().st_mtime_ns, take_fingerprint(path).digest)
    assert take_fingerprint(member) == expected
    assert digest == expected.digest
    assert take_fingerprint_and_lines(member) == (expected, data.count(b"\n"))


@either_kind
def test_records_of_a_member_are_copied_as_they_stand(tmp_path, make):
    member = Member(make(tmp_path / "x.bin", {"t.csv": TABLE}), "t.csv")
    found = detect_source(member)
    out = io.BytesIO()
    assert copy_records(member, found.dialect, found.columns, [2, 12_000], out) == 2
    assert out.getvalue() == b"n,text\n1,919\n11999,%d\n" % (11_999 * 7919 % 1000)


def test_a_member_names_itself_and_can_be_handed_to_another_process():
    member = Member(Path("in/export.zip"), "2024/05/01.json.gz")
    assert str(member) == "in/export.zip::2024/05/01.json.gz"
    assert str(member.absolute()) == f"{Path.cwd()}/in/export.zip::2024/05/01.json.gz"
    assert member.with_suffix(".csv") == Path("in/01.json.csv"), "beside the archive"
    assert member.suffixes == [".json", ".gz"]
    assert pickle.loads(pickle.dumps(member)) == member


def test_a_name_is_a_member_only_if_there_is_such_an_archive(tmp_path):
    archive = make_zip(tmp_path / "a::b.zip", CONTENT)
    assert parse_source_path(f"{archive}::b/10.csv") == Member(archive, "b/10.csv")
    assert parse_source_path(f"{archive}::b::c") == Member(archive, "b::c")
    assert parse_source_path(f"{tmp_path}/c.zip::b") == Path(f"{tmp_path}/c.zip::b")
    whole = write(tmp_path, b"", "a::b.zip::x")
    assert parse_source_path(str(whole)) == whole
    assert parse_source_path("x.csv") == Path("x.csv")


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [(make_zip, "x.ZIP", ["unzip", "-p"]), (make_tar, "x.tar", ["tar", "-xOf"]), (None, "a.csv", [])],
)
def test_a_member_is_printed_by_the_program_of_its_archive(tmp_path, make, name, words):
    if make is None:
        assert printing_words(tmp_path / name) == []
        return
    member = Member(make(tmp_path / name, CONTENT), "a.csv")
    assert printing_words(member) == [*words, str(member.archive), "a.csv"]
    if shutil.which(words[0]):
        done = subprocess.run(printing_words(member), capture_output=True, check=True)
        assert done.stdout == CONTENT["a.csv"]


@either_kind
def test_threads_read_members_of_one_archive_at_once(tmp_path, make):
    content = {f"{n}.csv": random.Random(n).randbytes(300_000) for n in range(6)}
    archive = make(tmp_path / "x.bin", content)
    found: dict[str, bytes] = {}

    def read(name: str) -> None:
        found[name] = content_of(Member(archive, name))

    threads = [threading.Thread(target=read, args=(name,)) for name in content]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == content


@either_kind
def test_members_closed_leave_no_file_open(tmp_path, make):
    archive = make(tmp_path / "x.bin", CONTENT)
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir())) if handles.exists() else 0
    opened = [open_raw(Member(archive, name)) for name in CONTENT]
    for each in opened:
        each.close()
        each.close()
    with pytest.raises(SourceError):
        open_raw(Member(archive, "nowhere"))
    assert not before or len(list(handles.iterdir())) == before


@either_kind
def test_members_are_listed_once(tmp_path, make):
    archive = make(tmp_path / "x.bin", {f"2024/{n:05}.csv": b"a\n" for n in range(4_000)})
    assert len(list_members(archive)) == 4_000
    start = time.process_time()
    for n in range(0, 4_000, 20):
        assert content_of(Member(archive, f"2024/{n:05}.csv")) == b"a\n"
    assert time.process_time() - start < 4  # 0.02 s; with all names read again for each, 10 s and more


@either_kind
def test_a_member_can_be_read_through_a_buffer_and_nothing_wanted_is_not_its_end(tmp_path, make):
    archive = make(tmp_path / "x.bin", CONTENT)
    with io.BufferedReader(MemberFile(Member(archive, "b/10.csv"))) as buffered:
        assert buffered.readline() == b"n,text\n"
        assert buffered.read() == TABLE[7:]
    with closing(open_raw(Member(archive, "a.csv"))) as raw:
        assert raw.readinto(bytearray()) == 0
        assert raw.read(100) == CONTENT["a.csv"]


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="Linux has a file whose beginning can't be read"
)
def test_an_archive_that_the_disk_does_not_give_is_a_source_error():
    member = Member(Path("/proc/self/mem"), "a.csv")
    for ask in (lambda: list_members(member.archive), lambda: open_raw(member)):
        with pytest.raises(SourceError, match=r"/proc/self/mem can't be read: Input/output error") as caught:
            ask()
        assert caught.value.remedy == "Check the disk and retry."
    assert archive_kind(member.archive) == ""
    assert not source_exists(member)


# ── fingerprints ─────────────────────────────────────────────────────────────────────────────────


@either_kind
def test_a_member_of_an_archive_made_again_is_unchanged_if_its_bytes_are(tmp_path, make):
    member = Member(make(tmp_path / "x.bin", CONTENT), "a.csv")
    seen = take_fingerprint(member)
    assert is_unchanged(member, seen)
    make(member.archive, {"new.csv": b"1", **CONTENT})
    os.utime(member.archive, ns=(1, 1))
    assert is_unchanged(member, seen)
    make(member.archive, {**CONTENT, "a.csv": b"n,text\n1,y\n"})
    os.utime(member.archive, ns=(2, 2))
    assert not is_unchanged(member, seen)
    make(member.archive, {**CONTENT, "a.csv": b"n,text\n1,yy\n"})
    os.utime(member.archive, ns=(seen.mtime_ns, seen.mtime_ns))
    assert not is_unchanged(member, seen)


@either_kind
def test_an_archive_that_changes_while_a_member_is_read_gives_no_fingerprint(tmp_path, make):
    member = Member(make(tmp_path / "x.bin", CONTENT), "b/10.csv")
    found = detect_source(member)
    with open_source(member, found.dialect, found.columns, hashed=True) as source:
        next(source.chunks())
        os.utime(member.archive, ns=(1, 1))
        with pytest.raises(SourceError, match=r"10\.csv changed while it was read"):
            source.fingerprint()


@either_kind
def test_what_is_not_there_is_named(tmp_path, make):
    archive = make(tmp_path / "x.bin", CONTENT)
    for member, words in (
        (Member(archive, "nowhere.csv"), r"x\.bin::nowhere\.csv does not exist"),
        (Member(tmp_path / "nowhere.zip", "a.csv"), r"nowhere\.zip does not exist"),
        (Member(write(tmp_path, b"a,b\n1,2\n"), "a.csv"), r"events\.csv is no archive"),
    ):
        assert not source_exists(member)
        for ask in (detect_source, take_fingerprint, source_size):
            with pytest.raises(SourceError, match=words):
                ask(member)


# ── what an archive is ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_an_archive_is_known_by_its_content(tmp_path, ending):
    tar = make_tar(tmp_path / "x", CONTENT).read_bytes()
    compress = COMPRESS[{"gz": "gzip", "zst": "zstd"}.get(ending, ending)]
    assert archive_kind(write(tmp_path, tar, "t.csv")) == "tar"
    assert archive_kind(make_zip(tmp_path / "z.csv", CONTENT)) == "zip"
    packed = write(tmp_path, compress(tar), "p.csv")
    assert archive_kind(packed) == f"tar.{ending}"
    assert list_members(packed) == [ListedMember(name, len(data)) for name, data in CONTENT.items()]
    assert archive_kind(write(tmp_path, compress(TABLE), "t.csv.gz")) == ""
    assert archive_kind(write(tmp_path, compress(tar)[:20], "cut")) == ""


def test_what_is_no_archive_has_no_kind(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    others = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"}
    for path in (
        write(tmp_path, TABLE),
        write(tmp_path, b"", "empty"),
        write(tmp_path, bytes(2048), "zeros"),
        tmp_path,
        tmp_path / "nowhere",
        tmp_path / "pipe",
        make_zip(tmp_path / "x.xlsx", {"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"}),
        make_zip(tmp_path / "x.jar", {"META-INF/MANIFEST.MF": b"x", "a.class": b"x"}),
        make_zip(tmp_path / "x.ods", others),
    ):
        assert archive_kind(path) == ""


@pytest.mark.parametrize("make", [make_zip, make_tar, lambda p, c: make_tar(p, c, "w:gz")])
def test_an_archive_given_as_a_file_is_refused_as_before(tmp_path, make):
    with pytest.raises(SourceError, match=r"x\.csv looks like a (zip|tar) archive") as caught:
        detect_source(make(tmp_path / "x.csv", CONTENT))
    assert caught.value.remedy


def test_what_macos_adds_is_left_out(tmp_path):
    junk = dict.fromkeys(["__MACOSX/._a.csv", ".DS_Store", "d/.DS_Store", "d/._b.csv"], b"x")
    for make in (make_zip, make_tar):
        assert list(named(make(tmp_path / "x.bin", {**junk, "d/b.csv": b"1"}))) == ["d/b.csv"]


def test_names_are_plain(tmp_path):
    archive = make_tar(tmp_path / "x.tar", {"./a.csv": b"1", "./d//b.csv": b"2"})
    assert list(named(archive)) == ["a.csv", "d/b.csv"]
    assert content_of(Member(archive, "d/b.csv")) == b"2"


# ── what can't be read ───────────────────────────────────────────────────────────────────────────


@either_kind
@pytest.mark.parametrize(
    "name", ["/etc/a.csv", "../a.csv", "d/../../a.csv", "C:/a.csv", "c:a", "d\\..\\a", "\\a"]
)
def test_a_name_that_leads_out_of_the_archive_is_a_problem(tmp_path, make, name):
    archive = make(tmp_path / "x.bin", {name: b"1", "good.csv": b"2"})
    (bad, good) = list_members(archive)
    assert "name" in bad.problem
    assert bad.remedy
    assert not good.problem
    with pytest.raises(SourceError, match=r"x\.bin::"):
        open_raw(Member(archive, bad.name))
    assert content_of(Member(archive, "good.csv")) == b"2"


@either_kind
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_listed_once_with_a_problem(tmp_path, make):
    archive = tmp_path / "x.bin"
    if make is make_zip:
        with zipfile.ZipFile(archive, "w") as file:
            for data in "123":
                file.writestr("a.csv", data)
    else:
        make(archive, {"a.csv": b"1", "./a.csv": b"2", "a.csv/": b"", ".//a.csv": b"3"})
    assert named(archive) == {"a.csv": "stands 3 times in the archive"}


def patched(archive: Path, changes: Mapping[int, bytes], local: Mapping[int, bytes] | None = None) -> Path:
    """Change bytes of the last member's entry in the directory, and of its header."""
    data = bytearray(archive.read_bytes())
    for mark, patches in ((b"PK\1\2", changes), (b"PK\3\4", local or {})):
        for at, new in patches.items():
            start = data.rindex(mark) + at
            data[start : start + len(new)] = new
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({8: b"\1\0"}, "is encrypted"),
        ({8: b"\x41\0"}, "is encrypted"),
        ({8: b"\x20\0"}, "is a patch"),
        ({10: b"\x09\0"}, r"can't be read here \(Deflate64\)"),
        ({10: b"\x77\0"}, r"can't be read here \(method 119\)"),
        ({10: b"\0\0"}, "sizes contradict"),
        ({5: b"\3", 38: struct.pack("<L", (stat.S_IFLNK | 0o777) << 16)}, "is a link"),
        ({24: struct.pack("<L", BOMB_SIZE + 1)}, r"would unpack to 100,000,001 bytes, .* times"),
        ({42: struct.pack("<L", 1 << 30)}, "lies outside"),
        ({20: struct.pack("<L", 1 << 20)}, "lies outside"),
        ({42: bytes(4)}, "shares its bytes"),
    ],
)
def test_a_zip_member_that_can_t_be_read_is_named(tmp_path, changes, words):
    archive = patched(make_zip(tmp_path / "x.zip", {"a.csv": TABLE[:999], "b.csv": TABLE[:5000]}), changes)
    bad = list_members(archive)[-1]
    assert bad.name == "b.csv"
    with pytest.raises(SourceError, match=rf"x\.zip::b\.csv .*{words}") as caught:
        open_raw(Member(archive, "b.csv"))
    assert caught.value.message == f"{archive}::b.csv {bad.problem}."
    if "shares" not in words:
        assert content_of(Member(archive, "a.csv")) == TABLE[:999]


def test_a_member_that_is_packed_well_is_no_bomb(tmp_path):
    data = b'{"event": "a", "properties": {"time": 1}}\n' * 100_000
    assert named(make_zip(tmp_path / "x.zip", {"a.jsonl": data})) == {"a.jsonl": ""}


@pytest.mark.skipif(shutil.which("zip") is None, reason="there is no zip")
def test_a_member_that_zip_encrypted_is_named(tmp_path):
    write(tmp_path, b"a,b\n1,2\n", "a.csv")
    subprocess.run(["zip", "-q", "-P", "secret", "x.zip", "a.csv"], cwd=tmp_path, check=True)
    write(tmp_path, b"a,b\n3,4\n", "b.csv")
    subprocess.run(["zip", "-q", "x.zip", "b.csv"], cwd=tmp_path, check=True)
    archive = tmp_path / "x.zip"
    assert named(archive) == {"a.csv": "is encrypted", "b.csv": ""}
    assert read_file(Member(archive, "b.csv"))[0].values == ["3", "4"]


@pytest.mark.skipif(shutil.which("zip") is None, reason="there is no zip")
def test_a_zip_written_to_a_pipe_in_64_bits_is_read(tmp_path):
    made = subprocess.run(["zip", "-q", "-fz", "-", "-"], input=TABLE, capture_output=True, check=True).stdout
    archive = write(tmp_path, made, "x.zip")
    assert list_members(archive) == [ListedMember("-", len(TABLE))]
    assert content_of(Member(archive, "-")) == TABLE


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_no_more_is_read_than_the_archive_says(tmp_path, method, change):
    archive = make_zip(tmp_path / "x.zip", {"a.csv": TABLE}, method)
    size = struct.pack("<L", len(TABLE) + change)
    packed = size if method == zipfile.ZIP_STORED else b""
    crc = struct.pack("<L", zlib.crc32(TABLE[: len(TABLE) + change]))
    patched(archive, {16: crc, 20: packed, 24: size})
    if packed:  # what lies behind a stored member can't be told from its own bytes
        assert list_members(archive)[0].problem == ("lies outside of the archive" if change > 0 else "")
        return
    pieces: list[bytes] = []
    with (
        closing(open_raw(Member(archive, "a.csv"))) as raw,
        pytest.raises(SourceError, match=r"a\.csv is (longer than the|cut short)"),
    ):
        pieces.extend(iter(lambda: raw.read(1 << 16), b""))
    assert b"".join(pieces) == TABLE[: len(TABLE) + change]


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_flipped_bit_in_a_member_is_damage(tmp_path, method):
    data = bytearray(make_zip(tmp_path / "x.zip", {"a.csv": TABLE}, method).read_bytes())
    data[len(data) // 2] ^= 0x10
    archive = write(tmp_path, bytes(data), "x.zip")
    with pytest.raises(SourceError, match=r"x\.zip::a\.csv is (damaged|cut short)"):
        content_of(Member(archive, "a.csv"))
    if method == zipfile.ZIP_BZIP2:  # its records are damaged before it is seen
        return
    with pytest.raises(SourceError, match=r"x\.zip::a\.csv is .* records were read before"):
        read_file(Member(archive, "a.csv"), Dialect("csv"), ("n", "text"))


@pytest.mark.parametrize(
    ("local", "words"), [({0: b"PK\1\1"}, "its header in"), ({30: b"b"}, "its header in")]
)
def test_a_header_that_is_not_the_members_own_is_damage(tmp_path, local, words):
    archive = patched(make_zip(tmp_path / "x.zip", {"b.csv": b"1", "a.csv": TABLE}), {}, local)
    with pytest.raises(SourceError, match=rf"x\.zip::a\.csv is damaged: {words}"):
        open_raw(Member(archive, "a.csv"))
    assert content_of(Member(archive, "b.csv")) == b"1"


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_zip_without_its_directory_is_refused(tmp_path, cut):
    data = make_zip(tmp_path / "x.zip", CONTENT).read_bytes()
    archive = write(tmp_path, data[:-cut], "cut.zip")
    assert archive_kind(archive) == "zip"
    with pytest.raises(SourceError, match=r"cut\.zip is a damaged zip archive") as caught:
        list_members(archive)
    assert "zip -FF" in caught.value.remedy


def test_a_directory_that_names_too_few_members_is_refused(tmp_path):
    data = bytearray(make_zip(tmp_path / "x.zip", CONTENT).read_bytes())
    data[-12:-10] = b"\5\0"
    with pytest.raises(SourceError, match="should name 5 members, not 4"):
        list_members(write(tmp_path, bytes(data), "y.zip"))


def test_a_directory_in_64_bits_whose_end_is_not_there_is_refused(tmp_path):
    data = make_zip(tmp_path / "x.zip", CONTENT).read_bytes()
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    with pytest.raises(SourceError, match="the end of its directory can't be found"):
        list_members(write(tmp_path, data[:-22] + locator + data[-22:], "y.zip"))


def test_a_directory_outside_of_the_archive_is_refused(tmp_path):
    data = bytearray(make_zip(tmp_path / "x.zip", CONTENT).read_bytes())
    data[-6:-2] = struct.pack("<L", len(data))
    with pytest.raises(SourceError, match="its directory lies outside of it"):
        list_members(write(tmp_path, bytes(data), "y.zip"))


def test_a_member_within_the_bytes_of_another_is_read_from_neither(tmp_path):
    content = {"a.csv": random.Random(1).randbytes(5_000), "b.csv": b"1", "c.csv": b"2"}
    archive = make_zip(tmp_path / "x.zip", content, zipfile.ZIP_STORED)
    patched(archive, {42: struct.pack("<L", 100)})
    shares = "shares its bytes with another member"
    assert named(archive) == {"a.csv": shares, "b.csv": "", "c.csv": shares}


def test_a_deflated_member_whose_bytes_end_too_early_is_cut_short(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {"a.csv": TABLE})
    with zipfile.ZipFile(archive) as file:
        size = file.getinfo("a.csv").compress_size
    patched(archive, {20: struct.pack("<L", size - 9)})
    with pytest.raises(SourceError, match=r"x\.zip::a\.csv is cut short: its compressed data ends"):
        content_of(Member(archive, "a.csv"))


def test_one_part_of_several_is_refused(tmp_path):
    data = bytearray(make_zip(tmp_path / "x.zip", CONTENT).read_bytes())
    data[-18:-16] = b"\1\0"
    with pytest.raises(SourceError, match="one part of a zip archive in several"):
        list_members(write(tmp_path, bytes(data), "y.zip"))


def test_an_empty_zip_has_no_members(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {})
    assert archive_kind(archive) == "zip"
    assert list_members(archive) == []


def test_a_zip_with_a_comment_and_with_bytes_ahead_is_read(tmp_path):
    archive = make_zip(tmp_path / "x.zip", CONTENT)
    with zipfile.ZipFile(archive, "a") as file:
        file.comment = b"made by PK\5\6, twice"
    assert content_of(Member(archive, "b/10.csv")) == TABLE
    ahead = write(tmp_path, b"PK\3\4 ahead" + archive.read_bytes(), "ahead.zip")
    assert content_of(Member(ahead, "b/10.csv")) == TABLE


def test_a_member_beyond_four_gigabytes_is_read(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", TABLE)
        file.start_dir = 5 << 30  # a hole, which takes no room on the disk
        file.writestr("b.csv", TABLE)
    assert archive.stat().st_size > 5 << 30
    assert named(archive) == {"a.csv": "", "b.csv": ""}
    assert content_of(Member(archive, "a.csv")) == content_of(Member(archive, "b.csv")) == TABLE


def test_names_are_decoded_as_they_were_written(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {"a0.csv": b"1"})
    data = archive.read_bytes()
    for raw, flags, expected in (
        ("é0.csv".encode(), b"\0\x08", "é0.csv"),
        ("é0.csv".encode(), b"\0\0", "é0.csv"),
        (b"\x8290.csv", b"\0\0", "é90.csv"),
        (b"\xff90.csv", b"\0\x08", "\udcff90.csv"),
        (b"d\\0.csv", b"\0\0", "d/0.csv"),
    ):
        archive.write_bytes(data.replace(b"a0.csv", raw))
        patched(archive, {5: b"\0", 8: flags, 28: b"\7\0"}, {26: b"\7\0"})
        fixed = bytearray(archive.read_bytes())
        length, offset = struct.unpack_from("<LL", fixed, len(fixed) - 10)
        struct.pack_into("<LL", fixed, len(fixed) - 10, length + 1, offset + 1)
        archive.write_bytes(fixed)
        (found,) = list_members(archive)
        assert found.name == expected
        assert not found.problem
        assert content_of(Member(archive, found.name)) == b"1"


def test_a_unicode_name_beside_the_other_one_is_preferred(tmp_path):
    field = b"\1" + struct.pack("<L", zlib.crc32(b"a.csv")) + "ж.csv".encode()
    info = zipfile.ZipInfo("a.csv")
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr(info, "1")
    assert list(named(tmp_path / "x.zip")) == ["ж.csv"]
    assert content_of(Member(tmp_path / "x.zip", "ж.csv")) == b"1"


@no_deadline
@given(at=st.integers(0, 1000), byte=st.integers(0, 255), cut=st.integers(0, 60), kind=st.sampled_from("zt"))
def test_no_damage_of_an_archive_raises_anything_but_a_source_error(tmp_path_factory, at, byte, cut, kind):
    folder = tmp_path_factory.getbasetemp()
    make = make_zip if kind == "z" else make_tar
    content = {"a.csv": b"n,text\n1,x\n", "b.csv": b"1,2\n" * 9}
    data = bytearray(make(folder / "damaged-archive", content).read_bytes())
    data[-(at + 1) % len(data) if kind == "z" else at % len(data)] = byte
    archive = write(folder, bytes(data[: len(data) - cut]), "damaged-archive")
    archive_kind(archive)
    try:
        for each in list_members(archive):
            if not each.problem:
                content_of(Member(archive, each.name))
    except SourceError as error:
        assert "damaged-archive" in error.message  # noqa: PT017  (an error is allowed, not required)


# ── tar ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_odd_names_in_a_tar_are_read(tmp_path, form):
    long = "/".join(["folder"] * 40) + "/é.csv"
    archive = make_tar(tmp_path / "x.tar", {long: b"1", "b\udcff.csv": b"2"}, form=form)
    assert list(named(archive)) == [long, "b\udcff.csv"]
    assert [content_of(Member(archive, name)) for name in named(archive)] == [b"1", b"2"]


def test_what_is_no_file_in_a_tar_is_named(tmp_path):
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as file:
        for kind, name in (
            (tarfile.DIRTYPE, "d"),
            (tarfile.SYMTYPE, "s"),
            (tarfile.LNKTYPE, "l"),
            (tarfile.CHRTYPE, "c"),
            (tarfile.FIFOTYPE, "f"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a.csv"
            file.addfile(info)
        info = tarfile.TarInfo("a.csv")
        info.size = 1
        file.addfile(info, io.BytesIO(b"1"))
    assert named(archive) == {
        "s": "is a link", "l": "is a link to another member", "c": "is a device", "f": "is a pipe", "a.csv": ""
    }  # fmt: skip
    assert content_of(Member(archive, "a.csv")) == b"1"


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
@pytest.mark.parametrize("form", ["gnu", "pax", "posix", "ustar", "v7", "oldgnu"])
def test_what_tar_writes_is_read(tmp_path, form):
    (tmp_path / "in/d").mkdir(parents=True)
    write(tmp_path / "in", TABLE, "a.csv")
    write(tmp_path / "in/d", b"1", "b.csv")
    command = ["tar", f"--format={form}", "--sort=name", "-cf", "x.tar", "-C", "in", "."]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert archive_kind(tmp_path / "x.tar") == "tar"
    assert named(tmp_path / "x.tar") == {"a.csv": "", "d/b.csv": ""}
    assert content_of(Member(tmp_path / "x.tar", "a.csv")) == TABLE


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_a_sparse_file_in_a_tar_is_named(tmp_path, form):
    with (tmp_path / "a.csv").open("wb") as file:
        for n in range(1, 40):
            file.seek(n << 20)
            file.write(b"1")
    write(tmp_path, b"1", "b.csv")
    command = ["tar", f"--format={form}", "-Scf", "x.tar", "a.csv", "b.csv"]
    subprocess.run(command, cwd=tmp_path, check=True)
    found = named(tmp_path / "x.tar")
    assert [problem.startswith("is a sparse file") for problem in found.values()] == [True, False]
    assert content_of(Member(tmp_path / "x.tar", "b.csv")) == b"1"


def test_large_numbers_in_a_tar_are_read(tmp_path):
    """Members of 8 GB and more, in a hole that takes no room on the disk."""
    info = tarfile.TarInfo("big.csv")
    info.size = 9 << 30
    header = info.tobuf(tarfile.GNU_FORMAT)
    archive = tmp_path / "x.tar"
    with archive.open("wb") as file:
        file.write(header)
        file.seek(info.size, os.SEEK_CUR)
        file.write(make_tar(tmp_path / "y.tar", {"b.csv": b"1"}).read_bytes())
    assert list_members(archive) == [ListedMember("big.csv", 9 << 30), ListedMember("b.csv", 1)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (512 * 4, {"a.csv": "", "b.csv": "is cut short: the archive ends"}),
        (512 * 2 + 100, {"a.csv": "", "(what follows a.csv)": "can't be read: the archive ends without"}),
        (512 * 2, {"a.csv": "", "(what follows a.csv)": "can't be read: the archive ends without"}),
        (512 * 5, {"a.csv": "", "b.csv": "", "(what follows b.csv)": "can't be read: the archive ends"}),
    ],
)
def test_a_tar_that_is_cut_short_gives_what_came_before(tmp_path, packed, cut, expected):
    whole = make_tar(tmp_path / "x", {"a.csv": b"1", "b.csv": b"2" * 600}, form=tarfile.USTAR_FORMAT)
    data = whole.read_bytes()[:cut]
    found = named(write(tmp_path, gzip.compress(data) if packed else data, "x.tar"))
    assert found.keys() == expected.keys()
    assert all(problem.startswith(expected[name]) for name, problem in found.items())
    rest = [each.name for each in list_members(tmp_path / "x.tar") if each.is_rest]
    assert rest == [name for name in expected if name.startswith("(what follows")]
    assert content_of(Member(write(tmp_path, data, "y.tar"), "a.csv")) == b"1"


def test_a_damaged_header_in_a_tar_is_named(tmp_path):
    data = bytearray(
        make_tar(tmp_path / "x", dict.fromkeys("abc", b"1"), form=tarfile.USTAR_FORMAT).read_bytes()
    )
    data[1024] ^= 1
    assert named(write(tmp_path, bytes(data), "x.tar")) == {
        "a": "", "(what follows a)": "can't be read: the header at byte 1,024 is damaged"
    }  # fmt: skip


def tar_block(
    name: str, kind: bytes = b"0", size: bytes = b"", more: Mapping[int, bytes] | None = None
) -> bytes:
    """Return the header of a member, with a size as it would be written, and other bytes at other places."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    for at, new in {124: size.ljust(12, b"\0"), **(more or {})}.items():
        block[at : at + len(new)] = new
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (tar_block("n", b"L", b"%o" % (2 << 20)), "the header at byte 1,024 is too long"),
        (tar_block("n", b"x", b"%o" % 600) + bytes(512), "the archive ends too early"),
        (tar_block("n", b"S", more={482: b"\1"}), "the archive ends too early"),
        (tar_block("n", b"x", b"24") + b"30 path=b.csv\n".ljust(512, b"\0"), "a header of it is damaged"),
        (tar_block("n", b"x", b"16") + b"no path=b.csv\n".ljust(512, b"\0"), "a header of it is damaged"),
        (
            tar_block("n", b"x", b"13") + b"11 size=-5\n".ljust(512, b"\0") + tar_block("b"),
            "a header of it is damaged",
        ),
        (tar_block("n", size=b"\xff" * 12), "a header of it is damaged"),
        (tar_block("n", size=b"8"), "a header of it is damaged"),
    ],
)
def test_a_header_of_a_tar_that_contradicts_itself_ends_the_list(tmp_path, rest, problem):
    good = make_tar(tmp_path / "x", {"a.csv": b"1"}, form=tarfile.USTAR_FORMAT).read_bytes()[:1024]
    archive = write(tmp_path, good + rest, "x.tar")
    assert named(archive) == {"a.csv": "", "(what follows a.csv)": f"can't be read: {problem}"}
    assert content_of(Member(archive, "a.csv")) == b"1"


def test_a_member_that_began_in_another_part_of_a_tar_is_named(tmp_path):
    archive = write(tmp_path, tar_block("a.csv", b"M") + tar_block("b.csv") + bytes(1024), "x.tar")
    assert named(archive) == {"a.csv": "begins in another part of the archive", "b.csv": ""}
    with pytest.raises(SourceError, match=r"a\.csv begins in another part") as caught:
        open_raw(Member(archive, "a.csv"))
    assert "tar -xf" in caught.value.remedy


def test_a_size_that_is_left_out_of_a_tar_is_none(tmp_path):
    archive = write(
        tmp_path, tar_block("a.csv") + tar_block("b.csv", size=b"1") + b"1".ljust(1536, b"\0"), "x.tar"
    )
    assert list_members(archive) == [ListedMember("a.csv", 0), ListedMember("b.csv", 1)]
    assert content_of(Member(archive, "b.csv")) == b"1"


def test_a_size_beside_the_header_of_a_tar_wins(tmp_path):
    data = tar_block("n", b"x", b"12") + b"10 size=3\n".ljust(512, b"\0")
    data += tar_block("a.csv", size=b"1") + b"123".ljust(512, b"\0") + tar_block("b.csv") + bytes(1024)
    archive = write(tmp_path, data, "x.tar")
    assert list_members(archive) == [ListedMember("a.csv", 3), ListedMember("b.csv", 0)]
    assert content_of(Member(archive, "a.csv")) == b"123"


def test_a_link_with_a_long_target_in_a_tar_hides_nothing(tmp_path):
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as file:
        info = tarfile.TarInfo("s")
        info.type, info.linkname = tarfile.SYMTYPE, "folder/" * 40
        file.addfile(info)
        info = tarfile.TarInfo("a.csv")
        info.size = 1
        file.addfile(info, io.BytesIO(b"1"))
    assert named(archive) == {"s": "is a link", "a.csv": ""}
    assert content_of(Member(archive, "a.csv")) == b"1"


def test_a_compressed_tar_is_not_read_where_it_lies(tmp_path):
    archive = make_tar(tmp_path / "x.tgz", CONTENT, "w:gz")
    with pytest.raises(SourceError, match="is a member of a compressed archive") as caught:
        open_raw(Member(archive, "a[1].csv"))
    assert caught.value.remedy.endswith(f"run {archive} --include 'a[[]1].csv'")
