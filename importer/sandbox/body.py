"""The body of a request becomes events: unpacked, measured, decoded. Nothing is judged here."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson

from importer.mixpanel.limits import MAX_EVENT_BYTES

_GZIP = 31  # what zlib calls its largest window in gzip's format


class BadBody(Exception):  # noqa: N818 - an answer to a client (400), not an error of this program
    """A body that can't be read; its text goes into the answer."""


class BodyTooLarge(Exception):  # noqa: N818 - an answer to a client (413), not an error of this program
    """A body with more bytes of uncompressed JSON than are taken."""


class Decoded(NamedTuple):
    """The events of a request.

    Attributes:
        events: What stood in the place of each event; any JSON value.
        sizes: Bytes of each as uncompressed JSON; empty where none can be too large.
        lenient: True if texts may hold what UTF-8 can't.
    """

    events: list[Any]
    sizes: list[int]
    lenient: bool = False


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo ``Content-Encoding``.

    Args:
        body: The body as it came.
        encoding: The header's value; empty or ``identity`` for none.
        limit: Most bytes to unpack.

    Raises:
        TooLarge: There are more bytes than that.
        BadBody: The encoding is unknown, or the body isn't what it says.
    """
    match encoding.strip().lower():
        case "" | "identity":
            unpacked_body = body
        case "gzip":
            unpacked_body = _gunzipped(body, limit)
        case _:
            raise BadBody("Content-Encoding must be gzip or absent")
    if len(unpacked_body) > limit:
        raise BodyTooLarge
    return unpacked_body


def _gunzipped(body: bytes, limit: int) -> bytes:
    """Unpack the members of a gzip body, and stop one byte past the limit: no bomb goes off here."""
    parts, size = [], 0
    while body and size <= limit:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, limit + 1 - size)
        except zlib.error as error:
            raise BadBody("body is not valid gzip") from error
        parts.append(part)
        size += len(part)
        if not member.eof and size <= limit:
            raise BadBody("body is not valid gzip: it ends too early")
        body = member.unused_data
    return b"".join(parts)


def decoded(body: bytes, *, lines: bool) -> Decoded:
    """Decode the events of an /import request.

    Args:
        body: Uncompressed JSON.
        lines: True for one event a line (NDJSON), False for an array.

    Raises:
        BadBody: It isn't JSON of that form.
    """
    large = len(body) > MAX_EVENT_BYTES  # a smaller body can't hold an event that is too large
    if lines:
        rows = [row for row in body.split(b"\n") if row.strip()]
        values = [_value(row) for row in rows]
        sizes = [len(row.strip()) for row in rows] if large else []
        return Decoded([value for value, _ in values], sizes, any(lenient for _, lenient in values))
    events, lenient = _value(body)
    if not isinstance(events, list):
        raise BadBody("request body must be a JSON array of events")
    return Decoded(events, _sizes(body) if large else [], lenient)


def decoded_track(body: bytes, content_type: str) -> tuple[Decoded, dict[str, str]]:
    """Decode the events of a /track request: one object or an array, plain or in a form.

    Args:
        body: Uncompressed body.
        content_type: The header's value.

    Returns:
        The events, and the form's other fields.

    Raises:
        BadBody: There is no JSON in it.
    """
    fields: dict[str, str] = {}
    if content_type.startswith("application/x-www-form-urlencoded") or body.startswith(b"data="):
        # Lone bytes pass as surrogates here, so that the decoder below can judge them.
        form = parse_qs(body.decode("ascii", "surrogateescape"), errors="surrogateescape")
        fields = {name: values[0] for name, values in form.items()}
        body = _form_data(fields.pop("data", ""))
    events, lenient = _value(body)
    return Decoded(events if isinstance(events, list) else [events], [], lenient), fields


def _form_data(data: str) -> bytes:
    """The form field ``data``: JSON as it is, or in base64 (whose ``+`` a form may have made a space)."""
    body = data.strip().encode("utf-8", "surrogateescape")
    if body.startswith((b"{", b"[")):
        return body
    try:
        return base64.b64decode(body.replace(b" ", b"+"), validate=True)
    except binascii.Error as error:
        raise BadBody("data is neither JSON nor base64") from error


def _value(body: bytes) -> tuple[Any, bool]:
    """Decode JSON; True beside it where only a decoder that forgives bad UTF-8 could.

    A text that isn't UTF-8 is the fault of one event, not of the request ("400 Bad Request").
    """
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError as error:
        try:
            text = body.decode("utf-8", "surrogateescape")
            value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        except (ValueError, RecursionError):
            raise BadBody(f"request body is not valid JSON: {error}") from None
        return value, True


def _refuse_number(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _sizes(body: bytes) -> list[int]:
    """Measure the elements of a valid JSON array as they were sent, in bytes."""
    text = body.decode("utf-8", "surrogateescape")
    scan = json.JSONDecoder().raw_decode
    position = text.index("[") + 1
    sizes: list[int] = []
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return sizes
        try:
            _, end = scan(text, position)
        except RecursionError:
            raise BadBody("request body is nested too deep") from None
        sizes.append(len(text[position:end].encode("utf-8", "surrogateescape")))
        position = end
