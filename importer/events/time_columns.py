"""Times of a whole column: the fast way to what `TimeReader` reads one by one.

Times that stand in one hour (in one minute, where the zone is not written beside them: clocks may be changed)
differ in their last digits only. So `TimeReader` is asked once for the ends of each hour, and the rest is
added: its grammar and its zones stay the only ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import add
from struct import Struct
from typing import Any, Final

import orjson

from importer.events.times import NS_PER_S, WITH_OFFSET, WITHOUT_ZONE, TimeReader, epoch_unit
from importer.events.types import BadValue

_WITHIN_MINUTE: Final = {b"%02d" % second: second * NS_PER_S for second in range(60)}
_WITHIN_HOUR: Final = {
    b"%02d:%b" % (minute, text): minute * 60 * NS_PER_S + nanoseconds
    for minute in range(60)
    for text, nanoseconds in _WITHIN_MINUTE.items()
}
_HOUR, _MINUTE, _SECOND = map(len, ("2024-05-01T10:", "2024-05-01T10:00:", "2024-05-01T10:00:00"))
_fraction = re.compile(r"[.,]([0-9]{1,9})").match
_POINTS: Final = frozenset({b".", b","})
_NANO_DIGITS: Final = 9
_MOST_KEPT: Final = 50_000
_MOST_DIGITS: Final = 20  # of an epoch
_MOST_LENGTHS: Final = 4


class TimeColumns:
    """Reads many times at once.

    Args:
        reader: Reads a single time.

    Attributes:
        forms: How the times of the last `read` are written, and how often.
    """

    def __init__(self, reader: TimeReader) -> None:
        self._reader = reader
        self._starts: dict[bytes, int] = {}  # of hours and minutes, with what stands behind the second
        self.forms: Counter[str] = Counter()

    def read(self, values: Sequence[Any]) -> list[int | None]:
        """Return the instant of each value, and None where `TimeReader.read` would raise."""
        self.forms = Counter()
        kinds = set(map(type, values))
        if kinds == {int} and self._reader.free:
            return self._epochs(values) or self._each(values)
        if kinds != {str}:
            return self._each(values)
        lengths = set(map(len, values))
        if len(lengths) == 1:
            return self._texts(values)
        if len(lengths) > _MOST_LENGTHS:
            return self._each(values)
        found: list[int | None] = [None] * len(values)
        for length in lengths:
            at = [where for where, value in enumerate(values) if len(value) == length]
            for where, instant in zip(at, self._texts([values[where] for where in at]), strict=True):
                found[where] = instant
        return found

    def _texts(self, texts: Sequence[str]) -> list[int | None]:
        """Read texts of one length."""
        if not self._reader.free:
            return self._each(texts)
        if texts[0][_MINUTE - 1 : _MINUTE] == ":":
            return self._clocks(texts) or self._each(texts)
        joined = "".join(texts)
        if joined.isascii() and joined.isdigit() and len(texts[0]) <= _MOST_DIGITS:
            return self._epochs(list(map(int, texts))) or self._each(texts)
        return self._each(texts)

    def _epochs(self, numbers: Sequence[int]) -> list[int | None] | None:
        unit = None if self._reader.local_epochs else epoch_unit(min(numbers), max(numbers))
        if unit is None:
            return None
        form, scale = unit
        self.forms[form] += len(numbers)
        return [number * scale for number in numbers]

    def _clocks(self, texts: Sequence[str]) -> list[int | None] | None:
        """Read ISO 8601 with seconds; None if it is not that throughout."""
        likes = ((text, self._one(text)[1]) for text in texts)
        like, form = next((each for each in likes if each[1] in (WITH_OFFSET, WITHOUT_ZONE)), ("", ""))
        if not form:
            return None
        joined = "".join(texts)
        if not joined.isascii():
            return None
        whole, within = (_HOUR, _WITHIN_HOUR) if form == WITH_OFFSET else (_MINUTE, _WITHIN_MINUTE)
        fraction = _fraction(like, _SECOND)
        digits = len(fraction[1]) if fraction else 0
        behind = len(like) - _SECOND - bool(digits) - digits
        cut = Struct(f"{whole}s{_SECOND - whole}s{bool(digits):d}s{digits}s{behind}s")
        heads, clocks, points, parts, zones = zip(*cut.iter_unpack(joined.encode()), strict=True)
        keys = list(map(bytes.__add__, heads, zones))
        self._learn(set(keys).difference(self._starts), whole, form)
        if not _are_fractions(points, parts):
            return self._some(texts, zip(keys, clocks, points, parts, strict=True), within, form)
        try:
            instants = list(map(add, map(self._starts.__getitem__, keys), map(within.__getitem__, clocks)))
        except KeyError:
            return self._some(texts, zip(keys, clocks, points, parts, strict=True), within, form)
        self.forms[form] += len(texts)
        return list(map(add, instants, _nanoseconds(parts))) if digits else instants

    def _some(
        self,
        texts: Sequence[str],
        pieces: Iterable[tuple[bytes, bytes, bytes, bytes]],
        within: Mapping[bytes, int],
        form: str,
    ) -> list[int | None]:
        """Add up the pieces of each text, and read those one by one that have none."""
        instants: list[int | None] = []
        for text, (key, clock, point, part) in zip(texts, pieces, strict=True):
            if key in self._starts and clock in within and _are_fractions((point,), (part,)):
                nanoseconds = sum(_nanoseconds((part,))) if part else 0
                instants.append(self._starts[key] + within[clock] + nanoseconds)
                self.forms[form] += 1
            else:
                instants += self._each([text])
        return instants

    def _learn(self, new: Collection[bytes], whole: int, form: str) -> None:
        """Ask for the ends of hours or minutes that are new."""
        starts = self._starts
        if len(starts) > _MOST_KEPT:
            starts.clear()
        first, last = ("00:00", "59:59") if whole == _HOUR else ("00", "59")
        for key in new:
            start = key.decode()
            begin, form_then = self._one(start[:whole] + first + start[whole:])
            finish, _ = self._one(start[:whole] + last + start[whole:])
            if begin is not None and finish is not None and form_then == form:
                starts[key] = begin

    def _each(self, values: Sequence[Any]) -> list[int | None]:
        """Read values one by one, and equal texts once."""
        known: dict[str, tuple[int | None, str]] = {}
        found: list[int | None] = []
        for value in values:
            if type(value) is not str:
                instant, form = self._one(value)
            else:
                if value not in known:
                    known[value] = self._one(value)
                instant, form = known[value]
            found.append(instant)
            if instant is not None:
                self.forms[form] += 1
        return found

    def _one(self, value: Any) -> tuple[int | None, str]:
        try:
            return self._reader.read(value), self._reader.form
        except BadValue:
            return None, ""


def _are_fractions(points: Iterable[bytes], parts: Sequence[bytes]) -> bool:
    """True if these are fractions of a second, or none."""
    digits = b"".join(parts)
    return not digits or (digits.isdigit() and _POINTS.issuperset(points))


def _nanoseconds(parts: Sequence[bytes]) -> Iterable[int]:
    """Return how long fractions of a second of equally many digits are."""
    digits = len(parts[0])
    # JSON has no leading zeros: a one is set before each, and taken off again.
    numbers = map((-(10**digits)).__add__, orjson.loads(b"[1%b]" % b",1".join(parts)))
    return map((10 ** (_NANO_DIGITS - digits)).__mul__, numbers)
