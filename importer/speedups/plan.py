"""What `BlockMapper` must know of a source: plain Python, so that it is typed and documented.

A plan is made by `importer.events.fast_mapper`. It holds every rule, number and message that the compiled
code goes by. Callables are asked where the compiled code can't decide by itself; most of them are asked
once for each distinct key or name. One that returns None defers the record to the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from importer.reading import ColumnType, Field

if TYPE_CHECKING:
    from importer.speedups.odd_texts import OddTexts
    from importer.speedups.times import Times


class KeyPlan(NamedTuple):
    """What a key of an object is, if it is more than a property of its own name.

    Attributes:
        name: Name of the property that it becomes, as in `ColumnPlan`; None if it becomes none.
        is_reserved: Whether Mixpanel reserves that name, so that the record gets a note.
        fields: The fields that its value gives. Then it is no property.
        part: Place of its value among `RecordLayout.parts`; -1 if it is none of these.
        keys: Place in `RecordLayout.keys` of what keys mean in an object that is its value; -1 if all of them
            stay as they are.
        type: What its value must be; None if it may be anything.
        known_type: As what compiled code may read the text of a value that is of another kind.
        convert: Returns the JSON of any other value of another kind, given its JSON; None defers the record.
    """

    name: bytes | None = None
    is_reserved: bool = False
    fields: frozenset[Field] = frozenset()
    part: int = -1
    keys: int = -1
    type: ColumnType | None = None
    known_type: ColumnType | None = None
    convert: Callable[[str], bytes | None] | None = None


KeyMeaning = Literal["property", "reserved", "defer"] | KeyPlan
"""What a key of a JSON object is: a property, a property whose name Mixpanel reserves (so that its record
gets a note), a reason to defer the record to the slow path, or something else."""


class PairsPlan(NamedTuple):
    """Where key and value stand in each object of a list of pairs.

    Attributes:
        key: The keys that lead to the key.
        values: The keys that lead to what may be the value, of which the first counts that is not null; and
            whether it should be a number.
    """

    key: Sequence[bytes]
    values: Sequence[tuple[Sequence[bytes], bool]]


class NestedPlan(NamedTuple):
    """What becomes of an object, or of a list of pairs, that stands directly in a line.

    Attributes:
        key: Its key, UTF-8, as JSON writes it.
        depth: To how many levels its keys become keys of the line; 0 for none.
        pairs: How a list becomes an object; None if it stays a list.
    """

    key: bytes
    depth: int
    pairs: PairsPlan | None = None


class PartPlan(NamedTuple):
    """A value of a record that may give a field, or that a template puts into a text.

    Attributes:
        cell: Place of its cell in a record, from 0 (CSV); -1 if it stands in an object.
        path: The keys that lead to it within its property (JSONL); none if it is the property.
        must_be_taken: Whether a record is deferred in which it is filled and gives no field.
        gives: The field that it gives where nothing else does; a record that has another value for it is
            deferred.
    """

    cell: int = -1
    path: tuple[bytes, ...] = ()
    must_be_taken: bool = False
    gives: Field | None = None


class TemplatePlan(NamedTuple):
    """A text that is made of parts.

    Attributes:
        parts: Their places among `RecordLayout.parts`.
        texts: The text ahead of each of them, and that behind the last one, UTF-8; those of a property as
            they stand between the quotes of JSON.
    """

    parts: Sequence[int]
    texts: Sequence[bytes]


class ConditionPlan(NamedTuple):
    """A condition on which an entry of a choice is tried.

    Attributes:
        parts: The places of the values that it compares among `RecordLayout.parts`.
        ask: Returns a text that is not empty if it holds, given the values as an array of JSON, in which null
            stands for one that is missing; None defers the record. The other text means nothing.
    """

    parts: Sequence[int]
    ask: Callable[[str], tuple[bytes, bytes] | None]


class ChoicePlan(NamedTuple):
    """What may give a field: the first of several values that is there.

    Attributes:
        field: The field; not ``properties``.
        entries: Places of parts, which are no property then, and templates.
        conditions: For each of them, when it is tried; None for always. None at all if all are always tried.
    """

    field: Field
    entries: Sequence[int | TemplatePlan]
    conditions: Sequence[ConditionPlan | None] = ()


class ColumnPlan(NamedTuple):
    """A column of CSV that becomes a property.

    Attributes:
        cell: Place of its cell in a record, from 0.
        name: Name of the property, UTF-8; one that JSON writes without an escape.
        type: Type of its cells.
        encode: Returns the JSON of a cell that the compiled code does not know; None defers the record.
        part: Place of its cell among `RecordLayout.parts`, if it may give a field; else -1.
    """

    cell: int
    name: bytes
    type: ColumnType
    encode: Callable[[str], bytes | None]
    part: int = -1


ValuePlan = Callable[[ColumnType], tuple[ColumnType, Callable[[str], bytes | None]]]
"""Returns as what compiled code may read values of a type, and what it asks for all other ones."""


class ValuePlans(NamedTuple):
    """How values are read.

    Attributes:
        of_cell: As ``type`` and ``encode`` of a `ColumnPlan`.
        of_json: As ``known_type`` and ``convert`` of a `KeyPlan`.
    """

    of_cell: ValuePlan
    of_json: ValuePlan


class ConstantPlan(NamedTuple):
    """A property that every event gets.

    Attributes:
        name: As in `ColumnPlan`.
        json: Its value as JSON.
    """

    name: bytes
    json: bytes


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """Where fields and properties stand in a record.

    Attributes:
        cells: The cell of each field that one column gives, from 0 (CSV); empty for JSONL.
        columns: The columns that become properties, sorted by name (CSV); empty for JSONL.
        keys: Return what a key means: the first in a line (JSONL), the second in the object of the properties
            column, all others in objects that stand in one of these.
        parts: Values that may give a field, or that templates put together.
        choices: What may give each other field.
        templates: Name (as in `ColumnPlan`) and template of each property that is made of parts.
    """

    cells: Mapping[Field, int]
    columns: Sequence[ColumnPlan]
    keys: Sequence[Callable[[str], KeyMeaning]]
    parts: Sequence[PartPlan] = ()
    choices: Sequence[ChoicePlan] = ()
    templates: Sequence[tuple[bytes, TemplatePlan]] = ()


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What an event may be without a note or a rejection.

    Attributes:
        string_characters: Most characters of a string.
        object_keys: Most keys of an object inside the properties.
        array_elements: Most elements of an array.
        nesting: Most objects inside one another.
        properties: Most properties beside those that every event has.
        event_bytes: Most bytes of an event as JSON.
        earliest_ms: Earliest time, in milliseconds since the epoch.
        refused_ids: Texts that are neither a distinct_id nor an ``$insert_id``.
        insert_id_bytes: Most bytes of an ``$insert_id``.
        insert_id_characters: The bytes that an ``$insert_id`` consists of.
    """

    string_characters: int
    object_keys: int
    array_elements: int
    nesting: int
    properties: int
    event_bytes: int
    earliest_ms: int
    refused_ids: AbstractSet[str]
    insert_id_bytes: int
    insert_id_characters: bytes


