"""The rules that Mixpanel documents for an event: pure functions, without a clock and without files.

A check returns a `Violation`, or None for what Mixpanel accepts. `limits` has the numbers. The mapper applies
the checks to each record, in a dry run too, and the sandbox applies them to each event that it receives.

The sources are pages of Mixpanel's documentation: "Import Events" (what is valid), "400 Bad Request" (how a
refusal reads), "Server-side events with no logged-in user" (the ids that are refused), "Track Events" (the
age limit), and the OpenAPI description of the ingestion API (the shape). Where a page is ambiguous, the
stricter meaning is applied, which a well-formed event never notices:

- "fewer than 255 properties" counts every key of ``properties``, also ``time`` and the ids.
- "max nesting depth is 3" is read as `nesting` says.
- The refused ids are refused as the page spells them; ``Anonymous`` is not ``anonymous``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from importer.mixpanel.limits import (
    INSERT_ID_CHARACTERS,
    MAX_AHEAD_MS,
    MAX_EVENT_BYTES,
    MAX_INSERT_ID_BYTES,
    MAX_PROPERTIES,
    MAX_STRING_CHARACTERS,
    MIN_TIME_MS,
)
from importer.mixpanel.nesting import CONTAINERS, nesting_problem
from importer.mixpanel.reserved import OWN_PREFIXES, REFUSED_IDS
from importer.text import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from importer.reading import JSON

_REQUIRED = ("time", "distinct_id", "$insert_id")
_MAX_QUOTED = 60
_MAX_LISTED = 5

AHEAD_OF_CLOCK: Final = "is ahead of the clock"
"""In the error of a record that must wait: Mixpanel changes such a time on arrival."""


class Violation(NamedTuple):
    """A rule that an event breaks.

    Attributes:
        field: What breaks it, as Mixpanel names it: ``event``, ``properties.time``, …
        message: What was found and what is allowed, on one line.
    """

    field: str
    message: str


# ── one field ────────────────────────────────────────────────────────────────────────────────────


def check_event_name(name: object) -> Violation | None:
    """Check an event's name: a string that is not empty."""
    if type(name) is str and name:
        return None
    return _violation("event", f"must be a text that is not empty, found {describe(name)}")


def check_distinct_id(value: object) -> Violation | None:
    """Check a ``distinct_id``: a string, none of `REFUSED_IDS`; empty means no user."""
    if type(value) is not str:
        return _violation("properties.distinct_id", f"must be a text, found {describe(value)}")
    if value in REFUSED_IDS:
        return _violation(
            "properties.distinct_id",
            f"{value!r} is a placeholder that Mixpanel refuses; "
            "an event without a user has an empty distinct_id",
        )
    return None


def check_insert_id(value: object) -> Violation | None:
    """Check an ``$insert_id``: 1 to 36 of ``A-Z a-z 0-9 -``, none of `REFUSED_IDS`."""
    if (
        type(value) is str
        and 0 < len(value) <= MAX_INSERT_ID_BYTES
        and value.isascii()
        and not value.encode().translate(None, INSERT_ID_CHARACTERS)
        and value not in REFUSED_IDS
    ):
        return None
    if type(value) is str and value in REFUSED_IDS:
        return _violation(
            "properties.$insert_id", f"{value!r} is a placeholder that Mixpanel refuses as an id"
        )
    return _violation(
        "properties.$insert_id",
        f"must be 1 to {MAX_INSERT_ID_BYTES} letters, digits or hyphens (ASCII), found {describe(value)}",
    )


def to_milliseconds(value: int) -> int:
    """Return an epoch in milliseconds, read as Mixpanel does: as seconds or milliseconds, by magnitude.

    Valid milliseconds begin where seconds would lie beyond the year 2969, so none has two readings.
    """
    return value * 1000 if value < MIN_TIME_MS else value


