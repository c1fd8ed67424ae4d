"""``sandbox``: runs the local stand-in for Mixpanel by itself."""

from __future__ import annotations

import sys
from dataclasses import asdict

from importer.cli.options import SandboxOptions
from importer.sandbox.server import serve
from importer.sandbox.settings import SandboxSettings


def serve_sandbox(options: SandboxOptions) -> int:
    """Run a sandbox until Ctrl-C or SIGTERM, and return the exit code, 0.

    Raises:
        SourceError: The file of ``--db`` can't be used.
        UsageError: The address can't be used.
    """
    serve(SandboxSettings(**asdict(options)), _print_address)
    return 0


def _print_address(url: str) -> None:
    sys.stdout.write(
        f"Sandbox listening on {url}\n"
        "A stand-in for Mixpanel, made from its documentation: nothing reaches Mixpanel.\n"
        f"  import into it:  MIXPANEL_PROJECT_TOKEN=any mixpanel-importer run FILE --base-url {url}\n"
        f"  what landed:     {url}/sandbox/events  {url}/sandbox/counts\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
