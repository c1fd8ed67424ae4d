"""Where events may go, and what to say when a destination refuses."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, urlsplit

from importer.delivery.replies import Refused, is_redirect
from importer.errors import RefusedError
from importer.model import Destination
from importer.text import quoted

_REMEDY: Final = "Give scheme and host, as in --base-url https://api-eu.mixpanel.com."

_MAX_LABEL: Final = 63  # RFC 1035, 2.3.4; a resolver raises for a longer one, or an empty one

_CREDENTIALS: Final = {
    "token": "the project token",
    "service-account": "the service account",
    "secret": "the project's API secret",
}


def check_destination(destination: Destination) -> None:
    """See to it that credentials and events go nowhere that they must not.

    Args:
        destination: Where a run wants to send.

    Raises:
        RefusedError: The base URL can't be used: not a URL, plain ``http`` to another machine, with
            credentials, a query or the endpoint in it.
    """
    parts = _split(destination.base_url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise RefusedError(
            f"The base URL {quoted(destination.base_url)} is plain http: credentials and events would"
            " travel readable.",
            "Use https://. Plain http is only for this machine (localhost).",
        )
    if parts.path.rstrip("/").endswith(("/import", "/track")):
        raise RefusedError(
            f"The base URL {quoted(destination.base_url)} ends with the endpoint, which is added to it.",
            "Leave it out, and choose it by --endpoint import or track.",
        )


def _split(url: str) -> SplitResult:
    """The parts of a base URL; raises RefusedError if it isn't one."""
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
            f"The base URL {quoted(url)} is no http(s) address: expected https://host[:port].", _REMEDY
        )
    if parts.query or parts.fragment:
        raise RefusedError(f"The base URL {quoted(url)} holds a query or a fragment.", _REMEDY)
    return parts


def is_loopback(host: str) -> bool:
    """True if a host is this machine, whatever a name server says."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(destination: Destination) -> str:
    """Host and port, for messages."""
    return quoted(_split(destination.base_url).netloc)[1:-1]


def refusal(refused: Refused, destination: Destination, kind: str) -> RefusedError:
    """What to tell a person when nothing that we send will be taken.

    Args:
        refused: The answer.
        destination: Where the request went.
        kind: Which credentials were used (never what they hold).
    """
    host, who = host_of(destination), _CREDENTIALS[kind]
    if refused.status is None:
        return RefusedError(
            f"No connection to {host}: {refused.words}",
            "Check the address, the proxy variables and the certificates that this system trusts.",
        )
    message = f"{host} refused the request with {refused.status}: {refused.words} (sent with {who})"
    return RefusedError(message, _remedy(refused.status, kind))


def _remedy(status: int, kind: str) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        more = " its project id, and that its role is Owner or Admin," if kind == "service-account" else ""
        return (
            f"Check {_CREDENTIALS[kind]},{more} and the region (--region us|eu|in): a project is known only"
            " where its data lives."
        )
    if is_redirect(status):
        return "Redirects are not followed: give the address that it redirects to as --base-url."
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "The proxy wants credentials: put them into the proxy variable (HTTPS_PROXY)."
    return "Check --base-url, --region and --endpoint: this doesn't answer as Mixpanel does."


def not_mixpanel(words: str, destination: Destination) -> RefusedError:
    """What to tell a person when every event of a batch is refused alone, always in the same words."""
    return RefusedError(
        f"{host_of(destination)} refuses every event by itself, always with: {words}",
        "This looks like a proxy or a wrong URL, not like Mixpanel: check --base-url and the proxy"
        " variables.",
    )
