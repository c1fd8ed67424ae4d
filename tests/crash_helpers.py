"""A place where imports die: real processes against a fault server, and what must be true afterwards."""

from __future__ import annotations

import csv
import gzip
import json
import os
import resource
import signal
import urllib.request
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import fault_server
import waiting
from command_server import command_server

from importer.results.status import HistoryStatus, read_status

PATIENCE = 120.0
wait_until = partial(waiting.wait_until, patience=PATIENCE)
"""Seconds after which something that must happen has not happened."""

NAMES = ("Sign Up", "Page View", "Purchase")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SECRET = "token-of-the-crash-tests"


class Ended(NamedTuple):
    """How a process ended; a signal's number, negative, stands for the code that it left."""

    code: int
    said: str  # standard error
    data: str  # standard output


class Importer:
    """A running importer: a process of its own, whose words go to files so that no pipe can hold it up."""

    def __init__(self, folder: Path, words: Sequence[str], *, file_limit: int | None = None) -> None:
        self._said, self._data = folder / "stderr.txt", folder / "stdout.txt"
        own = ("MIXPANEL_",) if file_limit is None else ("MIXPANEL_", "COVERAGE_")  # coverage is a file, too
        environ = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        environ |= {"HOME": str(folder), "MIXPANEL_PROJECT_TOKEN": SECRET}
        with self._said.open("wb") as said, self._data.open("wb") as data, _standard_input(words) as stdin:
            streams = (stdin.theirs, data.fileno(), said.fileno())
            self.process = command_server().start(words, folder, environ, streams, file_limit=file_limit)
        self.process.stdin = stdin.ours

    @property
    def said(self) -> str:
        """What it wrote to standard error so far."""
        return self._said.read_text()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would, and see that it was alive until then."""
        assert self.running, f"it had ended before it was killed: {self.said}"
        self.process.kill()
        assert self.ended().code == -signal.SIGKILL

    def ended(self) -> Ended:
        """Wait for its end."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        return Ended(code, self._said.read_text(), self._data.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.process.kill()
        self.ended()


class _Input(NamedTuple):
    """Where a command reads from, and where that is written here, if it is."""

    theirs: int
    ours: BinaryIO | None


@contextmanager
def _standard_input(words: Sequence[str]) -> Iterator[_Input]:
    """Make the standard input of a command: a pipe if it reads from there, and nothing otherwise."""
    if "-" not in words:
        with Path(os.devnull).open("rb") as nothing:
            yield _Input(nothing.fileno(), None)
        return
    theirs, ours = os.pipe()
    try:
        yield _Input(theirs, os.fdopen(ours, "wb"))
    finally:
        os.close(theirs)


def limit_files(process: int, size: int) -> None:
    """Let no file of a process grow beyond so many bytes: to it, the disk is full."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, size))


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder to work in and a fault server to send to."""

    folder: Path
    url: str

    # ── the importer ─────────────────────────────────────────────────────────────────────────────

    def words(self, command: str, *arguments: str) -> list[str]:
        """A command that sends to the server, in small batches one by one, and soon tries again.

        It waits for an answer as long as a test waits for anything: an answer that the server holds must not
        be given up only because the machine is busy.
        """
        sent = ["--base-url", self.url, "--yes", "--retry-wait", "0.02", "--concurrency", "1"]
        sent += ["--timeout", str(PATIENCE)]
        return [command, *sent, *(["--batch-size", "10"] if command == "run" else []), *arguments]

    def start(self, command: str, *arguments: str, file_limit: int | None = None) -> Importer:
        return Importer(self.folder, self.words(command, *arguments), file_limit=file_limit)

    def ended(self, command: str, *arguments: str, file_limit: int | None = None) -> Ended:
        with self.start(command, *arguments, file_limit=file_limit) as importer:
            return importer.ended()

    def status(self, results: str = "events.results.csv") -> HistoryStatus:
        """Where the source stands, as ``status`` sees it."""
        return read_status(self.folder / results)

    def next_command(self, ended: Ended) -> list[str]:
        """The words of the command that a run told to type next, without the program's name."""
        (line,) = [line for line in ended.said.splitlines() if line.startswith("Next: ")]
        program, *words = line.removeprefix("Next: ").split()
        assert program == "mixpanel-importer"
        return words

    # ── the server ───────────────────────────────────────────────────────────────────────────────

    def faults(self) -> dict[str, int]:
        return json.loads(self._ask("/faults"))

    def requests(self) -> int:
        """How many requests the server met, whatever became of them."""
        return sum(self.faults().values())

    def mend(self) -> None:
        """End all faults, and let go of the answers that are held."""
        self._ask("/faults/mend")

    def raw_count(self) -> int:
        """Events that the server took, duplicates and all."""
        return json.loads(self._ask("/sandbox/counts"))["raw_count"]

    def landed(self) -> list[dict[str, Any]]:
        """The properties of each event on the server, as Mixpanel would show them."""
        lines = self._ask("/sandbox/events").splitlines()
        return [json.loads(line)["properties"] for line in lines]

    def wait_for_fault(self, fault: str) -> None:
        """Wait until the server has met a fault; of a held answer, until its batch was taken."""
        wait_until(lambda: self.faults().get(fault), f"{fault} at the server")
        if fault == "hold":
            before = self.faults()
            taken = before["hold"] + before.get("none", 0)
            wait_until(lambda: self._taken_requests() >= taken, "the held batch was taken")

    def _taken_requests(self) -> int:
        return json.loads(self._ask("/sandbox/requests"))["statuses"].get("200", 0)

    def _ask(self, path: str) -> bytes:
        with _DIRECT.open(self.url + path, timeout=PATIENCE) as answer:
            return answer.read()

    # ── files ────────────────────────────────────────────────────────────────────────────────────

    def path(self, name: str) -> Path:
        return self.folder / name

    def results(self, name: str = "events.results.csv") -> list[dict[str, Any]]:
        return read_results(self.folder / name)

    def rows(self, name: str = "events.results.csv") -> list[int]:
        return [int(line["row"]) for line in self.results(name)]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[Scene]:
    """Run a fault server beside a folder."""
    with fault_server.running(*arguments) as url:
        yield Scene(folder, url)


