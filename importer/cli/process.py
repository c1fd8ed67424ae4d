"""What a command takes from its process: requests to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

StopRequests = Callable[[bool], AbstractContextManager[threading.Event]]
"""Returns a context manager of an event that is set when the run is to stop in good order.

Its argument is True if nothing may be written to the terminal. `__main__` hands in one that handles signals.
"""


@contextmanager
def no_stop_requests(_quiet: bool) -> Iterator[threading.Event]:  # noqa: FBT001 - see `StopRequests`
    """Yield an event that nobody sets: the run goes to its end."""
    yield threading.Event()
