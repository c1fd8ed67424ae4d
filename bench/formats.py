"""What each format costs: the same rows as JSONL, JSON and Parquet, as dry runs, in turn.

    python bench/formats.py --rows 1000000 --runs 3

Prints CPU and wall seconds of the whole process and its peak of memory, medians of the runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_NAMES = ("flat.jsonl", "flat.json", "flat.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--make", type=Path, help="only write the files, to this folder")
    options = parser.parse_args()
    if options.make:
        make(options.make, options.rows)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        # In a process of its own: what it takes would count as taken by those that are started here.
        words = [sys.executable, __file__, "--rows", str(options.rows), "--make", place]
        subprocess.run(words, check=True)
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in _NAMES}
        for _ in range(options.runs):
            for name in _NAMES:
                found[name].append(measured(folder, name))
        print("file           CPU s  wall s  peak MB")
        for name, runs in found.items():
            cpu, wall, peak = (statistics.median(each) for each in zip(*runs, strict=True))
            print(f"{name:<14} {cpu:5.2f}  {wall:6.2f}  {peak:7.0f}")


def make(folder: Path, rows: int) -> None:
    """Write the same rows in each format."""
    import data  # noqa: PLC0415 - only the process that writes the files needs these
    import pyarrow.json  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    data.make(folder, rows, ["flat"])
    lines = (folder / "flat.jsonl").read_bytes()
    (folder / "flat.json").write_bytes(b"[" + lines.rstrip(b"\n").replace(b"\n", b",\n") + b"]\n")
    pyarrow.parquet.write_table(pyarrow.json.read_json(folder / "flat.jsonl"), folder / "flat.parquet")


def measured(folder: Path, name: str) -> tuple[float, float, float]:
    """Return CPU and wall seconds of a dry run, and its peak of memory in MB."""
    began = time.perf_counter()
    words = [sys.executable, "-m", "importer", "run", name, "--dry-run", "--quiet", "--overwrite"]
    path = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        words, cwd=folder, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"the dry run of {name} failed")
    for each in folder.glob("*.dry-run*"):  # else the next one reads less
        each.unlink()
    return used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
