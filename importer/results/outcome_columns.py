"""The outcomes of consecutive records, as columns: what is written at once.

`zip` makes columns without a step of Python for each record, and nearly always one verdict stands for all.
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple, Self

from importer.model import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class OutcomeColumns(NamedTuple):
    """Outcomes of consecutive records. All columns are equally long.

    Attributes:
        rows: As in `Outcome`.
        lines: As in `Outcome`.
        events: As in `Outcome`.
        distinct_ids: As in `Outcome`.
        insert_ids: As in `Outcome`.
        notes: As in `Outcome`.
        verdicts: What became of each record.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    events: Sequence[str]
    distinct_ids: Sequence[str]
    insert_ids: Sequence[str]
    notes: Sequence[str]
    verdicts: Sequence[Verdict]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Turn outcomes on their side."""
        if not outcomes:
            return cls((), (), (), (), (), (), ())
        rows, lines, statuses, codes, events, users, insert_ids, errors, notes = zip(*outcomes, strict=True)
        verdicts = list(map(Verdict, statuses, codes, errors))
        return cls(rows, lines, events, users, insert_ids, notes, verdicts)

    @property
    def alike(self) -> Verdict | None:
        """The verdict of all records, where they have one and the same."""
        first = self.verdicts[0] if self.verdicts else None
        # Nearly always they are one object, and are counted as fast as pointers are compared.
        return first if first is not None and self.verdicts.count(first) == len(self.verdicts) else None

    def first(self, count: int) -> OutcomeColumns:
        """Give the first so many of them."""
        return OutcomeColumns._make(column[:count] for column in self)

    def texts(self, errors: str | Sequence[str]) -> tuple[str | Sequence[str], ...]:
        """Give the columns that hold texts, in the order of a line; a single text is that of each record."""
        notes = self.notes if any(self.notes) else ""
        return self.events, self.distinct_ids, self.insert_ids, errors, notes

    def each(self) -> Iterator[Outcome]:
        """Give the outcomes one by one."""
        statuses, codes, errors = zip(*self.verdicts, strict=True) if self.verdicts else ((), (), ())
        columns = (self.rows, self.lines, statuses, codes, *self[2:5], errors, self.notes)
        return starmap(Outcome, zip(*columns, strict=True))
