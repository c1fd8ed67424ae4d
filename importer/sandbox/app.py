"""The sandbox as a web application: Mixpanel's two endpoints, and pages that show what landed.

Requests are handled one after another on the event loop: SQLite has a single writer anyway, and in the
importer's own process, more threads would only compete for the interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from importer.mixpanel.limits import MAX_EVENTS_PER_REQUEST
from importer.sandbox import responses
from importer.sandbox.access import RollingLimit, foreign_reason, is_allowed
from importer.sandbox.body import ContentTooLarge, MalformedBody, decode_import, decode_track, decompress
from importer.sandbox.responses import ApiResponse
from importer.sandbox.validation import validate_import, validate_track
from importer.text import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from importer.sandbox.body import DecodedBody
    from importer.sandbox.settings import SandboxSettings
    from importer.sandbox.store import Store

HEADERS = {
    "X-Sandbox": "mixpanel-importer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response of the sandbox: one by which it differs from Mixpanel's, and two that keep other
pages in a browser from making something of what landed."""

TRANSPORT = "transport"
"""Where a server puts the transport of a connection, in the state of its requests: a fault may reset it."""

_MAX_DISCARDED_BYTES = 33_554_432
"""Bytes beyond the limit that are read and discarded, so that the client gets the response; more of them end
the connection."""

_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)

