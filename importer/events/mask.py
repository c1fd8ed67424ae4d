"""Pseudonyms in place of personal values, and a word in place of others."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import pbkdf2_hmac, sha256
from typing import Any, Final

import orjson

from importer import exact_json
from importer.errors import BadValue
from importer.events.columns import Path, kind_of, path_to, value_at, with_value
from importer.events.json_texts import bags_of, begins_json
from importer.events.nested import json_text
from importer.events.property_names import fits, is_pattern
from importer.events.unmasked import NOT_EXACT, masked_values
from importer.reading import MaskKind, Reading

REDACTED: Final = "[redacted]"
"""What stands for a value that is redacted."""

_ROUNDS: Final = 200_000


@lru_cache(maxsize=4)
def salt_digest(salt: bytes) -> str:
    """Return what tells one salt from another, and from which it can't be guessed without great effort."""
    return pbkdf2_hmac("sha256", salt, b"mixpanel-importer mask", _ROUNDS).hex()[:32]


def pseudonym(salt: bytes, value: Any) -> str:
    """Return what stands for a value: HMAC-SHA-256 of it as text, in hexadecimal.

    A number is its digits, so that it has the pseudonym of the text of these; what holds others is its JSON.

    Raises:
        BadValue: It can't be written as JSON.
    """
    try:
        text = value if isinstance(value, str) else str(value) if type(value) is int else json_text(value)
    except (orjson.JSONEncodeError, RecursionError):
        raise BadValue("a value that is to be masked can't be written as JSON") from None
    return hmac.new(salt, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()


class Masks:
    """Masks values by the names of their columns, or of keys within the properties.

    What stands in the way of a path is masked as a whole: a text that is no JSON, a number, or a list where
    an object is expected, and the other way round. So is what was flattened out of a masked object.

    Args:
        reading: How the source is read; its shape says what is masked.
        salt: Of pseudonyms; empty if there are none.
    """

    def __init__(self, reading: Reading, salt: bytes) -> None:
        self._salt = salt
        self._null = frozenset({"", *reading.null})
        self._trim = reading.trim
        self._kinds = reading.shape.mask
        self._is_flat = bool(reading.shape.flatten)
        self._patterns = [(name, kind) for name, kind in self._kinds.items() if is_pattern(name)]
        self._bags = [(bag, path_to(bag, reading.columns)) for bag in bags_of(reading)]
        paths = ((path_to(name, reading.columns), kind) for name, kind in self._kinds.items())
        self._inner = [(path, kind) for path, kind in paths if len(path) > 1]
        self._cells = [
            (at, name, kind)
            for at, name in enumerate(reading.columns)
            if (kind := self._kind(name)) is not None
        ]
        opened = {
            str(path[0]) for path in (*(path for _, path in self._bags), *(path for path, _ in self._inner))
        }
        self._in_record = self.in_cells if reading.dialect.has_cells else self.in_object
        self._keeps = bool(reading.conditions)
        self._opened = [(at, name) for at, name in enumerate(reading.columns) if name in opened]

    def in_record(self, values: Any, notes: list[str]) -> Any:
        """Return the values of a record masked; as for `in_object`.

        Where fields have conditions, they know what they were: see `unmasked`.
        """
        made = self._in_record(values, notes)
        return masked_values(made, values) if self._keeps else made

    def in_object(self, values: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        """Return the object of a record with its values masked.

        Args:
            values: The object, which is not changed.
            notes: Gets a note on what could not be kept.

        Raises:
            BadValue: A value can't be masked.
        """
        made = self._in_keys(values)
        for path, kind in self._inner:
            if self._kind(str(path[0])) is None:
                made = self._at(path, made, kind, notes)
        for text, path in self._bags:
            bag: Path = (text,) if text in made else path
            inner = value_at(bag, made)
            if isinstance(inner, str) and inner.strip() and self._kind(str(bag[0])) is None:
                inner = _opened(text, inner, notes)
                if not isinstance(inner, dict):
                    raise BadValue(f"{text}: expected a JSON object, found {kind_of(inner)}")
            if isinstance(inner, dict):
                made = dict(with_value(bag, made, self._in_keys(inner)))
        return made

    def in_cells(self, cells: Sequence[str], notes: list[str]) -> list[str]:
        """Return the cells of a record with their values masked; as for `in_object`."""
        made = list(cells)
        for at, name in self._opened:
            text = made[at]
            if self._kind(name) is not None or not text.strip() or text in self._null:
                continue
            is_bag = any(path == (name,) for _, path in self._bags)
            if not is_bag and not begins_json(text):
                kinds = [kind for path, kind in self._inner if path[0] == name]
                made[at] = self._masked(kinds[0], text) if kinds else text
                continue
            before = {name: _opened(name, text, notes)}
            after = self.in_object(before, notes)
            if is_bag and not isinstance(before[name], dict):
                raise BadValue(f"{name}: expected a JSON object, found {kind_of(before[name])}")
            if after != before:
                masked = after[name]
                made[at] = masked if isinstance(masked, str) else _written(masked)
        for at, _, kind in self._cells:
            made[at] = self._masked(kind, made[at])
        return made

    def _kind(self, name: str) -> MaskKind | None:
        """Return what stands for the values of a column; None if they stay."""
        if name in self._kinds:
            return self._kinds[name]
        found = next((kind for pattern, kind in self._patterns if fits(pattern, name) is not None), None)
        if found is None and self._is_flat and "." in name:  # a part of an object that was flattened
            return self._kind(name.rpartition(".")[0])
        return found

    def _at(self, path: Path, value: Any, kind: MaskKind, notes: list[str], name: str = "") -> Any:
        """Return a value with what stands at a path in it masked, or all that stands in the way.

        Args:
            path: The path.
            value: An object, or what should be one; it is not changed.
            kind: What stands for what is masked.
            notes: Gets a note on what could not be kept.
            name: The column, for errors.
        """
        if not path:
            return self._masked(kind, value)
        if value is None or value in ([], {}, REDACTED):
            return value
        if isinstance(value, dict) and isinstance(path[0], str):
            return self._in_members(path, value, kind, notes)
        if isinstance(value, list) and isinstance(path[0], int):
            return [
                self._at(path[1:], each, kind, notes, name) if place == path[0] else each
                for place, each in enumerate(value)
            ]
        if begins_json(value) and value not in self._null:
            before = _opened(name, value, notes)
            after = self._at(path, before, kind, notes, name)
            if after == before:
                return value
            return after if isinstance(after, str) else _written(after)
        return self._masked(kind, value)

    def _in_members(self, path: Path, value: dict[str, Any], kind: MaskKind, notes: list[str]) -> Any:
        """Return an object with what stands at a path masked; several steps may be the name of one key."""
        made = dict(value)
        for end in range(1, len(path) + 1):
            key = ".".join(map(str, path[:end]))
            if key in made:
                made[key] = self._at(path[end:], made[key], kind, notes, key)
        if self._is_flat:
            inside = f"{'.'.join(map(str, path))}."
            flat = {key: each for key, each in made.items() if key.startswith(inside)}
            made |= {key: self._masked(kind, each) for key, each in flat.items()}
        return made

    def _masked(self, kind: MaskKind, value: Any) -> Any:
        """Return what stands for a value; what is no value stays as it is."""
        if isinstance(value, str):
            value = value.strip() if self._trim else value
        if value is None or (isinstance(value, str) and value in self._null):
            return value
        return REDACTED if kind == "redact" else pseudonym(self._salt, value)

    def _in_keys(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value if (kind := self._kind(key)) is None else self._masked(kind, value)
            for key, value in values.items()
        }


def _written(value: Any) -> str:
    """Return a value as JSON, with integers of any size."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value)


def _opened(name: str, text: str, notes: list[str]) -> Any:
    """Return the value of a JSON text.

    Raises:
        BadValue: It is none; the message holds nothing of it.
    """
    try:
        value, note = exact_json.loads_all(text.encode("utf-8", "surrogateescape"))
    except exact_json.BadJSON:
        raise BadValue(f"{name}: expected JSON, so that values in it can be masked") from None
    if note:
        notes.append(f"{name}: {NOT_EXACT}")
    return value
