"""JSONL: lines of bytes → records, by orjson."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Final

import orjson

from importer import speedups
from importer.exact_json import BadJSON, explain, suspicious
from importer.model import Record, Rejection
from importer.source.blocks import NOT_PARSED, Parsed
from importer.source.encoding import ignore
from importer.source.lines import ByteLines
from importer.text import quoted_name

LIMIT: Final = 8 * 1024 * 1024
"""Most bytes of one line, its end included."""

BOM: Final = b"\xef\xbb\xbf"

_KINDS: Final = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
_SLIPS: Final = (
    ("NaN", "NaN is no JSON: leave the key out or write null"),
    ("Infinity", "Infinity is no JSON: leave the key out or write null"),
    ("None", "None is Python: write null"),
    ("True", "True is Python: write true"),
    ("False", "False is Python: write false"),
    ("undefined", "undefined is JavaScript: leave the key out or write null"),
    ("'", "keys and strings are written in double quotes"),
)


_TOO_LONG: Final = b"\0too long"  # told from a line of the file by identity


class JsonlReader:
    """Records and rejections of lines of JSON, in order; to be iterated once.

    Args:
        source: The lines of bytes.
        keep: Gets a line longer than `LIMIT` in pieces, each with the record's row.

    Attributes:
        row: Number of the last item.
        lines: The line of the last item until the next is asked for; none if it was too long.
        bom: True if a byte order mark was taken off the first line.
        line: Number of the last line that was read.
        between: True once the byte order mark can't come any more.
    """

    def __init__(self, source: ByteLines, *, keep: Callable[[int, bytes], object] = ignore) -> None:
        self.row = 0
        self.line = 0
        self.lines: list[bytes] = []
        self.bom = False
        self.between = False
        self.source = source
        self._readline = partial(source.readline, LIMIT + 1)
        self._keep = keep

    def __iter__(self) -> Iterator[Record | Rejection]:
        lines = self.lines
        for line in self._physical():
            self.line += 1
            if line is _TOO_LONG:
                lines.clear()
            elif line.isspace():
                continue
            else:
                lines[:] = (line,)
            self.row += 1
            yield _item(self.row, self.line, line)

    def prove(self, lines: list[bytes], size: int) -> Parsed:
        """The records of the next lines, as far as they need no care.

        Args:
            lines: To be asked for `between` two records alone.
            size: Of all lines, at most.
        """
        data = b"".join(lines)
        if not speedups.COMPILED or size > LIMIT or not _is_utf8(data):
            return NOT_PARSED
        block, taken = speedups.cut_lines(data, self.row + 1, self.line + 1, _item)
        return Parsed(block, taken, stuck=False)

    def skip(self, items: int, lines: int) -> None:
        """Go on below records that were proven."""
        self.row += items
        self.line += lines

    def _physical(self) -> Iterator[bytes]:
        """Lines without the byte order mark; of one that is too long, a stand-in that is no JSON."""
        first = self.source.readline(LIMIT + 1 + len(BOM))
        self.between = True
        self.bom = first.startswith(BOM)
        first = first.removeprefix(BOM)
        for line in chain(filter(None, (first,)), iter(self._readline, b"")):
            if len(line) > LIMIT:
                self._skip(line)
                yield _TOO_LONG
            else:
                yield line

    def _skip(self, piece: bytes) -> None:
        """Read a line to its end and hold none of it."""
        self._keep(self.row + 1, piece)
        while not piece.endswith(b"\n") and (piece := self._readline()):
            self._keep(self.row + 1, piece)


def _item(row: int, number: int, line: bytes) -> Record | Rejection:
    """What a line is that isn't blank."""
    try:
        value = orjson.loads(line)
        if type(value) is not dict:
            return Rejection(row, number, f"expected a JSON object, found {_KINDS[type(value)]}")
        return Record(row, number, value, explain(line) if suspicious(line, value) else "")
    except orjson.JSONDecodeError as error:
        return Rejection(row, number, _fault(line, error))
    except BadJSON as wrong:
        return Rejection(row, number, str(wrong))


def _is_utf8(data: bytes) -> bool:
    try:
        return data.isascii() or bool(data.decode())
    except UnicodeDecodeError:
        return False


def _fault(line: bytes, error: orjson.JSONDecodeError) -> str:
    """Why a line is no JSON."""
    if line is _TOO_LONG:
        return f"the line is longer than {LIMIT:,} bytes"
    try:
        text = line.decode()
    except UnicodeDecodeError as bad:
        return (
            f"byte 0x{line[bad.start]:02X} at position {bad.start + 1} of the line is not UTF-8, as "
            "JSON must be; if the file is in another encoding, convert it first (iconv -t utf-8)"
        )
    near = text[error.pos : error.pos + 20].rstrip()
    slip = next((f"; {meaning}" for word, meaning in _SLIPS if near.startswith(word)), "")
    where = f", near {quoted_name(near)}" if near else ""
    return f"no JSON at column {error.colno}: {error.msg}{where}{slip}"
