"""A reading as the text of a mapping file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from importer.events.field_names import PROPERTY_OF
from importer.events.layout import field_columns
from importer.events.mapping_keys import CHOICES, OPTIONS, RECOGNIZE, TABLES
from importer.events.templates import constant_of, set_text, template_of
from importer.reading import FIELDS, JSON, ColumnProfile, ColumnType, Dialect, KeyValue, Reading
from importer.text import quoted


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
    _update(document, _settings(reading), keep=(*TABLES, RECOGNIZE))
    examples = {p.name: ", ".join(map(quoted, p.examples)) for p in profiles}
    constants, constant_types = _as_toml(reading)
    tables: dict[str, Mapping[Any, Any]] = {
        "fields": _all_fields(reading),
        "defaults": reading.defaults,
        "types": {**_property_types(reading), **constant_types},
        "names": reading.names,
        "rename": reading.renames,
        "deep_columns": reading.deep_columns,
        "set": constants,
        "flatten": reading.shape.flatten,
        "key_value": {column: _pairs(each) for column, each in reading.shape.key_value.items()},
        "mask": reading.shape.mask,
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


def _all_fields(reading: Reading) -> dict[str, Any]:
    """Return the columns of each field; an empty list if none gives it, so that none is inferred.

    An empty text stands for more: not even a property of Mixpanel's own name for the field gives it.
    """
    found: dict[str, Any] = {}
    for name in FIELDS:
        column = reading.fields.get(name, "")
        # In a list, a comma is a part of a name.
        has_comma = "," in column and column not in reading.columns
        may_lack = column and reading.missing_columns == "ignore"  # and a list may name what is not there
        found[name] = [column] if has_comma or may_lack else column
        if not column and name in PROPERTY_OF and PROPERTY_OF[name] not in reading.drop:
            found[name] = []
        if name in reading.alternatives:
            entries = reading.alternatives[name]
            conditions = reading.conditions.get(name) or ("",) * len(entries)
            found[name] = [
                _entry(entry, where, reading) for entry, where in zip(entries, conditions, strict=True)
            ]
    return found


def _entry(entry: str, where: str, reading: Reading) -> str | dict[str, str]:
    """Return one of several that may give a field: as a text, or as a table if it has a condition."""
    template, value = template_of(entry, reading.columns), constant_of(entry)
    if not where and (template is None or value is None):
        return entry
    kind = "column" if template is None else "template" if value is None else "value"
    table = {kind: entry if kind != "value" else str(value)}
    return {**table, "where": where} if where else table


def _pairs(each: KeyValue) -> dict[str, Any]:
    """Return where key and value of pairs stand, as a table of TOML."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(each).items()
        if value
    }


def _comment(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _settings(reading: Reading) -> dict[str, Any]:
    """Return the options of a reading beside its tables, without those that have their default."""
    dialect = reading.dialect
    options: dict[str, Any] = {"format": dialect.format}
    if dialect.has_cells:
        options |= _settings_of_cells(dialect)
        if not dialect.header and reading.columns != numbered(len(reading.columns)):
            options["columns"] = list(reading.columns)
    if dialect.format == "json":  # an empty path, too: else a list would be found
        options["records"] = dialect.records
    if dialect.sheet:
        options["sheet"] = dialect.sheet
    if reading.null:
        options["null"] = list(reading.null)
    optional = [name for name in OPTIONS if name not in CHOICES and hasattr(reading, name)]
    options |= {name: getattr(reading, name) for name in optional if getattr(reading, name)}
    if reading.time_format:
        options["time_format"] = list(reading.time_format)
    if reading.missing_time is not None:
        options["missing_time"] = "now"
    defaults = {"deep": "reject", "prefer": "column", "missing_columns": "refuse"}
    options |= {name: each for name, usual in defaults.items() if (each := getattr(reading, name)) != usual}
    options |= {name: each for name in ("explode", "where") if (each := getattr(reading.shape, name))}
    lists = {"only": reading.only, "drop": reading.drop, "stringify": reading.shape.stringify}
    options |= {name: list(names) for name, names in lists.items() if names}
    return options | {"insert_id": reading.insert_id, "geoip": reading.geoip}


def _settings_of_cells(dialect: Dialect) -> dict[str, Any]:
    options = {"delimiter": dialect.delimiter, "header": dialect.header, "encoding": dialect.encoding}
    if dialect.quote != '"':
        options["quote"] = dialect.quote or "none"
    for name in ("escape", "skip_space", "trailing_delimiter", "skip_lines", "comment"):
        if getattr(dialect, name):
            options[name] = getattr(dialect, name)
    if dialect.line_end != "lf":
        options["line_end"] = dialect.line_end
    return options


def numbered(count: int) -> tuple[str, ...]:
    """Return the names of so many columns that have none of their own."""
    return tuple(map(str, range(1, count + 1)))


def _property_types(reading: Reading) -> dict[str, ColumnType]:
    mapped = field_columns(reading)
    return {column: kind for column, kind in reading.types.items() if column not in mapped}
