"""Zones: what a time says of its own, and what the clocks of a place showed."""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from importer.errors import BadValue, UsageError
from importer.text import Remembered, quoted

UTC_NAMES: Final = frozenset({"Z", "UTC", "GMT", "UT", "UCT", "ZULU"})
"""Names that mean UTC wherever they stand, in capitals."""

UTC_BEHIND_TIMES: Final = ("Z", "UTC", "GMT", "UT")
"""Those that mean it behind a time, in capitals or small letters."""

MOST_HOURS: Final = 15
"""Whole hours of the largest offset that is read: no place was ever farther from UTC."""

ABBREVIATIONS: Final = frozenset({
    "ACDT", "ACST", "ADT", "AEDT", "AEST", "AKDT", "AKST", "AMT", "ART", "AST", "AWST", "BRT", "BST",
    "CAT", "CDT", "CEST", "CET", "CLT", "COT", "CST", "EAT", "EDT", "EEST", "EET", "EST", "HKT", "HST",
    "ICT", "IDT", "IRST", "IST", "JST", "KST", "MDT", "MSD", "MSK", "MST", "NDT", "NPT", "NST", "NZDT",
    "NZST", "PDT", "PET", "PHT", "PKT", "PST", "SAST", "SGT", "SST", "TRT", "UYT", "VET", "WAT", "WEST",
    "WET", "WIB", "WIT", "WITA", "MEZ", "MESZ",
})  # fmt: skip
"""Names of zones that are not unique, or that hold for a part of the year only."""

_GERMAN: Final = {"MEZ": "CET", "MESZ": "CEST"}
_ONE_SECOND = timedelta(seconds=1)
_DAY: Final = 86_400
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what clocks showed
_END = datetime(2101, 1, 1)  # noqa: DTZ001 - likewise
_TAIL = re.compile(
    rf"(?: \ ? (?P<utc>(?i:{'|'.join(UTC_BEHIND_TIMES)}))"
    r""" (?P<ahead>(?<![Zz])[+-][0-9]{1,2}(?::?[0-9]{2})?)?
          | \ ? (?P<offset>[+-][0-9]{2}(?::?[0-9]{2})?) (?:\ (?P<label>[A-Z]{1,5}|[+-][0-9]{2,4}))?
          | \  (?P<name>[A-Z]{2,5}|[A-Z][A-Za-z_]*(?:/[A-Za-z0-9_+-]+)+) )?
        (?: \[ (?P<place>[A-Za-z0-9_+/-]{1,40}) \] )?
        (?P<rest> \ \([^()]{1,60}\) | \ m=[+-][0-9.]+ )?""",
    re.VERBOSE,
).fullmatch

_UTC = "|".join(sorted(UTC_NAMES - {"Z"}, key=len, reverse=True))
_WORD = re.compile(
    rf"(?<![A-Za-z])(?:(?P<utc>{_UTC})(?P<ahead>[+-][0-9]{{1,2}}(?::?[0-9]{{2}})?(?![0-9]))?|(?P<z>Z)"
    r"|(?P<place>[A-Z][A-Z_]*(?:/[A-Z0-9_+-]+)*))(?![A-Za-z])",
    re.IGNORECASE,
)
_OFFSET_AT_END = re.compile(r"(?:[.,][0-9]+)?\ ?([+-][0-9]{2}(?::?[0-9]{2})?)\s*").fullmatch
_BEHIND_CLOCK = re.compile(r"(?:[.,:][0-9]+)?\s?[\[(]?([A-Z]{2,5})(?![A-Za-z/])").match
_MINUTES: Final = ("M", "S", "f")
_CLOCK: Final = ("H", "I", *_MINUTES)
_NO_ZONES: Final = {"HRS", "HR", "UHR", "ON", "AT", "AND", "OF", "THE", "AM", "PM"}


class NoZone(BadValue):
    """A time that says no zone, where none was given for those."""


class ClockChange(BadValue):
    """A local time that a change of clocks skipped or repeated."""


