"""Frozen dataclasses to JSON and back, exactly; decoding checks every value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from itertools import repeat
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from importer.facts import SortedCounts
from importer.reading import JSON
from importer.text import quoted

T = TypeVar("T")

_is_integer = re.compile(r"0|-?[1-9][0-9]{0,18}").fullmatch
_RUN: Final = 96  # counts in a text: a day of quarters of an hour
_are_counts = re.compile(rf"[0-9]{{1,19}}(?: [0-9]{{1,19}}){{0,{_RUN - 1}}}").fullmatch
_SCALARS = frozenset({str, int, bool, NoneType})


class DecodeError(ValueError):
    """A value of JSON of the wrong type; the message says where, and what is expected."""


def encode(value: Any) -> Any:
    """Return a dataclass, and what it holds, as values of JSON.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    if type(value) in _SCALARS:  # first, for speed: a dry run holds tens of thousands of counts
        return value
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if is_dataclass(value):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, SortedCounts):
        # Three years of quarters of an hour are a hundred thousand counts: one by one they take ten times the
        # room. The first number of a run names it.
        return {str(first): " ".join(map(str, run)) for first, run in value.runs(_RUN)}
    if isinstance(value, Mapping):
        return {key: encode(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [encode(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


def decode(kind: type[T], value: Any, where: str = "") -> T:
    """Return the dataclass that a value of JSON stands for; the opposite of `encode`.

    Args:
        kind: The dataclass. A key may be missing where it has a default.
        value: What JSON holds; or the dataclass itself, decoded before.
        where: Path to the value, for messages.

    Raises:
        DecodeError: A key is missing or unknown, or a value is of another type.
    """
    if type(value) is kind:
        return value
    found = _expect(value, dict, where, "an object")
    hints, needed = _fields_of(kind)  # type: ignore[arg-type]  # a class is hashable
    if unknown := found.keys() - hints.keys():
        raise DecodeError(f"{_at(where, min(unknown))} is not known")
    if missing := needed - found.keys():
        raise DecodeError(f"{_at(where, min(missing))} is missing")
    return kind(**{name: _decode(hints[name], each, _at(where, name)) for name, each in found.items()})


@cache
def _fields_of(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the types of the fields of a dataclass by name, and the names of those without a default."""
    return get_type_hints(kind), frozenset(each.name for each in fields(kind) if _is_needed(each))


def _is_needed(each: Any) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _decode(hint: Any, value: Any, where: str) -> Any:
    """Check one value against one annotation of the forms that `model` uses."""
    if hint == JSON or hint is Any:
        return value
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _one_of(arguments, value, where)
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return None if value is None else _decode(inner, value, where)
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if hint is SortedCounts:
        try:
            return SortedCounts(_decode_counts(value, where))
        except OverflowError:
            raise DecodeError(f"{where} holds a number of more than 64 bits") from None
    if origin is Mapping:
        return _decode_mapping(arguments, value, where)
    if is_dataclass(hint):
        return decode(hint, value, where)  # type: ignore[arg-type]  # a class, since it is an annotation
    if issubclass(hint, StrEnum):
        return hint(_one_of(tuple(each.value for each in hint), value, where))
    return _decode_scalar(hint, value, where)


def _decode_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    """Check a list of any length, or one of as many items as there are types."""
    items = _expect(value, list, where, "a list")
    hints = repeat(arguments[0], len(items)) if arguments[-1] is Ellipsis else arguments
    if arguments[-1] is not Ellipsis and len(items) != len(arguments):
        raise DecodeError(f"{where} is {quoted(value)}, expected a list of {len(arguments)}")
    return tuple(
        _decode(hint, each, f"{where}[{i}]") for i, (hint, each) in enumerate(zip(hints, items, strict=True))
    )


def _decode_mapping(arguments: tuple[Any, ...], value: Any, where: str) -> dict[str, Any]:
    keys, values = arguments
    found = _expect(value, dict, where, "an object")
    if (keys, values) == (str, int) and all(type(each) is int for each in found.values()):  # of many names
        return dict(found)
    return {
        _decode(keys, key, f"{where}: a name"): _decode(values, each, _at(where, key))
        for key, each in found.items()
    }


def _decode_counts(value: Any, where: str) -> Iterator[tuple[int, int]]:
    """Yield the counts of runs; versions before wrote each count by itself, as an integer."""
    for key, counts in _expect(value, dict, where, "an object").items():
        if not _is_integer(key):
            raise DecodeError(f"{where}: a name is {quoted(key)}, expected an integer")
        if type(counts) is int and counts >= 0:
            yield int(key), counts
        elif type(counts) is str and _are_counts(counts):
            yield from (item for item in enumerate(map(int, counts.split(" ")), int(key)) if item[1])
        else:
            raise DecodeError(f"{_at(where, key)} is {quoted(counts)}, expected counts with a space between")


def _decode_scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and type(value) is int:  # JSON may write 2.0 as 2
        return float(value)
    names = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
    return _expect(value, hint, where, names[hint])


def _expect(value: Any, kind: type, where: str, name: str) -> Any:
    if type(value) is not kind:  # exactly: True is an int by isinstance
        raise DecodeError(f"{where or 'the whole'} is {quoted(value)}, expected {name}")
    return value


def _one_of(allowed: tuple[Any, ...], value: Any, where: str) -> Any:
    if type(value) is not str or value not in allowed:
        raise DecodeError(f"{where} is {quoted(value)}, expected one of {', '.join(allowed)}")
    return value


def _at(where: str, name: str) -> str:
    step = name if name.isidentifier() else quoted(name)
    return f"{where}.{step}" if where else step
