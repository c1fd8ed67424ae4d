"""What is left to do for one batch: which events to send next, and what each reply changes.

A batch is one request as long as all goes well. A request that is too large, or refused without a word on
which event is to blame, is split into halves, and each half is a request of its own. Nothing here sends or
waits. Whoever holds the window's lock may call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import assert_never, cast

from importer.delivery.backoff import backoff
from importer.delivery.refusals import not_mixpanel_error, refused_error
from importer.delivery.replies import Lost, Refused, Reply, Settled, Throttled, TooLarge, Unexplained
from importer.errors import DeliveryError
from importer.mixpanel.base_url import host_of
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import (
    Batch,
    Credentials,
    Delivered,
    DeliverySettings,
    Destination,
    Event,
    Status,
    Verdict,
)
from importer.text import counted


@dataclass(slots=True)
class DeliveryState:
    """What all batches of a run share: its options, and what the replies have revealed so far.

    Attributes:
        destination: Where the run sends.
        credentials: The credentials that it sends with.
        settings: Retries and time-outs.
        jitter: Random numbers from 0 to 1, for the jitter of backoffs.
        bytes_added_per_event: Bytes that a request adds to the body of each event, a separator not counted.
        requests: Requests so far that went out.
        answered: Those that the server answered with a 200 or 400 that made sense.
        unauthorized: Those that it answered with 401 or 403.
        max_body_bytes: Most bytes of a body, once a 413 has named them.
        is_mixpanel: True once the server has judged a batch's events one by one: it is no proxy that refuses
            every request.
    """

    destination: Destination
    credentials: Credentials
    settings: DeliverySettings
    jitter: Callable[[], float]
    bytes_added_per_event: int = 0
    requests: int = 0
    answered: int = 0
    unauthorized: int = 0
    max_body_bytes: int | None = None
    is_mixpanel: bool = False


@dataclass(slots=True)
class _PendingRequest:
    """A request that a batch still needs.

    Attributes:
        positions: Which events of the batch it holds.
        sent: How often it went out.
        lost: Number of tries whose answer was lost.
        throttled: Number of 429s in a row during which no other request was answered.
        answered_at_first_try: `DeliveryState.answered` when it was first sent; -1 before.
        answered_at_last_429: The same when it was last throttled, or first sent.
        may_have_landed: An answer was lost, here or before a split: events may have been taken.
    """

    positions: Sequence[int]
    sent: int = 0
    lost: int = 0
    throttled: int = 0
    answered_at_first_try: int = -1
    answered_at_last_429: int = -1
    may_have_landed: bool = False


@dataclass(frozen=True, slots=True)
class NextRequest:
    """What goes out next.

    Attributes:
        count: How many events it has.
        bodies: Their bodies; for /import, several may be in one with a newline between them. They are made
            when they are read, once, so that nobody holds them while the answer is awaited.
        insert_ids: The ``$insert_id`` of each, in order; made likewise.
    """

    count: int
    bodies: Iterator[bytes]
    insert_ids: Iterator[str]


@dataclass
class PendingBatch:
    """One batch on its way.

    Attributes:
        index: Number of the batch in the run, from 0.
        batch: The batch.
    """

    index: int
    batch: Batch
    _verdicts: list[Verdict | None] = field(init=False)
    _requests: list[_PendingRequest] = field(init=False)  # the last one goes first
    _had_unexplained_400: bool = field(init=False, default=False)
    _single_refusals: list[str] = field(init=False, default_factory=list)  # messages of 400s to single events

    def __post_init__(self) -> None:
        count = self.batch.count
        self._verdicts = [None] * count
        self._requests = [_PendingRequest(range(count))] if count else []

    @property
    def done(self) -> bool:
        """True when every event has its verdict."""
        return not self._requests

    def delivered(self) -> Delivered:
        """Return the batch and its verdicts, once it is done."""
        # A verdict is a tuple that isn't empty, so it is true.
        whole = len(self._verdicts) == self.batch.count and all(self._verdicts)
        assert whole, "an event is without a verdict"
        return Delivered(self.batch, cast("list[Verdict]", self._verdicts))

    def rows(self) -> tuple[int, int]:
        """Return the first and the last row of the request that goes out."""
        positions = self._requests[-1].positions
        if len(positions) == self.batch.count:
            return self.batch.rows
        return self._events[positions[0]].row, self._events[positions[-1]].row

    @property
    def attempt(self) -> int:
        """Number of the try of the request that goes out, from 1."""
        return self._requests[-1].sent

    # ── what to send ─────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _events(self) -> list[Event]:
        """The events as objects: only a request for some of them needs these, and one to /track."""
        return self.batch.events()

    def next_size(self, state: DeliveryState, now: int) -> tuple[int, int] | None:
        """Return events and uncompressed bytes of the next request; None if the batch was done without one.

        Args:
            state: What the run knows.
            now: Milliseconds since the epoch.
        """
        if not self._settle_next(state, now):
            return None
        positions = self._requests[-1].positions
        return len(positions), self._size(positions, state)

    def next_request(self, state: DeliveryState, now: int) -> NextRequest | None:
        """Return the next request; None if the batch was done without one.

        Args:
            state: What the run knows.
            now: Milliseconds since the epoch.
        """
        if not self._settle_next(state, now):
            return None
        request = self._requests[-1]
        positions = request.positions
        if request.answered_at_first_try < 0:
            request.answered_at_first_try = request.answered_at_last_429 = state.answered
        request.sent += 1
        whole = len(positions) == self.batch.count and state.destination.endpoint != "track"
        bodies = self.batch.bodies() if whole else self._bodies(positions)
        return NextRequest(len(positions), bodies, self._insert_ids(positions))

    def _settle_next(self, state: DeliveryState, now: int) -> bool:
        """Drop and split until the last request is one that can go out; False if none is left."""
        to_track = state.destination.endpoint == "track"
        while self._requests:
            request = self._requests[-1]
            if to_track:
                self._drop_old(request, now)
            positions = request.positions
            if not positions:
                self._requests.pop()
                continue
            if self._is_too_large(positions, state):
                self._split()
                continue
            return True
        return False

    def _is_too_large(self, positions: Sequence[int], state: DeliveryState) -> bool:
        """Return whether several events are more than the server takes in one request, as far as is known."""
        if state.max_body_bytes is None or len(positions) == 1:
            return False
        return self._size(positions, state) > state.max_body_bytes

    def _size(self, positions: Sequence[int], state: DeliveryState) -> int:
        """Return the bytes of a request's body before compression."""
        count = len(positions)
        if count == self.batch.count:
            size = self.batch.size
        else:
            size = sum(len(self._events[i].body) + 1 for i in positions)
        return size + count * state.bytes_added_per_event + 1

    def _bodies(self, positions: Sequence[int]) -> Iterator[bytes]:
        for i in positions:
            yield self._events[i].body

    def _insert_ids(self, positions: Sequence[int]) -> Iterator[str]:
        for i in positions:
            yield self._events[i].insert_id

    def _drop_old(self, request: _PendingRequest, now: int) -> None:
        """Take out of a request the events that /track would drop silently, and record their verdicts."""
        events, oldest = self._events, now - TRACK_ACCEPTED_AGE_MS
        if all(events[i].time >= oldest for i in request.positions):
            return
        for i in request.positions:
            if events[i].time < oldest:
                self._verdicts[i] = _too_old(events[i].time, may_have_landed=request.may_have_landed)
        request.positions = [i for i in request.positions if events[i].time >= oldest]

    def _split(self) -> None:
        request = self._requests.pop()
        middle = len(request.positions) // 2
        for half in (request.positions[middle:], request.positions[:middle]):
            self._requests.append(_PendingRequest(half, may_have_landed=request.may_have_landed))

    # ── what a reply changes ─────────────────────────────────────────────────────────────────────

    def apply(self, reply: Reply, state: DeliveryState) -> float:
        """Apply the reply to the last request.

        Args:
            reply: What the server's response means.
            state: What the run knows; what this reply reveals is added.

        Returns:
            Seconds to wait before the batch's next request. After `Throttled` it is 0, because `Throttle`
            makes all batches wait.

        Raises:
            RefusedError: The destination takes nothing from us.
            DeliveryError: No tries are left, and no other request gets through either.
        """
        request = self._requests[-1]
        match reply:
            case Settled(verdicts):
                state.answered += 1
                state.is_mixpanel = state.is_mixpanel or self._had_unexplained_400
                self._finish_request(verdicts)
            case Unexplained():
                state.answered += 1
                self._find_refused_event(reply, state)
            case TooLarge(status, message, limit):
                if limit is not None:
                    state.max_body_bytes = min(limit, state.max_body_bytes or limit)
                self._split_or_reject(status, message)
            case Throttled():
                others_pass = state.answered != request.answered_at_last_429
                request.throttled = 0 if others_pass else request.throttled + 1
                request.answered_at_last_429 = state.answered
                self._fail_without_tries_left(reply, state)
            case Lost(_, _, retry_after):
                request.lost += 1
                request.may_have_landed = True
                if not self._fail_without_tries_left(reply, state):
                    if retry_after is not None:
                        return retry_after
                    return backoff(request.lost, state.settings.retry_wait, state.jitter())
            case Refused(status, _):
                state.unauthorized += status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
                raise refused_error(reply, state.destination, state.credentials.kind)
            case _:
                assert_never(reply)
        return 0.0

    def _finish_request(self, verdicts: Sequence[Verdict]) -> None:
        """Record the verdicts of all events of the last request."""
        positions = self._requests.pop().positions
        if len(positions) == len(self._verdicts):
            self._verdicts = list(verdicts)
            return
        for i, verdict in zip(positions, verdicts, strict=True):
            self._verdicts[i] = verdict

    def _split_or_reject(self, status: int, message: str) -> None:
        if len(self._requests[-1].positions) > 1:
            self._split()
        else:
            self._finish_request([Verdict(Status.REJECTED, status, message)])

    def _find_refused_event(self, reply: Unexplained, state: DeliveryState) -> None:
        """Split until the refused event is alone, unless the server turns out not to be Mixpanel.

        Raises:
            RefusedError: Every event of the first batch that was split is refused with the same message.
        """
        self._had_unexplained_400 = not reply.from_mixpanel
        alone = len(self._requests[-1].positions) == 1
        if alone and not reply.from_mixpanel and not state.is_mixpanel:
            self._single_refusals.append(reply.message)
            if len(self._single_refusals) == self.batch.count > 1:
                if len(set(self._single_refusals)) == 1:
                    raise not_mixpanel_error(reply.message, state.destination)
                state.is_mixpanel = True
        self._split_or_reject(reply.status, reply.message)

    def _fail_without_tries_left(self, reply: Lost | Throttled, state: DeliveryState) -> bool:
        """Mark the events of the last request as failed if it has no tries left; False if it has.

        Raises:
            DeliveryError: It has none, and no other request was answered since it was first sent.
        """
        request = self._requests[-1]
        tries = request.lost + request.throttled
        if tries <= state.settings.max_retries:
            return False
        if state.answered == request.answered_at_first_try:
            raise _nothing_gets_through(tries, reply.message, state)
        reason = f"not delivered in {counted(tries, 'try')}; the last: {reply.message}"
        self._finish_request([Verdict(Status.FAILED, reply.status, reason)] * len(request.positions))
        return True


def _nothing_gets_through(tries: int, message: str, state: DeliveryState) -> DeliveryError:
    host = host_of(state.destination.base_url)
    return DeliveryError(
        f"Nothing gets through to {host}: {counted(tries, 'try')} of one request failed, and no"
        f" other was answered meanwhile. The last: {message}",
        "Check the network and Mixpanel's status page, then go on with --resume: nothing is doubled.",
    )


def _too_old(time: int, *, may_have_landed: bool) -> Verdict:
    when = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds")
    if may_have_landed:
        return Verdict(
            Status.FAILED, None, f"time: {when} became too old for /track while its answer was awaited"
        )
    return Verdict(
        Status.INVALID,
        None,
        f"time: {when} is older than 5 days, which /track drops in silence; send it by --endpoint import",
    )
