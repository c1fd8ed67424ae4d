"""Command lines as they are typed, made of what manifests and options hold."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from importer.cli.options import CommandOptions
from importer.errors import ImporterError, TooManyErrors
from importer.events.field_names import PROPERTY_OF
from importer.mixpanel.hosts import region_of
from importer.pipeline.job import MaxErrors
from importer.pipeline.paths import default_folder, default_results, free_beside, free_path
from importer.reading import Dialect, Reading
from importer.results.manifest import Manifest
from importer.results.paths import failed_rows_mapping_path, retry_path
from importer.results.recorded import RecordedRun
from importer.results.status import NextStep
from importer.settings import BASE_URL
from importer.source.archives import is_read_in_place
from importer.source.members import parse_source_path
from importer.text import PROGRAM, file_word, kind_flags, shell_words


def destination_flags(manifest: Manifest) -> list[str]:
    """Return the flags that send to where a run sent; none if that is the default."""
    flags = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    if manifest.kind == "sandbox":  # each sandbox has a URL of its own
        return flags
    region = region_of(manifest.base_url)
    if region is None or os.environ.get(BASE_URL, "").strip():  # beside which no region may be named
        return [*flags, "--base-url", manifest.base_url]
    return flags if region == "us" else [*flags, "--region", region]


def resume_command(step: NextStep | None, more: Sequence[str] = ()) -> str:
    """Return the command that goes on with the last run of a source."""
    assert step is not None, "something is left to do"
    if step.parent is None or step.run.manifest.mended_rows:
        return _resume_run(step.run, more)
    return _resume_retry(step.parent, step.run, more)


def _resume_run(run: RecordedRun, more: Sequence[str] = ()) -> str:
    manifest = run.manifest
    words = run_words([manifest.source], manifest)
    if run.results != default_results(manifest.source, manifest.kind):
        words += ["--results", str(run.results)]
    words += limit_flags(manifest)
    if manifest.source == "-" and manifest.kind == "real":
        words.append("--yes")  # with standard input there is nobody to ask
    return command_line(words, ["--resume"], more)


def run_words(sources: Sequence[str], manifest: Manifest) -> list[str]:
    """Return ``run`` with its sources, and the flags of its kind and destination."""
    kind = kind_flags(manifest.kind)
    return ["run", *map(file_word, sources), *kind, *destination_flags(manifest)]


_SAID_BY_FLAGS: Final = (
    "fields", "constants", "types", "timezone", "time_format", "null", "tag", "insert_id", "geoip",
    "local_epochs", "source_name",
)  # fmt: skip

_MOST_TYPES: Final = 8
"""Most columns whose types are typed: of more, nobody could read the line."""


def reading_flags(reading: Reading) -> list[str]:
    """Return the options by which another source is read as one was read, if `is_said_by_flags`."""
    named = {
        "--timezone": (reading.timezone,),
        "--time-format": reading.time_format,
        "--null": reading.null,
        "--tag": (reading.tag,),
        "--insert-id": () if reading.insert_id == "content" else (reading.insert_id,),
        "--geoip": () if reading.geoip == "off" else (reading.geoip,),
    }
    flags = [word for flag, values in named.items() for value in values if value for word in (flag, value)]
    if reading.local_epochs:
        flags.append("--local-epochs")
    for field, column in reading.fields.items():
        if column.strip('"') not in (field, PROPERTY_OF.get(field)):
            flags += ["--map", f"{field}={column}"]
    for flag, values in (("--set", reading.constants), ("--type", _property_types(reading))):
        for name, value in values.items():
            flags += [flag, f"{name}={value}"]
    return flags


def is_said_by_flags(reading: Reading) -> bool:
    """Return whether `reading_flags` say all of a reading: else a line of them would send other events."""
    plain = Reading(Dialect(reading.dialect.format), reading.columns, {})
    said = replace(plain, **{name: getattr(reading, name) for name in _SAID_BY_FLAGS})
    constants = reading.constants.values()
    is_found = reading.dialect.header and not (reading.dialect.skip_lines or reading.dialect.comment)
    return (
        replace(said, dialect=reading.dialect) == reading
        and is_found
        and all(isinstance(value, str) for value in constants)
        and len(_property_types(reading)) <= _MOST_TYPES
    )


def _property_types(reading: Reading) -> dict[str, str]:
    """Return the types of the columns that are no fields, which have none of their own."""
    return {name: kind for name, kind in reading.types.items() if name not in reading.fields.values()}


def import_command(name: str, manifest: Manifest) -> str:
    """Return the command that imports a source of a set by itself, to where the set went."""
    path = parse_source_path(name)
    if isinstance(path, Path) or is_read_in_place(path.archive):
        words, usual = run_words([name], manifest), default_results(name, "real")
        words, ending = [*words, *reading_flags(manifest.reading)], usual.suffix
    else:  # its archive is unpacked only as a set
        words = [*run_words([str(path.archive)], manifest), "--include", glob.escape(path.name)]
        words += reading_flags(manifest.reading)
        usual, ending = default_folder(str(path.archive), "real"), ""
    if usual.exists():
        words += ["--results", str(free_beside(usual, ending))]
    return command_line(words)


def limit_flags(manifest: Manifest) -> list[str]:
    """Return the flags that limit a run as it was limited."""
    return [] if manifest.limit is None else ["--limit", str(manifest.limit)]


def _resume_retry(parent: RecordedRun, run: RecordedRun, more: Sequence[str] = ()) -> str:
    elsewhere = run.results if run.results != retry_path(parent.results) else None
    return resumed_retry(parent.results, parent.manifest, run.manifest, elsewhere, more)


def resumed_retry(
    parent: Path, parent_manifest: Manifest, manifest: Manifest, elsewhere: Path | None, more: Sequence[str]
) -> str:
    """Return the command that goes on with a retry.

    Args:
        parent: The results that are retried, of a source or of a set.
        parent_manifest: Their manifest.
        manifest: The manifest of the retry.
        elsewhere: Its results, if they are not where those of a retry usually are.
        more: Flags to add.
    """
    words = ["retry", file_word(str(parent)), *host_flags(manifest)]
    if manifest.endpoint != parent_manifest.endpoint:
        words += ["--endpoint", manifest.endpoint]
    if elsewhere is not None:
        words += ["--results", str(elsewhere)]
    return command_line(words, ["--resume"], more)


def retry_command(run: RecordedRun, *words: Sequence[str]) -> str:
    """Return the command that retries the last run of a source."""
    usual = retry_path(run.results)
    return new_retry(run.results, usual, usual.suffix, run.manifest, *words)


def new_retry(results: Path, usual: Path, ending: str, manifest: Manifest, *words: Sequence[str]) -> str:
    """Return the command that retries results.

    Args:
        results: Those of a source, or of a set.
        usual: Where the results of the retry go, if nothing is there.
        ending: What its name ends in, after which no number may stand; of a folder, nothing.
        manifest: The manifest of the results.
        words: What else is typed.
    """
    elsewhere = []
    if usual.exists():  # of a retry of results that were there before
        elsewhere = ["--results", str(free_beside(usual, ending))]
    typed = {word.partition("=")[0] for part in words for word in part}
    host = [] if "--base-url" in typed else host_flags(manifest)
    return command_line(["retry", file_word(str(results)), *host, *elsewhere], *words)


def host_flags(manifest: Manifest) -> list[str]:
    """Return the flags of a retry that sends where its run sent, whatever host the environment names."""
    named = os.environ.get(BASE_URL, "").strip().rstrip("/")
    goes_there = manifest.kind != "real" or named in ("", manifest.base_url)
    return [] if goes_there else ["--base-url", manifest.base_url]


def copy_path(run: RecordedRun) -> Path:
    """Return a free name for a copy of the records of a run that must be mended."""
    ending = run.manifest.reading.dialect.format
    stem = run.results.stem.replace(".results", "", 1)

    def name(number: int) -> Path:
        again = "" if number == 1 else f"-{number}"
        return run.results.with_name(f"{stem}.failed{again}.{ending}")

    return free_path(name)


def mended_command(copy: Path, manifest: Manifest, options: CommandOptions) -> str:
    """Return the command that imports a copy of failed records, once they are mended."""
    mapping = ["--mapping", str(failed_rows_mapping_path(copy))]
    kind = kind_flags(manifest.kind)
    flags = [*destination_flags(manifest), *credential_flags(options)] if manifest.kind == "real" else []
    return command_line(["run", file_word(str(copy)), *mapping, *kind], flags)


def command_line(*words: Sequence[str]) -> str:
    """Return a command of this program as it is typed."""
    return shell_words([PROGRAM, *(word for part in words for word in part)])


def credential_flags(options: CommandOptions) -> list[str]:
    """Return the flags that choose the credentials: their kind or a path, never a secret."""
    flags = []
    if options.credentials is not None:
        flags += ["--credentials", options.credentials]
    if options.token_file is not None:
        flags += ["--token-file", str(options.token_file)]
    return flags


def is_pipe(name: str) -> bool:
    """Return whether a source can't be typed again: a pipe, as of ``<(…)``."""
    try:
        return name.startswith("/dev/fd/") or Path(name).is_fifo()
    except (OSError, ValueError):
        return False


