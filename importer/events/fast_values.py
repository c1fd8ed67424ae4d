"""How values become JSON that the compiled code can't read by itself, as the plan of the fast path has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson

from importer import exact_json
from importer.events.canonical import canonical
from importer.events.number_marks import marks_of
from importer.events.values import ValueReader
from importer.mixpanel import rules
from importer.reading import ColumnType, Reading
from importer.speedups.plan import ValuePlans

_Plan = tuple[ColumnType, Callable[[str], bytes | None]]
_encode: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def make_value_plans(reading: Reading, values: ValueReader) -> ValuePlans:
    """Return how the values of a source are read.

    With another decimal mark than a point, a number of JSON may mean another one: then Python is asked for
    all of them.

    Args:
        reading: How the source is read.
        values: Reads them.
    """
    marks = marks_of(reading)

    def known(kind: ColumnType) -> ColumnType:
        has_other_mark = marks is not None and marks.decimal != "."
        return "json" if has_other_mark and kind in ("integer", "number") else kind

    def of_cell(kind: ColumnType) -> _Plan:
        convert = values.converters[kind]
        return known(kind), partial(_json_of, values, lambda cell: cell if convert is None else convert(cell))

    def of_json(kind: ColumnType) -> _Plan:
        return known(kind), partial(_json_of, values, partial(_declared, values, kind))

    return ValuePlans(of_cell, of_json)


def _json_of(values: ValueReader, convert: Callable[[str], Any], text: str) -> bytes | None:
    """Return a value as JSON; None if it is invalid or gets a note."""
    values.notes.clear()
    try:
        value = canonical(convert(text))
        return None if values.notes or not rules.is_plain(value) else _encode(value)
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return None


def _declared(values: ValueReader, kind: ColumnType, text: str) -> Any:
    """Return a value of JSON, given as such, as what its column was declared to be."""
    value, note = exact_json.loads(text.encode())
    if note:
        values.notes.append(note)
    return values.declared("", kind, value)
