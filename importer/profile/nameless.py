"""Records without the name of an event, and the columns that could be it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from importer.events.field_names import is_label, plain_name, well_known
from importer.events.layout import field_columns
from importer.events.null_words import make_cleaned
from importer.profile.chunk import ColumnarChunk, Portable, make_column_finder
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.text import cut, shell_word


class Nameless(Portable):
    """Records without a name, and how many of them have a text in a column that often is the name.

    Args:
        reading: How the source is read.

    Attributes:
        rows: The first of them.
    """

    _FINDERS = frozenset({"_cleaned", "_finders"})

    def __init__(self, reading: Reading) -> None:
        self.rows: list[AttentionRow] = []
        self._reading = reading
        self._filled: Counter[str] = Counter()
        self._unfit: set[str] = set()  # columns that hold more than texts: as a name, the rest is invalid
        self._cleaned = make_cleaned(reading)
        mapped = reading.fields.get("event")
        self._entries = [mapped] if mapped else list(reading.alternatives.get("event", ()))
        taken = {*field_columns(reading), *self._entries}
        self._candidates = _in_order(c for c in reading.columns if c not in taken and _may_be_name(c))
        self._finders = {column: make_column_finder(reading, column) for column in self._candidates}

    def add(self, chunk: ColumnarChunk, places: Sequence[int]) -> None:
        """Count records of a chunk, by their places in it."""
        self.rows += map(chunk.row, places[: MOST_ATTENTION_ROWS - len(self.rows)])
        for column, find in self._finders.items():
            values = find(chunk)
            found = [value for at in places if (value := self._cleaned(values[at])) not in (None, "")]
            self._filled[column] += len(found)
            if not all(isinstance(value, str) for value in found):
                self._unfit.add(column)

    def merge(self, later: Nameless) -> None:
        """Add what was found in a later part of the source, or in another source."""
        self.rows = [*self.rows, *later.rows][:MOST_ATTENTION_ROWS]
        self._filled.update(later._filled)
        self._unfit |= later._unfit
        self._candidates = _in_order([*self._candidates, *later._candidates])

    def attention(self, count: int) -> list[Attention]:
        """Return what is to be said of them.

        Args:
            count: How many there are.
        """
        if not count:
            return []
        filled = [column for column in self._candidates if self._filled[column] and column not in self._unfit]
        text = f"{count:,} {'record has' if count == 1 else 'records have'} no event name: invalid"
        if filled:
            parts = (f"`{cut(column)}` is filled in {self._filled[column]:,} of them" for column in filled)
            text += f"; {', '.join(parts)}"
        if "event" in self._reading.conditions:  # which no option can say
            filled = []
        remedy = f"--map {shell_word('event=' + ','.join([*self._entries, *filled]))}" if filled else ""
        return [Attention.of("no-event", text, remedy, count=count, rows=self.rows)]


def _in_order(columns: Iterable[str]) -> list[str]:
    """Return columns, each of them once: those that are rather the name of an event first."""
    return sorted(dict.fromkeys(columns), key=lambda column: plain_name(column) == "type")


def _may_be_name(column: str) -> bool:
    return is_label(column) or plain_name(column) == "action" or well_known(column) == "event"
