"""Which events of a request are valid, why the others are not, and what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from importer.mixpanel import limits, rules
from importer.sandbox.store import LandedEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.sandbox.body import DecodedBody


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """An invalid event, as the response lists it.

    Attributes:
        index: Its position in the request, from 0.
        insert_id: Its ``$insert_id``; empty if it has none.
        field: The invalid field.
        message: What is wrong with the field.
    """

    index: int
    insert_id: str
    field: str
    message: str


class ValidatedRequest(NamedTuple):
    """What becomes of a request's events.

    Attributes:
        landed: Events to store.
        failed: Events that are invalid.
        accepted: Number of well-formed events, including those that /track drops silently.
    """

    landed: Sequence[LandedEvent]
    failed: Sequence[FailedRecord]
    accepted: int


def validate_import(decoded: DecodedBody, now: int) -> ValidatedRequest:
    """Validate events sent to /import, by every rule.

    Args:
        decoded: The request's events.
        now: Milliseconds since the epoch.
    """
    landed, failed = [], []
    check, to_landed = rules.check_event, _to_landed
    sizes = chain(decoded.sizes, repeat(0))
    for index, (event, size) in enumerate(zip(decoded.events, sizes, strict=False)):
        violation = check(event, size, now)
        if decoded.lenient:
            violation = rules.check_encoding(event) or violation
        if violation is None:
            try:
                landed.append(to_landed(event, now))
                continue
            except (TypeError, RecursionError) as error:  # orjson: too deeply nested
                violation = _unwritable(error)
        failed.append(FailedRecord(index, _id_of(event), violation.field, violation.message))
    return ValidatedRequest(landed, failed, len(landed))


def validate_track(decoded: DecodedBody, now: int, token: str = "") -> ValidatedRequest:
    """Validate events sent to /track, which accepts any object with a name and a token ("Track Events").

    An event that is older than five days or has another token counts as well formed, but is dropped.

    Args:
        decoded: The request's events.
        now: Milliseconds since the epoch.
        token: The project's token; empty to accept any.
    """
    landed, failed, dropped = [], [], 0
    for index, event in enumerate(decoded.events):
        problem = _track_problem(event)
        if decoded.lenient:
            problem = rules.check_encoding(event) or problem
        if problem is None:
            try:
                if _is_dropped(event["properties"], now, token):
                    dropped += 1
                else:
                    landed.append(_to_landed(event, now))
                continue
            except (TypeError, RecursionError) as error:  # as above
                problem = _unwritable(error)
        failed.append(FailedRecord(index, _id_of(event), problem.field, problem.message))
    return ValidatedRequest(landed, failed, len(landed) + dropped)


def _track_problem(event: Any) -> rules.Violation | None:
    """Return why /track ignores an object; None if it doesn't."""
    if not isinstance(event, dict) or not isinstance(event.get("properties"), dict):
        return rules.Violation("event", "some data points in the request failed validation")
    token, time = event["properties"].get("token"), event["properties"].get("time", 0)
    if not isinstance(token, str) or not token:
        return rules.Violation("properties.token", "token, missing or empty")
    if type(time) is not int:
        return rules.Violation("properties.time", f"time must be an integer, found {rules.describe(time)}")
    return rules.check_event_name(event.get("event"))


def _is_dropped(properties: dict[str, Any], now: int, token: str) -> bool:
    """Return True for an event that /track accepts and drops; an event without a time gets ``now``."""
    time = rules.to_milliseconds(properties.setdefault("time", now))
    return time < now - limits.TRACK_MAX_AGE_MS or token not in ("", properties["token"])


def _to_landed(event: dict[str, Any], now: int) -> LandedEvent:
    """Return an event as Mixpanel stores it.

    A time in the future becomes now, texts are cut to 255 characters, the token is removed.
    """
    properties = event["properties"]
    time = rules.to_milliseconds(properties["time"])
    if time > now:
        properties["time"] = time = now
    properties.pop("token", None)
    user, insert_id = properties.get("distinct_id"), properties.get("$insert_id")
    body = orjson.dumps(event)
    if len(body) > limits.MAX_STRING_CHARACTERS and (
        len(event["event"]) > limits.MAX_STRING_CHARACTERS or rules.holds_long_text(properties)
    ):
        event = _cut(event)
        body, user = orjson.dumps(event), event["properties"].get("distinct_id")
    return LandedEvent(event["event"], time, _text(user) or "", _text(insert_id), body)


def _cut(value: Any) -> Any:
    """Cut every text in a value to what Mixpanel keeps. orjson has limited the depth to 1,024 levels."""
    match value:
        case str():
            return value[: limits.MAX_STRING_CHARACTERS]
        case dict():
            return {name: _cut(item) for name, item in value.items()}
        case list():
            return [_cut(item) for item in value]
        case _:
            return value


def _text(value: Any) -> str | None:
    """Return an id as text; /track accepts numbers for ids."""
    return value if isinstance(value, str) or value is None else orjson.dumps(value).decode()


def _id_of(event: Any) -> str:
    """Return the ``$insert_id`` of any JSON value, in a form that UTF-8 can encode; empty if it has none."""
    match event:
        case {"properties": {"$insert_id": str(insert_id)}}:
            return insert_id.encode("utf-8", "replace").decode()
        case _:
            return ""


def _unwritable(error: Exception) -> rules.Violation:
    """Return the violation for an event that no documented rule forbids but orjson can't write."""
    return rules.Violation("properties", f"'properties' is invalid: it can't be written as JSON: {error}")
