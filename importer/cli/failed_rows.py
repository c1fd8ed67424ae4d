"""``--failed-rows``: a copy of the records that must be mended, and a mapping file that reads the copy."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from importer.cli.console import Console, LabeledLine
from importer.cli.next_step import destination_flags
from importer.cli.options import CommandOptions
from importer.events import mapping_file
from importer.model import Status
from importer.pipeline.paths import failed_rows_mapping_path
from importer.results.manifest import Manifest
from importer.results.selection import select_records
from importer.source.copy import copy_records
from importer.text import counted


def copy_failed_rows(
    path: Path, source: Path, results: Path, manifest: Manifest, options: CommandOptions, console: Console
) -> None:
    """Copy rejected and invalid records of a run as they stand in the source, and write how to import them.

    Args:
        path: The copy; its mapping file goes beside it.
        source: The source of the run.
        results: The results of the run.
        manifest: The manifest of the run.
        options: Of these, the credentials.
        console: Where the command is written that imports the copy.
    """
    reading = manifest.reading
    choices = select_records(results, {Status.REJECTED, Status.INVALID})
    with path.open("wb") as out:
        os.fchmod(out.fileno(), 0o600) if hasattr(os, "fchmod") else None
        count = copy_records(
            source, reading.dialect, reading.columns, (choice.row for choice in choices), out
        )
    mapping = failed_rows_mapping_path(path)
    mapping.write_text(mapping_file.render(reading), "utf-8")
    console.lines([LabeledLine("Failed rows", f"{counted(count, 'record')} to mend: {path}")])
    arguments = ["run", str(path), "--mapping", str(mapping), *destination_flags(manifest, options)]
    console.say(f"Mend them, then: {shlex.join(['mixpanel-importer', *arguments])}")
