"""Records that are too long to be held in memory: they are rejected, but can still be copied."""

from __future__ import annotations

from collections.abc import Callable

OversizedSink = Callable[[int], Callable[[bytes], object] | None]
"""Return what takes the bytes of the oversized record with this row, in pieces; None to discard them."""


def discard(_row: int) -> None:
    """Discard the bytes of every oversized record."""
