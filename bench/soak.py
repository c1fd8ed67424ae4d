"""A soak: many rows through a server with faults, watched from outside.

    python bench/soak.py --rows 2000000

Starts the fault server of the tests in a process of its own, imports a generated file into it, and samples
the importer's memory, threads and open files four times a second. Ends with 1 if a row is missing or doubled,
if the results are not rows 1…N in order, or if the peak of memory in the second half of sending is 20% above
that of the first half.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SHARES = "429=0.002,500=0.01,503=0.01,reset_before=0.01,reset_after=0.01,cut=0.005,html=0.005"


class Sample(NamedTuple):
    megabytes: float
    threads: int
    files: int


def write_source(path: Path, rows: int) -> None:
    """Write events with ids of their own, so that what landed can be counted."""
    chance = random.Random(24)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["event", "user_id", "time", "ip", "amount", "zip", "title", "ok"])
        for row in range(1, rows + 1):
            writer.writerow(
                [
                    "Purchase" if row % 3 else "View",
                    f"user_{chance.randrange(100_000)}",
                    1_600_000_000 + row,
                    f"10.0.{row % 256}.{row % 251}",
                    f"{chance.random() * 100:.2f}",
                    f"0{row % 9999:04d}",
                    f"Title “{row}”, with a comma",
                    "true" if row % 2 else "false",
                ]
            )


def sample(pid: int) -> Sample | None:
    """Look at a process through /proc; None once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in values:
        return None
    return Sample(int(values["VmRSS"].split()[0]) / 1024, int(values["Threads"]), files)


def watch(process: subprocess.Popen[str], results: Path) -> list[Sample]:
    """Sample a process from its first result to its end."""
    samples = []
    while process.poll() is None:
        now = sample(process.pid) if results.exists() else None
        if now:
            samples.append(now)
        time.sleep(0.25)
    return samples


def rows_in_order(results: Path, expected: int) -> tuple[bool, int]:
    """Return whether the results are rows 1…N in order, and how many of them succeeded."""
    succeeded = 0
    row = 0
    with results.open(newline="", encoding="utf-8") as file:
        for row, line in enumerate(csv.DictReader(file), 1):
            if int(line["row"]) != row:
                return False, succeeded
            succeeded += line["success"] == "true"
    return row == expected, succeeded


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--batch-size", type=int, default=1_000)
    parser.add_argument("--share", default=SHARES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_source(folder / "events.csv", given.rows)
        server = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "tests/fault_server.py"),
                "--db",
                str(folder / "landed.db"),
                "--share",
                given.share,
            ],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        began = time.monotonic()
        importer = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "importer",
                "run",
                "events.csv",
                "--yes",
                "--base-url",
                url,
                "--batch-size",
                str(given.batch_size),
                "--retry-wait",
                "0.05",
                "--max-retries",
                "20",
            ],
            cwd=folder,
            text=True,
            env={**os.environ, "MIXPANEL_PROJECT_TOKEN": "soak"},
        )
        samples = watch(importer, folder / "events.results.csv")
        seconds = time.monotonic() - began
        ordered, succeeded = rows_in_order(folder / "events.results.csv", given.rows)
        with urllib.request.urlopen(f"{url}/sandbox/counts") as answer:
            counts = json.load(answer)
        with urllib.request.urlopen(f"{url}/faults") as answer:
            faults = json.load(answer)
        server.terminate()
        server.wait(30)
    half = max(1, len(samples) // 2)
    first, last = (max(each.megabytes for each in part) for part in (samples[:half], samples[half:]))
    print(f"{given.rows:,} rows in {seconds:.0f} s, exit {importer.returncode}, {succeeded:,} succeeded")
    print(f"server: {json.dumps(counts)[:300]}")
    print(f"faults dealt: {json.dumps(faults)}")
    print(
        f"memory: at most {first:.0f} MB in the first half of sending, {last:.0f} MB in the second;"
        f" threads at most {max(s.threads for s in samples)},"
        f" open files at most {max(s.files for s in samples)}, at the end {samples[-1].files}"
    )
    good = importer.returncode == 0 and ordered and succeeded == given.rows and last <= first * 1.2
    print("flat and whole" if good else "VIOLATION")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
