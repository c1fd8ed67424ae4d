"""Formats of strptime: each directive is honoured, or the format is refused.

Python's own ``strptime`` takes some directives and forgets them (``%p`` beside ``%H``, the day of the week,
the name of a zone), fills in what a format leaves open with 1900, and knows the names of the machine's
language. This reads the same directives, with English names, and nothing is left out or filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from importer.errors import BadValue, UsageError
from importer.events.format_patterns import as_strptime
from importer.events.format_steps import FIRST_SHORT_YEAR
from importer.events.format_text import HALF, half_in, with_half
from importer.events.wall_time import (
    MONTHS,
    SHORT,
    WEEKDAYS,
    WallTime,
    check_weekday,
    hour_of_day,
    number_of_month,
    number_of_weekday,
    wall_clock,
)
from importer.events.zones import NOT_WRITTEN, UTC_NAMES, WrittenZone, is_place, offset_seconds, zones_in
from importer.text import quoted, shell_word

AUTO: Final = "auto"
"""The ``--time-format`` for the forms that are read without one, beside other formats."""

_EXAMPLE: Final = "Use the directives of Python's strptime, such as %d.%m.%Y %H:%M:%S"
_FIXED: Final[Mapping[str, str]] = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0[1-9]",
    "d": "3[01]|[12][0-9]|0[1-9]",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]",
    "H": "2[0-3]|[01][0-9]",
    "I": "1[0-2]|0[1-9]",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{6}",
    "w": "[0-6]",
    "u": "[1-7]",
    "U": "5[0-3]|[0-4][0-9]",
    "W": "5[0-3]|[0-4][0-9]",
    "G": "[0-9]{4}",
    "V": "5[0-3]|[1-4][0-9]|0[1-9]",
}
"""Directives of digits, with all their digits: so they are read where they touch another digit."""

_DIRECTIVES: Final[Mapping[str, str]] = {
    **_FIXED,
    "m": "1[0-2]|0?[1-9]",
    "d": "3[01]|[12][0-9]|0?[1-9]| [1-9]",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0?[1-9][0-9]|0{0,2}[1-9]",
    "H": "2[0-3]|[01]?[0-9]",
    "I": "1[0-2]|0?[1-9]",
    "M": "[0-5]?[0-9]",
    "S": "[0-5]?[0-9]",
    "f": "[0-9]{1,9}",
    "p": rf"{HALF}|[AP]",
    "b": "|".join(name[:SHORT] for name in MONTHS),
    "B": "|".join(MONTHS),
    "a": "|".join(name[:SHORT] for name in WEEKDAYS),
    "A": "|".join(WEEKDAYS),
    "U": "5[0-3]|[0-4]?[0-9]",
    "W": "5[0-3]|[0-4]?[0-9]",
    "V": "5[0-3]|[1-4][0-9]|0?[1-9]",
    "z": r"(?-i:Z)|[+-][0-9]{2}:?[0-5][0-9]",
    "Z": "[A-Z]{1,5}|[A-Z][A-Z_]*(?:/[A-Z0-9_+-]+)+",
}
"""The directives that are honoured, each with the pattern of its values."""

_ONCE: Final = (("Y", "y", "G"), ("m", "b", "B"), ("H", "I"), ("a", "A", "w", "u"), ("U", "W", "V"))
"""Directives of which a format may have one."""
_SPELLED_OUT: Final[Mapping[str, str]] = {
    "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "r": "%I:%M:%S %p", "e": "%d", "k": "%H",
    "l": "%I", "h": "%b", "N": "%f", "L": "%f", "P": "%p", "n": " ", "t": " ", "-d": "%d",
    "-m": "%m", "-H": "%H", "-I": "%I", "-M": "%M", "-S": "%S", "-j": "%j", "#d": "%d", "#m": "%m",
    "#H": "%H", "#I": "%I", ":z": "%z", "3N": "%f", "6N": "%f",
}  # fmt: skip
"""Directives of other languages, and what stands for them here."""
_USUAL: Final = {"iso", "iso8601", "iso 8601", "iso-8601", "epoch", "unix", "timestamp", "rfc3339"}
_OF_THE_MACHINE: Final = {"c", "x", "X"}
_TOKEN = re.compile(r"%([-#:36]?[A-Za-z%]|.|$)|([^%]+)", re.DOTALL)
_CLOCK: Final = frozenset("HIMSf")


class _Token(NamedTuple):
    """A part of a format: the letter of a directive, or text that stands for itself."""

    directive: str
    text: str = ""


class TimeFormat:
    """A format of strptime that can be read in one way only.

    Args:
        text: The format.

    Attributes:
        text: As given.
        says_zone: Whether its text says a zone, such as ``UTC`` or ``Europe/Berlin``.

    Raises:
        UsageError: It has a directive that is not honoured, or too few or too many of them.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = list(_tokens(text))
        directives = [token.directive for token in tokens if token.directive]
        _check(text, directives)
        _check_halves(text, tokens)
        why = _wrong_clock(set(directives))
        if why:
            others = _other_clocks(text, directives)
            raise _refuse(text, why, _offer(*(other for other in others if other != text)))
        self._directives = frozenset(directives)
        self._zone, pattern = _compile(text, tokens)
        self.says_zone = self._zone != NOT_WRITTEN
        self._match = re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch

    def read(self, text: str) -> WallTime | None:
        """Return the time of a value; None if it does not follow the format.

        Raises:
            BadValue: It follows it and contradicts itself: no such day, or another day of the week.
        """
        if not text.isascii():
            text = " ".join(text.split())  # U+202F stands in front of AM and PM, as JavaScript has it
        found = self._match(text) if text.isascii() else None
        if found is None:
            return None
        parts = found.groupdict()
        hour = hour_of_day(int(parts.get("H") or parts.get("I") or 0), (parts.get("p") or "")[:1], text)
        clock = hour, int(parts.get("M") or 0), int(parts.get("S") or 0)
        wall = self._date(parts, text).replace(hour=clock[0], minute=clock[1], second=clock[2])
        return WallTime(wall, int((parts.get("f") or "").ljust(9, "0")), *self._zone_of(parts, text))

    def _date(self, parts: Mapping[str, str | None], text: str) -> datetime:
        weekday = _weekday(parts)
        year = _year(parts)
        if "V" in self._directives:
            assert weekday is not None
            return _of_iso_week(year, int(parts["V"] or 0), weekday, text)
        if "U" in self._directives or "W" in self._directives:
            assert weekday is not None
            return _of_week(year, parts, weekday, text)
        if "j" in self._directives:
            first = wall_clock((year, 1, 1, 0, 0, 0), text)
            wall = first + timedelta(days=int(parts["j"] or 0) - 1)
            if wall.year != year:
                raise BadValue(f"{quoted(text)} is no time: {year} has no day {parts['j']}")
            check_weekday(wall, weekday, text)
            return wall
        name = parts.get("b") or parts.get("B")
        month = number_of_month(name) if name else int(parts["m"] or 0)
        assert month is not None
        return wall_clock((year, month, int(parts["d"] or 0), 0, 0, 0), text, weekday)

    def _zone_of(self, parts: Mapping[str, str | None], text: str) -> WrittenZone:
        name, known = self._zone.name, self._zone.offset
        if parts.get("Z"):
            name = parts["Z"] or ""
            name = name if "/" in name else name.upper()
        if name in UTC_NAMES:
            name, known = "", 0
        offset = parts.get("z")
        if not offset:
            return WrittenZone(known, name)
        seconds = offset_seconds(offset)
        if known not in (None, seconds):
            raise BadValue(f"{quoted(text)} says two zones")
        return WrittenZone(seconds, name if name and is_place(name) else "")


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        directive, literal = found.groups()
        if literal is not None:
            yield _Token("", literal)
        elif directive == "%":
            yield _Token("", "%")
        else:
            yield _Token(directive or "end")


