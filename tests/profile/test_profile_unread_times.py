"""What the plan says of times that can't be read, and that what it offers reads them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from importer.events.times import TimeReader
from importer.model import Record
from importer.profile.chunk import ColumnarChunk
from importer.profile.format_candidates import candidates
from importer.profile.observers import SummaryObserver
from importer.reading import Attention, AttentionRow, Dialect, Reading
from importer.source.reader import open_source

CSV = Reading(Dialect("csv"), ("event", "time"), {"event": "event", "time": "time"})
JSONL = replace(CSV, dialect=Dialect("jsonl"))


def observed(values: Sequence[Any], reading: Reading = CSV, start: int = 1) -> SummaryObserver:
    observer = SummaryObserver(reading)
    has_cells = reading.dialect.has_cells
    records = [
        Record(row, row + 1, ("E", value) if has_cells else {"event": "E", "time": value})
        for row, value in enumerate(values, start)
    ]
    observer.observe(ColumnarChunk(records, has_cells=has_cells, source="f"))
    return observer


def found(values: Sequence[Any], reading: Reading = CSV) -> list[Attention]:
    return observed(values, reading).attention()


def forms(values: Sequence[Any], reading: Reading = CSV) -> Attention:
    (attention,) = [each for each in found(values, reading) if each.code == "time-forms"]
    return attention


def rows(attention: Attention) -> list[int]:
    return [each.row for each in attention.rows]


# ── counts and first rows ────────────────────────────────────────────────────────────────────────

OK = "2024-05-01T10:00:00Z"
MIXED = [OK, "", "2024-05-01T10:00:00", "soon", OK, "", "soon"]


@pytest.mark.parametrize("reading", [CSV, JSONL])
def test_each_kind_is_counted_with_its_first_rows(reading: Reading):
    no_zone, unreadable, missing = found(MIXED, reading)
    assert (no_zone.code, no_zone.count, rows(no_zone)) == ("no-zone", 1, [3])
    assert no_zone.text == "1 record has a time without a zone: invalid"
    assert no_zone.remedy == "--timezone ZONE"
    assert (unreadable.code, unreadable.count, rows(unreadable)) == ("no-time", 2, [4, 7])
    assert unreadable.text == "2 records have no time that can be read: invalid"
    assert (missing.code, missing.count, rows(missing)) == ("no-time", 2, [2, 6])
    assert (missing.text, missing.remedy) == ("2 records have no time: invalid", "")


def test_a_missing_time_that_is_declared_is_not_called_invalid():
    (missing,) = found(["", OK], replace(CSV, missing_time=1))
    assert missing.text == "1 record has no time: sent with the time of the run"


def test_times_in_a_change_of_clocks_are_told_and_no_format_is_offered_for_them():
    (attention,) = found(["2024-03-31T02:30:00"], replace(CSV, timezone="Europe/Berlin"))
    assert attention.text == "1 record has no time that can be read (1 where clocks were changed): invalid"


def test_the_rows_of_a_block_are_those_of_the_file(tmp_path: Path):
    path = tmp_path / "f.csv"
    path.write_text("event,time\n" + "".join(f"E,{value}\n" for value in MIXED * 100), "utf-8")
    observer = SummaryObserver(CSV)
    with open_source(path, CSV.dialect, CSV.columns) as source:
        for chunk in source.chunks():
            observer.observe(ColumnarChunk(chunk, has_cells=True, source="f"))
    no_zone, unreadable, missing = observer.attention()
    assert rows(no_zone) == [3, 10, 17, 24, 31]
    assert rows(unreadable) == [4, 7, 11, 14, 18]
    assert rows(missing) == [2, 6, 9, 13, 16]
    assert (no_zone.count, unreadable.count, missing.count) == (100, 200, 200)


def test_times_that_can_be_read_need_no_attention():
    assert found([OK, "1714557600", "Wed, 01 May 2024 10:00:00 GMT"]) == []


# ── which formats read every value ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (["03/04/2024 10:00", "13/04/2024 10:00"], ["--time-format '%d/%m/%Y %H:%M' --timezone ZONE"]),
        (["03/04/2024 10:00", "04/13/2024 10:00"], ["--time-format '%m/%d/%Y %H:%M' --timezone ZONE"]),
        (
            ["03/04/2024", "05/04/2024"],
            ["--time-format %d/%m/%Y --timezone ZONE", "--time-format %m/%d/%Y --timezone ZONE"],
        ),
        (["01.06.2024", "31.12.2024"], ["--time-format %d.%m.%Y --timezone ZONE"]),
        (["6/1/24 9:05 PM", "6/30/24 9:05 AM"], ["--time-format '%m/%d/%y %I:%M %p' --timezone ZONE"]),
        (["13-Apr-24 10.00.00.123456 AM"], ["--time-format '%d-%b-%y %I.%M.%S.%f %p' --timezone ZONE"]),
        (["31/12/2024 10:00:00 +0200"], ["--time-format '%d/%m/%Y %H:%M:%S %z'"]),
        (["31/12/2024 10:00:00 UTC"], ["--time-format '%d/%m/%Y %H:%M:%S %Z'"]),
        (["31/12/2024T10:00:00.123Z"], ["--time-format %d/%m/%YT%H:%M:%S.%f%z"]),
        (["Tue 31.12.2024 10:00"], ["--time-format '%a %d.%m.%Y %H:%M' --timezone ZONE"]),
        (["10:00 31/12/2024"], ["--time-format '%H:%M %d/%m/%Y' --timezone ZONE"]),
        (["31.12.2024 7", "31.12.2024 10"], ["--time-format '%d.%m.%Y %H' --timezone ZONE"]),
        (["20240501", "20241231"], ["--time-format %Y%m%d --timezone ZONE"]),
        (["20240501100000"], ["--time-format %Y%m%d%H%M%S --timezone ZONE"]),
        (["45413.4166666667", "45413"], ["--time-format excel --timezone ZONE"]),
        (["13.04.2024 10:00 EST"], ["--time-format '%d.%m.%Y %H:%M %Z' --timezone ZONE"]),
        (
            ["31.12.2024 10:00", "31.12.2024"],
            ["--time-format '%d.%m.%Y %H:%M' --time-format %d.%m.%Y --timezone ZONE"],
        ),
        ([OK, "31.12.2024"], ["--time-format auto --time-format %d.%m.%Y --timezone ZONE"]),
    ],
)
def test_what_is_offered_reads_every_value(values: list[str], lines: list[str]):
    for reading in (CSV, JSONL):
        attention = forms(values, reading)
        assert attention.remedy.split("   or   ") == lines
        assert attention.count == len([value for value in values if value != OK])
    for line in lines:
        words = shlex.split(line)
        given = [words[at + 1] for at, word in enumerate(words) if word == "--time-format"]
        zone = "America/New_York" if "--timezone" in words else ""
        winter = [value.replace("13.04", "13.01") for value in values]  # where New York has EST
        for value in winter:
            TimeReader(zone, given).read(value)


def test_numbers_of_json_are_looked_at_too():
    assert forms([20240501, 20241231], JSONL).remedy == "--time-format %Y%m%d --timezone ZONE"
    assert forms([45413.4166666667], JSONL).remedy == "--time-format excel --timezone ZONE"
    assert [each.code for each in found([{"a": 1}, [1], True], JSONL)] == ["no-time"]


def test_a_zone_that_is_declared_is_not_asked_for():
    assert forms(["31.12.2024"], replace(CSV, timezone="UTC")).remedy == "--time-format %d.%m.%Y"


def test_formats_that_are_declared_stay():
    reading = replace(CSV, time_format=("%d.%m.%Y",), timezone="UTC")
    assert forms(["31.12.2024", "12/31/2024"], reading).remedy == (
        "--time-format %d.%m.%Y --time-format %m/%d/%Y"
    )


def test_that_both_orders_read_every_value_is_for_the_owner_to_say():
    attention = forms(["03/04/2024", "", "05/06/2024"])
    assert attention.text == (
        "2 times such as '03/04/2024' can be read by '%d/%m/%Y' and by '%m/%d/%Y', each of them every one:"
        " which is right, only the file's owner knows"
    )
    assert (attention.level, rows(attention)) == ("decision", [1, 3])


def test_the_order_of_one_form_decides_that_of_another():
    attention = forms(["13/04/2024", "03/04/2024 10:00"])
    assert attention.remedy == ("--time-format %d/%m/%Y --time-format '%d/%m/%Y %H:%M' --timezone ZONE")


def test_a_column_with_both_orders_is_told_and_nothing_is_offered():
    attention = forms(["13/04/2024", "04/13/2024"])
    assert attention.remedy == ""
    assert "some have the day first and others the month" in attention.text


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("31.05.2024 10:00 UT", "%d.%m.%Y %H:%M %Z"),
        ("31.05.2024 10:00 Zulu", "%d.%m.%Y %H:%M %Z"),
        ("31.05.2024 10:00 Europe/Berlin", "%d.%m.%Y %H:%M %Z"),
        ("2024-05-31 10:00 [Europe/Berlin]", "%Y-%m-%d %H:%M [%Z]"),
        ("31.05.2024 10:00+02:00[Europe/Berlin]", "%d.%m.%Y %H:%M%z[%Z]"),
        ("31.05.2024 10:00 MESZ", "%d.%m.%Y %H:%M %Z"),
        ("31.05.2024 10:00 GMT+0200", "%d.%m.%Y %H:%M GMT%z"),
        ("31.05.2024 10:00 p. m.", "%d.%m.%Y %I:%M %p"),
        ("31.05.2024 10:00P", "%d.%m.%Y %I:%M%p"),
        ("5/31/2024, 10:00:00\u202fAM", "%m/%d/%Y, %I:%M:%S %p"),
        ("5/31/2024,\t10:00:00\xa0AM", "%m/%d/%Y, %I:%M:%S %p"),
    ],
)
def test_zones_and_halves_of_the_day_are_directives_of_what_is_offered(value: str, form: str):
    assert candidates(value) == (form,)


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-01T10:00:00Z[Europe/London]",
        "31.05.2024 10:00+03:00[Europe/Berlin]",
        "31.05.2024 10:00 ET",
        "31.05.2024 10:00 R",
        "31.05.2024 10:00 Japan",
        "31.05.2024 10:00 Pacific Standard Time",
    ],
)
def test_nothing_is_offered_that_would_read_over_a_zone(value: str):
    assert candidates(value) == ()


@pytest.mark.parametrize("timezone", ["", "America/New_York"])
def test_a_zone_that_is_written_is_not_asked_for_and_its_format_is_offered(timezone: str):
    reading = replace(CSV, timezone=timezone)
    for value in ("31.05.2024 10:00 UTC", "31.05.2024 10:00 Europe/Berlin"):
        assert forms([value], reading).remedy == "--time-format '%d.%m.%Y %H:%M %Z'"


def test_an_abbreviation_of_another_zone_offers_nothing():
    given = replace(CSV, timezone="America/New_York", time_format=("%Y-%m-%d %H:%M:%S %Z",))
    assert [each.code for each in found(["2024-05-01 10:00:00 PST"], given)] == ["no-time"]
    declared = replace(CSV, timezone="America/New_York")
    assert [each.code for each in found(["31.05.2024 10:00 PST"], declared)] == ["no-time"]
    assert forms(["31.05.2024 10:00 EDT"], declared).remedy == "--time-format '%d.%m.%Y %H:%M %Z'"


@pytest.mark.parametrize("order", [1, -1])
def test_a_zone_is_asked_for_where_one_value_needs_it(order: int):
    values = ["31.05.2024 10:00 UTC", "31.05.2024 10:00 EDT"][::order]
    line = "--time-format '%d.%m.%Y %H:%M %Z' --timezone ZONE"
    assert forms(values).remedy == line
    merged = observed(values[:1])
    merged.merge(observed(values[1:], start=2))
    assert merged.attention() == found(values)


@pytest.mark.parametrize(
    "value", ["soon", "", "12345678901", "99/99/2024", "31.12.2024 no. 7", "1.2.3.4", "2024", "10:00", "-"]
)
def test_no_format_is_known_for_what_is_no_date(value: str):
    assert candidates(value) == ()


def test_memory_does_not_grow_with_the_number_of_forms():
    values = [f"13{mark}04{mark}2024{tail}" for mark in "/.-" for tail in ("", " 10:00", " 10:00:00", " x")]
    attention = forms(values * 50)
    assert len(attention.text) < 500
    assert attention.count == 200  # of the first four forms


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["03/04/2024", ""], ["13/04/2024", "soon"]),
        ([OK], ["13/04/2024"]),
        (["13/04/2024"], ["04/13/2024", "01.02.2024"]),
        (["soon"] * 4, ["2024-05-01", *["soon"] * 4]),
        ([], []),
    ],
)
def test_parts_of_a_source_merge_to_the_whole(first: list[str], second: list[str]):
    merged = observed(first)
    merged.merge(observed(second, start=len(first) + 1))
    assert merged.attention() == found([*first, *second])


# ── epochs that are something else ───────────────────────────────────────────────────────────────


def test_dates_without_marks_that_look_like_epochs_of_1976_are_told():
    attention = forms(["202405011000", "202405021000"])
    assert attention.text == (
        "2 epochs lie before the year 2000: 202405011000 may be a date that is written without marks"
    )
    assert attention.remedy == "--time-format %Y%m%d%H%M --timezone ZONE"


@pytest.mark.parametrize("value", ["638501544000000000", "133590312000000000", "736250400"])
def test_other_counts_of_time_that_look_like_old_epochs_are_told(value: str):
    assert (
        forms([value]).text
        == "1 epoch lies before the year 2000: do they count from 1970, in s, ms, µs or ns?"
    )


def test_old_times_that_are_no_epochs_are_not_doubted():
    assert found(["1998-05-01T10:00:00Z"]) == []


def test_a_row_is_named_with_its_source():
    (attention,) = found(["soon"])
    assert attention.rows == (AttentionRow("f", 1),)
    assert json.dumps(attention.text)
