"""Whether the rows of results are the same records where a retry reads the source in another way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from importer.errors import ResultsError
from importer.reading import Reading
from importer.results.differences import find_reading_differences
from importer.results.reader import read_failures
from importer.source.members import SourcePath
from importer.source.reader import open_source

_WHICH_RECORDS: Final = ("format", "records", "sheet", "header", "skip_lines")
"""What of a dialect says which records there are."""

_REMEDY: Final = "Leave that out: a retry tells the records of a source apart as the run did."


def check_same_records(before: Reading, made: Reading) -> None:
    """Check that a retry means the records that the run read.

    Raises:
        ResultsError: It means others: those of another sheet or list, or counted from another line.
    """
    named = {name: getattr(made.dialect, name) for name in _WHICH_RECORDS}
    other = replace(before, dialect=replace(before.dialect, **named))
    if differ := find_reading_differences(before, other):
        raise ResultsError(
            f"the rows of the results would be other records ({'; '.join(differ)})",
            _REMEDY,
        )


def check_same_lines(path: SourcePath, results: Path, before: Reading, made: Reading) -> None:
    """Check that the rows without success begin on the lines on which they began, if the dialect is another.

    Args:
        path: The source, which is as it was.
        results: The results of the run.
        before: Its reading.
        made: That of the retry.

    Raises:
        ResultsError: One does not.
        SourceError: The source can't be read so.
    """
    if made.dialect == before.dialect:
        return
    with open_source(path, made.dialect, made.columns) as source:
        row = line = 0
        items = source.items()
        for failed in read_failures(results):
            while row < failed.row:
                item = next(items, None)
                row, line = (failed.row, 0) if item is None else (item.row, item.line)
            if row == failed.row and line != failed.line:
                where = f"begins on line {line:,}" if line else "is not there"
                raise ResultsError(
                    f"row {failed.row:,} began on line {failed.line:,}, and {where} as it is read now:"
                    " the rows of the results would be other records",
                    _REMEDY,
                )
