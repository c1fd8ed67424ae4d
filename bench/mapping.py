"""What a mapping costs beside the plain file: the quotient of CPU seconds of the whole process.

    python bench/mapping.py                     all of them, to bench/MAPPING.md; some twenty minutes
    python bench/mapping.py --only fallback ga4    some of them: mappings, and presets
    python bench/mapping.py --presets           the presets, to their part of bench/MAPPING.md

A mapping and its plain file take turns, so that a machine that is slow for a while is slow for both. A run
counts only if every event arrived and every row has its result.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from data import CACHE, files_of, folder_of
from measure import BENCH, CountingServer, measure, records_in
from vendors import VENDORS, Vendor, write_export, write_plain

MOST = 1.5
"""Times the plain file that a mapping may cost."""

ROWS = 200_000
PRESET_ROWS = 60_000
OUTPUT = BENCH / "MAPPING.md"
KINDS = {
    "csv": "CSV", "csv-shuffled": "CSV, shuffled", "flat": "JSONL", "flat-shuffled": "JSONL, shuffled",
    "deep": "JSONL with objects", "deep-shuffled": "JSONL with objects, shuffled",
    "bag": "JSONL with properties", "bag-shuffled": "JSONL with properties, shuffled",
}  # fmt: skip

FIELDS = {"event": "event", "distinct_id": "user_id", "time": "time", "ip": "ip"}
CELL = {"properties": "properties"}


@dataclass(frozen=True, slots=True)
class Case:
    """A mapping that is measured.

    Attributes:
        title: What is special about it.
        kinds: The data for which it is meant: what their names begin with.
        text: The mapping file behind ``[fields]``; ahead of it stands what has no table.
        fields: Those that are other than in the plain mapping.
        top: What stands ahead of all tables.
    """

    title: str
    kinds: tuple[str, ...] = ("csv", "flat")
    text: str = ""
    fields: tuple[tuple[str, object], ...] = ()
    top: str = ""


CASES = {
    "rename": Case("rename", text='[rename]\nplan = "Plan"\nzip = "postcode"\n"c*" = "x_*"\n'),
    "names": Case("names of columns", text='[names]\nzip = "postcode"\nquantity = "n"\nprice = "amount"\n'),
    "only": Case("only", top='only = ["zip", "price", "pl*"]\n'),
    "drop": Case("drop", top='drop = ["zip", "comment", "s*"]\n'),
    "prefix": Case("prefix", top='prefix = "shop_"\n'),
    "fallback": Case("a fallback column", fields=(("distinct_id", ["zip", "user_id"]),)),
    "template": Case("a template of a field", fields=(("event", ["{event}: {zip}", "event"]),)),
    "user": Case("a template of the user", fields=(("distinct_id", ["zip", "$device:{user_id}"]),)),
    "set": Case(
        "a property by a template", text='[set]\nlabel = "{event} ({zip})"\n"$user_id" = "{user_id}"\n'
    ),
    "defaults": Case("a default", fields=(("event", ["zip"]),), text='[defaults]\nevent = "Page view"\n'),
    "null": Case("words for no value", kinds=("flat",), top='null = ["none at all", "NULL"]\n'),
    "prefer": Case("prefer the cell", kinds=("csv", "bag"), top='prefer = "cell"\n'),
    "ip": Case("a field in an object", kinds=("deep",)),
    "ids": Case(
        "fallbacks in objects", kinds=("deep",), fields=(("distinct_id", ["context.traits.id", "user_id"]),)
    ),
    "inside": Case(
        "a field in the properties", kinds=("bag",), fields=(("distinct_id", ["properties.zip", "user_id"]),)
    ),
    "all": Case(
        "all of that at once",
        text='[rename]\nplan = "Plan"\n[set]\nlabel = "{event} ({zip})"\n[defaults]\nip = "192.0.2.1"\n',
        fields=(("distinct_id", ["zip", "$device:{user_id}"]),),
        top='drop = ["comment"]\nprefix = "shop_"\n',
    ),
}  # fmt: skip


def fields_of(kind: str) -> dict[str, object]:
    """Return the fields of the plain mapping of some data."""
    base = kind.removesuffix("-shuffled")
    if base == "csv":
        return {**FIELDS, **CELL}
    if base == "deep":
        return {**FIELDS, "ip": "context.ip"}
    return {**FIELDS, **CELL} if base == "bag" else {**FIELDS}


def mapping_of(case: Case, kind: str) -> str:
    """Return the text of a mapping file."""
    fields = {**fields_of(kind), **dict(case.fields)}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    return f"{case.top}[fields]\n{lines}{case.text}"


def plain_of(kind: str) -> str:
    """Return the mapping of the plain file: of objects, the flat lines of the same events."""
    return mapping_of(Case(""), "flat" if kind.startswith("deep") else kind)


# ── data ─────────────────────────────────────────────────────────────────────────────────────────


def make_data(cache: Path, rows: int) -> dict[str, Path]:
    """Return the file of each kind; those that are not there are made."""
    folder = folder_of(cache, rows)
    names = ["csv", "csv-shuffled", "flat", "flat-shuffled"]
    program = [sys.executable, str(BENCH / "data.py"), str(folder)]
    subprocess.run([*program, "--rows", str(rows), "--only", *names], check=True)
    found = {name: files_of(folder, name)[0] for name in names}
    changes: dict[str, Callable[[dict[str, object]], dict[str, object]]] = {
        "deep": with_context,
        "bag": with_bag,
    }
    for base, change in changes.items():
        for ending in ("", "-shuffled"):
            path = folder / f"mapping-{base}{ending}.jsonl"
            found[f"{base}{ending}"] = path
            if not path.exists():
                part = path.with_suffix(".part")
                with found[f"flat{ending}"].open("rb") as lines, part.open("w", encoding="utf-8") as file:
                    for line in lines:
                        text = json.dumps(change(json.loads(line)), ensure_ascii=False, separators=(",", ":"))
                        file.write(text + "\n")
                part.replace(path)
    return found


def with_context(record: dict[str, object]) -> dict[str, object]:
    """Return a record with its ip and another id in an object."""
    left = {key: value for key, value in record.items() if key not in ("ip", "zip")}
    traits = {"id": record["zip"], "plan": record.get("plan")}
    return {**left, "context": {"ip": record["ip"], "library": "web 2.1", "traits": traits}}


def with_bag(record: dict[str, object]) -> dict[str, object]:
    """Return a record whose properties stand in an object."""
    outer = {key: record[key] for key in ("event", "user_id", "time", "ip")}
    return {**outer, "properties": {key: value for key, value in record.items() if key not in outer}}


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────


def cpu_of(path: Path, mapping: str, rows: int, cache: Path) -> float:
    """Return the CPU seconds of a run; raises `SystemExit` if it did not do all that it should."""
    return run(path, ("--mapping", "mapping.toml"), rows, cache, mapping=mapping)


def run(
    path: Path, options: Sequence[str], rows: int, cache: Path, *, mapping: str = "", keep: Path | None = None
) -> float:
    """Return the CPU seconds of a run; raises `SystemExit` if it did not do all that it should.

    Args:
        path: The source.
        options: Of the command.
        rows: Events that must arrive, and results; 0 for any number.
        cache: Where it runs.
        mapping: What stands in ``mapping.toml``.
        keep: Where the events are written that arrive.
    """
    with tempfile.TemporaryDirectory(dir=cache, prefix="run-") as name:
        folder = Path(name)
        (folder / "mapping.toml").write_text(mapping, "utf-8")
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": name,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(BENCH.parent),
            "MIXPANEL_PROJECT_TOKEN": "bench_token",
        }
        link = folder / path.name
        link.symlink_to(path)
        with CountingServer(keep=keep) as server:
            argv = [
                sys.executable, "-m", "importer", "run", path.name, *options,
                "--base-url", server.url, "--batch-size", "2000", "--yes",
            ]  # fmt: skip
            usage = measure(argv, folder, env)
        said = (folder / "output.txt").read_text("utf-8", "replace")
        written = sum(records_in(found) for found in folder.glob("*.results.csv"))
        if usage.exit_code or (rows and (server.counts["events"] != rows or written < rows)):
            raise SystemExit(f"{path.name}: exit {usage.exit_code}, {written} results\n{mapping}\n{said}")
        return usage.cpu


def table(chosen: list[str], files: dict[str, Path], given: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is known."""
    yield "| mapping | data | ÷ plain |  | CPU s | plain's CPU s |"
    yield "|---|---|--:|:--|--:|--:|"
    plains = {kind: files[kind.replace("deep", "flat")] for kind in files}
    for key in chosen:
        case = CASES[key]
        for kind, title in KINDS.items():
            if not kind.startswith(case.kinds):
                continue
            pairs = [
                tuple(
                    cpu_of(path, text, given.rows, given.folder)
                    for path, text in ((plains[kind], plain_of(kind)), (files[kind], mapping_of(case, kind)))
                )
                for _ in range(given.runs)
            ]
            ratios = sorted(mapped / plain for plain, mapped in pairs)
            cpus = [median(each) for each in zip(*pairs, strict=True)]
            mark = "" if median(ratios) <= MOST else f" (must {MOST})"
            yield (
                f"| {case.title} | {title} | **{median(ratios):.2f}**{mark}"
                f" | ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {cpus[1]:.2f} | {cpus[0]:.2f} |"
            )


