"""What a mapping file says becomes of an export, as it lands at the server."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from end_to_end_helpers import Server, Shell

SALT = "a-salt-that-nobody-guesses"
AT = 1714550400000
FIRST: dict[str, Any] = {
    "kind": "track",
    "event": "Bought",
    "email": "ann@example.com",
    "at": AT,
    "context": {"page": {"url": "https://a", "none": None}, "empty": {}, "ip": "1.2.3.4"},
    "params": [{"key": "plan", "value": {"s": "pro"}}, {"key": "n", "value": {"i": "7"}}],
    "items": [{"id": "i1"}],
    "properties": {"utm_source": "g", "token": "t", "phone": "030 1234", "city": "Bonn"},
    "city": "Berlin",
}
SECOND: dict[str, Any] = {"kind": "page", "email": "bob@example.com", "at": AT, "offset": 250}
THIRD: dict[str, Any] = {"kind": "noise", "at": AT}
MAPPING = """\
where = "kind in ('track', 'page')"
drop = ["token", "kind", "offset"]
prefix = "shop_"
prefer = "cell"
stringify = ["items"]
time_offset = "offset"
missing_columns = "ignore"

[fields]
event = ["event", { value = "Viewed a page", where = "kind = 'page'" }]
distinct_id = ["email", "not_there"]
time = "at"
ip = ["context.ip"]

[rename]
"utm_*" = "campaign_*"

[flatten]
context = 2

[key_value.params]
value = ["value.s", "value.i"]
numbers = ["value.i"]

