"""``$insert_id``: the same fact gives the same id, on every machine, in every version.

Mixpanel takes two events for one when name, time, distinct_id and ``$insert_id`` agree; it looks at nothing
else (reference/event-deduplication). So an id that is not the source's own must cover the whole fact, and a
form that was once used may never change: an event that is sent again would be counted twice.
"""

from __future__ import annotations

from typing import Final

import orjson
from xxhash import xxh3_128_hexdigest

from importer.mixpanel import rules
from importer.text import quoted

_FACT: Final = b"%b\n%b\n%d\n%b"


def of_content(
    event: bytes,
    distinct_id: bytes,
    instant: int,
    properties: bytes,
    row: tuple[str, int, int] | None = None,
) -> str:
    """Return the id of a fact: 32 hexadecimal digits, XXH3-128 of its canonical form.

    Args:
        event: Its name, as a JSON string.
        distinct_id: Its user, as a JSON string.
        instant: Its time, in nanoseconds since the epoch: as fine as the file has it.
        properties: Its other properties, as a JSON object with sorted keys and canonical numbers.
        row: Base name of the source, number of the record and which of its events it is, where records that
            are identical in everything are distinct facts.
    """
    fact = _FACT % (event, distinct_id, instant, properties)
    if row is not None:
        fact += of_row(*row)
    return xxh3_128_hexdigest(fact)


def of_row(name: str, number: int, item: int = 0) -> bytes:
    """Return what a fact ends with where the record's number belongs to it; as ``row`` of `of_content`."""
    # A file's name may hold bytes that are not UTF-8.
    text = name.encode("utf-8", "backslashreplace").decode()
    return b"\n" + orjson.dumps((text, number, item) if item else (text, number))


def of_item(own: str, item: int) -> str:
    """Return the id of one of several events of a record, whose own id all of them share."""
    return f"{own}-{item}"


def of_text(text: str) -> str:
    """Return a legal id for a source's own id that Mixpanel would refuse: XXH3-128 of its UTF-8."""
    return xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def legal(own: str) -> tuple[str, str]:
    """Return the id that is sent for a source's own one, and the note on it if that is another."""
    if rules.check_insert_id(own) is None:
        return own, ""
    return of_text(own), f"insert_id {quoted(own)} is none that Mixpanel takes: its hash is sent"
