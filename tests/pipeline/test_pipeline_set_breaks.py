"""Sources that break off: a set imports what stands ahead of the break, as the run of one of them does."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from end_to_end_helpers import read_results, statuses
from pyarrow import parquet
from set_helpers import run_prepared
from set_server_helpers import NOW_MS, Refusing, options_of, prepared_retry, refusing, run

from importer.cli.commands.status import show_status
from importer.cli.console import Console
from importer.cli.options import CommandOptions, StatusOptions
from importer.cli.sets.next_step import after_set
from importer.cli.sets.summary import print_set_summary
from importer.events.declared_reading import DeclaredReading
from importer.model import DeliverySettings, Status
from importer.pipeline.failed_rows import copy_failed_rows_of_set
from importer.pipeline.job import SourceFile
from importer.pipeline.prepare import prepare_job
from importer.pipeline.retry import prepare_retry
from importer.pipeline.run import run_job
from importer.pipeline.sets.copies import SourceCopies, copies_folder
from importer.pipeline.sets.job import SetOutput, SetReport
from importer.pipeline.sets.resume import resume_set
from importer.pipeline.sets.retry import RetryChoice
from importer.progress import NullProgress
from importer.results.manifest import read_manifest
from importer.results.set_status import read_set_status
from importer.source.find import find_sources

FAST = DeliverySettings(concurrency=1, max_retries=0, retry_wait=0)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def records(*numbers: int, **more: object) -> list[dict[str, Any]]:
    return [
        {"event": "A", "time": NOW_MS // 1000 - 9_000 + n, "distinct_id": f"u{n}", "n": n, **more}
        for n in numbers
    ]


def as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(rows, indent=1).encode()


def as_avro(rows: Sequence[dict[str, Any]]) -> bytes:
    kinds = {str: "string", int: "long"}
    fields = [{"name": name, "type": kinds[type(value)]} for name, value in rows[0].items()]
    out = io.BytesIO()
    schema = {"type": "record", "name": "r", "fields": fields}
    fastavro.writer(out, schema, rows, sync_interval=10, sync_marker=b"-" * 16)
    return out.getvalue()


def as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return a file with a row group for each row, whose texts are too long for two to be read together."""
    out = io.BytesIO()
    long = [{**row, "text": str(row["n"] % 10) * 300_000} for row in rows]
    parquet.write_table(pa.Table.from_pylist(long), out, row_group_size=1, use_dictionary=False)
    return out.getvalue()


def damaged_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    data = bytearray(as_parquet(rows))
    at = parquet.ParquetFile(io.BytesIO(data)).metadata.row_group(len(rows) - 1).column(0).data_page_offset
    data[at : at + 40] = b"\xff" * 40
    return bytes(data)


