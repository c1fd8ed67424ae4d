"""What delivery is handed: a connection and a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from importer.delivery.replies import NoResponse, Response


class Client(Protocol):
    """One sender's connection to Mixpanel."""

    def post(self, bodies: Sequence[bytes]) -> Response | NoResponse:
        """Send events as one request; never raises for what the network or the server does."""

    def abort(self) -> None:
        """Break off, from another thread, what is on the wire. The client is of no use afterwards."""

    def close(self) -> None:
        """Let go of the connection."""


class Clock(Protocol):
    """Monotonic time, and waiting in it."""

    def now(self) -> float:
        """Seconds."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Wait on a held condition until it is notified, or for so many seconds."""


class SystemClock:
    """The machine's own."""

    now = staticmethod(time.monotonic)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """As in `Clock`."""
        condition.wait(seconds)


def wall_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000
