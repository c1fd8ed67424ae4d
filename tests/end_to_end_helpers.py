"""The command as people use it: a process of its own, in a folder of its own, against a server of its own."""

from __future__ import annotations

import base64
import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import httpx
import waiting
from command_server import command_server

TIMEOUT = 180.0
"""Seconds after which a test fails because something has not happened."""
wait_until = partial(waiting.wait_until, patience=TIMEOUT)

TOKEN = "token-0123456789abcdef"
SECRETS = (TOKEN, "account-secret-4711", "api-secret-0815", base64.b64encode(f"{TOKEN}:".encode()).decode())

_READ_LATE = ("MIXPANEL_", "COLUMNS", "NO_COLOR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""How variables begin that are read by the command, and not when Python starts or a module is loaded."""

Row = dict[str, Any]


class CommandResult(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.rstrip("\n").rpartition("\n")[2]

    @property
    def next_command(self) -> str:
        """The command that was printed as the next to type; empty if none was."""
        lines = [line for line in (self.err + self.out).splitlines() if line.startswith("Next: ")]
        return lines[-1].removeprefix("Next: ") if lines else ""


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder in which commands are typed, with an environment of their own.

    Attributes:
        folder: Working directory and home.
        environ: Variables that every command gets.
    """

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def with_environ(self, **variables: str) -> Shell:
        return Shell(self.folder, {**self.environ, **variables})

    def environment(self) -> dict[str, str]:
        """The variables of a command, without those of this process, and with a proxy that leads nowhere.

        So a command that sends to the wrong place can't reach Mixpanel.
        """
        kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PATH"))}
        own = {"HOME": str(self.folder), "LANG": "C.UTF-8", "HTTPS_PROXY": "http://127.0.0.1:9"}
        return {**kept, **own, **self.environ}

    def type(self, *words: str | Path, stdin: str | bytes | None = None) -> CommandResult:
        """Run a command without a terminal and wait for its end."""
        content = stdin.encode() if isinstance(stdin, str) else stdin
        if all(name.startswith(_READ_LATE) for name in self.environ):
            return self._fork(words, content)
        done = subprocess.run(
            command(words),
            cwd=self.folder,
            env=self.environment(),
            timeout=TIMEOUT,
            check=False,
            capture_output=True,
            **({"stdin": subprocess.DEVNULL} if content is None else {"input": content}),
        )
        return CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    def _fork(self, words: Sequence[str | Path], content: bytes | None) -> CommandResult:
        """Run a command whose Python need not start anew."""
        with (
            _standard_input(content) as stdin,
            TemporaryFile() as out,
            TemporaryFile() as err,
        ):
            streams = (stdin, out.fileno(), err.fileno())
            code = command_server().run(
                list(map(str, words)), self.folder, self.environment(), streams, TIMEOUT
            )
            out.seek(0)
            err.seek(0)
            return CommandResult(code, out.read().decode(), err.read().decode())

    def type_line(self, line: str, *more: str) -> CommandResult:
        """Run a command exactly as the importer printed it."""
        program, *words = shlex.split(line)
        assert program == "mixpanel-importer"
        return self.type(*words, *more)

    @contextmanager
    def started(self, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Run a command while the block runs; kill it at the end of the block."""
        with subprocess.Popen(
            command(words),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def results(self, name: str) -> list[Row]:
        return read_results(self.folder / name)

    def manifest(self, results: str) -> dict[str, Any]:
        return json.loads((self.folder / f"{results}.run.json").read_bytes())

    def everything_on_disk(self) -> str:
        """The bytes of all files in the folder as one text."""
        return "\n".join(p.read_bytes().decode("latin-1") for p in self.folder.rglob("*") if p.is_file())


@contextmanager
def _standard_input(content: bytes | None) -> Iterator[int]:
    """Yield the descriptor of nothing, or of a pipe with some content."""
    if content is None:
        with Path(os.devnull).open("rb") as nothing:
            yield nothing.fileno()
        return
    theirs, ours = os.pipe()
    writer = threading.Thread(target=_write, args=(ours, content))
    writer.start()
    try:
        yield theirs
    finally:
        os.close(theirs)
        writer.join()


def _write(pipe: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(pipe, "wb", buffering=0) as stream:
        while content:
            content = content[stream.write(content) :]


def command(words: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "importer", *map(str, words)]


def read_results(path: Path) -> list[Row]:
    """The lines of a results file, CSV or JSONL, as dictionaries."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def statuses(rows: Iterable[Row]) -> list[str]:
    return [row["status"] for row in rows]


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def simple_csv(rows: int, *, broken: Mapping[int, str] | None = None) -> str:
    """A CSV of ``rows`` records. ``broken`` replaces the line of a record, by its number."""
    lines = ["event,user_id,time,n"]
    for n in range(1, rows + 1):
        good = f"Page View,user-{n % 9},2024-03-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z,{n}"
        lines.append((broken or {}).get(n, good))
    return "\n".join(lines) + "\n"


def simple_event(n: int) -> Row:
    """What record ``n`` of `simple_csv` is at the server, without its id."""
    time_ = datetime.fromisoformat(f"2024-03-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}+00:00")
    return {
        "event": "Page View",
        "properties": {
            "distinct_id": f"user-{n % 9}",
            "time": int(time_.timestamp() * 1000),
            "ip": 0,
            "n": n,
        },
    }


def exact(value: Any) -> Any:
    """A value of JSON with its types, so that ``1 != True``; numbers are compared by value."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return (type(value).__name__, value)


def without_id(event: Row) -> Row:
    properties = {name: value for name, value in event["properties"].items() if name != "$insert_id"}
    return {**event, "properties": properties}


# ── servers ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Server:
    """A sandbox that listens, and its reports."""

    url: str

    def events(self) -> list[Row]:
        """What landed, as Mixpanel would show it."""
        text = httpx.get(f"{self.url}/sandbox/events").text
        return [json.loads(line) for line in text.split("\n") if line]

    def numbers(self) -> list[int]:
        """Property ``n`` of what landed, sorted."""
        return sorted(event["properties"]["n"] for event in self.events())

    def counts(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/sandbox/counts").json()

    def requests(self) -> dict[str, Any]:
        return httpx.get(f"{self.url}/sandbox/requests").json()

    def reset(self) -> None:
        httpx.post(f"{self.url}/sandbox/reset")


@contextmanager
def sandbox(*options: str, folder: Path) -> Iterator[Server]:
    """Run ``mixpanel-importer sandbox`` as a process of its own."""
    reads, writes = os.pipe()
    words = ["sandbox", "--port", "0", *options]
    with os.fdopen(reads) as told:
        try:
            with Path(os.devnull).open("rb") as nothing:
                process = command_server().start(words, folder, os.environ, (nothing.fileno(), writes, 2))
        finally:
            os.close(writes)
        with process:
            yield Server(told.readline().split()[-1])
            process.send_signal(signal.SIGINT)
            process.wait(TIMEOUT)


class RecordedRequest(NamedTuple):
    """A request as it reached a `Recorder`."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def basic_auth(self) -> tuple[str, str]:
        """User and password."""
        scheme, _, encoded = self.headers["authorization"].partition(" ")
        assert scheme == "Basic"
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        return user, password


class Recorder:
    """A server that records its requests and answers them with a given function.

    Attributes:
        url: Where it listens.
        requests: The requests so far.
    """

    def __init__(self, answer: Callable[[RecordedRequest], tuple[int, bytes]]) -> None:
        requests: list[RecordedRequest] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers["content-length"]))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                requests.append(RecordedRequest(parts.path, query, headers, body))
                status, content = answer(requests[-1])
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.requests = requests
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def refused_url() -> str:
    """An address of this machine where nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"
