"""Many records at once: the fast way to the events that `Mapper` makes one by one.

What a chunk has in common is asked once: the shape of its objects, the types of its columns, the rules that
no value of a column can break. A record that leaves any doubt gets no event here, and `Mapper` takes it up by
itself, with every rule and every note. So nothing is refused here, and three things are said at most: that
there is no user, that a time is cut to milliseconds, and which names Mixpanel reserves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import Any, Final

import orjson

from importer.events import insert_id, rules
from importer.events.bulk_cells import CellsAtOnce
from importer.events.bulk_objects import ObjectsAtOnce
from importer.events.found import ROOM, Found, are_own, put
from importer.events.objects import Objects
from importer.events.time_columns import TimeColumns
from importer.events.times import NS_PER_MS, TimeReader
from importer.events.types import canonical
from importer.events.written import FINER, IP_OFF, NO_USER, decimals, json_strings, tag_member, write
from importer.model import Event, Field, Reading, Record, Rejection

_MOST_NAMES: Final = 10_000
_TEXT_OR_NONE: Final = frozenset({str, type(None)})
_dumps: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)
_event: Final = partial(tuple.__new__, Event)


class Bulk:
    """Makes the events of records that need no care, by one reading.

    Args:
        reading: How the source is read.
        times: Reads a time.
        fixed: Fields that ``--set`` gives.
        constants: Properties that ``--set`` gives.
        objects: Reads the object of one record (JSONL).
    """

    def __init__(
        self,
        reading: Reading,
        times: TimeReader,
        fixed: Mapping[Field, Any],
        constants: Mapping[str, Any],
        objects: Objects | None,
    ) -> None:
        self._reading = reading
        self._times = TimeColumns(times)
        self._fixed = fixed
        self._constants = canonical(dict(constants))
        self._reserved = bool(rules.note_on_names((*constants,)))
        self._find = (
            CellsAtOnce(reading, constants) if objects is None else ObjectsAtOnce(reading, constants, objects)
        )
        self._plain = (
            self._find.plain
            and fixed.keys().isdisjoint({*reading.fields, "ip"})
            and are_own((*constants,))
            and rules.check_properties(constants) is None
            and all(map(rules.is_plain, constants.values()))
        )
        self._names: dict[Any, bytes | None] = {}
        tag = tag_member(reading.tag)
        self._tails = (IP_OFF + tag if reading.geoip == "off" else tag, tag)

    def map(self, chunk: Sequence[Record | Rejection], clock: int) -> list[Event | None]:
        """Return the event of each record, in order, and None for what takes more care.

        Args:
            chunk: As the source gives it.
            clock: Milliseconds since the epoch; a later time takes care.
        """
        records = [item for item in chunk if type(item) is Record and not item.note]
        if not self._plain or not records:
            return [None] * len(chunk)
        rows, lines, values, _ = zip(*records, strict=True)
        try:
            events = self._events(rows, lines, self._find(values), clock)
        except (UnicodeEncodeError, RecursionError):  # something among them can't be written
            return [None] * len(chunk)
        if len(events) == len(chunk):
            return events
        at = iter(events)
        return [next(at) if type(item) is Record and not item.note else None for item in chunk]

    def _events(
        self, rows: Sequence[int], lines: Sequence[int], found: Found, clock: int
    ) -> list[Event | None]:
        known, properties, odd, nested, reserved = found
        count = len(rows)
        for field, value in self._fixed.items():
            known[field] = [value] * count
        if self._constants:
            for own in properties:
                own.update(self._constants)
        if max(map(len, properties)) > ROOM:
            odd.update(at for at, own in enumerate(properties) if len(own) > ROOM)
        names = _as_texts(known.get("event") or [None] * count)
        name_json = self._event_names(names, odd)
        if len(odd) == count:
            return [None] * count
        instants = self._instants(known.get("time") or [None] * count, odd)
        users = _users(known.get("distinct_id") or [None] * count, odd)
        tails = self._with_ip(known.get("ip"), properties, odd)
        try:
            written, user_json = list(map(_dumps, properties)), json_strings(users)
        except orjson.JSONEncodeError:
            return [None] * count
        inner = [members[1:-1] for members in written]
        odd.update(_with_long_text(written))
        odd.update(
            at
            for at in nested
            if rules.may_be_too_nested(written[at]) and rules.check_properties(properties[at])
        )
        ids = self._ids(known.get("insert_id"), rows, name_json, user_json, instants, inner, odd)
        times = [instant // NS_PER_MS for instant in instants]
        odd.update(_outside(times, clock))
        commas = repeat(b",") if all(inner) else [b"," if members else b"" for members in inner]
        own_ids = map(str.encode, ids)
        bodies = write(name_json, decimals(times), user_json, own_ids, tails, commas, inner)
        if max(map(len, bodies)) > rules.MAX_EVENT_BYTES:
            odd.update(at for at, body in enumerate(bodies) if len(body) > rules.MAX_EVENT_BYTES)
        notes = _notes(users, instants, times, properties if reserved or self._reserved else ())
        events: list[Any] = list(
            map(_event, zip(rows, lines, names, users, ids, times, bodies, notes, strict=False))
        )
        for at in odd:
            events[at] = None
        return events

    # ── fields ───────────────────────────────────────────────────────────────────────────────

    def _event_names(self, names: Sequence[str], odd: set[int]) -> list[bytes]:
        """Return the names as JSON."""
        known = self._names
        if len(known) > _MOST_NAMES:
            known.clear()
        for name in set(names) - known.keys():
            known[name] = None
            if rules.check_event_name(name) is None and rules.are_short((name,)):
                with suppress(orjson.JSONEncodeError):  # it isn't UTF-8
                    known[name] = orjson.dumps(name)
        found = [known[name] for name in names]
        if None in found:
            odd.update(at for at, name in enumerate(found) if name is None)
        return [name or b"" for name in found]

    def _instants(self, values: Sequence[Any], odd: set[int]) -> list[int]:
        """Return the times in nanoseconds since the epoch; 0 where there is none."""
        found = self._times.read(values)
        if None not in found:
            return found  # type: ignore[return-value]  # None was looked for
        odd.update(at for at, instant in enumerate(found) if instant is None)
        return [instant or 0 for instant in found]

    def _with_ip(
        self, values: Sequence[Any] | None, properties: Sequence[dict[str, Any]], odd: set[int]
    ) -> Iterable[bytes]:
        """Put each ip beside the other properties, and return the tails of the events."""
        without, with_ip = self._tails
        if values is None:
            return repeat(without, len(properties))
        _note_others(values, odd)
        if None not in values and "" not in values:
            put(values, "ip", properties)
            return repeat(with_ip, len(properties))
        put([ip or None for ip in values], "ip", properties)
        return [with_ip if ip else without for ip in values]

    def _ids(
        self,
        values: Sequence[Any] | None,
        rows: Sequence[int],
        names: Sequence[bytes],
        users: Sequence[bytes],
        instants: Sequence[int],
        inner: Sequence[bytes],
        odd: set[int],
    ) -> list[str]:
        """Return each record's own id, or else the hash of what it holds."""
        given = [] if values is None else _as_texts(values)
        if values is not None:
            _note_others(values, odd)
            if not rules.are_insert_ids([own_id for own_id in given if own_id]):
                wrong = [
                    at for at, own_id in enumerate(given) if own_id and not rules.are_insert_ids((own_id,))
                ]
                odd.update(wrong)
                for at in wrong:
                    given[at] = ""
            if all(given):
                return given
        if self._reading.insert_id == "row":
            row = zip(repeat(self._reading.source_name), rows)
            facts = zip(names, users, instants, map(b"{%b}".__mod__, inner), row, strict=False)
            hashes = [insert_id.of_content(*fact) for fact in facts]
        else:
            hashes = insert_id.of_contents(names, users, decimals(instants), inner)
        return [own_id or made for own_id, made in zip(given, hashes, strict=True)] if given else hashes


