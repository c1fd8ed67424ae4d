"""Copies of sources that are read at any place: how much room they may take, and that they give it back."""

from __future__ import annotations

import io
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from set_server_helpers import NOW_MS, options_of, refusing
from source_helpers import COMPRESS
from worker_tasks import Told

from importer.cli.commands.retry import retry_results
from importer.cli.commands.run import run_source
from importer.cli.commands.run_set import run_set_of_sources
from importer.cli.conversion import run_options
from importer.cli.named_sources import find_named
from importer.cli.options import (
    CommandOptions,
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RetryScopeOptions,
)
from importer.cli.process import no_stop_requests
from importer.cli.sets.options import SetOptions, WorkOptions
from importer.errors import UsageError
from importer.pipeline.job import SourceFile
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.pipeline.workers.pool import Workers
from importer.progress import NullProgress
from importer.source.detect import detect_source
from importer.source.files import open_seekable
from importer.source.members import Member
from importer.source.spool_room import MOST_SPOOLED, current_room, spool_room

DATA = b"x" * 3_000_000


def zipped(folder: Path, data: bytes = DATA) -> Member:
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.parquet", data)
    return Member(folder / "x.zip", "a.parquet")


def events(first: int) -> bytes:
    rows = [{"event": "A", "time": first + n, "distinct_id": "u", "n": n} for n in range(9)]
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def test_copies_take_room_as_long_as_they_are_open(tmp_path: Path) -> None:
    member = zipped(tmp_path)
    with spool_room(5_000_000) as room:
        with closing(open_seekable(member, "")[0]) as copy:
            assert copy.read() == DATA
            assert room.left == 2_000_000
            with pytest.raises(UsageError) as caught:
                open_seekable(member, "")
            assert caught.value.message == (
                f"{member} takes too much space unpacked: it has more than the 2,000,000 bytes that are left of"
                " those that are allowed"
            )
            assert caught.value.steps == (
                "Allow more with --spool-space, or unpack it by hand, and give the file.",
            )
            assert room.left == 2_000_000  # the part of it that was copied is gone
        assert room.left == 5_000_000
        copy.close()  # again
        assert room.left == 5_000_000
    assert current_room().left == MOST_SPOOLED


def test_a_file_on_disk_takes_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(DATA)
    with spool_room(0) as room, closing(open_seekable(path, "")[0]) as file:
        assert (file.read(), room.left) == (DATA, 0)


def test_what_is_unpacked_already_leaves_less_but_never_less_than_nothing() -> None:
    with spool_room(10) as room:
        room.set_aside(4)
        assert room.left == 6
        room.set_aside(100)
        assert room.left == 0


@pytest.mark.parametrize("where", ["x.parquet.gz", "zip"])
def test_a_source_that_has_too_little_room_is_refused_where_it_is_looked_at(
    tmp_path: Path, where: str
) -> None:
    out = io.BytesIO()
    parquet.write_table(pa.table({"n": list(range(1_000))}), out)
    path: Path | Member = tmp_path / where
    if where == "zip":
        path = zipped(tmp_path, out.getvalue())
    else:
        (tmp_path / where).write_bytes(COMPRESS["gzip"](out.getvalue()))
    with spool_room(1_000), pytest.raises(UsageError, match=r"takes too much space unpacked: .* 1,000 bytes"):
        detect_source(path)
    with spool_room(100_000):
        assert detect_source(path).columns == ("n",)


@pytest.mark.parametrize(("workers", "share"), [(1, 1_001), (2, 500)])
def test_processes_share_what_is_left(workers: int, share: int) -> None:
    with spool_room(2_001) as room:
        room.set_aside(1_000)
        with Workers(workers, progress=NullProgress(), stop=threading.Event()) as pool:
            assert [
                left for _, left in pool.run([Told("room", "current_room().left")], title="", size=0)
            ] == [share]


def test_the_option_holds_for_a_run_of_one_source_and_of_a_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    zipped(tmp_path, events(1_714_550_400))

    def run(name: str, space: str) -> int:
        own = SetOptions(workers=1, spool_space=space)
        options = run_options("dry-run", ReadingOptions(), DeliveryOptions(), OutputOptions(), work=own)
        found = find_named([name], options)
        command = CommandOptions(quiet=True)
        if found.is_set:
            return run_set_of_sources(found, options, command, no_stop_requests)
        return run_source(found.sources[0], options, command, no_stop_requests)

    for name in ("x.zip", "x.zip::a.parquet"):
        with pytest.raises(UsageError, match=r"x\.zip::a\.parquet takes too much space unpacked"):
            run(name, "1KB")
        assert run(name, "100KB") == 0


def test_the_option_holds_for_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXPANEL_PROJECT_TOKEN", "x")
    zipped(tmp_path, events(NOW_MS // 1000 - 9_000))
    with refusing(7) as server:
        options = options_of(results=Path("one.csv"))
        source = SourceFile("x.zip::a.parquet", Member(Path("x.zip"), "a.parquet"), Path("one.csv"))
        job = prepare_job(source, options, server.target, now_ms=NOW_MS, progress=NullProgress())
        assert run_job(job, NullProgress(), threading.Event()).manifest.counts.rejected == 1
        server.refused, server.taken = set(), []

        def retry(space: str) -> int:
            delivery = DeliveryOptions(base_url=server.url)
            output = OutputOptions(quiet=True, yes=True, resume=True)
            work = WorkOptions(spool_space=space)
            return retry_results(
                Path("one.csv"), RetryScopeOptions(), work, ReadingOptions(), delivery, output
            )

        assert (retry("1KB"), server.taken) == (2, [])
        assert "x.zip::a.parquet takes too much space unpacked" in capsys.readouterr().err
        assert (retry("100KB"), server.taken) == (0, [7])
