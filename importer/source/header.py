"""The names of columns that a header holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from importer.errors import SourceError
from importer.source.members import SourcePath, printing_words
from importer.text import quoted_name, shell_word, shell_words

_RECORD_SEPARATOR: Final = "\x1e"
"""ASCII's mark between records, beside 0x1F between fields."""


def column_names(path: SourcePath, header: Sequence[str], lines: int = 1) -> tuple[str, ...]:
    """Return the names in a header; an empty one becomes ``column_N``, counted from 1.

    Args:
        path: For the message.
        header: The cells of the header.
        lines: Physical lines down to its last; for the message, too.

    Raises:
        SourceError: A name occurs more than once, or holds the mark that ends records in some files.
    """
    if any(_RECORD_SEPARATOR in name for name in header):
        printing, mend = shell_words(printing_words(path)), "tr '\\036' '\\n'"
        mended = f"{printing} | {mend}" if printing else f"{mend} < {shell_word(str(path))}"
        raise SourceError(
            f"{path}: the header holds the control character 0x1E, with which records seem to end.",
            "Make each of them the end of a line: "
            f"{mended} > {shell_word(str(path.with_suffix('.lines.csv')))}",
        )
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
