from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import BadValue, UsageError
from importer.events.times import TimeReader, iso_utc
from importer.events.zones import ClockChange, NoZone, zone_named

SECOND = 1_714_557_600  # 2024-05-01T10:00:00Z
NS = 10**9

ISO = [
    ("2024-05-01T10:00:00Z", SECOND * NS),
    ("2024-05-01T10:00:00z", SECOND * NS),
    ("2024-05-01 10:00:00Z", SECOND * NS),
    ("2024-05-01 10:00:00 UTC", SECOND * NS),
    (" 2024-05-01T10:00:00Z\t", SECOND * NS),
    ("2024-05-01T12:00:00+02:00", SECOND * NS),
    ("2024-05-01T12:00:00+0200", SECOND * NS),
    ("2024-05-01T12:00:00+02", SECOND * NS),
    ("2024-05-01 12:00:00 +02:00", SECOND * NS),
    ("2024-05-01T05:30:00-04:30", SECOND * NS),
    ("2024-05-01T15:45:00+05:45", SECOND * NS),
    ("2024-05-01T10:00Z", SECOND * NS),
    ("2024-05-01T10:00:00-00:00", SECOND * NS),
    ("2024-05-01T10:00:00.5Z", SECOND * NS + NS // 2),
    ("2024-05-01T10:00:00,5Z", SECOND * NS + NS // 2),
    ("2024-05-01T10:00:00.123456789Z", SECOND * NS + 123_456_789),
    ("2024-05-01T10:00:00.000000001+00:00", SECOND * NS + 1),
    ("1969-12-31T23:59:59.5Z", -NS // 2),
    ("2024-02-29T00:00:00Z", 1_709_164_800 * NS),
    ("0001-01-01T00:00:00Z", -62_135_596_800 * NS),
    ("9999-12-31T23:59:59Z", 253_402_300_799 * NS),
]


@pytest.mark.parametrize(("text", "instant"), ISO)
def test_iso_8601_with_an_offset_is_read_to_the_nanosecond(text: str, instant: int):
    assert TimeReader().read(text) == instant
    # A zone is for times that have none.
    assert TimeReader("America/New_York").read(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "01/05/2024",
        "2024-5-1T10:00:00Z",
        "2024-13-01T10:00:00Z",
        "2023-02-29T10:00:00Z",
        "2024-05-01T24:00:00Z",
        "2024-05-01T10:60:00Z",
        "2024-05-01T10:00:60Z",
        "2024-05-01T10:00.5Z",
        "2024-05-01T10:00:00.1234567891Z",
        "2024-05-01T10:00:00+16:00",
        "2024-05-01T10:00:00+02:60",
        "2024-05-01T10:00:00Zx",
        "2024-05-01Z",
        "2024-W18-3T10:00:00Z",
        "2024-05-01T10:00:00 CET",
        "\uff12\uff10\uff12\uff14-05-01T10:00:00Z",
        "2024-05-01T1\u0663:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_time_is_a_bad_value(text: str):
    for reader in (TimeReader(), TimeReader("Europe/Berlin")):
        with pytest.raises(BadValue):
            reader.read(text)


@pytest.mark.parametrize("value", [None, True, False, [], {}, [SECOND]])
def test_what_is_neither_text_nor_number_is_no_time(value: object):
    with pytest.raises(BadValue, match="expected ISO 8601"):
        TimeReader().read(value)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (SECOND, SECOND * NS),
        (str(SECOND), SECOND * NS),
        (float(SECOND), SECOND * NS),
        (1714557600.123, SECOND * NS + 123_000_000),
        ("1714557600.123456789", SECOND * NS + 123_456_789),
        ("1714557600.1234567890", SECOND * NS + 123_456_789),
        (SECOND * 10**3, SECOND * NS),
        (SECOND * 10**6, SECOND * NS),
        (SECOND * NS, SECOND * NS),
        (SECOND * NS + 1, SECOND * NS + 1),
        ("1714557600000.5", SECOND * NS + 500_000),
        ("1714557600000000.001", SECOND * NS + 1),
        # the ends of the four ranges
        (31_536_000, 31_536_000 * NS),
        (4_133_980_799, 4_133_980_799 * NS),
        (31_536_000_000, 31_536_000 * NS),
        (4_133_980_799_999, 4_133_980_799_999 * 10**6),
        (31_536_000_000_000, 31_536_000 * NS),
        (4_133_980_799_999_999, 4_133_980_799_999_999 * 10**3),
        (31_536_000_000_000_000, 31_536_000 * NS),
        (4_133_980_799_999_999_999, 4_133_980_799_999_999_999),
    ],
)
def test_an_epoch_is_told_by_its_magnitude(value: object, instant: int):
    assert TimeReader().read(value) == instant


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        31_535_999,
        4_133_980_800,
        31_535_999_999,
        4_133_980_800_000,
        31_535_999_999_999,
        4_133_980_800_000_000,
        31_535_999_999_999_999,
        4_133_980_800_000_000_000,
        10**30,
        1e300,
        "20240501",
        "1.7e9",
        "+1714557600",
        "1_714_557_600",
        "\u0661\u0667\u0661\u0664\u0665\u0665\u0667٦\u0660\u0660",
        "1714557600000000000.5",
        "1714557600000.1234567",
    ],
)
def test_a_number_that_is_no_epoch_is_a_bad_value(value: object):
    with pytest.raises(BadValue):
        TimeReader().read(value)


