"""Text of a source: encodings, bytes that are none of its characters, and words for people.

A byte that the encoding can't decode becomes one lone surrogate, U+DC00 plus the byte, so that the rest
of its line can still be read, the record that holds it can be named, and the very same bytes can be
written again. For UTF-8 that is Python's own ``surrogateescape``; other codecs get the same by a handler
of this module, because ``surrogateescape`` refuses bytes below 0x80, which UTF-16 and others can trip on.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final

from importer.errors import UsageError
from importer.text import quoted_name

BOM: Final = "\ufeff"

_HANDLER: Final = "importer.source.encoding"
_NOT_FOR_FILES: Final = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "undefined",
    "unicode-escape",
    "unicode_escape",
}


def _escape(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        bad = error.object[error.start : error.end]
        return "".join(chr(0xDC00 + byte) for byte in bad), error.end
    if isinstance(error, UnicodeEncodeError):
        end = error.start
        while end < len(error.object) and "\udc00" <= error.object[end] <= "\udcff":
            end += 1
        if end > error.start:
            return bytes(ord(char) - 0xDC00 for char in error.object[error.start : end]), end
    raise error


codecs.register_error(_HANDLER, _escape)


def handler(encoding: str) -> str:
    """Name of the error handler that keeps undecodable bytes of this encoding."""
    return "surrogateescape" if encoding == "utf-8" else _HANDLER


def known_encoding(name: str) -> str:
    """Python's name for a text encoding.

    Raises:
        UsageError: There is no such encoding, or it isn't one that files are written in.
    """
    remedy = "Common ones are utf-8, cp1252, latin-1, utf-16, shift_jis and gb18030."
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # a codec that isn't for text (hex, zip) says so here
    except (LookupError, ValueError) as error:
        raise UsageError(f"{quoted_name(name)} is not an encoding that Python knows.", remedy) from error
    if found in _NOT_FOR_FILES:
        raise UsageError(f"{quoted_name(name)} is not an encoding that files are written in.", remedy)
    return "utf-8" if found == "utf-8-sig" else found


def encoder(encoding: str) -> codecs.IncrementalEncoder:
    """What turns text back into the bytes that `lines.TextLines` made it of."""
    return codecs.getincrementalencoder(encoding)(handler(encoding))


def bad_byte(lines: Sequence[str]) -> tuple[int, int, int] | None:
    """The first byte that could not be decoded.

    Returns:
        The index of its line, its position in that line in characters, from 1, and the byte.
    """
    for index, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            line.encode()  # refuses surrogates, and nothing else
        except UnicodeEncodeError as error:
            return index, error.start + 1, ord(line[error.start]) & 0xFF
    return None


def ignore(row: int, piece: object) -> None:
    """Keep nothing of a record that is too long to hold."""
