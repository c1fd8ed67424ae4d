"""Who may ask and post, and how much: the host that is asked for, credentials, the rate limit."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from importer.mixpanel.base_url import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.sandbox.settings import SandboxSettings

_MINUTE_MS = 60_000


def foreign_reason(host: str, origin: str | None, listens_on: str) -> str:
    """Return why a request may come from a page of somebody else's in a browser; empty if it can't.

    Such a page reaches this machine under a name of its own, which it lets point here, or posts to it
    unseen. In the first case the browser tells that name as the host, in the second the page's origin.

    Args:
        host: Header ``Host``.
        origin: Header ``Origin``; None if there is none.
        listens_on: The address that the sandbox was given to listen on.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        name = ""
    if not _is_our_name(name, listens_on.lower()):
        return "the sandbox answers only as localhost, by its address, or by the name that --host gives it"
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return "the sandbox takes nothing from the pages of others"
    return ""


def _is_our_name(name: str, listens_on: str) -> bool:
    """Return whether a host can't be the name of a site elsewhere."""
    if name and (_is_address(name) or name in ("localhost", listens_on) or name.endswith(".localhost")):
        return True
    # In a network of containers, a name without a dot is that of a container.
    return bool(name) and "." not in name and not is_loopback(listens_on)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_allowed(settings: SandboxSettings, authorization: str, project_id: str) -> bool:
    """Check the credentials of an /import request by the rules of "Import Events".

    With a ``project_id`` in the query, they must be a service account's. Without one, the user name must be
    the project token or the legacy API secret, and the password empty.

    Args:
        settings: Which credentials are accepted.
        authorization: Value of the ``Authorization`` header.
        project_id: Value of ``project_id`` in the query; empty if there is none.
    """
    username, password = _basic_auth(authorization)
    if not username or bool(project_id) != bool(password):
        return False
    secrets = [secret for secret in (settings.token, settings.secret) if secret]
    account = settings.service_account
    if not secrets and account is None:
        return True
    if project_id:
        return account is not None and all(map(_equal, (username, password, project_id), account))
    return any(_equal(username, secret) for secret in secrets)


def _basic_auth(authorization: str) -> tuple[str, str]:
    """Return user and password of HTTP basic auth; both empty if the header has none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


class RollingLimit:
    """Admits a limited number of events in any rolling minute."""

    def __init__(self, events_per_minute: int | None, now: Callable[[], int]) -> None:
        """Start with no events counted.

        Args:
            events_per_minute: The limit; None for none.
            now: Milliseconds, from any moment on.
        """
        self._limit = events_per_minute
        self._now = now
        self._recent: deque[tuple[int, int]] = deque()
        self._total = 0

    def admits(self, events: int) -> bool:
        """Count events and return True if they are within the limit; else leave the count as it is."""
        if self._limit is None:
            return True
        now = self._now()
        while self._recent and self._recent[0][0] <= now - _MINUTE_MS:
            self._total -= self._recent.popleft()[1]
        if self._total + events > self._limit:
            return False
        self._recent.append((now, events))
        self._total += events
        return True
