"""Options as words of a command line, for commands that a person is shown to type."""

from __future__ import annotations

from importer.cli.options import CommandOptions
from importer.mixpanel.hosts import region_of
from importer.results.manifest import Manifest


def destination_flags(manifest: Manifest, options: CommandOptions) -> list[str]:
    """Return the words that send to the destination of a run, with the same credentials."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    words = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    region = region_of(manifest.base_url)
    if region is None:
        words += ["--base-url", manifest.base_url]
    elif region != "us":
        words += ["--region", region]
    return words + credential_flags(options)


def credential_flags(options: CommandOptions) -> list[str]:
    """Return the words that choose the credentials: no secret, but their kind or a path."""
    words = []
    if options.credentials is not None:
        words += ["--credentials", options.credentials]
    if options.token_file is not None:
        words += ["--token-file", str(options.token_file)]
    return words
