"""``sandbox``: runs the local stand-in for Mixpanel by itself."""

from __future__ import annotations

import sys
from functools import partial

from importer.cli.open_files import allow_sandbox
from importer.cli.tool_options import SandboxOptions
from importer.errors import UsageError
from importer.sandbox.faults import Faults, parse_faults
from importer.sandbox.server import serve
from importer.sandbox.settings import SandboxSettings


def serve_sandbox(options: SandboxOptions) -> int:
    """Run a sandbox until Ctrl-C, SIGTERM or SIGHUP, and return the exit code, 0.

    Raises:
        SourceError: The file of ``--db`` can't be used.
        StorageError: Too few files may be open at once.
        UsageError: The address or the faults can't be used.
    """
    faults = Faults() if options.faults is None else parse_faults(options.faults)
    if faults.rate is not None and options.events_per_minute is not None:
        raise UsageError(
            "--events-per-minute and the rate in --faults set the same limit", "Leave one of them out."
        )
    settings = SandboxSettings(
        host=options.host,
        port=options.port,
        db=options.db,
        events_per_minute=options.events_per_minute,
        faults=faults,
    )
    allow_sandbox()
    serve(settings, partial(_print_address, faults="" if options.faults is None else str(faults)))
    return 0


def _print_address(url: str, faults: str) -> None:
    on_purpose = f"  goes wrong:      {faults}\n" if faults else ""
    sys.stdout.write(
        f"Sandbox listening on {url}\n"
        "A stand-in for Mixpanel, made from its documentation: nothing reaches Mixpanel.\n"
        f"  import into it:  MIXPANEL_PROJECT_TOKEN=any mixpanel-importer run FILE --base-url {url}\n"
        f"  what landed:     {url}/sandbox/events  {url}/sandbox/counts\n"
        f"{on_purpose}"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
