"""Objects within records: lists of pairs that become objects, objects that become columns, or text.

All of it is done on the object of a record, in this order: ``key_value``, ``flatten``, ``stringify``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson

from importer.errors import BadValue
from importer.events.canonical import canonical
from importer.events.columns import Path, kind_of, parse_path, path_to, take_at, value_at, with_value
from importer.events.json_texts import bags_of, make_bag_opener, opened
from importer.events.types import is_number, rounding, to_number
from importer.reading import KeyValue, Reading
from importer.text import quoted

Nested = Callable[[dict[str, Any], list[str]], dict[str, Any]]
"""Returns an object anew, and adds notes on what was not kept; raises `BadValue`."""

ALL: Final = "*"
"""Stands for all columns in ``flatten``."""

_is_integer: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch


def make_nested(reading: Reading) -> Nested | None:
    """Return what changes the objects within a record as ``Reading.shape`` says; None if nothing does."""
    shape, columns = reading.shape, reading.columns
    steps: list[Nested] = [
        _make_pairs(column, path_within(column, columns), pairs) for column, pairs in shape.key_value.items()
    ]
    bags = [path_to(bag, columns) for bag in bags_of(reading)]
    single = [(column, depth) for column, depth in shape.flatten.items() if column != ALL]
    # What is deeper goes first: its parts stay within reach.
    for column, depth in sorted(single, key=lambda each: -len(path_within(each[0], columns))):
        steps.append(_make_flatten(column, path_within(column, columns), depth, bags))
    if ALL in shape.flatten:
        steps.append(_make_flatten_all(shape.flatten[ALL], {column for column, _ in single}, bags))
    steps += [_make_stringify(column, path_within(column, columns)) for column in shape.stringify]
    if not steps:
        return None
    open_bags = None if reading.dialect.has_cells else make_bag_opener(reading)
    if open_bags is not None:
        steps.insert(0, open_bags)

    def change(values: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        for step in steps:
            values = step(values, notes)
        return values

    return change


def path_within(column: str, columns: Sequence[str]) -> Path:
    """Return the path to a column in a record that has none of its name.

    The columns of a reading are those of flattened records, where a path into an object may be a name.
    """
    return path_to(column, [each for each in columns if each != column])


def nested_columns_of(reading: Reading) -> frozenset[str]:
    """Return the columns in whose cells objects are changed, as far as they are there."""
    shape = reading.shape
    paths = [
        path_to(c, reading.columns) for c in (*shape.key_value, *shape.flatten, *shape.stringify) if c != ALL
    ]
    found = {str(path[0]) for path in paths}
    if ALL in shape.flatten:
        found |= {column for column, kind in reading.types.items() if kind == "json"}
        found |= {bag for bag in bags_of(reading) if bag in reading.columns}
    return frozenset(found.intersection(reading.columns))


# ── key_value ────────────────────────────────────────────────────────────────────────────────────


def _make_pairs(column: str, path: Path, pairs: KeyValue) -> Nested:
    key = parse_path(pairs.key) or (pairs.key,)
    values = [(parse_path(text) or (text,), text in pairs.numbers) for text in pairs.value]

    def change(record: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        here = (column,) if column in record else path
        found = opened(column, value_at(here, record), notes)
        if found is None:
            return record
        if isinstance(found, dict):
            return dict(with_value(here, record, found))
        if not isinstance(found, list):
            raise BadValue(f"{column}: expected a list of pairs, found {kind_of(found)}")
        made: dict[str, Any] = {}
        keyless = 0
        for pair in found:
            if not isinstance(pair, dict):
                raise BadValue(
                    f"{column}: expected a list of objects with key and value, found {kind_of(pair)}"
                )
            name = value_at(key, pair)
            if name is None:
                keyless += 1
                continue
            text = name if isinstance(name, str) else str(name)
            value = _value_of(pair, values)
            if text in made and made[text] != value:
                notes.append(f"{column}: the key {quoted(text)} is there twice, and the first is sent")
            else:
                made[text] = value
        if keyless:
            notes.append(f"{column}: {keyless} of {len(found)} pairs left out, without a {quoted(pairs.key)}")
        return dict(with_value(here, record, made))

    return change


def _value_of(pair: dict[str, Any], values: Sequence[tuple[Path, bool]]) -> Any:
    """Return the first value of a pair that is not null."""
    for path, is_numeric in values:
        value = value_at(path, pair)
        if value is not None:
            return as_number(value) if is_numeric else value
    return None


def as_number(value: Any) -> Any:
    """Return the number that a text is, and the text of an integer, as far as a double holds it or not.

    So an id of 19 digits is text, whether the source has it as one or not.
    """
    if type(value) is int:
        return value if abs(value) < 2**64 and float(value) == value else str(value)
    if type(value) is not str:
        return value
    if _is_integer(value):
        number = int(value)
        return number if float(number) == number and str(number) == value else value
    if not is_number(value) or rounding(value):
        return value
    try:
        return to_number(value)
    except BadValue:
        return value


# ── flatten ──────────────────────────────────────────────────────────────────────────────────────


def _make_flatten(column: str, path: Path, depth: int, bags: Sequence[Path]) -> Nested:
    outer: Path = next((bag for bag in bags if len(path) > len(bag) and path[: len(bag)] == bag), ())
    inside = ".".join(map(str, path[len(outer) :]))

    def change(record: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        here, bag, name = ((column,), (), column) if column in record else (path, outer, inside)
        try:
            found = opened(column, value_at(here, record), notes)
        except BadValue:
            return record  # any text may begin with a bracket
        if not isinstance(found, dict):
            return record if found is not None else _without_null(record, here)
        left = dict(record)
        take_at(here, left)
        inner = value_at(bag, left)
        into = dict(inner) if bag else left
        _put_flat(column, into, name, found, depth)
        return dict(with_value(bag, left, into)) if bag else into

    return change


def _without_null(record: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a record without the null at a path, which may as well be missing."""
    parent = value_at(path[:-1], record)
    if not isinstance(parent, dict) or path[-1] not in parent:
        return record
    left = dict(record)
    take_at(path, left)
    return left


