"""What `EventBlock` does, where nothing is compiled: a list of objects."""

from __future__ import annotations

from array import array
from typing import Any


class EventList(list[Any]):
    """A list of `Event` and `Rejection` with the methods of `event_block.EventBlock`, which say more."""

    @property
    def events(self) -> int:
        """How many are events."""
        return len(self._events())

    def _events(self) -> list[Any]:
        return [item for item in self if _is_event(item)]

    def names(self) -> list[str]:
        """As `EventBlock.names`."""
        return [event.event for event in self._events()]

    def users(self) -> list[str]:
        """As `EventBlock.users`."""
        return [event.distinct_id for event in self._events()]

    def instants(self) -> bytes:
        """As `EventBlock.instants`."""
        return array("q", [event.time * 1_000_000 for event in self._events()]).tobytes()

    def holds_invalid(self, start: int, stop: int) -> bool:
        """As `EventBlock.holds_invalid`."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(start, stop)
        return any(not _is_event(item) and item.status.failure for item in self[start:stop])

    def take(
        self,
        start: int,
        events: int,
        size: int,
        items: int,
        holds_event: bool,  # noqa: FBT001 - as the compiled method has it
    ) -> tuple[int, int, int, bool]:
        """As `EventBlock.take`."""
        if not 0 <= start <= len(self):
            raise IndexError(start)
        taken = used = 0
        for at in range(start, len(self)):
            item = self[at]
            if _is_event(item):
                need = len(item.body) + 1
                if taken == events or ((holds_event or taken) and used + need > size):
                    return at, taken, used, True
                taken += 1
                used += need
            if at + 1 - start == items:
                return at + 1, taken, used, True
        return len(self), taken, used, False

    def bodies(self, start: int, stop: int) -> bytes:
        """As `EventBlock.bodies`."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(start, stop)
        return b"\n".join([item.body for item in self[start:stop] if _is_event(item)])


def _is_event(item: Any) -> bool:
    return hasattr(item, "body")  # a rejection has none