def _as_texts(values: Sequence[Any]) -> list[str]:
    """Return the texts among some values, and an empty one in place of all else."""
    if set(map(type, values)) == {str}:
        return list(values)
    return [value if type(value) is str else "" for value in values]


def _note_others(values: Sequence[Any], odd: set[int]) -> None:
    """Name the records whose value is neither a text nor missing."""
    if not set(map(type, values)) <= _TEXT_OR_NONE:
        odd.update(at for at, value in enumerate(values) if type(value) not in _TEXT_OR_NONE)


def _users(values: Sequence[Any], odd: set[int]) -> list[str]:
    """Return the users; empty where there is none."""
    users = _as_texts(values)
    _note_others(values, odd)
    if not (rules.are_ids(users) and rules.are_short(users)):
        odd.update(
            at for at, user in enumerate(users) if not (rules.are_ids((user,)) and rules.are_short((user,)))
        )
    return users


def _outside(times: Sequence[int], clock: int) -> Collection[int]:
    """Return where a time is none that Mixpanel takes as it is."""
    if min(times) >= rules.MIN_TIME_MS and max(times) <= clock:
        return ()
    return [at for at, time in enumerate(times) if not rules.MIN_TIME_MS <= time <= clock]


def _with_long_text(written: Sequence[bytes]) -> Collection[int]:
    """Return which properties, written as JSON, may hold a text that is too long."""
    long = [own for own in written if len(own) > rules.MAX_STRING_CHARACTERS]
    if not rules.may_hold_long_text(b",".join(long)):
        return ()
    return [at for at, own in enumerate(written) if rules.may_hold_long_text(own)]


def _notes(
    users: Sequence[str], instants: Sequence[int], times: Sequence[int], named: Sequence[Mapping[str, Any]]
) -> Iterable[str]:
    """Return what there is to say of each record; ``named`` are its properties if a name may be reserved."""
    parts: list[list[str]] = []
    if "" in users:
        parts.append(["" if user else NO_USER for user in users])
    if named:
        parts.append([rules.note_on_names(tuple(own)) for own in named])
    if sum(instants) != sum(times) * NS_PER_MS:
        parts.append([FINER if instant % NS_PER_MS else "" for instant in instants])
    if not parts:
        return repeat("", len(users))
    return ["; ".join(filter(None, said)) for said in zip(*parts, strict=True)]
