"""What both mappers write alike: the form of an event as JSON, and the notes on it."""

from __future__ import annotations

from typing import Final

import orjson

from importer.mixpanel import limits

BODY: Final = b'{"event":%b,"properties":{"time":%d,"distinct_id":%b,"$insert_id":"%b"%b%b%b}}'
"""An event as it is sent. Its arguments are: the name; milliseconds; the user; the ``$insert_id``; `IP_OFF`
and the tag, if any; a comma if there are other properties; and those without their braces. Name and user
are JSON strings."""

IP_OFF: Final = b',"ip":0'
"""Keeps Mixpanel from placing an event by the address of whoever imports it."""

TAG: Final = "import_tag"
"""The property that ``--tag`` adds to every event."""

MAX_OWN_PROPERTIES: Final = limits.MAX_PROPERTIES - 5
"""Most properties of an event beside time, distinct_id, $insert_id, ip and a tag."""

NO_USER_NOTE: Final = "no distinct_id: sent as an event without a user"
FINER_TIME_NOTE: Final = "time is sent in milliseconds; the file has it finer"


def number_note(field: str, digits: str) -> str:
    """Return the note on an id that is a number."""
    return f"{field}: the number {digits} is sent as text"


def tag_member(tag: str) -> bytes:
    """Return the JSON that a tag adds to the properties; empty for no tag."""
    return b',"%b":%b' % (TAG.encode(), orjson.dumps(tag)) if tag else b""