@pytest.mark.parametrize("text", ["2024-05-01T10:00:00", "2024-05-01 10:00", "2024-05-01"])
def test_a_time_without_a_zone_asks_for_one(text: str):
    with pytest.raises(BadValue, match="has no time zone: say --timezone"):
        TimeReader().read(text)


@pytest.mark.parametrize(
    ("zone", "text", "utc"),
    [
        ("Europe/Berlin", "2024-05-01T12:00:00", "2024-05-01T10:00:00Z"),
        ("Europe/Berlin", "2024-05-01T12:00:00.000000001", "2024-05-01T10:00:00.000000001Z"),
        ("Europe/Berlin", "2024-01-15", "2024-01-14T23:00:00Z"),
        ("Europe/Berlin", "2024-03-31T01:59:59", "2024-03-31T00:59:59Z"),
        ("Europe/Berlin", "2024-03-31T03:00:00", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "2024-10-27T01:59:59.999", "2024-10-26T23:59:59.999Z"),
        ("Europe/Berlin", "2024-10-27T03:00:00", "2024-10-27T02:00:00Z"),
        ("America/New_York", "2024-03-10T01:59:59", "2024-03-10T06:59:59Z"),
        ("America/New_York", "2024-03-10T03:00:00", "2024-03-10T07:00:00Z"),
        ("America/New_York", "2024-11-03T02:00:00", "2024-11-03T07:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-06T01:59:59", "2024-10-05T15:29:59Z"),
        ("Australia/Lord_Howe", "2024-10-06T02:30:00", "2024-10-05T15:30:00Z"),
        ("Australia/Lord_Howe", "2024-04-07T02:00:00", "2024-04-06T15:30:00Z"),
        ("Africa/Monrovia", "1972-01-07T00:44:30", "1972-01-07T00:44:30Z"),
        ("Africa/Monrovia", "1972-01-07T00:44:59", "1972-01-07T00:44:59Z"),
        ("UTC", "2024-05-01T10:00:00", "2024-05-01T10:00:00Z"),
    ],
)
def test_a_local_time_is_read_through_its_zone(zone: str, text: str, utc: str):
    assert iso_utc(TimeReader(zone).read(text)) == utc


