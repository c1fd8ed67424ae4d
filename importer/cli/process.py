"""What a command shares with its process: requests to stop, and what is true if it ends right now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

StopRequests = Callable[[bool], AbstractContextManager[threading.Event]]
"""Returns a context manager of an event that is set when the run is to stop in good order.

Its argument is True if nothing may be written to the terminal. `__main__` hands in one that handles signals.
"""


@contextmanager
def no_stop_requests(_quiet: bool) -> Iterator[threading.Event]:  # noqa: FBT001 - see `StopRequests`
    """Yield an event that nobody sets: the run goes to its end."""
    yield threading.Event()


class Moment:
    """What a signal finds that no request to stop takes: there is one for the process, `moment`.

    Attributes:
        words: What is true if the process ends right now, for people.
        tidies: True while something must be put away first: the signal then becomes a `KeyboardInterrupt`.
            At other times the process ends at once, since an exception may be raised in the middle of an
            import, which nothing handles well.
    """

    __slots__ = ("tidies", "words")

    def __init__(self) -> None:
        self.words = "Stopped."
        self.tidies = False


moment = Moment()
"""The moment of this process."""

NOTHING_SENT: Final = "Stopped. Nothing was sent."
NOT_KNOWN: Final = "Stopped. If the event was on its way, it is not known whether Mixpanel took it."


@contextmanager
def tidied() -> Iterator[None]:
    """Let a signal in the block raise `KeyboardInterrupt`, so that what the block began is put away."""
    moment.tidies = True
    try:
        yield
    finally:
        moment.tidies = False
