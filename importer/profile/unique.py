"""Checks whether texts are all different, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from xxhash import xxh3_64_intdigest

from importer.profile.spill import Spill

_MAX_IN_SET: Final = 100_000
_MAX_IN_MEMORY: Final = 500_000


class UniqueCheck:
    """Looks for equal texts, by hashes of 64 bits that are the same in every process.

    Up to 100,000 hashes are kept in a set, which finds equal ones at once. More are put aside to be sorted at
    the end, which takes less memory. Use it as a context manager: its temporary files are removed at the end.

    Args:
        folder: As for `Spill`.

    Attributes:
        count: How many texts there are.
        found_equal: True if it is known by now that two of them are equal.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.count = 0
        self.found_equal = False
        self._set: set[int] = set()
        self._spill = Spill(1, _MAX_IN_MEMORY, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spill.close()

    def add(self, texts: Sequence[str]) -> bool:
        """Add some texts.

        Returns:
            False if it is known by now that not all texts are different.

        Raises:
            StorageError: The hashes can't be kept.
        """
        return self._add_hashes(_hashes(texts))

    def merge(self, other: UniqueCheck) -> bool:
        """Add the texts of another check, which can't be used afterwards.

        Returns:
            As for `add`.

        Raises:
            StorageError: The hashes can't be kept, or can't be read again.
        """
        total = self.count + other.count
        self.found_equal |= other.found_equal
        for block in other._spill.blocks() if other._spill.count else [array("Q", other._set).tobytes()]:
            self._add_hashes(array("Q", block))
        self.count = total
        return not self.found_equal

    def all_differ(self) -> bool:
        """Return True if no two texts are equal.

        Returns:
            False if two texts are equal or, by a rare chance, only their hashes.

        Raises:
            StorageError: The hashes can't be kept, or can't be read again.
        """
        if self.found_equal or not self._spill.count:
            return not self.found_equal
        return all(map(_all_differ, self._spill.blocks()))

    def _add_hashes(self, hashes: array[int]) -> bool:
        self.count += len(hashes)
        if self._spill.count:
            self._spill.add(hashes.tobytes())
            return not self.found_equal
        expected = len(self._set) + len(hashes)
        self._set.update(hashes)
        self.found_equal |= len(self._set) < expected
        if len(self._set) > _MAX_IN_SET:
            self._spill.add(array("Q", self._set).tobytes())
            self._set.clear()
        return not self.found_equal


def _hashes(texts: Sequence[str]) -> array[int]:
    try:
        return array("Q", map(xxh3_64_intdigest, map(str.encode, texts)))
    except UnicodeEncodeError:  # a lone surrogate
        return array("Q", [xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) for text in texts])


def _all_differ(block: bytes) -> bool:
    import numpy as np  # noqa: PLC0415 - 0.1 s that only many texts need

    ordered = np.sort(np.frombuffer(block, np.uint64))
    return not bool((ordered[1:] == ordered[:-1]).any())
