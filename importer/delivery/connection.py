"""Requests and their responses on a connection that is open already (RFC 9112).

httpx opens connections: it resolves names, goes through proxies, verifies certificates. What is then said on
a connection is said here, for three reasons. A request by httpx costs 830 to 930 µs of CPU time, and releases
the interpreter a dozen times, so that senders get in each other's way. Here it costs 27 to 35 µs: one regular
expression recognizes a response whose head is as simple as Mixpanel's usual one; h11, which httpx would use,
too, reads every other response. (The standard library's `HTTPResponse` takes 94 µs. pycurl takes 40 to 50,
and brings 18 MB and an OpenSSL of its own.) httpx takes bytes that are left over from one response for the
next one; here they end the connection. And its time-outs begin anew with each byte that comes; here a whole
response has a deadline.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol

import h11

MAX_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is used again; as in httpx."""

ANSWER_TIMEOUTS: Final = 2
"""A whole response must be there so many time-outs after its request was sent, however its bytes come."""

SENDING_TIMEOUTS: Final = 10
"""A whole request must be sent within so many time-outs: a slow line may take long for one of 2 MB."""

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

Clock = Callable[[], float]
"""Returns monotonic seconds."""


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
    """A connection of httpx."""

    def get_extra_info(self, info: str) -> Any:
        """Return an object of the connection by its name, such as ``socket``."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there; the end of the connection as nothing."""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""

    def close(self) -> None:
        """Close the connection."""


class _Socket(Protocol):
    """What is used of a socket."""

    def send(self, data: memoryview, /) -> int: ...

    def recv(self, most: int, /) -> bytes: ...

    def settimeout(self, seconds: float, /) -> None: ...


class _InnerTls:
    """The inner one of two TLS layers, which a proxy that is itself reached by TLS makes necessary.

    What httpx calls the socket of such a connection is the proxy's: what is said to it is not for Mixpanel.
    """

    def __init__(self, stream: NetworkStream, timeout: float) -> None:
        self._stream, self._timeout = stream, timeout

    def settimeout(self, seconds: float, /) -> None:
        self._timeout = seconds

    def send(self, data: memoryview, /) -> int:
        with _errors_of_sockets():
            self._stream.write(bytes(data), self._timeout)
        return len(data)

    def recv(self, most: int, /) -> bytes:
        with _errors_of_sockets():
            return self._stream.read(most, self._timeout)

    def has_input(self) -> bool:
        """Return whether bytes that were received already, or the connection's end, wait to be read."""
        try:
            self._stream.read(1, 0)
        except Exception:  # noqa: BLE001 - there is nothing, in the words of httpx
            return False
        return True


@contextmanager
def _errors_of_sockets() -> Iterator[None]:
    """Raise the exceptions of a socket that those of httpx stand for."""
    try:
        yield
    except Exception as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


class KeepAliveConnection:
    """The connection that was opened last, while no request is on it."""

    def __init__(self, timeout: float, clock: Clock = time.monotonic) -> None:
        """Start without a connection.

        Args:
            timeout: Seconds for each write and each read. A whole response may take `ANSWER_TIMEOUTS` of
                these, and a whole request `SENDING_TIMEOUTS`.
            clock: Monotonic time.
        """
        self._timeout, self._clock = timeout, clock
        self._stream: NetworkStream | None = None
        self._socket: _Socket | _InnerTls | None = None
        self._expires_at = 0.0

    def keep(self, stream: NetworkStream) -> None:
        """Take a connection on which nothing was said yet."""
        self._stream, self._socket = stream, stream.get_extra_info("socket")
        if stream.get_extra_info("ssl_object") not in (None, self._socket):
            self._socket = _InnerTls(stream, self._timeout)
        assert self._socket is not None, "a connection has a socket"
        self._socket.settimeout(self._timeout)
        self._expires_at = self._clock() + MAX_IDLE_SECONDS

    def is_open(self) -> bool:
        """Return whether a request can go out, by the same rules as httpx.

        If an idle connection can be read, the server has closed it, or said what nobody asked for.
        """
        if self._stream is not None and (self._clock() > self._expires_at or self._has_input(self._stream)):
            self.close()
        return self._stream is not None

    def _has_input(self, stream: NetworkStream) -> bool:
        inner = self._socket
        return bool(stream.get_extra_info("is_readable")) or (
            isinstance(inner, _InnerTls) and inner.has_input()
        )

    def exchange(self, request: bytes, max_body_bytes: int) -> RawResponse:
        """Send a request and read its response.

        The connection stays open only if the response is whole and no byte follows it.

        Args:
            request: A whole POST request, its ``Content-Length`` included.
            max_body_bytes: After so many bytes of a body, the rest of it is not read.

        Raises:
            ExchangeFailed: The connection broke or took too long, or the response is not HTTP.
        """
        assert self._socket is not None, "the connection is not open"
        reusable = False
        try:
            exchange = _Exchange(self._socket, self._timeout, self._clock)
            response = exchange.run(request, max_body_bytes)
            reusable = response.reusable
        finally:
            if reusable:
                self._expires_at = self._clock() + MAX_IDLE_SECONDS
            else:
                self.close()
        return response

    def close(self) -> None:
        """Close the connection, if there is one."""
        stream, self._stream, self._socket = self._stream, None, None
        if stream is not None:
            stream.close()


