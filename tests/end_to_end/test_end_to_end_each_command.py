"""One path through each command: the quick tests' whole of the command line. The other modules here are slow."""

from __future__ import annotations

import json
import tomllib

from end_to_end_helpers import Server, Shell, simple_csv, simple_event, statuses, without_id

BROKEN = "Page View,user-1,yesterday,3"


def test_a_run_that_is_retried_after_the_source_was_mended_adds_up(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(20, broken={3: BROKEN}))
    ran = shell.type("run", "events.csv", "--yes")
    assert ran.code == 1
    assert statuses(shell.results("events.results.csv")) == [*["imported"] * 2, "invalid", *["imported"] * 17]

    shell.write("events.csv", simple_csv(20))
    offered = shell.type("status", "events.results.csv").next_command
    assert offered == "mixpanel-importer retry events.results.csv --source-changed"
    assert shell.type_line(offered, "--yes").code == 0
    landed = sorted(map(without_id, server.events()), key=lambda event: event["properties"]["n"])
    assert landed == [simple_event(n) for n in range(1, 21)]

    status = shell.type("status", "events.results.csv", "--json")
    standing = json.loads(status.out)
    assert (status.code, standing["reconciles"], standing["imported"], standing["next"]) == (0, True, 20, "")


def test_a_dry_run_sends_nothing(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(5, broken={3: BROKEN}))
    assert shell.type("run", "events.csv", "--dry-run").code == 1
    assert statuses(shell.results("events.dry-run.csv")) == ["valid", "valid", "invalid", "valid", "valid"]
    assert server.requests()["statuses"] == {}


def test_a_rehearsal_lands_in_a_sandbox_of_its_own(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(5))
    done = bare.type("run", "events.csv", "--sandbox")
    assert (done.code, "Landed in the sandbox: 5 events" in done.out + done.err) == (0, True)
    assert statuses(bare.results("events.sandbox.csv")) == ["imported"] * 5


def test_a_preview_saves_a_mapping_that_a_run_reads(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(5))
    assert bare.type("preview", "events.csv", "--save", "mapping.toml").code == 0
    mapping = tomllib.loads((bare.folder / "mapping.toml").read_text("utf-8"))
    fields = {field: column for field, column in mapping["fields"].items() if column}
    assert fields == {"event": "event", "distinct_id": "user_id", "time": "time"}
    assert bare.type("run", "events.csv", "--mapping", "mapping.toml", "--dry-run").code == 0


def test_a_preview_of_standard_input_says_that_it_needs_a_file(bare: Shell) -> None:
    done = bare.type("preview", "-")
    assert done.code == 2
    assert "can't be standard input" in done.err
    assert "cat > events.csv" in done.err


def test_a_header_that_stands_again_is_said_after_a_dry_run_too(shell: Shell, server: Server) -> None:
    shell.write("events.csv", 2 * simple_csv(2))
    first = json.loads(shell.type("run", "events.csv", "--dry-run", "--json").out)["attention"]
    second = shell.type("run", "events.csv", "--yes", "--json")
    for found in (first, json.loads(second.out)["attention"]):
        assert [each["count"] for each in found if each["code"] == "header-line"] == [1]
    assert second.code == 1  # that line is one of the records, and invalid
    assert [row["error"] for row in shell.results("events.results.csv")] == [
        "", "", "the header again: no record", "", "",
    ]  # fmt: skip
    assert len(server.events()) == 2  # the others are copies


def test_track_sends_one_event(shell: Shell, server: Server) -> None:
    done = shell.type("track", "Purchase", "--distinct-id", "u-1", "--properties", '{"amount": 49.99}')
    assert (done.code, json.loads(done.out)["success"]) == (0, True)
    (event,) = server.events()
    assert (event["event"], event["properties"]["amount"]) == ("Purchase", 49.99)