def _make_flatten_all(depth: int, single: set[str], bags: Sequence[Path]) -> Nested:
    whole = {bag[0] for bag in bags if len(bag) == 1}

    def flat(record: dict[str, Any], kept: set[Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in record.items():
            if isinstance(value, dict) and key not in kept:
                _put_flat(key, made, key, value, depth)
            else:
                _put(key, made, key, value)
        return made

    def change(record: dict[str, Any], _notes: list[str]) -> dict[str, Any]:
        made = flat(record, {*whole, *single})
        for bag in bags:
            inner = value_at(bag, made)
            if isinstance(inner, dict):
                made = dict(with_value(bag, made, flat(inner, single)))
        return made

    return change


def _put_flat(column: str, into: dict[str, Any], name: str, found: dict[str, Any], depth: int) -> None:
    """Put the values of an object under its name and their keys, but for null and what holds nothing."""
    for key, value in _flat(found, name, depth):
        _put(column, into, key, value)


def _put(column: str, into: dict[str, Any], name: str, value: Any) -> None:
    if name in into and into[name] is not None:
        raise BadValue(f"{column}: flattened, it would give {quoted(name)} twice")
    into[name] = value


def _flat(found: dict[str, Any], name: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in found.items():
        if value is None or value == {}:
            continue
        if isinstance(value, dict) and depth > 1:
            yield from _flat(value, f"{name}.{key}", depth - 1)
        else:
            yield f"{name}.{key}", value


# ── stringify ────────────────────────────────────────────────────────────────────────────────────


def _make_stringify(column: str, path: Path) -> Nested:
    def change(record: dict[str, Any], _notes: list[str]) -> dict[str, Any]:
        here = (column,) if column in record else path
        found = value_at(here, record)
        if found is None or isinstance(found, str):
            return record
        try:
            return dict(with_value(here, record, json_text(found)))
        except (orjson.JSONEncodeError, RecursionError):
            raise BadValue(f"{column}: it can't be written as JSON") from None

    return change


def json_text(value: Any) -> str:
    """Return a value as JSON: compact, keys sorted, numbers in the form in which they are sent.

    Raises:
        orjson.JSONEncodeError: It can't be written.
        RecursionError: It is nested too deep.
    """
    return orjson.dumps(canonical(value), option=orjson.OPT_SORT_KEYS).decode()
