"""Times of a whole column: the fast way to what `TimeReader` reads one by one.

Times that stand in one hour (in one minute, where the zone is not written beside them: clocks may be changed)
differ in their last digits only. So `TimeReader` is asked once for the ends of each hour, and the rest is
added: its grammar and its zones stay the only ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, Final

from importer.events.times import NS_PER_S, WITH_OFFSET, WITHOUT_ZONE, TimeReader, epoch_unit
from importer.events.types import BadValue

_WITHIN_MINUTE: Final = {f"{second:02d}": second * NS_PER_S for second in range(60)}
_WITHIN_HOUR: Final = {
    f"{minute:02d}:{text}": minute * 60 * NS_PER_S + nanoseconds
    for minute in range(60)
    for text, nanoseconds in _WITHIN_MINUTE.items()
}
_HOUR, _MINUTE, _SECOND = map(len, ("2024-05-01T10:", "2024-05-01T10:00:", "2024-05-01T10:00:00"))
_fraction = re.compile(r"[.,]([0-9]{1,9})").match
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
        self._starts: dict[str, int] = {}  # of hours and minutes, with what stands behind the second
        self._parts = {"": 0}  # fractions of a second
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
        fraction = _fraction(like, _SECOND)
        end = fraction.end() if fraction else _SECOND
        whole, within = (_HOUR, _WITHIN_HOUR) if form == WITH_OFFSET else (_MINUTE, _WITHIN_MINUTE)
        try:
            instants = self._sums(texts, whole, within, end)
        except KeyError:
            self._learn(texts, whole, end, form)
            plain = [
                text[:whole] + text[end:] in self._starts
                and text[whole:_SECOND] in within
                and text[_SECOND:end] in self._parts
                for text in texts
            ]
            read = iter(self._sums(list(compress(texts, plain)), whole, within, end))
            self.forms[form] += sum(plain)
            return [
                next(read) if at_once else self._each([text])[0]
                for text, at_once in zip(texts, plain, strict=True)
            ]
        self.forms[form] += len(texts)
        return instants

    def _sums(
        self, texts: Sequence[str], whole: int, within: Mapping[str, int], end: int
    ) -> list[int | None]:
        """Add up when the hour or minute of each time begins and what is written behind.

        Raises:
            KeyError: Something of that is not known.
        """
        starts, parts = self._starts, self._parts
        return [
            starts[text[:whole] + text[end:]] + within[text[whole:_SECOND]] + parts[text[_SECOND:end]]
            for text in texts
        ]

    def _learn(self, texts: Sequence[str], whole: int, end: int, form: str) -> None:
        """Ask for the ends of the hours or minutes that are new, and for the fractions of a second."""
        starts, parts = self._starts, self._parts
        if len(starts) > _MOST_KEPT:
            starts.clear()
        if len(parts) > _MOST_KEPT:
            parts.clear()
            parts[""] = 0
        first, last = ("00:00", "59:59") if whole == _HOUR else ("00", "59")
        for start in {text[:whole] + text[end:] for text in texts} - starts.keys():
            begin, form_then = self._one(start[:whole] + first + start[whole:])
            finish, _ = self._one(start[:whole] + last + start[whole:])
            if begin is not None and finish is not None and form_then == form:
                starts[start] = begin
        for part in {text[_SECOND:end] for text in texts} - parts.keys():
            digits = _fraction(part)
            if digits and digits.end() == len(part):
                parts[part] = int(digits[1].ljust(_NANO_DIGITS, "0"))

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
