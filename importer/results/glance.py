"""The first records that were not taken, for a person to look at."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson


class Glance(NamedTuple):
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


def unsuccessful(results: Path) -> Iterator[Glance]:
    """Yield the records without success, in the order of the source, read as they are asked for.

    Args:
        results: A results file of ours that ends in a whole line.
    """
    if results.suffix == ".jsonl":
        with results.open("rb") as lines:
            for line in lines:
                record = orjson.loads(line)
                if not record["success"]:
                    yield Glance(record["row"], record["line"], record["status"], record["error"])
        return
    with results.open(encoding="utf-8", newline="") as file:
        for cells in csv.DictReader(file):
            if cells["success"] == "false":
                yield Glance(int(cells["row"]), int(cells["line"]), cells["status"], cells["error"])
