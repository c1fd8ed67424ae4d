"""Why a record is rejected for what a field holds, in words."""

from __future__ import annotations

from typing import Final

NO_EVENT: Final = "event: missing; every event needs a name"
NO_TIME: Final = "time: missing; every event needs a time"


def bad_time(error: ValueError) -> str:
    """Return why a record is rejected whose time can't be read."""
    return f"time: {error}"


def no_object(error: ValueError) -> str:
    """Return why a record is rejected whose cell of properties is no JSON."""
    return f"properties: expected a JSON object; {error}"
