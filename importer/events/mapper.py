"""Records become events.

`Mapper` maps the blocks of a file by the fast path as far as that goes (`fast_mapper`), and all other
records by the slow path, which is in this module: it finds the fields, applies the types, checks Mixpanel's
rules and writes the JSON. An event is encoded once. Its own properties stand in canonical form and order
(`canonical.canonical`, keys by code point), so that the same bytes are sent and hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from importer import exact_json, speedups
from importer.errors import BadValue
from importer.events import insert_id
from importer.events.body import (
    BODY,
    FINER_TIME_NOTE,
    IP_OFF,
    MAX_OWN_PROPERTIES,
    NO_USER_NOTE,
    TAG,
    number_note,
    tag_member,
)
from importer.events.canonical import canonical, clash
from importer.events.cells import CellReader
from importer.events.deep import DeepValues
from importer.events.explode import make_without_element
from importer.events.fast_layout import make_layout
from importer.events.fast_mapper import make_block_mapper
from importer.events.field_errors import NO_EVENT, NO_TIME, bad_time
from importer.events.field_names import PROPERTY_OF
from importer.events.field_notes import notes_on_field
from importer.events.number_marks import marks_of
from importer.events.objects import ObjectReader
from importer.events.property_names import PropertyNames
from importer.events.time_offset import read_offset
from importer.events.times import NS_PER_MS, TimeReader, iso_utc, make_time_property
from importer.events.unmasked import changed_values
from importer.events.values import ValueReader
from importer.mixpanel import limits, rules
from importer.model import Event, Record, Rejection
from importer.reading import Field, Reading
from importer.text import quoted

_NAMED: Final = tuple(PROPERTY_OF.items())

_SETTABLE: Final[tuple[Field, ...]] = ("event", "time", "distinct_id", "ip", "insert_id")
"""The fields that ``--set`` can give, in the order of the notes on them."""


class Mapper:
    """Makes events out of records, by one reading.

    Args:
        reading: How the source is read.
        now: Returns milliseconds since the epoch; called once per chunk.
    """

    def __init__(self, reading: Reading, now: Callable[[], int]) -> None:
        self._reading = reading
        self._now = now
        self._clock = 0
        self._times = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._tag = tag_member(reading.tag)
        self._set_properties = dict(reading.constants)
        self._set_fields: dict[Field, Any] = {
            field: self._set_properties.pop(name)
            for field in _SETTABLE
            for name in (field, PROPERTY_OF.get(field))
            if name in self._set_properties
        }
        self._without_element = make_without_element(reading.shape.explode, reading.columns)
        self._deep_values = DeepValues(reading)
        self._is_meant = PropertyNames(reading).is_given
        self._by_row = reading.insert_id == "row"
        self._values = ValueReader(make_time_property(reading.timezone), marks_of(reading))
        self._read_record: CellReader | ObjectReader
        if reading.dialect.has_cells:
            self._read_record = CellReader(reading, self._values)
        else:
            self._read_record = ObjectReader(reading, self._values)
        self._block_mapper = make_block_mapper(
            reading, make_layout, self._times, self._set_fields, self._set_properties
        )

    def map(self, chunk: Sequence[Record | Rejection]) -> speedups.EventBlock:
        """Return an event or a rejection for each record, in order; rejections pass through.

        Args:
            chunk: A list, or a `speedups.Block`, whose records take the fast path where they can.
        """
        self._clock = self._now()
        if self._block_mapper is None or not isinstance(chunk, speedups.Block):
            return speedups.EventBlock(map(self._map_item, chunk))
        return self._block_mapper.map(chunk, self._clock, self._map_item)

    def insert_ids(self, chunk: Sequence[Record | Rejection]) -> list[str]:
        """Return the ids of the events that `map` makes, and perhaps ids of records that become no event."""
        if self._block_mapper is None or not isinstance(chunk, speedups.Block):
            return [item.insert_id for item in self.map(chunk) if isinstance(item, Event)]
        self._clock = self._now()
        found = self._block_mapper.insert_ids(chunk, self._clock)
        if None not in found:
            return found  # type: ignore[return-value]  # none of them is None
        others = (self._map_item(chunk.record(at)) for at, own in enumerate(found) if own is None)
        return [*filter(None, found), *(item.insert_id for item in others if isinstance(item, Event))]

    def value_of(self, field: Field, values: Any) -> Any:
        """Return the value that the events of `map` take for a field, out of the values of a record.

        None if there is none, or if the record has other faults that are found before.
        """
        known: dict[Field, Any] = {}
        try:
            self._choose_values(known, self._read_record(values, known))
        except (BadValue, exact_json.BadJSON):
            return None
        finally:
            self._values.notes.clear()
        return known.get(field)

    def _map_item(self, item: Record | Rejection) -> Event | Rejection:
        return self._map_record(item) if isinstance(item, Record) else item

    # ── one record ───────────────────────────────────────────────────────────────────────────

    def _map_record(self, record: Record) -> Event | Rejection:
        notes = self._values.notes
        notes.clear()
        if record.note:
            notes.append(record.note)
        known: dict[Field, Any] = {}
        try:
            return self._build(record, known, self._read_record(record.values, known))
        except (BadValue, exact_json.BadJSON) as error:
            return Rejection(
                record.row,
                record.line,
                str(error),
                _as_text(known.get("event", self._set_fields.get("event"))),
                _as_text(known.get("distinct_id", self._set_fields.get("distinct_id"))),
                "",
                "; ".join(notes),
                record.item,
            )

    def _build(self, record: Record, known: dict[Field, Any], properties: dict[str, Any]) -> Event:
        self._choose_values(known, properties)
        event = self._event_name(known.get("event"))
        instant = self._instant(known.get("time"), record.values)
        distinct_id = self._distinct_id(known.get("distinct_id"))
        ip = known.get("ip")
        if ip is not None:
            properties["ip"] = _ip(ip)
            self._values.notes += notes_on_field("ip", ip)
        if self._deep_values.changes:
            properties = self._deep_values.replace(properties, self._values.notes)
        self._check(properties)
        replaced = properties.get(TAG)
        properties = _canonical(properties)
        event_json, user_json = _json_string(event, "event"), _json_string(distinct_id, "distinct_id")
        body = self._encode(properties)
        if "insert_id" in known:
            shared = record.item if record.item and self._is_shared(record, known["insert_id"]) else 0
            identity = self._legal_insert_id(known["insert_id"], shared)
        else:
            row = (self._reading.source_name, record.row, record.item) if self._by_row else None
            identity = insert_id.of_content(event_json, user_json, instant, body, row)
        tail = IP_OFF if ip is None and self._reading.geoip == "off" else b""
        if self._tag:
            tail += self._tag
            if TAG in properties:
                self._values.notes.append(f"{TAG}: --tag replaces {quoted(replaced)}")
                del properties[TAG]
                body = self._encode(properties)
        milliseconds = instant // NS_PER_MS
        whole = BODY % (
            event_json,
            milliseconds,
            user_json,
            identity.encode(),
            tail,
            b"," if properties else b"",
            body[1:-1],
        )
        if len(whole) > limits.MAX_EVENT_BYTES:
            raise BadValue(
                f"the event is {len(whole):,} bytes of JSON;"
                f" Mixpanel takes at most {limits.MAX_EVENT_BYTES:,}"
            )
        note = self._note(event, distinct_id, instant, properties)
        return Event(
            record.row, record.line, event, distinct_id, identity, milliseconds, whole, note, record.item
        )

    def _note(self, event: str, distinct_id: str, instant: int, properties: dict[str, Any]) -> str:
        """Return the notes on an event that is sent; usually empty."""
        if len(distinct_id) > limits.MAX_STRING_CHARACTERS:
            properties = {**properties, "distinct_id": distinct_id}
        notes = self._values.notes + rules.notes_on(properties, event, self._is_meant)
        if instant % NS_PER_MS:
            notes.append(FINER_TIME_NOTE)
        return "; ".join(notes) if notes else ""

    def _encode(self, properties: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(properties, option=orjson.OPT_SORT_KEYS)
        except (orjson.JSONEncodeError, RecursionError) as error:
            unfit = "" if isinstance(error, RecursionError) else exact_json.unfit_error(properties)
            raise BadValue(unfit or f"properties: can't be written as JSON: {error}") from None

    def _check(self, properties: dict[str, Any]) -> None:
        """Check the properties, counted with those that are added when the event is written."""
        if len(properties) <= MAX_OWN_PROPERTIES:
            _raise_for(rules.check_properties(properties))
            return
        added = dict.fromkeys(("time", "distinct_id", "$insert_id"), "")
        if "ip" not in properties and self._reading.geoip == "off":
            added["ip"] = ""
        if self._tag:
            added[TAG] = ""
        _raise_for(rules.check_properties({**properties, **added}))

    # ── fields ───────────────────────────────────────────────────────────────────────────────

    def _choose_values(self, known: dict[Field, Any], properties: dict[str, Any]) -> None:
        """Choose each field's value and put it into ``known``; what stands beside it gets a note.

        The order is: ``--set``, the mapped column, a column with the field's own name, the properties, the
        default.
        """
        for field, name in _NAMED:
            if name in properties:
                other = properties.pop(name)
                if other is None or other == "":
                    continue
                if known.get(field) is None:
                    known[field] = other
                elif clash(other, known[field]):
                    self._values.notes.append(
                        f"{name}: {quoted(other)} beside the mapped {field} is left out"
                    )
        if self._set_fields or self._set_properties:
            self._apply_set(known, properties)
        for field, value in self._reading.defaults.items():
            if known.get(field) in (None, ""):
                known[field] = value
        if "token" in properties:
            del properties["token"]
            self._values.notes.append("token: a record's own token is never sent")

    def _apply_set(self, known: dict[Field, Any], properties: dict[str, Any]) -> None:
        """Put the values of ``--set`` over those of the record."""
        for field, value in self._set_fields.items():
            if known.get(field) not in (None, value):
                self._values.notes.append(f"{field}: --set replaces {quoted(known[field])}")
            known[field] = value
        self._values.put_set(properties, self._set_properties.items())

    def _event_name(self, value: Any) -> str:
        if value is None:
            raise BadValue(NO_EVENT)
        _raise_for(rules.check_event_name(value))
        self._values.notes += notes_on_field("event", value)
        return str(value)

    def _instant(self, value: Any, values: Any) -> int:
        if value is None:
            if self._reading.missing_time is None:
                raise BadValue(NO_TIME)
            self._values.notes.append("no time: sent with the time of the run")
            return self._reading.missing_time * NS_PER_MS
        try:
            instant = self._times.read(value)
        except BadValue as error:
            raise BadValue(bad_time(error)) from None
        if self._reading.time_offset:
            instant += self._offset(self._read_record.look(values, self._reading.time_offset))
        milliseconds = instant // NS_PER_MS
        if milliseconds < limits.MIN_TIME_MS:  # Mixpanel would take small milliseconds for seconds
            raise BadValue(f"time: {quoted(value)} is before 1971, the first year that Mixpanel takes")
        if milliseconds > self._clock:
            raise BadValue(
                f"time: {quoted(value)} {rules.AHEAD_OF_CLOCK}, and Mixpanel would change it: send it after"
                f" {iso_utc(instant)}"
            )
        return instant

    def _offset(self, value: Any) -> int:
        """Return the nanoseconds of an offset in milliseconds."""
        try:
            return read_offset(value)
        except BadValue as error:
            raise BadValue(f"{self._reading.time_offset}: {error}") from None

    def _distinct_id(self, value: Any) -> str:
        if value is None or value == "":
            self._values.notes.append(NO_USER_NOTE)
            return ""
        user = self._id_text("distinct_id", value)
        _raise_for(rules.check_distinct_id(user))
        self._values.notes += notes_on_field("distinct_id", value)
        return user

    def _is_shared(self, record: Record, own: Any) -> bool:
        """Return whether one of several events of a record has an id that all of them have."""
        notes = self._values.notes.copy()
        shared = self.value_of("insert_id", changed_values(record.values, self._without_element))
        self._values.notes[:] = notes
        return bool(shared == own)

    def _legal_insert_id(self, value: Any, item: int) -> str:
        """Return the id of an event, which is joined with the item where that is one of several."""
        own = self._id_text("insert_id", value)
        self._values.notes += notes_on_field("insert_id", value)
        own = insert_id.of_item(own, item) if item else own
        sent, note = insert_id.legal(own)
        if note:
            self._values.notes.append(note)
        return sent

    def _id_text(self, field: str, value: Any) -> str:
        if type(value) is str:
            return value
        if unfit := exact_json.unfit_error({field: value}):
            raise BadValue(unfit)
        if type(value) in (int, float):
            digits = str(int(value)) if value == int(value) else repr(value)
            self._values.notes.append(number_note(field, digits))
            return digits
        raise BadValue(f"{field}: expected text, found {quoted(value)}")


def make_value_of(reading: Reading) -> Callable[[Field, Any], Any]:
    """Return `Mapper.value_of` of a mapper that is made when it is asked for the first time."""
    mappers: list[Mapper] = []

    def value_of(field: Field, values: Any) -> Any:
        mappers[:] = mappers or [Mapper(reading, lambda: 0)]
        return mappers[0].value_of(field, values)

    return value_of


def _canonical(properties: dict[str, Any]) -> Any:
    try:
        return canonical(properties)
    except RecursionError:
        raise BadValue("properties: arrays are nested too deep to be written as JSON") from None


def _raise_for(found: rules.Violation | None) -> None:
    if found is not None:
        raise BadValue(found.message)


def _json_string(text: str, field: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        raise BadValue(f"{field}: not UTF-8: {quoted(text)}") from None


def _ip(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) in (int, float) and value == 0:
        return 0
    raise BadValue(f"ip: expected an address as text, found {quoted(value)}")


def _as_text(value: Any) -> str:
    return value if type(value) is str else str(value) if type(value) is int else ""
