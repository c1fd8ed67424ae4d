"""One type for a whole column of CSV: the narrowest that holds for every value of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from importer.events.types import BOOLEANS, MAX_INTEGER, NUMBER, SAFE_DIGITS
from importer.model import ColumnProfile, ColumnType

_OF_FRACTIONS: Final = tuple(".eE")
# Blanks, and how all begins in JSON that is neither a number nor null.
_OTHER_JSON: Final = tuple(' \t\n\r"[{tfn')
_are_numbers = re.compile(rf"(?:{NUMBER}\n)*").fullmatch
_EXAMPLES = 3


@dataclass(slots=True)
class _Column:
    name: str
    candidates: tuple[ColumnType, ...] = ("boolean", "integer", "number")
    filled: int = 0
    examples: tuple[str, ...] = ()
    narrowed: bool = False
    because: str = ""

    def add(self, cells: Sequence[str], gaps: frozenset[str]) -> None:
        """Look at further cells; ``gaps`` are the texts that mean "no value"."""
        plain = len(gaps) == 1  # the empty cell alone
        if len(self.examples) < _EXAMPLES:
            known = sum(map(cells.count, self.examples))
            if known + sum(map(cells.count, gaps)) == len(cells):  # nothing new
                self.filled += known
                return
        elif not self.candidates:  # nothing is left to be found out
            self.filled += len(cells) - (0 if plain and all(cells) else sum(map(cells.count, gaps)))
            return
        values = list(filter(None, cells)) if plain else [cell for cell in cells if cell not in gaps]
        self.filled += len(values)
        if len(self.examples) < _EXAMPLES:
            self.examples = tuple(dict.fromkeys([*self.examples, *values]))[:_EXAMPLES]
        if values and self.candidates:
            self._narrow(values)

    def is_settled_by(self, filled: int, kind: str) -> bool:
        """Count further cells by what is known of them all; False if each has to be looked at.

        Args:
            filled: How many have a value.
            kind: What all of these are: ``integer``, ``number`` or, if that isn't known, nothing.
        """
        if len(self.examples) < _EXAMPLES:
            return False
        if kind == "number" and "number" in self.candidates:
            self.candidates = ("number",)
        elif self.candidates and not (kind == "integer" and "number" in self.candidates):
            return False
        self.filled += filled
        return True

    def _narrow(self, values: Sequence[str]) -> None:
        """Give up the candidates that some further values are not."""
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
    joined = _short_numbers(values)
    if joined and not any(map(joined.__contains__, _OF_FRACTIONS)):
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
    """Return the values joined if each is a number that a double can hold; may miss some.

    They are read as JSON: the grammar of numbers is the same.
    """
    joined = ",".join(values)
    if any(map(joined.__contains__, _OTHER_JSON)):
        return ""
    try:
        found: list[Any] = orjson.loads(f"[{joined}]")
    except orjson.JSONDecodeError:
        return ""
    if len(found) != len(values):  # one may hold a comma itself
        return ""
    # What is not negative is no more than its sum, however that is rounded.
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


def _odd_one_out(values: Sequence[str]) -> str:
    """Return the first value that is no number in a column whose other values mostly are."""
    odd = [value for value in values if not _all_numbers([value])]
    return odd[0] if len(odd) * 10 <= len(values) else ""


class TypeInference:
    """Infers one type for each column by looking at every value.

    Memory does not grow with the file: a column keeps its candidates and three examples.
    """

    def __init__(self, columns: Iterable[str], null: Iterable[str] = ()) -> None:
        self._columns = [_Column(name) for name in columns]
        self._gaps = frozenset({"", *null})

    def add(
        self,
        column: Callable[[int], Sequence[str]],
        survey: Callable[[int], tuple[int, str]] | None = None,
    ) -> None:
        """Look at the cells of some records.

        Args:
            column: Gives the cells of a column, by its place.
            survey: Gives how many of these are not empty, and what they all are, as far as that is known: an
                ``integer``, a ``number`` or nothing.
        """
        for at, known in enumerate(self._columns):
            if not (survey and len(self._gaps) == 1 and known.is_settled_by(*survey(at))):
                known.add(column(at), self._gaps)

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Return what is known of each column, in their order."""
        return tuple(column.profile() for column in self._columns)
