"""Columns that need a word from their owner: what a run says, and that what it offers cures it."""

from __future__ import annotations

import shlex

import pytest
from end_to_end_helpers import Server, Shell

pytestmark = pytest.mark.slow

PARTLY = (
    "event_name,event_timestamp,user_id,user_pseudo_id\n"
    "view,1714557600000000,,a.1\n"
    "view,1714557601000000,u2,b.2\n"
)


def test_a_user_that_is_only_partly_there_is_mended_before_it_is_sent(shell: Shell, server: Server) -> None:
    shell.write("events.csv", PARTLY)
    stopped = shell.type("run", "events.csv", "--yes", "--strict", "--accept", "undeletable")
    assert stopped.code == 2
    assert "no user in 1 of 2 records; `user_pseudo_id` is filled in 1 of them (row 1)" in stopped.err
    assert not server.events()

    remedy = "--map distinct_id=user_id,user_pseudo_id"
    assert remedy in stopped.err
    done = shell.type("run", "events.csv", "--yes", "--strict", *shlex.split(remedy))
    assert done.code == 0, done.err
    assert "distinct_id: 1 from user_id · 1 from user_pseudo_id" in done.err
    users = sorted(event["properties"]["distinct_id"] for event in server.events())
    assert users == ["a.1", "u2"]
    assert [row["distinct_id"] for row in shell.results("events.results.csv")] == ["a.1", "u2"]


def test_records_that_lacked_a_part_of_their_time_are_retried_with_another(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", "event,day,clock,user_id\nA,2024-05-01,10:00,u\nB,2024-05-01,,u\n")
    words = ["--map", "time={day} {clock}", "--timezone", "UTC"]
    first = shell.type("run", "events.csv", "--yes", *words)
    assert first.code == 1
    again = shell.type("retry", "events.results.csv", "--yes", "--map", "time={day} {clock},day")
    assert again.code == 0, again.err
    times = {event["event"]: event["properties"]["time"] for event in server.events()}
    assert times == {"A": 1_714_557_600_000, "B": 1_714_521_600_000}


def test_a_run_of_templates_is_resumed_with_the_same_command(shell: Shell, server: Server) -> None:
    shell.write("events.csv", "kind,what,time,u\n" + "a,b,2024-05-01T10:00:00Z,x\n")
    words = ["run", "events.csv", "--yes", "--map", "event={kind} {what}", "--set", "both={u}/{kind}"]
    assert shell.type(*words).code == 0
    again = shell.type(*words, "--resume")
    assert again.code == 0, again.err
    (event,) = server.events()
    assert (event["event"], event["properties"]["both"]) == ("a b", "x/a")
    other = shell.type(*words[:-1], "both={kind}", "--resume")
    assert other.code == 2
    assert "template of property 'both'" in other.err
