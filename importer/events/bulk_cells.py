"""Many CSV records at once: their cells become fields and properties, column by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import orjson

from importer import exact_json
from importer.events import rules
from importer.events.cells import plan
from importer.events.columns import READERS, is_short_number
from importer.events.found import Found, Properties, are_own, put
from importer.events.types import canonical
from importer.events.values import Values
from importer.model import Field, Reading


class CellsAtOnce:
    """Reads the cells of many records, by one reading.

    Args:
        reading: How the source is read.
        constants: Names of the properties that ``--set`` gives.

    Attributes:
        plain: False if no record of this reading can go without care.
    """

    def __init__(self, reading: Reading, constants: Collection[str]) -> None:
        self._null = frozenset(reading.null)
        self._fields = tuple((field, reading.columns.index(c)) for field, c in reading.fields.items())
        self._values = Values(reading)
        self._columns = plan(reading)
        self._names = tuple(name for _, name, _, _ in self._columns)
        taken = frozenset({*self._names, *constants})
        self._reserved = bool(rules.note_on_names(self._names))
        self._bags = Properties(lambda name: name not in taken)
        self.plain = len(taken) == len(self._names) + len(constants) and are_own(self._names)

    def __call__(self, records: Sequence[Sequence[str]]) -> Found:
        """Return what some records hold; at least one, each as wide as the columns."""
        columns: list[Sequence[str]] = list(zip(*records, strict=True))
        if self._null:
            columns = [
                cells if self._null.isdisjoint(cells) else ["" if c in self._null else c for c in cells]
                for cells in columns
            ]
        odd: set[int] = set()
        nested: set[int] = set()
        known: dict[Field, Sequence[Any]] = {field: columns[at] for field, at in self._fields}
        reserved = self._reserved
        properties: list[dict[str, Any]]
        if "properties" in known:
            texts = [cell.encode() if cell else b"{}" for cell in known.pop("properties")]
            properties = self._parsed(texts, odd)
            reserved = self._bags.settle(properties, odd, nested) or reserved
        else:
            properties = [{} for _ in records]
        for at, name, _, kind in self._columns:
            put(self._read(columns[at], kind, odd), name, properties)
        return Found(known, properties, odd, nested, reserved)

    def _read(self, cells: Sequence[str], kind: Any, odd: set[int]) -> Sequence[Any]:
        """Return the values of a column; None for an empty cell and for one that needs care."""
        reader = READERS.get(kind)
        values = reader(cells) if reader else None
        if values is not None:
            return values
        careful = [at for at, cell in enumerate(cells) if cell and not is_short_number(cell)]
        rest = [cell if is_short_number(cell) else "" for cell in cells]
        values = reader(rest) if reader and len(careful) < len(cells) else None
        if values is None:
            careful, values = list(range(len(cells))), [None] * len(cells)
        found = list(values)
        for at in careful:
            if cells[at]:
                found[at] = self._read_one(cells[at], kind)
                if found[at] is None:
                    odd.add(at)
        return found

    def _read_one(self, cell: str, kind: Any) -> Any:
        """Return the value of one cell, or None if there is a word to say of it."""
        convert, notes = self._values.converters[kind], self._values.notes
        assert convert is not None
        notes.clear()
        try:
            value = canonical(convert(cell))
        except ValueError:
            return None
        return None if notes or not rules.is_plain(value) else value

    def _parsed(self, texts: Sequence[bytes], odd: set[int]) -> list[dict[str, Any]]:
        """Return the objects of the properties column; an empty one for each text that needs care."""
        try:
            found = list(map(orjson.loads, texts))
        except orjson.JSONDecodeError:
            found = [_loaded(text) for text in texts]
        if set(map(type, found)) != {dict}:
            odd.update(at for at, value in enumerate(found) if type(value) is not dict)
            found = [value if type(value) is dict else {} for value in found]
        if not exact_json.plain(texts, found):
            pairs = zip(texts, found, strict=True)
            odd.update(at for at, pair in enumerate(pairs) if exact_json.suspicious(*pair))
        return found


def _loaded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
