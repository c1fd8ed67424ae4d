"""Counts the records whose objects are nested deeper than Mixpanel takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from importer import speedups
from importer.events.columns import path_to
from importer.events.deep import DeepValues
from importer.events.nested import nested_columns_of
from importer.events.property_names import PropertyNames
from importer.mixpanel.limits import MAX_NESTING
from importer.mixpanel.nesting import CONTAINERS, TooDeep, too_deep
from importer.profile.chunk import ColumnarChunk, Portable
from importer.profile.tally import Tally
from importer.reading import Attention, Deep, Reading
from importer.text import counted

_ENCLOSING: Final = "{"


class DeepValuesObserver(Portable):
    """Counts the records that are invalid for their depth.

    Args:
        reading: Which columns are properties, and what becomes of deep ones.
    """

    _FINDERS = frozenset({"_deep_values", "_find", "_names"})

    def __init__(self, reading: Reading) -> None:
        self._deep_values = DeepValues(reading)
        self._tally = Tally()
        self._only_perhaps = 0
        self._find = self._in_cells if reading.dialect.has_cells else self._in_objects
        self._json_columns = dict(_json_columns(reading))
        bag = reading.fields.get("properties")
        self._bag = bag if bag is None or reading.dialect.has_cells else path_to(bag, reading.columns)[0]
        self._names = PropertyNames(reading)
        self._skipped = {column for column, kind in reading.types.items() if kind == "skip"}

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if not chunk.records:
            return
        for index, depth in self._find(chunk):
            self._tally.add(chunk.row(index))
            self._only_perhaps += depth == "perhaps"

    def merge(self, later: DeepValuesObserver) -> None:
        """Add what was found in a later part of the source, or in another source."""
        self._tally.merge(later._tally)
        self._only_perhaps += later._only_perhaps

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        count = self._tally.count
        if not count:
            return []
        have = "has" if count == 1 else "have"
        text = (
            f"{counted(count, 'record')} {have} objects nested deeper than the {MAX_NESTING} levels"
            " that Mixpanel takes: invalid"
        )
        if self._only_perhaps:
            text += (
                f"; {self._only_perhaps:,} of them only if an object in an array is a level below the array,"
                " which Mixpanel does not document"
            )
        surely = count - self._only_perhaps
        return [Attention.of("deep", text, "--deep json", count=count, rows=self._tally.rows, invalid=surely)]

    def _depth(self, properties: Iterable[tuple[str, Any]]) -> TooDeep:
        """Return whether one of some properties is too deep, and is not to be replaced."""
        found: TooDeep = ""
        for name, value in properties:
            if type(value) in CONTAINERS and self._deep_values.choice(name) == "reject":
                depth = too_deep(value)
                if depth == "surely":
                    return depth
                found = depth or found
        return found

    # ── JSONL ────────────────────────────────────────────────────────────────────────────────

    def _in_objects(self, chunk: ColumnarChunk) -> Iterator[tuple[int, TooDeep]]:
        places: Iterable[int] = range(chunk.records)
        if (
            speedups.COMPILED
            and isinstance(chunk.items, speedups.Block)
            and chunk.items.records == chunk.records
        ):
            places = speedups.lines_with_braces(chunk.items, 1 + MAX_NESTING)  # that of the line itself
        for index in places:
            depth = self._depth(self._properties(chunk.values(index)))
            if depth:
                yield index, depth

    def _properties(self, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for column, item in value.items():
            if column == self._bag and type(item) is dict:
                yield from self._inside(item)
            elif column not in self._skipped:
                name = self._names.of_column(column)
                if name is not None:
                    yield name, item

    def _inside(self, properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the properties that are kept of those in an object, by their names."""
        for key, item in properties.items():
            name = self._names.of_key(key)
            if name is not None:
                yield name, item

    # ── CSV ──────────────────────────────────────────────────────────────────────────────────

    def _in_cells(self, chunk: ColumnarChunk) -> Iterator[tuple[int, TooDeep]]:
        found: dict[int, TooDeep] = {}
        for cell, name in self._json_columns.items():
            is_bag = not name
            for index, text in _with_braces(chunk, cell, MAX_NESTING + is_bag):
                value = _parsed(text)
                if is_bag and type(value) is not dict:
                    continue
                depth = self._depth(self._inside(value) if is_bag else [(name, value)])
                if depth and found.get(index) != "surely":
                    found[index] = depth
        yield from sorted(found.items())


def make_deep_values_observer(reading: Reading) -> DeepValuesObserver | None:
    """Return an observer; None if every deep property is replaced, or no cell holds an object."""
    choices: set[Deep] = {reading.deep, *reading.deep_columns.values()}
    if "reject" not in choices or (reading.dialect.has_cells and not list(_json_columns(reading))):
        return None
    return DeepValuesObserver(reading)


def _json_columns(reading: Reading) -> Iterator[tuple[int, str]]:
    """Yield the place of each column of cells that hold JSON, and its property; empty for all properties."""
    if not reading.dialect.has_cells:
        return
    names, changed = PropertyNames(reading), nested_columns_of(reading)
    for index, column in enumerate(reading.columns):
        if column in changed or names.of_column(column) is None:
            continue
        if column == reading.fields.get("properties"):
            yield index, ""
        elif reading.types.get(column) == "json" and column not in reading.fields.values():
            yield index, names.of_column(column) or column


def _with_braces(chunk: ColumnarChunk, cell: int, most: int) -> Iterable[tuple[int, str]]:
    if chunk.block is not None:
        return speedups.with_braces(chunk.block, cell, most)
    column = chunk.column(cell)
    return [(index, text) for index, text in enumerate(column) if text.count(_ENCLOSING) > most]


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text.encode("utf-8", "surrogateescape"))
    except orjson.JSONDecodeError:
        return None
