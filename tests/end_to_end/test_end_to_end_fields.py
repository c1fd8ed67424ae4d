"""What is odd about fields is said before anything is sent, and what is offered does what it promises."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from end_to_end_helpers import CommandResult, Shell

pytestmark = pytest.mark.slow

TIME = "2024-05-01T10:00:00Z"


def tried(
    bare: Shell, name: str, *words: str
) -> tuple[CommandResult, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the end of a dry run, what needs attention in it, and its results."""
    result = bare.type("run", name, "--dry-run", "--overwrite", "--json", *words)
    results = name.rpartition(".")[0] + ".dry-run.csv"
    others = ("undeletable", "retention", "no-user")
    attention = [each for each in bare.manifest(results)["attention"] if each["code"] not in others]
    return result, attention, bare.results(results)


def csv_of(*users: str) -> str:
    rows = "".join(f"L,{TIME},{user},{n}\n" for n, user in enumerate(users))
    return f"event,time,distinct_id,n\n{rows}"


def jsonl_of(**members: Any) -> str:
    return json.dumps({"event": "L", "time": 1714557600, "distinct_id": "u1", **members}) + "\n"


def test_words_for_no_value_are_offered_to_null(bare: Shell) -> None:
    bare.write("events.csv", csv_of("NULL", r"\N", "None", "NaN", "N/A", "u1", "(not set)"))
    result, (attention,), rows = tried(bare, "events.csv")
    assert (attention["code"], attention["count"]) == ("null-words", 6)
    assert attention["text"] in result.err
    assert attention["remedy"] in result.err
    assert [row["distinct_id"] for row in rows][:2] == ["NULL", r"\N"]

    _, cured, rows = tried(bare, "events.csv", *shlex.split(attention["remedy"]))

    assert cured == []
    assert [row["distinct_id"] for row in rows] == ["", "", "", "", "", "u1", ""]


def test_words_for_no_value_in_json_lines_are_offered_to_null(bare: Shell) -> None:
    bare.write("events.jsonl", jsonl_of(distinct_id="undefined", plan="undefined"))
    _, (attention,), _ = tried(bare, "events.jsonl")
    assert attention["remedy"] == "--null undefined"

    _, cured, rows = tried(bare, "events.jsonl", *shlex.split(attention["remedy"]))

    assert cured == []
    assert [row["distinct_id"] for row in rows] == [""]


def test_padding_is_cured_by_trim_and_the_types_are_those_of_trimmed_cells(bare: Shell) -> None:
    bare.write("events.csv", f"event,time,distinct_id,n\nL,{TIME}, u1, 5\nL ,{TIME},u1\t,6 \n")
    _, attentions, rows = tried(bare, "events.csv")
    assert [(each["code"], each["count"], each["remedy"]) for each in attentions] == [
        ("padding", 1, "--trim"), ("padding", 2, "--trim"),
    ]  # fmt: skip
    assert rows[0]["note"] == "distinct_id: ' u1' has white space around it"

    _, cured, rows = tried(bare, "events.csv", "--trim")

    assert cured == []
    assert [(row["event"], row["distinct_id"], row["note"]) for row in rows] == [
        ("L", "u1", ""),
        ("L", "u1", ""),
    ]
    reading = bare.manifest("events.dry-run.csv")["reading"]
    assert (reading["trim"], reading["types"]["n"]) == (True, "integer")


def test_damaged_ids_are_counted_and_never_changed(bare: Shell) -> None:
    bare.write("events.csv", csv_of("123.0", "1.23457E+11", '"=""00123"""', "u1"))
    _, (attention,), rows = tried(bare, "events.csv")
    assert (attention["code"], attention["count"]) == ("damaged-ids", 3)
    assert [each["row"] for each in attention["rows"]] == [1, 2, 3]
    assert [row["distinct_id"] for row in rows] == [
        "123.0",
        "1.23457E+11",
        '\'=""00123""'.replace('""', '"'),
        "u1",
    ]


def test_an_ip_that_is_no_address_is_counted_and_null_leaves_it_out(bare: Shell) -> None:
    bare.write("events.jsonl", jsonl_of(ip="AWS Internal") + jsonl_of(ip="203.0.113.9, 10.0.0.1"))
    _, (attention,), rows = tried(bare, "events.jsonl")
    assert (attention["code"], attention["count"]) == ("ip", 2)
    assert "203.0.113.9" in rows[1]["note"]

    _, (left,), rows = tried(bare, "events.jsonl", *shlex.split(attention["remedy"]))

    assert left["count"] == 1
    assert rows[0]["note"] == ""


