"""Objects and lists that an export wrote as text, and the object of properties among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from importer import exact_json
from importer.errors import BadValue
from importer.events.columns import Path, path_to, value_at, with_value
from importer.reading import Reading

_BEGINS: Final = ("{", "[")


def begins_json(value: Any) -> bool:
    """Return whether a value is a text that begins as an object or a list of JSON."""
    return type(value) is str and value.lstrip()[:1] in _BEGINS


def read_text(text: str, notes: list[str]) -> Any:
    """Return the object or the list that a text is, and add a note on what is not kept of it.

    Raises:
        exact_json.BadJSON: It is none.
    """
    value, note = exact_json.loads_all(text.strip().encode("utf-8", "surrogateescape"))
    if note:
        notes.append(note)
    return value


def opened(column: str, value: Any, notes: list[str]) -> Any:
    """Return the object or the list that a text is; a value itself if it does not begin as one.

    Raises:
        BadValue: It begins as one, and is none; holds nothing of it.
    """
    if not begins_json(value):
        return value
    try:
        return read_text(value, notes)
    except exact_json.BadJSON:
        raise BadValue(f"{column}: expected JSON") from None


def value_through(path: Path, value: Any) -> Any:
    """Return what stands at a path, be it in a text or a text itself; None if nothing does."""
    for at in range(len(path) + 1):
        value = value_at(path[at - 1 : at] if at else (), value)
        if begins_json(value):
            try:
                value = read_text(value, [])
            except exact_json.BadJSON:
                return value if at == len(path) else None
    return value


def bags_of(reading: Reading) -> tuple[str, ...]:
    """Return the columns that may give the properties."""
    bag = reading.fields.get("properties")
    return (*([] if bag is None else [bag]), *reading.alternatives.get("properties", ()))


def make_bag_opener(
    reading: Reading,
) -> Callable[[Any, list[str]], dict[str, Any]] | None:
    """Return what puts the object in the place of the text that it is, in each column of properties.

    What is no JSON stays as it is. None where no column has properties. Only for records that are objects.
    """
    bags = [path_to(bag, reading.columns) for bag in bags_of(reading)]

    def open_bags(values: Any, notes: list[str]) -> dict[str, Any]:
        for bag in bags:
            text = value_at(bag, values)
            if not begins_json(text):
                continue
            try:
                values = dict(with_value(bag, values, read_text(text, notes)))
            except exact_json.BadJSON:
                continue  # said where the properties are read
        return values  # type: ignore[no-any-return]

    return open_bags if bags else None


def make_opened_at(reading: Reading) -> Callable[[Path, Any], Any]:
    """Return what finds a value at a path in an object, also within the text of its properties.

    What it returns raises `BadValue`, which holds nothing of the record, where that text is no JSON.
    """
    bags = [path_to(bag, reading.columns) for bag in bags_of(reading)]

    def opened_at(path: Path, values: Any) -> Any:
        for bag in bags:
            if len(path) > len(bag) and path[: len(bag)] == bag:
                text = value_at(bag, values)
                if begins_json(text):
                    return value_at(path[len(bag) :], opened(".".join(map(str, bag)), text, []))
        return value_at(path, values)

    return opened_at
