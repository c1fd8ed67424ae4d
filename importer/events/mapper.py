"""Records become events: the fields are found, the types applied, the rules asked, the bytes written.

An event is encoded once. Its own properties stand in canonical form and order (`types.canonical`, keys by
code point), so that the same bytes are sent and hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import orjson

from importer import exact_json
from importer.errors import MappingError
from importer.events import insert_id, rules
from importer.events.mapping import PROPERTY_OF, path_to, well_known
from importer.events.times import NS_PER_MS, TimeReader, iso_utc
from importer.events.types import (
    BadValue,
    canonical,
    rounding,
    shown,
    to_boolean,
    to_integer,
    to_number,
)
from importer.model import ColumnType, Event, Field, Reading, Record, Rejection

_NO_USER: Final = "no distinct_id: sent as an event without a user"
_TAG: Final = "import_tag"
_ROOM: Final = rules.MAX_PROPERTIES - 5  # time, distinct_id, $insert_id, ip and the tag may be added
_NAMED: Final = tuple(PROPERTY_OF.items())


class Mapper:
    """Makes events out of records, by one reading.

    Args:
        reading: How the source is read.
        now: Milliseconds since the epoch, asked once per chunk.
    """

    def __init__(self, reading: Reading, now: Callable[[], int]) -> None:
        self._reading = reading
        self._now = now
        self._clock = 0
        self._notes: list[str] = []
        self._times = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._property_times = TimeReader(reading.timezone)
        self._null = frozenset(reading.null)
        self._tag = b',"import_tag":' + orjson.dumps(reading.tag) if reading.tag else b""
        self._constants = dict(reading.constants)
        self._fixed: dict[Field, Any] = {
            field: self._constants.pop(name)
            for field in FIELD_ORDER
            for name in (field, PROPERTY_OF.get(field))
            if name in self._constants
        }
        self._by_cells = reading.dialect.format == "csv"
        merged = bool(self._constants) or "properties" in reading.fields
        self._by_row = reading.insert_id == "row"
        self._flat = self._by_cells and not merged and "json" not in reading.types.values()
        self._outer, self._inner = _paths_by_place(reading)
        self._properties_of = self._from_cells if self._by_cells else self._from_object
        self._cells = (
            tuple((field, reading.columns.index(c)) for field, c in reading.fields.items())
            if self._by_cells
            else ()
        )
        self._converters: dict[ColumnType, Callable[[str], Any] | None] = {
            "string": None,
            "integer": to_integer,
            "number": self._canonical_number if self._flat else self._number,
            "boolean": to_boolean,
            "json": self._json,
            "time": self._property_time,
        }
        self._mapped = set(reading.fields.values())
        self._known_keys = {*reading.columns, *reading.types, *reading.names}
        self._columns = self._plan_columns() if self._by_cells else ()
        # Cells come out sorted and canonical where nothing is merged into them or nested in them.
        has_ip = "ip" in reading.fields or any(name == "ip" for _, name, *_ in self._columns)
        self._in_form = self._flat and not has_ip

    def map(self, chunk: Iterable[Record | Rejection]) -> list[Event | Rejection]:
        """Return an event or a rejection for each record, in order; rejections pass through."""
        self._clock = self._now()
        one = self._event
        return [one(item) if isinstance(item, Record) else item for item in chunk]

    # ── one record ───────────────────────────────────────────────────────────────────────────

    def _event(self, record: Record) -> Event | Rejection:
        self._notes = [record.note] if record.note else []
        known: dict[Field, Any] = {}
        try:
            return self._build(record, known, self._properties_of(record.values, known))
        except (BadValue, exact_json.BadJSON) as error:
            return Rejection(
                record.row,
                record.line,
                str(error),
                _text(known.get("event", self._fixed.get("event"))),
                _text(known.get("distinct_id", self._fixed.get("distinct_id"))),
                "",
                "; ".join(self._notes),
            )

    def _build(self, record: Record, known: dict[Field, Any], properties: dict[str, Any]) -> Event:
        self._settle(known, properties)
        event = self._event_name(known.get("event"))
        instant = self._instant(known.get("time"))
        distinct_id = self._distinct_id(known.get("distinct_id"))
        ip = known.get("ip")
        if ip is not None:
            properties["ip"] = _ip(ip)
        self._check(properties)
        if not self._in_form:
            properties = _canonical(properties)
        event_json, user_json = _json_string(event, "event"), _json_string(distinct_id, "distinct_id")
        body = self._encoded(properties)
        if "insert_id" in known:
            identity = self._own_id(known["insert_id"])
        else:
            row = (self._reading.source_name, record.row) if self._by_row else None
            identity = insert_id.of_content(event_json, user_json, instant, body, row)
        tail = b',"ip":0' if ip is None and self._reading.geoip == "off" else b""
        if self._tag:
            tail += self._tag
            if _TAG in properties:
                self._notes.append(f"{_TAG}: --tag replaces {shown(properties.pop(_TAG))}")
                body = self._encoded(properties)
        milliseconds = instant // NS_PER_MS
        whole = b'{"event":%b,"properties":{"time":%d,"distinct_id":%b,"$insert_id":"%b"%b%b%b}}' % (
            event_json,
            milliseconds,
            user_json,
            identity.encode(),
            tail,
            b"," if properties else b"",
            body[1:-1],
        )
        if len(whole) > rules.MAX_EVENT_BYTES:
            raise BadValue(
                f"the event is {len(whole):,} bytes of JSON; Mixpanel takes at most {rules.MAX_EVENT_BYTES:,}"
            )
        note = self._note(event, distinct_id, instant, properties)
        return Event(record.row, record.line, event, distinct_id, identity, milliseconds, whole, note)

    def _note(self, event: str, distinct_id: str, instant: int, properties: dict[str, Any]) -> str:
        """Return all there is to say of an event that is sent, usually nothing."""
        if len(distinct_id) > rules.MAX_STRING_CHARACTERS:
            properties = {**properties, "distinct_id": distinct_id}
        notes = self._notes + rules.notes_on(properties, event)
        if instant % NS_PER_MS:
            notes.append("time is sent in milliseconds; the file has it finer")
        return "; ".join(notes) if notes else ""

    def _encoded(self, properties: dict[str, Any]) -> bytes:
        try:
            return orjson.dumps(properties, option=None if self._in_form else orjson.OPT_SORT_KEYS)
        except (orjson.JSONEncodeError, RecursionError) as error:
            raise BadValue(f"properties: can't be written as JSON: {error}") from None

    def _check(self, properties: dict[str, Any]) -> None:
        """Ask the rules about the properties, with those that are added when the event is written."""
        if len(properties) <= _ROOM:
            _obey(rules.check_properties(properties))
            return
        added = dict.fromkeys(("time", "distinct_id", "$insert_id"), "")
        if "ip" not in properties and self._reading.geoip == "off":
            added["ip"] = ""
        if self._tag:
            added[_TAG] = ""
        _obey(rules.check_properties({**properties, **added}))

    # ── fields ───────────────────────────────────────────────────────────────────────────────

    def _settle(self, known: dict[Field, Any], properties: dict[str, Any]) -> None:
        """Give each field its one value: ``--set``, the mapped column, a column of that name, properties."""
        for field, name in _NAMED:
            if name in properties:
                other = properties.pop(name)
                if other is None or other == "":
                    continue
                if known.get(field) is None:
                    known[field] = other
                elif _clash(other, known[field]):
                    self._notes.append(f"{name}: {shown(other)} beside the mapped {field} is left out")
        if self._fixed or self._constants:
            self._set(known, properties)
        if "token" in properties:
            del properties["token"]
            self._notes.append("token: a record's own token is never sent")

    def _set(self, known: dict[Field, Any], properties: dict[str, Any]) -> None:
        """Put the values of ``--set`` over those of the record."""
        for field, value in self._fixed.items():
            if known.get(field) not in (None, value):
                self._notes.append(f"{field}: --set replaces {shown(known[field])}")
            known[field] = value
        for name, value in self._constants.items():
            if name in properties and _clash(properties[name], value):
                self._notes.append(f"{name}: --set replaces {shown(properties[name])}")
            properties[name] = value

    def _event_name(self, value: Any) -> str:
        if value is None:
            raise BadValue("event: missing; every event needs a name")
        _obey(rules.check_event_name(value))
        return str(value)

    def _instant(self, value: Any) -> int:
        if value is None:
            if self._reading.missing_time is None:
                raise BadValue("time: missing; every event needs a time")
            self._notes.append("no time: sent with the time of the run")
            return self._reading.missing_time * NS_PER_MS
        try:
            instant = self._times.read(value)
        except BadValue as error:
            raise BadValue(f"time: {error}") from None
        milliseconds = instant // NS_PER_MS
        if milliseconds < rules.MIN_TIME_MS:  # Mixpanel would take small milliseconds for seconds
            raise BadValue(f"time: {shown(value)} is before 1971, the first year that Mixpanel takes")
        if milliseconds > self._clock:
            raise BadValue(
                f"time: {shown(value)} is ahead of the clock, and Mixpanel would change it: send it after"
                f" {iso_utc(instant)}"
            )
        return instant

    def _distinct_id(self, value: Any) -> str:
        if value is None or value == "":
            self._notes.append(_NO_USER)
            return ""
        user = self._id_text("distinct_id", value)
        _obey(rules.check_distinct_id(user))
        return user

    def _own_id(self, value: Any) -> str:
        own = self._id_text("insert_id", value)
        if rules.check_insert_id(own) is None:
            return own
        self._notes.append(f"insert_id {shown(own)} is none that Mixpanel takes: its hash is sent")
        return insert_id.of_text(own)

    def _id_text(self, field: str, value: Any) -> str:
        if type(value) is str:
            return value
        if type(value) in (int, float):
            digits = str(int(value)) if value == int(value) else repr(value)
            self._notes.append(f"{field}: the number {digits} is sent as text")
            return digits
        raise BadValue(f"{field}: expected text, found {shown(value)}")

    # ── CSV ──────────────────────────────────────────────────────────────────────────────────

    def _plan_columns(self) -> tuple[tuple[int, str, str, Callable[[str], Any] | None], ...]:
        reading = self._reading
        planned = []
        for index, column in enumerate(reading.columns):
            kind = reading.types.get(column, "string")
            if column not in self._mapped and kind != "skip":
                name = reading.names.get(column, column)
                planned.append((index, name, column, self._converters[kind]))
        planned.sort(key=lambda plan: plan[1])
        for one, next_ in pairwise(planned):
            if one[1] == next_[1]:
                raise MappingError(
                    f"the columns {shown(one[2])} and {shown(next_[2])} would both be the property"
                    f" {shown(one[1])}",
                    "Give one of them another name in [names], or leave it out: --type COLUMN=skip",
                )
        return tuple(planned)

    def _from_cells(self, cells: Any, known: dict[Field, Any]) -> dict[str, Any]:
        null = self._null
        properties: dict[str, Any] = {}
        for field, at in self._cells:
            text = cells[at]
            if text and text not in null:
                known[field] = text
        if "properties" in known:
            properties = self._object(known.pop("properties"))
        for at, name, column, convert in self._columns:
            text = cells[at]
            if not text or text in null:
                continue
            if convert is None:
                value = text
            else:
                try:
                    value = convert(text)
                except ValueError as error:
                    raise BadValue(f"{column}: {error}") from None
            if name in properties and _clash(properties[name], value):
                self._notes.append(f"{name}: the column's value is sent, not that in properties")
            properties[name] = value
        return properties

    def _number(self, text: str) -> Any:
        value = to_number(text)
        rounded = rounding(text)
        if rounded:
            self._notes.append(rounded)
        return value

    def _canonical_number(self, text: str) -> Any:
        return canonical(self._number(text))

    def _json(self, text: str) -> Any:
        value, note = exact_json.loads(text.encode("utf-8", "surrogateescape"))
        if note:
            self._notes.append(note)
        return value

    def _property_time(self, value: Any) -> str:
        return iso_utc(self._property_times.read(value))

    # ── JSONL ────────────────────────────────────────────────────────────────────────────────

    def _from_object(self, values: Any, known: dict[Field, Any]) -> dict[str, Any]:
        left: dict[str, Any] = dict(values)
        _take_all(left, self._outer, known)
        bag = known.pop("properties", None)
        properties: dict[str, Any] = {} if bag is None else dict(self._object(bag))
        _take_all(properties, self._inner, known)
        reading = self._reading
        if not left.keys() <= self._known_keys:
            self._check_surprise(left)
        for column, found in left.items():
            kind = reading.types.get(column)
            if kind == "skip":
                continue
            value = found if kind is None else self._as_declared(column, kind, found)
            name = reading.names.get(column, column)
            if name in properties:
                if value is None or value == "":
                    continue
                if _clash(properties[name], value):
                    self._notes.append(f"{name}: the value beside properties is sent, not that in it")
            properties[name] = value
        return properties

    def _check_surprise(self, left: Mapping[str, Any]) -> None:
        """Refuse a record with a key that would have been mapped, had it been in the first records."""
        for key in sorted(left.keys() - self._known_keys):
            field = well_known(key)
            if field and field not in self._reading.fields and field not in self._fixed:
                raise BadValue(
                    f"{key}: looks like the {field}, but the first records had no such key;"
                    f" say --map {field}={key}, or --type {key}=string to keep it as a property"
                )

    def _as_declared(self, column: str, kind: ColumnType, value: Any) -> Any:
        if value is None:
            return None
        try:
            return self._declared(kind, value)
        except ValueError as error:
            raise BadValue(f"{column}: {error}") from None

    def _declared(self, kind: ColumnType, value: Any) -> Any:
        if kind == "time":
            return self._property_time(value)
        if kind == "json":
            return self._json(value) if type(value) is str else value
        if type(value) is str:
            convert = self._converters[kind]
            return value if convert is None else convert(value)
        if kind == "string" and type(value) is int:
            return str(value)
        if type(value) in _JSON_TYPES[kind]:
            return value
        raise BadValue(f"expected {kind}, found {shown(value)}")

    def _object(self, value: Any) -> dict[str, Any]:
        """Return the object that the properties column holds, as JSON text or as such."""
        if type(value) is str:
            try:
                value = self._json(value)
            except ValueError as error:
                raise BadValue(f"properties: expected a JSON object; {error}") from None
        if type(value) is not dict:
            raise BadValue(f"properties: expected a JSON object, found {shown(value)}")
        return value


_JSON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_Paths = tuple[tuple[tuple[str, ...], tuple[Field, ...]], ...]
FIELD_ORDER: Final[Sequence[Field]] = ("event", "time", "distinct_id", "ip", "insert_id")


def _canonical(properties: dict[str, Any]) -> Any:
    try:
        return canonical(properties)
    except RecursionError:
        raise BadValue("properties: arrays are nested too deep to be written as JSON") from None


def _clash(old: Any, new: Any) -> bool:
    """Return whether a value is there and is not the same in JSON, where 1 is 1.0 but not true."""
    if old is None or old == "":
        return False
    return bool(old != new) or (type(old) is bool) != (type(new) is bool)


def _obey(found: rules.Violation | None) -> None:
    if found is not None:
        raise BadValue(found.message)


def _paths_by_place(reading: Reading) -> tuple[_Paths, _Paths]:
    """Return the paths of mapped fields outside of the properties column and those inside of it.

    The latter are followed once that is an object of its own; they start there.
    """
    fields_at: dict[tuple[str, ...], tuple[Field, ...]] = {}
    for field, column in reading.fields.items():
        path = path_to(column, reading.columns)
        fields_at[path] = (*fields_at.get(path, ()), field)
    bag = path_to(reading.fields["properties"], reading.columns) if "properties" in reading.fields else ("",)
    inside = [path for path in fields_at if len(path) > len(bag) and path[: len(bag)] == bag]
    return (
        tuple((path, fields) for path, fields in fields_at.items() if path not in inside),
        tuple((path[len(bag) :], fields_at[path]) for path in inside),
    )


def _take_all(left: dict[str, Any], paths: _Paths, known: dict[Field, Any]) -> None:
    for path, fields in paths:
        value = left.pop(path[0], None) if len(path) == 1 else _take(left, path)
        if value is not None and value != "":
            for field in fields:
                known[field] = value


def _take(left: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Take the value at ``path`` out of ``left``, whose nested objects are copied first; None if absent."""
    *parents, last = path
    for key in parents:
        inner = left.get(key)
        if type(inner) is not dict:
            return None
        left[key] = left = dict(inner)
    return left.pop(last, None)


def _json_string(text: str, field: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        raise BadValue(f"{field}: not UTF-8: {shown(text)}") from None


def _ip(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) in (int, float) and value == 0:
        return 0
    raise BadValue(f"ip: expected an address as text, found {shown(value)}")


def _text(value: Any) -> str:
    return value if type(value) is str else str(value) if type(value) is int else ""
