"""Times by the compiled code: what it reads is what `TimeReader` reads, and the usual forms it reads by itself."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from speedups_helpers import CSV, JSONL, assert_same, line_of, map_block

from importer.errors import BadValue
from importer.events.fast_layout import make_layout
from importer.events.fast_mapper import make_block_mapper, make_fast_times
from importer.events.times import EPOCHS, TimeReader
from importer.events.zones import local_offsets, zone_named
from importer.model import Event, Rejection
from importer.speedups import Times, cut_csv, cut_lines

NS = 10**9
SECOND = 1_714_557_600  # 2024-05-01T10:00:00Z
QUOTE, COMMA = ord('"'), ord(",")
OFFSETS = ("+02:00", "-05:00", "+05:30", "-03:30", "Z")
ZONES = (
    "UTC",
    "Etc/GMT+5",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Asia/Kolkata",
    "Africa/Casablanca",  # summer time, but for Ramadan
    "America/St_Johns",
    "Pacific/Apia",  # a day was skipped
    "Pacific/Kwajalein",  # likewise
    "Antarctica/Troll",  # two hours of summer time
    "America/Sao_Paulo",  # midnight was skipped
    "Africa/Monrovia",  # no whole minutes, up to 1972
    "Asia/Gaza",  # changes of clocks a week apart
)


class Read(NamedTuple):
    """A time as it was read: the nanoseconds, None if it is none, and its form."""

    instant: int | None
    form: str = ""


def by_python(reader: TimeReader, value: object) -> Read:
    try:
        return Read(reader.read(value), reader.form)
    except BadValue:
        return Read(None)


def by_compiled(times: Times, value: object) -> Read:
    forms = Counter[str]()
    (instant,) = times.read([value], forms)
    assert sum(forms.values()) == (instant is not None)
    return Read(instant, *forms)


def assert_read_alike(reader: TimeReader, values: Iterable[object]) -> Counter[bool]:
    """Check that what is read by itself is read as Python reads it, and count what is."""
    times, counts = make_fast_times(reader), Counter[bool]()
    for value in values:
        found = by_compiled(times, value)
        if found.instant is not None:
            assert found == by_python(reader, value), repr(value)
        counts[found.instant is not None] += 1
    return counts


def shuffled(count: int) -> list[datetime]:
    """Return local times of three years, in no order."""
    chance = random.Random(7)
    return [datetime(2022, 1, 1) + timedelta(0, chance.randrange(3 * 365 * 86_400)) for _ in range(count)]


def _is_in_change(wall: datetime) -> bool:
    zone = ZoneInfo("Europe/Berlin")
    return wall.replace(tzinfo=zone).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()


# ── forms ────────────────────────────────────────────────────────────────────────────────────────

USUAL = (
    ("2024-05-01T10:00:00Z", "ISO 8601"),
    ("2024-05-01T10:00:00.123Z", "toISOString of JavaScript"),
    ("2024-05-01T10:00:00.123456+00:00", "isoformat of Python"),
    ("2024-05-01T10:00:00.123456789+02:00", "nanoseconds"),
    ("2024-05-01T10:00:00+0200", "without a colon"),
    ("2024-05-01T10:00:00,5-03:30", "a comma"),
    ("2024-05-01T10:00Z", "without seconds"),
    ("2024-05-01 10:00:00.123456+00", "Postgres"),
    ("2024-05-01 10:00:00-05:30", "Postgres"),
    ("2024-05-01 10:00:00 UTC", "BigQuery"),
    ("2024-05-01 10:00:00.123456 UTC", "BigQuery"),
    ("2024-05-01 10:00:00.000 +0000", "Snowflake"),
    ("2024-05-01 10:00:00 +0000", "Ruby"),
    ("2024-05-01 10:00:00 GMT", "a name of UTC"),
    ("2024-05-01 10:00:00z", "a small letter"),
    (" 2024-05-01T10:00:00Z ", "filled up"),
    ("1714557600", "s"),
    ("1714557600.123", "s with a fraction"),
    ("1714557600.123456789000", "s with zeros behind it"),
    ("1714557600000", "ms"),
    ("1714557600000.25", "ms with a fraction"),
    ("1714557600000000", "µs"),
    ("1714557600000000000", "ns"),
    (1_714_557_600, "a number"),
    (1_714_557_600_000, "a number"),
    (1_714_557_600.25, "a number with a fraction"),
    (1_714_557_600.0, "a number with a fraction of zero"),
)
USUAL_LOCAL = (
    ("2024-05-01 10:00:00", "MySQL"),
    ("2024-05-01T10:00:00.123456", "isoformat of Python"),
    ("2024-05-01 10:00", "without seconds"),
    ("2024-05-01", "a day"),
)


@pytest.mark.parametrize(("value", "what"), [*USUAL, *USUAL_LOCAL])
def test_usual_forms_are_read_without_python(value, what):
    for zone, local in [("", False), *product(ZONES, (False, True))]:
        reader = TimeReader(zone, local_epochs=local)
        found = by_compiled(make_fast_times(reader), value)
        assert found == by_python(reader, value)
        assert (found.instant is not None) == (bool(zone) or (value, what) in USUAL), zone


DATES = (
    "2024-05-01", "2024-02-29", "2023-02-29", "2100-02-28", "2100-02-29", "2000-02-29", "2024-04-31",
    "2024-12-31", "2024-01-01", "1969-12-31", "1970-01-01", "1970-12-31", "1971-01-01", "2255-03-13",
    "2255-03-14", "2262-04-11", "9999-12-31", "0001-01-01", "0000-01-01", "2024-00-01", "2024-13-01",
    "2024-05-00", "2024-05-32", "20x4-05-01", "x024-05-01", "2024-5-01", "2024/05/01", "2024-05.01", "",
)  # fmt: skip
CLOCKS = (
    "T10:00:00", " 10:00:00", "t10:00:00", "  10:00:00", "10:00:00", "T00:00:00", "T23:59:59", "T24:00:00",
    "T23:60:00", "T23:59:60", "T10:00", " 23:59", "T24:00", "T10", "T1:00:00", "T10:0:00", "T10:00:0",
    "T10-00:00", "T10:00-00", "T10:0x:00", "T10:00:x0", "T", "",
)  # fmt: skip
FRACTIONS = ("", ".5", ",25", ".123456789", ".1234567890", ".", ".5.", ":00")
TAILS = (
    "", "Z", "z", " Z", "UTC", " UTC", " utc", "GMT", " GMT", " UT", " UCT", " ZULU", "  Z", " \0Z", "\0Z", "ZZ",
    "UTC+2", " GMT+0200", "Zx", "+00:00", "-00:00", "+02", "+0200", "+02:00", " +02:00", "-14:00", "+14:00",
    "+15:59", "-15:59", "+16:00", "-16", "+02:60", "+2", "+020", "+02:0", "+02:", "+02-00", "+0x:00", "+02:0x",
    "+02:00:00", " +0000 UTC", " +02", "+", "-", " ", "\t", "[UTC]", " CET", " Europe/Berlin", "é",
)  # fmt: skip


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
@pytest.mark.parametrize("day", DATES)
def test_each_form_with_each_tail_is_read_as_python_reads_it(zone, day):
    texts = map("".join, product([day], CLOCKS, FRACTIONS, TAILS))
    counts = assert_read_alike(TimeReader(zone), texts)
    assert counts[True] > 100 or not _is_day(day)


def _is_day(text: str) -> bool:
    try:
        return 1970 < datetime.fromisoformat(text).year < 2255
    except ValueError:
        return False


@pytest.mark.parametrize("at", range(len("2024-05-01T10:00:00.5+02:00")))
def test_no_other_character_is_taken_for_one_that_stands_in_a_time(at):
    for text in (
        "2024-05-01T10:00:00.5+02:00",
        "2024-05-01 10:00:00Z",
        "2024-05-01T10:00 UTC",
        "1714557600.5",
    ):
        others = (text[:at] + other + text[at + 1 :] for other in map(chr, range(256)))
        assert_read_alike(
            TimeReader("Europe/Berlin"), (*others, text[:at], text[at:], text[:at] + text[at + 1 :])
        )


WHOLE = [
    number + more for unit in EPOCHS for number in (unit.lowest, unit.end) for more in (-1, 0, 1)
]  # the ends of the four ranges


@pytest.mark.parametrize("zone", ["", "America/New_York"])
@pytest.mark.parametrize("fraction", ["", ".", ".0", ".5", ".000", ".001", ".0001", ".000001", ".0000000001",
                                      ".123456789", ".1234567890", ".1234567891", ".5x", ".x", "e3", " ", "Z"])  # fmt: skip
def test_epochs_and_their_fractions_are_read_as_python_reads_them(zone, fraction):
    numbers = ("", "0", "-1", "+1714557600", "1_714_557_600", *map(str, WHOLE), "0001714557600",
               "0000000000001714557600", "9" * 19, "9" * 20, "9" * 40, "18446744073709551616", "1714557600")  # fmt: skip
    for local in (False, bool(zone)):
        counts = assert_read_alike(
            TimeReader(zone, local_epochs=local), [each + fraction for each in numbers]
        )
    assert counts[True] or "1" in fraction or fraction in (".", ".5x", ".x", "e3", "Z")


VALUES = st.one_of(
    st.integers(-(10**3), 10**20),
    st.floats(),
    st.integers(31_536_000, 4_133_980_799).map(lambda s: s / 8),
    st.text(max_size=30),
    st.from_regex(r"\A ?[0-9]{4}-[01][0-9]-[0-3][0-9][T ]?[0-2][0-9]:[0-5][0-9](:[0-5][0-9][.,]?[0-9]{0,10})?"
                  r"( ?(Z|z|[Uu][Tt][Cc]|GMT|[+-][01][0-9](:?[0-5][0-9])?))? ?\Z"),
    st.from_regex(r"\A[0-9]{9,20}(\.[0-9]{0,12})?\Z"),
    st.none(), st.booleans(), st.lists(st.integers()), st.binary(max_size=10),
)  # fmt: skip


@given(st.lists(VALUES, max_size=20), st.sampled_from(["", *ZONES]), st.booleans())
@example(["2024-05-01T10:00:00\ud800", "\ud800", b"1714557600", True, 1714557600.1234567], "", False)
def test_whatever_stands_for_a_time_is_read_as_python_reads_it(values, zone, local):
    assert_read_alike(TimeReader(zone, local_epochs=local and bool(zone)), values)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2254, 12, 31)),
    st.integers(-15 * 60, 15 * 60),
    st.sampled_from("T "),
)
def test_every_day_and_offset_of_the_calendar_is_read_without_python(wall, minutes, between):
    aware = wall.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    (instant,) = make_fast_times(TimeReader()).read([aware.isoformat(between)], Counter())
    assert instant == since // timedelta(microseconds=1) * 1000


def test_every_day_of_the_calendar_is_counted():
    days = [datetime(1970, 1, 1) + timedelta(days) for days in range(104_000)]
    times = make_fast_times(TimeReader())
    found = times.read([f"{day:%Y-%m-%d}T00:00Z" for day in days], Counter())
    assert found == [86_400 * NS * days for days in range(104_000)]


# ── formats ──────────────────────────────────────────────────────────────────────────────────────

STEPS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%y %I:%M:%S%p",
    "%p %I-%M %d-%m-%y",
    "%Y%m%d%H%M%S",
    "%d%m%y%H",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%S%f seconds %Y/%m/%d %H %M",
    "%d/%m/%Y %H:%M:%S %z",
    "%d/%m/%Y %H:%M%z",
    "at %Y. %m. %d.",
)
PATTERNS = (
    "%d/%b/%Y %H:%M", "%a %d.%m.%Y", "%Y-%j", "%G-%V-%u", "%d.%m.%Y %H:%M:%S UTC", "%d.%m.%Y %%", "%d.%m.%Y1%H",
    "%Y %m %d  %H%M%S.%f%z x", "%d.%m.%YT%HZ", "%H:%M:%S %Z %d.%m.%Y", "%Y年%m月%d日", "excel", "%z %d.%m.%Y %H",
    "%S %f%d.%m.%Y %H:%M", "%d.%m.%Y" + " " * 40 + "%H:%M",
)  # fmt: skip


def written(form: str, wall: datetime) -> str:
    """Return a time as a format has it, with an offset where it has one."""
    return wall.replace(tzinfo=timezone(timedelta(hours=-3.5))).strftime(form)


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
@pytest.mark.parametrize("form", STEPS)
def test_a_format_of_simple_steps_is_read_without_python(form, zone):
    reader = TimeReader(zone, (form,))
    texts = [written(form, wall) for wall in shuffled(500) if not _is_in_change(wall)]
    texts += [text.replace("/0", "/").lower() for text in texts if "/" in form]
    counts = assert_read_alike(reader, texts)
    assert counts[not zone and "%z" not in form] == 0


@given(
    st.sampled_from(STEPS + PATTERNS),
    st.datetimes(datetime(1960, 1, 1), datetime(2110, 1, 1)),
    st.integers(-1, 40),
    st.sampled_from(["", " ", "  ", "0", "1", "3", "9", "31", "60", "12", "13", "00", "a", "PM", "Z", "+02", "-", ".",
                     "+02:00", " +0260", "UTC", " ", "\t", "\0", "é", "\u202f"]),
    st.integers(0, 4),
    st.sampled_from([(), ("auto",)]),
)  # fmt: skip
@example("%H:%M:%S %Y-%m-%d %z", datetime(2024, 5, 1), 20, " +02:00", 9, ())
@example("%m/%d/%Y %I:%M %p", datetime(2024, 5, 1), 11, "0", 2, ())
def test_what_is_written_like_a_format_is_read_as_python_reads_it(form, wall, at, other, size, more):
    text = written(form, wall)
    text = text if at < 0 else text[:at] + other + text[at + size :]
    values = [text, f" {text} ", text.upper(), text.lower(), text.replace(" ", "  "), 20240501, 20240501.0]
    for formats in ((form,), (form, *more), (*more, form)):
        assert_read_alike(TimeReader("Europe/Berlin", formats), values)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("%d/%m/%Y %H:%M%z", ("01/05/2024 10:00+02", "01/05/2024 10:00 +02:00", "01/05/2024 10:00z")),
        ("%S%f seconds %Y/%m/%d %H %M", ("00 seconds 2024/05/01 10 00", "005 seconds 2024/05/01 10 00")),
        ("%Y%m%d%H%M%S.%f", (20240501100000.0, 20240501100000.5, 20240501100000, "20240501100000.0")),
        ("%m/%d/%y %I:%M:%S%p", ("5/1/68 0:00:00AM", "5/1/69 12:00:00am", "5/1/70 13:00:00PM", "5/1/99 1:00:00 PM")),
        ("%d%m%y%H", ("0105249", "1052409", "010524091")),
    ],
)  # fmt: skip
def test_texts_at_the_border_of_a_format_are_read_as_python_reads_them(form, values):
    assert_read_alike(TimeReader("UTC", (form,)), values)


@pytest.mark.parametrize("form", PATTERNS)
def test_a_format_that_needs_a_pattern_is_left_to_python(form):
    reader = TimeReader("UTC", (form,))
    assert reader.first_steps() == () or len(form) > 40
    texts = [
        written(form, datetime(2024, 5, 1, 10)),
        "2024-05-01 10:00:00",
        "2024-05-01T10:00:00Z",
        "1714557600",
    ]
    assert make_fast_times(reader).read(texts, Counter()) == [None] * 4


def test_the_forms_that_need_no_format_are_read_if_they_are_tried_first():
    for formats, is_read in ((("auto", "%d.%m.%Y"), True), (("%d.%m.%Y", "auto"), False)):
        reader = TimeReader("UTC", formats)
        found = by_compiled(make_fast_times(reader), "2024-05-01T10:00:00Z")
        assert found == (by_python(reader, "2024-05-01T10:00:00Z") if is_read else Read(None))


@pytest.mark.parametrize("form", ["%Y%m%d%H%M%S", "%Y%m%d%H%M%S.%f", "%Y%m%d"])
def test_a_number_of_json_is_read_by_a_format_as_python_reads_it(form):
    numbers = (
        "20240501100000",
        "20240501100000.0",
        "20240501100000.5",
        "2.02405011E13",
        "20240501",
        "20240501.0",
    )
    content = "".join(line_of("", time=number) + line_of("", time=f'"{number}"') for number in numbers)
    found = assert_same(content, replace(JSONL, time_format=(form,), timezone="UTC"))
    assert sum(item[0] is Event for item in found) >= 2


# ── zones ────────────────────────────────────────────────────────────────────────────────────────


def around_changes(zone: str) -> list[datetime]:
    """Return local times around all changes of clocks of a zone, and at random between them."""
    chance = random.Random(zone)
    changes = [start for start, _ in local_offsets(zone_named(zone))]
    near = (-86_400, -3600, -60, -1, 0, 1, 30, 59, 60, 1799, 1800, 3599, 3600, 5400)
    seconds = [start + more for start in changes for more in near]
    seconds += [chance.randrange(90_000, 4_133_980_800) for _ in range(500)]
    return [datetime(1970, 1, 1) + timedelta(seconds=each) for each in seconds if each > 90_000]


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_are_read_by_the_table_as_by_the_zone(zone):
    reader = TimeReader(zone)
    times = make_fast_times(reader)
    texts = [f"{wall:%Y-%m-%d %H:%M:%S}" for wall in around_changes(zone)]
    found = times.read(texts, Counter())
    assert [each for each in found if each is not None] == [
        reader.read(text) for text, each in zip(texts, found, strict=True) if each is not None
    ]
    left = [text for text, each in zip(texts, found, strict=True) if each is None and text < "2101"]
    assert not [text for text in left if by_python(reader, text).instant is not None]


def test_a_zone_that_never_changed_its_clocks_has_one_offset():
    assert local_offsets(ZoneInfo("Etc/GMT+5")) == ((0, -5 * 3600), (4_133_980_800, None))


# ── without Python ───────────────────────────────────────────────────────────────────────────────


class CountingTimes(TimeReader):
    """Counts how often it is asked."""

    asked = 0

    def read(self, value: object) -> int:
        self.asked += 1
        return super().read(value)


def times_in_blocks(texts: Sequence[str], times: TimeReader) -> list[Any]:
    """Return what becomes of records with these times."""
    mapper = make_block_mapper(CSV, make_layout, times, {}, {})
    assert mapper is not None
    rows = "".join(f"e,{text},u,\n" for text in texts).encode()
    block, _, stuck = cut_csv(rows, COMMA, QUOTE, len(CSV.columns), 1, 1)
    assert not stuck
    found = map_block(mapper, block)
    assert len(found) == len(texts)
    return found


def test_times_in_no_order_with_many_offsets_are_read_without_python():
    times = CountingTimes()
    texts = [f"{wall.isoformat()}{OFFSETS[n % 5]}" for n, wall in enumerate(shuffled(10_000))]
    assert {type(found) for found in times_in_blocks(texts, times)} == {Event}
    assert times.asked == 0


def test_local_times_in_no_order_are_read_without_python_but_where_clocks_change():
    times, walls = CountingTimes("Europe/Berlin"), shuffled(10_000)
    changes = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(2022, 10, 30, 2)]
    walls += changes
    in_change = [n for n, wall in enumerate(walls) if _is_in_change(wall)]
    found = times_in_blocks([f"{wall:%Y-%m-%d %H:%M:%S}" for wall in walls], times)
    assert [n for n, each in enumerate(found) if type(each) is Rejection] == in_change
    assert {type(each) for each in found} == {Event, Rejection}
    assert times.asked == len({walls[n] for n in in_change}) >= len(changes)


# ── columns and numbers ──────────────────────────────────────────────────────────────────────────


def test_a_column_is_read_as_its_texts_are():
    cells = [
        "2024-05-01T10:00:00Z",
        "",
        "1714557600.5",
        "soon",
        '"17145""57600"',
        '" 2024-05-01 10:00 "',
        "é",
        '""',
    ]
    rows = "".join(f"e,{cell}\n" for cell in cells)
    block, _, _ = cut_csv(rows.encode(), COMMA, QUOTE, 2, 1, 1)
    times, forms, expected = make_fast_times(TimeReader("UTC")), Counter[str](x=1), Counter[str](x=1)
    texts = block.column(1)
    assert texts[4:6] == ['17145"57600', " 2024-05-01 10:00 "]
    found = times.read(texts, expected)
    instants, unread, missing = times.read_column(block, 1, forms)
    assert array("q", instants).tolist() == [-1 if each is None else each for each in found]
    assert unread == [n for n, each in enumerate(found) if each is None and texts[n]] == [3, 4, 6]
    assert missing == 2
    assert forms == expected


def test_doubled_quotes_are_not_taken_for_two():
    block, _, _ = cut_csv(b'e,"01""05""2024"\n', COMMA, QUOTE, 2, 1, 1)
    times = make_fast_times(TimeReader("UTC", ('%d""%m""%Y',)))
    assert times.read_column(block, 1, Counter())[1] == [0]
    assert times.read(['01""05""2024', '01"05"2024'], Counter()) == [SECOND // 86_400 * 86_400 * NS, None]


def test_a_column_that_is_not_there_is_an_error():
    block, _, _ = cut_csv(b"a,b\n", COMMA, QUOTE, 2, 1, 1)
    lines, _ = cut_lines(b"{}\n", 1, 1, lambda *_: None)  # type: ignore[arg-type,return-value]
    times = make_fast_times(TimeReader())
    for of, cell in ((block, -1), (block, 2), (lines, 0)):
        with pytest.raises(IndexError):
            times.read_column(of, cell, Counter())
    with pytest.raises(TypeError):
        times.read_column(None, 0, Counter())  # type: ignore[arg-type]
    assert times.read_column(cut_csv(b"", COMMA, QUOTE, 2, 1, 1)[0], 0, Counter()) == (b"", [], 0)


@pytest.mark.parametrize("digits", range(1, 19))
def test_a_number_of_json_is_read_as_the_double_that_it_becomes(digits):
    chance = random.Random(digits)
    numbers = [f"{chance.randrange(1_600_000_000, 1_714_557_600)}.{chance.randrange(10**digits):0{digits}}"
               for _ in range(50)]  # fmt: skip
    numbers += [number.replace(".", f"{chance.randrange(1000):03}.") for number in numbers]
    numbers += [str(int(float(number)) * 10**9 + chance.randrange(10**9)) for number in numbers[:50]]
    content = "".join(line_of("", time=number) for number in numbers)
    assert sum(item[0] is Event for item in assert_same(content, JSONL)) >= 50


@pytest.mark.parametrize(
    "wrong",
    [
        {"units": EPOCHS * 2},
        {"utc_names": ("Z",) * 9},
        {"utc_names": ("utc",)},
        {"utc_names": ("ZULU1",)},
        {"utc_names": ("",)},
        {"forms": ("a", "b", "c", "d")},
    ],
)
def test_a_plan_that_does_not_fit_is_an_error(wrong):
    sound: dict[str, Any] = {
        "units": EPOCHS, "forms": (), "steps": (), "first_short_year": 1969, "utc_names": ("Z",), "most_hours": 15, "local_offsets": (),
        "local_epochs": False,
    }  # fmt: skip
    Times(**sound)
    with pytest.raises(ValueError):
        Times(**(sound | wrong))
