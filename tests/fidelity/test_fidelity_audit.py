"""Events that Mixpanel would take for one another are found, named and not sent."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import Shell
from fidelity_helpers import CSV, csv_text, imported, written
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import UsageError
from importer.events.declared_reading import DeclaredReading
from importer.model import Event
from importer.profile.collisions import CollisionAudit, Collisions
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings
from importer.speedups import EventBlock

DAY = 86_400_000
SPILLS_BEYOND = 250_000
COLUMNS = ["event", "time", "user_id", "order_id", "n"]
DIFFERENT = [  # order 7 stands for two purchases of the same second, order 8 for two of the same day
    ["Paid", "2024-05-01T10:00:00Z", "u", "7", "1"],
    ["Paid", "2024-05-01T10:00:00Z", "u", "7", "2"],
    ["Paid", "2024-05-01T10:00:00Z", "v", "7", "3"],
    ["Paid", "2024-05-01T00:00:00Z", "u", "8", "4"],
    ["Paid", "2024-05-01T23:59:59.999Z", "u", "8", "5"],
    ["Paid", "2024-05-02T00:00:00Z", "u", "8", "6"],
    ["Paid", "2024-05-02T10:00:00Z", "u", "7", "7"],
    ["Refund", "2024-05-01T10:00:00Z", "u", "7", "8"],
]
IDENTICAL = [["Click", "2024-05-01T10:00:00Z", "u", n] for n in ("1", "2", "1", "1", "2", "3")]
BY_ORDER = DeclaredReading(format="csv", fields={"insert_id": "order_id"})


def found_in(events: Sequence[Event]) -> Collisions:
    with CollisionAudit() as audit:
        for start in range(0, len(events), 500):
            audit.add(EventBlock(events[start : start + 500]))
        return audit.result()


def counted(events: Sequence[Event]) -> tuple[int, int, int]:
    """Identical, lost and lost by day, as Mixpanel's rule of deduplication says."""
    groups: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        groups[event.event, event.distinct_id, event.insert_id, event.time // DAY].append(event)
    identical = lost = by_day = 0
    for group in groups.values():
        facts = {(event.time, event.body) for event in group}
        times = {event.time for event in group}
        identical += len(group) - len(facts)
        lost += len(facts) - len(times)
        by_day += len(times) - 1
    return identical, lost, by_day


def made(count: int, shared: int, chance: random.Random) -> list[Event]:
    """Events of which about one in ``shared`` has something in common with another."""
    events: list[Event] = []
    for row in range(1, count + 1):
        like = chance.choice(events) if events and chance.randrange(shared) == 0 else None
        if like is None:
            own, time = f"{row:032x}", 1_714_557_600_000 + row
            events.append(Event(row, row + 1, "Paid", f"u{row % 977}", own, time, b"%d" % row))
            continue
        body = like.body if chance.random() < 0.5 else b"other %d" % row
        time = like.time if chance.random() < 0.7 else like.time + 1
        events.append(like._replace(row=row, line=row + 1, time=time, body=body))
    return events


# ── the comparison ───────────────────────────────────────────────────────────────────────────────


few_events = st.lists(
    st.builds(
        Event,
        row=st.just(0),
        line=st.just(0),
        event=st.sampled_from(["", "a", "ab", "é"]),
        distinct_id=st.sampled_from(["", "b", "ab", "é"]),
        insert_id=st.sampled_from(["1", "2"]),
        time=st.sampled_from([0, 1, DAY - 1, DAY, DAY + 1]),
        body=st.sampled_from([b"x", b"y", b"z"]),
        note=st.just(""),
        item=st.just(0),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(few_events)
def test_collisions_are_counted_by_the_documented_rule(events: list[Event]):
    events = [event._replace(row=row) for row, event in enumerate(events, 1)]
    found = found_in(events)
    assert (found.identical, found.lost, found.lost_by_day) == counted(events)
    assert found.events == len(events)
    assert found.found == bool(found.lost or found.lost_by_day)
    by_row = {event.row: event for event in events}
    for pair in found.first:
        one, other = (by_row[row] for row in pair)
        assert (one.time, one.body) != (other.time, other.body)
        assert (one.event, one.distinct_id, one.insert_id) == (
            other.event,
            other.distinct_id,
            other.insert_id,
        )
    for pair in found.first_identical:
        one, other = (by_row[row] for row in pair)
        assert one[2:] == other[2:]
        assert one.row < other.row


def test_what_is_compared_on_disk_is_found_as_in_memory():
    events = made(SPILLS_BEYOND + 60_000, 50, random.Random(4))
    found = found_in(events)
    assert (found.identical, found.lost, found.lost_by_day) == counted(events)
    assert found.events == len(events)
    assert found.identical > 1_000
    assert found.lost > 1_000
    assert found.lost_by_day > 1_000


def test_the_first_rows_are_named_whether_they_are_compared_on_disk_or_in_memory():
    pairs = [(n, n + 1) for n in (3, 1_003, 2_003, 3_003, 4_003, 5_003)]
    events = made(SPILLS_BEYOND + 60_000, 10**9, random.Random(5))
    for first, second in pairs:
        events[second - 1] = events[first - 1]._replace(row=second, body=b"other")
    few = events[:6_000]
    assert found_in(few).first == found_in(events).first == tuple(pairs[:5])


def test_temporary_files_that_can_not_be_written_are_a_clear_error():
    script = (
        "import resource\n"
        "from importer.errors import StorageError\n"
        "from importer.profile.collisions import CollisionAudit\n"
        "from importer.model import Event\n"
        "from importer.speedups import EventBlock\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with CollisionAudit() as audit:\n"
        f"        audit.add(EventBlock(Event(n, n, 'e', 'u', str(n), 1, b'', '') for n in range({SPILLS_BEYOND})))\n"
        "        audit.result()\n"
        "except StorageError as error:\n"
        "    print(error.exit_code, error.message, error.remedy)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(  # not measured: no file may grow, so that of the coverage may not either
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("5 the temporary files")
    assert "beside the results" in done.stdout
    assert done.stderr == ""


# ── a run ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings()) as running:
        yield running


def test_a_run_stops_before_sending_and_names_the_rows(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, DIFFERENT))
    with pytest.raises(UsageError) as stopped:
        imported(path, sandbox, tmp_path / "results.csv", BY_ORDER)
    assert stopped.value.exit_code == 2
    assert "'order_id'" in stopped.value.message
    assert "1 event differs" in stopped.value.message
    assert "1 event differs from another with the same name, user, day" in stopped.value.message
    assert "(rows 1 and 2, 4 and 5)" in stopped.value.message
    assert "--allow-collisions" in stopped.value.remedy
    assert sandbox.store.raw_count() == 0
    assert not (tmp_path / "results.csv").exists()


def test_collisions_that_are_allowed_are_sent(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, DIFFERENT))
    report = imported(path, sandbox, tmp_path / "results.csv", BY_ORDER, allow_collisions=True)
    assert report.error is None
    assert sandbox.store.raw_count() == len(DIFFERENT)
    assert sandbox.store.count() == len(DIFFERENT) - 1


def test_a_run_without_the_audit_sends_everything(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, DIFFERENT))
    assert imported(path, sandbox, tmp_path / "results.csv", BY_ORDER, audit=False).error is None
    assert sandbox.store.raw_count() == len(DIFFERENT)


def test_a_limit_bounds_what_is_compared(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, [DIFFERENT[2], *DIFFERENT[:2]]))
    assert imported(path, sandbox, tmp_path / "results.csv", BY_ORDER, limit=2).error is None
    assert sandbox.store.count() == 2


