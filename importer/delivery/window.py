"""The ordered window: batches in flight, the threads that send them, and their outcomes in input order.

One lock guards everything. The thread of the run puts batches in and takes what is finished out; senders take
the first batch that may go, post it without holding the lock, and settle what the answer means. A batch that
must wait for its next try waits in a queue of its own, so it keeps no sender from its work.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from importer.delivery.pending import DeliveryState, PendingBatch
from importer.delivery.protocols import Client, Clock
from importer.delivery.replies import Lost, Reply, Throttled, interpret
from importer.delivery.throttle import START, Throttle, Ticket
from importer.model import Batch, Delivered, Event
from importer.progress import Progress

MAX_ITEMS: Final = 50_000
MAX_BYTES: Final = 32_000_000
"""How far the reader runs ahead of a batch that waits for its next try. As many batches as a run has senders
from its start are always held, however large they are."""

POLL: Final = 0.05
"""Seconds between two looks at the stop signal while the run's thread waits."""

PLENTY: Final = 200
"""Batches that wait for a sender: with so many, what is finished can wait for the next look."""

OVERALL: Final = 10
"""Time-outs that one request may take in all; each read by itself has one."""

JOIN: Final = 1.0
"""Seconds to wait at the end for threads whose sockets are shut already."""

_insert_id_of = attrgetter("insert_id")


class _OnWire(NamedTuple):
    client: Client
    since: float


