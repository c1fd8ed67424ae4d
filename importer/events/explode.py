"""One record becomes several: one for each element of a list that it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from importer.errors import BadValue
from importer.events.columns import kind_of, path_to, value_at, with_value
from importer.events.json_texts import opened
from importer.model import Record, Rejection, Status

MOST_ITEMS: Final = 1_000_000
"""Most elements of the list of a record."""

NO_ITEMS: Final = "no events in it"
"""What is said of a record whose list is empty or missing."""


def make_explode(column: str, columns: Collection[str]) -> Callable[[Record], Iterator[Record | Rejection]]:
    """Return what makes a record of each element of a list.

    In each of them the element stands where the list stood, and all else is as it was. A record that can't be
    taken apart is refused as a whole: it is no item.

    Args:
        column: Path of the list.
        columns: The columns of the source.
    """
    path = path_to(column, columns)
    find = make_list_finder(column, columns)

    def explode(record: Record) -> Iterator[Record | Rejection]:
        values: Any = record.values
        notes = [record.note] if record.note else []
        try:
            found = opened(column, find(values), notes)
        except BadValue as bad:
            yield Rejection(record.row, record.line, str(bad), note=record.note)
            return
        if found is None or found == []:
            yield Rejection(record.row, record.line, NO_ITEMS, item=1, status=Status.SKIPPED)
        elif not isinstance(found, list):
            error = f"{column}: expected a list, found {kind_of(found)}"
            yield Rejection(record.row, record.line, error)
        elif len(found) > MOST_ITEMS:
            error = f"{column}: a list of {len(found):,} elements; the most are {MOST_ITEMS:,}"
            yield Rejection(record.row, record.line, error)
        else:
            for item, element in enumerate(found, 1):
                made = with_value(path, values, element)
                yield record._replace(values=made, note="; ".join(notes), item=item)

    return explode


def make_list_finder(column: str, columns: Collection[str]) -> Callable[[Any], Any]:
    """Return what finds the list of a record in its values; None if there is nothing.

    Args:
        column: Path of the list.
        columns: The columns of the source.
    """
    path = path_to(column, columns)
    return lambda values: value_at(path, values)


def make_without_element(column: str, columns: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """Return what leaves the element of the list, and what became of it, out of the values of a record.

    Args:
        column: Path of the list.
        columns: The columns of the source.
    """
    path = path_to(column, columns)
    inside = f"{column}."  # where the element was flattened

    def without(values: Any) -> dict[str, Any]:
        others = {key: value for key, value in values.items() if key != column and not key.startswith(inside)}
        return others if value_at(path, others) is None else with_value(path, others, None)

    return without
