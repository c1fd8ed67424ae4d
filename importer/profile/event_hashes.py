"""Hashes of events that were made: the compiled ones, or the same in Python.

Both are XXH3, but of bytes of their own: what is compared must come from one of the two.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from struct import Struct
from typing import Final

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from importer import speedups
from importer.model import Event, Part

DAY_MS: Final = 86_400_000
FINGERPRINT: Final = Struct("=16sQQQ")
"""Of an event: key, content, time, row."""


def hash_events(part: Part, *, by_id: bool) -> bytes:
    """Return the hash of what Mixpanel tells each event of a part apart by: 8 bytes each, never 0.

    Args:
        part: Events and rejections.
        by_id: True if the ``$insert_id`` alone is hashed, as by `hash_ids`; else name, user and time, too.
    """
    block, start, stop = part
    if speedups.COMPILED and isinstance(block, speedups.EventBlock):
        return speedups.hash_events(block, start, stop, by_id)
    events = [item for item in block[start:stop] if isinstance(item, Event)]
    return hash_ids([event.insert_id if by_id else _key(event, event.time) for event in events])


def hash_ids(ids: Sequence[str]) -> bytes:
    """Return the hash of each id: 8 bytes each, never 0."""
    return array("Q", [xxh3_64_intdigest(own.encode("utf-8", "surrogatepass")) or 1 for own in ids]).tobytes()


def fingerprints(block: speedups.EventBlock) -> bytes:
    """Return the `FINGERPRINT` of each event of a block, one behind the other.

    Keys are equal for events that share ``$insert_id``, name, user and day.
    """
    if speedups.COMPILED:
        return speedups.fingerprints(block, DAY_MS)
    return b"".join(
        FINGERPRINT.pack(
            xxh3_128_digest(_key(item, item.time // DAY_MS).encode()),
            xxh3_64_intdigest(item.body),
            item.time,
            item.row,
        )
        for item in block
        if isinstance(item, Event)
    )


def _key(event: Event, time: int) -> str:
    # NUL separates the fields: no id may hold it, and the length of the name separates name and user.
    return f"{event.insert_id}\0{time}\0{len(event.event)}\0{event.event}{event.distinct_id}"