@pytest.mark.parametrize(
    ("zone", "text", "what"),
    [
        ("Europe/Berlin", "2024-03-31T02:00:00", "never happened"),
        ("Europe/Berlin", "2024-03-31T02:59:59", "never happened"),
        ("Europe/Berlin", "2024-10-27T02:00:00", "happened twice"),
        ("Europe/Berlin", "2024-10-27T02:59:59.999", "happened twice"),
        ("America/New_York", "2024-03-10T02:30:00", "never happened"),
        ("America/New_York", "2024-11-03T01:00:00", "happened twice"),
        ("America/New_York", "2024-11-03T01:59:59", "happened twice"),
        ("Australia/Lord_Howe", "2024-10-06T02:00:00", "never happened"),
        ("Australia/Lord_Howe", "2024-10-06T02:29:59", "never happened"),
        ("Australia/Lord_Howe", "2024-04-07T01:30:00", "happened twice"),
        ("Australia/Lord_Howe", "2024-04-07T01:59:59", "happened twice"),
        ("Africa/Monrovia", "1972-01-07T00:44:29", "never happened"),
        ("America/Sao_Paulo", "2018-11-04", "never happened"),  # midnight was skipped there
    ],
)
def test_a_local_time_that_does_not_exist_or_exists_twice_is_never_guessed(zone: str, text: str, what: str):
    with pytest.raises(ClockChange, match=f"{what} in {zone}"):
        TimeReader(zone).read(text)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@given(at=st.integers(31_536_000, 4_102_444_800))
def test_a_wall_clock_leads_back_to_its_instant_or_is_refused(zone: str, at: int):
    wall = datetime.fromtimestamp(at, ZoneInfo(zone))
    same = {
        (wall.replace(tzinfo=None) - timedelta(seconds=offset)).replace(tzinfo=UTC).timestamp()
        for offset in range(-50_400, 50_401, 900)
        if datetime.fromtimestamp(
            (wall.replace(tzinfo=None) - timedelta(seconds=offset)).replace(tzinfo=UTC).timestamp(),
            ZoneInfo(zone),
        ).replace(tzinfo=None)
        == wall.replace(tzinfo=None)
    }
    text = wall.strftime("%Y-%m-%dT%H:%M:%S")
    if len(same) == 1:
        assert TimeReader(zone).read(text) == at * NS
    else:
        with pytest.raises(ClockChange):
            TimeReader(zone).read(text)


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.integers(-15 * 60, 15 * 60),
    st.sampled_from(["T", " "]),
)
def test_any_offset_of_iso_8601_is_taken_into_account(wall: datetime, minutes: int, between: str):
    aware = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    instant = TimeReader().read(aware.isoformat(between))
    assert instant == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert TimeReader().read(iso_utc(instant)) == instant


# ── forms that mean one thing only ───────────────────────────────────────────────────────────────

SAME_INSTANT = [
    # what databases, languages and servers write
    ("2024-05-01 10:00:00 GMT", "ISO 8601 with offset"),
    ("2024-05-01 10:00:00 Z", "ISO 8601 with offset"),
    ("2024-05-01 10:00 utc", "ISO 8601 with offset"),
    ("2024-05-01 12:00:00 UTC+2", "ISO 8601 with offset"),
    ("2024-05-01 12:00:00 GMT+0200", "ISO 8601 with offset"),
    ("2024-05-01 10:00:00 +0000 UTC", "ISO 8601 with offset"),
    ("2024-05-01 10:00:00.000 +0000 UTC m=+0.000012", "ISO 8601 with offset"),
    ("2024-05-01 12:00:00 +0200 CEST", "ISO 8601 with offset"),
    ("2024-05-01 13:00:00 +0300 +03", "ISO 8601 with offset"),
    ("2024-05-01T10:00:00Z[UTC]", "ISO 8601 with the name of a zone"),
    ("2024-05-01T12:00:00+02:00[Europe/Berlin]", "ISO 8601 with the name of a zone"),
    ("2024-05-01T12:00[Europe/Berlin]", "ISO 8601 with the name of a zone"),
    ("2024-05-01 12:00:00 Europe/Berlin", "ISO 8601 with the name of a zone"),
    ("2024/05/01 10:00:00 UTC", "year first with offset"),
    ("2024/5/1 10:00 Z", "year first with offset"),
    ("20240501 10:00:00Z", "year first with offset"),
    ("2024-05-01 10:00:00 AM UTC", "year first with offset"),
    ("20240501T100000Z", "ISO 8601 basic with offset"),
    ("20240501T1000Z", "ISO 8601 basic with offset"),
    ("20240501T120000.000+0200", "ISO 8601 basic with offset"),
    ("20240501100000Z", "ISO 8601 basic with offset"),
    # dates of mail, of HTTP, of servers' logs and of browsers
    ("Wed, 01 May 2024 10:00:00 GMT", "month by name with offset"),
    ("Wed, 1 May 2024 12:00:00 +0200", "month by name with offset"),
    ("Wed, 01 May 2024 12:00:00 +0200 (CEST)", "month by name with offset"),
    ("01 May 2024 10:00 +0000", "month by name with offset"),
    ("01-May-2024 10:00:00 UTC", "month by name with offset"),
    ("01/May/2024:12:00:00 +0200", "month by name with offset"),
    ("Wed May  1 10:00:00 UTC 2024", "month by name with offset"),
    ("Wed May 01 10:00:00 +0000 2024", "month by name with offset"),
    ("Wed May 01 2024 12:00:00 GMT+0200 (Central European Summer Time)", "month by name with offset"),
    ("May 1, 2024 10:00:00 AM UTC", "month by name with offset"),
    ("Wednesday, May 1st, 2024 at 10:00 a.m. GMT", "month by name with offset"),
    ("May 1, 2024, 10:00:00\u202fAM UTC", "month by name with offset"),
    # epochs in scientific notation that have all their digits
    ("1.7145576E9", "epoch s"),
    ("1.7145576E12", "epoch ms"),
    ("1.714557600E+09", "epoch s"),
    ("1.714557600000e+12", "epoch ms"),
]


