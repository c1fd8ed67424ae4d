"""The HTTP edge as httpx sees it: requests are what Mixpanel documents, answers mean what it says."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from typing import Any

import httpx
import pytest
import respx

from importer.delivery.batches import make_batches
from importer.delivery.engine import deliver
from importer.delivery.send_one import send_event
from importer.errors import DeliveryError, ImporterError, RefusedError
from importer.model import Credentials, DeliverySettings, Destination, Event, Status, Verdict
from importer.speedups import EventBlock

URL = "https://api.mixpanel.com"
TOKEN = Credentials("token", "a-project-token")
QUICK = DeliverySettings(batch_size=50, concurrency=1, max_retries=1, retry_wait=0.0001, timeout=5)


def events(count: int) -> list[Event]:
    made = []
    for row in range(1, count + 1):
        body = json.dumps({"event": "E", "properties": {"time": 1, "$insert_id": f"id{row}"}})
        made.append(Event(row, row + 1, "E", "u", f"id{row}", 1, body.encode()))
    return made


def verdicts(count: int, credentials: Credentials = TOKEN, url: str = URL) -> list[Verdict]:
    sent = deliver(
        make_batches([EventBlock(events(count))], QUICK.batch_size, QUICK.batch_bytes),
        Destination("import", url),
        credentials,
        QUICK,
        stop=threading.Event(),
    )
    return [verdict for delivered in sent for verdict in delivered.verdicts]


def taken(request: httpx.Request) -> httpx.Response:
    sent = gzip.decompress(request.content).splitlines()
    return httpx.Response(200, json={"code": 200, "num_records_imported": len(sent), "status": "OK"})


@pytest.mark.parametrize(
    ("credentials", "query", "basic"),
    [
        (TOKEN, {"strict": "1"}, "a-project-token:"),
        (Credentials("secret", "an-api-secret"), {"strict": "1"}, "an-api-secret:"),
        (
            Credentials("service-account", "robot", "hush", "4711"),
            {"strict": "1", "project_id": "4711"},
            "robot:hush",
        ),
    ],
)
@respx.mock
def test_a_request_is_gzipped_ndjson_signed_with_basic_auth(
    credentials: Credentials, query: dict[str, str], basic: str
) -> None:
    route = respx.post(f"{URL}/import").mock(side_effect=taken)
    assert verdicts(120, credentials) == [Verdict(Status.IMPORTED, 200)] * 120
    assert route.call_count == 3
    for call, count in zip(route.calls, (50, 50, 20), strict=True):
        request = call.request
        assert dict(request.url.params) == query
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(basic.encode()).decode()
        assert request.headers["Content-Type"] == "application/x-ndjson"
        assert request.headers["Content-Encoding"] == "gzip"
        lines = gzip.decompress(request.content).splitlines()
        assert [json.loads(line)["event"] for line in lines] == ["E"] * count


@respx.mock
def test_a_400_is_read_for_each_event() -> None:
    failed = [{"index": 1, "insert_id": "id2", "field": "properties.time", "message": "'time' is invalid"}]
    respx.post(f"{URL}/import").respond(
        400, json={"code": 400, "error": "some failed", "num_records_imported": 2, "failed_records": failed}
    )
    first, second, third = verdicts(3)
    assert first == third == Verdict(Status.IMPORTED, 400)
    assert (second.status, second.status_code) == (Status.REJECTED, 400)
    assert "'time' is invalid" in second.error


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@respx.mock
def test_a_passing_fault_is_tried_again(status: int) -> None:
    route = respx.post(f"{URL}/import").mock(side_effect=[httpx.Response(status), taken])
    assert verdicts(2) == [Verdict(Status.IMPORTED, 200)] * 2
    assert route.call_count == 2


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405])
@respx.mock
def test_a_refusal_stops_at_once_and_shows_no_credential(status: int) -> None:
    route = respx.post(f"{URL}/import").respond(
        status, headers={"Location": "https://elsewhere.example"}, text="no, a-project-token"
    )
    with pytest.raises(RefusedError) as stopped:
        verdicts(2)
    assert route.call_count == 1
    assert str(status) in stopped.value.message
    assert "a-project-token" not in stopped.value.message + stopped.value.remedy


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.ReadError,
        httpx.ReadTimeout,
        httpx.WriteError,
        httpx.WriteTimeout,
        httpx.RemoteProtocolError,
        httpx.PoolTimeout,
    ],
)
@respx.mock
def test_a_broken_connection_is_tried_again_and_then_stops_the_run(error: type[httpx.TransportError]) -> None:
    route = respx.post(f"{URL}/import").mock(side_effect=[error("gone"), taken])
    assert verdicts(1) == [Verdict(Status.IMPORTED, 200)]
    assert route.call_count == 2
    route.side_effect = error("gone")
    with pytest.raises(DeliveryError):
        verdicts(1)


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 200, "text": "<html>Welcome to the hotel's network</html>"},
        {"status_code": 200, "json": {"code": 200, "num_records_imported": 1, "status": "OK"}},
        {"status_code": 200, "json": []},
        {"status_code": 204},
    ],
    ids=["html", "another count", "no object", "empty"],
)
@respx.mock
def test_a_200_that_does_not_account_for_every_event_is_no_success(answer: dict[str, Any]) -> None:
    respx.post(f"{URL}/import").respond(**answer)
    with pytest.raises(ImporterError):
        verdicts(2)


@pytest.mark.parametrize(
    ("answer", "status_code", "error"),
    [
        ({"status_code": 200, "text": "1"}, 200, None),
        ({"status_code": 200, "text": "0"}, 400, "Mixpanel returned error: 0"),
        ({"status_code": 503, "text": "busy"}, 503, "HTTP error 503: busy"),
    ],
)
@respx.mock
def test_one_event_is_one_request(answer: dict[str, Any], status_code: int, error: str | None) -> None:
    route = respx.post(f"{URL}/track").respond(**answer)
    (event,) = events(1)
    now = 1_800_000_000_000
    reply = send_event(event.body, now, Destination("track", URL), TOKEN, timeout=5, now=lambda: now)
    assert (reply.status_code, reply.error) == (status_code, error)
    assert route.call_count == 1
    assert json.loads(route.calls.last.request.content)[0]["properties"]["token"] == "a-project-token"
