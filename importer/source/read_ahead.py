"""Pieces of a file, made in a thread while those before them are used."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST_PIECES: Final = 2
_PATIENCE: Final = 0.1  # seconds after which the thread looks whether anybody wants its pieces


class ReadAhead(io.RawIOBase):
    """A stream of pieces of bytes that a thread makes. What is raised there is raised to who reads them.

    Args:
        pieces: The pieces; used by the thread alone.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._queue: Queue[bytes | Exception | None] = Queue(_MOST_PIECES)
        self._wanted = True
        self._rest = memoryview(b"")
        self._error: Exception | None = None
        self._at_end = False
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as the next piece goes; 0 is the end.

        Raises:
            Exception: What was raised where the pieces are made.
        """
        while not self._rest and not self._at_end:
            found = self._queue.get()
            if isinstance(found, Exception):
                self._error = found
            self._at_end = not isinstance(found, bytes)
            self._rest = memoryview(found if isinstance(found, bytes) else b"")
        if not self._rest and self._error is not None:
            raise self._error
        room = memoryview(buffer)
        count = min(len(self._rest), len(room))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        """End the thread, and wait for that."""
        self._wanted = False
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=_PATIENCE)
            except Empty:
                continue
        super().close()

    def _make(self) -> None:
        try:
            for piece in self._pieces:
                if piece and not self._put(piece):
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets it
            self._put(error)

    def _put(self, found: bytes | Exception | None) -> bool:
        """Hand something on; False if nobody wants it any more."""
        while self._wanted:
            try:
                self._queue.put(found, timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False
