"""One connection to Mixpanel. The only module that imports httpx.

httpx opens the connection; `connection` sends requests on it. Every failure of the network or the server
becomes a `NoResponse` by the table `FAILURES`, so that none leaves this module as an exception. Credentials
that a response repeats are masked here, before any other code reads the response. A body in an encoding is
not decoded: none was asked for.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from importer.delivery.connection import (
    ANSWER_TIMEOUTS,
    ExchangeFailed,
    FailureCause,
    KeepAliveConnection,
    NetworkStream,
)
from importer.delivery.masking import Masker
from importer.delivery.replies import NoResponse, Response
from importer.delivery.request import RequestFormat, request_format
from importer.delivery.trust import tls_context, trusted_text
from importer.errors import RefusedError
from importer.mixpanel.base_url import check_base_url, is_loopback
from importer.model import Credentials, Destination
from importer.text import one_line, quoted

MAX_RESPONSE_BYTES: Final = 8_000_000
"""Most bytes of a response that are read: 2,000 failed records are less than one megabyte."""

FAILURES: Final[dict[type[Exception], NoResponse]] = {
    httpx.ConnectTimeout: NoResponse("no connection in time"),
    httpx.ReadTimeout: NoResponse("no answer in time"),
    httpx.WriteTimeout: NoResponse("the request could not be written in time"),
    httpx.PoolTimeout: NoResponse("no free connection in time"),
    httpx.ConnectError: NoResponse("no connection"),
    httpx.ReadError: NoResponse("the connection broke before the answer was complete"),
    httpx.WriteError: NoResponse("the connection broke while the request was written"),
    httpx.CloseError: NoResponse("the connection could not be closed"),
    httpx.ProxyError: NoResponse("the proxy did not connect us"),
    httpx.RemoteProtocolError: NoResponse("the server broke off or does not speak HTTP"),
    httpx.LocalProtocolError: NoResponse("the connection is in no state to send"),
    httpx.UnsupportedProtocol: NoResponse("not an http(s) address", permanent=True),
    httpx.DecodingError: NoResponse("the answer could not be decompressed"),
    httpx.TooManyRedirects: NoResponse("too many redirects", permanent=True),
    httpx.InvalidURL: NoResponse("not a URL", permanent=True),
    httpx.CookieConflict: NoResponse("the answer's cookies contradict each other"),
    httpx.HTTPStatusError: NoResponse("the answer is an error"),
    httpx.StreamConsumed: NoResponse("the answer was read already"),
    httpx.StreamClosed: NoResponse("the answer was closed before it was read"),
    httpx.ResponseNotRead: NoResponse("the answer was not read"),
    httpx.RequestNotRead: NoResponse("the request was not read"),
    # Base classes, for exceptions that a later httpx may add.
    httpx.TimeoutException: NoResponse("no answer in time"),
    httpx.NetworkError: NoResponse("the connection broke"),
    httpx.ProtocolError: NoResponse("the server does not speak HTTP as we do"),
    httpx.TransportError: NoResponse("the connection failed"),
    httpx.RequestError: NoResponse("the request failed"),
    httpx.HTTPError: NoResponse("the request failed"),
    httpx.StreamError: NoResponse("the answer could not be read"),
}
"""What the exceptions of httpx mean."""

HTTPX_ERRORS: Final[dict[FailureCause, type[Exception]]] = {
    "write time-out": httpx.WriteTimeout,
    "read time-out": httpx.ReadTimeout,
    "connection": httpx.ReadError,
    "protocol": httpx.RemoteProtocolError,
}
"""The exception that httpx raises for the same cause as `ExchangeFailed`."""

_MAX_DETAIL: Final = 10_000  # characters of an exception that are looked at
_TRANSIENT_4XX: Final = frozenset({"408", "425", "429"})


def _unchanged(text: bytes) -> bytes:
    return text


def to_no_response(error: Exception, mask: Callable[[bytes], bytes] = _unchanged) -> NoResponse:
    """Return what an exception of httpx means for its request.

    Args:
        error: The exception.
        mask: Masks credentials in its text, which may repeat what a server sent.
    """
    known = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    detail = one_line(mask(str(error)[:_MAX_DETAIL].encode(errors="replace")).decode(errors="replace"))
    if isinstance(error, httpx.ConnectError) and _is_certificate(error):
        message = f"the server's certificate is not valid: {detail}; {trusted_text()}"
        return NoResponse(message, permanent=True, cause=one_line(message))
    # The text of a proxy's refusal begins with its status ("407 Proxy Authentication Required").
    status = detail[:3] if isinstance(error, httpx.ProxyError) else ""
    refused = status[:1] in {"3", "4"} and status not in _TRANSIENT_4XX
    message = f"{known.message}: {detail}" if detail else known.message
    # What is no HTTP is quoted in the detail; for the other failures, that is the system's or ours.
    of_system = isinstance(error, httpx.TimeoutException | httpx.NetworkError)
    cause = message if of_system else f"{known.message} ({status})" if status.isdigit() else known.message
    return NoResponse(one_line(message), permanent=known.permanent or refused, cause=one_line(cause))


def _is_certificate(error: BaseException | None) -> bool:
    """Return True if a certificate that can't be verified is among the causes of an exception."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class PreparedRequest(NamedTuple):
    """A request without its body: the same for every batch of a run.

    Attributes:
        url: Address of the endpoint, with its query.
        format: Its headers, and how its body is made.
        raw_head: Its head as bytes, up to the value of ``Content-Length``.
    """

    url: httpx.URL
    format: RequestFormat
    raw_head: bytes

    def __repr__(self) -> str:
        return f"PreparedRequest({quoted(str(self.url))})"


