"""Reading results files: blocks of whole lines, checked, as columns, or searched for failures."""

from __future__ import annotations

import io
from array import array
from collections import Counter
from itertools import compress
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from importer import speedups
from importer.errors import ResultsError
from importer.model import Status
from importer.results.counts import Counts
from importer.results.formats import LONGEST_LINE, existing_format
from importer.results.lines import pieces_of
from importer.results.rows import MOST_DIGITS, ParsedRow, RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

STATUSES: Final = tuple(Status)
"""What the numbers of statuses stand for."""

_BLOCK_BYTES = 1 << 18  # some 2,000 outcomes: few enough for the processor's cache
_SEARCH_BYTES = 1 << 20
_TEXTS = ("insert_id", "error")
_INSERT_ID, _ERROR = range(2)


def read_blocks(file: IO[bytes], size: int = _BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of about so many bytes, cut at ends of lines."""
    while block := file.read(size):
        yield block if block.endswith(b"\n") else block + file.readline(LONGEST_LINE)


# ── checking ─────────────────────────────────────────────────────────────────────────────────────


class CheckedLines(NamedTuple):
    """Lines that are well-formed and in order.

    Attributes:
        lines: How many they are.
        size: Their bytes.
        last: The `ParsedRow.place` of the last of them.
        tally: Lines by status.
    """

    lines: int
    size: int
    last: tuple[int, int]
    tally: Mapping[Status, int]


class LineChecker:
    """Checks lines of a results file.

    Args:
        form: The form of the file.
        compiled: Whether compiled code does it.
    """

    def __init__(self, form: RowFormat, *, compiled: bool = speedups.COMPILED) -> None:
        self._form = form
        self._reader = _line_reader(form) if compiled else None

    def check(self, block: bytes, last: tuple[int, int]) -> CheckedLines:
        """Check lines, up to the first that is not well-formed or out of order.

        Args:
            block: Lines, each with its newline.
            last: The `ParsedRow.place` of the line before them; zeros if there is none.
        """
        if self._reader is not None:
            lines, size, row, item, tally = self._reader.check(block, *last)
            return CheckedLines(lines, size, (row, item), tally)
        found: Counter[Status] = Counter()
        size = 0
        for line in io.BytesIO(block):
            parsed = self._form.parse(line)
            if parsed is None or parsed.place <= last:
                break
            size += len(line)
            last = parsed.place
            found[parsed.status] += 1
        return CheckedLines(found.total(), size, last, found)


def _line_reader(form: RowFormat) -> speedups.LineReader:
    names = [form.middle(status, None).removesuffix(form.before_code + form.no_code) for status in STATUSES]
    return speedups.LineReader(
        pieces=pieces_of(form),
        is_csv=bool(form.header),
        code=form.before_code.encode(),
        no_code=form.no_code.encode(),
        no_time=form.no_time.encode(),
        statuses=[(name.encode(), status) for name, status in zip(names, STATUSES, strict=True)],
        most_digits=MOST_DIGITS,
        parse=form.parse,
        read=lambda line, text: form.read_text(line, _TEXTS[text]),
    )


# ── columns ──────────────────────────────────────────────────────────────────────────────────────


class _Lines(Protocol):
    """Well-formed lines, as columns: `speedups.ResultLines`, or the same in Python."""

    @property
    def rows(self) -> bytes: ...
    @property
    def statuses(self) -> bytes: ...
    def texts(self, column: int, chosen: bytes, /) -> list[str]: ...


class _LinesInPython:
    """As `speedups.ResultLines`."""

    def __init__(self, form: RowFormat, lines: Sequence[bytes], parsed: Sequence[ParsedRow]) -> None:
        self._form, self._lines = form, lines
        self.rows = array("q", [each.row for each in parsed]).tobytes()
        self.statuses = bytes([STATUSES.index(each.status) for each in parsed])

    @classmethod
    def read(cls, form: RowFormat, data: bytes) -> Self | None:
        """As `speedups.LineReader.read`."""
        lines = list(io.BytesIO(data))
        parsed = [form.parse(line) for line in lines]
        known = [each for each in parsed if each is not None]
        return cls(form, lines, known) if len(known) == len(lines) else None

    def texts(self, column: int, chosen: bytes) -> list[str]:
        return [self._form.read_text(line, _TEXTS[column]) for line in compress(self._lines, chosen)]


class OutcomeColumns:
    """Outcomes of a block of a results file, as columns.

    To choose some of them, there is a byte for each: that of others is 0.

    Attributes:
        rows: Record of each.
        statuses: Number of the status of each: see `STATUSES`.
    """

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self.rows = memoryview(lines.rows).cast("q")
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
    reader = _line_reader(form) if compiled else None
    left = end - len(form.header)
    with path.open("rb") as file:
        file.seek(len(form.header))
        while left > 0:
            # What is behind the end was written since, or is unfinished.
            block = next(read_blocks(file, min(_BLOCK_BYTES, left)), b"")[:left]
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
    """

    row: int
    line: int
    status: str
    error: str


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
            yield FailedRow(int(record["row"]), int(record["line"]), record["status"], record["error"])


def _lines_with(mark: bytes, results: Path) -> Iterator[bytes]:
    """Yield the lines that hold some bytes; a block that holds none is skipped as a whole."""
    with results.open("rb") as file:
        for block in read_blocks(file, _SEARCH_BYTES):
            if mark in block:
                yield from (line for line in block.split(b"\n") if mark in line)
