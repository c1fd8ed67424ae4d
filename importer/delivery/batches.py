"""Events become batches: the requests of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from importer.model import Batch, Event, Rejection

MAX_ITEMS: Final = 5_000
"""A batch closes at this many items, so that a file of nothing but rejections stays bounded."""

FRAME: Final = 1
"""Bytes of a body beyond its events, each counted with a separator: ``[a,b]`` is one more than that."""


def batches(items: Iterable[Event | Rejection], size: int, max_bytes: int) -> Iterator[Batch]:
    """Cut a stream of events into requests.

    Args:
        items: Events and rejections in the order of the source.
        size: Most events in one batch, at least 1.
        max_bytes: Most bytes of one body, separators included. An event that is larger by itself
            travels alone: the server has the last word about it.

    Yields:
        Batches whose items, put end to end, are ``items``. A rejection rides along and takes no room.
    """
    held: list[Event | Rejection] = []
    events: list[Event] = []
    room = max_bytes - FRAME
    for item in items:
        if isinstance(item, Event):
            need = len(item.body) + 1
            if events and (len(events) == size or need > room):
                yield Batch(held, events)
                held, events, room = [], [], max_bytes - FRAME
            events.append(item)
            room -= need
        held.append(item)
        if len(held) >= MAX_ITEMS:
            yield Batch(held, events)
            held, events, room = [], [], max_bytes - FRAME
    if held:
        yield Batch(held, events)
