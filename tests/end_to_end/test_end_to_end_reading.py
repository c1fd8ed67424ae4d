"""How a file is read: by options, by a mapping file, or, where neither is clear, by an error that helps."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from typing import Any

import fault_server
import httpx
import pytest
from end_to_end_helpers import Row, Server, Shell, exact, simple_csv, statuses

pytestmark = pytest.mark.slow


def imported(shell: Shell, server: Server, text: str, *words: str) -> list[Row]:
    """Import a CSV file, and return the properties of each event at the server, in the file's order."""
    shell.write("events.csv", text)
    result = shell.type("run", "events.csv", "--yes", *words)
    assert result.code == 0, result.err
    landed = {event["properties"]["$insert_id"]: event for event in server.events()}
    return [landed[row["insert_id"]] for row in shell.results("events.results.csv")]


HEADER = "event,user_id,time,plan,amount\n"
ROW = "Hi,u,2024-03-01T00:00:00Z,pro,5\n"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--set", "source=shop=1"], "source", "shop=1"),
        (["--set", "version=2", "--type", "version=integer"], "version", 2),
        (["--set", "version=2"], "version", "2"),
        (["--set", "plan=free"], "plan", "free"),
        (["--tag", "backfill-7"], "import_tag", "backfill-7"),
        (["--type", "amount=string"], "amount", "5"),
        (["--set", "distinct_id=all"], "distinct_id", "all"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_set_applies_to_every_record(
    shell: Shell, server: Server, words: Sequence[str], name: str, value: Any
) -> None:
    text = HEADER.replace("user_id", "who") + ROW

    (event,) = imported(shell, server, text, *words)

    assert exact(event["properties"][name]) == exact(value)


def test_a_tag_does_not_make_another_event_of_a_record(shell: Shell, server: Server) -> None:
    shell.write("events.csv", HEADER + ROW)
    shell.type("run", "events.csv", "--yes")

    shell.type("run", "events.csv", "--yes", "--tag", "again", "--results", "again.csv")

    assert server.counts()["raw_count"] == 2
    assert [event["properties"].get("import_tag") for event in server.events()] == ["again"]


def test_null_texts_mean_no_value(shell: Shell, server: Server) -> None:
    text = HEADER + "Hi,u,2024-03-01T00:00:00Z,NULL,\\N\n" + ROW

    first, second = imported(shell, server, text, "--null", "NULL", "--null", "\\N")

    assert not {"plan", "amount"} & first["properties"].keys()
    assert exact(second["properties"]["amount"]) == exact(5), "the texts do not spoil the column's type"


def test_times_without_a_zone_need_timezone_which_is_then_used(shell: Shell, server: Server) -> None:
    text = "event,user_id,time\nHi,u,2024-07-01 12:00:00\nHi,u,2024-12-01 12:00:00\n"
    shell.write("zoneless.csv", text)
    result = shell.type("run", "zoneless.csv", "--dry-run")
    assert result.code == 1
    assert statuses(shell.results("zoneless.dry-run.csv")) == ["invalid", "invalid"]
    assert "--timezone" in result.err

    summer, winter = imported(shell, server, text, "--timezone", "Europe/Berlin")

    assert summer["properties"]["time"] == 1_719_828_000_000  # 10:00 UTC
    assert winter["properties"]["time"] == 1_733_050_800_000  # 11:00 UTC


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_times_at_both_ends_of_the_calendar_are_invalid_in_any_zone(bare: Shell, zone: str):
    bare.write("events.csv", "event,time,user_id\na,9999-12-31T23:59:59Z,u\na,0001-01-01T00:00:00Z,u\n")
    result = bare.type("run", "events.csv", "--dry-run", "--timezone", zone)
    assert result.code == 1
    assert "2 records = 2 invalid" in result.err


@pytest.mark.parametrize("moment", ["2024-03-31 02:30:00", "2024-10-27 02:30:00"])
def test_a_local_time_that_is_skipped_or_repeated_is_invalid_and_never_guessed(
    bare: Shell, moment: str
) -> None:
    bare.write("events.csv", f"event,user_id,time\nHi,u,{moment}\n")

    result = bare.type("run", "events.csv", "--dry-run", "--timezone", "Europe/Berlin")

    assert result.code == 1
    assert statuses(bare.results("events.dry-run.csv")) == ["invalid"]


def test_without_a_header_columns_are_numbered(shell: Shell, server: Server) -> None:
    words = ["--no-header", "--map", "event=1", "--map", "distinct_id=2", "--map", "time=3"]

    (event,) = imported(shell, server, ROW, *words)

    assert event["event"] == "Hi"
    assert exact(event["properties"]["5"]) == exact(5)


def test_insert_id_row_keeps_identical_records_apart_and_content_does_not(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", HEADER + ROW + ROW)
    shell.type("run", "events.csv", "--yes")
    assert server.counts()["count"] == 1
    server.reset()

    shell.type("run", "events.csv", "--yes", "--insert-id", "row", "--results", "rows.csv")

    assert server.counts()["count"] == 2


def test_different_records_that_share_an_insert_id_stop_the_run_before_one_is_lost(
    shell: Shell, server: Server
) -> None:
    records = [f"Hi,u,2024-03-01T00:00:00Z,order-1,{amount}" for amount in (5, 6)]
    shell.write("events.csv", "\n".join(["event,user_id,time,insert_id,amount", *records]))

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 2
    assert "rows 1 and 2" in result.err
    assert "--allow-collisions" in result.err
    assert server.requests()["requests"] == 0
    assert shell.type("run", "events.csv", "--yes", "--map", "insert_id=").code == 0
    assert server.counts()["count"] == 2


# ── columns that are not known by their names ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("event,user_id,time,timestamp", "time"),
        ("event,event_name,time,n", "event"),
        ("event,user id,uid,time", "distinct_id"),
    ],
)
def test_two_columns_for_one_field_stop_with_a_map_line_that_works(
    shell: Shell, server: Server, header: str, field: str
) -> None:
    cells = ["2024-03-01T00:00:00Z" if "time" in name else "u-1" for name in header.split(",")]
    shell.write("events.csv", f"{header}\n{','.join(cells)}\n")

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 2
    assert all(name in result.err for name in header.split(",")), "the columns are listed"
    assert server.requests()["requests"] == 0
    line = next(line for line in result.err.splitlines() if "--map" in line)
    words = shlex.split(line)
    again = shell.type("run", "events.csv", "--yes", *words[words.index("--map") :])
    assert again.code == 0, again.err
    assert words[-1].startswith(f"{field}=")
    assert server.counts()["count"] == 1


