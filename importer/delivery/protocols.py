"""What delivery is handed: connections to Mixpanel, and time.

Time has two forms: ``now: Callable[[], int]`` returns milliseconds since the epoch, and ``clock`` returns
monotonic seconds (a `Clock` if it must also be waited for). A moment that is handed on is an ``int`` of these
milliseconds. Random numbers come as ``jitter: Callable[[], float]``, from 0 to 1.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Protocol

from importer.delivery.replies import NoResponse, Response


class Client(Protocol):
    """One sender's connection to Mixpanel."""

    @property
    def sent_bytes(self) -> int:
        """Size of the body of the last request, as it was sent."""

    @property
    def new_connection(self) -> bool:
        """True if a connection was opened for it."""

    def post(self, bodies: Iterable[bytes]) -> Response | NoResponse:
        """Send events as one request, and return what came back in bounded time.

        Never raises for what the network or the server does.
        """

    def abort(self) -> None:
        """Break off the request in flight, from another thread. The client can't be used afterwards."""

    def close(self) -> None:
        """Close the connection."""


class Clock(Protocol):
    """Monotonic time, and waiting in it."""

    def __call__(self) -> float:
        """Return seconds that only go up."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait on a held condition until it is notified, or for so many seconds."""


class SystemClock:
    """This machine's monotonic clock."""

    def __call__(self) -> float:
        """As in `Clock`."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """As in `Clock`."""
        condition.wait(seconds)


def system_now() -> int:
    """Return milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000
