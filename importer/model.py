"""The types that the wings of the importer hand each other.

All of them are immutable. What exists once for each record is a named tuple, which costs a quarter of a
frozen dataclass. What exists once for a run is a frozen dataclass.

How a record becomes an outcome::

    Source ──Record──▶ Mapper ──Event──▶ Batch ──▶ Delivery ──Verdict──▶ Outcome ──▶ results file
       └────Rejection────┴──────Rejection──┘ (stays in its batch, in order, and is never sent)

Where `speedups` is compiled, records, events and rejections stand in blocks as bytes, and such an object is
made when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol, Self

RunKind = Literal["real", "dry-run", "sandbox"]
"""The kind of a run: only a real one reaches Mixpanel."""

Endpoint = Literal["import", "track"]
"""The endpoint that events are posted to."""

Region = Literal["us", "eu", "in"]
"""Where a project's data lives."""

CredentialsKind = Literal["token", "service-account", "secret"]
"""What a request authenticates with: a project's token, a service account, or an API secret (legacy)."""


class Status(StrEnum):
    """The status of a record's outcome (column ``status`` of the results file)."""

    IMPORTED = "imported"  # Mixpanel said that it took this event
    ACCEPTED = "accepted"  # /track took the request; it confirms no single event
    REJECTED = "rejected"  # Mixpanel refused this event: mend the data
    INVALID = "invalid"  # refused before sending: mend the data or the mapping
    FAILED = "failed"  # not delivered, or not known: safe to rerun as it is
    VALID = "valid"  # dry run: would be sent
    SKIPPED = "skipped"  # the mapping leaves it out

    @property
    def success(self) -> bool:
        """True where Mixpanel took the record, or would take it."""
        return self in (Status.IMPORTED, Status.ACCEPTED, Status.VALID)

    @property
    def failure(self) -> bool:
        """True where a retry would send the record again."""
        return self in (Status.REJECTED, Status.INVALID, Status.FAILED)


# ── source → events ──────────────────────────────────────────────────────────────────────────────


class Record(NamedTuple):
    """One CSV record or one JSONL line.

    Attributes:
        row: Number of the record in the source, from 1; the header and blank lines are not counted.
        line: Physical line on which it starts, from 1; every line is counted.
        values: The cells in the order of the columns (CSV), or the object of the line (JSONL).
        note: What could not be read exactly; empty if there is nothing.
        item: Which of several events of the record it is, from 1; 0 where a record is one event.
    """

    row: int
    line: int
    values: Sequence[str] | Mapping[str, Any]
    note: str = ""
    item: int = 0


class Rejection(NamedTuple):
    """Why a record can't become an event: a value, not an exception.

    Attributes:
        row, line: As in `Record`.
        error: The field, what was found and what is expected; one line for people.
        event, distinct_id, insert_id: As in `Event`; empty if not known.
        note: As in `Event`.
        item: As in `Record`.
        status: ``invalid``, or ``skipped`` for a record that the mapping leaves out.
    """

    row: int
    line: int
    error: str
    event: str = ""
    distinct_id: str = ""
    insert_id: str = ""
    note: str = ""
    item: int = 0
    status: Status = Status.INVALID


# ── events → delivery ────────────────────────────────────────────────────────────────────────────


class Event(NamedTuple):
    """The event that Mixpanel receives for a record.

    Attributes:
        row, line: As in `Record`.
        event: Name of the event.
        distinct_id: User of the event; empty where there is none.
        insert_id: ``$insert_id``, the same each time that the record is read.
        time: Milliseconds since the epoch, UTC.
        body: The event as JSON in UTF-8, encoded once: no newline, no token.
        note: What was changed, or what Mixpanel will change, if it is no error; else empty.
        item: As in `Record`.
    """

    row: int
    line: int
    event: str
    distinct_id: str
    insert_id: str
    time: int
    body: bytes
    note: str = ""
    item: int = 0


