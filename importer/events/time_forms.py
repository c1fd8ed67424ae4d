"""Forms of times that mean one thing only, beside ISO 8601 with all its digits: they need no option.

A form is here if nobody can read it in two ways: the year has four digits and stands first, or the month has
a name. What has two readings, as ``03/04/2024``, needs ``--time-format``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from importer.errors import BadValue
from importer.events.wall_time import (
    WallTime,
    hour_of_day,
    number_of_month,
    number_of_weekday,
    wall_clock,
)
from importer.events.zones import read_zone
from importer.text import quoted

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:\ ?(?P<half>[AaPp])(?:[Mm]|\.[Mm]\.)(?![A-Za-z]))?"
)
_MINUTE_SECOND = r"(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
_TAIL = r"(?P<tail>.*)"
_DAY = r"(?:(?P<weekday>[A-Za-z]{3,9}),?\ )?"
_NUMBER = r"(?P<day>[0-9]{1,2})"
_MONTH = r"(?P<month>[A-Za-z]{3,9})\.?"
_YEAR = r"(?P<year>[0-9]{4})"
_DATE = r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
_BETWEEN = r"(?:,?\ (?:at\ )?)"
_SHAPES: Final = tuple(
    (family, re.compile(pattern).fullmatch)
    for family, pattern in (
        ("ISO 8601", rf"{_YEAR}-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})[T ]{_CLOCK}{_TAIL}"),
        (
            "year first",
            rf"{_YEAR}/(?P<month>[0-9]{{1,2}})/(?P<day>[0-9]{{1,2}})(?:(?:T|{_BETWEEN}){_CLOCK}{_TAIL})?",
        ),
        ("year first", rf"{_YEAR}{_DATE}[T ]{_CLOCK}{_TAIL}"),
        (
            "ISO 8601 basic",
            rf"{_YEAR}{_DATE}T(?P<hour>[0-9]{{2}}){_MINUTE_SECOND}{_TAIL}",
        ),
        ("ISO 8601 basic", rf"{_YEAR}{_DATE}(?P<hour>[0-9]{{2}}){_MINUTE_SECOND}(?P<tail>\ ?[Z+-].*)"),
        (
            "month by name",
            rf"{_DAY}{_NUMBER}(?P<between>[ -]){_MONTH}(?P=between){_YEAR}(?:{_BETWEEN}{_CLOCK}{_TAIL})?",
        ),
        (
            "month by name",
            rf"{_DAY}{_MONTH}\ {_NUMBER}(?:st|nd|rd|th)?,?\ {_YEAR}(?:{_BETWEEN}{_CLOCK}{_TAIL})?",
        ),
        (
            "month by name",
            rf"(?P<weekday>[A-Za-z]{{3}})\ {_MONTH}\ {_NUMBER}\ {_CLOCK}(?P<tail>\ .+)?\ {_YEAR}",
        ),
        ("month by name", rf"{_NUMBER}/(?P<month>[A-Za-z]{{3}})/{_YEAR}:{_CLOCK}{_TAIL}"),
    )
)
_LONGEST: Final = 120  # the longest date of a browser has some 70 characters
_ZONE_PARTS = ("with offset", "without zone", "with the name of a zone")


class FoundForm(NamedTuple):
    """A time in a form that needs no option.

    Attributes:
        form: The form, for people.
        time: The time.
    """

    form: str
    time: WallTime


def find_form(text: str) -> FoundForm | None:
    """Return the time that a text is in a form that means one thing only; None if it is in none.

    Args:
        text: Without white space at its ends.

    Raises:
        BadValue: It is in such a form and no time: there is no such hour, or it was another day of the week.
    """
    if len(text) > _LONGEST:
        return None
    if not text.isascii() or "  " in text or "\t" in text:
        text = " ".join(text.split())  # U+202F stands in front of AM and PM, as JavaScript has it
        if not text.isascii():
            return None
    for family, match in _SHAPES:
        found = match(text)
        if found is not None and (time := _read_parts(found.groupdict(), text)) is not None:
            return FoundForm(_form(family, found.groupdict(), time), time)
    return None


def _read_parts(parts: dict[str, str | None], text: str) -> WallTime | None:
    month, weekday = parts["month"] or "", None
    number = int(month) if month.isdigit() else number_of_month(month)
    if parts.get("weekday"):
        weekday = number_of_weekday(parts["weekday"] or "")
        if weekday is None:
            return None
    zone = read_zone(parts.get("tail") or "")
    if number is None or zone is None:
        return None
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    hour = hour_of_day(hour, parts.get("half") or "", text)
    wall = wall_clock(
        (int(parts["year"] or 0), number, int(parts["day"] or 0), hour, minute, second), text, weekday
    )
    return WallTime(wall, int((parts.get("fraction") or "").ljust(9, "0")), *zone)


def _form(family: str, parts: dict[str, str | None], time: WallTime) -> str:
    """Return the name of a form. Those of ISO 8601 are the names of `importer.events.times`."""
    if family == "ISO 8601" and (parts["half"] or len(parts["hour"] or "") == 1):
        family = "year first"
    if not parts.get("hour"):
        return f"{family}, date only"
    offset, none, name = _ZONE_PARTS
    return f"{family} {name if time.zone else none if time.offset is None else offset}"


# ── epochs ───────────────────────────────────────────────────────────────────────────────────────

_SCIENTIFIC = re.compile(r"([1-9])(?:\.([0-9]{1,20}))?([Ee]\+?)([0-9]{1,2})").fullmatch
_JAVA = re.compile(r"[1-9]\.[0-9]+E[1-9][0-9]?").fullmatch
_MOST_EXPONENT: Final = 18  # nanoseconds


def plain_epoch(text: str) -> str | None:
    """Return the digits of an epoch in scientific notation; None if it is in another form.

    Java writes ``1.7145576E9`` with all digits that tell the number, so those that it leaves out are zeros.
    Where it is written otherwise, with a sign as Excel and C have it, the number may be rounded: then each
    digit must be there.

    Raises:
        BadValue: Digits may be lost.
    """
    found = _SCIENTIFIC(text)
    if found is None:
        return None
    first, fraction, exponent = found[1], found[2] or "", int(found[4])
    if exponent > _MOST_EXPONENT:
        return None
    if len(fraction) < exponent and not _JAVA(text):
        raise BadValue(
            f"{quoted(text)} is an epoch that may be rounded: {1 + len(fraction)} of its {1 + exponent}"
            " digits are written; export it again with all of them"
        )
    whole, rest = fraction[:exponent].ljust(exponent, "0"), fraction[exponent:].rstrip("0")
    return f"{first}{whole}.{rest}" if rest else f"{first}{whole}"
