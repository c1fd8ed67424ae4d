"""Which files a run reads and writes. No output may replace a source, or results that must be kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from importer.delivery.request_log import check_log_file
from importer.errors import ResultsError, UsageError
from importer.pipeline.job import RunOptions, SourceFile
from importer.pipeline.paths import failed_rows_mapping_path, spool_path
from importer.results.paths import manifest_path, results_path


def resolve_outputs(names: Sequence[str], options: RunOptions) -> list[SourceFile]:
    """Return the files of each source: the one to read, and the one for its results.

    Args:
        names: The sources as typed.
        options: Of these, where results go and whether they may exist.

    Raises:
        UsageError: Two sources would share a results file, or an output would replace a file to be kept.
        ResultsError: Results exist, and there is neither ``--resume`` nor ``--overwrite``.
    """
    sources = [_source_file(name, options, several=len(names) > 1) for name in names]
    owners: dict[Path, str] = {}
    for source in sources:
        if source.results in owners:
            raise UsageError(
                f"{owners[source.results]} and {source.name} would share the results file {source.results}",
                "Run them one by one, each with its own --results.",
            )
        owners[source.results] = source.name
    check_outputs([source.path for source in sources], list(owners), options)
    if options.failed_rows and len(sources) > 1:
        raise UsageError(
            "--failed-rows names one file, but there are several sources",
            "Leave it out, or run them one by one.",
        )
    for source in sources:
        if source.results.exists() and not options.resume and not options.overwrite:
            raise ResultsError(
                f"{source.results} is there already, from an earlier run",
                "To go on where it stopped:  --resume\n"
                "To begin again:             --overwrite\n"
                "To see where it stands:     mixpanel-importer status " + str(source.results),
            )
    return sources


def _source_file(name: str, options: RunOptions, *, several: bool) -> SourceFile:
    source = None if name == "-" else Path(name)
    if several and options.results is not None:
        if not options.results.is_dir():
            raise UsageError(
                f"--results {options.results}: with several sources, it names a folder that exists",
                f"mkdir {options.results}",
            )
        results = results_path(source, options.kind, options.results)
    else:
        results = options.results or results_path(source, options.kind)
    return SourceFile(name, spool_path(results) if source is None else source, results)


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
            raise UsageError(f"{source} is the source, and an output would replace it", "Name another.")
    for path in results:
        if any(_is_same_file(path, copy) for copy in copies):
            raise UsageError(f"--failed-rows would replace the results {path}", "Name another file.")
    for copy in copies:
        if copy.exists() and not options.resume:
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
