"""``--failed-rows``: copies the records that must be mended, and says beside the copy what they are."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from importer.errors import StorageError
from importer.events import mapping_file
from importer.model import Status
from importer.pipeline.copied_rows import CopiedRows, copied_rows_text, record_digest
from importer.pipeline.paths import failed_rows_mapping_path
from importer.reading import Reading
from importer.results.row_ranges import write_ranges
from importer.results.selection import read_choices, select_records
from importer.results.storage import BINARY, PRIVATE
from importer.source.copy import copy_records
from importer.source.fingerprint import take_fingerprint
from importer.source.members import SourcePath


def copy_failed_rows(path: Path, source: SourcePath, results: Path, reading: Reading) -> int:
    """Copy the rejected and invalid records of a run exactly as the source has them.

    Args:
        path: The copy; the mapping file goes beside it: it fixes the reading, and names the records.
        source: The source of the run.
        results: The results of the run.
        reading: How the source was read.

    Returns:
        How many records were copied.

    Raises:
        SourceError: The source can't be read.
        StorageError: The copy can't be written.
    """
    selection = select_records(results, {Status.REJECTED, Status.INVALID})
    digests: list[str] = []
    rows: list[int] = []

    def note(row: int, record: bytes) -> None:
        rows.append(row)
        digests.append(record_digest(record))

    mapping, part = failed_rows_mapping_path(path), path.with_name(f"{path.name}.part")
    try:
        with _private(part) as out:
            chosen = (choice.row for choice in read_choices(selection))
            count = copy_records(source, reading.dialect, reading.columns, chosen, out, note)
            out.flush()
            os.fsync(out.fileno())
        of_copy = replace(
            reading, dialect=replace(reading.dialect, skip_lines=0)
        )  # such lines are not copied
        has_header = reading.dialect.has_cells and reading.dialect.header
        copied = CopiedRows(
            results,
            write_ranges(rows),
            tuple(digests),
            take_fingerprint(part).digest,
            () if has_header else reading.columns,
            reading.missing_time,
        )
        with _private(mapping) as out:
            out.write((mapping_file.render(of_copy) + copied_rows_text(copied, mapping)).encode())
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} can't be written: {error.strerror or error}", "Name another file for --failed-rows."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return count


def _private(path: Path) -> BinaryIO:
    """Open a file of which only its owner may read and write, empty."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, PRIVATE), "wb")
