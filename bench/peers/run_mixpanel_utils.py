"""mixpanel-utils: python run_mixpanel_utils.py FILE URL BATCH_SIZE."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from typing import Any

from mixpanel_utils import MixpanelUtils  # type: ignore[import-not-found]  # in a venv of its own


def events_of_csv(path: str) -> list[dict[str, Any]]:
    """Make the list that `import_events` takes; its own CSV reader ends at a time that is no integer."""
    events = []
    with open(path, newline="", encoding="utf-8") as file:  # noqa: PTH123 - as its own reader does
        for row in csv.DictReader(file):
            event, user, time = row.pop("event"), row.pop("user_id"), row.pop("time")
            row["props"] = row.pop("properties")  # the server counts events by that word
            properties = {
                "distinct_id": user,
                "time": int(datetime.fromisoformat(time).timestamp()),
                **{name: cell for name, cell in row.items() if cell},
            }
            events.append({"event": event, "properties": properties})
    return events


def main() -> None:
    path, url, batch_size = sys.argv[1:]
    client = MixpanelUtils("bench", token="bench")
    client.import_api = url
    data = events_of_csv(path) if path.endswith(".csv") else path
    # `import_events` is this call with batches of 2,000.
    client._import_data(data, url, "import", timezone_offset=0, batch_size=int(batch_size))  # noqa: SLF001


if __name__ == "__main__":
    main()
