"""Headers that stand again among the records, as in a file that was joined of several."""

from __future__ import annotations

from importer import speedups
from importer.model import Rejection
from importer.profile.chunk import ColumnarChunk
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.source.formats.csv_problems import HEADER_AGAIN, OTHER_HEADER
from importer.text import counted


class _Lines:
    """Lines of one kind: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.numbers: list[int] = []
        self.rows: list[AttentionRow] = []

    def add(self, line: int, row: AttentionRow) -> None:
        self.count += 1
        if len(self.rows) < MOST_ATTENTION_ROWS:
            self.numbers.append(line)
            self.rows.append(row)

    def merge(self, later: _Lines) -> None:
        self.count += later.count
        self.numbers = (self.numbers + later.numbers)[:MOST_ATTENTION_ROWS]
        self.rows = (self.rows + later.rows)[:MOST_ATTENTION_ROWS]


class HeaderObserver:
    """Counts the lines that name the columns again: in the same order, and in another."""

    def __init__(self) -> None:
        self._same = _Lines()
        self._other = _Lines()

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        # No such line is part of a block, and where all items are records, none is there.
        if (speedups.COMPILED and isinstance(chunk.items, speedups.Block)) or chunk.records == len(
            chunk.items
        ):
            return
        for item in chunk.items:
            if type(item) is Rejection:
                if item.error.startswith(HEADER_AGAIN):  # a hint may follow
                    self._same.add(item.line, AttentionRow(chunk.source, item.row))
                elif item.error.startswith(OTHER_HEADER):
                    self._other.add(item.line, AttentionRow(chunk.source, item.row))

    def merge(self, later: HeaderObserver) -> None:
        """Add what was found in a later part of the source, or in another source."""
        self._same.merge(later._same)
        self._other.merge(later._other)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        found = []
        if self._other.count:
            one = self._other.count == 1
            names, below = ("names", "it are") if one else ("name", "them are")
            text = (
                f"{_named(self._other)} {names} the columns in another order: the records below {below} of "
                "another file, and would be read wrongly"
            )
            found.append((text, "Split the file there, and import each part by itself", self._other))
        if self._same.count:
            found.append(
                (f"the header stands again on {counted(self._same.count, 'line')}: left out", "", self._same)
            )
        return [
            Attention.of("header-line", text, remedy, count=lines.count, rows=lines.rows)
            for text, remedy, lines in found
        ]


def _named(lines: _Lines) -> str:
    """Return the numbers of lines in words."""
    numbers = [f"{number:,}" for number in lines.numbers]
    more = lines.count - len(numbers)
    *first, last = [*numbers, f"{more:,} more"] if more else numbers
    return f"lines {', '.join(first)} and {last}" if first else f"line {last}"


def make_header_observer(reading: Reading) -> HeaderObserver | None:
    """Return an observer of headers; None if the source has none that could stand again."""
    return HeaderObserver() if reading.dialect.has_cells and reading.dialect.header else None
