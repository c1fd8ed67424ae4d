"""Imports that are killed again and again. A seed determines one import with all of its faults.

The importer is a process of its own that gets SIGKILL at random moments; sometimes its results lose their end as
well. It is resumed until it ends. After every kill and at the end, no event may be lost or doubled, or called
imported without being on the server. `tests/crash` runs a few of these imports, ``bench/kill.py`` runs many.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crash_helpers import (
    Importer,
    Scene,
    broken_ends,
    broken_landings,
    broken_successes,
    read_results,
    server,
    success,
    wait_until,
)
from crash_helpers import write_source as write

SHARES = {
    "429": 0.01, "500": 0.01, "503": 0.01, "reset_before": 0.005, "html": 0.005, "hang": 0.002,
    "reset_after": 0.02, "cut": 0.015, "unaccounted": 0.015, "slow": 0.5,
}  # fmt: skip
"""About one request in eleven goes wrong, half of them after the batch was taken; half of all are slow."""

MOST_STARTS = 40
OPTIONS = ("--yes", "--retry-wait", "0.05", "--timeout", "2")


@dataclass(slots=True)
class Tally:
    """What happened in some imports.

    Attributes:
        runs: Imports that were brought to their end.
        starts: Processes that were started, retries included.
        kills: Processes that were killed, by what was in the results then.
        truncations: Times that the results lost their end after that.
        faults: Requests to the servers by fault; ``none`` for those without.
        resent: Events that the server received more than once, and had to deduplicate.
        violations: Promises that were broken, each with its seed.
    """

    runs: int = 0
    starts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    truncations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    resent: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Number of requests to the servers."""
        return self.faults.total()

    def add(self, other: Tally) -> None:
        """Add what happened in other imports."""
        self.runs += other.runs
        self.starts += other.starts
        self.kills += other.kills
        self.truncations += other.truncations
        self.faults += other.faults
        self.resent += other.resent
        self.violations += other.violations


def killed_import(folder: Path, seed: int, rows: int = 600) -> Tally:
    """Run one import to its end, with the faults and kills of a seed.

    Args:
        folder: An empty folder.
        seed: Decides the file, the options, the faults, the kills and the truncations.
        rows: Records in the file.

    Returns:
        What happened; its violations are empty if every promise was kept.
    """
    chance = random.Random(seed)
    shares = ",".join(f"{name}={share}" for name, share in SHARES.items())
    refuse = chance.choice(["0", "0", "12"])
    given = ("--seed", str(seed), "--share", shares, "--delay", "0.06", "--refuse-every", refuse)
    with server(folder, *given) as scene:
        return _Import(scene, chance, rows, seed).to_its_end()


