"""Which files a run reads and writes. No output may replace a source, or results that must be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from importer.delivery.request_log import check_log_file
from importer.errors import ResultsError, UsageError
from importer.model import RunKind
from importer.pipeline.copied_rows import is_as_copied
from importer.pipeline.job import RunOptions, SourceFile
from importer.pipeline.paths import default_results, free_path, is_of_source, known_manifest, spool_path
from importer.results.lock import Lock
from importer.results.manifest import Manifest
from importer.results.paths import failed_rows_mapping_path, manifest_path
from importer.source.address import check_no_address
from importer.source.archives import archive_kind
from importer.source.files import open_raw
from importer.source.find import find_sources
from importer.source.members import SourcePath, file_of, parse_source_path
from importer.text import file_command, shell_word

_NAMES: dict[RunKind, str] = {"real": "run", "dry-run": "dry run", "sandbox": "run into the sandbox"}


def holds_several(name: str) -> bool:
    """Return whether a source, as typed, is a folder or an archive."""
    path = parse_source_path(name)
    return isinstance(path, Path) and (path.is_dir() or bool(archive_kind(path)))


def check_source(name: str) -> SourcePath:
    """Return a single source, checked to be there: a file, or a member of an archive.

    Args:
        name: The source as typed.

    Raises:
        SourceError: It can't be read.
        UsageError: It is a folder or an archive, of which one source must be named.
    """
    check_no_address(name)
    path = parse_source_path(name)
    if holds_several(name):
        first = find_sources([name]).sources[0].name
        raise UsageError(f"{name} holds several sources", f"Name one of them: {shell_word(first)}")
    open_raw(path).close()
    return path


def resolve_output(name: str, options: RunOptions) -> SourceFile:
    """Return the files of a source: the one to read, and the one for its results.

    Results of a rehearsal may be replaced by a run of the same kind and source; others need an option.

    Args:
        name: The source as typed; ``-`` is standard input.
        options: Of these, where results go and whether they may exist.

    Raises:
        SourceError: The source is no file that can be read.
        UsageError: An output would replace a file to be kept, or would not have the format asked for.
        ResultsError: Results exist, and there is neither ``--resume`` nor ``--overwrite``.
    """
    path = None if name == "-" else check_source(name)
    results = options.results or default_results(name, options.kind)
    if options.results is not None:
        check_is_file(results, default_results(name, options.kind, results))
    if options.results_format == "jsonl" and results.suffix.lower() != ".jsonl":
        raise UsageError(
            "--results-format is of the files of a set: the results of one source are as their name ends",
            f"Name them, for example: --results {shell_word(str(results.with_suffix('.jsonl')))}",
        )
    source = SourceFile(name, spool_path(results) if path is None else path, results)
    check_outputs([source.path], [results], options)
    return _checked_results(source, options)


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


def check_outputs(sources: Sequence[SourcePath], results: Sequence[Path], options: RunOptions) -> None:
    """Check that no output replaces a source, results, or a copy of records that was mended by hand.

    Args:
        sources: What is read.
        results: Results files that are read or written.
        options: Of these, the copy of failed records and whether the run is resumed.

    Raises:
        UsageError: An output would replace such a file, or can't be written; or the log is no log of ours.
    """
    files = [file_of(source) for source in sources]
    copies = [] if options.failed_rows is None else [options.failed_rows]
    copies = [*copies, *map(failed_rows_mapping_path, copies)]
    if options.log_file is not None:
        _check_log_file(options.log_file, [*files, *results, *map(manifest_path, results), *copies])
    for copy in copies:
        if copy.is_dir() or not copy.parent.is_dir():
            raise UsageError(
                f"--failed-rows {copy} can't be written: expected a file in a folder that exists",
                "Make the folder, or name another file.",
            )
    for file in files:
        if any(_is_same_file(file, output) for output in [*results, *copies]):
            raise UsageError(f"{file} is the source, and an output would replace it", "Name another file.")
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
