"""What a run says of copies, of old events and of its credentials, before and after it sends."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import RecordedRequest, Recorder, Shell, sandbox
from fidelity_helpers import NOW_MS

from importer.facts import NO_COLLISIONS, Collisions, ProfileSummary
from importer.mixpanel.limits import API_SECRET_RETIRED
from importer.model import Batch, Credentials, Delivered, Destination, Event, Fingerprint, Status, Verdict
from importer.pipeline.attention import summary_attention, with_target_attention
from importer.pipeline.job import Job, RunOptions, Survey, Target, new_manifest
from importer.pipeline.landed_copies import LandedCopies
from importer.profile.copies import CopyCounter
from importer.profile.hashing import HashSetInPython
from importer.profile.summary import EMPTY_SUMMARY, SummaryCounter, count_older_than
from importer.reading import Attention, Dialect, Field, Reading
from importer.speedups import EventBlock
from importer.speedups.event_list import EventList

DAY_MS = 86_400_000
HEAD = "event,time,distinct_id\n"
ROW = "A,2024-05-01T10:00:00Z,u1\n"
OTHER = "A,2024-05-01T10:00:00Z,u2\n"
CASE = HEAD + 3 * ROW


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def attention_of(shell: Shell, results: str, code: str = "copies") -> list[dict[str, Any]]:
    return [each for each in shell.manifest(results)["attention"] if each["code"] == code]


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


def test_copies_are_named_before_and_after_a_rehearsal_and_in_its_sum(shell: Shell) -> None:
    shell.write("events.csv", CASE)

    done = shell.type("run", "events.csv", "--sandbox")

    assert done.code == 0
    before, after = done.err.split("Destination")
    assert "2 of 3 records are copies of others, so Mixpanel keeps one of each (rows 2, 3)" in before
    assert "--insert-id row" in before
    assert "Result       3 records = 3 imported (Mixpanel keeps 1)" in after
    assert "3 records imported; 2 of them are copies of others, so Mixpanel keeps 1 (rows 2, 3)" in after
    assert "1 event (a stand-in" in after
    (found,) = attention_of(shell, "events.sandbox.csv")
    assert (found["count"], found["level"]) == (2, "decision")
    assert [each["row"] for each in found["rows"]] == [2, 3]


@pytest.mark.slow
def test_what_is_offered_against_copies_keeps_all_of_them(shell: Shell) -> None:
    shell.write("events.csv", CASE)
    shell.type("run", "events.csv", "--sandbox")
    (found,) = attention_of(shell, "events.sandbox.csv")

    done = shell.type("run", "events.csv", "--sandbox", "--overwrite", *shlex.split(found["remedy"]))

    assert "3 events (a stand-in" in done.err
    assert "keeps" not in done.err
    assert attention_of(shell, "events.sandbox.csv") == []


@pytest.mark.slow
def test_what_is_offered_against_copies_with_ids_of_their_own_keeps_all_of_them(shell: Shell) -> None:
    shell.write("events.csv", "event,time,user_id,insert_id\n" + 2 * "A,2024-05-01T10:00:00Z,u1,x\n")
    shell.type("run", "events.csv", "--sandbox")
    (found,) = attention_of(shell, "events.sandbox.csv")
    assert found["count"] == 1

    done = shell.type("run", "events.csv", "--sandbox", "--overwrite", *shlex.split(found["remedy"]))

    assert "2 events (a stand-in" in done.err


@pytest.mark.slow
def test_a_strict_run_stops_at_copies_unless_they_are_accepted(shell: Shell) -> None:
    shell.write("events.csv", CASE)
    stopped = shell.type("run", "events.csv", "--sandbox", "--strict")
    assert (stopped.code, "--accept copies" in stopped.err) == (2, True)
    assert not (shell.folder / "events.sandbox.csv").exists()
    assert shell.type("run", "events.csv", "--sandbox", "--strict", "--accept", "copies").code == 0


@pytest.mark.slow
def test_events_that_are_equal_but_not_their_bytes_are_found_at_the_end(shell: Shell) -> None:
    lines = [
        '{"event":"A","time":1714557600,"distinct_id":"u","n":1}',
        '{"event":"A","n":1.0,"time":1714557600,"distinct_id":"u"}',
    ]
    shell.write("events.jsonl", "\n".join(lines))

    done = shell.type("run", "events.jsonl", "--sandbox")

    before, after = done.err.split("Destination")
    assert "cop" not in before
    assert "2 records imported; 1 of them is a copy of another, so Mixpanel keeps 1 (row 2)" in after


@pytest.mark.slow
def test_only_what_was_taken_counts(shell: Shell) -> None:
    broken = "A,soon,u1\n"
    shell.write("events.csv", HEAD + 2 * broken + ROW)
    done = shell.type("run", "events.csv", "--dry-run")
    assert done.code == 1
    assert "keeps" not in done.err.split("Destination")[1]
    assert attention_of(shell, "events.dry-run.csv") == []


@pytest.mark.slow
def test_a_dry_run_and_one_without_an_audit_count_copies_too(shell: Shell) -> None:
    shell.write("events.csv", HEAD + "A,soon,u1\n" + CASE.removeprefix(HEAD))
    for words in ([], ["--no-audit", "--overwrite"]):
        done = shell.type("run", "events.csv", "--dry-run", *words)
        assert "4 records = 1 invalid + 3 valid (Mixpanel keeps 1)" in done.err
        (found,) = attention_of(shell, "events.dry-run.csv")
        assert (found["count"], [each["row"] for each in found["rows"]]) == (2, [3, 4])


@pytest.mark.slow
def test_a_limit_bounds_what_is_counted_at_the_end(shell: Shell) -> None:
    shell.write("events.csv", CASE)
    done = shell.type("run", "events.csv", "--sandbox", "--limit", "2")
    assert "2 records imported; 1 of them is a copy of another, so Mixpanel keeps 1 (row 2)" in done.err


@pytest.mark.slow
def test_events_that_differ_and_share_an_id_are_not_called_copies(shell: Shell) -> None:
    rows = [f"A,2024-05-01T10:00:00Z,u1,x,{n}\n" for n in (1, 2)]
    shell.write("events.csv", "event,time,user_id,insert_id,n\n" + "".join(rows))

    done = shell.type("run", "events.csv", "--sandbox", "--allow-collisions")

    assert "2 imported (Mixpanel keeps 1)" in done.err
    assert attention_of(shell, "events.sandbox.csv") == []
    (found,) = attention_of(shell, "events.sandbox.csv", "same-ids")
    assert (found["count"], found["remedy"]) == (1, "--map insert_id=")
    unaudited = shell.type("run", "events.csv", "--sandbox", "--overwrite", "--no-audit")
    assert (
        "1 of them shares name, user, time and $insert_id with another, so Mixpanel keeps 1" in unaudited.err
    )
    cured = shell.type("run", "events.csv", "--sandbox", "--overwrite", *shlex.split(found["remedy"]))
    assert "2 events (a stand-in" in cured.err


@pytest.mark.slow
def test_copies_in_several_files_are_counted_before_sending_and_stay_in_the_manifest(shell: Shell) -> None:
    shell.write("a.csv", HEAD + ROW + OTHER)
    shell.write("b.csv", HEAD + ROW + 2 * OTHER)

    done = shell.type("run", "a.csv", "b.csv", "--sandbox", "--results", "out")

    assert "3 of 5 records are copies of others" in done.err
    assert "(rows 1, 2, 3 of b.csv)" in done.err
    assert "5 records = 5 imported  ✓ adds up\n" in done.err
    assert "Mixpanel keeps 2: the others are copies" in done.err
    assert [each["count"] for each in attention_of(shell, "out/set")] == [3]


@pytest.mark.slow
def test_a_real_run_names_copies_and_a_resumed_one_counts_its_first_part(
    shell: Shell, tmp_path: Path
) -> None:
    rows = [f"A,2024-05-01T10:00:00Z,u{n}\n" for n in range(100)]
    shell.write("events.csv", HEAD + "".join(rows + rows[:7]))
    with sandbox(folder=tmp_path) as server:
        shell = shell.with_environ(MIXPANEL_PROJECT_TOKEN="t", MIXPANEL_BASE_URL=server.url)
        assert shell.type("run", "events.csv", "--yes", "--limit", "103").code == 0
        (found,) = attention_of(shell, "events.results.csv")
        assert found["count"] == 3
        done = shell.type("run", "events.csv", "--yes", "--resume")
    assert "107 records = 107 imported (Mixpanel keeps 100)" in done.err
    assert "107 records imported; 7 of them are copies of others, so Mixpanel keeps 100" in done.err
    (found,) = attention_of(shell, "events.results.csv")
    assert [each["row"] for each in found["rows"]] == [101, 102, 103, 104, 105]
    assert "7 of them are copies of others" in shell.type("status", "events.results.csv").out
    assert found["remedy"].startswith("--insert-id row  (delete this import in Mixpanel first")


@pytest.mark.slow
def test_a_run_that_stopped_keeps_what_it_knew_of_copies_before(shell: Shell) -> None:
    shell.write("events.csv", CASE)

    def refuse(_: RecordedRequest) -> tuple[int, bytes]:
        return 401, b"{}"

    with Recorder(refuse) as recorder:
        shell = shell.with_environ(MIXPANEL_PROJECT_TOKEN="t", MIXPANEL_BASE_URL=recorder.url)
        assert shell.type("run", "events.csv", "--yes").code == 4
    (found,) = attention_of(shell, "events.results.csv")
    assert (found["count"], found["text"][:16]) == (2, "2 of 3 records a")


def job_of(folder: Path, reading: Reading, found: Collisions | None = None, *, audit: bool = True) -> Job:
    target = Target(Destination("import", "http://127.0.0.1:9"), Credentials("token", "x"))
    options = RunOptions(results=folder / "r.csv", audit=audit)
    manifest = new_manifest("a.csv", Fingerprint(1, 1, ""), reading, options, target, salted_by=Path("none"))
    survey = Survey(EMPTY_SUMMARY, collisions=found)
    return Job(Path("a.csv"), folder / "r.csv", manifest, target, options, survey)


@pytest.mark.parametrize(
    ("fields", "found", "audit", "copies"),
    [
        ({"insert_id": "id"}, NO_COLLISIONS, True, 0),  # compared, and all ids differ: no event is a copy
        ({"insert_id": "id"}, NO_COLLISIONS, False, 1),  # what an earlier dry run found is not relied on
        ({"insert_id": "id"}, replace(NO_COLLISIONS, identical=1), True, 1),
        ({"insert_id": "id"}, None, True, 1),
        ({}, NO_COLLISIONS, True, 1),
    ],
)
def test_events_are_not_compared_again_where_all_ids_were_found_to_differ(
    tmp_path: Path, fields: dict[Field, str], found: Collisions | None, audit: bool, copies: int
) -> None:
    reading = Reading(Dialect("csv"), ("event", "id"), {"event": "event", **fields})
    job = job_of(tmp_path, reading, found, audit=audit)
    events = [Event(row, row, "A", "u", "same", 5, b"{}", "") for row in (1, 2)]
    with LandedCopies(job) as landed:
        landed.add(Delivered(Batch.of(EventBlock(events)), [Verdict(Status.IMPORTED, 200)] * 2))
        assert landed.result().count == copies


class CountedList(EventList):
    """Counts how often its items are asked for."""

    asked = 0

    def __getitem__(self, at: Any) -> Any:
        self.asked += 1
        return super().__getitem__(at)


def test_the_rows_of_a_batch_are_looked_up_once_where_the_table_of_hashes_is_full(tmp_path: Path) -> None:
    job = job_of(tmp_path, Reading(Dialect("csv"), ("event",), {"event": "event"}))
    events = CountedList(Event(row, row, "A", "u", str(row % 50), 5, b"{}", "") for row in range(1, 101))
    batch = Batch.of(events)
    before = events.asked
    with LandedCopies(job, CopyCounter(tmp_path, HashSetInPython(0))) as landed:
        landed.add(Delivered(batch, [Verdict(Status.IMPORTED, 200)] * 100))
        assert events.asked - before < 5
        found = landed.result()
    assert (found.count, [each.row for each in found.rows]) == (50, [51, 52, 53, 54, 55])


# ── age ──────────────────────────────────────────────────────────────────────────────────────────


def summary_of(*days: int) -> ProfileSummary:
    """A summary of events of so many days ago."""
    counter = SummaryCounter()
    counter.add_instants([(NOW_MS - day * DAY_MS) * 10**6 for day in days])
    counter.records = len(days)
    return counter.summary()


def test_events_beyond_each_retention_are_counted() -> None:
    summary = summary_of(1, 729, 732, 1_000, 1_820, 1_830)  # two years are 730 or 731 days, five years 1,826
    found = [
        each for each in summary_attention(Survey(summary, whole=True), NOW_MS) if each.code == "retention"
    ]
    assert [(each.count, each.level) for each in found] == [(4, "fact"), (1, "fact")]
    assert found[0].text == (
        "4 events are older than 2 years: Mixpanel deletes those, unless the project was created before 2025-09-01"
    )
    assert found[1].text == "1 event is older than 5 years: Mixpanel deletes it, in projects of any age"


def test_nothing_is_said_of_retention_if_no_event_is_that_old() -> None:
    codes = [each.code for each in summary_attention(Survey(summary_of(1, 700), whole=True), NOW_MS)]
    assert "retention" not in codes


def test_years_are_those_of_the_calendar() -> None:
    leap_day = 1_709_208_000 * 10**9  # 2024-02-29T12:00:00Z
    day = 86_400 * 10**9
    counter = SummaryCounter()
    counter.add_instants([leap_day - n * day for n in (729, 731)])  # 2022-03-02 and 2022-02-28
    assert count_older_than(counter.summary(), leap_day, 2) == 1
    assert count_older_than(counter.summary(), leap_day, 5) == 0


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def said_of(kind: Any, now_ms: int) -> list[Attention]:
    reading = Reading(Dialect("csv"), ("event",), {"event": "event"})
    target = Target(Destination("import", "http://127.0.0.1:9"), Credentials(kind, "x"))
    options = RunOptions(results=Path("r.csv"))
    manifest = new_manifest("a.csv", Fingerprint(1, 1, ""), reading, options, target, salted_by=Path("none"))
    job = Job(Path("a.csv"), Path("r.csv"), manifest, target, options, Survey(EMPTY_SUMMARY))
    job = with_target_attention(
        with_target_attention(job, now_ms), now_ms
    )  # a resumed job has its own already
    assert job.manifest.attention == job.survey.attention
    return list(job.manifest.attention)


def test_an_api_secret_is_a_fact_with_the_day_of_its_end_and_what_to_take_instead() -> None:
    assert API_SECRET_RETIRED.isoformat() == "2027-03-03"
    (before,) = said_of("secret", 1_804_031_999_000)  # 2027-03-02T23:59:59Z
    (after,) = said_of("secret", 1_804_032_000_000)
    assert (before.code, before.level) == ("api-secret", "fact")
    assert before.text.endswith("Mixpanel retires it on 2027-03-03")
    assert after.text.endswith("Mixpanel retired it on 2027-03-03")
    for name in (
        "MIXPANEL_PROJECT_TOKEN",
        "MIXPANEL_SERVICE_ACCOUNT_USERNAME",
        "MIXPANEL_SERVICE_ACCOUNT_SECRET",
        "MIXPANEL_PROJECT_ID",
    ):
        assert name in before.remedy


@pytest.mark.parametrize("kind", ["token", "service-account"])
def test_nothing_is_said_of_other_credentials(kind: Any) -> None:
    assert said_of(kind, NOW_MS) == []


@pytest.mark.slow
def test_a_run_and_a_retry_warn_of_an_api_secret(shell: Shell) -> None:
    shell.write("events.csv", CASE)
    answers = iter(
        [(400, b'{"code":400,"num_records_imported":0,"failed_records":[{"index":0,"message":"no"}]}')]
    )

    def answer(_: RecordedRequest) -> tuple[int, bytes]:
        return next(answers, (200, b'{"code":200,"num_records_imported":1,"status":"OK"}'))

    shell.write("events.csv", HEAD + ROW)
    with Recorder(answer) as recorder:
        shell = shell.with_environ(MIXPANEL_API_SECRET="s", MIXPANEL_BASE_URL=recorder.url)
        first = shell.type("run", "events.csv", "--yes")
        again = shell.type("retry", "events.results.csv", "--yes")
    assert (first.code, again.code) == (1, 0)
    for done in (first, again):
        assert "the API secret is a legacy credential: Mixpanel" in done.err
    for results in ("events.results.csv", "events.results.retry-1.csv"):
        assert len(attention_of(shell, results, "api-secret")) == 1
