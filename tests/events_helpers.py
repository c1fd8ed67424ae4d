"""Readings and records for the tests of the events wing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from importer.events.mapper import Mapper
from importer.model import Dialect, Event, Reading, Record, Rejection

NOW_MS = 1_780_000_000_000
"""2026-05-28T20:26:40Z: what the clock shows in these tests."""

CSV = Dialect("csv")
JSONL = Dialect("jsonl")
FIELDS: dict[Any, str] = {"event": "event", "time": "time", "distinct_id": "user"}
TIME = "2024-05-01T10:00:00Z"
MILLISECONDS = 1_714_557_600_000


def map_one(reading: Reading, values: Any, row: int = 1, now_ms: int = NOW_MS) -> Event | Rejection:
    (item,) = Mapper(reading, lambda: now_ms).map([Record(row, row + 1, values)])
    return item


def of_csv(cells: Mapping[str, str], row: int = 1, **more: Any) -> Event | Rejection:
    """Map one record that has these cells beside an event, a time and a user."""
    given = {"event": "Purchase", "time": TIME, "user": "u1", **cells}
    fields = more.pop("fields", {}) | {f: c for f, c in FIELDS.items() if f not in more.get("constants", {})}
    if "constants" in more:
        given = {k: v for k, v in given.items() if k not in more["constants"] or k in cells}
    reading = Reading(CSV, tuple(given), fields, **more)
    return map_one(reading, list(given.values()), row)


def of_jsonl(
    line: Mapping[str, Any], fields: Mapping[Any, str] | None = None, **more: Any
) -> Event | Rejection:
    """Map one line of JSON."""
    columns: Sequence[str] = more.pop("columns", tuple(line))
    return map_one(Reading(JSONL, tuple(columns), fields or FIELDS, **more), line)


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
