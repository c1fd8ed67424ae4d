"""The names of the fields: Mixpanel's own, and those that columns usually have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from importer.reading import Field

PROPERTY_OF: Final[Mapping[Field, str]] = {
    "distinct_id": "distinct_id",
    "time": "time",
    "ip": "ip",
    "insert_id": "$insert_id",
}
"""The name that Mixpanel gives to a field inside ``properties``."""

_WELL_KNOWN: Final[Mapping[Field, tuple[str, ...]]] = {
    "event": ("event", "event_name", "event_type"),
    "distinct_id": ("distinct_id", "user_id", "uid", "user"),
    "time": (
        "time",
        "timestamp",
        "ts",
        "created_at",
        "event_time",
        "event_timestamp",
        "occurred_at",
        "datetime",
        "date_time",
    ),
    "ip": ("ip", "ip_address"),
    "insert_id": ("$insert_id", "insert_id", "event_id", "uuid", "message_id"),
    "properties": ("properties", "event_properties"),
}
FIELD_CALLED: Final[Mapping[str, Field]] = {name: field for field, name in PROPERTY_OF.items()}


def plain_name(name: str) -> str:
    """Return a column's name without case and separators: ``User ID``, ``userId`` → ``userid``."""
    return re.sub(r"[\s_\-.]", "", name).casefold()


_FIELD_OF: Final[Mapping[str, Field]] = {
    plain_name(name): field for field, names in _WELL_KNOWN.items() for name in names
}


def well_known(column: str) -> Field | None:
    """Return the field that a column of this name is usually meant for."""
    return _FIELD_OF.get(plain_name(column))


def is_label(column: str) -> bool:
    """Return whether a column is called ``name`` or ``type``, which may be of anything."""
    return plain_name(column) in ("name", "type")
