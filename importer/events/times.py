"""Times: each value is read by itself, exactly, and never guessed.

Accepted are ISO 8601 with an offset, epochs in s, ms, µs or ns told apart by their magnitude (from 1971 to
2100 the four ranges do not overlap), further forms that mean one thing only (`time_forms`), and whatever
``--time-format`` says. A time without a zone needs one; a local time that a change of clocks skips or repeats
is refused.

An instant is an integer of nanoseconds since the epoch, UTC: the finest that any of these forms holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from importer.errors import BadValue
from importer.events.excel_dates import EXCEL, is_usual_serial, read_serial
from importer.events.format_steps import Step, steps_of
from importer.events.time_format import AUTO, TimeFormat
from importer.events.time_forms import find_form, plain_epoch
from importer.events.wall_time import WallTime
from importer.events.zones import (
    ClockChange,
    NoZone,
    is_place,
    local_offset,
    offset_seconds,
    place_named,
    zone_named,
)
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
DATE_ONLY: Final = "date only"
"""A form of ISO 8601 with neither a time of day nor a zone."""
_EXPECTED = "ISO 8601 with an offset, or an epoch in s, ms, µs or ns"
_ONE_SECOND = timedelta(seconds=1)


class TimeReader:
    """Reads the time of a record.

    Args:
        timezone: IANA name of the zone of times without one; empty if there is none.
        time_format: Formats of strptime, ``excel`` or ``auto``, tried in order; none for ``auto``, the forms
            that mean one thing only.
        local_epochs: Epochs count from midnight of 1970-01-01 in ``timezone``, not UTC, as in exports of
            old Mixpanel projects.

    Attributes:
        form: The form in which the last time was written, for people, such as ``epoch ms``, or the format.
        formats: As given.
        local_epochs: As given.
        zone: The zone of times without one; None if there is none.

    Raises:
        UsageError: There is no such zone, or a format is one that is not honoured.
    """

    def __init__(
        self, timezone: str = "", time_format: Sequence[str] = (), *, local_epochs: bool = False
    ) -> None:
        self.zone = zone_named(timezone) if timezone else None
        self._formats = tuple(map(_make_format, time_format))
        self.formats = tuple(time_format)
        self.local_epochs = local_epochs
        self.form = ""

    def first_steps(self) -> tuple[Step, ...] | None:
        """Return the steps of the first format, empty if it has none; None if each form is tried first."""
        first = self._formats[0] if self._formats else None
        if first is None:
            return None
        return steps_of(first.text) if isinstance(first, TimeFormat) and not first.says_zone else ()

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
        return self._by_format(text) if self._formats else self._by_form(text)

    def _by_form(self, text: str) -> int:
        """Read a text in a form that means one thing only."""
        iso = _ISO(text)
        if iso:
            return self._by_iso(text, iso)
        epoch = _EPOCH(plain_epoch(text) or text)
        if epoch:
            return self._by_epoch(text, *epoch.groups())
        found = find_form(text)
        if found is None:
            serial = is_usual_serial(text)
            raise BadValue(self._no_epoch(text) if serial else f"expected {_EXPECTED}, found {quoted(text)}")
        instant = self._instant(found.time, text)
        self.form = found.form
        return instant

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
        self.form = WITH_OFFSET if zone else WITHOUT_ZONE if clock else DATE_ONLY
        since = wall - _EPOCH_NAIVE
        seconds = since.days * 86_400 + since.seconds
        seconds -= offset_seconds(zone) if zone else self._local_offset(wall, text)
        return _checked(seconds, text) * NS_PER_S + (int(frac.ljust(9, "0")) if frac else 0)

    def _by_epoch(self, text: str, whole: str, frac: str | None) -> int:
        number = int(whole)
        unit = epoch_unit(number, number)
        if unit is None:
            raise BadValue(self._no_epoch(text))
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
        """Read a text by the first format that it follows."""
        reason = None
        for each in self._formats:
            try:
                if each is None:
                    return self._by_form(text)
                time = each.read(text)
            except (NoZone, ClockChange):
                raise
            except BadValue as error:
                reason = reason or error
                continue
            if time is not None:
                self.form = each.text
                return self._instant(time, text)
        expected = " or ".join(_EXPECTED if each is None else repr(each.text) for each in self._formats)
        why = f": {reason}" if reason else ""
        raise BadValue(f"expected a time like {expected}, found {quoted(text)}{why}")

    def _instant(self, time: WallTime, text: str) -> int:
        since = time.wall - _EPOCH_NAIVE
        seconds = since.days * 86_400 + since.seconds - self._offset(time, text)
        return _checked(seconds, text) * NS_PER_S + time.nanos

    def _offset(self, time: WallTime, text: str) -> int:
        """Return the seconds ahead of UTC of a time, by the zone that is written beside it, if one is."""
        wall, offset, name = time.wall, time.offset, time.zone
        if not name:
            return self._local_offset(wall, text) if offset is None else offset
        if is_place(name):
            place = place_named(name, text)
            if offset is None:
                return local_offset(place, wall, text)
            try:
                moment = (wall - offset * _ONE_SECOND).replace(tzinfo=UTC).astimezone(place)
            except OverflowError:
                raise BadValue(f"{quoted(text)} lies outside of the years 1 to 9999 in UTC") from None
            if moment.utcoffset() != offset * _ONE_SECOND:
                raise BadValue(f"{quoted(text)} says two zones: {place.key} was not so far from UTC then")
            return offset
        if offset is not None:
            return offset
        if self.zone is None:
            raise NoZone(
                f"{quoted(text)} calls its zone {name}, as several zones are called: say"
                " --timezone ZONE (the one that is meant)"
            )
        return local_offset(self.zone, wall, text, name)

    def _local_offset(self, wall: datetime, text: str) -> int:
        """Return the seconds that the zone was ahead of UTC when its clocks showed ``wall``."""
        if self.zone is None:
            raise NoZone(
                f"{quoted(text)} has no time zone: say --timezone ZONE (the zone in which it was written)"
            )
        return local_offset(self.zone, wall, text)

    def _no_epoch(self, text: str) -> str:
        """Return why a number is no time, and what it may be."""
        why = f"{quoted(text)} is no epoch in s, ms, µs or ns between 1971 and 2100"
        if is_usual_serial(text):
            serial = read_serial(text)
            assert serial is not None
            zone = "" if self.zone else " --timezone ZONE"
            why += f"; as a date of Excel it is {serial.wall}: say --time-format {EXCEL}{zone}"
        return why


class _ExcelFormat:
    """Reads serial dates of Excel, as `TimeFormat` reads others."""

    text = EXCEL

    def read(self, text: str) -> WallTime | None:
        return read_serial(text)


def _make_format(text: str) -> TimeFormat | _ExcelFormat | None:
    """Return what reads times in a format; None for `AUTO`."""
    if text.lower() == AUTO:
        return None
    return _ExcelFormat() if text.lower() == EXCEL else TimeFormat(text)


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


def _plain_number(value: object) -> str:
    """Return a number of JSON as digits, so that ``1.7e9`` reads as ``1700000000``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)


def make_time_property(timezone: str) -> Callable[[object], str]:
    """Return a function that reads a time and returns it as `iso_utc` writes it.

    Args:
        timezone: IANA name of the zone of times without one; empty if there is none.
    """
    reader = TimeReader(timezone)
    return lambda value: iso_utc(reader.read(value))


def iso_utc(instant: int) -> str:
    """Return an instant (nanoseconds) as ISO 8601 in UTC, as fine as it is: ``2024-05-01T10:00:00.5Z``."""
    seconds, nanos = divmod(instant, NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{text}.{nanos:09d}".rstrip("0") + "Z" if nanos else f"{text}Z"
