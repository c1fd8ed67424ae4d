"""One request and its answer on a connection that is open already (RFC 9112).

httpx opens connections: it knows names, certificates and time-outs. But what it does around each request, and
h11 below it, costs ten times what writing and reading cost, and lets go of the interpreter a dozen times, so
that senders stand in each other's way. Here, an answer as plain as Mixpanel's usual one is known by one look
at its head; any other is read by h11, which httpx would ask, too.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol

import h11

TRUSTED: Final = 5.0
"""Seconds for which an idle connection is taken to be alive; as httpx has it."""

_READ: Final = 65_536
_MAX_HEAD: Final = 100_000  # bytes; as httpx has it
_LEFT: Final = "Server disconnected without sending a response."

# Lines of a head that have no say in where an answer ends and what its bytes mean; and such a head.
_LINES: Final = (
    rb"(?i:\r\n(?!content-length:|content-encoding:|transfer-encoding:|connection:)"
    rb"[!#$%&'*+.^_`|~0-9a-z-]+:[\t\x20-\x7e\x80-\xff]*"
    rb"|\r\nconnection: keep-alive)*"
)
_PLAIN: Final = re.compile(
    rb"HTTP/1\.1 200(?: [\t\x20-\x7e\x80-\xff]*)?"
    + _LINES + rb"(?i:\r\ncontent-length: )([0-9]{1,6})" + _LINES + rb"\r\n\r\n"
)  # fmt: skip


By = Literal["write time", "read time", "connection", "protocol"]
"""What ends an exchange early: time, the connection, or an answer that is not HTTP."""


class ExchangeFailed(Exception):  # noqa: N818 - it is no error of ours
    """An exchange that did not come to its end.

    Attributes:
        by: What ended it.
    """

    def __init__(self, by: By, words: str) -> None:
        super().__init__(words)
        self.by = by


class RawResponse(NamedTuple):
    """An answer.

    Attributes:
        status: HTTP status.
        headers: Names and values; None where they don't matter: status 200, and a body that is not encoded.
        parts: The body as it was sent, in pieces.
        keeps: True if the connection can carry another request.
    """

    status: int
    headers: list[tuple[bytes, bytes]] | None
    parts: list[bytes]
    keeps: bool


class Stream(Protocol):
    """A connection of httpx, as the extension ``network_stream`` of its answers hands it out."""

    def get_extra_info(self, info: str) -> Any:
        """Give what is asked for by name, such as ``socket``."""

    def close(self) -> None:
        """Close it; httpx will find it closed, and open another one."""


class KeepAliveConnection:
    """The connection on which httpx was answered last, while nothing is awaited on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without one.

        Args:
            clock: Seconds that only go up.
        """
        self._clock = clock
        self._stream: Stream | None = None
        self._trusted_until = 0.0

    def keep(self, stream: Stream | None) -> None:
        """Take a connection that can carry another request."""
        self._stream, self._trusted_until = stream, self._clock() + TRUSTED

    def is_open(self) -> bool:
        """Tell, as httpx does, whether a request can go out on it.

        What can be read while nothing is awaited is its end.
        """
        stream = self._stream
        if stream is None:
            return False
        if self._clock() > self._trusted_until or stream.get_extra_info("is_readable"):
            self._stream = None
            stream.close()
        return self._stream is not None

    def exchange(self, request: bytes, most: int) -> RawResponse:
        """Send a request and read its answer.

        Args:
            request: A whole POST request, its ``Content-Length`` included.
            most: Bytes of a body; of a longer one, what follows is not read.

        Raises:
            Broke: The connection broke, took too long, or what came is no answer.
        """
        stream, self._stream = self._stream, None
        assert stream is not None, "the line is not open"
        keeps = False
        try:
            answer = _exchange(stream.get_extra_info("socket"), request, most)
            keeps = answer.keeps
        finally:
            if keeps:
                self.keep(stream)
            else:
                stream.close()
        return answer


def _exchange(sock: socket.socket, request: bytes, most: int) -> RawResponse:
    sent = _write(sock, request)
    data = _read(sock)
    if not data:
        raise ExchangeFailed("protocol", _LEFT)
    start = data.find(b"\r\n\r\n") + 4
    length = _length(data[:start])
    if sent and length is not None:
        end = start + length
        while len(data) < end and (more := _read(sock)):
            data += more
        if len(data) == end:
            return RawResponse(200, None, [data[start:]], keeps=True)
    answer = _by_h11(sock, data, most)
    return answer if sent else answer._replace(keeps=False)


@lru_cache(maxsize=8)  # within a second, a server's heads are often all the same
def _length(head: bytes) -> int | None:
    """Give the length of the body after a plain head; None if it is not plain."""
    found = _PLAIN.fullmatch(head)
    return None if found is None else int(found[1])


def _write(sock: socket.socket, request: bytes) -> bool:
    """Send it all; False if the other side takes no more: it may have answered and left."""
    left = memoryview(request)
    try:
        while left:
            left = left[sock.send(left) :]
    except TimeoutError as error:
        raise ExchangeFailed("write time", str(error)) from error
    except OSError:
        return False
    return True


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_READ)
    except TimeoutError as error:
        raise ExchangeFailed("read time", str(error)) from error
    except OSError as error:
        raise ExchangeFailed("connection", str(error)) from error


def _by_h11(sock: socket.socket, data: bytes, most: int) -> RawResponse:
    """Read whatever HTTP allows; ``data`` is what was read already."""
    connection = h11.Connection(h11.CLIENT, _MAX_HEAD)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, size = 0, 0
    headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []
    while not isinstance(event := _next(connection, sock), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status, headers = event.status_code, event.headers.raw_items()
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
            size += len(event.data)
            if size > most:
                break
    both_done = connection.our_state is connection.their_state is h11.DONE
    return RawResponse(status, headers, parts, keeps=both_done and connection.trailing_data == (b"", False))


def _next(connection: h11.Connection, sock: socket.socket) -> object:
    """Give the next part of an answer, reading as much as it takes."""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise ExchangeFailed("protocol", str(error)) from error
        if event is h11.PAUSED:
            raise ExchangeFailed("protocol", "the server speaks something else than HTTP now")
        if event is not h11.NEED_DATA:
            return event
        data = _read(sock)
        if not data and connection.their_state is h11.SEND_RESPONSE:
            raise ExchangeFailed("protocol", _LEFT)
        connection.receive_data(data)