@pytest.mark.parametrize(("text", "form"), SAME_INSTANT)
def test_a_form_that_means_one_thing_only_needs_no_option(text: str, form: str):
    for zone in ("", "America/New_York"):
        reader = TimeReader(zone)
        assert reader.read(text) == SECOND * NS
        assert reader.form == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-05-01 9:05", "year first without zone"),
        ("2024-05-01 09:05:00 AM", "year first without zone"),
        ("2024/5/1 9:05", "year first without zone"),
        ("20240501T090500", "ISO 8601 basic without zone"),
        ("1 May 2024 9:05", "month by name without zone"),
        ("Wed May  1 09:05:00 2024", "month by name without zone"),
    ],
)
def test_such_a_form_without_a_zone_needs_one(text: str, form: str):
    with pytest.raises(NoZone, match="say --timezone"):
        TimeReader().read(text)
    reader = TimeReader("Europe/Berlin")
    assert iso_utc(reader.read(text)) == "2024-05-01T07:05:00Z"
    assert reader.form == form


def test_a_fraction_of_such_a_form_is_kept():
    assert TimeReader().read("20240501T100000.123456789Z") == SECOND * NS + 123_456_789
    assert TimeReader().read("2024-05-01 10:00:00.123456789 +0000 UTC") == SECOND * NS + 123_456_789
    assert TimeReader().read("1.7145576001234567E9") == SECOND * NS + 123_456_700


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("12:30 AM", 0),
        ("1:30 am", 1),
        ("11:30 AM", 11),
        ("12:30 PM", 12),
        ("1:30 pm", 13),
        ("11:30 p.m.", 23),
    ],
)
def test_twelve_o_clock_is_the_first_hour_of_its_half(text: str, hour: int):
    assert TimeReader("UTC").read(f"2024-05-01 {text}") == TimeReader().read(f"2024-05-01T{hour:02}:30Z")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Tue, 01 May 2024 10:00:00 GMT", "says Tuesday, but 2024-05-01 was a Wednesday"),
        ("2024-05-01T12:00:00+02:00[America/New_York]", "says two zones"),
        ("2024-05-01 10:00:00 +0200 UTC", "says two zones"),
        ("2024-05-01T10:00:00Z[Mars/Olympus]", "no zone of the IANA database"),
        ("2024-05-01 13:00 PM", "with AM or PM, the hour must be in 1..12"),
        ("2024-05-01 0:30 AM", "with AM or PM, the hour must be in 1..12"),
        ("2024/02/30 10:00", "day"),
        ("20240501T250000Z", "hour must be in 0..23"),
        ("1.71456E+12", "may be rounded: 6 of its 13 digits"),
        ("1.7145576e+18", "may be rounded: 8 of its 19 digits"),
        ("03/04/2024 10:00", "expected ISO 8601"),
        ("6/1/24 9:05 PM", "expected ISO 8601"),
        ("01.06.2024", "expected ISO 8601"),
        ("01-May-24 10:00", "expected ISO 8601"),
        ("20240501", "no epoch"),
        ("45413.4167", "as a date of Excel it is 2024-05-01 10:00:02: say --time-format excel"),
        ("45413.4166666667", "as a date of Excel it is 2024-05-01 10:00:00: say --time-format excel"),
    ],
)
def test_what_contradicts_itself_or_has_two_meanings_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(BadValue, match=re.escape(why)):
        TimeReader("UTC").read(text)