def _refuse(text: str, why: str, remedy: str = _EXAMPLE) -> UsageError:
    return UsageError(f"--time-format {quoted(text)}: {why}", remedy)


def _check(text: str, directives: list[str]) -> None:
    """Check that a format says a time, each part of it once.

    Raises:
        UsageError: It does not.
    """
    if not directives:
        why = "it has no directive of strptime, which begins with %"
        usual = "ISO 8601 and epochs are read without --time-format."
        form = as_strptime(text)
        forms = _both_clocks(form) if re.search("(?<!h)hh?(?!h)", text) else (form,)  # of 12 hours in Java
        raise _refuse(text, why, usual if text.lower() in _USUAL else _offer(*forms))
    for directive in directives:
        _check_directive(text, directive)
    found = set(directives)
    if len(found) < len(directives):
        twice = next(each for each in directives if directives.count(each) > 1)
        raise _refuse(text, f"%{twice} stands in it twice")
    for group in _ONCE:
        same = [each for each in directives if each in group]
        if len(same) > 1:
            raise _refuse(text, f"%{same[0]} and %{same[1]} say the same: leave one out")
    why = _wrong_date(found)
    if why:
        raise _refuse(text, why)


def _check_halves(text: str, tokens: list[_Token]) -> None:
    """Check that no AM or PM is a part of a format's text, where it would be read over.

    Raises:
        UsageError: It is.
    """
    has_clock = any(token.directive in ("H", "I") for token in tokens)
    for literal, before, last in _literals(tokens):
        half = half_in(literal, before, last=last)
        if half and (has_clock or last):
            other = with_half(text)
            why = f"{half} is a half of the day, which is written %p and goes with %I"
            raise _refuse(text, why, _offer(other) if other != text else _EXAMPLE)


