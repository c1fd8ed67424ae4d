"""Many JSONL records at once: their objects become fields and properties."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import repeat
from typing import Any

from importer.events.found import Found, Properties
from importer.events.objects import Objects, Paths
from importer.events.types import BadValue
from importer.model import Field, Reading


class ObjectsAtOnce:
    """Reads the objects of many records, by one reading.

    Args:
        reading: How the source is read.
        constants: Names of the properties that ``--set`` gives.
        objects: Reads the object of one record.

    Attributes:
        plain: False if no record of this reading can go without care.
    """

    def __init__(self, reading: Reading, constants: Collection[str], objects: Objects) -> None:
        self._objects = objects
        self._outer, self._inner = objects.outer, objects.inner
        self._taken = frozenset({*reading.types, *reading.names, *constants})
        self._left = Properties(self._fits)
        self._bags = Properties(lambda name: name not in constants)
        self.plain = all(len(path) == 1 for path, _ in (*self._outer, *self._inner))

    def __call__(self, records: Sequence[Mapping[str, Any]]) -> Found:
        """Return what some records hold; at least one."""
        odd: set[int] = set()
        nested: set[int] = set()
        known: dict[Field, Sequence[Any]] = {}
        left = list(map(dict, records))
        _take(left, self._outer, known)
        reserved = self._left.settle(left, odd, nested)
        properties = left
        bags = known.pop("properties", None)
        if bags is not None:
            inside = [dict(bag) if type(bag) is dict else {} for bag in bags]
            odd.update(at for at, bag in enumerate(bags) if type(bag) is not dict and bag is not None)
            _take(inside, self._inner, known)
            reserved = self._bags.settle(inside, odd, nested) or reserved
            properties = inside
            if any(left):
                properties = [{**bag, **own} for bag, own in zip(inside, left, strict=True)]
                sizes = zip(map(len, properties), map(len, inside), map(len, left), strict=True)
                odd.update(at for at, (both, a, b) in enumerate(sizes) if both != a + b)
        return Found(known, properties, odd, nested, reserved)

    def _fits(self, name: str) -> bool:
        if name in self._taken:
            return False
        try:
            self._objects.check_surprise((name,))
        except BadValue:
            return False
        return True


def _take(objects: Sequence[dict[str, Any]], paths: Paths, known: dict[Field, Sequence[Any]]) -> None:
    """Take the values of fields out of objects."""
    for (key,), fields in paths:
        values = list(map(dict.pop, objects, repeat(key), repeat(None)))
        for field in fields:
            known[field] = values
