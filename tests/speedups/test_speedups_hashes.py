"""Hashes and sets of them: what is equal has one hash, however it is read, and what differs has another."""

from __future__ import annotations

import csv
import io
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer import speedups
from importer.model import Event, Part, Record, Rejection
from importer.profile.event_hashes import hash_events, hash_ids
from importer.profile.hashing import (
    BUCKETS,
    DAY_NS,
    HashSet,
    HashSetInPython,
    as_instants,
    count_user_days,
    find_user_days,
    hash_texts,
)
from importer.speedups.event_list import EventList

COMPILED = [True, False]
QUOTE, COMMA = ord('"'), ord(",")


def hashes_of(data: bytes) -> list[int]:
    return list(array("Q", data))


def event(insert_id: str = "a", name: str = "Paid", user: str = "u", time: int = 5) -> Event:
    return Event(1, 2, name, user, insert_id, time, b"{}", "")


def part_of(items: list[Event | Rejection], *, compiled: bool) -> Part:
    return Part(speedups.EventBlock(items) if compiled else EventList(items), 0, len(items))


def block(data: bytes, width: int) -> speedups.Block:
    found, _, stuck = speedups.cut_csv(data, COMMA, QUOTE, width, 1, 1)
    assert not stuck
    return found


# ── hashes ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("compiled", COMPILED)
def test_texts_have_one_hash_if_they_are_equal_and_others_if_they_differ(compiled: bool) -> None:
    # Texts of each length up to some words of the processor, and texts that differ in one place only.
    base = "".join(map(chr, range(65, 65 + 80)))
    texts = [base[:n] for n in range(1, 80)] + [f"{base[:n]}!{base[n + 1 :]}" for n in range(80)]
    texts += ["0", "00", "\0", "\0\0", "é", "e\u0301", "\ud800", "\udfff"]
    found = hashes_of(hash_texts(texts, compiled=compiled))
    assert len(set(found)) == len(texts)
    assert hashes_of(hash_texts(texts[::-1], compiled=compiled)) == found[::-1]


@pytest.mark.parametrize("compiled", COMPILED)
def test_an_empty_text_has_the_hash_0_and_no_other_has(compiled: bool) -> None:
    assert hashes_of(hash_texts(["", "a", ""], compiled=compiled))[::2] == [0, 0]
    assert 0 not in hashes_of(hash_texts(["a", "\0", " "], compiled=compiled))
    assert hash_texts([], compiled=compiled) == b""


@pytest.mark.parametrize("compiled", COMPILED)
def test_the_hash_of_an_event_is_of_all_that_mixpanel_compares_and_of_nothing_else(compiled: bool) -> None:
    same = [event(), event()._replace(row=9, line=9, body=b"other", note="note")]
    others = [
        event("b"), event(name="Other"), event(user="v"), event(time=6), event(user=""), event(name="Paidu", user=""),
        event(name="Pai", user="du"), event(name="", user="Paidu"),
    ]  # fmt: skip
    found = hashes_of(hash_events(part_of([*same, *others], compiled=compiled), by_id=False))
    assert found[0] == found[1]
    assert len(set(found)) == 1 + len(others)


@pytest.mark.parametrize("compiled", COMPILED)
def test_the_hash_by_id_is_that_of_the_id_as_a_text(compiled: bool) -> None:
    events = [event("b" * 32), event("a", name="x"), event("a", user="y", time=7)]
    found = hash_events(part_of(events, compiled=compiled), by_id=True)
    assert found == hash_ids([each.insert_id for each in events])


@pytest.mark.parametrize("compiled", COMPILED)
def test_only_the_events_between_two_places_are_hashed(compiled: bool) -> None:
    items = [event("a"), Rejection(2, 3, "no"), event("b"), event("c")]
    part = part_of(items, compiled=compiled)._replace(start=1, stop=3)
    assert hash_events(part, by_id=True) == hash_ids(["b"])


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────

cells = st.text(st.sampled_from('ab,"\n é'), max_size=40)


@settings(deadline=None)
@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"])
)
def test_the_hash_of_a_record_is_that_of_its_bytes(records: list[list[str]], end: str) -> None:
    lines = []
    for record in records:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(record)
        lines.append(text.getvalue()[:-1])
    found = block(end.join([*lines, ""]).encode(), 3)
    assert len(found) == len(records)
    assert speedups.hash_records(found) == hash_texts(lines)
    for cell in range(3):
        texts = [record[cell] for record in records]
        assert speedups.hash_cells(found, cell) == hash_texts(texts)
        null = records[0][0]
        of_others = hash_texts(["" if text == null else text for text in texts])
        assert speedups.hash_cells(found, cell, (b"-", null.encode())) == of_others


