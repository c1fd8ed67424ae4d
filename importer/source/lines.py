"""The physical lines of a file: one by one, or as the bytes of many.

The bytes stand in one buffer as they were read. The next step finds records in it without making an object of
each line; a line is cut off, and decoded, only if it is asked for by itself.
"""

from __future__ import annotations

import codecs
import io
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import AnyStr, Final, Generic

from importer.reading import LineEnd

READ_SIZE: Final = 1 << 16
"""Bytes of one read: mostly some hundreds of records, so that what a block costs is little for each."""


_FIRST_CUT: Final = 1 << 9
_MOST_CUT: Final = 1 << 14

EndOfText = Callable[[bytes, int, int], int]
"""Return where the first byte between two places is that no text holds; the second place if there is none."""


class Lines(ABC, Generic[AnyStr]):
    """The lines of a file, with their ends; each is read once.

    Args:
        file: The decompressed bytes.
        limit: Of a line of more bytes, no more are read than these and those of one read, unless `readline`
            is asked for more.

    Attributes:
        data: What was read last; what stands ahead of `at` has been taken.
        at: Where the next line begins in it. Who uses the lines up to a place sets it there.
        end: Where the last whole line ends in it; at the end of the file, every line is whole.
    """

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self.data = b""
        self.at = 0
        self.end = 0
        self._read = file.read1  # returns what there is: an error that comes later loses nothing
        self._limit = limit
        self._at_end = False
        self._text_end = 0  # up to where the whole lines are known to be text
        self._text_ends = False  # whether the line below that is none
        self._cut: deque[tuple[int, AnyStr]] = deque()  # the next lines, with their bytes
        self._cut_at = -1  # where the first of them begins
        self._cut_size = _FIRST_CUT  # bytes of lines to cut next

    def readline(self, limit: int) -> AnyStr:
        """Return the next line, or its first ``limit`` characters or bytes; empty at the end of the file.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        if self.at == self._cut_at and (self._cut or self._cut_lines()):  # the line above was read here, too
            size, line = self._cut.popleft()
            if size <= limit:
                self.at = self._cut_at = self.at + size
                return line
        if self.at == self.end:
            self._read_on(limit)
        stop = self._end_of_line() if self.at < self.end else len(self.data)
        line, size = self._take(stop, limit)
        self.at += size
        self.end = max(self.end, self.at)  # where the line is taken in pieces
        self._cut.clear()
        self._cut_at, self._cut_size = self.at, _FIRST_CUT
        return line

    def fill(self) -> bool:
        """Read on if no whole line is left.

        Returns:
            False at the end of the file, and where the next line is too long to be held.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        if self.at == self.end:
            self._read_on(self._limit + 1)
        return self.at < self.end

    def read_more(self) -> bool:
        """Read on until another line is whole below those that are left; False if there is none.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: The bytes are not in the encoding at all.
        """
        left = self.end - self.at
        self._read_on(self._limit + 1)
        return self.end - self.at > left

    def end_of_text(self, find: EndOfText) -> int:
        """Return where the whole lines end that are text; `at` if the next is not.

        Args:
            find: Finds where text ends; the same each time.
        """
        if not self._text_ends or self.at > self._text_end:
            start = max(self.at, self._text_end)
            found = find(self.data, start, self.end)
            self._text_ends = found < self.end
            if self._text_ends:  # back to where its line begins
                found = max(start, self.data.rfind(b"\n", start, found) + 1)
            self._text_end = found
        return self._text_end

    def _cut_lines(self) -> bool:
        """Cut the next whole lines, more each time; False if they must be taken one by one."""
        stop = min(self.end, self.at + self._cut_size)
        self._cut_size = min(2 * self._cut_size, _MOST_CUT)
        lines = self._split(self.data[self.at : stop], is_whole=stop == self.end)
        self._cut.extend(zip(map(len, lines), self._lines_of(lines), strict=True))
        return bool(lines)

    def _read_on(self, limit: int) -> None:
        """Read until another line is whole, or ``limit`` bytes of it are there; drop what has been taken."""
        parts = [self.data[self.at :]] if self.at < len(self.data) else []
        size = len(self.data) - self.at
        self.end -= self.at
        begun = size - self.end  # bytes of the line that is not whole
        self._text_ends = self._text_ends and self.at <= self._text_end
        self._text_end = max(0, self._text_end - self.at)
        self.data, self.at = b"", 0
        self._cut.clear()
        self._cut_at = -1
        try:
            while begun < limit and not self._at_end:
                part = self._next_bytes()
                parts.append(part)
                self._at_end = not part
                whole = self._end_of_lines(part)
                if whole or self._at_end:
                    self.end = size + whole
                    break
                size += len(part)
                begun += len(part)
        finally:  # what was read ahead of an error is kept
            self.data = b"".join(parts)

    @abstractmethod
    def _next_bytes(self) -> bytes:
        """Read the file once; empty at its end."""

    @abstractmethod
    def _end_of_lines(self, part: bytes) -> int:
        """Return where the last line ends in what was read; 0 if none does."""

    @abstractmethod
    def _end_of_line(self) -> int:
        """Return where the next line ends, which is whole."""

    @abstractmethod
    def _split(self, data: bytes, *, is_whole: bool) -> list[bytes]:
        """Return the whole lines of some data; none if that is not as simple as it seems.

        Args:
            data: It begins with a line.
            is_whole: It ends with a line.
        """

    @abstractmethod
    def _lines_of(self, lines: list[bytes]) -> Iterable[AnyStr]:
        """Return lines as `readline` does."""

    @abstractmethod
    def _take(self, stop: int, limit: int) -> tuple[AnyStr, int]:
        """Return the next line, or its first ``limit`` characters or bytes, and how many bytes these are.

        Args:
            stop: Where it ends, or what has been read of it.
            limit: As many are there, or the whole line.
        """