def test_records_that_are_the_same_in_everything_do_not_stop_a_run(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, [DIFFERENT[0]] * 3))
    assert imported(path, sandbox, tmp_path / "results.csv", BY_ORDER).error is None
    assert (sandbox.store.raw_count(), sandbox.store.count()) == (3, 1)


def test_a_hash_of_the_whole_event_tells_all_of_them_apart(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(COLUMNS, DIFFERENT))
    assert imported(path, sandbox, tmp_path / "results.csv", CSV).error is None
    assert sandbox.store.count() == len(DIFFERENT)


def test_hashes_of_rows_keep_all_that_are_identical(tmp_path: Path, sandbox: Sandbox):
    path = written(tmp_path, csv_text(["event", "time", "user_id", "n"], IDENTICAL))
    assert imported(path, sandbox, tmp_path / "one.csv", CSV).error is None
    assert sandbox.store.count() == 3
    assert imported(path, sandbox, tmp_path / "two.csv", DeclaredReading(insert_id="row")).error is None
    assert sandbox.store.count() == 3 + len(IDENTICAL)


# ── the command ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_dry_run_tells_that_a_run_will_stop_and_the_run_does(tmp_path: Path):
    shell = Shell(tmp_path)
    written(tmp_path, csv_text(COLUMNS, DIFFERENT))
    dry = shell.type("run", "events.csv", "--dry-run", "--map", "insert_id=order_id")
    assert dry.code == 2
    assert dry.err.endswith("--allow-collisions\n")
    assert "day (UTC) and id: a run will stop there (rows 1, 2, 4, 5)" in dry.err
    found = shell.manifest("events.dry-run.csv")["attention"][-1]
    assert (found["code"], found["level"], found["count"]) == ("same-ids", "decision", 2)
    said = shell.manifest("events.dry-run.csv")["audit"]["collisions"]
    assert (said["events"], said["lost"], said["lost_by_day"]) == (len(DIFFERENT), 1, 1)
    rehearsal = shell.type("run", "events.csv", "--sandbox", "--map", "insert_id=order_id")
    assert rehearsal.code == 2
    assert "(rows 1 and 2, 4 and 5)" in rehearsal.err
    assert not (tmp_path / "events.sandbox.csv").exists()
    allowed = shell.type(
        "run", "events.csv", "--sandbox", "--map", "insert_id=order_id", "--allow-collisions"
    )
    assert allowed.code == 0
    assert f"{len(DIFFERENT)} imported" in allowed.err


