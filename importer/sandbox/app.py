"""The sandbox as a web application: Mixpanel's two endpoints, and pages that show what landed.

Requests are handled one after another on the event loop: SQLite has one writer anyhow, and a rehearsal
runs in the importer's own process, where threads would only fight over the interpreter.
"""

from __future__ import annotations

import contextlib
import html
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from importer.mixpanel.limits import MAX_EVENTS_PER_REQUEST
from importer.sandbox import answers
from importer.sandbox.access import RollingLimit, is_allowed
from importer.sandbox.answers import SandboxAnswer
from importer.sandbox.body import BadBody, BodyTooLarge, decoded, decoded_track, unpacked
from importer.sandbox.verdicts import judge_import, judge_track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.requests import Request

    from importer.sandbox.body import Decoded
    from importer.sandbox.settings import SandboxSettings
    from importer.sandbox.store import Store

HEADERS = {"X-Sandbox": "mixpanel-importer"}
"""What tells every answer of the sandbox from Mixpanel's."""

_DRAINED_BYTES = 33_554_432
"""What is read of a body that is too large, so that its sender hears the answer; more ends the connection."""

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
class Traffic:
    """What was posted to the API so far.

    Attributes:
        requests: How many requests.
        max_events: Most events in one of them.
        max_bytes: Most bytes of uncompressed JSON in one of them.
        statuses: How many answers of each HTTP status.
    """

    requests: int = 0
    max_events: int = 0
    max_bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def saw(self, size: int, events: int) -> None:
        """Note a request that could be read."""
        self.max_bytes = max(self.max_bytes, size)
        self.max_events = max(self.max_events, events)


def create_app(store: Store, settings: SandboxSettings, clock: Callable[[], float] = time.time) -> Starlette:
    """Make the application.

    Args:
        store: Keeps what lands.
        settings: How it behaves.
        clock: Seconds since the epoch, UTC: the server's clock.
    """
    sandbox = _Api(store, settings, clock)
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
        exception_handlers={HTTPException: _not_here},
    )


