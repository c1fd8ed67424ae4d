"""The fault server does at the right moment what tests of crashes ask of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import fault_server
import httpx
import pytest
from crash_helpers import PATIENCE, server, wait_until
from sandbox_helpers import event


def post(url: str, *insert_ids: str) -> httpx.Response:
    lines = b"\n".join(httpx.Request("POST", url, json=event(each)).content for each in insert_ids)
    kind = {"content-type": "application/x-ndjson"}
    return httpx.post(f"{url}/import?strict=1", content=lines, headers=kind, auth=("t", ""), timeout=PATIENCE)


def test_a_schedule_says_what_each_request_meets(tmp_path: Path):
    with server(tmp_path, "--at", "2=500,4+=503") as scene:
        assert [post(scene.url, f"a{n}").status_code for n in range(5)] == [200, 500, 200, 503, 503]
        scene.mend()
        assert post(scene.url, "a5").status_code == 200
        assert scene.faults() == {"none": 3, "500": 1, "503": 2}


@pytest.mark.parametrize("text", ["x=500", "1=tired", "1"])
def test_a_schedule_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ValueError):
        fault_server.parsed_schedule(text)


def test_an_answer_is_held_until_the_server_is_mended(tmp_path: Path):
    with server(tmp_path, "--at", "1=hold") as scene:
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(post(scene.url, "a1").status_code))
        asking.start()
        scene.wait_for_fault("hold")
        assert (scene.raw_count(), answers) == (1, [])
        scene.mend()
        asking.join(PATIENCE)
        assert answers == [200]


def test_only_a_request_that_holds_the_poison_fails(tmp_path: Path):
    with server(tmp_path, "--poison", "503:a2") as scene:
        assert [post(scene.url, each).status_code for each in ("a1", "a2", "a3")] == [200, 503, 200]


def test_a_minute_can_be_short(tmp_path: Path):
    with server(tmp_path, "--events-per-minute", "2", "--minute", "2") as scene:
        started = time.monotonic()
        assert [post(scene.url, "a1", "a2").status_code, post(scene.url, "a3").status_code] == [200, 429]
        wait_until(lambda: post(scene.url, "a3").status_code == 200, "the minute is over")
        assert time.monotonic() - started >= 2
