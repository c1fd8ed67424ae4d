from __future__ import annotations

import gzip
import json
from contextlib import closing

import httpx
import orjson
import pytest
from documented_rules import BAD_UTF8, CASES, Case
from sandbox_helpers import NOW, Rehearsal, basic, event

from importer.sandbox.settings import SandboxSettings, ServiceAccount


@pytest.mark.parametrize("case", CASES + BAD_UTF8, ids=lambda case: case.name)
def test_an_event_posted_as_bytes_gets_the_documented_verdict(sandbox: Rehearsal, case: Case):
    answer = sandbox.import_(b"[" + case.body + b"]")
    if case.refused:
        assert answer.status_code == 400
        assert [record["field"] for record in answer.json()["failed_records"]] == [case.refused]
        assert sandbox.landed() == []
    else:
        assert answer.status_code == 200
        assert sandbox.store.raw_count() == 1


@pytest.mark.parametrize("case", CASES + BAD_UTF8, ids=lambda case: case.name)
def test_an_event_posted_as_a_line_gets_the_same_verdict(sandbox: Rehearsal, case: Case):
    answer = sandbox.import_(case.body + b"\n", content_type="application/x-ndjson")
    failed = answer.json().get("failed_records", [])
    assert [record["field"] for record in failed] == ([case.refused] if case.refused else [])


def test_a_batch_that_is_taken_whole_gets_the_documented_answer(sandbox: Rehearsal):
    answer = sandbox.import_([event("a1"), event("a2")])
    assert answer.status_code == 200
    assert answer.json() == {"code": 200, "num_records_imported": 2, "status": "OK"}
    assert answer.headers["content-type"] == "application/json"


def test_a_batch_that_is_partly_taken_gets_the_documented_answer(sandbox: Rehearsal):
    answer = sandbox.import_([event("a1"), event("a2", time="soon"), event("a3"), 7])
    assert answer.status_code == 400
    assert answer.json() == {
        "code": 400,
        "error": "some data points in the request failed validation",
        "failed_records": [
            {
                "index": 1,
                "insert_id": "a2",
                "field": "properties.time",
                "message": "'properties.time' is invalid: must be an integer, "
                "seconds or milliseconds since the epoch, found 'soon'",
            },
            {
                "index": 3,
                "insert_id": "",
                "field": "event",
                "message": "'event' is invalid: must be a JSON object, found the number 7",
            },
        ],
        "num_records_imported": 2,
        "status": "Bad Request",
    }
    assert [landed["properties"]["$insert_id"] for landed in sandbox.landed()] == ["a1", "a3"]


def test_without_strict_what_is_wrong_is_left_out_in_silence(sandbox: Rehearsal):
    answer = sandbox.import_([event("a1"), event("a2", time="soon")], query="?strict=0")
    assert answer.status_code == 200
    assert answer.json()["num_records_imported"] == 1


def test_lines_and_gzip_are_read(sandbox: Rehearsal):
    body = gzip.compress(b"\n".join(orjson.dumps(event(f"a{n}")) for n in range(3)) + b"\n\n")
    answer = sandbox.import_(body, content_type="application/x-ndjson", content_encoding="gzip")
    assert answer.json()["num_records_imported"] == 3


