"""Makes files as the vendors of some presets export them, and the plain file of the same events.

The records are those of ``samples/vendors``, again and again, with other users, times and ids.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).parent.parent / "samples" / "vendors"
START = datetime(2025, 1, 1, tzinfo=UTC)


def _time(number: int) -> datetime:
    return START + timedelta(milliseconds=number * 977)


def _id(number: int) -> str:
    return f"{number:08x}-bbac-41e4-8dfc-aa07a5b09301"


def _of_calls(record: dict[str, Any], number: int) -> dict[str, Any]:
    """Segment and RudderStack."""
    stamp = f"{_time(number):%Y-%m-%dT%H:%M:%S}.123Z"
    user = f"user_{number * 7919 % 5000:06}" if number % 3 else None
    return {
        **record,
        "messageId": _id(number),
        "timestamp": stamp,
        "anonymousId": f"anon-{number % 7000}",
        "userId": user,
    }


def _of_amplitude(record: dict[str, Any], number: int) -> dict[str, Any]:
    stamp = f"{_time(number):%Y-%m-%d %H:%M:%S}.123000"
    return {**record, "$insert_id": _id(number), "event_time": stamp, "user_id": f"user_{number % 5000}"}


def _of_ga4(record: dict[str, Any], number: int) -> dict[str, Any]:
    micros = str(int(_time(number).timestamp()) * 1_000_000 + number % 1_000_000)
    return {**record, "event_timestamp": micros, "user_pseudo_id": f"12345.17000{number % 5000:05}"}


def _of_umami(record: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        **record,
        "event_id": _id(number),
        "created_at": f"{_time(number):%Y-%m-%d %H:%M:%S}",
        "session_id": _id(number % 5000),
    }


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_bytes().splitlines() if line.strip()]


def _zipped(name: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(SAMPLES / name) as archive:
        texts = [gzip.decompress(archive.read(each)) for each in sorted(archive.namelist())]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def _rows(name: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO((SAMPLES / name).read_text("utf-8"))))


class Vendor(NamedTuple):
    """An export that is made.

    Attributes:
        read: Reads the samples.
        name: Their file.
        change: Makes another record of a sample, by a number.
        rows: The samples that become an event without a note on its properties.
        suffix: Of the file that is made.
    """

    read: Callable[[str], list[dict[str, Any]]]
    name: str
    change: Callable[[dict[str, Any], int], dict[str, Any]]
    rows: tuple[int, ...]
    suffix: str = ".jsonl"


VENDORS = {
    "segment": Vendor(_lines, "segment.jsonl", _of_calls, (1, 2, 5, 6)),
    "rudderstack": Vendor(_lines, "rudderstack.jsonl", _of_calls, (1, 3, 4)),
    "amplitude": Vendor(_zipped, "amplitude.zip", _of_amplitude, (2, 3)),
    "ga4": Vendor(_lines, "ga4.jsonl", _of_ga4, (1, 3)),
    "umami": Vendor(_rows, "umami.csv", _of_umami, (1, 2, 4), ".csv"),
}


def write_export(path: Path, vendor: Vendor, rows: int) -> None:
    """Write as many records of an export."""
    samples = vendor.read(vendor.name)
    chosen = cycle(samples[row - 1] for row in vendor.rows)
    found = (vendor.change(record, number) for number, record in enumerate(islice(chosen, rows)))
    with path.open("w", encoding="utf-8", newline="") as file:
        if vendor.suffix == ".csv":
            writer = csv.DictWriter(file, list(samples[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
            return
        for record in found:
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_plain(path: Path, bodies: Path) -> None:
    """Write a line with nothing but columns for each event that arrived.

    Args:
        path: Where they go.
        bodies: What `measure.CountingServer` kept.
    """
    with bodies.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as file:
        for line in lines:
            event = json.loads(line)
            columns = {"event": event["event"], **event["properties"]}
            file.write(json.dumps(columns, ensure_ascii=False, separators=(",", ":")) + "\n")
