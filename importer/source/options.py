"""The declared parts of a dialect, checked and brought into the form that `reading.Dialect` holds."""

from __future__ import annotations

import codecs
import re
from typing import Any, Final, cast

from importer.errors import UsageError
from importer.reading import Dialect, same_marks
from importer.source.format import DialectOptions
from importer.text import quoted_name

_NAMED: Final = {"\\t": "\t", "tab": "\t", "\\\\": "\\"}
_BY_NUMBER: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([0-7]{3}))")
_NOT_FOR_FILES: Final = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "undefined",
    "unicode-escape",
    "unicode_escape",
}


_USUAL_DELIMITERS: Final = (",", ";", "\t", "|")
_EXAMPLES: Final = {
    "delimiter": 'It is one character, for example --delimiter ";" (or "tab", or "\\x01").',
    "quote": 'It is one character, for example --quote "\'", or the word none.',
    "escape": "It is one character, for example --escape '\\', or the word none.",
    "comment": "It is one character, for example --comment '#', or the word none.",
}


def dialect_options(
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    escape: str | None = None,
    comment: str | None = None,
    **others: bool | int | str | None,
) -> DialectOptions:
    r"""Return the declared parts of a dialect; those that are None are left out.

    Args:
        encoding: Any name that Python has for it.
        delimiter: One character; also ``tab``, ``\t``, and by number as ``\x01``.
        quote: Likewise, or ``none``.
        escape: Likewise.
        comment: Likewise.
        others: Further parts, as `reading.Dialect` has them.

    Raises:
        UsageError: One of them can't be used.
    """
    found: dict[str, Any] = {name: value for name, value in others.items() if value is not None}
    if encoding is not None:
        found["encoding"] = known_encoding(encoding)
    if delimiter is not None:
        found["delimiter"] = _character("delimiter", delimiter)
    for name, value in (("quote", quote), ("escape", escape), ("comment", comment)):
        if value is not None:
            found[name] = "" if value == "none" else _character(name, value)
    if delimiter is None and found.get("quote") in _USUAL_DELIMITERS:
        raise UsageError(
            f"{quoted_name(found['quote'])} can't be a quote.",
            f"{_EXAMPLES['quote']} If it is one: say with --delimiter what the delimiter is.",
        )
    return cast(DialectOptions, found)


def check_dialect(dialect: Dialect) -> None:
    """Check that no character of a dialect means two things.

    Raises:
        UsageError: One does.
    """
    if fault := same_marks(dialect):
        one, other = fault
        remedy = "A quote that is doubled inside a cell needs no --escape." if "escape" in fault else ""
        raise UsageError(
            f"{quoted_name(getattr(dialect, one))} can't be both the {one} and the {other}.",
            remedy or f"Say --{one} or --{other} with another character.",
        )


def known_encoding(name: str) -> str:
    """Return Python's name for a text encoding.

    Raises:
        UsageError: There is no such encoding, or no file is written in it.
    """
    remedy = "Common ones are utf-8, cp1252, latin-1, utf-16, shift_jis and gb18030."
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # fails for a codec that is not for text (hex, zip)
    except (LookupError, ValueError) as error:
        raise UsageError(f"{quoted_name(name)} is not an encoding that Python knows.", remedy) from error
    if found in _NOT_FOR_FILES:
        raise UsageError(f"{quoted_name(name)} is not an encoding that files are written in.", remedy)
    return "utf-8" if found == "utf-8-sig" else found


def _character(name: str, declared: str) -> str:
    found = _NAMED.get(declared, declared)
    if number := _BY_NUMBER.fullmatch(declared):
        found = chr(int(number[1] or number[2], 16) if number[1] or number[2] else int(number[3], 8))
    if found == " ":
        raise UsageError(
            f"a space can't be the {name}.",
            "Files whose columns are parted by spaces can't be read: convert them, for example with "
            "tr -s ' ' '\\t' if no cell holds a space."
            if name == "delimiter"
            else _EXAMPLES[name],
        )
    if len(found) != 1 or found in "\r\n\0 " or (not found.isascii() and "\ud800" <= found <= "\udfff"):
        raise UsageError(f"{quoted_name(declared)} can't be the {name}.", _EXAMPLES[name])
    return found
