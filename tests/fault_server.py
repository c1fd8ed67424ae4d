"""A sandbox behind an unreliable network: faults by share, in an order that a seed determines.

    python tests/fault_server.py --seed 7 --share 429=0.05,503=0.02,reset_after=0.02 --refuse-every 10

It prints its URL as the first line. Only POST /import and POST /track meet faults. The n-th
of these requests meets the same fault in every run with the same seed. GET /sandbox/counts and so on return what landed,
as in any sandbox; GET /faults returns what went wrong. Tests start it with `running`.

Faults: a status from 400 to 599 (the batch isn't imported), and
    reset_before  the connection is reset, the batch isn't taken
    reset_after   the connection is reset after the batch was taken: the answer is lost
    cut           the batch was taken, the answer ends in its middle
    html          200 with a page of HTML; the batch isn't taken
    unaccounted   the batch was taken, the answer counts one event too few
    slow          the answer takes --delay seconds longer
    hang          no answer at all, the batch isn't taken
    hold          the batch was taken, the answer comes after GET /faults/mend
    drip          the batch was taken, the answer comes byte by byte, one every --delay seconds
    continue      the batch was taken, "100 Continue" comes every --delay seconds, without end
    twice         the batch was taken, and behind the answer stands another one that takes everything
    202, 206      the batch was taken, the answer has this status
    contradicting the batch wasn't taken, the answer is a 200 whose body has the code 400 and counts every event
    zstd          the batch was taken, the answer says that it is encoded

``--at 3=hold,5+=503`` says what a certain request meets, from 1, and everything from one on. ``--poison 503:TEXT``
is what every request meets that holds this text. ``--minute 2`` makes the rolling minute of
--events-per-minute so many seconds long. GET /faults/mend ends all faults.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import os
import random
import re
import signal
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import orjson

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from command_server import command_server

from importer.sandbox.access import RollingLimit
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings

FAULTS = frozenset(
    {"reset_before", "reset_after", "cut", "html", "unaccounted", "slow", "hang", "hold", "drip", "continue", "twice",
     "202", "206", "contradicting", "zstd"}
)  # fmt: skip
_LONGEST_BODY = 2**26


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[str]:
    """Run the server as a process of its own; ``with`` returns its URL."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as told, Path(os.devnull).open("rb") as nothing:
        try:
            streams = (nothing.fileno(), writes, 2)
            server = command_server().start(arguments, Path.cwd(), os.environ, streams, program=__file__)
        finally:
            os.close(writes)
        with server:
            try:
                url = told.readline().strip()
                if not url:
                    raise RuntimeError("the fault server did not start")
                yield url
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait(60)


def is_refused(insert_id: str, every: int) -> bool:
    """Whether ``--refuse-every`` refuses this event: about one of so many, by its id alone."""
    return every > 0 and zlib.crc32(insert_id.encode()) % every == 0


def parsed_shares(text: str) -> dict[str, float]:
    """Read ``429=0.05,reset_after=0.02``."""
    shares = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.partition("=")
        shares[_known(name)] = float(share)
    if sum(shares.values()) > 1 or min(shares.values(), default=0) < 0:
        raise ValueError("shares must not be negative nor add up to more than 1")
    return shares


def parsed_schedule(text: str) -> list[tuple[range, str]]:
    """Read ``3=hold,5+=503``: which requests, numbered from 1, meet what."""
    schedule = []
    for part in filter(None, text.split(",")):
        number, _, fault = part.partition("=")
        first = int(number.removesuffix("+"))
        schedule.append((range(first, sys.maxsize if number.endswith("+") else first + 1), _known(fault)))
    return schedule


def _known(fault: str) -> str:
    if fault not in FAULTS and not (fault.isdigit() and 400 <= int(fault) <= 599):
        raise ValueError(f"unknown fault {fault!r}")
    return fault


