from delivery_helpers import event, rejection
from hypothesis import given
from hypothesis import strategies as st

from importer.delivery import batches
from importer.delivery.batches import MAX_ITEMS
from importer.delivery.bodies import token_array
from importer.model import Event


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 400))),
    st.integers(1, 7),
    st.integers(1, 1500),
)
def test_no_item_is_lost_moved_or_doubled_and_no_bound_is_broken(sizes, size, max_bytes):
    items = [rejection(i) if s is None else event(i, size=s) for i, s in enumerate(sizes)]
    made = list(batches(items, size, max_bytes))
    assert [item for batch in made for item in batch.items] == items
    for batch in made:
        assert batch.events == [item for item in batch.items if isinstance(item, Event)]
        assert len(batch.events) <= size
        bodies = [e.body for e in batch.events]
        array = b"[" + b",".join(bodies) + b"]"
        assert len(bodies) == 1 or len(array) <= max_bytes or not bodies


def test_a_batch_is_filled_to_the_byte():
    one = len(event(1).body)
    assert [len(b.events) for b in batches([event(1), event(2)], 50, 2 * one + 3)] == [2]
    assert [len(b.events) for b in batches([event(1), event(2)], 50, 2 * one + 2)] == [1, 1]


def test_an_event_larger_than_the_limit_travels_alone():
    items = [event(1), event(2, size=5000), event(3)]
    assert [[e.row for e in b.events] for b in batches(items, 50, 400)] == [[2], [3], [4]]


def test_a_file_of_nothing_but_rejections_stays_bounded():
    made = list(batches((rejection(i) for i in range(MAX_ITEMS + 1)), 50, 1000))
    assert [(len(b.items), len(b.events)) for b in made] == [(MAX_ITEMS, 0), (1, 0)]


def test_reading_is_no_further_ahead_than_one_item():
    read = []

    def items():
        for i in range(100):
            read.append(i)
            yield event(i)

    next(batches(items(), 10, 100_000))
    assert len(read) == 11


def test_no_items_make_no_batch():
    assert list(batches([], 50, 1000)) == []


def test_the_token_is_put_into_the_properties_of_each_event():
    assert (
        token_array(
            [b'{"event":"A","properties":{"a":1}}', b'{"event":"B","properties":{"b":{}}}'], b',"token":"t"}}'
        )
        == b'[{"event":"A","properties":{"a":1,"token":"t"}},{"event":"B","properties":{"b":{},"token":"t"}}]'
    )