def write_source(path: Path, rows: int, invalid: Collection[int] = ()) -> Path:
    """Write so many different records, some of which no event can be made of; ``n`` is their number."""
    records = [
        {
            "event": NAMES[n % 3],
            "distinct_id": f"user-{n % 7}",
            "time": "yesterday" if n in invalid else f"2024-03-01T00:{n // 60 % 60:02}:{n % 60:02}Z",
            "n": n,
            "plan": "pro, yearly" if n % 5 else "",
        }
        for n in range(1, rows + 1)
    ]
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(records), path, row_group_size=7)
        return path
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.Workbook()
        for row in ([*records[0]], *([*record.values()] for record in records)):
            book.active.append(row)
        book.save(path)
        return path
    if path.suffix == ".avro":
        import fastavro

        kinds = {"event": "string", "distinct_id": "string", "time": "string", "n": "long", "plan": "string"}
        fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
        schema = {"type": "record", "name": "Event", "fields": fields}
        with path.open("wb") as file:
            fastavro.writer(file, schema, records, sync_interval=500)
        return path
    if path.suffix == ".json":
        text = json.dumps({"page": 1, "data": {"events": records}}, indent=2)
    elif ".jsonl" in path.name:
        text = "".join(json.dumps(record) + "\n" for record in records)
    else:
        lines = [",".join([*records[0]]), *(_csv_line(record) for record in records)]
        text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def _csv_line(record: dict[str, Any]) -> str:
    return ",".join(f'"{value}"' if "," in str(value) else str(value) for value in record.values())


def read_results(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a results file; one that was cut short is none."""
    if not path.exists():
        return []
    data = path.read_bytes()
    text = data[: data.rfind(b"\n") + 1].decode()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines()))


def success(line: dict[str, Any]) -> bool:
    return line["success"] in (True, "true")


# ── what must be true ────────────────────────────────────────────────────────────────────────────


def broken_promises(results: Path, landed: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with the results of a run that goes on or was killed: nothing may be, ever.

    They are a beginning of the records, in order, and every event that they call imported is on the server.
    """
    lines = read_results(results)
    if [int(line["row"]) for line in lines] != list(range(1, len(lines) + 1)):
        yield f"the rows are not 1 to {len(lines)} in order"
    yield from broken_successes(lines, landed)


def broken_successes(lines: Sequence[dict[str, Any]], landed: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Successes in results that are not on the server, or not as the record that they stand for."""
    by_id = {properties["$insert_id"]: int(properties["n"]) for properties in landed}
    for line in lines:
        if success(line) and by_id.get(line["insert_id"]) != int(line["row"]):
            yield f"row {line['row']} is called {line['status']}, but it is not on the server"


def broken_ends(
    results: Path, landed: Sequence[dict[str, Any]], rows: int, invalid: Collection[int] = ()
) -> Iterator[str]:
    """What is wrong with the results of a run that has ended, and with what is on the server."""
    yield from broken_promises(results, landed)
    lines = read_results(results)
    if len(lines) != rows:
        yield f"{len(lines)} of {rows} records have an outcome"
    refused = [int(line["row"]) for line in lines if line["status"] == "invalid"]
    if refused != sorted(invalid):
        yield f"rows {refused} are called invalid, but {sorted(invalid)} are"
    if any(line["status"] == "failed" for line in lines):
        yield "some records are called failed"


def broken_landings(landed: Sequence[dict[str, Any]], expected: Collection[int]) -> Iterator[str]:
    """Records that are not on the server, or twice, or should not be."""
    found = Counter(properties["n"] for properties in landed)
    if lost := set(expected) - found.keys():
        yield f"lost: {sorted(lost)[:10]}"
    if strange := found.keys() - set(expected):
        yield f"landed, but should not have: {sorted(strange)[:10]}"
    if doubled := [n for n, times in found.items() if times > 1]:
        yield f"doubled: {sorted(doubled)[:10]}"


def assert_whole(scene: Scene, rows: int, results: str = "events.results.csv") -> None:
    """Every record landed exactly once, the results say so in order, and the status adds up."""
    landed = scene.landed()
    assert [*broken_ends(scene.path(results), landed, rows)] == []
    assert [*broken_landings(landed, range(1, rows + 1))] == []
    status = scene.status(results)
    assert (status.reconciles, status.counts.imported, status.unattempted) == (True, rows, 0)
    assert status.next_step is None
    left = {path.name for path in scene.folder.iterdir() if path.suffix in (".lock", ".tmp", ".part")}
    assert left == set()
