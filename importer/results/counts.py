"""Counts of records by outcome, and how far results go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from importer.model import Status

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Counts:
    """Records by their one outcome. A record without an outcome is in none of them.

    Attributes:
        imported: Mixpanel said that it took the event.
        accepted: ``/track`` took the request.
        rejected: Mixpanel refused the event.
        invalid: Refused before sending.
        failed: Not delivered, or not known.
        valid: Dry run: would be sent.
        skipped: The mapping leaves it out.
    """

    imported: int = 0
    accepted: int = 0
    rejected: int = 0
    invalid: int = 0
    failed: int = 0
    valid: int = 0
    skipped: int = 0

    @classmethod
    def from_tally(cls, tally: Mapping[Status, int]) -> Self:
        """Return the counts of a tally by status; a status that is missing counts 0."""
        return cls(**{status.value: tally.get(status, 0) for status in Status})

    @property
    def total(self) -> int:
        """Records that have an outcome."""
        return sum(self[status] for status in Status)

    @property
    def succeeded(self) -> int:
        """Records that Mixpanel took, or would take."""
        return sum(self[status] for status in Status if status.success)

    @property
    def unsuccessful(self) -> int:
        """Records that a retry would send again."""
        return sum(self[status] for status in Status if status.failure)

    @property
    def landed(self) -> int:
        """Records that Mixpanel has, or may have: `failed` means that nobody knows."""
        return self.imported + self.accepted + self.failed

    def __add__(self, other: Counts) -> Counts:
        """Add two sets of counts, status by status."""
        return Counts.from_tally({status: self[status] + other[status] for status in Status})

    def __sub__(self, other: Counts) -> Counts:
        """Take one set of counts from another, status by status."""
        return Counts.from_tally({status: self[status] - other[status] for status in Status})

    def __getitem__(self, status: Status) -> int:
        count: int = getattr(self, status.value)
        return count


@dataclass(frozen=True, slots=True)
class ResultsState:
    """How far a results file goes, and what it holds.

    Attributes:
        records: Outcomes in it.
        last_row: The record that the last of them is for; 0 if there is none.
        last_item: Which of several events of that record it is for; 0 where a record is one event.
        counts: The outcomes by status.
        valid_bytes: Length of what is whole: the header and every complete line.
        has_torn_end: True if something unfinished follows that.
    """

    records: int = 0
    last_row: int = 0
    counts: Counts = field(default_factory=Counts)
    valid_bytes: int = 0
    has_torn_end: bool = False
    last_item: int = 0
