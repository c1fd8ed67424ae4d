"""One event, one request: no batch, no second try."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple

import orjson

from importer.delivery.destination import check_destination
from importer.delivery.protocols import Client, wall_ms
from importer.delivery.replies import (
    Lost,
    NoResponse,
    Response,
    Settled,
    Unexplained,
    interpret,
    is_success,
    server_words,
)
from importer.delivery.window import OVERALL
from importer.mixpanel.limits import TRACK_ACCEPTED_AGE_MS
from importer.model import Credentials, Destination


class OneReply(NamedTuple):
    """What came back for one event.

    Attributes:
        status_code: HTTP status; 400 where /track answered `0`, which it does with a 200; None where there
            was no answer.
        error: None if the event was taken, else why not, on one line.
    """

    status_code: int | None
    error: str | None


def post_one(
    body: bytes,
    time_ms: int,
    destination: Destination,
    credentials: Credentials,
    *,
    timeout: float,
    now: Callable[[], int] = wall_ms,
    client_factory: Callable[[], Client] | None = None,
) -> OneReply:
    """Send one event with exactly one request.

    Args:
        body: The event as JSON, without a token.
        time_ms: Its time, in milliseconds since the epoch: what is too old for /track goes to /import.
        destination: Where to.
        credentials: As whom.
        timeout: Seconds to connect, to write and to read.
        now: Milliseconds since the epoch.
        client_factory: Makes the connection; by default httpx to ``destination``.

    Returns:
        What came back. Neither a refusal nor a broken connection raises.

    Raises:
        RefusedError: The base URL can't be used.
    """
    check_destination(destination)
    if destination.endpoint == "track" and time_ms < now() - TRACK_ACCEPTED_AGE_MS:
        destination = replace(destination, endpoint="import")
    if client_factory is None:
        from importer.delivery.client import make_client_factory  # noqa: PLC0415 - httpx costs 90 ms of start-up

        client_factory = make_client_factory(destination, credentials, timeout)
    client = client_factory()
    # The time-out of a read starts anew with each byte that drips in: this one does not.
    alarm = threading.Timer(OVERALL * timeout, client.abort)
    alarm.daemon = True
    alarm.start()
    try:
        reply = client.post([body])
    finally:
        alarm.cancel()
        client.close()
    return _meaning(reply, body, destination, now())


def _meaning(reply: Response | NoResponse, body: bytes, destination: Destination, now: int) -> OneReply:
    if isinstance(reply, NoResponse):
        return OneReply(None, reply.words)
    status, insert_id = reply.status, orjson.loads(body)["properties"].get("$insert_id", "")
    match interpret(reply, destination.endpoint, 1, [insert_id], now):
        case Settled([verdict]) if not verdict.error:
            return OneReply(status, None)
        case Settled([verdict]):
            words = verdict.error
        case Unexplained(words=words, own=True):
            return OneReply(HTTPStatus.BAD_REQUEST.value, words)
        case Lost(words=words) if is_success(status):
            return OneReply(status, f"Mixpanel returned error: {words}")
        case _:
            words = server_words(reply)
    return OneReply(status, f"HTTP error {status}: {words}")
