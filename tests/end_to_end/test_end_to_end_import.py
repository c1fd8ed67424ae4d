"""The main job: what is in the file is what is at Mixpanel, once, and the results say so row by row."""

from __future__ import annotations

import csv
import json
import random
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import fault_server
import pytest
from end_to_end_helpers import (
    Row,
    Server,
    Shell,
    exact,
    simple_csv,
    simple_event,
    statuses,
    without_id,
)

pytestmark = pytest.mark.slow

ROWS = 5_000
NAMES = ("Signed Up", "Added To Cart", "Purchase, Completed", "杯子 ☕")
NOTES = ("plain", 'with "quotes"', "two\nlines", "a, comma", " spaced ", "é́", "")


def generated(rows: int) -> list[Row]:
    """Records of every kind of value, the same each time."""
    random_ = random.Random(20240601)
    start = datetime(2023, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    records = []
    for n in range(1, rows + 1):
        moment = start + timedelta(milliseconds=random_.randrange(10**10))
        records.append(
            {
                "event": random_.choice(NAMES),
                "user_id": f"u-{random_.randrange(400)}" if n % 50 else "",
                "time": moment.isoformat(timespec="milliseconds"),
                "ip": f"203.0.113.{n % 256}" if n % 3 else "",
                "n": n,
                "price": random_.choice((0.1, 49.99, 1e2, 0.00012, -3.5, 20.0)),
                "member": random_.random() < 0.5,
                "zip": f"{random_.randrange(100_000):05}",
                "big": 2**53 + random_.randrange(10**6),
                "note": random_.choice(NOTES),
            }
        )
    return records


def write_csv(path: Path, records: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(
            {**r, "member": str(r["member"]).upper() if r["n"] % 2 else str(r["member"]).lower()}
            for r in records
        )


def write_jsonl(path: Path, records: Sequence[Row]) -> None:
    lines = [
        json.dumps({**r, "cart": {"ids": [n := r["n"], str(n)], "empty": None}}, ensure_ascii=r["n"] % 2 == 0)
        for r in records
    ]
    path.write_text("\n".join(lines), "utf-8")


def read_csv_again(path: Path) -> list[Row]:
    """What a person expects of each record of the CSV, read by other means than the importer's."""
    types = {"n": int, "price": float, "member": lambda cell: cell.lower() == "true"}
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: types.get(name, str)(cell) for name, cell in record.items() if cell != ""}
            for record in csv.DictReader(file)
        ]