def _literals(tokens: list[_Token]) -> Iterator[tuple[str, str, bool]]:
    """Yield each text of a format, the directive in front of it, and whether it stands at the end."""
    for at, token in enumerate(tokens):
        if not token.directive:
            yield token.text, tokens[at - 1].directive if at else "", at == len(tokens) - 1


def _other_clocks(text: str, directives: list[str]) -> tuple[str, ...]:
    """Return formats that may be meant by one whose time of day is of 12 hours, or of 24, in part only."""
    if "p" in directives:
        return (text.replace("%H", "%I"),)
    return _both_clocks(text) if "I" in directives else ()


def _both_clocks(text: str) -> tuple[str, ...]:
    """Return a format with a clock of 12 hours and with one of 24."""
    clock = list(re.finditer(r"%[HIMSf]", text))
    if not clock or "%p" in text:
        return (text,)
    end = clock[-1].end()
    return f"{text[:end]} %p{text[end:]}".replace("%H", "%I"), text.replace("%I", "%H")


def _offer(*texts: str) -> str:
    """Return how the formats are typed that are honoured; an example if none is."""
    lines = []
    for text in texts:
        for each in dict.fromkeys((text, with_half(text))):
            try:
                TimeFormat(each if "%" in each else "%")
            except UsageError:
                continue
            lines.append(f"--time-format {shell_word(each)}")
            break
    return "   or   ".join(dict.fromkeys(lines)) or _EXAMPLE


def _check_directive(text: str, directive: str) -> None:
    if directive in _DIRECTIVES:
        return
    if directive in _SPELLED_OUT:
        offered = "".join(
            token.text.replace("%", "%%") or _SPELLED_OUT.get(token.directive, f"%{token.directive}")
            for token in _tokens(text)
        )
        raise _refuse(text, f"%{directive} is no directive of Python's strptime", _offer(offered))
    if directive in _OF_THE_MACHINE:
        why = f"%{directive} depends on the language of the machine"
        raise _refuse(text, why, "Spell it out, such as %d.%m.%Y %H:%M:%S")
    if directive == "s":
        raise _refuse(
            text, "%s is no directive of Python's strptime", "Epochs are read without --time-format."
        )
    if directive == "end":
        raise _refuse(text, "it ends with a %", "A percent sign itself is %%.")
    raise _refuse(text, f"%{directive} is no directive of Python's strptime")


def _wrong_date(found: set[str]) -> str:
    """Return what is wrong with the date of a format; empty if nothing is."""
    weekday, month = found & set("aAwu"), found & set("mbB")
    weeks = found & set("UWV")
    if weeks:
        (week,) = weeks
        if month or found & set("dj"):
            return f"%{week} says the day again: leave it out"
        if not weekday:
            return f"%{week} says the week, and no directive says the day of it"
        if week == "V":
            return "" if "G" in found else "%V goes with %G"
        return "" if found & set("Yy") else f"%{week} goes with %Y"
    if "G" in found:
        return "%G is the year of a week, and goes with %V and %u"
    if not found & set("Yy"):
        return "it has no year"
    if "j" in found:
        return "%j says the month and the day again: leave it out" if month or "d" in found else ""
    if not month:
        return "it has no month"
    return "" if "d" in found else "it has no day of the month"


