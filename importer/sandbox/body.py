"""The body of a request becomes events: decompressed, measured, decoded. Nothing is validated here."""

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
from importer.reading import JSON

_GZIP = 31  # zlib's code for the gzip format with the largest window


class MalformedBody(Exception):  # noqa: N818 - an answer to a client (400), not an error of this program
    """A body that can't be decoded; the exception's text goes into the response."""


class ContentTooLarge(Exception):  # noqa: N818 - an answer to a client (413), not an error of this program
    """A body with more bytes of uncompressed JSON than the limit."""


class DecodedBody(NamedTuple):
    """The events of a request.

    Attributes:
        events: The value in the place of each event; any JSON value.
        sizes: Bytes of each as uncompressed JSON; empty if none can be too large.
        lenient: True if texts may contain characters that UTF-8 can't encode.
    """

    events: list[Any]
    sizes: list[int]
    lenient: bool = False


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo ``Content-Encoding``.

    Args:
        body: The body as it came.
        encoding: The header's value; empty or ``identity`` for none.
        limit: Most bytes of the result.

    Raises:
        ContentTooLarge: The result is larger.
        MalformedBody: The encoding is unknown, or the body doesn't have it.
    """
    match encoding.strip().lower():
        case "" | "identity":
            content = body
        case "gzip":
            content = _gunzip(body, limit)
        case _:
            raise MalformedBody("Content-Encoding must be gzip or absent")
    if len(content) > limit:
        raise ContentTooLarge
    return content


def _gunzip(body: bytes, limit: int) -> bytes:
    """Decompress the members of a gzip body; stops one byte past the limit, against gzip bombs."""
    parts, size = [], 0
    while body and size <= limit:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, limit + 1 - size)
        except zlib.error as error:
            raise MalformedBody("body is not valid gzip") from error
        parts.append(part)
        size += len(part)
        if not member.eof and size <= limit:
            raise MalformedBody("body is not valid gzip: it ends too early")
        body = member.unused_data
    return b"".join(parts)


def decode_import(body: bytes, *, lines: bool) -> DecodedBody:
    """Decode the events of an /import request.

    Args:
        body: Uncompressed JSON.
        lines: True for one event a line (NDJSON), False for an array.

    Raises:
        MalformedBody: The body isn't JSON of that form.
    """
    large = len(body) > MAX_EVENT_BYTES  # a smaller body can't hold an event that is too large
    if lines:
        rows = [row for row in body.split(b"\n") if row.strip()]
        values = [_value(row) for row in rows]
        sizes = [len(row.strip()) for row in rows] if large else []
        return DecodedBody([value for value, _ in values], sizes, any(lenient for _, lenient in values))
    events, lenient = _value(body)
    if not isinstance(events, list):
        raise MalformedBody("request body must be a JSON array of events")
    return DecodedBody(events, _sizes(body) if large else [], lenient)


def decode_track(body: bytes, content_type: str) -> tuple[DecodedBody, dict[str, str]]:
    """Decode the events of a /track request: one object or an array, plain or in a form.

    Args:
        body: Uncompressed body.
        content_type: The header's value.

    Returns:
        The events, and the form's other fields.

    Raises:
        MalformedBody: The body contains no JSON.
    """
    fields: dict[str, str] = {}
    if content_type.startswith("application/x-www-form-urlencoded") or body.startswith(b"data="):
        # Bytes that are not UTF-8 become surrogates here, which the decoder below handles.
        form = parse_qs(body.decode("ascii", "surrogateescape"), errors="surrogateescape")
        fields = {name: values[0] for name, values in form.items()}
        body = _form_data(fields.pop("data", ""))
    events, lenient = _value(body)
    return DecodedBody(events if isinstance(events, list) else [events], [], lenient), fields


def _form_data(data: str) -> bytes:
    """Decode the form field ``data``: JSON, plain or in base64, whose ``+`` may have become a space."""
    body = data.strip().encode("utf-8", "surrogateescape")
    if body.startswith((b"{", b"[")):
        return body
    try:
        return base64.b64decode(body.replace(b" ", b"+"), validate=True)
    except binascii.Error as error:
        raise MalformedBody("data is neither JSON nor base64") from error


def _value(body: bytes) -> tuple[JSON, bool]:
    """Decode JSON; return with it whether that needed a decoder that accepts invalid UTF-8.

    Invalid UTF-8 makes one event invalid, not the request ("400 Bad Request").
    """
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError as error:
        try:
            text = body.decode("utf-8", "surrogateescape")
            value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
        except (ValueError, RecursionError):
            raise MalformedBody(f"request body is not valid JSON: {error}") from None
        return value, True


def _refuse_number(text: str) -> float:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _sizes(body: bytes) -> list[int]:
    """Return the sizes of the elements of a valid JSON array as they were sent, in bytes."""
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
            raise MalformedBody("request body is nested too deep") from None
        sizes.append(len(text[position:end].encode("utf-8", "surrogateescape")))
        position = end
