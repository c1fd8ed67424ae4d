from __future__ import annotations

import base64
import gzip
from contextlib import closing
from urllib.parse import quote_plus

import orjson
import pytest
from sandbox_helpers import DAY, NOW, Rehearsal, event

from importer.sandbox.settings import SandboxSettings

RECENT = int(NOW) - DAY


def tracked(insert_id: str = "a1", **properties: object) -> dict[str, object]:
    return event(insert_id, **{"token": "t0", "time": RECENT, **properties})


FORM = {"content_type": "application/x-www-form-urlencoded"}
JSON = orjson.dumps([tracked("a1", plan="a+b&c=d é")])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (JSON, {}),
        (JSON[1:-1], {}),
        (gzip.compress(JSON), {"content_encoding": "gzip"}),
        (b"data=" + quote_plus(JSON).encode(), FORM),
        (b"data=" + quote_plus(base64.b64encode(JSON)).encode(), FORM),
        (b"data=" + base64.b64encode(JSON), FORM),
        (b"verbose=0&data=" + quote_plus(JSON[1:-1]).encode(), FORM),
        (gzip.compress(b"data=" + quote_plus(JSON).encode()), {**FORM, "content_encoding": "gzip"}),
    ],
    ids=["array", "object", "gzip", "form", "form base64", "form plain base64", "form object", "form gzip"],
)
def test_every_documented_form_of_a_body_is_read(sandbox: Rehearsal, body: bytes, headers: dict[str, str]):
    answer = sandbox.track(body, **headers)
    assert (answer.status_code, answer.text) == (200, "1")
    assert answer.headers["content-type"].startswith("text/plain")
    (landed,) = sandbox.landed()
    assert landed["properties"]["plan"] == "a+b&c=d é"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b"data=%%%",
        b"data=",
        b"other=1",
        [7],
        [event("a1")],
        [tracked(token="")],
        [tracked(token=7)],
        [tracked(time="soon")],
        [tracked(time=True)],
        [{"event": "", "properties": {"token": "t0"}}],
        [{"event": "a"}],
        b'[{"event":"a","properties":{"token":"t0","x":"\xff"}}]',
    ],
    ids=repr,
)
def test_a_request_without_a_well_formed_object_is_answered_0(sandbox: Rehearsal, body: object):
    form = FORM if isinstance(body, bytes) and b"=" in body else {}
    answer = sandbox.track(body, **form)
    assert (answer.status_code, answer.text) == (200, "0")
    assert sandbox.store.raw_count() == 0


def test_one_well_formed_object_is_enough_for_1(sandbox: Rehearsal):
    answer = sandbox.track([event("no-token"), tracked("a1")])
    assert answer.text == "1"
    assert sandbox.store.count() == 1


def test_an_event_older_than_five_days_is_dropped_and_answered_1(sandbox: Rehearsal):
    limit = int(NOW) - 5 * DAY
    answer = sandbox.track([tracked("old", time=limit - 1), tracked("young", time=limit)])
    assert answer.text == "1"
    assert [landed["properties"]["$insert_id"] for landed in sandbox.landed()] == ["young"]


def test_a_request_of_old_events_alone_is_answered_1_too(sandbox: Rehearsal):
    assert sandbox.track([tracked(time=1_600_000_000)]).text == "1"
    assert sandbox.store.raw_count() == 0


def test_a_wrong_token_is_not_reported():
    sandbox = Rehearsal(SandboxSettings(token="t0"))
    with closing(sandbox.store):
        assert sandbox.track([tracked("a1", token="other"), tracked("a2")]).text == "1"
        assert [landed["properties"]["$insert_id"] for landed in sandbox.landed()] == ["a2"]


def test_a_time_ahead_of_the_clock_becomes_now(sandbox: Rehearsal):
    sandbox.track([tracked(time=int(NOW) + 10 * DAY)])
    assert sandbox.landed()[0]["properties"]["time"] == int(NOW) * 1000


def test_an_event_without_time_happens_now(sandbox: Rehearsal):
    sandbox.track({"event": "a", "properties": {"token": "t0"}})
    assert sandbox.landed()[0]["properties"]["time"] == int(NOW) * 1000


def test_an_event_without_an_insert_id_is_never_a_duplicate(sandbox: Rehearsal):
    bare = {"event": "a", "properties": {"token": "t0", "time": RECENT, "distinct_id": 7}}
    sandbox.track([bare, bare])
    sandbox.track(bare)
    assert sandbox.store.count() == 3


def test_verbose_answers_are_objects(sandbox: Rehearsal):
    taken = sandbox.track([tracked()], query="?verbose=1")
    assert taken.json() == {"status": 1, "error": ""}
    refused = sandbox.track([event()], query="?verbose=1")
    assert refused.json() == {"status": 0, "error": "token, missing or empty"}
    empty = sandbox.track([], query="?verbose=1")
    assert empty.json() == {"status": 0, "error": "no data in the request"}
    broken = sandbox.track(b"{", query="?verbose=1")
    assert broken.json()["status"] == 0
    form = sandbox.track(b"verbose=1&data=" + quote_plus(JSON).encode(), **FORM)
    assert form.json() == {"status": 1, "error": ""}


def test_an_event_too_deep_to_be_written_is_no_well_formed_object(sandbox: Rehearsal):
    body = orjson.dumps([tracked()]).replace(b'"u1"', b"[" * 600 + b"]" * 600)
    assert sandbox.track(body).text == "0"


def test_limits_hold_for_track_too():
    sandbox = Rehearsal(SandboxSettings(events_per_minute=2))
    with closing(sandbox.store):
        assert sandbox.track([tracked(str(n)) for n in range(2001)]).status_code == 400
        assert sandbox.track(b" " * 2_097_153).status_code == 413
        assert sandbox.track([tracked(str(n)) for n in range(3)]).status_code == 429
        assert sandbox.track([tracked(str(n)) for n in range(2)]).status_code == 200
