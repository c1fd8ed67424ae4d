"""The shape of records that is declared, and that of an earlier run."""

from __future__ import annotations

from importer.events.columns import Openable, path_to
from importer.events.declared_reading import DeclaredReading
from importer.events.json_texts import bags_of
from importer.events.mask import salt_digest
from importer.profile.mask_salt import has_pseudonyms
from importer.reading import Reading, Shape
from importer.settings import find_mask_salt


def declared_shape(declared: DeclaredReading) -> Shape:
    """Return what is declared to be done with each record before its fields are looked up.

    Raises:
        UsageError: Values are to be masked, and there is no salt.
    """
    return Shape(
        explode=declared.explode or "",
        key_value=dict(declared.key_value),
        flatten=dict(declared.flatten),
        stringify=declared.stringify,
        mask=dict(declared.mask),
        mask_salt=salt_digest(find_mask_salt()) if has_pseudonyms(declared.mask) else "",
        where=declared.where or "",
    )


def redeclared_shape(shape: Shape, declared: DeclaredReading) -> Shape:
    """Return the shape of an earlier run, with what is declared now in place of what was declared then.

    Raises:
        UsageError: Values are to be masked that were not before, and there is no salt.
    """
    mask = {**shape.mask, **declared.mask}
    needs_salt = has_pseudonyms(mask) and not shape.mask_salt
    return Shape(
        explode=shape.explode if declared.explode is None else declared.explode,
        key_value={**shape.key_value, **declared.key_value},
        flatten={**shape.flatten, **declared.flatten},
        stringify=tuple(dict.fromkeys((*shape.stringify, *declared.stringify))),
        mask=mask,
        mask_salt=salt_digest(find_mask_salt()) if needs_salt else shape.mask_salt,
        where=shape.where if declared.where is None else declared.where,
    )


def openable_anew(reading: Reading) -> Openable:
    """Return into which columns of a source that was read before a path may lead."""
    if not reading.dialect.has_cells:
        return True
    entries = {entry for each in reading.alternatives.values() for entry in each}
    begins = {str(path_to(entry, reading.columns)[0]) for entry in entries}
    typed = {column for column, kind in reading.types.items() if kind == "json"}
    return frozenset({*begins, *typed, *bags_of(reading)}.intersection(reading.columns))
