"""The ordered window: the batches in flight, the threads that send them, and their outcomes in input order.

One lock guards all of it. The run's thread puts batches in and takes finished ones out. Each sender takes the
first batch that may go, posts it without holding the lock, and applies the reply. A batch that must wait for
its next try waits in a queue of its own, so that it blocks no sender.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from importer.delivery.pending import DeliveryState, NextRequest, PendingBatch
from importer.delivery.protocols import Client, Clock
from importer.delivery.quota import Quota
from importer.delivery.replies import Lost, Reply, Throttled, interpret
from importer.delivery.request_log import RequestLog, SentRequest
from importer.delivery.throttle import INITIAL_LIMIT, Throttle, Ticket
from importer.model import Batch, Delivered
from importer.progress import Progress

MAX_HELD_ITEMS: Final = 20_000
MAX_HELD_BYTES: Final = 8_000_000
"""How far the reader runs ahead of a batch that waits for its next try. However many items batches have, the
window holds as many batches as the run has senders at its start; and however many bytes, as many as a fixed
concurrency has."""

STOP_POLL_SECONDS: Final = 0.05
"""The run's thread looks at the stop signal this often while it waits."""

MAX_QUEUED_TO_NOTIFY: Final = 200
"""While more batches than this wait for a sender, the run's thread is not woken for finished ones. It looks
by itself every `STOP_POLL_SECONDS`; to be woken for each of many small batches would cost more than all other
work for them."""

JOIN_SECONDS: Final = 1.0
"""Time to wait at the end for threads whose sockets were shut down."""