class WrittenZone(NamedTuple):
    """What stands beside a time about its zone.

    Attributes:
        offset: Seconds ahead of UTC; None if they are not written.
        name: An abbreviation such as ``EST``, or a name of the IANA database; empty if there is none.
    """

    offset: int | None = None
    name: str = ""


NOT_WRITTEN: Final = WrittenZone()
"""No zone stands beside the time."""


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone of that name.

    Raises:
        UsageError: There is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"--timezone {quoted(name)} is no zone of the IANA database",
            "Use a name such as Europe/Berlin, America/New_York or UTC.",
        ) from None


def read_zone(tail: str) -> WrittenZone | None:
    """Return the zone that is written behind a time: ``Z``, ``+02:00``, ``GMT+0200``, ``[Europe/Berlin]``.

    Args:
        tail: All that stands behind the time of day.

    Returns:
        The zone; None if this is none.

    Raises:
        BadValue: It contradicts itself, or no place was ever so far from UTC.
    """
    return _zones[tail]


def _read_zone(tail: str) -> WrittenZone | None:
    found = _TAIL(tail)
    if found is None:
        return None
    utc, ahead, offset, label, name, place, rest = found.group(
        "utc", "ahead", "offset", "label", "name", "place", "rest"
    )
    if rest and not (utc or offset):  # what stands in brackets is a remark on the zone, none of its own
        return None
    if utc or offset:
        seconds = offset_seconds(ahead or offset or "Z")
        if label in UTC_NAMES and seconds:
            raise BadValue(f"{tail.strip()} says two zones")
        return WrittenZone(seconds, place or "")
    if name and place:
        return None
    return WrittenZone(None, place or name or "")


_zones: Final = Remembered(_read_zone)


@lru_cache(maxsize=1024)
def offset_seconds(zone: str) -> int:
    """Return the seconds ahead of UTC that ``Z``, ``UTC``, ``+02:00``, ``+0200`` or ``+2`` say.

    Raises:
        BadValue: No place was ever so far from UTC.
    """
    if zone[0] not in "+-":
        return 0
    hours, _, minutes = zone[1:].partition(":")
    if len(hours) > len("00"):
        hours, minutes = hours[:-2], hours[-2:]
    if int(hours) > MOST_HOURS or int(minutes or 0) > 59:  # noqa: PLR2004 - minutes of an hour
        raise BadValue(f"{zone} is no offset from UTC")
    return (int(hours) * 3600 + int(minutes or 0) * 60) * (-1 if zone[0] == "-" else 1)


def local_offset(zone: ZoneInfo, wall: datetime, text: str, name: str = "") -> int:
    """Return the seconds that a zone was ahead of UTC when its clocks showed ``wall``.

    Args:
        zone: The zone.
        wall: What its clocks showed, in whole seconds.
        text: The value, for messages.
        name: The abbreviation that stands beside the time, such as ``EST``; empty if none does.

    Raises:
        ClockChange: Its clocks never showed that time, or twice.
        BadValue: The abbreviation is none that the zone had then.
    """
    # Before and after a change of clocks. They differ just where a local time does not exist (then
    # the first is smaller) or exists twice (PEP 495).
    early, late = zone.utcoffset(wall), zone.utcoffset(wall.replace(fold=1))
    assert early is not None
    assert late is not None
    if early == late and not name:
        return early // _ONE_SECOND
    if early < late:
        raise ClockChange(
            f"{quoted(text)} never happened in {zone.key}: clocks were changed there; give it an offset"
        )
    if name:
        return _offset_by_name(zone, wall, text, name)
    raise ClockChange(
        f"{quoted(text)} happened twice in {zone.key}: clocks were changed there; give it an offset"
    )


