"""The keys of a mapping file: which values each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, get_args, get_origin, get_type_hints

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading, FieldEntry
from importer.events.property_names import name_fault, pattern_fault
from importer.events.templates import constant_entry
from importer.events.toml_lines import line_of
from importer.events.types import COLUMN_TYPES
from importer.exact_json import MAX_INTEGER, MIN_INTEGER
from importer.reading import FIELDS, FORMAT_NAMES, Deep, KeyValue, MaskKind
from importer.text import nearest, quoted

OPTIONS: Final[Mapping[str, Any]] = {
    name: get_args(hint)[0]
    for name, hint in get_type_hints(DeclaredReading).items()
    if type(None) in get_args(hint) and name != "preset"
}
"""Keys that hold one value, by its type."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "format": FORMAT_NAMES,
    **{name: get_args(hint) for name, hint in OPTIONS.items() if get_origin(hint) is Literal},
}
"""Those of which one of a few texts is taken."""

FAILED_ROWS: Final = "failed_rows"
"""The table beside the reading in the mapping file of a copy of failed records, which says what they are."""

RECOGNIZE: Final = "recognize"
"""The table of a preset that says which columns a file of its vendor has."""

TABLES: Final = (
    "fields", "defaults", "names", "rename", "types", "deep_columns", "set", "flatten", "key_value", "mask",
)  # fmt: skip
"""Keys that are tables."""

_TEXTS: Final = tuple(name for name, hint in OPTIONS.items() if hint is str and name not in CHOICES)
_FLAGS: Final = tuple(name for name, hint in OPTIONS.items() if hint is bool)
_COUNTS: Final = tuple(name for name, hint in OPTIONS.items() if hint is int)
_LISTS: Final[Mapping[str, str]] = {
    "null": '["NULL", "\\\\N"]',
    "time_format": '["%d.%m.%Y %H:%M", "%d.%m.%Y"]',
    "only": '["plan", "utm_*"]',
    "drop": '["debug_*"]',
    "stringify": '["context"]',
    "columns": '["event", "time"]',
}
"""Keys that hold one text or several, each with an example."""

KEYS: Final = (*CHOICES, *_TEXTS, *_FLAGS, *_COUNTS, *_LISTS, *TABLES, RECOGNIZE)
"""All keys of a mapping file."""

ENTRY_KEYS: Final = ("column", "template", "value")
"""What one of several that may give a field is, beside its condition."""

PAIR_KEYS: Final = ("key", "value", "numbers")
"""Keys of a table in ``key_value``."""

_FIELD_OF_TABLE: Final = {"set": "constants", "rename": "renames"}
_MOST_DEPTH: Final = 1_000