@pytest.mark.parametrize("name", ["EST", "CST", "IST", "BST", "CET"])
def test_the_abbreviation_of_a_zone_is_refused_by_its_name(name: str):
    for text in (f"2024-05-01 10:00:00 {name}", f"Wed, 01 May 2024 10:00:00 {name}"):
        with pytest.raises(
            NoZone, match=f"calls its zone {name}, as several zones are called: say --timezone"
        ):
            TimeReader().read(text)


def test_an_abbreviation_is_read_only_as_the_declared_zone_has_it_at_that_time():
    reader = TimeReader("America/New_York")
    assert iso_utc(reader.read("2024-01-15 10:00:00 EST")) == "2024-01-15T15:00:00Z"
    assert iso_utc(reader.read("2024-05-01 10:00:00 EDT")) == "2024-05-01T14:00:00Z"
    # It tells the two hours apart that a change of clocks repeated.
    assert iso_utc(reader.read("2024-11-03 01:30:00 EDT")) == "2024-11-03T05:30:00Z"
    assert iso_utc(reader.read("2024-11-03 01:30:00 EST")) == "2024-11-03T06:30:00Z"
    for text in ("2024-05-01 10:00:00 EST", "2024-05-01 10:00:00 IST"):
        with pytest.raises(BadValue, match="America/New_York had EDT then"):
            reader.read(text)


@given(st.datetimes(datetime(1971, 1, 3), datetime(2100, 12, 29)))
def test_dates_of_mail_and_of_c_are_read_as_they_are_written(wall: datetime):
    at = wall.replace(microsecond=0, tzinfo=UTC)
    instant = int(at.timestamp()) * NS
    assert TimeReader().read(format_datetime(at)) == instant
    assert TimeReader().read(format_datetime(at, usegmt=True)) == instant
    assert TimeReader("UTC").read(at.ctime()) == instant
    assert TimeReader().read(f"{at:%Y%m%dT%H%M%SZ}") == instant


# ── epochs that were made from local time ────────────────────────────────────────────────────────


def local_epoch(year: int, *rest: int) -> int:
    return int(datetime(year, *rest, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("zone", "epoch", "utc"),
    [
        ("America/New_York", local_epoch(2024, 5, 1, 10), "2024-05-01T14:00:00Z"),
        ("America/New_York", local_epoch(2024, 1, 15, 10), "2024-01-15T15:00:00Z"),
        ("Europe/Berlin", local_epoch(2024, 5, 1, 10) * 1000 + 7, "2024-05-01T08:00:00.007Z"),
        ("Europe/Berlin", local_epoch(2024, 5, 1, 10) * NS + 7, "2024-05-01T08:00:00.000000007Z"),
    ],
)
def test_local_epochs_are_read_through_the_zone(zone: str, epoch: int, utc: str):
    assert iso_utc(TimeReader(zone, local_epochs=True).read(epoch)) == utc


@pytest.mark.parametrize("epoch", [local_epoch(2024, 3, 10, 2, 30), local_epoch(2024, 11, 3, 1, 30)])
def test_a_local_epoch_in_a_change_of_clocks_is_refused(epoch: int):
    with pytest.raises(ClockChange):
        TimeReader("America/New_York", local_epochs=True).read(epoch)


def test_local_epochs_leave_times_with_an_offset_alone():
    reader = TimeReader("America/New_York", local_epochs=True)
    assert reader.read("2024-05-01T10:00:00Z") == SECOND * NS


# ── --time-format ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "zone", "value"),
    [
        ("%d.%m.%Y %H:%M:%S", "UTC", "01.05.2024 10:00:00"),
        ("%d.%m.%Y %H:%M:%S", "Europe/Berlin", " 01.05.2024 12:00:00 "),
        ("%d/%b/%Y:%H:%M:%S %z", "", "01/May/2024:12:00:00 +0200"),
        ("%m/%d/%Y %I:%M %p", "UTC", "05/01/2024 10:00 AM"),
        ("%Y-%m-%d %H:%M:%S UTC", "UTC", "2024-05-01 10:00:00 UTC"),
        ("%Y%m%d%H%M", "UTC", 202405011000),
    ],
)
def test_a_format_is_followed(form: str, zone: str, value: object):
    assert TimeReader(zone, (form,)).read(value) == SECOND * NS