def check_time(value: object, now_ms: int) -> Violation | None:
    """Check a ``time``.

    Args:
        value: Integer seconds or milliseconds since the epoch.
        now_ms: The time at the server, in milliseconds since the epoch.

    Returns:
        None from 1971-01-01 up to one hour ahead of the clock, both included.
    """
    if type(value) is not int:  # isinstance would take true for 1
        return _violation(
            "properties.time",
            f"must be an integer, seconds or milliseconds since the epoch, found {describe(value)}",
        )
    milliseconds = to_milliseconds(value)
    if milliseconds < MIN_TIME_MS:
        return _violation("properties.time", f"must not be before 1971-01-01 (UTC), found {describe(value)}")
    if milliseconds > now_ms + MAX_AHEAD_MS:
        return _violation(
            "properties.time",
            f"must not be more than 1 hour in the future, found {describe(value)}",
        )
    return None


def check_properties(properties: Mapping[str, JSON]) -> Violation | None:
    """Check the number of properties, and the size and depth of nested ones."""
    if len(properties) > MAX_PROPERTIES:
        return _violation(
            "properties", f"must be at most {MAX_PROPERTIES} properties, found {len(properties)}"
        )
    if CONTAINERS.isdisjoint(map(type, properties.values())):
        return None
    for name, value in properties.items():
        if type(value) in CONTAINERS:
            problem = nesting_problem(value)
            if problem:
                return _violation(f"properties.{_printable(name)}", problem)
    return None


def check_encoding(event: object) -> Violation | None:
    """Check that every text can be written as UTF-8: no half of a surrogate pair, no stray byte.

    A strict JSON decoder refuses such a text; a lenient one does not.
    """
    if not isinstance(event, dict):
        return None
    if not _is_utf8(event.get("event")):
        return _violation("event", "string should be valid utf8")
    properties = event.get("properties")
    for name, value in properties.items() if isinstance(properties, dict) else ():
        if not (_is_utf8(name) and _is_utf8(value)):
            return _violation(f"properties.{_printable(name)}", "string should be valid utf8")
    return None


def is_plain(value: JSON) -> bool:
    """Return whether a property with this value breaks no rule and gets no note."""
    kind = type(value)
    if kind is str:
        return len(value) <= MAX_STRING_CHARACTERS  # type: ignore[arg-type]  # kind says: a string
    return kind not in CONTAINERS or not (nesting_problem(value) or holds_long_text(value))


# ── the whole event ──────────────────────────────────────────────────────────────────────────────


def check_event(event: object, size: int, now_ms: int) -> Violation | None:
    """Check one event of a strict import.

    Args:
        event: The event as decoded JSON.
        size: Its length as uncompressed JSON, in bytes.
        now_ms: The time at the server, in milliseconds since the epoch.

    Returns:
        The first rule that it breaks; None for an event that Mixpanel accepts.
    """
    if size > MAX_EVENT_BYTES:
        return _violation(
            "event",
            f"must be smaller than 1 MB of JSON ({MAX_EVENT_BYTES + 1} bytes), found {size}",
        )
    violation = _check_shape(event)
    if violation or not isinstance(event, dict):
        return violation
    properties = event["properties"]
    return (
        check_event_name(event["event"])
        or check_time(properties["time"], now_ms)
        or check_distinct_id(properties["distinct_id"])
        or check_insert_id(properties["$insert_id"])
        or check_properties(properties)
    )


def _check_shape(event: object) -> Violation | None:
    """Check the keys of an event (OpenAPI: ``event`` and ``properties``, and no others)."""
    if not isinstance(event, dict):
        return _violation("event", f"must be a JSON object, found {describe(event)}")
    if "event" not in event:
        return _violation("event", "is required")
    properties = event.get("properties")
    if not isinstance(properties, dict):
        found = f"must be a JSON object, found {describe(properties)}"
        return _violation("properties", found if "properties" in event else "is required")
    if len(event) > len(("event", "properties")):
        other = next(key for key in event if key not in ("event", "properties"))
        return _violation(_printable(other), "an event has the keys event and properties, no others")
    for name in _REQUIRED:
        if name not in properties:
            return _violation(f"properties.{name}", "is required")
    return None


# ── what Mixpanel changes ────────────────────────────────────────────────────────────────────────


