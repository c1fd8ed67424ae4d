"""Values of cells and of JSON, by their types; shared by what reads CSV and what reads JSONL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from importer import exact_json
from importer.errors import BadValue
from importer.events.canonical import clash
from importer.events.field_errors import no_object
from importer.events.number_marks import NumberMarks
from importer.events.types import rounding, to_boolean, to_integer, to_number
from importer.reading import ColumnType
from importer.text import quoted

Convert = Callable[[str], Any]
"""Makes a value out of the text of a cell that is not empty; raises `BadValue` or `exact_json.BadJSON`."""


class ValueReader:
    """Reads values, and notes what could not be kept of the record at hand.

    Args:
        read_time: Returns a time in ISO 8601, UTC; raises `BadValue`.
        marks: Of numbers as people write them; None for JSON's numbers alone.

    Attributes:
        notes: Notes on the record at hand; cleared by whoever goes on to the next.
    """

    def __init__(self, read_time: Callable[[Any], str], marks: NumberMarks | None = None) -> None:
        self.notes: list[str] = []
        self._time = read_time
        self._marks = marks
        self.converters: dict[ColumnType, Convert | None] = {
            "string": None,
            "integer": to_integer if self._marks is None else self._integer,
            "number": self._number,
            "boolean": to_boolean,
            "json": self._json,
            "time": self._time,
        }

    def declared(self, column: str, kind: ColumnType, value: Any) -> Any:
        """Return a value of JSON as what its column was declared to be.

        Raises:
            BadValue: It is something else; names the column.
        """
        if value is None:
            return None
        try:
            return self._declared(kind, value)
        except ValueError as error:
            raise BadValue(f"{column}: {error}") from None

    def _declared(self, kind: ColumnType, value: Any) -> Any:
        if kind == "time":
            return self._time(value)
        if kind == "json":
            return self._json(value) if type(value) is str else value
        if type(value) is str:
            convert = self.converters[kind]
            return value if convert is None else convert(value)
        if kind == "string" and type(value) is int:
            return str(value)
        if type(value) in _JSON_TYPES[kind]:
            return value
        raise BadValue(f"expected {kind}, found {quoted(value)}")

    def object(self, value: Any) -> dict[str, Any]:
        """Return the object that the properties column holds, as JSON text or as such.

        Raises:
            BadValue: It holds something else.
        """
        if type(value) is str:
            try:
                value = self._json(value)
            except ValueError as error:
                raise BadValue(no_object(error)) from None
        if type(value) is not dict:
            raise BadValue(f"properties: expected a JSON object, found {quoted(value)}")
        return value

    def _integer(self, text: str) -> int:
        return to_integer(text if self._marks is None else self._marks.plain_integer(text))

    def put_set(self, properties: dict[str, Any], values: Iterable[tuple[str, Any]]) -> None:
        """Put properties of ``--set`` over those of a record, with a note on each that is another."""
        for name, value in values:
            if name in properties and clash(properties[name], value):
                self.notes.append(f"{name}: --set replaces {quoted(properties[name])}")
            properties[name] = value

    def _number(self, text: str) -> Any:
        plain = text if self._marks is None else self._marks.plain_number(text)
        value = to_number(plain)
        rounded = rounding(plain)
        if rounded:
            self.notes.append(rounded)
        return value

    def _json(self, text: str) -> Any:
        value, note = exact_json.loads_all(text.encode("utf-8", "surrogateescape"))
        if note:
            self.notes.append(note)
        return value


_JSON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
