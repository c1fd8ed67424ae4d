"""What a person declares of the reading of a source: by options, a mapping file, a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, NamedTuple

from importer.reading import (
    JSON,
    ColumnType,
    Deep,
    Field,
    FormatName,
    GeoIP,
    IdBasis,
    KeyValue,
    LineEnd,
    MaskKind,
    MissingColumns,
    MissingTime,
    Prefer,
)

_ADDED: Final = frozenset({"null", "drop", "stringify"})
"""Lists to which a list that takes precedence adds."""


class FieldEntry(NamedTuple):
    """One of several that may give a field, with a condition.

    Attributes:
        text: A column, a template, or a constant as `templates.constant_entry` writes it.
        where: The condition under which it counts.
    """

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A mapping file of the package, and what goes over it.

    Attributes:
        name: Its name, as ``--preset`` takes it.
        declared: What it declares.
        own: What options and mapping file declare, which take precedence.
    """

    name: str
    declared: DeclaredReading
    own: DeclaredReading


@dataclass(frozen=True, slots=True)
class DeclaredReading:
    """The options of reading a source that a person gave; None or empty for those that were not given.

    A key of a mapping file is a field of this class: its type says which values are allowed.

    Attributes:
        fields: Columns of a field, as `mapping.entries_of_field` takes them; an empty text means that the
            field has none.
        names: Property name of a column, as ``[names]`` has it; ``renames`` are those of ``[rename]``.
        types: Type of a column, or of a ``--set`` value.
        constants: ``--set``, typed.
        deep_columns: As in `reading.Reading`, and so are ``defaults``, ``renames``, ``only`` and ``drop``.
        key_value: As in `reading.Shape`, and so are ``flatten``, ``mask``, ``stringify``, ``explode`` and
            ``where``.
        columns: Names of the columns of a CSV file without a header.
        null: Texts that mean "no value".
        preset: The preset whose values are among these; None without.
        missing_time: ``reject`` or ``now``.
        missing_columns: What becomes of names that a source lacks.
        timezone: As in `reading.Reading`, and so are those below.
    """

    fields: Mapping[Field, str | tuple[str | FieldEntry, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    constants: Mapping[str, JSON] = field(default_factory=dict)
    deep_columns: Mapping[str, Deep] = field(default_factory=dict)
    defaults: Mapping[Field, str] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    key_value: Mapping[str, KeyValue] = field(default_factory=dict)
    flatten: Mapping[str, int] = field(default_factory=dict)
    mask: Mapping[str, MaskKind] = field(default_factory=dict)
    stringify: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    null: tuple[str, ...] = ()
    time_format: tuple[str, ...] = ()
    preset: Preset | None = None
    missing_columns: MissingColumns | None = None
    missing_time: MissingTime | None = None
    timezone: str | None = None
    local_epochs: bool | None = None
    insert_id: IdBasis | None = None
    geoip: GeoIP | None = None
    tag: str | None = None
    format: FormatName | None = None
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    encoding: str | None = None
    escape: str | None = None
    skip_space: bool | None = None
    trailing_delimiter: bool | None = None
    skip_lines: int | None = None
    comment: str | None = None
    line_end: LineEnd | None = None
    records: str | None = None
    sheet: str | None = None
    trim: bool | None = None
    decimal: str | None = None
    thousands: str | None = None
    deep: Deep | None = None
    explode: str | None = None
    where: str | None = None
    prefix: str | None = None
    prefer: Prefer | None = None
    time_offset: str | None = None

    def over(self, base: DeclaredReading) -> DeclaredReading:
        """Return ``base`` with the options of this reading in place of its own; a preset stays below both.

        Tables are merged by key. Words that mean no value are added to those of ``base``, and so are
        properties that are left out, and columns that become text.
        """
        if self.preset is not None:
            return self.preset.own.over(base).over_preset(self.preset.name, self.preset.declared)
        changes: dict[str, Any] = {}
        for each in fields(self):
            value, below = getattr(self, each.name), getattr(base, each.name)
            if each.name == "renames":  # the first pattern that fits counts
                changes[each.name] = {**value, **{key: below[key] for key in below if key not in value}}
            elif isinstance(value, Mapping):
                changes[each.name] = {**below, **value}
            elif each.name in _ADDED:
                changes[each.name] = tuple(dict.fromkeys((*below, *value)))
            elif value is not None and value != ():
                changes[each.name] = value
        return replace(base, **changes)

    def over_preset(self, name: str, declared: DeclaredReading) -> DeclaredReading:
        """Return this reading over that of a preset, which it names from now on."""
        return replace(self.over(declared), preset=Preset(name, declared, self))
