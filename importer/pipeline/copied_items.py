"""Which events of copied records are to be mended, where a record is several, and that the others stay.

Of such a record some events may have landed. The number of an event tells which it is, so none may be taken
out or put in, and none of those that landed may change: else another would be sent in its place, or again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from xxhash import xxh3_64_hexdigest as _digest

from importer import exact_json
from importer.events.explode import make_list_finder
from importer.reading import Reading
from importer.results.row_and_item import MOST_ITEM
from importer.results.row_ranges import read_ranges, write_ranges
from importer.text import counted, listed

WHOLE: Final = "0"
"""Stands for a record as a whole, which could not be read or held no list: all of its events are meant."""

_BETWEEN: Final = ";"
_MOST_NAMED: Final = 8

Chosen = frozenset[int] | None
"""Events of a record by their numbers, from 1; None for all of them."""


def items_text(chosen: Iterable[tuple[int, int]]) -> str:
    """Return which events of each record are chosen, as text: of one after the other, as ``1,3-5;0;2``.

    Args:
        chosen: Row and item of each.
    """
    by_row = groupby(chosen, itemgetter(0))
    return _BETWEEN.join(_text_of([item for _, item in of_row]) for _, of_row in by_row)


def _text_of(items: Sequence[int]) -> str:
    return WHOLE if items == [0] else write_ranges(items)


def read_items(text: str) -> Iterator[Chosen]:
    """Yield which events of each record a text names, one record after the other; nothing of an empty text.

    Raises:
        ValueError: It is not as `items_text` writes it.
    """
    for part in text.split(_BETWEEN) if text else ():
        if part == WHOLE:
            yield None
            continue
        ranges = read_ranges(part)
        if ranges[-1][-1] > MOST_ITEM:
            raise ValueError(f"expected numbers of events up to {MOST_ITEM:,}")
        yield frozenset(item for each in ranges for item in each)


class OtherEvents:
    """Tells whether the events of a copied record that are not to be mended are as they were.

    Args:
        reading: How the records are read.
    """

    def __init__(self, reading: Reading) -> None:
        self._list_in: Callable[[Any], Any] = make_list_finder(reading.shape.explode, reading.columns)
        self._column = reading.shape.explode

    def digest(self, record: bytes, wanted: Chosen) -> str:
        """Return a digest of the number of events of a record, and of those that are not wanted.

        Args:
            record: Its bytes: JSON, whatever the source is.
            wanted: The events that are to be mended; None for all.
        """
        if wanted is None:
            return _digest(b"")
        events = self._events(record)
        if events is None:
            return _digest(b"?")
        others = [event for item, event in enumerate(events, 1) if item not in wanted]
        return _digest(repr((len(events), others)).encode("utf-8", "surrogatepass"))

    def count(self, record: bytes, wanted: Chosen) -> int:
        """Return how many lines of the results the events of a record get that are to be sent."""
        return len(wanted) if wanted is not None else len(self._events(record) or " ")

    def fault(self, record: bytes, wanted: frozenset[int]) -> str:
        """Return what must be as it was in a record of which another digest was found."""
        events = self._events(record)
        if events is None:
            return f"{self._column} is no list any more"
        mended = listed([f"{item:,}" for item in sorted(wanted)], _MOST_NAMED)
        event = "event" if len(wanted) == 1 else "events"
        return (
            f"only {event} {mended} of it can be mended; the others were imported or left out, and must stay"
            f" as they are and where they are (it has {counted(len(events), 'event')} now)"
        )

    def _events(self, record: bytes) -> list[Any] | None:
        try:
            values, _ = exact_json.loads(record)
        except ValueError:
            return None
        found = self._list_in(values)
        return found if isinstance(found, list) else None