def _wrong_clock(found: set[str]) -> str:
    """Return what is wrong with the time of day of a format; empty if nothing is."""
    if "p" in found and "H" in found:
        return "%p is AM or PM, and goes with %I, not with %H"
    if "p" in found and "I" not in found:
        return "%p is AM or PM, and goes with %I"
    if "I" in found and "p" not in found:
        return "%I is an hour of twelve, and goes with %p; of twenty-four it is %H"
    for finer, coarser in (("M", "HI"), ("S", "M"), ("f", "S")):
        if finer in found and found.isdisjoint(coarser):
            return f"%{finer} needs %{coarser[0]}"
    if found & set("zZ") and found.isdisjoint("HI"):
        return "it has a zone and no hour"
    return ""


def _compile(text: str, tokens: list[_Token]) -> tuple[WrittenZone, str]:
    """Return the zone that a format's own text says, and the pattern of its values."""
    zones: set[WrittenZone] = set()
    pattern = []
    directives = {token.directive for token in tokens}
    for at, token in enumerate(tokens):
        if token.directive:
            pattern.append(f"(?P<{token.directive}>{_pattern_of(tokens, at)})")
            continue
        pattern.append(r"\s+".join(map(re.escape, re.split(r"\s+", token.text))))
        found = zones_in(token.text, tokens[at - 1].directive if at else "", last=at == len(tokens) - 1)
        if at + 1 < len(tokens) and tokens[at + 1].directive == "z":
            found = [zone for zone in found if zone.offset != 0]  # GMT+0200: the offset is the zone
        if "z" in directives:  # and an abbreviation is a remark on it
            found = [zone for zone in found if zone.offset is not None or is_place(zone.name)]
        zones.update(found)
    offsets = {zone.offset for zone in zones if zone.offset is not None}
    names = {zone.name for zone in zones if zone.name}
    is_said_twice = len(offsets) > 1 or len(names) > 1 or (offsets and not all(map(is_place, names)))
    if is_said_twice or (zones and "Z" in directives):
        raise _refuse(text, "it says two zones")
    return WrittenZone(*offsets or (None,), *names or ("",)), "".join(pattern)


def _pattern_of(tokens: list[_Token], at: int) -> str:
    """Return the pattern of a directive: with all its digits where another digit stands beside it."""
    directive = tokens[at].directive
    before = tokens[at - 1] if at else _Token("")
    after = tokens[at + 1] if at + 1 < len(tokens) else _Token("")
    digit_before = before.directive in _FIXED or before.text[-1:].isdigit()
    digit_after = after.directive in _FIXED or after.text[:1].isdigit()
    if digit_after or (digit_before and directive != "f"):  # the last digits may be as many as there are
        return _FIXED.get(directive, _DIRECTIVES[directive])
    return _DIRECTIVES[directive]


# ── parts of a date ──────────────────────────────────────────────────────────────────────────────


def _year(parts: Mapping[str, str | None]) -> int:
    short = parts.get("y")
    if short is not None:
        return FIRST_SHORT_YEAR + (int(short) - FIRST_SHORT_YEAR) % 100
    return int(parts.get("Y") or parts.get("G") or 0)


def _weekday(parts: Mapping[str, str | None]) -> int | None:
    name = parts.get("a") or parts.get("A")
    if name:
        return number_of_weekday(name)
    if parts.get("w"):
        return (int(parts["w"] or 0) - 1) % 7
    return int(parts["u"] or 0) - 1 if parts.get("u") else None


def _of_iso_week(year: int, week: int, weekday: int, text: str) -> datetime:
    try:
        return datetime.fromisocalendar(year, week, weekday + 1)
    except ValueError as error:
        raise BadValue(f"{quoted(text)} is no time: {error}") from None


def _of_week(year: int, parts: Mapping[str, str | None], weekday: int, text: str) -> datetime:
    """Return the day of a week that is counted from the first Sunday (%U) or Monday (%W) of a year."""
    first = wall_clock((year, 1, 1, 0, 0, 0), text)
    begin = 6 if parts.get("U") else 0
    to_first = (begin - first.weekday()) % 7
    week = int(parts.get("U") or parts.get("W") or 0)
    wall = first + timedelta(days=to_first + 7 * (week - 1) + (weekday - begin) % 7)
    if wall.year != year:
        raise BadValue(f"{quoted(text)} is no time: {year} has no such day")
    return wall
