"""Where events may be sent: the rules for a base URL."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import SplitResult, urlsplit

from importer.errors import RefusedError
from importer.text import quoted

_REMEDY: Final = "Give scheme and host, as in --base-url https://api-eu.mixpanel.com."

_MAX_LABEL: Final = 63  # RFC 1035, 2.3.4; a resolver raises for a longer one, or an empty one


def check_base_url(url: str) -> None:
    """Refuse a base URL to which credentials and events must not be sent.

    It is called where a destination is made from the options, before any source is read, and again where
    delivery makes its connections.

    Args:
        url: Scheme, host and port, and perhaps a path.

    Raises:
        RefusedError: It is not a URL, is plain ``http`` to another machine, or contains credentials, a query
            or the endpoint.
    """
    parts = _split(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise RefusedError(
            f"The base URL {quoted(url)} is plain http: credentials and events would travel readable.",
            "Use https://. Plain http is only for this machine (localhost).",
        )
    if parts.path.rstrip("/").endswith(("/import", "/track")):
        raise RefusedError(
            f"The base URL {quoted(url)} ends with the endpoint, which is added to it.",
            "Leave it out, and choose it by --endpoint import or track.",
        )


def _split(url: str) -> SplitResult:
    """Return the parts of a base URL.

    Raises:
        RefusedError: It isn't one.
    """
    if not url or any(c <= " " or c == "\x7f" for c in url):
        raise RefusedError(f"The base URL {quoted(url)} is empty or holds blanks.", _REMEDY)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError(f"The base URL can't be read: {quoted(str(error))}.", _REMEDY) from None
    if parts.username is not None or parts.password is not None:
        raise RefusedError(
            "The base URL holds a user name or a password.",
            "Take it out: credentials come from the environment, .env or --token-file.",
        )
    labels = (parts.hostname or "").removesuffix(".").split(".")
    named = all(0 < len(label) <= _MAX_LABEL for label in labels)
    if parts.scheme not in ("http", "https") or not named or port == 0:
        raise RefusedError(
            f"The base URL {quoted(url)} is not an http(s) address: expected https://host[:port].", _REMEDY
        )
    if parts.query or parts.fragment:
        raise RefusedError(f"The base URL {quoted(url)} holds a query or a fragment.", _REMEDY)
    return parts


def is_loopback(host: str) -> bool:
    """Return True if a host is this machine, whatever a name server says."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return host and port of a base URL, for messages."""
    return quoted(_split(url).netloc)[1:-1]
