"""A server that takes events as Mixpanel's /import does, counts them, and judges nothing.

    python bench/server.py

Prints its port. When its standard input is closed it ends and prints, as JSON, what it counted and the CPU
that this took. One thread, one loop, no HTTP library, so that it costs less than any client and is not what
is measured. It tells the number of events from the bytes alone: lines of NDJSON, or the `"properties":` of a
JSON array (a quote within a string is escaped, and no property of the data is called so). It needs Linux.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Final

from isal import isal_zlib

_BUFFER: Final = memoryview(bytearray(1 << 20))
"""Where all connections receive: to make room anew each time costs more than to read."""

_GZIP_WINDOW: Final = 31
_END: Final = b"\r\n\r\n"
_FORM: Final = b"application/x-www-form-urlencoded"


@dataclass(slots=True)
class Counts:
    """What has arrived so far."""

    requests: int = 0
    events: int = 0
    bytes_received: int = 0
    bytes_of_json: int = 0


@dataclass(slots=True)
class Connection:
    """A client's socket and what it sent that is not a whole request yet."""

    socket: socket.socket
    data: bytearray = field(default_factory=bytearray)
    needed: int = 0  # bytes that must be there before looking again is worth while


def take(connection: Connection, counts: Counts) -> bool:
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
            connection.socket.sendall(_answer(head, body, counts))
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


def _answer(head: bytes, body: bytes | bytearray, counts: Counts) -> bytes:
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
    counts.events += events
    counts.bytes_of_json += len(body)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(answer),
        answer,
    )


def serve(listener: socket.socket, end: int, counts: Counts) -> None:
    """Serve until there is something to be read from ``end``."""
    poll = select.epoll()
    for number in (listener.fileno(), end):
        poll.register(number, select.EPOLLIN)
    connections: dict[int, Connection] = {}
    while True:
        for number, _ in poll.poll():
            if number == end:
                return
            if number == listener.fileno():
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = Connection(accepted)
                poll.register(accepted.fileno(), select.EPOLLIN)
            elif not take(connections[number], counts):
                poll.unregister(number)
                connections.pop(number).socket.close()


def main() -> None:
    counts = Counts()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        began = time.process_time()
        serve(listener, sys.stdin.fileno(), counts)
    spent = time.process_time() - began
    print(json.dumps({**asdict(counts), "cpu": spent}))


if __name__ == "__main__":
    main()
