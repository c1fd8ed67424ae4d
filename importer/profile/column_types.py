"""One type for a whole column of text cells: the narrowest that holds for every value of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from importer.events.types import BOOLEANS, MAX_INTEGER, NUMBER, SAFE_DIGITS
from importer.reading import ColumnProfile, ColumnType

_FRACTION_MARKS: Final = tuple(".eE")
# Blanks, and the first characters of JSON values that are no numbers.
_NO_NUMBER_MARKS: Final = tuple(' \t\n\r"[{tfn')
_are_numbers = re.compile(rf"(?:{NUMBER}\n)*").fullmatch
_EXAMPLES: Final = 3
_HEAD: Final = 100
_ALL_CANDIDATES: Final[tuple[ColumnType, ...]] = ("boolean", "integer", "number")


@dataclass(slots=True)
class _Column:
    """What is known of one column. It depends only on the values and their order, not on the chunks.

    Attributes:
        name: Name of the column.
        candidates: Types that hold for every value so far, the narrowest first.
        filled: Values so far.
        examples: The first distinct values.
        head: The first values.
        not_number: The first value that is no number; None while there is none.
        not_boolean: The first value that is no boolean; None while there is none.
    """

    name: str
    candidates: tuple[ColumnType, ...] = _ALL_CANDIDATES
    filled: int = 0
    examples: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    not_number: str | None = None
    not_boolean: str | None = None

    def add(self, cells: Sequence[str], nulls: frozenset[str]) -> None:
        """Take further cells into account.

        Args:
            cells: The cells.
            nulls: Texts that mean "no value".
        """
        only_empty = len(nulls) == 1
        if len(self.head) == _HEAD and len(self.examples) < _EXAMPLES:
            known = sum(map(cells.count, self.examples))
            if known + sum(map(cells.count, nulls)) == len(cells):  # nothing new
                self.filled += known
                return
        elif len(self.head) == _HEAD and not self.candidates:  # the type is settled
            self.filled += len(cells) - (0 if only_empty and all(cells) else sum(map(cells.count, nulls)))
            return
        values = list(filter(None, cells)) if only_empty else [cell for cell in cells if cell not in nulls]
        self.filled += len(values)
        self._add_first(values, values)
        if values and self.candidates:
            self._narrow(values)

    def add_counted(self, filled: int, kind: str) -> bool:
        """Count further cells without reading each.

        Args:
            filled: How many have a value.
            kind: What all of these are: ``integer``, ``number``, or empty if that isn't known.

        Returns:
            False if that does not settle the type: then `add` must read each cell.
        """
        if len(self.examples) < _EXAMPLES or len(self.head) < _HEAD:
            return False
        if kind == "number" and "number" in self.candidates:
            self.candidates = ("number",)
        elif self.candidates and not (kind == "integer" and "number" in self.candidates):
            return False
        self.filled += filled
        return True

    def merge(self, later: _Column) -> None:
        """Add what is known of the same column in a later part of the source."""
        self.filled += later.filled
        self._add_first(later.examples, later.head)
        self.candidates = tuple(kind for kind in self.candidates if kind in later.candidates)
        self.not_number = later.not_number if self.not_number is None else self.not_number
        self.not_boolean = later.not_boolean if self.not_boolean is None else self.not_boolean

    def profile(self) -> ColumnProfile:
        kind = self.candidates[0] if self.candidates and self.filled else "string"
        odd_value = self._odd_value() if kind == "string" else ""
        return ColumnProfile(self.name, kind, self.filled, self.examples, odd_value)

    def _add_first(self, distinct: Sequence[str], head: Sequence[str]) -> None:
        """Keep further values as long as they are among the first ones."""
        if len(self.examples) < _EXAMPLES:
            self.examples = tuple(dict.fromkeys([*self.examples, *distinct]))[:_EXAMPLES]
        if len(self.head) < _HEAD:
            self.head += tuple(head[: _HEAD - len(self.head)])

    def _narrow(self, values: Sequence[str]) -> None:
        """Drop the candidates that do not fit some further values."""
        self.candidates = _still_fit(self.candidates, values)
        if "number" not in self.candidates and self.not_number is None:
            self.not_number = _first_misfit("number", values)
        if "boolean" not in self.candidates and self.not_boolean is None:
            self.not_boolean = _first_misfit("boolean", values)

    def _odd_value(self) -> str:
        """Return the value that makes a column of numbers or booleans one of text; empty if there is none.

        In a column of numbers, one in ten of the first values may be none; in one of booleans, none of them.
        """
        misfits = sum(not _all_numbers([value]) for value in self.head)
        if self.not_number is not None and misfits * 10 <= len(self.head):
            return self.not_number
        if self.not_boolean is not None and _are_booleans(self.head):
            return self.not_boolean
        return ""


def _still_fit(candidates: tuple[ColumnType, ...], values: Sequence[str]) -> tuple[ColumnType, ...]:
    """Return the candidates that fit some further values; an integer is a number, too."""
    for at, kind in enumerate(candidates):
        if _FITS[kind](values):
            return candidates[at:] if kind == "integer" else (kind,)
    return ()


def _are_integers(values: Sequence[str]) -> bool:
    joined = _short_numbers(values)
    if joined and not any(map(joined.__contains__, _FRACTION_MARKS)):
        return True
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
    if _short_numbers(values):
        return True
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


def _short_numbers(values: Sequence[str]) -> str:
    """Return the values, joined, if each is a number that a double can hold; else an empty text.

    The values are read as JSON: the grammar of numbers is the same. The check is quick, and fails for some
    values that are such numbers.
    """
    joined = ",".join(values)
    if any(map(joined.__contains__, _NO_NUMBER_MARKS)):
        return ""
    try:
        found: list[Any] = orjson.loads(f"[{joined}]")
    except orjson.JSONDecodeError:
        return ""
    if len(found) != len(values):  # one may hold a comma itself
        return ""
    # No number that is not negative is greater than the sum, however the sum is rounded.
    if ("-" in joined or sum(found) >= MAX_INTEGER) and max(map(len, values)) > SAFE_DIGITS:
        return ""
    return joined


def _are_booleans(values: Sequence[str]) -> bool:
    return all(value.isascii() and value.lower() in BOOLEANS for value in set(values))


_FITS: dict[str, Callable[[Sequence[str]], bool]] = {
    "boolean": _are_booleans,
    "integer": _are_integers,
    "number": _all_numbers,
}


def _first_misfit(kind: ColumnType, values: Iterable[str]) -> str | None:
    return next((value for value in values if not _FITS[kind]([value])), None)


class TypeInference:
    """Infers one type for each column from all its values.

    Memory does not grow with the file: a column keeps its candidates and a few values.
    """

    def __init__(self, columns: Iterable[str], null: Iterable[str] = ()) -> None:
        """Start with no value.

        Args:
            columns: Names of the columns.
            null: Texts that mean "no value" beside the empty cell.
        """
        self._columns = [_Column(name) for name in columns]
        self._nulls = frozenset({"", *null})

    def add(
        self,
        column: Callable[[int], Sequence[str]],
        count_column: Callable[[int], tuple[int, str]] | None = None,
    ) -> None:
        """Take the cells of some records into account.

        Args:
            column: Returns the cells of a column, by its index.
            count_column: Returns how many cells of a column are not empty, and the type of all of these:
                ``integer``, ``number``, or empty if that isn't known.
        """
        for at, known in enumerate(self._columns):
            if not (count_column and len(self._nulls) == 1 and known.add_counted(*count_column(at))):
                known.add(column(at), self._nulls)

    def merge(self, later: TypeInference) -> None:
        """Add what is known of the same columns in a later part of the source, or in another source.

        The profiles are then those of one pass over both.
        """
        for mine, other in zip(self._columns, later._columns, strict=True):
            mine.merge(other)

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Return what is known of each column, in their order."""
        return tuple(column.profile() for column in self._columns)