class ByteLines(Lines[bytes]):
    """Lines of bytes, which end in LF."""

    def _next_bytes(self) -> bytes:
        return self._read(READ_SIZE)

    def _end_of_lines(self, part: bytes) -> int:
        return part.rfind(b"\n") + 1

    def _end_of_line(self) -> int:
        return self.data.find(b"\n", self.at, self.end) + 1 or self.end

    def _split(self, data: bytes, *, is_whole: bool) -> list[bytes]:
        return _split_at_lf(data, is_whole=is_whole)

    def _lines_of(self, lines: list[bytes]) -> Iterable[bytes]:
        return lines

    def _take(self, stop: int, limit: int) -> tuple[bytes, int]:
        line = self.data[self.at : min(stop, self.at + limit)]
        return line, len(line)


class TextLines(Lines[str]):
    """Lines of text; `data` is UTF-8, whatever the encoding of the file is.

    Args:
        file: The decompressed bytes.
        encoding: A name that Python's codecs return.
        errors: The error handler that keeps undecodable bytes, as `encoding.error_handler` names it.
        limit: Of a line of more bytes, no more are read than these and those of one read, unless `readline`
            is asked for more.
        line_end: What ends a line.
    """

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
        is_utf8 = encoding == "utf-8"
        self._to_utf8 = None if is_utf8 else codecs.getincrementaldecoder(encoding)(errors)
        self._errors = errors if is_utf8 else "surrogatepass"
        self._cr = b""  # a CR at the end of a read, held back: its LF may follow

    def _next_bytes(self) -> bytes:
        data = b""
        final = False
        while not data and not final:
            data = self._read(READ_SIZE)
            final = not data
            if self._to_utf8:
                data = self._to_utf8.decode(data, final).encode("utf-8", self._errors)
            if self._line_end == "any":
                data = self._cr + data
                self._cr = b"\r" if data.endswith(b"\r") and not final else b""
                data = data.removesuffix(self._cr)
        return data

    def _end_of_lines(self, part: bytes) -> int:
        lf = part.rfind(b"\n") + 1 if self._line_end != "cr" else 0
        cr = part.rfind(b"\r", lf) + 1 if self._line_end != "lf" else 0
        return max(lf, cr)

    def _end_of_line(self) -> int:
        data, at, end = self.data, self.at, self.end
        if self._line_end == "cr":
            return data.find(b"\r", at, end) + 1 or end
        stop = data.find(b"\n", at, end) + 1 or end
        if self._line_end == "any":
            cr = data.find(b"\r", at, stop) + 1
            if cr and not data.startswith(b"\n", cr, end):
                return cr
        return stop

    def _split(self, data: bytes, *, is_whole: bool) -> list[bytes]:
        if self._line_end == "cr" or (
            self._line_end == "any" and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r")
        ):
            return []
        return _split_at_lf(data, is_whole=is_whole)

    def _lines_of(self, lines: list[bytes]) -> Iterable[str]:
        return map(bytes.decode, lines, repeat("utf-8"), repeat(self._errors))

    def _take(self, stop: int, limit: int) -> tuple[str, int]:
        while True:
            is_whole = self.at < self.end or self._at_end
            text, size = codecs.utf_8_decode(self.data[self.at : stop], self._errors, is_whole)
            if is_whole or len(text) >= limit:
                break
            self._read_on(size + max(limit - len(text), READ_SIZE))
            stop = self._end_of_line() if self.at < self.end else len(self.data)
        if len(text) > limit:
            text = text[:limit]
            size = len(text.encode("utf-8", self._errors))
        return text, size


def _split_at_lf(data: bytes, *, is_whole: bool) -> list[bytes]:
    """Return the lines of some data, the last of them only if it ends with an LF or ``is_whole``."""
    lines = io.BytesIO(data).readlines()
    if lines and not is_whole and not lines[-1].endswith(b"\n"):
        lines.pop()
    return lines
