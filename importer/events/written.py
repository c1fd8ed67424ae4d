"""What every event has in common, however it is made: its form as JSON, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

BODY: Final = b'{"event":%b,"properties":{"time":%d,"distinct_id":%b,"$insert_id":"%b"%b%b%b}}'
"""An event as it is sent. In it go: name; milliseconds; user; ``$insert_id``; `IP_OFF` and the tag, if any;
a comma if there are other properties; and those without their braces. Name and user are JSON strings."""

IP_OFF: Final = b',"ip":0'
"""Keeps Mixpanel from placing an event by the address of whoever imports it."""

TAG: Final = "import_tag"
NO_USER: Final = "no distinct_id: sent as an event without a user"
FINER: Final = "time is sent in milliseconds; the file has it finer"


def tag_member(tag: str) -> bytes:
    """Return what a tag adds to the properties; nothing for an empty one."""
    return b',"%b":%b' % (TAG.encode(), orjson.dumps(tag)) if tag else b""


def json_strings(texts: Sequence[str]) -> list[bytes]:
    """Return each text as a JSON string.

    Raises:
        orjson.JSONEncodeError: One of them isn't UTF-8.
    """
    encoded = orjson.dumps(texts)[1:-1]
    if b'\\"' in encoded:  # a text may end in what stands between two of them
        return list(map(orjson.dumps, texts))
    return encoded.replace(b'","', b'"\0"').split(b"\0")  # JSON writes no NUL as it is
