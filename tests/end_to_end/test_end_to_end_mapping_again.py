"""What another mapping makes of a run that goes on: a resume stops, and a retry cures what was invalid."""

from __future__ import annotations

import json
from typing import Any

import pytest
from end_to_end_helpers import Server, Shell, statuses

SALT = {"MIXPANEL_MASK_SALT": "a-salt-that-nobody-guesses"}
AT = 1714550400000
MAPPING = """\
where = "n > 0"
only = ["plan", "utm_*", "context*", "params", "items", "phone", "email"]
drop = ["token"]
prefix = "shop_"
stringify = ["items"]
time_offset = "offset"
missing_columns = "ignore"

[fields]
event = ["kind", { column = "other", where = "n > 1" }]
distinct_id = ["user", "device"]
time = "at"

[defaults]
event = "Viewed"

[rename]
"utm_*" = "campaign_*"
"utm_s*" = "source_*"

[names]
plan = "tariff"

[types]
n = "integer"

[flatten]
context = 2

[key_value.params]
value = ["v.s", "v.i"]
numbers = ["v.i"]

[mask]
email = "sha256"
phone = "redact"

[deep_columns]
items = "json"
"""
RECORD: dict[str, Any] = {
    "kind": "Bought", "other": "Sold", "user": "u1", "device": "d1", "at": AT, "offset": 1, "n": 2, "plan": "pro",
    "token": "t", "context": {"page": {"url": "u"}}, "params": [{"key": "a", "v": {"s": None, "i": "7"}}],
    "items": [1], "email": "ann@example.com", "phone": "030", "utm_source": "g", "events": [{"a": 1}],
}  # fmt: skip
CHANGES = {
    "where": ('where = "n > 0"', 'where = "n > 1"', "where: was 'n > 0', is 'n > 1'"),
    "only": ('only = ["plan", ', 'only = ["other", ', "only: without 'plan', now with 'other'"),
    "drop": ('drop = ["token"]', 'drop = ["token", "a*"]', "drop: now with 'a*'"),
    "prefix": ("shop_", "store_", "prefix: was shop_, is store_"),
    "prefer": ("[fields]", 'prefer = "cell"\n[fields]', "prefer: was column, is cell"),
    "stringify": ('stringify = ["items"]', 'stringify = ["params"]', "stringify: now with 'params'"),
    "time_offset": ('"offset"', '"n"', "time offset: was offset, is n"),
    "missing_columns": ('"ignore"', '"refuse"', "missing columns: was ignore, is refuse"),
    "explode": ("[fields]", 'explode = "events"\n[fields]', "explode: was none, is events"),
    "a column of a list": (
        '["user", "device"]',
        '["device", "user"]',
        "columns of field 'distinct_id': was ",
    ),
    "a condition": ("n > 1", "n > 2", "conditions of field 'event': was "),
    "defaults": ('"Viewed"', '"Seen"', "default of field 'event': was Viewed, is Seen"),
    "rename": ('"campaign_*"', '"c_*"', "name of properties 'utm_*': was campaign_*, is c_*"),
    "the order of patterns": (
        '"utm_*" = "campaign_*"\n"utm_s*" = "source_*"',
        '"utm_s*" = "source_*"\n"utm_*" = "campaign_*"',
        "name of properties: the patterns are in another order",
    ),
    "names": ('"tariff"', '"rate"', "name of column 'plan': was tariff, is rate"),
    "types": ('n = "integer"', 'n = "string"', "type of column 'n': was integer, is string"),
    "flatten": ("context = 2", "context = 1", "depth of column 'context': was 2, is 1"),
    "key_value": ('["v.s", "v.i"]', '["v.i", "v.s"]', "list of pairs 'params': was "),
    "mask": ('phone = "redact"', 'phone = "sha256"', "mask of column 'phone': was redact, is sha256"),
    "another mask": ('phone = "redact"', 'plan = "redact"', "mask of column 'plan': was none, is redact"),
    "deep_columns": ('items = "json"', 'items = "flatten"', "deep column 'items': was json, is flatten"),
}


