"""Pieces of a file, made in a thread while those before them are used."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from queue import Empty, Full, Queue
from typing import Final

_MOST_BATCHES: Final = 2
_PATIENCE: Final = 0.1  # seconds after which the thread looks whether anybody wants its pieces


class ReadAhead(io.BufferedIOBase):
    """A stream of pieces of bytes that a thread makes, but for the first.

    What is raised there is raised to who reads them.

    Args:
        batches: Pieces that are made at once; used by the thread alone once it runs.
    """

    def __init__(self, batches: Iterator[Sequence[bytes]]) -> None:
        self._batches = batches
        self._queue: Queue[Sequence[bytes] | Exception | None] = Queue(_MOST_BATCHES)
        self._wanted = True
        self._has_begun = False
        self._pieces: Iterator[bytes] = iter(())
        self._end: Exception | None = None
        self._at_end = False
        self._thread = threading.Thread(target=self._make, daemon=True)

    def readable(self) -> bool:
        """True."""
        return True

    def read1(self, _size: int = -1, /) -> bytes:
        """Return the next piece, as it was made: of any size; no byte is the end.

        Raises:
            Exception: What was raised where the pieces are made.
        """
        while True:
            for piece in self._pieces:
                if piece:
                    return piece
            if self._at_end:
                break
            found = self._next()
            if found is None or isinstance(found, Exception):
                self._at_end, self._end = True, found
            else:
                self._pieces = iter(found)
        if self._end is not None:
            raise self._end
        return b""

    def close(self) -> None:
        """End the thread, and wait for that."""
        self._wanted = False
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=_PATIENCE)
            except Empty:
                continue
        super().close()

    def _next(self) -> Sequence[bytes] | Exception | None:
        """Return the next batch, the first of which is made here: who wants no more needs no thread."""
        if self._thread.ident is not None:
            return self._queue.get()
        if not self._has_begun:
            self._has_begun = True
            try:
                return next(self._batches, None)
            except Exception as error:  # noqa: BLE001 - raised at each further read, as of the thread
                return error
        self._thread.start()
        return self._queue.get()

    def _make(self) -> None:
        try:
            for batch in self._batches:
                if not self._put(batch):
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets it
            self._put(error)

    def _put(self, found: Sequence[bytes] | Exception | None) -> bool:
        """Hand something on; False if nobody wants it any more."""
        while self._wanted:
            try:
                self._queue.put(found, timeout=_PATIENCE)
            except Full:
                continue
            return True
        return False
