"""A run and its retries: what is chosen, what stands, and what to type next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results_helpers import counts_of, outcome, outcomes, write_results, write_retry

from importer.errors import ResultsError, UsageError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.manifest import read_manifest, write_manifest
from importer.results.paths import manifest_path
from importer.results.row_and_item import place_of
from importer.results.selection import Choice, read_choices, read_successes, select_records
from importer.results.status import NextStep, NotRetriableError, check_retriable, read_status

I, A, R, X, F = Status.IMPORTED, Status.ACCEPTED, Status.REJECTED, Status.INVALID, Status.FAILED  # noqa: E741  a row of letters shows a file at a glance


@pytest.fixture(params=["csv", "jsonl"])
def first(request, tmp_path):
    """Six records: imported, rejected, invalid, failed, imported, failed."""
    return write_results(tmp_path / f"r.{request.param}", outcomes([I, R, X, F, I, F]))


def second(first):
    return first.with_name(f"r.retry-1{first.suffix}")


def third(first):
    return first.with_name(f"r.retry-2{first.suffix}")


# ── the choice of records ────────────────────────────────────────────────────────────────────────


def test_all_records_without_success_are_chosen_in_order(first):
    chosen = select_records(first)
    assert list(read_choices(chosen)) == [
        Choice(place_of(row, 0), status, f"{row:032x}") for row, status in [(2, R), (3, X), (4, F), (6, F)]
    ]
    assert list(read_choices(chosen)) == list(read_choices(chosen))
    assert (len(chosen), chosen.counts) == (4, Counts(rejected=1, invalid=1, failed=2))


@pytest.mark.parametrize(("statuses", "rows"), [([F], [4, 6]), ([R, X], [2, 3]), ([], [])])
def test_statuses_narrow_the_choice(first, statuses, rows):
    chosen = select_records(first, statuses)
    assert [each.row for each in read_choices(chosen)] == rows
    assert len(chosen) == len(rows)


@pytest.mark.parametrize(
    ("text", "rows"), [("rejected for", [2]), ("for a reason", [2, 3, 4, 6]), (".*", [])]
)
def test_a_text_in_error_narrows_the_choice(first, text, rows):
    assert [each.row for each in read_choices(select_records(first, error_contains=text))] == rows


def test_a_status_of_success_can_not_be_retried(first):
    with pytest.raises(UsageError, match="are imported"):
        select_records(first, [I, F])


@pytest.mark.parametrize("insert_id", ["-a1", "'b", "", "02134", "NA", "1e5"])
def test_an_insert_id_is_read_back_exactly(tmp_path, insert_id):
    lines = [outcome(1, F, insert_id=insert_id, error="=x,\n"), outcome(2, insert_id=insert_id)]
    path = write_results(tmp_path / "r.csv", lines)
    assert list(read_choices(select_records(path))) == [Choice(place_of(1, 0), F, insert_id)]
    assert list(read_successes(path)) == [(place_of(2, 0), insert_id)]


def test_successes_are_those_of_one_file(first):
    assert list(read_successes(first)) == [
        (place_of(1, 0), f"{1:032x}"), (place_of(5, 0), f"{5:032x}")
    ]  # fmt: skip


def test_results_that_end_in_an_unfinished_line_are_finished_first(first):
    first.write_bytes(first.read_bytes()[:-4])
    with pytest.raises(ResultsError, match="unfinished line") as caught:
        select_records(first)
    assert "--resume" in caught.value.remedy


def test_results_of_many_blocks_are_chosen_from_whole(tmp_path):
    rows = 30_000
    lines = [outcome(row, F if row % 1000 == 0 else I, note="n" * 400) for row in range(1, rows + 1)]
    path = write_results(tmp_path / "r.csv", lines)
    assert path.stat().st_size > 1 << 23
    assert [each.row for each in read_choices(select_records(path))] == list(range(1000, rows + 1, 1000))
    assert len(list(read_successes(path))) == rows - rows // 1000


def test_a_retry_takes_up_what_the_retry_before_passed_over(first):
    write_retry(first, second(first), [outcome(4, F), outcome(6, I)], statuses=(F,))
    assert [(each.row, each.status) for each in read_choices(select_records(second(first)))] == [
        (2, R),
        (3, X),
        (4, F),
    ]


# ── where a source stands ────────────────────────────────────────────────────────────────────────


def test_one_run_stands_for_itself(first):
    found = read_status(first)
    assert found.counts == Counts(imported=2, rejected=1, invalid=1, failed=2)
    assert (found.scope, found.unattempted, found.reconciles) == (6, 0, True)
    assert found.next_step == NextStep("retry", found.runs[0])


def test_a_run_without_failures_needs_nothing_more(tmp_path):
    found = read_status(write_results(tmp_path / "r.csv", outcomes([I, A])))
    assert (found.reconciles, found.next_step) == (True, None)


def test_the_last_outcome_of_a_record_stands(first):
    write_retry(first, second(first), [outcome(2, I), outcome(3, X), outcome(4, I), outcome(6, F)])
    write_retry(second(first), third(first), [outcome(3, I), outcome(6, R)])
    for results in (first, second(first), third(first)):
        found = read_status(results)
        assert [run.results.name for run in found.runs] == [first.name, second(first).name, third(first).name]
        assert found.counts == Counts(imported=5, rejected=1)
        assert (found.unattempted, found.reconciles) == (0, True)
        assert found.next_step == NextStep("mend", found.runs[2], parent=found.runs[1])


def test_what_a_narrow_retry_passed_over_still_stands(first):
    write_retry(first, second(first), [outcome(4, I), outcome(6, I)])
    found = read_status(first)
    assert found.counts == Counts(imported=4, rejected=1, invalid=1)
    assert found.reconciles
    assert found.next_step == NextStep("mend", found.runs[1], parent=found.runs[0])


@given(st.lists(st.sampled_from([I, R, X, F]), max_size=12), st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=15,
    deadline=None,
)
def test_any_chain_of_retries_adds_up(tmp_path_factory, statuses, data):
    folder = tmp_path_factory.mktemp("chain")
    path = write_results(folder / "r.csv", outcomes(statuses))
    last = dict(enumerate(statuses, 1))
    for number in (1, 2):
        open_rows = [each.row for each in read_choices(select_records(path))]
        assert open_rows == [row for row, status in last.items() if not status.success]
        if not open_rows:
            break
        rows = sorted(data.draw(st.sets(st.sampled_from(open_rows))))
        lines = [outcome(row, data.draw(st.sampled_from([I, R, X, F]))) for row in rows]
        path = write_retry(path, folder / f"r.retry-{number}.csv", lines)
        last |= {each.row: each.status for each in lines}
    found = read_status(folder / "r.csv")
    assert found.counts == counts_of(last.values())
    assert found.reconciles


def test_a_retry_of_what_had_succeeded_does_not_reconcile(first):
    write_retry(first, second(first), [outcome(1, I)])
    assert not read_status(first).reconciles


def test_a_retry_of_records_that_were_never_there_does_not_reconcile(first):
    write_retry(first, second(first), [outcome(7, I)])
    assert not read_status(first).reconciles


@pytest.mark.parametrize(
    "changes", [{"counts": Counts(imported=6)}, {"scope": 5}, {"scope": 7, "unattempted": 0}, {"scope": None}]
)
def test_a_manifest_that_says_otherwise_does_not_reconcile(first, changes):
    beside = manifest_path(first)
    write_manifest(beside, replace(read_manifest(beside), **changes))
    assert not read_status(first).reconciles


def test_a_run_can_be_looked_at_while_it_writes(first):
    beside = manifest_path(first)
    write_manifest(beside, replace(read_manifest(beside), ended=None, scope=10, counts=Counts()))
    first.write_bytes(first.read_bytes()[:-4])
    found = read_status(first)
    assert (found.counts.total, found.unattempted, found.reconciles) == (5, 5, True)


def test_a_manifest_without_results_is_a_run_that_has_not_begun(first):
    first.unlink()
    found = read_status(first)
    assert (found.counts, found.unattempted) == (Counts(), 6)
    assert found.next_step == NextStep("resume", found.runs[0])


def test_results_without_a_manifest_are_a_clear_error(first):
    manifest_path(first).unlink()
    with pytest.raises(ResultsError, match="is missing"):
        read_status(first)


def test_a_retry_that_was_deleted_counts_as_never_made(first):
    write_retry(first, second(first), [outcome(4, I)])
    second(first).unlink()
    manifest_path(second(first)).unlink()
    assert len(read_status(first).runs) == 1


def test_a_retry_whose_manifest_is_lost_is_a_clear_error(first):
    write_retry(first, second(first), [outcome(4, I)])
    manifest_path(second(first)).unlink()
    with pytest.raises(ResultsError, match="is missing"):
        read_status(first)


@pytest.mark.parametrize("name", ["parent", "retried_by"])
def test_a_run_that_leads_back_to_itself_is_a_clear_error(first, name):
    beside = manifest_path(first)
    write_manifest(beside, replace(read_manifest(beside), **{name: first.name}))
    with pytest.raises(ResultsError, match="names itself"):
        read_status(first)


# ── what is left to do ───────────────────────────────────────────────────────────────────────────


def test_a_stopped_run_is_to_be_resumed(tmp_path):
    found = read_status(write_results(tmp_path / "r.csv", outcomes([I]), scope=2))
    assert found.next_step == NextStep("resume", found.runs[0])


def test_a_stopped_retry_is_to_be_resumed_with_what_it_retries(tmp_path):
    path = write_results(tmp_path / "r.csv", outcomes([F, F]))
    write_retry(path, tmp_path / "r.retry-1.csv", [outcome(1)], scope=2)
    found = read_status(path)
    assert found.next_step == NextStep("resume", found.runs[1], parent=found.runs[0])


def test_of_a_dry_run_nothing_is_to_be_retried(tmp_path):
    assert read_status(write_results(tmp_path / "r.csv", outcomes([X]), kind="dry-run")).next_step is None


def test_a_finished_run_may_be_retried(first):
    check_retriable(first)


def test_a_run_that_is_not_finished_is_not_retried(tmp_path):
    path = write_results(tmp_path / "r.csv", outcomes([F]), scope=3)
    with pytest.raises(NotRetriableError, match="2 records have no outcome yet") as caught:
        check_retriable(path)
    assert caught.value.next_step == NextStep("resume", read_status(path).runs[0])


def test_a_run_of_unknown_scope_is_not_retried(tmp_path):
    path = write_results(tmp_path / "r.csv", outcomes([F]), scope=None)
    with pytest.raises(NotRetriableError, match="some records have no outcome yet"):
        check_retriable(path)


def test_a_run_that_was_retried_names_the_retry_to_go_on_with(first):
    write_retry(first, second(first), [outcome(4, F)])
    with pytest.raises(NotRetriableError, match="was retried already") as caught:
        check_retriable(first)
    runs = read_status(first).runs
    assert caught.value.next_step == NextStep("retry", runs[1], parent=runs[0])
    check_retriable(second(first))


def test_a_run_that_was_retried_to_the_end_has_nothing_left(tmp_path):
    path = write_results(tmp_path / "r.csv", outcomes([F]))
    write_retry(path, tmp_path / "r.retry-1.csv", [outcome(1)])
    with pytest.raises(NotRetriableError, match="was retried already") as caught:
        check_retriable(path)
    assert caught.value.next_step is None
