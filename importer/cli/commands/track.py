"""``track``: sends one event."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from importer import exact_json
from importer.cli.console import Console
from importer.cli.options import CommandOptions, DestinationOptions
from importer.cli.target import open_target
from importer.cli.tool_options import TrackOptions
from importer.errors import UsageError
from importer.pipeline.track import prepare_event, send_prepared
from importer.reading import JSON
from importer.text import quoted

_EXAMPLE = """For example: '{"amount": 49.99}'"""

_NOT_CHECKED = (
    "Note: Mixpanel does not check the token at /track: it answers 1 to any. To be sure, look for the event"
    " in Mixpanel; with --endpoint import, the token is checked."
)


def track_event(event: str, options: TrackOptions, destination: DestinationOptions) -> int:
    """Send one event and print the answer as JSON.

    Args:
        event: Its name.
        options: The rest of the event, and whether it is a rehearsal.
        destination: Where it goes.

    Returns:
        The exit code: 0 if Mixpanel took the event, else 1.

    Raises:
        UsageError: Mixpanel could not take the event; nothing was sent.
        RefusedError: There is no token, or the destination can't be used; nothing was sent.
    """
    properties = None if options.properties is None else _properties(options.properties)
    prepared = prepare_event(event, options.distinct_id, properties, options.ip, options.time)
    endpoint = options.endpoint or prepared.endpoint
    if endpoint == "track" != prepared.endpoint:
        raise UsageError(
            "the event is older than 5 days: /track would drop it, and answer 1 all the same",
            "Send it by --endpoint import.",
        )
    command = CommandOptions(
        endpoint=endpoint,
        region=destination.region,
        base_url=destination.base_url,
        credentials="token",
        token_file=destination.token_file,
    )
    with open_target("sandbox" if options.sandbox else "real", command) as opened:
        target = opened.target
        assert target.credentials is not None, "only a dry run has none"
        result = send_prepared(prepared, target.destination, target.credentials, destination.timeout)
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()  # ahead of what is said about it
    console = Console(quiet=options.quiet)
    if options.sandbox:
        console.say("A rehearsal: nothing reached Mixpanel.")
    elif result["success"] and endpoint == "track":
        console.say(_NOT_CHECKED)
    return 0 if result["success"] else 1


def _properties(text: str) -> Mapping[str, JSON]:
    try:
        properties, _ = exact_json.loads(text.strip().encode("utf-8", "surrogateescape"))
    except exact_json.BadJSON as error:
        raise UsageError(f"--properties: {error}", _EXAMPLE) from None
    if not isinstance(properties, Mapping):
        raise UsageError(f"--properties: expected a JSON object, found {quoted(text)}", _EXAMPLE)
    return properties
