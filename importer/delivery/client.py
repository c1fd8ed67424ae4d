"""The wire: one connection to Mixpanel. The only module that knows httpx.

httpx opens the connection with the first request; `http1` sends those that follow on it. Whatever goes wrong
becomes a `NoResponse` here, by the table `FAILURES`; nothing that the network or the server does leaves this
module as an exception. Credentials don't leave it either: an answer that repeats them is masked before
anybody reads it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from importer.delivery import connection
from importer.delivery.destination import is_loopback
from importer.delivery.replies import NoResponse, Response
from importer.delivery.request import Form, form
from importer.errors import RefusedError
from importer.model import Credentials, Destination
from importer.text import one_line, quoted

MAX_ANSWER: Final = 8_000_000
"""Most bytes of an answer that are read: 2,000 failed records are less than one megabyte."""

MASK: Final = b"***"


class Failure(NamedTuple):
    """What an exception of httpx means.

    Attributes:
        words: In plain words.
        final: True if trying again can't help.
    """

    words: str
    final: bool = False


FAILURES: Final[dict[type[Exception], Failure]] = {
    httpx.ConnectTimeout: Failure("no connection in time"),
    httpx.ReadTimeout: Failure("no answer in time"),
    httpx.WriteTimeout: Failure("the request could not be written in time"),
    httpx.PoolTimeout: Failure("no free connection in time"),
    httpx.ConnectError: Failure("no connection"),
    httpx.ReadError: Failure("the connection broke before the answer was complete"),
    httpx.WriteError: Failure("the connection broke while the request was written"),
    httpx.CloseError: Failure("the connection could not be closed"),
    httpx.ProxyError: Failure("the proxy does not connect us"),
    httpx.RemoteProtocolError: Failure("the server broke off or does not speak HTTP"),
    httpx.LocalProtocolError: Failure("the connection is in no state to send"),
    httpx.UnsupportedProtocol: Failure("not an http(s) address", final=True),
    httpx.DecodingError: Failure("the answer could not be decompressed"),
    httpx.TooManyRedirects: Failure("too many redirects", final=True),
    httpx.InvalidURL: Failure("not a URL", final=True),
    httpx.CookieConflict: Failure("the answer's cookies contradict each other"),
    httpx.HTTPStatusError: Failure("the answer is an error"),
    httpx.StreamConsumed: Failure("the answer was read already"),
    httpx.StreamClosed: Failure("the answer was closed before it was read"),
    httpx.ResponseNotRead: Failure("the answer was not read"),
    httpx.RequestNotRead: Failure("the request was not read"),
    # The branches of the tree, for what a later httpx may hang on them.
    httpx.TimeoutException: Failure("no answer in time"),
    httpx.NetworkError: Failure("the connection broke"),
    httpx.ProtocolError: Failure("the server does not speak HTTP as we do"),
    httpx.TransportError: Failure("the connection failed"),
    httpx.RequestError: Failure("the request failed"),
    httpx.HTTPError: Failure("the request failed"),
    httpx.StreamError: Failure("the answer could not be read"),
}


BROKE: Final[dict[str, type[Exception]]] = {
    "write time": httpx.WriteTimeout,
    "read time": httpx.ReadTimeout,
    "connection": httpx.ReadError,
    "protocol": httpx.RemoteProtocolError,
}
"""What httpx calls that which ended an exchange of `http1`."""

_BUSY: Final = frozenset({"408", "425", "429"})  # of all 4xx, those that pass by themselves


def no_reply(error: Exception) -> NoResponse:
    """What an exception of httpx means for the request that met it."""
    known = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    detail = one_line(str(error))
    if isinstance(error, httpx.ConnectError) and _is_certificate(error):
        return NoResponse(f"the server's certificate is not valid: {detail}", final=True)
    # A proxy's refusal begins with its status ("407 Proxy Authentication Required").
    refused = isinstance(error, httpx.ProxyError) and detail[:1] in {"3", "4"} and detail[:3] not in _BUSY
    words = f"{known.words}: {detail}" if detail else known.words
    return NoResponse(one_line(words), final=known.final or refused)


def _is_certificate(error: BaseException | None) -> bool:
    """True if a certificate that can't be verified is among the causes."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class Wire(NamedTuple):
    """What all connections of a run have in common.

    Attributes:
        url: Address of the endpoint, with its query.
        form: What requests consist of.
        head: Their head as it stands on the wire, up to the length of the body.
    """

    url: httpx.URL
    form: Form
    head: bytes

    def __repr__(self) -> str:
        return f"Wire({quoted(str(self.url))})"


def wire(destination: Destination, credentials: Credentials) -> Wire:
    """Prepare what every request needs.

    Raises:
        RefusedError: The base URL can't be used.
    """
    each = form(destination, credentials)
    try:
        url = httpx.URL(destination.base_url.rstrip("/") + each.path)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedError(
            f"The base URL {quoted(destination.base_url)} can't be used: {one_line(str(error))}",
            "Give scheme and host, as in --base-url https://api-eu.mixpanel.com.",
        ) from None
    # As httpx writes it, who adds what HTTP itself wants to have.
    raw = httpx.Request("POST", url, headers=each.headers, content=b"").headers.raw
    lines = [b"%s: %s\r\n" % pair for pair in raw if pair[0].lower() != b"content-length"]
    return Wire(url, each, b"POST %s HTTP/1.1\r\n%sContent-Length: " % (url.raw_path, b"".join(lines)))


