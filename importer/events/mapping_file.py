"""Mapping files: how to read a source, as TOML that a team can keep.

::

    timezone = "Europe/Berlin"      # the same names as the options of the command line

    [fields]                        # which column is which field
    event = "action"
    time = "{date} {hour}"          # a template: both columns stay properties
    distinct_id = ["user", "device"]    # the first that has a value; or "user, device"

    [types]                         # a type for a column; "skip" leaves it out
    zip = "string"

    [names]                         # a property name for a column
    "Zip Code" = "zip"

    [set]                           # a field or property for every record
    source = "legacy shop"
    full = "{first} {last}"         # a template; {{ and }} are braces
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, time
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from importer.errors import MappingError
from importer.events.layout import field_columns
from importer.events.templates import set_text
from importer.events.toml_lines import MOST_PARTS, line_of, line_of_long_key
from importer.events.types import COLUMN_TYPES
from importer.exact_json import MAX_INTEGER, MIN_INTEGER
from importer.reading import (
    FIELDS,
    FORMAT_NAMES,
    JSON,
    ColumnProfile,
    ColumnType,
    Deep,
    Field,
    FormatName,
    GeoIP,
    IdBasis,
    KeyValue,
    LineEnd,
    MaskKind,
    MissingTime,
    Prefer,
    Reading,
)
from importer.text import nearest, quoted


@dataclass(frozen=True, slots=True)
class DeclaredReading:
    """The options of reading a source that a person gave; None or empty for those that were not given.

    A key of a mapping file is a field of this class: its type says which values are allowed.

    Attributes:
        fields: Columns of a field, as `mapping.columns_of_field` takes them; an empty text means that the
            field has none.
        names: Property name of a column.
        types: Type of a column, or of a ``--set`` value.
        constants: ``--set``, typed.
        deep_columns: As in `reading.Reading`, and so are ``defaults``, ``only`` and ``drop``.
        key_value: As in `reading.Shape`, and so are ``flatten``, ``mask``, ``stringify``, ``explode`` and
            ``where``.
        null: Texts that mean "no value".
        missing_time: ``reject`` or ``now``.
        timezone: As in `reading.Reading`, and so are those below.
    """

    fields: Mapping[Field, str | tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    constants: Mapping[str, JSON] = field(default_factory=dict)
    deep_columns: Mapping[str, Deep] = field(default_factory=dict)
    defaults: Mapping[Field, str] = field(default_factory=dict)
    key_value: Mapping[str, KeyValue] = field(default_factory=dict)
    flatten: Mapping[str, int] = field(default_factory=dict)
    mask: Mapping[str, MaskKind] = field(default_factory=dict)
    stringify: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    null: tuple[str, ...] = ()
    time_format: tuple[str, ...] = ()
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
        """Return ``base`` with the options of this reading in place of its own.

        Tables are merged by key, and words that mean no value are added to those of ``base``.
        """
        changes: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                changes[each.name] = {**getattr(base, each.name), **value}
            elif each.name == "null":
                changes[each.name] = tuple(dict.fromkeys((*base.null, *value)))
            elif value is not None and value != ():
                changes[each.name] = value
        return replace(base, **changes)


# The keys of a mapping file, by the types that `DeclaredReading` gives to its fields.
_OPTIONS: Final[Mapping[str, Any]] = {
    name: get_args(hint)[0]
    for name, hint in get_type_hints(DeclaredReading).items()
    if type(None) in get_args(hint)
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "format": FORMAT_NAMES,
    **{name: get_args(hint) for name, hint in _OPTIONS.items() if get_origin(hint) is Literal},
}
_TEXTS: Final = tuple(name for name, hint in _OPTIONS.items() if hint is str and name not in _CHOICES)
_FLAGS: Final = tuple(name for name, hint in _OPTIONS.items() if hint is bool)
_COUNTS: Final = tuple(name for name, hint in _OPTIONS.items() if hint is int)
_LISTS: Final[Mapping[str, str]] = {
    "null": '["NULL", "\\\\N"]',
    "time_format": '["%d.%m.%Y %H:%M", "%d.%m.%Y"]',
}
"""Keys that hold one text or several, each with an example."""
FAILED_ROWS: Final = "failed_rows"
"""The table beside the reading in the mapping file of a copy of failed records, which says what they are."""
_TABLES: Final = ("fields", "names", "types", "deep_columns", "set")
_KEYS: Final = (*_CHOICES, *_TEXTS, *_FLAGS, *_COUNTS, *_LISTS, *_TABLES)


def load(path: Path) -> DeclaredReading:
    """Read a mapping file.

    Raises:
        MappingError: It can't be read, or has an unknown key or a wrong value; names the key and its line.
    """
    text = _text_of(path)
    try:
        return _Checker(path, text).declared(tomllib.loads(text))
    except MappingError:
        raise
    except ValueError as error:
        raise _not_toml(path, error, "Mend that line.") from None
    except RecursionError:
        raise _too_deep(path) from None


def save(path: Path, reading: Reading, profiles: Iterable[ColumnProfile]) -> None:
    """Write the mapping file that reads a source in just this way; comments of one that is there are kept.

    Args:
        path: Where.
        reading: As for `render`.
        profiles: As for `render`.

    Raises:
        MappingError: What is there is no mapping file.
        OSError: It can't be written.
    """
    existing = _text_of(path) if path.exists() else ""
    try:
        text = render(reading, profiles, existing)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        raise _not_toml(path, error, "Mend that line, or name another file.") from None
    path.write_text(text, "utf-8")


def _text_of(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path}: can't be read: {error.strerror}", "Check the path.") from None
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: not TOML: {error}", "Save it as UTF-8.") from None
    if line := line_of_long_key(text):
        raise MappingError(
            f"{path}: line {line} has a key of more than {MOST_PARTS} parts",
            "If its dots are part of a name, put the name in quotes.",
        )
    return text


def _not_toml(path: Path, error: ValueError, remedy: str) -> MappingError:
    """Return the error for a text that a parser of TOML refuses, or Python on its behalf."""
    if "set_int_max_str_digits" in str(error):  # Python's own advice is for programmers
        return MappingError(f"{path}: a number in it has thousands of digits", "Put it in quotes: as a text.")
    return MappingError(f"{path}: not TOML: {error}", remedy)


def _too_deep(path: Path) -> MappingError:
    return MappingError(f"{path}: its tables or lists are too deep in one another", "Mend it.")


@dataclass(frozen=True, slots=True)
class _Checker:
    path: Path
    text: str

    def declared(self, data: Mapping[str, Any]) -> DeclaredReading:
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key == FAILED_ROWS:
                continue
            if key not in _KEYS:
                raise self._error(
                    (key,), f"unknown key{nearest(key, _KEYS)}", f"Known are: {', '.join(_KEYS)}"
                )
            if key in _TABLES:
                values["constants" if key == "set" else key] = self._table(key, value)
            else:
                values[key] = self._scalar(key, value)
        return DeclaredReading(**values)

    def _scalar(self, key: str, value: Any) -> Any:
        if key in _CHOICES and value not in _CHOICES[key]:
            raise self._error((key,), f"found {quoted(value)}", f"Use {' or '.join(_CHOICES[key])}.")
        if key in _FLAGS and not isinstance(value, bool):
            raise self._error((key,), f"found {quoted(value)}", "Use true or false.")
        if key in _COUNTS and (type(value) is not int or value < 0):
            raise self._error((key,), f"found {quoted(value)}", "Use a whole number, 0 or more.")
        if key in _LISTS:
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise self._error((key,), f"found {quoted(value)}", f"Use a list of texts: {_LISTS[key]}.")
            return tuple(texts)
        if key in _TEXTS and not isinstance(value, str):
            raise self._error((key,), f"found {quoted(value)}", "Use a text, in quotes.")
        return value

    def _table(self, table: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error((table,), f"found {quoted(value)}", f"Write a table: [{table}]")
        for key, item in value.items():
            where = (table, key)
            if table == "fields":
                self._check_field(where, item)
            if table == "types" and item not in COLUMN_TYPES:
                raise self._error(
                    where,
                    f"unknown type {quoted(item)}{nearest(str(item), COLUMN_TYPES)}",
                    f"Types are: {', '.join(COLUMN_TYPES)}",
                )
            if table == "deep_columns" and item not in get_args(Deep):
                raise self._error(where, f"found {quoted(item)}", f"Use {' or '.join(get_args(Deep))}.")
            if table == "names" and not isinstance(item, str):
                raise self._error(where, f"found {quoted(item)}", "Use a text, in quotes.")
            if table == "names" and not item:
                raise self._error(
                    where, "found an empty name", f'To leave the column out: [types] {key} = "skip"'
                )
            if table == "set":
                self._check_constant(where, item)
        if table == "fields":
            return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return value

    def _check_field(self, where: tuple[str, str], columns: Any) -> None:
        if where[1] not in FIELDS:
            raise self._error(
                where, f"unknown field{nearest(where[1], FIELDS)}", f"Fields are: {', '.join(FIELDS)}"
            )
        if isinstance(columns, str):
            return
        if not isinstance(columns, list) or not columns or not all(isinstance(c, str) and c for c in columns):
            remedy = 'Use a text, in quotes, or a list of them: ["user", "device"].'
            raise self._error(where, f"found {quoted(columns)}", remedy)

    def _check_constant(self, where: tuple[str, ...], value: Any) -> None:
        """Refuse values of TOML that JSON does not have."""
        remedy = "Use a text, in quotes."
        if isinstance(value, date | time):
            raise self._error(where, "found a TOML date", remedy)
        if isinstance(value, float) and not isfinite(value):
            raise self._error(where, f"found {value}, which JSON can't hold", remedy)
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._error(where, f"found {quoted(value)}, which does not fit 64 bits", remedy)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._check_constant(where, item)

    def _error(self, key: tuple[str, ...], found: str, remedy: str) -> MappingError:
        line = line_of(self.text, key)
        return MappingError(f"{self.path}, line {line}: {'.'.join(key)}: {found}", remedy)


def render(reading: Reading, profiles: Iterable[ColumnProfile] = (), existing: str = "") -> str:
    """Return the mapping file that reads a source in just this way.

    Args:
        reading: What to freeze.
        profiles: What a scan saw of the columns: their examples become comments.
        existing: A mapping file to bring up to date; its comments and order are kept.
    """
    import tomlkit  # noqa: PLC0415 - 40 ms that only this function needs

    document = tomlkit.parse(existing) if existing else tomlkit.document()
    if not existing:
        document.add(tomlkit.comment("How to read a source, for mixpanel-importer --mapping"))
    _update(document, _settings(reading), keep=_TABLES)
    examples = {p.name: ", ".join(map(quoted, p.examples)) for p in profiles}
    constants, constant_types = _as_toml(reading)
    tables: dict[str, Mapping[str, Any]] = {
        "fields": _all_fields(reading),
        "types": {**_property_types(reading), **constant_types},
        "names": reading.names,
        "deep_columns": reading.deep_columns,
        "set": constants,
    }
    for name, table in tables.items():
        if name not in document:
            if not table:
                continue
            document[name] = tomlkit.table()
        section: Any = document[name]
        for key in _update(section, table):
            column = reading.fields.get(key, "") if name == "fields" else key  # type: ignore[call-overload]
            if examples.get(column) and name in ("fields", "types"):
                section[key].comment(_comment(examples[column]))
    return tomlkit.dumps(document)


def _update(section: Any, values: Mapping[str, Any], keep: Iterable[str] = ()) -> list[str]:
    """Make a table of a TOML document hold just ``values``; return the keys that are new or changed.

    Keys with the right value are left as they are, with their comments.
    """
    from tomlkit import inline_table  # noqa: PLC0415 - see `render`

    old = section.unwrap()
    for key in old.keys() - values.keys() - set(keep):
        del section[key]
    changed = [key for key, value in values.items() if key not in old or repr(old[key]) != repr(value)]
    for key in changed:
        value = values[key]
        section[key] = inline_table() | value if isinstance(value, dict) else value
    return changed


def _as_toml(reading: Reading) -> tuple[dict[str, Any], dict[str, ColumnType]]:
    """Return what ``--set`` gives as values of TOML, and the types that turn them back into what they were.

    TOML has no null: a value that holds one is written as the text of its JSON, with the type ``json``.
    """
    written: dict[str, Any] = {}
    types: dict[str, ColumnType] = {}
    for name, value in reading.constants.items():
        if _holds_null(value):
            written[name], types[name] = json.dumps(value), "json"
        else:
            paths = not reading.dialect.has_cells
            written[name] = set_text(name, value, reading.columns, paths=paths)
    return {**written, **reading.templates}, types


def _holds_null(value: JSON) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_null, value.values() if isinstance(value, dict) else value))
    return value is None


def _all_fields(reading: Reading) -> dict[str, str | list[str]]:
    """Return the columns of each field; empty if it has none, so that none is inferred."""
    found: dict[str, str | list[str]] = {}
    for name in FIELDS:
        column = reading.fields.get(name, "")
        # In a list, a comma is a part of a name.
        found[name] = [column] if "," in column and column not in reading.columns else column
        if name in reading.alternatives:
            found[name] = list(reading.alternatives[name])
    return found


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _settings(reading: Reading) -> dict[str, Any]:
    """Return the options of a reading beside its tables, without those that have their default."""
    dialect = reading.dialect
    options: dict[str, Any] = {"format": dialect.format}
    if dialect.has_cells:
        options |= {"delimiter": dialect.delimiter, "header": dialect.header, "encoding": dialect.encoding}
        if dialect.quote != '"':
            options["quote"] = dialect.quote or "none"
        for name in ("escape", "skip_space", "trailing_delimiter", "skip_lines", "comment"):
            if getattr(dialect, name):
                options[name] = getattr(dialect, name)
        if dialect.line_end != "lf":
            options["line_end"] = dialect.line_end
    options |= {name: each for name in ("records", "sheet") if (each := getattr(dialect, name))}
    if reading.null:
        options["null"] = list(reading.null)
    optional = [name for name in _OPTIONS if name not in _CHOICES and hasattr(reading, name)]
    options |= {name: getattr(reading, name) for name in optional if getattr(reading, name)}
    if reading.time_format:
        options["time_format"] = list(reading.time_format)
    if reading.missing_time is not None:
        options["missing_time"] = "now"
    if reading.deep != "reject":
        options["deep"] = reading.deep
    return options | {"insert_id": reading.insert_id, "geoip": reading.geoip}


def _property_types(reading: Reading) -> dict[str, ColumnType]:
    mapped = field_columns(reading)
    return {column: kind for column, kind in reading.types.items() if column not in mapped}
