"""Reading results files: blocks of whole lines, checked, as columns, or searched for failures.

`check_block` is the fast path of `check_lines`: what it returns of a CSV block is what `check_lines` would
return. Where it can't show that for all lines together, it returns None, and the lines are read one by one.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import chain
from operator import lt
from typing import IO, TYPE_CHECKING, NamedTuple

import orjson

from importer.model import Status
from importer.results.escaping import FORMULA_STARTS
from importer.results.rows import COLUMNS, STATUSES, RowFormat, row_format_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

_LONGEST_LINE = 1 << 26
"""Bytes; a field of 2 MB with every character escaped still fits."""

_FRAME_BYTES = 1 << 23  # some 80,000 outcomes
_SEARCH_BYTES = 1 << 20

_GUARDED = tuple(f"'{start}" for start in FORMULA_STARTS)
_FRAME_COLUMNS = ["row", "status", "insert_id", "error"]

_CELLS = len(COLUMNS) + 1  # of a line, with its newline as a cell of its own
_LARGEST_ROW = 2**63 - 1  # of a larger number, JSON may make a float
_QUOTED = re.compile(rb'"[^"\n]*"')


def read_blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of about so many bytes, cut at ends of lines."""
    while block := file.read(size):
        yield block if block.endswith(b"\n") else block + file.readline(_LONGEST_LINE)


# ── checking ─────────────────────────────────────────────────────────────────────────────────────


class CheckedLines(NamedTuple):
    """Lines that are well-formed and in order.

    Attributes:
        lines: How many they are.
        size: Their bytes.
        last_row: The record of the last of them.
        tally: Lines by status.
    """

    lines: int
    size: int
    last_row: int
    tally: Mapping[Status, int]


def check_lines(block: bytes, form: RowFormat, last_row: int) -> CheckedLines:
    """Check lines one by one, up to the first that is not well-formed or out of order.

    Args:
        block: Lines, each with its newline.
        form: The format of the file.
        last_row: The record of the line before them; 0 if there is none.
    """
    tally: Counter[Status] = Counter()
    size = 0
    for line in io.BytesIO(block):
        found = form.parse(line)
        if found is None or found.row <= last_row:
            break
        size += len(line)
        last_row = found.row
        tally[found.status] += 1
    return CheckedLines(tally.total(), size, last_row, tally)


def check_block(block: bytes, last_row: int) -> CheckedLines | None:
    """Check many lines of CSV at once.

    Args:
        block: Lines, each with its newline.
        last_row: As for `check_lines`.

    Returns:
        All of the lines; None if one may be not well-formed, or out of order.
    """
    plain = _without_quoted(block)
    if plain is None:
        return None
    spaced = plain.replace(b"\n", b",\n,")  # so that a newline is a cell of its own
    count = (len(spaced) - len(plain)) // 2
    cells = spaced.split(b",")
    if len(cells) != _CELLS * count + 1 or cells[_CELLS - 1 :: _CELLS].count(b"\n") != count or cells[-1]:
        return None
    rows, lines = cells[0:-1:_CELLS], cells[1::_CELLS]
    numbers = _numbers(rows)
    tally = _tally(cells[2::_CELLS], cells[3::_CELLS])
    if numbers is None or tally is None or not _are_digits(lines):
        return None
    if not all(map(lt, chain((last_row,), numbers), numbers)) or numbers[-1] > _LARGEST_ROW:
        return None
    return CheckedLines(count, len(block), numbers[-1], tally)


def _without_quoted(block: bytes) -> bytes | None:
    """Replace each quoted cell, in which a comma is text, by a letter; None if that can't be done."""
    try:
        block.decode()
    except UnicodeDecodeError:
        return None
    if b'"' in block:
        block = _QUOTED.sub(b"q", block)
    return None if b'"' in block else block


def _are_digits(cells: list[bytes]) -> bool:
    return b"".join(cells).isdigit() and b"" not in cells


def _numbers(cells: list[bytes]) -> list[int] | None:
    """Read numbers as JSON, which refuses leading zeros; `rows` writes none."""
    try:
        return orjson.loads(b"[%b]" % b",".join(cells)) if _are_digits(cells) else None
    except orjson.JSONDecodeError:
        return None


def _tally(successes: list[bytes], statuses: list[bytes]) -> dict[Status, int] | None:
    first, count = (successes[0], statuses[0]), len(statuses)
    # Nearly always all lines have one status, and comparing them is faster than counting pairs.
    alike = successes.count(first[0]) == statuses.count(first[1]) == count
    found = {first: count} if alike else Counter(zip(successes, statuses, strict=True))
    if not found.keys() <= STATUSES.keys():
        return None
    return {STATUSES[pair]: number for pair, number in found.items()}


# ── columns ──────────────────────────────────────────────────────────────────────────────────────


def read_frames(path: Path, end: int) -> Iterator[pd.DataFrame]:
    """Read a results file as columns, block by block.

    Args:
        path: The results file; nothing there is as good as an empty file if ``end`` is 0.
        end: Bytes to read: the header and whole lines.

    Yields:
        ``row`` as integers; ``status``, ``insert_id`` and ``error`` as text, ``insert_id`` without
        the apostrophe that keeps spreadsheets from running it.
    """
    start = len(row_format_of(path).header)
    if start >= end:  # perhaps of a run that died before it made its results
        return
    read = _csv_frame if start else _jsonl_frame
    with path.open("rb") as file:
        file.seek(start)
        for block in read_blocks(file, min(_FRAME_BYTES, end - start)):
            whole = block[: end - start]  # what is behind the end was written since, or is unfinished
            start += len(whole)
            frame = read(whole)
            frame["row"] = frame["row"].astype("int64")
            yield frame
            if start >= end:
                return


def _csv_frame(block: bytes) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  costs 0.45 s

    frame = pd.read_csv(
        io.BytesIO(block),
        header=None,
        names=list(COLUMNS),
        usecols=_FRAME_COLUMNS,
        dtype=str,
        keep_default_na=False,
        lineterminator="\n",
    )
    ids = frame["insert_id"]
    frame["insert_id"] = ids.where(~ids.str.startswith(_GUARDED), ids.str[1:])
    return frame


def _jsonl_frame(block: bytes) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  as above

    records = [orjson.loads(line) for line in block.split(b"\n")[:-1]]
    return pd.DataFrame({name: [record[name] for record in records] for name in _FRAME_COLUMNS})


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
    """Yield the records without success, in the order of the source; no more is read than is iterated.

    Args:
        results: A results file of ours that ends in a whole line.
    """
    if row_format_of(results).header:
        for line in _lines_with(b",false,", results):
            (cells,) = csv.reader([line.decode()])
            row, number, success, status, *_, error, _ = cells
            if success == "false":
                yield FailedRow(int(row), int(number), status, error)
    else:
        for line in _lines_with(b'"success":false', results):
            record = orjson.loads(line)  # in a text, the quotes of the mark would be escaped
            yield FailedRow(record["row"], record["line"], record["status"], record["error"])


def _lines_with(mark: bytes, results: Path) -> Iterator[bytes]:
    """Yield the lines that hold some bytes; a block that holds none is skipped as a whole."""
    with results.open("rb") as file:
        for block in read_blocks(file, _SEARCH_BYTES):
            if mark in block:
                yield from (line for line in block.split(b"\n") if mark in line)