def repeat_command(
    command: str, *, without: Sequence[str] = (), drop: Sequence[str] = (), add: Sequence[str] = ()
) -> str:
    """Return the command line of this process as another command, with its options.

    Args:
        command: The other command, such as ``run``.
        without: Flags to leave out.
        drop: Options to leave out together with their values.
        add: Arguments to append.
    """
    arguments = iter(sys.argv[2:])
    kept = []
    for argument in arguments:
        if argument in drop:
            next(arguments, None)
        elif argument not in without and argument.partition("=")[0] not in drop:
            # A pipe of the shell is gone by then: what comes out of it comes by standard input.
            kept.append("-" if is_pipe(argument) else argument)
    return shell_words([PROGRAM, command, *kept, *add])


def flags_to_repeat(
    max_errors: MaxErrors | None, error: ImporterError | None, options: CommandOptions
) -> list[str]:
    """Return the flags that a resume or a retry needs again, because the manifest does not keep them.

    Args:
        max_errors: ``--max-errors`` of the run.
        error: What stopped it.
        options: Of these, the credentials.
    """
    flags = []
    # A person whose run was stopped by --max-errors must choose a new one; after any other stop, it stays.
    stopped_otherwise = error is not None and not isinstance(error, TooManyErrors)
    if max_errors is not None and stopped_otherwise:
        flags += ["--max-errors", f"{max_errors.limit:g}{'%' if max_errors.percent else ''}"]
    return flags + credential_flags(options)
