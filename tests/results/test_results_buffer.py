"""What delivery gives back is written in order, and small batches together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from importer import speedups
from importer.errors import StorageError
from importer.model import Batch, Delivered, Event, Part, Rejection, Status, Verdict
from importer.results.buffer import OutcomeBuffer
from importer.results.recovery import inspect_results
from importer.results.writer import ResultsWriter

IMPORTED = Verdict(Status.IMPORTED, 200)
FAILED = Verdict(Status.FAILED, None, "no answer")


def event(row: int, note: str = "") -> Event:
    return Event(row, row + 1, "Bought", f"u{row}", f"id-{row}", 0, b"{}", note)


def rejection(row: int) -> Rejection:
    return Rejection(row, row + 1, "time: is empty")


def delivered(*items: Event | Rejection, verdict: Verdict = IMPORTED) -> Delivered:
    count = sum(isinstance(item, Event) for item in items)
    return Delivered(
        Batch([Part(speedups.EventBlock(items), 0, len(items))], count, 3 * count), [verdict] * count
    )


class Book:
    """A buffer over a file, and how many rows were in it each time that something was written."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.path = path
        self.results = ResultsWriter.create(path, **changes)
        self.rows: list[int] = []
        self.buffer = OutcomeBuffer(self.results, lambda: self.rows.append(self.results.rows))

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()[1:]


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "r.csv")
    yield made
    made.results.close()


def test_small_batches_that_were_taken_are_written_together(book):
    for start in range(1, 101, 10):
        book.buffer.add(delivered(*map(event, range(start, start + 10))))
        assert (book.buffer.rows, book.results.rows, book.lines()) == (start + 9, 0, [])
    book.buffer.flush()
    assert book.rows == [100]
    assert [line.split(",")[0] for line in book.lines()] == [str(row) for row in range(1, 101)]


def test_nothing_is_held_beyond_some_hundred_records(book):
    for start in range(1, 1001, 50):
        book.buffer.add(delivered(*map(event, range(start, start + 50))))
    assert book.rows == [500, 1000]
    assert len(book.lines()) == 1000


def test_skipped_records_are_no_reason_to_write_at_once(book):
    skipped = rejection(3)._replace(status=Status.SKIPPED)
    book.buffer.add(delivered(event(1), event(2), skipped))
    book.buffer.add(delivered(skipped._replace(row=4)))
    assert (book.buffer.rows, book.lines(), book.buffer.unsuccessful) == (4, [], 0)
    book.buffer.flush()
    assert [line.split(",")[3] for line in book.lines()] == ["imported", "imported", "skipped", "skipped"]
    assert (book.buffer.unsuccessful, book.results.counts.skipped) == (0, 2)


@pytest.mark.parametrize(
    "second",
    [
        delivered(event(3), event(4), verdict=FAILED),
        delivered(event(3), rejection(4)),
        delivered(rejection(3), rejection(4)),
        Delivered(delivered(event(3), event(4)).batch, [IMPORTED, FAILED]),
    ],
    ids=["failed", "a rejection", "rejections alone", "failed in part"],
)
def test_what_was_not_taken_is_written_at_once_with_all_before_it(book, second):
    book.buffer.add(delivered(event(1), event(2)))
    assert book.buffer.unsuccessful == 0
    book.buffer.add(second)
    assert [line.split(",")[0] for line in book.lines()] == ["1", "2", "3", "4"]
    assert book.buffer.unsuccessful == book.results.unsuccessful > 0
    assert book.buffer.rows == book.results.rows == 4


def test_an_observer_receives_each_event_once_with_its_verdict_after_it_was_written(tmp_path):
    seen = []
    with ResultsWriter.create(tmp_path / "r.csv") as results:

        def observe(found: Delivered) -> None:
            events = found.batch.events()
            assert results.rows >= events[-1].row
            seen.extend(zip(events, found.verdicts, strict=True))

        buffer = OutcomeBuffer(results, lambda: None, observe)
        buffer.add(delivered(*map(event, range(1, 1_203))))
        buffer.add(delivered(event(1_203), rejection(1_204), event(1_205)))
        buffer.add(delivered(*map(event, range(1_206, 1_306))))
        buffer.add(delivered(event(1_306), verdict=FAILED))
        buffer.flush()
    rows = [row for row in range(1, 1_307) if row != 1_204]
    assert [(each.row, verdict) for each, verdict in seen] == [
        (row, FAILED if row == 1_306 else IMPORTED) for row in rows
    ]


def test_each_record_keeps_its_own_verdict_where_batches_meet(book):
    book.buffer.add(delivered(event(1), event(2), verdict=Verdict(Status.ACCEPTED, 200)))
    book.buffer.add(delivered(event(3)))
    book.buffer.add(delivered(event(4), rejection(5), event(6), verdict=FAILED))
    found = [line.split(",")[3] for line in book.lines()]
    assert found == ["accepted", "accepted", "imported", "failed", "invalid", "failed"]
    assert inspect_results(book.path).counts == book.results.counts


def test_notes_are_counted_as_they_are_written(book):
    book.buffer.add(delivered(event(1, "ip left out"), event(2), event(3, "cut")))
    assert book.buffer.notes == 0
    book.buffer.flush()
    assert book.buffer.notes == 2


def test_to_settle_twice_writes_nothing_twice(book):
    book.buffer.add(delivered(event(1)))
    book.buffer.flush()
    book.buffer.flush()
    assert (book.rows, len(book.lines())) == ([1], 1)


def test_what_the_disk_did_not_take_counts_as_not_written(tmp_path):
    broken: list[bool] = []

    def fsync(_: int) -> None:
        if broken:
            raise OSError(5, "Input/output error")

    book = Book(tmp_path / "r.csv", fsync=fsync)
    book.buffer.add(delivered(event(1)))
    book.buffer.flush()
    broken.append(True)
    with pytest.raises(StorageError):
        book.results.sync()
    book.buffer.add(delivered(event(2)))
    with pytest.raises(StorageError):
        book.buffer.flush()
    book.buffer.flush()
    assert (book.buffer.rows, book.rows) == (1, [1])
    book.results.close()
