"""What an HTTP response of Mixpanel means. Nothing here sends, waits or knows what was tried before.

=====================================================  =============================================
200 that accounts for every event; `1` from /track     `Settled`: imported; accepted
400 with ``failed_records`` that accounts for all      `Settled`: those rejected, the rest imported
400 without them; `0` from /track                      `Unexplained`: nothing taken, no event named
413                                                    `TooLarge`
429                                                    `Throttled`
408, 425, 5xx, every other 2xx, no response            `Lost`: may or may not have been taken
200 or 400 that contradicts the request or itself,     `Lost`
or in an encoding that was not asked for
any other 3xx or 4xx, a certificate that is not valid  `Refused`: trying again can't help
=====================================================  =============================================

Mixpanel documents no success but 200. Of the others, 202 says that nothing is done yet, 203 that somebody
between changed the answer, 206 that it is a part of one; 201, 204, 205 and the rest say nothing of events.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeGuard

import orjson

from importer.delivery.backoff import retry_after
from importer.model import Endpoint, Status, Verdict
from importer.text import MAX_LINE, counted, one_line, quoted


class Response(NamedTuple):
    """An HTTP response, as it came.

    Attributes:
        status: HTTP status.
        body: The body as it was sent; credentials in it are masked.
        retry_after: Header ``Retry-After``, or empty.
        date: Header ``Date``, or empty.
        location: Header ``Location``, or empty.
        encoding: Header ``Content-Encoding`` where it names one, or empty. We ask for none, so ``body`` is
            empty then: to decode it could take any amount of memory.
    """

    status: int
    body: bytes
    retry_after: str = ""
    date: str = ""
    location: str = ""
    encoding: str = ""


class NoResponse(NamedTuple):
    """No HTTP response, or none that could be read to its end.

    Attributes:
        message: What happened, for people; it may repeat what a server said.
        permanent: True if trying again can't help.
        cause: What happened, in words of ours and the system's alone.
    """

    message: str
    permanent: bool = False
    cause: str = ""


class Settled(NamedTuple):
    """Each event has its verdict, in the order of the request."""

    verdicts: Sequence[Verdict]


class Unexplained(NamedTuple):
    """The request was refused as a whole: nothing was taken.

    Attributes:
        status: HTTP status.
        message: The server's message.
        from_mixpanel: True if only Mixpanel answers so (the `0` of /track); a 400 can come from any proxy.
    """

    status: int
    message: str
    from_mixpanel: bool = False


class TooLarge(NamedTuple):
    """The body has too many bytes.

    Attributes:
        status: HTTP status.
        message: The server's message.
        limit: Most bytes of a body, if the server named them, else None.
    """

    status: int
    message: str
    limit: int | None


class Throttled(NamedTuple):
    """The project sends too fast.

    Attributes:
        status: HTTP status.
        message: The server's message.
        retry_after: Seconds that the server asks to wait, or None.
    """

    status: int
    message: str
    retry_after: float | None


class Lost(NamedTuple):
    """It is not known whether the events were taken: they must be sent again.

    Attributes:
        status: HTTP status; None where there was no response.
        message: What happened.
        retry_after: Seconds that the server asks to wait, or None.
    """

    status: int | None
    message: str
    retry_after: float | None = None


class Refused(NamedTuple):
    """Every request to this server will be refused: the run must stop.

    Attributes:
        status: HTTP status; None where the connection itself is refused.
        message: The server's message.
    """

    status: int | None
    message: str


Reply = Settled | Unexplained | TooLarge | Throttled | Lost | Refused


def interpret(
    response: Response | NoResponse, endpoint: Endpoint, sent: int, insert_ids: Iterable[str], now: int
) -> Reply:
    """Return what a response means for the events of its request.

    Args:
        response: What came back.
        endpoint: Where the request went.
        sent: Number of events in the request.
        insert_ids: ``$insert_id`` of each of them, in order. They are read only if some events may have
            failed.
        now: Milliseconds since the epoch (a ``Retry-After`` may be a date).

    Returns:
        What the response means. Nothing that a server sends raises.
    """
    if isinstance(response, NoResponse):
        return Refused(None, response.message) if response.permanent else Lost(None, response.message)
    status = response.status
    if response.encoding and (is_success(status) or status == HTTPStatus.BAD_REQUEST):
        return Lost(status, f"HTTP {status}: {server_message(response)}")
    if is_success(status):
        return _success(response, endpoint, sent)
    if status == HTTPStatus.BAD_REQUEST:
        return _bad_request(response, endpoint, list(insert_ids))
    message = server_message(response)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(status, message, _limit(message))
    wait = retry_after(response.retry_after, response.date, now)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(status, message, wait)
    if status in _TRANSIENT_4XX or not (is_redirect(status) or _is_client_error(status)):
        return Lost(status, f"HTTP {status}: {message}", wait)
    return Refused(status, message)


_TRANSIENT_4XX: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def is_success(status: int) -> bool:
    """Return True for a 2xx."""
    return 200 <= status <= 299  # noqa: PLR2004 - the numbers are the meaning


def is_redirect(status: int) -> bool:
    """Return True for a 3xx."""
    return 300 <= status <= 399  # noqa: PLR2004 - the numbers are the meaning


def _is_client_error(status: int) -> bool:
    return 400 <= status <= 499  # noqa: PLR2004 - the numbers are the meaning


def _success(response: Response, endpoint: Endpoint, sent: int) -> Settled | Unexplained | Lost:
    status = response.status
    if status != HTTPStatus.OK:
        return Lost(status, f"HTTP {status}, but Mixpanel answers 200: {server_message(response)}")
    if endpoint == "track":
        text = response.body.strip()
        if text == b"1":
            return Settled([_taken(Status.ACCEPTED, status)] * sent)
        if text == b"0":
            return Unexplained(status, "Mixpanel returned error: 0", from_mixpanel=True)
        return Lost(status, f"HTTP {status}, but the answer is neither 1 nor 0: {server_message(response)}")
    fields = _object(response.body)
    if fields is None:
        return Lost(status, f"HTTP {status}, but the answer is not Mixpanel's: {server_message(response)}")
    imported = fields.get("num_records_imported")
    if not (_is_integer(imported) and imported == sent):
        return Lost(
            status, f"HTTP {status}, but it accounts for {quoted(imported)} of {counted(sent, 'event')}"
        )
    if contradiction := _contradiction(response, fields) or _failure(fields):
        return Lost(status, f"HTTP {status}, but {contradiction}")
    return Settled([_taken(Status.IMPORTED, status)] * sent)


_STANDS_ONCE: Final = (b'"num_records_imported"', b'"failed_records"')


def _contradiction(response: Response, fields: Mapping[str, Any]) -> str:
    """Return how a body contradicts its own status or itself; empty if it does not."""
    code = fields.get("code")
    if code is not None and not (_is_integer(code) and code == response.status):
        return f"its code is {quoted(code)}"
    # A key that stands there twice: a decoder sees only the last. Within a text, the quotes are escaped.
    twice = [key.decode() for key in _STANDS_ONCE if response.body.count(key) > 1]
    return f"it has {twice[0]} twice" if twice else ""


def _failure(fields: Mapping[str, Any]) -> str:
    """Return what the body of a success says of a failure; empty if it says nothing."""
    for key in ("failed_records", "error"):
        if fields.get(key):
            return f"it has {key}: {quoted(fields[key])}"
    words = fields.get("status")
    return "" if words is None or str(words).lower() == "ok" else f"its status is {quoted(words)}"


@cache
def _taken(status: Status, code: int) -> Verdict:
    """Return the verdict of an event that was taken: one object for all of them, so that `is` tells them."""
    return Verdict(status, code)


def _bad_request(
    response: Response, endpoint: Endpoint, insert_ids: Sequence[str]
) -> Settled | Unexplained | Lost:
    status, fields = response.status, _object(response.body) or {}
    failed, imported = fields.get("failed_records"), fields.get("num_records_imported")
    if endpoint == "track" or not (failed or imported):
        return Unexplained(status, server_message(response))
    if contradiction := _contradiction(response, fields):
        return Lost(status, f"HTTP {status}, but {contradiction}")
    if not isinstance(failed, list):
        return Lost(status, f"HTTP {status}, but its failed_records is {quoted(failed)}, not a list")
    rejected: dict[int, str] = {}
    for record in failed:
        index = _index(record, insert_ids)
        if index is None:
            return Lost(status, f"HTTP {status} names an event that was not sent: {quoted(record)}")
        rejected.setdefault(index, _reason(record))
    if not _is_integer(imported) or imported + len(rejected) != len(insert_ids):
        return Lost(
            status,
            f"HTTP {status} accounts for {quoted(imported)} imported and {len(rejected)} failed"
            f" of {counted(len(insert_ids), 'event')}",
        )
    verdicts = [_taken(Status.IMPORTED, status)] * len(insert_ids)
    for index, reason in rejected.items():
        verdicts[index] = Verdict(Status.REJECTED, status, reason)
    return Settled(verdicts)


def _index(record: object, insert_ids: Sequence[str]) -> int | None:
    """Return the position of the event that a failed record names; None if it can't be one of ours."""
    if not isinstance(record, dict):
        return None
    index = record.get("index")
    if isinstance(index, float) and index.is_integer():  # the OpenAPI description types it as "number"
        index = int(index)
    if not _is_integer(index) or not 0 <= index < len(insert_ids):
        return None
    ours = insert_ids[index]
    for key in ("insert_id", "$insert_id"):  # the OpenAPI description has one, the reference's text the other
        theirs = record.get(key)
        if theirs not in (None, "", ours):
            return None
    return index


def _reason(record: Mapping[str, Any]) -> str:
    """Return why a record failed: the server's message, with the field where the message doesn't name it."""
    field, message = one_line(record.get("field")), one_line(record.get("message"))
    if field and field not in message:
        message = f"{field}: {message}" if message else f"{field} was refused"
    return one_line(message) or "refused by Mixpanel without a reason"


def _limit(message: str) -> int | None:
    """Return the limit in bytes that a 413 names, as in "request exceeds max limit of 2097152 bytes"."""
    found = re.search(r"limit of ([1-9][0-9]{0,17}) bytes", message)
    return int(found[1]) if found else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def server_message(response: Response) -> str:
    """Return the server's message, on one line of at most `MAX_LINE` characters; never empty."""
    if response.encoding:
        return one_line(f"an answer in the encoding {quoted(response.encoding)}, which was not asked for")
    fields = _object(response.body) or {}
    message = next((fields[key] for key in ("error", "message", "status") if fields.get(key)), None)
    line = one_line(response.body[: 4 * MAX_LINE].decode(errors="replace") if message is None else message)
    if is_redirect(response.status) and response.location:
        line = one_line(f"it redirects to {response.location}")
    return line or _phrase(response.status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no words"
