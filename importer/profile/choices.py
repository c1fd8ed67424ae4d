"""Which of several columns gives a field, over many records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from importer.errors import BadValue
from importer.events.templates import choices_of, columns_in
from importer.events.values import make_cleaned
from importer.profile.chunk import Finder, make_column_finder
from importer.reading import Field, Reading


class ChoiceCounter:
    """Finds the value of a field that several columns may give, and counts how many records took which.

    Args:
        reading: How the source is read.
        field: One of its alternatives.

    Attributes:
        columns: The columns whose values it needs.
        taken: How many records took the value from each of the entries.
    """

    def __init__(self, reading: Reading, field: Field) -> None:
        entries = reading.alternatives[field]
        names = (column for entry in entries for column in columns_in(entry, reading.columns))
        self.columns = tuple(dict.fromkeys(names))
        self.taken: Counter[str] = Counter(dict.fromkeys(entries, 0))
        self._entries = entries
        self._choice = next(each for each in choices_of(reading) if each.field == field)
        self._nulls = frozenset({"", *reading.null})
        # Cells are trimmed before.
        self._cleaned = make_cleaned(reading) if reading.trim and not reading.dialect.has_cells else None

    def values(self, columns: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the value of the field in each record; None where there is none.

        Args:
            columns: The values of each of `columns`.
        """
        if self._cleaned is not None:
            columns = [list(map(self._cleaned, values)) for values in columns]
        if self.columns == self._entries:
            return self._first_filled(columns)
        return [self._value(dict(zip(self.columns, row, strict=True))) for row in zip(*columns, strict=True)]

    def _first_filled(self, columns: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the values where all entries are columns: column by column, for speed."""
        found = list(columns[0])
        left: Sequence[int] = range(len(found))
        for entry, values in zip(self._entries, columns, strict=True):
            still = [at for at in left if self._is_missing(values[at])]
            if values is not columns[0]:
                for at in left:
                    found[at] = values[at]
            self.taken[entry] += len(left) - len(still)
            left = still
        for at in left:
            found[at] = None
        return found

    def _is_missing(self, value: Any) -> bool:
        return value is None or (type(value) is str and value in self._nulls)

    def _value(self, values: dict[str, Any]) -> Any:
        def look(column: str) -> Any:
            return None if self._is_missing(values[column]) else values[column]

        try:
            value, number = self._choice.take(look)
        except BadValue:
            return None
        if number >= 0:
            self.taken[self._entries[number]] += 1
        return value


def make_choice_finder(reading: Reading, counter: ChoiceCounter) -> Finder:
    """Return a function that finds the values of a field that several columns may give."""
    finders = [make_column_finder(reading, column) for column in counter.columns]
    return lambda chunk: counter.values([find(chunk) for find in finders])