def test_deep_records_have_a_way_through(bare: Shell) -> None:
    bare.write("deep.jsonl", jsonl_of(v={"a": {"b": {"c": {"d": 1}}}}))
    result, (attention,), rows = tried(bare, "deep.jsonl")
    assert (result.code, attention["code"], attention["count"], rows[0]["status"]) == (
        1,
        "deep",
        1,
        "invalid",
    )

    for words in (shlex.split(attention["remedy"]), ["--deep", "flatten"]):
        result, cured, rows = tried(bare, "deep.jsonl", *words)
        assert (result.code, cured, rows[0]["status"]) == (0, [], "valid")


def test_a_mapping_file_says_what_becomes_of_a_single_column(bare: Shell) -> None:
    bare.write("deep.jsonl", jsonl_of(v={"a": {"b": {"c": {"d": 1}}}}, w={"a": {"b": {"c": {"d": 1}}}}))
    bare.write("deep.toml", 'deep = "json"\n[deep_columns]\nw = "flatten"\n')
    result = bare.type("preview", "deep.jsonl", "--mapping", "deep.toml")
    assert r'"v":{"a":{"b":{"c":"{\"d\":1}"}}},"w.a.b.c.d":1' in result.out


def test_names_of_mixpanels_own_events_stop_a_strict_run(bare: Shell) -> None:
    bare.write("events.jsonl", jsonl_of(event="$identify") + jsonl_of(event="  "))
    result = bare.type("run", "events.jsonl", "--dry-run", "--strict")
    assert result.code == 2
    assert "reserved-names" in result.err
    assert bare.type("run", "events.jsonl", "--dry-run", "--strict", "--accept", "reserved-names").code == 0


def test_a_word_that_is_offered_is_added_to_those_of_the_mapping_file(bare: Shell) -> None:
    bare.write("m.toml", 'null = ["NULL"]\n')
    bare.write("events.csv", csv_of("NULL", "(none)", "u1"))
    _, attention, _ = tried(bare, "events.csv", "--mapping", "m.toml")
    (words,) = [each for each in attention if each["code"] == "null-words"]
    assert words["remedy"] == "--null '(none)'"

    _, cured, rows = tried(bare, "events.csv", "--mapping", "m.toml", *shlex.split(words["remedy"]))

    assert cured == []
    assert [row["distinct_id"] for row in rows] == ["", "", "u1"]


def test_a_user_called_0_takes_no_0_from_other_columns(bare: Shell) -> None:
    bare.write("events.csv", f"event,time,distinct_id,n\nL,{TIME},0,0\nL,{TIME},u2,0\n")
    _, attention, rows = tried(bare, "events.csv")
    (words,) = [each for each in attention if each["code"] == "null-words"]
    assert words["remedy"] == ""
    assert "Mixpanel refuses '0': invalid" in words["text"]
    assert [row["status"] for row in rows] == ["invalid", "valid"]


def test_names_of_columns_that_are_padded_are_told_and_trimmed(bare: Shell) -> None:
    bare.write("events.csv", f"event;time;distinct_id; city\nL;{TIME};u1;Rome\nL;{TIME};u2;Paris\n")
    _, (padding,), _ = tried(bare, "events.csv")
    assert (padding["code"], padding["remedy"]) == ("padding", "--trim")
    assert "' city'" in padding["text"]

    result, cured, _ = tried(bare, "events.csv", *shlex.split(padding["remedy"]))

    assert cured == []
    assert json.loads(result.out)["reading"]["columns"] == ["event", "time", "distinct_id", "city"]


def test_an_event_without_a_name_is_told_before_anything_is_sent(bare: Shell) -> None:
    bare.write("events.csv", f"event,time,distinct_id\nL,{TIME},u1\n,{TIME},u2\n,{TIME},u3\n")
    _, (nameless,), rows = tried(bare, "events.csv")
    assert (nameless["code"], nameless["count"]) == ("no-event", 2)
    assert [each["row"] for each in nameless["rows"]] == [2, 3]
    assert [row["status"] for row in rows] == ["valid", "invalid", "invalid"]
