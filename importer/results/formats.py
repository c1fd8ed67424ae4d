"""Which form a results file has: by its name and its beginning."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import IO, TYPE_CHECKING

from importer.errors import ResultsError
from importer.results.rows import (
    CSV,
    CSV_FORMATS,
    CSV_OF_ITEMS,
    JSONL,
    JSONL_FORMATS,
    JSONL_OF_ITEMS,
    RowFormat,
)
from importer.text import file_word, quoted, shell_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE = 1 << 26
"""Bytes; a field of 2 MB with every character escaped still fits."""

BLOCK_BYTES = 1 << 18
"""Bytes that are read at once, some 2,000 outcomes: few enough for the processor's cache."""

_LONGEST_HEADER = max(len(form.header) for form in CSV_FORMATS)


def new_format(path: Path, *, items: bool = False) -> RowFormat:
    """Return the form of a new results file by its name: JSONL if it ends in ``.jsonl``, else CSV.

    Args:
        path: Its path.
        items: Whether it has a column ``item``.
    """
    if _is_jsonl(path):
        return JSONL_OF_ITEMS if items else JSONL
    return CSV_OF_ITEMS if items else CSV


def existing_format(path: Path) -> RowFormat:
    """Return the form of a results file that may be there; of a new one, if it has no beginning.

    Raises:
        ResultsError: As for `read_format`.
        OSError: The file is there, but can't be read.
    """
    try:
        with path.open("rb") as file:
            return read_format(path, file) or new_format(path)
    except FileNotFoundError:
        return new_format(path)


def read_format(path: Path, file: IO[bytes]) -> RowFormat | None:
    """Read the beginning of a results file, up to the first outcome.

    Args:
        path: Its path.
        file: The file, at its beginning.

    Returns:
        Its form; None if its beginning was cut short, or the file is empty.

    Raises:
        ResultsError: It is no results file.
    """
    if _is_jsonl(path):
        form: RowFormat = JSONL
        found = file.read(len(form.start))
        file.seek(0)
        if found.startswith(form.start):
            line = file.readline(LONGEST_LINE)
            file.seek(0)
            return next((each for each in JSONL_FORMATS if each.parse(line)), form)
        whole = form.start
    else:
        found = file.read(_LONGEST_HEADER + 1)  # with a carriage return
        for form in CSV_FORMATS:
            if found.startswith(form.header):
                file.seek(len(form.header))
                return form
        whole = CSV_FORMATS[-1].header[:-1]
    if whole.startswith(found.rstrip(b"\0")):
        return None
    if b"\r\n" in found and found.removeprefix(BOM_UTF8).startswith(form.start):
        raise changed_line_ends(path)
    if found.startswith(BOM_UTF8 + form.start):
        raise ResultsError(
            f"{path} was saved by another program: it begins with a byte order mark now.",
            "Put the file back as it was written, or start a new one with --results.",
        )
    raise ResultsError(
        f"{path} is not a results file: it begins with {quoted(found[:40])}, expected {quoted(form.start)}.",
        "Name another file with --results, or move this one away.",
    )


def changed_line_ends(path: Path) -> ResultsError:
    """Return the error for results whose lines end with CRLF now: no cell of ours holds a carriage return."""
    return ResultsError(
        f"{path} was saved by another program: its lines end with CRLF now, and were written with LF.",
        "Put the file back as it was written. If nothing but the ends of lines was changed, this does it:",
        shell_words(["sed", "-i", r"s/\r$//", file_word(str(path))]),
    )


def _is_jsonl(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def read_blocks(file: IO[bytes], size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of about so many bytes, cut at ends of lines."""
    while block := file.read(size):
        yield block if block.endswith(b"\n") else block + file.readline(LONGEST_LINE)
