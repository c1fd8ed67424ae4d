"""How fast to send: shared by all senders, because the limit is the project's.

Mixpanel counts events over a rolling minute and refuses what is too much with 429. Such a refusal concerns
every sender: all of them pause, then a single request (the probe) tests whether the limit has passed, and the
others follow only when the probe got through. This module neither waits, locks nor reads a clock: times come
in as numbers (seconds of one monotonic clock). Whoever holds the window's lock may call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

INITIAL_LIMIT: Final = 10
MAX_LIMIT: Final = 64
"""Requests in flight where the concurrency is adaptive: at the start, and at most."""

MIN_GAIN: Final = 1.1
"""A higher limit is kept if its throughput is at least this many times that of the limit before."""

ROUNDS_BETWEEN_TRIALS: Final = 20
"""Rounds at one limit before a higher one is tried again."""

MIN_MEASURED_SECONDS: Final = 0.05
"""Throughput is computed over at least this time; over less, it is mostly noise."""


class ConcurrencyLimit:
    """Adaptive number of requests in flight.

    A round is two times ``limit`` answers or more. Only its second half is timed: by then, every request in
    flight was sent under the present limit. After each round:

    - below the best known limit (after a 429): one more request;
    - at a limit on trial: if throughput rose by a tenth, the limit is kept and half as much again is tried;
      else the limit before comes back;
    - at the best known limit: after some rounds, half as much again is tried.

    A 429 halves the limit. A fixed limit never changes.

    Attributes:
        limit: Requests in flight at most, now.
    """

    __slots__ = (
        "_answers",
        "_best_limit",
        "_best_throughput",
        "_fixed",
        "_halfway_at",
        "_rounds_to_trial",
        "limit",
    )

    def __init__(self, fixed: int | None = None) -> None:
        """Start at the fixed limit, or at `INITIAL_LIMIT` if there is none."""
        self.limit = fixed or INITIAL_LIMIT
        self._fixed = fixed is not None
        self._best_limit = self.limit
        self._best_throughput = 0.0  # answers a second at the best limit
        self._rounds_to_trial = 0
        self._answers = 0
        self._halfway_at = 0.0

    def answered(self, now: float) -> None:
        """Count an answer of the server other than 429."""
        if self._fixed:
            return
        self._answers += 1
        if self._answers == self.limit:
            self._halfway_at = now
        elif self._answers >= 2 * self.limit and now - self._halfway_at >= MIN_MEASURED_SECONDS:
            throughput = (self._answers - self.limit) / (now - self._halfway_at)
            self._answers = 0
            self._end_round(throughput)

    def halve(self) -> None:
        """Halve the limit: the server answered 429."""
        if self._fixed:
            return
        self._best_limit = max(self._best_limit, self.limit)
        self.limit = max(1, self.limit // 2)
        self._answers = 0

    def _end_round(self, throughput: float) -> None:
        if self.limit < self._best_limit:
            self.limit += 1
            self._rounds_to_trial = ROUNDS_BETWEEN_TRIALS
        elif self.limit == self._best_limit and self._rounds_to_trial:
            self._rounds_to_trial -= 1
        elif self.limit == self._best_limit or throughput >= self._best_throughput * MIN_GAIN:
            self._best_limit, self._best_throughput = self.limit, throughput
            self.limit = min(MAX_LIMIT, self.limit + max(1, self.limit // 2))
            if self.limit == self._best_limit:
                self._rounds_to_trial = ROUNDS_BETWEEN_TRIALS
        else:
            self.limit, self._rounds_to_trial = self._best_limit, ROUNDS_BETWEEN_TRIALS


class Ticket(NamedTuple):
    """The permission to send one request.

    Attributes:
        pauses: How many pauses the run had had when the ticket was issued.
        probe: True if the request tests whether the limit has passed.
    """

    pauses: int
    probe: bool


class Throttle:
    """Decides who may send now.

    Attributes:
        paused: True from a 429 until a probe got through.
        until: When the pause ends and a probe may go out.
        in_flight: Requests whose answer is awaited.
    """

    __slots__ = (
        "_backoff",
        "_concurrency",
        "_pauses",
        "_probing",
        "_refusals",
        "in_flight",
        "paused",
        "until",
    )

    def __init__(self, concurrency: ConcurrencyLimit, backoff: Callable[[int], float]) -> None:
        """Start without a pause.

        Args:
            concurrency: How many requests at a time.
            backoff: Seconds to pause after the n-th refusal in a row, from 1.
        """
        self._concurrency = concurrency
        self._backoff = backoff
        self._pauses = 0
        self._refusals = 0  # in a row: pauses since a request last got through
        self._probing = False
        self.paused = False
        self.until = 0.0
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """Requests in flight at most, now."""
        return self._concurrency.limit

    def admit(self, now: float) -> Ticket | None:
        """Return a ticket if a request may go out now. Exactly one of the calls below takes it back."""
        if self.paused:
            if self._probing or now < self.until:
                return None
            self._probing = True
        elif self.in_flight >= self.limit:
            return None
        self.in_flight += 1
        return Ticket(self._pauses, self.paused)

    def seconds_to_probe(self, now: float) -> float | None:
        """Return the seconds until a probe may go out; None if only an answer can change anything."""
        return max(0.0, self.until - now) if self.paused and not self._probing else None

    def throttled(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        """Take back the ticket of a request that was answered with 429, and pause.

        Refusals of requests that were in flight when the pause began count once: they say nothing new. A
        probe that is refused makes the pause longer, but leaves the concurrency as it is.
        """
        self.in_flight -= 1
        if ticket.pauses != self._pauses:
            self.until = max(self.until, now + (retry_after or 0.0))
            return
        if not ticket.probe:
            self._concurrency.halve()
        self._pauses += 1
        self._refusals += 1
        self.paused, self._probing = True, False
        self.until = now + (self._backoff(self._refusals) if retry_after is None else retry_after)

    def passed(self, ticket: Ticket, now: float) -> bool:
        """Take back the ticket of a request that the server did not throttle. True if that ends a pause."""
        self.in_flight -= 1
        if ticket.pauses == self._pauses:
            self._concurrency.answered(now)
        if not self._is_awaited_probe(ticket):
            return False
        self.paused = self._probing = False
        self._refusals = 0
        return True

    def lost(self, ticket: Ticket) -> None:
        """Take back the ticket of a request without a usable answer: the next request may be the probe."""
        self.in_flight -= 1
        if self._is_awaited_probe(ticket):
            self._probing = False

    def _is_awaited_probe(self, ticket: Ticket) -> bool:
        return self.paused and ticket.probe and ticket.pauses == self._pauses
