"""What the owner of a file might not expect is said before anything is sent, as text and as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from end_to_end_helpers import Server, Shell, simple_csv

# A time without a zone needs a decision; that events are too old to be deleted is a fact.
SOURCE = "event,time,distinct_id\nA,2024-05-01T10:00:00Z,u1\nB,2024-05-01 10:00:00,u2\n"


def attention(shell: Shell, results: str) -> list[dict[str, Any]]:
    return list(shell.manifest(results)["attention"])


def test_the_plan_the_manifest_and_the_json_hold_the_same_attention(shell: Shell) -> None:
    shell.write("events.csv", SOURCE)
    ended = shell.type("run", "events.csv", "--yes", "--json")
    found = attention(shell, "events.results.csv")
    assert json.loads(ended.out)["attention"] == found
    assert {each["code"]: (each["level"], each["count"]) for each in found} == {
        "no-zone": ("decision", 1),
        "undeletable": ("fact", 1),
        "retention": ("fact", 1),
    }
    for each in found:
        assert each["text"] in ended.err
        assert each["remedy"] in ended.err


@pytest.mark.parametrize("kind", ["--yes", "--dry-run", "--sandbox"])
def test_a_strict_run_sends_nothing_where_a_decision_needs_attention(
    shell: Shell, server: Server, kind: str
) -> None:
    shell.write("events.csv", SOURCE)
    ended = shell.type("run", "events.csv", kind, "--strict", "--json")
    assert ended.code == 2
    assert "no-zone" in ended.err
    assert "undeletable" not in ended.err.split("Stopped:")[1]
    assert "no-zone" in {each["code"] for each in json.loads(ended.out)["attention"]}
    assert server.events() == []
    assert not list(shell.folder.glob("*.csv.run.json"))


def test_what_a_strict_run_offers_lets_it_pass(shell: Shell) -> None:
    shell.write("events.csv", SOURCE)
    refused = shell.type("run", "events.csv", "--yes", "--strict")
    offered = refused.err.split("right as it is: ")[1].split()
    assert offered == ["--accept", "no-zone"]
    assert shell.type("run", "events.csv", "--yes", "--strict", *offered).code == 1
    assert [row["status"] for row in shell.results("events.results.csv")] == ["imported", "invalid"]


def test_a_strict_run_of_a_file_without_a_doubt_is_a_run(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3))
    assert shell.type("run", "events.csv", "--yes", "--strict").code == 0


def test_a_code_that_is_none_is_refused(shell: Shell) -> None:
    shell.write("events.csv", SOURCE)
    ended = shell.type("run", "events.csv", "--dry-run", "--strict", "--accept", "nozone")
    assert ended.code == 2
    assert "nozone" in ended.err
    assert "no-zone" in ended.err


# ── results of another reading ───────────────────────────────────────────────────────────────────

NUMBERS = "event,time,distinct_id,size\nA,2024-05-01T10:00:00Z,u1,5\nB,2024-05-01T10:00:01Z,u2,7\n"


@pytest.mark.parametrize("kind", ["--dry-run", "--sandbox", "--yes"])
def test_a_run_says_that_what_landed_under_another_reading_would_double(shell: Shell, kind: str) -> None:
    shell.write("events.csv", NUMBERS)
    assert shell.type("run", "events.csv", "--yes", "--type", "size=string").code == 0
    ended = shell.type("run", "events.csv", kind, "--results", "other.csv", "--json")
    (found,) = [each for each in json.loads(ended.out)["attention"] if each["code"] == "other-reading"]
    assert (found["level"], found["count"]) == ("decision", 2)
    assert "'size': was string, is integer" in found["text"]
    assert "events.results.csv" in found["remedy"]
    strict = shell.type("run", "events.csv", kind, "--results", "third.csv", "--strict")
    assert strict.code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--type", "size=string"],  # the same reading: the same ids
        ["--type", "size=string", "--geoip", "request"],  # no part of the id
    ],
)
def test_a_run_that_makes_the_same_ids_says_nothing(shell: Shell, words: list[str]) -> None:
    shell.write("events.csv", NUMBERS)
    assert shell.type("run", "events.csv", "--yes", "--type", "size=string").code == 0
    ended = shell.type("run", "events.csv", "--yes", "--results", "other.csv", "--json", *words)
    assert "other-reading" not in {each["code"] for each in json.loads(ended.out)["attention"]}


def test_ids_of_the_file_itself_are_the_same_under_every_reading(shell: Shell) -> None:
    shell.write("events.csv", NUMBERS)
    mapped = ["--map", "insert_id=distinct_id"]
    assert shell.type("run", "events.csv", "--yes", "--type", "size=string", *mapped).code == 0
    ended = shell.type("run", "events.csv", "--yes", "--results", "other.csv", "--json", *mapped)
    assert "other-reading" not in {each["code"] for each in json.loads(ended.out)["attention"]}


# ── results of another reader ────────────────────────────────────────────────────────────────────


def age(shell: Shell, results: str) -> None:
    """Make results those of an importer whose manifests name no version of its readers."""
    path = shell.folder / f"{results}.run.json"
    document = json.loads(path.read_text("ascii"))
    del document["reader_version"]
    path.write_text(json.dumps(document), "ascii")


def change_id(shell: Shell, results: str) -> None:
    """Make the first record one that this version reads otherwise."""
    path = shell.folder / results
    first = shell.results(results)[0]["insert_id"]
    path.write_text(path.read_text("utf-8").replace(first, "0" * len(first)), "utf-8")


BROKEN = NUMBERS + "C,yesterday,u3,9\n"


def test_results_of_another_reader_are_retried_if_every_record_reads_the_same(shell: Shell) -> None:
    shell.write("events.csv", BROKEN)
    assert shell.type("run", "events.csv", "--yes").code == 1
    age(shell, "events.results.csv")
    ended = shell.type("retry", "events.results.csv", "--yes")
    assert ended.code == 1
    assert [row["row"] for row in shell.results("events.results.retry-1.csv")] == ["3"]


def test_results_of_another_reader_are_not_retried_if_a_record_reads_otherwise(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", BROKEN)
    assert shell.type("run", "events.csv", "--yes").code == 1
    age(shell, "events.results.csv")
    change_id(shell, "events.results.csv")
    server.reset()
    ended = shell.type("retry", "events.results.csv", "--yes", "--set", "time=2024-05-01T10:00:00Z")
    assert ended.code == 2
    assert "row 1 (line 2)" in ended.err
    assert server.events() == []


def test_results_of_another_reader_are_resumed_only_if_every_record_reads_the_same(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", NUMBERS)
    assert shell.type("run", "events.csv", "--yes", "--limit", "1").code == 0
    age(shell, "events.results.csv")
    server.reset()
    untouched = (shell.folder / "events.results.csv").read_bytes()
    change_id(shell, "events.results.csv")
    ended = shell.type("run", "events.csv", "--yes", "--resume")
    assert ended.code == 2
    assert "reads differently" in ended.err
    assert server.events() == []
    (shell.folder / "events.results.csv").write_bytes(untouched)
    assert shell.type("run", "events.csv", "--yes", "--resume").code == 0
    assert len(server.events()) == 1
    assert shell.manifest("events.results.csv")["reader_version"] == 2
