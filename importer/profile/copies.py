"""Copies: records that are equal to an earlier one, found by their hashes in bounded memory.

Mixpanel keeps one of the events that share name, user, time and ``$insert_id``
(reference/event-deduplication), and equal records become such events. The hashes of a million and a half
records are held in a table of 16 MB. Of further ones, those that are not in the table go to temporary files
and are compared at the end. That two of a million different records share a hash has a chance of 1 to 30
million.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any, Final, Self

from importer import speedups
from importer.errors import StorageError
from importer.profile.hashing import HashSet, new_hash_set
from importer.profile.spill import Spill
from importer.reading import MOST_ATTENTION_ROWS, AttentionRow, Reading

_MAX_IN_MEMORY: Final = 100_000
ROW_BITS: Final = 40
"""Bits of a row in the number of a record among several sources; those above are the number of its source."""


@dataclass(frozen=True, slots=True)
class Copies:
    """How many records are equal to an earlier one.

    Attributes:
        records: Records that were compared.
        count: Those of them that are copies.
        rows: The first copies.
        complete: False if there was no room for a part of the comparison: there may be more copies.
    """

    records: int
    count: int
    rows: tuple[AttentionRow, ...]
    complete: bool = True


class CopyCounter:
    """Counts records whose hash another record has. Use it as a context manager: it has temporary files.

    Args:
        folder: As for `Spill`.
        known: The set that holds the hashes; for tests.
        shared: As for `Spill`. Then no set is held, and all hashes are put aside.
        first_source: The number of the first source, among all whose counters are merged.

    Attributes:
        records: Records that were added.
    """

    def __init__(
        self,
        folder: Path | None = None,
        known: HashSet | None = None,
        *,
        shared: bool = False,
        first_source: int = 0,
    ) -> None:
        self._known = None if shared else known or new_hash_set()
        self._spill = Spill(2, _MAX_IN_MEMORY, folder, shared=shared)
        self._next_source = first_source
        self._sources: dict[int, str] = {}  # by their numbers
        self._found: list[int] = []  # the first copies, as numbers: see `ROW_BITS`
        self.records = 0
        self._count = 0
        self._complete = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        try:
            self._spill.settle()
        except StorageError:  # to count copies is no reason to stop
            self._complete = False
            self._spill.close()
            self._spill = Spill(2, _MAX_IN_MEMORY, None, shared=True)
        return dict(self.__dict__)

    def close(self) -> None:
        """Remove the temporary files."""
        self._spill.close()

    def add(self, hashes: bytes, row_of: Callable[[int], int] | range, source: str) -> None:
        """Add some records.

        Args:
            hashes: The hash of each: 8 bytes, not all of them 0.
            row_of: Returns the row of each by its place among them; or their rows, which is quicker.
            source: The source as it was named.
        """
        self.records += len(hashes) // 8
        if self._known is None:
            seen, left = list[int](), list(range(len(hashes) // 8))
        else:
            seen, left = self._known.add(hashes)
        find = row_of.__getitem__ if isinstance(row_of, range) else row_of
        if seen:
            self._count += len(seen)
            wanted = MOST_ATTENTION_ROWS - len(self._found)
            self._found += [self._number(find(place), source) for place in seen[:wanted]]
        if left and self._complete:
            try:
                if speedups.COMPILED and isinstance(row_of, range):
                    numbered = speedups.number_rows(hashes, left, self._number(row_of.start, source))
                else:
                    given = array("Q", hashes)
                    pairs = array("Q", bytes(16 * len(left)))
                    pairs[::2] = array("Q", [given[place] for place in left])
                    pairs[1::2] = array("Q", [self._number(find(place), source) for place in left])
                    numbered = pairs.tobytes()
                self._spill.add(numbered)
            except StorageError:  # to count copies is no reason to stop
                self._complete = False

    def merge(self, later: CopyCounter) -> None:
        """Add the records of later sources. Both counters are shared, and the other can't be used afterwards.

        Raises:
            ValueError: The other's sources are not all behind those of this one.
        """
        if later._sources and min(later._sources) < self._next_source:
            raise ValueError("sources are merged in their order")
        self.records += later.records
        self._sources |= later._sources
        self._next_source = max(self._next_source, later._next_source)
        self._complete &= later._complete
        try:
            self._spill.merge(later._spill)
        except StorageError:  # to count copies is no reason to stop
            self._complete = False

    def result(self) -> Copies:
        """Return what was found. Nothing can be added afterwards."""
        if self._spill.count and self._complete:
            self._known = None  # makes room: what is in it is not among the others
            with suppress(StorageError):
                self._compare_spilled()
                return self._copies()
            self._complete = False
        return self._copies()

    def _compare_spilled(self) -> None:
        count, found = 0, list(self._found)
        for block in self._spill.blocks():
            copies = _numbers_of_copies(block)
            count += len(copies)
            found += nsmallest(MOST_ATTENTION_ROWS, copies)
        self._count += count
        self._found = sorted(found)[:MOST_ATTENTION_ROWS]

    def _copies(self) -> Copies:
        mask = (1 << ROW_BITS) - 1
        rows = [
            AttentionRow(self._sources[number >> ROW_BITS], number & mask) for number in sorted(self._found)
        ]
        return Copies(self.records, self._count, tuple(rows), self._complete)

    def _number(self, row: int, source: str) -> int:
        """Return a number for a record that comes before those of all later records."""
        if self._sources.get(self._next_source - 1) != source:
            self._sources[self._next_source] = source
            self._next_source += 1
        return self._next_source - 1 << ROW_BITS | row


def _numbers_of_copies(rows: bytes) -> list[int]:
    """Return the numbers of the records whose hash one before them has: of rows of a hash and a number."""
    if speedups.COMPILED:
        return speedups.numbers_of_copies(rows)
    each, known, found = array("Q", rows), set(), []
    for hashed, number in zip(each[::2], each[1::2], strict=True):
        if hashed in known:
            found.append(number)
        known.add(hashed)
    return found


# ── what decides about copies ────────────────────────────────────────────────────────────────────


def has_own_ids(reading: Reading) -> bool:
    """Return whether the records of a source bring ids of their own, or ``--set`` gives one."""
    return (
        "insert_id" in reading.fields
        or "insert_id" in reading.alternatives
        or not {"insert_id", "$insert_id"}.isdisjoint(reading.constants)
    )


def keeps_copies_apart(reading: Reading) -> bool:
    """Return whether equal records become events of different ids."""
    return reading.insert_id == "row" and not has_own_ids(reading)


def other_ids(reading: Reading) -> str:
    """Return the option that makes ids of the content of events; empty if none does."""
    column = reading.fields.get("insert_id", "")
    # What an object calls $insert_id stays its id, whatever is mapped.
    is_key = not reading.dialect.has_cells and column.split(".")[-1] == "$insert_id"
    is_constant = not {"insert_id", "$insert_id"}.isdisjoint(reading.constants)
    return "" if is_key or is_constant else "--map insert_id="


def copies_remedy(reading: Reading) -> str:
    """Return the options that keep all copies; empty if no option does."""
    if not has_own_ids(reading):
        return "--insert-id row"
    content = other_ids(reading)
    return content and f"{content} --insert-id row"