# ── presets ──────────────────────────────────────────────────────────────────────────────────────

PLAIN_FIELDS = {**{name: name for name in ("event", "distinct_id", "time", "ip")}, "insert_id": "$insert_id"}


def preset_table(chosen: list[str], given: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table of presets, each as soon as it is known."""
    yield "| preset | data | ÷ plain |  | CPU s | plain's CPU s | events |"
    yield "|---|---|--:|:--|--:|--:|--:|"
    for name in chosen:
        vendor = VENDORS[name]
        for is_shuffled in (False, True):
            yield preset_line(name, vendor, given, is_shuffled=is_shuffled)


def preset_line(name: str, vendor: Vendor, given: argparse.Namespace, *, is_shuffled: bool) -> str:
    """Measure an export by its preset beside the plain file of the events that arrive of it."""
    rows = int(given.preset_rows * vendor.share)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="preset-") as folder:
        export = Path(folder) / f"{name}{vendor.suffix}"
        plain = Path(folder) / f"plain{'.csv' if vendor.has_cells else '.jsonl'}"
        kept = Path(folder) / "bodies.jsonl"
        write_export(export, vendor, rows, is_shuffled=is_shuffled)
        options = ("--preset", name, *vendor.options)
        run(export, options, 0, given.folder, keep=kept)
        columns = write_plain(plain, kept, has_cells=vendor.has_cells)
        fields = {field: column for field, column in PLAIN_FIELDS.items() if column in columns.names}
        mapping = "[fields]\n" + "".join(f"{name} = {json.dumps(text)}\n" for name, text in fields.items())
        pairs = [
            (
                run(plain, ("--mapping", "mapping.toml"), columns.rows, given.folder, mapping=mapping),
                run(export, options, columns.rows, given.folder),
            )
            for _ in range(given.runs)
        ]
    kind = f"{'CSV' if vendor.has_cells else 'JSON' if vendor.key is not None else 'JSONL'}"
    ratios = sorted(mapped / plain for plain, mapped in pairs)
    cpus = [median(each) for each in zip(*pairs, strict=True)]
    mark = "" if median(ratios) <= MOST else f" (must {MOST})"
    return (
        f"| `{name}` | {kind}{', shuffled' * is_shuffled} | **{median(ratios):.2f}**{mark}"
        f" | ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {cpus[1]:.2f} | {cpus[0]:.2f} | {columns.rows:,} |"
    )


# ── what is written ──────────────────────────────────────────────────────────────────────────────


def put_part(text: str, name: str, lines: list[str], how: str) -> str:
    """Return a page with another part between its two marks: what stands around them was written by hand."""
    begin, end = f"<!-- {name}: written by `", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        raise SystemExit(f"{OUTPUT}: has no part {name}")
    return f"{before}{begin}{how}` -->\n\n" + "\n".join(lines) + f"\n\n{end}{after}"


def print_all(lines: Iterator[str]) -> list[str]:
    """Print lines, each as soon as it is known, and return them."""
    found = []
    for line in lines:
        print(line, flush=True)
        found.append(line)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--preset-rows", type=int, default=PRESET_ROWS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*CASES, *VENDORS], metavar="NAME")
    parser.add_argument("--presets", action="store_true", help="without the other mappings")
    parser.add_argument("--folder", type=Path, default=CACHE, help="of data")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(given.folder).free < given.rows * 4_000:
        raise SystemExit(f"{given.folder}: too little room")
    cases = [name for name in given.only or CASES if name in CASES and not given.presets]
    presets = [name for name in given.only or VENDORS if name in VENDORS]
    parts = {}
    if cases:
        files = make_data(given.folder, given.rows)
        parts["mappings"] = print_all(table(cases, files, given)), f"--rows {given.rows}"
    if presets:
        parts["presets"] = print_all(preset_table(presets, given)), f"--preset-rows {given.preset_rows}"
    if given.only:
        return
    for name, (lines, size) in parts.items():
        how = f"python bench/mapping.py {size} --runs {given.runs}"
        OUTPUT.write_text(put_part(OUTPUT.read_text("utf-8"), name, lines, how), "utf-8")


if __name__ == "__main__":
    main()
