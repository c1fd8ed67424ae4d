"""Every directive of strptime is honoured or refused: nothing in a format is read over."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import BadValue, UsageError
from importer.events.times import TimeReader, iso_utc
from importer.events.zones import ClockChange, NoZone


def read(form: str | tuple[str, ...], value: object, zone: str = "UTC") -> str:
    return iso_utc(TimeReader(zone, (form,) if isinstance(form, str) else form).read(value))


# ── the directives, one by one ───────────────────────────────────────────────────────────────────

HONOURED = [
    ("%a", "%a %d.%m.%Y", "Wed 01.05.2024", "2024-05-01T00:00:00Z"),
    ("%A", "%A %d.%m.%Y", "wednesday 01.05.2024", "2024-05-01T00:00:00Z"),
    ("%w", "%w %d.%m.%Y", "3 01.05.2024", "2024-05-01T00:00:00Z"),
    ("%w of a Sunday", "%w %d.%m.%Y", "0 05.05.2024", "2024-05-05T00:00:00Z"),
    ("%u", "%u %d.%m.%Y", "7 05.05.2024", "2024-05-05T00:00:00Z"),
    ("%d", "%d.%m.%Y", "1.5.2024", "2024-05-01T00:00:00Z"),
    ("%d after a space", "%b %d %Y", "May  1 2024", "2024-05-01T00:00:00Z"),
    ("%b", "%d %b %Y", "01 MAY 2024", "2024-05-01T00:00:00Z"),
    ("%B", "%d %B %Y", "01 February 2024", "2024-02-01T00:00:00Z"),
    ("%m", "%m/%d/%Y", "05/01/2024", "2024-05-01T00:00:00Z"),
    ("%y of this century", "%d.%m.%y", "01.05.24", "2024-05-01T00:00:00Z"),
    ("%y of the last one", "%d.%m.%y", "01.05.99", "1999-05-01T00:00:00Z"),
    ("%Y", "%Y%m%d", "20240501", "2024-05-01T00:00:00Z"),
    ("%H", "%Y-%m-%d %H", "2024-05-01 9", "2024-05-01T09:00:00Z"),
    ("%I and %p", "%Y-%m-%d %I:%M %p", "2024-05-01 10:30 PM", "2024-05-01T22:30:00Z"),
    ("%p at noon", "%Y-%m-%d %I:%M%p", "2024-05-01 12:30pm", "2024-05-01T12:30:00Z"),
    ("%p at midnight", "%Y-%m-%d %I:%M %p", "2024-05-01 12:30 a.m.", "2024-05-01T00:30:00Z"),
    ("%M", "%Y-%m-%d %H:%M", "2024-05-01 10:05", "2024-05-01T10:05:00Z"),
    ("%S", "%Y-%m-%d %H:%M:%S", "2024-05-01 10:05:07", "2024-05-01T10:05:07Z"),
    ("%f", "%Y-%m-%d %H:%M:%S.%f", "2024-05-01 10:05:07.25", "2024-05-01T10:05:07.25Z"),
    ("%f to the nanosecond", "%Y%m%d%H%M%S%f", "20240501100507123456789", "2024-05-01T10:05:07.123456789Z"),
    ("%z", "%Y-%m-%d %H:%M %z", "2024-05-01 10:00 +0200", "2024-05-01T08:00:00Z"),
    ("%z with a colon", "%Y-%m-%d %H:%M%z", "2024-05-01 10:00-04:30", "2024-05-01T14:30:00Z"),
    ("%z as Z", "%Y-%m-%dT%H:%M%z", "2024-05-01T10:00Z", "2024-05-01T10:00:00Z"),
    ("%Z", "%Y-%m-%d %H:%M %Z", "2024-05-01 10:00 GMT", "2024-05-01T10:00:00Z"),
    ("%Z of a place", "%Y-%m-%d %H:%M %Z", "2024-05-01 10:00 Europe/Berlin", "2024-05-01T08:00:00Z"),
    ("%j", "%Y-%j", "2024-122", "2024-05-01T00:00:00Z"),
    ("%j of a leap year", "%Y%j", "2024366", "2024-12-31T00:00:00Z"),
    ("%U and a weekday", "%Y %U %a", "2024 17 Wed", "2024-05-01T00:00:00Z"),
    ("%W and a weekday", "%Y %W %a", "2024 18 Wed", "2024-05-01T00:00:00Z"),
    ("%G, %V and %u", "%G-W%V-%u", "2024-W18-3", "2024-05-01T00:00:00Z"),
    ("%G of the last days", "%G-W%V-%u", "2025-W01-1", "2024-12-30T00:00:00Z"),
    ("%%", "%Y%%%m%%%d", "2024%05%01", "2024-05-01T00:00:00Z"),
]


@pytest.mark.parametrize(("_", "form", "value", "time"), HONOURED, ids=str)
def test_a_directive_is_honoured(_: str, form: str, value: str, time: str):
    assert read(form, value) == time


REFUSED = [
    # what strptime takes and forgets, or fills in
    ("%Y-%m-%d %H:%M:%S %p", "%p is AM or PM", "--time-format '%Y-%m-%d %I:%M:%S %p'"),
    ("%Y-%m-%d %I:%M", "%I is an hour of twelve", "--time-format '%Y-%m-%d %H:%M'"),
    ("%Y-%m-%d %p", "%p is AM or PM", "such as"),
    ("%Y-%j %m", "%j says the month and the day again", "such as"),
    ("%Y-%m-%d %j", "%j says the month and the day again", "such as"),
    ("%Y %U", "no directive says the day of it", "such as"),
    ("%Y %W", "no directive says the day of it", "such as"),
    ("%Y-%m-%d %U %a", "%U says the day again", "such as"),
    ("%G-%V", "no directive says the day of it", "such as"),
    ("%G %m %d", "%G is the year of a week", "such as"),
    ("%Y %V %u", "%V goes with %G", "such as"),
    ("%G %U %u", "%U goes with %Y", "such as"),
    ("%H:%M:%S", "it has no year", "such as"),
    ("%d.%m. %H:%M", "it has no year", "such as"),
    ("%Y-%d", "it has no month", "such as"),
    ("%Y-%m", "it has no day of the month", "such as"),
    ("%Y", "it has no month", "such as"),
    ("%Y-%m-%d %M", "%M needs %H", "such as"),
    ("%Y-%m-%d %H:%S", "%S needs %M", "such as"),
    ("%Y-%m-%d %H:%M.%f", "%f needs %S", "such as"),
    ("%Y-%m-%d %z", "it has a zone and no hour", "such as"),
    # twice
    ("%Y-%m-%d %Y", "%Y stands in it twice", "such as"),
    ("%y-%Y-%m-%d", "%y and %Y say the same", "such as"),
    ("%d %b %m %Y", "%b and %m say the same", "such as"),
    ("%Y-%m-%d %H %I %p", "%H and %I say the same", "such as"),
    ("%a %A %Y-%m-%d", "%a and %A say the same", "such as"),
    ("%Y-%m-%d %H:%M UTC %Z", "it says two zones", "such as"),
    # what depends on the machine, and what other languages have
    ("%c", "depends on the language", "Spell it out"),
    ("%x %H:%M", "depends on the language", "Spell it out"),
    ("%Y-%m-%d %X", "depends on the language", "Spell it out"),
    ("%s", "%s is no directive", "Epochs are read without"),
    ("%F %T", "%F is no directive", "--time-format '%Y-%m-%d %H:%M:%S'"),
    ("%D %R", "%D is no directive", "--time-format '%m/%d/%y %H:%M'"),
    ("%-d.%-m.%Y", "%-d is no directive", "--time-format %d.%m.%Y"),
    ("%e %h %Y", "%e is no directive", "--time-format '%d %b %Y'"),
    ("%Y-%m-%dT%T.%3N%:z", "%T is no directive", "--time-format %Y-%m-%dT%H:%M:%S.%f%z"),
    ("%Q", "%Q is no directive", "such as"),
    ("%Y-%m-%d%", "it ends with a %", "%%"),
    ("%", "it ends with a %", "%%"),
    # no format of strptime at all
    ("", "no directive of strptime", "such as"),
    ("today", "no directive of strptime", "such as"),
    ("iso8601", "no directive of strptime", "are read without --time-format"),
    ("MM/DD/YYYY", "no directive of strptime", "--time-format %m/%d/%Y"),
]


@pytest.mark.parametrize(("form", "why", "remedy"), REFUSED)
def test_a_format_that_can_not_be_honoured_is_refused_at_once(form: str, why: str, remedy: str):
    with pytest.raises(UsageError, match=re.escape(why)) as caught:
        TimeReader("UTC", (form,))
    assert caught.value.message.startswith("--time-format ")
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("%I:%M PM", "%I:%M %p"),
        ("%H:%M PM", "%I:%M %p"),
        ("%H:%MPM", "%I:%M%p"),
        ("%H:%M:%S am", "%I:%M:%S %p"),
        ("%H:%M a.m.", "%I:%M %p"),
        ("%H:%M p. m.", "%I:%M %p"),
        ("%H:%M P", "%I:%M %p"),
        ("PM %H:%M", "%p %I:%M"),
        ("%l:%M PM", "%I:%M %p"),
        ("%R PM", "%I:%M %p"),
        ("%I:%M", "%I:%M %p"),
    ],
)
def test_am_and_pm_in_the_text_of_a_format_are_refused(text: str, offered: str):
    with pytest.raises(UsageError) as caught:
        TimeReader("UTC", (f"%Y-%m-%d {text}",))
    line = caught.value.remedy.split("   or   ")[0]
    assert line == f"--time-format '%Y-%m-%d {offered}'"
    half = {"%I:%M:%S %p": "10:30:00 PM", "%I:%M%p": "10:30PM", "%p %I:%M": "PM 10:30"}.get(
        offered, "10:30 p. m."
    )
    assert read(f"%Y-%m-%d {offered}", f"2024-05-01 {half}") == "2024-05-01T22:30:00Z"


def test_a_half_of_the_day_without_a_clock_is_refused():
    with pytest.raises(UsageError, match="PM is a half of the day"):
        TimeReader("UTC", ("%d.%m.%Y PM",))


@pytest.mark.parametrize(
    ("form", "value", "time"),
    [
        ("am %d.%m.%Y", "am 01.05.2024", "2024-05-01T00:00:00Z"),  # German: on the
        ("%d/%m/%Y a las %H:%M", "01/05/2024 a las 10:00", "2024-05-01T10:00:00Z"),
        ("%d.%m.%Y %H:%M Uhr", "01.05.2024 10:00 Uhr", "2024-05-01T10:00:00Z"),
    ],
)
def test_other_words_of_a_format_are_text(form: str, value: str, time: str):
    assert read(form, value) == time


@pytest.mark.parametrize("space", [" ", "\t", "\xa0", "\u202f", "\u2009", "\u3000"])
def test_white_space_of_any_kind_is_read_where_a_format_has_a_space(space: str):
    for half, hour in (("AM", "10"), ("p.m.", "22"), (f"p.{space}m.", "22")):
        value = f"5/13/2024,{space}10:00:00{space}{half}"
        assert read("%m/%d/%Y, %I:%M:%S %p", value) == f"2024-05-13T{hour}:00:00Z"
    assert read((), f"May 13,{space}2024,{space}10:00:00{space}AM") == "2024-05-13T10:00:00Z"


@pytest.mark.parametrize(
    ("form", "value", "why"),
    [
        ("%a %d.%m.%Y", "Tue 01.05.2024", "says Tuesday, but 2024-05-01 was a Wednesday"),
        ("%Y-%j", "2023-366", "2023 has no day 366"),
        ("%d.%m.%Y", "31.02.2024", "day"),
        ("%Y %U %a", "2024 53 Sat", "2024 has no such day"),
        ("%G-W%V-%u", "2023-W53-1", "week"),
        ("%Y-%m-%d %H:%M UTC%z", "2024-05-01 10:00 UTC+0200", ""),
        ("%Y-%m-%d %H:%M %z UTC", "2024-05-01 10:00 +0200 UTC", "says two zones"),
        ("%Y-%m-%d %H:%M %z", "2024-05-01 10:00 +1600", "no offset from UTC"),
    ],
)
def test_a_value_that_contradicts_itself_is_refused(form: str, value: str, why: str):
    if not why:  # GMT+0200: the offset is the zone
        assert read(form, value) == "2024-05-01T08:00:00Z"
        return
    with pytest.raises(BadValue, match=re.escape(why)):
        read(form, value)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("%Y%m%d", "2024111"),  # 1 November, or 11 January
        ("%Y%m%d%H%M", "20240501900"),
        ("%d%m%Y", "1112024"),
        ("%d.%m.%Y", "\u0660\u0661.05.2024"),
        ("%d.%m.%Y", "01.05.24"),
        ("%d.%m.%y", "01.05.2024"),
        ("%Y-%m-%d %H:%M", "2024-05-01 24:00"),
        ("%Y-%m-%d %H:%M:%S", "2024-05-01 10:00:60"),
        ("%Y-%m-%d %I:%M %p", "2024-05-01 13:00 PM"),
        ("%d %b %Y", "01 Mai 2024"),
        ("%d %b %Y", "01 May 2024 x"),
    ],
)
def test_a_value_that_does_not_follow_its_format_is_refused(form: str, value: str):
    with pytest.raises(BadValue, match="expected a time like"):
        read(form, value)


# ── zones ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "value", "time"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.5Z"),
        ("%Y-%m-%d %H:%M UTC", "2024-05-01 10:00 UTC", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M GMT", "2024-05-01 10:00 GMT", "2024-05-01T10:00:00Z"),
        ("GMT %Y-%m-%d %H:%M", "GMT 2024-05-01 10:00", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M (UTC)", "2024-05-01 10:00 (UTC)", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M UTC+2", "2024-05-01 10:00 UTC+2", "2024-05-01T08:00:00Z"),
        ("%Y-%m-%d %H:%M:%S+00:00", "2024-05-01 10:00:00+00:00", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M:%S.000+0000", "2024-05-01 10:00:00.000+0000", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S.000Z", "2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M:%S -0500", "2024-05-01 10:00:00 -0500", "2024-05-01T15:00:00Z"),
        ("%Y-%m-%d %H:%M %z", "2024-05-01 10:00 +0200", "2024-05-01T08:00:00Z"),
        ("%Y-%m-%d %H:%M %Z", "2024-05-01 10:00 UTC", "2024-05-01T10:00:00Z"),
        ("%Y-%m-%d %H:%M %z %Z", "2024-05-01 10:00 +0200 CEST", "2024-05-01T08:00:00Z"),
    ],
)
@pytest.mark.parametrize("zone", ["", "America/New_York"])
def test_a_zone_in_the_format_is_never_overridden(form: str, value: str, time: str, zone: str):
    assert read(form, value, zone) == time


@pytest.mark.parametrize(
    ("word", "time"),
    [
        ("UT", "10:00"),
        ("Zulu", "10:00"),
        ("Etc/UTC", "10:00"),
        ("[Europe/Berlin]", "08:00"),
        ("Europe/Berlin", "08:00"),
        ("(europe/berlin)", "08:00"),
        ("America/Argentina/Buenos_Aires", "13:00"),
        ("Japan", "01:00"),
        ("Z[UTC]", "10:00"),
    ],
)
@pytest.mark.parametrize("zone", ["", "America/New_York"])
def test_the_name_of_a_zone_in_the_format_is_the_zone(word: str, time: str, zone: str):
    form, value = f"%d.%m.%Y %H:%M {word}", f"01.05.2024 10:00 {word}"
    assert read(form, value, zone) == f"2024-05-01T{time}:00Z"


@pytest.mark.parametrize("word", ["EST", "CET", "MESZ", "(MEZ)", "ET", "Uhr MESZ"])
def test_an_abbreviation_in_the_format_is_never_another_zone(word: str):
    form, value = f"%d.%m.%Y %H:%M {word}", f"01.05.2024 10:00 {word}"
    with pytest.raises(BadValue, match="had EDT then"):
        read(form, value, "America/New_York")
    with pytest.raises(NoZone):
        read(form, value, "")


def test_german_abbreviations_are_those_of_central_europe():
    assert read("%d.%m.%Y %H:%M MESZ", "01.05.2024 10:00 MESZ", "Europe/Berlin") == "2024-05-01T08:00:00Z"
    assert read("%d.%m.%Y %H:%M %Z", "01.01.2024 10:00 MEZ", "Europe/Berlin") == "2024-01-01T09:00:00Z"


@pytest.mark.parametrize(
    ("form", "tail"),
    [
        ("Z[Europe/London]", "Z[Europe/London]"),
        ("%z[Europe/London]", "Z[Europe/London]"),
        ("%z[%Z]", "+0000[Europe/London]"),
        ("UTC Europe/London", "UTC Europe/London"),
    ],
)
def test_a_place_that_was_not_so_far_from_utc_is_a_second_zone(form: str, tail: str):
    assert read(f"%Y-%m-%d %H:%M{form}", f"2024-01-01 10:00{tail}") == "2024-01-01T10:00:00Z"
    with pytest.raises(BadValue, match="says two zones"):
        read(f"%Y-%m-%d %H:%M{form}", f"2024-05-01 10:00{tail}")


def test_an_offset_stands_beside_an_abbreviation_in_brackets():
    assert read((), "2024-05-01T10:00:00+02:00[CET]", "") == "2024-05-01T08:00:00Z"


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M EST", "%Y-%m-%d %H:%M %Z"])
def test_an_abbreviation_is_the_declared_zone_or_refused(form: str):
    assert read(form, "2024-01-15 10:00 EST", "America/New_York") == "2024-01-15T15:00:00Z"
    with pytest.raises(BadValue, match="had EDT then"):
        read(form, "2024-05-01 10:00 EST", "America/New_York")
    with pytest.raises(BadValue, match="Europe/Berlin had CET then"):
        read(form, "2024-01-15 10:00 EST", "Europe/Berlin")
    with pytest.raises(NoZone, match="calls its zone EST"):
        read(form, "2024-01-15 10:00 EST", "")


def test_other_letters_of_a_format_are_no_zone():
    assert read("Zeit %Y-%m-%dT%H:%M", "Zeit 2024-05-01T12:00", "Europe/Berlin") == "2024-05-01T10:00:00Z"


# ── several formats ──────────────────────────────────────────────────────────────────────────────


def test_formats_are_tried_in_order_and_the_one_that_fits_is_told():
    reader = TimeReader("UTC", ("%d.%m.%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "auto", "excel"))
    for value, time, form in (
        ("01.05.2024 10:00", "2024-05-01T10:00:00Z", "%d.%m.%Y %H:%M"),
        ("03/04/2024", "2024-04-03T00:00:00Z", "%d/%m/%Y"),
        ("04/13/2024", "2024-04-13T00:00:00Z", "%m/%d/%Y"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z", "ISO 8601 with offset"),
        (1_714_557_600, "2024-05-01T10:00:00Z", "epoch s"),
        ("45413.5", "2024-05-01T12:00:00Z", "excel"),
    ):
        assert iso_utc(reader.read(value)) == time
        assert reader.form == form


def test_a_time_that_no_format_reads_names_them_all():
    with pytest.raises(BadValue, match=r"'%d\.%m\.%Y' or '%d/%m/%Y', found '2024-05-01'"):
        read(("%d.%m.%Y", "%d/%m/%Y"), "2024-05-01")


def test_a_change_of_clocks_is_not_read_by_the_next_format():
    with pytest.raises(ClockChange):  # the 10th of March, whatever the 3rd of October was
        read(("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"), "10/03/2024 02:30", "America/Chicago")


WHOLE = (
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%y %I:%M:%S %p",
    "%A, %d %B %Y %H:%M:%S.%f",
    "%a %b %d %H:%M:%S %Y",
    "%Y%m%d%H%M%S",
    "%Y-%jT%H:%M:%S",
    "%Y %U %w %H:%M:%S",
    "%Y %W %u %H:%M:%S",
    "%G-W%V-%u %H:%M:%S",
)


@pytest.mark.parametrize("form", WHOLE)
@given(st.datetimes(datetime(1971, 1, 3), datetime(2068, 12, 29)))
def test_what_python_writes_by_a_format_is_read_by_it(form: str, wall: datetime):
    written = wall.strftime(form)
    found = TimeReader("UTC", (form,)).read(written)
    assert found == TimeReader("UTC").read(
        wall.isoformat() if "%f" in form else wall.replace(microsecond=0).isoformat()
    )


# ── Excel ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("45413.4166666667", "2024-05-01T10:00:00Z"),
        (45413.4166666667, "2024-05-01T10:00:00Z"),
        ("45413.416666666664", "2024-05-01T10:00:00Z"),
        ("45413.4167", "2024-05-01T10:00:02.88Z"),
        ("45413", "2024-05-01T00:00:00Z"),
        (45413, "2024-05-01T00:00:00Z"),
        ("45413.99999999999", "2024-05-02T00:00:00Z"),
        ("25569", "1970-01-01T00:00:00Z"),
        ("61", "1900-03-01T00:00:00Z"),
        ("59", "1900-02-28T00:00:00Z"),
        ("1", "1900-01-01T00:00:00Z"),
    ],
)
def test_dates_of_excel_are_read_to_the_millisecond(value: object, time: str):
    assert read("excel", value) == time


def test_dates_of_excel_are_local_times():
    assert read("Excel", "45413.5", "Europe/Berlin") == "2024-05-01T10:00:00Z"
    with pytest.raises(NoZone):
        read("excel", "45413.5", "")


@pytest.mark.parametrize(
    "value", ["60", "60.5", "0.5", "0", "-1", "2958466", "2958465.99999999999", "May", ""]
)
def test_what_is_no_date_of_excel_is_refused(value: str):
    with pytest.raises(BadValue):
        read("excel", value)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))
def test_any_millisecond_survives_excel(wall: datetime):
    wall = wall.replace(microsecond=wall.microsecond // 1000 * 1000)
    since = wall - datetime(1899, 12, 30)
    serial = f"{since.days + (since.seconds + since.microseconds / 1e6) / 86_400:.10f}"
    assert read("excel", serial) == iso_utc(TimeReader("UTC").read(wall.isoformat()))


# ── formats of other languages ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("MM/DD/YYYY", "%m/%d/%Y"),
        ("DD.MM.YYYY HH:mm", "'%d.%m.%Y %H:%M'"),
        ("yyyy-MM-dd'T'HH:mm:ss", "%Y-%m-%dT%H:%M:%S"),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%f%z"),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", "%Y-%m-%dT%H:%M:%SZ"),
        ("YYYY-MM-DD[T]HH:mm:ssZ", "%Y-%m-%dT%H:%M:%S%z"),
        ("M/d/yyyy h:mm:ss tt", "'%m/%d/%Y %I:%M:%S %p'"),
        ("m/d/yy h:mm AM/PM", "'%m/%d/%y %I:%M %p'"),
        (
            "dd/mm/yyyy hh:mm:ss",
            "'%d/%m/%Y %I:%M:%S %p'   or   --time-format '%d/%m/%Y %H:%M:%S'",
        ),
        ("YYYY-MM-DD hh:mm PM", "'%Y-%m-%d %I:%M %p'"),
        ("yyyy-MM-dd hh:mm 'PM'", "'%Y-%m-%d %I:%M %p'"),
        ("DD-MON-YYYY HH24:MI:SS", "'%d-%b-%Y %H:%M:%S'"),
        ("d/m/Y H:i:s", "'%d/%m/%Y %H:%M:%S'"),
        ("EEE, dd MMM yyyy HH:mm:ss zzz", "'%a, %d %b %Y %H:%M:%S %z'"),
        ("dddd, MMMM D, YYYY", "'%A, %B %d, %Y'"),
        ("yyyyMMddHHmmss", "%Y%m%d%H%M%S"),
        ("HH:MM:SS DD/MM/YYYY", "'%H:%M:%S %d/%m/%Y'"),
    ],
)
def test_a_format_of_another_language_is_refused_and_translated(theirs: str, ours: str):
    with pytest.raises(UsageError) as caught:
        TimeReader("UTC", (theirs,))
    assert caught.value.remedy == f"--time-format {ours}"


@pytest.mark.parametrize("theirs", ["HH:mm", "yyyy-MM", "Q/YYYY", "date", "'unclosed", "epoch-ish"])
def test_a_format_that_can_not_be_translated_is_refused_with_an_example(theirs: str):
    with pytest.raises(UsageError) as caught:
        TimeReader("UTC", (theirs,))
    assert "%d.%m.%Y" in caught.value.remedy
