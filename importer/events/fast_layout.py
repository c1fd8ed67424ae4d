"""Where fields and properties stand in a record, as the plan of the fast path has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import orjson

from importer.errors import BadValue
from importer.events.columns import Path, path_to
from importer.events.fast_names import (
    NAMES_OF_FIELDS,
    is_encodable,
    is_plain_name,
    is_reserved,
    is_written_as_it_is,
)
from importer.events.fast_parts import (
    alternative_columns,
    choice_plans,
    columns_of_parts,
    template_plans,
    templates_in,
)
from importer.events.field_names import PROPERTY_OF
from importer.events.layout import (
    LateKeys,
    Paths,
    field_columns,
    field_paths,
    path_in_record,
    property_columns,
    set_fields,
)
from importer.events.property_names import PropertyNames
from importer.events.templates import set_templates
from importer.reading import ColumnType, Field, Reading
from importer.speedups.plan import (
    ColumnPlan,
    KeyMeaning,
    KeyPlan,
    PartPlan,
    RecordLayout,
    ValuePlan,
    ValuePlans,
)

_OF_LINES: Final = 0
_OF_PROPERTIES: Final = 1  # places of `RecordLayout.keys`
_encode: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def make_layout(reading: Reading, constants: Collection[str], values: ValuePlans) -> RecordLayout | None:
    """Return where fields and properties stand in the records of a source; None if a plan can't say it.

    That is so if several columns may give the properties; or if a property's name needs an escape in JSON, or
    a path leads into a cell (CSV); or if the properties stand deeper in an object than directly in a line, a
    field stands in a list, or a value is both a field and an object that holds one (JSONL).

    Args:
        reading: How the source is read.
        constants: Names of the properties that ``--set`` gives.
        values: How values are read.
    """
    if "properties" in reading.alternatives or _leads_into_lists(reading):
        return None
    templates = set_templates(reading)
    texts = [text for each in templates_in(reading) for text in each.texts]
    texts += columns_of_parts(reading)
    if not all(map(is_plain_name, templates)) or not all(map(is_encodable, texts)):
        return None
    if not templates.keys().isdisjoint(constants):
        return None
    added = frozenset({*constants, *templates})
    if reading.dialect.has_cells:
        return _layout_of_cells(reading, added, values.of_cell)
    return _layout_of_objects(reading, added, values.of_json)


def _leads_into_lists(reading: Reading) -> bool:
    """Return whether the path of a column leads to an element of a list."""
    named = (*reading.fields.values(), *columns_of_parts(reading))
    return any(isinstance(step, int) for column in named for step in path_to(column, reading.columns))


# ── cells ────────────────────────────────────────────────────────────────────────────────────────


def _layout_of_cells(reading: Reading, added: Collection[str], values: ValuePlan) -> RecordLayout | None:
    columns, names = property_columns(reading), PropertyNames(reading)
    properties = [each for each in columns if each.name not in NAMES_OF_FIELDS]
    called, parts = {each.name for each in properties}, columns_of_parts(reading)
    if not all(map(is_written_as_it_is, called)) or not called.isdisjoint(added):
        return None
    absent = [column for column in parts if column not in reading.columns]  # they never have a value
    if any(path_to(column, reading.columns)[0] in reading.columns for column in absent):  # into a cell
        return None
    guarded = [each.column for each in columns if each.name in NAMES_OF_FIELDS]
    watched = list(dict.fromkeys([*parts, *guarded]))
    numbers = {column: number for number, column in enumerate(watched)}
    elsewhere = _fields_within(reading)
    by_name = {PROPERTY_OF[field]: number for number, field in enumerate(elsewhere, len(watched))}
    alternatives = alternative_columns(reading)
    return RecordLayout(
        cells={field: reading.columns.index(column) for field, column in reading.fields.items()},
        columns=[
            ColumnPlan(
                each.cell,
                each.name.encode(),
                *values(each.type),
                numbers[each.column] if each.column in alternatives else -1,
            )
            for each in properties
        ],
        keys=[lambda _: "defer", partial(_meaning_in_cell, names, added, by_name)],
        parts=[
            *(
                PartPlan(
                    cell=-1 if column in absent else reading.columns.index(column),
                    must_be_taken=column in guarded,
                )
                for column in watched
            ),
            *(PartPlan(gives=field) for field in elsewhere),
        ],
        choices=choice_plans(reading, numbers),
        templates=template_plans(reading, numbers),
    )


def _fields_by_rename(reading: Reading) -> list[Field]:
    """Return the fields whose name a property gets from a rename, so that it may give them."""
    given, new = set_fields(reading), {*reading.renames.values(), *reading.names.values()}
    return [field for field, name in PROPERTY_OF.items() if name in new and field not in given]


def _fields_within(reading: Reading) -> list[Field]:
    """Return the fields that a property within the properties column may give, as it has their name."""
    given = set_fields(reading)
    return [field for field in PROPERTY_OF if "properties" in reading.fields and field not in given]


def _meaning_in_cell(
    names: PropertyNames, added: Collection[str], by_name: Mapping[str, int], key: str
) -> KeyMeaning:
    """Return what a key of the object in the properties' cell means.

    Args:
        names: What keys are called.
        added: Properties that ``--set`` gives.
        by_name: The place of the part that holds the value of a field, by the name of this.
        key: The key.
    """
    name = names.of_key(key)
    if name is None:
        return KeyPlan()
    if name in by_name:
        return KeyPlan(part=by_name[name])
    if name in NAMES_OF_FIELDS or name in added or not is_written_as_it_is(name):
        return "defer"
    if name == key:
        return "reserved" if is_reserved(name) else "property"
    return KeyPlan(name.encode(), is_reserved(name))


# ── objects ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Spot:
    """A place in an object of which something is known.

    Attributes:
        fields: The fields that stand there.
        part: Its place among the parts; -1 if it is none.
        may_give: Whether it may give a field by itself, as one of several.
        is_left_out: Whether it never is a property.
        places: The places in the object that stands there, by their keys.
        number: Where what these keys mean stands in `RecordLayout.keys`; -1 if there are none.
    """

    fields: frozenset[Field] = frozenset()
    part: int = -1
    may_give: bool = False
    is_left_out: bool = False
    places: dict[str, _Spot] = field(default_factory=dict)
    number: int = -1

    def at(self, path: Path) -> _Spot:
        """Return the place at the end of a path of keys."""
        place = self
        for key in path:
            place = place.places.setdefault(str(key), _Spot())
        return place

    def nested(self) -> list[_Spot]:
        """Return the places of objects in this one, as deep as they stand, that hold others."""
        return [
            each for inner in self.places.values() for each in ([inner] * bool(inner.places) + inner.nested())
        ]

    def is_clear(self) -> bool:
        """Return whether nothing is both a field and an object that holds one."""
        return all(not (each.fields and each.places) and each.is_clear() for each in self.places.values())


class _Spots:
    """The places in the objects of a source: in those of lines, and in those of the properties column.

    Args:
        reading: How the source is read.

    Attributes:
        outside: Those in the objects of lines.
        inside: Those in the objects of the properties column.
        columns: The columns that may give a field, or stand in templates.
        numbers: The place of each of these among the parts.
        paths: Those of them that are paths: a key of that very name would be another value.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.outside, self.inside = _Spot(), _Spot()
        paths = field_paths(reading)
        self._put_fields(self.outside, paths.outside)
        self._put_fields(self.inside, paths.inside)
        bag = reading.fields.get("properties")
        self._bag = None if bag is None else path_to(bag, reading.columns)
        self.columns = columns_of_parts(reading)
        self.numbers = {column: number for number, column in enumerate(self.columns)}
        self.paths = frozenset(c for c in self.columns if len(path_in_record(c, reading)) > 1)
        alternatives = alternative_columns(reading)
        left_out = field_columns(reading) - {*reading.fields.values()}
        for column, number in self.numbers.items():
            place = self.place_of(column)
            place.part = number
            place.may_give = column in alternatives
            place.is_left_out = column in left_out

    def _put_fields(self, root: _Spot, paths: Paths) -> None:
        for path, fields in paths:
            root.at(path).fields |= frozenset(fields)

    def is_inside(self, column: str) -> bool:
        """Return whether a column stands in the object of the properties column."""
        path, bag = path_in_record(column, self.reading), self._bag
        return bag is not None and len(path) > len(bag) and path[: len(bag)] == bag

    def path(self, column: str) -> Path:
        """Return the keys that lead to a column, from the line or from the properties' object."""
        path = path_in_record(column, self.reading)
        return path[len(self._bag or ()) :] if self.is_inside(column) else path

    def place_of(self, column: str) -> _Spot:
        """Return the place of a column."""
        return (self.inside if self.is_inside(column) else self.outside).at(self.path(column))

    def are_planned(self) -> bool:
        """Return whether a plan can say where all that stands."""
        if self._bag is not None:
            bag = self.outside.at(self._bag)
            if len(self._bag) > 1 or bag.places or bag.part >= 0:
                return False
        numbers = {*self.numbers.values()}
        placed = {each.part for root in (self.outside, self.inside) for each in _all_of(root)} - {-1}
        return placed == numbers and self.outside.is_clear() and self.inside.is_clear()


