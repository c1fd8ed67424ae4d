"""One record becomes several: one for each element of a list that it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from importer.events.columns import path_to, value_at, with_value
from importer.events.nested import kind_of
from importer.model import Record, Rejection, Status

MOST_ITEMS: Final = 1_000_000
"""Most elements of the list of a record."""

NO_ITEMS: Final = "no events in it"
"""What is said of a record whose list is empty or missing."""


def make_explode(column: str, columns: Collection[str]) -> Callable[[Record], Iterator[Record | Rejection]]:
    """Return what makes a record of each element of a list.

    In each of them the element stands where the list stood, and all else is as it was.

    Args:
        column: Path of the list.
        columns: The columns of the source.
    """
    path = path_to(column, columns)

    def explode(record: Record) -> Iterator[Record | Rejection]:
        values: Any = record.values
        found = value_at(path, values)
        if found is None or found == []:
            yield Rejection(record.row, record.line, NO_ITEMS, item=1, status=Status.SKIPPED)
        elif not isinstance(found, list):
            error = f"{column}: expected a list, found {kind_of(found)}"
            yield Rejection(record.row, record.line, error, item=1)
        elif len(found) > MOST_ITEMS:
            error = f"{column}: a list of {len(found):,} elements; the most are {MOST_ITEMS:,}"
            yield Rejection(record.row, record.line, error, item=1)
        else:
            for item, element in enumerate(found, 1):
                yield record._replace(values=with_value(path, values, element), item=item)

    return explode
