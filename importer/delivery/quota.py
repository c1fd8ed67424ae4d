"""How much may go out: what a project may be sent in a rolling minute, shared by all who send to it.

Mixpanel counts events, and bytes of uncompressed JSON, over a rolling minute. Who stays below that gets no
429. One process asks a `TokenBucket`. Where several processes send, their parent has the only bucket, in a
`QuotaKeeper`, and each asks by a `LeasedQuota` for a piece of it at a time.

Nothing here sleeps, and no more goes out in any window than `Cap` allows: the bucket fills at `FILL_SHARE` of
the cap and holds `BURST_SHARE` of a window, a lease ends after `LEASE_SHARE` of one. These add up to 98.6% of
a window. What is left is for requests that take different times to arrive.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from importer.mixpanel.hosts import region_of
from importer.mixpanel.limits import BYTES_PER_MINUTE, EVENTS_PER_SECOND
from importer.model import DeliverySettings, Destination

FILL_SHARE: Final = 0.96
"""How fast a bucket fills, as a share of the cap."""

BURST_SHARE: Final = 0.01
"""What may go out at once, as a share of what a window takes."""

LEASE_SHARE: Final = 1 / 60
"""How long a lease holds, as a share of the window: what is not spent by then is lost."""

PIECE_SHARE: Final = 1 / 120
"""How much all workers together are given in one round of leases, as a share of what a window takes."""

_NO_LIMIT: Final = 1 << 60
"""Bytes of a lease where bytes are not limited."""

_ROUNDING: Final = 1e-6
"""Seconds: so much too early is in time, since sums of fractions are not exact."""

_SHORTEST_WAIT: Final = 0.001
_UNANSWERED_WAIT: Final = 0.25
"""Seconds after which who waits looks again though nobody woke it."""


class Quota(Protocol):
    """Decides whether a request may go out, by what has gone out before it."""

    def take(self, events: int, size: int) -> float:
        """Take what a request needs, if it is there. Called by senders, with the window's lock held.

        Args:
            events: Events in the request.
            size: Bytes of its body before compression.

        Returns:
            0.0 if the request may go out now; else the seconds after which to ask again: nothing was taken.
        """

    def watch(self, wake: Callable[[], None]) -> None:
        """Have a function called, by another thread, whenever it may be worth while to ask earlier."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may go out over any window.

    Attributes:
        events_per_second: Events, on the average over a window.
        bytes_per_second: Bytes of uncompressed bodies, likewise; None for no limit.
        window: Seconds over which the server counts.
    """

    events_per_second: float
    bytes_per_second: float | None = None
    window: float = 60.0

    @property
    def most_events(self) -> int:
        """Most events that a request should have. A larger one goes out too, but is more than a burst."""
        return max(1, int(self.events_per_second * self.window * BURST_SHARE))


def cap_of(destination: Destination, settings: DeliverySettings) -> Cap | None:
    """Return the cap of what is sent to a destination; None for as much as the server takes.

    Mixpanel's own hosts have the limits that it documents. ``settings.rate`` sets the events anywhere.
    """
    is_mixpanel = region_of(destination.base_url) is not None
    if settings.rate is None and not is_mixpanel:
        return None
    return Cap(settings.rate or EVENTS_PER_SECOND, BYTES_PER_MINUTE / 60 if is_mixpanel else None)


class _Level:
    """What is in a bucket of one kind: events, or bytes."""

    __slots__ = ("burst", "fill", "held")

    def __init__(self, per_second: float, window: float) -> None:
        self.fill = per_second * FILL_SHARE
        self.burst = max(1.0, per_second * window * BURST_SHARE)
        self.held = self.burst

    def seconds_to(self, count: int) -> float:
        """Return the seconds until so much is there, or, if that is more than a burst, until it is full."""
        return (min(count, self.burst) - self.held) / self.fill


class _Bucket:
    """Fills with time, up to a burst. The times that it is given must not go back."""

    def __init__(self, cap: Cap) -> None:
        """Start full."""
        self._events = _Level(cap.events_per_second, cap.window)
        self._size = None if cap.bytes_per_second is None else _Level(cap.bytes_per_second, cap.window)
        self._now: float | None = None

    def fill(self, now: float) -> float:
        """Fill up to a time; return that, or the last one if it was later."""
        if self._now is None or now > self._now:
            passed = 0.0 if self._now is None else now - self._now
            for level in (self._events, self._size):
                if level is not None:
                    level.held = min(level.burst, level.held + passed * level.fill)
            self._now = now
        return self._now

    def seconds_to(self, events: int, size: int) -> float:
        """Return the seconds from the last `fill` until that can be taken; 0.0 for now."""
        seconds = self._events.seconds_to(events)
        if self._size is not None:
            seconds = max(seconds, self._size.seconds_to(size))
        return seconds if seconds > _ROUNDING else 0.0

    def take(self, events: int, size: int) -> None:
        """Take it. Who takes more than there is makes the others wait for it."""
        self._events.held -= events
        if self._size is not None:
            self._size.held -= size


class TokenBucket:
    """The quota of a process that sends alone. Any thread may ask."""

    def __init__(self, cap: Cap, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with a burst.

        Args:
            cap: What must not be passed.
            clock: Monotonic seconds.
        """
        self._bucket = _Bucket(cap)
        self._clock = clock
        self._lock = threading.Lock()

    def take(self, events: int, size: int) -> float:
        """As in `Quota`."""
        with self._lock:
            self._bucket.fill(self._clock())
            wait = self._bucket.seconds_to(events, size)
            if wait:
                return max(wait, _SHORTEST_WAIT)
            self._bucket.take(events, size)
            return 0.0

    def watch(self, wake: Callable[[], None]) -> None:
        """As in `Quota`: a bucket fills as it said."""


