"""One event in one request: no batch, no second try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple

import orjson

from importer.delivery.protocols import Client, system_now
from importer.delivery.replies import (
    Lost,
    NoResponse,
    Response,
    Settled,
    Unexplained,
    interpret,
    is_success,
    server_message,
)
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import Credentials, Destination


class SendResult(NamedTuple):
    """What became of one event.

    Attributes:
        status_code: HTTP status; 400 where /track answered `0`, which it does with a 200; None where there
            was no response.
        error: None if the event was taken, else the reason, on one line.
    """

    status_code: int | None
    error: str | None


def send_event(
    body: bytes,
    time_ms: int,
    destination: Destination,
    credentials: Credentials,
    *,
    timeout: float,
    now: Callable[[], int] = system_now,
    client_factory: Callable[[], Client] | None = None,
) -> SendResult:
    """Send one event with exactly one request.

    Args:
        body: The event as JSON, without a token.
        time_ms: Its time in milliseconds since the epoch. An event too old for /track goes to /import.
        destination: Where to send.
        credentials: The credentials to send with.
        timeout: Seconds to connect, to write and to read.
        now: Milliseconds since the epoch.
        client_factory: Makes the connection; by default httpx to ``destination``.

    Returns:
        What came back. Neither a refusal nor a broken connection raises.

    Raises:
        RefusedError: The base URL can't be used.
    """
    if destination.endpoint == "track" and time_ms < now() - TRACK_ACCEPTED_AGE_MS:
        destination = replace(destination, endpoint="import")
    if client_factory is None:
        from importer.delivery.client import make_client_factory  # noqa: PLC0415 - httpx costs 90 ms of start-up

        client_factory = make_client_factory(destination, credentials, timeout)
    client = client_factory()
    try:
        response = client.post([body])
    finally:
        client.close()
    return _result(response, body, destination, now())


def _result(response: Response | NoResponse, body: bytes, destination: Destination, now: int) -> SendResult:
    if isinstance(response, NoResponse):
        return SendResult(None, response.message)
    status, insert_id = response.status, orjson.loads(body)["properties"].get("$insert_id", "")
    match interpret(response, destination.endpoint, 1, [insert_id], now):
        case Settled([verdict]) if not verdict.error:
            return SendResult(status, None)
        case Settled([verdict]):
            message = verdict.error
        case Unexplained(message=message, from_mixpanel=True):
            return SendResult(HTTPStatus.BAD_REQUEST.value, message)
        case Lost(message=message) if is_success(status):
            return SendResult(status, f"Mixpanel returned error: {message}")
        case _:
            message = server_message(response)
    return SendResult(status, f"HTTP error {status}: {message}")
