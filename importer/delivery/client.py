"""One connection to Mixpanel. The only module that imports httpx.

httpx opens the connection with the first request; `connection` sends the following ones on it. Every failure
of the network or the server becomes a `NoResponse` by the table `FAILURES`, so that none leaves this module
as an exception. Credentials that a response repeats are masked here, before any other code reads the
response.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from importer.delivery.connection import ExchangeFailed, FailureCause, KeepAliveConnection
from importer.delivery.replies import NoResponse, Response
from importer.delivery.request import RequestFormat, request_format
from importer.errors import RefusedError
from importer.mixpanel.base_url import check_base_url, is_loopback
from importer.model import Credentials, Destination
from importer.text import one_line, quoted

MAX_RESPONSE_BYTES: Final = 8_000_000
"""Most bytes of a response that are read: 2,000 failed records are less than one megabyte."""

MASK: Final = b"***"

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

_TRANSIENT_4XX: Final = frozenset({"408", "425", "429"})


def to_no_response(error: Exception) -> NoResponse:
    """Return what an exception of httpx means for its request."""
    known = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    detail = one_line(str(error))
    if isinstance(error, httpx.ConnectError) and _is_certificate(error):
        return NoResponse(f"the server's certificate is not valid: {detail}", permanent=True)
    # The text of a proxy's refusal begins with its status ("407 Proxy Authentication Required").
    status = detail[:3] if isinstance(error, httpx.ProxyError) else ""
    refused = status[:1] in {"3", "4"} and status not in _TRANSIENT_4XX
    message = f"{known.message}: {detail}" if detail else known.message
    return NoResponse(one_line(message), permanent=known.permanent or refused)


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
    parts = urlsplit(destination.base_url)
    local = is_loopback(parts.hostname or "")
    # By the same rules as httpx. Through a proxy, TLS may be inside TLS: httpx then sends every request.
    direct = local or not any(map(getproxies().get, ("http", "https", "all")))

    def make() -> MixpanelClient:
        try:
            client = httpx.Client(
                verify=_tls_context(parts.scheme),
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
        return MixpanelClient(client, prepared, timeout, direct=direct)

    return make


def _tls_context(scheme: str) -> ssl.SSLContext:
    """Return the TLS context of one connection: for https, it trusts what this system trusts.

    Each connection has a context of its own. truststore holds the context's lock during a handshake, so with
    a common one, a server that hangs there would keep all senders from connecting.
    """
    if scheme == "https":
        import truststore  # noqa: PLC0415 - a run against this machine needs no certificates

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # unused; httpx's default would read the certificate store


class MixpanelClient:
    """One sender's connection (a `protocols.Client`)."""

    def __init__(
        self, client: httpx.Client, prepared: PreparedRequest, timeout: float, *, direct: bool
    ) -> None:
        """Take over an httpx client.

        Args:
            client: It is closed with this object.
            prepared: The request without its body.
            timeout: Seconds to connect, to write and to read.
            direct: True if there is no proxy in between.
        """
        self._client, self._request = client, prepared
        self._direct, self._connection = direct, KeepAliveConnection()
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict(), "trace": self._trace}
        # During a TLS handshake, the TLS library owns the socket: another thread can't shut it down.
        https = prepared.url.scheme == "https"
        self._connected_event = ".start_tls.complete" if https else ".connect_tcp.complete"
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
        try:
            if self._connection.is_open():
                return self._send_raw(content)
            return self._send_by_httpx(content)
        except tuple(FAILURES) as error:
            failure = to_no_response(error)
            return failure._replace(message=self._mask(failure.message.encode()).decode(errors="replace"))
        except UnicodeError:  # from the resolver; httpx doesn't convert it
            return NoResponse("not a host name", permanent=True)
        except Exception as error:
            if self._aborted:  # a socket that another thread shuts down may fail in any way
                return NoResponse(f"broken off: {one_line(str(error))}")
            raise

    def _send_by_httpx(self, content: bytes) -> Response | NoResponse:
        request = httpx.Request(
            "POST",
            self._request.url,
            headers=self._request.format.headers,
            content=content,
            extensions=self._extensions,
        )
        response = self._client.send(request, stream=True)
        read = self._read(response)
        if self._direct:
            self._connection.keep(response.extensions.get("network_stream"))
        return read

    def _send_raw(self, content: bytes) -> Response | NoResponse:
        request = b"%s%d\r\n\r\n%s" % (self._request.raw_head, len(content), content)
        try:
            raw = self._connection.exchange(request, MAX_RESPONSE_BYTES)
        except ExchangeFailed as failure:
            raise HTTPX_ERRORS[failure.cause](str(failure)) from failure
        if raw.headers is None:
            return Response(raw.status, self._mask(b"".join(raw.parts)))
        return self._read(httpx.Response(raw.status, headers=raw.headers, content=iter(raw.parts)))

    def _read(self, response: httpx.Response) -> Response | NoResponse:
        """Read a response to its end."""
        chunks, size = [], 0
        try:
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    return NoResponse(
                        f"HTTP {response.status_code} with an answer of over {MAX_RESPONSE_BYTES:,} bytes"
                    )
        finally:
            response.close()
            # A response and its stream refer to each other, and would keep the request's body in memory until
            # the next garbage collection.
            response.stream = httpx.ByteStream(b"")
        headers = response.headers
        return Response(
            response.status_code,
            self._mask(b"".join(chunks)),
            headers.get("retry-after", ""),
            headers.get("date", ""),
            self._mask(headers.get("location", "").encode()).decode(errors="replace"),
        )

    def _mask(self, text: bytes) -> bytes:
        for secret in self._request.format.secrets:
            text = text.replace(secret, MASK)
        return text

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Remember the socket of the connection; httpx calls this at each step of a request."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            if event.endswith(self._connected_event):
                self._socket = stream.get_extra_info("socket")
            if self._aborted:  # checked after the socket is set: `abort` does the two in the opposite order
                stream.close()

    def abort(self) -> None:
        """Break off the request in flight, from another thread. The client can't be used afterwards."""
        self._aborted = True
        # Closing a socket does not wake a thread that waits on it; shutting it down does. The method of the
        # plain socket is used because that of a TLS socket would discard state that the reading thread needs.
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
