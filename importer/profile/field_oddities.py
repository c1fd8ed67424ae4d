"""Looks at the values of the mapped fields for what their owner might not expect."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from importer import speedups
from importer.errors import BadValue
from importer.events.addresses import forwarded
from importer.events.field_choices import choices_of
from importer.events.field_names import PROPERTY_OF
from importer.events.field_notes import (
    ODD_WORDS,
    VALUES_ELSEWHERE,
    Oddity,
    OddityCode,
    holds_unseen,
    oddities,
    oddities_of_part,
)
from importer.events.null_words import make_cleaned
from importer.events.templates import template_of
from importer.mixpanel.limits import MAX_STRING_CHARACTERS
from importer.mixpanel.reserved import LINKING_EVENTS, OWN_PREFIXES, REFUSED_IDS
from importer.profile.chunk import (
    ColumnarChunk,
    Portable,
    make_cell_finder,
    make_column_finder,
    make_value_finder,
)
from importer.profile.field_values import make_looks
from importer.profile.tally import Tally
from importer.reading import Attention, Field, Reading
from importer.text import MAX_QUOTED, counted, quoted, shell_word

_OBSERVED: Final[tuple[Field, ...]] = ("event", "distinct_id", "time", "ip", "insert_id")
_WITH_FRACTION: Final = re.compile(r"[+-]?\d+\.0+", re.ASCII)
_MOST_WORDS: Final = 10
"""Most words of a remedy: a line of more is none that anybody types."""

_EXPORT_AGAIN: Final = "Export the ids as text again, and import that file"


class FieldOddities:
    """Looks for ids that are damaged, words that mean no value, padding, and what else is odd about a field.

    Args:
        reading: Which column each field has.
    """

    def __init__(self, reading: Reading) -> None:
        self._observers = [
            _OneField(field, place, reading) for field in _OBSERVED for place in _places_of(field, reading)
        ]

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if chunk.records:
            for each in self._observers:
                each.observe(chunk)

    def merge(self, later: FieldOddities) -> None:
        """Add what was found in a later part of the source, or in another source."""
        known = {each.place: each for each in self._observers}
        for other in later._observers:
            if other.place in known:
                known[other.place].merge(other)
            else:
                self._observers.append(other)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        return [found for each in self._observers for found in each.attention()]


class _Place(NamedTuple):
    """A column that gives a field, or a part of it.

    Attributes:
        column: The column.
        number: Which of several alternatives it is, or is a part of; 0 for the first.
        is_part: Whether a template puts other text around it.
    """

    column: str
    number: int = 0
    is_part: bool = False


def _places_of(field: Field, reading: Reading) -> Iterator[_Place]:
    """Yield the columns that may give a field; none if ``--set`` gives it."""
    if field in reading.constants or PROPERTY_OF.get(field) in reading.constants:
        return
    if field in reading.fields:
        yield _Place(reading.fields[field])
    for number, entry in enumerate(reading.alternatives.get(field, ())):
        template = template_of(entry, reading.columns)
        if template is None or template.is_bare:
            yield _Place(template.columns[0] if template else entry, number)
        elif field != "ip":
            yield from (_Place(column, number, True) for column in dict.fromkeys(template.columns))


class _OneField(Portable):
    """What was found in a column of one field."""

    _FINDERS = frozenset({"_find", "_gives", "_oddities"})

    def __init__(self, field: Field, place: _Place, reading: Reading) -> None:
        self._field = field
        self._place = place
        self._find = _make_finder(field, place.column, reading)
        self._gives = _make_gives(field, place, reading)
        self._oddities = oddities_of_part if place.is_part else oddities
        self._nulls = frozenset(reading.null)
        self._trim = reading.trim
        self._has_cells = reading.dialect.has_cells
        self._filled = 0
        self._tallies: dict[OddityCode, Tally] = {}
        self._with_fraction = 0

    @property
    def place(self) -> tuple[Field, _Place]:
        """The field, and what gives it."""
        return self._field, self._place

    def observe(self, chunk: ColumnarChunk) -> None:
        filled, odd = self._find(chunk)
        self._filled += filled
        gives = self._gives(chunk) if self._gives and odd else None
        for index, value in odd:
            text = value.strip() if self._trim and type(value) is str else value
            if type(text) is str and text in self._nulls:
                self._filled -= 1
                continue
            found = self._oddities(self._field, text)
            if found and (gives is None or gives(index)):
                for oddity in found:
                    self._add(oddity, chunk, index, text)

    def _add(self, oddity: Oddity, chunk: ColumnarChunk, index: int, value: Any) -> None:
        text = str(value)
        if oddity.code == "damaged-ids" and _WITH_FRACTION.fullmatch(text):
            self._with_fraction += 1
        kept = text[: MAX_STRING_CHARACTERS + 1]
        self._tallies.setdefault(oddity.code, Tally()).add(chunk.row(index), kept)

    def merge(self, later: _OneField) -> None:
        self._filled += later._filled
        self._with_fraction += later._with_fraction
        for code, tally in later._tallies.items():
            self._tallies.setdefault(code, Tally()).merge(tally)

    def attention(self) -> Iterator[Attention]:
        name = {"event": "event name", "insert_id": "$insert_id"}.get(self._field, self._field)
        if self._place.is_part:
            name = f"part of the {name} (`{self._place.column}`)"
        for code, tally in self._tallies.items():
            text, remedy = _WORDS[code](name, tally)
            if "--null" in remedy and self._has_cells:
                text += "; --null holds for every column"
            if code == "damaged-ids" and self._with_fraction == self._filled:
                text += "; all of them end in .0, as of ids that were read as decimal numbers"
            invalid = sum(_refused(name, tally).values()) if code == "null-words" else 0
            yield Attention.of(code, text, remedy, count=tally.count, rows=tally.rows, invalid=invalid)


@cache
def _odd_texts() -> speedups.OddTexts:
    return speedups.OddTexts(ODD_WORDS)


# ── where values stand ───────────────────────────────────────────────────────────────────────────


def _make_finder(
    field: Field, column: str, reading: Reading
) -> Callable[[ColumnarChunk], tuple[int, Iterable[tuple[int, Any]]]]:
    """Return a function that finds the values of a field that may be odd.

    It returns how many records of a chunk have a value, and the place and the value of each that may be odd.
    """
    odd_texts = _odd_texts() if speedups.COMPILED else None
    values_of = make_column_finder(reading, column)
    cells_of = make_cell_finder(reading, column)

    def find(chunk: ColumnarChunk) -> tuple[int, Iterable[tuple[int, Any]]]:
        if odd_texts is None:
            found = [each for each in enumerate(values_of(chunk)) if each[1] not in (None, "")]
            return len(found), found
        cells = cells_of(chunk)
        if cells is None:
            return odd_texts.in_values(values_of(chunk), field)
        return odd_texts.in_column(*cells, field)

    return find


def _make_gives(
    field: Field, place: _Place, reading: Reading
) -> Callable[[ColumnarChunk], Callable[[int], bool]] | None:
    """Return what tells of a chunk which of its records take a field from this place; None if all do.

    The others have it from an alternative that comes before, or lack another part of it.
    """
    if field in reading.fields or not (place.number or place.is_part or field in reading.conditions):
        return None
    choice = next(each for each in choices_of(reading) if each.field == field).until(place.number)
    cleaned = make_cleaned(reading)
    finders = {column: make_value_finder(reading, column) for column in choice.columns}
    looks = make_looks(reading)

    def of_chunk(chunk: ColumnarChunk) -> Callable[[int], bool]:
        columns = {column: find(chunk) for column, find in finders.items()}
        asked = looks(chunk)

        def gives(index: int) -> bool:
            try:
                value, number = choice.take(
                    lambda column: cleaned(columns[column][index]), asked[index] if asked else None
                )
            except BadValue:
                return False
            return value is not None and number == place.number

        return gives

    return of_chunk


# ── what is said of them ─────────────────────────────────────────────────────────────────────────


def _records(tally: Tally, several: str, one: str) -> str:
    return f"{counted(tally.count, 'record')} {one if tally.count == 1 else several}"


def _null_words(name: str, tally: Tally) -> tuple[str, str]:
    text = f"{_records(tally, 'have', 'has')} a word as {name} that may mean no value: {tally.named()}"
    refused = _refused(name, tally)
    if refused:
        text += f"; Mixpanel refuses {', '.join(map(quoted, refused))}: invalid"
    # As a null, 0 would be left out of every other column, too, where it is a value.
    return text, _null_options(word for word in tally.values if word.lower() not in VALUES_ELSEWHERE)


def _refused(name: str, tally: Tally) -> dict[str, int]:
    """Return the words that no event has as a field of this name, and how many records have each."""
    refuses = name == "distinct_id"
    return {word: count for word, count in tally.values.items() if refuses and word in REFUSED_IDS}


def _padding(name: str, tally: Tally) -> tuple[str, str]:
    return f"{_records(tally, 'have', 'has')} white space around the {name}: {tally.named()}", "--trim"


def _damaged_ids(name: str, tally: Tally) -> tuple[str, str]:
    who = _records(tally, "have", "has")
    return f"{who} a {name} that another program seems to have changed: {tally.named()}", _EXPORT_AGAIN


def _ip(name: str, tally: Tally) -> tuple[str, str]:
    lists = {value: first for value in tally.values if (first := forwarded(value))}
    text = f"{_records(tally, 'have', 'has')} an {name} that is no address: {tally.named()}"
    if lists:
        text += f"; the first public address of a list would be {next(iter(lists.values()))}"
    # An ip that is absent has no place. What holds an address has one that its owner may want to keep, and
    # a number is a value in other columns.
    return text, _null_options(value for value in tally.values if not any(map(str.isdigit, value)))


def _reserved_names(_: str, tally: Tally) -> tuple[str, str]:
    names = tally.values
    blank = [not name.strip() for name in names]
    kinds = []
    if any(blank):
        kinds.append("a blank name")
    if any(name.startswith(OWN_PREFIXES) for name in names):
        links = ", which may link users" if not LINKING_EVENTS.isdisjoint(names) else ""
        kinds.append(f"a name of Mixpanel's own{links}")
    if any(map(holds_unseen, names)):
        kinds.append("a name with a character that can't be seen")
    if any(len(name) > MAX_STRING_CHARACTERS for name in names):
        kinds.append(f"a name over {MAX_STRING_CHARACTERS} characters, which Mixpanel cuts")
    text = f"{_records(tally, 'have', 'has')} {' or '.join(kinds)}: {tally.named()}"
    return text, "--trim" if all(blank) else ""  # which leaves them without a name: invalid


_WORDS: Final[dict[OddityCode, Callable[[str, Tally], tuple[str, str]]]] = {
    "null-words": _null_words,
    "padding": _padding,
    "damaged-ids": _damaged_ids,
    "ip": _ip,
    "reserved-names": _reserved_names,
}


def _null_options(words: Iterable[str]) -> str:
    """Return the options that make values absent: the first ones of many, and none that is long."""
    chosen = [word for word in words if len(word) <= MAX_QUOTED][:_MOST_WORDS]
    return " ".join(f"--null {shell_word(word)}" for word in chosen)