def prepare_request(destination: Destination, credentials: Credentials) -> PreparedRequest:
    """Prepare what every request needs.

    Raises:
        RefusedError: The base URL can't be used.
    """
    check_base_url(destination.base_url)
    form = request_format(destination, credentials)
    try:
        url = httpx.URL(destination.base_url.rstrip("/") + form.path)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedError(
            f"The base URL {quoted(destination.base_url)} can't be used: {one_line(str(error))}",
            "Give scheme and host, as in --base-url https://api-eu.mixpanel.com.",
        ) from None
    # httpx adds the headers that HTTP itself requires.
    raw = httpx.Request("POST", url, headers=form.headers, content=b"").headers.raw
    lines = [b"%s: %s\r\n" % pair for pair in raw if pair[0].lower() != b"content-length"]
    head = b"POST %s HTTP/1.1\r\n%sContent-Length: " % (url.raw_path, b"".join(lines))
    return PreparedRequest(url, form, head)


def make_client_factory(
    destination: Destination,
    credentials: Credentials,
    timeout: float,
    transport: Callable[[], httpx.BaseTransport] | None = None,
) -> Callable[[], MixpanelClient]:
    """Return a factory of connections, one for each sender.

    Args:
        destination: Where to send.
        credentials: The credentials to send with.
        timeout: Seconds to connect, to write and to read.
        transport: Makes the transport of an httpx client; by default httpx's own, through the proxies that
            the environment names.

    Raises:
        RefusedError: The base URL can't be used.
    """
    prepared = prepare_request(destination, credentials)
    masker = Masker(credentials)
    parts = urlsplit(destination.base_url)
    local = is_loopback(parts.hostname or "")
    # By the same rules as httpx.
    proxied = not local and any(map(getproxies().get, ("http", "https", "all")))

    def make() -> MixpanelClient:
        tls = _tls_context(parts.scheme)

        def make_httpx() -> httpx.Client:
            try:
                return httpx.Client(
                    verify=tls,
                    trust_env=not local,
                    timeout=timeout,
                    transport=None if transport is None else transport(),
                    limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                )
            except (ValueError, ImportError, httpx.InvalidURL):
                # The text of the exception may contain a proxy's password.
                raise RefusedError(
                    "A proxy variable of the environment can't be used.",
                    "Set HTTPS_PROXY to http://host:port, or unset it (and ALL_PROXY).",
                ) from None

        return MixpanelClient(make_httpx, tls, prepared, masker, timeout, proxied=proxied)

    return make


def _tls_context(scheme: str) -> ssl.SSLContext:
    """Return the TLS context of one connection: for https, that of `trust`.

    Each connection has a context of its own. truststore holds the context's lock during a handshake, so with
    a common one, a server that hangs there would keep all senders from connecting.
    """
    if scheme == "https":
        return tls_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; httpx's default would read the certificate store


class _Opened(Exception):  # noqa: N818 - no error: it ends what httpx would do after it opened a connection
    """httpx has opened a connection."""


