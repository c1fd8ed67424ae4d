"""A source as its first records look once they are shaped as declared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from importer.errors import MappingError
from importer.events.columns import Openable, kind_of
from importer.events.declared_reading import DeclaredReading
from importer.events.explode import make_list_finder
from importer.events.field_names import well_known
from importer.events.json_texts import make_bag_opener, value_through
from importer.events.shape import make_shaper, without_quotes
from importer.model import Record, Rejection, Status
from importer.pipeline.declared_shape import declared_shape
from importer.pipeline.given_names import (
    Beginning,
    cell_at,
    check_shape,
    mask_attention,
    named_strictly,
    properties_attention,
)
from importer.profile.mask_salt import salt_of
from importer.reading import Attention, Field, Reading, Shape
from importer.source.detect import DetectedSource
from importer.text import quoted

_BEGINS_JSON: Final = ("{", "[")


def shaped(found: DetectedSource, declared: DeclaredReading) -> DetectedSource:
    """Return a source as its first records look once they are shaped: other columns, fewer or more records.

    Args:
        found: The source as it was detected.
        declared: What is declared of its reading.

    Raises:
        MappingError: Its records can't be shaped so, or a column that is declared does not exist.
        UsageError: Values are to be masked, and there is no salt.
    """
    shape = declared_shape(declared)
    if shape.mask:
        found = replace(found, problems=tuple(map(without_quotes, found.problems)))
    reading = _for_shape(found, declared, shape)
    made = _as_shaped(found, reading)
    strict = named_strictly(declared)
    if not found.columns:
        return made
    attention = list[Attention]()
    if strict is not None:
        paths = openable_columns(found, declared) if found.sample else True
        check_shape(found, made, reading, paths, strict)
        attention += properties_attention(found, made, reading, strict)
    attention += mask_attention(found, made, reading)
    return replace(made, attention=(*made.attention, *attention)) if attention else made


def _as_shaped(found: DetectedSource, reading: Reading) -> DetectedSource:
    """Return a source as its first records look once they are shaped.

    Raises:
        MappingError: They can't be.
    """
    shaper = make_shaper(reading, salt_of(reading))
    if shaper is None:
        return found
    if reading.shape.explode:
        _check_lists(found, reading)
    items = [item for part in shaper(found.sample) for item in part]
    sample = tuple(item for item in items if isinstance(item, Record))
    skipped = sum(isinstance(item, Rejection) and item.status is Status.SKIPPED for item in items)
    made = replace(found, sample=sample, skipped=skipped)
    if found.dialect.has_cells:
        return made
    like = _records_of(shaper(found.like))
    columns = tuple(dict.fromkeys(key for record in like for key in record.values))
    is_empty = found.is_whole and skipped == len(items)
    return replace(made, like=like, columns=columns or _columns_of_all(found, reading), is_empty=is_empty)


def _check_lists(found: DetectedSource, reading: Reading) -> None:
    """Check that what is to become several events is a list, unless none of the first records has it.

    Raises:
        MappingError: None of them has a list, and one has something else.
    """
    path = reading.shape.explode
    find = make_list_finder(path, reading.columns)
    open_bags = make_bag_opener(reading) or (lambda values, _: values)
    values = ((record.row, find(open_bags(record.values, []))) for record in found.sample)
    others = [(row, value_through((), value)) for row, value in values if value is not None]
    if others and not any(isinstance(value, list) for _, value in others):
        row, value = others[0]
        raise MappingError(
            f"explode = {quoted(path)}: expected a list, found {kind_of(value)} (row {row:,})",
            "Name the list of events, or leave explode out.",
        )


def _columns_of_all(found: DetectedSource, reading: Reading) -> tuple[str, ...]:
    """Return the columns of the first records, where all of these are left out; else those before explode."""
    shaper = make_shaper(replace(reading, shape=replace(reading.shape, where="")), salt_of(reading))
    like = found.like if shaper is None else _records_of(shaper(found.like))
    return tuple(dict.fromkeys(key for record in like for key in record.values)) or found.columns


def _records_of(parts: Iterable[Sequence[Record | Rejection]]) -> tuple[Record, ...]:
    return tuple(item for part in parts for item in part if isinstance(item, Record))


def _for_shape(found: DetectedSource, declared: DeclaredReading, shape: Shape) -> Reading:
    """Return as much of a reading as is needed to shape records."""
    said = declared.fields.get("properties")
    if said is None:
        said = next((column for column in found.columns if well_known(column) == "properties"), "")
    entries = (
        (said,)
        if isinstance(said, str)
        else tuple(each if isinstance(each, str) else each.text for each in said)
    )
    return Reading(
        found.dialect,
        found.columns,
        {"properties": entries[0]} if len(entries) == 1 and entries[0] else {},
        {"properties": entries} if len(entries) > 1 else {},
        null=declared.null,
        trim=bool(declared.trim),
        decimal=declared.decimal or "",
        thousands=declared.thousands or "",
        conditions=_conditions(declared),
        shape=shape,
        missing_columns=declared.missing_columns or "refuse",
    )


def openable_columns(found: Beginning, declared: DeclaredReading) -> Openable:
    """Return into which columns of a source a path may lead."""
    if not found.dialect.has_cells:
        return True
    holding = {
        column
        for at, column in enumerate(found.columns)
        if any(
            cell.lstrip().startswith(_BEGINS_JSON) for record in found.sample if (cell := cell_at(record, at))
        )
    }
    said = {column for column, kind in declared.types.items() if kind == "json"}
    bag = declared.fields.get("properties")
    return frozenset({*holding, *said, *([bag] if isinstance(bag, str) else [])}.intersection(found.columns))


def _conditions(declared: DeclaredReading) -> dict[Field, tuple[str, ...]]:
    """Return the conditions of fields, as far as it counts here: whether there are any."""
    found = {
        field: tuple(entry.where for entry in entries if not isinstance(entry, str))
        for field, entries in declared.fields.items()
        if not isinstance(entries, str)
    }
    return {field: conditions for field, conditions in found.items() if any(conditions)}
