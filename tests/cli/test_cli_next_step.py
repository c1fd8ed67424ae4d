"""What is left to do is printed as the command that does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import xxhash
from results_helpers import manifest, outcome, outcomes, write_results, write_retry

from importer.cli.command_lines import destination_flags, is_said_by_flags, reading_flags
from importer.cli.next_step import after_status, not_retriable_remedy
from importer.model import Fingerprint, Status
from importer.reading import Dialect, Reading, Shape
from importer.results.status import NotRetriableError, check_retriable, read_status

F, I = Status.FAILED, Status.IMPORTED  # noqa: E741 - short, for a row of them is a file


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SOURCE = b"event,time\nPurchase,2026-01-01T00:00:00Z\n"
SOURCE_AS_IT_WAS = Fingerprint(len(SOURCE), 1, xxhash.xxh3_128_hexdigest(SOURCE))


@pytest.fixture(autouse=True)
def _with_sources():
    for name in ("events.csv", "my events.csv"):
        Path(name).write_bytes(SOURCE)


def command_for(path):
    step = after_status(read_status(path))
    assert len(step.commands) <= 1
    return "".join(step.commands)


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
    path = write_results(Path(name), outcomes([I]), scope=2, fingerprint=SOURCE_AS_IT_WAS, **changes)
    assert command_for(path) == f"mixpanel-importer {command}"


def test_a_stopped_retry_is_resumed_by_what_it_retries():
    path = write_results(Path("r.csv"), outcomes([F, F]))
    write_retry(path, Path("r.retry-1.csv"), [outcome(1)], scope=2, fingerprint=SOURCE_AS_IT_WAS)
    assert command_for(path) == "mixpanel-importer retry r.csv --resume"


def test_a_stopped_retry_with_results_of_another_name_is_resumed_with_that_name():
    path = write_results(Path("r.csv"), outcomes([F, F]))
    write_retry(path, Path("again.csv"), [outcome(1)], scope=2, fingerprint=SOURCE_AS_IT_WAS)
    assert command_for(path) == "mixpanel-importer retry r.csv --results again.csv --resume"


def test_records_that_failed_are_retried():
    path = write_results(Path("my r.csv"), outcomes([F]), fingerprint=SOURCE_AS_IT_WAS)
    assert command_for(path) == "mixpanel-importer retry 'my r.csv'"


def test_where_the_source_was_mended_the_retry_says_so():
    path = write_results(Path("r.csv"), outcomes([Status.INVALID]))
    assert command_for(path) == "mixpanel-importer retry r.csv --source-changed"


def test_a_source_that_is_gone_must_be_put_back():
    path = write_results(Path("r.csv"), outcomes([F]), source="gone.csv")
    assert after_status(read_status(path)).advice == (
        f"gone.csv is not there, seen from {Path.cwd()}. Put it back, or go to where the run was, then:",
    )


def test_a_source_that_was_named_by_its_whole_path_is_looked_for_there_only():
    path = write_results(Path("r.csv"), outcomes([F]), source="/nowhere/gone.csv")
    assert after_status(read_status(path)).advice == (
        "/nowhere/gone.csv is not there any more. Put it back as it was, then:",
    )


def test_a_source_that_looks_like_an_option_is_named_as_a_path():
    Path("-x.csv").write_bytes(SOURCE)
    path = write_results(Path("r.csv"), outcomes([F]), scope=2, fingerprint=SOURCE_AS_IT_WAS, source="-x.csv")
    assert command_for(path) == "mixpanel-importer run ./-x.csv --results r.csv --resume"


def test_beside_another_url_in_the_environment_no_region_is_named(monkeypatch):
    monkeypatch.setenv("MIXPANEL_BASE_URL", "https://api-eu.mixpanel.com")
    flags = destination_flags(manifest(base_url="https://api-eu.mixpanel.com"))
    assert flags == ["--base-url", "https://api-eu.mixpanel.com"]


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
def test_the_flags_of_a_destination_are_those_that_are_not_the_default(changes, options):
    assert destination_flags(manifest(**changes)) == options


READ = Reading(
    Dialect("csv"),
    ("event", "time", "user", "zip"),
    {"event": "event", "time": "time", "distinct_id": "user"},
    types={"zip": "string"},
    timezone="Europe/Berlin",
    constants={"plan": "a b"},
)


def test_a_reading_is_said_by_flags_of_all_that_was_declared():
    assert is_said_by_flags(READ)
    assert " ".join(reading_flags(READ)) == (
        "--timezone Europe/Berlin --map distinct_id=user --set plan=a b --type zip=string"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "segment"},
        {"shape": Shape(mask={"user": "redact"})},
        {"shape": Shape(where="zip = '1'")},
        {"drop": ("zip",)},
        {"renames": {"zip": "Zip"}},
        {"alternatives": {"ip": ("zip", "user")}},
        {"defaults": {"event": "A"}},
        {"constants": {"n": 1}},
        {"types": {f"c{n}": "string" for n in range(9)}},
        {"dialect": Dialect("csv", header=False)},
        {"decimal": ","},
        {"missing_time": 5},
    ],
)
def test_no_line_is_offered_that_would_read_a_source_otherwise(changes):
    assert not is_said_by_flags(replace(READ, **changes))
