"""How many deaths does an import survive? All of them, or this says which one it did not.

    python bench/kill.py --runs 300 --seed 1

Each run is an import of some hundred records through a server that fails now and then; the importer is killed
with SIGKILL at random moments, its results are cut at random bytes, and it is resumed until it ends
(`tests/kill_driver.py`). Seeds count up from --seed. The exit code is 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import kill_driver


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill imports at random, and see that they survive")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first run")
    parser.add_argument("--rows", type=int, default=600, help="records of each import")
    parser.add_argument("--jobs", type=int, default=2, help="imports at a time")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no further run after that")
    given = parser.parse_args()
    began = time.monotonic()
    total = kill_driver.Tally()

    def one(seed: int) -> kill_driver.Tally:
        if time.monotonic() - began > given.minutes * 60:
            return kill_driver.Tally()
        with tempfile.TemporaryDirectory() as folder:
            try:
                return kill_driver.killed_import(Path(folder), seed, given.rows)
            except Exception as error:  # noqa: BLE001 - one run that breaks off is told with its seed
                return kill_driver.Tally(violations=[f"seed {seed}: {type(error).__name__}: {error}"])

    with ThreadPoolExecutor(given.jobs) as pool:
        for tally in pool.map(one, range(given.seed, given.seed + given.runs)):
            total.add(tally)
            for violation in tally.violations:
                print(violation, file=sys.stderr, flush=True)
    print_figures(total, time.monotonic() - began)
    return int(bool(total.violations))


def print_figures(total: kill_driver.Tally, seconds: float) -> None:
    spoilt = Counter(total.faults)
    well, slow = spoilt.pop("none", 0), spoilt.pop("slow", 0)
    print(f"runs         {total.runs:,} in {seconds:,.0f} s, {total.starts:,} processes")
    print(f"kills        {total.kills.total():,}: {_listed(total.kills)}")
    print(f"truncations  {total.truncations:,} of the results, at a random byte")
    print(f"requests     {total.requests:,}: {well:,} answered, {slow:,} late, {spoilt.total():,} spoilt")
    print(f"spoilt       {_listed(spoilt)}")
    print(f"resent       {total.resent:,} events that had landed before")
    print(f"violations   {len(total.violations):,}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
