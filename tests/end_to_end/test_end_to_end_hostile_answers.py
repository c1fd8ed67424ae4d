"""Answers that never end, contradict themselves or say too much: nothing is lost, doubled or falsely true."""

from __future__ import annotations

import base64
import time
from collections import Counter
from urllib.parse import quote

import fault_server
import httpx
import orjson
import pytest
from end_to_end_helpers import TOKEN, RecordedRequest, Recorder, Shell, simple_csv, statuses

QUICK = ("--yes", "--retry-wait", "0.01", "--batch-size", "10", "--max-retries", "30")


def landed(url: str) -> list[int]:
    text = httpx.get(f"{url}/sandbox/events").text
    return sorted(orjson.loads(line)["properties"]["n"] for line in text.splitlines())


@pytest.mark.parametrize(
    "shares",
    [
        "drip=0.1,continue=0.1",
        "twice=0.4",
        "202=0.1,206=0.1,contradicting=0.2,zstd=0.1",
    ],
)
def test_what_the_results_say_is_what_landed(shell: Shell, shares: str):
    """Some events are refused, so that an answer that is taken for the next one would be seen as false."""
    shell.write("s.csv", simple_csv(400))
    options = (
        "--share",
        shares,
        "--seed",
        "5",
        "--delay",
        "0.05",
        "--refuse-every",
        "7",
        "--batch-size",
        "10",
    )
    with fault_server.running(*options) as url:
        done = shell.type("run", "s.csv", *QUICK, "--timeout", "0.2", "--concurrency", "4", "--base-url", url)
        met = httpx.get(f"{url}/faults").json()
        there = landed(url)
    assert set(met) == {"none", *(part.partition("=")[0] for part in shares.split(","))}
    rows = shell.results("s.results.csv")
    assert done.code == 1
    assert [int(row["row"]) for row in rows] == list(range(1, 401))
    assert set(statuses(rows)) == {"imported", "rejected"}
    assert [int(row["row"]) for row in rows if row["success"] == "true"] == there
    assert max(Counter(there).values()) == 1


@pytest.mark.parametrize("fault", ["drip", "continue"])
def test_an_answer_without_end_holds_the_run_no_longer_than_the_help_says(shell: Shell, fault: str):
    shell.write("s.csv", simple_csv(10))
    words = ("run", "s.csv", *QUICK, "--timeout", "0.5", "--log-file", "log.jsonl")
    with fault_server.running("--at", f"1={fault}", "--delay", "0.1") as url:
        began = time.monotonic()
        done = shell.type(*words, "--base-url", url)
        took = time.monotonic() - began
        assert landed(url) == list(range(1, 11))
    assert done.code == 0
    assert took < 30
    first = orjson.loads((shell.folder / "log.jsonl").read_bytes().splitlines()[1])
    assert first["error"] == "no answer in time: it took more than 1 s in all"
    assert 1 <= first["seconds"] < 10
    assert "a whole answer may take twice that" in " ".join(shell.type("run", "--help").out.split())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, b'{"code":400,"num_records_imported":3}'), "HTTP 200, but its code is 400"),
        (
            (200, b'{"num_records_imported":3,"failed_records":[{"index":0}]}'),
            "HTTP 200, but it has failed_records: [{'index': 0}]",
        ),
        ((206, b'{"code":206,"num_records_imported":3}'), "HTTP 206, but Mixpanel answers 200: "),
        ((202, b'{"num_records_imported":3,"status":"OK"}'), "HTTP 202, but Mixpanel answers 200: "),
    ],
)
def test_what_contradicts_itself_is_not_imported_and_the_run_says_why(
    shell: Shell, answer: tuple[int, bytes], reason: str
):
    shell.write("s.csv", simple_csv(3))
    with Recorder(lambda _: answer) as recorder:
        done = shell.type(
            "run", "s.csv", "--yes", "--retry-wait", "0.01", "--max-retries", "1", "--base-url", recorder.url
        )
    assert done.code == 5
    assert reason in done.err
    assert shell.results("s.results.csv") == []
    assert len(recorder.requests) == 2
    assert recorder.requests[0].body == recorder.requests[1].body


PAIR = base64.b64encode(f"{TOKEN}:".encode()).decode()
ECHOES = {
    "as it is": TOKEN,
    "without padding": PAIR.rstrip("="),
    "percent-encoded": quote(PAIR, safe=""),
    "cut off": PAIR[:16],
    "base64 of more": base64.b64encode(f"Authorization: Basic {PAIR}".encode()).decode(),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("status", [400, 401, 503])
def test_no_form_of_a_secret_is_shown_or_kept(shell: Shell, echo: str, status: int):
    """Neither on the terminal nor in a file; in none of ten of its characters."""

    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        message = f"who is {ECHOES[echo]}?"
        failed = [{"index": i, "message": message} for i in range(3)]
        fields = {"num_records_imported": 0, "failed_records": failed} if status == 400 else {}
        return status, orjson.dumps({"error": message, **fields})

    shell.write("s.csv", simple_csv(3))
    with Recorder(answer) as recorder:
        words = (
            "--retry-wait",
            "0.01",
            "--max-retries",
            "1",
            "--base-url",
            recorder.url,
            "--log-file",
            "log.jsonl",
        )
        done = shell.type("run", "s.csv", "--yes", "--verbose", *words)
    assert done.code in (1, 4, 5)
    assert "***" in done.err
    shown = done.out + done.err + shell.everything_on_disk()
    secret = ECHOES[echo][-(len(PAIR) * 4 // 3) :]  # what stands before it in base64 is none
    assert not [i for i in range(len(secret) - 9) if secret[i : i + 10] in shown]
