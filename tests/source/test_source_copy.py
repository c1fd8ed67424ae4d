from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, no_deadline, write

from importer.errors import SourceError, StorageError
from importer.reading import Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.formats.csv import MAX_RECORD_SIZE
from importer.source.formats.json_item import MAX_LINE_SIZE
from importer.source.spool import spool_pipe, spool_stream


def copied(path, rows, **given) -> bytes:
    found = detect_source(path, **given)
    out = io.BytesIO()
    count = copy_records(path, found.dialect, found.columns, rows, out)
    assert count == len(set(rows))
    return out.getvalue()


def test_records_are_copied_as_they_stand_under_their_header(tmp_path):
    path = write(tmp_path, 'id, "name" \r\n1,"a"\r\n\r\n"2",""\n3,"x\r\ny"\r\n4,z')
    assert copied(path, [2, 3]) == b'id, "name" \r\n"2",""\n3,"x\r\ny"\r\n'
    assert copied(path, {4, 1}) == b'id, "name" \r\n1,"a"\r\n4,z'


def test_without_rows_the_header_alone_is_copied(tmp_path):
    assert copied(write(tmp_path, "a,b\n1,2\n"), []) == b"a,b\n"


def test_rejected_lines_are_copied_with_their_bad_bytes(tmp_path):
    path = write(tmp_path, b'a,b\n1,\xe9\n2,"open\n3,c\nfour\n')
    assert copied(path, [1, 2, 4]) == b'a,b\n1,\xe9\n2,"open\nfour\n'


@no_deadline
@given(st.binary(max_size=80).filter(lambda data: data.strip() and b"\0" not in data))
def test_all_records_copied_are_the_file_without_its_blank_lines(tmp_path_factory, data):
    path = write(tmp_path_factory.getbasetemp(), data, "verbatim")
    out = io.BytesIO()
    copy_records(path, Dialect("csv", header=False), ("1", "2"), range(1, 200), out)
    blank = {b"\n", b"\r", b"\r\n"}
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    found = out.getvalue().splitlines(keepends=True)
    assert [x for x in found if x not in blank] == [x for x in lines if x not in blank]


def test_a_byte_order_mark_stays(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n3,4\n")
    assert copied(path, [2]) == b"\xef\xbb\xbfa,b\n3,4\n"


def test_utf_16_stays_utf_16(tmp_path):
    path = write(tmp_path, "a,b\n1,é\n3,ü\n".encode("utf-16"))
    assert copied(path, [2]) == "a,b\n3,ü\n".encode("utf-16")


def test_undecodable_bytes_of_utf_16_are_copied(tmp_path):
    bad = "1,".encode("utf-16-le") + b"\x00\xdc" + "\n".encode("utf-16-le")
    head = "a,b\n".encode("utf-16-le")
    path = write(tmp_path, head + bad)
    assert copied(path, [1], encoding="utf-16-le") == head + bad


def test_a_file_in_another_encoding_keeps_it(tmp_path):
    path = write(tmp_path, b"a,b\n1,\xe9\n2,x\n")
    assert copied(path, [1], encoding="cp1252") == b"a,b\n1,\xe9\n"


@pytest.mark.parametrize("compression", COMPRESS)
def test_copies_are_decompressed(tmp_path, compression):
    assert copied(write(tmp_path, COMPRESS[compression](b"a,b\n1,2\n3,4\n")), [2]) == b"a,b\n3,4\n"


def test_lines_of_json_are_copied_as_they_stand(tmp_path):
    path = write(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\n{"a":\xe9}\n{"a" : 1.0}', "x.jsonl")
    assert copied(path, [1, 2]) == b'{"a": 1}\r\n{"a":\xe9}\n'
    assert copied(path, [3]) == b'{"a" : 1.0}'


def test_a_line_too_long_to_hold_is_copied_all_the_same(tmp_path):
    long = b"x" * (2 * MAX_RECORD_SIZE + 7) + b",y\r\n"
    path = write(tmp_path, b"a,b\r\n" + long + b"1,2\r\n")
    assert copied(path, [1]) == b"a,b\r\n" + long
    assert copied(path, [2]) == b"a,b\r\n1,2\r\n"


def test_a_line_of_json_too_long_to_hold_is_copied_all_the_same(tmp_path):
    long = b'{"a":"' + b"x" * (2 * MAX_LINE_SIZE) + b'"}\n'
    path = write(tmp_path, b'{"a":1}\n' + long + b'{"b":1}', "x.jsonl")
    assert copied(path, [2]) == long


def test_rows_that_are_not_there_are_not_counted(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    found = detect_source(path)
    out = io.BytesIO()
    assert copy_records(path, found.dialect, found.columns, [1, 7, 10_000], out) == 1


def test_standard_input_is_kept_whole_for_its_owner_alone(tmp_path):
    data = os.urandom(3_000_000)
    path = tmp_path / "stdin.results.csv.source"
    spool_stream(io.BytesIO(data), path)
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_leftover_of_a_killed_run_is_no_obstacle(tmp_path):
    (tmp_path / "x.source.part").write_text("half")
    spool_stream(io.BytesIO(b"whole"), tmp_path / "x.source")
    assert (tmp_path / "x.source").read_text() == "whole"
    assert not (tmp_path / "x.source.part").exists()


class Broken(io.BytesIO):
    """A stream that fails after its first piece."""

    def read(self, size=-1):
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_stream_that_breaks_leaves_nothing_behind(tmp_path):
    with pytest.raises(SourceError, match=r"Standard input can't be read: Input/output error"):
        spool_stream(Broken(b"abc"), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_stream_is_refused_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(SourceError, match="Standard input is empty"):
        spool_stream(io.BytesIO(), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="can't be kept"):
        spool_stream(io.BytesIO(b"abc"), tmp_path / "nowhere" / "x")


# ── pipes ────────────────────────────────────────────────────────────────────────────────────────


def fed(pipe: Path, data: bytes) -> threading.Thread:
    """Write to a pipe once somebody opens it, and close it then: who opens it again waits forever."""
    writer = threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True)
    writer.start()
    return writer


def test_a_pipe_with_a_path_is_opened_once_and_kept_whole(tmp_path):
    data = os.urandom(300_000)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writer = fed(pipe, data)
    spool_pipe(pipe, tmp_path / "x.source")
    writer.join(10)
    assert (tmp_path / "x.source").read_bytes() == data


def test_a_pipe_of_the_shell_is_found_and_kept_without_being_opened_twice(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from importer.source.find import find_sources\n"
        "from importer.source.spool import spool_pipe\n"
        "source = find_sources(sys.argv[1:2]).sources[0]\n"
        "spool_pipe(source.path, Path(sys.argv[2]))\n"
        "print(source.name, source.pipe)\n"
    )
    kept = tmp_path / "x.source"
    (tmp_path / "e.csv").write_bytes(b"a\n1\n")
    command = [
        "bash",
        "-c",
        '"$0" -c "$1" <(cat "$2") "$3"',
        sys.executable,
        script,
        tmp_path / "e.csv",
        kept,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.startswith("/dev/fd/")
    assert done.stdout.endswith(" True\n")
    assert kept.read_bytes() == b"a\n1\n"


def test_an_empty_pipe_is_refused_by_its_name(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    fed(pipe, b"")
    with pytest.raises(SourceError, match=f"The pipe {pipe} is empty"):
        spool_pipe(pipe, tmp_path / "x.source")
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_pipe_that_is_gone_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"The pipe .*gone can't be read: No such file"):
        spool_pipe(tmp_path / "gone", tmp_path / "x.source")
    assert list(tmp_path.iterdir()) == []
