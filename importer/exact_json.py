"""JSON without silent loss (RFC 8259, sections 4 and 6: unique names, interoperable numbers).

orjson reads an integer beyond 64 bits as the nearest double, rounds a decimal that a double can't hold, and
keeps the last of equal keys, all in silence. Events can't be corrected once they are sent, so this module
refuses the integer and returns a note on the decimal and the keys. Only texts that look suspicious are read
a second time.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, Final, NamedTuple, cast

import orjson

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**64 - 1

UNFIT: Final = " does not fit 64 bits: write it as a string"
"""Behind an integer that does not fit."""

# A double keeps every decimal of 15 digits (IEEE 754) unless its exponent has three digits. A number that it
# may not keep has 16 digits and a point, or 16 digits and an exponent, or is very small (orjson refuses one
# that is too large). Digits within strings match too: then the text is checked again, more slowly.
_TO_ZERO: Final = bytes.maketrans(b"123456789.E", b"0000000000e")
_OUTLINE: Final = bytes.maketrans(b"123456789.E-[,\t\n\r", b"0000000000e      ")
_SPACES: Final = (b" ", b"\n", b"\r", b"\t")
_SIXTEEN: Final = b"0" * 16
_TINY: Final = b"0e-000"
_REST: Final = re.compile(rb"[0-9.]*(?:[eE][-+]?[0-9]+)?")
_SMALL: Final = re.compile(rb"(?:^|[:,\[\s])(-?[0-9.]+[eE]-[0-9]{3,})")
_AHEAD: Final = (b"", b":", b",", b"[", b" ", b"\t", b"\n", b"\r")  # of a number
_DIGITS: Final = 20  # of MIN_INTEGER and MAX_INTEGER, with the sign
_MAX_QUOTED: Final = 40  # characters of a text in a note
_MAX_NOTES: Final = 3  # on one text


class BadJSON(ValueError):  # noqa: N818 - a value that flows to the results, not an error of the program
    """The text is not JSON, or holds a number that can't be sent as it is."""


class UnfitJSON(BadJSON):
    """An integer in the text does not fit 64 bits.

    Attributes:
        note: On the rest of it, as `explain` returns it.
    """

    def __init__(self, message: str, data: bytes, note: str) -> None:
        super().__init__(message)
        self._data = data
        self.note = note

    @property
    def value(self) -> Any:
        """The value of the text, with integers of any size."""
        return json.loads(self._data)


class _Lost(NamedTuple):
    """The text of a number and the double that it becomes; None for an integer out of range."""

    text: str
    becomes: float | None


class _RepeatedKeys(dict[str, Any]):
    """An object in which some keys occur more than once.

    Attributes:
        repeated: These keys.
    """

    repeated: tuple[str, ...] = ()


def loads(data: bytes) -> tuple[Any, str]:
    """Return the value of a JSON text, and a note on what could not be kept exactly (usually empty).

    Raises:
        BadJSON: The text is no JSON in UTF-8.
        UnfitJSON: An integer in it does not fit 64 bits.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise bad_json(error) from None
    return value, (explain(data) if suspicious(data, value) else "")


def loads_all(data: bytes) -> tuple[Any, str]:
    """Return what `loads` does, with integers of any size: whoever sends one of them must refuse it.

    Raises:
        BadJSON: The text is no JSON in UTF-8.
    """
    try:
        return loads(data)
    except UnfitJSON as unfit:
        return unfit.value, unfit.note


def bad_json(error: orjson.JSONDecodeError) -> BadJSON:
    """Return the error of `loads` for a text that orjson can't read."""
    return BadJSON(f"bad JSON: {error}")


def suspicious(data: bytes, value: Any) -> bool:
    """Return whether `explain` might refuse a text or return a note on it. This check is cheap.

    Args:
        data: A JSON text.
        value: What orjson made of it.
    """
    outline = _outline(data)
    long_digits = _has_long_digits(outline)
    squeezed = _with_colons_behind_keys(data, outline)
    if not long_digits and squeezed.count(b'":') == (len(value) if type(value) is dict else 0):
        return False
    if _is_as_written(data, value):
        return False
    return (long_digits and _has_inexact(data)) or not _are_all_keys(squeezed, (value,))


def explain(data: bytes) -> str:
    """Return a note on the decimals that a double can't hold and the keys that occur twice.

    Raises:
        BadJSON: The nesting can't be followed.
        UnfitJSON: An integer does not fit 64 bits.
    """
    try:
        value = json.loads(data, parse_int=_integer, parse_float=_decimal, object_pairs_hook=_object)
    except RecursionError:
        raise BadJSON("bad JSON: nested too deep to be checked") from None
    notes, unfit = list[str](), ""
    for path, found in _walk(value):
        where = f"{_short(path)}: " if path else ""
        if isinstance(found, _RepeatedKeys):
            notes += [
                f"{where}key {_short(key)} stands twice: its last value counts" for key in found.repeated
            ]
        elif found.becomes is None:
            unfit = unfit or f"{where}{_short(found.text)}{UNFIT}"
        else:
            notes.append(f"{where}{_short(found.text)} is sent as {found.becomes!r}")
    more = f"; and {len(notes) - _MAX_NOTES} more" if len(notes) > _MAX_NOTES else ""
    note = "; ".join(notes[:_MAX_NOTES]) + more
    if unfit:
        raise UnfitJSON(unfit, data, note)
    return note


