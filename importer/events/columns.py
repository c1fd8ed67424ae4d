"""Which columns a source has, and the paths to what stands inside of objects."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

Path = tuple[str | int, ...]
"""The keys of objects and the places in lists, from 0, that lead to a value."""

_STEP: Final = re.compile(
    r'(?:^|(?<=[\s\S])\.)(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<key>[^."\[\]]+))|\[(?P<place>[0-9]{1,9})\]'
)


def parse_path(text: str) -> Path | None:
    """Return the path that a text is, such as ``a.b``, ``items[0].id`` or ``"a.b".c``; None if it is none.

    A key that holds a dot, a bracket or a quote stands in double quotes, within which a quote is doubled.
    """
    path: list[str | int] = []
    at = 0
    while at < len(text) or not path:
        step = _STEP.match(text, at)
        if step is None:
            return None
        quoted, key, place = step.group("quoted", "key", "place")
        path.append(quoted.replace('""', '"') if quoted else key or int(place))
        at = step.end()
    return None if isinstance(path[0], int) else tuple(path)


def value_at(path: Path, value: Any) -> Any:
    """Return what stands at a path in an object; None if nothing does."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def path_to(column: str, columns: Collection[str]) -> tuple[str, ...]:
    """Return the keys that lead to a column of JSONL: one, unless it is a dotted path."""
    if column in columns:
        return (column,)
    parts = column.split(".")
    for end in range(len(parts) - 1, 1, -1):  # the name of a column may have dots of its own
        first = ".".join(parts[:end])
        if first in columns:
            return (first, *parts[end:])
    return tuple(parts)


def exists(column: str, columns: Collection[str], *, paths: bool) -> bool:
    """Return whether a column exists, or, with ``paths``, the key at which a dotted path begins."""
    return column in columns or (paths and path_to(column, columns)[0] in columns)
