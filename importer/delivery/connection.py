"""One request and its response on a connection that is open already (RFC 9112).

httpx opens connections: it resolves names, verifies certificates and keeps time-outs. But a request by httpx
alone costs 830 to 930 µs of CPU time, and releases the interpreter a dozen times, so that senders get in each
other's way. Here it costs 27 to 35 µs: one regular expression recognizes a response whose head is as simple
as Mixpanel's usual one; h11, which httpx would use, too, reads every other response. The standard library's
`HTTPResponse` on the socket of httpx takes 94 µs. pycurl takes 40 to 50, and brings 18 MB and an OpenSSL of
its own.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol

import h11

MAX_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is used again; as in httpx."""

_READ_BYTES: Final = 65_536
_MAX_HEAD_BYTES: Final = 100_000  # as in httpx
_DISCONNECTED: Final = "Server disconnected without sending a response."

# Headers that decide neither where a response ends nor how its body is encoded; and a head of such headers.
_OTHER_HEADERS: Final = (
    rb"(?i:\r\n(?!content-length:|content-encoding:|transfer-encoding:|connection:)"
    rb"[!#$%&'*+.^_`|~0-9a-z-]+:[\t\x20-\x7e\x80-\xff]*"
    rb"|\r\nconnection: keep-alive)*"
)
_SIMPLE_HEAD: Final = re.compile(
    rb"HTTP/1\.1 200(?: [\t\x20-\x7e\x80-\xff]*)?"
    + _OTHER_HEADERS + rb"(?i:\r\ncontent-length: )([0-9]{1,6})" + _OTHER_HEADERS + rb"\r\n\r\n"
)  # fmt: skip


FailureCause = Literal["write time-out", "read time-out", "connection", "protocol"]
"""Why an exchange fails: a time-out, the connection broke, or the response is not HTTP."""


class ExchangeFailed(Exception):  # noqa: N818 - the network's failure; `client` handles it
    """A request without a complete response.

    Attributes:
        cause: Why.
    """

    def __init__(self, cause: FailureCause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class RawResponse(NamedTuple):
    """A response before its body is decoded.

    Attributes:
        status: HTTP status.
        headers: Names and values; None if they don't matter: status 200, and a body that is not encoded.
        parts: The body as it was sent, in pieces.
        reusable: True if the connection can carry another request.
    """

    status: int
    headers: list[tuple[bytes, bytes]] | None
    parts: list[bytes]
    reusable: bool


class NetworkStream(Protocol):
    """A connection of httpx: the extension ``network_stream`` of its responses."""

    def get_extra_info(self, info: str) -> Any:
        """Return an object of the connection by its name, such as ``socket``."""

    def close(self) -> None:
        """Close the connection; httpx notices that and opens another one."""


class KeepAliveConnection:
    """The connection that httpx opened last, while it is idle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a connection.

        Args:
            clock: Monotonic time in seconds.
        """
        self._clock = clock
        self._stream: NetworkStream | None = None
        self._expires_at = 0.0

    def keep(self, stream: NetworkStream | None) -> None:
        """Take a connection that can carry another request."""
        self._stream, self._expires_at = stream, self._clock() + MAX_IDLE_SECONDS

    def is_open(self) -> bool:
        """Return whether a request can go out, by the same rules as httpx.

        If an idle connection can be read, the server has closed it.
        """
        stream = self._stream
        if stream is None:
            return False
        if self._clock() > self._expires_at or stream.get_extra_info("is_readable"):
            self._stream = None
            stream.close()
        return self._stream is not None

    def exchange(self, request: bytes, max_body_bytes: int) -> RawResponse:
        """Send a request and read its response.

        Args:
            request: A whole POST request, its ``Content-Length`` included.
            max_body_bytes: After so many bytes of a body, the rest of it is not read.

        Raises:
            ExchangeFailed: The connection broke or took too long, or the response is not HTTP.
        """
        stream, self._stream = self._stream, None
        assert stream is not None, "the connection is not open"
        reusable = False
        try:
            response = _exchange(stream.get_extra_info("socket"), request, max_body_bytes)
            reusable = response.reusable
        finally:
            if reusable:
                self.keep(stream)
            else:
                stream.close()
        return response


def _exchange(sock: socket.socket, request: bytes, max_body_bytes: int) -> RawResponse:
    sent = _write(sock, request)
    data = _read(sock)
    if not data:
        raise ExchangeFailed("protocol", _DISCONNECTED)
    start = data.find(b"\r\n\r\n") + 4
    length = _simple_length(data[:start])
    if sent and length is not None:
        end = start + length
        while len(data) < end and (more := _read(sock)):
            data += more
        if len(data) == end:
            return RawResponse(200, None, [data[start:]], reusable=True)
    response = _read_by_h11(sock, data, max_body_bytes)
    return response if sent else response._replace(reusable=False)


@lru_cache(maxsize=8)  # within a second, a server's heads are often all the same
def _simple_length(head: bytes) -> int | None:
    """Return the length of the body after a simple head; None if the head is not simple."""
    found = _SIMPLE_HEAD.fullmatch(head)
    return None if found is None else int(found[1])


def _write(sock: socket.socket, request: bytes) -> bool:
    """Send all of a request; False if the server stops reading it: it may have answered and closed."""
    left = memoryview(request)
    try:
        while left:
            left = left[sock.send(left) :]
    except TimeoutError as error:
        raise ExchangeFailed("write time-out", str(error)) from error
    except OSError:
        return False
    return True


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_READ_BYTES)
    except TimeoutError as error:
        raise ExchangeFailed("read time-out", str(error)) from error
    except OSError as error:
        raise ExchangeFailed("connection", str(error)) from error


def _read_by_h11(sock: socket.socket, data: bytes, max_body_bytes: int) -> RawResponse:
    """Read any response that HTTP allows; ``data`` is its beginning, which was read already."""
    connection = h11.Connection(h11.CLIENT, _MAX_HEAD_BYTES)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, size = 0, 0
    headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []
    while not isinstance(event := _next_event(connection, sock), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status, headers = event.status_code, event.headers.raw_items()
        elif isinstance(event, h11.Data):
            parts.append(bytes(event.data))
            size += len(event.data)
            if size > max_body_bytes:
                break
    both_done = connection.our_state is connection.their_state is h11.DONE
    reusable = both_done and connection.trailing_data == (b"", False)
    return RawResponse(status, headers, parts, reusable)


def _next_event(connection: h11.Connection, sock: socket.socket) -> object:
    """Return the next part of a response; reads from the socket until it is complete."""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise ExchangeFailed("protocol", str(error)) from error
        if event is h11.PAUSED:
            raise ExchangeFailed("protocol", "the server no longer speaks HTTP")
        if event is not h11.NEED_DATA:
            return event
        data = _read(sock)
        if not data and connection.their_state is h11.SEND_RESPONSE:
            raise ExchangeFailed("protocol", _DISCONNECTED)
        connection.receive_data(data)