def _all_of(place: _Spot) -> list[_Spot]:
    return [each for inner in place.places.values() for each in (inner, *_all_of(inner))]


def _layout_of_objects(reading: Reading, added: Collection[str], values: ValuePlan) -> RecordLayout | None:
    columns = {*reading.fields.values(), *columns_of_parts(reading)}
    if any(isinstance(step, int) for column in columns for step in path_to(column, reading.columns)):
        return None  # in a list
    places = _Spots(reading)
    if not places.are_planned():
        return None
    nested = [*places.outside.nested(), *places.inside.nested()]
    for number, place in enumerate(nested, _OF_PROPERTIES + 1):
        place.number = number
    elsewhere = _fields_by_rename(reading), _fields_within(reading)
    starts = len(places.columns), len(places.columns) + len(elsewhere[0])
    by_names = [
        {PROPERTY_OF[field]: number for number, field in enumerate(fields, start)}
        for fields, start in zip(elsewhere, starts, strict=True)
    ]
    names = PropertyNames(reading)
    beside = partial(_name_beside, reading, LateKeys(reading), names, added)
    within = partial(_name_within, names, added)
    return RecordLayout(
        cells={},
        columns=(),
        keys=[
            partial(_meaning_outside, places, beside, by_names[0], values),
            partial(_meaning, places.inside, within, by_names[1], values),
            *(partial(_meaning_deep, place) for place in nested),
        ],
        parts=[
            *(
                PartPlan(
                    path=tuple(str(key).encode() for key in places.path(column)[1:]),
                    must_be_taken=_must_be_taken(
                        places, column, within if places.is_inside(column) else beside
                    ),
                )
                for column in places.columns
            ),
            *(PartPlan(gives=field) for fields in elsewhere for field in fields),
        ],
        choices=choice_plans(reading, places.numbers),
        templates=template_plans(reading, places.numbers),
    )


