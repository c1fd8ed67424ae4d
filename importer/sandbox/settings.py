"""How a sandbox behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from importer.mixpanel.limits import MAX_REQUEST_BYTES
from importer.sandbox.faults import Faults


class ServiceAccount(NamedTuple):
    """A service account and the project that it may write to."""

    username: str
    secret: str
    project_id: str


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How a sandbox behaves. The repr contains no credentials.

    Without credentials here, any well-formed ones are accepted; otherwise only these.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        db: File that stores what landed; None for a temporary one that is deleted with the sandbox.
        token: The project token to accept.
        secret: The legacy API secret to accept.
        service_account: The service account to accept.
        events_per_minute: Most events in any rolling minute, before 429; None for no limit.
        max_request_bytes: Most bytes of uncompressed JSON in a request, before 413.
        faults: What goes wrong on purpose; its ``rate`` takes the place of ``events_per_minute``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    db: Path | None = None
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    service_account: ServiceAccount | None = field(default=None, repr=False)
    events_per_minute: int | None = None
    max_request_bytes: int = MAX_REQUEST_BYTES
    faults: Faults = field(default_factory=Faults)