def _offset_by_name(zone: ZoneInfo, wall: datetime, text: str, name: str) -> int:
    moments = [wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
    called = _GERMAN.get(name.upper(), name.upper())
    found = {moment.utcoffset() for moment in moments if moment.tzname() == called}
    if not found:
        raise BadValue(
            f"{quoted(text)} says {name}, and {zone.key} had {moments[0].tzname()} then:"
            " it is not of that zone, give it an offset"
        )
    offset = found.pop()
    assert offset is not None
    if found:
        raise ClockChange(
            f"{quoted(text)} happened twice in {zone.key}: clocks were changed there; give it an offset"
        )
    return offset // _ONE_SECOND


def place_named(name: str, text: str) -> ZoneInfo:
    """Return the IANA zone whose name stands beside a time.

    Raises:
        BadValue: There is none of that name.
    """
    try:
        return ZoneInfo("UTC" if name.upper() in UTC_NAMES else name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue(f"{quoted(text)}: {name} is no zone of the IANA database") from None


def is_place(name: str) -> bool:
    """Return whether a zone's name is one of the IANA database, and no abbreviation, which is in capitals."""
    return "/" in name or not name.isupper() or name in UTC_NAMES


@lru_cache(maxsize=16)
def local_offsets(zone: ZoneInfo) -> tuple[tuple[int, int | None], ...]:
    """Return what `local_offset` returns for the local times from 1970 to 2100, as a table.

    The zone is asked for its offset on each day, and for the second where that is another one than on the day
    before. No zone ever changed its clocks and changed them back within a day.

    Returns:
        When each span of local time begins, in seconds since 1970-01-01 by the clocks of the zone, and the
        seconds ahead of UTC in it. They are None around a time that a change of clocks skipped or repeated,
        where `local_offset` must be asked, and from 2101 on.
    """
    before = _offset_at(zone, 0)
    spans: list[tuple[int, int | None]] = [(0, before)]
    days = map(datetime.fromordinal, range(_EPOCH.toordinal(), _END.toordinal() + 1))
    for number, (one, other) in enumerate(pairwise(map(zone.utcoffset, days))):
        start, end = number * _DAY, (number + 1) * _DAY
        while one != other and before != _offset_at(zone, end):
            start = _end_of_offset(zone, start, end)
            now = _offset_at(zone, start)
            spans += (max(start - abs(now - before), spans[-1][0]), None), (start, now)
            before = now
    return (*spans, ((_END - _EPOCH) // _ONE_SECOND, None))


def _end_of_offset(zone: ZoneInfo, start: int, end: int) -> int:
    """Return when the offset of ``start`` ends, between two local times, in seconds since 1970-01-01."""
    offset = _offset_at(zone, start)
    return start + bisect_left(range(start, end), True, key=lambda at: _offset_at(zone, at) != offset)


def _offset_at(zone: ZoneInfo, seconds: int) -> int:
    offset = zone.utcoffset(_EPOCH + timedelta(0, seconds))
    assert offset is not None
    return offset // _ONE_SECOND


# ── zones in the text of a format ────────────────────────────────────────────────────────────────


def zones_in(literal: str, before: str, *, last: bool) -> list[WrittenZone]:
    """Return the zones that a text of a format says: ``Z``, ``GMT+2``, ``EST``, ``Europe/Berlin``.

    Args:
        literal: Text between two directives.
        before: The letter of the directive in front of it; empty if none is there.
        last: Nothing stands behind it.
    """
    found = _OFFSET_AT_END(literal) if last and before in _MINUTES else None
    if found is not None:
        return [WrittenZone(offset_seconds(found[1]))]
    zones = []
    for word in _WORD.finditer(literal):
        if word["utc"] or word["z"]:
            zones.append(WrittenZone(offset_seconds(word["ahead"] or "Z")))
        elif word["place"].upper() in ABBREVIATIONS:
            zones.append(WrittenZone(None, word["place"].upper()))
        elif place := _place(word["place"]):
            zones.append(WrittenZone(None, place))
    unknown = _BEHIND_CLOCK(literal) if before in (*_CLOCK, "p") and not zones else None
    if unknown is not None and unknown[1] not in _NO_ZONES:
        zones.append(WrittenZone(None, unknown[1]))
    return zones


def _place(word: str) -> str:
    """Return the zone of the IANA database of a name; empty if there is none.

    A name without a slash is a zone's as the database writes it, such as ``Japan``; one in capitals is an
    abbreviation.
    """
    if "/" in word:
        return _places().get(word.casefold(), "")
    return word if not word.isupper() and _places().get(word.casefold()) == word else ""


@lru_cache(maxsize=1)
def _places() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if name not in ("Factory", "localtime")}
