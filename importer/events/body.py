"""What every event has in common, however it is made: its form as JSON, and what is said of it."""

from __future__ import annotations

from typing import Final

import orjson

from importer.mixpanel import limits

BODY: Final = b'{"event":%b,"properties":{"time":%d,"distinct_id":%b,"$insert_id":"%b"%b%b%b}}'
"""An event as it is sent. In it go: name; milliseconds; user; ``$insert_id``; `IP_OFF` and the tag, if any;
a comma if there are other properties; and those without their braces. Name and user are JSON strings."""

IP_OFF: Final = b',"ip":0'
"""Keeps Mixpanel from placing an event by the address of whoever imports it."""

TAG: Final = "import_tag"

ROOM: Final = limits.MAX_PROPERTIES - 5
"""Properties that an event has room for beside time, distinct_id, $insert_id, ip and a tag."""

NO_USER: Final = "no distinct_id: sent as an event without a user"
FINER: Final = "time is sent in milliseconds; the file has it finer"


def tag_member(tag: str) -> bytes:
    """Return what a tag adds to the properties; nothing for an empty one."""
    return b',"%b":%b' % (TAG.encode(), orjson.dumps(tag)) if tag else b""
