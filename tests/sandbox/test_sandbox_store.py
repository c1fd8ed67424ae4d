from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import SourceError
from importer.sandbox.store import LandedEvent, Store


def landed(event="e", time=1, user="u", insert_id: str | None = "i", body=b'{"n":1}') -> LandedEvent:
    return LandedEvent(event, time, user, insert_id, body)


def test_events_alike_in_the_four_fields_are_one_and_the_latest_is_shown():
    with closing(Store()) as store:
        store.add([landed(body=b'{"n":1}'), landed(insert_id="j")])
        store.add([landed(body=b'{"n":2}')])
        assert store.raw_count() == 3
        assert store.count() == 2
        assert list(store.bodies()) == [b'{"n":1}', b'{"n":2}']
        assert list(store.bodies()) == [b'{"n":1}', b'{"n":2}']


@pytest.mark.parametrize(
    "other", [landed(event="f"), landed(time=2), landed(user="v"), landed(insert_id="j")]
)
def test_events_that_differ_in_one_of_the_four_fields_are_two(other: LandedEvent):
    with closing(Store()) as store:
        store.add([landed(), other])
        assert store.count() == 2


def test_events_without_an_id_are_each_their_own():
    with closing(Store()) as store:
        store.add([landed(insert_id=None), landed(insert_id=None)])
        store.add([landed(insert_id=None)])
        assert store.count() == 3


def test_events_are_shown_in_order_over_many_pages_while_more_come_in():
    with closing(Store()) as store:
        store.add([landed(insert_id=str(n), body=b"%d" % n) for n in range(2500)])
        shown = store.bodies()
        first = next(shown)
        store.add([landed(insert_id="late", body=b"2500")])
        assert [first, *shown] == [b"%d" % n for n in range(2501)]


def test_a_batch_that_breaks_off_leaves_nothing():
    def broken():
        yield landed()
        raise RuntimeError

    with closing(Store()) as store:
        with pytest.raises(RuntimeError):
            store.add(broken())
        assert store.raw_count() == 0
        store.add([landed()])
        assert store.raw_count() == 1


def test_a_file_keeps_what_landed(tmp_path: Path):
    path = tmp_path / "sandbox.db"
    with closing(Store(path)) as store:
        store.add([landed(), landed(insert_id=None)])
    with closing(Store(path)) as store:
        store.add([landed(insert_id=None)])
        assert store.count() == 3
        assert store.counts_by_event_and_day() == [("e", "1970-01-01", 3)]


def test_clearing_forgets_what_landed():
    with closing(Store()) as store:
        store.add([landed()])
        store.clear()
        assert store.raw_count() == store.count() == 0


def test_a_database_of_something_else_is_left_alone(tmp_path: Path):
    path = tmp_path / "accounts.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE accounts (id)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(SourceError, match=r"accounts\.db can't be used .* something else"):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), lambda p: p.write_bytes(b"text " * 500)])
def test_a_path_that_is_no_database_is_a_clear_error(tmp_path: Path, make):
    path = tmp_path / "sandbox.db"
    make(path)
    with pytest.raises(SourceError, match=r"sandbox\.db can't be used") as caught:
        Store(path)
    assert caught.value.remedy
