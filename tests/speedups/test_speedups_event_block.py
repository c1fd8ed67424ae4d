"""Blocks of events are lists of them, and of rejections, in another form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.model import Event, Rejection, Status
from importer.speedups import EventBlock
from importer.speedups.event_list import EventList

texts = st.text(st.sampled_from('ab"é杯😀\n\0\ud800\udcff'), max_size=8)
numbers = st.integers(0, 2**60)
item_numbers = st.integers(0, 2**31 - 1)
statuses = st.sampled_from([Status.INVALID, Status.SKIPPED])
events = st.builds(
    Event,
    numbers,
    numbers,
    texts,
    texts,
    texts,
    st.integers(0, 9 * 10**12),
    st.binary(min_size=1, max_size=30),
    texts,
    item_numbers,
)
rejections = st.builds(Rejection, numbers, numbers, texts, texts, texts, texts, texts, item_numbers, statuses)
items = st.lists(events | rejections, max_size=12)


@given(items)
def test_a_block_holds_what_was_put_into_it(given_items: list[Event | Rejection]) -> None:
    block, plain = EventBlock(given_items), EventList(given_items)
    assert list(block) == block[:] == plain == given_items
    assert [block[n - len(block)] for n in range(len(block))] == given_items
    assert block.events == plain.events
    for name in ("names", "users", "instants"):
        assert getattr(block, name)() == getattr(plain, name)()
    with pytest.raises(IndexError):
        block[len(block)]


@given(items, st.integers(0, 12), st.integers(0, 4), st.integers(0, 90), st.integers(1, 6), st.booleans())
def test_parts_are_taken_as_from_a_list(
    given_items: list[Event | Rejection], start: int, most: int, size: int, count: int, holds_event: bool
) -> None:
    block, plain = EventBlock(given_items), EventList(given_items)
    if start > len(given_items):
        for kind in (block, plain):
            with pytest.raises(IndexError):
                kind.take(start, most, size, count, holds_event)
        return
    taken = block.take(start, most, size, count, holds_event)
    assert taken == plain.take(start, most, size, count, holds_event)
    assert block.bodies(start, taken[0]) == plain.bodies(start, taken[0])
    assert block.holds_invalid(start, taken[0]) == plain.holds_invalid(start, taken[0])


@pytest.mark.parametrize(
    "wrong",
    [
        Event(1, 2, "e", "u", "i", "now", b"{}", ""),  # type: ignore[arg-type]
        Event(1, 2, "e", 3, "i", 4, b"{}", ""),  # type: ignore[arg-type]
        Event(1, 2, "e", "u", "i", 4, "{}", ""),  # type: ignore[arg-type]
        Rejection("one", 2, "no"),  # type: ignore[arg-type]
        Rejection(1, 2, "no", status=Status.FAILED),
        ("e", "u"),
        None,
    ],
)
def test_what_is_no_item_leaves_nothing_behind(wrong: Any) -> None:
    good = Event(1, 2, "e", "u", "i", 4, b"{}", "")
    block = EventBlock([good])
    with pytest.raises((TypeError, AttributeError, ValueError)):
        block.append(wrong)
    block.append(good)
    assert list(block) == [good, good]
    assert block.bodies(0, 2) == b"{}\n{}"
