"""The first records that were not taken, for a person to look at."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from importer.results.rows import row_format_of

_BLOCK = 1 << 20


class FailedRow(NamedTuple):
    """What a person wants to know of a record that was not taken.

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
    """Yield the records without success, in the order of the source, read as they are asked for.

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
    """Yield the lines that hold some bytes; blocks without them are passed over at once."""
    with results.open("rb") as file:
        while block := file.read(_BLOCK):
            block += file.readline()
            if mark in block:
                yield from (line for line in block.split(b"\n") if mark in line)
