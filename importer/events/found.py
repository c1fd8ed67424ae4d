"""What is found in many records before their events are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from importer.events import rules
from importer.events.mapping import PROPERTY_OF
from importer.events.types import canonical, canonical_numbers
from importer.events.written import TAG
from importer.model import Field

ROOM: Final = rules.MAX_PROPERTIES - 5
"""Properties that an event has room for beside time, distinct_id, $insert_id, ip and a tag."""

_OF_FIELDS: Final = frozenset({*PROPERTY_OF.values(), "token", TAG})
_SCALARS: Final = frozenset({int, bool, type(None)})
_NUMBERS: Final = frozenset({int, float, bool, type(None)})
_MAY_BREAK: Final = frozenset({str, dict, list})
_MAY_CHANGE: Final = frozenset({float, dict, list})
_MOST_SHAPES: Final = 10_000
_FEW: Final = 10  # fewer objects cost more by columns than by rows


class Found(NamedTuple):
    """Fields and properties of some records.

    Attributes:
        known: What the fields hold; None or empty where a record has none.
        properties: The other properties of each, canonical and without a breach of rules; free to be changed.
        odd: Positions of the records of which that can't be said.
        reserved: True if a name among the properties may be one that Mixpanel reserves.
    """

    known: dict[Field, Sequence[Any]]
    properties: list[dict[str, Any]]
    odd: set[int]
    reserved: bool


def are_own(names: Sequence[str]) -> bool:
    """True if none of these names of properties means a field, and none is one of ours."""
    return _OF_FIELDS.isdisjoint(names)


def put(values: Sequence[Any], name: str, properties: Sequence[dict[str, Any]]) -> None:
    """Give each record its value of a column as a property of that name, where it has one."""
    if None in values:
        for own, value in zip(properties, values, strict=True):
            if value is not None:
                own[name] = value
    else:
        for own, value in zip(properties, values, strict=True):
            own[name] = value


class Shapes:
    """Checks objects, those with equal keys together.

    Args:
        fits: Tells of keys whether objects that have them need no care.
    """

    def __init__(self, fits: Callable[[tuple[str, ...]], bool]) -> None:
        self._fits = fits
        self._known: dict[tuple[str, ...], tuple[bool, bool]] = {}

    def settle(self, objects: Sequence[dict[str, Any]], odd: set[int], *, harmless: bool = False) -> bool:
        """Bring the values of objects into canonical form, and name those that need care.

        Args:
            objects: They are changed.
            odd: Gets the positions of objects whose keys or values need care.
            harmless: True if it is known that no value breaks a rule (`rules.is_harmless`).

        Returns:
            True if a key of one of them may be reserved.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        for at, shape in enumerate(map(tuple, objects)):
            if shape in groups:
                groups[shape].append(at)
            else:
                groups[shape] = [at]
        reserved, rest = False, []
        for shape, members in groups.items():
            fits, may_be_reserved = self._judge(shape)
            reserved = reserved or may_be_reserved
            if not fits:
                odd.update(members)
            elif len(members) < _FEW:
                rest += members
            else:
                _settle_alike(shape, [objects[at] for at in members], members, odd, harmless=harmless)
        if rest:
            _settle_each([objects[at] for at in rest], rest, odd)
        return reserved

    def _judge(self, shape: tuple[str, ...]) -> tuple[bool, bool]:
        if shape not in self._known:
            if len(self._known) >= _MOST_SHAPES:
                self._known.clear()
            fits = are_own(shape) and self._fits(shape)
            self._known[shape] = fits, bool(rules.note_on_names(shape))
        return self._known[shape]


def _settle_alike(
    shape: tuple[str, ...],
    objects: Sequence[dict[str, Any]],
    at: Sequence[int],
    odd: set[int],
    *,
    harmless: bool,
) -> None:
    """Settle objects of one shape, key by key."""
    for key, values in zip(shape, zip(*map(dict.values, objects), strict=True), strict=False):
        kinds = set(map(type, values))
        if kinds <= _SCALARS or (kinds == {str} and (harmless or rules.are_short(values))):
            continue
        if not harmless and not kinds.isdisjoint(_MAY_BREAK):
            odd.update(i for i, value in zip(at, values, strict=True) if not rules.is_plain(value))
        if kinds <= _NUMBERS:
            put(canonical_numbers(values), key, objects)
        elif not kinds.isdisjoint(_MAY_CHANGE):
            _make_canonical(key, values, objects)


def _settle_each(objects: Sequence[dict[str, Any]], at: Sequence[int], odd: set[int]) -> None:
    """Settle objects one by one: those that share their shape with few others."""
    texts = [value for each in objects for value in each.values() if type(value) is str]
    are_short = rules.are_short(texts)
    for where, each in zip(at, objects, strict=True):
        may_change = not _MAY_CHANGE.isdisjoint(map(type, each.values()))
        if (may_change or not are_short) and not all(map(rules.is_plain, each.values())):
            odd.add(where)
        if may_change:
            for key, value in each.items():
                if type(value) in _MAY_CHANGE:
                    each[key] = canonical(value)


def _make_canonical(key: str, values: Sequence[Any], objects: Sequence[dict[str, Any]]) -> None:
    for each, value in zip(objects, values, strict=True):
        if type(value) in _MAY_CHANGE:
            each[key] = canonical(value)