def unfit_error(value: Any, is_left_out: Callable[[tuple[str | int, ...]], bool] = lambda _: False) -> str:
    """Return the error of the first integer in a value that does not fit 64 bits; empty if there is none.

    Args:
        value: The value.
        is_left_out: Returns whether nothing is sent of what stands at a path in it.
    """
    todo: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while todo:
        path, each = todo.pop()
        if type(each) is int and not MIN_INTEGER <= each <= MAX_INTEGER and not is_left_out(path):
            text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
            where = f"{_short(text.removeprefix('.'))}: " if path else ""
            return f"{where}{_short(str(each))}{UNFIT}"
        if isinstance(each, dict):
            todo += [((*path, key), below) for key, below in reversed(each.items())]
        elif isinstance(each, list):
            todo += [((*path, n), each[n]) for n in range(len(each) - 1, -1, -1)]
    return ""


def _is_as_written(text: bytes, value: Any) -> bool:
    """Return whether orjson writes a value exactly as the text has it: then reading lost nothing.

    Spaces are ignored, even in strings: texts that are equal without them have the same keys and numbers.
    """
    try:
        return _squeezed(orjson.dumps(value)) == _squeezed(text)
    except TypeError:  # nested too deep
        return False


def _squeezed(data: bytes) -> bytes:
    """Return a text without spaces of any kind."""
    for space in _SPACES:
        if space in data:  # a search costs far less than a copy
            data = data.replace(space, b"")
    return data


def _outline(data: bytes) -> bytes:
    """Return a text with zeros for digits, and with a space or a colon ahead of each number and its sign."""
    return b" " + data.translate(_OUTLINE)


def _has_long_digits(outline: bytes) -> bool:
    """Return whether a number, or digits in a string, may be one that a double does not keep."""
    for ahead in (b" ", b":"):
        start = ahead + _SIXTEEN
        if outline.rfind(start) >= 0 and (start + b"0" in outline or start + b"e" in outline):
            return True
    return outline.rfind(b"0e 000") >= 0


def _with_colons_behind_keys(data: bytes, outline: bytes) -> bytes:
    """Return a text without a space between a key and its colon."""
    return _squeezed(data) if b" :" in outline else data


def _has_inexact(data: bytes) -> bool:
    """Return whether orjson reads a number in a text as another number."""
    digits = data.translate(_TO_ZERO)
    end = 0
    while (at := digits.find(_SIXTEEN, end)) >= 0:
        end = cast(re.Match[bytes], _REST.match(data, at)).end()
        start = at - data.startswith(b"-", max(at - 1, 0), at)
        if data[max(start - 1, 0) : start] in _AHEAD and _is_inexact(data[start:end]):
            return True
    return _TINY in digits and any(map(_is_inexact, _SMALL.findall(data)))


def _is_inexact(token: bytes) -> bool:
    """Return whether orjson reads the text of a number as another number."""
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
    shortest = repr(number)
    try:
        return shortest == text or Decimal(shortest) == Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits or more: only a zero may have it
        return not text.lower().partition("e")[0].strip("-0.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    counts = Counter(key for key, _ in pairs)
    with_repeated = _RepeatedKeys(value)
    with_repeated.repeated = tuple(key for key, count in counts.items() if count > 1)
    return with_repeated


def _walk(root: Any) -> Iterator[tuple[str, _Lost | _RepeatedKeys]]:
    """Yield the path and the value of each loss, in the order of the text; without recursion."""
    todo = [("", root)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, (_Lost, _RepeatedKeys)):
            yield path, value
        if isinstance(value, dict):
            dot = f"{path}." if path else ""
            todo += [(f"{dot}{key}", below) for key, below in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(f"{path}[{n}]", value[n]) for n in range(len(value) - 1, -1, -1)]


def _are_all_keys(squeezed: bytes, values: Sequence[Any]) -> bool:
    """Return whether the objects in some values have as many keys as their texts: none occurs twice.

    Args:
        squeezed: The texts, with each colon right behind its key.
        values: What orjson made of the texts.
    """
    colons = squeezed.count(b'":')  # one for each key, and maybe more in strings
    objects, others = _split(values)
    count = sum(map(len, objects))
    while count < colons and (objects or others):
        objects, others = _split([*chain.from_iterable(map(dict.values, objects)), *others])
        count += sum(map(len, objects))
    if count == colons:
        return True
    # Behind one backslash a quote stands in a string; behind two it may be the end of a key.
    return b'\\\\":' not in squeezed and count == colons - squeezed.count(b'\\":')


def _split(values: Sequence[Any]) -> tuple[Sequence[dict[str, Any]], list[Any]]:
    """Return the objects among some values, and the elements of the lists among them."""
    kinds = set(map(type, values))
    if kinds == {dict}:
        return values, []
    objects = [each for each in values if type(each) is dict] if dict in kinds else []
    lists = [each for each in values if type(each) is list] if list in kinds else []
    return objects, list(chain.from_iterable(lists))


def _short(text: str) -> str:
    escaped = text if text.isprintable() else repr(text)[1:-1]
    return escaped if len(escaped) <= _MAX_QUOTED else f"{escaped[:_MAX_QUOTED]}…"