class _Api:
    """The endpoints, and what they share."""

    def __init__(self, store: Store, settings: SandboxSettings, clock: Callable[[], float]) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._limit = RollingLimit(settings.events_per_minute, clock)
        self._traffic = Traffic()

    # ── Mixpanel's endpoints ─────────────────────────────────────────────────────────────────────

    async def post_import(self, request: Request) -> Response:
        """Take a batch: ``POST /import``."""
        return self._reply(await self._import(request))

    async def _import(self, request: Request) -> SandboxAnswer:
        query, headers = request.query_params, request.headers
        body = await self._body(request)  # read first: who isn't heard out may not hear the answer
        if not is_allowed(self._settings, headers.get("authorization", ""), query.get("project_id", "")):
            return answers.unauthorized()
        if isinstance(body, SandboxAnswer):
            return body
        try:
            batch = decoded(body, lines="ndjson" in headers.get("content-type", "").lower())
        except BadBody as error:
            return answers.bad_request(str(error))
        if not batch.events:
            return answers.bad_request("request body must hold at least one event")
        turned_away = self._turned_away(body, batch)
        if turned_away:
            return turned_away
        judged = judge_import(batch, self._now_ms())
        self._store.add(judged.landed)
        if judged.failed and query.get("strict", "1") != "0":
            return answers.partly_taken(len(judged.landed), judged.failed)
        return answers.taken(len(judged.landed))

    async def post_track(self, request: Request) -> Response:
        """Take one event or a few: ``POST /track``."""
        return self._reply(await self._track(request))

    async def _track(self, request: Request) -> SandboxAnswer:
        body = await self._body(request)
        if isinstance(body, SandboxAnswer):
            return body
        verbose = request.query_params.get("verbose") == "1"
        try:
            batch, fields = decoded_track(body, request.headers.get("content-type", "").lower())
        except BadBody as error:
            return answers.tracked(0, str(error), verbose=verbose)
        turned_away = self._turned_away(body, batch)
        if turned_away:
            return turned_away
        judged = judge_track(batch, self._now_ms(), self._settings.token)
        self._store.add(judged.landed)
        problem = judged.failed[0].message if judged.failed else "no data in the request"
        return answers.tracked(judged.accepted, problem, verbose=verbose or fields.get("verbose") == "1")

    # ── what landed ──────────────────────────────────────────────────────────────────────────────

    async def get_page(self, _: Request) -> Response:
        """Show what this is and what landed: ``GET /``."""
        counts = self._store.counts_by_event_and_day()
        rows = "".join(
            f"<tr><td>{html.escape(event)}<td>{day}<td>{count:,}</tr>\n"
            for event, day, count in counts[:_PAGE_ROWS]
        )
        more = f"{len(counts) - _PAGE_ROWS:,} more lines: see counts. " if len(counts) > _PAGE_ROWS else ""
        page = _PAGE.format(
            count=sum(count for _, _, count in counts),
            raw=self._store.raw_count(),
            requests=self._traffic.requests,
            rows=rows,
            more=more,
        )
        return HTMLResponse(page, headers=HEADERS)

    async def get_events(self, _: Request) -> Response:
        """Give what landed, deduplicated, as NDJSON: ``GET /sandbox/events``."""
        lines = iterate_in_threadpool(_lines(self._store.bodies()))
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=HEADERS)

    async def get_counts(self, _: Request) -> Response:
        """Count what landed, by event and day: ``GET /sandbox/counts``."""
        counts = self._store.counts_by_event_and_day()
        return _json(
            {
                "count": sum(count for _, _, count in counts),
                "raw_count": self._store.raw_count(),
                "counts": [{"event": event, "day": day, "count": count} for event, day, count in counts],
            }
        )

    async def get_requests(self, _: Request) -> Response:
        """Count what was asked: ``GET /sandbox/requests``."""
        traffic = self._traffic
        return _json(
            {
                "requests": traffic.requests,
                "max_events": traffic.max_events,
                "max_bytes": traffic.max_bytes,
                "statuses": {str(status): count for status, count in sorted(traffic.statuses.items())},
            }
        )

    async def post_reset(self, _: Request) -> Response:
        """Forget what landed and what was asked: ``POST /sandbox/reset``."""
        self._store.clear()
        self._traffic = Traffic()
        self._limit = RollingLimit(self._settings.events_per_minute, self._clock)
        return _json({"count": 0})

    # ── what they share ──────────────────────────────────────────────────────────────────────────

    async def _body(self, request: Request) -> bytes | SandboxAnswer:
        """Read and unpack a body, or answer that it can't be done."""
        self._traffic.requests += 1
        limit = self._settings.max_request_bytes
        try:
            packed = await _received(request, limit)
            return unpacked(packed, request.headers.get("content-encoding", ""), limit)
        except BodyTooLarge:
            return answers.too_large(limit)
        except BadBody as error:
            return answers.bad_request(str(error))

    def _turned_away(self, body: bytes, batch: Decoded) -> SandboxAnswer | None:
        """Refuse more events than a request, or a minute, may hold."""
        count = len(batch.events)
        self._traffic.saw(len(body), count)
        if count > MAX_EVENTS_PER_REQUEST:
            return answers.bad_request(
                f"request must hold at most {MAX_EVENTS_PER_REQUEST} events, found {count}"
            )
        return None if self._limit.admits(count) else answers.rate_limited()

    def _reply(self, answer: SandboxAnswer) -> Response:
        self._traffic.statuses[answer.status] += 1
        return _json(answer.content, answer.status)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


async def _received(request: Request, limit: int) -> bytes:
    """Read a body as it was sent, and keep no more of it than the limit.

    Raises:
        TooLarge: It has more bytes.
        BadBody: Its length is no number.
    """
    with contextlib.suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > limit + _DRAINED_BYTES:
            raise BodyTooLarge
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit + _DRAINED_BYTES:
            break
    if size > limit:
        raise BodyTooLarge
    return b"".join(chunks)


def _lines(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Lines in chunks, since each chunk of an answer crosses threads."""
    chunk: list[bytes] = []
    for body in bodies:
        chunk.append(body)
        if len(chunk) == _PAGE_ROWS:
            yield b"\n".join(chunk) + b"\n"
            chunk.clear()
    if chunk:
        yield b"\n".join(chunk) + b"\n"


def _json(content: Any, status: int = 200) -> Response:
    # /track's "1" is a JSON number as it stands; only its type is text.
    media_type = "text/plain" if isinstance(content, int) else "application/json"
    return Response(orjson.dumps(content), status, media_type=media_type, headers=HEADERS)


async def _not_here(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _json(answers.not_here(status).content, status)
