"""Lines that are written from blocks are those that `rows` makes of each outcome."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from importer.model import Batch, Delivered, Event, Part, Rejection, Status, Verdict
from importer.results.lines import LineEncoder, outcomes_of
from importer.results.rows import CSV, CSV_FORMATS, JSONL, JSONL_FORMATS
from importer.speedups import COMPILED, EventBlock
from importer.speedups.event_list import EventList

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")

FORMS = [*CSV_FORMATS, *JSONL_FORMATS]
IMPORTED = Verdict(Status.IMPORTED, 200)

texts = st.sampled_from(
    ["", "user-1", "a,b", 'say "hi"', "=1", "-", "+x", "@", "'=", "\\", "\n", "\t", "\x00", "\x1f", "\x7f", "\x80",
     "\x9f", "\xa0", "\xad", "ü", "漢字", "😀", "\ue000", "\u2028", "\u202e", "\ud800", "\udcff", "\udce9,", "\uffff",
     "\U0010ffff", "x" * 299, "x" * 300, "x" * 301, "ü" * 300, "x" * 299 + "\n", "=" * 300, "n" * 1_001]
) | st.text(st.characters(exclude_categories=()), max_size=6)  # fmt: skip
numbers = st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 10**6)
item_numbers = st.integers(0, 2**31 - 1)
events = st.builds(
    Event, row=numbers, line=numbers, event=texts, distinct_id=texts, insert_id=texts, time=numbers, body=st.just(b"{}"),
    note=texts, item=item_numbers,
)  # fmt: skip
rejections = st.builds(
    Rejection,
    row=numbers,
    line=numbers,
    error=texts,
    event=texts,
    distinct_id=texts,
    insert_id=texts,
    note=texts,
    item=item_numbers,
    status=st.sampled_from([Status.INVALID, Status.SKIPPED]),
)
verdicts = st.just(IMPORTED) | st.builds(
    Verdict, st.sampled_from(Status), st.none() | st.integers(100, 599), texts
)


def batch_of(*parts: Part) -> Batch:
    count = sum(isinstance(item, Event) for block, start, stop in parts for item in block[start:stop])
    return Batch(parts, count, 3 * count)


def assert_alike(delivered: Delivered, forms=FORMS) -> None:
    for form in forms:
        encoder = LineEncoder(form)
        by_rule = LineEncoder(form, compiled=False).encode(delivered)
        assert encoder.encode(delivered) == by_rule
        assert encoder.encode(delivered) == by_rule  # what was remembered changes nothing
        assert by_rule.data == b"".join(map(form.encode, outcomes_of(delivered)))


@given(st.lists(events | rejections, max_size=6), st.data())
@example([Event(1, 2, "a", "\ud800", "c", 4, b"{}", "\x7f")], None)
def test_lines_of_any_items_and_verdicts_are_those_of_the_rule(items, data):
    block = EventBlock(items)
    start = data.draw(st.integers(0, len(items))) if data else 0
    stop = data.draw(st.integers(start, len(items))) if data else 1
    part = batch_of(Part(block, start, stop))
    given = data.draw(st.lists(verdicts, min_size=part.count, max_size=part.count)) if data else [IMPORTED]
    assert_alike(Delivered(part, given))


@pytest.mark.parametrize(
    "letter", [chr(code) for code in [*range(0x250), 0x2028, 0x202E, 0xD7FF, 0xD800, 0xDC80, 0xFFFF]]
)
def test_every_letter_is_written_as_the_rule_says(letter):
    items = [
        Event(1, 2, letter, f"a{letter}b", f"{letter}c", 5, b"{}", f"d{letter}"),
        Rejection(2, 3, letter, letter),
        Rejection(3, 4, f"e{letter}"),
    ]
    assert_alike(
        Delivered(batch_of(Part(EventBlock(items), 0, 3)), [Verdict(Status.FAILED, None, f"f{letter}")])
    )


def test_a_letter_of_each_width_is_known_as_printable_or_not():
    """One of each 97 characters up to the last: UTF-8 of two, three and four bytes."""
    codes = [*range(0x80, 0x110000, 97)]
    items = [Event(row, row, chr(code), f"a{chr(code)}", "c", 5, b"{}") for row, code in enumerate(codes, 1)]
    block = EventBlock(items)
    assert_alike(Delivered(batch_of(Part(block, 0, len(items))), [IMPORTED] * len(items)), [CSV, JSONL])


def test_several_parts_are_written_one_behind_the_other():
    first = EventBlock([Event(n, n, "a", "b", "c", n, b"{}") for n in range(9)])
    second = EventBlock([Rejection(9, 9, "no"), Event(10, 10, "a", "b", "c", 5, b"{}", "note")])
    other = [IMPORTED, IMPORTED, Verdict(Status.REJECTED, 400, "no"), IMPORTED]
    assert_alike(Delivered(batch_of(Part(first, 6, 9), Part(second, 0, 2)), other))
    found = LineEncoder(CSV).encode(Delivered(batch_of(Part(first, 6, 9), Part(second, 0, 2)), other))
    tally = {Status.IMPORTED: 3, Status.REJECTED: 1, Status.INVALID: 1}
    assert (found.last, found.tally, found.notes) == ((10, 0), tally, 1)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_written_of_nothing(form):
    for parts in ([], [Part(EventBlock([Rejection(1, 1, "no")]), 1, 1)]):
        assert LineEncoder(form).encode(Delivered(batch_of(*parts), [])) == (b"", (0, 0), {}, 0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [0, 2])
def test_verdicts_that_are_not_as_many_as_the_events_are_an_error(form, count):
    block = [Event(1, 1, "a", "b", "c", 5, b"{}"), Rejection(2, 2, "no")]
    for made in (EventBlock(block), EventList(block)):
        encoder = LineEncoder(form)
        with pytest.raises((ValueError, StopIteration, RuntimeError)):
            encoder.encode(Delivered(batch_of(Part(made, 0, 2)), [IMPORTED] * count))
        good = Delivered(batch_of(Part(made, 0, 2)), [IMPORTED])
        assert encoder.encode(good) == LineEncoder(form, compiled=False).encode(good)


def test_a_place_beyond_the_block_is_an_error():
    block = EventBlock([Event(1, 1, "a", "b", "c", 5, b"{}")])
    for start, stop in ((0, 2), (-1, 1), (1, 0)):
        with pytest.raises(IndexError):
            LineEncoder(CSV).encode(Delivered(Batch([Part(block, start, stop)], 1, 3), [IMPORTED]))


def test_lists_of_items_are_written_too():
    items = [Event(1, 1, "a", "b,c", "c", 5, b"{}"), Rejection(2, 2, "no")]
    as_list, as_block = (
        Delivered(batch_of(Part(made(items), 0, 2)), [IMPORTED]) for made in (EventList, EventBlock)
    )
    for form in FORMS:
        assert LineEncoder(form).encode(as_list) == LineEncoder(form).encode(as_block)


def test_more_texts_than_are_remembered_are_written_each_as_it_is():
    """Names, notes, errors and verdicts that all differ, and come again."""
    chance = random.Random(1)
    numbers = [chance.randrange(3_000) for _ in range(6_000)]
    items = [
        Event(row, row, f"a,{n}", "\x00" * (n % 3), f'"{n}"', 5, b"{}", f"={n}")
        if n % 3
        else Rejection(row, row, f"no, {n}" * (n % 90), note=f"\x01{n}")
        for row, n in enumerate(numbers, 1)
    ]
    given = [Verdict(Status.REJECTED, 400, f"why, {n}") for n in numbers if n % 3]
    assert_alike(Delivered(batch_of(Part(EventBlock(items), 0, len(items))), given))


@pytest.mark.parametrize("letter", ["x", ",", "\n", "ü", "\ud800"])
def test_huge_texts_are_written(letter):
    huge = letter * 200_000
    items = [
        Event(1, 1, "a", huge, "c", 5, b"{}", huge),
        Rejection(2, 2, huge, note=huge),
        Rejection(3, 3, "no"),
    ]
    assert_alike(Delivered(batch_of(Part(EventBlock(items), 0, 3)), [Verdict(Status.FAILED, None, huge)]))


@pytest.mark.parametrize("letter", ['"', "\\", "\n", ","])
@pytest.mark.parametrize("size", [1, 20, 40, 60, 70, 100, 255, 3_000])
@pytest.mark.parametrize("error", [0, 1, 100, 150, 200, 290, 300])
def test_texts_that_grow_leave_room_for_what_stands_behind_them(letter: str, size: int, error: int) -> None:
    """A line has room for all of its parts, however many of them are longer than their source."""
    verdict = Verdict(Status.REJECTED, 400, "e" * error)
    text = letter * size
    for name, user, own, note in ((text, "u", "i", ""), ("e", text, "i", ""), ("e", "u", text, text)):
        items = [Event(n, n + 1, name, user, own, 1_740_787_200_000, b"{}", note) for n in (1, 2, 3)]
        assert_alike(Delivered(batch_of(Part(EventBlock(items), 0, 3)), [verdict] * 3))
