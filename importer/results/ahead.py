"""Invalid records that only have to wait: their time was ahead of the clock when they were read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from importer.mixpanel.rules import AHEAD_OF_CLOCK
from importer.model import Status
from importer.results.reader import read_failures
from importer.results.row_and_item import place_of
from importer.results.selection import read_choices, select_records

_AFTER: Final = re.compile(r"send it after (\S+)$")


class Ahead(NamedTuple):
    """Records whose time is, or was, ahead of the clock.

    Attributes:
        records: How many there are.
        after: When the last of them can be sent, as its error says it.
        is_over: That moment has passed.
    """

    records: int
    after: str
    is_over: bool


def find_ahead(results: Path) -> Ahead | None:
    """Return which of the invalid records only have to wait; None if there are none.

    Args:
        results: The last results of a source.
    """
    selection = select_records(results, {Status.INVALID}, AHEAD_OF_CLOCK)
    places = {choice.place for choice in read_choices(selection)}
    failures = (failure for run in selection.runs for failure in read_failures(run.results) if places)
    chosen = (failure for failure in failures if place_of(failure.row, failure.item) in places)
    found = (_AFTER.search(failure.error) for failure in chosen)
    try:
        times = {datetime.fromisoformat(match[1]): match[1] for match in found if match}
    except ValueError:  # a year of five digits: nobody waits for it
        return None
    if not times:
        return None
    last = max(times)
    return Ahead(len(places), times[last], last <= datetime.now(UTC))
