"""The records of a source as its reading shapes them: what everybody looks at who asks what they mean."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter

from importer.events.shape import make_shaper
from importer.profile.mask_salt import salt_of
from importer.reading import Reading
from importer.source.members import SourcePath
from importer.source.reader import Items, Source, open_source


def of_first_records(items: Items, limit: int) -> Items:
    """Return those of consecutive items of a source that are of its first records.

    Args:
        items: The items: several may be of one record.
        limit: How many records.
    """
    if not items or items[-1].row <= limit:
        return items
    return items[: bisect_right(items, limit, key=attrgetter("row"))]


def open_records(
    path: SourcePath, reading: Reading, *, hashed: bool = False, to_break: bool = False
) -> Source:
    """Return a source that is ready to be read, whose records come as the reading shapes them.

    Args:
        path: The source.
        reading: How it is read.
        hashed: True if `Source.fingerprint` will be called.
        to_break: True to look at what stands ahead of a break in the file, which is an error otherwise.

    Raises:
        SourceError: It can't be read, or its header names other columns.
        MappingError: Its records can't be shaped so.
        UsageError: Values are to be masked, and the salt is missing or another.
    """
    shaper = make_shaper(reading, salt_of(reading))
    source = open_source(path, reading.dialect, reading.columns, hashed=hashed, reshape=shaper)
    if to_break:
        source.end_at_break()
    return source
