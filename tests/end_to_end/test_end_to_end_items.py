"""A record that becomes several events: each has its line of the results, and lands once, whatever happens."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import TOKEN, RecordedRequest, Recorder, Server, Shell, statuses

pytestmark = pytest.mark.slow

MAPPING = """explode = "hits"
[fields]
event = "hits.name"
time = "hits.at"
distinct_id = "user"
properties = "hits"
"""
RUN = ("run", "a.jsonl", "--mapping", "m.toml")
TOO_LONG = "x" * 256  # Mixpanel refuses such a name of an event


def hit(n: int, name: str = "Hit", **more: Any) -> dict[str, Any]:
    return {"name": name, "at": f"2024-03-01T10:{n // 60 % 60:02}:{n % 60:02}Z", "n": n, **more}


def record(user: str, hits: Any, **more: Any) -> str:
    return json.dumps({"user": user, "hits": hits, **more}, separators=(",", ":")) + "\n"


TEXT = "".join(
    [
        record("u1", [hit(1), hit(2)]),
        record("u2", []),
        record("u3", [hit(3), hit(4, ""), hit(5)]),
        "{bad\n",
        record("u5", 7),
        record("u6", None),
        '{"user":"u7"}\n',
        record("u8", [hit(6)]),
    ]
)
PLACES = [
    (1, 1, "imported"), (1, 2, "imported"), (2, 1, "skipped"), (3, 1, "imported"), (3, 2, "invalid"),
    (3, 3, "imported"), (4, 0, "invalid"), (5, 0, "invalid"), (6, 1, "skipped"), (7, 1, "skipped"),
    (8, 1, "imported"),
]  # fmt: skip


def places(rows: Iterable[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return [(int(row["row"]), int(row["item"]), row["status"]) for row in rows]


@pytest.fixture
def folder(shell: Shell) -> Shell:
    shell.write("m.toml", MAPPING)
    shell.write("a.jsonl", TEXT)
    return shell


@pytest.mark.parametrize("results", ["r.csv", "r.jsonl"])
def test_each_event_of_a_record_has_its_line(folder: Shell, server: Server, results: str) -> None:
    done = folder.type(*RUN, "--yes", "--results", results)
    assert done.code == 1
    assert places(folder.results(results)) == PLACES
    assert server.numbers() == [1, 2, 3, 5, 6]
    first = folder.results(results)[0]
    assert list(first)[-1] == "item"
    skipped = folder.results(results)[2]
    assert (str(skipped["success"]).lower(), skipped["error"]) == ("false", "no events in it")
    assert "8 records, 11 events = 5 imported + 3 invalid + 3 skipped  ✓ adds up" in done.err
    assert "row 3, item 2 (line 3) invalid: event: missing" in done.err
    assert "row 4 (line 4) invalid: no JSON" in done.err
    manifest = folder.manifest(results)
    assert (manifest["scope"], manifest["exploded"], manifest["reconciled"]) == (11, 8, True)
    assert manifest["counts"] == {
        "imported": 5, "accepted": 0, "rejected": 0, "invalid": 3, "failed": 0, "valid": 0, "skipped": 3
    }  # fmt: skip


def test_a_dry_run_says_the_same_as_the_server(folder: Shell) -> None:
    folder.type(*RUN, "--dry-run")
    folder.type(*RUN, "--yes")
    dry = places(folder.results("a.dry-run.csv"))
    assert dry == [(row, item, status.replace("imported", "valid")) for row, item, status in PLACES]
    ids = [[row["insert_id"] for row in folder.results(f"a.{kind}.csv")] for kind in ("dry-run", "results")]
    assert ids[0] == ids[1]


def test_records_without_events_are_no_failure(folder: Shell, server: Server) -> None:
    folder.write("a.jsonl", record("u", []) + record("u", [hit(1), hit(2)]) + record("v", None))
    done = folder.type(*RUN, "--yes", "--max-errors", "0")
    assert done.code == 0, done.err
    assert "✓ adds up" in done.err
    assert server.numbers() == [1, 2]
    status = folder.type("status", "a.results.csv")
    assert (status.code, "2 skipped" in status.out, "Nothing is left to do." in status.out) == (0, True, True)
    again = folder.type("retry", "a.results.csv", "--yes")
    assert (again.code, server.counts()["raw_count"]) == (0, 2)


@pytest.mark.parametrize(("limit", "lines"), [(1, 2), (2, 3), (3, 6), (4, 7), (100, 11)])
def test_a_limit_counts_records_and_a_resume_goes_on(folder: Shell, limit: int, lines: int) -> None:
    folder.type(*RUN, "--yes", "--limit", str(limit))
    assert places(folder.results("a.results.csv")) == PLACES[:lines]
    folder.type(*RUN, "--yes", "--resume")
    assert places(folder.results("a.results.csv")) == PLACES


@pytest.mark.parametrize("lines", range(12))
def test_a_run_is_resumed_within_the_events_of_a_record(folder: Shell, server: Server, lines: int) -> None:
    folder.type(*RUN, "--yes")
    whole = (folder.folder / "a.results.csv").read_bytes()
    server.reset()
    folder.write("a.results.csv", b"".join(whole.splitlines(keepends=True)[: lines + 1]) + b"3,3,tr")
    done = folder.type(*RUN, "--yes", "--resume")
    assert done.code == 1, done.err
    assert (folder.folder / "a.results.csv").read_bytes() == whole
    sent = [place for place in PLACES[lines:] if place[2] == "imported"]
    assert len(server.numbers()) == len(sent)


def test_results_of_another_source_are_not_continued(folder: Shell) -> None:
    folder.type(*RUN, "--yes", "--limit", "1")
    text = (folder.folder / "a.results.csv").read_text()
    folder.write("a.results.csv", text.rstrip("\n").rpartition("\n")[0][:-1] + "2\n")
    done = folder.type(*RUN, "--yes", "--resume")
    assert done.code != 0
    assert "ends with row 1, item 2, but outcome 1 of this source is row 1, item 1" in done.err


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────


def ids_of(shell: Shell, *options: str) -> list[str]:
    results = options[options.index("--results") + 1] if "--results" in options else "a.results.csv"
    done = shell.type(*RUN, "--yes", *options)
    assert done.code == 0, done.err
    return [row["insert_id"] for row in shell.results(results)]


def test_an_id_of_the_record_is_joined_with_the_item_and_one_of_the_event_is_not(folder: Shell) -> None:
    hits = [hit(1, id="own"), hit(2), hit(3, id="")]
    folder.write("a.jsonl", record("u", hits, batch="b7"))
    assert ids_of(folder, "--map", "insert_id=batch", "--results", "1.csv") == ["b7-1", "b7-2", "b7-3"]
    first, *others = ids_of(folder, "--map", "insert_id=hits.id", "--results", "2.csv")
    assert first == "own"
    assert all(len(each) == 32 for each in others)
    folder.write("m.toml", MAPPING.replace("distinct", 'insert_id = ["hits.id", "batch"]\ndistinct'))
    assert ids_of(folder, "--results", "3.csv") == ["own", "b7-2", "b7-3"]


def test_a_joined_id_that_mixpanel_would_refuse_is_hashed(folder: Shell) -> None:
    folder.write("a.jsonl", record("u", [hit(1), hit(2)], batch="a" * 36))
    ids = ids_of(folder, "--map", "insert_id=batch")
    assert len({*ids}) == 2
    assert all(len(each) == 32 for each in ids)


def test_the_ids_of_rows_tell_the_events_of_a_record_apart(folder: Shell, server: Server) -> None:
    folder.write("a.jsonl", record("u", [hit(1), hit(1)]) + record("u", [hit(1)]))
    assert len({*ids_of(folder, "--allow-collisions")}) == 1
    server.reset()
    assert len({*ids_of(folder, "--insert-id", "row", "--results", "b.csv")}) == 3
    assert server.counts()["raw_count"] == 3


# ── what is left ─────────────────────────────────────────────────────────────────────────────────


def events_in(request: RecordedRequest) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(request.body).split(b"\n")]


def refusing(request: RecordedRequest, refused: set[int]) -> tuple[int, bytes]:
    """Answer as Mixpanel does that refuses some events, by their property ``n``."""
    events = events_in(request)
    failed = [
        {"index": at, "insert_id": event["properties"]["$insert_id"], "field": "n", "message": "no such n"}
        for at, event in enumerate(events)
        if event["properties"]["n"] in refused
    ]
    answer = {"code": 400 if failed else 200, "num_records_imported": len(events) - len(failed)}
    if failed:
        answer |= {"error": "some data points in the request failed validation", "failed_records": failed}
    return answer["code"], json.dumps(answer | {"status": "OK"}).encode()


class Refusing:
    """A server that refuses some events; it remembers the others."""

    def __init__(self, *refused: int) -> None:
        self.refused = {*refused}
        self.taken: list[int] = []

    def __call__(self, request: RecordedRequest) -> tuple[int, bytes]:
        numbers = [event["properties"]["n"] for event in events_in(request)]
        self.taken += [n for n in numbers if n not in self.refused]
        return refusing(request, self.refused)


def test_a_retry_takes_the_events_without_success_and_its_retry_what_is_left(bare: Shell) -> None:
    answer = Refusing(2, 5, 9)
    with Recorder(answer) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        shell.write("m.toml", MAPPING)
        shell.write("a.jsonl", record("u", map_hits(1, 4)) + record("v", map_hits(4, 10)))
        assert shell.type(*RUN, "--yes").code == 1
        answer.refused = {5}
        assert shell.type("retry", "a.results.csv", "--yes").code == 1
        assert places(shell.results("a.results.retry-1.csv")) == [
            (1, 2, "imported"), (2, 2, "rejected"), (2, 6, "imported")
        ]  # fmt: skip
        answer.refused = set()
        assert shell.type("retry", "a.results.retry-1.csv", "--yes").code == 0
        assert places(shell.results("a.results.retry-2.csv")) == [(2, 2, "imported")]
    assert sorted(answer.taken) == list(range(1, 10))
    status = shell.type("status", "a.results.csv")
    assert (status.code, "9 imported" in status.out) == (0, True)


def map_hits(start: int, stop: int) -> list[dict[str, Any]]:
    return [hit(n) for n in range(start, stop)]


def copied(shell: Shell) -> None:
    done = shell.type(*RUN, "--yes", "--failed-rows", "bad.jsonl")
    assert done.code == 1, done.err


MENDED = ("run", "bad.jsonl", "--mapping", "bad.jsonl.toml", "--yes")


def test_a_record_is_copied_once_and_only_its_failed_events_are_sent_again(
    folder: Shell, server: Server
) -> None:
    copied(folder)
    copy = folder.folder / "bad.jsonl"
    assert copy.read_text().splitlines() == [TEXT.splitlines()[at] for at in (2, 3, 4)]
    assert 'items = "2;0;0"' in (folder.folder / "bad.jsonl.toml").read_text()
    copy.write_text(
        record("u3", [hit(3), hit(4, "Mended"), hit(5)])
        + record("u4", [hit(10), hit(11), hit(12)])
        + record("u5", [hit(13)])
    )
    rehearsed = folder.type(*MENDED[:-1], "--dry-run")
    assert rehearsed.code == 0, rehearsed.err
    assert len(folder.results("bad.dry-run.csv")) == 5

    assert folder.type(*MENDED).code == 0

    assert places(folder.results("bad.results.csv")) == [
        (1, 2, "imported"), (2, 1, "imported"), (2, 2, "imported"), (2, 3, "imported"), (3, 1, "imported")
    ]  # fmt: skip
    assert server.numbers() == [1, 2, 3, 4, 5, 6, 10, 11, 12, 13]
    assert server.counts()["raw_count"] == 10
    for results in ("a.results.csv", "bad.results.csv"):
        status = folder.type("status", results)
        assert status.code == 0, status.out
        assert "8 records, 13 events = 10 imported + 3 skipped + 0 unattempted  (adds up)" in status.out
        assert "10 imported" in status.out
        assert "3 skipped" in status.out


@pytest.mark.parametrize(
    ("hits", "says"),
    [
        ([hit(4, "Mended"), hit(5)], "it has 2 events now"),
        ([hit(3), hit(5)], "only event 2 of it can be mended"),
        ([hit(3, "Other"), hit(4, "Mended"), hit(5)], "only event 2 of it can be mended"),
        ([hit(3), hit(4, "Mended"), hit(5), hit(6)], "it has 4 events now"),
        (7, "expected a list, found a number (row 1)"),
    ],
)
def test_what_landed_of_a_record_must_stay_in_its_copy(
    folder: Shell, server: Server, hits: Any, says: str
) -> None:
    copied(folder)
    copy = folder.folder / "bad.jsonl"
    lines = copy.read_text().splitlines(keepends=True)
    copy.write_text("".join([record("u3", hits), *lines[1:]]))
    sent = server.counts()["raw_count"]
    done = folder.type(*MENDED)
    assert done.code == 2
    assert f"bad.jsonl, record 1: {says}" in done.err or says in done.err
    assert server.counts()["raw_count"] == sent


def test_what_is_left_of_mended_events_is_copied_and_mended_again(folder: Shell, server: Server) -> None:
    copied(folder)
    copy = folder.folder / "bad.jsonl"
    copy.write_text(
        record("u3", [hit(3), hit(4, ""), hit(5)])
        + record("u4", [hit(10), hit(11, ""), hit(12)])
        + record("u5", [hit(13)])
    )
    assert folder.type(*MENDED, "--failed-rows", "worse.jsonl").code == 1
    assert 'items = "2;2"' in (folder.folder / "worse.jsonl.toml").read_text()
    worse = folder.folder / "worse.jsonl"
    worse.write_text(worse.read_text().replace('"name":""', '"name":"Mended"'))
    done = folder.type("run", "worse.jsonl", "--mapping", "worse.jsonl.toml", "--yes")
    assert done.code == 0, done.err
    assert places(folder.results("worse.results.csv")) == [(1, 2, "imported"), (2, 2, "imported")]
    assert server.numbers() == [1, 2, 3, 4, 5, 6, 10, 11, 12, 13]
    assert server.counts()["raw_count"] == 10
    status = folder.type("status", "a.results.csv")
    assert (status.code, "Nothing is left to do." in status.out) == (0, True)


def test_a_source_that_was_mended_is_checked_and_its_failed_events_are_sent(
    folder: Shell, server: Server
) -> None:
    folder.type(*RUN, "--yes")
    mended = TEXT.replace('"name":""', '"name":"Mended"').replace("{bad", record("u4", map_hits(20, 23))[:-1])
    folder.write("a.jsonl", mended)
    refused = folder.type("retry", "a.results.csv", "--yes")
    assert refused.code == 2
    done = folder.type("retry", "a.results.csv", "--yes", "--source-changed")
    assert done.code == 1, done.err
    assert places(folder.results("a.results.retry-1.csv")) == [
        (3, 2, "imported"), (4, 1, "imported"), (4, 2, "imported"), (4, 3, "imported"), (5, 0, "invalid")
    ]  # fmt: skip
    assert server.numbers() == [1, 2, 3, 4, 5, 6, 20, 21, 22]
    assert server.counts()["raw_count"] == 9
    assert folder.type("status", "a.results.csv").code == 1


@pytest.mark.parametrize("hits", [[hit(5), hit(4, ""), hit(3)], [hit(3)], [hit(9), hit(3), hit(4), hit(5)]])
def test_a_source_in_which_events_that_landed_moved_is_refused(folder: Shell, hits: Any) -> None:
    folder.type(*RUN, "--yes")
    lines = TEXT.splitlines(keepends=True)
    lines[2] = record("u3", hits)
    folder.write("a.jsonl", "".join(lines))
    done = folder.type("retry", "a.results.csv", "--yes", "--source-changed")
    assert done.code == 2
    assert "row 3" in done.err
    assert "reads differently now" in done.err


def test_a_retry_can_not_make_other_events_of_the_records(folder: Shell) -> None:
    folder.type(*RUN, "--yes")
    folder.write("n.toml", 'explode = "user"\n')
    done = folder.type("retry", "a.results.csv", "--yes", "--mapping", "n.toml")
    assert done.code == 2
    assert "makes other events of the records" in done.err


# ── sets ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_set_of_sources_is_run_resumed_retried_and_mended_by_events(folder: Shell, server: Server) -> None:
    (folder.folder / "in").mkdir()
    folder.write("in/1.jsonl", TEXT)
    folder.write("in/2.jsonl", record("w", [hit(30), hit(31, ""), hit(32)]) + record("w", []))
    run = ("run", "in", "--mapping", "m.toml", "--yes", "--results", "out", "--failed-rows", "bad")
    assert folder.type(*run).code == 1
    assert places(folder.results("out/1.jsonl.csv")) == PLACES
    assert places(folder.results("out/2.jsonl.csv")) == [
        (1, 1, "imported"), (1, 2, "invalid"), (1, 3, "imported"), (2, 1, "skipped")
    ]  # fmt: skip
    status = folder.type("status", "out")
    assert "7 imported" in status.out
    for name in ("1.jsonl", "2.jsonl"):
        copy = folder.folder / "bad" / name
        text = copy.read_text().replace('"name":""', '"name":"Mended"')
        text = text.replace("{bad", record("u4", map_hits(20, 23))[:-1])
        copy.write_text(text.replace('"hits":7', '"hits":[]'))
    done = folder.type("run", "bad", "--mapping", "bad", "--yes", "--results", "mended")
    assert done.code == 0, done.err
    assert server.numbers() == [1, 2, 3, 4, 5, 6, 20, 21, 22, 30, 31, 32]
    assert server.counts()["raw_count"] == 12
    status = folder.type("status", "out")
    assert (status.code, "Nothing is left to do." in status.out) == (0, True), status.out


def test_a_limit_over_several_sources_of_several_events_is_refused(folder: Shell) -> None:
    folder.write("b.jsonl", record("v", [hit(30)]) + record("v", [hit(31)]))
    done = folder.type("run", "a.jsonl", "b.jsonl", *RUN[2:], "--dry-run", "--limit", "3", "--results", "o")
    assert done.code == 2
    assert "--limit counts the records of one source" in done.err


# ── hostile records ──────────────────────────────────────────────────────────────────────────────


def test_a_record_of_very_many_events_is_imported(folder: Shell, server: Server) -> None:
    folder.write("a.jsonl", record("u", [{"name": "H", "at": 1709287200 + n, "n": n} for n in range(20_000)]))
    done = folder.type(*RUN, "--yes")
    assert done.code == 0, done.err
    assert server.counts()["raw_count"] == 20_000
    assert len(folder.results("a.results.csv")) == 20_000


def test_odd_lists_are_said_to_be_what_they_are(folder: Shell, tmp_path: Path) -> None:
    odd: list[Any] = [[[hit(1)]], [None, 3, hit(2)], {"a": hit(3)}, "text", [], [hit(4)]]
    folder.write("a.jsonl", "".join(record("u", hits) for hits in odd))
    folder.type(*RUN, "--dry-run")
    rows = folder.results("a.dry-run.csv")
    assert places(rows) == [
        (1, 1, "invalid"), (2, 1, "invalid"), (2, 2, "invalid"), (2, 3, "valid"), (3, 0, "invalid"),
        (4, 0, "invalid"), (5, 1, "skipped"), (6, 1, "valid"),
    ]  # fmt: skip
    assert all(row["error"] for row in rows if row["status"] != "valid")
    assert statuses(rows).count("valid") == 2
