"""Where the time of a run goes: CPU seconds per million rows, stage by stage, in one process.

    python bench/stages.py
    python bench/stages.py --format csv --batch-size 50

The stages are those of `importer/pipeline/run.py`, called one after the other. Every stage is charged what
the process computed while it was the stage's turn, so that together they are the whole but for its start.
Sending is measured by itself, from batches that are ready, and compresses too: what compressing costs
stands above it.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

from data import CACHE, FILES, FORMATS, folder_of, make
from measure import CountingServer

import importer.delivery.client  # noqa: F401 - loaded by sending; here it is before the clock runs
from importer.delivery.batches import make_batches
from importer.delivery.engine import deliver
from importer.delivery.request import ndjson
from importer.events.mapper import Mapper
from importer.events.mapping_file import DeclaredReading
from importer.model import Batch, Credentials, Delivered, DeliverySettings, Destination, Status, Verdict
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import scan_source
from importer.progress import NullProgress
from importer.reading import Reading
from importer.results.lines import LineEncoder
from importer.results.rows import CSV
from importer.source.reader import open_source

_T = TypeVar("_T")

SENT = 20_000
"""Events that are kept to be sent: to hold more would slow down the stages before."""

STAGES = ("scan", "reading", "mapping", "batches", "gzip", "results", "sending and gzip")


class Meter:
    """Charges the process's CPU time to one stage at a time.

    Attributes:
        spent: Seconds by stage.
    """

    def __init__(self) -> None:
        self.spent = dict.fromkeys((*STAGES, ""), 0.0)
        self._stage, self._since = "", time.process_time()

    def turn(self, stage: str) -> str:
        """Charge what was spent so far, and return whose turn it was."""
        now = time.process_time()
        self.spent[self._stage] += now - self._since
        before, self._stage, self._since = self._stage, stage, now
        return before

    def through(self, stage: str, items: Iterable[_T]) -> Iterator[_T]:
        """Hand items on, and charge the stage for making them."""
        iterator = iter(items)
        while True:
            before = self.turn(stage)
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self.turn(before)
            yield item


def stages(path: Path, rows: int, batch_size: int) -> dict[str, float]:
    """Do what a run does with a source; return CPU seconds per million rows by stage."""
    meter = Meter()
    reading = _reading(path, meter)
    settings = DeliverySettings(batch_size=batch_size)
    encode = LineEncoder(CSV).encode
    imported = Verdict(Status.IMPORTED, 200)
    ready: list[Batch] = []
    mapper = Mapper(reading, lambda: time.time_ns() // 1_000_000)
    with open_source(path, reading.dialect, reading.columns) as source:
        records = meter.through("reading", source.chunks())
        items = meter.through("mapping", map(mapper.map, records))
        for batch in meter.through("batches", make_batches(items, batch_size, settings.batch_bytes)):
            meter.turn("gzip")
            ndjson(batch.bodies())
            meter.turn("results")
            encode(Delivered(batch, [imported] * batch.count))
            meter.turn("")
            if len(ready) < max(1, SENT // batch_size):
                ready.append(batch)
    sent = sum(batch.count for batch in ready)
    with CountingServer() as server:
        meter.turn("sending and gzip")
        destination, credentials = Destination("import", server.url), Credentials("token", "bench_token")
        for done in deliver(ready, destination, credentials, settings, stop=threading.Event()):
            assert all(verdict.status is Status.IMPORTED for verdict in done.verdicts), done.verdicts[0]
        meter.turn("")
    rows_of = {"sending and gzip": sent}
    return {stage: meter.spent[stage] * 1e6 / rows_of.get(stage, rows) for stage in STAGES}


def _reading(path: Path, meter: Meter) -> Reading:
    """Return how a source is read, all types inferred, as a run without a mapping file does."""
    declared = DeclaredReading()
    reading = draft_reading(detect_declared(path, declared), declared, path.name, 0)
    if reading.dialect.format == "jsonl":
        return reading
    meter.turn("scan")
    seen = scan_source(path, reading, now_ms=0, progress=NullProgress())
    meter.turn("")
    return settle_reading(reading, seen.types)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--format", choices=FORMATS, nargs="+", default=list(FORMATS))
    parser.add_argument("--batch-size", type=int, default=2_000)
    parser.add_argument("--folder", type=Path, default=CACHE)
    given = parser.parse_args()
    folder = folder_of(given.folder, given.rows)
    make(folder, given.rows, tuple(given.format))
    print(
        f"CPU s per million rows, medians of {given.runs}; {given.rows:,} rows, {given.batch_size:,} a batch"
    )
    print("".join([f"{'':18}", *(f"{each:>9}" for each in given.format)]))
    found: dict[str, list[dict[str, float]]] = {each: [] for each in given.format}
    for _ in range(given.runs):
        for each, runs in found.items():
            runs.append(stages(folder / FILES[each], given.rows, given.batch_size))
    for stage in STAGES:
        cells = [median(run[stage] for run in runs) for runs in found.values()]
        print("".join([f"{stage:18}", *(f"{cell:9.2f}" for cell in cells)]))
    sums = [median(sum(run.values()) - run["gzip"] for run in runs) for runs in found.values()]
    print("".join([f"{'together':18}", *(f"{each:9.2f}" for each in sums)]))


if __name__ == "__main__":
    main()