def test_a_resume_stops_at_each_part_of_another_mapping_and_names_it(shell: Shell, server: Server) -> None:
    shell = shell.with_environ(**SALT)
    shell.write("a.jsonl", f"{json.dumps(RECORD)}\n" * 3)
    shell.write("m.toml", MAPPING)
    run = ("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    first = shell.type(*run, "--limit", "1")
    assert first.code == 0, first.err
    for what, (old, new, difference) in CHANGES.items():
        assert MAPPING.count(old) == 1, what
        shell.write("m.toml", MAPPING.replace(old, new))
        ended = shell.type(*run, "--resume")
        assert ended.code == 2, (what, ended.err)
        assert f"a.results.csv can't be resumed: {difference}" in ended.err, (what, ended.err)
        assert "; " not in ended.err.splitlines()[0], (what, ended.err)  # nothing else
    assert len(server.events()) == 1
    shell.write("m.toml", MAPPING)
    path = shell.folder / "a.results.csv.run.json"
    document = json.loads(path.read_text())
    document["reading"]["preset"] = "of-a-later-version"  # what it says is compared, not its name
    path.write_text(json.dumps(document))
    ended = shell.type(*run, "--resume")
    assert ended.code == 0, ended.err
    assert len(shell.results("a.results.csv")) == 3


GOOD: dict[str, Any] = {"event": "Bought", "distinct_id": "u1", "time": AT, "plan": "pro", "n": 1}
DEEP = {"a": {"b": {"c": {"d": {"e": 1}}}}}
CURES = {
    "a default": ("", '[defaults]\nevent = "Viewed"\n', {"event": ""}, {"event": "Viewed"}),
    "a condition": (
        "",
        """[fields]\nevent = ["event", { value = "Mended", where = "plan = 'free'" }]\n""",
        {"event": "", "plan": "free"},
        {"event": "Mended"},
    ),
    "another name": (
        '[rename]\n"plan" = "tariff"\n',
        'drop = ["big"]\n[rename]\n"plan" = "rate"\n',
        {"big": DEEP},
        {"rate": "pro"},
    ),
    "a dropped property": ("", 'drop = ["big"]\n', {"big": DEEP}, {"n": 1}),
    "a mask": ("", '[mask]\nbig = "redact"\n', {"big": DEEP}, {"big": "[redacted]"}),
    "text": ("", 'stringify = ["big"]\n', {"big": DEEP}, {"big": '{"a":{"b":{"c":{"d":{"e":1}}}}}'}),
    "a depth": (
        "[flatten]\ncontext = 2\n",
        "[flatten]\ncontext = 1\n",
        {"context": {"a": {"b": 1}, "a.b": 2}},
        {"context.a": {"b": 1}, "context.a.b": 2},
    ),
    "a where": ('where = "n > 0"\n', """where = "n != 'abc'"\n""", {"n": "abc"}, None),
    "an offset": ('time_offset = "late"\n', 'time_offset = "n"\n', {"late": "abc"}, {"time": AT + 1}),
}


@pytest.mark.parametrize(("before", "now", "bad", "landed"), CURES.values(), ids=CURES)
def test_a_retry_with_another_mapping_sends_what_was_invalid_alone(
    shell: Shell, server: Server, before: str, now: str, bad: dict[str, Any], landed: dict[str, Any] | None
) -> None:
    usual = {"late": 0, "context": {}, "big": 1, **GOOD}
    shell.write("a.jsonl", "".join(f"{json.dumps(each)}\n" for each in (usual, {**usual, **bad}, usual)))
    shell.write("m.toml", before)
    run = shell.type("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    assert statuses(shell.results("a.results.csv")) == ["imported", "invalid", "imported"], run.err
    first = server.events()
    shell.write("m.toml", now)
    ended = shell.type("retry", "a.results.csv", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    (row,) = shell.results("a.results.retry-1.csv")
    assert row["row"] == "2"
    new = [event for event in server.events() if event not in first]
    assert [event for event in server.events() if event in first] == first
    if landed is None:
        assert (row["status"], new) == ("skipped", [])
        return
    ((name, found),) = [(event["event"], event["properties"]) for event in new]
    assert {**found, "event": name}.items() >= landed.items()


def test_a_resume_goes_on_in_the_reading_of_the_run_whatever_its_mapping_lacks_now(
    shell: Shell, server: Server
) -> None:
    shell = shell.with_environ(**SALT)
    shell.write("a.jsonl", f"{json.dumps(RECORD)}\n" * 3)
    shell.write("m.toml", MAPPING)
    run = ("run", "a.jsonl", "--mapping", "m.toml", "--yes", "--insert-id", "row")
    assert shell.type(*run, "--limit", "1").code == 0
    begun = json.loads((shell.folder / "a.results.csv.run.json").read_text())["reading"]
    shell.write("m.toml", MAPPING[MAPPING.index("[fields]") :])
    assert shell.type(*run, "--resume", "--limit", "2").code == 0
    assert shell.type("run", "a.jsonl", "--yes", "--resume").code == 0
    first, *others = (event["properties"] for event in server.events())
    assert [{**each, "$insert_id": ""} for each in others] == [{**first, "$insert_id": ""}] * 2
    assert json.loads((shell.folder / "a.results.csv.run.json").read_text())["reading"] == begun


OTHER_ROWS = {
    ("--no-header",): "the rows of the results would be other records (header: was yes, is no)",
    ("--skip-lines", "1"): "the rows of the results would be other records (skip lines: was 0, is 1)",
    ("--format", "jsonl"): "the rows of the results would be other records (format: was csv, is jsonl)",
    ("--comment", "X"): "row 4 began on line 5, and begins on line 6 as it is read now",
    ("--comment", "B"): "row 4 began on line 5, and is not there as it is read now",
    ("--delimiter", ";"): "the header doesn't name the expected 4 columns",
}


def test_a_retry_never_takes_other_records_for_the_rows_of_the_results(shell: Shell, server: Server) -> None:
    rows = [("Bought", "u1"), ("Blue", "u2"), ("Xtra", "u3"), ("", "u4"), ("Added", "u5")]
    lines = [f"{event},{user},{AT},{n}\n" for n, (event, user) in enumerate(rows, 1)]
    shell.write("a.csv", "".join(["event,user_id,time,n\n", *lines]))
    assert shell.type("run", "a.csv", "--yes").code == 1
    sent = server.events()
    for options, error in OTHER_ROWS.items():
        ended = shell.type("retry", "a.results.csv", "--yes", "--set", "event=X", *options)
        assert ended.code == 2, (options, ended.err)
        assert error in ended.err, (options, ended.err)
        assert not (shell.folder / "a.results.retry-1.csv").exists(), options
    assert server.events() == sent
    ended = shell.type("retry", "a.results.csv", "--yes", "--set", "event=X", "--comment", "A")
    assert ended.code == 0, ended.err
    assert [event["properties"]["n"] for event in server.events()] == [1, 2, 3, 5, 4]


def test_a_retry_says_which_names_given_anew_are_not_there(shell: Shell, server: Server) -> None:
    lines = [{**GOOD, "event": ""}, {**GOOD, "properties": {}}]
    shell.write("a.jsonl", "".join(f"{json.dumps(each)}\n" for each in lines))
    shell.write("a.csv", f"event,user_id,time,plan\n,u1,{AT},pro\n")
    for name in ("a.jsonl", "a.csv"):
        assert shell.type("run", name, "--yes", "--results", f"{name}.results.csv").code == 1
    stopped = shell.type("retry", "a.csv.results.csv", "--yes", "--set", "event=X", "--drop", "plam")
    assert stopped.code == 2
    assert "--drop plam: there is no column 'plam'; did you mean 'plan'?" in stopped.err
    said = shell.type("retry", "a.jsonl.results.csv", "--yes", "--set", "event=X", "--drop", "plam")
    assert said.code == 0, said.err
    assert (
        "Attention    --drop plam: no record at the beginning has this name; did you mean 'plan'?" in said.err
    )
    manifest = json.loads((shell.folder / "a.jsonl.results.retry-1.csv.run.json").read_text())
    assert [each["code"] for each in manifest["attention"]] == ["unknown-names"]