@pytest.mark.parametrize(("short", "year"), [("00", 2000), ("68", 2068), ("69", 1969), ("99", 1999)])
def test_a_year_of_two_digits_lies_between_1969_and_2068(short: str, year: int):
    assert iso_utc(TimeReader("UTC", ("%d.%m.%y",)).read(f"01.05.{short}")) == f"{year}-05-01T00:00:00Z"


def test_a_format_keeps_microseconds():
    assert (
        TimeReader("UTC", ("%H:%M:%S.%f %d.%m.%Y",)).read("10:00:00.000001 01.05.2024") == SECOND * NS + 1000
    )


@pytest.mark.parametrize(
    "text", ["2024-05-01T10:00:00Z", "1.5.24 10:00", "\u0660\u0661.05.2024 10:00", "31.02.2024 10:00", ""]
)
def test_what_does_not_follow_the_format_is_a_bad_value(text: str):
    with pytest.raises(BadValue, match=r"expected a time like '%d\.%m\.%Y %H:%M'"):
        TimeReader("UTC", ("%d.%m.%Y %H:%M",)).read(text)


def test_a_format_without_an_offset_needs_a_zone():
    with pytest.raises(BadValue, match="say --timezone"):
        TimeReader("", ("%d.%m.%Y %H:%M",)).read("01.05.2024 10:00")


def test_a_format_does_not_read_through_a_change_of_clocks():
    with pytest.raises(ClockChange):
        TimeReader("Europe/Berlin", ("%d.%m.%Y %H:%M:%S.%f",)).read("27.10.2024 02:30:00.5")


@pytest.mark.parametrize("form", ["%Q", "%Y-%Y", "%Y-%", "%Y-%m-%d %H:%M %p"])
def test_a_format_that_can_not_be_read_in_one_way_stops_at_once(form: str):
    with pytest.raises(UsageError, match="--time-format"):
        TimeReader("UTC", (form,))


def test_a_percent_sign_before_z_is_no_zone():
    assert TimeReader("UTC", ("%Y-%m-%d %%Z",)).read("2024-05-01 %Z") == 1_714_521_600 * NS


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "", "a\0b", "Europe"])
def test_a_zone_that_does_not_exist_stops_with_advice(name: str):
    with pytest.raises(UsageError, match="is no zone") as caught:
        zone_named(name)
    assert "Europe/Berlin" in caught.value.remedy


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("2024-05-01T10:00:00Z", "ISO 8601 with offset"),
        ("2024-05-01 10:00:00.5 +02:00", "ISO 8601 with offset"),
        ("2024-05-01 10:00", "ISO 8601 without zone"),
        ("2024-05-01", "date only"),
        (SECOND, "epoch s"),
        (float(SECOND), "epoch s"),
        (f" {SECOND}000", "epoch ms"),
        (SECOND * 10**6, "epoch µs"),
        (SECOND * NS, "epoch ns"),
    ],
)
def test_the_form_of_a_time_is_told(value: object, form: str):
    reader = TimeReader("UTC")
    reader.read(value)
    assert reader.form == form


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (SECOND * NS + 500_000_000, "2024-05-01T10:00:00.5Z"),
        (SECOND * NS + 1, "2024-05-01T10:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-62_135_596_800 * NS, "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_is_written_as_fine_as_it_is(instant: int, text: str):
    assert iso_utc(instant) == text
