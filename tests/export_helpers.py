"""An export of many files, in folders, a zip and a compressed tar, and what must be true of it once imported."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash_helpers import broken_landings, read_results

FOLDER, ZIP, TAR = "export", "export.zip", "export.tar.gz"
HEADER = "event,distinct_id,time,n,code\n"


@dataclass(slots=True)
class Export:
    """Sources below a folder, each with records of its own.

    Attributes:
        folder: Where they lie.
        numbers: Property ``n`` of the records of each source, in order, by the name that manifests give it.
        relative: The path of the results of each source.
    """

    folder: Path
    numbers: dict[str, list[int]] = field(default_factory=dict)
    relative: dict[str, str] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records all sources hold."""
        return sum(map(len, self.numbers.values()))

    def records_of(self, name: str, relative: str, rows: int) -> bytes:
        """Return the bytes of a new source, whose records are unlike those of all others."""
        first = self.records + 1
        self.numbers[name] = list(range(first, first + rows))
        self.relative[name] = relative
        lines = [
            f"Seen,user-{n % 97},2024-05-{n % 28 + 1:02}T{n % 24:02}:{n // 24 % 60:02}:00Z,{n},{n % 7}{n % 5}\n"
            for n in self.numbers[name]
        ]
        return "".join([HEADER, *lines]).encode()


def write_export(folder: Path, files: int, rows: int) -> Export:
    """Write so many files of so many rows: a third in nested folders, a zip, and a compressed tar each."""
    export = Export(folder)
    third = files // 3
    for n in range(third):
        relative = f"{FOLDER}/{n % 3}/{n % 2}/part-{n}.csv"
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export.records_of(relative, relative, rows))
    with zipfile.ZipFile(folder / ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(third):
            name = f"2024/{n % 4}/{n}.csv.gz"
            data = export.records_of(f"{ZIP}::{name}", f"{ZIP}/{name}", rows)
            archive.writestr(name, gzip.compress(data, 1))
    with tarfile.open(folder / TAR, "w:gz") as tar:
        for n in range(third):
            name = f"day-{n}.csv"
            data = export.records_of(f"{TAR}::{name}", f"{TAR}/{name}", rows)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return export


NAMED = (FOLDER, ZIP, TAR)
"""What is typed to import it all."""


def set_manifest(results: Path) -> dict[str, Any]:
    """Return the manifest of a set."""
    return json.loads((results / "set.run.json").read_bytes())


def broken_set(export: Export, results: Path, landed: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a set that was imported whole.

    Args:
        export: Its sources.
        results: The folder of its results.
        landed: The properties of all events on the server.
    """
    ids = {each["$insert_id"]: each["n"] for each in landed}
    for name, numbers in export.numbers.items():
        lines = read_results(results / f"{export.relative[name]}.csv")
        if [int(line["row"]) for line in lines] != list(range(1, len(numbers) + 1)):
            yield f"{name}: {len(lines)} of {len(numbers)} rows, or not in order"
        if {line["status"] for line in lines} != {"imported"}:
            yield f"{name}: not all are imported"
        if [ids.get(line["insert_id"]) for line in lines] != numbers:
            yield f"{name}: what its results name is not what is on the server"
    yield from broken_landings(landed, range(1, export.records + 1))
    manifest = set_manifest(results)
    if not manifest["reconciled"] or manifest["exit_code"] or manifest["unattempted"]:
        yield f"it does not add up: {manifest['reconciled']}, {manifest['exit_code']}"
    if manifest["counts"]["imported"] != export.records or manifest["scope"] != export.records:
        yield f"{manifest['counts']} of {manifest['scope']}"
    if {source["name"] for source in manifest["sources"]} != export.numbers.keys():
        yield "the manifest names other sources"
    own = {f"{relative}.csv{more}" for relative in export.relative.values() for more in ("", ".run.json")}
    there = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    if there != own | {"set.run.json"}:
        yield f"in the folder of the results: {sorted(there ^ own)[:5]}"
    if left := [
        path.name for path in results.parent.iterdir() if path.name.startswith((".mixpanel", "out."))
    ]:
        yield f"left behind: {left}"
