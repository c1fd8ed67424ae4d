"""The declared parts of a dialect, checked and brought into the form that `reading.Dialect` holds."""

from __future__ import annotations

import codecs
from typing import Final

from importer.errors import UsageError
from importer.source.formats.format import DialectOptions
from importer.text import quoted_name

_TAB: Final = {"\\t": "\t", "tab": "\t"}
_NOT_FOR_FILES: Final = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "undefined",
    "unicode-escape",
    "unicode_escape",
}


def dialect_options(encoding: str | None, delimiter: str | None, quote: str | None) -> DialectOptions:
    r"""Return the declared parts of a dialect; those that are None are left out.

    Args:
        encoding: Any name that Python has for it.
        delimiter: One character, ``tab`` or ``\t``.
        quote: One character, or ``none``.

    Raises:
        UsageError: One of them can't be used.
    """
    options = DialectOptions()
    if encoding is not None:
        options["encoding"] = known_encoding(encoding)
    if delimiter is not None:
        options["delimiter"] = _delimiter(delimiter)
    if quote is not None:
        options["quote"] = _quote(quote)
    return options


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


def _delimiter(declared: str) -> str:
    found = _TAB.get(declared, declared)
    if len(found) != 1 or found in '"\r\n\0 ':
        raise UsageError(
            f"{quoted_name(declared)} is no delimiter.",
            'It is one character, for example --delimiter ";" (or "tab").',
        )
    return found


def _quote(declared: str) -> str:
    if declared == "none":
        return ""
    if len(declared) != 1 or declared in "\r\n\0 ,;\t|":
        raise UsageError(
            f"{quoted_name(declared)} is no quote.",
            'It is one character, for example --quote "\'", or the word none.',
        )
    return declared
