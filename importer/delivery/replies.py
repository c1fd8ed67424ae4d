"""What an answer of Mixpanel means. Nothing here sends, waits or knows what was tried before.

=====================================================  =============================================
a 2xx that accounts for every event; `1` from /track   `Settled`: imported; accepted
400 with ``failed_records`` that accounts for all      `Settled`: those rejected, the rest imported
400 without; `0` from /track                           `Unexplained`: nothing taken, no word on which
413                                                    `BodyTooLarge`
429                                                    `Throttled`
408, 425, 5xx, no answer, anything that can't be true  `Lost`: it may or may not have been taken
any other 3xx or 4xx, a certificate that is not valid  `Refused`: trying again can't help
=====================================================  =============================================
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
from importer.text import MAX_LINE, one_line, quoted


class Response(NamedTuple):
    """An HTTP answer, as it came.

    Attributes:
        status: HTTP status.
        body: The bytes of the answer, decompressed, without credentials.
        retry_after: Header ``Retry-After``, or empty.
        date: Header ``Date``, or empty.
        location: Header ``Location``, or empty.
    """

    status: int
    body: bytes
    retry_after: str = ""
    date: str = ""
    location: str = ""


class NoResponse(NamedTuple):
    """No HTTP answer, or none that could be read to its end.

    Attributes:
        words: What happened, in plain words.
        final: True if trying again can't help.
    """

    words: str
    final: bool = False


class Settled(NamedTuple):
    """Each event has its verdict, in the order of the request."""

    verdicts: Sequence[Verdict]


class Unexplained(NamedTuple):
    """The request was refused as a whole: nothing was taken.

    Attributes:
        status: HTTP status.
        words: The server's words.
        own: True if only Mixpanel answers so (the `0` of /track); a 400 can come from any proxy.
    """

    status: int
    words: str
    own: bool = False


class TooLarge(NamedTuple):
    """The request has too many bytes; ``limit`` is what the server named, or None."""

    status: int
    words: str
    limit: int | None


class Throttled(NamedTuple):
    """Too fast; ``retry_after`` is the pause in seconds that the server asks for, or None."""

    status: int
    words: str
    retry_after: float | None


class Lost(NamedTuple):
    """Nobody knows whether the events were taken: send them again.

    Attributes:
        status: HTTP status; None where there was no answer.
        words: What happened.
        retry_after: Seconds that the server asks to wait, or None.
    """

    status: int | None
    words: str
    retry_after: float | None = None


class Refused(NamedTuple):
    """Whatever we send there will be refused: the run must stop.

    Attributes:
        status: HTTP status; None where the connection itself is refused.
        words: The server's words.
    """

    status: int | None
    words: str


Reply = Settled | Unexplained | TooLarge | Throttled | Lost | Refused


def interpret(
    reply: Response | NoResponse, endpoint: Endpoint, sent: int, insert_ids: Iterable[str], now: int
) -> Reply:
    """Say what a reply means for the events of its request.

    Args:
        reply: What came back.
        endpoint: Where the request went.
        sent: How many events that were.
        insert_ids: ``$insert_id`` of each of them, in order; nobody asks for them if all were taken.
        now: Milliseconds since the epoch (a ``Retry-After`` may be a date).

    Returns:
        What the reply means. Nothing that a server sends raises.
    """
    if isinstance(reply, NoResponse):
        return Refused(None, reply.words) if reply.final else Lost(None, reply.words)
    status = reply.status
    if is_success(status):
        return _success(reply, endpoint, sent)
    if status == HTTPStatus.BAD_REQUEST:
        return _bad_request(reply, endpoint, list(insert_ids))
    words = server_words(reply)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(status, words, _limit(words))
    wait = retry_after(reply.retry_after, reply.date, now)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(status, words, wait)
    if status in _TRY_AGAIN or not (is_redirect(status) or _is_client_error(status)):
        return Lost(status, f"HTTP {status}: {words}", wait)
    return Refused(status, words)


_TRY_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


def is_success(status: int) -> bool:
    """2xx."""
    return 200 <= status <= 299  # noqa: PLR2004 - the numbers are the meaning


def is_redirect(status: int) -> bool:
    """3xx."""
    return 300 <= status <= 399  # noqa: PLR2004 - the numbers are the meaning


def _is_client_error(status: int) -> bool:
    return 400 <= status <= 499  # noqa: PLR2004 - the numbers are the meaning


def _success(reply: Response, endpoint: Endpoint, sent: int) -> Settled | Unexplained | Lost:
    status = reply.status
    if endpoint == "track":
        said = reply.body.strip()
        if said == b"1":
            return Settled([_taken(Status.ACCEPTED, status)] * sent)
        if said == b"0":
            return Unexplained(status, "Mixpanel returned error: 0", own=True)
        return Lost(status, f"HTTP {status}, but the answer is neither 1 nor 0: {server_words(reply)}")
    answer = _object(reply.body)
    if answer is None:
        return Lost(status, f"HTTP {status}, but the answer is not Mixpanel's: {server_words(reply)}")
    imported = answer.get("num_records_imported")
    if _is_integer(imported) and imported == sent:
        return Settled([_taken(Status.IMPORTED, status)] * sent)
    return Lost(status, f"HTTP {status}, but it accounts for {quoted(imported)} of {sent} events")


@cache
def _taken(status: Status, code: int) -> Verdict:
    """Give the one verdict of all events that fared so: it can be told by being the same object."""
    return Verdict(status, code)


def _bad_request(
    reply: Response, endpoint: Endpoint, insert_ids: Sequence[str]
) -> Settled | Unexplained | Lost:
    status, answer = reply.status, _object(reply.body) or {}
    failed, imported = answer.get("failed_records"), answer.get("num_records_imported")
    if endpoint == "track" or not (failed or imported):
        return Unexplained(status, server_words(reply))
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
            f" of {len(insert_ids)} events",
        )
    verdicts = [_taken(Status.IMPORTED, status)] * len(insert_ids)
    for index, reason in rejected.items():
        verdicts[index] = Verdict(Status.REJECTED, status, reason)
    return Settled(verdicts)


def _index(record: object, insert_ids: Sequence[str]) -> int | None:
    """Which event a failed record means; None if it can't be one of ours."""
    if not isinstance(record, dict):
        return None
    index = record.get("index")
    if isinstance(index, float) and index.is_integer():  # the API describes it as "number"
        index = int(index)
    if not _is_integer(index) or not 0 <= index < len(insert_ids):
        return None
    ours = insert_ids[index]
    for key in ("insert_id", "$insert_id"):  # the description has one, the prose the other
        theirs = record.get(key)
        if theirs not in (None, "", ours):
            return None
    return index


def _reason(record: Mapping[str, Any]) -> str:
    """Why a record failed: the server's words, with the field where they don't name it."""
    field, message = one_line(record.get("field")), one_line(record.get("message"))
    if field and field not in message:
        message = f"{field}: {message}" if message else f"{field} was refused"
    return one_line(message) or "refused by Mixpanel without a reason"


def _limit(words: str) -> int | None:
    """The limit in bytes that a 413 names, as in "request exceeds max limit of 2097152 bytes"."""
    found = re.search(r"limit of ([1-9][0-9]{0,17}) bytes", words)
    return int(found[1]) if found else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def server_words(reply: Response) -> str:
    """What a server says, on one line of at most `MAX_LINE` characters; never empty."""
    answer = _object(reply.body) or {}
    said = next((answer[key] for key in ("error", "message", "status") if answer.get(key)), None)
    words = one_line(reply.body[: 4 * MAX_LINE].decode(errors="replace") if said is None else said)
    if is_redirect(reply.status) and reply.location:
        words = one_line(f"it redirects to {reply.location}")
    return words or _phrase(reply.status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no words"
