"""The collision audit: which events Mixpanel would merge.

Mixpanel keeps one of the events that share name, distinct_id, time and ``$insert_id``; when it compacts its
data, hours to weeks later, a shared calendar day is enough (reference/event-deduplication). An id column
that is not unique per event thus loses data in silence. Memory is bounded: beyond 250,000 events,
fingerprints of 40 bytes are kept in a temporary file, in parts by their first bits, which are compared one
by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from importer import speedups
from importer.facts import NO_COLLISIONS, Collisions
from importer.profile.copies import ROW_BITS
from importer.profile.event_hashes import FINGERPRINT, fingerprints
from importer.profile.spill import Spill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH: Final = FINGERPRINT.size // 8
_MAX_IN_MEMORY: Final = 250_000
_MAX_PAIRS: Final = 5

_Pairs = tuple[tuple[int, int], ...]
"""Numbers of records: see `ROW_BITS`."""


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

    def add(self, block: speedups.EventBlock, source: int = 0) -> None:
        """Add the events of a block.

        Args:
            block: The events.
            source: The number of their source: none is less than one that was given before.

        Raises:
            StorageError: Their fingerprints can't be kept.
        """
        found = fingerprints(block)
        self._fingerprints.add(_numbered(found, source) if source and found else found)

    def result(self, names: Sequence[str] = ()) -> Collisions:
        """Return what was found. Nothing can be added afterwards.

        Args:
            names: The sources as they were named, by their numbers; empty if there is but one.

        Raises:
            StorageError: The fingerprints can't be kept, or can't be read again.
        """
        found = [_compare(block) for block in self._fingerprints.blocks()]
        first = _earliest(pair for each in found for pair in each.first)
        identical = _earliest(pair for each in found for pair in each.first_identical)
        return Collisions(
            events=self._fingerprints.count,
            identical=sum(each.identical for each in found),
            lost=sum(each.lost for each in found),
            lost_by_day=sum(each.lost_by_day for each in found),
            first=_rows(first),
            first_identical=_rows(identical),
            first_sources=_sources(first, names),
            identical_sources=_sources(identical, names),
        )


def _earliest(pairs: Iterable[tuple[int, int]]) -> _Pairs:
    return tuple(sorted(pairs, key=lambda pair: (pair[1], pair[0]))[:_MAX_PAIRS])


def _rows(pairs: _Pairs) -> _Pairs:
    mask = (1 << ROW_BITS) - 1
    return tuple((one & mask, other & mask) for one, other in pairs)


def _sources(pairs: _Pairs, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if not names:
        return ()
    return tuple((names[one >> ROW_BITS], names[other >> ROW_BITS]) for one, other in pairs)


def _numbered(found: bytes, source: int) -> bytes:
    """Return fingerprints whose rows are the numbers of records of a source."""
    import numpy as np  # noqa: PLC0415 - as below

    table = np.frombuffer(found, np.uint64).reshape(-1, _WIDTH).copy()
    table[:, -1] |= np.uint64(source << ROW_BITS)
    return table.tobytes()


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
