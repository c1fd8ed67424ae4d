"""Files of kinds that are easily misread: what is sent is right, or the plan says so before it is sent."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import Server, Shell

FILES = Path(__file__).parent.parent / "data" / "unfamiliar"
TEN = 1714557600000
"""2024-05-01T10:00:00Z in milliseconds."""


@dataclass(frozen=True)
class Case:
    """A file, the options that it is run with, and what is right.

    Attributes:
        file: Its name.
        options: What is typed beside it.
        landed: Of each event that lands, in order of the source, what is checked; ``event`` is its name.
        codes: Codes of attention that the plan must hold, with the number of records concerned.
        remedy: What one of them or the refusal offers to type.
        refused: A part of the message with which nothing is sent; empty if the run goes on.
        errors: Parts of the reasons of the records that are invalid, in order.
        plan: What else the plan says.
    """

    file: str
    options: tuple[str, ...] = ()
    landed: tuple[dict[str, Any], ...] = ()
    codes: dict[str, int] = field(default_factory=dict)
    remedy: str = ""
    refused: str = ""
    errors: tuple[str, ...] = ()
    plan: str = ""


CASES = [
    Case(
        "version_numbers.csv",
        landed=({"app_version": "1.10"}, {"app_version": "1.1"}),
        codes={"number-forms": 2},
        remedy="--type app_version=number",
    ),
    Case(
        "client_ids.csv",
        landed=({"client_id": "799642630.1717000001"}, {"client_id": "799642630.1717000002"}),
    ),
    Case(
        "literal_z.csv",
        ("--timezone", "America/New_York", "--time-format", "%Y-%m-%dT%H:%M:%SZ"),
        landed=({"time": TEN},),
    ),
    Case(
        "pm_with_24h.csv",
        ("--timezone", "UTC", "--time-format", "%Y-%m-%d %H:%M:%S %p"),
        refused="%p",
        remedy="%I",
    ),
    Case(
        "pm_with_24h.csv",
        ("--timezone", "UTC", "--time-format", "%Y-%m-%d %I:%M:%S %p"),
        landed=({"time": TEN + 45_000_000},),
    ),
    Case(
        "format_without_percent.csv",
        ("--timezone", "UTC", "--time-format", "MM/DD/YYYY"),
        refused="MM/DD/YYYY",
        remedy="%m/%d/%Y",
    ),
    Case(
        "null_words.csv",
        landed=tuple({"distinct_id": word} for word in ("NULL", "\\N", "None", "NaN", "N/A")),
        codes={"null-words": 5},
        remedy="--null NULL",
    ),
    Case(
        "space_after_comma.csv",
        landed=({"event": "x", "distinct_id": "u1", "a": "q, r", "time": TEN},),
        plan="comma + space",
    ),
    Case(
        "partly_no_user.csv",
        landed=({"distinct_id": ""}, {"distinct_id": "u2"}),
        codes={"no-user": 1},
        remedy="--map distinct_id=user_id,user_pseudo_id",
    ),
    Case(
        "partly_no_user.csv",
        ("--map", "distinct_id=user_id,user_pseudo_id"),
        landed=(
            {"distinct_id": "111.1717000001"},
            {"distinct_id": "u2", "user_pseudo_id": 112.1717000002},
        ),
    ),
    Case(
        "device_and_user.csv",
        landed=(
            {"distinct_id": "u1", "$device_id": "d1", "$user_id": "u1"},
            {"distinct_id": "$device:d2", "$device_id": "d2"},
        ),
        codes={"id-merge": 0},
    ),
    Case(
        "name_is_a_person.csv",
        landed=({"event": "Logged In", "name": "Alice A"}, {"event": "Logged In", "name": "Bob B"}),
    ),
    Case(
        "order_numbers.csv",
        ("--set", "event=Order"),
        landed=({"event": "Order", "Name": "#1001"}, {"event": "Order", "Name": "#1002"}),
    ),
    Case("order_numbers.csv", refused="no column is known to hold the event's name", remedy="--map"),
    Case("lone_cr.csv", landed=({"note": "first\rsecond"}, {"note": "ok"})),
    Case(
        "three_copies.csv",
        landed=({"event": "A"},),
        codes={"copies": 2},
        remedy="--insert-id row",
    ),
    Case("sep_line.csv", landed=({"a": "1,5"},), codes={"decimal-mark": 1}, remedy="--decimal ,"),
    Case("sep_line.csv", ("--decimal", ","), landed=({"a": 1.5},)),
    Case(
        "decimal_comma.csv",
        ("--decimal", ",", "--thousands", "."),
        landed=({"Betrag": 10210.1}, {"Betrag": 0.5}),
    ),
    Case("decimal_comma.csv", codes={"decimal-mark": 2}, remedy="--decimal , --thousands .",
         landed=({"Betrag": "10.210,10"}, {"Betrag": "0,5"})),
    Case("joined.csv", landed=({"event": "A", "n": 1}, {"event": "B", "n": 2}), codes={"header-line": 1},
         errors=("the header again",), plan="the header stands again on 1 line: left out (row 2)"),
    Case("joined_other_order.csv", landed=({"event": "A", "n": 1},), codes={"header-line": 1},
         errors=("in another order", "time"), remedy="Split the file there",
         plan="line 3 names the columns in another order"),
    Case("no_header.csv", refused="looks like data", remedy="--no-header --map event=1 --map time=2"),
    Case("no_header.csv", ("--no-header", "--map", "event=1", "--map", "time=2"),
         landed=({"event": "signup", "4": 9.5}, {"event": "login", "4": 8.5})),
    Case("mysql_tab.tsv", landed=({"t": r"hello\tworld"},), errors=("--escape '\\'",)),
    Case("mysql_tab.tsv", ("--escape", "\\"), landed=({"t": "hello\tworld"}, {"t": "one\ttwo"})),
    Case("preamble.csv", refused="header", remedy="--skip-lines 3"),
    Case("preamble.csv", ("--skip-lines", "3"), landed=({"event": "A", "distinct_id": "u1"},)),
    Case("trailing_comma.csv", landed=({"a": 1}, {"a": 2}), codes={"trailing-delimiter": 0}),
    Case("single_quotes.csv", refused="", remedy="--quote", codes={}),
    Case("single_quotes.csv", ("--quote", "'"), landed=({"event": "A", "distinct_id": "u1"},)),
    Case("backslash_quotes.csv", ("--escape", "\\"), landed=({"t": 'say "hi", ok'},)),
    Case("ip_words.jsonl", landed=({}, {}), codes={"ip": 2}, plan="203.0.113.9"),
    Case("deep.jsonl", errors=("nested",), codes={"deep": 1}, remedy="--deep json"),
    Case("deep.jsonl", ("--deep", "json"), landed=({"event": "L"},)),
    Case("deep.jsonl", ("--deep", "flatten"), landed=({"event": "L"},)),
    Case(
        "date_and_time.csv",
        ("--map", "time={day} {clock}", "--timezone", "Europe/Berlin"),
        landed=({"time": 1714551630000, "day": "2024-05-01", "clock": "10:20:30"},),
    ),
    Case("forms_of_time.csv", landed=tuple({"time": TEN} for _ in range(4))),
    Case("excel_serial.csv", errors=("--time-format excel",)),
    Case(
        "excel_serial.csv", ("--time-format", "excel", "--timezone", "UTC"), landed=({"time": TEN},)
    ),
    Case(
        "damaged_ids.csv",
        landed=({"distinct_id": "123.0"}, {"distinct_id": "1.23457E+11"}, {"distinct_id": '="00123"'}),
        codes={"damaged-ids": 3},
    ),
    Case("login_page.csv", refused="HTML"),
    Case("wrapped.json", landed=({"event": "L", "distinct_id": "u1"},), codes={"records-list": 0}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join((case.file, *case.options)))
def test_a_file_is_read_as_it_says_or_the_plan_says_so(shell: Shell, server: Server, case: Case) -> None:
    shutil.copy(FILES / case.file, shell.folder)
    ended = shell.type("run", case.file, "--yes", "--json", *case.options)
    assert "Traceback" not in ended.err
    assert case.remedy in ended.err
    assert case.plan in ended.err
    if case.refused or not (case.landed or case.errors):
        assert ended.code == 2, ended.err
        assert case.refused in ended.err
        assert server.events() == []
        return
    attention = {each["code"]: each["count"] for each in json.loads(ended.out)["attention"]}
    assert {code: attention.get(code) for code in case.codes} == case.codes
    assert_landed(server, case.landed)
    manifest = json.loads(ended.out)
    results = shell.results(f"{Path(case.file).stem}.results.csv")
    invalid = [row["error"] for row in results if row["status"] == "invalid"]
    assert len(invalid) == len(case.errors), invalid
    for found, expected in zip(invalid, case.errors, strict=True):
        assert expected in found
    assert ended.code == int(bool(case.errors))
    assert manifest["reconciled"] is True


def assert_landed(server: Server, expected: tuple[dict[str, Any], ...]) -> None:
    landed = [{"event": each["event"], **each["properties"]} for each in server.events()]
    assert len(landed) == len(expected)
    left = list(expected)
    for event in landed:
        match = next(
            (
                each
                for each in left
                if all(name in event and exact(event[name], v) for name, v in each.items())
            ),
            None,
        )
        assert match is not None, event
        left.remove(match)


def exact(found: Any, expected: Any) -> bool:
    return type(found) is type(expected) and bool(found == expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("version_numbers.csv", "number-forms"),
        ("null_words.csv", "null-words"),
        ("partly_no_user.csv", "no-user"),
        ("decimal_comma.csv", "decimal-mark"),
        ("three_copies.csv", "copies"),
        ("deep.jsonl", "deep"),
        ("padded.csv", "padding"),
        ("us_times.csv", "time-forms"),
    ],
)
def test_the_option_that_is_offered_cures_what_it_is_offered_for(
    shell: Shell, server: Server, name: str, code: str
) -> None:
    shutil.copy(FILES / name, shell.folder)
    first = json.loads(shell.type("run", name, "--dry-run", "--json").out)
    (found,) = [each for each in first["attention"] if each["code"] == code]
    words = [word.replace("ZONE", "Europe/Berlin") for word in shlex.split(found["remedy"])]
    assert words[0].startswith("--")
    cured = shell.type("run", name, "--yes", "--json", *words)
    assert cured.code == 0, cured.err
    assert code not in {each["code"] for each in json.loads(cured.out)["attention"]}
    assert json.loads(cured.out)["counts"]["imported"] == first["scope"]
    assert server.events()


@pytest.mark.slow
def test_broken_lines_at_the_top_of_a_file_don_t_hide_the_good_ones_below(
    shell: Shell, server: Server
) -> None:
    text = (FILES / "nan_head.jsonl").read_text("utf-8")
    lines = text.count("\n")
    shell.write("nan.jsonl", text + '{"event":"Good","time":1714557600,"distinct_id":"u1"}\n')
    ended = shell.type("run", "nan.jsonl", "--yes")
    assert ended.code == 1
    results = shell.results("nan.results.csv")
    assert len(results) == lines + 1
    assert results[-1]["status"] == "imported"
    assert [each["event"] for each in server.events()] == ["Good"]
    assert all("NaN" in row["error"] for row in results if row["status"] == "invalid")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed_shapes.jsonl", "partly_no_user.csv", "forms_of_time.csv"])
def test_the_plan_counts_what_the_run_does(shell: Shell, name: str) -> None:
    shutil.copy(FILES / name, shell.folder)
    planned = json.loads(shell.type("run", name, "--yes", "--json").out)
    invalid = sum(row["status"] == "invalid" for row in shell.results(f"{Path(name).stem}.results.csv"))
    assert invalid == sum(
        each["count"] for each in planned["attention"] if each["code"] in ("no-time", "no-zone", "unreadable")
    )
    assert planned["audit"]["facts"]["records"] == planned["counts"]["imported"] + invalid
