"""Checks whether texts are all different, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from importer import speedups
from importer.profile.hashing import hash_texts, new_hash_set
from importer.profile.spill import Spill

_MAX_IN_MEMORY: Final = 250_000


class UniqueCheck:
    """Looks for equal texts, by hashes of 64 bits.

    Up to a million and a half hashes are held in a table, which finds equal ones at once. Further ones are
    put aside, and compared at the end. Use it as a context manager: its temporary files are then removed.

    Args:
        folder: As for `Spill`.
        shared: As for `Spill`. Then no table is held, and all hashes are put aside.

    Attributes:
        count: How many texts there are.
        found_equal: True if it is known by now that two of them are equal.
    """

    def __init__(self, folder: Path | None = None, *, shared: bool = False) -> None:
        self.count = 0
        self.found_equal = False
        self._known = None if shared else new_hash_set()
        self._spill = Spill(1, _MAX_IN_MEMORY, folder, shared=shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        self._spill.close()

    def add(self, texts: Sequence[str]) -> bool:
        """Add some texts, none of which is empty.

        Returns:
            False if it is known by now that not all texts are different.

        Raises:
            StorageError: The hashes can't be kept.
        """
        return self.add_hashes(hash_texts(texts))

    def add_hashes(self, hashes: bytes) -> bool:
        """Add texts by their hashes, as from `hash_texts`; as `add`."""
        self.count += len(hashes) // 8
        if self.found_equal:
            return False
        if self._known is None:
            self._spill.add(hashes)
            return True
        seen, left = self._known.add(hashes)
        self.found_equal = bool(seen)
        if len(left) * 8 == len(hashes):
            self._spill.add(hashes)
        elif left:
            each = array("Q", hashes)
            self._spill.add(array("Q", [each[place] for place in left]).tobytes())
        return not self.found_equal

    def merge(self, other: UniqueCheck) -> bool:
        """Add the texts of another check, which can't be used afterwards.

        Both must have the compiled part, or neither: see `hashing`. Both are shared, or neither.

        Returns:
            As for `add`.

        Raises:
            StorageError: The hashes can't be kept, or can't be read again.
        """
        total = self.count + other.count
        self.found_equal |= other.found_equal
        if other._known is None:
            self._spill.merge(other._spill)
            self.count = total
            return not self.found_equal
        for hashes in (other._known.hashes(), *other._spill.blocks()):
            self.add_hashes(hashes)
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


def _all_differ(hashes: bytes) -> bool:
    if speedups.COMPILED:
        return speedups.all_differ(hashes)
    each = array("Q", hashes)
    return len(set(each)) == len(each)
