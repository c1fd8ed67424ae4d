"""Records with values that ``where`` can't compare, such as a word where it asks for a number: invalid."""

from __future__ import annotations

from typing import Final

from importer.events.where import INCOMPARABLE
from importer.model import Status
from importer.profile.chunk import ColumnarChunk
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.text import counted, cut

_LONGEST: Final = 120


class IncomparableObserver:
    """Counts them, and keeps the first."""

    def __init__(self) -> None:
        self._count = 0
        self._rows: list[AttentionRow] = []
        self._error = ""

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        for item in chunk.rejections:
            if item.status is Status.INVALID and item.error.startswith(INCOMPARABLE):
                self._count += 1
                self._error = self._error or cut(item.error.removeprefix(INCOMPARABLE), _LONGEST)
                if len(self._rows) < MOST_ATTENTION_ROWS:
                    self._rows.append(AttentionRow(chunk.source, item.row))

    def merge(self, later: IncomparableObserver) -> None:
        """Add what was found in a later part of the source, or in another source."""
        self._count += later._count
        self._error = self._error or later._error
        self._rows = (self._rows + later._rows)[:MOST_ATTENTION_ROWS]

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        if not self._count:
            return []
        has = "has" if self._count == 1 else "have"
        text = (
            f"{counted(self._count, 'record')} {has} a value that where can't compare: {self._error}: invalid"
        )
        return [Attention.of("where", text, count=self._count, rows=self._rows)]


def make_incomparable_observer(reading: Reading) -> IncomparableObserver | None:
    """Return an observer of such records; None if nothing is compared."""
    return IncomparableObserver() if reading.shape.where else None