_PAGE_ROWS = 200
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Mixpanel sandbox</title>
<style>body{{font:16px/1.5 system-ui;max-width:50em;margin:2em auto;padding:0 1em}}
td,th{{padding:.1em 1em .1em 0;text-align:left}}td:last-child{{text-align:right}}</style>
<h1>Mixpanel sandbox</h1>
<p>This is not Mixpanel. It is a stand-in on this machine, made from Mixpanel's public documentation by
mixpanel-importer, and nothing that lands here goes any further.</p>
<p><b>{count:,}</b> events landed ({raw:,} with duplicates), in {requests:,} requests.</p>
<table><tr><th>event<th>day (UTC)<th>events</tr>
{rows}</table>
<p>{more}<a href="/sandbox/events">events</a> (NDJSON) · <a href="/sandbox/counts">counts</a> (JSON) ·
<a href="/sandbox/requests">requests</a> (JSON) ·
<code>POST /import</code> · <code>POST /track</code> · <code>POST /sandbox/reset</code></p>
</html>
"""


@dataclass(slots=True)
class RequestStats:
    """Statistics of the requests so far.

    Attributes:
        requests: Number of requests.
        max_events: Most events in one of them.
        max_bytes: Most bytes of uncompressed JSON in one of them.
        statuses: Number of responses by HTTP status.
        faults: Number of faults that requests met on purpose, by name.
    """

    requests: int = 0
    max_events: int = 0
    max_bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        """Begin anew."""
        self.requests = self.max_events = self.max_bytes = 0
        self.statuses.clear()
        self.faults.clear()

    def add(self, size: int, events: int) -> None:
        """Add a request that could be decoded."""
        self.max_bytes = max(self.max_bytes, size)
        self.max_events = max(self.max_events, events)


def _system_now() -> int:
    return time.time_ns() // 1_000_000


def create_app(
    store: Store,
    settings: SandboxSettings,
    now: Callable[[], int] = _system_now,
    stats: RequestStats | None = None,
) -> Starlette:
    """Return the application.

    Args:
        store: Stores what lands.
        settings: How it behaves.
        now: Milliseconds since the epoch: the server's time.
        stats: Where requests are counted; None for an object of its own.
    """
    sandbox = _Api(store, settings, now, stats or RequestStats())
    return Starlette(
        routes=[
            Route("/import", sandbox.post_import, methods=["POST"]),
            Route("/track", sandbox.post_track, methods=["POST"]),
            Route("/", sandbox.get_page),
            Route("/sandbox/events", sandbox.get_events),
            Route("/sandbox/counts", sandbox.get_counts),
            Route("/sandbox/requests", sandbox.get_requests),
            Route("/sandbox/reset", sandbox.post_reset, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _not_found},
        middleware=[Middleware(_OwnPagesOnly, listens_on=settings.host)],
    )


class _OwnPagesOnly:
    """Refuses what a page of somebody else's in a browser may have asked for."""

    def __init__(self, app: ASGIApp, listens_on: str) -> None:
        self._app, self._listens_on = app, listens_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = dict(scope["headers"])
            host, origin = named.get(b"host", b"").decode("latin-1"), named.get(b"origin")
            reason = foreign_reason(
                host, None if origin is None else origin.decode("latin-1"), self._listens_on
            )
            if reason:
                refusal = responses.foreign(reason)
                await _json(refusal.content, refusal.status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Api:
    """The endpoints and their common state."""

    def __init__(
        self, store: Store, settings: SandboxSettings, now: Callable[[], int], stats: RequestStats
    ) -> None:
        self._store = store
        self._settings = settings
        self._now = now
        self._limit = self._new_limit()
        self._stats = stats

    def _new_limit(self) -> RollingLimit:
        return RollingLimit(self._settings.faults.rate or self._settings.events_per_minute, self._now)

    # ── Mixpanel's endpoints ─────────────────────────────────────────────────────────────────────

    async def post_import(self, request: Request) -> Response:
        """Receive a batch: ``POST /import``."""
        return await self._respond(request, self._import)

    async def _import(self, request: Request) -> ApiResponse:
        query, headers = request.query_params, request.headers
        body = await self._body(request)  # read first: a client may not get a response before it has sent all
        if not is_allowed(self._settings, headers.get("authorization", ""), query.get("project_id", "")):
            return responses.unauthorized()
        if isinstance(body, ApiResponse):
            return body
        try:
            batch = decode_import(body, lines="ndjson" in headers.get("content-type", "").lower())
        except MalformedBody as error:
            return responses.bad_request(str(error))
        if not batch.events:
            return responses.bad_request("request body must hold at least one event")
        refusal = self._check_limits(body, batch)
        if refusal:
            return refusal
        validated = validate_import(batch, self._now())
        self._store.add(validated.landed)
        if validated.failed and query.get("strict", "1") != "0":
            return responses.partly_imported(len(validated.landed), validated.failed)
        return responses.imported(len(validated.landed))

    async def post_track(self, request: Request) -> Response:
        """Receive one event or a few: ``POST /track``."""
        return await self._respond(request, self._track)

    async def _track(self, request: Request) -> ApiResponse:
        body = await self._body(request)
        if isinstance(body, ApiResponse):
            return body
        verbose = request.query_params.get("verbose") == "1"
        try:
            batch, fields = decode_track(body, request.headers.get("content-type", "").lower())
        except MalformedBody as error:
            return responses.tracked(0, str(error), verbose=verbose)
        refusal = self._check_limits(body, batch)
        if refusal:
            return refusal
        validated = validate_track(batch, self._now(), self._settings.token)
        self._store.add(validated.landed)
        problem = validated.failed[0].message if validated.failed else "no data in the request"
        return responses.tracked(validated.accepted, problem, verbose=verbose or fields.get("verbose") == "1")

    # ── what landed ──────────────────────────────────────────────────────────────────────────────

    async def get_page(self, _: Request) -> Response:
        """Show what this is and what landed: ``GET /``."""
        counts = self._store.counts_by_event_and_day()
        rows = "".join(
            f"<tr><td>{html.escape(event)}<td>{day}<td>{count:,}</tr>\n"
            for event, day, count in counts[:_PAGE_ROWS]
        )
        more = (
            f"{counted(len(counts) - _PAGE_ROWS, 'more line')}: see counts. "
            if len(counts) > _PAGE_ROWS
            else ""
        )
        page = _PAGE.format(
            count=sum(count for _, _, count in counts),
            raw=self._store.raw_count(),
            requests=self._stats.requests,
            rows=rows,
            more=more,
        )
        return HTMLResponse(page, headers=HEADERS)

    async def get_events(self, _: Request) -> Response:
        """Return what landed, deduplicated, as NDJSON: ``GET /sandbox/events``."""
        lines = iterate_in_threadpool(_lines(self._store.bodies()))
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=HEADERS)

    async def get_counts(self, _: Request) -> Response:
        """Return the number of events by name and day: ``GET /sandbox/counts``."""
        counts = self._store.counts_by_event_and_day()
        return _json(
            {
                "count": sum(count for _, _, count in counts),
                "raw_count": self._store.raw_count(),
                "counts": [{"event": event, "day": day, "count": count} for event, day, count in counts],
            }
        )

    async def get_requests(self, _: Request) -> Response:
        """Return statistics of the requests: ``GET /sandbox/requests``."""
        stats = self._stats
        return _json(
            {
                "requests": stats.requests,
                "max_events": stats.max_events,
                "max_bytes": stats.max_bytes,
                "statuses": {str(status): count for status, count in sorted(stats.statuses.items())},
                "faults": dict(sorted(stats.faults.items())),
            }
        )

    async def post_reset(self, _: Request) -> Response:
        """Delete what landed and the statistics: ``POST /sandbox/reset``."""
        self._store.clear()
        self._stats.clear()
        self._limit = self._new_limit()
        return _json({"count": 0})

    # ── what they share ──────────────────────────────────────────────────────────────────────────

    async def _body(self, request: Request) -> bytes | ApiResponse:
        """Return the decompressed body, or the response if there is something wrong with it."""
        self._stats.requests += 1
        limit = self._settings.max_request_bytes
        try:
            content = await _read_content(request, limit)
            return decompress(content, request.headers.get("content-encoding", ""), limit)
        except ContentTooLarge:
            return responses.too_large(limit)
        except MalformedBody as error:
            return responses.bad_request(str(error))

    def _check_limits(self, body: bytes, batch: DecodedBody) -> ApiResponse | None:
        """Return the response to more events than a request or a minute may have; None if there are fewer."""
        count = len(batch.events)
        self._stats.add(len(body), count)
        if count > MAX_EVENTS_PER_REQUEST:
            return responses.bad_request(
                f"request must hold at most {MAX_EVENTS_PER_REQUEST} events, found {count}"
            )
        return None if self._limit.admits(count) else responses.rate_limited()

    async def _respond(
        self, request: Request, handle: Callable[[Request], Awaitable[ApiResponse]]
    ) -> Response:
        """Return the response to a request that may land, unless a fault comes in its way."""
        faults = self._settings.faults
        fault = faults.drawn(self._stats.requests) if faults.shares else ""
        self._stats.faults.update([fault] if fault else [])
        if fault in ("", "lost-answer"):
            response = await handle(request)
        else:
            await self._body(request)
            response = responses.failed(int(fault)) if fault.isdigit() else responses.failed(500)
        if fault == "hang":
            return await _until_disconnected(request)
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if fault in ("reset", "lost-answer"):
            return await _reset(request)
        self._stats.statuses[response.status] += 1
        return _json(response.content, response.status)


