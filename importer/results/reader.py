"""Reading results files block by block: as columns, or in search of failures."""

from __future__ import annotations

import io
from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from importer import speedups
from importer.errors import ResultsError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.formats import BLOCK_BYTES, existing_format, read_blocks
from importer.results.row_and_item import place_of
from importer.results.rows import READ_TEXTS, ParsedRow, RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STATUSES: Final = tuple(Status)
"""What the numbers of statuses stand for."""

_SEARCH_BYTES = 1 << 20
_INSERT_ID, _ERROR = range(2)


# ── columns ──────────────────────────────────────────────────────────────────────────────────────


class _ReadLines(Protocol):
    """Well-formed lines, as columns: `speedups.ResultLines`, or the same in Python."""

    @property
    def places(self) -> bytes: ...
    @property
    def statuses(self) -> bytes: ...
    def texts(self, column: int, chosen: bytes, /) -> list[str]: ...


class _LinesInPython:
    """As `speedups.ResultLines`."""

    def __init__(self, form: RowFormat, lines: Sequence[bytes], parsed: Sequence[ParsedRow]) -> None:
        self._form, self._lines = form, lines
        self.places = array("q", [place_of(each.row, each.item) for each in parsed]).tobytes()
        self.statuses = bytes([STATUSES.index(each.status) for each in parsed])

    @classmethod
    def read(cls, form: RowFormat, data: bytes) -> Self | None:
        """As `speedups.ResultLineReader.read`."""
        lines = list(io.BytesIO(data))
        parsed = [form.parse(line) for line in lines]
        known = [each for each in parsed if each is not None]
        return cls(form, lines, known) if len(known) == len(lines) else None

    def texts(self, column: int, chosen: bytes) -> list[str]:
        return [self._form.read_text(line, READ_TEXTS[column]) for line in compress(self._lines, chosen)]


class OutcomeColumns:
    """Outcomes of a block of a results file, as columns.

    To choose some of them, there is a byte for each: that of others is 0.

    Attributes:
        places: Record and item of each: see `row_and_item`.
        statuses: Number of the status of each: see `STATUSES`.
    """

    def __init__(self, lines: _ReadLines) -> None:
        self._lines = lines
        self.places = memoryview(lines.places).cast("q")
        self.statuses = lines.statuses

    def having(self, statuses: frozenset[Status]) -> bytes:
        """Choose the outcomes with one of these statuses."""
        return self.statuses.translate(bytes(each in statuses for each in STATUSES).ljust(256, b"\0"))

    def count(self, chosen: bytes) -> Counts:
        """Count those that were chosen by status."""
        tally = Counter(compress(self.statuses, chosen))
        return Counts.from_tally({STATUSES[number]: count for number, count in tally.items()})

    def insert_ids(self, chosen: bytes) -> list[str]:
        """Return the ids of those that were chosen, as they were sent."""
        return self._lines.texts(_INSERT_ID, chosen)

    def errors(self, chosen: bytes) -> list[str]:
        """Return the errors of those that were chosen, as they stand in the file."""
        return self._lines.texts(_ERROR, chosen)


def read_columns(path: Path, end: int, *, compiled: bool = speedups.COMPILED) -> Iterator[OutcomeColumns]:
    """Read a results file as columns, block by block.

    Args:
        path: The results file; nothing there is as good as an empty file if ``end`` is 0.
        end: Bytes to read: the header and whole lines.
        compiled: Whether compiled code does it.

    Raises:
        ResultsError: A line is not well-formed.
    """
    if not end:  # perhaps of a run that died before it made its results
        return
    form = existing_format(path)
    reader = speedups.ResultLineReader(**form.reading_plan()) if compiled else None
    left = end - len(form.header)
    with path.open("rb") as file:
        file.seek(len(form.header))
        while left > 0:
            # What is behind the end was written since, or is unfinished.
            block = next(read_blocks(file, min(BLOCK_BYTES, left)), b"")[:left]
            left -= len(block)
            lines = _LinesInPython.read(form, block) if reader is None else reader.read(block)
            if lines is None or not block:
                raise ResultsError(f"{path} was changed while it was read.", "Let nothing else write to it.")
            yield OutcomeColumns(lines)


# ── failures ─────────────────────────────────────────────────────────────────────────────────────


class FailedRow(NamedTuple):
    """A record that was not taken, for a person to look at.

    Attributes:
        row: Number of the record.
        line: Line on which it starts.
        status: How it ended.
        error: Why.
        item: Which of several events of the record it is; 0 where a record is one event.
    """

    row: int
    line: int
    status: str
    error: str
    item: int = 0


def read_failures(results: Path) -> Iterator[FailedRow]:
    """Yield the records that failed, in the order of the source; no more is read than is iterated.

    Args:
        results: A results file of ours that ends in a whole line.
    """
    form = existing_format(results)
    # In a text of JSON, the quotes of the mark would be escaped.
    for line in _lines_with(b",false," if form.header else b'"success":false', results):
        record = form.values(line)
        if Status(record["status"]).failure:
            row, on_line, item = (int(record.get(name, 0)) for name in ("row", "line", "item"))
            yield FailedRow(row, on_line, record["status"], record["error"], item)


def _lines_with(mark: bytes, results: Path) -> Iterator[bytes]:
    """Yield the lines that hold some bytes; a block that holds none is skipped as a whole."""
    with results.open("rb") as file:
        for block in read_blocks(file, _SEARCH_BYTES):
            if mark in block:
                yield from (line for line in block.split(b"\n") if mark in line)
