"""Names of properties, as far as the plan of the fast path can hold them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import orjson

from importer.events.body import TAG
from importer.events.field_names import PROPERTY_OF
from importer.mixpanel import rules

NAMES_OF_FIELDS: Final = frozenset({*PROPERTY_OF.values(), "token", TAG})
"""Properties that are a field or are never sent: only the slow path knows which of two values counts."""

_encode: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def is_encodable(value: Any) -> bool:
    """Return whether a value can be JSON: it has no half of a surrogate pair, which a shell may hand over."""
    try:
        return bool(_encode(value))
    except orjson.JSONEncodeError:
        return False


def is_plain_name(name: str) -> bool:
    """Return whether a property's name is not that of a field, and JSON writes it without an escape."""
    return name not in NAMES_OF_FIELDS and is_written_as_it_is(name)


def is_reserved(name: str) -> bool:
    """Return whether Mixpanel reserves the name of a property, so that it gets a note."""
    return bool(rules.note_on_names((name,)))


def is_written_as_it_is(name: str) -> bool:
    """Return whether JSON writes a name without an escape."""
    return is_encodable(name) and _encode(name) == b'"%b"' % name.encode()
