"""Numbers that JSON can write and a 64-bit number can't hold, and keys that stand twice.

orjson turns integers beyond 64 bits into doubles, rounds decimals to the nearest double and keeps the
last of equal keys, all in silence. Here is what tells, at a cost that only suspicious lines pay.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from importer.source.text import cut, short

_TO_ZERO: Final = bytes.maketrans(b"123456789.E", b"0000000000e")
# A double keeps every decimal of 15 digits (IEEE 754): 16 digits and their point are the first to look at.
_LONG: Final = b"0" * 17
_TINY: Final = b"e-000"  # only exponents of three digits leave the range where that holds
_NUMBER: Final = re.compile(rb"[:,\[\s](-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9.]+[eE]-[0-9]{3,})")
_LEAST: Final = -(2**63)
_GREATEST: Final = 2**64 - 1
_DIGITS: Final = 20  # of both, with the sign
_TOO_LARGE: Final = "is too large for JSON numbers here (-2^63 to 2^64-1); send it as a string"
_MOST: Final = 3  # notes on one record


class _Lost(NamedTuple):
    """A number as it stood, and the double that it becomes; None for an integer out of range."""

    text: str
    becomes: float | None


class _Twice(dict[str, Any]):
    """An object in which some keys stand more than once."""

    again: tuple[str, ...] = ()


def suspicious(line: bytes, value: dict[str, Any]) -> bool:
    """True if the line may hold what `explain` tells; cheap.

    Args:
        line: One line of JSON.
        value: The object that orjson made of it.
    """
    digits = line.translate(_TO_ZERO)
    start = 0 if _TINY in digits else digits.find(_LONG)
    if start >= 0 and any(map(_inexact, _NUMBER.findall(line, max(start - 2, 0)))):
        return True
    keys = line.count(b'":')
    if keys == len(value):
        return False
    below = sum([len(each) for each in value.values() if type(each) is dict])
    return keys > len(value) + below and keys > _count_keys(value)


def explain(line: bytes) -> tuple[str, str]:
    """What a double can't hold and which keys stand twice.

    Returns:
        An error (an integer out of range, or nesting that can't be followed), else empty; and a note,
        else empty.
    """
    try:
        value = json.loads(line, parse_int=_integer, parse_float=_decimal, object_pairs_hook=_object)
    except RecursionError:
        return "the object is nested too deeply to be checked", ""
    notes = []
    for path, found in _walk(value):
        if isinstance(found, _Twice):
            notes += [f"key {short(key)} stands twice: its last value counts" for key in found.again]
        elif found.becomes is None:
            return f"{cut(path)}: {cut(found.text)} {_TOO_LARGE}", ""
        else:
            notes.append(f"{cut(path)}: {cut(found.text)} becomes {found.becomes!r}")
    more = f"; and {len(notes) - _MOST} more" if len(notes) > _MOST else ""
    return "", "; ".join(notes[:_MOST]) + more


def _inexact(token: bytes) -> bool:
    """True if the text of a number isn't what orjson makes of it."""
    text = token.decode()
    if text.lstrip("-").isdigit():
        return isinstance(_integer(text), _Lost)
    try:
        return isinstance(_decimal(text), _Lost)
    except ValueError:  # it stands in a string: a version, an address
        return False


def _integer(text: str) -> int | _Lost:
    if len(text) > _DIGITS:
        return _Lost(text, None)
    number = int(text)
    return number if _LEAST <= number <= _GREATEST else _Lost(text, None)


def _decimal(text: str) -> float | _Lost:
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else _Lost(text, number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen = Counter(key for key, _ in pairs)
    twice = _Twice(value)
    twice.again = tuple(key for key, times in seen.items() if times > 1)
    return twice


def _walk(root: Any) -> Iterator[tuple[str, _Lost | _Twice]]:
    """What was marked in a value and where, in the order of the text; without recursion."""
    todo = [("", root)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, (_Lost, _Twice)):
            yield path, value
        if isinstance(value, dict):
            dot = f"{path}." if path else ""
            todo += [(f"{dot}{key}", below) for key, below in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(f"{path}[{n}]", value[n]) for n in range(len(value) - 1, -1, -1)]


def _count_keys(root: dict[str, Any]) -> int:
    """Keys of all objects in a value; without recursion."""
    count = 0
    todo: list[Any] = [root]
    while todo:
        value = todo.pop()
        if type(value) is dict:
            count += len(value)
            todo += value.values()
        elif type(value) is list:
            todo += value
    return count
