"""The state of an existing results file, and its repair after a crash."""

from __future__ import annotations

import io
import os
from collections import Counter
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

from importer import speedups
from importer.errors import ResultsError
from importer.results.counts import Counts, ResultsState
from importer.results.formats import changed_line_ends, existing_format, read_blocks, read_format
from importer.results.rows import RowFormat
from importer.results.storage import storage_error
from importer.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from importer.model import Status

_COUNT_BYTES = 1 << 20


def repair_results(path: Path) -> ResultsState:
    """Cut what a crash left unfinished off the end of a results file.

    Args:
        path: The results file; it need not exist.

    Returns:
        What the file holds now. ``has_torn_end`` says whether something was cut off.

    Raises:
        ResultsError: As for `inspect_results`.
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
            form = read_format(path, file)
            if form is not None:
                return _scan_lines(path, file, form)
            return ResultsState(has_torn_end=os.fstat(file.fileno()).st_size > 0)
    except FileNotFoundError:
        return ResultsState()
    except OSError as error:
        raise ResultsError(
            f"{path} can't be read: {error.strerror or error}.",
            "Name a results file that you may read.",
        ) from error


def matches_disk(path: Path, state: ResultsState) -> bool:
    """Tell whether a results file that was just written is on the disk as it was counted.

    It must have its length, and a line for each outcome. The bytes are read again for that, which is much
    faster than `inspect_results`, since the lines are only counted.
    """
    try:
        lines = state.records + len(existing_format(path).header.splitlines())
        with path.open("rb") as file:
            found = sum(block.count(b"\n") for block in iter(partial(file.read, _COUNT_BYTES), b""))
            return found == lines and os.fstat(file.fileno()).st_size == state.valid_bytes
    except (OSError, ResultsError):
        return False


def _scan_lines(path: Path, file: IO[bytes], form: RowFormat) -> ResultsState:
    """Check the lines after the header, up to the end or to where a crash tore the file."""
    size, lines, last = len(form.header), 1 if form.header else 0, (0, 0)
    checker = LineChecker(form)
    tally: Counter[Status] = Counter()
    torn = False
    for block in read_blocks(file):
        checked = checker.check(block, last)
        size, lines, last = size + checked.size, lines + checked.lines, checked.last
        tally.update(checked.tally)
        if checked.size < len(block):
            line, newline, behind = block[checked.size :].partition(b"\n")
            torn = b"\0" in line or not (behind or file.read(1))
            if not torn:
                raise _edited(path, lines + 1, form, line + newline, last)
            break
    counts = Counts.from_tally(tally)
    return ResultsState(counts.total, last[0], counts, size, torn, last[1])


def _edited(path: Path, number: int, form: RowFormat, line: bytes, last: tuple[int, int]) -> ResultsError:
    found = form.parse(line)
    if found is None and line.endswith(b"\r\n") and form.parse(line[:-2] + b"\n"):
        return changed_line_ends(path)
    if found is None:
        what = f"{quoted(line[:40])} is not an outcome"
    else:
        item, before = (f", item {place[1]}," if place[1] else "" for place in (found.place, last))
        what = f"row {found.row}{item} comes after row {last[0]}{before}".rstrip(",")
    return ResultsError(
        f"{path}, line {number}: {what}. The file was edited or is not a results file.",
        "Put the file back as it was written, or start a new one with --results.",
    )


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
        self._reader = speedups.ResultLineReader(**form.reading_plan()) if compiled else None

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
