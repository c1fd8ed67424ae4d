"""Where sources lie and where results go; no output may fall on anything that must stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from importer.errors import ResultsError, UsageError
from importer.pipeline.job import RunOptions
from importer.results.paths import results_path


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source as it was named.

    Attributes:
        name: What was typed; ``-`` is standard input.
        path: The file that holds its bytes: its own, or where standard input was spooled.
        results: Where its results go.
    """

    name: str
    path: Path
    results: Path


def resolve_outputs(names: Sequence[str], options: RunOptions) -> list[SourceFile]:
    """Return where each source lies and where its results go.

    Raises:
        UsageError: Two sources would share a results file, or results would fall on a source.
        ResultsError: There are results, and neither ``--resume`` nor ``--overwrite`` was said.
    """
    given = [_placed(name, options, several=len(names) > 1) for name in names]
    seen: dict[Path, str] = {}
    for each in given:
        if each.results in seen:
            raise UsageError(
                f"{seen[each.results]} and {each.name} would share the results file {each.results}",
                "Run them one by one, each with its own --results.",
            )
        seen[each.results] = each.name
    check_outputs([each.path for each in given], list(seen), options)
    if options.failed_rows and len(given) > 1:
        raise UsageError(
            "--failed-rows names one file, but there are several sources",
            "Leave it out, or run them one by one.",
        )
    for each in given:
        if each.results.exists() and not options.resume and not options.overwrite:
            raise ResultsError(
                f"{each.results} is there already, from an earlier run",
                "To go on where it stopped:  --resume\n"
                "To begin again:             --overwrite\n"
                "To see where it stands:     mixpanel-importer status " + str(each.results),
            )
    return given


def _placed(name: str, options: RunOptions, *, several: bool) -> SourceFile:
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


def spool_path(results: Path) -> Path:
    """Return where standard input is kept, beside its results."""
    return results.with_name(f"{results.name}.source")


def frozen_mapping(failed_rows: Path) -> Path:
    """Return where the mapping file goes that reads a copy of failed records."""
    return Path(f"{failed_rows}.toml")


def check_outputs(sources: Sequence[Path], results: Sequence[Path], options: RunOptions) -> None:
    """Stop where an output would replace a source, results, or a copy that was mended by hand."""
    copies = [] if options.failed_rows is None else [options.failed_rows, frozen_mapping(options.failed_rows)]
    for copy in copies:
        if copy.is_dir() or not copy.parent.is_dir():
            raise UsageError(
                f"--failed-rows {copy} can't be written: expected a file in a folder that exists",
                "Make the folder, or name another file.",
            )
    for source in sources:
        if any(_same_file(source, output) for output in [*results, *copies]):
            raise UsageError(f"{source} is the source, and an output would replace it", "Name another.")
    for path in results:
        if any(_same_file(path, copy) for copy in copies):
            raise UsageError(f"--failed-rows would replace the results {path}", "Name another file.")
    for copy in copies:
        if copy.exists() and not options.resume:
            raise UsageError(
                f"{copy} is there already, perhaps with records that were mended",
                "Name another file for --failed-rows.",
            )


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()
