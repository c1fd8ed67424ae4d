"""Lines of JSONL as they stand in the file, for what only looks for something in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from importer.source.jsonl import BOM, LIMIT
from importer.source.open import open_binary

_AT_ONCE: Final = 1 << 15
"""Bytes in one go: few enough to stay in the processor's cache."""

_WHOLE: Final = LIMIT + len(BOM)
"""Bytes that the rest of a line has at most, unless the line is too long for a record."""


class RawLines:
    """The lines of a file of JSONL, of which nothing is known yet; a context manager, to be iterated once.

    Args:
        path: The file.
        compression: As in `Dialect.compression`.

    Attributes:
        size: Bytes on disk.

    Raises:
        SourceError: It can't be read.
    """

    def __init__(self, path: Path, compression: str) -> None:
        self._file, self._disk = open_binary(path, compression)
        self.size = self._disk.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def position(self) -> int:
        """Bytes on disk read so far."""
        return min(self._disk.position(), self.size)

    def chunks(self) -> Iterator[bytes]:
        """Some whole lines at once, without the byte order mark; blank ones are among them.

        A line that is too long for a record comes in pieces.

        Raises:
            SourceError: The file can't be read on.
        """
        lines = self._file.read(_AT_ONCE).removeprefix(BOM)
        while lines:
            yield lines + self._file.readline(_WHOLE)
            lines = self._file.read(_AT_ONCE)
