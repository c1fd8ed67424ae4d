"""Whether what a retry names anew is there, as a first run finds it out of the beginning of the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.shape import make_shaper
from importer.model import Record
from importer.pipeline.given_names import (
    check_properties,
    check_shape,
    mask_attention,
    named_strictly,
    properties_attention,
)
from importer.pipeline.shaping import openable_columns
from importer.profile.mask_salt import salt_of
from importer.reading import Attention, Dialect, Field, Reading
from importer.source.detect import SAMPLE_RECORDS
from importer.source.members import SourcePath
from importer.source.reader import open_source

_OF_READING: Final = ("types", "names", "deep_columns", "renames", "only", "drop")
_OF_SHAPE: Final = ("key_value", "flatten", "stringify", "mask")


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first records of a source, as `given_names` looks at them."""

    dialect: Dialect
    columns: tuple[str, ...]
    sample: tuple[Record, ...]
    like: tuple[Record, ...]


def check_names_anew(
    path: SourcePath, before: Reading, made: Reading, declared: DeclaredReading, *, of_set: bool
) -> tuple[Attention, ...]:
    """Check that the names exist that a retry is given and the run was not.

    Args:
        path: The source; its first records are read if there are such names.
        before: The reading of the run.
        made: That of the retry.
        declared: What is declared for the retry.
        of_set: True if another source may have the names, so that none is an error.

    Returns:
        What needs attention: names that a later record may have.

    Raises:
        MappingError: One does not exist.
    """
    if declared.preset is not None and declared.preset.name == before.preset:
        declared = declared.preset.own  # as in `redeclare`
    added = _only_new(declared, before)
    if added == _only_new(DeclaredReading(), before):
        return ()
    raw, shaped = _beginnings(path, made)
    strict = named_strictly(_as_strict_as_before(added, before))
    found = list[Attention]()
    if strict is not None:
        try:
            found += _missing(raw, shaped, made, strict)
        except MappingError as error:
            if not of_set:
                raise
            found.append(Attention.of("unknown-names", error.message))
    masks = replace(made, shape=replace(made.shape, mask=added.mask))
    return (*found, *mask_attention(raw, shaped, masks))


def _missing(
    raw: _Beginning, shaped: _Beginning, made: Reading, strict: DeclaredReading
) -> Iterator[Attention]:
    paths = openable_columns(raw, strict)
    check_shape(raw, shaped, made, paths, strict)
    columns = tuple(dict.fromkeys((*raw.columns, *shaped.columns)))
    bag: Mapping[Field, str] = {"properties": "given"} if "properties" in made.mapped else {}
    known = replace(strict, fields=bag, flatten={**strict.flatten, **made.shape.flatten})
    check_properties(known, {*made.constants, *made.templates}, columns, paths)
    yield from properties_attention(raw, shaped, made, strict)


def _only_new(declared: DeclaredReading, before: Reading) -> DeclaredReading:
    """Return what of a declaration names what the run did not, and how strict that is."""
    changes: dict[str, Any] = {}
    for keys, there in ((_OF_READING, before), (_OF_SHAPE, before.shape)):
        for key in keys:
            said, known = getattr(declared, key), getattr(there, key)
            if isinstance(said, Mapping):
                changes[key] = {name: each for name, each in said.items() if name not in known}
            else:
                changes[key] = tuple(name for name in said if name not in known)
    preset = declared.preset
    if preset is not None:
        preset = replace(preset, own=_only_new(preset.own, before))
    return DeclaredReading(
        **changes,
        preset=preset,
        missing_columns=declared.missing_columns,
        where=None if declared.where == before.shape.where else declared.where,
        time_offset=None if declared.time_offset == before.time_offset else declared.time_offset,
    )


def _as_strict_as_before(declared: DeclaredReading, before: Reading) -> DeclaredReading:
    """Return a declaration that ignores missing columns as that of the run did, unless that was a preset."""
    if declared.missing_columns is None and not before.preset:
        return replace(declared, missing_columns=before.missing_columns)
    return declared


def _beginnings(path: SourcePath, reading: Reading) -> tuple[_Beginning, _Beginning]:
    """Return the first records of a source, as they are and as they are shaped."""
    dialect = reading.dialect
    with open_source(path, dialect, reading.columns) as source:
        items = [item for item in islice(source.items(), SAMPLE_RECORDS) if isinstance(item, Record)]
    shaper = make_shaper(replace(reading, shape=replace(reading.shape, where="")), salt_of(reading))
    made = items if shaper is None else [item for part in shaper(items) for item in part]
    raw, shaped = tuple(items), tuple(item for item in made if isinstance(item, Record))
    if dialect.has_cells:
        return _Beginning(dialect, reading.columns, raw, raw), _Beginning(
            dialect, reading.columns, shaped, shaped
        )
    own, later = (tuple(dict.fromkeys(key for each in some for key in each.values)) for some in (raw, shaped))
    return (
        _Beginning(dialect, own, raw, raw),
        _Beginning(dialect, tuple(dict.fromkeys((*later, *reading.columns))), shaped, shaped),
    )
