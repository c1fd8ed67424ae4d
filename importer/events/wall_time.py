"""What a clock on a wall showed, made of the parts in which it is written. Names are English everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from importer.errors import BadValue
from importer.text import quoted

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
"""Names of the months, which do not depend on the language of the machine."""
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Names of the days of the week, the first by ISO 8601 first."""
SHORT: Final = 3
"""Letters of the short form of these names."""
_NOON: Final = 12


class WallTime(NamedTuple):
    """A date and a time of day, and what is written of the zone.

    Attributes:
        wall: What the clock showed, in whole seconds.
        nanos: Nanoseconds within the second.
        offset: Seconds ahead of UTC that stand beside the time; None if none do.
        zone: The name of a zone that stands there: of the IANA database, or one such as ``EST``; else empty.
    """

    wall: datetime
    nanos: int = 0
    offset: int | None = None
    zone: str = ""


def number_of_month(name: str) -> int | None:
    """Return the number of a month, by its English name or the short form of it; None if it is none."""
    return _MONTH_NUMBERS.get(name.casefold())


def number_of_weekday(name: str) -> int | None:
    """Return the number of a day of the week, 0 for Monday, by its English name; None if it is none."""
    return _WEEKDAY_NUMBERS.get(name.casefold())


def hour_of_day(hour: int, half: str, text: str) -> int:
    """Return the hour of the day, 0 to 23, of an hour of the clock with twelve hours.

    Args:
        hour: As it is written.
        half: ``a`` for AM, ``p`` for PM; empty where the clock has 24 hours.
        text: The value, for the message.

    Raises:
        BadValue: There is no such hour.
    """
    if not half:
        return hour
    if not 1 <= hour <= _NOON:
        raise BadValue(f"{quoted(text)} is no time: with AM or PM, the hour must be in 1..12")
    return hour % _NOON + (_NOON if half in "pP" else 0)


def wall_clock(parts: tuple[int, int, int, int, int, int], text: str, weekday: int | None = None) -> datetime:
    """Return the moment of a calendar and a clock.

    Args:
        parts: Year, month, day, hour, minute and second.
        text: The value, for messages.
        weekday: The day of the week that is written beside it, 0 for Monday; None if none is.

    Raises:
        BadValue: There is no such moment, or it was another day of the week.
    """
    try:
        wall = datetime(*parts)  # noqa: DTZ001 - the zone is applied later
    except ValueError as error:
        raise BadValue(f"{quoted(text)} is no time: {error}") from None
    check_weekday(wall, weekday, text)
    return wall


def check_weekday(wall: datetime, weekday: int | None, text: str) -> None:
    """Check the day of the week that stands beside a date.

    Raises:
        BadValue: The date was another one.
    """
    if weekday is not None and wall.weekday() != weekday:
        raise BadValue(
            f"{quoted(text)} says {WEEKDAYS[weekday]}, but {wall:%Y-%m-%d} was a {WEEKDAYS[wall.weekday()]}"
        )


_MONTH_NUMBERS = {
    form.casefold(): number for number, name in enumerate(MONTHS, 1) for form in (name, name[:SHORT])
} | {"sept": 9}
_WEEKDAY_NUMBERS = {
    form.casefold(): number for number, name in enumerate(WEEKDAYS) for form in (name, name[:SHORT])
} | {"tues": 1, "thur": 3, "thurs": 3}
