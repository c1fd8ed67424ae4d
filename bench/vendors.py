"""Makes files as the vendors of the presets export them, and the plain file of the same events.

The records are those of ``samples/vendors``, again and again, with other users, times and ids.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).parent.parent / "samples" / "vendors"
START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=977)

Record = dict[str, Any]


def _time(number: int) -> datetime:
    return START + number * STEP


def _seconds(number: int) -> int:
    return int(_time(number).timestamp())


def _id(number: int) -> str:
    return f"{number:08x}-bbac-41e4-8dfc-aa07a5b09301"


def _iso(number: int) -> str:
    return f"{_time(number):%Y-%m-%dT%H:%M:%S}Z"


def _spaced(number: int) -> str:
    return f"{_time(number):%Y-%m-%d %H:%M:%S}"


# ── what differs from one record to the next ─────────────────────────────────────────────────────


def _of_segment(record: Record, number: int) -> Record:
    own = {**_of_calls(record, number)}
    if record["channel"] == "client" and "page" in record["context"]:  # as Analytics.js makes its ids
        own["messageId"] = f"ajs-next-{_seconds(number)}000-{_id(number)}"
    return own


def _of_calls(record: Record, number: int) -> Record:
    """Segment and RudderStack."""
    return {
        **record,
        "messageId": _id(number),
        "timestamp": f"{_time(number):%Y-%m-%dT%H:%M:%S}.123Z",
        "anonymousId": f"anon-{number % 7000}",
        "userId": f"user_{number * 7919 % 5000:06}" if number % 3 else None,
    }


def _of_amplitude(record: Record, number: int) -> Record:
    stamp = f"{_spaced(number)}.123000"
    return {**record, "$insert_id": _id(number), "event_time": stamp, "user_id": f"user_{number % 5000}"}


def _of_ga4(record: Record, number: int) -> Record:
    micros = str(_seconds(number) * 1_000_000 + number % 1_000_000)
    return {**record, "event_timestamp": micros, "user_pseudo_id": f"12345.17000{number % 5000:05}"}


def _of_umami(record: Record, number: int) -> Record:
    return {
        **record,
        "event_id": _id(number),
        "created_at": _spaced(number),
        "session_id": _id(number % 5000),
    }


def _of_posthog(record: Record, number: int) -> Record:
    stamp, user = f"{_time(number):%Y-%m-%dT%H:%M:%S}.250000+00:00", f"u-{number % 5000}"
    inner = record["properties"]
    if "distinct_id" in inner:  # the web has it in both places
        inner = {**inner, "distinct_id": user}
    return {**record, "uuid": _id(number), "timestamp": stamp, "distinct_id": user, "properties": inner}


def _of_heap(record: Record, number: int) -> Record:
    user = str(1102938475600000 + number % 5000)
    return {
        **record,
        "event_id": str(5241893071834561 + number),
        "user_id": user,
        "time": f"{_spaced(number)}.123",
    }


def _of_plausible(record: Record, number: int) -> Record:
    return {**record, "timestamp": _spaced(number), "user_id": str(17214234234234200000 + number % 5000)}


def _of_snowplow(record: Record, number: int) -> Record:
    stamp = f"{_spaced(number)}.123"
    return {**record, "6": _id(number), "15": _id(number % 5000), "3": stamp, "126": stamp}


def _of_mparticle(record: Record, number: int) -> Record:
    events = []
    for item, event in enumerate(record["events"]):
        own = {"source_message_id": _id(number * 10 + item)} if "source_message_id" in event["data"] else {}
        data = {**event["data"], **own, "timestamp_unixtime_ms": _seconds(number) * 1000 + item}
        events.append({**event, "data": data})
    return {**record, "events": events, "mpid": 7346244611012968000 + number % 5000}


def _of_matomo(record: Record, number: int) -> Record:
    details = [{**each, "timestamp": _seconds(number)} for each in record["actionDetails"]]
    return {
        **record,
        "idVisit": str(number),
        "visitorId": f"{number % 5000:016x}",
        "actionDetails": details,
    }


def _of_mixpanel(record: Record, number: int) -> Record:
    own = {"time": _seconds(number), "distinct_id": f"u-{number % 5000}", "$insert_id": _id(number)}
    return {**record, "properties": {**record["properties"], **own}}


def _of_ga_universal(record: Record, number: int) -> Record:
    return {
        **record,
        "visitStartTime": str(_seconds(number)),
        "fullVisitorId": str(700000000000 + number % 5000),
    }


def _of_stripe(record: Record, number: int) -> Record:
    return {**record, "id": f"evt_1PxB01KZsample{number:010}", "created": _seconds(number)}


def _of_shopify(record: Record, number: int) -> Record:
    customer = {**record["customer"], "id": 207119551 + number % 5000}
    return {**record, "id": 5343761039682 + number, "processed_at": _iso(number), "customer": customer}


def _of_cloudtrail(record: Record, number: int) -> Record:
    return {**record, "eventID": _id(number), "eventTime": _iso(number)}


def _of_gharchive(record: Record, number: int) -> Record:
    actor = {**record["actor"], "id": 4600001 + number % 5000}
    return {**record, "id": str(37066529221 + number), "created_at": _iso(number), "actor": actor}


# ── samples ──────────────────────────────────────────────────────────────────────────────────────


def _lines(name: str) -> list[Record]:
    texts = (SAMPLES / name).read_text("utf-8").splitlines()
    return [json.loads(line) if line.startswith("{") else {} for line in texts]


def _zipped(name: str) -> list[Record]:
    with zipfile.ZipFile(SAMPLES / name) as archive:
        texts = [gzip.decompress(archive.read(each)) for each in sorted(archive.namelist())]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def _rows(name: str) -> list[Record]:
    return list(csv.DictReader(io.StringIO((SAMPLES / name).read_text("utf-8"))))


def _cells(name: str) -> list[Record]:
    """Return rows without a header, by their places."""
    lines = (SAMPLES / name).read_text("utf-8").splitlines()
    return [{str(at): cell for at, cell in enumerate(line.split("\t"))} for line in lines]


def _document(name: str) -> list[Record]:
    """Return the elements of a list, or of the only one in an object."""
    found = json.loads((SAMPLES / name).read_text("utf-8"))
    return found if isinstance(found, list) else next(v for v in found.values() if isinstance(v, list))


class Vendor(NamedTuple):
    """An export that is made.

    Attributes:
        read: Reads the samples.
        sample: Their file.
        change: Makes another record of a sample, by a number.
        rows: The samples that are the usual ones: each becomes an event, or several.
        key: Of the list in the document, if the records are no lines; empty if the document is the list.
        options: What its preset does not settle.
        share: Of the records that are measured: fewer where each costs many times as much.
    """

    read: Callable[[str], list[Record]]
    sample: str
    change: Callable[[Record, int], Record]
    rows: tuple[int, ...]
    key: str | None = None
    options: tuple[str, ...] = ()
    share: float = 1.0

    @property
    def has_cells(self) -> bool:
        """Whether it is CSV, or TSV."""
        return self.sample.endswith((".csv", ".tsv"))

    @property
    def suffix(self) -> str:
        """Of the file that is made."""
        return ".jsonl" if self.sample.endswith((".zip", ".txt")) else Path(self.sample).suffix


VENDORS = {
    "segment": Vendor(_lines, "segment.jsonl", _of_segment, (1, 2, 5, 6)),
    "rudderstack": Vendor(_lines, "rudderstack.jsonl", _of_calls, (1, 3, 4)),
    "amplitude": Vendor(_zipped, "amplitude.zip", _of_amplitude, (2, 3)),
    "ga4": Vendor(_lines, "ga4.jsonl", _of_ga4, (1, 3)),
    "umami": Vendor(_rows, "umami.csv", _of_umami, (1, 2, 4)),
    "posthog": Vendor(_lines, "posthog.jsonl", _of_posthog, (1, 3, 5)),
    "heap": Vendor(_rows, "heap.csv", _of_heap, (1, 2, 4)),
    "plausible": Vendor(_rows, "plausible.csv", _of_plausible, (1, 3)),
    "mixpanel": Vendor(_lines, "mixpanel.jsonl", _of_mixpanel, (1, 4)),
    "gharchive": Vendor(_lines, "gharchive.jsonl", _of_gharchive, (1, 2, 3, 4, 6)),
    "snowplow": Vendor(_cells, "snowplow.tsv", _of_snowplow, (1, 2), share=0.2),
    "mparticle": Vendor(_lines, "mparticle.txt", _of_mparticle, (1, 2), share=0.1),
    "ga-universal": Vendor(_lines, "ga-universal.jsonl", _of_ga_universal, (1, 2), share=0.1),
    "matomo": Vendor(_document, "matomo.json", _of_matomo, (1, 2), "", ("--timezone", "UTC"), 0.1),
    "stripe": Vendor(_document, "stripe.json", _of_stripe, (1, 2, 4), key="data"),
    "shopify-orders": Vendor(_document, "shopify-orders.json", _of_shopify, (1,), "orders", share=0.2),
    "cloudtrail": Vendor(_document, "cloudtrail.json", _of_cloudtrail, (1, 2, 3), "Records", share=0.2),
}


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def write_export(path: Path, vendor: Vendor, rows: int, *, is_shuffled: bool = False) -> None:
    """Write as many records of an export."""
    samples = vendor.read(vendor.sample)
    chosen = cycle(samples[row - 1] for row in vendor.rows)
    found = [vendor.change(record, number) for number, record in enumerate(islice(chosen, rows))]
    if is_shuffled:
        random.Random(1).shuffle(found)
    with path.open("w", encoding="utf-8", newline="") as file:
        if vendor.suffix == ".csv":
            _write_csv(file, found, list(samples[0]))
        elif vendor.suffix == ".tsv":
            file.writelines("\t".join(record.values()) + "\n" for record in found)
        elif vendor.key is None:
            file.writelines(_json(record) + "\n" for record in found)
        else:
            file.write(f'{{"{vendor.key}":[\n' if vendor.key else "[\n")
            file.write(",\n".join(map(_json, found)))
            file.write("\n]}\n" if vendor.key else "\n]\n")


class Plain(NamedTuple):
    """The plain file of some events.

    Attributes:
        rows: How many there are.
        names: Of the columns.
    """

    rows: int
    names: list[str]


def write_plain(path: Path, bodies: Path, *, has_cells: bool) -> Plain:
    """Write a row with nothing but columns for each event that arrived, in this order.

    Args:
        path: Where they go.
        bodies: What `measure.CountingServer` kept.
        has_cells: True for CSV.
    """
    with bodies.open(encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    found = [{"event": each["event"], **_own(each["properties"])} for each in events]
    columns = list(dict.fromkeys(key for each in found for key in each))
    with path.open("w", encoding="utf-8", newline="") as file:
        if has_cells:
            _write_csv(file, [{k: _cell(v) for k, v in each.items()} for each in found], columns)
        else:
            file.writelines(_json(each) + "\n" for each in found)
    return Plain(len(found), columns)


def _own(properties: Record) -> Record:
    """Return the properties that a source would have: ``ip`` 0 says that there is none."""
    return {key: value for key, value in properties.items() if not (key == "ip" and value == 0)}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_csv(file: Any, records: Iterable[Record], columns: list[str]) -> None:
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)


def _json(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