def put(name: str, data: bytes) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def put_zip(name: str, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def put_tar(name: str, members: dict[str, bytes]) -> None:
    with tarfile.open(name, "w:gz" if name.endswith("gz") else "w") as archive:
        for member, data in members.items():
            found = tarfile.TarInfo(member)
            found.size = len(data)
            archive.addfile(found, io.BytesIO(data))


def imported(server: Refusing, *names: str, **more: Any) -> Any:
    """Run a set of which a source breaks off; return the report, and see that all of it agrees."""
    report = run(server, *names, delivery=FAST, **more)
    manifest = report.manifest
    assert (manifest.exit_code, manifest.reconciled, manifest.unattempted) == (1, True, 0)
    assert report.error is None
    assert [each.error for each in report.ends] == [None] * len(report.ends)
    (broken,) = report.prepared.broken_off
    own = read_manifest(Path(f"out/{broken.relative}.csv.run.json"))
    assert (own.exit_code, own.scope, own.unattempted, own.breaks_off) == (1, broken.records, 0, True)
    assert [each.text for each in own.attention] == [
        f"{broken.name}: {broken.broken}: no others can be imported"
    ]
    status = read_set_status(Path("out"))
    assert (status.reconciles, status.action, status.broken_off) == (True, None, [broken])
    return report


FORMATS: dict[str, tuple[Callable[[Any], bytes], Callable[[Any], bytes], str]] = {
    "json": (as_json, lambda rows: as_json(rows)[:-30], "the file ends on line"),
    "ndjson.json": (
        lambda rows: b"\n".join(map(as_json_object, rows)),
        lambda rows: b"\n".join(map(as_json_object, rows))[:-30],
        "the file ends on line",
    ),
    "json.gz": (
        lambda rows: gzip.compress(as_json(rows)),
        lambda rows: gzip.compress(as_json(rows)[:-30]),
        "the file ends on line",
    ),
    "avro": (as_avro, lambda rows: as_avro(rows)[:-20], "the records from 3 on can't be read"),
    "parquet": (as_parquet, damaged_parquet, "the rows from 3 on can't be read (row group 3 of 3)"),
}


def as_json_object(row: dict[str, Any]) -> bytes:
    return json.dumps(row, indent=1).encode()


@pytest.mark.parametrize("ending", FORMATS)
def test_what_stands_ahead_of_a_break_is_imported_whatever_the_format(ending: str) -> None:
    whole, cut, problem = FORMATS[ending]
    put(f"in/1.{ending}", cut(records(1, 2, 3)))
    put(f"in/2.{ending}", whole(records(4, 5)))
    with refusing() as server:
        report = imported(server, "in")
    assert sorted(server.taken) == [1, 2, 4, 5]
    (broken,) = report.prepared.broken_off
    assert (broken.name, broken.records) == (f"in/1.{ending}", 2)
    assert broken.broken.startswith(problem)
    assert broken.broken.endswith("2 records were read before")
    assert statuses(read_results(Path(f"out/1.{ending}.csv"))) == ["imported"] * 2
    assert [each.code for each in report.manifest.attention if each.level == "decision"] == ["broken-off"]


@pytest.mark.parametrize("archive", ["x.zip", "x.tar"])
def test_a_member_that_breaks_off_is_imported_up_to_the_break(archive: str) -> None:
    members = {"a/1.json": as_json(records(1, 2, 3))[:-30], "a/2.json": as_json(records(4))}
    (put_zip if archive == "x.zip" else put_tar)(archive, members)
    with refusing() as server:
        report = imported(server, archive)
    assert sorted(server.taken) == [1, 2, 4]
    assert [each.name for each in report.prepared.broken_off] == [f"{archive}::a/1.json"]


def test_what_one_run_of_it_refuses_is_left_out() -> None:
    put("in/1.json", as_json(records(1)))
    put("in/2.json.gz", gzip.compress(as_json(records(*range(2, 90))))[:-40])
    put("in/3.json", as_json(records(3))[:-30])
    put("in/4.parquet", as_parquet(records(4))[:-9])
    with refusing() as server:
        report = run(server, "in")
    assert server.taken == [1]
    assert report.prepared.broken_off == []
    assert {each.name: each.state for each in report.manifest.sources if each.state != "ready"} == {
        "in/2.json.gz": "damaged",
        "in/3.json": "damaged",
        "in/4.parquet": "damaged",
    }
    why = {each.name: each.why for each in report.prepared.left_out}
    assert why["in/3.json"].startswith("the file ends on line")
    assert why["in/4.parquet"].startswith("is cut short")


def test_a_limit_ahead_of_a_break_is_no_break() -> None:
    put("in/1.json", as_json(records(1, 2, 3))[:-30])
    put("in/2.json", as_json(records(4)))
    with refusing() as server:
        report = run(server, "in", limit=1)
    assert (report.manifest.exit_code, report.prepared.broken_off, server.taken) == (0, [], [1])
    assert read_manifest(Path("out/1.json.csv.run.json")).attention == ()


def test_what_failed_ahead_of_a_break_is_retried_and_copied() -> None:
    put("in/1.json", as_json([*records(1, 2), *records(3, time="soon"), *records(4)])[:-30])
    put("in/2.json", as_json(records(5)))
    with refusing(2) as server:
        report = run(server, "in", delivery=FAST)
        assert (report.manifest.exit_code, report.manifest.counts.rejected) == (1, 1)
        status = read_set_status(Path("out"))
        assert (status.action, len(status.broken_off)) == ("mend", 1)
        copy_failed_rows_of_set(Path("bad"), status, Path)
        assert [json.loads(line)["n"] for line in Path("bad/1.json.jsonl").read_text().splitlines()] == [2, 3]
        server.refused, server.taken = set(), []
        chosen = prepared_retry(server, choice=RetryChoice((Status.REJECTED,)))
        again = run_prepared(chosen, options_of(delivery=FAST))
    assert (again.manifest.exit_code, server.taken, again.prepared.broken_off) == (0, [2], [])


def test_one_source_is_retried_up_to_its_break() -> None:
    """The run of a single source says that it breaks off; its retry sends what stands ahead of that."""
    put("1.json", as_json(records(1, 2, 3))[:-30])
    with refusing(2) as server:
        options = options_of(results=Path("one.csv"), delivery=FAST)
        source = SourceFile("1.json", Path("1.json"), Path("one.csv"))
        job = prepare_job(source, options, server.target, now_ms=NOW_MS, progress=NullProgress())
        first = run_job(job, NullProgress(), threading.Event())
        assert (first.manifest.exit_code, first.manifest.counts.rejected, first.manifest.breaks_off) == (
            5,
            1,
            True,
        )
        server.refused, server.taken = set(), []
        again = prepare_retry(
            Path("one.csv"), options_of(results=None, delivery=FAST), server.target, lambda: NOW_MS
        )
        report = run_job(again, NullProgress(), threading.Event())
    assert (report.manifest.exit_code, report.error, server.taken) == (0, None, [2])


def test_a_set_that_is_gone_on_with_says_the_same_and_sends_nothing_of_what_was_mended() -> None:
    put("in/1.json", as_json(records(1, 2, 3))[:-30])
    put("in/2.json", as_json(records(4)))
    with refusing() as server:
        imported(server, "in")
        put("in/1.json", as_json(records(1, 2, 3)))
        server.taken = []
        options = options_of(resume=True, delivery=FAST)
        copies = SourceCopies(copies_folder(Path("out")), 0, NullProgress(), io.BytesIO(), resumed=True)
        output = SetOutput(Path("out"), "resume")
        found = resume_set(find_sources(["in"]), output, options, server.target, NOW_MS, copies)
        report = run_prepared(found, options)
        assert (report.manifest.exit_code, server.taken) == (1, [])
        assert any("in/1.json" in note and "changed after the set was begun" in note for note in found.notes)
        alone = run(server, "in/1.json", "in/2.json", results=Path("again"), delivery=FAST)
    assert alone.manifest.exit_code == 0
    ids = [
        [row["insert_id"] for row in read_results(Path(f"{folder}/1.json.csv"))]
        for folder in ("out", "again")
    ]
    assert ids[0] == ids[1][:2]  # so Mixpanel keeps each of them once
    assert len(ids[1]) == 3


def advice(report: SetReport) -> list[str]:
    return [*after_set(report, CommandOptions()).advice]


def test_what_to_do_about_a_break_is_said_with_the_name_by_which_nothing_is_doubled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("in/a/1.json", as_json(records(1, 2))[:-30])
    put("in/2.json", as_json(records(4)))
    keeps = "what was imported keeps its ids, so nothing is doubled."
    mend = "in/a/1.json breaks off: mend it, or copy it again"
    with refusing() as server:
        assert advice(imported(server, "in")) == [f"{mend}, and import it by its name: {keeps}"]
        shutil.rmtree("out")
        by_row = DeclaredReading(insert_id="row")
        assert advice(imported(server, "in", declared=by_row)) == [
            f"{mend}, and import it by its name: {keeps}"
        ]
        shutil.rmtree("out")
        put("in/1.json", as_json(records(6)))  # a name that is not its alone
        assert advice(imported(server, "in", declared=by_row)) == [
            f"{mend}, and import the set again, with another --results: {keeps}"
        ]
        shutil.rmtree("out")
        assert advice(imported(server, "in", kind="dry-run")) == [
            f"{mend}. What stands ahead of the break can be imported."
        ]
        shutil.rmtree("out")
        put("in/2.json", as_json(records(4, 5))[:-30])
        report = run(server, "in")
    assert advice(report) == [
        (
            "2 sources break off (in/2.json, in/a/1.json): "
            f"mend them, or copy them again, and import each by its name: {keeps}"
        )
    ]
    (found,) = [each for each in report.manifest.attention if each.code == "broken-off"]
    assert found.text.startswith("2 sources break off: in/2.json: the file ends on line ")
    assert "; in/a/1.json: the file ends on line " in found.text
    print_set_summary(report, Console(), verbose=False)
    said = capsys.readouterr().err
    assert "Sources      3 finished · 2 of them broken off" in said
    assert "  in/a/1.json breaks off: the file ends on line" in said
    print_set_summary(report, Console(quiet=True), verbose=False)
    assert capsys.readouterr().err == "3 imported, 2 sources broken off: see out\n"


def test_the_status_names_a_break_for_the_set_and_for_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    put("in/1.json", as_json(records(1, 2))[:-30])
    put("in/2.json", as_json(records(4)))
    with refusing() as server:
        imported(server, "in")
    assert show_status(Path("out"), StatusOptions()) == 1
    said = capsys.readouterr().out
    assert "Broken off   in/1.json: the file ends on line" in said
    offered = f"Next: mixpanel-importer run in/1.json --base-url {server.target.destination.base_url}\n"
    assert said.endswith(f"so nothing is doubled.\n{offered}")
    assert show_status(Path("out"), StatusOptions(json=True)) == 1
    (broken,) = json.loads(capsys.readouterr().out)["broken_off"]
    assert broken["source"] == "in/1.json"
    assert show_status(Path("out/1.json.csv"), StatusOptions()) == 1
    said = capsys.readouterr().out
    assert "Attention    in/1.json: the file ends on line" in said
    assert "Next: mixpanel-importer status out" in said
    assert show_status(Path("out/2.json.csv"), StatusOptions()) == 0


def test_what_the_status_offers_keeps_what_was_declared_of_the_reading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("in/1.json", as_json(records(1, host="8.8.8.8")))
    put("in/2.jsonl.gz", gzip.compress(b""))
    declared = DeclaredReading(timezone="Europe/Berlin", tag="t", fields={"ip": "host"}, null=("x",))
    with refusing() as server:
        run(server, "in", declared=declared)
    assert show_status(Path("out"), StatusOptions()) == 0
    said = capsys.readouterr().out
    assert "changed" not in said  # the member is as empty as it was
    assert said.endswith("Nothing is left to do.\n")
    put("in/2.jsonl.gz", gzip.compress(as_json_object(records(7, host="8.8.8.8")[0]).replace(b"\n", b"")))
    assert show_status(Path("out"), StatusOptions()) == 0
    flags = "--timezone Europe/Berlin --null x --tag t --map ip=host"
    said = capsys.readouterr().out
    assert "Since then   1 source changed: in/2.jsonl.gz" in said
    where = f"--base-url {server.target.destination.base_url}"
    assert said.endswith(
        f"To import it by itself:\nNext: mixpanel-importer run in/2.jsonl.gz {where} {flags}\n"
    )


def test_no_line_is_offered_for_what_appeared_without_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    put("in/1.json", as_json(records(1)))
    put("in/2.json", as_json(records(2)))
    with refusing() as server:
        run(server, "in")
    put("in/3.jsonl.gz", gzip.compress(b""))
    assert show_status(Path("out"), StatusOptions()) == 0
    said = capsys.readouterr().out
    assert "1 source appeared: in/3.jsonl.gz" in said
    assert said.endswith("Nothing is left to do.\n")


def test_a_sentence_without_its_line_announces_none(capsys: pytest.CaptureFixture[str]) -> None:
    put("in/1.json", as_json(records(1, time="soon")))
    put("in/2.json", as_json(records(2)))
    with refusing() as server:
        run(server, "in")
    put("in/3.json", as_json(records(3)))
    assert show_status(Path("out"), StatusOptions()) == 1
    said = capsys.readouterr().out
    assert "Import it by its own name, with another --results." in said
    assert "by itself:" not in said


def test_the_status_of_a_source_that_breaks_off_offers_the_import_of_the_mended_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("1.json", as_json(records(1, 2, 3))[:-30])
    with refusing() as server:
        options = options_of(results=Path("1.results.csv"), delivery=FAST)
        source = SourceFile("1.json", Path("1.json"), Path("1.results.csv"))
        job = prepare_job(source, options, server.target, now_ms=NOW_MS, progress=NullProgress())
        run_job(job, NullProgress(), threading.Event())
    assert show_status(Path("1.results.csv"), StatusOptions()) == 1
    offered = f"run 1.json --base-url {server.target.destination.base_url} --results 1.results-2.csv"
    assert capsys.readouterr().out.endswith(f"Next: mixpanel-importer {offered}\n")