def test_gzip_in_several_members_is_read(sandbox: Rehearsal):
    whole = orjson.dumps([event("a1")])
    body = gzip.compress(whole[:20]) + gzip.compress(whole[20:])
    assert sandbox.import_(body, content_encoding="gzip").status_code == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"hello", {}),
        (b"[]", {}),
        (b"7", {}),
        (orjson.dumps(event()), {}),
        (b'[{"event":"a","properties":{"x":NaN}}]', {}),
        (b'[{"event":"a","properties":{"x":1e999}}]', {}),
        (b"[" * 100_000, {}),
        (b'{"event":\n', {"content_type": "application/x-ndjson"}),
        (b"\n\n", {"content_type": "application/x-ndjson"}),
        (b"not gzip", {"content_encoding": "gzip"}),
        (gzip.compress(b"[]" * 500, mtime=0)[:-10], {"content_encoding": "gzip"}),
        (orjson.dumps([event()]), {"content_encoding": "br"}),
        (orjson.dumps([event(str(n)) for n in range(2001)]), {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_request_that_makes_no_sense_is_a_400_without_failed_records(
    sandbox: Rehearsal, body: bytes, headers: dict[str, str]
):
    answer = sandbox.import_(body, **headers)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "error", "status"}
    assert answer.json()["status"] == "Bad Request"
    assert sandbox.store.raw_count() == 0


def test_two_thousand_events_are_taken(sandbox: Rehearsal):
    assert sandbox.import_([event(str(n + 1)) for n in range(2000)]).status_code == 200


def test_an_event_too_deep_to_be_written_is_refused_alone(sandbox: Rehearsal):
    deep = json.loads("[" * 600 + "]" * 600)
    body = json.dumps([event("a1"), event("a2", x=deep)]).encode()
    answer = sandbox.import_(body)
    assert answer.status_code == 400
    assert [record["index"] for record in answer.json()["failed_records"]] == [1]
    assert answer.json()["num_records_imported"] == 1


def test_an_event_is_measured_as_it_was_sent(sandbox: Rehearsal):
    padded = b"[ " + orjson.dumps(event("a1")).replace(b'"event"', b'"event"' + b" " * 1_000_000) + b" ]"
    answer = sandbox.import_(padded)
    assert answer.status_code == 400
    assert "smaller than 1 MB" in answer.json()["failed_records"][0]["message"]


def test_each_event_of_a_large_request_is_measured_by_itself(sandbox: Rehearsal):
    half = "x" * 700_000
    answer = sandbox.import_([event("a1", x=half), event("a2", x=half)])
    assert answer.status_code == 200


def test_a_large_request_that_is_nested_too_deep_is_refused(sandbox: Rehearsal):
    body = b'[{"event":"a","properties":{"x":' + b"[" * 1000 + b"]" * 1000 + b"}}," + b" " * 1_000_000 + b"1]"
    assert sandbox.import_(body).status_code == 400


# ── credentials ──────────────────────────────────────────────────────────────────────────────────

ACCOUNT = ServiceAccount("robot.1", "s3cret", "42")


@pytest.mark.parametrize(
    ("authorization", "query"),
    [
        ("", ""),
        ("Bearer abc", ""),
        ("Basic ???", ""),
        ("Basic /w==", ""),
        (basic("", ""), ""),
        (basic("", "password"), "project_id=42"),
        (basic("robot.1", "s3cret"), ""),
        (basic("token", ""), "project_id=42"),
    ],
)
def test_credentials_of_no_known_form_are_refused(sandbox: Rehearsal, authorization: str, query: str):
    answer = sandbox.import_([event()], query=f"?strict=1&{query}", authorization=authorization)
    assert answer.status_code == 401
    assert answer.json() == {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}
    assert sandbox.store.raw_count() == 0


@pytest.mark.parametrize(
    ("settings", "authorization", "query", "status"),
    [
        (SandboxSettings(), basic("anything"), "", 200),
        (SandboxSettings(), basic("any", "one"), "&project_id=1", 200),
        (SandboxSettings(token="t0"), basic("t0"), "", 200),
        (SandboxSettings(token="t0"), basic("t1"), "", 401),
        (SandboxSettings(token="t0"), basic("any", "one"), "&project_id=1", 401),
        (SandboxSettings(secret="s0"), basic("s0"), "", 200),
        (SandboxSettings(secret="s0"), basic("s1"), "", 401),
        (SandboxSettings(service_account=ACCOUNT), basic("robot.1", "s3cret"), "&project_id=42", 200),
        (SandboxSettings(service_account=ACCOUNT), basic("robot.1", "s3cret"), "&project_id=43", 401),
        (SandboxSettings(service_account=ACCOUNT), basic("robot.1", "guess"), "&project_id=42", 401),
        (SandboxSettings(service_account=ACCOUNT), basic("robot.2", "s3cret"), "&project_id=42", 401),
        (SandboxSettings(service_account=ACCOUNT), basic("robot.1"), "", 401),
        (SandboxSettings(service_account=ACCOUNT, token="t0"), basic("t0"), "", 200),
    ],
)
def test_only_the_named_credentials_are_taken(
    settings: SandboxSettings, authorization: str, query: str, status: int
):
    sandbox = Rehearsal(settings)
    with closing(sandbox.store):
        answer = sandbox.import_([event()], query=f"?strict=1{query}", authorization=authorization)
        assert answer.status_code == status


def test_settings_do_not_show_their_credentials():
    settings = SandboxSettings(token="t0p", secret="hush", service_account=ACCOUNT)
    assert not any(word in repr(settings) for word in ("t0p", "hush", "s3cret"))


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


def test_a_body_over_the_limit_is_refused_in_the_documented_words(sandbox: Rehearsal):
    answer = sandbox.import_(b"[" + b" " * 2_097_152)
    assert answer.status_code == 413
    assert answer.json() == {
        "code": 413,
        "error": "request exceeds max limit of 2097152 bytes",
        "status": "Request Entity Too Large",
    }


def test_a_body_of_exactly_the_limit_is_read(sandbox: Rehearsal):
    body = orjson.dumps([event()])
    assert sandbox.import_(body + b" " * (2_097_152 - len(body))).status_code == 200


def test_a_small_gzip_body_that_unpacks_to_more_than_the_limit_is_refused(sandbox: Rehearsal):
    bomb = gzip.compress(b" " * 50_000_000)
    assert sandbox.import_(bomb, content_encoding="gzip").status_code == 413


def test_a_body_announced_as_huge_is_refused_unread(sandbox: Rehearsal):
    class Unread(httpx.AsyncByteStream):
        read = 0

        async def __aiter__(self):
            while True:
                Unread.read += 2**20
                yield b" " * 2**20

    headers = {"authorization": basic(), "content-length": str(2**30)}
    answer = sandbox.request("POST", "/import?strict=1", content=Unread(), headers=headers)
    assert answer.status_code == 413
    assert Unread.read == 0


def test_a_body_without_end_is_not_read_to_its_end(sandbox: Rehearsal):
    async def endless():
        while True:
            yield b" " * 2**20

    headers = {"authorization": basic()}
    answer = sandbox.request("POST", "/import?strict=1", content=endless(), headers=headers)
    assert answer.status_code == 413


def test_more_events_than_a_minute_allows_are_turned_away_until_it_has_passed():
    sandbox = Rehearsal(SandboxSettings(events_per_minute=3))
    with closing(sandbox.store):
        assert sandbox.import_([event("a1"), event("a2")]).status_code == 200
        sandbox.now = NOW + 30
        assert sandbox.import_([event("a3")]).status_code == 200
        refused = sandbox.import_([event("a4")])
        assert refused.status_code == 429
        assert refused.json() == {
            "code": 429,
            "error": "Project exceeded rate limits. Please retry the request with exponential backoff.",
            "status": "Too Many Requests",
        }
        sandbox.now = NOW + 60
        assert sandbox.import_([event("a4"), event("a5")]).status_code == 200
        assert sandbox.import_([event("a6")]).status_code == 429
        assert sandbox.store.count() == 5


# ── what arrives, changed ────────────────────────────────────────────────────────────────────────


def test_a_time_up_to_one_hour_ahead_becomes_now(sandbox: Rehearsal):
    sandbox.import_([event("a1", time=int(NOW) + 3600), event("a2", time=int(NOW))])
    assert [landed["properties"]["time"] for landed in sandbox.landed()] == [int(NOW) * 1000, int(NOW)]


def test_texts_over_255_characters_are_cut(sandbox: Rehearsal):
    long = "ä" * 256
    sandbox.import_([event("a1", long, distinct_id=long, bio=long, tags=[long, {"x": long}], n=1)])
    (landed,) = sandbox.landed()
    cut = "ä" * 255
    assert landed["event"] == cut
    assert landed["properties"] == {
        "time": 1_700_000_000_000,
        "distinct_id": cut,
        "$insert_id": "a1",
        "bio": cut,
        "tags": [cut, {"x": cut}],
        "n": 1,
    }


def test_two_users_whose_ids_are_cut_alike_become_one(sandbox: Rehearsal):
    sandbox.import_([event("a1", distinct_id="u" * 255 + "1"), event("a1", distinct_id="u" * 255 + "2")])
    assert (sandbox.store.raw_count(), sandbox.store.count()) == (2, 1)


def test_a_token_in_an_event_is_not_kept(sandbox: Rehearsal):
    sandbox.import_([event("a1", token="secret")])
    assert "token" not in sandbox.landed()[0]["properties"]


def test_seconds_and_milliseconds_of_one_moment_are_one_event(sandbox: Rehearsal):
    sandbox.import_([event("a1", time=1_700_000_000), event("a1", time=1_700_000_000_000)])
    assert (sandbox.store.raw_count(), sandbox.store.count()) == (2, 1)