class ItemBlock(Protocol):
    """Events and rejections of consecutive records: `speedups.EventBlock`."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: slice, /) -> list[Event | Rejection]: ...

    def take(
        self,
        start: int,
        events: int,
        size: int,
        items: int,
        holds_event: bool,  # noqa: FBT001 - a compiled method has no keywords
    ) -> tuple[int, int, int, bool]:
        """Return how many items from some place on fit into a batch: see `speedups.EventBlock.take`."""

    def bodies(self, start: int, stop: int) -> bytes:
        """Return the bodies of the events between two places, with a newline between them."""

    def holds_invalid(self, start: int, stop: int) -> bool:
        """Return whether an item between two places is a rejection that is not skipped."""


class Part(NamedTuple):
    """Consecutive items of a block."""

    block: ItemBlock
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of the source and the one request that they become.

    Attributes:
        parts: Events and rejections in the order of the source.
        count: How many of them are events: those of the request. May be 0.
        size: Bytes of their bodies, each with a separator.
    """

    parts: Sequence[Part]
    count: int
    size: int

    @classmethod
    def of(cls, block: ItemBlock) -> Self:
        """Return a batch of all items of a block, however many they are."""
        length = len(block)
        _, events, size, _ = block.take(0, length, sys.maxsize, length + 1, False)
        return cls((Part(block, 0, length),), events, size)

    @property
    def length(self) -> int:
        """How many items there are."""
        return sum(part.stop - part.start for part in self.parts)

    @property
    def rows(self) -> tuple[int, int]:
        """The first and the last row."""
        first, last = self.parts[0], self.parts[-1]
        return (
            first.block[first.start : first.start + 1][0].row,
            last.block[last.stop - 1 : last.stop][0].row,
        )

    def items(self) -> list[Event | Rejection]:
        """Return the items as objects, which are made anew each time."""
        return [item for block, start, stop in self.parts for item in block[start:stop]]

    def events(self) -> list[Event]:
        """Return the events among the items."""
        return [item for item in self.items() if isinstance(item, Event)]

    def holds_invalid(self) -> bool:
        """Return whether one of the items is a rejection that is not skipped."""
        return any(block.holds_invalid(start, stop) for block, start, stop in self.parts)

    def bodies(self) -> Iterator[bytes]:
        """Yield the bodies of the events, several in one with a newline between them."""
        for block, start, stop in self.parts:
            if body := block.bodies(start, stop):
                yield body


class Verdict(NamedTuple):
    """The result of delivering one event.

    Attributes:
        status: `IMPORTED`, `ACCEPTED`, `REJECTED`, `INVALID` (too old for /track when its turn came)
            or `FAILED`.
        status_code: HTTP status of the last answer; None where there was none.
        error: The message of the server or of the transport, on one line; empty on success.
    """

    status: Status
    status_code: int | None = None
    error: str = ""


class Delivered(NamedTuple):
    """A batch with a verdict for each of its events, in their order."""

    batch: Batch
    verdicts: Sequence[Verdict]


# ── delivery → results ───────────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """One line of the results file."""

    row: int
    line: int
    status: Status
    status_code: int | None
    event: str
    distinct_id: str
    insert_id: str
    error: str
    note: str
    time: int | None = None  # of an event: milliseconds since the epoch
    item: int = 0  # as in `Record`


# ── once per run ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Identifies the bytes of a source at the time when it was read.

    Attributes:
        size: Bytes on disk.
        mtime_ns: Time of the last change, nanoseconds since the epoch.
        digest: XXH3-128 of the bytes on disk, in hexadecimal.
    """

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request authenticates with. Its ``repr`` contains no secret.

    Attributes:
        kind: ``token``, ``service-account`` or ``secret``.
        username: User of HTTP basic auth: the token, the service account's name or the API secret.
        password: Password of HTTP basic auth; empty but for a service account.
        project_id: For a service account, else empty.
    """

    kind: CredentialsKind
    username: str = field(repr=False)
    password: str = field(default="", repr=False)
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go.

    Attributes:
        endpoint: ``import`` or ``track``.
        base_url: Scheme, host and port, without a slash at the end.
        kind: ``real`` or ``sandbox``.
    """

    endpoint: Endpoint
    base_url: str
    kind: RunKind = "real"


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How events are batched, sent and tried again.

    Attributes:
        batch_size: Most events in one request (1 to 2,000).
        batch_bytes: Most bytes of uncompressed JSON in one request.
        concurrency: Batches in flight at most; None for adaptive.
        max_retries: Tries of a batch after the first.
        retry_wait: Seconds of the first backoff; the cap is 30 times as long, the jitter 0.5 to 2.5 times.
        timeout: Seconds to connect, to write and to read, each.
        rate: Events a second at most; None for what the destination is known to take.
    """

    batch_size: int = 50
    batch_bytes: int = 2_000_000
    concurrency: int | None = None
    max_retries: int = 8
    retry_wait: float = 2.0
    timeout: float = 30.0
    rate: int | None = None
