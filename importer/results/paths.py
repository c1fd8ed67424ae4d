"""Default paths of results, retries and manifests."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from importer.model import RunKind

RESULTS_NAMES: Final[Mapping[RunKind, str]] = {"real": "results", "dry-run": "dry-run", "sandbox": "sandbox"}
"""What the name of results ends in, by the kind of the run."""
_COMPRESSED = {".gz", ".zst", ".bz2", ".xz"}
_MANIFEST_END = ".run.json"
_RETRY = re.compile(r"\.retry-([1-9][0-9]*)$")


def named_folder(folder: Path) -> Path:
    """Return a folder by a path that ends in its name, which ``.`` and ``..`` do not."""
    return folder if folder.name not in ("", "..") else Path(os.path.abspath(folder))  # noqa: PTH100 - no link is followed


def results_path(
    source: Path | None,
    kind: RunKind,
    directory: Path = Path(),
    *,
    endings: Collection[str],
    whole_name: bool = False,
) -> Path:
    """Return the path of the results of a source: ``in/events.csv.gz`` → ``events.results.csv``.

    Args:
        source: The source; None is standard input.
        kind: ``events.results.csv``, ``events.dry-run.csv`` or ``events.sandbox.csv``.
        directory: The folder of the results; by default the working directory.
        endings: The endings of files of data, in lower case, with the dot; one of them is dropped.
        whole_name: Keep the endings of the source: ``events.csv.gz.results.csv``.
    """
    if source is None:
        name = "stdin"
    else:
        name = source.name if whole_name else _without(_without(source.name, _COMPRESSED), endings)
    return directory / f"{name}.{RESULTS_NAMES[kind]}.csv"


def results_of_manifest(manifest: Path) -> Path:
    """Return the results file that a manifest lies beside: the inverse of `manifest_path`."""
    return manifest.with_name(manifest.name.removesuffix(_MANIFEST_END))


def find_manifests(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the manifests in a folder, sorted; none if it can't be read.

    Args:
        folder: The folder.
        pattern: What the names of their results match, as `Path.glob` takes it.
    """
    try:
        return sorted(folder.glob(f"{pattern}{_MANIFEST_END}"))
    except OSError:
        return []


def retry_path(results: Path) -> Path:
    """Return the path of the results of a retry, beside what it retries.

    ``events.results.csv`` → ``events.results.retry-1.csv`` → ``events.results.retry-2.csv``.
    """
    found = _RETRY.search(results.stem)
    stem = results.stem[: found.start()] if found else results.stem
    number = int(found[1]) + 1 if found else 1
    return results.with_name(f"{stem}.retry-{number}{results.suffix}")


def failed_rows_mapping_path(failed_rows: Path) -> Path:
    """Return the path of the mapping file that reads a copy of failed records, beside that copy."""
    return Path(f"{failed_rows}.toml")


def manifest_path(results: Path) -> Path:
    """Return the path of the manifest of a results file: ``<results>.run.json``."""
    return results.with_name(f"{results.name}{_MANIFEST_END}")


def _without(name: str, suffixes: Collection[str]) -> str:
    """Drop one ending of a name, unless nothing would be left."""
    stem, dot, ending = name.rpartition(".")
    return stem if stem and f"{dot}{ending}".lower() in suffixes else name
