"""Do several processes that share one quota come near a server's cap, without being refused?

    python bench/quota.py --workers 2 8 --seconds 120

A server counts events over a rolling window and answers 429 beyond its cap (bench/server.py). Each worker is
a process of its own that sends as fast as it is let, by the importer's own delivery, and asks this process,
which keeps the quota, for leases over a pipe. It prints, of each number of workers: the share of the cap that
was reached, the share of requests that were refused, and what the slowest worker had of a fair part.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

import orjson

from importer.delivery.engine import deliver
from importer.delivery.quota import Cap, LeasedQuota, QuotaKeeper
from importer.model import Batch, Credentials, DeliverySettings, Destination, Event
from importer.speedups import EventBlock

SERVER: Final = Path(__file__).resolve().parent / "server.py"
CREDENTIALS: Final = Credentials("token", "0123456789abcdef0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker does.

    Attributes:
        url: Where the server is.
        batch_size: Events in a request.
        seconds: How long it sends.
        paced: Whether it keeps to the quota.
    """

    url: str
    batch_size: int
    seconds: float
    paced: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it.

    Attributes:
        reached: Events that the server took, as a share of its cap over the time.
        refused: Requests that it refused, as a share of all.
        least: Events of the worker that sent the fewest, as a share of a fair part.
    """

    reached: float
    refused: float
    least: float


def measure_quota(
    workers: int, cap: Cap, seconds: float, batch_size: int = 50, latency: float = 0.0, *, paced: bool = True
) -> Figures:
    """Let workers send at once to a server with a cap."""
    words = ["--latency", latency, "--rate", cap.events_per_second, "--window", cap.window]
    with subprocess.Popen(
        [sys.executable, str(SERVER), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        sent = _run_workers(workers, cap, Load(url, batch_size, seconds, paced))
        server.stdin.close()
        counts = json.loads(server.stdout.read())
    return Figures(
        counts["events"] / (cap.events_per_second * seconds),
        counts["refused"] / max(1, counts["requests"]),
        min(sent) * workers / max(1, sum(sent)),
    )


def _run_workers(workers: int, cap: Cap, load: Load) -> list[int]:
    """Run processes to their end, give them leases meanwhile, and return how many events each sent."""
    spawn = multiprocessing.get_context("spawn")
    pipes: dict[Connection, int] = {}
    processes = []
    for number in range(workers):
        ours, theirs = spawn.Pipe()
        processes.append(spawn.Process(target=_work, args=(load, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
        pipes[ours] = number
    for pipe in pipes:
        assert pipe.recv() == "ready"
    keeper = QuotaKeeper(cap)
    for pipe in pipes:
        pipe.send("go")
    sent = [0] * workers
    left = set(pipes)
    while left:
        for pipe in wait(list(left)):
            assert isinstance(pipe, Connection)
            message = pipe.recv()
            if isinstance(message, tuple):
                pipe.send(keeper.lease(pipes[pipe], *message, time.monotonic()))
            else:
                sent[pipes[pipe]] = message
                left.discard(pipe)
                pipe.send(None)
    for process in processes:
        process.join()
    return sent


def _work(load: Load, pipe: Connection) -> None:
    """Send until the time is over, then report how many events were taken."""

    def listen() -> None:
        while (lease := pipe.recv()) is not None:
            quota.grant(lease)

    lock = threading.Lock()

    def ask(events: int, size: int) -> None:
        with lock:
            pipe.send((events, size))

    quota = LeasedQuota(ask)
    batch = _batch(load.batch_size)
    pipe.send("ready")
    pipe.recv()
    hearing = threading.Thread(target=listen, daemon=True)
    hearing.start()
    stop, sent = threading.Event(), 0
    timer = threading.Timer(load.seconds, stop.set)
    timer.start()
    for delivered in deliver(
        _repeated(batch, stop),
        Destination("import", load.url, "bench"),
        CREDENTIALS,
        DeliverySettings(batch_size=load.batch_size),
        stop=stop,
        quota=quota if load.paced else None,
    ):
        sent += len(delivered.verdicts)
    with lock:
        pipe.send(sent)
    hearing.join()


def _repeated(batch: Batch, stop: threading.Event) -> Iterator[Batch]:
    while not stop.is_set():
        yield batch


def _batch(size: int) -> Batch:
    now = time.time_ns() // 1_000_000
    events = []
    for number in range(size):
        properties = {"time": now, "distinct_id": f"u{number}", "$insert_id": f"id-{number}", "plan": "pro"}
        body = orjson.dumps({"event": "Bought", "properties": properties})
        events.append(Event(number + 1, number + 2, "Bought", f"u{number}", f"id-{number}", now, body))
    return Batch.of(EventBlock(events))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--seconds", type=float, default=120.0, help="how long they send")
    parser.add_argument("--rate", type=float, default=30_000, help="the server's cap: events a second")
    parser.add_argument("--window", type=float, default=60.0, help="seconds over which it counts")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a request to its answer")
    parser.add_argument("--unpaced", action="store_true", help="without a quota: 429 alone slows them down")
    given = parser.parse_args()
    cap = Cap(given.rate, None, given.window)
    for workers in given.workers:
        found = measure_quota(
            workers, cap, given.seconds, given.batch_size, given.latency, paced=not given.unpaced
        )
        print(
            f"{workers} workers: {found.reached:.1%} of the cap, {found.refused:.2%} of the requests refused,"
            f" the slowest worker had {found.least:.0%} of a fair part",
            flush=True,
        )


if __name__ == "__main__":
    main()
