"""Sends one event at once, without files."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import orjson

from importer.delivery.protocols import system_now
from importer.delivery.send_one import send_event
from importer.errors import BadValue, UsageError
from importer.events.times import NS_PER_MS, TimeReader
from importer.mixpanel import limits, rules
from importer.model import Credentials, DeliverySettings, Destination, Endpoint, Region
from importer.reading import JSON
from importer.settings import find_credentials, find_destination, token_credentials
from importer.text import quoted


class TrackResult(TypedDict):
    """The result of `track`.

    Keys:
        success: Whether Mixpanel took the event.
        event: The name of the event, trimmed.
        status_code: HTTP status; 400 if Mixpanel answered ``0``; None if there was no answer.
        error: None on success, else one line that says why.
    """

    success: bool
    event: str
    status_code: int | None
    error: str | None


class TrackedEvent(NamedTuple):
    """One event that can be sent.

    Attributes:
        name: Its name, trimmed.
        body: The event as JSON, without a token.
        time_ms: Its time.
        endpoint: ``track``; ``import`` for an event that ``/track`` would drop.
    """

    name: str
    body: bytes
    time_ms: int
    endpoint: Endpoint


def track(
    event: str,
    distinct_id: str = "",
    properties: Mapping[str, JSON] | None = None,
    ip: str | None = None,
    time: str | float | None = None,
    *,
    token: str | None = None,
    region: Region | None = None,
    base_url: str | None = None,
) -> TrackResult:
    """Send one event to Mixpanel in one request, and return the result.

    The event goes to ``/track``, which does not check the token: a success there does not say that the
    project exists. One that is older than 5 days, less an hour of margin, goes to ``/import``, because
    ``/track`` drops such an event and still answers ``1``. Two equal calls are two events.

    Args:
        event: Name of the event. White space around it is removed, and around ``distinct_id`` and ``ip``.
        distinct_id: The user; empty for an event without one.
        properties: Any further properties.
        ip: Address of the user; without one, the event asks Mixpanel not to look up the sender's place.
        time: ISO 8601 with an offset, or an epoch in s, ms, µs or ns; None is now.
        token: Project token; None takes ``MIXPANEL_PROJECT_TOKEN`` from the environment or ``.env``.
        region: Where the project's data lives; None is ``us``, or what ``MIXPANEL_BASE_URL`` says.
        base_url: Another server than Mixpanel's.

    Returns:
        A dictionary with the keys ``success``, ``event``, ``status_code`` and ``error``, as in `TrackResult`.

    Raises:
        UsageError: Mixpanel could not take the event; nothing was sent.
        RefusedError: There is no token, or the destination can't be used; nothing was sent.
    """
    prepared = prepare_event(event, distinct_id, properties, ip, time)
    destination = find_destination(os.environ, endpoint=prepared.endpoint, region=region, base_url=base_url)
    return send_prepared(prepared, destination, _credentials(token), DeliverySettings().timeout)


def prepare_event(
    event: str,
    distinct_id: str = "",
    properties: Mapping[str, JSON] | None = None,
    ip: str | None = None,
    time: str | float | None = None,
) -> TrackedEvent:
    """Return an event that can be sent; arguments and errors are those of `track`."""
    name = str(event).strip()
    if not name:
        raise UsageError("the event has no name", "Give it one: track 'Purchase Completed'")
    now = system_now()
    when = now if time is None else _milliseconds(time)
    body = _body(name, distinct_id, properties, ip, when, now)
    return TrackedEvent(name, body, when, "import" if now - when > limits.TRACK_ACCEPTED_AGE_MS else "track")


def send_prepared(
    event: TrackedEvent, destination: Destination, credentials: Credentials, timeout: float
) -> TrackResult:
    """Send one event with one request.

    Args:
        event: The event.
        destination: Where to.
        credentials: As whom.
        timeout: Seconds to connect, to write and to read.

    Raises:
        RefusedError: The destination can't be used; nothing was sent.
    """
    reply = send_event(event.body, event.time_ms, destination, credentials, timeout=timeout)
    return TrackResult(
        success=reply.error is None, event=event.name, status_code=reply.status_code, error=reply.error
    )


def _credentials(token: str | None) -> Credentials:
    if token is not None:
        return token_credentials(token, "the token")
    return find_credentials(os.environ, kind="token")


def _milliseconds(value: str | float) -> int:
    try:
        return TimeReader().read(value) // NS_PER_MS
    except BadValue as error:
        text = str(error).replace(
            "say --timezone ZONE (the zone in which it was written)", "give it an offset"
        )
        raise UsageError(f"time: {text}", "For example: 2024-05-01T10:00:00+02:00") from None


def _body(
    name: str, distinct_id: str, properties: Mapping[str, JSON] | None, ip: str | None, when: int, now: int
) -> bytes:
    """Return the event as JSON.

    Raises:
        UsageError: The event breaks a rule of Mixpanel's.
    """
    if properties is not None and not isinstance(properties, Mapping):
        raise UsageError(
            f"properties are no JSON object: {quoted(properties)}", 'For example: {"amount": 49.99}'
        )
    merged: dict[str, JSON] = {"$insert_id": uuid.uuid4().hex, "ip": 0, **(properties or {})}
    merged.pop("token", None)  # the credentials alone decide the project
    merged |= {"time": when, "distinct_id": distinct_id.strip()}
    if ip is not None and ip.strip():
        merged["ip"] = ip.strip()
    try:
        body = orjson.dumps({"event": name, "properties": merged})
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise UsageError(f"the event can't be written as JSON: {error}", "Mend its properties.") from None
    violation = rules.check_event(orjson.loads(body), len(body), now)
    if violation is not None:
        raise UsageError(violation.message, "Nothing was sent.")
    return body
