"""The collision audit: which events Mixpanel would merge.

Mixpanel keeps one of the events that share name, distinct_id, time and ``$insert_id``; when it compacts its
data, hours to weeks later, a shared calendar day is enough (reference/event-deduplication). An id column
that is not unique per event thus loses data in silence. Memory is bounded: beyond 250,000 events,
fingerprints of 40 bytes are kept in temporary files, by their first bits, and compared file by file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from importer import speedups
from importer.facts import NO_COLLISIONS, Collisions
from importer.profile.event_hashes import FINGERPRINT, fingerprints
from importer.profile.spill import Spill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH: Final = FINGERPRINT.size // 8
_MAX_IN_MEMORY: Final = 250_000
_MAX_PAIRS: Final = 5


class CollisionAudit:
    """Compares events by what Mixpanel compares, and by their whole content.

    Use it as a context manager: its temporary files are removed at the end.

    Args:
        folder: As for `Spill`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._fingerprints = Spill(_WIDTH, _MAX_IN_MEMORY, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        self._fingerprints.close()

    def add(self, block: speedups.EventBlock) -> None:
        """Add the events of a block.

        Raises:
            StorageError: Their fingerprints can't be kept.
        """
        self._fingerprints.add(fingerprints(block))

    def result(self) -> Collisions:
        """Return what was found. Nothing can be added afterwards.

        Raises:
            StorageError: The fingerprints can't be kept, or can't be read again.
        """
        found = [_compare(block) for block in self._fingerprints.blocks()]
        return Collisions(
            events=self._fingerprints.count,
            identical=sum(each.identical for each in found),
            lost=sum(each.lost for each in found),
            lost_by_day=sum(each.lost_by_day for each in found),
            first=_earliest(pair for each in found for pair in each.first),
            first_identical=_earliest(pair for each in found for pair in each.first_identical),
        )


def _earliest(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0]))[:_MAX_PAIRS])


def _compare(block: bytes) -> Collisions:
    """Compare the events of a block, which holds all events that share a key."""
    import numpy as np  # noqa: PLC0415 - 0.1 s that only an audit needs

    table = np.frombuffer(block, np.uint64).reshape(-1, _WIDTH)
    key1, key2, content, time, row = (table[:, i] for i in range(_WIDTH))
    order = np.lexsort((row, content, time, key2, key1))
    same_key = (np.diff(key1[order]) == 0) & (np.diff(key2[order]) == 0)
    if not same_key.any():
        return NO_COLLISIONS
    same_time = same_key & (np.diff(time[order]) == 0)
    same_all = same_time & (np.diff(content[order]) == 0)
    rows = row[order]
    pairs = np.stack((rows[:-1], rows[1:]), axis=1)
    differ = same_key & ~same_all
    return Collisions(
        events=len(table),
        identical=int(same_all.sum()),
        lost=int((same_time & ~same_all).sum()),
        lost_by_day=int((same_key & ~same_time).sum()),
        first=_pairs(pairs[differ]),
        first_identical=_pairs(pairs[same_all]),
    )


def _pairs(pairs: NDArray[np.uint64]) -> tuple[tuple[int, int], ...]:
    import numpy as np  # noqa: PLC0415 - as above

    low, high = pairs.min(axis=1), pairs.max(axis=1)
    return tuple((int(low[at]), int(high[at])) for at in np.lexsort((low, high))[:_MAX_PAIRS])
