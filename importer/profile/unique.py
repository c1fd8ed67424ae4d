"""Whether texts are all different, however many they are."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from importer.profile.spill import Spill

_FEW: Final = 100_000
_IN_MEMORY: Final = 500_000


class UniqueCheck:
    """Looks for texts that are equal, by their hashes of 64 bits, which Python keeps with them.

    Few are compared at once; more are put aside to be sorted, which takes less memory. Use it as a context:
    its temporary files go with it.

    Args:
        folder: As for `Spill`.

    Attributes:
        count: How many texts there are.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.count = 0
        self._few: set[int] = set()
        self._many = Spill(1, _IN_MEMORY, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._many.close()

    def add(self, texts: Sequence[str]) -> bool:
        """Take some texts; False if it is known by now that not all are different.

        Raises:
            StorageError: They can't be kept.
        """
        self.count += len(texts)
        if self._many.count:
            self._many.add(array("q", map(hash, texts)).tobytes())
            return True
        self._few.update(map(hash, texts))
        if len(self._few) < self.count:
            return False
        if self.count > _FEW:
            self._many.add(array("q", self._few).tobytes())
            self._few.clear()
        return True

    def all_differ(self) -> bool:
        """Return True if no two texts are equal; False if some are or, by a rare chance, only their hashes.

        Raises:
            StorageError: They can't be kept, or can't be read again.
        """
        if not self._many.count:
            return len(self._few) == self.count
        return all(map(_all_differ, self._many.blocks()))


def _all_differ(block: bytes) -> bool:
    import numpy as np  # noqa: PLC0415 - 0.1 s that only many texts need

    ordered = np.sort(np.frombuffer(block, np.int64))
    return not bool((ordered[1:] == ordered[:-1]).any())
