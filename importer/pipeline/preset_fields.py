"""Whether a source has the columns that its preset takes the fields from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from importer.events.columns import exists, path_to, value_at
from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import FIELD_CALLED, well_known
from importer.events.presets import recognized_by
from importer.events.templates import columns_in, constant_of
from importer.reading import Attention, Field
from importer.source.detect import DetectedSource
from importer.text import listed, quoted, shell_word

_FIELDS: Final[tuple[Field, ...]] = ("event", "distinct_id", "time")
"""Those without which events are hardly what was exported."""

_MOST_NAMES: Final = 3


def has_column(found: DetectedSource, name: str) -> bool:
    """Return whether a source has a column, or something at a path in one of its first records."""
    if name in found.columns or found.dialect.has_cells:
        return name in found.columns
    path = path_to(name, found.columns)
    return len(path) > 1 and any(value_at(path, record.values) is not None for record in found.like)


def lacking_fields(
    before: DetectedSource, found: DetectedSource, declared: DeclaredReading
) -> Iterator[Attention]:
    """Yield that a source has none of the columns of a field of its preset, nor all by which it is known.

    Args:
        before: The source as it was detected.
        found: The same as its first records look once they are shaped.
        declared: What is declared of its reading.
    """
    preset = declared.preset
    if preset is None or not (before.like or before.sample):
        return
    vendor, kinds = recognized_by(preset.name)
    if not kinds or any(all(has_column(before, name) for name in known) for known in kinds):
        return
    settled = {*preset.own.fields, *(FIELD_CALLED.get(name, name) for name in preset.own.constants)}
    lacking = [
        (field, columns)
        for field in _FIELDS
        if field not in settled and (columns := _columns_of(field, preset.declared, found))
    ]
    if not lacking:
        return
    what = [f"{field} ({listed(list(map(quoted, columns)), _MOST_NAMES)})" for field, columns in lacking]
    text = f"--preset {preset.name}: no record at the beginning has a column of its {' and its '.join(what)}"
    remedies = [
        f"--map {shell_word(f'{field}={column}')}"
        for field, _ in lacking
        if (column := next((each for each in found.columns if well_known(each) == field), ""))
    ]
    yield Attention.of("unknown-names", f"{text}: it may be no export of {vendor}", " ".join(remedies))


def _columns_of(field: Field, declared: DeclaredReading, found: DetectedSource) -> list[str]:
    """Return the columns that a preset takes a field from, if none is there and nothing else gives it."""
    said = declared.fields.get(field, "")
    entries = (said,) if isinstance(said, str) else said
    texts = [each if isinstance(each, str) else each.text for each in entries]
    if not all(texts) or any(constant_of(each) is not None for each in texts):
        return []
    columns = [column for each in texts for column in columns_in(each, found.columns)]
    return [] if any(exists(each, found.columns, paths=True) for each in columns) else columns
