"""One type for a whole column of text cells: the narrowest that holds for every value of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from importer import speedups
from importer.events.number_marks import NumberMarks
from importer.profile.column_evidence import ColumnEvidence
from importer.profile.number_evidence import NumberEvidence, RowOf
from importer.reading import AttentionRow, ColumnProfile

CountColumn = Callable[
    [int, tuple[bytes, ...], int], tuple[int, Sequence[int], Sequence[tuple[int, str] | None]]
]
"""Counts the cells of a column: `speedups.Block.count_column`."""


def _no_source(at: int) -> AttentionRow:
    return AttentionRow("", at + 1)


class TypeInference:
    """Infers one type for each column from all its values.

    Memory does not grow with the file: of a column, the forms of its values and a few of them are kept.
    """

    def __init__(
        self, columns: Iterable[str], null: Iterable[str] = (), marks: NumberMarks | None = None
    ) -> None:
        """Start with no value.

        Args:
            columns: Names of the columns.
            null: Texts that mean "no value" beside the empty cell.
            marks: The marks in numbers; None for JSON's numbers alone.
        """
        self._columns = [ColumnEvidence(name, NumberEvidence(marks)) for name in columns]
        self._nulls = frozenset({"", *null})
        self._counts: speedups.ColumnCounts | None = None
        self._watched: set[int] = set()  # the columns that these count
        self._null_bytes = _as_bytes(filter(None, self._nulls))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_columns": self.columns, "_counts": None, "_watched": set()}

    @property
    def columns(self) -> Sequence[ColumnEvidence]:
        """What is known of each column."""
        for at in self._watched:
            self._take(at)
        return self._columns

    def add(self, column: Callable[[int], Sequence[str]], row: RowOf = _no_source) -> None:
        """Take the cells of some records into account.

        Args:
            column: Returns the cells of a column, by its index.
            row: Returns which record stands at a place of a column.
        """
        for at, known in enumerate(self._columns):
            self._take(at)
            known.add(column(at), self._nulls, row)
            self._watch(at)

    def add_block(self, block: speedups.Block, row: RowOf = _no_source) -> None:
        """Take the records of a block into account: the cells of most columns need only be counted.

        Args:
            block: The records (CSV).
            row: Returns which record stands at a place of a column.
        """
        if self._counts is None:
            self._counts = speedups.ColumnCounts(len(self._columns))
        for at in self._counts.add(block):
            known = self._columns[at]
            self._take(at)
            if not known.can_be_counted or not self._count(known, at, block.count_column, row):
                known.add(block.column(at), self._nulls, row)
            self._watch(at)

    def _watch(self, at: int) -> None:
        """Have the further cells of a column counted, if that may do."""
        known = self._columns[at]
        if self._counts is not None and known.can_be_counted:
            texts = self._null_bytes + _as_bytes(known.texts_apart)
            self._counts.watch(at, texts, known.known_bits, known.needs_examples)
            self._watched.add(at)

    def _take(self, at: int) -> None:
        """Take the cells into account that were counted."""
        if self._counts is not None and at in self._watched:
            known = self._columns[at]
            filled, counts = self._counts.take(at)
            known.count(filled, zip(known.texts_apart, counts[len(self._null_bytes) :], strict=True))

    def _count(self, known: ColumnEvidence, at: int, count_column: CountColumn, row: RowOf) -> bool:
        """Count cells; return False if they must be read."""
        apart = known.texts_apart
        filled, counts, found = count_column(at, self._null_bytes + _as_bytes(apart), known.known_bits)
        counts_apart = zip(apart, counts[len(self._null_bytes) :], strict=True)
        return known.add_counted(filled, counts_apart, found, row)

    def merge(self, later: TypeInference) -> None:
        """Add what is known of a later part of the source, or of another source.

        The profiles are then those of one pass over both, where a column that one of them lacks is empty.
        Where the other has columns of other names, no cells can be added afterwards.
        """
        known = {column.name: at for at, column in enumerate(self.columns)}
        for other in later.columns:
            if other.name in known:
                self._columns[known[other.name]].merge(other)
                self._watch(known[other.name])
            else:
                self._columns.append(other)
                self._counts, self._watched = None, set()  # all of these were taken

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Return what is known of each column, in their order."""
        return tuple(column.profile() for column in self.columns)


def _as_bytes(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode("utf-8", "surrogatepass") for text in texts)
