"""A server that takes events as Mixpanel's /import does, counts them, and judges nothing.

    python bench/server.py --latency 0.1 --keep FILE

Prints its port. When its standard input is closed it ends and prints, as JSON, what it counted and the CPU
that this took. One thread, one loop, no HTTP library, so that it costs less than any client and is not what
is measured. It tells the number of events from the bytes alone: lines of NDJSON, or the `"properties":` of a
JSON array (a quote within a string is escaped, and no property of the data is called so). It needs Linux.
With --rate it answers 429 to what would be more than that over a rolling window (--window, a minute).
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from isal import isal_zlib
from measure import SLICE

_BUFFER: Final = memoryview(bytearray(1 << 20))
"""Where all connections receive: to make room anew each time costs more than to read."""

_GZIP_WINDOW: Final = 31
_END: Final = b"\r\n\r\n"
_REFUSAL: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n"
    b'{"code":429,"error":"Project exceeded rate limits"}'
)
_FORM: Final = b"application/x-www-form-urlencoded"


@dataclass(slots=True)
class Counts:
    """What has arrived so far.

    Attributes:
        over_time: Events by the number of the slice of time in which they arrived.
    """

    requests: int = 0
    refused: int = 0
    events: int = 0
    bytes_received: int = 0
    bytes_of_json: int = 0
    over_time: Counter[int] = field(default_factory=Counter)


class RollingCap:
    """What is taken over a rolling window.

    Args:
        most: Most events.
        seconds: Length of the window.
        clock: Monotonic seconds.
    """

    def __init__(self, most: float, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._taken: deque[tuple[float, int]] = deque()
        self._sum = 0

    def admits(self, events: int) -> bool:
        """Count events that fit in; False for those that don't, which are not counted."""
        now = self._clock()
        while self._taken and self._taken[0][0] <= now - self._seconds:
            self._sum -= self._taken.popleft()[1]
        if self._sum + events > self._most:
            return False
        self._taken.append((now, events))
        self._sum += events
        return True


class Answers:
    """Answers on their way: each leaves a while after its request.

    Args:
        latency: Seconds of that while.
        cap: How many events are taken; None for all.
    """

    def __init__(self, latency: float, cap: RollingCap | None = None) -> None:
        self._latency = latency
        self.cap = cap
        self._waiting: deque[tuple[float, Connection, bytes]] = deque()

    def send(self, connection: Connection, answer: bytes) -> None:
        """Send an answer when its time has come; raises `ConnectionError` if that is now and can't be."""
        if self._latency:
            self._waiting.append((time.monotonic() + self._latency, connection, answer))
        else:
            connection.socket.sendall(answer)

    def send_due(self) -> float | None:
        """Send those whose time has come, and return the seconds until the next; None if there is none."""
        while self._waiting:
            left = self._waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            _, connection, answer = self._waiting.popleft()
            try:
                connection.socket.sendall(answer)
            except OSError:  # its client has left
                continue
        return None


@dataclass(slots=True)
class Connection:
    """A client's socket and what it sent that is not a whole request yet."""

    socket: socket.socket
    data: bytearray = field(default_factory=bytearray)
    needed: int = 0  # bytes that must be there before looking again is worth while


def take(connection: Connection, counts: Counts, answers: Answers, keep: BinaryIO | None) -> bool:
    """Receive once and answer every request that is whole; False once the connection is done."""
    try:
        received = connection.socket.recv_into(_BUFFER)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    if not received:
        return False
    counts.bytes_received += received
    data = connection.data
    data += _BUFFER[:received]
    while len(data) >= connection.needed:
        at = data.find(_END)
        if at < 0:
            return True
        head = bytes(data[:at]).lower()
        body, end, connection.needed = _body(head, data, at + len(_END))
        if body is None:
            return True
        del data[:end]
        connection.needed = 0
        try:
            answers.send(connection, _answer(head, body, counts, answers.cap, keep))
        except ConnectionError:
            return False
        if b"connection: close" in head:
            return False
    return True


def _body(head: bytes, data: bytearray, start: int) -> tuple[bytes | bytearray | None, int, int]:
    """Return the body of a request, where it ends, and, if it isn't whole, how much data it needs."""
    length = _header(head, b"content-length")
    if length:
        end = start + int(length)
        return (data[start:end], end, 0) if len(data) >= end else (None, 0, end)
    if _header(head, b"transfer-encoding") != b"chunked":
        return b"", start, 0
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:line], 16)
        start = line + 2 + size + 2
        if start > len(data):
            break
        if not size:
            return b"".join(parts), start, 0
        parts.append(bytes(data[line + 2 : line + 2 + size]))
    return None, 0, len(data) + 1


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


def _answer(
    head: bytes, body: bytes | bytearray, counts: Counts, cap: RollingCap | None, keep: BinaryIO | None
) -> bytes:
    if _header(head, b"content-encoding") == b"gzip":
        body = isal_zlib.decompress(body, _GZIP_WINDOW, 8 * len(body))
    kind = _header(head, b"content-type")
    if kind == b"application/x-ndjson":
        events = body.count(b"\n") + (not body.endswith(b"\n"))
        answer = b'{"code":200,"num_records_imported":%d,"status":"OK"}' % events
    elif kind.startswith(_FORM):  # what the SDK sends; its answer is that of /import without strict
        events = body.count(b"%22properties%22%3A")
        answer = b'{"error":null,"num_records_imported":%d,"status":1}' % events
    else:
        events = body.count(b'"properties":')
        answer = b'{"code":200,"num_records_imported":%d,"status":"OK"}' % events
    counts.requests += 1
    if cap is not None and not cap.admits(events):
        counts.refused += 1
        return _REFUSAL
    counts.events += events
    counts.over_time[int(time.monotonic() / SLICE)] += events
    if keep:
        keep.write(body if body.endswith(b"\n") else body + b"\n")
    counts.bytes_of_json += len(body)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(answer),
        answer,
    )


def serve(listener: socket.socket, end: int, counts: Counts, answers: Answers, keep: BinaryIO | None) -> None:
    """Serve until there is something to be read from ``end``."""
    poll = select.epoll()
    for number in (listener.fileno(), end):
        poll.register(number, select.EPOLLIN)
    connections: dict[int, Connection] = {}
    while True:
        for number, _ in poll.poll(answers.send_due()):
            if number == end:
                return
            if number == listener.fileno():
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = Connection(accepted)
                poll.register(accepted.fileno(), select.EPOLLIN)
            elif not take(connections[number], counts, answers, keep):
                poll.unregister(number)
                connections.pop(number).socket.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer")
    parser.add_argument("--keep", type=Path, help="where the events go that arrive, as NDJSON")
    parser.add_argument("--rate", type=float, help="events a second, on the average over the window")
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which they are counted")
    given = parser.parse_args()
    cap = None if given.rate is None else RollingCap(given.rate * given.window, given.window)
    counts = Counts()
    with (
        socket.create_server(("127.0.0.1", 0), backlog=512) as listener,
        given.keep.open("wb") if given.keep else nullcontext() as keep,
    ):
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        began = time.process_time()
        serve(listener, sys.stdin.fileno(), counts, Answers(given.latency, cap), keep)
    spent = time.process_time() - began
    first = min(counts.over_time, default=0)
    over_time = [counts.over_time[at] for at in range(first, max(counts.over_time, default=first - 1) + 1)]
    print(json.dumps({**asdict(counts), "over_time": over_time, "cpu": spent}))


if __name__ == "__main__":
    main()
