"""The log of a run's requests: what went out, what came back and when, without values and secrets.

Each line is a JSON object with ``at`` (UTC) and ``what``: ``start`` and ``end`` of a job, or ``request``. It
holds numbers, times, words of ours and the system's errors, but nothing that a source or a server says: a
server's message may quote a value. Several runs may follow each other in one log.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from importer.delivery.replies import (
    Lost,
    NoResponse,
    Refused,
    Reply,
    Response,
    Settled,
    Throttled,
    TooLarge,
    Unexplained,
)
from importer.errors import UsageError
from importer.model import Credentials, DeliverySettings, Destination, Verdict
from importer.text import PROGRAM

FLUSH_SECONDS: Final = 0.2
"""Lines about requests that went well are written together, after so long. Every other line is written at
once, with those before it."""

_MAX_FIRST_LINE: Final = 10_000
_PRIVATE: Final = 0o600
_OUTCOMES: Final[dict[type, str]] = {
    Unexplained: "refused without a reason",
    TooLarge: "too large",
    Throttled: "throttled",
    Lost: "lost",
    Refused: "refused",
}


class SentRequest(NamedTuple):
    """One request as it went out.

    Attributes:
        at: When, in milliseconds since the epoch.
        rows: First and last row of its events.
        events: How many events it has.
        attempt: Number of its try, from 1.
        bytes: Size of its body, as it was sent.
        seconds: How long it took to the end of the answer.
        new_connection: True if a connection was opened for it.
    """

    at: int
    rows: tuple[int, int]
    events: int
    attempt: int
    bytes: int
    seconds: float
    new_connection: bool


def check_log_file(path: Path) -> None:
    """Check that a log can be begun or continued.

    Raises:
        UsageError: It is another file, or can't be written.
    """
    if not path.exists() and not path.is_symlink():
        if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            raise UsageError(
                f"--log-file {path} can't be written: expected a file in a folder that exists",
                "Make the folder, or name another file.",
            )
        return
    try:
        found = stat.S_ISREG(path.stat().st_mode) and os.access(path, os.W_OK) and _is_log(path)
    except OSError:
        found = False
    if not found:
        raise UsageError(
            f"--log-file {path} is there already, and is no log of requests that can be continued",
            "Name another file.",
        )


def _is_log(path: Path) -> bool:
    """Return whether a file is empty, or begins as a log does."""
    with path.open("rb") as file:
        line = file.readline(_MAX_FIRST_LINE)
    if not line:
        return True
    try:
        first = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and first.get("program") == PROGRAM and first.get("what") == "start"


def _as_shown(name: str) -> str:
    """Return a name that may not be UTF-8 as people see it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _count_taken(verdicts: Sequence[Verdict]) -> int:
    """Return how many events were taken; mostly all of them were, with one verdict."""
    first = verdicts[0]
    if first.status.success and verdicts.count(first) == len(verdicts):
        return len(verdicts)
    return sum(verdict.status.success for verdict in verdicts)


