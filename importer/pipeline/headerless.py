"""A file without a header, which is recognised by the first record standing in the place of the names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from importer.errors import BadValue
from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import FIELD_CALLED
from importer.events.times import TimeReader
from importer.events.types import is_number
from importer.model import Record

_MOST_RECORDS: Final = 50
_SNOWPLOW_COLUMNS: Final = 131
_SNOWPLOW_EVENTS: Final = frozenset(
    {"page_view", "page_ping", "struct", "unstruct", "transaction", "transaction_item"}
)
"""What stands in the sixth column, ``event``: between the time of collection and the id."""

_is_uuid: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_MAY_BE_NAME: Final = re.compile(r"[0-9]{1,4}").fullmatch  # a year, or the number of a column


def headerless_remedy(columns: Sequence[str], sample: Sequence[Record], declared: DeclaredReading) -> str:
    """Return the options that read a file without a header; empty if its first record may be one.

    A cell of it is plainly no name if it is a time, a number or an object of JSON, and what stands below it
    is so, too.

    Args:
        columns: What the first record holds.
        sample: The records below it.
        declared: What the options and the mapping file declare: it is not offered again.
    """
    kinds = [_kind_of(name) for name in columns]
    for at, kind in enumerate(kinds):
        below = [cell for record in sample[:_MOST_RECORDS] if (cell := _cell(record.values, at))]
        if any(_kind_of(cell) != kind for cell in below):
            kinds[at] = "text"
    if all(kind == "text" for kind in kinds):
        return ""
    texts = [at for at, kind in enumerate(kinds) if kind == "text"]
    plain = [at for at in texts if not any(c.isdigit() or c == "@" for c in columns[at])]
    likely = {"event": plain or texts, "time": [at for at, kind in enumerate(kinds) if kind == "time"]}
    said = {FIELD_CALLED.get(name, name) for name in declared.constants}
    said |= {field for field, column in declared.fields.items() if column}
    maps = [f"--map {field}={at[0] + 1 if at else 'N'}" for field, at in likely.items() if field not in said]
    return " ".join(["--no-header", *maps])


def _cell(values: Any, at: int) -> str:
    cell: str = values[at]
    return cell


def _kind_of(text: str) -> str:
    """Return what a cell plainly is: ``time``, ``number`` or ``object``; else ``text``."""
    if _MAY_BE_NAME(text):
        return "text"
    try:
        TimeReader("UTC").read(text)  # with a zone, a time without one can be read too
    except BadValue:
        pass
    else:
        return "time"
    if is_number(text):
        return "number"
    try:
        return "object" if text.startswith("{") and isinstance(orjson.loads(text), dict) else "text"
    except orjson.JSONDecodeError:
        return "text"


def is_snowplow(columns: Sequence[str], sample: Sequence[Record], *, header: bool) -> bool:
    """Return whether records are enriched events of Snowplow, which have 131 columns and no header.

    Args:
        columns: The columns of the source.
        sample: Its first records.
        header: True if the first record was taken for the names.
    """
    if len(columns) != _SNOWPLOW_COLUMNS:
        return False
    rows = [*([columns] if header else []), *(record.values for record in sample[:_MOST_RECORDS])]
    return bool(rows) and all(
        _cell(row, 5) in _SNOWPLOW_EVENTS
        and _is_uuid(_cell(row, 6)) is not None
        and _kind_of(_cell(row, 3)) == "time"
        for row in rows
    )