@pytest.mark.slow
def test_a_dry_run_counts_and_names_identical_rows_and_says_how_to_keep_them(tmp_path: Path):
    shell = Shell(tmp_path)
    written(tmp_path, csv_text(["event", "time", "user_id", "n"], IDENTICAL))
    said = shell.type("run", "events.csv", "--dry-run")
    assert said.code == 0
    assert "3 of 6 events are copies of others, so Mixpanel keeps one of each (rows 3, 4, 5)" in said.err
    assert "6 valid (Mixpanel keeps 3)" in said.err
    found = shell.manifest("events.dry-run.csv")["attention"][-1]
    assert (found["code"], found["count"], found["remedy"]) == ("copies", 3, "--insert-id row")
    kept = shell.type("run", "events.csv", "--dry-run", "--overwrite", "--insert-id", "row")
    assert "copies" not in kept.err
    assert "keeps" not in kept.err


@pytest.mark.slow
def test_a_dry_run_of_several_sources_compares_them_with_each_other(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    rows = [DIFFERENT[0], DIFFERENT[1]]
    for name, row in zip(("a.csv", "b.csv"), rows, strict=True):
        written(tmp_path, csv_text(COLUMNS, [row]), name)
    both = ("run", "a.csv", "b.csv", "--results", "both", "--map", "insert_id=order_id")
    dry = shell.type(*both, "--dry-run")
    assert "1 event differs from another" in dry.err
    assert "(over all sources together): a run will stop there" in dry.err
    assert "row 1 of a.csv; row 1 of b.csv" in dry.err
    assert shell.type(*both[:3], *both[5:], "--results", "sent", "--sandbox").code == 2
    assert not (tmp_path / "sent").exists()
    alone = shell.type("run", "a.csv", "--sandbox", "--map", "insert_id=order_id")
    assert alone.code == 0, alone.err
