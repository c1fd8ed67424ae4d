"""Times: each value is read by itself, exactly, and never guessed.

Accepted are ISO 8601 with an offset, epochs in s, ms, µs or ns told apart by their magnitude (from 1971 to
2100 the four ranges do not overlap), and whatever ``--time-format`` says. A time without a zone needs one;
a local time that a change of clocks skips or repeats is refused.

An instant is an integer of nanoseconds since the epoch, UTC: the finest that any of these forms holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from importer.errors import BadValue, UsageError
from importer.text import quoted

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
EARLIEST: Final = 31_536_000
"""1971-01-01, seconds since the epoch: the first time that Mixpanel takes (Import Events)."""
_LATEST = 4_133_980_800  # 2101-01-01
_FIRST_SECOND = -62_135_596_800  # 0001-01-01, the first that a datetime can show
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59, the last

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:[.,]([0-9]{1,9}))?\ ?"
    r"(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
).fullmatch
_TO_SECOND, _TO_MINUTE, _TO_DAY = map(len, ("2024-05-01T10:00:00", "2024-05-01T10:00", "2024-05-01"))
_EPOCH = re.compile(r"(-?[0-9]{1,20})(?:\.([0-9]{1,9})0*)?").fullmatch
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on wall clocks, zone applied after
_PER_SECOND: Final = (("epoch s", 1), ("epoch ms", 10**3), ("epoch µs", 10**6), ("epoch ns", 10**9))


class EpochUnit(NamedTuple):
    """A unit in which times are counted since the epoch.

    Attributes:
        form: Its name for people, such as ``epoch ms``.
        lowest: The first count that is read in this unit.
        end: The first count that is not any more.
        nanoseconds: What one is.
    """

    form: str
    lowest: int
    end: int
    nanoseconds: int


EPOCHS: Final = tuple(
    EpochUnit(form, EARLIEST * per_second, _LATEST * per_second, NS_PER_S // per_second)
    for form, per_second in _PER_SECOND
)
"""The units in which epochs are counted."""
WITH_OFFSET: Final = "ISO 8601 with offset"
"""A form in which the zone is written beside each time."""
WITHOUT_ZONE: Final = "ISO 8601 without zone"
"""A form in which it is not."""
_DATE = "date only"
_EXPECTED = "ISO 8601 with an offset, or an epoch in s, ms, µs or ns"
_ONE_SECOND = timedelta(seconds=1)


class NoZone(BadValue):
    """A time that says no zone, where none was given for those."""


class ClockChange(BadValue):
    """A local time that a change of clocks skipped or repeated."""


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


class TimeReader:
    """Reads the time of a record.

    Args:
        timezone: IANA name of the zone of times without one; empty if there is none.
        time_format: strptime formats, tried in order; none for ISO 8601 and epochs.
        local_epochs: Epochs count from midnight of 1970-01-01 in ``timezone``, not UTC, as in exports of
            old Mixpanel projects.

    Attributes:
        form: The form in which the last time was written, for people, such as ``epoch ms``.
        free: True if forms are told apart value by value: no ``time_format`` was given.
        local_epochs: As given.
    """

    def __init__(
        self, timezone: str = "", time_format: Sequence[str] = (), *, local_epochs: bool = False
    ) -> None:
        self._zone = zone_named(timezone) if timezone else None
        self._zone_name = timezone
        self._formats = tuple(map(_checked_format, time_format))
        self.local_epochs = local_epochs
        self.free = not time_format
        self.form = ""

    def read(self, value: object) -> int:
        """Return the instant of ``value``, in nanoseconds since the epoch (UTC), and set `form`.

        Raises:
            BadValue: It is no time, has no zone, or falls where clocks change.
        """
        if type(value) is str:
            text = value.strip()
        elif type(value) in (int, float):
            text = _plain_number(value)
        else:
            raise BadValue(f"expected {_EXPECTED}, found {quoted(value)}")
        if self._formats:
            return self._by_format(text)
        iso = _ISO(text)
        if iso:
            return self._by_iso(text, iso)
        epoch = _EPOCH(text)
        if epoch:
            return self._by_epoch(text, *epoch.groups())
        raise BadValue(f"expected {_EXPECTED}, found {quoted(value)}")

    def _by_iso(self, text: str, parts: re.Match[str]) -> int:
        clock, second, frac, zone = parts.groups()
        if frac and not second:
            raise BadValue(f"expected {_EXPECTED}, found {quoted(text)}")
        if clock and clock >= "24":  # some versions of Python read 24:00 as the next day, others don't
            raise BadValue(f"{quoted(text)} is no time: hour must be in 0..23")
        try:
            wall = datetime.fromisoformat(text[: _TO_SECOND if second else _TO_MINUTE if clock else _TO_DAY])
        except ValueError as error:
            raise BadValue(f"{quoted(text)} is no time: {error}") from None
        self.form = WITH_OFFSET if zone else WITHOUT_ZONE if clock else _DATE
        since = wall - _EPOCH_NAIVE
        seconds = since.days * 86_400 + since.seconds
        seconds -= _offset(zone) if zone else self._local_offset(wall, text)
        return _checked(seconds, text) * NS_PER_S + (int(frac.ljust(9, "0")) if frac else 0)

    def _by_epoch(self, text: str, whole: str, frac: str | None) -> int:
        number = int(whole)
        unit = epoch_unit(number, number)
        if unit is None:
            raise BadValue(f"{quoted(text)} is no epoch in s, ms, µs or ns between 1971 and 2100")
        self.form, scale = unit
        instant = number * scale
        if frac:
            part = int(frac.ljust(9, "0")) * scale
            if part % NS_PER_S:
                raise BadValue(f"{quoted(text)} is finer than a nanosecond")
            instant += part // NS_PER_S
        return self._from_local(instant, text) if self.local_epochs else instant

    def _from_local(self, instant: int, text: str) -> int:
        wall = _EPOCH_NAIVE + (instant // NS_PER_S) * _ONE_SECOND
        return instant - self._local_offset(wall, text) * NS_PER_S

    def _by_format(self, text: str) -> int:
        self.form = "as --time-format says"
        # strptime accepts digits of any script; only those of ASCII are meant.
        plain = (
            text if text.isascii() else "".join("x" if c.isdecimal() and not c.isascii() else c for c in text)
        )
        for form in self._formats:
            try:
                parsed = datetime.strptime(plain, form)  # noqa: DTZ007 - a zone is asked for below
                break
            except ValueError:
                continue
        else:
            expected = " or ".join(map(repr, self._formats))
            raise BadValue(f"expected a time like {expected}, found {quoted(text)}")
        since = parsed.replace(tzinfo=None) - _EPOCH_NAIVE
        seconds = since.days * 86_400 + since.seconds
        offset = parsed.utcoffset()
        if offset is not None:
            seconds -= offset // _ONE_SECOND
        else:
            seconds -= self._local_offset(parsed.replace(microsecond=0), text)
        return _checked(seconds, text) * NS_PER_S + since.microseconds * 1_000

    def _local_offset(self, wall: datetime, text: str) -> int:
        """Return the seconds that the zone was ahead of UTC when its clocks showed ``wall``."""
        if self._zone is None:
            raise NoZone(
                f"{quoted(text)} has no time zone: say --timezone ZONE (the zone in which it was written)"
            )
        early, late = _offsets(self._zone, wall.replace(second=0))
        if early != late and wall.second:  # Liberia's clocks were once changed by 44 minutes and 30 seconds
            early, late = _offsets(self._zone, wall)
        if early == late:
            return early
        what = "never happened" if early < late else "happened twice"
        raise ClockChange(
            f"{quoted(text)} {what} in {self._zone_name}: clocks were changed there; give it an offset"
        )


def epoch_unit(smallest: int, largest: int) -> tuple[str, int] | None:
    """Return the form of all epochs in a range, and their unit in nanoseconds; None where they share none."""
    for unit in EPOCHS:
        if unit.lowest <= smallest and largest < unit.end:
            return unit.form, unit.nanoseconds
    return None


def _checked(seconds: int, text: str) -> int:
    """Return seconds since the epoch if they lie in the years 1 to 9999 of UTC."""
    if _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return seconds
    raise BadValue(f"{quoted(text)} lies outside of the years 1 to 9999 in UTC")


def _checked_format(time_format: str) -> str:
    """Return a strptime format if it is one that can be read in one way only.

    Raises:
        UsageError: It is none, or it has ``%Z``: strptime takes the name of a zone and forgets it.
    """
    if "%Z" in time_format.replace("%%", ""):
        raise UsageError(
            f"--time-format {quoted(time_format)}: the name of a zone (%Z) can't be read",
            "Write the name itself in the format, and say --timezone; an offset is %z.",
        )
    try:
        datetime.strptime("", time_format)  # noqa: DTZ007 - only the format is of interest
    except (ValueError, re.error) as error:
        if "does not match" not in str(error):
            raise UsageError(
                f"--time-format {quoted(time_format)}: {error}",
                "Use the directives of Python's strptime, such as %d.%m.%Y %H:%M:%S",
            ) from None
    return time_format


def _plain_number(value: object) -> str:
    """Return a number of JSON as digits, so that ``1.7e9`` reads as ``1700000000``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)