def drawn(shares: Mapping[str, float], seed: int, number: int) -> str:
    """The fault that the request of this number meets; empty for none."""
    draw = random.Random(f"{seed}:{number}").random()
    for name, share in shares.items():
        draw -= share
        if draw < 0:
            return name
    return ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which requests meet which fault."""

    shares: Mapping[str, float]
    seed: int = 0
    refuse_every: int = 0
    retry_after: str = ""
    delay: float = 0.3
    batch_size: int = 50
    schedule: list[tuple[range, str]] = field(default_factory=list)
    poison: str = ""
    limit: RollingLimit = field(default_factory=lambda: RollingLimit(None, lambda: 0))
    seen: Counter[str] = field(default_factory=Counter)
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    held: set[object] = field(default_factory=set)

    def next(self, request: Request) -> str:
        number = self.seen.total()
        fault = "" if self.mended.is_set() else self._fault(request, number)
        self.seen[fault or "none"] += 1
        return fault

    def _fault(self, request: Request, number: int) -> str:
        for requests, fault in self.schedule:
            if number + 1 in requests:
                return fault
        fault, _, text = self.poison.partition(":")
        if text and text.encode() in request.unpacked():
            return fault
        if not self.limit.admits(len(request.unpacked().splitlines())):
            return "429"
        return drawn(self.shares, self.seed, number)

    async def mend(self) -> None:
        """End all faults; returns when the answers that were held are on their way."""
        self.mended.set()
        while self.held:  # noqa: ASYNC110 - each of several answers takes itself out
            await asyncio.sleep(0.001)


class Request(NamedTuple):
    start: bytes  # the request line
    headers: dict[bytes, bytes]  # names in lower case
    body: bytes

    @property
    def path(self) -> bytes:
        return self.start.split(b" ")[1].partition(b"?")[0]

    def unpacked(self) -> bytes:
        return gzip.decompress(self.body) if self.headers.get(b"content-encoding") == b"gzip" else self.body

    def to_bytes(self) -> bytes:
        fields = {
            **self.headers,
            b"connection": b"close",
            b"content-length": b"%d" % len(self.body),
        }
        lines = [self.start, *(name + b": " + value for name, value in fields.items())]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


class FaultServer:
    """Reads whole requests, lets the sandbox answer those that get through, and applies the faults."""

    def __init__(self, sandbox: Sandbox, plan: Plan) -> None:
        self._port = int(sandbox.url.rpartition(":")[2])
        self._plan = plan

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                await writer.drain()
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        request = await _read(reader)
        if request.path == b"/faults":
            writer.write(_answer(200, orjson.dumps(dict(self._plan.seen))))
            return True
        if request.path == b"/faults/mend":
            await self._plan.mend()
            writer.write(_answer(200, b"{}"))
            return True
        if not request.start.startswith(b"POST ") or request.path not in {b"/import", b"/track"}:
            writer.write(await self._forward(request))
            return True
        fault = self._plan.next(request)
        if fault == "hang":
            await reader.read()  # ends when the client gives up
            return False
        if fault == "reset_before":
            return _reset(writer)
        if fault == "html":
            writer.write(_answer(200, b"<html><body>Please log in</body></html>", "text/html"))
            return True
        if fault == "contradicting":
            writer.write(_counting(request, 400))
            return True
        if fault.isdigit() and int(fault) >= 400:
            writer.write(_refusal(int(fault), self._plan.retry_after))
            return True
        every = 0 if self._plan.mended.is_set() else self._plan.refuse_every
        answer = await self._forward(_with_refusals(request, every))
        return await self._spoil(fault, answer, writer)

    async def _spoil(self, fault: str, answer: bytes, writer: asyncio.StreamWriter) -> bool:
        """Send a response of the sandbox, changed or cut by a fault."""
        if fault == "reset_after":
            return _reset(writer)
        if fault == "cut":
            writer.write(answer[: answer.index(b"\r\n\r\n") + 4 + 5])
            return False
        if fault in {"drip", "continue"}:
            return await self._drip(
                b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000 if fault == "continue" else answer, writer
            )
        if fault == "twice":
            writer.write(answer + _answer(200, orjson.dumps({"num_records_imported": self._plan.batch_size})))
            return True
        if fault in {"202", "206"}:
            writer.write(_answer(int(fault), answer.partition(b"\r\n\r\n")[2]))
            return True
        if fault == "zstd":
            writer.write(answer.replace(b"\r\n", b"\r\ncontent-encoding: zstd\r\n", 1))
            return True
        if fault == "slow":
            await asyncio.sleep(self._plan.delay)
        if fault == "hold":
            self._plan.held.add(writer)
            await self._plan.mended.wait()
            self._plan.held.discard(writer)
        writer.write(_miscounted(answer) if fault == "unaccounted" else answer)
        return True

    async def _drip(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        for i in range(len(data)):
            writer.write(data[i : i + 1])
            await writer.drain()
            await asyncio.sleep(self._plan.delay)
        return False

    async def _forward(self, request: Request) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request.to_bytes())
        answer = await reader.read()
        writer.close()
        # The sandbox's connection ends here, the client's goes on.
        return re.sub(rb"(?i)\r\nconnection: close(?=\r\n)", b"", answer, count=1)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.rstrip().split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return Request(start, headers, await reader.readexactly(int(headers.get(b"content-length", b"0"))))


def _answer(status: int, body: bytes, media_type: str = "application/json", more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in set(HTTPStatus) else 'Fault'}\r\n"
        f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def _refusal(status: int, retry_after: str) -> bytes:
    body = orjson.dumps({"code": status, "error": f"fault {status}", "status": "Fault"})
    return _answer(status, body, more=f"retry-after: {retry_after}\r\n" if retry_after else "")


def _counting(request: Request, code: int) -> bytes:
    """Claim that every event of a request was taken, and contradict it by a code."""
    count = len(request.unpacked().splitlines())
    return _answer(200, orjson.dumps({"code": code, "num_records_imported": count, "status": "OK"}))


def _reset(writer: asyncio.StreamWriter) -> bool:
    """End the connection with a TCP reset: closing with no time to linger sends one."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def _miscounted(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    value = orjson.loads(body)
    if not isinstance(value, dict) or "num_records_imported" not in value:
        return answer
    value["num_records_imported"] -= 1
    return _answer(int(head.split(b" ")[1]), orjson.dumps(value))


