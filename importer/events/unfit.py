"""Integers of more than 64 bits in records of JSON: no event has one, but what is left out may be one."""

from __future__ import annotations

from collections.abc import Callable

from importer.events.columns import Path, path_to
from importer.events.json_texts import bags_of
from importer.events.property_names import PropertyNames
from importer.events.templates import columns_in, set_templates
from importer.exact_json import unfit_error
from importer.model import Record, Rejection
from importer.reading import Reading


class UnfitRecord(Record):
    """A record with such an integer, of which it is not known yet whether it is sent."""


def make_fit(reading: Reading) -> Callable[[Record], Record | Rejection] | None:
    """Return what makes a rejection of a record of which such an integer would be sent.

    It is asked once objects in the record are taken apart. None if a reading leaves no column out, or if its
    records have cells.
    """
    leaves_out = reading.drop or reading.only or "skip" in reading.types.values()
    if reading.dialect.has_cells or not leaves_out:
        return None
    is_left_out = _make_left_out(reading)

    def fit(record: Record) -> Record | Rejection:
        error = unfit_error(record.values, is_left_out)
        if error:
            return Rejection(record.row, record.line, error, note=record.note, item=record.item)
        return Record(*record)

    return fit


def _make_left_out(reading: Reading) -> Callable[[Path], bool]:
    """Return what says whether nothing is sent of what stands at a path in a record."""
    names = PropertyNames(reading)
    used = {_text(path_to(column, reading.columns)) for column in _columns_of_values(reading)}
    bags = [path_to(bag, reading.columns) for bag in bags_of(reading)]

    def is_left_out(path: Path) -> bool:
        text = _text(path)
        if any(text == each or text.startswith(f"{each}.") for each in used):
            return False
        column = str(path[0])
        is_dropped = reading.types.get(column) == "skip" or names.of_column(column) is None
        for bag in bags:
            if len(path) > len(bag) and path[: len(bag)] == bag:
                is_kept = names.of_key(str(path[len(bag)])) is not None
                return not is_kept and (is_dropped or len(bags) == 1)
        return is_dropped

    return is_left_out


def _columns_of_values(reading: Reading) -> set[str]:
    """Return the columns and paths whose values may become a field or a part of a text."""
    entries = [e for field, each in reading.alternatives.items() if field != "properties" for e in each]
    templates = (template.columns for template in set_templates(reading).values())
    return {
        *(column for field, column in reading.fields.items() if field != "properties"),
        *(column for entry in entries for column in columns_in(entry, reading.columns)),
        *(column for columns in templates for column in columns),
        *filter(None, (reading.time_offset,)),
    }


def _text(path: Path) -> str:
    return ".".join(map(str, path))
