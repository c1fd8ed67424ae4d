"""Requests as they leave the importer, against Mixpanel's published OpenAPI description.

``project_id`` is a required parameter there, but what it describes it for is "to authenticate service account
credentials": a project token or an API secret names its project by itself ("Import Events", authentication).
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from documented_rules import CASES
from end_to_end_helpers import RecordedRequest, Recorder
from fidelity_helpers import CSV, JSONL, NOW_MS, csv_text, events_of, items_of, jsonl_text, written
from sandbox_helpers import Rehearsal, event

from importer.delivery.batches import make_batches
from importer.delivery.engine import deliver
from importer.delivery.send_one import send_event
from importer.model import Credentials, DeliverySettings, Destination, Event, Status
from importer.sandbox.settings import SandboxSettings, ServiceAccount
from importer.speedups import EventBlock

DESCRIPTION = Path(__file__).parent.parent / "data" / "mixpanel-ingestion.openapi.yaml"
SAMPLES = Path(__file__).parent.parent.parent / "samples"
TOKEN = Credentials("token", "0123456789abcdef0123456789abcdef")
ACCOUNT = Credentials("service-account", "importer.1.mp-service-account", "a-secret", "2345678")
SECRET = Credentials("secret", "fedcba9876543210fedcba9876543210")
NOW_S = NOW_MS // 1000


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return yaml.safe_load(DESCRIPTION.read_text("utf-8"))["paths"]


@pytest.fixture
def mixpanel() -> Iterator[Recorder]:
    """A server that writes down requests and takes everything."""

    def answer(asked: RecordedRequest) -> tuple[int, bytes]:
        if asked.path == "/track":
            return 200, b"1"
        taken = json.dumps({"code": 200, "num_records_imported": len(events_in(asked)), "status": "OK"})
        return 200, taken.encode()

    with Recorder(answer) as recorder:
        yield recorder


def events_in(asked: RecordedRequest) -> list[Any]:
    """The events of a request, as its headers say that they are to be read."""
    encoding = asked.headers.get("content-encoding")
    assert encoding in (None, "gzip")
    body = gzip.decompress(asked.body) if encoding else asked.body
    if asked.headers["content-type"] == "application/x-ndjson":
        return [json.loads(line) for line in body.split(b"\n")]
    return json.loads(body)


def check(asked: RecordedRequest, operation: dict[str, Any], *, project: bool = False) -> None:
    """Hold a request against what is described: query, headers and body."""
    in_query = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
    in_header = {each["name"].lower(): each for each in operation["parameters"] if each["in"] == "header"}
    assert asked.query.keys() <= in_query.keys()
    for name, value in asked.query.items():
        jsonschema.validate(value, in_query[name]["schema"], jsonschema.Draft4Validator)
    required = {name for name, each in in_query.items() if each.get("required")}
    assert required - ({"project_id"} if not project else set()) <= asked.query.keys()
    for name, each in in_header.items():
        if name in asked.headers:
            jsonschema.validate(asked.headers[name], each["schema"], jsonschema.Draft4Validator)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(events_in(asked), schema, jsonschema.Draft4Validator)


def deliver_all(
    events: Sequence[Event], url: str, credentials: Credentials, endpoint: Any = "import"
) -> None:
    """Send events as a run does; each of them is taken."""
    delivered = deliver(
        make_batches([EventBlock(events)], 7, 2_000_000),
        Destination(endpoint, url),
        credentials,
        DeliverySettings(concurrency=2),
        stop=threading.Event(),
        now=lambda: NOW_MS,
    )
    good = Status.IMPORTED if endpoint == "import" else Status.ACCEPTED
    assert {verdict.status for each in delivered for verdict in each.verdicts} == {good}


def many(folder: Path) -> list[Event]:
    """Events of every sort: the samples, the boundary cases and a table."""
    found = [
        item
        for name in ("shop.csv", "flat.jsonl", "mixpanel.jsonl")
        for item in items_of(SAMPLES / name, ANY)
    ]
    boundary = b"\n".join(case.body for case in CASES if len(case.body) < 100_000)
    found += items_of(written(folder, boundary, "cases.jsonl"), JSONL)
    rows = [["e", str(NOW_S - n), "" if n % 2 else f"u{n}", str(n / 3)] for n in range(50)]
    found += events_of(written(folder, csv_text(["event", "time", "user", "x"], rows)), CSV)
    events = [item for item in found if isinstance(item, Event)]
    assert len(events) > 100
    return events


ANY = type(CSV)()


@pytest.mark.parametrize("credentials", [TOKEN, ACCOUNT, SECRET], ids=lambda each: each.kind)
def test_requests_to_import_are_as_described(
    tmp_path: Path, mixpanel: Recorder, described: Any, credentials: Credentials
):
    events = many(tmp_path)
    deliver_all(events, mixpanel.url, credentials)
    for asked in mixpanel.requests:
        assert asked.path == "/import"
        assert asked.query["strict"] == "1"
        assert asked.basic_auth == (credentials.username, credentials.password)
        check(asked, described["/import"]["post"], project=credentials.kind == "service-account")
    sent = sorted(
        each["properties"]["$insert_id"] for asked in mixpanel.requests for each in events_in(asked)
    )
    assert sent == sorted(event.insert_id for event in events)


def test_only_a_service_account_names_its_project(tmp_path: Path, mixpanel: Recorder):
    events = many(tmp_path)[:1]
    for credentials in (TOKEN, ACCOUNT, SECRET):
        deliver_all(events, mixpanel.url, credentials)
    assert [asked.query.get("project_id") for asked in mixpanel.requests] == [None, "2345678", None]


def test_requests_to_track_are_as_described(tmp_path: Path, mixpanel: Recorder, described: Any):
    records = [
        {"event": "e", "time": NOW_S - n, "distinct_id": f"u{n}", "é": [n, {"a": None}]} for n in range(50)
    ]
    events = events_of(written(tmp_path, jsonl_text(records), "e.jsonl"), JSONL)
    deliver_all(events, mixpanel.url, TOKEN, "track")
    for asked in mixpanel.requests:
        assert asked.path == "/track"
        assert "authorization" not in asked.headers
        check(asked, described["/track"]["post"])
        assert {each["properties"]["token"] for each in events_in(asked)} == {TOKEN.username}


@pytest.mark.parametrize(("age", "path"), [(60, "/track"), (6 * 86_400, "/import")])
def test_the_request_of_one_event_is_as_described(
    tmp_path: Path, mixpanel: Recorder, described: Any, age: int, path: str
):
    record = {"event": "e", "time": NOW_S - age, "distinct_id": "u"}
    (one,) = events_of(written(tmp_path, jsonl_text([record]), "e.jsonl"), JSONL)
    to = Destination("track", mixpanel.url)
    assert send_event(one.body, one.time, to, TOKEN, timeout=5.0, now=lambda: NOW_MS).error is None
    (asked,) = mixpanel.requests
    assert asked.path == path
    check(asked, described[path]["post"])


@pytest.mark.parametrize(
    "change",
    [
        lambda each: each.pop("event"),
        lambda each: each.pop("properties"),
        lambda each: each.update(extra=1),
        lambda each: each["properties"].pop("$insert_id"),
        lambda each: each["properties"].update(time="2024-05-01"),
        lambda each: each["properties"].update(distinct_id=None),
    ],
)
def test_the_description_tells_a_wrong_event_from_a_right_one(described: Any, change: Any):
    one = event()
    asked = RecordedRequest(
        "/import", {"strict": "1"}, {"content-type": "application/json"}, json.dumps([one]).encode()
    )
    check(asked, described["/import"]["post"])
    change(one)
    with pytest.raises(jsonschema.ValidationError):
        check(asked._replace(body=json.dumps([one]).encode()), described["/import"]["post"])


# ── the sandbox answers as described ─────────────────────────────────────────────────────────────

ACCOUNT_ONLY = SandboxSettings(service_account=ServiceAccount("someone", "else", "1"))
ANSWERS = [
    (200, SandboxSettings(), [event()]),
    (400, SandboxSettings(), [event(), event(time="soon")]),
    (401, ACCOUNT_ONLY, [event()]),
    (413, SandboxSettings(max_request_bytes=10), [event()]),
    (429, SandboxSettings(events_per_minute=1), [event("a"), event("b")]),
]


@pytest.mark.parametrize(("status", "settings", "body"), ANSWERS, ids=[str(status) for status, *_ in ANSWERS])
def test_the_sandbox_answers_as_described(status: int, settings: SandboxSettings, body: Any):
    responses = yaml.safe_load(DESCRIPTION.read_text("utf-8"))["components"]["responses"]
    named = {200: "StrictReceived", 400: "StrictInvalid", 401: "StrictUnauthorized", 413: "StrictTooLarge"}
    schema = responses[named.get(status, "RateLimitExceeded")]["content"]["application/json"]["schema"]
    answer = Rehearsal(settings).import_(body, authorization="Basic " + base64.b64encode(b"t:").decode())
    assert answer.status_code == status
    jsonschema.validate(answer.json(), schema, jsonschema.Draft4Validator)
    required = set(schema["example"]) if "example" in schema else set(schema["properties"]["example"])
    assert required <= set(answer.json())
