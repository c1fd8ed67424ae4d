"""Readings and records for the tests of the events wing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from importer.events.mapper import Mapper
from importer.model import Event, Record, Rejection
from importer.reading import Dialect, Reading
from importer.speedups import Block, cut_csv, cut_lines

NOW_MS = 1_780_000_000_000
"""2026-05-28T20:26:40Z: what the clock shows in these tests."""

CSV = Dialect("csv")
JSONL = Dialect("jsonl")
FIELDS: dict[Any, str] = {"event": "event", "time": "time", "distinct_id": "user"}
TIME = "2024-05-01T10:00:00Z"
MILLISECONDS = 1_714_557_600_000


class Mapped:
    """Maps single records, either by the record (the slow path) or by the block (the fast path).

    Args:
        in_blocks: True to hand each record to the mapper as a block of the bytes that a file would hold.
            A record that no block can hold, such as one that is not UTF-8, is handed over by itself then,
            as the readers of files do.
    """

    def __init__(self, *, in_blocks: bool) -> None:
        self._in_blocks = in_blocks

    def record(self, reading: Reading, values: Any, row: int = 1, now_ms: int = NOW_MS) -> Event | Rejection:
        """Map a record with these cells or this object."""
        chunk: Sequence[Record] | Block = [Record(row, row + 1, values)]
        if self._in_blocks:
            block = block_of(reading, [values], row)
            chunk = chunk if block is None else block
        (item,) = Mapper(reading, lambda: now_ms).map(chunk)
        return item

    def csv(self, cells: Mapping[str, str], row: int = 1, **more: Any) -> Event | Rejection:
        """Map a record that has these cells beside an event, a time and a user."""
        given = {"event": "Purchase", "time": TIME, "user": "u1", **cells}
        fields = more.pop("fields", {}) | {
            f: c for f, c in FIELDS.items() if f not in more.get("constants", {})
        }
        if "constants" in more:
            given = {k: v for k, v in given.items() if k not in more["constants"] or k in cells}
        reading = Reading(CSV, tuple(given), fields, **more)
        return self.record(reading, list(given.values()), row)

    def jsonl(
        self, line: Mapping[str, Any], fields: Mapping[Any, str] | None = None, **more: Any
    ) -> Event | Rejection:
        """Map one line of JSON."""
        columns: Sequence[str] = more.pop("columns", tuple(line))
        return self.record(Reading(JSONL, tuple(columns), fields or FIELDS, **more), line)


def block_of(reading: Reading, values: Sequence[Any], row: int = 1) -> Block | None:
    """Return the bytes of some records as a block; None if a block can't hold them all."""
    if reading.dialect.format == "jsonl":
        try:
            lines = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode()
        except (UnicodeEncodeError, RecursionError):
            return None
        block, _ = cut_lines(lines, row, row + 1, lambda *line: Record(*line[:2], orjson.loads(line[2])))
        return block
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(values)
    try:
        data = text.getvalue().encode()
    except UnicodeEncodeError:
        return None
    if b"\0" in data:
        return None
    block, _, _ = cut_csv(data, ord(","), ord('"'), len(reading.columns), row, row + 1)
    return block if [record.values for record in block if isinstance(record, Record)] == values else None


def taken(item: Event | Rejection) -> Event:
    assert isinstance(item, Event), item
    return item


def refused(item: Event | Rejection) -> Rejection:
    assert isinstance(item, Rejection), item
    return item


def properties(item: Event | Rejection) -> dict[str, Any]:
    """Return what is sent as the event's properties."""
    found: dict[str, Any] = json.loads(taken(item).body)["properties"]
    return found


def own(item: Event | Rejection) -> dict[str, Any]:
    """Return the properties without those that every event has."""
    every = ("time", "distinct_id", "$insert_id", "ip")
    return {name: value for name, value in properties(item).items() if name not in every}
