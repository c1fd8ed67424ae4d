"""The fast path: the rules of the slow path as a plan for the compiled `BlockMapper`.

`BlockMapper` maps the records of a block from the bytes of the file to the bytes that are sent, without an
object for a record, a cell or an event. It has no rule and no message of its own: this module hands it those
of the modules that `Mapper` uses for single records, the slow path.

A record takes the fast path if it becomes an event, and if the only notes on it are on the event's name,
that it has no user, that its time is finer than milliseconds, that the text of a property is long, or that
Mixpanel reserves the name of a property. So does one that is rejected as it has no event, no time, a time
that can't be read, or properties that are no JSON. All other records are deferred to the slow path, which
words the other rejections and notes: records that break a rule, that have a value which can't be kept
exactly or a key twice, or whose JSON has a form that the compiled code does not know.

A whole source takes the slow path if its reading is one that a plan can't express (`make_block_mapper`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from importer import exact_json, speedups
from importer.errors import BadValue
from importer.events import insert_id
from importer.events.body import (
    FINER_TIME_NOTE,
    IP_OFF,
    MAX_OWN_PROPERTIES,
    NO_USER_NOTE,
    number_note,
    tag_member,
)
from importer.events.canonical import canonical
from importer.events.fast_names import is_encodable, is_plain_name, is_reserved
from importer.events.fast_values import make_value_plans
from importer.events.field_errors import NO_EVENT, NO_TIME, bad_time, no_object
from importer.events.field_notes import ODD_WORDS, notes_on_field, oddities_of_part
from importer.events.format_steps import FIRST_SHORT_YEAR
from importer.events.number_marks import marks_of
from importer.events.property_names import PropertyNames
from importer.events.times import (
    DATE_ONLY,
    EPOCHS,
    WITH_OFFSET,
    WITHOUT_ZONE,
    TimeReader,
    make_time_property,
)
from importer.events.values import ValueReader
from importer.events.zones import MOST_HOURS, UTC_BEHIND_TIMES, local_offsets
from importer.mixpanel import limits, rules
from importer.mixpanel.reserved import REFUSED_IDS
from importer.reading import Field, Reading
from importer.speedups.plan import (
    ConstantPlan,
    EventLimits,
    MappingPlan,
    RecordLayout,
    ValuePlans,
)

_LIMITS: Final = EventLimits(
    string_characters=limits.MAX_STRING_CHARACTERS,
    object_keys=limits.MAX_NESTED_KEYS,
    array_elements=limits.MAX_ARRAY_ELEMENTS,
    nesting=limits.MAX_NESTING,
    properties=MAX_OWN_PROPERTIES,
    event_bytes=limits.MAX_EVENT_BYTES,
    earliest_ms=limits.MIN_TIME_MS,
    refused_ids=REFUSED_IDS,
    insert_id_bytes=limits.MAX_INSERT_ID_BYTES,
    insert_id_characters=limits.INSERT_ID_CHARACTERS,
)
_IDS: Final[tuple[Field, ...]] = ("distinct_id", "insert_id")
_MARK: Final = "\0"  # in place of a number
_encode: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


LayoutMaker = Callable[[Reading, Collection[str], ValuePlans], RecordLayout | None]
"""Is `fast_layout.make_layout`."""


def make_block_mapper(
    reading: Reading,
    make_layout: LayoutMaker,
    times: TimeReader,
    set_fields: Mapping[Field, Any],
    constants: Mapping[str, Any],
) -> speedups.BlockMapper | None:
    """Return the mapper of a source's blocks; None if all of its records take the slow path.

    That is so if nothing is compiled, or ``--set`` gives a field other than the name and the user, or a value
    that gets a note; or if cells or fields are trimmed, or an offset is added to times; or if ``make_layout``
    can't say where fields and properties stand.

    Args:
        reading: How the source is read.
        make_layout: Returns where they stand.
        times: Reads a time.
        set_fields: Fields that ``--set`` gives.
        constants: Properties that ``--set`` gives.
    """
    if not speedups.COMPILED or not _can_map(reading):
        return None
    if not _can_set_fields(reading, set_fields) or not _can_add(constants):
        return None
    layout = make_layout(reading, constants, _value_plans(reading))
    if layout is None:
        return None
    tag = tag_member(reading.tag)
    return speedups.BlockMapper(
        MappingPlan(
            layout=layout,
            limits=_LIMITS,
            null=reading.null,
            event=set_fields.get("event"),
            distinct_id=set_fields.get("distinct_id"),
            defaults={field: text for field, text in reading.defaults.items() if field not in set_fields},
            constants=[ConstantPlan(name.encode(), _encode(canonical(v))) for name, v in constants.items()],
            times=make_fast_times(times),
            no_event=NO_EVENT,
            no_time=NO_TIME if reading.missing_time is None else None,
            read_time=partial(_read_time, times),
            read_number_as_time=partial(_read_number_as_time, times),
            why_no_object=_why_no_object,
            encode_number=_encode_number,
            read_event_name=_read_event_name,
            is_reserved=is_reserved,
            row_suffix=partial(insert_id.of_row, reading.source_name) if reading.insert_id == "row" else None,
            note_on_names=partial(_note_on_names, PropertyNames(reading).is_given),
            note_on_long_texts=_note_on_long_texts,
            odd_texts=speedups.OddTexts(ODD_WORDS),
            has_note=_has_note,
            has_part_note=_has_part_note,
            other_id=_other_id,
            number_notes={field: _around_number(field) for field in _IDS},
            note_no_user=NO_USER_NOTE,
            note_finer_time=FINER_TIME_NOTE,
            tail=IP_OFF + tag if reading.geoip == "off" else tag,
            tail_with_ip=tag,
        )
    )


def make_fast_times(times: TimeReader) -> speedups.Times:
    """Return what reads times in the usual forms as ``times`` does; only if `speedups.COMPILED`."""
    steps = times.first_steps()
    return speedups.Times(
        units=EPOCHS if steps is None else (),
        forms=(WITH_OFFSET, WITHOUT_ZONE, DATE_ONLY) if steps is None else times.formats[:1],
        steps=steps or (),
        first_short_year=FIRST_SHORT_YEAR,
        utc_names=UTC_BEHIND_TIMES,
        most_hours=MOST_HOURS,
        local_offsets=() if times.zone is None else local_offsets(times.zone),
        local_epochs=times.local_epochs,
    )


# ── what a plan can express ──────────────────────────────────────────────────────────────────────


def _can_map(reading: Reading) -> bool:
    """Return whether nothing is added to times, and records stay as they are.

    What `fast_nested` does is done before, as is what ``where`` does.
    """
    is_shaped = bool(replace(reading.shape, where="", flatten={}, key_value={}))
    is_nested = bool(reading.shape.flatten or reading.shape.key_value)
    if is_shaped or (is_nested and reading.dialect.has_cells):
        return False
    return not (reading.trim or reading.time_offset)


def _can_set_fields(reading: Reading, set_fields: Mapping[Field, Any]) -> bool:
    """Return whether ``--set`` gives no fields but name and user, as text, which no column gives."""
    return set_fields.keys() <= {"event", "distinct_id"} - reading.mapped and all(
        type(value) is str
        and value
        and is_encodable(value)
        and (field == "event" or not _has_note(field, value))
        for field, value in set_fields.items()
    )


def _can_add(constants: Mapping[str, Any]) -> bool:
    """Return whether the properties of ``--set`` break no rule and get no note."""
    return (
        all(map(is_plain_name, constants))
        and all(map(is_encodable, constants.values()))
        and rules.check_properties(constants) is None
        and all(map(rules.is_plain, constants.values()))
    )


def _value_plans(reading: Reading) -> ValuePlans:
    return make_value_plans(reading, ValueReader(make_time_property(reading.timezone), marks_of(reading)))


# ── what the compiled code asks ──────────────────────────────────────────────────────────────────


def _read_event_name(name: str) -> tuple[bytes, bytes] | None:
    if rules.check_event_name(name) is not None or not rules.is_plain(name):
        return None
    return orjson.dumps(name), "; ".join(notes_on_field("event", name)).encode()


def _note_on_names(is_meant: Callable[[str], bool], names: str) -> tuple[bytes, bytes] | None:
    found = rules.note_on_names(tuple(name for name in names.split("\0")[:-1] if not is_meant(name)))
    return (found.encode(), b"") if found else None


def _note_on_long_texts(names: str) -> tuple[bytes, bytes]:
    return rules.note_on_long_texts(tuple(names.split("\0")[:-1])).encode(), b""


def _has_note(field: Field, text: str) -> bool:
    return bool(notes_on_field(field, text))


def _has_part_note(field: Field, text: str) -> bool:
    return any(oddity.note for oddity in oddities_of_part(field, text))


def _other_id(own: str) -> tuple[bytes, bytes]:
    sent, note = insert_id.legal(own)
    return sent.encode(), "; ".join([*notes_on_field("insert_id", own), *([note] if note else [])]).encode()


def _around_number(field: Field) -> tuple[str, str]:
    before, _, behind = number_note(field, _MARK).partition(_MARK)
    return before, behind


def _read_time(times: TimeReader, value: Any) -> int | str:
    try:
        return times.read(value)
    except BadValue as error:
        return bad_time(error)


def _read_number_as_time(times: TimeReader, text: str) -> int | str | None:
    try:
        number, note = exact_json.loads(text.encode())
    except exact_json.BadJSON:
        return None
    return None if note else _read_time(times, number)


def _why_no_object(text: str) -> str | None:
    try:
        orjson.loads(text.encode())
    except orjson.JSONDecodeError as error:
        return no_object(exact_json.bad_json(error))
    return None


def _encode_number(text: bytes) -> bytes | None:
    """Return a number of JSON in canonical form; None if it can't be kept exactly."""
    try:
        value, note = exact_json.loads(text)
    except exact_json.BadJSON:
        return None
    return None if note else _encode(canonical(value))
