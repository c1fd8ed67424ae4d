"""Which values of lines of JSON can be found without reading all others, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from importer import speedups
from importer.events.columns import path_to
from importer.events.layout import set_fields
from importer.model import Record, Rejection
from importer.profile.chunk import ColumnarChunk
from importer.profile.project_zone import PROCESSED
from importer.reading import Field, Reading
from importer.source.reader import open_source

_FOUND: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "insert_id", "ip")
_REQUIRED: Final[frozenset[Field]] = frozenset({"event", "time", "distinct_id"})
_NUMBERS: Final[frozenset[Field]] = frozenset({"time", "distinct_id", "insert_id"})
_LOOKED_AT: Final = 2_000
"""First records that tell of what kind the lines of a source are."""

_ONE_IN: Final = 10
"""One in so many lines may become an object, and still a scan is quick."""

_LEAST: Final = 8

_BAG: Final = "properties"  # in which an export of Mixpanel has all but the name


class LineParts:
    """Splits the blocks of a source of JSONL: most lines need only be looked at for the values of the fields.

    In the others, a field has no value or one of another kind, or it is in doubt what the line holds. These
    become objects.

    Args:
        reading: How the source is read.
        least: Lines that the parts of a block must have on average: shorter ones cost more than they save.

    Attributes:
        columns: The columns, and the paths, whose values are found; none if each line must become an object.
    """

    def __init__(self, reading: Reading, least: int = _LEAST) -> None:
        self.columns: tuple[str, ...] = ()
        self._least = least
        self._reading = reading
        paths = _paths(reading)
        inside = {path[0] for path in paths.values() if len(path) > 1}
        bag = reading.fields.get("properties")
        if not paths or len(inside) > 1 or any(len(path) > 2 for path in paths.values()):  # noqa: PLR2004
            return
        if bag is not None and inside and path_to(bag, reading.columns) != (*inside,):
            return
        if inside == {_BAG}:
            paths[f"{_BAG}.{PROCESSED}"] = _BAG, PROCESSED
        else:
            paths[PROCESSED] = (PROCESSED,)
        fields = {column: field for field, column in reading.fields.items()}
        keys = [
            (
                path[-1].encode(),
                len(path) > 1,
                fields.get(column) in _REQUIRED,
                column not in fields or fields[column] in _NUMBERS,
            )
            for column, path in paths.items()
        ]
        # Where such an object stands beside the fields, it tells what is in it: see `project_zone`.
        refused = () if inside == {_BAG} else (_BAG.encode(),)
        self.columns = tuple(paths)
        self._finder = speedups.FieldFinder(keys, "".join(inside).encode(), refused)

    def chunks(self, items: Sequence[Record | Rejection], source: str) -> Iterator[ColumnarChunk]:
        """Yield the items of a source in chunks.

        Args:
            items: A list, or a `speedups.Block`.
            source: The source as it was named.
        """
        reading = self._reading
        has_cells, trim = reading.dialect.has_cells, reading.trim
        if not self.columns or not isinstance(items, speedups.Block):
            yield ColumnarChunk(items, has_cells=has_cells, source=source, trim=trim)
            return
        for lines, fields in self._finder.parts(items, self._least):
            cells = {} if fields is None else {column: (fields, at) for at, column in enumerate(self.columns)}
            yield ColumnarChunk(lines, has_cells=has_cells, source=source, cells=cells)


def are_mostly_found(path: Path, reading: Reading) -> bool:
    """Return whether the values of fields are found in most of the first lines without reading all others.

    Args:
        path: The source (JSONL).
        reading: How it is read.

    Raises:
        SourceError: It can't be read.
    """
    parts = LineParts(reading)
    if not parts.columns:
        return False
    records = found = 0
    with open_source(path, reading.dialect, reading.columns) as source:
        for items in source.chunks():
            for chunk in parts.chunks(items, ""):
                records += len(chunk.items)
                found += len(chunk.items) if chunk.cells else 0
            if records >= _LOOKED_AT:
                break
    return (records - found) * _ONE_IN <= records


def _paths(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return the path to each column that gives a field; none if that is not all that may give one."""
    if not speedups.COMPILED or reading.dialect.has_cells or reading.trim or reading.null:
        return {}
    given = set_fields(reading).keys()
    if reading.templates or reading.alternatives or not given <= {"event"}:
        return {}
    if not reading.fields.keys() >= _REQUIRED - given:
        return {}
    wanted = [field for field in _FOUND if field in reading.fields]
    columns = [reading.fields[field] for field in wanted if field not in given]
    if len({*columns}) < len(columns):  # one gives two fields
        return {}
    return {column: path_to(column, reading.columns) for column in columns}
