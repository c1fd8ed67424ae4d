"""Serial dates of Excel: days since the last day of 1899, and the time of day as a fraction of a day."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from importer.errors import BadValue
from importer.events.wall_time import WallTime
from importer.text import quoted

EXCEL: Final = "excel"
"""What ``--time-format`` is for these."""

_SERIAL = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,20}))?").fullmatch
_MS_PER_DAY = 86_400_000
_LEAP_DAY_THAT_NEVER_WAS = 60  # Excel has a 29 February 1900, as Lotus 1-2-3 had: later days count one more
_LAST: Final = 2_958_465  # 9999-12-31
_USUAL: Final = range(25_934, 73_415)  # 1971 to 2100, in which epochs are read, too


def read_serial(text: str) -> WallTime | None:
    """Return the time of a serial date in Excel's 1900 system, to the millisecond; None if it is none.

    A cell of Excel holds 15 digits, so a time of day is exact to some microseconds: it is rounded to the
    millisecond that it was. Of a cell with fewer decimals only these are known: with 4, 8.64 seconds.

    Raises:
        BadValue: It is a day that Excel has and the calendar does not, or a time of day without a date.
    """
    found = _SERIAL(text)
    if found is None:
        return None
    days, fraction = int(found[1]), found[2] or "0"
    if days < 1 or days == _LEAP_DAY_THAT_NEVER_WAS or days > _LAST:
        raise BadValue(f"{quoted(text)} is no date of Excel: those are 1 to {_LAST}, and 60 never was")
    scale = 10 ** len(fraction)
    milliseconds = (2 * int(fraction) * _MS_PER_DAY + scale) // (2 * scale)
    first = datetime(1899, 12, 31 if days < _LEAP_DAY_THAT_NEVER_WAS else 30)  # noqa: DTZ001 - wall clock
    try:
        moment = first + timedelta(days=days, milliseconds=milliseconds)
    except OverflowError:  # rounded up to the year 10000
        raise BadValue(f"{quoted(text)} lies outside of the years 1 to 9999") from None
    return WallTime(moment.replace(microsecond=0), moment.microsecond * 1_000)


def is_usual_serial(text: str) -> bool:
    """Return whether a number would be a date of the years 1971 to 2100 in Excel; no epoch is so small."""
    found = _SERIAL(text)
    return found is not None and int(found[1]) in _USUAL