class Window:
    """What is between the reader and the results."""

    def __init__(
        self,
        common: DeliveryState,
        pacer: Throttle,
        clients: Callable[[], Client],
        *,
        stop: threading.Event,
        progress: Progress,
        wall: Callable[[], int],
        clock: Clock,
    ) -> None:
        """Start empty; threads start with the batches that need them.

        Args:
            common: What all batches share.
            pacer: Who may send when.
            clients: Makes the client of a sender, in its thread.
            stop: When set, no further request goes out.
            progress: Who is told about waits.
            wall: Milliseconds since the epoch.
            clock: Monotonic time.
        """
        self._common, self._pacer, self._clients = common, pacer, clients
        self._stop, self._progress, self._wall, self._clock = stop, progress, wall, clock
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # senders: something may go out
        self._head_done = threading.Condition(self._lock)  # the run's thread: something came back
        self._jobs: deque[PendingBatch] = deque()  # all that is held, in input order
        self._ready: list[tuple[int, PendingBatch]] = []  # heap: the first batch goes first
        self._later: list[tuple[float, int, PendingBatch]] = []  # heap: by the time of the next try
        self._wire: dict[int, _OnWire] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._put = self._items = self._bytes = 0
        self._waiting = False  # the progress was told so
        self._closing = False
        self._drain_until: float | None = None
        self.error: BaseException | None = None

    # ── the run's thread ─────────────────────────────────────────────────────────────────────────

    @property
    def halted(self) -> bool:
        """True when nothing further goes out: a stop was asked for, or something stops the run."""
        return self.error is not None or self._closing or self._stop.is_set()

    def put(self, batch: Batch) -> None:
        """Take in the next batch."""
        job = PendingBatch(self._put, batch)
        self._put += 1
        with self._lock:
            self._jobs.append(job)
            self._items += len(batch.items)
            self._bytes += job.size
            if not job.done:
                heapq.heappush(self._ready, (job.index, job))
                self._rouse()

    def finished(self) -> list[Delivered]:
        """Take out what is done, up to the first batch that isn't."""
        jobs = []
        with self._lock:
            while self._jobs and self._jobs[0].done:
                job = self._jobs.popleft()
                self._items -= len(job.batch.items)
                self._bytes -= job.size
                jobs.append(job)
        return [job.delivered() for job in jobs]

    def full(self) -> bool:
        """True when the reader must be held back."""
        with self._lock:
            most = self._items >= MAX_ITEMS or self._bytes >= MAX_BYTES
            return most and len(self._jobs) >= (self._common.settings.concurrency or START)

    def unfinished(self) -> bool:
        """True while waiting can still finish the first batch that is held."""
        with self._lock:
            if not self._jobs or self._jobs[0].done:
                return bool(self._jobs)
            if not self.halted:
                return True
            now = self._clock.now()
            if self._drain_until is None:
                self._drain_until = now + self._common.settings.timeout
                self._work.notify_all()
            return self._jobs[0].index in self._wire and now < self._drain_until

    def wait(self) -> None:
        """Wait a moment for the first batch, and break off requests that take too long in all."""
        with self._lock:
            if self._jobs and not self._jobs[0].done:
                self._head_done.wait(POLL)
            oldest = self._clock.now() - OVERALL * self._common.settings.timeout
            overdue = [wire.client for wire in self._wire.values() if wire.since < oldest]
        for client in overdue:
            client.abort()

    def close(self) -> None:
        """End the threads and break off what is on the wire. May be called at any time, and twice."""
        with self._lock:
            self._closing = True
            self._work.notify_all()
            clients = [wire.client for wire in self._wire.values()]
            threads = list(self._threads)
        for client in clients:
            client.abort()
        until = time.monotonic() + JOIN
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    # ── senders ──────────────────────────────────────────────────────────────────────────────────

    def _rouse(self) -> None:
        """Have somebody look at the queues: an idle sender, or a new one while there may be more."""
        if self._idle:
            self._work.notify()
        elif self._ready and len(self._threads) < self._pacer.limit and not self.halted:
            name = f"mixpanel-sender-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._send, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _send(self) -> None:
        """What a sender does, from its first request to the end of the run."""
        client: Client | None = None
        try:
            client = self._clients()
            endpoint = self._common.destination.endpoint
            while (work := self._take(client)) is not None:
                job, ticket, events = work
                reply = client.post(job.bodies_of(events))
                answer = interpret(reply, endpoint, len(events), map(_insert_id_of, events), self._wall())
                overdue = self._settle(job, ticket, answer)
                if overdue:
                    client.close()
                    client = self._clients()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run's thread must hear of it
            self._fail(error, client)
        finally:
            if client is not None:
                client.close()

    def _take(self, client: Client) -> tuple[PendingBatch, Ticket, Sequence[Event]] | None:
        """Wait for a batch that may go out now; None when the sender shall end."""
        with self._lock:
            while not self.halted:
                now = self._clock.now()
                while self._later and self._later[0][0] <= now:
                    _, index, job = heapq.heappop(self._later)
                    heapq.heappush(self._ready, (index, job))
                ticket = self._pacer.admit(now) if self._ready else None
                if ticket is None:
                    self._idle += 1
                    self._clock.wait(self._work, self._until_next(now))
                    self._idle -= 1
                    continue
                job = heapq.heappop(self._ready)[1]
                events = job.request(self._common, self._wall())
                if events:
                    self._wire[job.index] = _OnWire(client, now)
                    if self._ready and self._pacer.in_flight < self._pacer.limit:
                        self._rouse()
                    return job, ticket, events
                self._pacer.unknown(ticket)
                self._tell_if_head(job)
        return None

    def _until_next(self, now: float) -> float | None:
        """Seconds until time alone lets something go out; None if only an answer can."""
        times = [self._later[0][0] - now] if self._later else []
        if self._ready and (pause := self._pacer.pause(now)) is not None:
            times.append(pause)
        return max(0.0, min(times)) if times else None

    def _settle(self, job: PendingBatch, ticket: Ticket, answer: Reply) -> bool:
        """Take in what an answer means. True if the client was aborted for taking too long."""
        with self._lock:
            now = self._clock.now()
            wire = self._wire.pop(job.index)
            limit = self._pacer.limit
            reopened = self._pace(ticket, answer, now)
            try:
                delay = job.answer(answer, self._common)
            finally:
                self._tell_if_head(job)
            if job.done:
                pass
            elif delay > 0:
                heapq.heappush(self._later, (now + delay, job.index, job))
            else:
                heapq.heappush(self._ready, (job.index, job))
            self._announce(answer)
            if reopened or self._pacer.limit > limit:
                self._work.notify_all()
            self._rouse()
            return now - wire.since > OVERALL * self._common.settings.timeout

    def _pace(self, ticket: Ticket, answer: Reply, now: float) -> bool:
        match answer:
            case Throttled():
                self._pacer.throttled(ticket, now, answer.retry_after)
            case Lost():
                self._pacer.unknown(ticket)
            case _:
                return self._pacer.passed(ticket, now)
        return False

    def _announce(self, answer: Reply) -> None:
        """Tell the progress that nothing goes out for a while, or that it does again."""
        match answer:
            case Throttled():
                self._waiting = True
                self._progress.waiting("Mixpanel asks to slow down (429)", self._pacer.until)
            case Lost(_, words, _) if self._later and not self._ready and not self._wire:
                self._waiting = True
                self._progress.waiting(words, self._later[0][0])
            case Lost():
                pass
            case _ if self._waiting and self._pacer.open:
                self._waiting = False
                self._progress.resumed()

    def _tell_if_head(self, job: PendingBatch) -> None:
        """Wake the run's thread, if there is something for it; not while the senders have plenty to do.

        It looks by itself before long, and takes much at once. To be woken for each of many small batches
        would cost more than all else that it does for them.
        """
        if not self._jobs:
            return
        head = self._jobs[0]
        scarce = len(self._ready) < PLENTY
        if (head.done and scarce) or (head is job and self.halted):
            self._head_done.notify()

    def _fail(self, error: BaseException, client: Client | None) -> None:
        """Stop the run for a reason; the first one counts."""
        with self._lock:
            # Nobody awaits an answer any more to what this sender had on the wire.
            self._wire = {i: wire for i, wire in self._wire.items() if wire.client is not client}
            if self.error is None and not self._closing:
                self.error = error
            self._work.notify_all()
            self._head_done.notify()