class Window:
    """Sends batches concurrently and returns them in input order."""

    def __init__(
        self,
        state: DeliveryState,
        throttle: Throttle,
        client_factory: Callable[[], Client],
        *,
        stop: threading.Event,
        progress: Progress,
        now: Callable[[], int],
        clock: Clock,
        log: RequestLog | None = None,
        quota: Quota | None = None,
    ) -> None:
        """Start empty; a thread starts when a batch needs it.

        Args:
            state: What all batches share.
            throttle: Decides who may send when.
            client_factory: Makes the client of a sender, in the sender's thread.
            stop: When set, no further request goes out.
            progress: Reports pauses.
            now: Milliseconds since the epoch.
            clock: Monotonic time.
            log: Where requests are logged; None for nowhere.
            quota: How much may go out; None for as much as the throttle lets through.
        """
        self._state, self._throttle, self._client_factory = state, throttle, client_factory
        self._stop, self._progress, self._now, self._clock = stop, progress, now, clock
        self._log, self._quota = log, quota
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # senders wait for it: a request may go out
        self._progressed = threading.Condition(self._lock)  # the run's thread waits for it: a batch is done
        self._held: deque[PendingBatch] = deque()  # all batches, in input order
        self._ready: list[tuple[int, PendingBatch]] = []  # heap: the first batch goes first
        self._delayed: list[tuple[float, int, PendingBatch]] = []  # heap: by the time of the next try
        self._in_flight: dict[int, Client] = {}
        self._threads: list[threading.Thread] = []
        self._idle_senders = 0
        self._awaits_quota = False  # a sender waits until the quota gives enough for the first batch
        self._put_count = self._held_items = self._held_bytes = 0
        self._reported_waiting = False
        self._closing = False
        self._drain_until: float | None = None
        self.error: BaseException | None = None
        if quota is not None:
            quota.watch(self._wake_all)

    # ── the run's thread ─────────────────────────────────────────────────────────────────────────

    @property
    def halted(self) -> bool:
        """True when no further request goes out: after a stop signal, an error or `close`."""
        return self.error is not None or self._closing or self._stop.is_set()

    def tell_if_sent(self, sent: threading.Event) -> None:
        """Set an event if a request went out."""
        if self._state.requests:
            sent.set()

    def put(self, batch: Batch) -> None:
        """Add the next batch."""
        pending = PendingBatch(self._put_count, batch)
        self._put_count += 1
        with self._lock:
            self._held.append(pending)
            self._held_items += batch.length
            self._held_bytes += pending.batch.size
            if not pending.done:
                heapq.heappush(self._ready, (pending.index, pending))
                self._wake_or_start_sender()

    def take_finished(self) -> list[Delivered]:
        """Remove and return the batches that are done, up to the first one that isn't."""
        finished = []
        with self._lock:
            while self._held and self._held[0].done:
                pending = self._held.popleft()
                self._held_items -= pending.batch.length
                self._held_bytes -= pending.batch.size
                finished.append(pending)
        return [pending.delivered() for pending in finished]

    def full(self) -> bool:
        """Return True if no batch must be added now."""
        with self._lock:
            held, fixed = len(self._held), self._state.settings.concurrency
            if self._held_bytes >= MAX_HELD_BYTES:
                return held >= (fixed or 1)
            return self._held_items >= MAX_HELD_ITEMS and held >= (fixed or INITIAL_LIMIT)

    def unfinished(self) -> bool:
        """Return True while the first batch is done, or can still become so by waiting."""
        with self._lock:
            if not self._held or self._held[0].done:
                return bool(self._held)
            if not self.halted:
                return True
            now = self._clock()
            if self._drain_until is None:
                self._drain_until = now + self._state.settings.timeout
                self._work.notify_all()
            return self._held[0].index in self._in_flight and now < self._drain_until

    def wait(self) -> None:
        """Wait a moment for the first batch."""
        with self._lock:
            if self._held and not self._held[0].done:
                self._progressed.wait(STOP_POLL_SECONDS)

    def only_unauthorized(self) -> bool:
        """Return whether every request was answered 401 or 403, so that nothing was taken for sure.

        It waits for those in flight, up to the time-out, as long as all others were answered so.
        """
        state = self._state
        with self._lock:
            for _ in range(int(state.settings.timeout / STOP_POLL_SECONDS)):
                if not self._in_flight or state.unauthorized + len(self._in_flight) < state.requests:
                    break
                self._progressed.wait(STOP_POLL_SECONDS)
            return 0 < state.unauthorized == state.requests

    def close(self) -> None:
        """End the threads and abort requests in flight. May be called at any time, and twice."""
        with self._lock:
            self._closing = True
            self._work.notify_all()
            clients = list(self._in_flight.values())
            threads = list(self._threads)
        for client in clients:
            client.abort()
        until = self._clock() + JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - self._clock()))

    # ── senders ──────────────────────────────────────────────────────────────────────────────────

    def _wake_or_start_sender(self) -> None:
        """Wake an idle sender; if there is none, start one, unless there are as many as may send at once."""
        if self._idle_senders:
            self._work.notify()
        elif self._ready and len(self._threads) < self._throttle.limit and not self.halted:
            name = f"mixpanel-sender-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._run_sender, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run_sender(self) -> None:
        """Send requests until the run ends; the target of each sender's thread."""
        client: Client | None = None
        try:
            client = self._client_factory()
            while (work := self._next_request(client)) is not None:
                self._send(client, *work)
        except BaseException as error:  # noqa: BLE001 - the run's thread must learn of any error
            self._fail(error, client)
        finally:
            if client is not None:
                client.close()

    def _send(self, client: Client, pending: PendingBatch, ticket: Ticket, request: NextRequest) -> None:
        """Send a request, apply what comes back, and log both."""
        log, wait = self._log, None
        if log is not None:
            at, began, rows, attempt = self._now(), self._clock(), pending.rows(), pending.attempt
        response = client.post(request.bodies)
        endpoint = self._state.destination.endpoint
        reply = interpret(response, endpoint, request.count, request.insert_ids, self._now())
        try:
            seconds = 0.0 if log is None else self._clock() - began
            wait = self._apply(pending, ticket, reply)
        finally:
            if log is not None:
                sent = SentRequest(
                    at, rows, request.count, attempt, client.sent_bytes, seconds, client.new_connection
                )
                log.request(sent, response, reply, wait)

    def _next_request(self, client: Client) -> tuple[PendingBatch, Ticket, NextRequest] | None:
        """Wait for a request that may go out now; None if the sender must end."""
        with self._lock:
            while not self.halted:
                now = self._clock()
                while self._delayed and self._delayed[0][0] <= now:
                    _, index, pending = heapq.heappop(self._delayed)
                    heapq.heappush(self._ready, (index, pending))
                ticket = self._throttle.admit(now) if self._ready else None
                if ticket is None:
                    self._wait_for_work(self._seconds_to_next(now))
                    continue
                if self._quota is not None and (wait := self._seconds_of_quota(self._quota)):
                    self._throttle.lost(ticket)
                    self._wait_for_quota(wait, now)
                    continue
                pending = heapq.heappop(self._ready)[1]
                request = pending.next_request(self._state, self._now())
                if request is not None:
                    self._state.requests += 1
                    self._in_flight[pending.index] = client
                    if self._ready and self._throttle.in_flight < self._throttle.limit:
                        self._wake_or_start_sender()
                    return pending, ticket, request
                self._throttle.lost(ticket)
                self._notify_run(pending)
        return None

    def _seconds_of_quota(self, quota: Quota) -> float:
        """Take what the first batch needs next; return the seconds to wait if that is not there, else 0.0."""
        size = self._ready[0][1].next_size(self._state, self._now())
        return 0.0 if size is None else quota.take(*size)

    def _wait_for_quota(self, seconds: float, now: float) -> None:
        """Let one sender wait for the quota; each that got through wakes another."""
        if self._awaits_quota:
            self._wait_for_work(self._delayed[0][0] - now if self._delayed else None)
            return
        self._awaits_quota = True
        self._wait_for_work(seconds)
        self._awaits_quota = False

    def _wait_for_work(self, seconds: float | None) -> None:
        """Wait until woken, or for so many seconds."""
        self._idle_senders += 1
        self._clock.wait(self._work, seconds)
        self._idle_senders -= 1

    def _wake_all(self) -> None:
        """Let the senders look whether the quota gives enough now."""
        with self._lock:
            self._work.notify_all()

    def _seconds_to_next(self, now: float) -> float | None:
        """Return the seconds until a request may go out; None if only a reply can change anything."""
        times = [self._delayed[0][0] - now] if self._delayed else []
        if self._ready and (pause := self._throttle.seconds_to_probe(now)) is not None:
            times.append(pause)
        return max(0.0, min(times)) if times else None

    def _apply(self, pending: PendingBatch, ticket: Ticket, reply: Reply) -> float | None:
        """Apply a reply to its batch; return the seconds until its next try, or None if it need not wait."""
        with self._lock:
            now = self._clock()
            del self._in_flight[pending.index]
            limit = self._throttle.limit
            pause_ended = self._return_ticket(ticket, reply, now)
            try:
                delay = pending.apply(reply, self._state)
            finally:
                self._notify_run(pending)
            if pending.done:
                pass
            elif delay > 0:
                heapq.heappush(self._delayed, (now + delay, pending.index, pending))
            else:
                heapq.heappush(self._ready, (pending.index, pending))
            self._report_waiting(reply)
            if pause_ended or self._throttle.limit > limit:
                self._work.notify_all()
            self._wake_or_start_sender()
            if pending.done or not isinstance(reply, Lost | Throttled):
                return None
            return delay if isinstance(reply, Lost) else max(0.0, self._throttle.until - now)

    def _return_ticket(self, ticket: Ticket, reply: Reply, now: float) -> bool:
        """Return a ticket to the throttle. True if that ends a pause."""
        match reply:
            case Throttled():
                self._throttle.throttled(ticket, now, reply.retry_after)
            case Lost():
                self._throttle.lost(ticket)
            case _:
                return self._throttle.passed(ticket, now)
        return False

    def _report_waiting(self, reply: Reply) -> None:
        """Report to the progress that sending pauses, or goes on."""
        match reply:
            case Throttled():
                self._reported_waiting = True
                self._progress.waiting("asked to slow down (429)", self._throttle.until)
            case Lost(_, message, _) if self._delayed and not self._ready and not self._in_flight:
                self._reported_waiting = True
                self._progress.waiting(message, self._delayed[0][0])
            case Lost():
                pass
            case _ if self._reported_waiting and not self._throttle.paused:
                self._reported_waiting = False
                self._progress.resumed()

    def _notify_run(self, pending: PendingBatch) -> None:
        """Wake the run's thread if the first batch is done, or changed after a halt."""
        if not self._held:
            return
        first = self._held[0]
        few_queued = len(self._ready) < MAX_QUEUED_TO_NOTIFY
        if (first.done and few_queued) or (first is pending and self.halted):
            self._progressed.notify()

    def _fail(self, error: BaseException, client: Client | None) -> None:
        """Stop the run with an error; the first one counts."""
        with self._lock:
            # This sender applies no further reply, so its request must not be waited for.
            self._in_flight = {i: each for i, each in self._in_flight.items() if each is not client}
            if self.error is None and not self._closing:
                self.error = error
            self._work.notify_all()
            self._progressed.notify()
