"""The room on disk for copies of sources: of members and compressed files that are read at any place.

It is that of the command, `--spool-space`, as long as a `spool_room` is open; each process has its share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from importer.errors import UsageError

MOST_SPOOLED: Final = 20 * 10**9
"""Bytes that copies may take, if nothing else is said."""

_BY_HAND: Final = "npack it by hand, and give the file."


class SpoolRoom:
    """How much room there is for copies.

    Args:
        most: Bytes that all copies which are there at once may take.
        remedy: What to do if these are too few.

    Attributes:
        most: As given.
        left: Those of them that are left.
    """

    def __init__(self, most: int, remedy: str) -> None:
        self.most = self.left = most
        self._remedy = remedy

    def take(self, name: object, size: int, before: int = 0) -> None:
        """Take some room.

        Args:
            name: What it is for.
            size: How many bytes more it needs.
            before: How many it has by now.

        Raises:
            UsageError: That much is not left.
        """
        if size > self.left:
            raise UsageError(
                f"{name} takes too much space unpacked: it has more than the {before + self.left:,} bytes"
                " that are left of those that are allowed",
                self._remedy,
            )
        self.left -= size

    def set_aside(self, size: int) -> None:
        """Take some room for what is there already, though it may be more than is left."""
        self.left = max(0, self.left - size)

    def give_back(self, size: int) -> None:
        """Give back some room that was taken."""
        self.left += size


_open: ContextVar[SpoolRoom] = ContextVar("room")


@contextmanager
def spool_room(most: int) -> Iterator[SpoolRoom]:
    """Let copies take so much room, within a block, in this process."""
    room = SpoolRoom(most, f"Allow more with --spool-space, or u{_BY_HAND}")
    token = _open.set(room)
    try:
        yield room
    finally:
        _open.reset(token)


def current_room() -> SpoolRoom:
    """Return the room of the innermost block; outside of any, each copy may take what is usual."""
    return _open.get(None) or SpoolRoom(MOST_SPOOLED, f"U{_BY_HAND}")
