"""One type for a whole column of text cells: the narrowest that holds for every value of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from importer.events.number_marks import NumberMarks
from importer.model import AttentionRow
from importer.profile.column_evidence import ColumnEvidence
from importer.profile.number_evidence import NumberEvidence, RowOf
from importer.reading import ColumnProfile

CountColumn = Callable[
    [int, tuple[bytes, ...], int], tuple[int, Sequence[int], Sequence[tuple[int, str] | None]]
]
"""Counts the cells of a column: `speedups.Block.count_column`."""

CountFilled = Callable[[Sequence[int]], Sequence[int]]
"""Counts the cells of columns that are filled: `speedups.Block.count_filled`."""


def _no_source(at: int) -> AttentionRow:
    return AttentionRow("", at + 1)


class TypeInference:
    """Infers one type for each column from all its values.

    Memory does not grow with the file: of a column, the forms of its values and a few of them are kept.

    Attributes:
        columns: What is known of each column.
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
        self.columns = [ColumnEvidence(name, NumberEvidence(marks)) for name in columns]
        self._nulls = frozenset({"", *null})
        self._open = list(range(len(self.columns)))  # of which more than the number of values matters
        self._settled: list[int] = []
        self._null_bytes = tuple(each.encode("utf-8", "surrogatepass") for each in self._nulls if each)

    def add(
        self,
        column: Callable[[int], Sequence[str]],
        count_column: CountColumn | None = None,
        row: RowOf = _no_source,
        count_filled: CountFilled | None = None,
    ) -> None:
        """Take the cells of some records into account.

        Args:
            column: Returns the cells of a column, by its index.
            count_column: Counts the cells of a column without reading each; None if nothing can.
            row: Returns which record stands at a place of a column.
            count_filled: Counts the filled cells of columns; None if nothing can.
        """
        columns: Sequence[int] = range(len(self.columns))
        if count_filled is not None and not self._null_bytes:
            for at, filled in zip(self._settled, count_filled(self._settled), strict=True):
                self.columns[at].filled += filled
            columns = self._open
        for at in columns:
            known = self.columns[at]
            if (
                count_column is None
                or not known.can_be_counted
                or not self._count(known, at, count_column, row)
            ):
                known.add(column(at), self._nulls, row)
        self._settle()

    def _settle(self) -> None:
        """Put the columns aside of which only the number of values matters from now on."""
        if any(self.columns[at].is_settled for at in self._open):
            self._settled += [at for at in self._open if self.columns[at].is_settled]
            self._open = [at for at in self._open if not self.columns[at].is_settled]

    def _count(self, known: ColumnEvidence, at: int, count_column: CountColumn, row: RowOf) -> bool:
        """Count cells; return False if they must be read."""
        apart = known.texts_apart
        texts = self._null_bytes + tuple(text.encode("utf-8", "surrogatepass") for text in apart)
        filled, counts, found = count_column(at, texts, known.known_bits)
        counts_apart = zip(apart, counts[len(self._null_bytes) :], strict=True)
        return known.add_counted(filled, counts_apart, found, row)

    def merge(self, later: TypeInference) -> None:
        """Add what is known of the same columns in a later part of the source, or in another source.

        The profiles are then those of one pass over both.
        """
        for mine, other in zip(self.columns, later.columns, strict=True):
            mine.merge(other)
        self._settle()

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Return what is known of each column, in their order."""
        return tuple(column.profile() for column in self.columns)
