"""The values of a field in each record of a chunk, as the mapper takes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any, Final

from importer import speedups
from importer.errors import BadValue
from importer.events.columns import path_to
from importer.events.field_choices import choices_of
from importer.events.field_names import PROPERTY_OF
from importer.events.layout import field_columns
from importer.events.null_words import make_cleaned
from importer.events.property_names import PropertyNames, is_pattern
from importer.events.templates import Look, Template
from importer.events.unmasked import make_unmasked
from importer.profile.chunk import (
    CellFinder,
    ColumnarChunk,
    Finder,
    make_cell_finder,
    make_value_finder,
)
from importer.reading import Field, Reading
from importer.text import Remembered

PlaceFinder = Callable[[ColumnarChunk, list[int]], Iterable[int]]
"""Returns which of some records of a chunk, given by their places, have something."""

_TEXTS: Final = {str, type(None)}

ValueOf = Callable[[Field, Any], Any]
"""Returns the value that the mapper takes for a field, of the values of a record; None if there is none."""


def make_finder(
    reading: Reading, field: Field, value_of: ValueOf, counter: ChoiceCounter | None = None
) -> Finder:
    """Return a function that finds the values of a field in the records of a chunk.

    A record that has none where the field is mapped may have one under Mixpanel's own name for the field: in
    the properties, or beside them.

    Args:
        reading: How the source is read.
        field: The field.
        value_of: Asked for such a record.
        counter: Counts which of its alternatives gave the value, if it has any.
    """
    if field in reading.constants:
        constant = reading.constants[field]
        return lambda chunk: [constant] * chunk.records
    if field in reading.alternatives:
        find = make_choice_finder(reading, counter or ChoiceCounter(reading, field))
    else:
        find = make_mapped_finder(reading, field)
    find_elsewhere = make_elsewhere(reading, field)
    if find_elsewhere is not None:
        find = _make_full_finder(field, find, find_elsewhere, value_of)
    default = reading.defaults.get(field)
    return find if default is None else _make_filled_finder(find, default)


def make_field_cell_finder(reading: Reading, field: Field) -> CellFinder:
    """Return a function that finds the cells of a field, where one column gives it."""
    column = reading.fields.get(field)
    settled = (reading.constants, reading.alternatives, reading.defaults)
    if column is None or any(field in each for each in settled):
        return lambda _: None
    return make_cell_finder(reading, column)


def make_mapped_finder(reading: Reading, field: Field) -> Finder:
    """Return a function that finds the values of a field where one column gives it; None for no value."""
    column = reading.fields.get(field)
    if column is None:
        return lambda chunk: [None] * chunk.records
    find = make_value_finder(reading, column)
    if not reading.null and (reading.dialect.has_cells or not reading.trim):  # cells are trimmed before
        return find
    cleaned = make_cleaned(reading)
    return lambda chunk: list(map(cleaned, find(chunk)))


def _make_filled_finder(find: Finder, default: str) -> Finder:
    """Return a function that puts a default where ``find`` finds nothing."""

    def find_or_default(chunk: ColumnarChunk) -> Sequence[Any]:
        values = find(chunk)
        if all(values):
            return values
        return [default if value is None or value == "" else value for value in values]

    return find_or_default


def _make_full_finder(field: Field, find: Finder, find_elsewhere: PlaceFinder, value_of: ValueOf) -> Finder:
    """Return a function that asks the mapper where ``find`` finds nothing and a record may have a value."""

    def find_all(chunk: ColumnarChunk) -> Sequence[Any]:
        values = find(chunk)
        if all(values):
            return values
        found = list(values)
        missing = [at for at, value in enumerate(found) if value is None or value == ""]
        for at in find_elsewhere(chunk, missing):
            found[at] = value_of(field, chunk.values(at))
        return found

    return find_all


def make_elsewhere(reading: Reading, field: Field) -> PlaceFinder | None:
    """Return a function that finds records with a value of a field where it is not mapped; None if none can.

    It is asked for records that have none where the field is mapped. As these may be many, it looks at keys
    only: not all that it finds have a value.
    """
    name = PROPERTY_OF.get(field)
    if name is None:
        return None
    bag, names = reading.fields.get("properties"), PropertyNames(reading)
    may_be_any = any(map(is_pattern, reading.renames)) or reading.shape.flatten
    if reading.dialect.has_cells:
        others = [column for column in reading.columns if column not in field_columns(reading)]
        cells = [reading.columns.index(c) for c in others if names.of_column(c) == name]
        bags = [reading.columns.index(bag)] if bag in reading.columns else []
        if may_be_any or (bags and reading.renames):
            return lambda _, places: places
        if not cells and not bags:
            return None
        return partial(_find_in_cells, cells, bags, name)
    if may_be_any:
        return lambda _, places: places
    renamed = (*reading.names.items(), *reading.renames.items())
    keys = {name, *(key for key, other in renamed if other == name)}
    path = () if bag is None else path_to(bag, reading.columns)

    def may_have(values: Any) -> bool:
        if not keys.isdisjoint(values):
            return True
        for key in path:
            values = values.get(key) if isinstance(values, dict) else None
        return bool(path) and isinstance(values, dict | str) and any(key in values for key in keys)

    return lambda chunk, places: [at for at in places if may_have(chunk.values(at))]


def _find_in_cells(
    cells: Sequence[int], bags: Sequence[int], name: str, chunk: ColumnarChunk, places: list[int]
) -> Iterable[int]:
    """Return which of some records have a value in one of some cells, or a name in one of others."""
    block = chunk.block
    if block is not None:
        filled = [at for cell in cells for at, _ in speedups.cells_beside(block, cell, b"", places)]
        named = [each for bag in bags for each in speedups.cells_beside(block, bag, name.encode(), places)]
        return {*filled, *(at for at, text in named if name in text)}
    records = chunk.rows_of_values() if places else ()
    return [
        at for at in places if any(records[at][n] for n in cells) or any(name in records[at][n] for n in bags)
    ]


# ── several columns that may give a field ────────────────────────────────────────────────────────


class ChoiceCounter:
    """Finds the value of a field that several columns may give, and counts how many records took which.

    Args:
        reading: How the source is read.
        field: One of its alternatives.

    Attributes:
        columns: The columns whose values it needs.
        taken: How many records took the value from each of the entries.
        entries: These, as the reading has them.
    """

    def __init__(self, reading: Reading, field: Field) -> None:
        entries = reading.alternatives[field]
        self.taken: Counter[str] = Counter(dict.fromkeys(entries, 0))
        self.entries = entries
        self._choice = next(each for each in choices_of(reading) if each.field == field)
        self.columns = self._choice.columns
        compared = {column for each in self._choice.conditions if each is not None for column in each.columns}
        self._compared = [at for at, column in enumerate(self.columns) if column in compared]
        self._holding: Remembered[tuple[str, ...], Sequence[int]] = Remembered(self._entries_that_hold)
        self._nulls = frozenset({"", None, *reading.null})
        # Cells are trimmed before.
        self._cleaned = make_cleaned(reading) if reading.trim and not reading.dialect.has_cells else None

    def values(self, columns: Sequence[Sequence[Any]], asked: Sequence[Look | None] = ()) -> list[Any]:
        """Return the value of the field in each record; None where there is none.

        Args:
            columns: The values of each of `columns`.
            asked: How conditions look at each record; none where they look at these values.
        """
        if self._cleaned is not None:
            columns = [list(map(self._cleaned, values)) for values in columns]
        are_texts = all(set(map(type, values)) <= _TEXTS for values in columns)
        if self._choice.conditions:
            return (
                self._by_conditions(columns) if are_texts and not asked else self._one_by_one(columns, asked)
            )
        if self.columns == self.entries:
            return self._first_filled(columns)
        has_parts = all(isinstance(entry, str) or entry.columns for entry in self._choice.entries)
        if has_parts and are_texts:
            return self._first_of_texts(columns)
        return self._one_by_one(columns)

    def _one_by_one(self, columns: Sequence[Sequence[Any]], asked: Sequence[Look | None] = ()) -> list[Any]:
        """Return the values, record by record."""
        rows = zip(zip(*columns, strict=True), chain(asked, repeat(None)), strict=False)
        return [self._value(dict(zip(self.columns, row, strict=True)), look) for row, look in rows]

    def _by_conditions(self, columns: Sequence[Sequence[str | None]]) -> list[Any]:
        """Return the values where all columns hold texts: what conditions say of some is asked once."""
        rows = zip(*([text or "" for text in columns[at]] for at in self._compared), strict=True)
        compared: Iterable[tuple[str, ...]] = rows if self._compared else repeat((), len(columns[0]))
        texts = [self._texts_of(entry, columns) for entry in self._choice.entries]
        found: list[Any] = []
        for at, key in enumerate(compared):
            found.append(None)
            for number in self._holding[key]:
                text = texts[number][at]
                if text is not None:
                    found[at] = text
                    self.taken[self.entries[number]] += 1
                    break
        return found

    def _entries_that_hold(self, texts: tuple[str, ...]) -> Sequence[int]:
        """Return the places of the entries that are tried, given the texts that conditions compare.

        None is tried behind one whose condition can't be asked.
        """
        known = {self.columns[at]: text for at, text in zip(self._compared, texts, strict=True)}
        values = {column: None if text in self._nulls else text for column, text in known.items()}
        found = []
        for number, condition in enumerate(self._choice.conditions):
            try:
                if condition is None or condition(values.__getitem__) is True:
                    found.append(number)
            except BadValue:
                break
        return found

    def _texts_of(
        self, entry: str | Template, columns: Sequence[Sequence[str | None]]
    ) -> Sequence[str | None]:
        """Return what an entry gives in each record, where all columns hold texts."""
        if isinstance(entry, str):
            is_missing = self._nulls.__contains__
            return [None if is_missing(text) else text for text in columns[self.columns.index(entry)]]
        if not entry.columns:
            return ["".join(entry.texts)] * len(columns[0])
        form = "%s".join(text.replace("%", "%%") for text in entry.texts)
        rows = zip(*(columns[self.columns.index(column)] for column in entry.columns), strict=True)
        are_filled = self._nulls.isdisjoint
        return [form % row if are_filled(row) else None for row in rows]

    def _first_filled(self, columns: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the values where all entries are columns: column by column, for speed."""
        found = list(columns[0])
        left: Sequence[int] = range(len(found))
        for entry, values in zip(self.entries, columns, strict=True):
            still = [at for at in left if self._is_missing(values[at])]
            if values is not columns[0]:
                for at in left:
                    found[at] = values[at]
            self.taken[entry] += len(left) - len(still)
            left = still
        for at in left:
            found[at] = None
        return found

    def _first_of_texts(self, columns: Sequence[Sequence[str | None]]) -> list[Any]:
        """Return the values where all columns hold texts: entry by entry, for speed."""
        found: list[Any] = [None] * len(columns[0])
        left: Sequence[int] = range(len(found))
        for entry, each in zip(self.entries, self._choice.entries, strict=True):
            texts = self._texts_of(each, columns)
            for at in left:
                found[at] = texts[at]
            still = [at for at in left if found[at] is None]
            self.taken[entry] += len(left) - len(still)
            left = still
        return found

    def _is_missing(self, value: Any) -> bool:
        return value is None or (type(value) is str and value in self._nulls)

    def _value(self, values: dict[str, Any], asked: Look | None) -> Any:
        def look(column: str) -> Any:
            return None if self._is_missing(values[column]) else values[column]

        try:
            value, number = self._choice.take(look, asked)
        except BadValue:
            return None
        if number >= 0:
            self.taken[self.entries[number]] += 1
        return value


def make_choice_finder(reading: Reading, counter: ChoiceCounter) -> Finder:
    """Return a function that finds the values of a field that several columns may give.

    Who asks again for a chunk gets what was found before.
    """
    finders = [make_value_finder(reading, column) for column in counter.columns]
    looks = make_looks(reading)

    def find(chunk: ColumnarChunk) -> Sequence[Any]:
        if counter.entries not in chunk.chosen:
            before = counter.taken.copy()
            values = counter.values([find(chunk) for find in finders], looks(chunk))
            chunk.chosen[counter.entries] = values, counter.taken - before
            return values
        values, taken = chunk.chosen[counter.entries]
        counter.taken.update(taken)
        return values

    return find


def make_looks(reading: Reading) -> Callable[[ColumnarChunk], Sequence[Look | None]]:
    """Return what finds out how conditions look at each record of a chunk; none where nothing is masked."""
    if not reading.shape.mask or not reading.conditions:
        return lambda _: ()
    unmasked = make_unmasked(reading)
    return lambda chunk: list(map(unmasked, chunk.rows_of_values()))