def test_quotes_around_the_outer_cells_are_part_of_a_record() -> None:
    # a",b without an opening quote has other cells than "a",b, and the same bytes from its first cell on.
    found = block(b'"a",b\na",b\n"a","b"', 2)
    assert [record.values for record in found if isinstance(record, Record)] == [
        ["a", "b"],
        ['a"', "b"],
        ["a", "b"],
    ]
    assert len(set(hashes_of(speedups.hash_records(found)))) == 3


def test_the_hash_of_a_line_of_json_leaves_out_the_blanks_around_it() -> None:
    lines = [b'{"a":1}', b' {"a":1}\r', b'{"a":1}\t ', b'{"a": 1}']
    found, _ = speedups.cut_lines(b"\n".join(lines), 1, 1, lambda row, line, _: Record(row, line, {}))
    assert speedups.hash_records(found) == hash_texts(['{"a":1}'] * 3 + ['{"a": 1}'])


@pytest.mark.parametrize("cell", [-1, 2])
def test_a_column_that_is_not_there_is_refused(cell: int) -> None:
    with pytest.raises(IndexError):
        speedups.hash_cells(block(b"a,b\n", 2), cell)


# ── sets ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["compiled", "python"])
def few(request: pytest.FixtureRequest) -> HashSet:
    """A set of 48 hashes at most."""
    return speedups.SeenHashes(64) if request.param == "compiled" else HashSetInPython(48)


def test_a_set_knows_what_was_added_and_has_no_room_for_more_than_its_limit(few: HashSet) -> None:
    given = array("Q", range(1, 61)).tobytes()
    assert few.add(given) == ([], list(range(48, 60)))
    assert few.add(given) == (list(range(48)), list(range(48, 60)))


def test_a_hash_that_is_twice_among_those_added_at_once_is_seen_once(few: HashSet) -> None:
    assert few.add(array("Q", [7, 8, 7, 7]).tobytes()) == ([2, 3], [])


def test_hashes_that_share_a_slot_are_kept_apart() -> None:
    seen = speedups.SeenHashes(1 << 21)
    alike = array("Q", [(n << 40) + 5 for n in range(1, 100)]).tobytes()
    assert seen.add(alike) == ([], [])
    assert seen.add(alike) == (list(range(99)), [])


def test_a_set_that_grows_forgets_nothing() -> None:
    chance = random.Random(6)
    given = array("Q", {chance.getrandbits(64) | 1 for _ in range(300_000)})
    seen = speedups.SeenHashes(1 << 21)
    for start in range(0, len(given), 5_000):
        assert seen.add(given[start : start + 5_000].tobytes()) == ([], [])
    assert seen.add(given.tobytes()) == (list(range(len(given))), [])


def test_the_hash_0_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        speedups.SeenHashes(64).add(bytes(8))


# ── counts by user and day ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("compiled", COMPILED)
def test_events_are_counted_by_user_and_day(compiled: bool) -> None:
    counts = array("I", bytes(4 * BUCKETS))
    users = hash_texts(["u"] * 5 + ["v", "", "u", "u", "u"], compiled=compiled)
    far = 2**63  # in the year 2262, whose times must not stop a run
    instants = as_instants([0, 1, DAY_NS - 1, DAY_NS, -1, 0, 0, None, far, -far - 1])
    count_user_days(counts, users, instants, compiled=compiled)
    assert sorted(filter(None, counts)) == [1, 1, 1, 3]  # -1 is the day before, and nobody has no user
    assert find_user_days(counts, users, instants, 2, compiled=compiled) == [0, 1, 2]
    count_user_days(counts, users, instants, DAY_NS, compiled=compiled)
    assert sorted(filter(None, counts)) == [2, 2, 5, 6]  # those without a time have the given one


def test_both_ways_use_the_same_counters() -> None:
    chance = random.Random(3)
    users = array("Q", [chance.getrandbits(64) | 1 for _ in range(2_000)]).tobytes()
    instants = as_instants(chance.randrange(-(2**60), 2**60) for _ in range(2_000))
    both = [array("I", bytes(4 * BUCKETS)) for _ in COMPILED]
    for counts, compiled in zip(both, COMPILED, strict=True):
        count_user_days(counts, users, instants, compiled=compiled)
    assert both[0] == both[1]


def test_counters_and_users_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        speedups.count_user_days(array("I", [0]), bytes(8), bytes(8))
    with pytest.raises(ValueError, match="expected"):
        speedups.count_user_days(array("I", bytes(4 * BUCKETS)), bytes(8), bytes(16))
