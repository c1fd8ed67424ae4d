"""Cuts the blocks of events of a run into batches, one for each request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from importer.model import Batch, ItemBlock, Part

MAX_ITEMS: Final = 5_000
"""Most items in one batch, so that a file of nothing but rejections needs bounded memory."""

BRACKET_BYTES: Final = 1
"""Bytes of a body beyond its events and one separator for each: ``[a,b]`` has two brackets and one comma
less."""


def make_batches(blocks: Iterable[ItemBlock], size: int, max_bytes: int) -> Iterator[Batch]:
    """Cut a stream of events into batches.

    Args:
        blocks: Events and rejections in the order of the source. Batches don't depend on where blocks end.
        size: Most events in one batch, at least 1.
        max_bytes: Most bytes of one body, separators included. An event that is larger gets a batch of its
            own: the server decides about it.

    Yields:
        Batches whose items, put end to end, are those of ``blocks``. Rejections count for neither limit. A
        batch that is full is yielded only when the next event comes, since rejections may follow.
    """
    parts: list[Part] = []
    items = events = used = 0
    room = max_bytes - BRACKET_BYTES
    for block in blocks:
        start, length = 0, len(block)
        while start < length:
            stop, taken, more, full = block.take(
                start, size - events, room - used, MAX_ITEMS - items, events > 0
            )
            if stop > start:
                parts.append(Part(block, start, stop))
            items, events, used, start = items + stop - start, events + taken, used + more, stop
            if full:
                yield Batch(parts, events, used)
                parts, items, events, used = [], 0, 0, 0
    if parts:
        yield Batch(parts, events, used)
