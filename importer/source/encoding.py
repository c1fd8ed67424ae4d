"""Text encodings, and bytes that are not in them.

A byte that the encoding can't decode becomes one lone surrogate, U+DC00 plus the byte. So the rest of its
line can still be read, the record that holds it can be named, and the very same bytes can be written again.
For UTF-8 that is Python's own ``surrogateescape``. Other codecs use a handler of this module, because
``surrogateescape`` refuses bytes below 0x80, and UTF-16 and others can fail on those.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final, NamedTuple

BOM: Final = "\ufeff"

_HANDLER: Final = "importer.source.encoding"


class BadByte(NamedTuple):
    """A byte that could not be decoded.

    Attributes:
        line: Index of its line, from 0.
        position: Its position in the line in characters, from 1.
        byte: The byte.
    """

    line: int
    position: int
    byte: int


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


def error_handler(encoding: str) -> str:
    """Return the name of the error handler that keeps undecodable bytes of an encoding."""
    return "surrogateescape" if encoding == "utf-8" else _HANDLER


def encoder(encoding: str) -> codecs.IncrementalEncoder:
    """Return what turns text back into the bytes from which it was decoded with `error_handler`."""
    return codecs.getincrementalencoder(encoding)(error_handler(encoding))


def find_bad_byte(lines: Sequence[str]) -> BadByte | None:
    """Return the first byte in some lines that could not be decoded."""
    for index, line in enumerate(lines):
        if line.isascii():
            continue
        try:
            line.encode()  # refuses surrogates, and nothing else
        except UnicodeEncodeError as error:
            return BadByte(index, error.start + 1, ord(line[error.start]) & 0xFF)
    return None
