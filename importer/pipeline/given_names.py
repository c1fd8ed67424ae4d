"""Whether what a mapping names is there: a name that the source lacks does nothing, which nobody means."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, Protocol

from importer.errors import MappingError
from importer.events.columns import Openable, Path, exists, path_to
from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import well_known
from importer.events.json_texts import bags_of, make_bag_opener, value_through
from importer.events.mapping import nested_columns
from importer.events.nested import ALL
from importer.events.property_names import fits, is_pattern
from importer.exact_json import BadJSON, loads
from importer.model import Record
from importer.reading import Attention, Dialect, Reading
from importer.text import list_columns, nearest, quoted

_SHAPING: Final = ("explode", "key_value", "flatten", "stringify")
_OF_PROPERTIES: Final = {
    "types": "--type",
    "names": "[names]",
    "deep_columns": "[deep_columns]",
    "renames": "--rename",
    "only": "--only",
    "drop": "--drop",
}
"""What speaks of properties, and how it is called in messages."""

_IGNORE: Final = 'If no record need have it: missing_columns = "ignore" in the mapping file.'


class Beginning(Protocol):
    """What is looked at of a `source.detect.DetectedSource`: its first records."""

    @property
    def dialect(self) -> Dialect:
        """How its bytes become records."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, or the keys of the first records."""

    @property
    def sample(self) -> tuple[Record, ...]:
        """The first records."""

    @property
    def like(self) -> tuple[Record, ...]:
        """These, and what else may show which keys there are."""


def named_strictly(declared: DeclaredReading) -> DeclaredReading | None:
    """Return what is declared of which each name must be there; None if none need be.

    A preset may name what not every export has; what options and mapping files add to it must be there all
    the same.
    """
    if declared.missing_columns != "ignore":
        return declared
    own = None if declared.preset is None else declared.preset.own
    return own if own is not None and own.missing_columns != "ignore" else None


# ── what the records are made into ───────────────────────────────────────────────────────────────


def check_shape(
    before: Beginning,
    after: Beginning,
    reading: Reading,
    paths: Openable,
    strict: DeclaredReading,
) -> None:
    """Check that the columns exist that are named to shape records, or to mask values in them.

    Args:
        before: The source as it was detected.
        after: The same with its records shaped.
        reading: What is done with them.
        paths: Into which columns a path may lead.
        strict: What is declared of which each name must be there.

    Raises:
        MappingError: One does not.
    """
    columns = tuple(dict.fromkeys((*before.columns, *after.columns)))
    known = _Known(before, after, reading, columns)
    for key in _SHAPING:
        said = getattr(strict, key) or ()
        for name in (said,) if isinstance(said, str) else said:
            if name != ALL and not known.has(name):
                raise _no_column(f"{key}: ", name, columns)
    if strict.where:
        from importer.events.row_filter import check_where  # noqa: PLC0415 - as in `events.shape`

        check_where(reading, columns, paths=paths)
    for name in strict.mask if before.sample or before.like else ():
        if not known.has_property(name):
            raise _no_column("[mask] ", name, (*columns, *known.keys))


def check_masks_anew(reading: Reading, mask: Collection[str]) -> None:
    """Check that what is to be masked now is there, as far as the columns of an earlier run tell.

    Raises:
        MappingError: Something is not.
    """
    if bags_of(reading):
        return  # a key within the properties may have the name
    for name in mask:
        fitting = any(fits(name, each) is not None for each in reading.columns) if is_pattern(name) else False
        if name not in reading.shape.mask and not fitting and not exists(name, reading.columns, paths=True):
            raise _no_column("[mask] ", name, reading.columns)


def _no_column(what: str, name: str, columns: Sequence[str]) -> MappingError:
    return MappingError(
        f"{what}there is no column {quoted(name)}{nearest(name, columns)}", _IGNORE, list_columns(columns)
    )


class _Known:
    """What the first records of a source have.

    Attributes:
        keys: The keys within their properties.
    """

    def __init__(self, before: Beginning, after: Beginning, reading: Reading, columns: Sequence[str]) -> None:
        self._sources = (before, after)
        self._columns = columns
        self.keys = tuple(dict.fromkeys((*_keys_of_bags(before, reading), *_keys_of_bags(after, reading))))

    def has(self, name: str) -> bool:
        """Return whether there is a column of that name, or something at a path in one."""
        if name in self._columns:
            return True
        path = path_to(name, self._columns)
        if len(path) == 1 or path[0] not in self._columns:
            return False
        return any(_leads(path, each) for each in self._sources)

    def has_property(self, name: str) -> bool:
        """Return the same for a name that may be a pattern, or a key within the properties."""
        if is_pattern(name):
            return any(fits(name, each) is not None for each in (*self._columns, *self.keys))
        return name in self.keys or self.has(name)


def _leads(path: Path, source: Beginning) -> bool:
    """Return whether a path leads to something in one of the first records of a source."""
    if not source.dialect.has_cells:
        return any(value_through(path, record.values) is not None for record in source.like)
    if path[0] not in source.columns:
        return False
    at = source.columns.index(str(path[0]))
    return any(value_through(path[1:], value) is not None for value in _values_of(source.sample, at))


