"""Which columns a source has, and the paths to what stands inside of objects."""

from __future__ import annotations

from collections.abc import Collection


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
