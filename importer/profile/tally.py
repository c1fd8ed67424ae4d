"""A count of records, with the first of them and the values that they have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from importer.reading import MOST_ATTENTION_ROWS, AttentionRow
from importer.text import cut, escape_controls

_MOST_VALUES: Final = 50
"""Most values that are counted one by one, so that memory is bounded."""

_MOST_NAMED: Final = 5


@dataclass(slots=True)
class Tally:
    """Records that have something in common, as they stream.

    Attributes:
        count: The records.
        rows: The first of them.
        values: How many have each of the first distinct values.
        others: How many have another value.
    """

    count: int = 0
    rows: list[AttentionRow] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)
    others: int = 0

    def add(self, row: AttentionRow, value: str = "") -> None:
        """Count a record.

        Args:
            row: Which it is.
            value: Its value; empty to count none.
        """
        self.count += 1
        if len(self.rows) < MOST_ATTENTION_ROWS:
            self.rows.append(row)
        if value:
            self._add_value(value, 1)

    def merge(self, later: Tally) -> None:
        """Add what was counted over a later part of the source, or over another source."""
        self.count += later.count
        self.rows += later.rows[: MOST_ATTENTION_ROWS - len(self.rows)]
        self.others += later.others
        for value, count in later.values.items():
            self._add_value(value, count)

    def _add_value(self, value: str, count: int) -> None:
        if value in self.values or len(self.values) < _MOST_VALUES:
            self.values[value] += count
        else:
            self.others += count

    def named(self) -> str:
        """Return the most frequent values for a sentence, with their counts: ``'NULL' 3, 'None' 1``."""
        parts = [
            f"'{cut(escape_controls(value))}' {count:,}"
            for value, count in self.values.most_common(_MOST_NAMED)
        ]
        return ", ".join(parts) + (", …" if self.others or len(self.values) > _MOST_NAMED else "")
