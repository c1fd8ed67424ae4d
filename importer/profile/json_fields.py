"""Which values of lines of JSON can be found without reading all others, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from importer import speedups
from importer.events.columns import path_to
from importer.events.layout import set_fields
from importer.model import Record, Rejection
from importer.profile.chunk import ColumnarChunk
from importer.profile.project_zone import PROCESSED
from importer.reading import Field, Reading

_FOUND: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "insert_id", "ip")
_REQUIRED: Final[frozenset[Field]] = frozenset({"event", "time"})
_USER: Final = "distinct_id"
"""The user, where the mapped column has none."""

_NUMBERS: Final[frozenset[Field]] = frozenset({"time", "distinct_id", "insert_id"})
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
        self.columns = tuple(paths)
        # Where such an object stands beside the fields, it tells what is in it: see `project_zone`.
        objects = {_BAG, *([] if bag is None else path_to(bag, reading.columns)[:1])}
        refused = tuple(key.encode() for key in sorted(objects - inside))
        self._finder = speedups.FieldFinder(_keys(reading, paths), "".join(inside).encode(), refused)

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


def _keys(reading: Reading, paths: dict[str, tuple[str, ...]]) -> list[tuple[bytes, bool, bool, int, int]]:
    """Return what `speedups.FieldFinder` must know of the keys at the end of some paths."""
    given = {column: field for field, column in reading.fields.items()}
    keys: list[tuple[bytes, bool, bool, int, int]] = []
    for column, path in paths.items():
        field = given.get(column)
        is_number = field is None or field in _NUMBERS
        keys.append((path[-1].encode(), len(path) > 1, field in _REQUIRED, is_number, -1))
    user = reading.fields["distinct_id"]
    others = {(_USER,), *((*path[:-1], _USER) for path in paths.values())} - {paths[user]}
    keys += [(_USER.encode(), len(path) > 1, False, True, [*paths].index(user)) for path in sorted(others)]
    return keys


def _paths(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return the path to each column that gives a field; none if that is not all that may give one."""
    if not speedups.COMPILED or reading.dialect.has_cells or reading.trim or reading.null:
        return {}
    given = set_fields(reading).keys()
    if reading.templates or reading.alternatives or not given <= {"event"} or _USER in reading.names.values():
        return {}
    if not reading.fields.keys() >= {*_REQUIRED, "distinct_id"} - given:
        return {}
    wanted = [field for field in _FOUND if field in reading.fields]
    columns = [reading.fields[field] for field in wanted if field not in given]
    if len({*columns}) < len(columns):  # one gives two fields
        return {}
    return {column: path_to(column, reading.columns) for column in columns}
