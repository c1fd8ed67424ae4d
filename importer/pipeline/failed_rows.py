"""``--failed-rows``: copies the records that must be mended, and writes a mapping file for the copy."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from importer.events import mapping_file
from importer.model import Status
from importer.pipeline.paths import failed_rows_mapping_path
from importer.reading import Reading
from importer.results.selection import select_records
from importer.source.copy import copy_records


def copy_failed_rows(path: Path, source: Path, results: Path, reading: Reading) -> int:
    """Copy the rejected and invalid records of a run exactly as the source has them.

    Args:
        path: The copy; the mapping file, which fixes the reading, goes beside it.
        source: The source of the run.
        results: The results of the run.
        reading: How the source was read.

    Returns:
        How many records were copied.

    Raises:
        SourceError: The source can't be read.
        OSError: The copy can't be written.
    """
    selection = select_records(results, {Status.REJECTED, Status.INVALID})
    with path.open("wb") as out:
        if hasattr(os, "fchmod"):  # pragma: no branch - Windows has none
            os.fchmod(out.fileno(), 0o600)
        count = copy_records(
            source, reading.dialect, reading.columns, (choice.row for choice in selection), out
        )
    of_copy = replace(reading, dialect=replace(reading.dialect, skip_lines=0))  # such lines are not copied
    failed_rows_mapping_path(path).write_text(mapping_file.render(of_copy), "utf-8")
    return count
