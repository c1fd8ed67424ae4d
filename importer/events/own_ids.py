"""The ids that records bring along, found without making events of them.

Where every record has an id that Mixpanel takes, and no two have the same, no two events can be taken for
one: then nothing has to be mapped or compared. Whatever leaves a doubt is for the audit to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

import orjson

from importer.events import rules
from importer.events.json_text import COLONS, text_at
from importer.events.mapping import FIELD_CALLED, path_to
from importer.model import Reading, Record, Rejection

_values_of: Final = itemgetter(2)


class OwnIds:
    """Finds the id of each record.

    Args:
        reading: How the source is read.

    Attributes:
        sure: False if an event may have another id than the one that `of` finds.
    """

    def __init__(self, reading: Reading) -> None:
        column = reading.fields.get("insert_id", "")
        constants = {FIELD_CALLED.get(name, name) for name in reading.constants}
        self._is_csv = reading.dialect.format == "csv"
        self._null = frozenset(reading.null)
        self._cell = itemgetter(reading.columns.index(column) if self._is_csv and column else 0)
        self._path = path_to(column, reading.columns)
        self._finders = [text_at(self._path, colon) for colon in COLONS]
        self.sure = bool(column) and "insert_id" not in constants and not self._is_taken_apart(reading)

    def _is_taken_apart(self, reading: Reading) -> bool:
        """Return whether a field other than properties takes away the object that the id stands in."""
        others = [
            other for field, other in reading.fields.items() if field not in ("insert_id", "properties")
        ]
        paths = [path_to(other, reading.columns) for other in others]
        return not self._is_csv and any(self._path[: len(path)] == path != self._path for path in paths)

    def of(self, part: Any) -> list[str] | None:
        """Return the ids in a part of the source, as their events would have them.

        Args:
            part: Records and rejections (CSV), or whole lines (JSONL).

        Returns:
            None if a record that may become an event has none, or one that is not sent as it is. What becomes
            no event may have its id among the others or not.
        """
        ids = self._of_items(part) if self._is_csv else self._of_lines(part)
        if not set(map(type, ids)) <= {str} or not rules.are_insert_ids(ids):
            return None
        return None if self._null and not self._null.isdisjoint(ids) else ids

    def _of_items(self, items: Sequence[Record | Rejection]) -> list[Any]:
        if set(map(type, items)) != {Record}:
            items = [item for item in items if type(item) is Record]
        return list(map(self._cell, map(_values_of, items)))

    def _of_lines(self, lines: bytes) -> list[Any]:
        return self._in_text(lines) or [
            own for line in BytesIO(lines) for own in self._in_text(line) or self._read(line)
        ]

    def _in_text(self, lines: bytes) -> list[str]:
        """Return the ids of all of some lines; none if they must be read to tell."""
        for find in self._finders:
            found = find(lines)
            if found is not None:
                # A quote ended each, so none holds one. What is not ASCII is no id, whatever it means.
                return b'"'.join(found).decode("latin-1").split('"')
        return []

    def _read(self, line: bytes) -> list[Any]:
        """Return what a line holds in the place of the id; nothing if it is no record."""
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return []
        if type(value) is not dict:
            return []
        for key in self._path:
            value = value.get(key) if type(value) is dict else None
        return [value]
