"""Who may post, and how much: credentials and the rolling limit."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.sandbox.settings import SandboxSettings

_WINDOW = 60.0


def is_allowed(settings: SandboxSettings, authorization: str, project_id: str) -> bool:
    """Judge the credentials of an /import request as "Import Events" describes them.

    With a ``project_id`` in the query they are a service account's; without, the project token or the
    legacy API secret as user name, with an empty password.

    Args:
        settings: Which credentials are taken.
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
        return account is not None and all(map(_same, (username, password, project_id), account))
    return any(_same(username, secret) for secret in secrets)


def _basic_auth(authorization: str) -> tuple[str, str]:
    """User and password of HTTP basic auth; both empty where the header is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


class RollingLimit:
    """At most so many events in any minute."""

    def __init__(self, events_per_minute: int | None, clock: Callable[[], float]) -> None:
        """Begin with nothing sent.

        Args:
            events_per_minute: The limit; None for none.
            clock: Seconds, from any moment on.
        """
        self._limit = events_per_minute
        self._clock = clock
        self._recent: deque[tuple[float, int]] = deque()
        self._total = 0

    def admits(self, events: int) -> bool:
        """Count events in if they fit; what is turned away does not count."""
        if self._limit is None:
            return True
        now = self._clock()
        while self._recent and self._recent[0][0] <= now - _WINDOW:
            self._total -= self._recent.popleft()[1]
        if self._total + events > self._limit:
            return False
        self._recent.append((now, events))
        self._total += events
        return True
