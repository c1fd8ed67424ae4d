"""Physical lines of a source: one by one, or all that a piece of the file holds.

A piece is small: what is made of it should still be in the processor's cache when the next step wants it, and
be so little that its memory isn't asked from the system and given back each time (below 128 kB with glibc).
"""

from __future__ import annotations

import codecs
import io
from abc import ABC, abstractmethod
from collections import deque
from itertools import repeat
from typing import AnyStr, Final, Generic

from importer.source.encoding import handler

AT_ONCE: Final = 1 << 15
"""Bytes of a piece: where a record needs care, those below it in the piece are read one by one, too."""


class Lines(ABC, Generic[AnyStr]):
    """Lines with their ends; to be read once.

    Args:
        file: The decompressed bytes.
        limit: A line of more characters or bytes is never held whole.

    Attributes:
        pieces: How often the file was asked for more.
        size: Most characters or bytes that the last block can have.
        clean: True if no line that is held holds a NUL or bytes that can't be decoded (text).
    """

    _EMPTY: AnyStr
    _ENDS: AnyStr | tuple[AnyStr, ...]

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self.pieces = 0
        self.size = 0
        self.clean = True
        self._read = file.read1  # what it has: an error that comes later takes nothing away
        self._limit = limit
        self._held: deque[AnyStr] = deque()  # whole lines
        self._held_size = 0  # at most; with what is torn
        self._torn: list[AnyStr] = []  # parts of the line that isn't whole yet
        self._torn_size = 0
        self._torn_is_clean = True
        self._at_end = False

    @property
    def holds_some(self) -> bool:
        """True if a line can be had without asking the file."""
        return bool(self._held)

    def readline(self, limit: int) -> AnyStr:
        """The next line, or as much of it as ``limit`` allows; empty at the end, as of any file.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: Its encoding can't be told.
        """
        held = self._held
        while not held and self._torn_size < limit and not self._at_end:
            held.extend(self._next())
        if held:
            line = held.popleft()
            if len(line) > limit:
                held.appendleft(line[limit:])
        else:
            line = self._taken_up()
            self._tear(line[limit:])
        line = line[:limit]
        self._held_size -= len(line)
        return line

    def block(self, before: list[AnyStr]) -> list[AnyStr]:
        """The lines that are held, or those of the next piece.

        Args:
            before: Lines that were read and could not be used without more: they come first.

        Returns:
            Nothing new at the end, nor where a line is too long to be held.

        Raises:
            SourceError: The file can't be read on.
            UnicodeError: Its encoding can't be told.
        """
        lines = before.copy()
        lines.extend(self._held)
        self._held.clear()
        while len(lines) == len(before) and self._torn_size <= self._limit and not self._at_end:
            lines.extend(self._next())
        self.size = self._held_size + sum(map(len, before))
        self._held_size = self._torn_size
        return lines

    def give_back(self, lines: list[AnyStr]) -> None:
        """Take back lines that were read last: they are read again."""
        self._held.extendleft(reversed(lines))
        self._held_size += sum(map(len, lines))

    def _next(self) -> list[AnyStr]:
        """The whole lines of the next piece; at the end, the torn one."""
        lines, clean = self._piece()
        self.pieces += 1
        self.clean = clean and self._torn_is_clean
        if not lines:
            self._at_end = True
            return [self._taken_up()] if self._torn_size else []
        torn = self._EMPTY if lines[-1].endswith(self._ENDS) else lines.pop()
        if lines:
            lines[0] = self._taken_up() + lines[0]
        self._torn_is_clean = clean if lines else self.clean
        self._tear(torn)
        return lines

    def _tear(self, part: AnyStr) -> None:
        self._torn.append(part)
        self._torn_size += len(part)

    def _taken_up(self) -> AnyStr:
        """The parts of the torn line as one."""
        line = self._EMPTY.join(self._torn)
        self._torn.clear()
        self._torn_size = 0
        return line

    @abstractmethod
    def _piece(self) -> tuple[list[AnyStr], bool]:
        """The lines of what the file gives next, and whether they are clean; none at the end.

        The first goes on where the last one ended, and the last may lack its end.
        """


class ByteLines(Lines[bytes]):
    """Lines of bytes, which end in LF."""

    _EMPTY = b""
    _ENDS = b"\n"

    def _piece(self) -> tuple[list[bytes], bool]:
        data = self._read(AT_ONCE)
        self._held_size += len(data)
        return io.BytesIO(data).readlines(), True


class TextLines(Lines[str]):
    """Lines of text, which end in LF, CRLF or CR; what can't be decoded is in them as `text` says.

    Bytes are cut into lines several times as fast as text: other encodings are made UTF-8 first.

    Args:
        file: The decompressed bytes.
        encoding: As `known_encoding` gives it.
        limit: A line of more characters is never held whole.
    """

    _EMPTY = ""
    _ENDS = ("\n", "\r")

    def __init__(self, file: io.BufferedIOBase, encoding: str, limit: int) -> None:
        super().__init__(file, limit)
        self.encoding = encoding
        self._other = None if encoding == "utf-8" else _decoder(encoding, handler(encoding))
        self._escape = handler(encoding) if encoding == "utf-8" else "surrogatepass"
        self._decoder = _decoder("utf-8", self._escape)
        self._cr = b""  # held back: the file may go on with its LF

    def _piece(self) -> tuple[list[str], bool]:
        final = False
        while not final:
            data = self._read(AT_ONCE)
            final = not data
            if self._other:
                data = self._other.decode(data, final).encode("utf-8", self._escape)
            data = self._cr + data
            self._held_size += len(data)
            lines, clean = self._cut(data, final=final)
            if lines:
                return lines, clean
        return [], True

    def _cut(self, data: bytes, *, final: bool) -> tuple[list[str], bool]:
        """The lines of the next bytes of UTF-8, and whether they are clean."""
        self._cr = b"\r" if data.endswith(b"\r") and not final else b""
        data = data.removesuffix(self._cr)
        lines = io.BytesIO(data).readlines()
        # The decoder may hold the beginning of the first line, and will hold that of the next.
        whole = [] if _has_lone_cr(data, lines) else _texts(lines[1:-1])
        if not whole:
            text, clean = self._decoded(data, final=final)
            return io.StringIO(text, newline="").readlines(), clean
        first, first_is_clean = self._decoded(lines[0], final=False)
        last, last_is_clean = self._decoded(lines[-1], final=final)
        clean = first_is_clean and last_is_clean and b"\0" not in data
        return [first, *whole, last], clean

    def _decoded(self, data: bytes, *, final: bool) -> tuple[str, bool]:
        """The text of the next bytes, and whether it is clean."""
        self._decoder.errors = "strict"
        try:
            return self._decoder.decode(data, final), b"\0" not in data
        except UnicodeDecodeError:
            self._decoder.errors = self._escape
            return self._decoder.decode(data, final), False


def _decoder(encoding: str, errors: str) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(encoding)(errors)


def _has_lone_cr(data: bytes, lines: list[bytes]) -> bool:
    """True if a CR does not stand at the end of a line, ahead of its LF.

    Args:
        data: Some text.
        lines: The same, cut behind each LF.
    """
    return b"\r" in data and b"\r" in b"".join(map(bytes.removesuffix, lines, repeat(b"\r\n")))


def _texts(lines: list[bytes]) -> list[str]:
    """Lines of UTF-8 as text; none if one isn't."""
    try:
        return list(map(bytes.decode, lines))
    except UnicodeDecodeError:
        return []
