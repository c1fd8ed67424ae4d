"""How deep the objects inside a property are nested, and how large they and its arrays are.

"Max nesting depth is 3" counts objects: the object that is a property's value is the first level. Mixpanel
does not document how an array counts. Here an array is no level, and an object in it is one level below what
holds the array. Where only that makes an object too deep, the message says so.

The stacks are explicit, so that JSON of a thousand levels is a violation and not a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from importer.mixpanel.limits import MAX_ARRAY_ELEMENTS, MAX_NESTED_KEYS, MAX_NESTING

if TYPE_CHECKING:
    from importer.reading import JSON

CONTAINERS: Final = frozenset({dict, list})
"""The types of values that hold others."""

TooDeep = Literal["", "surely", "perhaps"]
"""Whether an object is nested too deep: no, surely, or only if an object in an array is a level below it."""

_TOO_DEEP: Final = f"objects must be nested at most {MAX_NESTING} deep, found more"
_ONLY_IN_ARRAYS: Final = (
    f"{_TOO_DEEP}, if an object in an array is a level below the array, which Mixpanel does not document"
)


def nesting_problem(value: JSON) -> str:
    """Return what is wrong with an object or array inside the properties; empty if nothing is."""
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        item, objects_above = stack.pop()
        if type(item) is dict:
            if objects_above == MAX_NESTING:
                return _TOO_DEEP if too_deep(value) == "surely" else _ONLY_IN_ARRAYS
            if len(item) > MAX_NESTED_KEYS:
                return f"an object must have at most {MAX_NESTED_KEYS} keys, found {len(item)}"
            stack += [(child, objects_above + 1) for child in item.values() if type(child) in CONTAINERS]
        elif type(item) is list:
            if len(item) > MAX_ARRAY_ELEMENTS:
                return f"an array must have at most {MAX_ARRAY_ELEMENTS} elements, found {len(item)}"
            stack += [(child, objects_above) for child in item if type(child) in CONTAINERS]
    return ""


def too_deep(value: JSON) -> TooDeep:
    """Return whether an object inside the value of a property is nested deeper than Mixpanel takes."""
    found: TooDeep = ""
    stack: list[tuple[Any, int, bool]] = [(value, 0, False)]
    while stack:
        item, objects_above, in_array = stack.pop()
        if type(item) is dict:
            if objects_above == MAX_NESTING:
                if not in_array:
                    return "surely"
                found = "perhaps"
                continue
            below = objects_above + 1
            stack += [(child, below, in_array) for child in item.values() if type(child) in CONTAINERS]
        elif type(item) is list:
            stack += [(child, objects_above, True) for child in item if type(child) in CONTAINERS]
    return found
