"""Ids that Mixpanel refuses, and names of events that mean something to it."""

from __future__ import annotations

from typing import Final

REFUSED_IDS: Final = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    }
)
"""Values refused as ``distinct_id`` and as ``$insert_id``: each is a common placeholder, not a user."""

LINKING_EVENTS: Final = frozenset({"$identify", "$create_alias", "$merge"})
"""Events that link users in projects with the original ID merge ("Identifying Users (Original)")."""

OWN_PREFIXES: Final = ("$", "mp_")
"""Beginnings of the names that Mixpanel gives to its own events and properties ("Reserved Properties")."""
