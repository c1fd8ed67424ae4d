"""The fault server that other tests lean on does what it says, to a real client."""

from __future__ import annotations

import time
from pathlib import Path

import fault_server
import httpx
import pytest
from sandbox_helpers import event


def post(url: str, insert_ids: list[str], timeout: float = 60) -> httpx.Response:
    events = [event(insert_id) for insert_id in insert_ids]
    return httpx.post(url + "/import?strict=1", json=events, auth=("t", ""), timeout=timeout)


def raw_count(url: str) -> int:
    return httpx.get(url + "/sandbox/counts", timeout=60).json()["raw_count"]


@pytest.mark.parametrize(
    ("fault", "error", "landed"),
    [
        ("reset_before", httpx.ReadError, 0),
        ("reset_after", httpx.ReadError, 1),
        ("cut", httpx.RemoteProtocolError, 1),
        ("hang", httpx.ReadTimeout, 0),
    ],
)
def test_a_broken_connection_is_seen_as_one(fault: str, error: type[Exception], landed: int):
    with fault_server.running("--share", f"{fault}=1") as url:
        with pytest.raises(error):
            post(url, ["a1"], timeout=0.5 if fault == "hang" else 60)
        assert raw_count(url) == landed
        assert httpx.get(url + "/faults").json() == {fault: 1}


@pytest.mark.parametrize("status", [401, 408, 413, 429, 500, 503, 599])
def test_a_status_is_answered_and_nothing_lands(status: int):
    with fault_server.running("--share", f"{status}=1", "--retry-after", "7") as url:
        answer = post(url, ["a1"])
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
        assert raw_count(url) == 0


def test_wrong_responses_arrive_as_they_are():
    with fault_server.running("--share", "html=1") as url:
        answer = post(url, ["a1"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
        assert raw_count(url) == 0
    with fault_server.running("--share", "unaccounted=1") as url:
        answer = post(url, ["a1", "a2"])
        assert (answer.status_code, answer.json()["num_records_imported"]) == (200, 1)
        assert raw_count(url) == 2


def test_a_slow_response_is_delayed():
    with fault_server.running("--share", "slow=1", "--delay", "0.4") as url:
        started = time.monotonic()
        assert post(url, ["a1"]).status_code == 200
        assert time.monotonic() - started >= 0.4


def test_the_same_events_are_refused_every_time():
    ids = [f"a{n}" for n in range(100)]
    refused = [n for n, insert_id in enumerate(ids) if fault_server.is_refused(insert_id, 10)]
    assert 0 < len(refused) < 30
    with fault_server.running("--refuse-every", "10") as url:
        for _ in range(2):
            answer = post(url, ids)
            assert [record["index"] for record in answer.json()["failed_records"]] == refused
        assert raw_count(url) == 2 * (100 - len(refused))


def test_without_faults_it_is_the_sandbox_and_keeps_connections(tmp_path: Path):
    db = tmp_path / "landed.db"
    with fault_server.running("--db", str(db)) as url, httpx.Client(base_url=url) as client:
        for number in range(3):
            answer = client.post("/import?strict=1", json=[event(f"a{number}")], auth=("t", ""))
            assert answer.json() == {"code": 200, "num_records_imported": 1, "status": "OK"}
            assert "connection" not in answer.headers
        assert len(client.get("/sandbox/events").text.splitlines()) == 3
    assert db.exists()


def test_a_seed_fixes_which_request_meets_what():
    shares = fault_server.parsed_shares("429=0.2,reset_after=0.1")
    first = [fault_server.drawn(shares, 7, number) for number in range(1000)]
    assert first == [fault_server.drawn(shares, 7, number) for number in range(1000)]
    assert first != [fault_server.drawn(shares, 8, number) for number in range(1000)]
    assert 150 < first.count("429") < 250
    assert 60 < first.count("reset_after") < 140
    assert first.count("") == 1000 - first.count("429") - first.count("reset_after")


@pytest.mark.parametrize("text", ["tired=0.1", "99=0.1", "429=0.6,500=0.6", "429=-0.1"])
def test_shares_that_make_no_sense_are_refused(text: str):
    with pytest.raises(ValueError):
        fault_server.parsed_shares(text)
