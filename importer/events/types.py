"""What the cells of a CSV column are: strict grammars, one type for a whole column.

A cell is a number only where JSON would read it as one and nothing of it would be lost; otherwise it stays
text, and then the whole column does: ``02134``, ``+1``, ``1_000``, ``٣``, ``1e400`` and integers beyond 2⁵³
are text. The grammar of numbers is RFC 8259's, section 6, in ASCII digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from importer.exact_json import is_exact
from importer.model import ColumnType, Record

COLUMN_TYPES: tuple[ColumnType, ...] = (
    "string",
    "integer",
    "number",
    "boolean",
    "json",
    "time",
    "skip",
)
MAX_INTEGER = 2**53
"""The largest magnitude up to which a double holds every integer."""

_MAX_UNSIGNED = 2**64
_MIN_SIGNED = -(2**63)
_SAFE_DIGITS = 15  # a decimal of so many characters always survives the way through a double
_POSITIONAL = 1e-4  # from here on every shortest formatter writes a fraction in the same digits
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_is_number = re.compile(_NUMBER).fullmatch
_are_numbers = re.compile(rf"(?:{_NUMBER}\n)*").fullmatch
_BOOLEANS = {"true": True, "false": False}
_EXAMPLES = 3
_SHOWN = 60


class BadValue(ValueError):  # noqa: N818 - a value that flows to the results, not an error of the program
    """A value does not fit its type; its text says what was found and what is expected."""


def shown(value: object) -> str:
    """Return ``value`` as it can be shown in a message: escaped, quoted and short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


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


_MAY_HOLD_FLOATS = frozenset({float, dict, list})


def _canonical_float(value: float) -> Any:
    if value.is_integer():
        if _MIN_SIGNED <= value < _MAX_UNSIGNED:
            return int(value)
    elif abs(value) >= _POSITIONAL:
        return value
    return orjson.Fragment(repr(value))


# ── one cell ─────────────────────────────────────────────────────────────────────────────────────


def to_integer(text: str) -> int:
    """Read an integer that a double holds exactly.

    Raises:
        BadValue: It is no integer of JSON's grammar, or beyond 2⁵³.
    """
    try:
        value = int(text)
    except ValueError:
        value = MAX_INTEGER + 1
    if str(value) != text and text != "-0":
        raise BadValue(f"expected an integer, found {shown(text)}")
    if abs(value) > MAX_INTEGER:
        raise BadValue(f"expected an integer within ±2^53, found {shown(text)}")
    return value


def to_number(text: str) -> int | float:
    """Read a number of JSON's grammar.

    Raises:
        BadValue: It is no such number, overflows a double, or is an integer beyond 2⁵³.
    """
    if not _is_number(text):
        raise BadValue(f"expected a number, found {shown(text)}")
    value = float(text)
    if abs(value) < MAX_INTEGER:
        return value
    if text.lstrip("-").isdigit():
        return to_integer(text)
    if value in (float("inf"), float("-inf")):
        raise BadValue(f"expected a number that a double can hold, found {shown(text)}")
    return value


def rounding(text: str) -> str:
    """Say what becomes of a decimal that a double can't hold; empty where it can.

    Args:
        text: A number of JSON's grammar.
    """
    if len(text) <= _SAFE_DIGITS and "e" not in text and "E" not in text:
        return ""
    nearest = float(text)
    return "" if is_exact(text, nearest) else f"{shown(text)[1:-1]} is sent as {nearest!r}"


def to_boolean(text: str) -> bool:
    """Read ``true`` or ``false`` in any case.

    Raises:
        BadValue: It is neither.
    """
    value = _BOOLEANS.get(text)
    if value is None and text.isascii():  # no other letter may become one of these in lower case
        value = _BOOLEANS.get(text.lower())
    if value is None:
        raise BadValue(f"expected true or false, found {shown(text)}")
    return value


# ── a whole column ───────────────────────────────────────────────────────────────────────────────


