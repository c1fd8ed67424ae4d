"""Where the results of a set of sources go, and whether they may."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from importer.delivery.request_log import check_log_file
from importer.errors import ResultsError, UsageError
from importer.model import RunKind
from importer.pipeline.job import RunOptions
from importer.pipeline.paths import PIPE_COPY, copies_folder, default_folder, known_manifest
from importer.pipeline.sets.job import SetOutput, Use
from importer.results.differences import check_set_overwrite
from importer.results.lock import Lock
from importer.results.manifest import Manifest
from importer.results.paths import find_manifests, manifest_path, named_folder, results_of_manifest
from importer.results.set_manifest import (
    SetManifest,
    SetSource,
    is_set_folder,
    read_set,
    results_of,
    set_path,
)
from importer.results.storage import storage_error, sync_directory
from importer.source.found import Found, LeftOut
from importer.source.members import file_of
from importer.text import file_command, listed, shell_word

_MOST_NAMED: Final = 3

_LONGEST_PATH: Final = 4_000
"""Bytes of the path of a file of results: systems allow 4,096, and temporary files add endings."""


def find_set_output(found: Found, options: RunOptions) -> SetOutput:
    """Return where the results of a set go.

    Raises:
        UsageError: No folder was named and none can be made of what was, or it can't be used.
        ResultsError: It holds results that must be kept.
    """
    folder = options.results
    if folder is None:
        if len(found.named) > 1 or any(mark in found.named[0] for mark in "*?["):
            raise UsageError(
                "several sources have one folder for their results, which must be named",
                f"For example: --results {shell_word(str(_example(found, options.kind)))}",
            )
        folder = default_folder(found.named[0], options.kind)
    folder = named_folder(folder)
    if any(_is_same(Path(name), folder) for name in found.named):
        raise UsageError(
            f"{folder} is a source: its results can't go there", "Name another folder: --results"
        )
    if options.log_file is not None:
        _check_log_file(options.log_file, found)
    return SetOutput(folder, _use_of(folder, options))


def without_too_long(found: Found, folder: Path) -> Found:
    """Return what was found, with the sources left out whose results would have a path that is too long.

    Raises:
        UsageError: None is left.
    """
    room = _LONGEST_PATH - len(os.fsencode(folder.absolute()))
    kept = tuple(each for each in found.sources if len(os.fsencode(each.relative)) <= room)
    if len(kept) == len(found.sources):
        return found
    if not kept:
        raise UsageError("the path of --results is too long", "Name a folder further up: --results")
    names = {each.name for each in kept}
    left_out = (
        LeftOut(
            each.name,
            "has a path that is too long for a file of results",
            "Move it up, or name a folder further up with --results.",
        )
        for each in found.sources
        if each.name not in names
    )
    return replace(found, sources=kept, left_out=(*found.left_out, *left_out))


def _check_log_file(log_file: Path, found: Found) -> None:
    log = os.path.realpath(log_file)
    for source in found.sources:
        if os.path.realpath(file_of(source.path)) == log:
            raise UsageError(f"--log-file would be written into {source.name}", "Name another file.")
    check_log_file(log_file)


def _example(found: Found, kind: RunKind) -> Path:
    parents = {Path(name).parent for name in found.named}
    return default_folder(str(parents.pop().resolve()) if len(parents) == 1 else "export", kind)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _use_of(folder: Path, options: RunOptions) -> Use:
    if not folder.exists():
        if folder.suffix.lower() in (".csv", ".jsonl"):
            raise UsageError(
                f"--results {folder}: a set of sources has a folder of results, not a file",
                f"For example: --results {shell_word(str(folder.with_suffix('.results')))}",
            )
        return "new"
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: the results of a set go to a folder", "Name one: --results")
    if not is_set_folder(folder):
        _check_empty(folder)
        return "new"
    if options.resume:
        return "resume"
    old = read_set(folder)
    if options.kind != "real" == old.kind:
        raise ResultsError(
            f"{folder} is there already, from an earlier run: a rehearsal replaces none",
            "Name another folder with --results.",
        )
    if options.overwrite:
        return "replace"
    if old.kind == options.kind != "real":
        _check_nothing_piped(folder, old)
        return "replace"
    offers = [
        "To begin again:             --overwrite",
        f"To see where it stands:     {file_command('status', folder)}",
    ]
    if old.kind == options.kind:
        offers.insert(0, "To go on where it stopped:  --resume")
    raise ResultsError(f"{folder} is there already, from an earlier run", *offers)


def _check_nothing_piped(folder: Path, old: SetManifest) -> None:
    """Check that a rehearsal that is replaced keeps nothing that could not be read again."""
    copies = copies_folder(folder)
    if (old.ended is None or old.unattempted) and any(copies.glob(f"{PIPE_COPY}*")):
        raise ResultsError(
            f"{folder} is not finished, and {copies} holds what was piped into it",
            "To go on where it stopped:  --resume",
            "To begin again without it:  --overwrite",
        )


def _check_empty(folder: Path) -> None:
    loose = list(_loose_results([folder]))
    if loose:
        paths = [str(path) for path, _ in loose]
        raise ResultsError(
            f"{folder} holds results of single sources: {listed(paths, _MOST_NAMED)}",
            f"See where they stand, for example: {file_command('status', loose[0][0])}",
            "To import all sources as one set, name another folder with --results.",
        )
    manifest = manifest_path(set_path(folder))
    begun = {Lock(set_path(folder)).path.name, f"{manifest.name}.tmp"}  # a run was killed before it sent
    if any(path.name not in begun for path in folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty, and holds no results of a set", "Name another folder with --results."
        )


def check_not_run_alone(found: Found, states: Sequence[SetSource], folder: Path, options: RunOptions) -> None:
    """Stop where a source of a set has results of its own: an older version wrote these for each source.

    Args:
        found: The sources.
        states: What is known of them; those that were read are known by their bytes, too.
        folder: Where the results of the set go. Those of single sources may lie beside it, here, or beside
            their sources.
        options: The options of the run: a rehearsal sends nothing again.

    Raises:
        ResultsError: There are such results, of a real run.
    """
    if options.kind != "real":
        return
    by_row = options.declared.insert_id == "row"
    names = {os.path.realpath(each.path): each.name for each in found.sources if isinstance(each.path, Path)}
    digests = {each.fingerprint.digest: each.name for each in states if each.fingerprint and each.records}
    folders = [Path(), folder.parent, *(file_of(each.path).parent for each in found.sources)]
    alone = [
        (path, name)
        for path, manifest in _loose_results(folders)
        if (name := _name_of(path, manifest, names) or digests.get(manifest.fingerprint.digest))
    ]
    if not alone:
        return
    path, name = alone[0]
    others = [f"{other}: {results}" for results, other in alone[1:_MOST_NAMED]]
    if len(alone) > _MOST_NAMED:
        others.append(f"and {len(alone) - _MOST_NAMED:,} more")
    landed = "What landed is not doubled, as long as it is read in the same way."
    if by_row:
        landed = (
            "But with --insert-id row, records get other ids in a set where names are equal, and may double."
        )
    raise ResultsError(
        f"{name} was imported by itself before: its results are {path}",
        *(["So were:", *others] if others else []),
        f"To see where that stands: {file_command('status', path)}",
        f"To import all as one set, from the beginning: put those results into another folder. {landed}",
    )


def _name_of(results: Path, manifest: Manifest, names: Mapping[str, str]) -> str | None:
    """Return which source of a set results are of, by its path from here or from them; None for another."""
    for folder in (Path(), results.parent):
        name = names.get(os.path.realpath(folder / manifest.source))
        if name is not None:
            return name
    return None


def _loose_results(folders: Iterable[Path]) -> Iterator[tuple[Path, Manifest]]:
    """Yield results of single sources of a real run, with their manifests."""
    for folder in {os.path.realpath(folder): folder for folder in folders}.values():
        for path in find_manifests(folder):
            results = results_of_manifest(path)
            if results == set_path(folder):
                continue
            manifest = known_manifest(results)
            if manifest is not None and manifest.kind == "real" and manifest.source != "-":
                yield results, manifest


# ── room for the results of a new run ────────────────────────────────────────────────────────────


def make_room(folder: Path, manifest: SetManifest) -> None:
    """Make room for the results of a set where there are those of an earlier run.

    Those of a real run are set aside, as a folder ``NAME.old-1``; those of a rehearsal are removed.

    Raises:
        ResultsError: They are in use, or must not be replaced.
        StorageError: They can't be moved or removed.
    """
    with Lock(set_path(folder), folder):
        old = read_set(folder)
        check_set_overwrite(folder, old, manifest)
        aside = _free(folder)
        try:
            folder.rename(aside)
            sync_directory(folder.resolve().parent)
        except OSError as error:
            raise storage_error(folder, error) from error
        # The lock file went along: nothing stands under its name here any more.
        manifest_path(set_path(aside)).with_name("set.lock").unlink(missing_ok=True)
    if old.kind != "real":
        remove_set(aside, old)


def _free(folder: Path) -> Path:
    number = 1
    while os.path.lexists(aside := folder.with_name(f"{folder.name}.old-{number}")):
        number += 1
    return aside


def remove_set(folder: Path, manifest: SetManifest) -> None:
    """Remove the results of a set, and the folders that are empty then. What else is there stays."""
    folders = {folder}
    for source in manifest.sources:
        results = results_of(folder, manifest, source)
        for path in (results, manifest_path(results)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        folders.update(parent for parent in results.parents if parent.is_relative_to(folder))
    with suppress(OSError):
        manifest_path(set_path(folder)).unlink(missing_ok=True)
    for each in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):
            each.rmdir()
