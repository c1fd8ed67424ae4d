"""Times as people have them: what the plan offers is typed, and every record lands at its time."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime

import pytest
from end_to_end_helpers import Server, Shell, statuses

pytestmark = pytest.mark.slow


def offered(shown: str, code: str) -> list[str]:
    """Return the lines to type that the plan offers below an attention."""
    lines = shown.splitlines()
    (at,) = [n for n, line in enumerate(lines) if re.match(rf"Attention\s.*{code}", line)]
    return lines[at + 1].strip().split("   or   ")


def landed(server: Server) -> list[str]:
    times = [event["properties"]["time"] for event in server.events()]
    return sorted(datetime.fromtimestamp(time / 1000, UTC).isoformat()[:16] for time in times)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("values", "options", "times"),
    [
        (["03/04/2024 10:00", "03/05/2024 10:00"], 2, ["2024-04-03T10:00", "2024-05-03T10:00"]),
        (["31.12.2023", "01.06.2024"], 1, ["2023-12-31T00:00", "2024-06-01T00:00"]),
        (["6/1/24 9:05 PM", "6/30/24 9:05 AM"], 1, ["2024-06-01T21:05", "2024-06-30T09:05"]),
        (["45413.4166666667", "45414"], 1, ["2024-05-01T10:00", "2024-05-02T00:00"]),
        (["2024-05-01T10:00:00Z", "31.05.2024"], 1, ["2024-05-01T10:00", "2024-05-31T00:00"]),
        (["202405011000", "202405021000"], 1, ["2024-05-01T10:00", "2024-05-02T10:00"]),
    ],
)
def test_the_format_that_the_plan_offers_reads_every_time(
    shell: Shell, server: Server, suffix: str, values: list[str], options: int, times: list[str]
) -> None:
    name = f"events.{suffix}"
    records = [{"event": "E", "user_id": "u", "time": value, "plan": "p"} for value in values]
    rows = ["event,user_id,time,plan", *(",".join(record.values()) for record in records)]
    shell.write(name, "\n".join(rows if suffix == "csv" else map(json.dumps, records)) + "\n")

    lines = offered(shell.type("run", name, "--dry-run").err, "(such as|before the year)")
    assert len(lines) == options
    words = shlex.split(lines[0].replace("ZONE", "UTC"))
    result = shell.type("run", name, "--yes", *words)

    assert result.code == 0, result.err
    assert landed(server) == times


def test_the_zone_that_a_raw_export_asks_for_reads_its_epochs(shell: Shell, server: Server) -> None:
    at = 1_714_557_600  # 2024-05-01T10:00:00Z; in Berlin it was 12:00
    records = [
        {
            "event": "E",
            "properties": {"time": at + 7200, "distinct_id": "u", "mp_processing_time_ms": at * 1000},
        }
    ]
    shell.write("export.jsonl", "".join(json.dumps(record) + "\n" for record in records))

    shown = shell.type("run", "export.jsonl", "--dry-run").err
    assert "it took 1 event up to 2.0 hours before its time" in shown
    (line,) = offered(shown, "raw export")
    result = shell.type("run", "export.jsonl", "--yes", *shlex.split(line.replace("ZONE", "Europe/Berlin")))

    assert "raw export" not in result.err
    assert landed(server) == ["2024-05-01T10:00"]


def test_a_zone_in_the_format_is_not_overridden(shell: Shell, server: Server) -> None:
    shell.write("events.csv", "event,time,distinct_id\nL,2024-05-01T10:00:00Z,u1\n")
    words = ["--timezone", "America/New_York", "--time-format", "%Y-%m-%dT%H:%M:%SZ"]

    assert shell.type("run", "events.csv", "--yes", *words).code == 0

    assert landed(server) == ["2024-05-01T10:00"]


def test_a_format_that_is_not_honoured_stops_before_anything_is_read(shell: Shell, server: Server) -> None:
    shell.write("events.csv", "event,time,distinct_id\nL,03/04/2024,u1\n")

    result = shell.type("run", "events.csv", "--yes", "--timezone", "UTC", "--time-format", "MM/DD/YYYY")

    assert result.code == 2
    assert result.last_line == "--time-format %m/%d/%Y"
    assert server.events() == []


def test_each_format_is_counted_in_the_plan(shell: Shell, server: Server) -> None:
    shell.write("events.csv", "event,user_id,time,plan\n" + "E,u,01.05.2024,a\n" * 2 + "E,u,05/31/2024,b\n")
    formats = ["--time-format", "%d.%m.%Y", "--time-format", "%m/%d/%Y"]

    result = shell.type("run", "events.csv", "--yes", "--timezone", "UTC", *formats)

    assert "written as: %d.%m.%Y (2 records) · %m/%d/%Y (1 record)" in result.err
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 3


@pytest.mark.parametrize("given", [["--timezone", "UTC"], []])
def test_dates_of_excel_among_others_are_read_as_the_next_command_says(
    shell: Shell, given: list[str]
) -> None:
    (shell.folder / "a.csv").write_text(
        "event,user_id,time\nA,u1,2024-05-01T10:00:00Z\nA,u1,45413.4166666667\n"
    )
    ended = shell.type("run", "a.csv", "--dry-run", *given)
    words = ended.last_line.removeprefix("Next: mixpanel-importer ").replace("ZONE", "UTC").split()
    assert words.count("--timezone") == 1, ended.err
    again = shell.type(*words)
    assert "2 records = 2 valid" in again.err
    assert "2024-05-01T10:00:00Z to 2024-05-01T10:00:00Z" in again.err
