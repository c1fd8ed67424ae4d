"""Which column becomes which field of an event: the declared one, else the one with a well-known name.

Nothing is guessed if two columns could be meant, or none: an error stops the run and shows a ``--map`` that
would help.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from importer.errors import MappingError
from importer.model import Record
from importer.reading import FIELDS, Field
from importer.text import quoted

PROPERTY_OF: Final[Mapping[Field, str]] = {
    "distinct_id": "distinct_id",
    "time": "time",
    "ip": "ip",
    "insert_id": "$insert_id",
}
"""The name that Mixpanel gives to a field inside ``properties``."""

_WELL_KNOWN: Final[Mapping[Field, tuple[str, ...]]] = {
    "event": ("event", "event_name", "event_type", "name"),
    "distinct_id": ("distinct_id", "user_id", "uid", "user"),
    "time": (
        "time",
        "timestamp",
        "ts",
        "created_at",
        "event_time",
        "event_timestamp",
        "occurred_at",
        "datetime",
        "date_time",
    ),
    "ip": ("ip", "ip_address"),
    "insert_id": ("$insert_id", "insert_id", "event_id", "uuid", "message_id"),
    "properties": ("properties", "event_properties"),
}
_NEEDED: Final[tuple[Field, ...]] = ("event", "time")
_MEANING: Final[Mapping[Field, str]] = {"event": "the event's name", "time": "the time"}
_HINTS: Final[Mapping[Field, tuple[str, ...]]] = {
    "event": ("event", "action", "name", "type", "activity"),
    "time": ("time", "date", "when", "stamp"),
}
FIELD_CALLED: Final[Mapping[str, Field]] = {name: field for field, name in PROPERTY_OF.items()}


def _plain(name: str) -> str:
    """Return a column's name without case and separators: ``User ID``, ``userId`` → ``userid``."""
    return re.sub(r"[\s_\-.]", "", name).casefold()


_FIELD_OF: Final[Mapping[str, Field]] = {
    _plain(name): field for field, names in _WELL_KNOWN.items() for name in names
}