def test_a_missing_column_stops_with_a_map_line_that_works(shell: Shell, server: Server) -> None:
    shell.write("events.csv", "Action Taken,who,time\nHi,u,2024-03-01T00:00:00Z\n")

    result = shell.type("run", "events.csv", "--yes")

    assert result.code == 2
    assert "Action Taken, who, time" in result.err
    assert server.requests()["requests"] == 0
    line = next(line for line in result.err.splitlines() if "--map" in line)
    words = shlex.split(line)
    again = shell.type("run", "events.csv", "--yes", *words[words.index("--map") :])
    assert again.code == 0, again.err
    assert [event["event"] for event in server.events()] == ["Hi"]


def test_a_map_to_no_column_names_the_nearest(bare: Shell) -> None:
    bare.write("events.csv", HEADER + ROW)

    result = bare.type("run", "events.csv", "--dry-run", "--map", "distinct_id=userid")

    assert result.code == 2
    assert "did you mean 'user_id'" in result.err


def test_a_dotted_path_reaches_into_jsonl(shell: Shell, server: Server) -> None:
    shell.write(
        "events.jsonl",
        '{"event": "Hi", "time": 1700000000, "who": {"id": {"own": "u-7"}, "plan": "pro"}, "n": 1}\n',
    )

    assert shell.type("run", "events.jsonl", "--yes", "--map", "distinct_id=who.id.own").code == 0

    (event,) = server.events()
    assert event["properties"]["distinct_id"] == "u-7"


def test_lines_in_mixpanels_own_shape_are_known_as_such(shell: Shell, server: Server) -> None:
    shell.write(
        "export.jsonl",
        '{"event": "Hi", "properties": {"time": 1700000000, "distinct_id": "u", "$insert_id": "own-1",'
        ' "ip": "203.0.113.9", "deep": {"a": [1, "b", null]}}}\n',
    )

    assert shell.type("run", "export.jsonl", "--yes").code == 0

    (event,) = server.events()
    assert exact(event) == exact(
        {
            "event": "Hi",
            "properties": {
                "time": 1_700_000_000_000, "distinct_id": "u", "$insert_id": "own-1", "ip": "203.0.113.9",
                "deep": {"a": [1, "b", None]},
            },
        }
    )  # fmt: skip


# ── a mapping file ───────────────────────────────────────────────────────────────────────────────

MAPPING = """
timezone = "Europe/Berlin"  # our shop's

[fields]
event = "what"
distinct_id = "who"
time = "when"

[types]
zip = "string"
secret = "skip"

[names]
zip = "ZIP"

[set]
source = "legacy shop"
version = 3
"""
MAPPED = "what,who,when,zip,secret\nHi,u1,2024-07-01 12:00:00,123,x\nHi,u2,someday,456,y\n"