def notes_on(
    properties: Mapping[str, JSON], event: str = "", is_meant: Callable[[str], bool] | None = None
) -> list[str]:
    """Return notes on what Mixpanel changes in an event that it accepts.

    Args:
        properties: The event's properties, ``time`` and the ids among them.
        event: The event's name.
        is_meant: Returns whether a name was chosen by hand, so that it gets no note; None if none was.

    Returns:
        At most one sentence per kind of change: texts cut to 255 characters, names that Mixpanel
        reserves. Usually nothing.
    """
    notes = []
    long = ["the event's name"] if len(event) > MAX_STRING_CHARACTERS else []
    for name, value in properties.items():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_STRING_CHARACTERS:  # type: ignore[arg-type]  # kind says: a string
                long.append(_printable(name))
        elif kind in CONTAINERS and holds_long_text(value):
            long.append(_printable(name))
    if long:
        notes.append(_note_on_long(long))
    names = tuple(properties)
    reserved = _notes_on_names[names]
    if reserved and is_meant is not None:
        reserved = _notes_on_names[tuple(name for name in names if not is_meant(name))]
    return [*notes, reserved] if reserved else notes


def _note_on_long(long: list[str]) -> str:
    return f"Mixpanel keeps {MAX_STRING_CHARACTERS} characters of a text and will cut {_listed(long)}"


def note_on_long_texts(names: tuple[str, ...]) -> str:
    """Return the note on properties that hold a long text, given their names: a part of `notes_on`."""
    return _note_on_long(list(map(_printable, names)))


def note_on_names(names: tuple[str, ...]) -> str:
    """Return the note on the names that Mixpanel reserves, a part of `notes_on`; empty if there are none.

    Reserved names begin with ``$`` or ``mp_``; ``$insert_id``, which every event has, gets no note.
    """
    reserved = [_printable(name) for name in names if name.startswith(OWN_PREFIXES) and name != "$insert_id"]
    return f"Mixpanel gives reserved names its own meaning: {_listed(reserved)}" if reserved else ""


_notes_on_names: Final = Remembered(note_on_names)
"""A source has few sets of names, and one set for a million records is usual."""


def holds_long_text(value: JSON) -> bool:
    """Return whether a value has a text that is longer than Mixpanel keeps."""
    stack: list[JSON] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if len(item) > MAX_STRING_CHARACTERS:
                return True
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


def describe(value: object) -> str:
    """Return a value of JSON for a message: its JSON type and, if that is short, the value.

    `importer.text.quoted` writes a value as Python does; this one writes it as JSON, as Mixpanel's own
    messages do: ``null``, ``true``, ``an array of 300 elements``.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case int() | float():
            return f"the number {str(value)[:_MAX_QUOTED]}"
        case dict():
            return f"an object of {len(value)} key{'' if len(value) == 1 else 's'}"
        case list():
            return f"an array of {len(value)} element{'' if len(value) == 1 else 's'}"
        case _:
            return f"a {type(value).__name__}"


def _printable(name: str) -> str:
    """Return a name for a message: as it is if it is short and printable, else escaped and cut."""
    if len(name) <= _MAX_QUOTED and name.isprintable():
        return name
    return _quoted(name)


def _quoted(text: str) -> str:
    """Return a text between quotes, escaped; if it is cut, with its length."""
    quoted = repr(text[:_MAX_QUOTED])
    if len(text) <= _MAX_QUOTED and len(quoted) <= _MAX_QUOTED + 2:
        return quoted
    return f"{quoted[: _MAX_QUOTED - 2]}…{quoted[0]} ({len(text)} characters)"


def _listed(names: Sequence[str]) -> str:
    """Return the first names, joined, and the number of the others."""
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _is_utf8(value: object) -> bool:
    """Return whether every text in a value can be written as UTF-8."""
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            # Only surrogates can't be encoded, and they all lie in this one block.
            if any("\ud800" <= character <= "\udfff" for character in item):
                return False
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return True


def _violation(field: str, problem: str) -> Violation:
    """Return a violation, worded as Mixpanel's examples are ("'properties.time' is invalid: …")."""
    return Violation(field, f"'{field}' is invalid: {problem}")
