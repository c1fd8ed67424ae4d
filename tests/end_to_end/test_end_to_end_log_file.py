"""``--log-file``: every request as a line of JSON, for the evening when support asks."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from end_to_end_helpers import (
    SECRETS,
    TOKEN,
    RecordedRequest,
    Recorder,
    Server,
    Shell,
    command,
    refused_url,
    simple_csv,
)

from importer.results.paths import failed_rows_mapping_path

QUICK = ("--yes", "--retry-wait", "0.01", "--concurrency", "1")


def log_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def requests(path: Path) -> list[dict[str, Any]]:
    return [line for line in log_lines(path) if line["what"] == "request"]


def test_every_request_has_its_line(shell: Shell, server: Server):
    shell.write("s.csv", simple_csv(120))
    done = shell.type("run", "s.csv", *QUICK, "--log-file", "log.jsonl")
    assert done.code == 0
    log = shell.folder / "log.jsonl"
    assert log.stat().st_mode & 0o777 == 0o600
    start, *sent, end = log_lines(log)
    assert start["what"] == "start"
    assert (start["program"], start["source"], start["kind"]) == ("mixpanel-importer", "s.csv", "real")
    assert (start["base_url"], start["endpoint"], start["credentials"]) == (server.url, "import", "token")
    assert (start["batch_size"], start["timeout"], start["retry_wait"]) == (50, 30.0, 0.01)
    assert [line["rows"] for line in sent] == [[1, 50], [51, 100], [101, 120]]
    assert [line["events"] for line in sent] == [50, 50, 20]
    for line in sent:
        assert line["what"] == "request"
        assert (line["status"], line["outcome"], line["try"], line["rejected"]) == (200, "settled", 1, 0)
        assert line["taken"] == line["events"]
        assert 100 < line["bytes"] < 10_000
        assert line["answer_bytes"] > 10
        assert 0 < line["seconds"] < 60
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])
    assert [line.get("new_connection", False) for line in sent] == [True, False, False]
    assert {key: end[key] for key in ("what", "exit_code", "records", "requests", "retries")} == {
        "what": "end", "exit_code": 0, "records": 120, "requests": 3, "retries": 0,
    }  # fmt: skip


def test_retries_waits_and_refused_events_are_in_it(shell: Shell):
    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        number = len(recorder.requests)
        if number == 1:
            return 429, b'{"error":"slow down"}'
        if number == 2:
            return 503, b"busy"
        if number == 3:
            return 200, b'{"code":400,"num_records_imported":3}'
        failed = [{"index": 1, "field": "properties.n", "message": "n is SECRET-VALUE-4711"}]
        return 400, orjson.dumps({"code": 400, "num_records_imported": 2, "failed_records": failed})

    shell.write("s.csv", simple_csv(3))
    with Recorder(answer) as recorder:
        done = shell.type("run", "s.csv", *QUICK, "--base-url", recorder.url, "--log-file", "log.jsonl")
    assert done.code == 1
    sent = requests(shell.folder / "log.jsonl")
    assert [line["status"] for line in sent] == [429, 503, 200, 400]
    assert [line["outcome"] for line in sent] == ["throttled", "lost", "lost", "settled"]
    assert [line["try"] for line in sent] == [1, 2, 3, 4]
    assert all(0 < line["wait"] < 1 for line in sent[:3])
    assert "wait" not in sent[3]
    assert (sent[3]["taken"], sent[3]["rejected"]) == (2, 1)
    assert log_lines(shell.folder / "log.jsonl")[-1]["retries"] == 3


def test_a_batch_that_is_divided_shows_its_rows(shell: Shell):
    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        return (413, b"too large") if len(recorder.requests) == 1 else (200, b'{"num_records_imported":2}')

    shell.write("s.csv", simple_csv(4))
    with Recorder(answer) as recorder:
        shell.type("run", "s.csv", *QUICK, "--base-url", recorder.url, "--log-file", "log.jsonl")
    sent = requests(shell.folder / "log.jsonl")
    assert [(line["rows"], line["outcome"]) for line in sent] == [
        ([1, 4], "too large"),
        ([1, 2], "settled"),
        ([3, 4], "settled"),
    ]


def test_connection_errors_are_in_it(shell: Shell):
    shell.write("s.csv", simple_csv(3))
    words = ("--base-url", refused_url(), "--max-retries", "1", "--log-file", "log.jsonl")
    assert shell.type("run", "s.csv", *QUICK, *words).code == 5
    log = shell.folder / "log.jsonl"
    assert [(line["status"], line["outcome"], line["rows"]) for line in requests(log)] == [
        (None, "lost", [1, 3])
    ] * 2
    assert all(line["error"].startswith("no connection: [Errno ") for line in requests(log))
    assert log_lines(log)[-1]["exit_code"] == 5


def test_it_holds_neither_values_nor_secrets(shell: Shell):
    """Whatever the server says, in whatever place."""

    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        number = len(recorder.requests)
        text = f"{TOKEN} VALUE-4711 {request.headers['authorization']}"
        if number == 1:
            return 200, orjson.dumps({"num_records_imported": text})
        if number == 2:
            return 503, text.encode()
        failed = [{"index": 0, "message": text, "field": text}]
        return 400, orjson.dumps({"num_records_imported": 1, "failed_records": failed})

    table = "event,user_id,time,n\nVALUE-4711,VALUE-4711,2024-03-01T00:00:01Z,VALUE-4711\nB,u,2024-03-01T00:00:01Z,2\n"
    shell.write("s.csv", table)
    with Recorder(answer) as recorder:
        shell.type("run", "s.csv", *QUICK, "--base-url", recorder.url, "--log-file", "log.jsonl")
    text = (shell.folder / "log.jsonl").read_text()
    assert len(requests(shell.folder / "log.jsonl")) == 3
    assert not [secret for secret in (*SECRETS, "VALUE-4711", "Basic") if secret in text]


def test_a_log_is_continued_by_a_retry_and_by_the_next_run(shell: Shell):
    shell.write("s.csv", simple_csv(5, broken={2: "Page View,u,never,2"}))
    log = shell.folder / "log.jsonl"
    assert shell.type("run", "s.csv", *QUICK, "--log-file", "log.jsonl").code == 1
    first = log.read_text()
    retry = ("retry", "s.results.csv", "--yes", "--missing-time", "now", "--log-file", "log.jsonl")
    assert shell.type(*retry).code == 1
    assert shell.type("run", "s.csv", "--sandbox", "--log-file", "log.jsonl").code == 1
    assert log.read_text().startswith(first)
    assert [line["kind"] for line in log_lines(log) if line["what"] == "start"] == ["real", "real", "sandbox"]
    assert [line["what"] for line in log_lines(log)].count("end") == 3


def test_a_line_that_was_cut_off_stays_alone(shell: Shell):
    shell.write("s.csv", simple_csv(5))
    shell.type("run", "s.csv", *QUICK, "--log-file", "log.jsonl")
    log = shell.folder / "log.jsonl"
    cut = log.read_bytes()[:-10]
    log.write_bytes(cut)
    shell.type("run", "s.csv", "--sandbox", "--log-file", "log.jsonl")
    assert log.read_bytes().startswith(cut + b"\n{")


@pytest.mark.parametrize("content", ["", "an important text\n", '{"what":"start"}\n', "[1]\n", "x" * 100_000])
def test_another_file_is_not_touched(shell: Shell, content: str):
    shell.write("s.csv", simple_csv(5))
    other = shell.write("other.txt", content)
    done = shell.type("run", "s.csv", "--sandbox", "--log-file", "other.txt")
    if not content:  # an empty file holds nothing that could be lost
        assert done.code == 0
        return
    assert done.code == 2
    assert "--log-file other.txt is there already, and is no log of requests" in done.err
    assert other.read_text() == content
    assert sorted(path.name for path in shell.folder.iterdir()) == ["other.txt", "s.csv"]


@pytest.mark.parametrize(
    "path",
    [
        "s.csv",
        "s.sandbox.csv",
        "s.sandbox.csv.run.json",
        "bad.csv",
        str(failed_rows_mapping_path(Path("bad.csv"))),
    ],
)
def test_no_other_file_of_the_run_can_be_the_log(shell: Shell, path: str):
    shell.write("s.csv", simple_csv(5))
    done = shell.type("run", "s.csv", "--sandbox", "--failed-rows", "bad.csv", "--log-file", path)
    assert done.code == 2
    assert f"--log-file would be written into {path}" in done.err


@pytest.mark.parametrize("path", ["nowhere/log.jsonl", ".", "/dev/null", "pipe", "dangling"])
def test_what_cannot_be_a_log_is_said_before_anything_is_sent(shell: Shell, server: Server, path: str):
    shell.write("s.csv", simple_csv(5))
    os.mkfifo(shell.folder / "pipe")
    (shell.folder / "dangling").symlink_to("nowhere/x")
    done = shell.type("run", "s.csv", "--yes", "--log-file", path)
    assert done.code == 2
    assert f"--log-file {path}" in done.err
    assert server.requests()["requests"] == 0


def test_a_full_disk_ends_the_log_but_not_the_run_and_is_said(shell: Shell):
    """The disk has room for the results, and for the beginning of the log."""
    shell.write("s.csv", simple_csv(1_000))
    limit = 300_000  # bytes of one file; the results have fewer
    filler = json.dumps({"what": "start", "program": "mixpanel-importer", "fill": ""}) + "\n"
    shell.write("log.jsonl", filler + "x" * (limit - len(filler) - 1_000) + "\n")
    # Coverage is a file, too.
    environ = {name: value for name, value in shell.environment().items() if "COVERAGE" not in name}
    done = subprocess.run(
        command(["run", "s.csv", "--yes", "-q", "--batch-size", "10", "--log-file", "log.jsonl"]),
        cwd=shell.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 0
    assert len(shell.results("s.results.csv")) == 1_000
    assert done.stderr == "The log log.jsonl ends early: File too large\n"


def test_a_dry_run_logs_that_it_sent_nothing(shell: Shell):
    shell.write("s.csv", simple_csv(5))
    assert shell.type("run", "s.csv", "--dry-run", "--log-file", "log.jsonl").code == 0
    assert [line["what"] for line in log_lines(shell.folder / "log.jsonl")] == ["start", "end"]


def test_the_run_that_is_offered_does_not_go_on_with_the_log_of_its_rehearsal(shell: Shell):
    shell.write("s.csv", simple_csv(5))
    done = shell.type("run", "s.csv", "--sandbox", "--log-file", "log.jsonl")
    assert done.next_command == "mixpanel-importer run s.csv"
    assert shell.type_line(done.next_command, "--yes").code == 0
