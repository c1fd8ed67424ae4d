"""A rehearsal with faults: everything is imported in the end, and nothing twice."""

from __future__ import annotations

import re

import httpx
import pytest
from end_to_end_helpers import Shell, sandbox, simple_csv, statuses

ALL = "429=4%,503=4%,500=4%,reset=6%,lost-answer=10%,hang=2%,latency=2ms,seed=11"
QUICK = ("--retry-wait", "0.01", "--timeout", "0.3", "--batch-size", "10", "--max-retries", "30")


def test_whatever_goes_wrong_everything_is_imported_once(shell: Shell):
    shell.write("s.csv", simple_csv(1_000))
    done = shell.type("run", "s.csv", "--sandbox", "--faults", ALL, *QUICK)
    assert done.code == 0
    assert statuses(shell.results("s.sandbox.csv")) == ["imported"] * 1_000
    assert "Result       1,000 records = 1,000 imported  ✓ adds up" in done.err
    assert "Landed in the sandbox: 1,000 events" in done.err
    assert f"Faults       {ALL} (the same text brings the same faults again)" in done.err
    met = re.search(r"Faults made on purpose: (.*)", done.err)
    assert met is not None
    assert all(name in met[1] for name in ("429", "503", "500", "reset", "lost-answer", "hang"))
    assert done.next_command == "mixpanel-importer run s.csv --batch-size 10"  # without what was hurried


def test_the_seed_is_said_where_none_was_typed(shell: Shell):
    shell.write("s.csv", simple_csv(20))
    done = shell.type("run", "s.csv", "--sandbox", "--faults", "503=10%", *QUICK)
    assert done.code == 0
    assert re.search(r"^Faults       503=10%,seed=[0-9]+ \(the same text", done.err, re.MULTILINE)


def test_without_faults_nothing_is_said_of_them(shell: Shell):
    shell.write("s.csv", simple_csv(20))
    done = shell.type("run", "s.csv", "--sandbox")
    assert "Faults" not in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sandbox", "--faults", "429=5%,lost=1%"], "--faults: 'lost' is not known"),
        (["--sandbox", "--faults", "429=5"], "--faults: 429=5 can't be read"),
        (["--faults", "429=5%"], "--faults belong to the sandbox, and this run does not use it"),
        (["--dry-run", "--faults", "429=5%"], "--faults belong to the sandbox, and this run does not use it"),
    ],
)
def test_wrong_words_stop_the_run_before_it_begins(shell: Shell, words: list[str], message: str):
    shell.write("s.csv", simple_csv(3))
    done = shell.type("run", "s.csv", *words)
    assert done.code == 2
    assert message in done.err
    assert sorted(path.name for path in shell.folder.iterdir()) == ["s.csv"]


def test_the_sandbox_by_itself_can_do_the_same(shell: Shell):
    shell.write("s.csv", simple_csv(500))
    with sandbox("--faults", "lost-answer=20%,reset=20%,seed=3", folder=shell.folder) as server:
        run = shell.with_environ(MIXPANEL_PROJECT_TOKEN="any")
        done = run.type("run", "s.csv", "--yes", "--base-url", server.url, *QUICK)
        assert done.code == 0
        assert server.numbers() == list(range(1, 501))
        assert server.counts()["raw_count"] > 500
        assert set(server.requests()["faults"]) == {"lost-answer", "reset"}
        assert (
            httpx.post(f"{server.url}/sandbox/reset", headers={"origin": "http://evil.example"}).status_code
            == 403
        )
        assert server.counts()["count"] == 500


@pytest.mark.parametrize(
    "words", [["--faults", "nonsense=1%"], ["--faults", "rate=3/min", "--events-per-minute", "3"]]
)
def test_a_sandbox_with_wrong_faults_does_not_start(shell: Shell, words: list[str]):
    done = shell.type("sandbox", "--port", "0", *words)
    assert done.code == 2
    assert "--faults" in done.err


def test_the_help_of_the_sandbox_shows_a_rehearsal_and_names_every_fault(shell: Shell):
    text = shell.type("sandbox", "--help").out
    assert '--faults "429=5%,503=1%,lost-answer=1%,latency=200ms,rate=3000/min"' in text
    for name in ("429", "503", "500", "reset", "lost-answer", "hang", "latency", "rate", "seed"):
        assert name in text


def test_the_rehearsal_of_the_help_does_what_it_says(shell: Shell):
    """But for the rate, which would take a minute, and with the seed of a short run."""
    shell.write("events.csv", simple_csv(300))
    text = shell.type("sandbox", "--help").out
    found = re.search(r"mixpanel-importer run events.csv (.*)\\\n(.*)\n", text)
    assert found is not None
    line = f"mixpanel-importer run events.csv {found[1]}{found[2]}"
    quick = line.replace(",rate=3000/min", ",seed=1").replace("200ms", "2ms")
    done = shell.type_line(quick, "--retry-wait", "0.01")
    assert done.code == 0
    assert statuses(shell.results("events.sandbox.csv")) == ["imported"] * 300
