"""Events become batches: the requests of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, cast

from importer.model import Batch, Event, Rejection

MAX_ITEMS: Final = 5_000
"""A batch closes at this many items, so that a file of nothing but rejections stays bounded."""

FRAME: Final = 1
"""Bytes of a body beyond its events, each counted with a separator: ``[a,b]`` is one more than that."""

_body_of = attrgetter("body")


def make_batches(chunks: Iterable[Sequence[Event | Rejection]], size: int, max_bytes: int) -> Iterator[Batch]:
    """Cut a stream of events into requests.

    Args:
        chunks: Events and rejections in the order of the source; where a chunk ends makes no difference.
        size: Most events in one batch, at least 1.
        max_bytes: Most bytes of one body, separators included. An event that is larger by itself
            travels alone: the server has the last word about it.

    Yields:
        Batches whose items, put end to end, are those of ``chunks``. A rejection rides along and takes no
        room. The last batch is held back until the next event, since rejections may follow.
    """
    batch = _Open(size, max_bytes - FRAME)
    for chunk in chunks:
        yield from batch.add(chunk)
    if batch.items:
        yield batch.close()


def _bodies(chunk: Sequence[Event | Rejection]) -> list[bytes] | None:
    """Give the bodies of some events; None if a rejection is among them, which has none."""
    try:
        return list(map(_body_of, chunk))
    except AttributeError:
        return None


def bytes_of(bodies: Sequence[bytes]) -> int:
    """Count bytes. To put them together takes less time than to ask each for its length."""
    return len(b"".join(bodies))


def _with_separators(bodies: Sequence[bytes]) -> int:
    return bytes_of(bodies) + len(bodies)


class _Open:
    """The batch that is being filled.

    Attributes:
        items: What it holds so far.
    """

    def __init__(self, size: int, room: int) -> None:
        self._size, self._room = size, room
        self.items: list[Event | Rejection] = []
        self._events: list[Event] = []
        self._bodies: list[bytes] = []
        self._bytes = 0  # of its bodies, each with a separator

    def add(self, chunk: Sequence[Event | Rejection]) -> Iterator[Batch]:
        """Add what comes next, and yield the batches that are closed by it."""
        bodies = _bodies(chunk)
        if bodies:
            more = _with_separators(bodies)
            items = len(self.items) - len(self._events) + self._size
            if self._bytes + more <= self._room and items < MAX_ITEMS:
                return self._add_by_number(cast("Sequence[Event]", chunk), bodies, more)
        return self._add_one_by_one(chunk)

    def close(self) -> Batch:
        """Give the batch, and begin the next one."""
        batch = Batch(self.items, self._events, self._bodies)
        self.items, self._events, self._bodies, self._bytes = [], [], [], 0
        return batch

    def _add_by_number(self, events: Sequence[Event], bodies: list[bytes], more: int) -> Iterator[Batch]:
        """Add events that are so small, all together, that nothing closes a batch but their number."""
        first = self._size - len(self._events)
        self._hold(events[:first], bodies[:first])
        for start in range(first, len(events), self._size):
            yield self.close()
            self._hold(events[start : start + self._size], bodies[start : start + self._size])
        self._bytes = self._bytes + more if first >= len(events) else _with_separators(self._bodies)

    def _hold(self, events: Sequence[Event], bodies: Sequence[bytes]) -> None:
        self.items += events
        self._events += events
        self._bodies += bodies

    def _add_one_by_one(self, chunk: Sequence[Event | Rejection]) -> Iterator[Batch]:
        """Add whatever there is."""
        for item in chunk:
            if isinstance(item, Event):
                need = len(item.body) + 1
                full = len(self._events) == self._size or self._bytes + need > self._room
                if self._events and full:
                    yield self.close()
                self._events.append(item)
                self._bodies.append(item.body)
                self._bytes += need
            self.items.append(item)
            if len(self.items) >= MAX_ITEMS:
                yield self.close()
