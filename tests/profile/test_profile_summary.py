from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from importer.facts import ProfileSummary, SortedCounts
from importer.profile.summary import (
    MAX_NAMES,
    SummaryCounter,
    count_ahead,
    count_by_day,
    count_by_hour,
    count_undeletable,
)
from importer.results.codec import decode, encode

HOUR = 3600 * 10**9
NOON = 1_714_564_800 * 10**9  # 2024-05-01T12:00:00Z


def test_names_are_counted():
    counter = SummaryCounter()
    counter.add_names(["a", "b", "a"])
    counter.add_names(["a"])
    assert counter.summary().names == {"a": 3, "b": 1}


def test_names_beyond_the_most_are_counted_together():
    counter = SummaryCounter()
    counter.add_names([str(n) for n in range(MAX_NAMES)])
    counter.add_names(["5", "new", "newer", "5"])
    found = counter.summary()
    assert len(found.names) == MAX_NAMES
    assert (found.names["5"], found.other_names) == (3, 2)
    assert sum(found.names.values()) + found.other_names == MAX_NAMES + 4


def test_the_first_and_the_last_instant_are_kept():
    counter = SummaryCounter()
    assert (counter.first, counter.last, sum(counter.summary().quarters.values())) == (None, None, 0)
    counter.add_instants([])
    counter.add_instants([NOON + 1, NOON, NOON + 2])
    counter.add_instants([NOON - 5])
    assert (counter.first, counter.last, sum(counter.summary().quarters.values())) == (NOON - 5, NOON + 2, 4)


def test_hours_and_days_are_those_of_the_zone():
    counter = SummaryCounter()
    counter.add_instants([NOON, NOON, NOON + 11 * HOUR])
    assert [(hour, n) for hour, n in enumerate(count_by_hour(counter.summary())) if n] == [(12, 2), (23, 1)]
    assert count_by_day(counter.summary()) == {"2024-05-01": 3}
    assert [(hour, n) for hour, n in enumerate(count_by_hour(counter.summary(), "Asia/Kolkata")) if n] == [
        (4, 1),
        (17, 2),
    ]
    assert count_by_day(counter.summary(), "Asia/Kolkata") == {"2024-05-01": 2, "2024-05-02": 1}
    assert list(count_by_day(counter.summary(), "Asia/Kolkata")) == ["2024-05-01", "2024-05-02"]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia", "Pacific/Apia"]
)
def test_hours_and_days_are_those_of_each_time_by_itself(zone: str):
    chance = random.Random(zone)
    # At random, and around changes of clocks: to summer and back, from an odd offset, over the date line.
    changes = (1_711_846_800, 1_729_989_000, 504_901_800, 63_593_070, 1_325_239_200)
    seconds = [chance.randrange(-(10**9), 2 * 10**9) for _ in range(2_000)]
    seconds += [chance.choice(changes) + chance.randrange(-200_000, 200_000) for _ in range(2_000)]
    counter = SummaryCounter()
    counter.add_instants([second * 10**9 for second in seconds])
    moments = [datetime.fromtimestamp(second // 900 * 900, ZoneInfo(zone)) for second in seconds]
    by_hour = Counter(moment.hour for moment in moments)
    assert count_by_hour(counter.summary(), zone) == [by_hour[hour] for hour in range(24)]
    by_day = Counter(moment.date().isoformat() for moment in moments)
    assert count_by_day(counter.summary(), zone) == dict(sorted(by_day.items()))


@pytest.mark.parametrize("zone", ["", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def test_times_at_the_ends_of_the_calendar_do_not_crash(zone: str):
    counter = SummaryCounter()
    counter.add_instants([-62_135_596_800 * 10**9, 253_402_300_799 * 10**9])
    assert sum(count_by_hour(counter.summary(), zone)) == 2
    first, last = count_by_day(counter.summary(), zone)
    assert first.startswith("0001-01-")
    assert last.startswith("9999-12-")


def test_what_is_ahead_of_the_clock_and_what_is_old_is_counted():
    counter = SummaryCounter()
    day = 24 * HOUR
    counter.add_instants([NOON - 181 * day, NOON - 179 * day, NOON - HOUR, NOON + HOUR, NOON + 2 * HOUR])
    assert count_undeletable(counter.summary(), NOON) == 1
    assert count_ahead(counter.summary(), NOON) == 2


def test_a_summary_survives_the_manifest():
    counter = SummaryCounter(records=MAX_NAMES + 5, unreadable=1, no_time=2, clock_changes=1)
    counter.add_names([str(n) for n in range(MAX_NAMES + 3)])
    counter.add_names(["new"])
    counter.add_instants([NOON, -NOON])
    counter.forms.update(["epoch s", "epoch s"])
    again = decode(ProfileSummary, json.loads(json.dumps(encode(counter.summary()))))
    assert again == counter.summary()
    assert sum(again.quarters.values()) == 2


@pytest.mark.parametrize("span", [1, 50, 5_000])
def test_quarters_are_counted_alike_whether_they_are_few_or_many(span: int):
    chance = random.Random(span)
    instants = [NOON + chance.randrange(-span * HOUR, span * HOUR) for _ in range(2_000)]
    instants += [NOON, NOON + HOUR // 4, NOON + HOUR // 4 - 1, NOON - 1]
    counter = SummaryCounter()
    counter.add_instants(instants)
    assert counter.summary().quarters == Counter(instant // (HOUR // 4) for instant in instants)
    assert (counter.first, counter.last) == (min(instants), max(instants))


@pytest.mark.parametrize("seed", range(20))
def test_sums_and_runs_of_sorted_counts_are_those_of_each_count(seed: int):
    chance = random.Random(seed)
    start = chance.choice([-500, 0, 10**6, -(2**63), 2**63 - 600])
    known = {start + chance.randrange(500): chance.randrange(1, 9) for _ in range(chance.randrange(300))}
    counts = SortedCounts(known.items())
    for first, end in ((None, None), (start + 9, None), (None, start + 99), (start + 9, start + 99)):
        low, high = (start if first is None else first), (start + 500 if end is None else end)
        assert counts.total(first, end) == sum(n for number, n in known.items() if low <= number < high)
    runs = list(counts.runs(96))
    assert {first + at: n for first, run in runs for at, n in enumerate(run) if n} == known
    assert all(run[0] and run[-1] and first // 96 == (first + len(run) - 1) // 96 for first, run in runs)
    assert [first for first, _ in runs] == sorted({first for first, _ in runs})
