"""Formats of strptime that would read a value which needs one, such as ``03/04/2024 10:00``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from importer.errors import BadValue, UsageError
from importer.events.excel_dates import EXCEL, is_usual_serial
from importer.events.format_text import HALF
from importer.events.time_format import TimeFormat
from importer.events.times import TimeReader
from importer.events.wall_time import SHORT, number_of_month, number_of_weekday
from importer.events.zones import ABBREVIATIONS, UTC_NAMES, ClockChange, NoZone, is_place

_OF_DIGITS: Final = {
    6: ("%y%m%d", "%d%m%y", "%m%d%y"),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    10: ("%Y%m%d%H",),
    12: ("%Y%m%d%H%M",),
    14: ("%Y%m%d%H%M%S",),
    17: ("%Y%m%d%H%M%S%f",),
    20: ("%Y%m%d%H%M%S%f",),
}
"""Formats of values that are digits alone, by their number."""
_DATE = re.compile(
    r"(?<![0-9A-Za-z])([0-9]{4}|[0-9]{1,2})([-/. ])([0-9]{1,2}|[A-Za-z]{3,9})\2([0-9]{4}|[0-9]{1,2})(?![0-9])"
)
_MONTH_FIRST = re.compile(
    r"(?<![A-Za-z])([A-Za-z]{3,9})([ -])([0-9]{1,2})(,?[ -])([0-9]{4}|[0-9]{2})(?![0-9])"
)
_CLOCK = re.compile(
    r"(?<![0-9])[0-9]{1,2}([:.])[0-9]{2}(?:\1(?P<second>[0-9]{2})(?P<fraction>[.,][0-9]{1,9})?)?"
    rf"(?P<half>\s?(?:{HALF}|[AaPp]$)(?![A-Za-z]))?"
)
_OFFSET = re.compile(r"(?<=[0-9 TCc])(?:[+-][0-9]{2}:?[0-9]{2}|(?<=[0-9 ])Z)(?![0-9A-Za-z])")
_ZONE = re.compile(r"(?<![A-Za-z/])(?:[A-Z][A-Za-z_]*(?:/[A-Za-z0-9_+-]+)+|[A-Za-z]{2,5})(?![A-Za-z/]|%z)")
_HOUR = re.compile(r"^([T ])[0-9]{1,2}$")
_IN_WORDS = re.compile(r"\b(?:[Tt]ime|TIME|Zeit)\b|%[HMSf]\s?[A-Z]\b")  # zones that no directive reads
_NAMED: Final = ("%b", "%B")
_YEAR_DIGITS: Final = 4
_LONGEST: Final = 60


@lru_cache(maxsize=1024)
def format_named(text: str) -> TimeFormat:
    """Return a format of strptime; it is one that is honoured."""
    return TimeFormat(text)


@lru_cache(maxsize=1024)
def _reader(form: str, timezone: str) -> TimeReader:
    return TimeReader(timezone, (form,))


def reads(form: str, text: str, timezone: str = "") -> bool:
    """Return whether a format reads a value: in a zone, or whatever its zone."""
    if form == EXCEL:
        return is_usual_serial(text)
    try:
        time = format_named(form).read(text)
        if time is not None and time.zone and (timezone or is_place(time.zone)):
            _reader(form, timezone).read(text)
    except (NoZone, ClockChange):
        return True
    except BadValue:
        return False
    return time is not None


def needs_zone(form: str, text: str) -> bool:
    """Return whether a value that a format reads lacks the offset of its zone."""
    if form == EXCEL:
        return True
    time = format_named(form).read(text)
    return time is None or (time.offset is None and not (time.zone and is_place(time.zone)))


def candidates(text: str) -> tuple[str, ...]:
    """Return the formats that read a value; empty if none is known.

    Args:
        text: The value, without white space at its ends.
    """
    return () if len(text) > _LONGEST else _candidates(text)


@lru_cache(maxsize=1024)
def _candidates(text: str) -> tuple[str, ...]:
    text = " ".join(text.split())  # white space of any kind is read where a format has a space
    if is_usual_serial(text) and len(text.partition(".")[0]) < min(_OF_DIGITS):
        return (EXCEL,)
    if text.isascii() and text.isdigit():
        proposed: Iterator[str] = iter(_OF_DIGITS.get(len(text), ()))
    else:
        proposed = _proposed(text)
    return tuple(dict.fromkeys(form for form in proposed if _is_honoured(form) and reads(form, text)))


def date_order(form: str) -> str:
    """Return the order of year, month and day in a format whose month is a number; empty for others."""
    letters = re.sub(r"[^YymdbB]", "", "".join(re.findall(r"%(.)", form)))
    return "" if set(letters) & {"b", "B"} else letters.replace("y", "Y")


def _is_honoured(form: str) -> bool:
    if any(map(str.isdigit, form)):  # a number of the value that is no part of its date or its time of day
        return False
    try:
        says_zone = format_named(form).says_zone
    except UsageError:
        return False
    return not says_zone and _IN_WORDS.search(form) is None


def _proposed(text: str) -> Iterator[str]:
    text = text.replace("%", "%%")
    found = _DATE.search(text)
    if found is not None:
        first, mark, middle, last = found.groups()
        dates = [mark.join(parts) for parts in _orders(first, middle, last)]
    else:
        found = _MONTH_FIRST.search(text)
        if found is None:
            return
        name, mark, _, comma, last = found.groups()
        year = "%Y" if len(last) == _YEAR_DIGITS else "%y"
        dates = [f"{month}{mark}%d{comma}{year}" for month in _months(name)]
    rest = _rest(text[found.end() :])
    for date in dates:
        yield _rest(text[: found.start()]) + date + rest


def _orders(first: str, middle: str, last: str) -> Iterator[tuple[str, str, str]]:
    """Yield the orders in which three parts of a date may stand."""
    months = ("%m",) if middle.isdigit() else _months(middle)
    for month in months:
        if len(first) == _YEAR_DIGITS:
            yield "%Y", month, "%d"
            continue
        year = "%Y" if len(last) == _YEAR_DIGITS else "%y"
        yield "%d", month, year
        if month == "%m":
            yield "%m", "%d", year
            if year == "%y":
                yield "%y", "%m", "%d"


def _months(name: str) -> tuple[str, ...]:
    if number_of_month(name) is None:
        return ()
    return _NAMED if name.lower() == "may" else ("%b",) if len(name) == SHORT else ("%B",)


def _rest(text: str) -> str:
    """Return the format of what stands beside the date: the time of day, the zone, the day of the week."""
    text = _OFFSET.sub("%z", text, count=1)
    text = _ZONE.sub(_zone, text)
    text = re.sub(r"%.|[A-Za-z]+", _weekday, text)
    return _CLOCK.sub(_clock, _HOUR.sub(r"\1%H", text), count=1)


def _zone(word: re.Match[str]) -> str:
    is_zone = "/" in word[0] or word[0].upper() in ABBREVIATIONS | UTC_NAMES
    return "%Z" if is_zone else word[0]


def _weekday(word: re.Match[str]) -> str:
    if number_of_weekday(word[0]) is None:
        return word[0]
    return "%a" if len(word[0]) == SHORT else "%A"


def _clock(found: re.Match[str]) -> str:
    second, fraction, half = found["second"], found["fraction"], found["half"]
    form = ("%I" if half else "%H") + found[1] + "%M"
    if second:
        form += found[1] + "%S"
    if fraction:
        form += fraction[0] + "%f"
    return form + (f"{half[: -len(half.lstrip())]}%p" if half else "")
