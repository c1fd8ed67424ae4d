"""``where``: only the records for which it holds are sent; all others are counted, and are no failure."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from crash_helpers import server as fault_server
from crash_helpers import write_source
from end_to_end_helpers import CommandResult, Server, Shell, exact, statuses, without_id

pytestmark = pytest.mark.slow

COUNTRIES = ("DE", "FR", "", "NULL")
CONDITION = "type in ('track', 'page') and amount > 2.5 and country is not null"
ROWS = 600


def record(n: int) -> dict[str, Any]:
    """Record ``n``; no number in it needs rounding."""
    return {
        "event": "Buy" if n % 2 else "View",
        "time": f"2026-03-01T{n // 60 % 24:02}:{n % 60:02}:00Z",
        "user_id": f"u{n % 9}",
        "type": ("track", "page", "identify")[n % 3],
        "amount": n / 4 if n % 5 else None,
        "country": COUNTRIES[n % 4],
        "id": 2**62 + n,
        "n": n,
    }


def stays(n: int) -> bool:
    """What the condition says, in other words."""
    return n % 3 < 2 and bool(n % 5) and n > 10 and n % 4 < 2


LEFT = [n for n in range(1, ROWS + 1) if stays(n)]


def csv_text(numbers: range) -> str:
    lines = [",".join(record(1))]
    lines += [",".join("" if v is None else str(v) for v in record(n).values()) for n in numbers]
    return "\n".join(lines) + "\n"


def jsonl_text(numbers: range) -> str:
    return "".join(json.dumps(record(n)) + "\n" for n in numbers)


def array_text(numbers: range) -> str:
    return json.dumps([record(n) for n in numbers], indent=1)


FORMATS = {"csv": csv_text, "jsonl": jsonl_text, "json": array_text}
LINES = {"csv": (1, 1), "jsonl": (0, 1), "json": (-8, 10)}
"""The line of record ``n``: so much, and so much for each record."""


def mapping(shell: Shell, condition: str = CONDITION, more: str = 'null = ["NULL"]') -> str:
    shell.write("mapping.toml", f"where = {json.dumps(condition)}\n{more}\n")
    return "mapping.toml"


def result_line(result: CommandResult) -> str:
    (line,) = [line for line in result.err.splitlines() if line.startswith("Result ")]
    return " ".join(line.split())


def rows_line(result: CommandResult) -> str:
    (line,) = [line for line in result.err.splitlines() if line.startswith("Rows ")]
    return " ".join(line.split())


@pytest.mark.parametrize("kind", FORMATS)
def test_only_rows_for_which_it_holds_are_sent(shell: Shell, server: Server, kind: str) -> None:
    name = f"events.{kind}"
    shell.write(name, FORMATS[kind](range(1, ROWS + 1)))

    tried = shell.type("run", name, "--dry-run", "--mapping", mapping(shell))
    result = shell.type("run", name, "--yes", "--mapping", "mapping.toml", "--max-errors", "0")

    skipped = ROWS - len(LEFT)
    assert (tried.code, result.code) == (0, 0), result.err
    assert result_line(tried) == f"Result {ROWS} records = {len(LEFT)} valid + {skipped} skipped ✓ adds up"
    assert (
        result_line(result) == f"Result {ROWS} records = {len(LEFT)} imported + {skipped} skipped ✓ adds up"
    )
    assert rows_line(tried) == rows_line(result)
    assert rows_line(result) == f"Rows where {CONDITION} · {skipped} of {ROWS} records left out"
    assert f"found {len(LEFT)} valid, 0 invalid and {skipped} left out" in result.err
    assert server.numbers() == LEFT
    for before, after in zip(
        shell.results("events.dry-run.csv"), shell.results("events.results.csv"), strict=True
    ):
        assert before["insert_id"] == after["insert_id"]
        assert (before["status"], after["status"]) in {("valid", "imported"), ("skipped", "skipped")}
        assert (int(after["row"]) in LEFT) == (after["status"] == "imported")
        if after["status"] == "skipped":
            assert (after["success"], after["error"], after["event"]) == ("false", "left out by where", "")
            ahead, each = LINES[kind]
            assert int(after["line"]) == ahead + each * int(after["row"])


def test_the_option_goes_over_the_mapping_and_an_empty_one_is_refused(shell: Shell, server: Server) -> None:
    shell.write("events.csv", csv_text(range(1, 31)))
    words = ("run", "events.csv", "--dry-run", "--mapping", mapping(shell))

    other = shell.type(*words, "--where", "n <= 3")
    none = shell.type(*words, "--where", "")

    assert result_line(other) == "Result 30 records = 3 valid + 27 skipped ✓ adds up"
    assert (none.code, "found no condition" in none.err) == (2, True)


def test_an_empty_condition_of_a_mapping_takes_away_that_of_the_preset(shell: Shell) -> None:
    call = '"userId":"u1","timestamp":"2024-05-01T10:00:00Z","messageId":"m","context":{}'
    shell.write(
        "a.jsonl", f'{{"type":"track","event":"A",{call}}}\n{{"type":"identify","event":"B",{call}}}\n'
    )
    shell.write("all.toml", 'where = ""\n[fields]\nevent = "event"\n')
    words = ("run", "a.jsonl", "--dry-run", "--preset", "segment")
    assert result_line(shell.type(*words)) == "Result 2 records = 1 valid + 1 skipped ✓ adds up"
    with_all = shell.type(*words, "--mapping", "all.toml")
    assert result_line(with_all) == "Result 2 records = 2 valid ✓ adds up"
    assert "Rows " not in with_all.err


def test_an_event_is_the_same_whether_others_are_left_out_or_not(shell: Shell, server: Server) -> None:
    shell.write("events.jsonl", jsonl_text(range(1, 61)))
    shell.type("run", "events.jsonl", "--yes", "--null", "NULL")
    all_of_them = {event["properties"]["n"]: event for event in server.events()}
    server.reset()

    shell.type("run", "events.jsonl", "--yes", "--mapping", mapping(shell), "--results", "some.csv")

    for event in server.events():
        assert exact(event) == exact(all_of_them[event["properties"]["n"]])
    assert server.numbers() == [n for n in LEFT if n <= 60]


def test_types_are_those_of_the_rows_that_stay(shell: Shell, server: Server) -> None:
    shell.write(
        "events.csv",
        "event,time,user_id,type,amount\n"
        "Buy,2026-03-01T00:00:00Z,u1,track,12\n"
        "Buy,2026-03-01T00:00:00Z,u2,test,n/a\n"
        "Buy,2026-03-01T00:00:00Z,u3,track,3\n",
    )

    result = shell.type("run", "events.csv", "--yes", "--mapping", mapping(shell, "type != 'test'", ""))

    assert "amount (integer)" in result.err
    assert sorted(event["properties"]["amount"] for event in server.events()) == [3, 12]


def test_a_value_that_cannot_be_compared_is_invalid_and_shown_beforehand(
    shell: Shell, server: Server
) -> None:
    rows = ["Buy,2026-03-01T00:00:00Z,u1,12", "Buy,2026-03-01T00:00:00Z,u2,twelve", "Buy,,u3,3"]
    shell.write("events.csv", "event,time,user_id,amount\n" + "\n".join(rows) + "\n")

    result = shell.type("run", "events.csv", "--yes", "--mapping", mapping(shell, "amount > 5", ""))

    assert result.code == 1
    assert statuses(shell.results("events.results.csv")) == ["imported", "invalid", "skipped"]
    error = "where: amount: expected a number, found 'twelve'"
    assert shell.results("events.results.csv")[1]["error"] == error
    assert (
        "Attention    1 record has a value that where can't compare:"
        " amount: expected a number, found 'twelve': invalid (row 2)" in result.err
    )
    assert "broken" not in result.err
    assert shell.type("run", "events.csv", "--dry-run", "--mapping", "mapping.toml", "--strict").code == 2


def test_what_was_left_out_is_not_tried_again(shell: Shell, server: Server) -> None:
    rows = ["Buy,2026-03-01T00:00:00Z,u1,12", "Buy,yesterday,u2,12", "Buy,yesterday,u3,3"]
    shell.write("events.csv", "event,time,user_id,amount\n" + "\n".join(rows) + "\n")
    first = shell.type(
        "run",
        "events.csv",
        "--yes",
        "--mapping",
        mapping(shell, "amount > 5", ""),
        "--failed-rows",
        "failed.csv",
    )
    assert first.code == 1
    assert (shell.folder / "failed.csv").read_text().splitlines()[1:] == [rows[1]]

    again = shell.type("retry", "events.results.csv", "--yes", "--missing-time", "now")
    status = shell.type("status", "events.results.csv", "--json")

    assert again.code == 1
    assert [row["row"] for row in shell.results("events.results.retry-1.csv")] == ["2"]
    stands = json.loads(status.out)
    assert (stands["imported"], stands["invalid"], stands["skipped"]) == (1, 1, 1)
    assert stands["reconciles"]


def test_a_retry_with_another_condition_asks_it_of_the_rows_that_failed(shell: Shell, server: Server) -> None:
    rows = [
        "Buy,2026-03-01T00:00:00Z,u1,12",
        "Buy,2026-03-01T00:00:00Z,u2,twelve",
        "Buy,2026-03-01T00:00:00Z,u3,3",
    ]
    shell.write("events.csv", "event,time,user_id,amount\n" + "\n".join(rows) + "\n")
    assert shell.type("run", "events.csv", "--yes", "--mapping", mapping(shell, "amount > 5", "")).code == 1

    result = shell.type(
        "retry",
        "events.results.csv",
        "--yes",
        "--mapping",
        mapping(shell, "user_id != 'u3'", '[types]\namount = "string"'),
    )

    assert result.code == 0, result.err
    assert sorted(event["properties"]["distinct_id"] for event in server.events()) == ["u1", "u2"]


def test_a_run_with_another_condition_does_not_go_on_with_these_results(shell: Shell) -> None:
    shell.write("events.jsonl", jsonl_text(range(1, 31)))
    shell.type("run", "events.jsonl", "--yes", "--mapping", mapping(shell), "--limit", "20")

    result = shell.type("run", "events.jsonl", "--yes", "--resume", "--mapping", mapping(shell, "n > 5"))

    assert result.code == 2
    assert "where: was" in result.err


def test_where_nothing_stays_nothing_is_sent_and_all_is_counted(shell: Shell, server: Server) -> None:
    shell.write("events.csv", csv_text(range(1, 31)))

    result = shell.type("run", "events.csv", "--yes", "--mapping", mapping(shell, "n > 1000"))

    assert result.code == 0, result.err
    assert "all 30 records are invalid or left out by the mapping" in result.err
    assert result_line(result) == "Result 30 records = 30 skipped ✓ adds up"
    assert server.counts()["raw_count"] == 0


def test_a_limit_counts_the_records_that_are_left_out(shell: Shell, server: Server) -> None:
    shell.write("events.csv", csv_text(range(1, 101)))

    result = shell.type("run", "events.csv", "--yes", "--mapping", mapping(shell), "--limit", "50")

    assert result.code == 0, result.err
    assert server.numbers() == [n for n in LEFT if n <= 50]
    assert len(shell.results("events.results.csv")) == 50


def test_a_set_is_filtered_in_each_of_its_sources(shell: Shell, server: Server) -> None:
    for part in range(3):
        shell.write(f"part-{part}.jsonl", jsonl_text(range(1 + 100 * part, 101 + 100 * part)))

    result = shell.type(
        "run", "part-*.jsonl", "--yes", "--mapping", mapping(shell), "--workers", "2", "--results", "all"
    )

    left = [n for n in LEFT if n <= 300]
    assert result.code == 0, result.err
    assert (
        result_line(result)
        == f"Result 300 records = {len(left)} imported + {300 - len(left)} skipped ✓ adds up"
    )
    assert server.numbers() == left
    assert f"{300 - len(left)} of 300 records left out" in rows_line(result)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_killed_and_resumed_nothing_is_lost_or_doubled(tmp_path: Path, kind: str) -> None:
    name = f"events.{kind}"
    with fault_server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path(name), 120)
        scene.path("m.toml").write_text("where = \"event in ('Sign Up', 'Purchase') and n > 7\"\n")
        left = [n for n in range(8, 121) if n % 3 != 1]
        with scene.start("run", name, "--mapping", "m.toml") as importer:
            scene.wait_for_fault("hold")
            importer.signal(signal.SIGSTOP)
            scene.mend()
            importer.kill()
        assert 0 < len(scene.rows()) < 120

        ended = scene.ended("run", name, "--resume", "--mapping", "m.toml")

        assert ended.code == 0, ended.said
        assert scene.rows() == list(range(1, 121))
        assert [line["status"] == "imported" for line in scene.results()] == [
            n in left for n in range(1, 121)
        ]
        assert sorted(int(properties["n"]) for properties in scene.landed()) == left
        assert scene.raw_count() - len(left) in (10, 20), "what had no line was sent again, and landed once"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_that_does_not_exist_stops_the_run_and_is_shown(shell: Shell, kind: str) -> None:
    shell.write(f"events.{kind}", FORMATS[kind](range(1, 5)))

    result = shell.type(
        "run", f"events.{kind}", "--dry-run", "--mapping", mapping(shell, "type = 'page' and contry = 'DE'")
    )

    assert result.code == 2
    assert result.err.splitlines() == [
        "Stopped: where, at character 19: there is no column 'contry'; did you mean 'country'?",
        "type = 'page' and contry = 'DE'",
        "                  ^",
        "The columns are: event, time, user_id, type, amount, country, id, n",
    ]


def test_a_retry_names_a_column_that_does_not_exist(shell: Shell) -> None:
    shell.write("events.csv", "event,time,user_id,amount\nBuy,2026-03-01T00:00:00Z,u1,twelve\n")
    assert shell.type("run", "events.csv", "--yes", "--where", "amount > 5").code == 1

    result = shell.type("retry", "events.results.csv", "--yes", "--where", "amont > 5")

    assert result.code == 2
    assert "there is no column 'amont'; did you mean 'amount'?" in result.err


def test_the_events_of_a_large_file_are_estimated_without_what_is_left_out(shell: Shell) -> None:
    pad = "x" * 300
    with (shell.folder / "large.jsonl").open(
        "w"
    ) as file:  # too large, and too mixed, to be looked at as a whole
        for n in range(1, 50_001):
            file.write(json.dumps({**record(n), "time": n / 8 if n % 2 else str(n), "pad": pad}) + "\n")

    result = shell.type("run", "large.jsonl", "--sandbox", "--limit", "100", "--where", "n > 750")

    assert "750 of 1,000 records left out (in the first 1,000 records)" in rows_line(result)


@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_columns_are_known_where_the_first_records_are_all_left_out(
    shell: Shell, server: Server, kind: str
) -> None:
    shell.write(f"events.{kind}", FORMATS[kind](range(1, 1501)))

    result = shell.type("run", f"events.{kind}", "--yes", "--where", "n > 1490")

    assert result.code == 0, result.err
    assert server.numbers() == [*range(1491, 1501)]


def test_names_of_columns_are_trimmed_before_a_condition_is_read(shell: Shell, server: Server) -> None:
    shell.write(
        "events.csv",
        "event, time , user_id, n \nBuy,2026-03-01T00:00:00Z,u1, 1 \nBuy,2026-03-01T00:00:00Z,u1, 2 \n",
    )

    result = shell.type("run", "events.csv", "--yes", "--trim", "--where", "n > 1")

    assert result.code == 0, result.err
    assert server.numbers() == [2]


def test_a_condition_that_cannot_be_read_is_shown_with_the_place(shell: Shell) -> None:
    shell.write("events.csv", csv_text(range(1, 5)))

    result = shell.type("run", "events.csv", "--dry-run", "--mapping", mapping(shell, 'type = "page"'))

    assert result.code == 2
    assert result.err.splitlines()[:3] == [
        "Stopped: where, at character 8: expected a value, found '\"page\"'",
        'type = "page"',
        "       ^",
    ]


def test_paths_lead_into_objects(shell: Shell, server: Server) -> None:
    def line(n: int, **more: Any) -> str:
        return json.dumps({"event": "Buy", "time": f"2026-03-01T00:00:0{n}Z", "user_id": "u", "n": n, **more})

    lines = [
        line(1, context={"page": {"path": "/shop/1"}}, items=[{"id": 7}]),
        line(2, context={"page": {"path": "/blog/1"}}, items=[{"id": 7}]),
        line(3, context={"page": {"path": "/shop/2"}}, items=[]),
        line(4, context=None, items=[{"id": 7}]),
        line(5, **{"context.page": {"path": "/shop/5"}, "items": [{"id": 7}]}),
    ]
    shell.write("events.jsonl", "\n".join(lines))

    result = shell.type(
        "run",
        "events.jsonl",
        "--yes",
        "--mapping",
        mapping(shell, "context.page.path like '/shop/%' and items[0].id = 7", 'deep = "json"'),
    )

    assert result.code == 0, result.err
    assert server.numbers() == [1, 5]


def test_ids_beyond_doubles_are_told_apart(shell: Shell, server: Server) -> None:
    for kind, text in FORMATS.items():
        server.reset()
        shell.write(f"{kind}.{kind}", text(range(1, 9)))
        result = shell.type(
            "run", f"{kind}.{kind}", "--yes", "--mapping", mapping(shell, f"id = {2**62 + 5}", "")
        )
        assert result.code == 0, result.err
        assert server.numbers() == [5]


def test_the_mapping_that_a_preview_saves_leaves_out_the_same(shell: Shell, server: Server) -> None:
    shell.write("events.csv", csv_text(range(1, 61)))
    shown = shell.type("preview", "events.csv", "--mapping", mapping(shell), "--save", "saved.toml")
    assert shown.code == 0, shown.err

    result = shell.type("run", "events.csv", "--yes", "--mapping", "saved.toml")

    assert result.code == 0, result.err
    assert server.numbers() == [n for n in LEFT if n <= 60]


def test_an_event_at_the_server_is_the_record(shell: Shell, server: Server) -> None:
    shell.write("events.jsonl", jsonl_text(range(1, 20)))

    shell.type("run", "events.jsonl", "--yes", "--mapping", mapping(shell))

    expected = record(13)
    (found,) = [event for event in server.events() if event["properties"]["n"] == 13]
    assert exact(without_id(found)) == exact(
        {
            "event": "Buy",
            "properties": {
                "distinct_id": "u4",
                "time": 1772323980000,
                "ip": 0,
                **{name: expected[name] for name in ("type", "amount", "country", "id", "n")},
            },
        }
    )