def make_client_factory(
    destination: Destination,
    credentials: Credentials,
    timeout: float,
    transport: Callable[[], httpx.BaseTransport] | None = None,
) -> Callable[[], MixpanelClient]:
    """A factory of connections, one for each sender.

    Args:
        destination: Where to; checked by `destination.check_destination`.
        credentials: As whom.
        timeout: Seconds to connect, to write and to read.
        transport: Makes what moves the bytes; by default httpx's own, through the proxies that the
            environment names.

    Raises:
        RefusedError: The base URL can't be used.
    """
    prepared = wire(destination, credentials)
    parts = urlsplit(destination.base_url)
    local = is_loopback(parts.hostname or "")
    # As httpx asks. Through a proxy, TLS may lie within TLS: that is better left to httpx.
    direct = local or not any(map(getproxies().get, ("http", "https", "all")))

    def make() -> MixpanelClient:
        try:
            client = httpx.Client(
                verify=_trust(parts.scheme),
                trust_env=not local,
                timeout=timeout,
                transport=None if transport is None else transport(),
                limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            # The exception's own words may show a proxy's password.
            raise RefusedError(
                "A proxy variable of the environment can't be used.",
                "Set HTTPS_PROXY to http://host:port, or unset it (and ALL_PROXY).",
            ) from None
        return MixpanelClient(client, prepared, timeout, direct=direct)

    return make


def _trust(scheme: str) -> ssl.SSLContext:
    """Whom to trust: for https, whom this system trusts.

    Each connection has its own: truststore holds a context's lock while it shakes hands, so that one server
    that hangs there would keep all senders from connecting.
    """
    if scheme == "https":
        import truststore  # noqa: PLC0415 - a run against this machine needs no certificates

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; httpx's default reads a store


class MixpanelClient:
    """One sender's connection (a `ports.Client`)."""

    def __init__(self, client: httpx.Client, prepared: Wire, timeout: float, *, direct: bool) -> None:
        """Take over an httpx client.

        Args:
            client: It is closed with this object.
            prepared: What every request needs.
            timeout: Seconds to connect, to write and to read.
            direct: No proxy stands between.
        """
        self._client, self._wire = client, prepared
        self._direct, self._line = direct, connection.KeepAliveConnection()
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict(), "trace": self._trace}
        # While hands are shaken, a socket belongs to the TLS library: it can't be broken off from outside.
        self._ready = ".start_tls.complete" if prepared.url.scheme == "https" else ".connect_tcp.complete"
        self._socket: socket.socket | None = None
        self._aborted = False

    def post(self, bodies: Sequence[bytes]) -> Response | NoResponse:
        """Send events as one request.

        Args:
            bodies: The events.

        Returns:
            What came back. Nothing that the network or the server does raises.
        """
        content = self._wire.form.body(bodies)
        try:
            if self._line.is_open():
                return self._send_on_the_line(content)
            return self._send_by_httpx(content)
        except tuple(FAILURES) as error:
            reply = no_reply(error)
            return reply._replace(words=self._mask(reply.words.encode()).decode(errors="replace"))
        except UnicodeError:  # from the resolver, past httpx
            return NoResponse("not a host name", final=True)
        except Exception as error:
            if self._aborted:  # a socket that is shut under httpx's feet may fail in any way
                return NoResponse(f"broken off: {one_line(str(error))}")
            raise

    def _send_by_httpx(self, content: bytes) -> Response | NoResponse:
        request = httpx.Request(
            "POST",
            self._wire.url,
            headers=self._wire.form.headers,
            content=content,
            extensions=self._extensions,
        )
        response = self._client.send(request, stream=True)
        reply = self._read(response)
        if self._direct:
            self._line.keep(response.extensions.get("network_stream"))
        return reply

    def _send_on_the_line(self, content: bytes) -> Response | NoResponse:
        request = b"%s%d\r\n\r\n%s" % (self._wire.head, len(content), content)
        try:
            answer = self._line.exchange(request, MAX_ANSWER)
        except connection.ExchangeFailed as broke:
            raise BROKE[broke.by](str(broke)) from broke
        if answer.headers is None:
            return Response(answer.status, self._mask(b"".join(answer.parts)))
        return self._read(httpx.Response(answer.status, headers=answer.headers, content=iter(answer.parts)))

    def _read(self, response: httpx.Response) -> Response | NoResponse:
        """Read an answer to its end."""
        chunks, size = [], 0
        try:
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_ANSWER:
                    return NoResponse(
                        f"HTTP {response.status_code} with an answer of over {MAX_ANSWER:,} bytes"
                    )
        finally:
            response.close()
            # A response and its stream hold each other, and with them the request's body, until the
            # garbage collector comes by.
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
        for secret in self._wire.form.secrets:
            text = text.replace(secret, MASK)
        return text

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Learn which socket carries the requests: httpx tells it when it has connected."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            if event.endswith(self._ready):
                self._socket = stream.get_extra_info("socket")
            if self._aborted:  # looked at last: whoever aborts looks at the socket last
                stream.close()

    def abort(self) -> None:
        """Break off, from another thread, what is on the wire. The client is of no use afterwards."""
        self._aborted = True
        # Closing a socket does not wake a thread that waits on it; shutting it down does. By the plain
        # socket's method: that of a TLS socket would take its state away under the reader's feet.
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
