"""Which values of lines of JSON can be found without reading all others, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from importer import speedups
from importer.events.columns import path_to
from importer.events.fast_parts import compared_in
from importer.events.field_names import FIELD_CALLED
from importer.events.layout import path_in_record, set_fields
from importer.events.property_names import STAR, fits, is_pattern
from importer.events.templates import columns_in
from importer.model import Record, Rejection
from importer.profile.chunk import ColumnarChunk
from importer.profile.project_zone import PROCESSED
from importer.reading import Field, Reading

_FOUND: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "insert_id", "ip")
_REQUIRED: Final[frozenset[Field]] = frozenset({"event", "time"})
_USER: Final = "distinct_id"
"""The user, where the mapped column has none."""

_NUMBERS: Final[frozenset[Field]] = frozenset({"time", "distinct_id", "insert_id"})
_TEXTS: Final[frozenset[Field]] = frozenset({"event", "ip"})
_LEAST: Final = 8
_MOST_KEYS: Final = 16  # that a `speedups.FieldFinder` takes

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
        around = () if bag is None else path_to(bag, reading.columns)
        if around and inside and around != (*inside,):
            return
        is_beside = not inside and len(around) == 1  # the properties may hold a user, but no mapped field
        inside = {str(around[0])} if is_beside else inside
        if inside == {_BAG}:
            paths[f"{_BAG}.{PROCESSED}"] = _BAG, PROCESSED
        else:
            paths[PROCESSED] = (PROCESSED,)
        keys = _keys(reading, paths, "".join(inside))
        if not 0 < len(keys) <= _MOST_KEYS:
            return
        self.columns = tuple(paths)
        # Where such an object stands beside the fields, it tells what is in it: see `project_zone`. A key
        # that is called like a path is another value.
        objects = {_BAG, *map(str, around[:1]), *([PROCESSED] if is_beside and inside == {_BAG} else [])}
        dotted = {column for column, path in paths.items() if len(path) > 1}
        refused = tuple(key.encode() for key in sorted((objects | dotted) - inside))
        renamed = tuple(sorted(key.encode() for key in _keys_renamed(reading)))
        self._finder = speedups.FieldFinder(keys, "".join(inside).encode(), refused + renamed, renamed)

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


def _keys(
    reading: Reading, paths: dict[str, tuple[str, ...]], inside: str
) -> list[tuple[bytes, bool, bool, int, int]]:
    """Return what `speedups.FieldFinder` must know of the keys at the end of some paths; none if it can't.

    Args:
        reading: How the source is read.
        paths: Those paths, by column.
        inside: The key of the object in which some of them lie, or in which the properties stand; or empty.
    """
    given = {column: field for field, column in reading.fields.items()}
    # What is a number in one field may be refused in another that takes the same column.
    numbers = {column for field in _NUMBERS for column in _columns_of(field, reading)} | {*_compared(reading)}
    numbers -= {column for field in _TEXTS for column in _entries(field, reading)}
    keys = []
    for column, path in paths.items():
        is_number = column in numbers or (column not in given and path[-1] == PROCESSED)
        keys.append((path[-1].encode(), len(path) > 1, given.get(column) in _REQUIRED, int(is_number), -1))
    users = [paths[column] for column in _columns_of(_USER, reading)]
    others = {
        (_USER,),
        *((*path[:-1], _USER) for path in paths.values()),
        *([(inside, _USER)] if inside else []),
    }
    others -= {*users}
    if not others.isdisjoint(paths.values()):  # a value would be of two fields
        return []
    first = [*paths.values()].index(users[0])
    keys += [(_USER.encode(), len(path) > 1, False, 1, first) for path in sorted(others)]
    return keys


def _columns_of(field: Field, reading: Reading) -> list[str]:
    """Return the columns that may give a field, or a part of it, or on which that depends; each once."""
    return list(dict.fromkeys([*_entries(field, reading), *_compared(reading, field)]))


def _entries(field: Field, reading: Reading) -> list[str]:
    if field in reading.fields:
        return [reading.fields[field]]
    entries = reading.alternatives.get(field, ())
    return [column for entry in entries for column in columns_in(entry, reading.columns)]


def _compared(reading: Reading, *fields: Field) -> list[str]:
    """Return the columns that the conditions of some fields compare; those of all, if none is named."""
    texts = [text for field in fields or reading.conditions for text in reading.conditions.get(field, ())]
    return [column for text in texts if text for column in compared_in(text)]


def _paths(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return the path to each column that may give a field; none if that is not all that may give one."""
    if not speedups.COMPILED or reading.dialect.has_cells or reading.trim or reading.null:
        return {}
    given = set_fields(reading).keys()
    if "properties" in reading.alternatives or not given <= {"event"} or not _keep_apart(reading):
        return {}
    if reading.time_offset or not reading.mapped >= {*_REQUIRED, _USER} - given:
        return {}
    wanted = [field for field in _FOUND if field in reading.mapped and field not in given]
    single = [reading.fields[field] for field in wanted if field in reading.fields]
    if len({*single}) < len(single):  # one gives two fields
        return {}
    columns = dict.fromkeys(column for field in wanted for column in _columns_of(field, reading))
    paths = {column: path_in_record(column, reading) for column in columns}
    found = {column: tuple(key for key in path if isinstance(key, str)) for column, path in paths.items()}
    return {} if any(len(found[column]) < len(path) for column, path in paths.items()) else found


def _keep_apart(reading: Reading) -> bool:
    """Return whether no property becomes a field under another name than that it has."""
    new = {*reading.names.values(), *reading.renames.values(), *reading.templates}
    begins = (name.startswith(reading.prefix) for name in FIELD_CALLED if reading.prefix)
    return new.isdisjoint(FIELD_CALLED) and not any(begins)


def _keys_renamed(reading: Reading) -> set[str]:
    """Return the keys that would be called as a field is, by a pattern of new names."""
    return {
        old.replace(STAR, part)
        for old, new in reading.renames.items()
        for name in FIELD_CALLED
        if is_pattern(old) and (part := fits(new, name)) is not None
    }
