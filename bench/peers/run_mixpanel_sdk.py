"""Mixpanel's SDK for Python: python run_mixpanel_sdk.py FILE URL BATCH_SIZE."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mixpanel import (  # type: ignore[import-not-found]  # in a venv of its own
    BufferedConsumer,
    Mixpanel,
    ServiceAccountCredentials,
)


def events_of(path: str) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Yield user, event, time and properties: to read files is the caller's job."""
    with open(path, newline="", encoding="utf-8") as file:  # noqa: PTH123 - the shortest that works
        if path.endswith(".csv"):
            for row in csv.DictReader(file):
                event, user, time = row.pop("event"), row.pop("user_id"), row.pop("time")
                row["props"] = row.pop("properties")  # the server counts events by that word
                filled = {name: cell for name, cell in row.items() if cell}
                yield user, event, int(datetime.fromisoformat(time).timestamp()), filled
        else:
            for line in file:
                found = json.loads(line)
                properties = found["properties"]
                yield properties.pop("distinct_id"), found["event"], properties.pop("time"), properties


def main() -> None:
    path, url, batch_size = sys.argv[1:]
    credentials = ServiceAccountCredentials("bench", "bench", "1")
    consumer = BufferedConsumer(import_url=f"{url}/import", credentials=credentials)
    consumer._max_size = int(batch_size)  # noqa: SLF001 - it takes no more than 50 by itself
    client = Mixpanel("bench", consumer=consumer)
    for user, event, time, properties in events_of(path):
        client.import_data(None, user, event, time, properties)
    consumer.flush()


if __name__ == "__main__":
    main()
