"""JSON without silent rounding (RFC 8259, section 6: interoperable numbers).

orjson reads an integer beyond 64 bits as the nearest double, and every reader rounds a decimal that a double
can't hold. Events can't be corrected once they are sent, so the first is refused here and the second is
told.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

_MIN_INTEGER = -(2**63)
_MAX_INTEGER = 2**64 - 1
_SHOWN = 40

# A double keeps every decimal of 15 digits (IEEE 754) unless its exponent has three: a number that it may not
# hold is 16 digits and their point, or 16 digits and an exponent, or very small (too large is no JSON for
# orjson). Strings of digits look alike; they only cost the slower look.
_TO_ZERO = bytes.maketrans(b"123456789.E", b"0000000000e")
_LONG = b"0" * 17
_LONG_POWER = b"0" * 16 + b"e"
_TINY = b"0e-000"


class BadJSON(ValueError):  # noqa: N818 - a value that flows to the results, not an error of the program
    """The text is not JSON, or holds a number that can't be sent as it is."""


def loads(data: bytes) -> tuple[Any, str]:
    """Return the value of a JSON text and a note of what could not be kept exactly, else empty.

    Raises:
        BadJSON: It is no JSON in UTF-8, or an integer in it does not fit 64 bits.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadJSON(f"bad JSON: {error}") from None
    digits = data.translate(_TO_ZERO)
    if _LONG in digits or _TINY in digits or _LONG_POWER in digits:
        return value, _look_closer(data)
    return value, ""


def _look_closer(data: bytes) -> str:
    rounded: list[str] = []

    def integer(text: str) -> int:
        value = int(text) if len(text) <= _SHOWN else _MAX_INTEGER + 1
        if not _MIN_INTEGER <= value <= _MAX_INTEGER:
            raise BadJSON(f"the integer {_short(text)} does not fit 64 bits: write it as a string, in quotes")
        return value

    def decimal(text: str) -> float:
        nearest = float(text)
        if Decimal(repr(nearest)) != Decimal(text):
            rounded.append(f"{_short(text)} is sent as {nearest!r}")
        return nearest

    try:
        json.loads(data, parse_int=integer, parse_float=decimal)
    except RecursionError:
        raise BadJSON("bad JSON: nested too deep") from None
    return "; ".join(rounded)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
