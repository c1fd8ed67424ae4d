"""What an existing results file holds, and its repair after a crash."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING

from importer.errors import ResultsError
from importer.results.block_check import BlockCheck, check_block
from importer.results.counts import Counts
from importer.results.rows import ParsedRow, RowFormat, row_format_of
from importer.results.storage import storage_error
from importer.text import quoted

if TYPE_CHECKING:
    from pathlib import Path

    from importer.model import Status

_BLOCK = 1 << 20
_SURVEYED = (
    1 << 16
)  # bytes that are looked at together: where there is a doubt, so many are read line by line
_LONGEST_LINE = 1 << 26  # bytes; a 2 MB field with every character escaped still fits


@dataclass(frozen=True, slots=True)
class ResultsState:
    """How far a results file goes.

    Attributes:
        records: Outcomes in it.
        last_row: The record that the last of them is for; 0 if there is none.
        counts: The outcomes by status.
        valid_bytes: Length of what is whole: the header and every complete line.
        has_torn_end: True if something unfinished follows that.
    """

    records: int = 0
    last_row: int = 0
    counts: Counts = field(default_factory=Counts)
    valid_bytes: int = 0
    has_torn_end: bool = False


def repair_results(path: Path) -> ResultsState:
    """Cut what a crash left unfinished off the end of a results file.

    Args:
        path: The results file; it need not exist.

    Returns:
        What the file holds now. ``torn`` says whether something was cut off.

    Raises:
        ResultsError: As for `inspect`.
        StorageError: The file can't be cut.
    """
    state = inspect_results(path)
    if state.has_torn_end:
        try:
            with path.open("r+b") as file:
                file.truncate(state.valid_bytes)
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(path, error) from error
    return state


def inspect_results(path: Path) -> ResultsState:
    """Read a results file to its end, in bounded memory, and change nothing.

    What counts is the longest beginning of whole lines. An unfinished line at the end is what a crash
    leaves. So is a block of NUL bytes, which we never write: it is where a disk lost power, and what
    follows it is not trusted either; it is sent again.

    Args:
        path: The results file; nothing there is as good as an empty file.

    Raises:
        ResultsError: The file is not ours or was edited: a wrong header, or a line that is not
            well-formed or out of order with others after it.
    """
    try:
        with path.open("rb") as file:
            form = row_format_of(path)
            return _scan_lines(path, file, form) if _begins(path, file, form) else _torn(file)
    except FileNotFoundError:
        return ResultsState()
    except OSError as error:
        raise ResultsError(
            f"{path} can't be read: {error.strerror or error}.",
            "Name a results file that you may read.",
        ) from error


def matches_disk(path: Path, state: ResultsState) -> bool:
    """Tell whether a results file that was just written is on the disk as it was counted.

    It must have its length, and a line for each outcome. Its bytes are read again for that, at the speed of
    memory, but its lines are not: `inspect` does it.
    """
    lines = state.records + len(row_format_of(path).header.splitlines())
    try:
        with path.open("rb") as file:
            found = sum(map(_newlines, iter(partial(file.read, _BLOCK), b"")))
            return found == lines and os.fstat(file.fileno()).st_size == state.valid_bytes
    except OSError:
        return False


def _newlines(block: bytes) -> int:
    # `bytes.count` looks at every byte; this goes from one newline to the next.
    return len(block) - len(block.replace(b"\n", b""))


def _begins(path: Path, file: IO[bytes], form: RowFormat) -> bool:
    """Read the header; False if it was cut short, or nothing is there."""
    found = file.read(len(form.header) or len(form.start))
    if not form.header:
        file.seek(0)
    if found.startswith(form.header or form.start):
        return True
    if (form.header or form.start).startswith(found.rstrip(b"\0")):
        return False
    raise ResultsError(
        f"{path} is not a results file: it begins with {quoted(found[:40])}, expected {quoted(form.start)}.",
        "Name another file with --results, or move this one away.",
    )


def _torn(file: IO[bytes]) -> ResultsState:
    """Stand at nothing, with or without bytes of a header that was cut short."""
    return ResultsState(has_torn_end=os.fstat(file.fileno()).st_size > 0)


def _scan_lines(path: Path, file: IO[bytes], form: RowFormat) -> ResultsState:
    """Check the lines after the header, up to the end or to where a crash tore the file."""
    seen = _Seen(len(form.header), 1 if form.header else 0)
    torn = False
    while not torn and (block := file.read(_SURVEYED)):
        if not block.endswith(b"\n"):
            block += file.readline(_LONGEST_LINE)
        found = check_block(block, seen.last_row) if form.header else None
        if found is not None:
            seen.add(found, len(block))
        else:
            file.seek(seen.valid)
            torn = _is_torn(path, file, form, seen, seen.valid + len(block))
    counts = Counts.from_tally(seen.tally)
    return ResultsState(counts.total, seen.last_row, counts, seen.valid, torn)


@dataclass(slots=True)
class _Seen:
    """What was found so far: bytes and lines, the header included, the last record, outcomes by status."""

    valid: int
    lines: int
    last_row: int = 0
    tally: Counter[Status] = field(default_factory=Counter)

    def add(self, found: BlockCheck, size: int) -> None:
        self.valid += size
        self.lines += found.lines
        self.last_row = found.last_row
        self.tally.update(found.tally)


def _is_torn(path: Path, file: IO[bytes], form: RowFormat, seen: _Seen, end: int) -> bool:
    """Check lines one by one, at least up to a byte; True where a crash tore the file."""
    while seen.valid < end:
        line = file.readline(_LONGEST_LINE)
        found = form.parse(line)
        if found is None or found.row <= seen.last_row:
            if b"\0" in line or not file.read(1):
                return True
            raise _edited(path, seen.lines + 1, line, found, seen.last_row)
        seen.add(BlockCheck(1, found.row, {found.status: 1}), len(line))
    return False


def _edited(path: Path, number: int, line: bytes, found: ParsedRow | None, last_row: int) -> ResultsError:
    what = (
        f"{quoted(line[:40])} is no outcome"
        if found is None
        else f"row {found.row} comes after row {last_row}"
    )
    return ResultsError(
        f"{path}, line {number}: {what}. The file was edited or is not a results file.",
        "Put the file back as it was written, or begin a new one with --results.",
    )
