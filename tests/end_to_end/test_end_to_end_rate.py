"""``--rate``: no more events a second, however they are spread over sources and requests."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import accumulate

import pytest
from end_to_end_helpers import Server, Shell, simple_csv


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_rate_holds_over_all_sources_and_processes_of_a_command(shell: Shell, server: Server, workers: str):
    shell.write("a.csv", simple_csv(12))
    shell.write("b.csv", simple_csv(18).replace(",user-", ",guest-"))
    words = ("--rate", "20", "--workers", workers, "--log-file", "log.jsonl", "--results", "out")
    done = shell.type("run", "a.csv", "b.csv", "--yes", *words)
    assert done.code == 0, done.err
    log = [json.loads(line) for line in (shell.folder / "log.jsonl").read_text().splitlines()]
    assert {line["rate"] for line in log if line["what"] == "start"} == {20}
    sent = [line for line in log if line["what"] == "request"]
    events = [line["events"] for line in sent]
    assert sorted(events) == [6, 12, 12], "no more than go out at once"
    if workers == "1":
        assert events == [12, 12, 6], "one source after the other"
    assert len(server.events()) == 30
    first, *later = (datetime.fromisoformat(line["at"]).timestamp() for line in sent)
    for after, total in zip(later, [*accumulate(events)][1:], strict=True):
        assert after - first > (total - 12) * 0.05, "12 at once, then 19.2 a second, of all sources together"