def _keys_of_bags(found: Beginning, reading: Reading) -> Iterator[str]:
    """Yield the keys within the properties of the first records."""
    opened = make_bag_opener(reading) or (lambda values, _: values)
    for bag in bags_of(reading):
        if not found.dialect.has_cells:
            like = [record._replace(values=opened(record.values, [])) for record in found.like]
            yield from (path.removeprefix(f"{bag}.") for path in nested_columns(like, bag))
        elif bag in found.columns:
            for value in _values_of(found.sample, found.columns.index(bag)):
                if isinstance(value, dict):
                    yield from value


def _values_of(sample: Collection[Record], at: int) -> Iterator[Any]:
    """Yield what the cells of a column hold, where that is JSON."""
    for record in sample:
        cell = cell_at(record, at)
        try:
            yield loads(cell.encode("utf-8", "surrogateescape"))[0]
        except BadJSON:
            continue


def cell_at(record: Record, at: int) -> str:
    """Return a cell of a record; empty if the record is too short."""
    values: Any = record.values
    return str(values[at]) if at < len(values) else ""


# ── what becomes of properties ───────────────────────────────────────────────────────────────────


def check_properties(
    strict: DeclaredReading | None, others: Collection[str], columns: Sequence[str], paths: Openable
) -> None:
    """Check that the columns exist that are named beside those of the fields, where all columns are known.

    Where records are objects, where these are flattened, or where a column holds the properties, a later
    record may have what the first ones lack: see `properties_attention`.

    Args:
        strict: What is declared of which each name must be there; None if none need be.
        others: Names that ``--set`` gives.
        columns: The columns of the source.
        paths: Into which of them a path may lead.

    Raises:
        MappingError: One does not.
    """
    if strict is None:
        return
    offset = strict.time_offset
    if offset and not exists(offset, columns, paths=paths):
        raise _no_property("time_offset", offset, columns)
    for key, option, name in _missing_properties(strict, others, columns):
        if _is_known_whole(key, strict, columns, paths) and not is_pattern(name):
            raise _no_property(option, name, columns)


def _is_known_whole(key: str, declared: DeclaredReading, columns: Sequence[str], paths: Openable) -> bool:
    """Return whether the columns of the source are all that a key of a mapping can speak of."""
    if paths is True or declared.flatten:
        return False
    if key in ("types", "names", "deep_columns"):
        return True
    return not declared.fields.get("properties") and not any(
        well_known(column) == "properties" for column in columns
    )


def _no_property(option: str, name: str, columns: Sequence[str]) -> MappingError:
    said = f"{option} {name}=…" if option == "--type" else f"{option} {name}"
    return MappingError(
        f"{said}: there is no column {quoted(name)}{nearest(name, columns)}", list_columns(columns)
    )


def _missing_properties(
    declared: DeclaredReading, others: Collection[str], columns: Sequence[str], keys: Collection[str] = ()
) -> Iterator[tuple[str, str, str]]:
    """Yield each name and pattern that fits nothing: the key that has it, how that is called, the name."""
    for key, option in _OF_PROPERTIES.items():
        for name in getattr(declared, key):
            if is_pattern(name) and key in ("renames", "only", "drop"):
                if not any(fits(name, each) is not None for each in (*columns, *keys)):
                    yield key, option, name
            elif name not in keys and name not in others and not exists(name, columns, paths=True):
                yield key, option, name


def properties_attention(
    before: Beginning, after: Beginning, reading: Reading, strict: DeclaredReading
) -> Iterator[Attention]:
    """Yield each name and pattern of properties that fits nothing in the first records.

    Args:
        before: The source as it was detected.
        after: The same with its records shaped.
        reading: What is done with them.
        strict: What is declared of which each name must be there.
    """
    columns = tuple(dict.fromkeys((*before.columns, *after.columns)))
    if not any(_missing_properties(strict, strict.constants, columns)):
        return
    if not before.sample and not before.like and bags_of(reading):
        return  # the keys within the properties are not known
    keys = dict.fromkeys((*_keys_of_bags(before, reading), *_keys_of_bags(after, reading)))
    for _, option, name in _missing_properties(strict, strict.constants, columns, keys):
        near = nearest(name, (*columns, *keys))
        yield Attention.of(
            "unknown-names", f"{option} {name}: no record at the beginning has this name{near}"
        )


def mask_attention(before: Beginning, after: Beginning, reading: Reading) -> Iterator[Attention]:
    """Yield each mask that fits nothing in the first records, where that is no error."""
    if not reading.shape.mask or not (before.sample or before.like):
        return
    columns = tuple(dict.fromkeys((*before.columns, *after.columns)))
    known = _Known(before, after, reading, columns)
    for name in reading.shape.mask:
        if not known.has_property(name):
            near = nearest(name, (*columns, *known.keys))
            text = f"[mask] {name}: no record at the beginning has this name, so nothing is masked by it"
            yield Attention.of("unknown-names", text + near)