def read_jsonl_again(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")]


def as_event(record: Row) -> Row:
    """The event that a record must have become, without its id."""
    properties = dict(record)
    name, user = properties.pop("event"), properties.pop("user_id", "")
    moment = datetime.fromisoformat(properties.pop("time"))
    properties["time"] = round(moment.timestamp() * 1000)
    properties["distinct_id"] = user
    properties["ip"] = properties.get("ip") or 0
    return {"event": name, "properties": properties}


@pytest.mark.parametrize(
    ("name", "write", "read_again"),
    [("events.csv", write_csv, read_csv_again), ("events.jsonl", write_jsonl, read_jsonl_again)],
)
def test_every_record_arrives_exactly_once_with_its_values_and_types(
    shell: Shell, server: Server, name: str, write: Any, read_again: Any
) -> None:
    path = shell.folder / name
    write(path, generated(ROWS))

    result = shell.type("run", name, "--yes")

    assert (result.code, result.out) == (0, "")
    assert f"{ROWS:,} records = {ROWS:,} imported" in result.err
    expected = [as_event(record) for record in read_again(path)]
    results = shell.results("events.results.csv")
    assert [int(row["row"]) for row in results] == list(range(1, ROWS + 1))
    assert {(row["success"], row["status"], row["status_code"]) for row in results} == {
        ("true", "imported", "200")
    }
    landed = {event["properties"]["$insert_id"]: event for event in server.events()}
    assert len(landed) == ROWS
    assert server.counts()["raw_count"] == ROWS
    for row, event in zip(results, expected, strict=True):
        assert exact(without_id(landed[row["insert_id"]])) == exact(event), row
    requests = server.requests()
    assert (requests["requests"], requests["max_events"]) == (ROWS // 50, 50)


def test_results_name_the_line_of_each_record_and_its_event_and_user(shell: Shell) -> None:
    path = shell.folder / "events.csv"
    write_csv(path, generated(300))

    assert shell.type("run", "events.csv", "--yes").code == 0

    text = path.read_text("utf-8")
    records = read_csv_again(path)
    for row, record in zip(shell.results("events.results.csv"), records, strict=True):
        line_of_n = next(
            number
            for number, line in enumerate(text.split("\n"), 1)
            if f",{record['n']}," in line and "+02:00" in line
        )
        assert int(row["line"]) == line_of_n
        assert (row["event"], row["distinct_id"]) == (record["event"], record.get("user_id", ""))


# ── what is wrong with some records ──────────────────────────────────────────────────────────────

BROKEN = {
    40: "Page View,user-4",
    41: "Page View,user-5,2024-03-01T00:00:41Z,41,too,many",
    60: ",user-6,2024-03-01T00:01:00Z,60",
    61: "Page View,user-7,last Tuesday,61",
    62: "Page View,anonymous,2024-03-01T00:01:02Z,62",
    63: "Page View,user-0,2999-01-01T00:00:00Z,63",
}
REASONS = {
    40: "expected 4 fields, found 2",
    41: "expected 4 fields, found 6",
    60: "event: missing",
    61: "last Tuesday",
    62: "anonymous",
    63: "ahead of the clock",
}


def test_broken_records_are_invalid_with_number_line_and_reason_and_all_others_arrive(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(150, broken=BROKEN))

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 1
    assert result.last_line.endswith("--resume --failed-rows events.failed.csv")
    results = shell.results("events.results.csv")
    assert [(int(row["row"]), int(row["line"])) for row in results] == [(n, n + 1) for n in range(1, 151)]
    wrong = {int(row["row"]): row for row in results if row["success"] == "false"}
    assert {n: row["status"] for n, row in wrong.items()} == dict.fromkeys(BROKEN, "invalid")
    for n, reason in REASONS.items():
        assert reason in wrong[n]["error"], wrong[n]
        assert wrong[n]["status_code"] == ""
    assert server.numbers() == [n for n in range(1, 151) if n not in BROKEN]
    assert "row 40 (line 41) invalid: expected 4 fields, found 2" in result.err


def test_a_quote_that_is_never_closed_costs_one_record_and_not_the_rest_of_the_file(
    shell: Shell, server: Server
) -> None:
    unclosed = 'Page View,"user-1,2024-03-01T00:00:10Z,10'
    shell.write("events.csv", simple_csv(60, broken={10: unclosed}))

    assert shell.type("run", "events.csv", "--yes").code == 1

    results = shell.results("events.results.csv")
    assert [int(row["row"]) for row in results if row["status"] == "invalid"] == [10]
    assert [int(row["row"]) for row in results] == list(range(1, 61))
    assert server.numbers() == [n for n in range(1, 61) if n != 10]


def test_a_broken_line_of_json_is_invalid_and_reading_goes_on(shell: Shell, server: Server) -> None:
    lines = [
        json.dumps({"event": "e", "distinct_id": "u", "time": 1_700_000_000 + n, "n": n}) for n in range(1, 8)
    ]
    lines[2] = lines[2][:20]
    lines[4] = "[1, 2]"
    shell.write("events.jsonl", "\n".join(lines).encode() + b'\n{"event": "\xff"}\n')

    assert shell.type("run", "events.jsonl", "--yes").code == 1

    results = shell.results("events.results.csv")
    assert [int(row["row"]) for row in results if row["status"] == "invalid"] == [3, 5, 8]
    assert server.numbers() == [1, 2, 4, 6, 7]


# ── a server that refuses ────────────────────────────────────────────────────────────────────────


def test_exactly_what_the_server_refuses_is_rejected_and_a_retry_sends_exactly_those(bare: Shell) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="any-token")
    shell.write("events.csv", simple_csv(200))
    db = str(shell.folder / "landed.sqlite")
    with fault_server.running("--db", db, "--refuse-every", "10") as url:
        server = Server(url)
        result = shell.type("run", "events.csv", "--yes", "--base-url", url)
        taken = server.numbers()
    assert result.code == 1
    assert result.last_line.endswith("--resume --failed-rows events.failed.csv")
    results = shell.results("events.results.csv")
    refused = {int(row["row"]) for row in results if fault_server.is_refused(row["insert_id"], 10)}
    assert 5 < len(refused) < 50
    assert {int(row["row"]) for row in results if row["status"] == "rejected"} == refused
    assert taken == [n for n in range(1, 201) if n not in refused]
    for row in results:
        if int(row["row"]) in refused:
            assert (row["success"], row["status_code"]) == ("false", "400")
            assert "refused on purpose" in row["error"], "the server's own words"

    port = url.rpartition(":")[2]
    with fault_server.running("--db", db, "--port", port) as mended:
        server = Server(mended)
        again = shell.type("retry", "events.results.csv", "--yes")
        assert (again.code, again.next_command) == (0, "")
        assert server.requests()["requests"] == 1, "the one batch of the refused"
        assert server.counts()["raw_count"] == 200, "nothing was sent twice"
        assert server.numbers() == list(range(1, 201))
    retried = shell.results("events.results.retry-1.csv")
    assert [(int(row["row"]), row["status"]) for row in retried] == [(n, "imported") for n in sorted(refused)]
    before = {row["row"]: row["insert_id"] for row in results}
    assert all(before[row["row"]] == row["insert_id"] for row in retried)

    status = shell.type("status", "events.results.csv")
    assert status.code == 0
    assert "200 records = 200 imported + 0 unattempted  (adds up)" in status.out
    assert "Nothing is left to do." in status.out
    assert json.loads(shell.type("status", "events.results.csv", "--json").out)["next"] == ""


# ── again ────────────────────────────────────────────────────────────────────────────────────────


def test_importing_the_same_file_again_changes_nothing_at_the_server(shell: Shell, server: Server) -> None:
    write_jsonl(shell.folder / "events.jsonl", generated(120))
    assert shell.type("run", "events.jsonl", "--yes").code == 0
    first = sorted(map(json.dumps, server.events()))

    assert shell.type("run", "events.jsonl", "--yes", "--results", "again.csv").code == 0

    assert server.counts()["raw_count"] == 240, "it was really sent again"
    assert server.counts()["count"] == 120
    assert sorted(map(json.dumps, server.events())) == first
    one, other = shell.results("events.results.csv"), shell.results("again.csv")
    assert one == other


# ── rehearsals ───────────────────────────────────────────────────────────────────────────────────


def test_a_dry_run_sends_nothing_and_says_valid_or_invalid_of_each_record(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(150, broken=BROKEN))

    result = shell.type("run", "events.csv", "--dry-run")

    assert result.code == 1
    assert server.requests()["requests"] == 0
    results = shell.results("events.dry-run.csv")
    assert statuses(results) == ["invalid" if n in BROKEN else "valid" for n in range(1, 151)]
    assert {row["success"] for row in results if row["status"] == "valid"} == {"true"}
    assert {row["status_code"] for row in results} == {""}


def test_a_dry_run_says_of_each_record_what_the_server_then_says(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(150, broken=BROKEN))
    shell.type("run", "events.csv", "--dry-run")

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 1
    same = {"valid": "imported", "invalid": "invalid"}
    dry, real = shell.results("events.dry-run.csv"), shell.results("events.results.csv")
    assert [same[status] for status in statuses(dry)] == statuses(real)
    assert [(row["insert_id"], row["error"]) for row in dry] == [
        (row["insert_id"], row["error"]) for row in real
    ]


def test_a_dry_run_needs_no_credentials_and_no_answer_from_a_person(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(3))

    result = bare.type("run", "events.csv", "--dry-run")

    assert result.code == 0
    assert result.last_line == "Next: mixpanel-importer run events.csv"


def test_a_rehearsal_needs_no_credentials_and_shows_what_landed(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(70))

    result = bare.type("run", "events.csv", "--sandbox")

    assert result.code == 0
    assert "70 records = 70 imported" in result.err
    assert "Landed in the sandbox: 70 events" in result.err
    assert statuses(bare.results("events.sandbox.csv")) == ["imported"] * 70
    assert bare.manifest("events.sandbox.csv")["kind"] == "sandbox"


def test_a_rehearsal_that_was_mended_by_a_retry_names_no_command_that_would_read_its_results(
    bare: Shell,
) -> None:
    bare.write("events.csv", simple_csv(70, broken={40: "Page View,user-4"}))
    result = bare.type("run", "events.csv", "--sandbox")
    assert result.next_command == "mixpanel-importer run events.csv"
    bare.write("events.csv", simple_csv(70))

    result = bare.type("retry", "events.sandbox.csv", "--source-changed")

    assert result.code == 0
    assert "1 record = 1 imported" in result.err
    assert result.next_command == ""


@pytest.mark.parametrize("rehearsal", ["--dry-run", "--sandbox"])
def test_a_rehearsal_can_never_be_continued_against_mixpanel(
    shell: Shell, server: Server, rehearsal: str
) -> None:
    shell.write("events.csv", simple_csv(60))
    assert shell.type("run", "events.csv", rehearsal, "--limit", "20", "--results", "r.csv").code == 0
    before = (shell.folder / "r.csv").read_bytes()

    result = shell.type("run", "events.csv", "--yes", "--results", "r.csv", "--resume")

    assert result.code == 2
    assert rehearsal.strip("-") in result.err
    assert "real" in result.err
    assert server.requests()["requests"] == 0
    assert (shell.folder / "r.csv").read_bytes() == before


def test_a_resume_against_another_server_is_refused(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(60))
    shell.type("run", "events.csv", "--yes", "--limit", "20")

    result = shell.type("run", "events.csv", "--yes", "--resume", "--base-url", "http://127.0.0.1:9")

    assert result.code == 2
    assert server.url in result.err
    assert "http://127.0.0.1:9" in result.err


def test_results_that_are_there_stop_the_run_which_names_resume_and_overwrite(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(3))
    shell.type("run", "events.csv", "--yes")
    before = server.requests()

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 2
    assert "--resume" in result.err
    assert "--overwrite" in result.err
    assert server.requests() == before


def test_overwrite_begins_anew_when_the_reading_is_the_same(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(60))
    shell.type("run", "events.csv", "--yes", "--limit", "20")

    assert shell.type("run", "events.csv", "--yes", "--overwrite").code == 0

    assert len(shell.results("events.results.csv")) == 60
    assert server.numbers() == list(range(1, 61))


def test_overwrite_stops_where_imported_records_would_double_under_another_reading(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(10))
    shell.type("run", "events.csv", "--yes")
    before = server.requests()

    result = shell.type("run", "events.csv", "--yes", "--overwrite", "--set", "source=shop")

    assert result.code == 2
    assert "10" in result.err
    assert server.requests() == before
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 10


def test_overwrite_replaces_no_file_but_results(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(3))
    mine = shell.write("mine.csv", "my,own,work\n")

    result = shell.type("run", "events.csv", "--yes", "--results", "mine.csv", "--overwrite")

    assert result.code == 2
    assert mine.read_text() == "my,own,work\n"
    assert server.requests()["requests"] == 0


@pytest.mark.parametrize("option", ["--results", "--failed-rows"])
def test_no_output_may_be_the_source(shell: Shell, server: Server, option: str) -> None:
    source = shell.write("events.csv", simple_csv(3))
    (shell.folder / "alias.csv").symlink_to(source)

    result = shell.type("run", "events.csv", "--yes", option, "alias.csv", "--overwrite")

    assert result.code == 2
    assert source.read_text() == simple_csv(3)
    assert server.requests()["requests"] == 0


def test_resume_where_there_is_nothing_begins_at_the_beginning(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(60))

    assert shell.type("run", "events.csv", "--yes", "--resume").code == 0

    assert server.numbers() == list(range(1, 61))


def test_preview_shows_how_a_source_is_read_and_saves_it_and_sends_nothing(
    shell: Shell, server: Server
) -> None:
    write_csv(shell.folder / "events.csv", generated(60))

    result = shell.type("preview", "events.csv", "--save", "mapping.toml")

    assert result.code == 0
    assert server.requests()["requests"] == 0
    for found in ("distinct_id ← user_id", "zip", "string", "price", "number", "member", "boolean"):
        assert found in result.out
    assert shlex.split(result.next_command)[1:] == [
        "run", "events.csv", "--mapping", "mapping.toml", "--dry-run",
    ]  # fmt: skip
    assert shell.type_line(result.next_command).code == 0
    assert shell.manifest("events.dry-run.csv")["reading"]["types"]["zip"] == "string"


def test_one_record_arrives_as_it_is_in_the_file(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(1))

    shell.type("run", "events.csv", "--yes")

    assert [exact(without_id(event)) for event in server.events()] == [exact(simple_event(1))]
