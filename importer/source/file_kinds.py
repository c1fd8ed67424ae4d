"""What a file is by its name: data, an archive, or something that the product wrote itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

from importer.reading import FORMAT_NAMES
from importer.source.archive_names import is_archive_name

Kind = Literal["data", "archive", "other"]

DATA_ENDINGS: Final[tuple[str, ...]] = tuple(
    extension
    for name in FORMAT_NAMES
    for extension in import_module(f"importer.source.formats.{name}").FORMAT.extensions
)
"""The endings of files of each format."""

COMPRESSED_ENDINGS: Final = (".gz", ".zst", ".bz2", ".xz")
"""The endings of compressed files."""

KINDS_TEXT: Final = (
    f"{' '.join(DATA_ENDINGS)}, also with {' '.join(COMPRESSED_ENDINGS)}; .zip .tar .tar.gz .tgz"
)
"""The endings of what is read, for people."""

SET_MANIFEST: Final = "set.run.json"
"""The manifest of a folder of results."""

_HEAD: Final = 256
"""Bytes in which a manifest says what it is."""
_MANIFEST_END: Final = ".run.json"
_MAPPING_END: Final = ".toml"
_BESIDE_RESULTS: Final = (".lock", ".source", ".source.part")
_DATA: Final = re.compile(
    rf"(?:{'|'.join(map(re.escape, DATA_ENDINGS))})(?:{'|'.join(map(re.escape, COMPRESSED_ENDINGS))})?\Z",
    re.IGNORECASE,
)


def kind_of(name: str) -> Kind:
    """Return what a file is, by the ending of its name."""
    if _DATA.search(name):
        return "data"
    return "archive" if is_archive_name(name) else "other"


def is_hidden(name: str) -> bool:
    """Return whether people see no file or folder of this name: ``.…``, or what macOS adds to an archive."""
    return name == "__MACOSX" or (name.startswith(".") and name not in (".", ".."))


def is_manifest(path: str) -> bool:
    """Return whether a file is a manifest of ours: other programs have files of such names, too."""
    try:
        with Path(path).open("rb") as file:
            return b'"manifest_version"' in file.read(_HEAD)
    except (OSError, ValueError):
        return True  # whatever it is, it can't be read


def is_own(
    path: str, exists: Callable[[str], bool], manifest: Callable[[str], bool] = lambda _path: True
) -> bool:
    """Return whether a file is results of a run, a manifest, or something else that a run keeps beside them.

    Args:
        path: The file.
        exists: Returns whether there is a file of such a path.
        manifest: Returns whether that is a manifest of ours, by its content.
    """
    if path.endswith(_MAPPING_END) and exists(path.removesuffix(_MAPPING_END)):  # of a copy of failed records
        return True
    if path.endswith((_MANIFEST_END, f"{_MANIFEST_END}.tmp")):
        return manifest(path)
    beside = [path, *(path.removesuffix(end) for end in _BESIDE_RESULTS if path.endswith(end))]
    manifests = [f"{results}{_MANIFEST_END}" for results in beside]
    return any(exists(each) and manifest(each) for each in manifests)


def is_results_folder(folder: str) -> bool:
    """Return whether a folder is that of the results of a set."""
    path = str(Path(folder, SET_MANIFEST))
    return os.path.lexists(path) and is_manifest(path)