@dataclass(frozen=True, slots=True)
class MappingPlan:
    """How the records of a source become events.

    Attributes:
        layout: Where fields and properties stand in a record.
        limits: What an event may be.
        null: Texts that mean "no value" beside the empty one: of cells (CSV), or of fields and parts (JSONL).
        event: Name of every event; None if it is a field of the record.
        distinct_id: User of every event; None if it is a field of the record.
        defaults: The text of a field where a record has none.
        constants: Properties of every event.
        times: Reads times in the usual forms.
        no_event: Why a record without the name of an event is rejected.
        no_time: Why a record without a time is rejected; None if it is not.
        read_time: Returns the nanoseconds since the epoch of any other text, or why it is no time.
        read_number_as_time: The same for a number of JSON, given as its text.
        why_no_object: Returns why the cell of the properties' object is rejected; None if it may hold one.
        encode_number: Returns the canonical form of a number that the compiled code may not keep exactly.
        read_event_name: Returns the JSON of an event's name, and the note on it.
        is_reserved: Returns whether Mixpanel reserves the name of a property, so that it gets a note.
        row_suffix: Returns the end of what is hashed, from a record's number; None if rows don't count.
        note_on_names: Returns the note on such names, each of which ends in NUL; None for no note.
        note_on_long_texts: Returns the note on properties with long texts, given their names likewise.
        odd_texts: Finds the names of events and the ids that may get a note.
        has_note: Returns whether the text of a field gets a note; asked for an odd id, and for an ip that is
            no address of four numbers.
        has_part_note: The same for a value that a template puts into the field.
        other_id: Returns the id that is sent for one that gets a note or that Mixpanel refuses, and the note.
        number_notes: The notes on a user and an ``$insert_id`` that are numbers: what stands ahead of these
            and behind.
        note_no_user: The note on an event without a user.
        note_finer_time: The note on a time that is finer than milliseconds.
        tail: JSON that stands behind the ``$insert_id`` of an event without an ip.
        tail_with_ip: The same for an event with an ip.
    """

    layout: RecordLayout
    limits: EventLimits
    null: Sequence[str]
    event: str | None
    distinct_id: str | None
    defaults: Mapping[Field, str]
    constants: Sequence[ConstantPlan]
    times: Times
    no_event: str
    no_time: str | None
    read_time: Callable[[str], int | str | None]
    read_number_as_time: Callable[[str], int | str | None]
    why_no_object: Callable[[str], str | None]
    encode_number: Callable[[bytes], bytes | None]
    read_event_name: Callable[[str], tuple[bytes, bytes] | None]
    is_reserved: Callable[[str], bool]
    row_suffix: Callable[[int], bytes] | None
    note_on_names: Callable[[str], tuple[bytes, bytes] | None]
    note_on_long_texts: Callable[[str], tuple[bytes, bytes]]
    odd_texts: OddTexts
    has_note: Callable[[Field, str], bool]
    has_part_note: Callable[[Field, str], bool]
    other_id: Callable[[str], tuple[bytes, bytes] | None]
    number_notes: Mapping[Field, tuple[str, str]]
    note_no_user: str
    note_finer_time: str
    tail: bytes
    tail_with_ip: bytes
