"""The physical lines of a file: one by one, or in blocks.

A block holds what one read of the file brings. Blocks are small: the next step finds their lines in the
processor's cache, and their memory stays below the 128 kB above which glibc asks the system for it each time.
"""

from __future__ import annotations

import codecs
import io
from abc import ABC, abstractmethod
from collections import deque
from itertools import repeat
from typing import AnyStr, Final, Generic

from importer.reading import LineEnd

READ_SIZE: Final = 1 << 15
"""Bytes of one read. A record that defers to the slow path takes the rest of its block along."""


class Lines(ABC, Generic[AnyStr]):
    """The lines of a file, with their ends; each is read once.

    Args:
        file: The decompressed bytes.
        limit: A line of more characters or bytes is never held whole.

    Attributes:
        reads: How many times the file has been read.
        block_size: Upper bound of the size of the last block, in characters or bytes.
        clean: False if a buffered line holds a NUL or bytes that can't be decoded. Always true for bytes.
    """

    _EMPTY: AnyStr
    _ends: AnyStr | tuple[AnyStr, ...]

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self.reads = 0
        self.block_size = 0
        self.clean = True
        self._read = file.read1  # returns what there is: an error that comes later loses nothing
        self._limit = limit
        self._buffer: deque[AnyStr] = deque()  # whole lines
        self._buffer_size = 0  # upper bound, the partial line included
        self._partial: list[AnyStr] = []  # the beginning of a line whose end has not been read yet
        self._partial_size = 0
        self._partial_is_clean = True
        self._at_end = False

    @property
    def has_buffered(self) -> bool:
        """True if the next line can be returned without reading the file."""
        return bool(self._buffer)

    def readline(self, limit: int) -> AnyStr:
        """Return the next line, or its first ``limit`` characters or bytes; empty at the end of the file.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        buffer = self._buffer
        while not buffer and self._partial_size < limit and not self._at_end:
            buffer.extend(self._next_lines())
        if buffer:
            line = buffer.popleft()
            if len(line) > limit:
                buffer.appendleft(line[limit:])
        else:
            line = self._pop_partial()
            self._push_partial(line[limit:])
        line = line[:limit]
        self._buffer_size -= len(line)
        return line

    def read_block(self, before: list[AnyStr]) -> list[AnyStr]:
        """Return the buffered lines, or those of the next read.

        Args:
            before: Lines of the last block that were not used; the new lines are appended to them.

        Returns:
            No more than ``before`` at the end of the file, and where the next line is too long to be held.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        lines = before.copy()
        lines.extend(self._buffer)
        self._buffer.clear()
        while len(lines) == len(before) and self._partial_size <= self._limit and not self._at_end:
            lines.extend(self._next_lines())
        self.block_size = self._buffer_size + sum(map(len, before))
        self._buffer_size = self._partial_size
        return lines

    def unread(self, lines: list[AnyStr]) -> None:
        """Put the lines that were read last back into the buffer."""
        self._buffer.extendleft(reversed(lines))
        self._buffer_size += sum(map(len, lines))

    def _next_lines(self) -> list[AnyStr]:
        """Read the file once; return the lines that are whole now, at its end the partial line as well."""
        lines, clean = self._read_lines()
        self.reads += 1
        self.clean = clean and self._partial_is_clean
        if not lines:
            self._at_end = True
            return [self._pop_partial()] if self._partial_size else []
        partial = self._EMPTY if lines[-1].endswith(self._ends) else lines.pop()
        if lines:
            lines[0] = self._pop_partial() + lines[0]
        self._partial_is_clean = clean if lines else self.clean
        self._push_partial(partial)
        return lines

    def _push_partial(self, part: AnyStr) -> None:
        self._partial.append(part)
        self._partial_size += len(part)

    def _pop_partial(self) -> AnyStr:
        line = self._EMPTY.join(self._partial)
        self._partial.clear()
        self._partial_size = 0
        return line

    @abstractmethod
    def _read_lines(self) -> tuple[list[AnyStr], bool]:
        """Read the file once and split what it returned; no lines at the end of the file.

        Returns:
            The lines, and whether they are clean. The first continues the last line of the read before, and
            the last may lack its end.
        """


