"""The quick way from a block of the file's bytes to events: what is compiled gets its rules and words here.

`Maker` knows how JSON, numbers and times are written. What is allowed, what is said, and what a key means is
asked of the modules that always say it; what it isn't sure of, it leaves to `Mapper`, record by record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson
from xxhash import xxh3_128_hexdigest

from importer import exact_json, speedups
from importer.errors import BadValue
from importer.events import insert_id
from importer.events.body import FINER, IP_OFF, NO_USER, ROOM, TAG, tag_member
from importer.events.cells import property_columns
from importer.events.mapping import PROPERTY_OF
from importer.events.objects import ObjectReader, Paths
from importer.events.times import EPOCHS, WITH_OFFSET, WITHOUT_ZONE, TimeReader
from importer.events.types import canonical
from importer.events.values import ValueReader
from importer.mixpanel import limits, rules
from importer.model import ColumnType, Field, Reading

_FIELDS: Final[Sequence[Field]] = ("event", "distinct_id", "time", "ip", "insert_id", "properties")
_OF_FIELDS: Final = frozenset({*PROPERTY_OF.values(), "token", TAG})
_KINDS: Final[Mapping[ColumnType, str]] = {"string": "s", "integer": "i", "number": "n", "boolean": "b"}
_write: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def make_fast_times(times: TimeReader) -> speedups.Times:
    """Return what reads the usual times as this reader does; only where there are speedups."""
    return speedups.Times(
        units=EPOCHS if times.free and not times.local_epochs else (),
        forms=(WITH_OFFSET, WITHOUT_ZONE),
        start_of=partial(_start_of, times),
    )


def make_fast_mapper(
    reading: Reading,
    times: TimeReader,
    fixed: Mapping[Field, Any],
    constants: Mapping[str, Any],
    objects: ObjectReader | None,
) -> speedups.Maker | None:
    """Return what makes the events of records that need no care; None if it is not to be had.

    Args:
        reading: How the source is read.
        times: Reads a time.
        fixed: Fields that ``--set`` gives.
        constants: Properties that ``--set`` gives.
        objects: Reads the object of one record (JSONL).
    """
    if not speedups.COMPILED or not _are_texts(reading, fixed) or not _are_plain(constants):
        return None
    layout = _of_cells(reading, constants) if objects is None else _of_objects(reading, constants, objects)
    if layout is None:
        return None
    tag = tag_member(reading.tag)
    by_row = reading.insert_id == "row"
    return speedups.Maker(
        **layout,
        nulls=reading.null,
        given=(fixed.get("event"), fixed.get("distinct_id")),
        constants=[(name.encode(), _write(canonical(value))) for name, value in constants.items()],
        name_of=_name_of,
        times=make_fast_times(times),
        time_of=partial(_time_of, times),
        number_of=_number_of,
        digest=xxh3_128_hexdigest,
        row_of=partial(insert_id.of_row, reading.source_name) if by_row else None,
        note_of=rules.note_on_names,
        no_user=NO_USER,
        finer=FINER,
        refused=rules.REFUSED_IDS,
        id_characters=limits.INSERT_ID_CHARACTERS,
        id_size=limits.MAX_INSERT_ID_BYTES,
        limits=(
            limits.MAX_STRING_CHARACTERS,
            limits.MAX_NESTED_KEYS,
            limits.MAX_ARRAY_ELEMENTS,
            limits.MAX_NESTING,
            ROOM,
            limits.MAX_EVENT_BYTES,
            limits.MIN_TIME_MS,
        ),
        tails=(IP_OFF + tag if reading.geoip == "off" else tag, tag),
    )


# ── what a reading must be like ──────────────────────────────────────────────────────────────────


def _are_texts(reading: Reading, fixed: Mapping[Field, Any]) -> bool:
    """Return whether the fields of ``--set`` are a name and a user, and nothing else has these."""
    return fixed.keys() <= {"event", "distinct_id"} - reading.fields.keys() and all(
        type(value) is str and value and _can_be_written(value) for value in fixed.values()
    )


def _are_plain(constants: Mapping[str, Any]) -> bool:
    """Return whether there is not a word to say of the properties of ``--set``."""
    return (
        all(map(_is_plain_name, constants))
        and all(map(_can_be_written, constants.values()))
        and rules.check_properties(constants) is None
        and all(map(rules.is_plain, constants.values()))
    )


def _can_be_written(value: Any) -> bool:
    """Return whether a value can be JSON: no half of a surrogate pair, which a shell may give, is in it."""
    try:
        return bool(_write(value))
    except orjson.JSONEncodeError:
        return False


def _is_plain_name(name: str) -> bool:
    """Return whether a property is no field, and JSON writes its name as it is."""
    return name not in _OF_FIELDS and _can_be_written(name) and _write(name) == b'"%b"' % name.encode()


def _of_cells(reading: Reading, constants: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where things are in a CSV record, as `Maker` wants it."""
    columns = property_columns(reading)
    names = {name for _, name, _, _ in columns}
    if not all(map(_is_plain_name, names)) or not names.isdisjoint(constants):
        return None
    taken = names | constants.keys()
    values = ValueReader(reading)
    return {
        "fields": [
            reading.columns.index(reading.fields[field]) if field in reading.fields else -1
            for field in _FIELDS
        ],
        "columns": [
            (at, name.encode(), _KINDS.get(kind, "-"), partial(_cell_of, values, kind))
            for at, name, _, kind in columns
        ],
        "outer": partial(_judge, {}, lambda _: False),
        "inner": partial(_judge, {}, lambda name: name not in taken),
    }


