"""Files that a run makes: its results where it names none, and what lies beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from importer.errors import ResultsError, SourceError
from importer.model import RunKind
from importer.results.manifest import Manifest, read_manifest
from importer.results.paths import RESULTS_NAMES, manifest_path, results_path
from importer.source.file_kinds import DATA_ENDINGS
from importer.source.fingerprint import take_fingerprint

PIPE_COPY: Final = "pipe-"
"""What the name of a copy of a pipe begins with."""


def spool_path(results: Path) -> Path:
    """Return the path of the copy of standard input, beside its results."""
    return results.with_name(f"{results.name}.source")


def copies_folder(folder: Path) -> Path:
    """Return where the copies are of what can be read only once, beside the results of a set."""
    return folder.with_name(f"{folder.name}.source")


def copy_of_pipe(folder: Path, relative: str) -> Path:
    """Return where the copy of a pipe is.

    Args:
        folder: Where the copies are.
        relative: The path of the pipe's results in theirs.
    """
    return folder / f"{PIPE_COPY}{relative.replace('/', '_')}"


def free_path(candidate: Callable[[int], Path]) -> Path:
    """Return the first of ``candidate(1)``, ``candidate(2)``, … that nothing stands at."""
    number = 1
    while os.path.lexists(candidate(number)):
        number += 1
    return candidate(number)


def free_beside(usual: Path, ending: str) -> Path:
    """Return a free name like that of results that are there: ``events.results-2.csv``.

    Args:
        usual: The results.
        ending: What their name ends in, ahead of which the number stands; nothing, if they are a folder.
    """
    stem = usual.name.removesuffix(ending)
    return free_path(lambda number: usual.with_name(f"{stem}-{number + 1}{ending}"))


# ── whose results they are ───────────────────────────────────────────────────────────────────────


def is_of_source(manifest: Manifest, name: str) -> bool:
    """Return whether a run was of this source: of the same path, or of the same bytes.

    Args:
        manifest: Of the run.
        name: The source as it was named; ``-`` is standard input.
    """
    return _is_of_path(manifest, name) or _is_of_bytes(manifest, name)


def _is_of_path(manifest: Manifest, name: str) -> bool:
    if "-" in (manifest.source, name):
        return manifest.source == name
    return os.path.realpath(manifest.source) == os.path.realpath(name)


def _is_of_bytes(manifest: Manifest, name: str) -> bool:
    if "-" in (manifest.source, name):
        return False
    try:
        # The time of change is no proof here: of files unpacked together, many have the same.
        same_size = Path(name).stat().st_size == manifest.fingerprint.size
        return same_size and take_fingerprint(Path(name)).digest == manifest.fingerprint.digest
    except (OSError, ValueError, SourceError):
        return False


def known_manifest(results: Path) -> Manifest | None:
    """Return the manifest beside results; None if there is none, or none that can be read."""
    if not manifest_path(results).exists():
        return None
    try:
        return read_manifest(manifest_path(results))
    except ResultsError:
        return None


def default_results(name: str, kind: RunKind, folder: Path = Path(), taken: Collection[Path] = ()) -> Path:
    """Return where the results of a source are, or go, if no option says so.

    That is the path of the source's results if a manifest names it as the source. Otherwise it is
    ``events.results.csv``, or ``events.jsonl.results.csv`` where the first belongs to another source.

    Args:
        name: The source as it was named; ``-`` is standard input.
        kind: The kind of the run.
        folder: The folder of the results; by default the working directory.
        taken: Paths of the results of other sources.
    """
    source = None if name == "-" else Path(name)
    paths = [
        results_path(source, kind, folder, endings=DATA_ENDINGS, whole_name=whole) for whole in (False, True)
    ]
    owners = {path: known_manifest(path) for path in paths}
    for is_of in (_is_of_path, _is_of_bytes):
        for path, owner in owners.items():
            if path not in taken and owner is not None and is_of(owner, name):
                return path
    usual, whole = paths
    return usual if owners[usual] is None and usual not in taken else whole


def default_folder(named: str, kind: RunKind) -> Path:
    """Return the folder of the results of a set, in the working directory: ``export.zip.results``.

    Args:
        named: What was named: a folder or an archive.
        kind: The kind of the run.
    """
    path = Path(named)
    name = path.name if path.name not in ("", "..") else path.resolve().name
    return Path(f"{name or 'root'}.{RESULTS_NAMES[kind]}")
