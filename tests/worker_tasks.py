"""Tasks for workers: they must be found in another process, and so stand in a module of their own."""

from __future__ import annotations

import ctypes
import multiprocessing  # noqa: F401 - of tasks that are told to use it
import os
import sys
import threading  # noqa: F401 - of tasks that are told to use it
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from waiting import wait_until

from importer.errors import RefusedError
from importer.pipeline.workers.task import Context
from importer.source.spool_room import current_room  # noqa: F401 - likewise


@dataclass(frozen=True)
class Told:
    """Does as told, line by line: ``call`` is evaluated in the process of the task.

    Attributes:
        folder: Where it leaves a file with its process's number, once for each attempt.
    """

    name: str
    call: str = "None"
    folder: Path | None = None
    attempt: int = 0

    def run(self, context: Context) -> Any:
        if self.folder is not None:
            self.tell(self.folder)
        return eval(self.call, {"context": context, "task": self, **globals()})

    def tell(self, folder: Path) -> None:
        """Leave the file that says who is at work."""
        new = folder / f"{self.name}.{self.attempt}.new"
        new.write_text(str(os.getpid()))
        new.rename(new.with_suffix(""))

    def again(self) -> Self:
        return replace(self, attempt=self.attempt + 1)


def fail(error: BaseException) -> None:
    raise error


def wait_for(path: Path) -> str:
    """Wait until a file is there, and return its name."""
    wait_until(path.exists, f"there is {path}", patience=60)
    return path.name


def busy(seconds: float) -> int:
    """Keep the interpreter from all else."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        count += 1
    return count


def crash() -> None:
    ctypes.string_at(0)


def counted(context: Context, size: int, records: int, unsuccessful: int, steps: int = 10) -> int:
    context.progress.begin("Anything", size)
    for step in range(1, steps + 1):
        context.progress.update(size * step // steps, records * step // steps, unsuccessful * step // steps)
    context.progress.end()
    return records


def take(context: Context, requests: int, events: int) -> tuple[float, float]:
    """Take quota, and return when that began and when it was had."""
    assert context.quota is not None
    began = time.monotonic()
    for _ in range(requests):
        while seconds := context.quota.take(events, 1):
            time.sleep(min(seconds, 0.01))
    return began, time.monotonic()


def say(text: str) -> None:
    os.write(1, text.encode())
    os.write(2, text.encode())
    print(text, file=sys.stderr, flush=True)


def refused() -> RefusedError:
    error = RefusedError("no", "First.", "Then.")
    error.unauthorized = True
    return error


class OneWayError(Exception):
    """An error that can be pickled, but not be made again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


class OneWayOSError(OSError):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one, two)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args[:1]
