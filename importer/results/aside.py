"""Results that were retried make room for those of a new run: they are set aside with their retries."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from importer.errors import ResultsError
from importer.results.history import later_results
from importer.results.lock import Lock
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path
from importer.results.storage import storage_error, sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def aside_folder(results: Path) -> Path:
    """Return the folder that results go to with their retries: the first free ``events.results.old-1``."""
    number = 1
    while os.path.lexists(folder := results.with_name(f"{results.stem}.old-{number}")):
        number += 1
    return folder


def set_retried_aside(results: Path, check: Callable[[], object]) -> None:
    """Make room for results that replace others: these must not be taken for retries of the new ones.

    Results of a real run go to `aside_folder` together with all of their retries: their manifests name each
    other by relative paths, so there they say what they said. Retries of a rehearsal are removed. Where
    there are no retries, nothing is done.

    Args:
        results: The results that will be replaced, which the caller has locked.
        check: Raises if they must not be replaced; called once no retry can write any more.

    Raises:
        ResultsError: A retry is running, or its results lie in another folder.
        StorageError: A file can't be moved or removed.
    """
    later = later_results(results)
    if not later:
        return
    check_same_folder(results, later)
    is_real = read_manifest(manifest_path(results)).kind == "real"
    with ExitStack() as stack:
        for each in later:
            stack.enter_context(Lock(each))
        check()
        try:
            if is_real:
                _move([results, *later], aside_folder(results))
            else:
                for path in _files(reversed(later)):
                    path.unlink(missing_ok=True)
            sync_directory(results.resolve().parent)
        except OSError as error:
            raise storage_error(results, error) from error


def check_same_folder(results: Path, later: Iterable[Path]) -> None:
    """Check that retries lie beside what they retry, so that all can be moved together.

    Raises:
        ResultsError: One does not.
    """
    for each in later:
        if os.path.realpath(each.parent) != os.path.realpath(results.parent):
            raise ResultsError(
                f"{results} was retried, and the results of that are in another folder: {each}",
                "Name another file with --results.",
            )


def _move(chain: Iterable[Path], folder: Path) -> None:
    """Move results and manifests to a new folder.

    The first manifest goes first: until all have followed, nothing can be resumed or retried from here.
    """
    folder.mkdir(mode=0o700)
    for path in _files(chain):
        with suppress(FileNotFoundError):
            path.replace(folder / path.name)
    sync_directory(folder)


def _files(chain: Iterable[Path]) -> Iterable[Path]:
    for results in chain:
        yield manifest_path(results)
        yield results
