"""Which columns a source has, and the paths to what stands inside of objects."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

Path = tuple[str | int, ...]
"""The keys of objects and the places in lists, from 0, that lead to a value."""

Openable = bool | Collection[str]
"""Whether a column may be a path into another one; or the columns into which one may lead: those of CSV that
hold JSON."""

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


def with_value(path: Path, value: Any, new: Any) -> Any:
    """Return a value with something else at a path in it, which leads somewhere; the way to it is copied."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        return {**value, step: with_value(rest, value[step], new)}
    return [*value[:step], with_value(rest, value[step], new), *value[step + 1 :]]


def take_at(path: Path, left: dict[str, Any]) -> Any:
    """Take the value at a path out of an object, and return it; None if nothing is there.

    The objects on the way are copied.

    An element of a list stays where it is, and so does what is within it.
    """
    *parents, last = path
    for number, key in enumerate(parents):
        inner = left.get(key) if isinstance(key, str) else None
        if type(inner) is not dict:
            return value_at(path[number:], left)
        left[key] = left = dict(inner)  # type: ignore[index]  # it is a text, as above
    return left.pop(last, None) if isinstance(last, str) else None


def path_to(column: str, columns: Collection[str]) -> Path:
    """Return the keys and places that lead to a column: one key, unless it is a path.

    The name of a column wins over a path, and so does one with dots of its own at which a path begins.
    """
    if column in columns:
        return (column,)
    for end in range(len(column) - 1, 0, -1):
        if column[end] in ".[" and column[:end] in columns:
            rest = parse_path(f"x{column[end:]}")
            if rest is not None:
                return (column[:end], *rest[1:])
    return parse_path(column) or tuple(column.split("."))


def exists(column: str, columns: Collection[str], *, paths: Openable) -> bool:
    """Return whether a column exists, or the one at which a path begins.

    Args:
        column: The column, or a path.
        columns: The columns of the source.
        paths: As for `Openable`.
    """
    if column in columns or not paths:
        return column in columns
    return path_to(column, columns)[0] in (columns if paths is True else paths)


def kind_of(value: Any) -> str:
    """Return what a value of JSON is, in words: it may be a secret."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number" if isinstance(value, int | float) else "nothing"