class _Import:
    """One import and its retry."""

    def __init__(self, scene: Scene, chance: random.Random, rows: int, seed: int) -> None:
        self._scene, self._chance, self._rows, self._seed = scene, chance, rows, seed
        self._tally = Tally()
        self._invalid = set(chance.sample(range(1, rows + 1), chance.randint(1, 12)))
        self._source = write(
            scene.path(chance.choice(["events.csv", "events.csv", "events.jsonl", "events.csv.gz"])),
            rows,
            self._invalid,
        )
        self._results = scene.path(chance.choice(["out.csv", "out.csv", "out.jsonl"]))

    def to_its_end(self) -> Tally:
        """Run and retry, with kills, and check what must be true."""
        self._tally.runs = 1
        command = ["run", self._source.name, "--results", self._results.name, "--base-url", self._scene.url]
        code = self._survived(command, self._results, range(1, self._rows + 1))
        landed = self._scene.landed()
        rejected = {int(each["row"]) for each in read_results(self._results) if each["status"] == "rejected"}
        self._report(broken_ends(self._results, landed, self._rows, self._invalid))
        self._report(broken_landings(landed, self._valid - rejected))
        self._report(self._broken_status(code))
        if rejected:
            self._retry(rejected)
        raw = self._scene.raw_count()
        self._tally.resent = raw - len(self._scene.landed())
        self._tally.faults = Counter(self._scene.faults())
        return self._tally

    @property
    def _valid(self) -> set[int]:
        return set(range(1, self._rows + 1)) - self._invalid

    def _retry(self, rejected: set[int]) -> None:
        """Retry the records that the server refused, once it refuses none; the retry may be killed too."""
        self._scene.mend()
        results = self._results.with_name(f"{self._results.stem}.retry-1{self._results.suffix}")
        redone = sorted(rejected | self._invalid)
        code = self._survived(["retry", self._results.name], results, redone)
        landed = self._scene.landed()
        lines = read_results(results)
        if [int(line["row"]) for line in lines] != redone:
            self._report(["the retry is not for exactly the records that were left"])
        self._report(broken_successes(lines, landed))
        self._report(broken_landings(landed, self._valid))
        self._report(self._broken_status(code))

    # ── one process after the other ──────────────────────────────────────────────────────────────

    def _survived(self, command: Sequence[str], results: Path, scope: Sequence[int]) -> int:
        """Start a command, kill it, and resume it until it has ended by itself; its exit code."""
        kills = self._chance.randint(1, 4)
        for _ in range(MOST_STARTS):
            # Where there is nothing yet, --resume starts from the beginning.
            words = [*command, *OPTIONS, *self._delivery(), "--resume"]
            self._tally.starts += 1
            with Importer(self._scene.folder, words) as importer:
                if kills > 0:
                    self._wait_for_a_random_moment(importer, results, len(scope))
                killed = kills > 0 and importer.running
                if killed:
                    importer.process.kill()
                code = importer.ended().code
            if killed and code < 0:
                kills -= 1
                self._tally.kills[self._moment(results, len(scope))] += 1
            self._check(results, scope)
            if not killed and code in (0, 1):
                return code
            if not killed and code != 5:  # a server that has given out is no broken promise
                self._report([f"{command[0]} ended with {code}: {importer.said[-300:]}"])
                return code
            self._damage(results)
        self._report([f"{command[0]} did not end in {MOST_STARTS} starts"])
        return -1

    def _delivery(self) -> list[str]:
        """Choose other delivery options for each start; they are no part of the reading."""
        batch = ["--batch-size", str(self._chance.randint(20, 50))]
        concurrency = self._chance.choice([None, 1, 1, 2, 4])
        return batch if concurrency is None else [*batch, "--concurrency", str(concurrency)]

    def _wait_for_a_random_moment(self, importer: Importer, results: Path, scope: int) -> None:
        """Wait for a time since the start, or for so many lines in the results and a little longer."""
        if self._chance.random() < 0.3:
            self._sleep(importer, self._chance.uniform(0, 1.2))
            return
        wanted = self._chance.randint(min(_lines(results), scope), scope)
        wait_until(lambda: not importer.running or _lines(results) >= wanted, "it ends or writes")
        self._sleep(importer, self._chance.uniform(0, 0.03))

    def _sleep(self, importer: Importer, seconds: float) -> None:
        until = time.monotonic() + seconds
        while importer.running and time.monotonic() < until:
            time.sleep(0.002)

    def _moment(self, results: Path, scope: int) -> str:
        lines = len(read_results(results))
        if not lines:
            return "sent" if self._scene.faults() else "before the first request"
        return "between lines" if lines < scope else "after the last line"

    def _damage(self, results: Path) -> None:
        """Now and then, cut the results at a random byte, as a power cut may, and leave a draft behind."""
        if self._chance.random() < 0.25 and results.exists():
            data = results.read_bytes()
            results.write_bytes(data[: self._chance.randint(0, len(data))])
            self._tally.truncations += 1
        if self._chance.random() < 0.2:
            results.with_name(f"{results.name}.run.json.tmp").write_bytes(b'{"manifest_ver')

    # ── what must be true ────────────────────────────────────────────────────────────────────────

    def _check(self, results: Path, scope: Sequence[int]) -> None:
        """Check what holds at any time: results are a prefix of the scope, and every success is on the server."""
        landed = self._scene.landed()
        lines = read_results(results)
        if [int(line["row"]) for line in lines] != list(scope[: len(lines)]):
            self._report(["the results are no beginning of the records, in order"])
        self._report(broken_successes(lines, landed))

    def _broken_status(self, code: int) -> Iterator[str]:
        status = self._scene.status(self._results.name)
        lines = read_results(self._results)
        if not status.reconciles or status.unattempted != 0:
            yield f"the status does not add up: {status}"
        if code != 1:  # some records are invalid, always
            yield f"the exit code is {code}"
        if len(status.runs) == 1 and status.counts.imported != sum(map(success, lines)):
            yield "the status counts otherwise than the results"

    def _report(self, broken: Iterator[str] | list[str]) -> None:
        self._tally.violations += [f"seed {self._seed}: {each}" for each in broken]


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