class MixpanelClient:
    """One sender's connection (a `protocols.Client`)."""

    def __init__(
        self,
        make_httpx: Callable[[], httpx.Client],
        tls: ssl.SSLContext,
        prepared: PreparedRequest,
        masker: Masker,
        timeout: float,
        *,
        proxied: bool,
    ) -> None:
        """Start without a connection.

        Args:
            make_httpx: Makes what opens connections.
            tls: The TLS context of connections to Mixpanel; those to a proxy have another one.
            prepared: The request without its body.
            masker: Masks the credentials in what comes back.
            timeout: Seconds to connect, for each write and for each read.
            proxied: True if there may be a proxy in between.
        """
        self.sent_bytes, self.new_connection = 0, False
        self._make_httpx, self._client = make_httpx, make_httpx()
        self._tls, self._request, self._mask = tls, prepared, masker
        self._proxied, self._used, self._timeout = proxied, False, timeout
        self._connection = KeepAliveConnection(timeout)
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict(), "trace": self._trace}
        self._https = prepared.url.scheme == "https"
        self._is_last_step = not self._https
        self._stream: NetworkStream | None = None
        self._socket: socket.socket | None = None
        self._aborted = False

    def post(self, bodies: Iterable[bytes]) -> Response | NoResponse:
        """Send events as one request.

        Args:
            bodies: The events; for /import, several may be in one with a newline between them.

        Returns:
            What came back. Nothing that the network or the server does raises.
        """
        content = self._request.format.encode(bodies)
        self.sent_bytes, self.new_connection = len(content), False
        try:
            if not self._connection.is_open():
                self.new_connection = True
                response = self._open(content)
                if response is not None:
                    return response
            return self._exchange(content)
        except tuple(FAILURES) as error:
            return to_no_response(error, self._mask)
        except UnicodeError:  # from the resolver; httpx doesn't convert it
            return NoResponse("not a host name", permanent=True, cause="not a host name")
        except Exception as error:
            if self._aborted:  # a socket that another thread shuts down may fail in any way
                return NoResponse(f"broken off: {one_line(str(error))}", cause="broken off")
            raise

    def _open(self, content: bytes) -> Response | NoResponse | None:
        """Let httpx open a connection.

        Returns:
            None; or, if httpx has a transport that opens none, what that answers.
        """
        if self._proxied and self._used:
            # It may hold a tunnel that was handed to us once, and would wait for its end.
            self._client.close()
            self._client = self._make_httpx()
        self._used = True
        request = httpx.Request(
            "POST",
            self._request.url,
            headers=self._request.format.headers,
            content=content,
            extensions=self._extensions,
        )
        # A proxy may take any time over its answer to CONNECT, byte by byte.
        timer = threading.Timer(ANSWER_TIMEOUTS * self._timeout, self._shut_down) if self._proxied else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            response = self._client.send(request, stream=True)
        except _Opened:
            stream, self._stream = self._stream, None
            assert stream is not None, "httpx handed over its connection"
            self._connection.keep(stream)
            return None
        finally:
            if timer is not None:
                timer.cancel()
        return self._read(response)

    def _exchange(self, content: bytes) -> Response | NoResponse:
        """Send a request on the connection that is open."""
        request = b"%s%d\r\n\r\n%s" % (self._request.raw_head, len(content), content)
        try:
            raw = self._connection.exchange(request, MAX_RESPONSE_BYTES)
        except ExchangeFailed as failure:
            raise HTTPX_ERRORS[failure.cause](str(failure)) from failure
        if raw.headers is None:
            return Response(raw.status, self._mask(b"".join(raw.parts)))
        return self._response(raw.status, raw.headers, raw.parts)

    def _read(self, response: httpx.Response) -> Response | NoResponse:
        """Read a response of httpx."""
        chunks: list[bytes] = []
        size = 0
        try:
            # A transport that knows its whole response beforehand has no stream.
            for chunk in [response.content] if response.is_stream_consumed else response.iter_raw():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    break
        finally:
            response.close()
            # A response and its stream refer to each other, and would keep the request's body in memory until
            # the next garbage collection.
            response.stream = httpx.ByteStream(b"")
        return self._response(response.status_code, response.headers.raw, chunks)

    def _response(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], parts: Sequence[bytes]
    ) -> Response | NoResponse:
        if sum(map(len, parts)) > MAX_RESPONSE_BYTES:
            message = f"HTTP {status} with an answer of over {MAX_RESPONSE_BYTES:,} bytes"
            return NoResponse(message, cause=message)

        def value(name: bytes) -> str:
            found = b", ".join(text for each, text in headers if each.lower() == name)
            return self._mask(found).decode("utf-8", "replace")

        encoding = value(b"content-encoding").strip()
        if {each.strip().lower() for each in encoding.split(",")} <= {"", "identity"}:
            encoding = ""
        body = b"" if encoding else self._mask(b"".join(parts))
        return Response(
            status, body, value(b"retry-after"), value(b"date"), value(b"location"), one_line(encoding)
        )

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Take over the connection once it is open; httpx calls this at each step of a request.

        Raises:
            _Opened: The connection is open. httpx must say nothing on it.
        """
        if event.endswith(".start_tls.started"):
            self._is_last_step = info["ssl_context"] is self._tls
            # During a handshake, which has a time-out of its own, the TLS library owns the socket; but TLS
            # within TLS is spoken by httpx.
            if not isinstance(self._socket, ssl.SSLSocket):
                self._socket = None
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            self._socket = stream.get_extra_info("socket")
            if self._aborted:  # checked after the socket is set: `abort` does the two in the opposite order
                stream.close()
            if not self._https or (event.endswith(".start_tls.complete") and self._is_last_step):
                self._stream = stream
                raise _Opened

    def abort(self) -> None:
        """Break off the request in flight, from another thread. The client can't be used afterwards."""
        self._aborted = True
        self._shut_down()

    def _shut_down(self) -> None:
        # Closing a socket does not wake a thread that waits on it; shutting it down does. The method of the
        # plain socket is used because that of a TLS socket would discard state that the reading thread needs.
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):  # it is closed already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._client.close()
