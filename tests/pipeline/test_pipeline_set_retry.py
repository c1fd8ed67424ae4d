"""Retries of sets of sources: what is sent again, from where, and what is said where that can't be."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import read_results
from set_helpers import prepared_set, run_prepared
from set_server_helpers import (
    HEAD,
    NOW_MS,
    Refusing,
    options_of,
    prepared_retry,
    refusing,
    retry,
    run,
    write,
    write_rows,
)

from importer.cli.commands.retry_set import retry_set
from importer.cli.options import DeliveryOptions, OutputOptions, ReadingOptions, RetryScopeOptions
from importer.cli.sets.options import WorkOptions
from importer.errors import ImporterError, ResultsError, StorageError, TooManyErrors, UsageError
from importer.model import Status
from importer.pipeline.job import MaxErrors
from importer.pipeline.sets.retry import RetryChoice, SetNotRetriableError
from importer.pipeline.sets.retry_sources import RetrySources
from importer.progress import NullProgress
from importer.results.set_manifest import read_set
from importer.results.set_status import read_set_status, set_history


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def write_three() -> None:
    """Write three sources; of 2, 5 and 7 the tests let the server refuse some."""
    write_rows("in/1.csv", 1, 2, 3)
    write_rows("in/2.csv", 4, 5)
    write_rows("in/3.csv", 6, 7)


def edit(manifest: str, **changes: Any) -> None:
    path = Path(manifest)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def said_of(error: ImporterError) -> str:
    return "\n".join([error.message, *error.steps])


def refusal(server: Refusing, kind: type[ImporterError] = ResultsError, **more: Any) -> str:
    """Return what is said where a set is not retried, and see that nothing was sent."""
    server.taken = []
    with pytest.raises(kind) as caught:
        prepared_retry(server, **more)
    assert server.taken == []
    return said_of(caught.value)


def stopped_retry(server: Refusing) -> None:
    """Leave a retry that --max-errors stopped after the first source."""
    run(server, "in")
    report = retry(server, max_errors=MaxErrors(0))
    assert isinstance(report.error, TooManyErrors)
    assert report.manifest.unattempted == 2
    server.refused, server.taken = set(), []


# ── what is sent again ───────────────────────────────────────────────────────────────────────────


def test_a_retry_sends_what_was_refused_of_each_source_and_nothing_else():
    write_three()
    with refusing(2, 7) as server:
        first = run(server, "in")
        assert (first.manifest.exit_code, first.manifest.counts.rejected) == (1, 2)
        server.refused, server.taken = set(), []
        again = retry(server)
    assert sorted(server.taken) == [2, 7]
    assert (again.manifest.exit_code, again.manifest.counts.imported, again.manifest.scope) == (0, 2, 2)
    assert [each.name for each in again.manifest.sources] == ["in/1.csv", "in/3.csv"]
    assert not Path("out.retry-1/2.csv.csv").exists()


def test_of_what_was_not_taken_only_what_is_chosen_is_retried():
    write_three()
    write_rows("in/2.csv", 4, 5, broken=[5])
    choices = [
        (RetryChoice((Status.REJECTED,)), ["in/1.csv", "in/3.csv"]),
        (RetryChoice(error_contains="7 is wrong"), ["in/3.csv"]),
        (RetryChoice((Status.INVALID,)), ["in/2.csv"]),
        (RetryChoice((Status.FAILED,)), []),
    ]
    with refusing(2, 7) as server:
        run(server, "in")
        found = [prepared_retry(server, choice=choice) for choice, _ in choices]
    assert [[each.name for each in one.manifest.sources] for one in found] == [names for _, names in choices]
    assert [one.manifest.scope for one in found] == [2, 1, 1, 0]
    assert found[1].manifest.error_contains == "7 is wrong"
    assert found[3].jobs.records == 0


def test_a_retry_that_was_stopped_goes_on_with_what_is_left_and_with_what_it_was_for():
    write_three()
    with refusing(2, 5, 7) as server:
        stopped_retry(server)
        found = prepared_retry(server, resume=True, choice=RetryChoice((Status.FAILED,)))
        assert (found.finished, found.done.rejected, found.manifest.scope) == (1, 1, 3)
        assert (found.output.use, found.manifest.statuses) == ("resume", None)
        report = run_prepared(found, options_of())
        assert server.taken == [5, 7]
        assert (report.manifest.counts.imported, report.manifest.counts.rejected) == (2, 1)
        assert (report.manifest.reconciled, report.manifest.unattempted) == (True, 0)
        finished = prepared_retry(server, resume=True)
    assert finished.is_finished
    assert (finished.finished, finished.done.total) == (3, 3)


def test_a_source_of_which_a_retry_was_begun_goes_on_with_the_results_that_it_is_of():
    write_rows("in/1.csv", 1, 2, 3)
    with refusing(1, 3) as server:
        run(server, "in")
        server.refused = set()
        retry(server)
        results = Path("out.retry-1/1.csv.csv")
        head, first, _ = results.read_text().splitlines(keepends=True)
        results.write_text(head + first)  # it was killed after its first record
        server.taken = []
        report = retry(server, resume=True)
    assert server.taken == [3]
    assert (report.manifest.counts.imported, report.manifest.exit_code) == (2, 0)
    assert [row["row"] for row in read_results(results)] == ["1", "3"]


# ── where that can't be ──────────────────────────────────────────────────────────────────────────


def test_a_rehearsal_that_sent_nothing_is_not_retried():
    write_rows("in/1.csv", 1, 2, broken=[2])
    with refusing() as server:
        run(server, "in", kind="dry-run")
        said = refusal(server)
    assert said.startswith("out belongs to a dry run: nothing was sent, so there is nothing to retry")
    assert "without --dry-run" in said


def test_the_results_of_a_retry_replace_none():
    write_three()
    with refusing(2) as server:
        run(server, "in")
        said = refusal(server, UsageError, overwrite=True)
    assert said == (
        "--overwrite: the results of the retry of a set replace none\nName another folder: --results"
    )


@pytest.mark.parametrize("there", ["a file", "a folder", "another set"])
def test_a_retry_goes_into_no_folder_that_is_not_its_own(there: str):
    write_three()
    with refusing(2) as server:
        run(server, "in")
        if there == "another set":
            run(server, "in", results=Path("out.retry-1"))
        else:
            write("out.retry-1/notes.md" if there == "a folder" else "out.retry-1", "mine")
        before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        folder = Path("out.retry-1")
        said = refusal(server, results=folder)
        assert said == (
            "out.retry-1 is there already, and is no retry of out\n"
            "Write to another folder: mixpanel-importer retry out --results out.retry-1-2"
        )
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
        server.refused = set()
        assert retry(server, results=Path("out.retry-1-2")).manifest.counts.imported == 1


def test_a_retry_that_was_killed_as_it_began_is_offered_to_go_on():
    write_three()
    with refusing(2, 5, 7) as server:
        stopped_retry(server)
        edit("out/set.run.json", retried_by=None)
        assert refusal(server, results=Path("out.retry-1")) == (
            "out.retry-1 is there already, from a retry that was stopped\n"
            "To go on with it: mixpanel-importer retry out --resume"
        )


@pytest.mark.parametrize("results", [Path("out.retry-1"), Path("elsewhere")])
def test_a_retry_that_is_not_finished_is_not_begun_anew(results: Path):
    write_three()
    with refusing(2, 5, 7) as server:
        stopped_retry(server)
        said = refusal(server, SetNotRetriableError, results=results)
    assert said == "The run of out.retry-1 is not finished: 2 records have no outcome yet."
    assert not Path("elsewhere").exists()


def test_a_set_is_retried_once():
    write_three()
    with refusing(2) as server:
        run(server, "in")
        retry(server)
        said = refusal(server, SetNotRetriableError, results=Path("elsewhere"))
    assert said == "out was retried already; out.retry-1 is the last of its retries."


def test_a_set_whose_results_are_damaged_is_not_retried():
    write_three()
    with refusing(2) as server:
        run(server, "in")
        Path("out/2.csv.csv").unlink()
        assert refusal(server) == (
            "the results of out don't add up\nWhat is wrong: mixpanel-importer status out"
        )


def test_a_stopped_retry_does_not_go_on_with_other_results_than_it_began_with():
    write_three()
    with refusing(2, 5, 7) as server:
        stopped_retry(server)
        results = Path("out/2.csv.csv")
        results.write_text(results.read_text().replace("false,rejected,400", "true,imported,200"))
        said = refusal(server, resume=True)
    assert said == (
        "0 records of in/2.csv can be retried, but 1 was when this retry began\n"
        "Put results and manifests back as they were written."
    )


def test_a_stopped_retry_that_names_what_is_no_source_of_the_set_does_not_go_on():
    write_three()
    with refusing(2, 5, 7) as server:
        stopped_retry(server)
        manifest = json.loads(Path("out.retry-1/set.run.json").read_bytes())
        sources = manifest["sources"]
        sources[-1] |= {"name": "in/9.csv", "relative": "9.csv"}
        edit("out.retry-1/set.run.json", sources=sources)
        assert refusal(server, resume=True) == (
            "out.retry-1/set.run.json names in/9.csv, which is no source of the set\n"
            "Put it back as it was written."
        )


@pytest.mark.parametrize("gone", ["in/1.csv", "in"])
def test_a_source_that_is_gone_is_named_with_the_folder_from_which_it_was_looked_for(gone: str):
    write_three()
    with refusing(2) as server:
        run(server, "in")
        if gone == "in":
            shutil.rmtree(gone)
        else:
            Path(gone).unlink()
        assert refusal(server) == (
            f"in/1.csv is not there any more, seen from {Path.cwd()}\nPut it back as it was."
        )


def test_a_source_is_read_from_where_the_last_run_that_has_it_read_it():
    write_three()
    with refusing(2) as server:
        run(server, "in")
        retry(server)
    sources = RetrySources(set_history(Path("out")), options_of(), NullProgress(), io.BytesIO())
    assert sources.path_of("in/1.csv") == Path("in/1.csv")
    with pytest.raises(ResultsError, match=r"^in/4.csv is not there any more"):
        sources.path_of("in/4.csv")


# ── two at once ──────────────────────────────────────────────────────────────────────────────────


def test_of_two_retries_of_a_set_the_second_sends_nothing():
    write_three()
    with refusing(2) as server:
        run(server, "in")
        server.refused, server.taken = set(), []
        one = prepared_retry(server, results=Path("one"))
        two = prepared_retry(server, results=Path("two"))
        run_prepared(one, options_of())
        with pytest.raises(ResultsError) as caught:
            run_prepared(two, options_of())
        assert server.taken == [2]
    assert said_of(caught.value) == (
        "out is being retried by one already\nSee where that stands: mixpanel-importer status one"
    )
    assert read_set(Path("out")).retried_by == "../one/set"
    assert not list(Path("two").rglob("*.csv"))


def test_a_run_whose_folder_another_one_took_meanwhile_sends_nothing():
    write_three()
    with refusing() as server:
        prepared = [prepared_set(["in"], options_of(), server.target, NOW_MS) for _ in range(2)]
        run_prepared(prepared[0], options_of())
        before, server.taken = Path("out/set.run.json").read_bytes(), []
        with pytest.raises(ResultsError) as caught:
            run_prepared(prepared[1], options_of())
        assert server.taken == []
    assert said_of(caught.value) == (
        "out was written by another run in the meantime\nTo see where it stands: mixpanel-importer status out"
    )
    assert Path("out/set.run.json").read_bytes() == before


def test_a_source_that_is_retried_by_itself_meanwhile_is_not_sent_by_the_set():
    write_three()
    with refusing(2, 7) as server:
        run(server, "in")
        server.refused, server.taken = set(), []
        found = prepared_retry(server)
        write("other.csv", "results of another retry")
        edit("out/1.csv.csv.run.json", retried_by="../other.csv")
        report = run_prepared(found, options_of())
        assert server.taken == []
    assert report.error is not None
    assert said_of(report.error) == (
        "out/1.csv.csv is being retried by other.csv already\n"
        "See where that stands: mixpanel-importer status other.csv"
    )
    assert report.manifest.exit_code == 2
    assert (report.manifest.counts.total, report.manifest.unattempted) == (0, 2)


# ── folders that can't be used ───────────────────────────────────────────────────────────────────


def test_results_below_a_file_can_not_be_made_and_nothing_is_sent():
    write_three()
    write("file", "mine")
    with refusing() as server:
        found = prepared_set(["in"], options_of(), server.target, NOW_MS)
        found = replace(found, output=replace(found.output, folder=Path("file/out")))
        with pytest.raises(StorageError, match="file/out") as caught:
            run_prepared(found, options_of())
        assert server.taken == []
    assert caught.value.exit_code == 5


def test_a_folder_of_results_that_can_not_be_made_stops_all_sources():
    for n in (1, 2):
        write_rows(f"in/{'x/' * (n == 1)}{n}.csv", n)
    with refusing() as server:
        found = prepared_set(["in"], options_of(), server.target, NOW_MS)
        write("out/x", "mine")
        report = run_prepared(found, options_of())
    assert isinstance(report.error, StorageError)
    assert report.error.message.startswith("out/x can't be written")
    assert report.manifest.counts.total == report.manifest.scope - report.manifest.unattempted
    assert Path("out/x").read_text() == "mine\n"


# ── the command ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Type the command; it returns its exit code."""
    monkeypatch.setenv("MIXPANEL_PROJECT_TOKEN", "x")
    for name in ("MIXPANEL_BASE_URL", "MIXPANEL_API_SECRET", "MIXPANEL_SERVICE_ACCOUNT_USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def type_it(folder: str = "out", status: str | None = None, stop: Any = None, **more: Any) -> int:
        fields = {"yes": True, **more}
        return retry_set(
            Path(folder),
            RetryScopeOptions(status=status),
            WorkOptions(workers=1),
            ReadingOptions(),
            DeliveryOptions(max_errors=fields.pop("max_errors", None), batch_size=1, max_retries=0),
            OutputOptions(**fields),
            **({} if stop is None else {"stop_requests": stop}),
        )

    return type_it


def test_the_command_sends_where_the_run_sent_and_says_what_it_did(command: Any, capsys: Any):
    write_three()
    with refusing(2, 7) as server:
        run(server, "in")
        server.refused, server.taken = set(), []
        assert command() == 0
        assert server.taken == [2, 7]
        said = capsys.readouterr().err
        assert "Retrying 2 records of 2 sources of out; results go to out.retry-1/\n" in said
        assert server.url in said
        assert "2 records = 2 imported" in said
        assert command("out.retry-1") == 0
    assert capsys.readouterr().err == "Nothing to retry: out.retry-1 has no such record.\n"
    assert not Path("out.retry-2").exists()


def test_the_command_prints_the_manifest_of_the_retry_and_nothing_else(command: Any, capsys: Any):
    write_three()
    with refusing(2, 7) as server:
        run(server, "in")
        server.refused = {7}
        assert command(json=True, quiet=True) == 1
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["counts"]["imported"], manifest["counts"]["rejected"] == (1, 1)
    assert (manifest["exit_code"], manifest["parent"]) == (1, "../out/set")


def test_the_command_sends_nothing_where_nobody_can_agree(command: Any):
    write_three()
    with refusing(2) as server:
        run(server, "in")
        server.taken = []
        with pytest.raises(UsageError, match="there is nobody to ask"):
            command(yes=False)
        assert server.taken == []
    assert not Path("out.retry-1").exists()


def test_the_command_names_what_to_type_where_a_set_was_retried_already(command: Any):
    write_three()
    with refusing(2, 7) as server:
        run(server, "in")
        assert command(status="rejected") == 1
        with pytest.raises(SetNotRetriableError) as caught:
            command(results=Path("elsewhere"))
    assert caught.value.steps == ("Only records to mend are left: mixpanel-importer status out.retry-1",)


def test_the_command_stops_at_too_many_errors_and_goes_on_where_it_stopped(command: Any, capsys: Any):
    write_three()
    with refusing(2, 5, 7) as server:
        run(server, "in")
        assert command(max_errors="0") == 3
        assert "not taken: more than --max-errors allows" in capsys.readouterr().err
        server.refused, server.taken = set(), []
        assert command(resume=True) == 1
        assert server.taken == [5, 7]
    assert read_set_status(Path("out")).counts.imported == 6


def test_the_command_copies_what_must_be_mended_into_a_folder_of_its_own(command: Any):
    write_rows("in/1.csv", 1, 2, 3, broken=[3])
    with refusing(2) as server:
        run(server, "in")
        for folder in ("in/copies", "out", "out.retry-1/copies"):
            with pytest.raises(UsageError, match=f"^--failed-rows {folder} "):
                command(failed_rows=Path(folder))
        assert command(failed_rows=Path("bad")) == 1
    rows = Path("bad/1.csv").read_text().splitlines()
    assert (rows[0], [row.rpartition(",")[2] for row in rows[1:]]) == (HEAD, ["2", "3"])
