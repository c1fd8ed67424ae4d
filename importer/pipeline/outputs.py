"""Which files a run reads and writes. No output may replace a source, or results that must be kept."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from importer.delivery.request_log import check_log_file
from importer.errors import ResultsError, SourceError, UsageError
from importer.model import RunKind
from importer.pipeline.copied_rows import is_as_copied
from importer.pipeline.job import RunOptions, SourceFile
from importer.pipeline.paths import (
    default_results,
    failed_rows_mapping_path,
    free_path,
    is_of_source,
    known_manifest,
    spool_path,
)
from importer.results.lock import Lock
from importer.results.manifest import Manifest
from importer.results.paths import manifest_path
from importer.source.files import open_raw
from importer.text import file_command, shell_word

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_FETCHED_BY = {
    "s3": "aws s3 cp {} -",
    "gs": "gcloud storage cat {}",
    "http": "curl -fsSL {}",
    "https": "curl -fsSL {}",
    "ftp": "curl -fsSL {}",
    "file": "cat {}",
}
"""What writes a file to standard output, by the scheme of its address."""

_NAMES: dict[RunKind, str] = {"real": "run", "dry-run": "dry run", "sandbox": "run into the sandbox"}


def check_source(name: str) -> None:
    """Check that a source is there and can be opened, before anything else is asked for.

    Args:
        name: The source as typed; ``-`` is standard input.

    Raises:
        SourceError: It is no file that can be read.
    """
    if name == "-":
        return
    address = _ADDRESS.match(name)
    if address and not Path(name).exists():
        address_or_path = name.removeprefix("file://") if address[1] == "file" else name
        fetch = _FETCHED_BY.get(address[1].lower(), "fetch {}").format(shell_word(address_or_path))
        raise SourceError(
            f"{name} is an address: sources are files, or standard input",
            f"Fetch it first, or: {fetch} | mixpanel-importer run - --dry-run",
        )
    open_raw(Path(name)).close()


def resolve_outputs(names: Sequence[str], options: RunOptions) -> list[SourceFile]:
    """Return the files of each source: the one to read, and the one for its results.

    Results of a rehearsal may be replaced by a run of the same kind and source; others need an option.

    Args:
        names: The sources as typed.
        options: Of these, where results go and whether they may exist.

    Raises:
        SourceError: A source is no file that can be read.
        UsageError: Two sources would share a results file, or an output would replace a file to be kept.
        ResultsError: Results exist, and there is neither ``--resume`` nor ``--overwrite``.
    """
    for name in names:
        check_source(name)
    sources: list[SourceFile] = []
    owners: dict[Path, str] = {}
    for name in names:
        source = _source_file(name, options, owners, several=len(names) > 1)
        if any(source.path.absolute() == each.path.absolute() for each in sources):
            raise UsageError(f"{name} is named twice", "Name each source once.")
        if source.results in owners:
            raise UsageError(
                f"{owners[source.results]} and {name} would share the results file {source.results}",
                "Run them one by one, each with its own --results.",
            )
        owners[source.results] = source.name
        sources.append(source)
    check_outputs([source.path for source in sources], list(owners), options)
    if options.failed_rows and len(sources) > 1:
        raise UsageError(
            "--failed-rows names one file, but there are several sources",
            "Leave it out, or run them one by one.",
        )
    return [_checked_results(source, options) for source in sources]


def _source_file(name: str, options: RunOptions, taken: Collection[Path], *, several: bool) -> SourceFile:
    if several and options.results is not None and not options.results.is_dir():
        raise UsageError(
            f"--results {options.results}: with several sources, it names a folder that exists",
            f"mkdir {shell_word(str(options.results))}",
        )
    if options.results is not None and not several:
        check_is_file(options.results, default_results(name, options.kind, options.results))
        results = options.results
    else:
        results = default_results(name, options.kind, options.results or Path(), taken)
    return SourceFile(name, spool_path(results) if name == "-" else Path(name), results)


def check_is_file(results: Path, example: Path) -> None:
    """Check that results are a file, if they are there: no folder, and no device.

    Args:
        results: Where results go.
        example: A file to name in their place.

    Raises:
        UsageError: They are not.
    """
    if results.exists() and not results.is_file():
        what = "a folder" if results.is_dir() else "no regular file"
        raise UsageError(
            f"{results} is {what}: the results of a source go to a file",
            f"Name one, for example: --results {shell_word(str(example))}",
        )


def _checked_results(source: SourceFile, options: RunOptions) -> SourceFile:
    """Return a source whose results are free, may be gone on with, or may be replaced.

    Raises:
        UsageError: They are no file.
        ResultsError: They must be kept.
    """
    if not source.results.exists():
        return source
    check_is_file(source.results, free_path(lambda number: source.results.with_stem(f"events-{number}")))
    manifest = known_manifest(source.results)
    if manifest is not None:
        _check_whose(source, manifest, options)
    if options.resume or options.overwrite:
        return source  # what reads the results says what else is wrong with them
    if manifest is not None and manifest.kind == options.kind != "real":
        return replace(source, replaces_rehearsal=True)
    offers = [
        "To begin again:             --overwrite",
        f"To see where it stands:     {file_command('status', source.results)}",
    ]
    if manifest is None or manifest.kind == options.kind:
        offers.insert(0, "To go on where it stopped:  --resume")
    name = _NAMES["real" if manifest is None else manifest.kind]
    raise ResultsError(f"{source.results} is there already, from an earlier {name}", *offers)


def _check_whose(source: SourceFile, manifest: Manifest, options: RunOptions) -> None:
    """Stop where results are of another source, or are those of a real run that a rehearsal would replace."""
    is_given_up = options.overwrite and manifest.kind != "real"
    if not is_given_up and not is_of_source(manifest, source.name):
        raise ResultsError(
            f"{source.results} is there already, with the results of another source: {manifest.source}",
            "Name another file with --results.",
        )
    if manifest.kind == "real" != options.kind and not options.resume:
        raise ResultsError(
            f"{source.results} is there already, from an earlier run: a {_NAMES[options.kind]} replaces none",
            "Name another file with --results.",
        )


def check_outputs(sources: Sequence[Path], results: Sequence[Path], options: RunOptions) -> None:
    """Check that no output replaces a source, results, or a copy of records that was mended by hand.

    Args:
        sources: The files that are read.
        results: Results files that are read or written.
        options: Of these, the copy of failed records and whether the run is resumed.

    Raises:
        UsageError: An output would replace such a file, or can't be written; or the log is no log of ours.
    """
    copies = [] if options.failed_rows is None else [options.failed_rows]
    copies = [*copies, *map(failed_rows_mapping_path, copies)]
    if options.log_file is not None:
        _check_log_file(options.log_file, [*sources, *results, *map(manifest_path, results), *copies])
    for copy in copies:
        if copy.is_dir() or not copy.parent.is_dir():
            raise UsageError(
                f"--failed-rows {copy} can't be written: expected a file in a folder that exists",
                "Make the folder, or name another file.",
            )
    for source in sources:
        if any(_is_same_file(source, output) for output in [*results, *copies]):
            raise UsageError(f"{source} is the source, and an output would replace it", "Name another file.")
    for own in (each for path in results for each in (path, manifest_path(path), Lock(path).path)):
        if any(_is_same_file(own, copy) for copy in copies):
            raise UsageError(f"--failed-rows would replace {own}, of the results", "Name another file.")
    for copy in copies:
        if copy.exists() and not (options.resume and is_as_copied(copies[0])):
            raise UsageError(
                f"{copy} is there already, perhaps with records that were mended",
                "Name another file for --failed-rows.",
            )


def _check_log_file(log_file: Path, others: Sequence[Path]) -> None:
    for path in others:
        if _is_same_file(path, log_file):
            raise UsageError(f"--log-file would be written into {path}", "Name another file.")
    check_log_file(log_file)


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return one.absolute() == other.absolute()
