"""What each format costs: the same rows as JSONL, JSON and Parquet, dry runs and runs, in turn.

    python bench/formats.py --rows 1000000 --runs 3
    python bench/formats.py --only flat.parquet --orders shuffled    beside JSONL, which is always measured

Prints CPU and wall seconds of the whole process and its peak of memory, medians of the runs, and the CPU as a
multiple of that of JSONL in the same round. A run sends 2,000 events a request to a server that counts them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import BENCH, CountingServer, Usage, measure

_PLAIN = "flat.jsonl"
_NAMES = (_PLAIN, "flat.json", "flat.parquet")
_SETS = {"in order": "flat", "shuffled": "flat-shuffled"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=_NAMES[1:], default=_NAMES[1:])
    parser.add_argument("--orders", nargs="+", choices=[each.split()[-1] for each in _SETS])
    parser.add_argument("--make", type=Path, help="only write the files of an order, to this folder")
    options = parser.parse_args()
    orders = [each for each in _SETS if not options.orders or each.split()[-1] in options.orders]
    if options.make:
        make(options.make, options.rows, _SETS[orders[0]])
        return
    print("rows       order     what     file           CPU s  ÷ JSONL  wall s  peak MB")
    for order in orders:
        with tempfile.TemporaryDirectory() as place:
            # In a process of its own: what it takes would count as taken by those that are started here.
            words = [sys.executable, __file__, "--rows", str(options.rows), "--make", place]
            subprocess.run([*words, "--orders", order.split()[-1]], check=True)
            for sends in (False, True):
                compare(Path(place), order, [_PLAIN, *options.only], options, sends=sends)


def compare(folder: Path, order: str, names: list[str], options: argparse.Namespace, *, sends: bool) -> None:
    """Run files in turn, and print what each took."""
    found: dict[str, list[Usage]] = {name: [] for name in names}
    for _ in range(options.runs):
        for name in names:
            found[name].append(measured(folder, name, options.rows, sends=sends))
    for name, runs in found.items():
        cpu, wall, peak = (statistics.median(each) for each in list(zip(*runs, strict=True))[:3])
        pairs = zip(runs, found[_PLAIN], strict=True)
        times = statistics.median(each.cpu / plain.cpu for each, plain in pairs)
        what = "run" if sends else "dry run"
        print(
            f"{options.rows:<9,}  {order:<8}  {what:<7}  {name:<13}  {cpu:5.2f}  {times:7.2f}  {wall:6.2f}"
            f"  {peak:7.0f}",
            flush=True,
        )


def make(folder: Path, rows: int, name: str) -> None:
    """Write the same rows in each format."""
    import data  # noqa: PLC0415 - only the process that writes the files needs these
    import pyarrow.json  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    data.make(folder, rows, [name])
    (folder / f"{name}.jsonl").replace(folder / _PLAIN)
    lines = (folder / _PLAIN).read_bytes()
    (folder / "flat.json").write_bytes(b"[" + lines.rstrip(b"\n").replace(b"\n", b",\n") + b"]\n")
    pyarrow.parquet.write_table(pyarrow.json.read_json(folder / _PLAIN), folder / "flat.parquet")


def measured(folder: Path, name: str, rows: int, *, sends: bool) -> Usage:
    """Return what a dry run or a run took, whose every event arrived."""
    words = [sys.executable, "-m", "importer", "run", name, "--quiet", "--overwrite"]
    env = {**os.environ, "PYTHONPATH": str(BENCH.parent), "MIXPANEL_PROJECT_TOKEN": "bench_token"}
    if sends:
        with CountingServer() as server:
            more = ["--base-url", server.url, "--batch-size", "2000", "--yes"]
            usage = measure([*words, *more], folder, env)
        done = server.counts["events"] == rows
    else:
        usage = measure([*words, "--dry-run"], folder, env)
        done = True
    if usage.exit_code or not done:
        sys.exit(f"{name} failed:\n{(folder / 'output.txt').read_text('utf-8', 'replace')}")
    for each in (*folder.glob("*.dry-run*"), *folder.glob("*.results*"), *folder.glob("*.run.json")):
        each.unlink(missing_ok=True)  # else the next one reads less
    return usage


if __name__ == "__main__":
    main()
