"""Options in the form in which they are typed, for commands that are suggested to a person."""

from __future__ import annotations

from importer.cli.options import CommandOptions
from importer.mixpanel.hosts import region_of
from importer.results.manifest import Manifest


def destination_flags(manifest: Manifest, options: CommandOptions) -> list[str]:
    """Return the flags that send to the destination of a run, with the same credentials."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    flags = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    region = region_of(manifest.base_url)
    if region is None:
        flags += ["--base-url", manifest.base_url]
    elif region != "us":
        flags += ["--region", region]
    return flags + credential_flags(options)


def credential_flags(options: CommandOptions) -> list[str]:
    """Return the flags that choose the credentials: their kind or a path, never a secret."""
    flags = []
    if options.credentials is not None:
        flags += ["--credentials", options.credentials]
    if options.token_file is not None:
        flags += ["--token-file", str(options.token_file)]
    return flags
