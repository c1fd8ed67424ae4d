"""Users of more events on one day than Mixpanel takes are named, and nobody else is."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from importer.mixpanel.limits import MAX_EVENTS_OF_USER_AND_DAY as LIMIT
from importer.model import Destination
from importer.pipeline.job import RunOptions, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.run import run_job
from importer.profile.hashing import DAY_NS, as_instants
from importer.profile.hot_shards import HotShards, UserDayCounter, UserDayObserver, find_hot_shards
from importer.profile.observers import SummaryObserver
from importer.profile.scan import PassProgress, profile_source
from importer.progress import NullProgress
from importer.reading import Attention, AttentionRow, Dialect, Reading
from importer.settings import SANDBOX_CREDENTIALS

MAY_1 = 1_714_521_600  # 2024-05-01T00:00:00Z, in seconds
DAY = 86_400
NOW_MS = 1_780_000_000_000
CSV = Reading(
    Dialect("csv"), ("event", "time", "user"), {"event": "event", "time": "time", "distinct_id": "user"}
)
HEAD = "event,time,user\n"


def lines(user: str, day: int, count: int) -> list[str]:
    """Records of a user on a day, from its first second to its last."""
    start = MAY_1 + day * DAY
    return [f"A,{start + n % DAY},{user}\n" for n in range(count)]


def file_of(path: Path, records: Iterable[str]) -> Path:
    path.write_text(HEAD + "".join(records))
    return path


def found_in(reading: Reading, *paths: Path) -> list[Attention]:
    users = UserDayObserver(reading)
    for path in paths:
        observers = [SummaryObserver(reading), users]
        profile_source(path, reading, observers, PassProgress(NullProgress()), path.name)
    if not users.counter.passes_limit():
        return []
    sources = [(path.name, path, reading) for path in paths]
    return find_hot_shards(sources, users.counter, lambda: NOW_MS, lambda _: None).attention()


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_user_of_one_event_too_many_on_a_day_is_named(tmp_path: Path, shuffled: bool) -> None:
    records = lines("robot", 0, LIMIT + 1) + lines("busy", 1, 5_000) + lines("robot", 1, 5_000)
    if shuffled:
        random.Random(1).shuffle(records)
    (found,) = found_in(CSV, file_of(tmp_path / "a.csv", records))
    assert (found.code, found.level, found.count) == ("hot-shard", "fact", 1)
    assert "1 event is beyond 200,000 of one user on one day (UTC)" in found.text
    assert found.text.endswith("user 'robot' on 2024-05-01 (1)")
    (row,) = found.rows
    assert records[row.row - 1].endswith("robot\n")
    on_the_day = [each for each in records[: row.row] if "robot" in each and int(each[2:12]) < MAY_1 + DAY]
    assert len(on_the_day) == LIMIT + 1


@pytest.mark.slow
def test_a_user_of_as_many_events_as_mixpanel_takes_is_not_named(tmp_path: Path) -> None:
    records = lines("robot", 0, LIMIT) + lines("robot", 1, LIMIT) + lines("", 0, LIMIT + 9)
    assert found_in(CSV, file_of(tmp_path / "a.csv", records)) == []


@pytest.mark.slow
def test_the_limit_is_over_all_files_of_a_run(tmp_path: Path) -> None:
    one = file_of(tmp_path / "one.csv", lines("robot", 0, LIMIT - 2))
    two = file_of(tmp_path / "two.csv", [*lines("robot", 1, 4), *lines("robot", 0, 4)])
    assert found_in(CSV, one) == found_in(CSV, two) == []
    (found,) = found_in(CSV, one, two)
    assert (found.count, found.rows) == (2, (AttentionRow("two.csv", 7), AttentionRow("two.csv", 8)))


@pytest.mark.slow
def test_records_that_become_no_event_do_not_count(tmp_path: Path) -> None:
    # The first pass counts records, the second events: a record without a name is none.
    records = [*lines("robot", 0, LIMIT), f",{MAY_1},robot\n"]
    assert found_in(CSV, file_of(tmp_path / "a.csv", records)) == []
    whole = [*records, f"A,{MAY_1},robot\n"]
    (found,) = found_in(CSV, file_of(tmp_path / "b.csv", whole))
    assert found.rows == (AttentionRow("b.csv", LIMIT + 2),)


@pytest.mark.slow
def test_a_user_that_set_gives_and_one_that_is_a_number_are_counted(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.csv", lines("", 0, LIMIT + 3))
    fields = {name: column for name, column in CSV.fields.items() if name != "distinct_id"}
    (found,) = found_in(replace(CSV, fields=fields, constants={"distinct_id": "7"}), path)
    assert found.count == 3
    number = tmp_path / "a.jsonl"
    forms = ('"7"', "7", "7.0")
    number.write_text(
        "".join(f'{{"event":"A","time":{MAY_1 + n % DAY},"user":{forms[n % 3]}}}\n' for n in range(LIMIT + 3))
    )
    (found,) = found_in(replace(CSV, dialect=Dialect("jsonl")), number)
    assert (found.count, "user '7' on 2024-05-01 (3)" in found.text) == (3, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_the_plan_or_at_the_latest_the_dry_run_names_them(tmp_path: Path, name: str) -> None:
    records = lines("robot", 0, LIMIT + 1)
    path = tmp_path / name
    if name == "a.csv":
        file_of(path, records)
    else:  # too large to be read before a run
        pad = "x" * 60
        path.write_text(
            "".join(
                json.dumps({"event": "A", "time": int(each[2:12]), "distinct_id": "robot", "pad": pad}) + "\n"
                for each in records
            )
        )
        assert path.stat().st_size > 16_000_000
    options = RunOptions(kind="dry-run", results=tmp_path / "out.csv")
    target = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)
    job = prepare_job(
        resolve_output(str(path), options), options, target, now_ms=NOW_MS, progress=NullProgress()
    )
    if name == "a.csv":
        assert "hot-shard" in [each.code for each in job.manifest.attention]
    report = run_job(job, NullProgress(), threading.Event(), lambda: NOW_MS)
    (found,) = [each for each in report.manifest.attention if each.code == "hot-shard"]
    assert (found.count, found.rows) == (1, (AttentionRow(str(path), LIMIT + 1),))


def test_counts_of_parts_are_added(tmp_path: Path) -> None:
    users, instants = b"\1" * 8, as_instants([5 * DAY_NS])
    both, parts = UserDayCounter(), [UserDayCounter(), UserDayCounter()]
    for _ in range(LIMIT // 2 + 1):
        for part in parts:
            part.add(users, instants)
    assert not any(part.passes_limit() for part in parts)
    for part in parts:
        both.merge(part)
    assert both.passes_limit()


def test_users_are_shown_escaped_and_cut_and_the_rest_is_counted() -> None:
    beyond = [("a\x1b[2J" + "x" * 100, 0, 9), *((f"u{n}", n, 5) for n in range(6))]
    (found,) = HotShards(tuple(beyond), ()).attention()
    assert found.count == 39
    assert found.text.isprintable()
    assert "x" * 60 not in found.text
    assert "u3' on 1970-01-04 (5) and 2 more" in found.text


def test_nothing_is_said_of_nobody() -> None:
    assert HotShards((), ()).attention() == []
