"""``track``: sends one event."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from importer import exact_json
from importer.cli.options import TrackOptions
from importer.errors import UsageError
from importer.pipeline.track import track
from importer.reading import JSON
from importer.text import quoted

_EXAMPLE = """For example: '{"amount": 49.99}'"""


def track_event(event: str, options: TrackOptions) -> int:
    """Send one event and print the answer as JSON.

    Args:
        event: Its name.
        options: The rest of the event.

    Returns:
        The exit code: 0 if Mixpanel took the event, else 1.

    Raises:
        UsageError: Mixpanel could not take the event; nothing was sent.
        RefusedError: There is no token, or the destination can't be used; nothing was sent.
    """
    properties = None if options.properties is None else _properties(options.properties)
    result = track(event, options.distinct_id, properties, options.ip, options.time)
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0 if result["success"] else 1


def _properties(text: str) -> Mapping[str, JSON]:
    try:
        properties, _ = exact_json.loads(text.strip().encode("utf-8", "surrogateescape"))
    except exact_json.BadJSON as error:
        raise UsageError(f"--properties: {error}", _EXAMPLE) from None
    if not isinstance(properties, Mapping):
        raise UsageError(f"--properties: expected a JSON object, found {quoted(text)}", _EXAMPLE)
    return properties
