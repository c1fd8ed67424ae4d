"""The reading of a source: how its bytes become records, its records events, and what in it needs attention.

A reading is declared or inferred before a run, and kept in the manifest, so that a resume and a retry read in
the very same way. A manifest that lacks a setting means the default that stands here, so a default may never
change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, get_args

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None
"""A value of JSON, as orjson reads it."""

Field = Literal["event", "distinct_id", "time", "ip", "insert_id", "properties"]
"""What a column can be mapped to."""

FIELDS: Final[tuple[Field, ...]] = get_args(Field)

ColumnType = Literal["string", "integer", "number", "boolean", "json", "time", "skip"]
"""The type of the cells of a column; ``skip`` leaves the column out of the event."""

FormatName = str
"""The name of a format that a source can have."""

FORMAT_NAMES: Final[tuple[FormatName, ...]] = tuple(
    sorted(
        name.removesuffix(".py")
        for name in os.listdir(Path(__file__).with_name("source") / "formats")  # noqa: PTH208 - in a hundredth of the time
        if name.endswith(".py") and "_" not in name
    )
)
"""All of them: the modules of the folder ``source/formats``, but those that have a ``_`` in their names."""

PRESET_NAMES: Final = tuple(
    sorted(
        name.removesuffix(".toml")
        for name in os.listdir(Path(__file__).with_name("presets"))  # noqa: PTH208 - as above
        if name.endswith(".toml")
    )
)
"""The names of all presets: the mapping files of the folder ``presets``."""

DELIMITERS: Final = (",", ";", "\t", "|", "\x01", "\x1e", "\x1f")
"""The delimiters of CSV that are looked for where none is declared; the first of equals wins."""

LineEnd = Literal["any", "lf", "cr"]
"""What ends a line: LF, CRLF or CR alone; LF or CRLF, so that a lone CR is part of its cell; or CR alone."""

MissingTime = Literal["reject", "now"]
"""What a record without a time becomes: invalid, or an event at the start of the run."""

MissingColumns = Literal["refuse", "ignore"]
"""What becomes of columns that a mapping names and the source lacks: it can't be used, or does without."""

IdBasis = Literal["content", "row"]
"""What ``$insert_id`` is a hash of where no column is mapped: the event, or the event and its row."""

GeoIP = Literal["off", "request"]
"""The place of an event without an ip: none, or that of the address from which the request comes."""

Deep = Literal["reject", "json", "flatten"]
"""What becomes of objects that are nested deeper than Mixpanel takes: the record is invalid, the part below
becomes the text of its JSON, or its values become properties called ``a.b.c``."""

MaskKind = Literal["sha256", "redact"]
"""What stands for a personal value: a pseudonym, the same for the same value, or a word for all of them."""

Prefer = Literal["column", "cell"]
"""What counts where a column and a key of the properties object have one name."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the bytes of a source become records.

    Attributes:
        format: One of `FORMAT_NAMES`.
        compression: ``""``, ``gzip``, ``zstd``, ``bz2`` or ``xz``: by the file's content.
        encoding: Name of a Python codec (CSV; JSON is UTF-8 by RFC 8259).
        delimiter: One character (CSV).
        header: True if the first record names the columns (CSV).
        quote: The character that encloses a cell; empty if none does (CSV).
        escape: The character that takes the meaning from the next one; empty if none does (CSV).
        skip_space: True if the spaces behind a delimiter belong to it, not to the cell (CSV).
        trailing_delimiter: True if each record ends with a delimiter more than the header has (CSV).
        sep_line: True if the first line does nothing but name the delimiter, as Excel's ``sep=;`` does (CSV).
        skip_lines: Lines at the top that are not read, ahead of the header (CSV).
        comment: The character that begins a line which is no record; empty if none does (CSV).
        line_end: What ends a line (CSV).
        records: Dotted path of the list that holds the records; empty if they are the file (JSON).
        sheet: The sheet that holds the records (Excel).
    """

    format: FormatName
    compression: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    quote: str = '"'
    escape: str = ""
    skip_space: bool = False
    trailing_delimiter: bool = False
    sep_line: bool = False
    skip_lines: int = 0
    comment: str = ""
    line_end: LineEnd = "any"
    records: str = ""
    sheet: str = ""

    @property
    def has_cells(self) -> bool:
        """True if a record is a row of text cells, whose types are to be inferred; else it is an object.

        Text is all that CSV has. Every other format has values with types.
        """
        return self.format == "csv"