def _of_objects(
    reading: Reading, constants: Mapping[str, Any], objects: ObjectReader
) -> dict[str, Any] | None:
    """Return what keys mean in a line of JSON, as `Maker` wants it."""
    if any(len(path) > 1 for path, _ in (*objects.outer, *objects.inner)):
        return None
    taken = {*reading.types, *reading.names, *constants}
    return {
        "fields": [-1] * len(_FIELDS),
        "columns": [],
        "outer": partial(_judge, _marks(objects.outer), partial(_fits, objects, taken)),
        "inner": partial(_judge, _marks(objects.inner), lambda name: name not in constants),
    }


def _marks(paths: Paths) -> dict[str, int]:
    return {path[0]: sum(speedups.FIELDS[_FIELDS.index(field)] for field in fields) for path, fields in paths}


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


def _judge(fields: Mapping[str, int], fits: Callable[[str], bool], name: str) -> int:
    """Return what a key of an object is."""
    if name in fields:
        return fields[name]
    if name in _OF_FIELDS or not fits(name):
        return speedups.ODD
    return speedups.RESERVED if rules.note_on_names((name,)) else speedups.FITS


def _fits(objects: ObjectReader, taken: Collection[str], name: str) -> bool:
    """Return whether a key beside the mapped ones is a property, without another word."""
    if name in taken:
        return False
    try:
        objects.check_surprise((name,))
    except BadValue:
        return False
    return True


def _name_of(name: str) -> bytes | None:
    plain = rules.check_event_name(name) is None and rules.is_plain(name)
    return orjson.dumps(name) if plain else None


def _start_of(times: TimeReader, head: str, zone: str) -> int | None:
    """Return when an hour starts, or a minute where no zone is written, if its end is read alike."""
    first, last, form = ("00:00", "59:59", WITH_OFFSET) if zone else ("00", "59", WITHOUT_ZONE)
    if not times.free:
        return None
    try:
        times.read(head + last + zone)
        start = times.read(head + first + zone)
    except BadValue:
        return None
    return start if times.form == form else None


def _time_of(times: TimeReader, text: str, is_number: bool) -> int | None:  # noqa: FBT001 - called by position
    value: Any = text
    try:
        if is_number:
            value, note = exact_json.loads(text.encode())
            if note:
                return None
        return times.read(value)
    except ValueError:
        return None


def _number_of(text: bytes) -> bytes | None:
    """Return a number of JSON in canonical form, if nothing of it is lost."""
    try:
        value, note = exact_json.loads(text)
    except exact_json.BadJSON:
        return None
    return None if note else _write(canonical(value))


def _cell_of(values: ValueReader, kind: ColumnType, cell: str) -> bytes | None:
    """Return the value of a cell as JSON, if there is not a word to say of it."""
    convert = values.converters[kind]
    values.notes.clear()
    try:
        value = cell if convert is None else canonical(convert(cell))
        return None if values.notes or not rules.is_plain(value) else _write(value)
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return None