def well_known(column: str) -> Field | None:
    """Return the field that a column of this name is usually meant for."""
    return _FIELD_OF.get(_plain(column))


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean …?`` for the most similar of ``names``, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def path_to(column: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that lead to a column of JSONL: one, unless it is a dotted path."""
    if column in columns:
        return (column,)
    parts = column.split(".")
    for end in range(len(parts) - 1, 1, -1):  # the name of a column may have dots of its own
        first = ".".join(parts[:end])
        if first in columns:
            return (first, *parts[end:])
    return tuple(parts)


def nested_columns(sample: Sequence[Record], column: str) -> tuple[str, ...]:
    """Return the dotted paths of the keys that the objects in ``column`` have, in a sample of JSONL.

    A key that has a dot of its own has no such path.
    """
    keys: dict[str, None] = {}
    for record in sample:
        value: Any = record.values.get(column) if isinstance(record.values, dict) else None
        if isinstance(value, dict):
            keys.update(dict.fromkeys(f"{column}.{key}" for key in value if "." not in key))
    return tuple(keys)


def choose_fields(
    columns: Sequence[str],
    declared: Mapping[Field, str],
    constants: Iterable[str],
    nested: Sequence[str] = (),
    *,
    paths: bool = False,
    times: str = "",
) -> dict[Field, str]:
    """Return the column of each field.

    Args:
        columns: The columns of the source.
        declared: Columns by ``--map`` and the mapping file; an empty one means that the field has no
        column.
        constants: Names that ``--set`` defines; a field among them must have no column.
        nested: Dotted paths inside the ``properties`` column that are known (JSONL).
        paths: True if a column may be a dotted path (JSONL).
        times: A column that holds times, for the example in a message; empty if none is known.

    Raises:
        MappingError: A column does not exist, or ``event`` or ``time`` has none, or a field could be meant
            by two columns, or is both mapped and set.
    """
    set_fields = {FIELD_CALLED.get(name, name) for name in constants}
    if "token" in set_fields:
        raise MappingError("--set token=…: a token is never part of an event", "Leave it out.")
    fields: dict[Field, str] = {}
    taken = {column for column in declared.values() if column}
    for field in FIELDS:
        if field in declared:
            column = declared[field]
            if column:
                _check_exists(field, column, columns, paths=paths)
                fields[field] = column
        else:
            found = [c for c in columns if c not in taken and well_known(c) == field]
            found = found or _inside(field, [c for c in nested if c not in taken])
            if len(found) > 1:
                raise _ambiguous(field, found, columns)
            if found:
                fields[field] = found[0]
        if field in set_fields and field in fields:
            raise MappingError(
                f"--set {field}=… and the column {quoted(fields[field])} both give the {field}",
                f"Leave out --set {field}, or leave the column unmapped with --map {field}=",
            )
    missing = [field for field in _NEEDED if field not in fields and field not in set_fields]
    if missing:
        raise _missing(missing, [*columns, *nested], [*declared.values(), *fields.values()], times)
    return fields


def _inside(field: Field, nested: Sequence[str]) -> list[str]:
    """Return the keys of ``properties`` that could be a field; Mixpanel's own name for it, if it is there."""
    if field not in PROPERTY_OF:
        return []
    keys = {path.rsplit(".", 1)[1]: path for path in nested}
    if PROPERTY_OF[field] in keys:
        return [keys[PROPERTY_OF[field]]]
    return [path for key, path in keys.items() if well_known(key) == field]


def _check_exists(field: Field, column: str, columns: Sequence[str], *, paths: bool) -> None:
    if column in columns or (paths and path_to(column, columns)[0] in columns):
        return
    raise MappingError(
        f"--map {field}=…: there is no column {quoted(column)}{nearest(column, columns)}",
        _list(columns),
    )


def _ambiguous(field: Field, found: Sequence[str], columns: Sequence[str]) -> MappingError:
    names = " and ".join(map(quoted, found))
    lines = [f"Say which: --map {shlex.quote(f'{field}={found[0]}')}"]
    lines += [f"       or: --map {shlex.quote(f'{field}={other}')}" for other in found[1:]]
    return MappingError(f"{names} could each be the {field}", "\n".join([*lines, _list(columns)]))


def _missing(
    missing: Sequence[Field], columns: Sequence[str], taken: Sequence[str], times: str
) -> MappingError:
    free = [column for column in columns if column not in taken]
    chosen: dict[Field, str] = {}
    for field in reversed(missing):  # a column that holds times is easier to know than one that holds names
        left = [column for column in free if column not in chosen.values()]
        chosen[field] = times if field == "time" and times in left else _likely(field, left)
    words = " ".join(f"--map {shlex.quote(f'{field}={chosen[field]}')}" for field in missing)
    remedy = f"Say which, for example: {words}"
    if "event" in missing:
        remedy += "\nor, if all are of one kind: --set event='Name Of All Events'"
    names = " and ".join(_MEANING[field] for field in missing)
    return MappingError(f"no column is known to hold {names}", f"{remedy}\n{_list(columns)}")


def _likely(field: Field, columns: Sequence[str]) -> str:
    """Return the column that most looks like ``field``, for the example in a message."""
    for hint in _HINTS[field]:
        for column in columns:
            if hint in _plain(column):
                return column
    ends = ("_at", "At", " at") if field == "time" else ()
    return next((column for column in columns if column.endswith(ends)), "COLUMN")


def _list(columns: Sequence[str]) -> str:
    limit = 40
    names = ", ".join(c if c.isprintable() and len(c) <= limit else quoted(c) for c in columns[:limit])
    more = f" and {len(columns) - limit:,} more" if len(columns) > limit else ""
    return f"The columns are: {names}{more}"
