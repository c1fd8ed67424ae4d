"""Results of older importers keep their columns; newer columns are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from results_helpers import (
    delivered_of,
    lines_of,
    manifest,
    outcome,
    read_results,
    write_results,
    write_retry,
)

from importer.errors import ResultsError, UsageError
from importer.model import Status
from importer.results.counts import Counts, ResultsState
from importer.results.formats import existing_format, new_format
from importer.results.manifest import write_manifest
from importer.results.paths import manifest_path
from importer.results.reader import FailedRow, read_failures
from importer.results.recovery import inspect_results, matches_disk, repair_results
from importer.results.row_and_item import place_of
from importer.results.rows import CSV, CSV_FORMATS, JSONL, JSONL_FORMATS
from importer.results.selection import read_choices, read_successes, select_records
from importer.results.status import read_status
from importer.results.writer import ResultsWriter

BEFORE = Path(__file__).parent.parent / "data" / "written_before"
OLD = sorted(path for path in BEFORE.iterdir() if manifest_path(path).exists())
FORMS = [*CSV_FORMATS, *JSONL_FORMATS]
LINES = [outcome(1), outcome(2, Status.INVALID), outcome(5, Status.FAILED, note="=1")]

OF_ITEMS = {
    "r.csv": b"""row,line,success,status,status_code,event,distinct_id,insert_id,error,note,time,item
