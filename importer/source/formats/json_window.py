"""The bytes of a file at hand, and where in the file they stand."""

from __future__ import annotations

import io
import re
from typing import Final

from importer.source.encoding import BOM

READ_SIZE: Final = 1 << 16
"""Bytes that are read at once, at least: mostly some hundreds of records."""

_BOM: Final = BOM.encode()
_AHEAD: Final = re.compile(rb"[ \t\r\n]*+")
_BETWEEN: Final = re.compile(rb"[ \t\r\n\x1e]*+")


class JsonWindow:
    """A part of a file, which goes on through it.

    Args:
        file: The decompressed bytes.

    Attributes:
        data: The bytes at hand; what stands ahead of `at` has been taken.
        at: Where the next byte stands in them.
        line: Number of the physical line on which that is, from 1.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.data = b""
        self.at = 0
        self.line = 1
        self._read = file.read1  # returns what there is: an error that comes later loses nothing
        self._at_end = False
        self._line_at = 0  # where the line begins, or what is at hand of it
        self._before = 0  # characters of the line ahead of that

    @property
    def column(self) -> int:
        """The place on the line in characters, from 1."""
        return self._before + _characters(self.data[self._line_at : self.at]) + 1

    def move(self, to: int, lines: int | None = None) -> None:
        """Take the bytes up to a place.

        Args:
            to: The place.
            lines: How many line ends are in them; None to count these.
        """
        found = self.data.count(b"\n", self.at, to) if lines is None else lines
        if found:
            self.line += found
            self._line_at = self.data.rfind(b"\n", self.at, to) + 1
            self._before = 0
        self.at = to

    def more(self) -> bool:
        """Read as many bytes as are left, or `READ_SIZE` of them; False at the end of the file.

        Raises:
            SourceError: The file can't be read on.
        """
        if self._at_end:
            return False
        if self._line_at < self.at:
            self._before += _characters(self.data[self._line_at : self.at])
        parts = [self.data[self.at :]]
        wanted = max(READ_SIZE, len(parts[0]))
        self.data, self.at, self._line_at = b"", 0, 0
        try:
            while wanted > 0 and not self._at_end:
                part = self._read(READ_SIZE)
                parts.append(part)
                wanted -= len(part)
                self._at_end = not part
        finally:  # what was read ahead of an error is kept
            self.data = b"".join(parts)
        return len(parts) > 1 and bool(parts[1])

    def skip_mark(self) -> None:
        """Take the byte order mark at the beginning of the file, if there is one."""
        self.more()
        if self.data.startswith(_BOM):
            self.data = self.data.removeprefix(_BOM)

    def next_byte(self, *, between: bool = False) -> bytes:
        """Return the next byte that is not blank, without taking it; none at the end of the file.

        Args:
            between: True to skip the marks of a JSON text sequence (RFC 7464), too.
        """
        skip = _BETWEEN if between else _AHEAD
        while True:
            found = skip.match(self.data, self.at)
            self.move(len(self.data) if found is None else found.end())
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.more():
                return b""


def _characters(data: bytes) -> int:
    return len(data.decode(errors="replace"))
