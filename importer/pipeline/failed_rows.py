"""``--failed-rows``: copies the records that must be mended, and says beside the copy what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from importer.errors import ResultsError, StorageError, UsageError
from importer.events import mapping_text
from importer.model import Fingerprint, Status
from importer.pipeline.copied_items import OtherEvents, items_text, read_items
from importer.pipeline.copied_rows import CopiedRows, copied_rows_text, record_digest
from importer.reading import Dialect, Reading
from importer.results.paths import failed_rows_mapping_path
from importer.results.recorded import Selection
from importer.results.row_ranges import write_ranges
from importer.results.selection import read_choices, select_records
from importer.results.status import HistoryStatus
from importer.results.storage import BINARY, PRIVATE
from importer.source.copy import copy_records
from importer.source.file_kinds import kind_of
from importer.source.fingerprint import is_unchanged, take_fingerprint
from importer.source.members import SourcePath
from importer.source.registry import find_format
from importer.text import counted

if TYPE_CHECKING:
    from importer.results.set_status import SetStatus

_COMPRESSION: Final = re.compile(r"\.(?:gz|zst|bz2|xz)\Z", re.IGNORECASE)


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
    noted = _Noted(selection, reading)
    mapping, part = failed_rows_mapping_path(path), path.with_name(f"{path.name}.part")
    try:
        with _private(part) as out:
            chosen = (choice.row for choice in read_choices(selection))
            count = copy_records(source, reading.dialect, reading.columns, chosen, out, noted.add)
            out.flush()
            os.fsync(out.fileno())
        of_copy = replace(reading, dialect=_dialect_of_copy(reading.dialect))
        has_header = reading.dialect.has_cells and reading.dialect.header
        copied = CopiedRows(
            results,
            write_ranges(noted.rows),
            tuple(noted.digests),
            take_fingerprint(part).digest,
            () if has_header else reading.columns,
            reading.missing_time,
            noted.items,
            tuple(noted.others),
        )
        text = mapping_text.render(of_copy) + copied_rows_text(copied, mapping)
        with _private(mapping) as out:  # no half of it is there for long, should this process die
            out.write(text.encode())
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} can't be written: {error.strerror or error}", "Name another file for --failed-rows."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return count


def _dialect_of_copy(dialect: Dialect) -> Dialect:
    """Return the dialect of a copy of records: lines that are skipped are not copied."""
    copies = find_format(dialect.format).copies
    return Dialect(copies) if copies else replace(dialect, skip_lines=0)


class _Noted:
    """What is noted of the records that are copied.

    Attributes:
        rows: Their numbers.
        digests: A digest of the bytes of each.
        items: As `CopiedRows.items`.
        others: As `CopiedRows.others`.
    """

    def __init__(self, selection: Selection, reading: Reading) -> None:
        self.rows: list[int] = []
        self.digests: list[str] = []
        self.others: list[str] = []
        self.items = ""
        if reading.shape.explode:
            self.items = items_text((choice.row, choice.item) for choice in read_choices(selection))
        self._events = OtherEvents(reading)
        self._chosen = read_items(self.items)

    def add(self, row: int, record: bytes) -> None:
        """Take note of a record, given its bytes."""
        self.rows.append(row)
        self.digests.append(record_digest(record))
        if self.items:
            self.others.append(self._events.digest(record, next(self._chosen)))


def _private(path: Path) -> BinaryIO:
    """Open a file of which only its owner may read and write, empty."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, PRIVATE), "wb")


# ── of a set ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _ToCopy:
    name: str
    path: SourcePath
    results: Path
    reading: Reading
    copy: Path


def check_copies_folder(copies: Path, results: Path, named: tuple[str, ...]) -> None:
    """Check that copies of the records of a set may go to a folder, before anything is sent.

    Args:
        copies: The folder.
        results: That of the results.
        named: The sources as they were named.

    Raises:
        UsageError: They may not.
    """
    if os.path.lexists(copies) and not (copies.is_dir() and not any(copies.iterdir())):
        raise UsageError(
            f"--failed-rows {copies} is there already, perhaps with records that were mended",
            "For a set of sources, name a folder that is empty or not there.",
        )
    if not copies.parent.is_dir():
        raise UsageError(
            f"--failed-rows {copies} can't be made: {copies.parent} is no folder", "Name another folder."
        )
    own = copies.resolve()
    for folder in (results, *(Path(name) for name in named if name != "-")):
        other = folder.resolve()
        if own == other or (folder.is_dir() and own.is_relative_to(other)) or other.is_relative_to(own):
            raise UsageError(
                f"--failed-rows {copies} would lie in {folder}, or hold it", "Name another folder."
            )


def copy_failed_rows_of_set(copies: Path, status: SetStatus, path_of: Callable[[str], SourcePath]) -> int:
    """Copy the rejected and invalid records of all sources of a set exactly as these have them.

    Args:
        copies: The folder of the copies.
        status: Where the set stands.
        path_of: Returns what a source is read from.

    Returns:
        How many records were copied; 0 if none has to be mended, and then no folder is made.

    Raises:
        ResultsError: Sources are not what they were.
        SourceError: A source can't be read.
        StorageError: A copy can't be written.
    """
    to_copy = list(_find(copies, status, path_of))
    changed = [
        each.name
        for each, fingerprint in to_copy
        if not is_unchanged(each.path, fingerprint)
    ]  # fmt: skip
    if changed:
        more = f" and {counted(len(changed) - 1, 'other source')}" if len(changed) > 1 else ""
        raise ResultsError(
            f"{changed[0]}{more} changed since: the records to mend can't be copied",
            "Put back what was there, and type that again.",
        )
    total = 0
    for each, _ in to_copy:
        try:
            each.copy.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{each.copy.parent} can't be made: {error.strerror or error}",
                "Name another folder for --failed-rows.",
            ) from error
        total += copy_failed_rows(each.copy, each.path, each.results, each.reading)
    return total


def _find(
    copies: Path, status: SetStatus, path_of: Callable[[str], SourcePath]
) -> Iterator[tuple[_ToCopy, Fingerprint]]:
    """Yield what is to be copied, each with the source as it was read last."""
    from importer.results.set_status import source_histories  # noqa: PLC0415 - a single file does without

    taken: set[Path] = set()
    for source, history in source_histories(status.runs, status.to_do):
        if not isinstance(history, HistoryStatus) or not (history.counts.invalid or history.counts.rejected):
            continue
        last = history.runs[-1]
        manifest = last.manifest
        path = copies / _copy_name(source.relative, manifest.reading)
        number = 1
        while path in taken:  # `a.csv` and `a.csv.gz`
            number += 1
            plain = copies / _copy_name(source.relative, manifest.reading)
            path = plain.with_stem(f"{plain.stem}-{number}")
        taken.add(path)
        bytes_of = path_of(manifest.source)
        yield _ToCopy(source.name, bytes_of, last.results, manifest.reading, path), manifest.fingerprint


def _copy_name(relative: str, reading: Reading) -> str:
    """Return the path of a copy: that of the source, which is not compressed there."""
    plain = _COMPRESSION.sub("", relative)
    copies = find_format(reading.dialect.format).copies
    return plain if kind_of(plain) == "data" and not copies else f"{plain}.{copies or reading.dialect.format}"
