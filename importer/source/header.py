"""The names of columns that a header holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from importer.errors import SourceError
from importer.text import quoted_name


def column_names(path: Path, header: Sequence[str], lines: int = 1) -> tuple[str, ...]:
    """Return the names in a header; an empty one becomes ``column_N``, counted from 1.

    Args:
        path: For the message.
        header: The cells of the header.
        lines: Physical lines down to its last; for the message, too.

    Raises:
        SourceError: A name occurs more than once.
    """
    names = tuple(name or f"column_{number}" for number, name in enumerate(header, 1))
    numbers_of: dict[str, list[str]] = {}
    for number, name in enumerate(names, 1):
        numbers_of.setdefault(name, []).append(str(number))
    for name, numbers in numbers_of.items():
        if len(numbers) > 1:
            raise SourceError(
                f"{path}: the header names {quoted_name(name)} {len(numbers)} times "
                f"(columns {', '.join(numbers)}).",
                "Give each column its own name, or call the columns 1, 2, … and leave the header out: "
                f"--skip-lines {lines} --no-header",
            )
    return names
