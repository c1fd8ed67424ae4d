from itertools import pairwise

from delivery_helpers import batch_of, event, rejection
from hypothesis import example, given
from hypothesis import strategies as st

from importer.delivery.batches import BRACKET_BYTES, MAX_ITEMS, make_batches
from importer.delivery.request import token_array
from importer.model import Event
from importer.speedups import EventBlock
from importer.speedups.event_list import EventList


def one_by_one(items, size, max_bytes):
    """Cut batches one item at a time: a simple implementation to compare with."""
    held, events, room = [], [], max_bytes - BRACKET_BYTES
    for item in items:
        if isinstance(item, Event):
            need = len(item.body) + 1
            if events and (len(events) == size or need > room):
                yield batch_of(held)
                held, events, room = [], [], max_bytes - BRACKET_BYTES
            events.append(item)
            room -= need
        held.append(item)
        if len(held) >= MAX_ITEMS:
            yield batch_of(held)
            held, events, room = [], [], max_bytes - BRACKET_BYTES
    if held:
        yield batch_of(held)


def of_size(number, size):
    return Event(number, number, "Bought", "u", f"id-{number}", 0, b"x" * size)


def chunked(items, cuts):
    ends = [0, *sorted(cut for cut in cuts if cut < len(items)), len(items)]
    return [items[start:end] for start, end in pairwise(ends)]


def content(batch):
    assert batch.length == len(batch.items())
    assert batch.size == sum(len(each.body) + 1 for each in batch.events())
    assert b"\n".join(batch.bodies()) == b"\n".join([each.body for each in batch.events()])
    return batch.items(), batch.count, batch.size


def batches(chunks, size, max_bytes):
    return list(make_batches(map(EventBlock, chunks), size, max_bytes))


sizes = st.lists(st.none() | st.integers(1, 40), max_size=40) | st.lists(st.integers(1, 40), max_size=40)


@given(sizes, st.sets(st.integers(0, 40)), st.integers(1, 9), st.integers(1, 400))
@example([9] * 6, set(), 3, 31)  # three fit to the byte
@example([9] * 6, set(), 3, 30)  # and now they don't
@example([9, 9, 30, 9, 9], {2, 3}, 2, 60)
@example([9, 9, 50, 9, 9, 9], {3}, 2, 31)  # what is held is too large for those that come to be cut by number
@example([9, 9, None, 39], {2}, 3, 61)  # to the byte, after what was cut by number
@example([9, 9, None, 40], {2}, 3, 61)
@example([9, 9, 9, None, 20], {3}, 2, 40)  # what is left of a chunk that was cut by number counts alone
@example([9, None, 9, 9], {2}, 2, 100)  # a rejection follows a batch that is full
def test_batches_equal_those_of_a_simple_implementation_wherever_chunks_end(sizes, cuts, size, max_bytes):
    items = [rejection(i) if s is None else of_size(i, s) for i, s in enumerate(sizes)]
    expected = list(map(content, one_by_one(items, size, max_bytes)))
    for kind in (EventBlock, EventList):
        blocks = map(kind, chunked(items, cuts))
        assert list(map(content, make_batches(blocks, size, max_bytes))) == expected


def test_batches_with_thousands_of_rejections_equal_those_of_a_simple_implementation():
    for rejections in (MAX_ITEMS - 12, MAX_ITEMS - 10, MAX_ITEMS - 9, MAX_ITEMS - 8, MAX_ITEMS):
        first = [of_size(0, 9), *(rejection(i) for i in range(rejections))]
        for count in (9, 25):
            chunks = [first, [of_size(i, 9) for i in range(count)], [rejection(1), of_size(1, 9)]]
            items = [item for chunk in chunks for item in chunk]
            expected = list(map(content, one_by_one(items, 10, 1000)))
            assert list(map(content, batches(chunks, 10, 1000))) == expected


def test_a_batch_of_more_events_than_may_be_held_is_cut_where_the_bound_is():
    items = [of_size(i, 1) for i in range(2 * MAX_ITEMS + 1)]
    expected = list(map(content, one_by_one(items, 20_000, 10**9)))
    assert list(map(content, batches([items], 20_000, 10**9))) == expected


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 400))),
    st.integers(1, 7),
    st.integers(1, 1500),
)
def test_no_item_is_lost_moved_or_doubled_and_no_bound_is_broken(sizes, size, max_bytes):
    items = [rejection(i) if s is None else event(i, size=s) for i, s in enumerate(sizes)]
    made = batches([items], size, max_bytes)
    assert [item for batch in made for item in batch.items()] == items
    for batch in made:
        assert batch.events() == [item for item in batch.items() if isinstance(item, Event)]
        assert batch.count == len(batch.events()) <= size
        bodies = [e.body for e in batch.events()]
        array = b"[" + b",".join(bodies) + b"]"
        assert len(bodies) == 1 or len(array) <= max_bytes or not bodies


def test_a_batch_is_filled_to_the_byte():
    one = len(event(1).body)
    assert [b.count for b in batches([[event(1), event(2)]], 50, 2 * one + 3)] == [2]
    assert [b.count for b in batches([[event(1), event(2)]], 50, 2 * one + 2)] == [1, 1]


def test_an_event_larger_than_the_limit_travels_alone():
    items = [event(1), event(2, size=5000), event(3)]
    assert [[e.row for e in b.events()] for b in batches([items], 50, 400)] == [[2], [3], [4]]


def test_a_file_of_nothing_but_rejections_stays_bounded():
    made = batches(([rejection(i)] for i in range(MAX_ITEMS + 1)), 50, 1000)
    assert [(b.length, b.count) for b in made] == [(MAX_ITEMS, 0), (1, 0)]


def test_reading_is_no_further_ahead_than_one_chunk():
    read = []

    def chunks():
        for i in range(100):
            read.append(i)
            yield EventBlock([event(i)])

    next(make_batches(chunks(), 10, 100_000))
    assert len(read) == 11


def test_no_items_make_no_batch():
    assert list(make_batches([], 50, 1000)) == list(batches([[]], 50, 1000)) == []


def test_the_token_is_put_into_the_properties_of_each_event():
    assert (
        token_array(
            [b'{"event":"A","properties":{"a":1}}', b'{"event":"B","properties":{"b":{}}}'], b',"token":"t"}}'
        )
        == b'[{"event":"A","properties":{"a":1,"token":"t"}},{"event":"B","properties":{"b":{},"token":"t"}}]'
    )
