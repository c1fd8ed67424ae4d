"""An HTTP server that a test scripts, down to the bytes and the way in which it breaks off."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Self

import orjson


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def events(self) -> list[dict]:
        """Return the events of a request to either endpoint."""
        if self.headers.get("content-encoding") == "gzip":
            return [orjson.loads(line) for line in gzip.decompress(self.body).split(b"\n")]
        return orjson.loads(self.body)

    def numbers(self) -> list[int]:
        return [event["properties"]["n"] for event in self.events()]


class Connection:
    """What a handler can do to the client."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self._server, self.sock = server, sock

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.sock.sendall(answer(status, body, **headers))

    def take(self, request: Request) -> None:
        """Answer as Mixpanel does for valid events."""
        self.reply(
            200, orjson.dumps({"code": 200, "num_records_imported": len(request.events()), "status": "OK"})
        )

    def leave(self) -> NoReturn:
        """Close the connection."""
        raise ConnectionAbortedError

    def reset(self) -> NoReturn:
        """Break off with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.leave()

    def drip(self, data: bytes, seconds: float) -> None:
        """Send byte by byte."""
        for i in range(len(data)):
            if self._server.closing.wait(seconds):
                return
            self.sock.sendall(data[i : i + 1])

    def hang(self) -> None:
        """Answer nothing until the client or the server closes."""
        self._server.hanging.release()
        while not self._server.closing.is_set():
            with contextlib.suppress(TimeoutError):
                self.sock.settimeout(0.02)
                if not self.sock.recv(1):
                    self._server.left.release()
                    return


def answer(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


Handler = Callable[[Request, Connection], None]


@dataclass
class Server:
    """Listens on a free port of this machine while it is entered.

    Attributes:
        requests: All that were read, in order.
        connections: How many were made.
        hanging: Released whenever a handler hangs.
        left: Released whenever the client of such a handler has closed.
    """

    handler: Handler
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    hanging: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        # To close a listener doesn't wake a thread that waits on it; a connection does.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.closing.is_set():
                sock.close()
                return
            self.connections += 1
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as reader:
                while (request := read_request(reader)) is not None:
                    with self._lock:
                        self.requests.append(request)
                    self.handler(request, Connection(self, sock))


def read_request(reader: object) -> Request | None:
    start = reader.readline().decode("latin-1").split()
    if len(start) < 2:
        return None
    headers = {}
    while line := reader.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = reader.read(length)
    if len(body) < length:  # the client broke off
        return None
    return Request(start[0], start[1], headers, body)
