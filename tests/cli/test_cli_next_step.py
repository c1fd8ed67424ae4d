"""What is left to do is printed as the command that does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from results_helpers import manifest, outcome, outcomes, write_results, write_retry

from importer.cli.next_step import destination_options, next_command, not_retriable_remedy
from importer.model import Status
from importer.results.status import NotRetriableError, check_retriable, read_status

F, I = Status.FAILED, Status.IMPORTED  # noqa: E741 - short, for a row of them is a file


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def command_for(path):
    return next_command(read_status(path).next_step)


@pytest.mark.parametrize(
    ("name", "changes", "command"),
    [
        ("events.results.csv", {}, "run events.csv --resume"),
        (
            "events.results.csv",
            {"source": "my events.csv"},
            "run 'my events.csv' --results events.results.csv --resume",
        ),
        ("stdin.results.csv", {"source": "-"}, "run - --yes --resume"),
        ("events.dry-run.csv", {"kind": "dry-run"}, "run events.csv --dry-run --resume"),
        (
            "events.sandbox.csv",
            {"kind": "sandbox", "base_url": "http://127.0.0.1:1"},
            "run events.csv --sandbox --resume",
        ),
        ("events.results.csv", {"endpoint": "track"}, "run events.csv --endpoint track --resume"),
        (
            "events.results.csv",
            {"base_url": "https://api-eu.mixpanel.com"},
            "run events.csv --region eu --resume",
        ),
        (
            "events.results.csv",
            {"base_url": "https://x.org"},
            "run events.csv --base-url https://x.org --resume",
        ),
        ("other.csv", {}, "run events.csv --results other.csv --resume"),
    ],
)
def test_a_stopped_run_is_resumed_where_it_was_going(name, changes, command):
    path = write_results(Path(name), outcomes([I]), scope=2, **changes)
    assert command_for(path) == f"mixpanel-importer {command}"


def test_a_stopped_retry_is_resumed_by_what_it_retries():
    path = write_results(Path("r.csv"), outcomes([F, F]))
    write_retry(path, Path("r.retry-1.csv"), [outcome(1)], scope=2)
    assert command_for(path) == "mixpanel-importer retry r.csv --resume"


def test_a_stopped_retry_elsewhere_is_named():
    path = write_results(Path("r.csv"), outcomes([F, F]))
    write_retry(path, Path("again.csv"), [outcome(1)], scope=2)
    assert command_for(path) == "mixpanel-importer retry r.csv --results again.csv --resume"


def test_what_has_no_success_is_retried():
    assert command_for(write_results(Path("my r.csv"), outcomes([F]))) == "mixpanel-importer retry 'my r.csv'"


def test_where_nothing_is_left_to_do_there_is_no_command():
    assert command_for(write_results(Path("r.csv"), outcomes([I]))) == ""


def remedy_for(path):
    with pytest.raises(NotRetriableError) as caught:
        check_retriable(path)
    return not_retriable_remedy(caught.value)


def test_a_run_that_is_not_finished_is_resumed_before_it_is_retried():
    path = write_results(Path("events.results.csv"), outcomes([F]), scope=3)
    assert remedy_for(path) == "Finish it first: mixpanel-importer run events.csv --resume"


def test_a_run_that_was_retried_names_the_retry_to_go_on_with():
    path = write_results(Path("r.csv"), outcomes([F, F]))
    write_retry(path, Path("r.retry-1.csv"), [outcome(1, F)])
    assert remedy_for(path) == "Next: mixpanel-importer retry r.retry-1.csv"


def test_a_run_that_was_retried_to_the_end_has_nothing_left():
    path = write_results(Path("r.csv"), outcomes([F]))
    write_retry(path, Path("r.retry-1.csv"), [outcome(1)])
    assert remedy_for(path) == "Nothing is left to retry."


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, []),
        ({"endpoint": "track"}, ["--endpoint", "track"]),
        ({"base_url": "https://api-in.mixpanel.com"}, ["--region", "in"]),
        ({"base_url": "http://127.0.0.1:1", "kind": "dry-run"}, ["--base-url", "http://127.0.0.1:1"]),
        ({"base_url": "http://127.0.0.1:1", "kind": "sandbox"}, []),
    ],
)
def test_the_options_of_a_destination_are_those_that_are_not_the_default(changes, options):
    assert destination_options(manifest(**changes)) == options
