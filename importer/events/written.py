"""What every event has in common, however it is made: its form as JSON, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final

import orjson

from importer import exact_json

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


def write(*columns: Iterable[bytes]) -> list[bytes]:
    """Return many events as they are sent.

    Args:
        columns: What goes into `BODY`, in its order; milliseconds as text.
    """
    pieces: list[Iterable[bytes]] = [repeat(_SEAMS[0])]
    for column, seam in zip(columns, _SEAMS[1:], strict=True):
        pieces += (column, repeat(seam)) if seam else (column,)
    return list(map(b"".join, zip(*pieces, strict=False)))  # nothing is repeated for ever


def decimals(numbers: Sequence[int]) -> list[bytes]:
    """Return each number as text.

    Args:
        numbers: At least one.
    """
    if min(numbers) < exact_json.MIN_INTEGER or max(numbers) > exact_json.MAX_INTEGER:
        return [b"%d" % number for number in numbers]
    return orjson.dumps(numbers)[1:-1].split(b",")


def json_strings(texts: Sequence[str]) -> list[bytes]:
    """Return each text as a JSON string.

    Args:
        texts: At least one.

    Raises:
        orjson.JSONEncodeError: One of them isn't UTF-8.
    """
    # Without the first quote: a text that is a comma would look like what stands between two texts.
    encoded = orjson.dumps(texts)[2:-2]
    if b'\\","' in encoded:  # a text ends in what looks like it
        return list(map(orjson.dumps, texts))
    return (b'"%b"' % encoded.replace(b'","', b'"\0"')).split(b"\0")  # JSON writes no NUL as it is


_SEAMS: Final = re.split(rb"%[bd]", BODY)