class ColumnProfile(NamedTuple):
    """What the scan saw of one column.

    Attributes:
        name: Name of the column.
        type: The narrowest type that holds for every value.
        filled: Records in which it has a value.
        examples: Its first distinct values, at most three.
        because: The value that made a column of numbers or booleans text; empty if none did.
    """

    name: str
    type: ColumnType
    filled: int
    examples: tuple[str, ...]
    because: str


@dataclass(slots=True)
class _Column:
    name: str
    candidates: tuple[ColumnType, ...] = ("boolean", "integer", "number")
    filled: int = 0
    examples: tuple[str, ...] = ()
    narrowed: bool = False
    because: str = ""

    def add(self, cells: Sequence[str], null: frozenset[str]) -> None:
        if not self.candidates and len(self.examples) == _EXAMPLES and not null:
            self.filled += len(cells) - cells.count("")
            return
        values = [cell for cell in cells if cell and cell not in null] if null else list(filter(None, cells))
        if not values:
            return
        self.filled += len(values)
        if len(self.examples) < _EXAMPLES:
            self.examples = tuple(dict.fromkeys([*self.examples, *values]))[:_EXAMPLES]
        if self.candidates:
            left = _still_fit(self.candidates, values)
            if not left and self.narrowed:
                last = self.candidates[-1]
                self.because = next(value for value in values if not _FITS[last]([value]))
            elif not left and len(values) > 1:
                self.because = _odd_one_out(values)
            self.candidates, self.narrowed = left, bool(left)

    def profile(self) -> ColumnProfile:
        kind = self.candidates[0] if self.candidates and self.filled else "string"
        return ColumnProfile(self.name, kind, self.filled, self.examples, self.because)


def _still_fit(candidates: tuple[ColumnType, ...], values: Sequence[str]) -> tuple[ColumnType, ...]:
    """Return the candidates that fit some further values; what is an integer is a number, too."""
    for at, kind in enumerate(candidates):
        if _FITS[kind](values):
            return candidates[at:] if kind == "integer" else (kind,)
    return ()


def _are_integers(values: Sequence[str]) -> bool:
    try:
        numbers = list(map(int, values))
    except ValueError:
        return False
    if min(numbers) < -MAX_INTEGER or max(numbers) > MAX_INTEGER:
        return False
    return list(map(str, numbers)) == values or all(
        str(number) == text or text == "-0" for number, text in zip(numbers, values, strict=True)
    )


def _all_numbers(values: Sequence[str]) -> bool:
    joined = "\n".join(values) + "\n"
    if joined.count("\n") != len(values) or not _are_numbers(joined):
        return False
    floats = list(map(float, values))
    largest = max(*map(abs, floats), 0.0)
    if largest == float("inf"):
        return False
    return largest < MAX_INTEGER or all(
        abs(value) < MAX_INTEGER or not text.lstrip("-").isdigit() or abs(int(text)) <= MAX_INTEGER
        for value, text in zip(floats, values, strict=True)
    )


def _are_booleans(values: Sequence[str]) -> bool:
    return all(value.isascii() and value.lower() in _BOOLEANS for value in set(values))


_FITS: dict[str, Callable[[Sequence[str]], bool]] = {
    "boolean": _are_booleans,
    "integer": _are_integers,
    "number": _all_numbers,
}


def _odd_one_out(values: Sequence[str]) -> str:
    """Return the first value that is no number in a column whose other values mostly are."""
    odd = [value for value in values if not _all_numbers([value])]
    return odd[0] if len(odd) * 10 <= len(values) else ""


class TypeScan:
    """Infers one type for each column by looking at every value.

    Memory does not grow with the file: a column keeps its candidates and three examples.
    """

    def __init__(self, columns: Iterable[str], null: Iterable[str] = ()) -> None:
        self._columns = [_Column(name) for name in columns]
        self._null = frozenset(null)

    def add(self, records: Sequence[Record]) -> None:
        """Look at the cells of some CSV records, each as wide as the columns."""
        if not records:
            return
        for column, cells in zip(
            self._columns, zip(*[record.values for record in records], strict=True), strict=True
        ):
            column.add(cells, self._null)

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Return what is known of each column, in their order."""
        return tuple(column.profile() for column in self._columns)
