"""Which properties are kept, and what they are called: by names and patterns of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from importer.errors import BadValue
from importer.events.canonical import clash
from importer.events.field_names import PROPERTY_OF
from importer.reading import Reading
from importer.text import Remembered

STAR: Final = "*"
_UNPREFIXED: Final = frozenset({"distinct_id", "time", "ip", "token"})
"""Names that are no properties to Mixpanel, beside those that begin with ``$``."""


def is_pattern(name: str) -> bool:
    """Return whether a name stands for several, with a ``*`` for any characters."""
    return STAR in name


def pattern_fault(pattern: str, new: str = "") -> str:
    """Return what is wrong with a pattern, and with the name that it becomes; empty if nothing is."""
    if pattern.count(STAR) > 1:
        return "found more than one *"
    if new and new.count(STAR) != pattern.count(STAR):
        return "found a * on one side only"
    return ""


def name_fault(new: str) -> str:
    """Return why a property can't be given a name, and what to do; empty if it can.

    The fields of other names are given by a property that is called so, where nothing else gives them.
    """
    if new == "token":
        return "a token is never part of an event"
    if new == "$insert_id":
        return "it would be replaced by the id of the event: write --map insert_id=COLUMN"
    return ""


def fits(pattern: str, name: str) -> str | None:
    """Return what the ``*`` of a pattern stands for in a name; None if the name is none of these."""
    begin, _, end = pattern.partition(STAR)
    if len(name) >= len(begin) + len(end) and name.startswith(begin) and name.endswith(end):
        return name[len(begin) : len(name) - len(end)]
    return None


def fits_any(patterns: Iterable[str], name: str) -> bool:
    """Return whether a name is one of several patterns."""
    return any(fits(pattern, name) is not None for pattern in patterns)


_FIELDS: Final = frozenset({*PROPERTY_OF.values(), "token"})
"""Names of what is no property, or gives a field."""


class PropertyNames:
    """What becomes of the properties of a source: what ``only``, ``drop``, ``rename`` and ``prefix`` say.

    They speak of names as the source has them: of a column, or of a key within its properties. A name that
    is given exactly counts before a pattern, and of patterns the first that fits. ``names`` are those of
    columns alone.

    Attributes:
        changes: False if all properties are kept under their own names.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._only = tuple(filter(is_pattern, reading.only))
        self._drop = tuple(filter(is_pattern, reading.drop))
        self._patterns = tuple((old, new) for old, new in reading.renames.items() if is_pattern(old))
        self._known: Remembered[str, str | None] = Remembered(self._find)
        self._given: Remembered[str, bool] = Remembered(self._is_given)
        self.changes = bool(reading.only or reading.drop or reading.renames or reading.prefix)

    def is_given(self, name: str) -> bool:
        """Return whether the mapping itself gives a property this name: then it is meant."""
        return self._given[name]

    def _is_given(self, name: str) -> bool:
        reading = self._reading
        exact = (reading.names.values(), reading.renames.values(), reading.constants, reading.templates)
        if any(name in names for names in exact):
            return True
        return any(len(new) > 1 and fits(new, name) is not None for _, new in self._patterns)

    def of_column(self, name: str) -> str | None:
        """Return what the property of a column is called; None if it is left out."""
        if name in self._reading.names:
            return self._reading.names[name] if self._is_kept(name) else None
        return self._known[name] if self.changes else name

    def of_key(self, name: str) -> str | None:
        """Return what the property of a key within the properties is called; None if it is left out."""
        return self._known[name] if self.changes else name

    def of_keys(self, properties: dict[str, Any], notes: list[str]) -> dict[str, Any]:
        """Return properties under their new names, without those that are left out.

        Args:
            properties: The properties by their keys.
            notes: As for `together`.

        Raises:
            BadValue: As for `together`.
        """
        if not self.changes:
            return properties
        known = self._known
        return together(
            [(key, name, value) for key, value in properties.items() if (name := known[key]) is not None],
            notes,
        )

    def _find(self, name: str) -> str | None:
        reading = self._reading
        if not self._is_kept(name):
            return None
        if name in reading.renames:
            return reading.renames[name]
        for pattern, new in self._patterns:
            part = fits(pattern, name)
            if part is not None:
                return new.replace(STAR, part)
        if not reading.prefix or name.startswith("$") or name in _UNPREFIXED:
            return name
        return reading.prefix + name

    def _is_kept(self, name: str) -> bool:
        reading = self._reading
        if name in reading.drop:
            return False
        if reading.only:
            if name in reading.only:
                return True
            if not fits_any(self._only, name):
                return False
        return not fits_any(self._drop, name)


Named = tuple[str, str, Any]
"""A value: its name in the source, its name as a property, and what it is."""


def together(items: Sequence[Named], notes: list[str]) -> dict[str, Any]:
    """Return values by their names as properties; an empty one gives way to another of its name.

    Where two that differ would have one name, the one that got it by a mapping keeps its old name.

    Args:
        items: The values.
        notes: Gets a note on each that keeps its old name.

    Raises:
        BadValue: The old name is that of another one, too, or that of a field.
    """
    named: dict[str, Any] = {}
    for _, name, value in items:
        if name in named:
            if value is None or value == "":
                continue
            if clash(named[name], value):
                return _apart(items, notes)
        named[name] = value
    return named


def _apart(items: Sequence[Named], notes: list[str]) -> dict[str, Any]:
    """Return the same for values of which two would have one name."""
    named = {name: value for old, name, value in items if name == old}
    for old, name, value in items:
        if name == old or (name in named and (value is None or value == "")):
            continue
        if name not in named or not clash(named[name], value):
            named[name] = value
        elif old in named or old in _FIELDS:
            raise BadValue(f"{name}: two properties with different values would have this name")
        else:
            named[old] = value
            notes.append(f"{old}: keeps its name, as {name} is another property")
    return named
