"""Hashes of texts, sets of hashes, and counts by hash: the compiled ones, or the same in Python.

A hash is 8 bytes and never 0. It is the same in every process in which the compiled part is there, and in
every one in which it is not: what is compared or merged must come from one of the two.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from xxhash import xxh3_64_intdigest

from importer import speedups

DAY_NS: Final = 86_400 * 10**9
BUCKETS: Final = 1 << 16
"""Counters of users and days."""

NO_INSTANT: Final = -1
"""Stands for no time among instants of 8 bytes."""

MOST_SLOTS: Final = 1 << 21
_MOST_IN_SET: Final = 200_000
_FACTOR: Final = 0xC6A4A7935BD1E995
_MASK: Final = 2**64 - 1
_LATEST: Final = 2**63 - 1


class HashSet(Protocol):
    """A set of hashes with a limit."""

    def add(self, hashes: bytes) -> tuple[list[int], list[int]]:
        """Add hashes; return the places of those that it had, and of those for which there is no room."""

    def hashes(self) -> bytes:
        """Return all hashes that were added, in any order."""


class HashSetInPython:
    """A `HashSet` where nothing is compiled.

    Args:
        most: Hashes at most.
    """

    def __init__(self, most: int) -> None:
        self._hashes: set[int] = set()
        self._most = most

    def add(self, hashes: bytes) -> tuple[list[int], list[int]]:
        """As in `HashSet`."""
        known, seen, left = self._hashes, [], []
        for place, given in enumerate(array("Q", hashes)):
            if given in known:
                seen.append(place)
            elif len(known) < self._most:
                known.add(given)
            else:
                left.append(place)
        return seen, left

    def hashes(self) -> bytes:
        """As in `HashSet`."""
        return array("Q", self._hashes).tobytes()


def new_hash_set(*, compiled: bool = speedups.COMPILED) -> HashSet:
    """Return an empty set, which takes up to 16 MB."""
    return speedups.SeenHashes(MOST_SLOTS) if compiled else HashSetInPython(_MOST_IN_SET)


def hash_texts(texts: Sequence[str], *, compiled: bool = speedups.COMPILED) -> bytes:
    """Return the hash of each text; all 0 for an empty one."""
    if compiled:
        return speedups.hash_texts(texts if isinstance(texts, list) else list(texts))
    return array("Q", [_hash(text) if text else 0 for text in texts]).tobytes()


def _hash(text: str) -> int:
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) or 1


# ── counts by user and day ───────────────────────────────────────────────────────────────────────


def as_instants(instants: Iterable[int | None]) -> bytes:
    """Return nanoseconds since the epoch in 8 bytes each.

    `NO_INSTANT` stands for None, and for what 63 bits don't hold: it lies ahead of every clock. The last
    nanosecond before the epoch becomes the one before.
    """
    return array("q", map(_in_8_bytes, instants)).tobytes()


def _in_8_bytes(instant: int | None) -> int:
    if instant is None or not -_LATEST <= instant <= _LATEST:
        return NO_INSTANT
    return instant if instant != NO_INSTANT else NO_INSTANT - 1


def count_user_days(
    counts: array[int],
    users: bytes,
    instants: bytes,
    missing: int = NO_INSTANT,
    *,
    compiled: bool = speedups.COMPILED,
) -> None:
    """Count events by user and day (UTC), each pair in one of `BUCKETS` counters, which it may share.

    Args:
        counts: The counters.
        users: From `hash_texts`, for each event; 0 is no user, and is not counted.
        instants: From `as_instants`, for each event.
        missing: The instant of an event that has none; `NO_INSTANT` if such an event is not counted.
        compiled: Whether the compiled part counts.
    """
    if compiled:
        speedups.count_user_days(counts, users, instants, missing)
        return
    for user, given in zip(array("Q", users), array("q", instants), strict=True):
        instant = missing if given == NO_INSTANT else given
        if user and instant != NO_INSTANT:
            counts[_bucket(user, instant)] += 1


def find_user_days(
    counts: array[int], users: bytes, instants: bytes, limit: int, *, compiled: bool = speedups.COMPILED
) -> list[int]:
    """Return the places of the events whose counter is above a limit; arguments as for `count_user_days`."""
    if compiled:
        return speedups.find_user_days(counts, users, instants, limit)
    return [
        place
        for place, (user, instant) in enumerate(zip(array("Q", users), array("q", instants), strict=True))
        if user and instant != NO_INSTANT and counts[_bucket(user, instant)] > limit
    ]


def _bucket(user: int, instant: int) -> int:
    day = instant // DAY_NS * _FACTOR & _MASK
    return ((user ^ day) * _FACTOR & _MASK) >> 48
