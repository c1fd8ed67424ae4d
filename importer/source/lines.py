"""Physical lines of a source: one by one, or all that a piece of the file holds.

A piece is small: what is made of it should still be in the processor's cache when the next step wants it, and
be so little that its memory isn't asked from the system and given back each time (below 128 kB with glibc).
"""

from __future__ import annotations

import codecs
import io
from abc import ABC, abstractmethod
from collections import deque
from typing import AnyStr, Final, Generic

from importer.source.text import bad_byte, handler

BYTES_AT_ONCE: Final = 1 << 15
TEXT_AT_ONCE: Final = 1 << 14
"""Bytes of text: one may become four."""


class Lines(ABC, Generic[AnyStr]):
    """Lines with their ends; to be read once.

    Args:
        file: The decompressed bytes.
        limit: A line of more characters or bytes is never held whole.

    Attributes:
        pieces: How often the file was asked for more.
        clean: True if no line that is held holds a NUL or bytes that can't be decoded (text).
    """

    _EMPTY: AnyStr
    _ENDS: AnyStr | tuple[AnyStr, ...]

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self.pieces = 0
        self.clean = True
        self._read = file.read1  # what it has: an error that comes later takes nothing away
        self._limit = limit
        self._held: deque[AnyStr] = deque()  # whole lines
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
            self._read_on()
        if held:
            line = held.popleft()
            if len(line) > limit:
                held.appendleft(line[limit:])
        else:
            line = self._taken_up()
            self._tear(line[limit:])
        return line[:limit]

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
        while not self._held and self._torn_size <= self._limit and not self._at_end:
            self._read_on()
        lines = before + list(self._held)
        self._held.clear()
        return lines

    def give_back(self, lines: list[AnyStr]) -> None:
        """Take back lines that were read last: they are read again."""
        self._held.extendleft(reversed(lines))

    def _read_on(self) -> None:
        """Hold the lines of the next piece; at the end, the torn one."""
        piece, clean = self._piece()
        self.pieces += 1
        self.clean = clean and self._torn_is_clean
        if not piece:
            self._at_end = True
            if self._torn_size:
                self._held.append(self._taken_up())
            return
        lines = self._split(piece)
        torn = self._EMPTY if lines[-1].endswith(self._ENDS) else lines.pop()
        if lines:
            lines[0] = self._taken_up() + lines[0]
            self._held.extend(lines)
        self._torn_is_clean = clean if lines else self.clean
        self._tear(torn)

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
    def _piece(self) -> tuple[AnyStr, bool]:
        """What the file gives next, empty at the end, and whether it is clean."""

    @abstractmethod
    def _split(self, piece: AnyStr) -> list[AnyStr]:
        """The lines of a piece; the last may lack its end."""


class ByteLines(Lines[bytes]):
    """Lines of bytes, which end in LF."""

    _EMPTY = b""
    _ENDS = b"\n"

    def _piece(self) -> tuple[bytes, bool]:
        return self._read(BYTES_AT_ONCE), True

    def _split(self, piece: bytes) -> list[bytes]:
        return io.BytesIO(piece).readlines()


class TextLines(Lines[str]):
    """Lines of text, which end in LF, CRLF or CR; what can't be decoded is in them as `text` says.

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
        self._decoder = codecs.getincrementaldecoder(encoding)(handler(encoding))
        self._text = io.IncrementalNewlineDecoder(self._decoder, translate=False)  # tears no CRLF

    def _piece(self) -> tuple[str, bool]:
        while data := self._read(TEXT_AT_ONCE):
            text, clean = self._decoded(data)
            if text:
                return text, clean
        return self._decoded(b"", final=True)

    def _decoded(self, data: bytes, *, final: bool = False) -> tuple[str, bool]:
        """The text of some bytes, and whether it is clean."""
        if self.encoding != "utf-8":
            text = self._text.decode(data, final)
            return text, "\0" not in text and not bad_byte((text,))
        escape, self._decoder.errors = self._decoder.errors, "strict"
        try:
            return self._text.decode(data, final), b"\0" not in data
        except UnicodeDecodeError:
            self._decoder.errors = escape
            return self._text.decode(data, final), False
        finally:
            self._decoder.errors = escape

    def _split(self, piece: str) -> list[str]:
        return io.StringIO(piece, newline="").readlines()
