"""Faults on purpose: what is typed, what a client meets, and that it comes again."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest
from sandbox_helpers import Rehearsal, event

from importer.errors import UsageError
from importer.sandbox.faults import EXAMPLE, SHARES, Faults, parse_faults
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings


def parsed(text: str) -> Faults:
    return parse_faults(text, lambda: 4711)


# ── what is typed ────────────────────────────────────────────────────────────────────────────────


def test_the_example_is_read():
    faults = parsed(EXAMPLE)
    assert faults == Faults({"429": 5.0, "503": 1.0, "lost-answer": 1.0}, 0.2, 3_000, 4711)
    assert parsed(str(faults)) == faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hang=0.5%", Faults({"hang": 0.5}, seed=4711)),
        (" Reset = 100% , seed=7", Faults({"reset": 100.0}, seed=7)),
        ("latency=1.5s", Faults(latency=1.5, seed=4711)),
        ("latency=20 ms", Faults(latency=0.02, seed=4711)),
        ("rate=50/s", Faults(rate=3_000, seed=4711)),
        ("500=0%", Faults({"500": 0.0}, seed=4711)),
    ],
)
def test_every_form_is_read(text: str, expected: Faults):
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("429=5%,lost=1%", "'lost' is not known; did you mean 'lost-answer'?"),
        ("", "'' is not known"),
        ("429=5%,", "'' is not known"),
        ("404=1%", "'404' is not known"),
        ("429=5", "429=5 can't be read: expected 429=5%"),
        ("429", "429= can't be read"),
        ("429=-5%", "429=-5% can't be read"),
        ("reset=five", "reset=five can't be read"),
        ("latency=200", "latency=200 can't be read: expected latency=200ms"),
        ("rate=3000", "rate=3000 can't be read: expected rate=3000/min"),
        ("rate=0/min", "rate=0/min can't be read"),
        ("seed=x", "seed=x can't be read"),
        ("429=5%,429=6%", "429 is named twice"),
        ("429=60%,503=41%", "the shares are 101% in all"),
    ],
)
def test_what_is_wrong_is_named_and_what_is_known_is_listed(text: str, message: str):
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert f"--faults: {message}" in caught.value.message
    if "known" in message or "read" in message:
        assert all(name in caught.value.remedy for name in (*SHARES, "latency", "rate", "seed", EXAMPLE))


def test_without_a_seed_there_is_a_new_one_each_time():
    assert len({parse_faults("429=1%").seed for _ in range(10)}) > 1


# ── which requests meet what ─────────────────────────────────────────────────────────────────────


def test_faults_come_by_their_shares_and_in_the_same_order_again():
    faults = parsed("429=5%,reset=20%,seed=1")
    met = [faults.drawn(number) for number in range(4_000)]
    assert met == [parsed(str(faults)).drawn(number) for number in range(4_000)]
    assert met != [parsed("429=5%,reset=20%,seed=2").drawn(number) for number in range(4_000)]
    counts = Counter(met)
    assert set(counts) == {"", "429", "reset"}
    assert 150 < counts["429"] < 250
    assert 700 < counts["reset"] < 900


def test_all_of_them_and_none_of_them():
    assert {parsed("429=100%").drawn(number) for number in range(1_000)} == {"429"}
    assert {parsed("429=0%").drawn(number) for number in range(1_000)} == {""}


# ── what a client meets ──────────────────────────────────────────────────────────────────────────


def post(url: str, path: str = "/import", timeout: float = 60) -> httpx.Response:
    return httpx.post(url + path, json=[event()], auth=("t", ""), timeout=timeout)


@pytest.mark.parametrize("path", ["/import", "/track"])
@pytest.mark.parametrize(
    ("fault", "expected", "landed"),
    [
        ("429", 429, 0),
        ("500", 500, 0),
        ("503", 503, 0),
        ("reset", httpx.ReadError, 0),
        ("lost-answer", httpx.ReadError, 1),
        ("hang", httpx.ReadTimeout, 0),
    ],
)
def test_a_client_meets_what_was_typed(path: str, fault: str, expected: object, landed: int):
    with Sandbox(SandboxSettings(faults=parsed(f"{fault}=100%"))) as sandbox:
        if isinstance(expected, int):
            assert post(sandbox.url, path).status_code == expected
        else:
            with pytest.raises(expected):  # type: ignore[call-overload]
                post(sandbox.url, path, timeout=0.3 if fault == "hang" else 60)
        if path == "/import":  # /track drops an event as old as this one
            assert sandbox.store.count() == landed
        counted = httpx.get(f"{sandbox.url}/sandbox/requests").json()
        assert counted["faults"] == {fault: 1}
        assert counted["requests"] == 1


def test_an_answer_comes_later():
    with Sandbox(SandboxSettings(faults=parsed("latency=300ms"))) as sandbox:
        response = post(sandbox.url)
        assert response.status_code == 200
        assert response.elapsed.total_seconds() > 0.29
        assert httpx.get(f"{sandbox.url}/sandbox/counts").elapsed.total_seconds() < 0.29


def test_a_rate_is_that_of_events_in_a_minute():
    rehearsal = Rehearsal(SandboxSettings(faults=parsed("rate=2/min")))
    assert rehearsal.import_([event("a1"), event("a2")]).status_code == 200
    assert rehearsal.import_([event("a3")]).status_code == 429
    rehearsal.now += 60
    assert rehearsal.import_([event("a3")]).status_code == 200
    rehearsal.store.close()


def test_pages_about_what_landed_meet_no_fault():
    with Sandbox(SandboxSettings(faults=parsed("reset=100%"))) as sandbox:
        for path in ("/", "/sandbox/counts", "/sandbox/events", "/sandbox/requests"):
            assert httpx.get(sandbox.url + path).status_code == 200