class _Exchange:
    """One request and its response."""

    __slots__ = ("_clock", "_deadline", "_shortened", "_socket", "_timeout")

    def __init__(self, sock: _Socket, timeout: float, clock: Clock) -> None:
        """Begin.

        Args:
            sock: The connection; its time-out is ``timeout``, and is so again after a whole response.
            timeout: Seconds for each write and read.
            clock: Monotonic time.
        """
        self._socket, self._timeout, self._clock = sock, timeout, clock
        self._deadline: float | None = None  # there is none for the first write and the first read
        self._shortened = False  # the socket's time-out is less than `timeout`

    def run(self, request: bytes, max_body_bytes: int) -> RawResponse:
        """Send a request and read its response."""
        sent = self._write(request)
        sent_at, self._deadline = self._clock(), None
        self._restore_timeout()
        data = self._read()
        if not data:
            raise ExchangeFailed("protocol", _DISCONNECTED)
        self._deadline = sent_at + ANSWER_TIMEOUTS * self._timeout
        response = self._read_simple(data) if sent else None
        if response is None or isinstance(response, bytes):
            response = self._read_by_h11(response or data, max_body_bytes)
        self._restore_timeout()
        return response if sent else response._replace(reusable=False)

    def _read_simple(self, data: bytes) -> RawResponse | bytes:
        """Read a response whose head is simple; ``data`` is its beginning. Else, return what was read."""
        start = data.find(b"\r\n\r\n") + 4
        length = _simple_length(data[:start])
        if length is None:
            return data
        end = start + length
        while len(data) < end and (more := self._read()):
            data += more
        return RawResponse(200, None, [data[start:]], reusable=True) if len(data) == end else data

    def _write(self, request: bytes) -> bool:
        """Send all of a request; False if the server stops reading it: it may have answered and closed."""
        left = memoryview(request)
        try:
            while True:
                left = left[self._socket.send(left) :]
                if not left:
                    return True
                if self._deadline is None:
                    self._deadline = self._clock() + SENDING_TIMEOUTS * self._timeout
                self._keep_deadline("write time-out", SENDING_TIMEOUTS)
        except TimeoutError as error:
            raise self._late("write time-out", SENDING_TIMEOUTS, str(error)) from error
        except OSError:
            return False

    def _read(self) -> bytes:
        if self._deadline is not None:
            self._keep_deadline("read time-out", ANSWER_TIMEOUTS)
        try:
            return self._socket.recv(_READ_BYTES)
        except TimeoutError as error:
            raise self._late("read time-out", ANSWER_TIMEOUTS, str(error)) from error
        except OSError as error:
            raise ExchangeFailed("connection", str(error)) from error

    def _keep_deadline(self, cause: FailureCause, timeouts: int) -> None:
        """Let the next write or read wait no longer than the deadline.

        Raises:
            ExchangeFailed: The deadline has passed.
        """
        assert self._deadline is not None, "a deadline was set"
        left = self._deadline - self._clock()
        if left <= 0:
            raise self._late(cause, timeouts)
        if left < self._timeout:
            self._socket.settimeout(left)
            self._shortened = True
        else:
            self._restore_timeout()

    def _late(self, cause: FailureCause, timeouts: int, message: str = "") -> ExchangeFailed:
        """Return the error for a time-out: of one write or read, as its message says, or of them all."""
        in_all = f"it took more than {timeouts * self._timeout:g} s in all"
        return ExchangeFailed(cause, message if message and not self._shortened else in_all)

    def _restore_timeout(self) -> None:
        if self._shortened:
            self._socket.settimeout(self._timeout)
            self._shortened = False

    def _read_by_h11(self, data: bytes, max_body_bytes: int) -> RawResponse:
        """Read any response that HTTP allows; ``data`` is its beginning, which was read already."""
        connection = h11.Connection(h11.CLIENT, _MAX_HEAD_BYTES)
        connection.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(data)
        status, size = 0, 0
        headers: list[tuple[bytes, bytes]] = []
        parts: list[bytes] = []
        while not isinstance(event := self._next_event(connection), h11.EndOfMessage):
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

    def _next_event(self, connection: h11.Connection) -> object:
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
            data = self._read()
            if not data and connection.their_state is h11.SEND_RESPONSE:
                raise ExchangeFailed("protocol", _DISCONNECTED)
            connection.receive_data(data)


@lru_cache(maxsize=8)  # within a second, a server's heads are often all the same
def _simple_length(head: bytes) -> int | None:
    """Return the length of the body after a simple head; None if the head is not simple."""
    found = _SIMPLE_HEAD.fullmatch(head)
    return None if found is None else int(found[1])
