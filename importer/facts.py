"""What is known of a source as a whole, once its records were counted."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import ge
from typing import Final, Self

_AT_ONCE: Final = 1_000


class SortedCounts(Mapping[int, int]):
    """Counts by number, in order: in 16 bytes each, while a dictionary takes a hundred.

    Args:
        counts: Numbers of 64 bits and the count of each, the numbers in ascending order at best.

    Raises:
        OverflowError: A number has more than 64 bits, or a count is negative.
    """

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._numbers, self._counts = array("q"), array("Q")
        left = iter(counts)
        while part := tuple(islice(left, _AT_ONCE)):
            numbers, many = zip(*part, strict=True)
            self._numbers.extend(numbers)
            self._counts.extend(many)
        if any(map(ge, self._numbers, islice(self._numbers, 1, None))):
            both = dict(self.items())
            self._numbers = array("q", sorted(both))
            self._counts = array("Q", map(both.__getitem__, self._numbers))

    @classmethod
    def of_arrays(cls, numbers: bytes, counts: bytes) -> Self:
        """Return counts from 8 bytes for each number, in ascending order, and 8 for each count."""
        made = cls()
        made._numbers.frombytes(numbers)
        made._counts.frombytes(counts)
        return made

    def __getitem__(self, number: int) -> int:
        at = bisect_left(self._numbers, number)
        if at == len(self._numbers) or self._numbers[at] != number:
            raise KeyError(number)
        return self._counts[at]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"SortedCounts({list(self.items())})"

    def items(self) -> ItemsView[int, int]:
        """Return numbers and counts; one after the other, without a search for each."""
        return _Items(self)

    def total(self, start: int | None = None, end: int | None = None) -> int:
        """Return the sum of the counts of the numbers from ``start`` up to, not including, ``end``."""
        first = 0 if start is None else bisect_left(self._numbers, start)
        return sum(self._counts[first : None if end is None else bisect_left(self._numbers, end)])

    def runs(self, size: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the counts in order, many at once, and the number of the first of them.

        Args:
            size: In a run are numbers that follow each other between two multiples of this; 0 is the count of
                one that has none.
        """
        numbers, counts = self._numbers, self._counts
        start = 0
        while start < len(numbers):
            first = numbers[start]
            end = bisect_left(numbers, first - first % size + size, start, min(start + size, len(numbers)))
            if numbers[end - 1] - first == end - 1 - start:
                yield first, counts[start:end]
            else:
                run = [0] * (numbers[end - 1] - first + 1)
                for number, count in zip(numbers[start:end], counts[start:end], strict=True):
                    run[number - first] = count
                yield first, run
            start = end


class _Items(ItemsView[int, int]):
    _mapping: SortedCounts

    def __iter__(self) -> Iterator[tuple[int, int]]:
        counts = self._mapping
        return zip(counts._numbers, counts._counts, strict=True)  # noqa: SLF001 - a view is a part of it


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """Counts over the events of a source.

    Attributes:
        records: Records, readable or not, left out or not.
        unreadable: Records that could not be read, such as a line of bad JSON.
        names: Events by name.
        other_names: Events with further names, which are not counted by name: there were too many.
        no_time: Records without a time that could be read.
        no_name: Records without the name of an event.
        no_zone: Records whose time has no zone, where none is declared.
        clock_changes: Records whose local time does not exist or exists twice.
        forms: Times by the way in which they are written.
        first, last: Earliest and latest instant, nanoseconds since the epoch; None without times.
        quarters: Events by quarter of an hour since the epoch.
        taken: For each field that several columns may give, how many records took it from which.
        exploded: Records of the source, where each may be several events: then these are what ``records``
            counts. Else 0.
        skipped: Records that the mapping leaves out; they are in none of the other counts but the first.
    """

    records: int
    unreadable: int
    names: Mapping[str, int]
    other_names: int
    no_time: int
    no_zone: int
    clock_changes: int
    forms: Mapping[str, int]
    first: int | None
    last: int | None
    quarters: SortedCounts
    taken: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    no_name: int = 0
    skipped: int = 0
    exploded: int = 0


@dataclass(frozen=True, slots=True)
class Collisions:
    """The result of a collision audit: events that Mixpanel would merge.

    Attributes:
        events: How many events were compared; how many ids, if these all differ so that no event was made.
        identical: Events that are equal in everything to an earlier one: Mixpanel keeps one of them.
        lost: Events that differ from another with the same name, distinct_id, time and ``$insert_id``.
        lost_by_day: The same for events that share the day (UTC) but not the time: compaction may merge them.
        first: Rows of the first pairs that differ, at most five.
        first_identical: Rows of the first pairs that are identical, at most five.
        first_sources: The sources of ``first``, as they were named; empty if there is but one source.
        identical_sources: The sources of ``first_identical``.
    """

    events: int
    identical: int
    lost: int
    lost_by_day: int
    first: tuple[tuple[int, int], ...]
    first_identical: tuple[tuple[int, int], ...]
    first_sources: tuple[tuple[str, str], ...] = ()
    identical_sources: tuple[tuple[str, str], ...] = ()

    @property
    def found(self) -> bool:
        """Whether Mixpanel would merge events that differ."""
        return bool(self.lost or self.lost_by_day)


NO_COLLISIONS = Collisions(0, 0, 0, 0, (), ())
"""The result of an audit of no events."""


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """What is known of a source as a whole; the manifest keeps it for later runs of the same source.

    Attributes:
        facts: Names and times of its events; named as in the manifest.
        whole: False if only its first records were read.
        notes: Records with a note in a dry run; None before its end.
        collisions: Events that Mixpanel would merge; None if events were not compared.
        sources: How many sources the facts are of: this one and those that the run had beside it.
    """

    facts: ProfileSummary
    whole: bool
    notes: int | None = None
    collisions: Collisions | None = None
    sources: int = 1

    @property
    def records(self) -> int | None:
        """Records of the source; None if they were not counted, or those of several were counted together."""
        return self.facts.records if self.whole and self.sources == 1 else None