_USE_TEXT: Final = "Use a text, in quotes."
_USE_TEXTS: Final = 'Use a text, in quotes, or a list of them: ["user", "device"].'


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks what a mapping file holds.

    Attributes:
        path: The file, for messages.
        text: What it holds, for the lines in messages.
    """

    path: Path | str
    text: str

    def declared(self, data: Mapping[str, Any]) -> DeclaredReading:
        """Return what the file declares.

        Args:
            data: What a parser of TOML made of it.

        Raises:
            MappingError: A key is unknown, or its value is none that it takes; names the key and its line.
        """
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key == FAILED_ROWS:
                continue
            if key not in KEYS:
                raise self._error((key,), f"unknown key{nearest(key, KEYS)}", f"Known are: {', '.join(KEYS)}")
            if key not in (*TABLES, RECOGNIZE):
                values[key] = self._value(key, value)
                continue
            if not isinstance(value, dict):
                raise self._error((key,), f"found {quoted(value)}", f"Write a table: [{key}]")
            table = {name: self._CHECKS[key](self, (key, name), item) for name, item in value.items()}
            if key != RECOGNIZE:
                values[_FIELD_OF_TABLE.get(key, key)] = table
        return DeclaredReading(**values)

    def _value(self, key: str, value: Any) -> Any:
        if key in CHOICES and value not in CHOICES[key]:
            raise self._error((key,), f"found {quoted(value)}", f"Use {' or '.join(CHOICES[key])}.")
        if key in _FLAGS and not isinstance(value, bool):
            raise self._error((key,), f"found {quoted(value)}", "Use true or false.")
        if key in _COUNTS and (type(value) is not int or value < 0):
            raise self._error((key,), f"found {quoted(value)}", "Use a whole number, 0 or more.")
        if key in _TEXTS and not isinstance(value, str):
            raise self._error((key,), f"found {quoted(value)}", _USE_TEXT)
        if key not in _LISTS:
            return value
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise self._error((key,), f"found {quoted(value)}", f"Use a list of texts: {_LISTS[key]}.")
        if key not in ("null", "time_format"):
            self._check_names(key, texts)
        return tuple(texts)

    def _check_names(self, key: str, names: list[str]) -> None:
        """Check that a list of columns or properties has a name and no empty one, and that columns differ."""
        if not names:
            none = 'To keep no property: drop = ["*"].' if key == "only" else "Leave it out."
            raise self._error((key,), "found an empty list", none)
        if "" in names:
            raise self._error((key,), "found an empty name", f"Use a list of texts: {_LISTS[key]}.")
        twice = [name for at, name in enumerate(names) if name in names[:at]]
        if key == "columns" and twice:
            raise self._error((key,), f"{quoted(twice[0])} is there twice", "Give each column its own name.")

    # ── tables ───────────────────────────────────────────────────────────────────────────────

    def _field(self, where: tuple[str, ...], columns: Any) -> str | tuple[str | FieldEntry, ...]:
        if where[1] not in FIELDS:
            raise self._error(
                where, f"unknown field{nearest(where[1], FIELDS)}", f"Fields are: {', '.join(FIELDS)}"
            )
        if isinstance(columns, str):
            return columns
        if not isinstance(columns, list):
            raise self._error(where, f"found {quoted(columns)}", _USE_TEXTS)
        return tuple(self._entry(where, each) for each in columns)

    def _entry(self, where: tuple[str, ...], entry: Any) -> str | FieldEntry:
        """Return one of several that may give a field: a text, or a table with a condition."""
        if isinstance(entry, str) and entry:
            return entry
        if not isinstance(entry, dict):
            raise self._error(where, f"found {quoted(entry)}", _USE_TEXTS)
        known = (*ENTRY_KEYS, "where")
        for key, text in entry.items():
            if key not in known:
                raise self._error(
                    where, f"unknown key {key}{nearest(key, known)}", f"Known: {', '.join(known)}"
                )
            if not isinstance(text, str) or not text:
                raise self._error(where, f"{key}: found {quoted(text)}", _USE_TEXT)
        given = [key for key in ENTRY_KEYS if key in entry]
        if len(given) != 1:
            found = f"found {' and '.join(given) or 'neither column, nor template, nor value'}"
            raise self._error(where, found, 'For example { column = "id", where = "kind = \'user\'" }.')
        text = entry[given[0]]
        if given[0] == "value":
            text = constant_entry(text)
        return FieldEntry(text, entry["where"]) if "where" in entry else text

    def _texts(self, where: tuple[str, ...], value: Any) -> tuple[str, ...]:
        texts = [value] if isinstance(value, str) and value else value
        if not isinstance(texts, list) or not texts or not all(isinstance(c, str) and c for c in texts):
            raise self._error(where, f"found {quoted(value)}", _USE_TEXTS)
        return tuple(texts)

    def _default(self, where: tuple[str, ...], value: Any) -> str:
        known = tuple(name for name in FIELDS if name != "properties")
        if where[1] not in known:
            raise self._error(
                where, f"unknown field{nearest(where[1], known)}", f"Fields are: {', '.join(known)}"
            )
        if not isinstance(value, str) or not value:
            raise self._error(where, f"found {quoted(value)}", _USE_TEXT)
        return value

    def _type(self, where: tuple[str, ...], value: Any) -> Any:
        if value not in COLUMN_TYPES:
            raise self._error(
                where,
                f"unknown type {quoted(value)}{nearest(str(value), COLUMN_TYPES)}",
                f"Types are: {', '.join(COLUMN_TYPES)}",
            )
        return value

    def _deep(self, where: tuple[str, ...], value: Any) -> Any:
        return self._choice(where, value, get_args(Deep))

    def _mask(self, where: tuple[str, ...], value: Any) -> Any:
        if fault := pattern_fault(where[1]):
            raise self._error(where, fault, "Use at most one *, for any characters.")
        return self._choice(where, value, get_args(MaskKind))

    def _choice(self, where: tuple[str, ...], value: Any, choices: tuple[str, ...]) -> Any:
        if value not in choices:
            raise self._error(where, f"found {quoted(value)}", f"Use {' or '.join(choices)}.")
        return value

    def _name(self, where: tuple[str, ...], value: Any) -> str:
        if not isinstance(value, str):
            raise self._error(where, f"found {quoted(value)}", _USE_TEXT)
        if not value:
            raise self._error(
                where, "found an empty name", f'To leave the column out: [types] {where[1]} = "skip"'
            )
        if fault := name_fault(value):
            raise self._error(where, fault, "Or give it another name.")
        return value

    def _rename(self, where: tuple[str, ...], value: Any) -> str:
        name = self._name(where, value)
        fault = pattern_fault(where[1], name)
        if fault:
            raise self._error(where, fault, 'With one * on both sides: "utm_*" = "campaign_*".')
        return name

    def _flatten(self, where: tuple[str, ...], value: Any) -> int:
        if type(value) is not int or not 1 <= value <= _MOST_DEPTH:
            raise self._error(where, f"found {quoted(value)}", "Use a whole number of levels, 1 or more.")
        return value

    def _pairs(self, where: tuple[str, ...], value: Any) -> KeyValue:
        if not isinstance(value, dict):
            raise self._error(where, f"found {quoted(value)}", f"Write a table: [{'.'.join(where)}]")
        found: dict[str, Any] = {}
        for key, item in value.items():
            if key not in PAIR_KEYS:
                raise self._error(
                    (*where, key), f"unknown key{nearest(key, PAIR_KEYS)}", f"Known: {', '.join(PAIR_KEYS)}"
                )
            texts = self._texts((*where, key), item)
            if key == "key" and len(texts) > 1:
                raise self._error((*where, key), f"found {quoted(item)}", _USE_TEXT)
            found[key] = texts[0] if key == "key" else texts
        made = KeyValue(**found)
        for path in made.numbers:
            if path not in made.value:
                remedy = f"The values are: {', '.join(made.value)}"
                raise self._error((*where, "numbers"), f"{quoted(path)} is no value", remedy)
        return made

    def _constant(self, where: tuple[str, ...], value: Any) -> Any:
        """Refuse values of TOML that JSON does not have."""
        if isinstance(value, date | time):
            raise self._error(where, "found a TOML date", _USE_TEXT)
        if isinstance(value, float) and not isfinite(value):
            raise self._error(where, f"found {value}, which JSON can't hold", _USE_TEXT)
        if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
            raise self._error(where, f"found {quoted(value)}, which does not fit 64 bits", _USE_TEXT)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._constant(where, item)
        return value

    def _recognized(self, where: tuple[str, ...], value: Any) -> tuple[str, ...]:
        if where[1] != "columns":
            raise self._error(where, f"unknown key{nearest(where[1], ['columns'])}", "Known is: columns")
        kinds = (
            value if isinstance(value, list) and any(isinstance(each, list) for each in value) else [value]
        )
        return tuple(name for kind in kinds for name in self._texts(where, kind))

    _CHECKS: ClassVar[Mapping[str, Callable[[Checker, tuple[str, ...], Any], Any]]] = {
        "fields": _field,
        "defaults": _default,
        "names": _name,
        "rename": _rename,
        "types": _type,
        "deep_columns": _deep,
        "set": _constant,
        "flatten": _flatten,
        "key_value": _pairs,
        "mask": _mask,
        RECOGNIZE: _recognized,
    }

    def _error(self, key: tuple[str, ...], found: str, remedy: str) -> MappingError:
        line = line_of(self.text, key)
        return MappingError(f"{self.path}, line {line}: {'.'.join(key)}: {found}", remedy)
