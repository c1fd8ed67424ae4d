"""JSON without silent loss (RFC 8259, sections 4 and 6: unique names, interoperable numbers).

orjson reads an integer beyond 64 bits as the nearest double, rounds a decimal that a double can't hold, and
keeps the last of equal keys, all in silence. Events can't be corrected once they are sent, so the first is
refused here and the others are told, at a cost that only suspicious texts pay.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import orjson

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1

# A double keeps every decimal of 15 digits (IEEE 754) unless its exponent has three: a number that it may not
# hold is 16 digits and their point, or 16 digits and an exponent, or very small (too large is no JSON for
# orjson). Digits in strings look alike; they only cost the slower look.
_TO_ZERO: Final = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG: Final = b"0" * 17
_LONG_POWER: Final = b"0" * 16 + b"e"
_TINY: Final = b"0e-000"
_NUMBER: Final = re.compile(
    rb"(?:^|[:,\[\s])(-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9.]+[eE]-[0-9]{3,})"
)
_DIGITS: Final = 20  # of MIN_INTEGER and MAX_INTEGER, with the sign
_SHOWN: Final = 40
_MOST: Final = 3  # notes on one text


class BadJSON(ValueError):  # noqa: N818 - a value that flows to the results, not an error of the program
    """The text is not JSON, or holds a number that can't be sent as it is."""


class _Lost(NamedTuple):
    """A number as it stood, and the double that it becomes; None for an integer out of range."""

    text: str
    becomes: float | None


class _Twice(dict[str, Any]):
    """An object in which some keys stand more than once."""

    again: tuple[str, ...] = ()


def loads(data: bytes) -> tuple[Any, str]:
    """Return the value of a JSON text and a note of what could not be kept exactly, else empty.

    Raises:
        BadJSON: It is no JSON in UTF-8, or an integer in it does not fit 64 bits.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadJSON(f"bad JSON: {error}") from None
    return value, (explain(data) if suspicious(data, value) else "")


def suspicious(data: bytes, value: Any) -> bool:
    """Return True if a text may hold what `explain` tells; cheap.

    Args:
        data: A JSON text.
        value: What orjson made of it.
    """
    digits = data.translate(_TO_ZERO)
    if (_LONG in digits or _TINY in digits or _LONG_POWER in digits) and any(
        map(_inexact, _NUMBER.findall(data))
    ):
        return True
    keys = data.count(b'":')
    if type(value) is not dict:
        return keys > 0 and keys > _count_keys(value)
    if keys == len(value):
        return False
    below = sum([len(each) for each in value.values() if type(each) is dict])
    return keys > len(value) + below and keys > _count_keys(value)


def explain(data: bytes) -> str:
    """Return a note of the decimals that a double can't hold and the keys that stand twice.

    Raises:
        BadJSON: An integer does not fit 64 bits, or the nesting can't be followed.
    """
    try:
        value = json.loads(data, parse_int=_integer, parse_float=_decimal, object_pairs_hook=_object)
    except RecursionError:
        raise BadJSON("bad JSON: nested too deep to be checked") from None
    notes = []
    for path, found in _walk(value):
        where = f"{_short(path)}: " if path else ""
        if isinstance(found, _Twice):
            notes += [f"{where}key {_short(key)} stands twice: its last value counts" for key in found.again]
        elif found.becomes is None:
            raise BadJSON(f"{where}{_short(found.text)} does not fit 64 bits: write it as a string")
        else:
            notes.append(f"{where}{_short(found.text)} is sent as {found.becomes!r}")
    more = f"; and {len(notes) - _MOST} more" if len(notes) > _MOST else ""
    return "; ".join(notes[:_MOST]) + more


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
    return number if MIN_INTEGER <= number <= MAX_INTEGER else _Lost(text, None)


def _decimal(text: str) -> float | _Lost:
    number = float(text)
    return number if is_exact(text, number) else _Lost(text, number)


def is_exact(text: str, number: float) -> bool:
    """Return True if a number of JSON's grammar and the double that it is read as are the same."""
    try:
        return Decimal(repr(number)) == Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits or more: only a zero may have it
        return not text.lower().partition("e")[0].strip("-0.")


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


def _count_keys(root: Any) -> int:
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


def _short(text: str) -> str:
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
