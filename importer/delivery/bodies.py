"""Events become the body of a request."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from importer.model import Credentials, Destination

try:
    from isal.igzip import compress  # at level 1 four times as fast as zlib, and smaller
except ImportError:  # pragma: no cover - where isal has no wheel
    from gzip import compress  # type: ignore[assignment]


def ndjson(bodies: Sequence[bytes]) -> bytes:
    """The body for /import: one event a line, gzipped. Equal events make equal bytes."""
    return compress(b"\n".join(bodies), 1, mtime=0)


def token_array(bodies: Sequence[bytes], suffix: bytes) -> bytes:
    """The body for /track: a JSON array of events.

    Args:
        bodies: Events, each an object whose last member is ``properties``, which isn't empty.
        suffix: From `token_suffix`; it takes the place of the two braces that end each event.
    """
    return b"[" + b",".join([body[:-2] + suffix for body in bodies]) + b"]"


def token_suffix(token: str) -> bytes:
    """The end of an event that carries its project's token."""
    return b',"token":' + orjson.dumps(token) + b"}}"


def overhead(destination: Destination, credentials: Credentials) -> int:
    """Bytes that each event gets on the wire beyond its own body and a separator."""
    return len(token_suffix(credentials.username)) - 2 if destination.endpoint == "track" else 0
