"""The options of ``track`` and of ``sandbox``, which share none with other commands: see `cli.options`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from importer.cli.declared import Option
from importer.model import Endpoint


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """What one event holds beside its name, and whether it is a rehearsal."""

    distinct_id: Annotated[str, Option("The user.", heading="Event", metavar="ID")] = ""
    properties: Annotated[str | None, Option("Further properties, as a JSON object.", metavar="JSON")] = None
    time: Annotated[
        str | None, Option("ISO 8601 with an offset, or an epoch.", default="now", metavar="TIME")
    ] = None
    ip: Annotated[str | None, Option("Address of the user.", metavar="ADDRESS")] = None
    sandbox: Annotated[
        bool,
        Option("Send to a local stand-in for Mixpanel; needs no account.", heading="Checking"),
    ] = False
    endpoint: Annotated[
        Endpoint | None,
        Option(
            "/track does not check the token; /import does, and confirms the event.",
            heading="Delivery",
            default="track, and import for an event older than 5 days",
        ),
    ] = None
    quiet: Annotated[bool, Option("Print only the answer.", heading="Output", short="-q")] = False


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Where a sandbox listens, what it keeps, and how much it takes."""

    host: Annotated[str, Option("Address to listen on.", heading="Server", metavar="ADDRESS")] = "127.0.0.1"
    port: Annotated[int, Option("Port; 0 takes a free one.", metavar="N", min=0, max=65535)] = 8090
    db: Annotated[
        Path | None,
        Option("Keep what lands in this SQLite file.", default="a temporary file", metavar="FILE"),
    ] = None
    events_per_minute: Annotated[
        int | None,
        Option("Answer 429 beyond that, over a rolling minute.", default="no limit", metavar="N", min=1),
    ] = None
    faults: Annotated[
        str | None,
        Option(
            "What goes wrong, with commas: 429, 503, 500, reset, lost-answer, hang (shares of the requests in"
            " %), latency=200ms, rate=3000/min, seed=N to meet the same faults again.",
            metavar="FAULTS",
        ),
    ] = None