def own_quota(destination: Destination, settings: DeliverySettings) -> TokenBucket | None:
    """Return the quota of a process that alone sends to a destination; None for no limit: see `cap_of`."""
    cap = cap_of(destination, settings)
    return None if cap is None else TokenBucket(cap)


class Lease(NamedTuple):
    """A piece of the quota, for one worker.

    Attributes:
        events: Events that it may send.
        size: Bytes that it may send.
        wait: Seconds from now until it may.
        lasts: Seconds from then until the lease ends.
    """

    events: int
    size: int
    wait: float
    lasts: float


@dataclass(slots=True)
class _Given:
    """The last lease of a worker: when it ends, and how many requests like the one asked for it is worth."""

    until: float
    requests: float


class QuotaKeeper:
    """Divides the quota among workers. Leases are booked in the order in which they are asked for.

    A lease is given at once, with the time from when it may be spent: nobody has to ask twice, and nobody
    overtakes. Who is back before its lease ends had use for it and is given more, up to the same piece for
    all. What was given never comes back: not what a worker leaves unspent, nor what it held when it died.
    One thread at a time may ask.
    """

    def __init__(self, cap: Cap) -> None:
        """Start with a burst."""
        self._bucket = _Bucket(cap)
        self._lasts = cap.window * LEASE_SHARE
        seconds = cap.window * PIECE_SHARE
        self._round_events = cap.events_per_second * seconds
        self._round_size = None if cap.bytes_per_second is None else cap.bytes_per_second * seconds
        self._given: dict[int, _Given] = {}

    def lease(self, worker: int, events: int, size: int, now: float) -> Lease:
        """Give a worker a piece.

        Args:
            worker: Who asks, by its number.
            events: Events of the request that it can't send without one.
            size: Bytes of that.
            now: Monotonic seconds.

        Returns:
            At least what was asked for.
        """
        before = self._given.pop(worker, None)
        self._given = {each: given for each, given in self._given.items() if given.until > now}
        grown = 2 * before.requests if before is not None and before.until > now else 1.0
        requests = max(1.0, min(grown, self._share(events, size)))
        lease_events = math.ceil(events * requests)
        lease_size = _NO_LIMIT if self._round_size is None else math.ceil(size * requests)
        booked = self._bucket.fill(now)
        booked = self._bucket.fill(booked + self._bucket.seconds_to(lease_events, lease_size))
        self._bucket.take(lease_events, lease_size)
        self._given[worker] = _Given(booked + self._lasts, requests)
        return Lease(lease_events, lease_size, booked - now, self._lasts)

    def _share(self, events: int, size: int) -> float:
        """Return how many requests of that size the piece of each of the workers is that hold a lease now."""
        workers = len(self._given) + 1
        share = self._round_events / workers / max(1, events)
        if self._round_size is not None:
            share = min(share, self._round_size / workers / max(1, size))
        return share


@dataclass(slots=True)
class _Held:
    """What is left of a lease, and from when until when it may be spent."""

    events: int
    size: int
    begins: float
    ends: float


class LeasedQuota:
    """The quota of a worker: it spends leases of its parent's `QuotaKeeper`.

    Nothing is given back, and a lease that was not spent by its end is dropped.
    """

    def __init__(self, ask: Callable[[int, int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing.

        Args:
            ask: Asks the parent for the events and bytes of one request; the answer comes to `grant`. It is
                called by a sender, with the window's lock held, so it must be quick, and not again before
                the answer.
            clock: Monotonic seconds.
        """
        self._ask, self._clock = ask, clock
        self._lock = threading.Lock()
        self._leases: deque[_Held] = deque()
        self._asked = False
        self._wake: Callable[[], None] | None = None

    def take(self, events: int, size: int) -> float:
        """As in `Quota`."""
        with self._lock:
            now = self._clock()
            self._leases = deque(each for each in self._leases if each.ends > now)
            if self._spend(events, size, now):
                return 0.0
            begin = self._time_for(events, size)
            if begin is not None:
                return max(begin - now, _SHORTEST_WAIT)
            asked, self._asked = self._asked, True
        if not asked:
            self._ask(events, size)
        return _UNANSWERED_WAIT

    def watch(self, wake: Callable[[], None]) -> None:
        """As in `Quota`. Only the last one who watches is woken."""
        self._wake = wake

    def grant(self, lease: Lease) -> None:
        """Receive what was asked for, from the thread that hears the parent."""
        with self._lock:
            begins = self._clock() + lease.wait
            self._leases.append(_Held(lease.events, lease.size, begins, begins + lease.lasts))
            self._asked = False
            wake = self._wake
        if wake is not None:
            wake()

    def _time_for(self, events: int, size: int) -> float | None:
        """Return from when on a request may go out by what is held; None if that is too little."""
        for each in self._leases:
            events, size = events - each.events, size - each.size
            if events <= 0 and size <= 0:
                return each.begins
        return None

    def _spend(self, events: int, size: int, now: float) -> bool:
        """Spend on a request, the oldest lease first, if those that have begun are enough."""
        begins = self._time_for(events, size)
        if begins is None or begins > now + _ROUNDING:
            return False
        for each in self._leases:
            spent = min(events, each.events)
            each.events, events = each.events - spent, events - spent
            spent = min(size, each.size)
            each.size, size = each.size - spent, size - spent
        return True
