"""The record of a line, or of an object, of JSON; or why there is none."""

from __future__ import annotations

import re
from typing import Final, Literal

import orjson

from importer.exact_json import BadJSON, UnfitJSON, explain, suspicious
from importer.model import Record, Rejection
from importer.source.encoding import BOM
from importer.source.item_reader import Fit
from importer.text import quoted_name

MAX_LINE_SIZE: Final = 8 * 1024 * 1024
"""Most bytes of one line, its end included, and of one object."""

Whole = Literal["line", "object"]
"""What a text is that holds one record."""

_KINDS: Final = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_MISTAKES: Final = {
    "NaN": "NaN is no JSON: leave the key out or write null",
    "Infinity": "Infinity is no JSON: leave the key out or write null",
    "None": "None is Python: write null",
    "True": "True is Python: write true",
    "False": "False is Python: write false",
    "undefined": "undefined is JavaScript: leave the key out or write null",
    "'": "keys and strings are written in double quotes",
}
_MISTAKE: Final = re.compile("|".join(_MISTAKES)).match
OVERSIZED: Final = (
    b"\0 oversized"  # stands for such a line; compared by identity, so no line of a file is equal
)


def read_item(row: int, number: int, line: bytes, fit: Fit | None = None) -> Record | Rejection:
    """Return the item of a line that is not blank.

    Args:
        row: Its row.
        number: The number of its line.
        line: The line; or `OVERSIZED`.
        fit: As `ItemReader.fit`.
    """
    return _read(row, number, line, "line", fit)


def read_part(row: int, number: int, text: bytes, fit: Fit | None = None) -> Record | Rejection:
    """Return the item of a value that stands anywhere in a file of JSON, over any number of lines.

    Args:
        row: Its row.
        number: The number of the line on which it begins.
        text: The value; or `OVERSIZED`.
        fit: As `ItemReader.fit`.
    """
    return _read(row, number, text, "object", fit)


def _read(row: int, number: int, line: bytes, whole: Whole, fit: Fit | None) -> Record | Rejection:
    try:
        value = orjson.loads(line)
        if type(value) is not dict:
            return Rejection(row, number, f"expected a JSON object, found {_KINDS[type(value)]}")
        return Record(row, number, value, explain(line) if suspicious(line, value) else "")
    except orjson.JSONDecodeError as error:
        return Rejection(row, number, _problem_with(line, error, whole))
    except UnfitJSON as wrong:
        if fit is not None:
            return fit(Record(row, number, wrong.value, wrong.note))
        return Rejection(row, number, str(wrong))
    except BadJSON as wrong:
        return Rejection(row, number, str(wrong))


def _problem_with(line: bytes, error: orjson.JSONDecodeError, whole: Whole) -> str:
    """Return why a line, or an object, is no JSON."""
    if line is OVERSIZED:
        return f"the {whole} is longer than {MAX_LINE_SIZE:,} bytes"
    try:
        text = line.decode()
    except UnicodeDecodeError as bad:
        return (
            f"byte 0x{line[bad.start]:02X} at position {bad.start + 1} of the {whole} is not UTF-8, as "
            "JSON must be; if the file is in another encoding, convert it first (iconv -t utf-8)"
        )
    if text.startswith(BOM):
        return "a byte order mark stands ahead of the object, as where files were joined: take it out"
    near = text[error.pos : error.pos + 20].rstrip()
    found = _MISTAKE(near)
    mistake = f"; {_MISTAKES[found[0]]}" if found else ""
    where = f", near {quoted_name(near)}" if near else ""
    place = f"column {error.colno}" if whole == "line" else f"character {error.pos + 1} of the object"
    return f"no JSON at {place}: {error.msg}{where}{mistake}"
