"""What requests to Mixpanel consist of, by endpoint and credentials."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

from importer.delivery.bodies import ndjson, token_array, token_suffix
from importer.model import Credentials, Destination

_USER_AGENT: Final = "mixpanel-importer"
_MIN_SECRET: Final = 6  # masking something shorter would tear ordinary words apart


class Form(NamedTuple):
    """The form of all requests of a run.

    Attributes:
        path: Path and query, below the base URL.
        headers: Credentials among them.
        body: Makes the body.
        secrets: What no answer may repeat.
    """

    path: str
    headers: dict[str, str]
    body: Callable[[Sequence[bytes]], bytes]
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Form({self.path.partition('?')[0]})"


def form(destination: Destination, credentials: Credentials) -> Form:
    """Say what requests to an endpoint look like."""
    pair = base64.b64encode(f"{credentials.username}:{credentials.password}".encode())
    secrets = (credentials.username.encode(), credentials.password.encode(), pair)
    masked = tuple(secret for secret in secrets if len(secret) >= _MIN_SECRET)
    headers = {"accept": "application/json", "user-agent": _USER_AGENT, "accept-encoding": "identity"}
    if destination.endpoint == "track":
        headers["content-type"] = "application/json"
        suffix = token_suffix(credentials.username)
        return Form("/track", headers, partial(token_array, suffix=suffix), masked)
    path = "/import?strict=1"
    if credentials.kind == "service-account":
        path += f"&project_id={quote(credentials.project_id, safe='')}"
    headers |= {
        "content-type": "application/x-ndjson",
        "content-encoding": "gzip",
        "authorization": f"Basic {pair.decode()}",
    }
    return Form(path, headers, ndjson, masked)
