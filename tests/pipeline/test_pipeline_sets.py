"""Sets of sources before and after they are sent: what is one of all of them, and what is each one's own."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from end_to_end_helpers import read_results, statuses
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from set_helpers import prepared_set, run_prepared

from importer.errors import ImporterError, MappingError, ResultsError, SourceError, TooManyErrors, UsageError
from importer.events.declared_reading import DeclaredReading
from importer.model import Destination, Fingerprint
from importer.pipeline.job import MaxErrors, RunOptions, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.paths import default_folder
from importer.pipeline.prepare import prepare_job
from importer.pipeline.sets.copies import SourceCopies, copies_folder
from importer.pipeline.sets.job import PreparedSet, SetOutput, SetReport, with_scopes
from importer.pipeline.sets.outputs import find_set_output, without_too_long
from importer.pipeline.sets.resume import resume_set
from importer.pipeline.sets.shape import FoundShape, in_shape, misfit, missing_columns, usual_format
from importer.progress import NullProgress
from importer.reading import Dialect, Reading
from importer.results.manifest import write_manifest
from importer.results.paths import manifest_path
from importer.results.set_manifest import SetManifest, SetSource, SourceShape, read_set, set_path
from importer.settings import SANDBOX_CREDENTIALS
from importer.source.find import find_sources
from importer.source.found import Found, FoundSource

NOW_MS = 1_780_000_000_000
TARGET = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)
HEAD = "event,time,user_id"
CSV, JSONL = Dialect("csv"), Dialect("jsonl")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def row(n: int, *more: object) -> str:
    return ",".join(
        map(str, ("A", f"2024-05-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z", f"u{n}", *more))
    )


def write(name: str, *lines: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return name


def write_rows(name: str, first: int, last: int, *broken: int) -> str:
    """Write records; the time of some has no zone."""
    rows = [row(n).replace("Z,", ",") if n in broken else row(n) for n in range(first, last + 1)]
    return write(name, HEAD, *rows)


def options_of(kind: Any = "dry-run", **more: Any) -> RunOptions:
    results = more.pop("results", Path("out"))
    fields = {key: more.pop(key) for key in list(more) if key in ("map", "timezone", "insert_id")}
    declared = DeclaredReading(**{"fields" if key == "map" else key: value for key, value in fields.items()})
    return RunOptions(kind=kind, results=results, declared=declared, **more)


def prepared(*names: str, **more: Any) -> PreparedSet:
    return prepared_set(names, options_of(**more), TARGET, NOW_MS)


def dry_run(*names: str, **more: Any) -> SetReport:
    return run_prepared(prepared(*names, **more), options_of(**more))


def states(found: PreparedSet) -> dict[str, str]:
    return {source.name: source.state for source in found.manifest.sources}


def refusal(*names: str, kind: type[ImporterError] = UsageError, **more: Any) -> list[str]:
    """Return what is said where a set is refused, and see that nothing was written."""
    with pytest.raises(kind) as caught:
        prepared(*names, **more)
    assert caught.value.exit_code == 2
    assert not Path("out").exists()
    return [caught.value.message, *caught.value.steps]


# ── the columns of all, and those of each ────────────────────────────────────────────────────────


def test_the_columns_of_a_set_are_those_of_all_in_the_order_in_which_they_come():
    write("in/1.csv", f"{HEAD},a", row(1, 1))
    write("in/2.csv", f"b,{HEAD},c", f"2,{row(2)},2")
    write("in/3.csv", f"{HEAD},a", row(3, 3))
    found = prepared("in")
    assert found.manifest.reading.columns == ("event", "time", "user_id", "a", "b", "c")
    assert [each.columns for each in found.manifest.shapes] == [
        ("event", "time", "user_id", "a"),
        ("b", "event", "time", "user_id", "c"),
    ]
    assert [source.shape for source in found.manifest.sources] == [0, 1, 0]
    assert [job.manifest.reading.columns for job in found.jobs.jobs] == [
        found.manifest.shapes[number].columns for number in (0, 1, 0)
    ]
    assert {each.column: each.text for each in found.missing} == {
        "a": "not in 1 of 3: in/2.csv",
        "b": "only in 1: in/2.csv",
        "c": "only in 1: in/2.csv",
    }


def test_a_column_has_one_type_over_all_sources_and_the_value_that_made_it_text_is_named():
    write("in/1.csv", f"{HEAD},zip", *(row(n, 12345 + n) for n in range(30)))
    write("in/2.csv", f"{HEAD},zip", row(30, 34567), row(31, "01234"))
    found = prepared("in")
    assert {job.manifest.reading.types["zip"] for job in found.jobs.jobs} == {"string"}
    assert found.kept_text == ("`zip` is text because of '01234', in in/2.csv, row 2",)


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"), min_size=1))
def test_a_reading_in_a_shape_names_no_column_that_the_shape_lacks(typed: set[str], columns: set[str]):
    whole = Reading(
        CSV,
        ("a", "b", "c", "d"),
        {"event": "a", "time": "b"},
        alternatives={"distinct_id": ("c", "{a}{d}"), "insert_id": ("d",)},
        types=dict.fromkeys(sorted(typed), "string"),
        names={"c": "See"},
    )
    own = in_shape(whole, SourceShape(CSV, tuple(sorted(columns))), "x/1.csv")
    assert own.columns == tuple(sorted(columns))
    assert own.source_name == "x/1.csv"
    assert own.fields == {field: column for field, column in whole.fields.items() if column in columns}
    assert own.types.keys() == typed & columns
    assert own.names == ({"c": "See"} if "c" in columns else {})
    expected = {"distinct_id": [], "insert_id": []}
    if "c" in columns:
        expected["distinct_id"].append("c")
    if {"a", "d"} <= columns:
        expected["distinct_id"].append("{a}{d}")
    if "d" in columns:
        expected["insert_id"].append("d")
    assert own.alternatives == {field: tuple(kept) for field, kept in expected.items() if kept}


@pytest.mark.parametrize(
    ("columns", "declared", "why"),
    [
        (("e", "t", "u", "x"), {}, ""),
        (("t", "u", "x"), {}, "it has no 'e' (event)"),
        (("e", "u", "x"), {}, "it has no 't' (time)"),
        (("e", "t", "v", "x"), {}, ""),  # another column gives the user
        (("e", "t", "x"), {}, "it has no 'u, v' (distinct_id)"),
        (("e", "t", "u"), {}, "it has no 'x', of which --set makes made"),
        (("e", "t", "u", "x"), {"ip": "addr"}, "it has no 'addr' (ip)"),
    ],
)
def test_a_source_fits_that_has_what_is_mapped(columns: tuple[str, ...], declared: Any, why: str):
    draft = Reading(
        CSV,
        ("e", "t", "u", "v", "x", "addr"),
        {"event": "e", "time": "t", "ip": "addr"},
        alternatives={"distinct_id": ("u", "v")},
        templates={"made": "{x}!"},
    )
    assert misfit(FoundShape(CSV, columns), draft, DeclaredReading(fields=declared)) == why


@pytest.mark.parametrize(
    ("columns", "declared", "why"),
    [
        (("e", "t", "u"), {}, ""),
        (("f", "t"), {}, ""),  # of a list, one is enough; user, address and what --set makes may be missing
        (("t", "u"), {}, "it has no 'e, f' (event)"),
        (("e", "u"), {}, "it has no 't' (time)"),
        (("e", "t"), {"ip": "addr"}, "it has no 'addr' (ip)"),  # a column by itself must be there
        (("e", "t"), {"distinct_id": "u"}, "it has no 'u, v' (distinct_id)"),
    ],
)
def test_where_columns_may_be_missing_a_source_fits_that_has_event_and_time(
    columns: tuple[str, ...], declared: Any, why: str
):
    draft = Reading(
        CSV,
        ("e", "f", "t", "u", "v", "x", "addr"),
        {"time": "t", "ip": "addr"},
        alternatives={"event": ("e", "f"), "distinct_id": ("u", "v")},
        templates={"made": "{x}!"},
    )
    lists: dict[Any, Any] = {"event": ("e", "f"), "distinct_id": ("u", "v"), "ip": ("addr",), **declared}
    said = DeclaredReading(fields=lists, missing_columns="ignore")
    assert misfit(FoundShape(CSV, columns), draft, said) == why


def test_a_source_without_a_column_of_a_condition_or_template_keeps_the_others():
    whole = Reading(
        CSV,
        ("e", "kind", "t", "u"),
        {"time": "t"},
        alternatives={"event": ("e", "Seen {kind}", "= Opened"), "distinct_id": ("u",)},
        conditions={"event": ("", "kind = 'page'", "kind = 'app'")},
        templates={"made": "{u}!", "more": "{t}!"},
        missing_columns="ignore",
    )
    own = in_shape(whole, SourceShape(CSV, ("kind", "t")), "x/1.csv")
    assert own.alternatives == {"event": ("Seen {kind}", "= Opened")}
    assert own.conditions == {"event": ("kind = 'page'", "kind = 'app'")}
    assert own.templates == {"more": "{t}!"}


def test_a_source_of_another_format_does_not_fit():
    draft = Reading(CSV, ("e",), {"event": "e"})
    found = FoundShape(JSONL, ("e",))
    assert misfit(found, draft, DeclaredReading()) == "it is JSONL, and the others are CSV"


@pytest.mark.parametrize(
    ("formats", "usual"), [("cjj", "jsonl"), ("cj", "csv"), ("jc", "jsonl"), ("ccj", "csv")]
)
def test_the_usual_format_is_that_of_most_sources_and_of_the_first_where_as_many_have_another(
    formats: str, usual: str
):
    dialects = {"c": CSV, "j": JSONL}
    assert usual_format([FoundShape(dialects[each], ()) for each in formats]) == usual


def test_columns_that_few_have_come_first_and_no_more_than_ten():
    having = [tuple(f"c{n}" for n in range(at, 20)) for at in range(20)]
    found = missing_columns([f"{n}.csv" for n in range(20)], [FoundShape(CSV, each) for each in having])
    assert [each.column for each in found] == [f"c{n}" for n in range(10)]
    assert (found[0].text, found[9].text) == (
        "only in 1: 0.csv",
        "not in 10 of 20: 10.csv, 11.csv, 12.csv and 7 more",
    )


def test_a_source_of_another_format_is_left_out_only_if_that_is_said():
    for n in (1, 2):
        write_rows(f"in/{n}.csv", n, n)
    write("in/3.jsonl", '{"event":"A","time":1714557600,"user_id":"u"}')
    said = refusal("in")
    assert said[1] == "in/3.jsonl: it is JSONL, and the others are CSV"
    assert "To leave them out: --skip-unfit" in said
    report = dry_run("in", skip_unfit=True)
    assert states(report.prepared) == {"in/1.csv": "ready", "in/2.csv": "ready", "in/3.jsonl": "unfit"}
    assert (report.manifest.exit_code, report.manifest.reconciled) == (1, True)
    assert not Path("out/3.jsonl.csv").exists()


def test_json_lines_are_a_set_with_the_keys_of_all():
    line = {"event": "A", "time": 1_714_557_600, "user_id": "u"}
    write("in/1.jsonl", json.dumps(line), json.dumps({**line, "n": 1}))
    write("in/2.jsonl", json.dumps({**line, "deep": {"n": 2}}))
    report = dry_run("in", results_format="jsonl")
    assert report.manifest.exit_code == 0
    assert {"n", "deep"} <= set(report.manifest.reading.columns)
    assert [len(read_results(Path(f"out/{n}.jsonl.jsonl"))) for n in (1, 2)] == [2, 1]


def test_parquet_files_are_a_set_and_one_of_json_lines_among_them_is_named():
    line = {"event": "A", "time": 1_714_557_600, "user_id": "u"}
    Path("in").mkdir()
    for n, more in enumerate(({}, {"n": 2**60}, {"n": None})):
        parquet.write_table(pa.Table.from_pylist([{**line, **more}] * 2), f"in/{n}.parquet")
    write("in/3.jsonl", json.dumps(line))
    assert refusal("in")[1] == "in/3.jsonl: it is JSONL, and the others are Parquet"
    report = dry_run("in", skip_unfit=True)
    assert states(report.prepared) == {
        **{f"in/{n}.parquet": "ready" for n in range(3)},
        "in/3.jsonl": "unfit",
    }
    assert [len(read_results(Path(f"out/{n}.parquet.csv"))) for n in range(3)] == [2, 2, 2]
    Path("in/3.jsonl").unlink()
    assert dry_run("in").manifest.exit_code == 0


# ── which sources, and in which order ────────────────────────────────────────────────────────────


def test_sources_stand_in_natural_order_in_the_manifest():
    names = ["in/part-2.csv", "in/part-10.csv", "in/x/part-1.csv"]
    for n, name in enumerate(reversed(names)):
        write_rows(name, n, n)
    report = dry_run("in")
    assert [source.name for source in read_set(Path("out")).sources] == names
    assert [end.job.manifest.source for end in report.ends] == names


def test_the_same_content_twice_is_refused_with_both_names():
    write_rows("in/1.csv", 1, 3)
    write_rows("in/2.csv", 4, 5)
    shutil.copy("in/1.csv", "in/copy of 1.csv")
    said = refusal("in")
    assert said == [
        "in/1.csv and in/copy of 1.csv hold the same content",
        "Leave one out, for example: --exclude 'copy of 1.csv'",
    ]
    assert states(prepared("in", exclude=("copy of 1.csv",))) == {"in/1.csv": "ready", "in/2.csv": "ready"}


def test_what_is_offered_to_leave_out_leaves_nothing_else_out():
    write_rows("in/x/1.csv", 1, 3)
    write_rows("in/[y]/2.csv", 4, 5)
    write_rows("in/z/2.csv", 6, 7)
    shutil.copy("in/x/1.csv", "in/1.csv")
    shutil.copy("in/[y]/2.csv", "in/[y]/3.csv")
    *_, offered = refusal("in")
    patterns = tuple(word.strip("'") for word in offered.partition("--exclude ")[2].split(" --exclude "))
    assert prepared("in", exclude=patterns).jobs.records == 7


def test_the_same_content_twice_is_refused_whatever_compresses_it():
    write_rows("in/a.csv", 1, 3)
    Path("in/b.csv.gz").write_bytes(gzip.compress(Path("in/a.csv").read_bytes()))
    said = " ".join(refusal("in"))
    assert "in/a.csv" in said
    assert "in/b.csv.gz" in said


def test_sources_without_records_may_be_alike():
    for n in (1, 2, 3):
        write(f"in/{n}.csv", HEAD)
    for n in (4, 5):
        write(f"in/{n}.csv")
    write_rows("in/6.csv", 1, 3)
    report = dry_run("in")
    assert list(states(report.prepared).values()) == [*["empty"] * 5, "ready"]
    assert report.manifest.exit_code == 0
    assert len(report.ends) == 1


def test_a_set_without_a_record_is_said_to_be_one():
    write("in/1.csv", "")
    write("in/2.csv")
    with pytest.raises(SourceError, match="no source has a record"):
        prepared("in")


sources_in_scope = st.lists(
    st.tuples(st.sampled_from(["ready", "empty", "damaged", "unfit"]), st.integers(0, 50)), max_size=12
)


@given(sources_in_scope, st.none() | st.integers(1, 120))
def test_a_limit_is_of_the_set_and_takes_its_first_records(found: list[tuple[Any, int]], limit: int | None):
    sources = [
        SetSource(str(at), str(at), state, records=records if state == "ready" else 0)
        for at, (state, records) in enumerate(found)
    ]
    scopes = [source.scope for source in with_scopes(sources, limit)]
    records = [source.records for source in sources]
    whole = sum(records)
    assert sum(scopes) == (whole if limit is None else min(limit, whole))
    first_cut = next((at for at in range(len(scopes)) if scopes[at] < records[at]), len(scopes))
    assert not any(scopes[first_cut + 1 :])


def test_a_limit_of_a_set_is_kept_and_a_resumed_run_takes_the_rest():
    for n in (1, 2, 3):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 3)
    report = dry_run("in", limit=6)
    assert [end.job.records for end in report.ends] == [4, 2]
    assert (report.manifest.scope, report.manifest.counts.valid, report.manifest.exit_code) == (6, 6, 0)
    again = resumed()
    assert (again.finished, again.done.valid, again.jobs.done.valid) == (1, 4, 2)
    done = run_prepared(again, options_of(resume=True))
    assert (done.manifest.scope, done.manifest.counts.valid, done.manifest.reconciled) == (12, 12, True)
    assert [int(each["row"]) for each in read_results(Path("out/2.csv.csv"))] == [1, 2, 3, 4]


# ── ids and copies over all sources ──────────────────────────────────────────────────────────────


def test_ids_that_collide_across_sources_stop_with_the_names_of_both():
    write("in/1.csv", f"{HEAD},insert_id,n", row(1, "x", 1), row(2, "y", 1))
    write("in/2.csv", f"{HEAD},insert_id,n", row(3, "z", 1), row(2, "y", 2))
    with pytest.raises(UsageError) as caught:
        prepared_set(["in"], options_of("sandbox"), TARGET, NOW_MS)
    said = caught.value.message
    assert said.startswith("'insert_id' does not tell events apart: 1 event differs from another")
    assert "in/1.csv 2 and in/2.csv 2" in said
    assert (
        prepared_set(["in"], options_of("sandbox", allow_collisions=True), TARGET, NOW_MS).jobs.records == 4
    )


def test_copies_across_sources_are_counted_with_their_sources():
    write_rows("in/1.csv", 1, 5)
    write_rows("in/2.csv", 4, 8)
    found = prepared("in")
    (copies,) = [each for each in found.manifest.attention if each.code == "copies"]
    assert copies.count == 2
    assert [(each.source, each.row) for each in copies.rows] == [("in/2.csv", 1), ("in/2.csv", 2)]


def test_rows_of_two_sources_of_one_base_name_have_ids_of_their_own():
    for folder in ("x", "y"):
        write_rows(f"in/{folder}/1.csv", 1, 2)
    write("in/y/1.csv", HEAD, row(1), row(2), row(3))
    report = dry_run("in", insert_id="row")
    ids = [each["insert_id"] for name in ("x", "y") for each in read_results(Path(f"out/{name}/1.csv.csv"))]
    assert len(set(ids)) == len(ids) == 5
    assert report.manifest.exit_code == 0
    assert not [each for each in report.manifest.attention if each.code == "copies"]


# ── how many may be wrong ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("most", "code"), [(2, 3), (3, 1)])
def test_the_records_that_may_be_wrong_are_those_of_all_sources(most: int, code: int):
    for n in (1, 2, 3):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 3, n * 10 + 1)
    report = dry_run("in", max_errors=MaxErrors(most))
    assert report.manifest.exit_code == code
    assert isinstance(report.error, TooManyErrors) == (code == 3)
    assert report.manifest.counts.invalid == 3
    assert report.manifest.reconciled


# ── the folder of the results ────────────────────────────────────────────────────────────────────


def use_of(folder: str, kind: Any = "real", **more: Any) -> str:
    return find_set_output(find_sources(["in"]), options_of(kind, results=Path(folder), **more)).use


def make_results(folder: str, kind: Any = "real") -> SetManifest:
    """Make the manifest of a set, as one that has begun leaves it."""
    found = prepared_set(["in"], options_of(kind, results=Path(folder)), TARGET, NOW_MS)
    Path(folder).mkdir()
    write_manifest(manifest_path(set_path(Path(folder))), found.manifest)
    return found.manifest


@pytest.mark.parametrize("folder", ["new", "deep/new", "empty", "killed"])
def test_results_go_to_a_folder_that_is_new_or_empty_or_of_a_run_that_did_not_begin(folder: str):
    write_rows("in/1.csv", 1, 2)
    Path("empty").mkdir()
    write("killed/set.lock")
    write("killed/set.run.json.tmp", "{")
    assert use_of(folder) == "new"


def test_sources_whose_results_would_have_too_long_a_path_are_left_out():
    sources = tuple(FoundSource(name, Path(name), name) for name in ("a.csv", f"{'x/' * 1_994}b.csv"))
    found = Found(("in",), sources, (), is_set=True)
    assert without_too_long(found, Path("/o")) is found
    longer = without_too_long(found, Path("/results"))
    assert (longer.sources, [each.name for each in longer.left_out]) == (sources[:1], [sources[1].name])
    with pytest.raises(UsageError):
        without_too_long(found, Path("/o" * 1_999))


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("r.csv", "--results r.csv: a set of sources has a folder of results, not a file"),
        ("file", "file is a file"),
        ("foreign", "foreign is not empty, and holds no results of a set"),
        ("in", "in is a source: its results can't go there"),
    ],
)
def test_a_folder_that_can_not_be_that_of_results_is_refused(folder: str, said: str):
    write_rows("in/1.csv", 1, 2)
    Path("file").touch()
    write("foreign/notes.md", "mine")
    with pytest.raises(UsageError) as caught:
        use_of(folder)
    assert caught.value.message.startswith(said)
    assert Path("foreign/notes.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("old", "new", "more", "use"),
    [
        ("real", "real", {"resume": True}, "resume"),
        ("real", "real", {"overwrite": True}, "replace"),
        ("dry-run", "dry-run", {}, "replace"),
        ("sandbox", "sandbox", {"resume": True}, "resume"),
        ("real", "real", {}, "--resume --overwrite status"),
        ("dry-run", "real", {}, "--overwrite status"),
        ("real", "dry-run", {}, "rehearsal"),
        ("real", "sandbox", {"overwrite": True}, "rehearsal"),
    ],
)
def test_what_becomes_of_results_that_are_there(old: Any, new: Any, more: Mapping[str, Any], use: str):
    write_rows("in/1.csv", 1, 2)
    make_results("out", old)
    if use in ("resume", "replace"):
        assert use_of("out", new, **more) == use
        return
    with pytest.raises(ResultsError) as caught:
        use_of("out", new, **more)
    said = "\n".join([caught.value.message, *caught.value.steps])
    assert "out is there already, from an earlier run" in said
    assert all(word in said for word in use.split())
    assert ("--resume" in said) == ("--resume" in use)


@pytest.mark.parametrize(
    ("named", "folder"),
    [("export/", "export"), ("a/b.zip", "b.zip"), ("export.tar.gz", "export.tar.gz"), ("x/..", None)],
)
def test_results_have_the_name_of_what_was_named_by_default(named: str, folder: str | None, tmp_path: Path):
    Path("x").mkdir()
    for kind, ending in (("real", "results"), ("dry-run", "dry-run"), ("sandbox", "sandbox")):
        assert default_folder(named, kind) == Path(f"{folder or tmp_path.name}.{ending}")


def test_a_rehearsal_replaces_one_and_leaves_nothing_of_it():
    write_rows("in/1.csv", 1, 2)
    write_rows("in/x/2.csv", 3, 4)
    dry_run("in")
    shutil.rmtree("in/x")
    dry_run("in")
    assert sorted(path.name for path in Path().rglob("*") if path.is_file()) == [
        "1.csv", "1.csv.csv", "1.csv.csv.run.json", "set.run.json",
    ]  # fmt: skip
    assert sorted(path.name for path in Path().iterdir()) == ["in", "out"]


def test_results_of_a_run_that_are_replaced_are_set_aside():
    write_rows("in/1.csv", 1, 2)
    make_results("out", "real")
    write("out/1.csv.csv", "old")
    for number in (1, 2):
        found = prepared_set(["in"], options_of("real", overwrite=True), TARGET, NOW_MS)
        assert found.output.use == "replace"
        # It is the room that is made which counts here: nothing listens where this sends to.
        report = run_prepared(replace(found, jobs=replace(found.jobs, jobs=())), options_of("real"))
        assert report.manifest.unattempted == 2
        assert Path(f"out.old-{number}/set.run.json").exists()
    assert Path("out.old-1/1.csv.csv").read_text() == "old\n"
    assert not Path("out/1.csv.csv").exists()


# ── results that an older version wrote for each source ──────────────────────────────────────────


@pytest.mark.parametrize("how", ["by its path", "by its bytes"])
@pytest.mark.parametrize("where", ["here", "beside the results"])
def test_a_source_that_was_imported_by_itself_is_not_sent_again(how: str, where: str):
    write_rows("in/1.csv", 1, 3)
    write_rows("in/2.csv", 4, 5)
    options = RunOptions(
        kind="real", results=Path("deep/2.results.csv" if where != "here" else "2.results.csv")
    )
    source = resolve_output("in/2.csv", options)
    job = prepare_job(source, options, TARGET, now_ms=NOW_MS, progress=NullProgress())
    source.results.parent.mkdir(exist_ok=True)
    write_manifest(manifest_path(source.results), job.manifest)
    if how == "by its bytes":
        Path("in/2.csv").rename("in/moved.csv")
    name = "in/2.csv" if how == "by its path" else "in/moved.csv"
    folder = Path("out") if where == "here" else Path("deep/out")
    with pytest.raises(ResultsError) as caught:
        prepared("in", kind="real", results=folder)
    assert caught.value.exit_code == 2
    assert caught.value.message == f"{name} was imported by itself before: its results are {source.results}"
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["real", "dry-run"])
def test_results_of_a_source_beside_it_stop_a_run_and_no_rehearsal(kind: str):
    write_rows("elsewhere/in/1.csv", 1, 3)
    options = RunOptions(kind="real", results=Path("elsewhere/in/1.results.csv"))
    source = resolve_output("elsewhere/in/1.csv", options)
    job = prepare_job(source, options, TARGET, now_ms=NOW_MS, progress=NullProgress())
    write_manifest(manifest_path(source.results), job.manifest)
    if kind == "dry-run":
        assert prepared("elsewhere/in", kind=kind).jobs.records == 3
        return
    with pytest.raises(ResultsError, match="was imported by itself before"):
        prepared("elsewhere/in", kind=kind)


def test_rehearsals_of_single_sources_are_no_reason_to_stop():
    write_rows("in/1.csv", 1, 3)
    options = RunOptions(kind="sandbox")
    source = resolve_output("in/1.csv", options)
    job = prepare_job(source, options, TARGET, now_ms=NOW_MS, progress=NullProgress())
    write_manifest(manifest_path(source.results), job.manifest)
    assert prepared("in", kind="real").jobs.records == 3


# ── sources that are written to ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["grown", "replaced", "gone"])
def test_nothing_is_sent_of_a_source_that_is_not_as_it_was_planned(how: str):
    write_rows("in/1.csv", 1, 3)
    write_rows("in/2.csv", 4, 6)
    planned = prepared("in")
    path = Path("in/1.csv")
    if how == "grown":
        with path.open("a") as file:
            file.write(f"{row(7)}\n")
    elif how == "replaced":
        path.unlink()
        write_rows("in/1.csv", 7, 9)
    else:
        path.unlink()
    report = run_prepared(planned, options_of())
    assert report.manifest.counts.valid == 3
    assert {end.job.manifest.source: end.error is None for end in report.ends} == {
        "in/1.csv": False,
        "in/2.csv": True,
    }
    assert report.manifest.exit_code != 0


def test_a_source_that_vanishes_while_others_are_looked_at_is_left_out():
    write_rows("in/1.csv", 1, 3)
    write_rows("in/2.csv", 4, 6)
    planned = prepared_set(["in"], options_of(), TARGET, NOW_MS, meanwhile=Path("in/1.csv").unlink)
    assert states(planned) == {"in/1.csv": "damaged", "in/2.csv": "ready"}
    assert planned.jobs.records == 3


def test_a_source_that_was_empty_and_has_grown_is_named_when_the_set_goes_on():
    write_rows("in/1.csv", 1, 3)
    write("in/2.csv")
    dry_run("in")
    write_rows("in/2.csv", 4, 6)
    assert "in/2.csv" in " · ".join(resumed().notes)


@pytest.mark.parametrize("results", [None, Path("x.csv")])
def test_a_format_is_refused_that_the_results_of_one_source_would_not_have(results: Path | None):
    write_rows("1.csv", 1, 3)
    with pytest.raises(UsageError, match="as their name ends") as caught:
        resolve_output("1.csv", RunOptions(kind="dry-run", results=results, results_format="jsonl"))
    name = Path(caught.value.remedy.partition("--results ")[2])
    source = resolve_output("1.csv", RunOptions(kind="dry-run", results=name, results_format="jsonl"))
    assert (source.results, source.results.suffix) == (name, ".jsonl")


# ── going on ─────────────────────────────────────────────────────────────────────────────────────


def resumed(**more: Any) -> PreparedSet:
    options = options_of(resume=True, **more)
    copies = SourceCopies(copies_folder(Path("out")), 0, NullProgress(), io.BytesIO(), resumed=True)
    output = SetOutput(Path("out"), "resume")
    return resume_set(find_sources(["in"]), output, options, TARGET, NOW_MS, copies)


def test_a_finished_set_is_gone_on_with_without_its_sources():
    for n in (1, 2):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 2)
    dry_run("in")
    before = {path: path.read_bytes() for path in Path("out").rglob("*.csv")}
    for path in Path("in").iterdir():
        size = path.stat().st_size
        path.write_bytes(b"\0" * size)  # whoever reads it fails
    found = resumed()
    assert (found.finished, found.jobs.records) == (2, 0)
    report = run_prepared(found, options_of(resume=True))
    assert (report.manifest.exit_code, report.manifest.counts.valid, report.manifest.reconciled) == (
        0,
        6,
        True,
    )
    assert {path: path.read_bytes() for path in Path("out").rglob("*.csv")} == before


def test_what_appeared_vanished_or_changed_since_is_named():
    for n in (1, 2, 3):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 2)
    dry_run("in")
    write_rows("in/4.csv", 1, 1)
    Path("in/1.csv").unlink()
    write_rows("in/2.csv", 1, 9)
    notes = " · ".join(resumed().notes)
    assert "1 source (in/4.csv) was not there when the set was begun: not imported with it" in notes
    assert "1 source (in/1.csv) is gone since" in notes
    assert "1 source (in/2.csv) changed after the set was begun" in notes


@pytest.mark.parametrize(
    ("do", "what"),
    [
        (lambda path: path.unlink(), "is gone"),
        (lambda path: path.write_text(f"{HEAD}\n{row(99)}\n"), "has changed"),
    ],
)
def test_what_is_left_must_be_as_it_was(do: Any, what: str):
    for n in (1, 2):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 2)
    dry_run("in", limit=2)
    do(Path("in/2.csv"))
    with pytest.raises(ResultsError, match=f"what is left of the set is not as it was: in/2.csv {what}$"):
        resumed()


def test_another_reading_does_not_go_on():
    write_rows("in/1.csv", 1, 9)
    dry_run("in", limit=2)
    with pytest.raises(ResultsError, match="out can't be resumed: "):
        resumed(timezone="Europe/Berlin")
    with pytest.raises(ResultsError, match=r"the results of in/1.csv go further than --limit 1 allows"):
        resumed(limit=1)
    with pytest.raises(MappingError):
        resumed(map={"event": "nothing"})


def test_nothing_but_the_columns_of_a_source_is_in_its_manifest_and_nothing_of_the_set_is_repeated():
    write("in/1.csv", f"{HEAD},a", row(1, 1))
    write("in/2.csv", f"{HEAD},b", row(2, 1))
    dry_run("in")
    manifest = json.loads(Path("out/2.csv.csv.run.json").read_bytes())
    assert manifest["reading"]["columns"] == ["event", "time", "user_id", "b"]
    assert manifest["source"] == "in/2.csv"
    assert not manifest["attention"]
    assert statuses(read_results(Path("out/2.csv.csv"))) == ["valid"]


def test_fingerprints_of_a_set_add_up():
    for n in (1, 2):
        write_rows(f"in/{n}.csv", n, n + 1)
    found = prepared("in")
    sizes = [Path(f"in/{n}.csv").stat().st_size for n in (1, 2)]
    assert found.manifest.fingerprint == Fingerprint(sum(sizes), 0, "")
    assert [each.fingerprint.size for each in found.manifest.sources if each.fingerprint] == sizes


@pytest.mark.parametrize("is_there", [True, False])
def test_a_source_whose_worker_was_killed_at_its_end_is_brought_to_it(is_there: bool):
    for n in (1, 2):
        write_rows(f"in/{n}.csv", n * 10, n * 10 + 2)
    dry_run("in")
    whole, lock = Path("out/2.csv.csv.run.json"), Path("out/2.csv.csv.lock")
    manifest = json.loads(whole.read_bytes())
    whole.write_text(json.dumps({**manifest, "ended": None, "counts": {}, "exit_code": None}))
    lock.touch()
    if not is_there:
        Path("in/2.csv").unlink()
    found = resumed()
    assert (found.finished, found.done.valid) == ((1, 3) if is_there else (2, 6))
    report = run_prepared(found, options_of(resume=True))
    assert (report.manifest.exit_code, report.manifest.counts.valid, report.manifest.reconciled) == (
        0,
        6,
        True,
    )
    if is_there:
        after = json.loads(whole.read_bytes())
        assert (after["counts"], after["exit_code"]) == (manifest["counts"], 0)
        assert not lock.exists()
