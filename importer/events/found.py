"""What is found in many records before their events are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from importer.events import rules
from importer.events.mapping import PROPERTY_OF
from importer.events.types import canonical, canonical_numbers
from importer.events.written import TAG
from importer.model import Field

ROOM: Final = rules.MAX_PROPERTIES - 5
"""Properties that an event has room for beside time, distinct_id, $insert_id, ip and a tag."""

_OF_FIELDS: Final = frozenset({*PROPERTY_OF.values(), "token", TAG})
_MAY_CHANGE: Final = frozenset({float, dict, list})
_MOST_KNOWN: Final = 10_000


class Found(NamedTuple):
    """Fields and properties of some records.

    Attributes:
        known: What the fields hold; None or empty where a record has none.
        properties: The other properties of each, canonical and free to be changed; a text among them may be
            too long.
        odd: Positions of the records that need care.
        nested: Positions of the records with objects or arrays, which may be too large or too deep.
        reserved: True if a name among the properties may be one that Mixpanel reserves.
    """

    known: dict[Field, Sequence[Any]]
    properties: list[dict[str, Any]]
    odd: set[int]
    nested: set[int]
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


class Properties:
    """Brings the properties of many records into the form in which they are sent.

    Args:
        fits: Tells whether a property of this name needs no care.
    """

    def __init__(self, fits: Callable[[str], bool]) -> None:
        self._fits = fits
        self._fit: set[str] = set()
        self._reserved: set[str] = set()

    def settle(self, objects: Sequence[dict[str, Any]], odd: set[int], nested: set[int]) -> bool:
        """Bring the values of objects into canonical form, and name those that need care.

        Args:
            objects: They are changed.
            odd: Gets the positions of objects whose keys need care.
            nested: Gets the positions of objects that hold others or arrays.

        Returns:
            True if a key of one of them may be reserved.
        """
        names = set(chain.from_iterable(objects))
        if not names <= self._fit:
            unfit = self._learn(names)
            odd.update(at for at, own in enumerate(objects) if not unfit.isdisjoint(own))
        may_change = [
            (at, own, key, value)
            for at, own in enumerate(objects)
            for key, value in own.items()
            if value.__class__ is not str and value.__class__ in _MAY_CHANGE
        ]
        numbers = canonical_numbers([value for _, _, _, value in may_change])  # the others stay as they are
        for (at, own, key, value), number in zip(may_change, numbers, strict=True):
            if value.__class__ is float:
                own[key] = number
            else:
                own[key] = canonical(value)
                nested.add(at)
        return not names.isdisjoint(self._reserved)

    def _learn(self, names: set[str]) -> set[str]:
        """Judge names, and return those that need care."""
        if len(self._fit) > _MOST_KNOWN:
            self._fit.clear()
        unfit = {name for name in names if not (are_own((name,)) and self._fits(name))}
        self._fit |= names - unfit
        self._reserved = {name for name in self._fit if rules.note_on_names((name,))}
        return unfit
