"""Where a run sends: Mixpanel, another server, or a sandbox that lives as long as the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from importer.cli.options import CommandOptions
from importer.delivery.trust import check_trust
from importer.model import Destination, RunKind
from importer.pipeline.job import Target
from importer.results.manifest import Manifest
from importer.settings import BASE_URL, SANDBOX_CREDENTIALS, find_credentials, find_destination

if TYPE_CHECKING:
    from importer.sandbox.server import Sandbox


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """Where a run sends, for as long as it runs.

    Attributes:
        target: Destination and credentials.
        sandbox: The sandbox that was started for the run; None if the run sends elsewhere or nowhere.
    """

    target: Target
    sandbox: Sandbox | None = None


@contextmanager
def open_target(kind: RunKind, options: CommandOptions) -> Iterator[OpenTarget]:
    """Yield where a run sends. For a rehearsal, a sandbox runs in the meantime.

    Args:
        kind: A dry run needs no credentials; a rehearsal starts a sandbox.
        options: Of these, destination and credentials.

    Raises:
        RefusedError: There are no credentials, no certificates where the environment names some, or the
            options contradict each other or the environment.
    """
    endpoint = options.endpoint or "import"
    if kind == "sandbox":
        from importer.sandbox.faults import Faults, parse_faults  # noqa: PLC0415
        from importer.sandbox.server import Sandbox  # noqa: PLC0415
        from importer.sandbox.settings import SandboxSettings  # noqa: PLC0415 - only a rehearsal needs a server

        faults = Faults() if options.faults is None else parse_faults(options.faults)
        with Sandbox(SandboxSettings(faults=faults)) as sandbox:
            destination = Destination(endpoint, sandbox.url, "sandbox")
            yield OpenTarget(Target(destination, SANDBOX_CREDENTIALS), sandbox)
        return
    destination = find_destination(
        os.environ, endpoint=endpoint, region=options.region, base_url=options.base_url
    )
    credentials = None
    if kind == "real":
        if destination.base_url.startswith("https:"):
            check_trust()
        credentials = find_credentials(os.environ, kind=options.credentials, token_file=options.token_file)
    named_by = BASE_URL if options.base_url is None and os.environ.get(BASE_URL, "").strip() else ""
    yield OpenTarget(Target(destination, credentials, named_by))


def with_destination_of(earlier: Manifest, options: CommandOptions) -> CommandOptions:
    """Return options that send where a run sent, unless they or the environment name a destination."""
    named = options.base_url or options.region or os.environ.get(BASE_URL, "").strip()
    if not named:
        options = replace(options, base_url=earlier.base_url)
    return replace(options, endpoint=options.endpoint or earlier.endpoint)
