"""Errors for a person when a server takes none of the run's events."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from importer.delivery.replies import Refused, is_redirect
from importer.errors import RefusedError
from importer.mixpanel.base_url import host_of
from importer.mixpanel.hosts import region_of
from importer.model import CredentialsKind, Destination

_CREDENTIALS: Final[dict[CredentialsKind, str]] = {
    "token": "the project token",
    "service-account": "the service account",
    "secret": "the project's API secret",
}


def refused_error(refused: Refused, destination: Destination, kind: CredentialsKind) -> RefusedError:
    """Return the error for a request that was refused, as every other one would be.

    Args:
        refused: The server's reply.
        destination: Where the request went.
        kind: Which credentials were used.
    """
    host, who = host_of(destination.base_url), _CREDENTIALS[kind]
    if refused.status is None:
        return RefusedError(
            f"No connection to {host}: {refused.message}",
            "Check the address, the proxy variables and the certificates that are trusted.",
        )
    message = f"{host} refused the request with {refused.status}: {refused.message} (sent with {who})"
    return RefusedError(message, _remedy(refused.status, kind, destination.base_url))


def _remedy(status: int, kind: CredentialsKind, base_url: str) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        more = " its project id, and that its role is Owner or Admin," if kind == "service-account" else ""
        if region_of(base_url) is None:
            return f"Check {_CREDENTIALS[kind]},{more} and that {host_of(base_url)} is the right server."
        # Which options put that right depends on what landed before: `cli.next_step` knows.
        return (
            f"Check {_CREDENTIALS[kind]},{more} and the region: a project is known only where its data lives."
        )
    if is_redirect(status):
        return "Redirects are not followed: give the address that it redirects to as --base-url."
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "The proxy wants credentials: put them into the proxy variable (HTTPS_PROXY)."
    return "Check --base-url, --region and --endpoint: this doesn't answer as Mixpanel does."


def not_mixpanel_error(message: str, destination: Destination) -> RefusedError:
    """Return the error for a server that refuses every event of a batch by itself, with the same message."""
    return RefusedError(
        f"{host_of(destination.base_url)} refuses every event that is sent alone, always with: {message}",
        "This looks like a proxy or a wrong URL, not like Mixpanel: check --base-url and the proxy"
        " variables.",
    )