def same_marks(dialect: Dialect) -> tuple[str, str] | None:
    """Return the names of two marks of a dialect that are the same character; None if all differ."""
    marks: dict[str, str] = {}
    for name in ("delimiter", "quote", "escape", "comment"):
        mark = getattr(dialect, name)
        if mark and mark in marks:
            return marks[mark], name
        marks[mark] = name
    return None


@dataclass(frozen=True, slots=True)
class KeyValue:
    """Where the key and the value stand in each element of a list of pairs.

    Attributes:
        key: Path of the key.
        value: Paths of the value, of which the first counts that is not null.
        numbers: Those of them that hold numbers as text.
    """

    key: str = "key"
    value: tuple[str, ...] = ("value",)
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What is done with each record before its fields are looked up, in the order of the attributes.

    Attributes:
        explode: Path of a list, of which each element makes an event; empty for one event a record.
        key_value: Columns that hold lists of pairs, which become objects.
        flatten: Depth to which the keys of a column's object become columns; ``*`` stands for all columns.
        stringify: Columns that become the text of their JSON.
        mask: What stands for the values of a column; names may be patterns.
        mask_salt: A digest of the salt of the pseudonyms; empty without any.
        where: A condition; records for which it is not true are skipped. Empty for none.
    """

    explode: str = ""
    key_value: Mapping[str, KeyValue] = field(default_factory=dict)
    flatten: Mapping[str, int] = field(default_factory=dict)
    stringify: tuple[str, ...] = ()
    mask: Mapping[str, MaskKind] = field(default_factory=dict)
    mask_salt: str = ""
    where: str = ""

    def __bool__(self) -> bool:
        """Return whether anything is done."""
        return self != _UNCHANGED


_UNCHANGED: Final = Shape()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source becomes events.

    Two runs with equal readings make the same events, bytes and ids out of the same source.

    Attributes:
        dialect: How bytes become records.
        columns: CSV: the header (``1``, ``2``, … without one). JSONL: the keys of the first records.
        fields: Column of each field that one column gives. JSONL: dotted paths are allowed.
        alternatives: Columns or templates of each other mapped field, in the order in which they are tried.
        templates: Template of each ``--set`` property that is made of columns.
        names: Property name of each column whose property has another name than the column.
        types: Type of each column that has one. CSV: every column.
        constants: ``--set``: value of a field or property that holds for every record.
        timezone: IANA zone of times without one; empty if there is none.
        time_format: strptime formats of the time column, tried in order; none for ISO 8601 and epochs.
        local_epochs: True if epochs were made from local time: they are read through ``timezone``.
        missing_time: Milliseconds since the epoch that a record without a time gets; None if it is invalid.
        null: Texts that mean "no value" beside the empty one: of all cells (CSV), or of the fields (JSONL).
        trim: True if white space is left out around all cells (CSV), or around the fields (JSONL).
        decimal: The decimal mark of numbers as people write them; empty for JSON's numbers alone (CSV).
        thousands: The mark between groups of three digits in such numbers; empty for none (CSV).
        deep: What becomes of objects that are nested too deep.
        deep_columns: The same for single columns.
        insert_id: ``content`` or ``row``: what the ``$insert_id`` is a hash of where no column is mapped.
        source_name: Base name of the source, part of the hash of ``row``.
        geoip: ``off`` sends ``"ip": 0`` where a record has no ip; ``request`` leaves it out.
        tag: Value of the property ``import_tag``; empty for none.
        shape: What is done with each record before its fields are looked up.
        only: Names or patterns of the properties that are kept; none for all.
        drop: Names or patterns of properties that are left out.
        renames: Names of properties, wherever they stand, or patterns of them, and what they become;
            ``names`` go first.
        prefix: Stands ahead of the names of all other properties, but of those that begin with ``$``.
        prefer: What counts where a column and a key of the properties object have one name.
        defaults: Values of fields where nothing else gives one.
        time_offset: Column of milliseconds that are added to the time; empty for none.
        conditions: For each of the ``alternatives`` of a field, under which condition it counts; empty for
            always. A field without any condition is not among them.
        missing_columns: What becomes of columns that are named and that the source lacks.
        preset: The preset that these come from, as far as nothing else was declared; empty for none. It makes
            no difference to the events.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    fields: Mapping[Field, str]
    alternatives: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    constants: Mapping[str, JSON] = field(default_factory=dict)
    timezone: str = ""
    time_format: tuple[str, ...] = ()
    local_epochs: bool = False
    missing_time: int | None = None
    null: tuple[str, ...] = ()
    trim: bool = False
    decimal: str = ""
    thousands: str = ""
    deep: Deep = "reject"
    deep_columns: Mapping[str, Deep] = field(default_factory=dict)
    insert_id: IdBasis = "content"
    source_name: str = ""
    geoip: GeoIP = "off"
    tag: str = ""
    shape: Shape = field(default_factory=Shape)
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    prefer: Prefer = "column"
    defaults: Mapping[Field, str] = field(default_factory=dict)
    time_offset: str = ""
    conditions: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    missing_columns: MissingColumns = "refuse"
    preset: str = ""

    @property
    def mapped(self) -> frozenset[Field]:
        """The fields that columns give."""
        return frozenset({*self.fields, *self.alternatives})


class ColumnProfile(NamedTuple):
    """What a scan found out about one column.

    Attributes:
        name: Name of the column.
        type: The narrowest type that holds for every value.
        filled: Records in which it has a value.
        examples: Its first distinct values, at most three.
        odd_value: The value for which a column of numbers or booleans is text; empty if there is none.
        odd_row: The first record that has it; None if there is none.
    """

    name: str
    type: ColumnType
    filled: int
    examples: tuple[str, ...]
    odd_value: str = ""
    odd_row: AttentionRow | None = None


AttentionLevel = Literal["decision", "fact"]
"""A decision about the file that its owner may want to be otherwise, or a fact that nobody can change."""

ATTENTION: Final[Mapping[str, AttentionLevel]] = {
    # what the file is
    "header-line": "decision",
    "trailing-delimiter": "fact",
    "single-quotes": "decision",
    "unreadable": "decision",
    "where": "decision",
    "broken-off": "decision",
    "records-list": "fact",
    "binary": "fact",
    "sheet": "decision",
    "merged-cells": "decision",
    "error-cells": "decision",
    "formula-cells": "decision",
    "long-numbers": "decision",
    # which column is what
    "no-user": "decision",
    "id-merge": "decision",
    "no-event": "decision",
    "preset": "decision",
    "event-names": "decision",
    "reserved-names": "decision",
    "other-columns": "decision",
    "unknown-names": "decision",
    # values
    "number-forms": "decision",
    "decimal-mark": "decision",
    "null-words": "decision",
    "padding": "decision",
    "damaged-ids": "decision",
    "ip": "decision",
    "deep": "decision",
    # times
    "no-time": "decision",
    "no-zone": "decision",
    "time-forms": "decision",
    "ahead": "decision",
    "project-zone": "decision",
    # what Mixpanel will make of it
    "copies": "decision",
    "same-ids": "decision",
    "other-reading": "decision",
    "hot-shard": "fact",
    "retention": "fact",
    "undeletable": "fact",
    "api-secret": "fact",
}
"""The codes of all kinds of `Attention`, each with its level."""


@dataclass(frozen=True, slots=True)
class AttentionRow:
    """A record that an `Attention` is about.

    Attributes:
        source: The source as it was named.
        row: Number of the record in it.
    """

    source: str
    row: int


@dataclass(frozen=True, slots=True)
class Attention:
    """What was decided about a source, or is known of it, that its owner might not expect.

    Attributes:
        code: Its kind, as ``--accept`` names it.
        level: Whether there is anything to decide.
        count: The records concerned; 0 where it concerns the source as a whole.
        rows: The first of these records, at most `MOST_ATTENTION_ROWS`.
        text: A sentence for people, without a full stop.
        remedy: The option that changes it, as it is typed; empty if there is none.
        invalid: How many of the records at least are invalid for it.
    """

    code: str
    level: AttentionLevel
    count: int
    rows: tuple[AttentionRow, ...]
    text: str
    remedy: str = ""
    invalid: int = 0

    @classmethod
    def of(
        cls,
        code: str,
        text: str,
        remedy: str = "",
        *,
        count: int = 0,
        rows: Sequence[AttentionRow] = (),
        invalid: int = 0,
    ) -> Self:
        """Return an attention of a known code, at the level of that code."""
        return cls(code, ATTENTION[code], count, tuple(rows[:MOST_ATTENTION_ROWS]), text, remedy, invalid)


MOST_ATTENTION_ROWS: Final = 5
"""Most records that an `Attention` names."""


def broken_off(problem: str) -> Attention:
    """Return that the records of a source end ahead of its end.

    Args:
        problem: Where, and what is wrong there.
    """
    return Attention.of("broken-off", f"{problem.removesuffix('.')}: no others can be imported")