[mask]
email = "sha256"
phone = "redact"
"""


def pseudonym(text: str) -> str:
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def salted(shell: Shell) -> Shell:
    shell.environ["MIXPANEL_MASK_SALT"] = SALT
    lines = "".join(f"{json.dumps(record)}\n" for record in (FIRST, SECOND, THIRD))
    (shell.folder / "a.jsonl").write_text(lines)
    (shell.folder / "m.toml").write_text(MAPPING)
    return shell


def without_ids(server: Server) -> list[dict[str, Any]]:
    found = []
    for event in sorted(server.events(), key=lambda each: str(each["event"])):
        properties = dict(event["properties"])
        assert len(properties.pop("$insert_id")) == 32
        found.append({"event": event["event"], **properties})
    return found


def test_all_that_a_mapping_says_of_objects_lands(salted: Shell, server: Server) -> None:
    ended = salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    assert without_ids(server) == [
        {
            "event": "Bought",
            "time": AT,
            "distinct_id": pseudonym("ann@example.com"),
            "ip": "1.2.3.4",
            "campaign_source": "g",
            "shop_city": "Bonn",
            "shop_phone": "[redacted]",
            "shop_items": '[{"id":"i1"}]',
            "shop_params": {"plan": "pro", "n": 7},
            "shop_context.page.url": "https://a",
        },
        {
            "event": "Viewed a page",
            "time": AT + 250,
            "distinct_id": pseudonym("bob@example.com"),
            "ip": 0,
        },
    ]


def test_masked_values_and_the_salt_are_nowhere(salted: Shell) -> None:
    said = salted.type("preview", "a.jsonl", "--mapping", "m.toml", "--save", "saved.toml")
    run = salted.type(
        "run", "a.jsonl", "--mapping", "saved.toml", "--yes", "--json", "-v", "--log-file", "log.jsonl"
    )
    assert run.code == 0, run.err
    texts = [said.out, said.err, run.out, run.err]
    texts += [
        path.read_text()
        for path in salted.folder.iterdir()
        if path.name not in ("a.jsonl", ".env") and path.is_file()
    ]
    for secret in ("ann@example.com", "bob@example.com", "030 1234", SALT):
        assert not any(secret in text for text in texts), secret


@pytest.mark.parametrize("name", ["b.jsonl", "b.json", "b.csv"])
def test_what_can_not_be_read_is_not_quoted_where_values_are_masked(shell: Shell, name: str) -> None:
    good = {"event": "A", "time": "2026-01-05T08:00:00Z", "distinct_id": "u", "email": "x"}
    lines = [
        json.dumps(good),
        json.dumps({**good, "email": 0}).replace("0}", "ann@example.com}"),
        json.dumps({**good, "email": 0}).replace("0}", "300000000000000000012}"),
    ]
    text = f"[{','.join(lines)}]" if name == "b.json" else "\n".join(lines)
    if name == "b.csv":
        text = "event,time,distinct_id,email,\n" + "A,1767600000,u,x,\n" * 9
        text += "A,1767600000,u,x,ann@example.com\n"
    (shell.folder / name).write_text(text)
    more = "trailing_delimiter = true\n" if name == "b.csv" else ""
    (shell.folder / "n.toml").write_text(f'{more}[mask]\nemail = "redact"\n')
    ended = shell.type("run", name, "--mapping", "n.toml", "--dry-run", "--json")
    assert ended.code == 1
    results = (shell.folder / "b.dry-run.csv").read_text()
    assert ",invalid," in results
    for secret in ("ann@", "3000000000"):
        assert not any(secret in said for said in (results, ended.out, ended.err))


def test_pseudonyms_need_the_salt_that_they_began_with(salted: Shell, server: Server) -> None:
    del salted.environ["MIXPANEL_MASK_SALT"]
    for words in (["--dry-run"], ["--yes"]):
        ended = salted.type("run", "a.jsonl", "--mapping", "m.toml", *words)
        assert ended.code == 2
        assert "MIXPANEL_MASK_SALT is not set" in ended.err
    assert not server.events()
    (salted.folder / ".env").write_text(f"MIXPANEL_MASK_SALT={SALT}\n")
    assert salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes", "--limit", "1").code == 0
    salted.environ["MIXPANEL_MASK_SALT"] = "another-salt-than-before"  # the environment wins
    again = salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes", "--resume")
    assert again.code == 2
    assert "another" in again.err
    assert len(server.events()) == 1


def test_a_saved_mapping_reads_in_the_same_way(salted: Shell) -> None:
    assert salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes").code == 0
    assert salted.type("preview", "a.jsonl", "--mapping", "m.toml", "--save", "saved.toml").code == 0
    again = salted.type("run", "a.jsonl", "--mapping", "saved.toml", "--yes", "--resume")
    assert again.code == 0, again.err


def test_a_resume_under_another_mapping_names_what_differs(salted: Shell) -> None:
    assert salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes", "--limit", "1").code == 0
    (salted.folder / "m.toml").write_text(MAPPING.replace("campaign_*", "c_*").replace("= 2", "= 1"))
    ended = salted.type("run", "a.jsonl", "--mapping", "m.toml", "--yes", "--resume")
    assert ended.code == 2
    assert "name of properties 'utm_*': was campaign_*, is c_*" in ended.err
    assert "depth of column 'context': was 2, is 1" in ended.err


def test_paths_lead_into_the_json_of_cells(shell: Shell, server: Server) -> None:
    (shell.folder / "a.csv").write_text(
        "event,time,properties,context\n"
        'Bought,1714550400,"{""$ip"": ""1.2.3.4"", ""plan"": ""pro"", ""token"": ""t""}",'
        '"{""user"": {""id"": ""u1""}, ""page"": {""url"": ""https://a""}}"\n'
    )
    (shell.folder / "m.toml").write_text(
        'drop = ["token"]\n[fields]\nip = "properties.$ip"\ndistinct_id = "context.user.id"\n'
        '[rename]\n"context.page.url" = "$current_url"\n[flatten]\ncontext = 2\n'
    )
    ended = shell.type("run", "a.csv", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    (event,) = without_ids(server)
    assert event == {
        "event": "Bought",
        "time": AT,
        "distinct_id": "u1",
        "ip": "1.2.3.4",
        "plan": "pro",
        "$current_url": "https://a",
    }


def test_a_preset_is_named_for_a_file_that_looks_like_its_export(shell: Shell) -> None:
    (shell.folder / "a.jsonl").write_text(
        '{"event_type":"A","event_time":"2024-05-01 08:00:00","amplitude_id":1,"event_properties":{},'
        '"user_id":"u1","uuid":"1"}\n'
    )
    ended = shell.type("run", "a.jsonl", "--dry-run", "--timezone", "UTC", "--json")
    assert ended.code == 0, ended.err
    (found,) = (each for each in json.loads(ended.out)["attention"] if each["code"] == "preset")
    assert (found["level"], found["remedy"]) == ("decision", "--preset amplitude")
    again = "run a.jsonl --dry-run --timezone UTC --preset amplitude"
    said = shell.type("run", "a.jsonl", "--dry-run", "--timezone", "UTC")
    assert said.last_line == f"Next: mixpanel-importer {again}"
    assert shell.type(*again.split()).last_line.endswith("run a.jsonl --timezone UTC --preset amplitude")
    in_folder = ["run", str(shell.folder), "--include", "*.jsonl", "--dry-run", "--timezone", "UTC"]
    assert shell.type(*in_folder).last_line.endswith(" --preset amplitude")
    by_hand = shell.type("run", "a.jsonl", "--dry-run", "--timezone", "UTC", "--accept", "preset")
    assert by_hand.last_line == "Next: mixpanel-importer run a.jsonl --timezone UTC --accept preset"
    strict = ["run", "a.jsonl", "--sandbox", "--strict", "--timezone", "UTC"]
    assert "preset" in shell.type(*strict).err
    assert shell.type(*strict, "--accept", "preset").code == 0
    unknown = shell.type("run", "a.jsonl", "--dry-run", "--preset", "amplitud")
    assert unknown.code == 2
    assert "did you mean 'amplitude'?" in unknown.err


def test_columns_are_named_where_a_file_has_no_header(shell: Shell, server: Server) -> None:
    (shell.folder / "a.csv").write_text("Bought,u1,1714550400\n")
    (shell.folder / "m.toml").write_text('columns = ["what", "who", "when"]\n')
    fields = ["--map", "event=what", "--map", "distinct_id=who", "--map", "time=when"]
    ended = shell.type("run", "a.csv", "--mapping", "m.toml", *fields, "--yes")
    assert ended.code == 0, ended.err
    assert server.events()[0]["properties"]["distinct_id"] == "u1"
    (shell.folder / "m.toml").write_text('columns = ["what", "who"]\n')
    ended = shell.type("run", "a.csv", "--mapping", "m.toml", *fields, "--dry-run")
    assert ended.code == 2
    assert "found 2 names for 3 columns" in ended.err
