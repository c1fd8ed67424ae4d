"""Which events of a request are taken, which are refused and why, and what is kept of them: pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from importer.mixpanel import limits, rules
from importer.sandbox.store import Landed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from importer.sandbox.body import Decoded


@dataclass(frozen=True, slots=True)
class Failed:
    """An event that is refused, as the answer lists it.

    Attributes:
        index: Its place in the request, from 0.
        insert_id: Its ``$insert_id``, as far as it has one.
        field: The field that is wrong.
        message: What is wrong with it.
    """

    index: int
    insert_id: str
    field: str
    message: str


class Judged(NamedTuple):
    """What becomes of a request's events.

    Attributes:
        landed: What is kept.
        failed: What is refused.
        accepted: Events found well formed, those among them that are dropped in silence (/track).
    """

    landed: Sequence[Landed]
    failed: Sequence[Failed]
    accepted: int


def judge_import(decoded: Decoded, now_ms: int) -> Judged:
    """Judge events sent to /import: by every rule.

    Args:
        decoded: The request's events.
        now_ms: The clock, in milliseconds since the epoch.
    """
    landed, failed = [], []
    check, kept = rules.check_event, _kept
    sizes = chain(decoded.sizes, repeat(0))
    for index, (event, size) in enumerate(zip(decoded.events, sizes, strict=False)):
        violation = check(event, size, now_ms)
        if decoded.lenient:
            violation = rules.check_encoding(event) or violation
        if violation is None:
            try:
                landed.append(kept(event, now_ms))
                continue
            except (TypeError, RecursionError) as error:  # orjson: nested deeper than it writes
                violation = _unwritable(error)
        failed.append(Failed(index, _id_of(event), violation.field, violation.message))
    return Judged(landed, failed, len(landed))


def judge_track(decoded: Decoded, now_ms: int, token: str = "") -> Judged:
    """Judge events sent to /track: it takes any object with a name and a token ("Track Events").

    What is older than five days, or carries another token, counts as well formed and is dropped.

    Args:
        decoded: The request's events.
        now_ms: The clock, in milliseconds since the epoch.
        token: The project's token; empty if any will do.
    """
    landed, failed, dropped = [], [], 0
    for index, event in enumerate(decoded.events):
        problem = _track_problem(event)
        if decoded.lenient:
            problem = rules.check_encoding(event) or problem
        if problem is None:
            try:
                if _is_dropped(event["properties"], now_ms, token):
                    dropped += 1
                else:
                    landed.append(_kept(event, now_ms))
                continue
            except (TypeError, RecursionError) as error:  # as above
                problem = _unwritable(error)
        failed.append(Failed(index, _id_of(event), problem.field, problem.message))
    return Judged(landed, failed, len(landed) + dropped)


def _track_problem(event: Any) -> rules.Violation | None:
    """Why /track takes no notice of an object, or None if it does."""
    if not isinstance(event, dict) or not isinstance(event.get("properties"), dict):
        return rules.Violation("event", "some data points in the request failed validation")
    token, time = event["properties"].get("token"), event["properties"].get("time", 0)
    if not isinstance(token, str) or not token:
        return rules.Violation("properties.token", "token, missing or empty")
    if type(time) is not int:
        return rules.Violation("properties.time", f"time must be an integer, found {rules.describe(time)}")
    return rules.check_event_name(event.get("event"))


def _is_dropped(properties: dict[str, Any], now_ms: int, token: str) -> bool:
    """True for what /track takes and never shows. An event without a time gets the clock's first."""
    time = rules.to_milliseconds(properties.setdefault("time", now_ms))
    return time < now_ms - limits.TRACK_MAX_AGE_MS or token not in ("", properties["token"])


def _kept(event: dict[str, Any], now_ms: int) -> Landed:
    """Change an event as Mixpanel does on arrival, and make it what is kept.

    A time ahead of the clock becomes now, texts are cut to 255 characters, the token goes.
    """
    properties = event["properties"]
    time = rules.to_milliseconds(properties["time"])
    if time > now_ms:
        properties["time"] = time = now_ms
    properties.pop("token", None)
    user, insert_id = properties.get("distinct_id"), properties.get("$insert_id")
    body = orjson.dumps(event)
    if len(body) > limits.MAX_STRING_CHARACTERS and (
        len(event["event"]) > limits.MAX_STRING_CHARACTERS or rules.holds_long_text(properties)
    ):
        event = _cut(event)
        body, user = orjson.dumps(event), event["properties"].get("distinct_id")
    return Landed(event["event"], time, _text(user) or "", _text(insert_id), body)


def _cut(value: Any) -> Any:
    """Cut every text inside to what Mixpanel keeps. It goes as deep as orjson has gone: 1,024 levels."""
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
    """An id as text; /track takes numbers for ids."""
    return value if isinstance(value, str) or value is None else orjson.dumps(value).decode()


def _id_of(event: Any) -> str:
    """The ``$insert_id`` of an event that may be anything, such that it can be written as UTF-8."""
    match event:
        case {"properties": {"$insert_id": str(insert_id)}}:
            return insert_id.encode("utf-8", "replace").decode()
        case _:
            return ""


def _unwritable(error: Exception) -> rules.Violation:
    """Refuse what no documented rule forbids and JSON's usual writers can't write."""
    return rules.Violation("properties", f"'properties' is invalid: it can't be written as JSON: {error}")