def _with_refusals(request: Request, every: int) -> Request:
    """Break the time of the events that are to be refused, so that the sandbox refuses them itself."""
    if not every:
        return request
    body = request.unpacked()
    lines = b"ndjson" in request.headers.get(b"content-type", b"")
    events = [orjson.loads(line) for line in body.splitlines() if line] if lines else orjson.loads(body)
    for event in events if isinstance(events, list) else [events]:
        _break(event, every)
    body = b"\n".join(map(orjson.dumps, events)) if lines else orjson.dumps(events)
    headers = {name: value for name, value in request.headers.items() if name != b"content-encoding"}
    return Request(request.start, headers, body)


def _break(event: Any, every: int) -> None:
    if is_refused(str(event["properties"].get("$insert_id", "")), every):
        event["properties"]["time"] = "refused on purpose"


async def _serve(host: str, port: int, sandbox: Sandbox, plan: Plan) -> None:
    front = FaultServer(sandbox, plan)
    server = await asyncio.start_server(front.handle, host, port, limit=_LONGEST_BODY)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A sandbox with faults")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=parsed_shares, default={})
    parser.add_argument("--refuse-every", type=int, default=0)
    parser.add_argument("--retry-after", default="")
    parser.add_argument("--delay", type=float, default=0.3)
    parser.add_argument("--batch-size", type=int, default=50, help="what the second answer of `twice` counts")
    parser.add_argument("--events-per-minute", type=int)
    parser.add_argument("--minute", type=float, default=60)
    parser.add_argument("--at", type=parsed_schedule, default=[])
    parser.add_argument("--poison", default="")
    parser.add_argument("--max-request-bytes", type=int, default=SandboxSettings().max_request_bytes)
    given = parser.parse_args()
    minutes = RollingLimit(given.events_per_minute, lambda: int(time.monotonic() * 60_000 / given.minute))
    plan = Plan(
        given.share, given.seed, given.refuse_every, given.retry_after, given.delay, given.batch_size, given.at,
        given.poison, minutes
    )  # fmt: skip
    settings = SandboxSettings(db=given.db, max_request_bytes=given.max_request_bytes)
    with Sandbox(settings) as sandbox:
        asyncio.run(_serve("127.0.0.1", given.port, sandbox, plan))


if __name__ == "__main__":
    main()
