"""Numbers of records as text, such as ``3-17,40``: short where they stand together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_is_ranges = re.compile(r"[1-9][0-9]{0,17}(?:-[1-9][0-9]{0,17})?(?:,[1-9][0-9]{0,17}(?:-[1-9][0-9]{0,17})?)*")


def write_ranges(rows: Iterable[int]) -> str:
    """Return rising numbers as text."""
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in _joined(rows))


def _joined(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for row in rows:
        if row != last + 1 or not first:
            if first:
                yield first, last
            first = row
        last = row
    if first:
        yield first, last


def read_ranges(text: str) -> list[range]:
    """Return the ranges that a text names.

    Raises:
        ValueError: It is not as `write_ranges` writes it.
    """
    if not _is_ranges.fullmatch(text):
        raise ValueError("expected numbers and ranges such as 3-17,40")
    found = []
    before = 0
    for part in text.split(","):
        first, _, last = part.partition("-")
        one = range(int(first), int(last or first) + 1)
        if one.start <= before or not one:
            raise ValueError("expected rising numbers")
        before = one[-1]
        found.append(one)
    return found
