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
        '[rename]\n"plan" = "rate"\n',
        {"tariff": 2},
        {"tariff": 2, "rate": "pro"},
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
