"""What all of some cells are: numbers, booleans, dates. The checks are quick where the answer is yes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from importer.events.types import BOOLEANS, MAX_INTEGER, NUMBER, SAFE_DIGITS

# Blanks, exponents, and the first characters of JSON values that are no numbers.
_NOT_IN_SHORT_NUMBERS: Final = tuple(' \t\n\reE"[{tfn')
_are_numbers = re.compile(rf"(?:{NUMBER}\n)*").fullmatch
_begins_with_date = re.compile(
    r"(?:[0-9]{4}([-/])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/])[0-9]{1,2}\2(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})(?:[ T,].*)?",
    re.DOTALL,
).fullmatch


def are_booleans(values: Sequence[str]) -> bool:
    """Return whether all values are ``true`` or ``false``, in any case."""
    return all(value.isascii() and value.lower() in BOOLEANS for value in set(values))


def are_dates(values: Sequence[str]) -> bool:
    """Return whether all values begin with a date in digits: year-month-day, or day and month and year."""
    return all(map(_begins_with_date, values))


def are_numbers(values: Sequence[str]) -> bool:
    """Return whether all values are numbers of JSON's grammar that a double can hold.

    A fraction may be of any length. An integer beyond 2⁵³ is no such number, nor is one whose exponent is too
    large; one whose exponent is too small is 0.
    """
    if are_short_numbers(values):
        return True
    joined = "\n".join(values) + "\n"
    if joined.count("\n") != len(values) or not _are_numbers(joined):
        return False
    floats = list(map(float, values))
    if max(map(abs, floats), default=0.0) == float("inf"):
        return False
    return all(
        abs(value) < MAX_INTEGER or not text.lstrip("-").isdigit() or abs(int(text)) <= MAX_INTEGER
        for value, text in zip(floats, values, strict=True)
    )


def are_short_numbers(values: Sequence[str]) -> bool:
    """Return whether all values are numbers without an exponent that a double can hold, for some of these.

    The values are read as JSON: the grammar of numbers is the same. The check is quick, and fails for some
    values that are such numbers.
    """
    joined = ",".join(values)
    if any(map(joined.__contains__, _NOT_IN_SHORT_NUMBERS)):
        return False
    try:
        found: list[Any] = orjson.loads(f"[{joined}]")
    except orjson.JSONDecodeError:
        return False
    if len(found) != len(values):  # one may hold a comma itself
        return False
    # No number that is not negative is greater than the sum, however the sum is rounded.
    return ("-" not in joined and sum(found) < MAX_INTEGER) or max(map(len, values)) <= SAFE_DIGITS
