"""Events become batches: the requests of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, TypeGuard

from importer.model import Batch, Event, Rejection

MAX_ITEMS: Final = 5_000
"""A batch closes at this many items, so that a file of nothing but rejections stays bounded."""

FRAME: Final = 1
"""Bytes of a body beyond its events, each counted with a separator: ``[a,b]`` is one more than that."""

_body_of = attrgetter("body")


def batches(chunks: Iterable[Sequence[Event | Rejection]], size: int, max_bytes: int) -> Iterator[Batch]:
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
        yield Batch(batch.items, batch.events)


def _all_events(chunk: Sequence[Event | Rejection]) -> TypeGuard[Sequence[Event]]:
    return list(map(type, chunk)).count(Event) == len(chunk) > 0


class _Open:
    """The batch that is being filled.

    Attributes:
        items: What it holds so far.
        events: The events among them.
    """

    def __init__(self, size: int, room: int) -> None:
        self._size, self._room = size, room
        self.items: list[Event | Rejection] = []
        self.events: list[Event] = []
        self._largest = 0  # no event that it holds takes more bytes

    def add(self, chunk: Sequence[Event | Rejection]) -> Iterator[Batch]:
        """Add what comes next, and yield the batches that are closed by it."""
        if _all_events(chunk):
            largest = max(map(len, map(_body_of, chunk))) + 1
            items = len(self.items) - len(self.events) + self._size
            if max(largest, self._largest) * self._size <= self._room and items < MAX_ITEMS:
                return self._add_by_number(chunk, largest)
        return self._add_one_by_one(chunk)

    def _add_by_number(self, events: Sequence[Event], largest: int) -> Iterator[Batch]:
        """Add events that are so small that nothing closes a batch but their number."""
        self._largest = max(self._largest, largest)
        first = self._size - len(self.events)
        self.items += events[:first]
        self.events += events[:first]
        for start in range(first, len(events), self._size):
            yield Batch(self.items, self.events)
            self.events = list(events[start : start + self._size])
            self.items, self._largest = [*self.events], largest

    def _add_one_by_one(self, chunk: Sequence[Event | Rejection]) -> Iterator[Batch]:
        """Add whatever there is."""
        room = self._room - sum(map(len, map(_body_of, self.events))) - len(self.events)
        for item in chunk:
            if isinstance(item, Event):
                need = len(item.body) + 1
                if self.events and (len(self.events) == self._size or need > room):
                    yield Batch(self.items, self.events)
                    self.items, self.events, self._largest, room = [], [], 0, self._room
                self.events.append(item)
                self._largest = max(self._largest, need)
                room -= need
            self.items.append(item)
            if len(self.items) >= MAX_ITEMS:
                yield Batch(self.items, self.events)
                self.items, self.events, self._largest, room = [], [], 0, self._room
