"""Where a set of sources stands, added up over its sources and retries, and what can be wrong with it."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from results_helpers import outcome, outcomes, write_results, write_retry
from set_results_helpers import (
    change_set,
    own_results,
    set_manifest,
    write_set,
    write_set_manifest,
    write_set_retry,
    write_source,
)

from importer.errors import ResultsError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.history import check_exists
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path
from importer.results.set_manifest import SetSource, read_set, set_path
from importer.results.set_status import (
    read_set_status,
    read_status_in_set,
    retry_folder,
    set_history,
    set_of,
)
from importer.results.status import read_status

I, X, F = Status.IMPORTED, Status.INVALID, Status.FAILED  # noqa: E741 - short, for a row of them is a source
OUT = Path("out")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(number: int) -> list[str]:
    return [f"in/{n}.csv" for n in range(1, number + 1)]


# ── what the manifest of a set must say ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("relative", ["../1.csv", "/tmp/1.csv", "", "a\0b", "x/../../1.csv"])
def test_a_set_is_refused_whose_results_would_lie_outside_its_folder(relative: str):
    write_set_manifest(OUT, set_manifest([SetSource("in/1.csv", relative)]))
    with pytest.raises(ResultsError, match="is no path within its folder") as caught:
        read_set(OUT)
    assert caught.value.message.startswith("out/set.run.json is not the manifest of a set: ")
    assert caught.value.exit_code == 2


def test_a_set_is_refused_that_has_a_source_of_no_shape():
    write_set_manifest(OUT, set_manifest([SetSource("in/1.csv", "1.csv", shape=1)]))
    with pytest.raises(ResultsError, match=r"'in/1.csv' has a shape that is not there"):
        read_set(OUT)


def test_of_a_source_that_is_left_out_neither_path_nor_shape_matters():
    source = SetSource("in/1.csv", "../1.csv", "damaged", "it can't be read", shape=7)
    write_set_manifest(OUT, set_manifest([source]))
    assert read_set(OUT).sources == (source,)


# ── the runs of a set ────────────────────────────────────────────────────────────────────────────


def test_retries_of_a_set_are_found_from_any_of_them():
    write_set(OUT, {"in/1.csv": [I, F]})
    write_set_retry(OUT, Path("out.retry-1"), {"in/1.csv": {2: F}})
    write_set_retry(Path("out.retry-1"), Path("again"), {"in/1.csv": {2: I}})
    for folder in ("out", "out.retry-1", "again"):
        status = read_set_status(Path(folder))
        assert [run.folder.name for run in status.runs] == ["out", "out.retry-1", "again"]
        assert (status.counts, status.action, status.reconciles) == (Counts(imported=2), None, True)
        assert [run.counts for run in status.runs] == [
            Counts(imported=1, failed=1), Counts(failed=1), Counts(imported=1),
        ]  # fmt: skip


def test_a_link_to_what_is_no_set_is_refused():
    write_set(OUT, {"in/1.csv": [F]}, parent="../other/1.csv")
    with pytest.raises(ResultsError) as caught:
        set_history(OUT)
    assert caught.value.message == "out/set.run.json names other/1.csv, which is no set"


def test_a_retry_that_was_deleted_is_left_out():
    write_set(OUT, {"in/1.csv": [F]}, retried_by="../out.retry-1/set")
    assert [run.folder for run in set_history(OUT)] == [OUT]


@pytest.mark.parametrize("link", ["parent", "retried_by"])
def test_a_set_that_is_its_own_retry_is_refused(link: str):
    write_set(OUT, {"in/1.csv": [F]}, **{link: "set"})
    with pytest.raises(ResultsError) as caught:
        read_set_status(OUT)
    assert caught.value.message == "out/set.run.json names itself among its own retries."


@pytest.mark.parametrize(
    ("folder", "retry"), [("in.results", "in.results.retry-1"), ("in.results.retry-1", "in.results.retry-2")]
)
def test_the_retry_of_a_set_lies_beside_it(folder: str, retry: str):
    assert retry_folder(Path("deep") / folder) == Path("deep") / retry


# ── the set that results belong to ───────────────────────────────────────────────────────────────


def test_results_of_a_source_belong_to_their_set_as_it_was_typed(tmp_path: Path):
    write_set(OUT, {"in/1.csv": [I]})
    assert set_of(Path("out/1.csv.csv")) == OUT
    assert set_of(tmp_path / "out/1.csv.csv") == tmp_path / "out"


def test_results_above_this_folder_belong_to_their_set_as_it_was_typed(monkeypatch: pytest.MonkeyPatch):
    write_set(OUT, {"in/1.csv": [I]})
    monkeypatch.chdir("in")
    assert set_of(Path("../out/1.csv.csv")) == Path("../out")


def test_other_results_in_the_folder_of_a_set_belong_to_none():
    write_set(OUT, {"in/1.csv": [I]})
    write_results(Path("out/other.csv"), outcomes([F]))
    assert set_of(Path("out/other.csv")) is None


def test_of_sets_one_in_the_other_results_belong_to_the_one_that_names_them():
    write_set(OUT, {"in/x": [I]})
    source = SetSource("in/1.csv", "inner/1.csv", records=1, scope=1)
    write_set_manifest(Path("whole"), set_manifest([source]))
    write_set(Path("whole/inner"), {"in/other.csv": [I]})
    assert set_of(Path("whole/inner/1.csv.csv")) == Path("whole")
    assert set_of(Path("whole/inner/other.csv.csv")) == Path("whole/inner")


def test_beside_a_damaged_manifest_of_a_set_results_stand_by_themselves():
    write_set(OUT, {"in/1.csv": [I]})
    manifest_path(set_path(OUT)).write_text('{"cut')
    assert set_of(Path("out/1.csv.csv")) is None


def test_where_a_source_stands_is_known_without_its_own_manifest_if_its_set_knows_it():
    write_set(OUT, {"in/1.csv": [I, F]})
    results = own_results(OUT, "in/1.csv")
    manifest_path(results).unlink()
    status = read_status_in_set(OUT, results)
    assert (status.counts, status.scope) == (Counts(imported=1, failed=1), 2)


def test_results_that_the_set_does_not_know_stand_as_their_own_manifest_says():
    write_set(OUT, {"in/1.csv": [I]})
    other = write_results(Path("out/other.csv"), outcomes([F, F]))
    assert read_status_in_set(OUT, other).counts == Counts(failed=2)


# ── what does not add up ─────────────────────────────────────────────────────────────────────────


def test_a_source_whose_results_cant_be_used_is_named_and_the_others_count():
    write_set(OUT, {"in/1.csv": [I, I], "in/2.csv": [I]})
    manifest_path(own_results(OUT, "in/1.csv")).write_text("{}")
    status = read_set_status(OUT)
    assert (status.reconciles, status.unusable, status.wrong.number) == (False, 1, 1)
    ((name, why),) = status.wrong.named
    assert name == "in/1.csv"
    assert "out/1.csv.csv.run.json" in str(why)
    assert (status.counts, status.unattempted, status.finished) == (Counts(imported=1), 2, 1)


def test_results_that_are_missing_behind_a_retry_are_a_fault():
    write_set(OUT, {"in/1.csv": [I, F], "in/2.csv": [I]})
    write_set_retry(OUT, Path("out.retry-1"), {"in/1.csv": {2: I}})
    own_results(OUT, "in/2.csv").unlink()
    manifest_path(own_results(OUT, "in/2.csv")).unlink()
    status = read_set_status(OUT)
    assert status.wrong.named == (("in/2.csv", "its results are missing"),)
    assert not status.reconciles


def test_more_outcomes_than_the_set_has_records_of_a_source_are_a_fault():
    write_set(OUT, {"in/1.csv": [I, I]})
    (source,) = read_set(OUT).sources
    change_set(OUT, sources=(replace(source, scope=1),))
    assert read_set_status(OUT).wrong.named == (("in/1.csv", "its outcomes don't add up"),)


def test_no_more_than_five_faults_are_named_and_all_are_counted():
    write_set(OUT, {key: [I] for key in names(7)})
    for name in names(7):
        manifest_path(own_results(OUT, name)).write_text("{}")
    status = read_set_status(OUT)
    assert (status.wrong.number, status.unusable) == (7, 7)
    assert [name for name, _ in status.wrong.named] == names(5)


def test_no_more_than_five_unfinished_sources_are_named_and_all_are_to_do():
    write_set(OUT, {key: [I] for key in names(7)}, unattempted=2, ended=None)
    status = read_set_status(OUT)
    assert (status.unattempted, status.finished, status.action) == (14, 0, "resume")
    assert status.unfinished.number == 7
    assert status.unfinished.named == tuple((name, "2 unattempted") for name in names(5))
    assert status.to_do == set(names(7))


def test_the_five_worst_sources_are_named_and_the_first_of_as_many_comes_first():
    failed = dict(zip(names(7), (1, 3, 1, 2, 3, 1, 1), strict=True))
    write_set(OUT, {name: [F] * number for name, number in failed.items()})
    status = read_set_status(OUT)
    assert status.worst.number == 7
    assert status.worst.named == tuple(
        (f"in/{n}.csv", Counts(failed=number)) for n, number in ((2, 3), (5, 3), (4, 2), (1, 1), (3, 1))
    )


def test_what_a_source_was_retried_by_itself_counts_for_the_set_and_for_no_run_of_it():
    write_set(OUT, {"in/1.csv": [I, F, F]})
    alone = [outcome(2, I), outcome(3, F)]
    results = own_results(OUT, "in/1.csv")
    fingerprint = read_manifest(manifest_path(results)).fingerprint
    write_retry(results, Path("by-itself.csv"), alone, source="in/1.csv", fingerprint=fingerprint)
    status = read_set_status(OUT)
    assert status.counts == Counts(imported=2, failed=1)
    assert [run.counts for run in status.runs] == [Counts(imported=1, failed=2)]
    assert (status.finished, status.reconciles, status.action) == (1, True, "retry")


def test_a_source_whose_own_retry_stopped_is_not_finished():
    write_set(OUT, {"in/1.csv": [I, F, F], "in/2.csv": [I]})
    results = own_results(OUT, "in/1.csv")
    fingerprint = read_manifest(manifest_path(results)).fingerprint
    write_retry(
        results, Path("alone.csv"), [outcome(2, I)], source="in/1.csv", fingerprint=fingerprint, scope=2
    )
    assert read_set_status(OUT).finished == 1


# ── the history of one source ────────────────────────────────────────────────────────────────────


def test_results_of_mended_records_that_have_more_rows_than_were_mended_are_refused():
    first = write_results(Path("r.csv"), outcomes([X, I, X]))
    write_retry(first, Path("m.csv"), outcomes([I, I]), mended_rows="1")
    with pytest.raises(ResultsError) as caught:
        read_status(first)
    assert caught.value.message == "m.csv has row 2, but only 1 records were mended."
    assert caught.value.remedy == "Put results and manifests back as they were written."


def test_what_cant_be_opened_is_refused_for_want_of_a_manifest():
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("r.csv")
        check_exists(Path("r.csv"))
        with pytest.raises(ResultsError, match=r"r\.csv\.run\.json"):
            read_status(Path("r.csv"))


def test_beside_a_damaged_manifest_a_source_is_still_told_from_results():
    write_source("events.csv")
    manifest_path(write_results(Path("a.csv"), outcomes([I]), source="events.csv")).write_text("{")
    write_results(Path("b.csv"), outcomes([I]), source="events.csv")
    with pytest.raises(ResultsError) as caught:
        read_status(Path("events.csv"))
    assert caught.value.message == "events.csv is a source, not a results file"
    assert caught.value.remedy == "Its results: b.csv"