class ByteLines(Lines[bytes]):
    """Lines of bytes, which end in LF."""

    _EMPTY = b""
    _ends = b"\n"

    def _read_lines(self) -> tuple[list[bytes], bool]:
        data = self._read(READ_SIZE)
        self._buffer_size += len(data)
        return io.BytesIO(data).readlines(), True


class TextLines(Lines[str]):
    """Lines of text.

    Bytes are split into lines several times as fast as text, so every encoding is made UTF-8 first.

    Args:
        file: The decompressed bytes.
        encoding: A name that Python's codecs return.
        errors: The error handler that keeps undecodable bytes, as `encoding.error_handler` names it.
        limit: A line of more characters is never held whole.
        line_end: What ends a line.
    """

    _EMPTY = ""

    def __init__(
        self,
        file: io.BufferedIOBase,
        encoding: str,
        errors: str,
        limit: int,
        line_end: LineEnd = "any",
    ) -> None:
        super().__init__(file, limit)
        self.encoding = encoding
        self._line_end = line_end
        ends: dict[LineEnd, tuple[str, ...]] = {"any": ("\n", "\r"), "lf": ("\n",), "cr": ("\r",)}
        self._ends = ends[line_end]
        is_utf8 = encoding == "utf-8"
        self._to_utf8 = None if is_utf8 else _decoder(encoding, errors)
        self._errors = errors if is_utf8 else "surrogatepass"
        self._decoder = _decoder("utf-8", self._errors)
        self._cr = b""  # a CR at the end of a read, held back: its LF may follow

    def _read_lines(self) -> tuple[list[str], bool]:
        final = False
        while not final:
            data = self._read(READ_SIZE)
            final = not data
            if self._to_utf8:
                data = self._to_utf8.decode(data, final).encode("utf-8", self._errors)
            data = self._cr + data
            self._buffer_size += len(data)
            lines, clean = self._split(data, final=final)
            if lines:
                return lines, clean
        return [], True

    def _split(self, data: bytes, *, final: bool) -> tuple[list[str], bool]:
        """Return the lines of the next bytes of UTF-8, and whether they are clean."""
        if self._line_end == "any":
            self._cr = b"\r" if data.endswith(b"\r") and not final else b""
            data = data.removesuffix(self._cr)
        lines = io.BytesIO(data).readlines()
        # A character may be cut at either end of the data: the decoder holds the part that was read before,
        # and has to see the end. The lines between the first and the last are whole.
        whole = self._line_end == "lf" or (self._line_end == "any" and not _has_lone_cr(data, lines))
        middle = _decoded_lines(lines[1:-1]) if whole else []
        if not middle:
            text, clean = self._decode(data, final=final)
            return self._lines_of(text), clean
        first, first_is_clean = self._decode(lines[0], final=False)
        last, last_is_clean = self._decode(lines[-1], final=final)
        clean = first_is_clean and last_is_clean and b"\0" not in data
        return [first, *middle, last], clean

    def _lines_of(self, text: str) -> list[str]:
        """Return the lines of a text."""
        if self._line_end == "cr":
            *whole, rest = text.split("\r")
            return [f"{line}\r" for line in whole] + ([rest] if rest else [])
        return io.StringIO(text, newline="" if self._line_end == "any" else "\n").readlines()

    def _decode(self, data: bytes, *, final: bool) -> tuple[str, bool]:
        """Return the text of the next bytes, and whether it is clean."""
        self._decoder.errors = "strict"
        try:
            return self._decoder.decode(data, final), b"\0" not in data
        except UnicodeDecodeError:
            self._decoder.errors = self._errors
            return self._decoder.decode(data, final), False


def _decoder(encoding: str, errors: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors)


def _has_lone_cr(data: bytes, lines: list[bytes]) -> bool:
    """Return whether a CR ends a line by itself, without an LF behind it.

    Args:
        data: Some text.
        lines: The same text, split behind each LF.
    """
    return b"\r" in data and b"\r" in b"".join(map(bytes.removesuffix, lines, repeat(b"\r\n")))


def _decoded_lines(lines: list[bytes]) -> list[str]:
    """Return lines of UTF-8 as text; none if one of them is not UTF-8."""
    try:
        return list(map(bytes.decode, lines))
    except UnicodeDecodeError:
        return []