@lru_cache(maxsize=1024)
def _offset(zone: str) -> int:
    """Return the seconds ahead of UTC that an offset of ISO 8601 says."""
    if zone in ("Z", "z", "UTC"):
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > len("+00") else 0
    if hours > 15 or minutes > 59:  # noqa: PLR2004 - no place was ever farther from UTC
        raise BadValue(f"{zone} is no offset from UTC")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


@lru_cache(maxsize=65_536)
def _offsets(zone: ZoneInfo, wall: datetime) -> tuple[int, int]:
    """Return the zone's offsets, in seconds, before and after a change of clocks at that time.

    They differ just where a local time does not exist (the first is smaller) or exists twice (PEP 495).
    """
    early = wall.replace(tzinfo=zone, fold=0).utcoffset()
    late = wall.replace(tzinfo=zone, fold=1).utcoffset()
    assert early is not None
    assert late is not None
    return early // _ONE_SECOND, late // _ONE_SECOND


def iso_utc(instant: int) -> str:
    """Return an instant (nanoseconds) as ISO 8601 in UTC, as fine as it is: ``2024-05-01T10:00:00.5Z``."""
    seconds, nanos = divmod(instant, NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{text}.{nanos:09d}".rstrip("0") + "Z" if nanos else f"{text}Z"
