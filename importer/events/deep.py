"""A way through for objects that are nested deeper than Mixpanel takes: ``--deep``.

A property that fits is left as it is. One that does not is replaced, by what was chosen for it:

- ``json``: each object below the third level becomes the text of its JSON: compact, keys sorted, numbers in
  the form in which they are sent.
- ``flatten``: the property becomes properties whose names are the keys that lead to a value, joined by dots.
  A value is anything but an object with keys. What is nested too deep in an array becomes text, as above.
"""

from __future__ import annotations

from typing import Any

import orjson

from importer.errors import BadValue
from importer.events.canonical import canonical
from importer.events.property_names import PropertyNames
from importer.mixpanel.limits import MAX_NESTING
from importer.mixpanel.nesting import CONTAINERS, too_deep
from importer.reading import Deep, Reading
from importer.text import counted, quoted

_UNDOCUMENTED = (
    "that an object in an array is a level below the array is a guess: Mixpanel does not document it"
)


class DeepValues:
    """Replaces properties that are nested too deep, by one reading.

    Attributes:
        changes: False if none is ever replaced: then the record is invalid.
    """

    def __init__(self, reading: Reading) -> None:
        self._deep = reading.deep
        names = PropertyNames(reading)
        self._by_name: dict[str, Deep] = {
            names.of_column(column) or column: deep for column, deep in reading.deep_columns.items()
        }
        self.changes = {"reject"} != {self._deep, *self._by_name.values()}

    def choice(self, name: str) -> Deep:
        """Return what becomes of a property that is nested too deep."""
        return self._by_name.get(name, self._deep)

    def replace(self, properties: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        """Return the properties with those replaced that are nested too deep.

        Args:
            properties: All properties of an event. They stay as they are.
            notes: Gets a note on each that is replaced.

        Raises:
            BadValue: A name that it gets is there already; or it can't be written as JSON.
        """
        if CONTAINERS.isdisjoint(map(type, properties.values())):
            return properties
        replaced: dict[str, Any] = {}
        for name, value in properties.items():
            depth = too_deep(value) if type(value) in CONTAINERS else ""
            choice = self.choice(name) if depth else "reject"
            if choice == "reject":
                made = {name: value}
            else:
                made = self._replacement(name, value, choice)
                what = (
                    "sent as JSON text" if choice == "json" else f"flattened to {counted(len(made), 'value')}"
                )
                notes.append(f"{name}: nested deeper than {MAX_NESTING} objects, so {what}")
                if depth == "perhaps":
                    notes.append(f"{name}: {_UNDOCUMENTED}")
            for key, item in made.items():
                if key in replaced:
                    raise _given_twice(name, key)
                replaced[key] = item
        return replaced

    def _replacement(self, name: str, value: Any, choice: Deep) -> dict[str, Any]:
        try:
            if choice == "json" or type(value) is list:
                return {name: _with_text_below(value, 0)}
            return _flattened(name, value)
        except (orjson.JSONEncodeError, RecursionError):
            raise BadValue(f"{name}: nested too deep to be written as JSON") from None


def _with_text_below(value: Any, objects_above: int) -> Any:
    """Return a value with each object that is nested too deep as the text of its JSON."""
    if type(value) is dict:
        if objects_above == MAX_NESTING:
            return orjson.dumps(canonical(value), option=orjson.OPT_SORT_KEYS).decode()
        return {key: _with_text_below(item, objects_above + 1) for key, item in value.items()}
    if type(value) is list:
        return [_with_text_below(item, objects_above) for item in value]
    return value


def _flattened(name: str, value: Any) -> dict[str, Any]:
    """Return the values of an object by the keys that lead to them, behind a name.

    Raises:
        BadValue: Two of them have the same keys, joined by dots.
    """
    found: dict[str, Any] = {}
    stack = [(name, value)]
    while stack:
        path, item = stack.pop()
        if type(item) is dict and item:
            stack += [(f"{path}.{key}", below) for key, below in reversed(item.items())]
        else:
            if path in found:
                raise _given_twice(name, path)
            found[path] = _with_text_below(item, 0)
    return found


def _given_twice(name: str, key: str) -> BadValue:
    return BadValue(f"{name}: nested too deep, and flattened it would give the property {quoted(key)} twice")