_Naming = Callable[[str], tuple[str, ColumnType | None] | None]
"""Returns the name of the property that a key becomes, and the type that its value must have; None to defer
the records that have the key. A key of the type ``skip`` is left out."""


def _name_beside(
    reading: Reading, late_keys: LateKeys, names: PropertyNames, added: Collection[str], key: str
) -> tuple[str, ColumnType | None] | None:
    """Return the name and the type of a key beside the mapped ones, as `_Naming`."""
    name, kind = names.of_column(key), reading.types.get(key)
    try:
        late_keys.check((key,))
    except BadValue:
        return None
    if name is None or kind == "skip":
        return key, "skip"
    return None if name in added else (name, kind)


def _name_within(
    names: PropertyNames, added: Collection[str], key: str
) -> tuple[str, ColumnType | None] | None:
    """Return the name of a key in the properties' object, as `_Naming`."""
    name = names.of_key(key)
    if name is None:
        return key, "skip"
    return None if name in added else (name, None)


def _must_be_taken(places: _Spots, column: str, naming: _Naming) -> bool:
    """Return whether a value would be a field of its own, if it does not give one."""
    path, place = places.path(column), places.place_of(column)
    if len(path) > 1 or not place.may_give or place.is_left_out:
        return False
    named = naming(str(path[0]))
    return named is not None and named[1] is None and named[0] in PROPERTY_OF.values()


def _meaning(
    root: _Spot, naming: _Naming, by_name: Mapping[str, int], values: ValuePlan, key: str
) -> KeyMeaning:
    """Return what a key means in a line, or in the properties' object.

    Args:
        root: What is known of their places.
        naming: What keys are called.
        by_name: The place of the part that holds the value of a field, by the name of this.
        values: How values of another type are read than that which they should have.
        key: The key.
    """
    place = root.places.get(key, _NOWHERE)
    if place.fields:
        return KeyPlan(fields=place.fields, part=place.part)
    named = naming(key)
    if named is None:
        return "defer"
    name, kind = named
    if kind == "skip" or place.is_left_out:
        return KeyPlan(part=place.part, keys=place.number)
    if name in PROPERTY_OF.values() and kind is None and place.may_give and not place.places:
        return KeyPlan(part=place.part)
    if place is _NOWHERE and kind is None and name in by_name:
        return KeyPlan(part=by_name[name])
    if name in NAMES_OF_FIELDS or not is_written_as_it_is(name):
        return "defer"
    if place is _NOWHERE and name == key and kind is None:
        return "reserved" if is_reserved(name) else "property"
    known, convert = (None, None) if kind is None else values(kind)
    return KeyPlan(
        name.encode(), is_reserved(name), frozenset(), place.part, place.number, kind, known, convert
    )


_NOWHERE: Final = _Spot()


def _meaning_outside(
    places: _Spots, naming: _Naming, by_name: Mapping[str, int], values: ValuePlan, key: str
) -> KeyMeaning:
    """Return what a key of a line means; arguments as for `_meaning`."""
    return "defer" if key in places.paths else _meaning(places.outside, naming, by_name, values, key)


def _meaning_deep(place: _Spot, key: str) -> KeyMeaning:
    """Return what a key means in an object that stands deeper."""
    inner = place.places.get(key)
    if inner is None:
        return "property"
    return KeyPlan(fields=inner.fields, part=inner.part, keys=inner.number)
