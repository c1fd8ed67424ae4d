"""What the tests of delivery share: events, a clock that jumps, and a Mixpanel in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson
import waiting

from importer.delivery.engine import deliver
from importer.delivery.replies import NoResponse, Response
from importer.model import Batch, Credentials, Delivered, DeliverySettings, Destination, Event, Rejection
from importer.progress import NullProgress
from importer.speedups import EventBlock

PATIENCE = 60.0
"""Seconds after which something that must happen has not happened."""

wait_until = partial(waiting.wait_until, patience=PATIENCE)

NOW = 1_800_000_000_000
TOKEN = "0123456789abcdef0123456789abcdef"

CREDENTIALS = Credentials("token", TOKEN)
IMPORT = Destination("import", "http://127.0.0.1:9", "sandbox")
TRACK = Destination("track", "http://127.0.0.1:9", "sandbox")


def event(number: int, time: int = NOW - 3_600_000, size: int = 0) -> Event:
    insert_id = f"id-{number}"
    body = orjson.dumps(
        {
            "event": "Bought",
            "properties": {
                "time": time,
                "distinct_id": "u",
                "$insert_id": insert_id,
                "n": number,
                "x": "x" * size,
            },
        }
    )
    return Event(number + 1, number + 2, "Bought", "u", insert_id, time, body)


def rejection(number: int) -> Rejection:
    return Rejection(number + 1, number + 2, "time: is empty")


def batch_of(items: Sequence[Event | Rejection]) -> Batch:
    return Batch.of(EventBlock(items))


def batch(*numbers: int, time: int = NOW - 3_600_000) -> Batch:
    return batch_of([event(number, time) for number in numbers])


def many(count: int, size: int = 5) -> list[Batch]:
    return [batch(*range(i * size, (i + 1) * size)) for i in range(count)]


def settings(**changes: object) -> DeliverySettings:
    return DeliverySettings(**{"concurrency": 4, "max_retries": 3, "timeout": 5.0, **changes})  # type: ignore[arg-type]


def taken(count: int) -> Response:
    return Response(200, orjson.dumps({"code": 200, "num_records_imported": count, "status": "OK"}))


def partly(sent: int, failed: dict[int, str], ids: Sequence[str] = ()) -> Response:
    records = [
        {"index": i, "insert_id": ids[i] if ids else "", "field": "properties.time", "message": message}
        for i, message in failed.items()
    ]
    return Response(
        400,
        orjson.dumps({"code": 400, "num_records_imported": sent - len(failed), "failed_records": records}),
    )


def error(status: int, words: str = "no", **more: str) -> Response:
    return Response(status, orjson.dumps({"code": status, "error": words}), **more)


def numbers(bodies: Sequence[bytes]) -> list[int]:
    """Return the numbers of the events in a request."""
    return [orjson.loads(body)["properties"]["n"] for part in bodies for body in part.split(b"\n")]


Handler = Callable[[list[int]], Response | NoResponse]


@dataclass
class Memory:
    """A Mixpanel in memory: makes clients whose requests a handler answers.

    Attributes:
        handler: Returns the response to a request, given the numbers of its events.
        requests: The requests so far.
        clients: The clients that were made.
        most_at_once: Most requests that were answered at the same time.
    """

    handler: Handler
    requests: list[list[int]] = field(default_factory=list)
    clients: list[MemoryClient] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> MemoryClient:
        client = MemoryClient(self)
        with self._lock:
            self.clients.append(client)
        return client

    @property
    def open_clients(self) -> int:
        return sum(not client.closed for client in self.clients)

    def answer(self, bodies: Sequence[bytes]) -> Response | NoResponse:
        sent = numbers(bodies)
        with self._lock:
            self.requests.append(sent)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self.handler(sent)
        finally:
            with self._lock:
                self._at_once -= 1

    def tries_of(self, number: int) -> int:
        return sum(number in sent for sent in self.requests)


@dataclass
class MemoryClient:
    server: Memory
    aborted: threading.Event = field(default_factory=threading.Event)
    closed: bool = False
    sent_bytes: int = 0
    new_connection: bool = False

    def post(self, bodies: Sequence[bytes]) -> Response | NoResponse:
        return self.server.answer(bodies)

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        self.closed = True


class JumpingClock:
    """A clock that jumps to the end of each wait, unless the condition is notified before."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        if seconds is None:
            condition.wait()
            return
        until = self.time + seconds
        if not condition.wait(0.002):
            self.time = max(self.time, until)


@dataclass
class Listener(NullProgress):
    """A progress that records the reports."""

    reports: list[tuple[str, float] | str] = field(default_factory=list)

    def waiting(self, reason: str, until: float) -> None:
        self.reports.append((reason, until))

    def resumed(self) -> None:
        self.reports.append("resumed")


def send(
    batches: Sequence[Batch] | Iterator[Batch],
    server: Callable[[], MemoryClient],
    *,
    destination: Destination = IMPORT,
    stop: threading.Event | None = None,
    clock: JumpingClock | None = None,
    progress: Listener | None = None,
    now: Callable[[], int] = lambda: NOW,
    **changes: object,
) -> Iterator[Delivered]:
    """`deliver` to a Mixpanel in memory, on a clock that jumps."""
    return deliver(
        batches,
        destination,
        CREDENTIALS,
        settings(**changes),
        stop=stop or threading.Event(),
        progress=progress or Listener(),
        now=now,
        clock=clock or JumpingClock(),
        jitter=lambda: 0.5,
        client_factory=server,
    )


def no_senders() -> bool:
    return not senders()


def senders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("mixpanel-sender")]