class RequestLog:
    """Appends lines to a log; several threads may do so at once.

    A log that can't be written any more stops no run.

    Attributes:
        path: The file.
        error: Why the log ends early; empty if it does not.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, *, source: str = "") -> None:
        """Open a log, which is made if it does not exist.

        Args:
            path: The file, after `check_log_file`.
            clock: Monotonic seconds.
            source: The source that each line names, where processes write about several at once.
        """
        self._source = {"source": _as_shown(source)} if source else {}
        self.path, self.error = path, ""
        self._clock, self._lock = clock, threading.Lock()
        self._lines: list[bytes] = []
        self._flushed_at = clock()
        self._requests = self._retries = 0
        self._handle = -1
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._handle = os.open(path, flags, _PRIVATE)
            size = os.fstat(self._handle).st_size
            if size and os.lseek(self._handle, size - 1, os.SEEK_SET) and os.read(self._handle, 1) != b"\n":
                self._lines.append(b"\n")  # a line that a full disk cut off
        except OSError as error:
            self._give_up(error)

    def start(
        self,
        version: str,
        kind: str,
        source: str,
        destination: Destination,
        credentials: Credentials | None,
        settings: DeliverySettings,
    ) -> None:
        """Write that a job begins: what runs here, from where to where, and how.

        Args:
            version: That of the importer.
            kind: ``real``, ``dry-run`` or ``sandbox``.
            source: The source as it was named.
            destination: Where events go.
            credentials: Of these, the kind only; None for a dry run.
            settings: Batch sizes, concurrency, retries and time-outs.
        """
        self._add(
            {
                "what": "start",
                "program": PROGRAM,
                "version": version,
                "python": sys.version.split()[0],
                "platform": sys.platform,
                "kind": kind,
                "source": self._source.get("source") or _as_shown(Path(source).name),
                "endpoint": destination.endpoint,
                "base_url": destination.base_url,
                "credentials": None if credentials is None else credentials.kind,
                "batch_size": settings.batch_size,
                "batch_bytes": settings.batch_bytes,
                "concurrency": settings.concurrency,
                "max_retries": settings.max_retries,
                "retry_wait": settings.retry_wait,
                "timeout": settings.timeout,
                "rate": settings.rate,
            }
        )

    def end(self, exit_code: int, records: int) -> None:
        """Write that a job has ended.

        Args:
            exit_code: As of the process, if this is its only job.
            records: Records that have an outcome.
        """
        self._add(
            {
                "what": "end",
                "exit_code": exit_code,
                "records": records,
                "requests": self._requests,
                "retries": self._retries,
            }
        )
        self._requests = self._retries = 0

    def request(
        self, sent: SentRequest, response: Response | NoResponse, reply: Reply, wait: float | None
    ) -> None:
        """Write a request and what came of it.

        Args:
            sent: The request.
            response: What came back.
            reply: What that means.
            wait: Seconds until these events, or after a 429 any events, are sent again; None if they are not,
                or at once.
        """
        line: dict[str, Any] = {
            "what": "request",
            "rows": sent.rows,
            "events": sent.events,
            "try": sent.attempt,
            "bytes": sent.bytes,
            "seconds": round(sent.seconds, 4),
        }
        if isinstance(response, NoResponse):
            line |= {"status": None, "error": response.cause or "no answer"}
        else:
            line |= {"status": response.status, "answer_bytes": len(response.body)}
        usual = isinstance(reply, Settled)
        if isinstance(reply, Settled):
            taken = _count_taken(reply.verdicts)
            line |= {"outcome": "settled", "taken": taken, "rejected": sent.events - taken}
        else:
            line["outcome"] = _OUTCOMES[type(reply)]
        if wait is not None:
            line["wait"] = round(wait, 3)
        if sent.new_connection:
            line["new_connection"] = True
        self._add(line, at=sent.at, at_once=not usual, attempt=sent.attempt)

    def close(self) -> None:
        """Write what is left, and close the file."""
        with self._lock:
            self._flush()
            if self._handle >= 0:
                with suppress(OSError):
                    os.close(self._handle)
                self._handle = -1

    def _add(
        self, line: dict[str, Any], *, at: int | None = None, at_once: bool = True, attempt: int = 0
    ) -> None:
        when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at / 1000, UTC)
        at_text = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = orjson.dumps({"at": at_text, **line, **self._source}, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            self._requests += attempt > 0
            self._retries += attempt > 1
            self._lines.append(text)
            if at_once or self._clock() - self._flushed_at > FLUSH_SECONDS:
                self._flush()

    def _flush(self) -> None:
        data, self._lines = memoryview(b"".join(self._lines)), []
        self._flushed_at = self._clock()
        try:
            while data and self._handle >= 0:
                data = data[os.write(self._handle, data) :]
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.error = error.strerror or type(error).__name__
        if self._handle >= 0:
            with suppress(OSError):
                os.close(self._handle)
            self._handle = -1
