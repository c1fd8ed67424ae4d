"""Requests to Mixpanel, by endpoint and credentials: path, headers and body."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from importer.model import Credentials, Destination
from importer.text import PROGRAM

try:
    from isal.isal_zlib import compressobj  # at level 1 four times as fast as zlib, and smaller
except ImportError:  # pragma: no cover - where isal has no wheel
    from zlib import compressobj  # type: ignore[assignment]

_GZIP: Final = 31  # the window of 32 kB, and a header and end of gzip (zlib's manual, deflateInit2)
_AT_ONCE: Final = 256_000  # bytes that are compressed at once; a request has up to 2 MB


class RequestFormat(NamedTuple):
    """What all requests of a run have in common.

    Attributes:
        path: Path and query, below the base URL.
        headers: Headers, credentials among them.
        encode: Makes the body of a request from the bodies of its events.
    """

    path: str
    headers: dict[str, str]
    encode: Callable[[Iterable[bytes]], bytes]

    def __repr__(self) -> str:
        return f"RequestFormat({self.path.partition('?')[0]})"


def request_format(destination: Destination, credentials: Credentials) -> RequestFormat:
    """Return what requests to an endpoint look like."""
    pair = base64.b64encode(f"{credentials.username}:{credentials.password}".encode())
    headers = {"accept": "application/json", "user-agent": PROGRAM, "accept-encoding": "identity"}
    if destination.endpoint == "track":
        headers["content-type"] = "application/json"
        suffix = token_suffix(credentials.username)
        return RequestFormat("/track", headers, partial(token_array, suffix=suffix))
    path = "/import?strict=1"
    if credentials.kind == "service-account":
        path += f"&project_id={quote(credentials.project_id, safe='')}"
    headers |= {
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        "authorization": f"Basic {pair.decode()}",
    }
    return RequestFormat(path, headers, ndjson)


def ndjson(bodies: Iterable[bytes]) -> bytes:
    """Return the body for /import: one event a line, gzipped. Equal events make equal bytes."""
    compressor = compressobj(1, wbits=_GZIP)
    parts: list[bytes] = []
    held: list[bytes] = []
    size = 0
    for body in bodies:
        if size > _AT_ONCE:
            parts.append(compressor.compress(b"\n".join((*held, b""))))
            held, size = [], 0
        held.append(body)
        size += len(body)
    return b"".join((*parts, compressor.compress(b"\n".join(held)), compressor.flush()))


def token_array(bodies: Iterable[bytes], suffix: bytes) -> bytes:
    """Return the body for /track: a JSON array of events.

    Args:
        bodies: Events, each an object whose last member is ``properties``, which isn't empty.
        suffix: From `token_suffix`; it takes the place of the two braces that end each event.
    """
    return b"[" + b",".join([body[:-2] + suffix for body in bodies]) + b"]"


def token_suffix(token: str) -> bytes:
    """Return the end of an event that carries its project's token."""
    return b',"token":' + orjson.dumps(token) + b"}}"


def bytes_added_per_event(destination: Destination, credentials: Credentials) -> int:
    """Return the bytes that a request adds to the body of each event, a separator not counted."""
    return len(token_suffix(credentials.username)) - 2 if destination.endpoint == "track" else 0