def test_one_mapping_file_serves_dry_run_run_and_retry(shell: Shell, server: Server) -> None:
    shell.write("events.csv", MAPPED)
    shell.write("shop.toml", MAPPING)

    dry = shell.type("run", "events.csv", "--mapping", "shop.toml", "--dry-run")
    real = shell.type_line(dry.next_command, "--yes")
    again = shell.type(
        "retry",
        "events.results.csv",
        "--yes",
        "--mapping",
        "shop.toml",
        "--map",
        "time=",
        "--missing-time",
        "now",
    )

    assert [result.code for result in (dry, real, again)] == [1, 1, 0], again.err
    dried, done = shell.results("events.dry-run.csv"), shell.results("events.results.csv")
    assert (statuses(dried), statuses(done)) == (["valid", "invalid"], ["imported", "invalid"])
    assert [row["insert_id"] for row in dried] == [row["insert_id"] for row in done]
    first, second = server.events()
    for event, user in ((first, "u1"), (second, "u2")):
        properties = event["properties"]
        assert (properties["distinct_id"], properties["source"]) == (user, "legacy shop")
        assert exact(properties["version"]) == exact(3)
        assert type(properties["ZIP"]) is str
        assert "secret" not in properties
    assert first["properties"]["time"] == 1_719_828_000_000
    assert abs(second["properties"]["time"] - time.time() * 1000) < 60_000


def test_an_option_counts_more_than_the_mapping_file(shell: Shell, server: Server) -> None:
    shell.write("shop.toml", MAPPING)

    (event,) = imported(
        shell, server, "\n".join(MAPPED.split("\n")[:2]), "--mapping", "shop.toml",
        "--timezone", "UTC", "--set", "source=other", "--type", "zip=integer",
    )  # fmt: skip

    assert event["properties"]["time"] == 1_719_835_200_000
    assert event["properties"]["source"] == "other"
    assert exact(event["properties"]["ZIP"]) == exact(123)


def test_a_mistake_in_a_mapping_file_is_named_with_its_line(bare: Shell) -> None:
    bare.write("events.csv", MAPPED)
    bare.write("shop.toml", MAPPING.replace('zip = "string"', 'zip = "strnig"'))

    result = bare.type("run", "events.csv", "--mapping", "shop.toml", "--dry-run")

    assert result.code == 2
    assert "shop.toml, line 10" in result.err
    assert "did you mean 'string'" in result.err


def test_a_resume_with_another_mapping_is_refused_and_names_the_difference(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", simple_csv(60))
    shell.type("run", "events.csv", "--yes", "--limit", "20")
    before = server.requests()

    result = shell.type("run", "events.csv", "--yes", "--resume", "--type", "n=string")

    assert result.code == 2
    assert "n" in result.err
    assert "string" in result.err
    assert server.requests() == before


# ── /track ───────────────────────────────────────────────────────────────────────────────────────


def test_track_accepts_recent_records_and_calls_old_ones_invalid_which_it_would_drop(
    shell: Shell, server: Server
) -> None:
    day, now = 86_400, int(time.time())
    ages = {1: 60, 2: day, 3: 5 * day - 4_200, 4: 5 * day - 3_000, 5: 6 * day}
    lines = [f"Hi,u,{now - age},{n}" for n, age in ages.items()]
    shell.write("events.csv", "\n".join(["event,user_id,time,n", *lines]))

    result = shell.type("run", "events.csv", "--yes", "--endpoint", "track")

    assert result.code == 1
    results = shell.results("events.results.csv")
    assert statuses(results) == ["accepted", "accepted", "accepted", "invalid", "invalid"]
    assert [row["success"] for row in results] == ["true", "true", "true", "false", "false"]
    assert "5 days" in results[3]["error"]
    assert server.numbers() == [1, 2, 3]
    assert "3 accepted + 2 invalid" in result.err or "2 invalid + 3 accepted" in result.err


def old_records(count: int) -> str:
    """Records that are twice as old as what /track takes."""
    start = int(time.time()) - 10 * 86_400
    return "\n".join(["event,user_id,time,n", *(f"Hi,u,{start + n},{n}" for n in range(count))])


def test_a_retry_sends_to_import_what_track_would_drop(shell: Shell, server: Server) -> None:
    shell.write("events.csv", old_records(60))
    result = shell.type("run", "events.csv", "--yes", "--endpoint", "track")
    assert set(statuses(shell.results("events.results.csv"))) == {"invalid"}
    assert "--endpoint import" in result.err, "the way out is named"

    again = shell.type_line(result.next_command, "--yes", "--endpoint", "import")

    assert again.code == 0, again.err
    assert server.numbers() == list(range(60))
    assert shell.type("status", "events.results.csv").code == 0


def test_a_stopped_retry_by_another_endpoint_is_resumed_by_the_command_that_it_prints(bare: Shell) -> None:
    with fault_server.running("--at", "2+=503") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="any-token", MIXPANEL_BASE_URL=url)
        shell.write("events.csv", old_records(60))
        shell.type("run", "events.csv", "--yes", "--endpoint", "track")
        stopped = shell.type(
            "retry", "events.results.csv", "--yes", "--endpoint", "import",
            "--batch-size", "20", "--concurrency", "1", "--max-retries", "0", "--retry-wait", "0.01",
        )  # fmt: skip
        assert 0 < len(shell.results("events.results.retry-1.csv")) < 60
        httpx.get(f"{url}/faults/mend")

        finished = shell.type_line(stopped.next_command, "--yes")

        assert "--endpoint import" in stopped.next_command
        assert len(shell.results("events.results.retry-1.csv")) == 60
        assert Server(url).numbers() == list(range(60))
        assert finished.code == 0
