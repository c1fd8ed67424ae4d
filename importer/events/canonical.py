"""Values of JSON in the one form in which they are sent and hashed."""

from __future__ import annotations

from typing import Any, Final

import orjson

_MAX_UNSIGNED: Final = 2**64
_MIN_SIGNED: Final = -(2**63)
_POSITIONAL: Final = 1e-4  # from here on every shortest formatter writes a fraction in the same digits
_MAY_HOLD_FLOATS: Final = frozenset({float, dict, list})


def canonical(value: Any) -> Any:
    """Return a JSON value with every number in the one form in which it is sent and hashed.

    Two numbers of equal value come out equal (20, 20.0 and 2e1; 0 and -0.0), whatever wrote them: a float
    without a fraction becomes an integer where 64 bits hold it, a very small or very large one is written
    by Python's ``repr``, whose form is fixed. Strings and keys are left as they are.
    """
    kind = type(value)
    if kind is float:
        return _canonical_float(value)
    if kind is dict:
        return {
            key: canonical(item) if type(item) in _MAY_HOLD_FLOATS else item for key, item in value.items()
        }
    if kind is list and not _MAY_HOLD_FLOATS.isdisjoint(map(type, value)):
        return [canonical(item) for item in value]
    return value


def _canonical_float(value: float) -> Any:
    if value.is_integer():
        if _MIN_SIGNED <= value < _MAX_UNSIGNED:
            return int(value)
    elif abs(value) >= _POSITIONAL:
        return value
    return orjson.Fragment(repr(value))


def number_text(value: float) -> str:
    """Return a number as it is sent."""
    return orjson.dumps(canonical(value)).decode()


def clash(old: Any, new: Any) -> bool:
    """Return whether a value is there and is not the same in JSON, where 1 is 1.0 but not true."""
    if old is None or old == "":
        return False
    return bool(old != new) or (type(old) is bool) != (type(new) is bool)
