"""How fast to send: shared by all senders, because the limit is the project's.

Mixpanel counts over a rolling minute and refuses with 429 what is too much. A refusal therefore concerns
everybody: all senders pause, then a single request (the probe) asks whether the limit is open again, and only
when it has passed do the others follow. Nothing here waits, locks or reads a clock: times come in as numbers
(seconds of one monotonic clock), and whoever holds the window's lock may call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

START: Final = 10
CEILING: Final = 64
"""Requests in flight of a run that finds its own speed: where it starts, and at most."""

PAYS: Final = 1.1
"""A growth by half is worth keeping if it brings at least this much more throughput."""

REST: Final = 20
"""Rounds to stay before a growth is tried again."""

SURE: Final = 0.05
"""Seconds that answers are counted for at least, before their rate says anything."""


class Concurrency:
    """How many requests at a time are worth having.

    A round is two times ``limit`` answers or more; what comes after the first half is timed, when all that is
    in flight set out under the present limit. After each round:

    - climbing back after a cut: one more;
    - just grown: kept, and grown again, if throughput rose by a tenth, else back to where it was;
    - else, after a rest: grown by half, to see what that brings.

    A cut (the server said 429) halves. A pinned concurrency never changes.

    Attributes:
        limit: Requests in flight at most, now.
    """

    __slots__ = ("_answers", "_halfway", "_home", "_pinned", "_rate", "_rest", "limit")

    def __init__(self, pinned: int | None = None) -> None:
        self.limit = pinned or START
        self._pinned = pinned is not None
        self._home = self.limit  # the last limit that proved its worth
        self._rate = 0.0  # answers a second there
        self._rest = 0
        self._answers = 0
        self._halfway = 0.0

    def answered(self, now: float) -> None:
        """Count an answer of the server that was no refusal for speed."""
        if self._pinned:
            return
        self._answers += 1
        if self._answers == self.limit:
            self._halfway = now
        elif self._answers >= 2 * self.limit and now - self._halfway >= SURE:
            rate = (self._answers - self.limit) / (now - self._halfway)
            self._answers = 0
            self._judge(rate)

    def cut(self) -> None:
        """Halve: the server said that this is too fast."""
        if self._pinned:
            return
        self._home = max(self._home, self.limit)
        self.limit = max(1, self.limit // 2)
        self._answers = 0

    def _judge(self, rate: float) -> None:
        if self.limit < self._home:
            self.limit += 1
            self._rest = REST
        elif self.limit == self._home and self._rest:
            self._rest -= 1
        elif self.limit == self._home or rate >= self._rate * PAYS:
            self._home, self._rate = self.limit, rate
            self.limit = min(CEILING, self.limit + max(1, self.limit // 2))
            if self.limit == self._home:
                self._rest = REST
        else:
            self.limit, self._rest = self._home, REST


class Ticket(NamedTuple):
    """The right to send one request.

    Attributes:
        wave: How many times the run had been throttled when it was given out.
        probe: True if it is the one request that asks whether the limit is open again.
    """

    wave: int
    probe: bool


class Throttle:
    """Who may send now.

    Attributes:
        until: When the present pause ends.
        in_flight: Requests whose answer is awaited.
    """

    __slots__ = ("_backoff", "_closed", "_concurrency", "_probing", "_strikes", "_wave", "in_flight", "until")

    def __init__(self, concurrency: Concurrency, backoff: Callable[[int], float]) -> None:
        """Start open.

        Args:
            concurrency: How many at a time.
            backoff: Seconds to pause after the n-th refusal in a row, from 1.
        """
        self._concurrency = concurrency
        self._backoff = backoff
        self._wave = 0
        self._strikes = 0
        self._closed = False
        self._probing = False
        self.until = 0.0
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """Requests in flight at most, now."""
        return self._concurrency.limit

    @property
    def open(self) -> bool:
        """False from a refusal for speed until a probe has passed."""
        return not self._closed

    def admit(self, now: float) -> Ticket | None:
        """A ticket, if a request may go out now. It comes back by exactly one of the calls below."""
        if self._closed:
            if self._probing or now < self.until:
                return None
            self._probing = True
        elif self.in_flight >= self.limit:
            return None
        self.in_flight += 1
        return Ticket(self._wave, self._closed)

    def pause(self, now: float) -> float | None:
        """Seconds until it makes sense to ask again; None if only an answer can change anything."""
        waiting = self._closed and not self._probing
        return max(0.0, self.until - now) if waiting else None

    def throttled(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        """Take back a ticket whose request was refused for speed, and close the gate.

        Refusals of one wave count once: what was in flight when the gate closed tells nothing new. A probe
        that fails makes the pause longer, but says nothing about how many at a time are too many.
        """
        self.in_flight -= 1
        if ticket.wave != self._wave:
            self.until = max(self.until, now + (retry_after or 0.0))
            return
        if not ticket.probe:
            self._concurrency.cut()
        self._wave += 1
        self._strikes += 1
        self._closed, self._probing = True, False
        self.until = now + (self._backoff(self._strikes) if retry_after is None else retry_after)

    def passed(self, ticket: Ticket, now: float) -> bool:
        """Take back a ticket whose request got past the limit. True if that reopened the gate."""
        self.in_flight -= 1
        if ticket.wave == self._wave:
            self._concurrency.answered(now)
        if not self._asks(ticket):
            return False
        self._closed = self._probing = False
        self._strikes = 0
        return True

    def unknown(self, ticket: Ticket) -> None:
        """Take back a ticket whose request told nothing about the limit: the next one may probe."""
        self.in_flight -= 1
        if self._asks(ticket):
            self._probing = False

    def _asks(self, ticket: Ticket) -> bool:
        """True for the probe that the closed gate is waiting for."""
        return self._closed and ticket.probe and ticket.wave == self._wave
