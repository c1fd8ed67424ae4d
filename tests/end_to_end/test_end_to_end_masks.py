"""Masked values: one salt for all that goes on with a run, and the raw values nowhere."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

import pytest
from end_to_end_helpers import CommandResult, Server, Shell

SALT = "a-salt-that-nobody-guesses"
OTHER = "another-salt-than-before"
VARIABLE = "MIXPANEL_MASK_SALT"
MAPPING = '[fields]\ndistinct_id = "email"\n[mask]\nemail = "sha256"\nphone = "redact"\n'
CSV = (
    "event,email,time,phone\n"
    "Bought,ann@example.com,1714550400,0301234\n"
    ",ann@example.com,1714550401,0301235\n"  # to be mended
    "Bought,bob@example.com,1714550402,0301236\n"
)
ANN, BOB = (
    hmac.new(SALT.encode(), text, hashlib.sha256).hexdigest()
    for text in (b"ann@example.com", b"bob@example.com")
)
SECRETS = ("ann@example.com", "bob@example.com", "0301234", "0301235", "0301236", SALT, OTHER)


@pytest.fixture
def salted(shell: Shell) -> Shell:
    shell.write("m.toml", MAPPING)
    shell.write("a.csv", CSV)
    return shell.with_environ(**{VARIABLE: SALT})


def users(server: Server) -> list[str]:
    return sorted(event["properties"]["distinct_id"] for event in server.events())


def assert_refused(ended: CommandResult, word: str) -> None:
    """The command stopped before its plan, and says of the salt no more than its name."""
    assert ended.code == 2, ended.err
    assert VARIABLE in ended.err
    assert word in ended.err
    for text in ("Project", "records", *SECRETS):
        assert text not in ended.out + ended.err, text


def assert_needs_salt(shell: Shell, server: Server, *words: str) -> None:
    """A command stops without the salt and with another one; nothing is sent, and nothing written."""
    before, there = server.events(), files(shell)
    without = Shell(shell.folder, {k: v for k, v in shell.environ.items() if k != VARIABLE})
    assert_refused(without.type(*words), "is not set")
    assert_refused(shell.with_environ(**{VARIABLE: OTHER}).type(*words), "is another")
    assert server.events() == before
    assert files(shell) == there


def files(shell: Shell) -> dict[str, bytes]:
    return {str(p.relative_to(shell.folder)): p.read_bytes() for p in shell.folder.rglob("*") if p.is_file()}


def test_no_command_begins_without_a_salt(salted: Shell, server: Server) -> None:
    there = files(salted)
    without = Shell(salted.folder, {k: v for k, v in salted.environ.items() if k != VARIABLE})
    for words in (("run", "a.csv", "--yes"), ("run", "a.csv", "--dry-run"), ("preview", "a.csv")):
        assert_refused(without.type(*words, "--mapping", "m.toml"), "is not set")
        short = without.with_environ(**{VARIABLE: "short"}).type(*words, "--mapping", "m.toml")
        assert_refused(short, "too short")
        assert "short" not in short.err.replace("too short", "")
    assert files(salted) == there
    assert not server.events()


def test_a_resume_needs_the_salt(salted: Shell, server: Server) -> None:
    run = ("run", "a.csv", "--mapping", "m.toml", "--yes")
    assert salted.type(*run, "--limit", "1").code == 0
    assert_needs_salt(salted, server, *run, "--resume")
    assert_needs_salt(salted, server, "run", "a.csv", "--yes", "--resume")  # the manifest has the masks
    assert salted.type(*run, "--resume").code == 1
    assert users(server) == sorted([ANN, BOB])


def test_a_retry_and_its_resume_need_the_salt(salted: Shell, server: Server) -> None:
    salted.type("run", "a.csv", "--mapping", "m.toml", "--yes")
    assert users(server) == sorted([ANN, BOB])
    retry = ("retry", "a.results.csv", "--yes")
    assert_needs_salt(salted, server, *retry, "--set", "event=Mended")
    assert salted.type(*retry, "--set", "event=Mended").code == 0
    assert users(server) == sorted([ANN, ANN, BOB])
    assert_needs_salt(salted, server, *retry, "--resume")


def test_a_mended_copy_needs_the_salt_of_its_first_run(salted: Shell, server: Server) -> None:
    salted.type("run", "a.csv", "--mapping", "m.toml", "--yes", "--failed-rows", "bad.csv")
    salted.write("bad.csv", (salted.folder / "bad.csv").read_text().replace("\n,", "\nMended,"))
    again = ("run", "bad.csv", "--mapping", "bad.csv.toml")
    assert_needs_salt(salted, server, *again, "--yes")
    assert_needs_salt(salted, server, *again, "--dry-run")
    assert salted.type(*again, "--yes").code == 0
    assert users(server) == sorted([ANN, ANN, BOB])
    assert_needs_salt(salted, server, *again, "--yes", "--resume")


def test_a_set_needs_the_salt(salted: Shell, server: Server) -> None:
    (salted.folder / "in").mkdir()
    salted.write("in/a.csv", CSV)
    salted.write("in/b.csv", CSV.replace("17145504", "17145505"))
    run = ("run", "in", "--mapping", "m.toml", "--yes", "--workers", "2")
    salted.type(*run, "--limit", "1")
    assert_needs_salt(salted, server, *run, "--resume")
    assert salted.type(*run, "--resume", "--failed-rows", "bad").code == 1
    assert users(server) == sorted([ANN, BOB] * 2)
    retry = ("retry", "in.results", "--yes", "--set", "event=Mended")
    assert_needs_salt(salted, server, *retry)
    for name in ("a.csv", "b.csv"):
        text = (salted.folder / "bad" / name).read_text()
        salted.write(f"bad/{name}", text.replace("\n,", "\nMended,"))
    again = ("run", "bad", "--mapping", "bad", "--yes")
    assert_needs_salt(salted, server, *again)
    assert salted.type(*again).code == 0
    assert users(server) == sorted([ANN, ANN, BOB] * 2)


def test_status_needs_no_salt(salted: Shell) -> None:
    salted.type("run", "a.csv", "--mapping", "m.toml", "--yes", "--failed-rows", "bad.csv")
    with_salt = salted.type("status", "a.results.csv")
    without = Shell(salted.folder, {k: v for k, v in salted.environ.items() if k != VARIABLE})
    assert without.type("status", "a.results.csv") == with_salt


def test_under_another_salt_nothing_is_replaced_that_landed(salted: Shell, server: Server) -> None:
    run = ("run", "a.csv", "--mapping", "m.toml", "--yes")
    salted.type(*run)
    ended = salted.with_environ(**{VARIABLE: OTHER}).type(*run, "--overwrite")
    assert ended.code == 2
    assert "salt of masks: another than before" in ended.err
    assert SALT not in ended.err
    assert len(server.events()) == 2


# ── raw values nowhere ───────────────────────────────────────────────────────────────────────────

RAW = ("ann@example.com", "bob@example.com", "broken@example.com", "030123")
FIELDS = '[fields]\ndistinct_id = "email"\n'
MASKS = '[mask]\n"em*" = "sha256"\nphone = "redact"\n'
BROKEN_CSV = (
    "event,email,time,phone,n\n"
    "Bought,ann@example.com,1714550400,0301231,1\n"
    "Bought,broken@example.com,1714550400,0301232\n"
    "Bought,bob@example.com,1714550400,0301233,3,broken@example.com\n"
    "Bought,ann@example.com,not a time,0301234,4\n"
    ",bob@example.com,1714550400,0301235,5\n"
    'Bought,"broken@example.com"x,1714550400,0301236,6\n'
    "Bought,ann@example.com,1714550400,0301237,7\n"
)
BROKEN_JSONL = (
    '{"event":"Bought","email":"ann@example.com","time":1714550400,"phone":"0301231","n":1}\n'
    '{"event":"Bought","email":broken@example.com,"time":1714550400}\n'
    '{"event":"Bought","email":"bob@example.com","time":1714550400,"phone":0301232}\n'
    '{"event":"Bought","email":"bob@example.com","email":"broken@example.com","time":1714550400}\n'
    '{"event":"Bought","phone":030123456789012345678901234567,"time":1714550400}\n'
    '{"event":"Bought","phone":30123456789012345678901234567,"time":1714550400}\n'
    '{"event":"Bought","email":"broken@example.com\n'
    '["broken@example.com"]\n'
    '"broken@example.com"\n'
    '{"email":"bob@example.com","time":1714550400}\n'
    '{"event":"Bought","email":{"a":"bob@example.com"},"time":"x"}\n'
    '{"event":"Bought","time":1714550400,"properties":{"email":"ann@example.com","phone":["0301231"]}}\n'
)
PROPERTIES_CSV = (
    "event,time,properties\n"
    'Bought,1714550400,"{""email"": ""ann@example.com"", ""phone"": ""0301231""}"\n'
    'Bought,1714550400,"{""email"": broken@example.com}"\n'
    'Bought,1714550400,"broken@example.com"\n'
    'Bought,1714550400,"[""broken@example.com""]"\n'
    'Bought,1714550400,"{""email"": ""bob@example.com"", ""email"": ""broken@example.com""}"\n'
)
SOURCES = {
    "a user in CSV": ("a.csv", BROKEN_CSV, FIELDS + MASKS),
    "a property in CSV": ("a.csv", BROKEN_CSV, MASKS),
    "properties in cells": ("a.csv", PROPERTIES_CSV, MASKS),
    "a user in JSONL": ("a.jsonl", BROKEN_JSONL, FIELDS + MASKS),
    "a property in JSONL": ("a.jsonl", BROKEN_JSONL, MASKS),
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"email":broken@example.com,"event":"x"}\n{"email":broken@example.com\n'),
        ("a.json", '[{"email":broken@example.com}, {"email":"broken@example.com"'),
        ("a.json", '[{"event":"x","time":1714550400,"email":"ann@example.com"}, broken@example.com'),
    ],
    ids=["lines", "an array", "an array that breaks off"],
)
def test_a_file_that_can_not_be_read_is_not_quoted_either(shell: Shell, name: str, content: str) -> None:
    shell.write(name, content)
    shell.write("m.toml", '[mask]\n"em*" = "redact"\n')
    for words in (
        ("run", name, "--dry-run", "--mapping", "m.toml"),
        ("preview", name, "--mapping", "m.toml"),
    ):
        ended = shell.type(*words)
        said = ended.out + ended.err
        assert "line 1" in said
        assert not [raw for raw in RAW if raw in said], said


@pytest.mark.parametrize(("name", "content", "mapping"), SOURCES.values(), ids=SOURCES)
def test_no_raw_value_is_printed_or_written(shell: Shell, name: str, content: str, mapping: str) -> None:
    shell = shell.with_environ(**{VARIABLE: SALT})
    source, given = shell.write(name, content), shell.write("m.toml", mapping)
    commands: Sequence[Sequence[str]] = (
        ("preview", name, "--mapping", "m.toml", "--save", "saved.toml"),
        ("run", name, "--mapping", "saved.toml", "--dry-run", "--json", "-v", "--log-file", "dry.log"),
        ("run", name, "--mapping", "saved.toml", "--yes", "-v", "--log-file", "run.log"),
        ("status", "a.results.csv"),
        ("retry", "a.results.csv", "--yes", "--set", "event=Mended", "-v", "--json"),
    )
    said = ""
    for words in commands:
        ended = shell.type(*words)
        assert ended.code in (0, 1), ended.err
        said += ended.out + ended.err
    written = {path: content for path in files(shell) if path not in (source.name, given.name)}
    assert len(written) > 5
    texts = {"what was printed": said, **{path: (shell.folder / path).read_text() for path in written}}
    for where, text in texts.items():
        found = [raw for raw in (*RAW, SALT) if raw in text]
        assert not found, (where, [line for line in text.splitlines() if any(raw in line for raw in found)])
    assert "[redacted]" in said or "email" in said
    assert json.loads((shell.folder / "a.results.csv.run.json").read_text())["counts"]["imported"]


# ── copies of records to be mended ───────────────────────────────────────────────────────────────

SEVERAL = [
    (
        b'{"user":"ann@example.com",  "hits":[{"name":"A","at":1777629600},{"name":"","at":1777629601,'
        b'"mail":"bob@\\u0065xample.com"},{"name":"C","at":"soon"}], "n": 1.50, "x":"\\/\xc3\xa9"}\r\n'
    ),
    b'{"user":"bob@example.com","hits":[{"name":"A","at":1777629600}]}\r\n',
    b'{"user":"bob@example.com" , "hits":[{"name":"","at":1777629605}]\t}\r\n',
    b'{"user":"ann@example.com" , "hits":{"mail":"bob@example.com"}}\r\n',
]
EXPLODED = """\
explode = "hits"
where = "hits.at is not null"
[fields]
event = "hits.name"
time = "hits.at"
distinct_id = "user"
[flatten]
hits = 1
[mask]
user = "sha256"
"hits.mail" = "redact"
"""


def test_a_copy_has_each_record_once_as_it_stands_and_what_is_sent_of_it_is_masked(
    salted: Shell, server: Server
) -> None:
    (salted.folder / "a.jsonl").write_bytes(b"".join(SEVERAL))
    salted.write("e.toml", EXPLODED)
    ended = salted.type("run", "a.jsonl", "--mapping", "e.toml", "--yes", "--failed-rows", "bad.jsonl")
    assert ended.code == 1, ended.err
    copy = salted.folder / "bad.jsonl"
    assert copy.read_bytes() == b"".join([SEVERAL[0], *SEVERAL[2:]])
    assert copy.stat().st_mode & 0o777 == 0o600
    texts = [
        ended.out,
        ended.err,
        *((salted.folder / p).read_text() for p in files(salted) if "results" in p),
    ]
    assert not [text for text in texts if "example.com" in text]
    again = ("run", "bad.jsonl", "--mapping", "bad.jsonl.toml", "--yes")
    mended = copy.read_bytes().replace(b'"name":""', b'"name":"B"').replace(b'"soon"', b"1777629602")
    copy.write_bytes(mended)
    ended = salted.type(*again, "--failed-rows", "worse.jsonl")
    assert ended.code == 1, ended.err
    sent = [(event["event"], event["properties"]) for event in server.events()]
    assert [name for name, _ in sent] == ["A", "A", "B", "C", "B"]  # each once
    assert {properties["distinct_id"] for _, properties in sent} == {ANN, BOB}
    assert [each.get("hits.mail") for _, each in sent] == [None, None, "[redacted]", None, None]
    assert (salted.folder / "worse.jsonl").read_bytes() == SEVERAL[3]


def test_a_copy_of_csv_has_each_record_as_it_stands(salted: Shell, server: Server) -> None:
    rows = [
        b'Bought,"ann@example.com",1714550400,"030\n123"\r\n',
        b',"bob@example.com",1714550401, 0301235 \r\n',
        b'"Bought","ann@example.com",soon,"0301""236"\r\n',
    ]
    (salted.folder / "a.csv").write_bytes(b"event,email,time,phone\r\n" + b"".join(rows))
    assert salted.type("run", "a.csv", "--mapping", "m.toml", "--yes", "--failed-rows", "bad.csv").code == 1
    copy = salted.folder / "bad.csv"
    assert copy.read_bytes() == b"event,email,time,phone\r\n" + b"".join(rows[1:])
    copy.write_bytes(copy.read_bytes().replace(b"\n,", b"\nMended,").replace(b"soon", b"1714550402"))
    assert salted.type("run", "bad.csv", "--mapping", "bad.csv.toml", "--yes").code == 0
    assert users(server) == sorted([ANN, ANN, BOB])
    assert {event["properties"]["phone"] for event in server.events()} == {"[redacted]"}


# ── conditions ───────────────────────────────────────────────────────────────────────────────────

PEOPLE = [
    {"event": "A", "time": 1714550400, "mail": "ann@example.com", "user": {"mail": "ann@example.com"}},
    {"event": "B", "time": 1714550401, "mail": None, "user": {"mail": "bob@example.com"}, "plan": "pro"},
]
TESTERS_CSV = (
    "event,time,mail,age,who\n"
    'Paid,1714550400,ann@example.com,31,"{""mail"": ""ann@example.com""}"\n'
    'Paid,1714550401,broken@test.com,32,"{""mail"": ""broken@test.com""}"\n'
    'Paid,1714550402,bob@example.com,33,"{""mail"": ""bob@example.com""}"\n'
    "Paid,1714550403,bob@example.com,broken@example.com,\n"
    'Paid,1714550404,bob@example.com,35,"{""mail"": broken@example.com}"\n'
)
TESTERS_JSONL = (
    '{"event":"Paid","time":1714550400,"mail":"ann@example.com","age":31,"who":{"mail":"ann@example.com"}}\n'
    '{"event":"Paid","time":1714550401,"mail":"broken@test.com","age":32,"who":{"mail":"broken@test.com"}}\n'
    '{"event":"Paid","time":1714550402,"mail":"bob@example.com","age":33,"who":{"mail":"bob@example.com"}}\n'
    '{"event":"Paid","time":1714550403,"mail":"bob@example.com","age":"broken@example.com","who":{}}\n'
    '{"event":"Paid","time":1714550404,"mail":["broken@example.com"],"age":35,"mail":{"a":"broken@example.com"}}\n'
)
TESTERS_MASKED = '[mask]\n"ma*" = "sha256"\nage = "redact"\n"who.mail" = "redact"\n'
OWN = "mail like '%@example.com' and age > 30 and (who.mail is null or who.mail <> 'bob@example.com')"


@pytest.mark.parametrize(("name", "content"), [("a.csv", TESTERS_CSV), ("a.jsonl", TESTERS_JSONL)])
@pytest.mark.parametrize("of_a_field", [False, True], ids=["where", "a field"])
def test_conditions_see_what_is_masked_and_nothing_else_does(
    shell: Shell, server: Server, name: str, content: str, of_a_field: bool
) -> None:
    shell = shell.with_environ(**{VARIABLE: SALT})
    shell.write(name, content)
    entry = f'[fields]\nevent = [{{ value = "Own", where = "{OWN}" }}, "event"]\n'
    shell.write("m.toml", (entry if of_a_field else f'where = "{OWN}"\n') + TESTERS_MASKED)
    said = ""
    for words in (["preview", name], ["run", name, "--dry-run", "-v"], ["run", name, "--yes", "--json"]):
        ended = shell.type(
            *words, "--mapping", "m.toml", *(["--log-file", "log"] if words[0] == "run" else [])
        )
        assert ended.code in (0, 1), ended.err
        said += ended.out + ended.err
    sent = [(event["event"], event["properties"]["mail"]) for event in server.events()]
    others = [("Paid", masked("broken@test.com")), ("Paid", masked("bob@example.com"))]
    assert sent == [("Own" if of_a_field else "Paid", ANN), *(others if of_a_field else [])]
    results = [row for row in (shell.folder / "a.results.csv").read_text().splitlines() if ",invalid," in row]
    assert len(results) == 2
    assert "where: age: expected a number, found a text" in results[0]
    if name == "a.jsonl":
        assert "where: mail: expected text, found an object" in results[1]
    written = {p: (shell.folder / p).read_text() for p in files(shell) if p not in (name, "m.toml")}
    raw = ("ann@example.com", "broken@", SALT)
    for where, text in {"what was printed": said, **written}.items():
        assert not [each for each in raw if each in text], (where, text)


def masked(text: str) -> str:
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_a_retry_with_another_condition_sees_what_is_masked(shell: Shell, server: Server) -> None:
    shell = shell.with_environ(**{VARIABLE: SALT})
    shell.write("a.jsonl", "".join(f"{line}\n" for line in TESTERS_JSONL.replace("Paid", "").splitlines()))
    shell.write("m.toml", TESTERS_MASKED)
    assert shell.type("run", "a.jsonl", "--mapping", "m.toml", "--yes").code == 1
    shell.write("again.toml", "where = \"mail not like '%@test.com'\"\n[set]\nevent = 'Mended'\n")
    ended = shell.type("retry", "a.results.csv", "--mapping", "again.toml", "--yes")
    assert ended.code == 1, ended.err
    assert "5 records = 3 imported + 1 invalid + 1 skipped" in ended.err
    assert [event["properties"]["mail"] for event in server.events()] == [ANN, BOB, BOB]
    assert (
        "where: mail: expected text, found an object" in (shell.folder / "a.results.retry-1.csv").read_text()
    )


def test_a_condition_can_ask_whether_a_masked_value_is_there(shell: Shell, server: Server) -> None:
    shell.write("a.jsonl", "".join(f"{json.dumps(each)}\n" for each in PEOPLE))
    shell.write(
        "m.toml", """where = "mail is null and plan = 'pro'"\n[mask]\n"mai*" = "redact"\nuser = "redact"\n"""
    )
    ended = shell.type("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    assert [event["event"] for event in server.events()] == ["B"]
