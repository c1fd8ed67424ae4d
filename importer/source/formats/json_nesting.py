"""Where a value of JSON ends: only its braces, brackets and strings are looked at."""

from __future__ import annotations

import re
from typing import Final

MOST_DEPTH: Final = 10_000
"""Objects and arrays inside one another: no reader of JSON follows as many."""

_TO_MARK: Final = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
"""What stands ahead of the next brace or bracket, strings included; up to a string that is not whole."""

_TO_QUOTE: Final = re.compile(rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+", re.DOTALL)
_CLOSES: Final = {ord("{"): ord("}"), ord("["): ord("]")}


class UnbalancedError(Exception):
    """A brace or bracket that does not fit the one that is open, or one too many.

    Attributes:
        at: Where it stands.
        problem: What is wrong.
    """

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(problem)
        self.at = at
        self.problem = problem


class Nesting:
    """Follows one object, array or string of JSON, in pieces."""

    def __init__(self) -> None:
        self._closes = bytearray()  # what closes each that is open
        self._in_string = False
        self._escaped = False  # the last piece ended in a backslash in a string
        self._is_whole = False

    def end(self, data: bytes, start: int) -> int:
        """Return where the value ends in a piece of it; -1 if it goes on beyond.

        Args:
            data: The piece. The next one goes on behind it.
            start: Where it begins in it.

        Raises:
            UnbalancedError: It is none.
        """
        at = start
        while at < len(data):
            at = self._pass_string(data, at) if self._in_string else self._pass_mark(data, at)
            if self._is_whole:
                return at
        return -1

    def _pass_mark(self, data: bytes, at: int) -> int:
        """Return where the next brace or bracket, or the quote ahead of a string, ends; or the piece."""
        if self._closes:
            found = _TO_MARK.match(data, at)
            at = at if found is None else found.end()
        if at == len(data):
            return at
        mark = data[at]
        if mark == ord('"'):
            self._in_string = True
        elif mark in _CLOSES:
            if len(self._closes) == MOST_DEPTH:
                raise UnbalancedError(at, f"more than {MOST_DEPTH:,} objects and lists in one another")
            self._closes.append(_CLOSES[mark])
        elif self._closes[-1] != mark:
            raise UnbalancedError(at, f"expected {chr(self._closes[-1])}, found {chr(mark)}")
        else:
            self._closes.pop()
            self._is_whole = not self._closes
        return at + 1

    def _pass_string(self, data: bytes, at: int) -> int:
        """Return where the string ends, behind its quote; or the piece."""
        at += self._escaped
        self._escaped = False
        found = _TO_QUOTE.match(data, at)
        at = at if found is None else found.end()
        if at >= len(data):
            return len(data)
        if data[at] == ord('"'):
            self._in_string = False
            self._is_whole = not self._closes
            return at + 1
        self._escaped = True  # a backslash is the last byte
        return len(data)
