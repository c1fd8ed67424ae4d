"""Sets of sources that are sent to a server of this process, which refuses what a test names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
from delivery_server import Connection, Request, Server
from set_helpers import prepared_set, run_prepared

from importer.model import Credentials, DeliverySettings, Destination
from importer.pipeline.job import RunOptions, SourceFile, Target
from importer.pipeline.prepare import prepare_job
from importer.pipeline.retry import prepare_retry
from importer.pipeline.sets.job import PreparedSet, SetOutput, SetReport
from importer.pipeline.sets.mended import prepare_mended_set
from importer.pipeline.sets.retry import RetryChoice, prepare_set_retry
from importer.progress import NullProgress
from importer.source.find import find_sources

NOW_MS = time.time_ns() // 1_000_000
HEAD = "event,time,user_id,n"
ONE_BY_ONE = DeliverySettings(batch_size=1, concurrency=1, max_retries=0, retry_wait=0)


def now() -> int:
    return NOW_MS


def write(name: str, *lines: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def write_rows(name: str, *numbers: int, broken: Sequence[int] = ()) -> Path:
    """Write records; the time of some can't be read."""
    rows = [f"A,{'soon' if n in broken else NOW_MS // 1000 - 9_000 + n},u{n},{n}" for n in numbers]
    return write(name, HEAD, *rows)


@dataclass
class Refusing:
    """A server that takes every event but some.

    Attributes:
        refused: Property ``n`` of those.
        status: It answers all requests with it; 0 to look at their events.
        taken: Property ``n`` of what was taken, in order.
    """

    refused: set[int] = field(default_factory=set)
    status: int = 0
    taken: list[int] = field(default_factory=list)
    url: str = ""

    def answer(self, request: Request, connection: Connection) -> None:
        if self.status:
            connection.reply(self.status, b'{"error":"no"}')
            return
        numbers = request.numbers()
        failed = [
            {"index": at, "insert_id": "", "field": "n", "message": f"{n} is wrong"}
            for at, n in enumerate(numbers)
            if n in self.refused
        ]
        self.taken += [n for n in numbers if n not in self.refused]
        code = 400 if failed else 200
        answer = {
            "code": code,
            "num_records_imported": len(numbers) - len(failed),
            "failed_records": failed,
            "status": "OK",
        }
        connection.reply(code, orjson.dumps(answer))

    @property
    def target(self) -> Target:
        return Target(Destination("import", self.url), Credentials("token", "x"))


@contextmanager
def refusing(*numbers: int) -> Iterator[Refusing]:
    """Run a server that takes every event but these."""
    found = Refusing(set(numbers))
    with Server(found.answer) as server:
        found.url = server.url
        yield found


def options_of(kind: Any = "real", **more: Any) -> RunOptions:
    return RunOptions(kind=kind, **{"results": Path("out"), "delivery": ONE_BY_ONE, **more})


def run(server: Refusing, *names: str, **more: Any) -> SetReport:
    options = options_of(**more)
    return run_prepared(prepared_set(names, options, server.target, NOW_MS), options)


def prepared_retry(
    server: Refusing, folder: str = "out", choice: RetryChoice | None = None, **more: Any
) -> PreparedSet:
    return prepare_set_retry(
        Path(folder),
        options_of(**{"results": None, **more}),
        server.target,
        now,
        choice or RetryChoice(),
        prepare_retry=prepare_retry,
        progress=NullProgress(),
        stdin=BytesIO(),
    )


def retry(server: Refusing, folder: str = "out", **more: Any) -> SetReport:
    return run_prepared(prepared_retry(server, folder, **more), options_of(**more))


def prepared_copies(server: Refusing, *names: str, use: Any = "new", **more: Any) -> PreparedSet:
    """Return the set of some mended copies."""
    options = replace(options_of(results=Path("mended")), **more)
    prepare = partial(prepare_job, target=server.target, now_ms=NOW_MS, progress=NullProgress())

    def prepare_one(source: SourceFile, own: RunOptions) -> Any:
        return prepare(source, own)

    output = SetOutput(Path("mended"), use)
    return prepare_mended_set(find_sources(names), output, options, prepare_one, server.target)
