"""The shape of records that is declared."""

from __future__ import annotations

from importer.events.mapping_file import DeclaredReading
from importer.reading import Shape


def declared_shape(declared: DeclaredReading) -> Shape:
    """Return what is declared to be done with each record before its fields are looked up."""
    return Shape(
        explode=declared.explode or "",
        key_value=dict(declared.key_value),
        flatten=dict(declared.flatten),
        stringify=declared.stringify,
        mask=dict(declared.mask),
        where=declared.where or "",
    )


def redeclared_shape(shape: Shape, declared: DeclaredReading) -> Shape:
    """Return the shape of an earlier run, with what is declared now in place of what was declared then."""
    return Shape(
        explode=shape.explode if declared.explode is None else declared.explode,
        key_value={**shape.key_value, **declared.key_value},
        flatten={**shape.flatten, **declared.flatten},
        stringify=declared.stringify or shape.stringify,
        mask={**shape.mask, **declared.mask},
        mask_salt=shape.mask_salt,
        where=shape.where if declared.where is None else declared.where,
    )