1,2,true,imported,200,Order,u1,a1,,,1714557600000,1
1,2,true,imported,200,Line,u1,a2,,"two, of 2",1714557600000,2
2,3,false,invalid,,,u1,,time: is empty,,,1
3,4,false,failed,,Order,u2,'-a3,no answer,,-5,1
3,4,true,imported,200,Line,u2,a4,,,1714557600001,2
""",
    "r.jsonl": b"""\
{"row":1,"line":2,"success":true,"status":"imported","status_code":200,"event":"Order","distinct_id":"u1",\
"insert_id":"a1","error":"","note":"","time":1714557600000,"item":1}
{"row":1,"line":2,"success":true,"status":"imported","status_code":200,"event":"Line","distinct_id":"u1",\
"insert_id":"a2","error":"","note":"two, of 2","time":1714557600000,"item":2}
{"row":2,"line":3,"success":false,"status":"invalid","status_code":null,"event":"","distinct_id":"u1",\
"insert_id":"","error":"time: is empty","note":"","time":null,"item":1}
{"row":3,"line":4,"success":false,"status":"failed","status_code":null,"event":"Order","distinct_id":"u2",\
"insert_id":"-a3","error":"no answer","note":"","time":-5,"item":1}
{"row":3,"line":4,"success":true,"status":"imported","status_code":200,"event":"Line","distinct_id":"u2",\
"insert_id":"a4","error":"","note":"","time":1714557600001,"item":2}
""",
}


def name_of(form) -> str:
    return "r.csv" if form.header else "r.jsonl"


# ── which form a file has ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", FORMS[:2] + FORMS[3:5])
def test_a_file_says_by_its_beginning_which_columns_it_has(tmp_path, form):
    path = tmp_path / name_of(form)
    path.write_bytes(form.header + lines_of(form, LINES))
    assert existing_format(path) == form
    assert new_format(path) == (CSV if form.header else JSONL)
    assert inspect_results(path).records == 3
    assert matches_disk(path, inspect_results(path))


@pytest.mark.parametrize("name", OF_ITEMS)
def test_a_file_with_items_says_so(tmp_path, name):
    (tmp_path / name).write_bytes(OF_ITEMS[name])
    assert existing_format(tmp_path / name).columns == (*CSV.columns, "item")


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, content) for name in ("r.csv", "r.jsonl") for content in (b"", b"\0" * 99)]
    + [("r.csv", b"row,line,"), ("r.jsonl", b'{"ro'), ("r.jsonl", b'{"row":1,"li')],
)
def test_a_file_without_a_whole_beginning_is_begun_anew(tmp_path, name, content):
    path = tmp_path / name
    assert existing_format(path) == new_format(path)
    path.write_bytes(content)
    assert existing_format(path) == new_format(path)
    assert repair_results(path).valid_bytes == 0


@pytest.mark.parametrize("form", CSV_FORMATS)
def test_a_header_that_was_cut_short_is_no_other_header(tmp_path, form):
    path = tmp_path / "r.csv"
    for length in range(1, len(form.header)):
        path.write_bytes(form.header[:length])
        assert inspect_results(path) == ResultsState(has_torn_end=True)


@pytest.mark.parametrize("header", [CSV.header[:-1] + b",x\n", CSV.header[:-1] + b",item,x\n", b"row,line\n"])
def test_columns_that_no_version_writes_are_not_ours(tmp_path, header):
    (tmp_path / "r.csv").write_bytes(header)
    with pytest.raises(ResultsError, match="is not a results file"):
        inspect_results(tmp_path / "r.csv")


# ── older files ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", OLD, ids=lambda path: path.name)
def test_results_without_times_are_continued_without_times(tmp_path, source):
    path = Path(shutil.copy(source, tmp_path))
    state = repair_results(path)
    whole = path.read_bytes()
    more = [outcome(state.last_row + 1, note="a,b"), outcome(state.last_row + 2, Status.INVALID)]
    with ResultsWriter.resume(path, state) as writer:
        writer.write([delivered_of(more)])
        assert writer.state == inspect_results(path)
    form = CSV_FORMATS[0] if source.suffix == ".csv" else JSONL_FORMATS[0]
    assert path.read_bytes() == whole + lines_of(form, more)
    assert all("time" not in line for line in read_results(path))


@pytest.mark.parametrize("form", [CSV_FORMATS[0], JSONL_FORMATS[0]])
def test_results_without_times_are_chosen_from_and_added_up_with_those_that_have_them(tmp_path, form):
    path = write_results(tmp_path / name_of(form), LINES)
    path.write_bytes(form.header + lines_of(form, LINES))
    assert [each.row for each in read_choices(select_records(path))] == [2, 5]
    write_retry(path, path.with_name(f"r.retry-1{path.suffix}"), [outcome(2), outcome(5, Status.REJECTED)])
    status = read_status(path)
    assert (status.counts, status.reconciles) == (Counts(imported=2, rejected=1), True)
    assert list(read_successes(path)) == [(place_of(1, 0), f"{1:032x}")]
    assert [each.row for each in read_failures(path)] == [2, 5]


@pytest.mark.parametrize("form", FORMS[:2] + FORMS[3:5])
def test_a_file_with_lines_of_two_forms_was_edited(tmp_path, form):
    path = tmp_path / name_of(form)
    (other,) = {*(CSV_FORMATS if form.header else JSONL_FORMATS)[:2]} - {form}
    path.write_bytes(
        form.header + form.encode(outcome(1)) + other.encode(outcome(2)) + form.encode(outcome(3))
    )
    with pytest.raises(ResultsError, match="is not an outcome"):
        inspect_results(path)


# ── several events of a record ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OF_ITEMS)
def test_results_with_items_are_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(OF_ITEMS[name])
    counts = Counts(imported=3, invalid=1, failed=1)
    assert inspect_results(path) == ResultsState(5, 3, counts, len(OF_ITEMS[name]), last_item=2)
    write_manifest(manifest_path(path), manifest(counts=counts, scope=5, unattempted=0, ended="2026-01-01"))
    assert (read_status(path).counts, read_status(path).reconciles) == (counts, True)
    assert list(read_successes(path)) == [
        (place_of(1, 1), "a1"), (place_of(1, 2), "a2"), (place_of(3, 2), "a4")
    ]  # fmt: skip
    assert [(each.row, each.item, each.status) for each in read_choices(select_records(path))] == [
        (2, 1, Status.INVALID),
        (3, 1, Status.FAILED),
    ]
    assert [each.insert_id for each in read_choices(select_records(path))] == ["", "-a3"]
    assert list(read_failures(path)) == [
        FailedRow(2, 3, "invalid", "time: is empty", 1),
        FailedRow(3, 4, "failed", "no answer", 1),
    ]


@pytest.mark.parametrize("name", OF_ITEMS)
def test_items_out_of_order_are_named(tmp_path, name):
    lines = OF_ITEMS[name].splitlines(keepends=True)
    at = 1 if name == "r.csv" else 0
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    (tmp_path / name).write_bytes(b"".join(lines))
    with pytest.raises(ResultsError, match=f"line {at + 2}: row 1, item 1, comes after row 1, item 2"):
        inspect_results(tmp_path / name)


@pytest.mark.parametrize("name", OF_ITEMS)
def test_results_with_items_are_continued_after_the_last_item(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(OF_ITEMS[name])
    lines = [outcome(3, item=3), outcome(4, Status.INVALID), outcome(5, Status.SKIPPED, item=1, time=None)]
    with ResultsWriter.resume(path, repair_results(path), items=True) as writer:
        writer.write([delivered_of(lines)])
        assert (writer.state.last_row, writer.state.last_item) == (5, 1)
    assert writer.state == inspect_results(path)
    assert [(int(each["row"]), int(each["item"])) for each in read_results(path)][-4:] == [
        (3, 2), (3, 3), (4, 0), (5, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("name", OF_ITEMS)
def test_new_results_of_items_have_the_column_and_results_without_it_are_not_continued(tmp_path, name):
    path, other = tmp_path / name, tmp_path / f"other-{name}"
    with ResultsWriter.create(path, items=True) as writer:
        writer.write([delivered_of([outcome(1, item=1), outcome(1, item=2), outcome(2, Status.INVALID)])])
    assert existing_format(path).columns[-1] == "item"
    assert [int(each["item"]) for each in read_results(path)] == [1, 2, 0]
    with ResultsWriter.create(other) as writer:
        writer.write([delivered_of([outcome(1)])])
    with pytest.raises(ResultsError, match="no column item"):
        ResultsWriter.resume(other, repair_results(other), items=True)


# ── records that the mapping leaves out ──────────────────────────────────────────────────────────


@pytest.fixture(params=["r.csv", "r.jsonl"])
def skipped(request, tmp_path):
    """Three records: imported, skipped, failed."""
    lines = [outcome(1), outcome(2, Status.SKIPPED, error="where"), outcome(3, Status.FAILED)]
    return write_results(tmp_path / request.param, lines)


def test_skipped_records_are_no_success_and_no_failure(skipped):
    state = inspect_results(skipped)
    assert state.counts == Counts(imported=1, failed=1, skipped=1)
    assert (state.counts.total, state.counts.succeeded, state.counts.unsuccessful) == (3, 1, 1)
    assert [(line["success"], line["status"]) for line in read_results(skipped)][1] in (
        ("false", "skipped"),
        (False, "skipped"),
    )
    assert [each.row for each in read_failures(skipped)] == [3]
    with ResultsWriter.resume(skipped, state) as writer:
        writer.write([delivered_of([outcome(4, Status.SKIPPED)])])
        assert (writer.rows, writer.unsuccessful, writer.counts.skipped) == (4, 1, 2)


def test_skipped_records_are_never_retried(skipped):
    assert [each.row for each in read_choices(select_records(skipped))] == [3]
    with pytest.raises(UsageError, match="records that are skipped"):
        select_records(skipped, [Status.FAILED, Status.SKIPPED])
    child = skipped.with_name(f"r.retry-1{skipped.suffix}")
    write_retry(skipped, child, [outcome(3)])
    status = read_status(skipped)
    assert (status.counts, status.reconciles) == (Counts(imported=2, skipped=1), True)
    assert status.next_step is None


def test_a_retry_of_a_skipped_record_does_not_reconcile(skipped):
    write_retry(skipped, skipped.with_name(f"r.retry-1{skipped.suffix}"), [outcome(2)])
    assert not read_status(skipped).reconciles
