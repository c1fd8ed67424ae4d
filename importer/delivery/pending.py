"""What is left to do for one batch: which events to send next, and what each answer changes.

A batch is one request, as long as all goes well. A request that is too large, or refused without a word on
which event is to blame, is halved, and each half is a request of its own. Nothing here sends or waits, and
whoever holds the window's lock may call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn, assert_never, cast

from importer.delivery.backoff import backoff
from importer.delivery.batches import bytes_of
from importer.delivery.destination import host_of, not_mixpanel, refusal
from importer.delivery.replies import Lost, Refused, Reply, Settled, Throttled, TooLarge, Unexplained
from importer.errors import DeliveryError
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


@dataclass(slots=True)
class DeliveryState:
    """What all batches of a run share: what was asked for, and what the server has taught so far.

    Attributes:
        destination: Where the run sends.
        credentials: With what.
        settings: How hard.
        chance: Random numbers from 0 to 1, for jitter.
        overhead: Bytes that each event gets on the wire beyond its body and a separator.
        answered: Requests that were answered with 200 or 400 so far, as far as they made sense.
        limit: Most bytes of a body, once a 413 has named them.
        proved: A batch was halved and did not turn out to be refused whole: the server knows our events.
    """

    destination: Destination
    credentials: Credentials
    settings: DeliverySettings
    chance: Callable[[], float]
    overhead: int = 0
    answered: int = 0
    limit: int | None = None
    proved: bool = False


@dataclass(slots=True)
class _Piece:
    """One request to be made.

    Attributes:
        positions: Which events of the batch it holds.
        lost: Answers that were lost.
        throttled: Answers 429 in a row during which nothing passed.
        since: `Common.answered` when it was first sent; -1 before.
        seen: `Common.answered` when it was first sent or last throttled.
        doubtful: An answer was lost, here or before a split: events may have been taken.
    """

    positions: Sequence[int]
    lost: int = 0
    throttled: int = 0
    since: int = -1
    seen: int = -1
    doubtful: bool = False


@dataclass(slots=True)
class PendingBatch:
    """One batch on its way.

    Attributes:
        index: Number of the batch in the run, from 0.
        batch: The batch.
        size: Bytes of its events.
    """

    index: int
    batch: Batch
    size: int = field(init=False)
    _verdicts: list[Verdict | None] = field(init=False)
    _pieces: list[_Piece] = field(init=False)
    _bisected: bool = field(init=False, default=False)
    _alone: list[str] = field(init=False, default_factory=list)  # words of bare 400s to single events

    def __post_init__(self) -> None:
        count = len(self.batch.events)
        self.size = bytes_of(self.batch.bodies)
        self._verdicts = [None] * count
        self._pieces = [_Piece(range(count))] if count else []

    @property
    def done(self) -> bool:
        """True when every event has its verdict."""
        return not self._pieces

    def delivered(self) -> Delivered:
        """The batch and its verdicts, once it is done."""
        # A verdict is a tuple that isn't empty, so it is true.
        whole = len(self._verdicts) == len(self.batch.events) and all(self._verdicts)
        assert whole, "an event is without a verdict"
        return Delivered(self.batch, cast("list[Verdict]", self._verdicts))

    # ── what to send ─────────────────────────────────────────────────────────────────────────────

    def request(self, common: DeliveryState, now: int) -> Sequence[Event]:
        """The events of the next request; none if the batch was done without one.

        Args:
            common: What the run knows.
            now: Milliseconds since the epoch.
        """
        events = self.batch.events
        while self._pieces:
            piece = self._pieces[-1]
            if common.destination.endpoint == "track":
                self._drop_old(piece, now)
            positions = piece.positions
            if not positions:
                self._pieces.pop()
                continue
            chosen = events if len(positions) == len(events) else [events[i] for i in positions]
            if common.limit is not None and len(chosen) > 1:
                size = sum(len(event.body) + 1 + common.overhead for event in chosen) + 1
                if size > common.limit:
                    self._halve()
                    continue
            if piece.since < 0:
                piece.since = piece.seen = common.answered
            return chosen
        return ()

    def bodies_of(self, events: Sequence[Event]) -> Sequence[bytes]:
        """Give the bodies of events that `request` gave."""
        return self.batch.bodies if events is self.batch.events else [event.body for event in events]

    def _drop_old(self, piece: _Piece, now: int) -> None:
        """Give a verdict to what /track would drop in silence, and take it out of the request."""
        events, oldest = self.batch.events, now - TRACK_ACCEPTED_AGE_MS
        if all(events[i].time >= oldest for i in piece.positions):
            return
        for i in piece.positions:
            if events[i].time < oldest:
                self._verdicts[i] = _too_old(events[i].time, doubtful=piece.doubtful)
        piece.positions = [i for i in piece.positions if events[i].time >= oldest]

    def _halve(self) -> None:
        piece = self._pieces.pop()
        middle = len(piece.positions) // 2
        for half in (piece.positions[middle:], piece.positions[:middle]):  # the last one goes first
            self._pieces.append(_Piece(half, doubtful=piece.doubtful))

    # ── what an answer changes ───────────────────────────────────────────────────────────────────

    def answer(self, answer: Reply, common: DeliveryState) -> float:
        """Take in the answer to the last request.

        Args:
            answer: What it means.
            common: What the run knows; what this answer teaches is added.

        Returns:
            Seconds to wait before the batch's next request. After `Throttled` it is 0: that pause is
            everybody's, and the pacer's.

        Raises:
            RefusedError: The destination takes nothing from us.
            DeliveryError: The tries are used up, and nothing else gets through either.
        """
        piece = self._pieces[-1]
        match answer:
            case Settled(verdicts):
                common.answered += 1
                common.proved = common.proved or self._bisected
                self._settle(verdicts)
            case Unexplained():
                common.answered += 1
                self._unexplained(answer, common)
            case TooLarge(status, words, limit):
                if limit is not None:
                    common.limit = min(limit, common.limit or limit)
                self._split_or_reject(status, words)
            case Throttled():
                others_pass = common.answered != piece.seen
                piece.throttled = 0 if others_pass else piece.throttled + 1
                piece.seen = common.answered
                self._give_up_if_used_up(answer, common)
            case Lost(_, _, retry_after):
                piece.lost += 1
                piece.doubtful = True
                if not self._give_up_if_used_up(answer, common):
                    if retry_after is not None:
                        return retry_after
                    return backoff(piece.lost, common.settings.retry_wait, common.chance())
            case Refused():
                raise refusal(answer, common.destination, common.credentials.kind)
            case _:
                assert_never(answer)
        return 0.0

    def _settle(self, verdicts: Sequence[Verdict]) -> None:
        positions = self._pieces.pop().positions
        if len(positions) == len(self._verdicts):
            self._verdicts = list(verdicts)
            return
        for i, verdict in zip(positions, verdicts, strict=True):
            self._verdicts[i] = verdict

    def _split_or_reject(self, status: int, words: str) -> None:
        if len(self._pieces[-1].positions) > 1:
            self._halve()
        else:
            self._settle([Verdict(Status.REJECTED, status, words)])

    def _unexplained(self, answer: Unexplained, common: DeliveryState) -> None:
        """Halve until the guilty event stands alone, and see whether it is the events at all.

        Raises:
            RefusedError: Every event of the first batch that was halved is refused, in the same words.
        """
        self._bisected = not answer.own
        alone = len(self._pieces[-1].positions) == 1
        if alone and not answer.own and not common.proved:
            self._alone.append(answer.words)
            if len(self._alone) == len(self.batch.events) > 1:
                if len(set(self._alone)) == 1:
                    raise not_mixpanel(answer.words, common.destination)
                common.proved = True
        self._split_or_reject(answer.status, answer.words)

    def _give_up_if_used_up(self, answer: Lost | Throttled, common: DeliveryState) -> bool:
        """Mark the events of a request whose tries are used up as failed; False while it has tries left."""
        piece = self._pieces[-1]
        tries = piece.lost + piece.throttled
        if tries <= common.settings.max_retries:
            return False
        if common.answered == piece.since:
            _stop(tries, answer.words, common)
        reason = f"not delivered in {tries} tries; the last: {answer.words}"
        self._settle([Verdict(Status.FAILED, answer.status, reason)] * len(piece.positions))
        return True


def _stop(tries: int, words: str, common: DeliveryState) -> NoReturn:
    raise DeliveryError(
        f"Nothing gets through to {host_of(common.destination)}: {tries} tries of one request failed, and no"
        f" other was answered meanwhile. The last: {words}",
        "Check the network and Mixpanel's status page, then go on with --resume: nothing is doubled.",
    )


def _too_old(time: int, *, doubtful: bool) -> Verdict:
    when = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="seconds")
    if doubtful:
        return Verdict(
            Status.FAILED, None, f"time: {when} became too old for /track while its answer was awaited"
        )
    return Verdict(
        Status.INVALID,
        None,
        f"time: {when} is older than 5 days, which /track drops in silence; send it by --endpoint import",
    )