async def _until_disconnected(request: Request) -> Response:
    """Wait until the client has gone, and return what nobody will see."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def _reset(request: Request) -> Response:
    """Break off a connection by a TCP reset, and return what nobody will see."""
    transport = request.scope["state"][TRANSPORT]
    # A socket that is closed with no time to linger is reset.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    return await _until_disconnected(request)


async def _read_content(request: Request, limit: int) -> bytes:
    """Return a body as it was sent; no more of it than the limit is kept in memory.

    Raises:
        ContentTooLarge: It has more bytes than the limit.
    """
    with contextlib.suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > limit + _MAX_DISCARDED_BYTES:
            raise ContentTooLarge
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit + _MAX_DISCARDED_BYTES:
            break
    if size > limit:
        raise ContentTooLarge
    return b"".join(chunks)


def _lines(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines in chunks, since each chunk of a response is handed from thread to thread."""
    chunk: list[bytes] = []
    for body in bodies:
        chunk.append(body)
        if len(chunk) == _PAGE_ROWS:
            yield b"\n".join(chunk) + b"\n"
            chunk.clear()
    if chunk:
        yield b"\n".join(chunk) + b"\n"


def _json(content: object, status: int = 200) -> Response:
    # The "1" of /track is sent as text, though it is JSON.
    media_type = "text/plain" if isinstance(content, int) else "application/json"
    return Response(orjson.dumps(content), status, media_type=media_type, headers=HEADERS)


async def _not_found(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _json(responses.not_found(status).content, status)
